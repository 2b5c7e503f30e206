//! The order of calls within one VIP, and what each deletes: raise, flush the VIP, lower, remove; and how a VIP ends.
//!
//! All calls of a step are computed after everything else of it, so they are judged against what is wanted then.

use core::net::IpAddr;
use std::collections::BTreeMap;

use maglev_core::health::State;
use maglev_core::model::{Flows, Request, VipKey, Weight, Write};
use maglev_core::{Action, Command, Input, Instant};

use super::units::Units;
use super::{Step, Watcher};
use crate::oracle::{Ledger, Oracle};
use crate::script::Happening;

/// What one process sent to each VIP.
#[derive(Clone, Debug, Default)]
pub(super) struct Stages {
    units: Units,
    /// The last write of each VIP on this connection was its flush.
    flushed: BTreeMap<VipKey, bool>,
    /// An operator has set a weight with a flush: any flush may be that one.
    ordered: bool,
}

impl Stages {
    fn sent(&mut self, write: &Write, step: &Step<'_>, ledger: &mut Ledger) {
        let Some(vip) = write.vip() else { return };
        let is_named = step.engine.frontends().find(vip).is_some();
        let is_kept = is_named && !self.units.is_under_way(vip.prefix);
        match write {
            Write::FlushVip { .. } if is_kept => judge_stage(write, vip, false, step, ledger),
            Write::DelAs { flows, .. } if is_kept => {
                judge_stage(write, vip, true, step, ledger);
                ledger.judge(Oracle::SurplusFlushed, step.now, *flows == Flows::Flush, || {
                    format!("{write}: its flows stay with it")
                });
            }
            Write::DelAs { .. } | Write::DelVip { .. } if !is_named => {
                judge_foreign(write, vip, step, ledger);
            }
            Write::SetWeight { server, flows: Flows::Flush, .. } if is_kept && !self.ordered => {
                judge_help(write, vip, *server, step, ledger);
            }
            Write::SetWeight { .. }
            | Write::SetConf(_)
            | Write::AddVip { .. }
            | Write::AddAs { .. }
            | Write::DelAs { .. }
            | Write::DelVip { .. }
            | Write::FlushVip { .. } => (),
        }
        // 0.0.0.0/len may be how VPP shows ::/len, and then it does not know the name to flush it by.
        if let Write::DelVip { .. } = write
            && vip.prefix.address != IpAddr::from([0; 4])
        {
            let is_flushed = self.flushed.get(&vip) == Some(&true);
            ledger.judge(Oracle::TakeDown, step.now, is_flushed, || {
                format!("{write} was sent, and not right after lb_flush_vip")
            });
        }
        // A delete that was refused, or is looked at meanwhile, comes again as it is.
        if !matches!(write, Write::DelVip { .. }) {
            self.flushed.insert(vip, matches!(write, Write::FlushVip { .. }));
        }
    }
}

/// Whatever comes before this stage is acknowledged.
fn judge_stage(write: &Write, vip: VipKey, lowered: bool, step: &Step<'_>, ledger: &mut Ledger) {
    let Some(frontend) = step.engine.frontends().find(vip) else { return };
    let seen = step.engine.dataplane().seen(vip);
    let is_ready = |wanted: Weight, held: Weight| held == wanted || held > wanted && !lowered;
    let early = frontend.want.servers.iter().find(|wanted| {
        let held = seen.and_then(|seen| seen.weight(wanted.address));
        !held.is_some_and(|held| is_ready(wanted.weight, held))
    });
    ledger.judge(Oracle::Stages, step.now, early.is_none(), || {
        let server = early.map(|server| server.address.to_string()).unwrap_or_default();
        format!("{write} was sent before {server} had its weight")
    });
}

/// Flows of the dead have somewhere to go when they are forgotten.
fn judge_help(write: &Write, vip: VipKey, server: IpAddr, step: &Step<'_>, ledger: &mut Ledger) {
    let Some(frontend) = step.engine.frontends().find(vip) else { return };
    let mut states =
        frontend.members.iter().filter(|member| member.address == server).map(|member| member.standing.state);
    if states.clone().next().is_some() && states.all(|state| state == State::Down) {
        ledger.judge(Oracle::FlushHelps, step.now, frontend.want.is_positive(), || {
            format!("{write} was sent, and no server of {} has a weight", frontend.name)
        });
    }
}

/// What we never make is not ours to delete.
fn judge_foreign(write: &Write, vip: VipKey, step: &Step<'_>, ledger: &mut Ledger) {
    let rows = step.plugin.map(crate::vpp::LbPlugin::vips).unwrap_or_default();
    if let Some(row) = rows.iter().find(|row| row.vip == vip) {
        ledger.judge(Oracle::ForeignKept, step.now, row.encap.is_ours(), || {
            format!("{write} was sent of a VIP of encapsulation {}", row.encap)
        });
    }
}

impl Watcher for Stages {
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        self.units.step(step);
        for action in step.actions {
            match action {
                Action::Call { request: Request::Write(write), .. } => self.sent(write, step, ledger),
                Action::Disconnect(_) => self.flushed.clear(),
                Action::Call { .. }
                | Action::Tell(_)
                | Action::StartProbe(_)
                | Action::CancelProbe(_)
                | Action::Connect(_)
                | Action::Keep(_)
                | Action::Answer { .. }
                | Action::Exit => (),
            }
        }
        if matches!(step.input, Input::VppDisconnected { .. }) {
            self.flushed.clear();
        }
    }

    fn happened(&mut self, happening: &Happening, _now: Instant) {
        if let Happening::Operator(command) = happening {
            self.ordered |= matches!(command, Command::SetWeight { flush: true, .. });
        }
    }
}
