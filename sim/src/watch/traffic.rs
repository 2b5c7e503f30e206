//! What forgets the flows of a whole VIP: deleting it, and flushing it. Both are for few reasons only.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use maglev_core::model::{Reply, Request, VipKey, Write};
use maglev_core::{Action, CallId, Event, GoDuration, Input, Instant};

use super::units::Units;
use super::{Execution, Sender, Step, Watcher, frontend_named};
use crate::oracle::{Ledger, Oracle};

/// Each recreate leaks a table in VPP.
const RECREATE_PAUSE: Duration = Duration::from_secs(600);

/// What one process did to whole VIPs.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    units: Units,
    /// Flushes and deletes of VIPs under way.
    open: BTreeMap<CallId, (VipKey, Kind)>,
    /// VIPs that may be flushed: new, empty, or of an unknown fate.
    flushable: BTreeSet<VipKey>,
    /// When a recreate last deleted a VIP.
    recreated: BTreeMap<VipKey, Instant>,
    /// Somebody else wrote to this VPP: what it holds may differ from what the engine knows.
    disturbed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Flush,
    Delete,
}

impl Traffic {
    /// A recreate was told: VPP must hold something else than is wanted, and that was not mended before.
    fn recreates(&mut self, frontend: &str, step: &Step<'_>, ledger: &mut Ledger) {
        let Some(vip) = frontend_named(step, frontend) else { return };
        let last = self.recreated.get(&vip).map(|at| step.now.since(*at));
        ledger.judge(Oracle::VipKept, step.now, last.is_none_or(|last| last >= RECREATE_PAUSE), || {
            format!("{frontend} is recreated again after {}", GoDuration(last.unwrap_or_default()))
        });
        if !self.disturbed
            && let Some(same) = is_as_wanted(vip, step)
        {
            ledger.judge(Oracle::VipKept, step.now, !same, || {
                format!("{frontend} is recreated, and VPP holds it as wanted")
            });
        }
    }

    fn sent(&mut self, call: CallId, write: &Write, step: &Step<'_>, ledger: &mut Ledger) {
        match write {
            Write::FlushVip { vip } => {
                self.open.insert(call, (*vip, Kind::Flush));
            }
            Write::DelVip { vip } => {
                self.open.insert(call, (*vip, Kind::Delete));
                if step.engine.frontends().find(*vip).is_some() {
                    ledger.judge(Oracle::VipKept, step.now, self.units.is_under_way(vip.prefix), || {
                        format!("{vip} is configured, and is deleted outside a recreate")
                    });
                }
            }
            Write::SetConf(_)
            | Write::AddVip { .. }
            | Write::AddAs { .. }
            | Write::DelAs { .. }
            | Write::SetWeight { .. } => (),
        }
    }

    /// A connection ended: whether a flush under way was done is not known.
    fn ended(&mut self) {
        let open = core::mem::take(&mut self.open).into_values();
        self.flushable.extend(open.filter(|(_, kind)| *kind == Kind::Flush).map(|(vip, _)| vip));
    }
}

/// Whether VPP holds a VIP with encapsulation and stickiness as they are wanted; `None` if it does not hold it.
fn is_as_wanted(vip: VipKey, step: &Step<'_>) -> Option<bool> {
    let want = &step.engine.frontends().find(vip)?.want;
    let plugin = step.plugin?;
    let row = plugin.vips().into_iter().find(|row| row.vip == vip)?;
    let (_, sticky) = plugin.sticky().ok()?.into_iter().find(|(other, _)| *other == vip)?;
    Some(row.encap == want.encap && sticky == want.src_ip_sticky)
}

impl Watcher for Traffic {
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        self.units.step(step);
        if let Input::VppReplied { call, reply, .. } = step.input
            && let Some((vip, kind)) = self.open.remove(call)
            && *reply == Reply::Done
            && kind == Kind::Delete
            && self.units.is_under_way(vip.prefix)
            && step.engine.frontends().find(vip).is_some()
        {
            self.recreated.insert(vip, step.now);
        }
        for action in step.actions {
            match action {
                Action::Call { call, request: Request::Write(write), .. } => {
                    self.sent(*call, write, step, ledger);
                }
                Action::Tell(event) => match &**event {
                    Event::Recreate { frontend, .. } => self.recreates(frontend, step, ledger),
                    Event::ConfigLoaded { reload: true, .. } => {
                        let known = step.engine.frontends();
                        self.recreated.retain(|vip, _| known.find(*vip).is_some());
                    }
                    Event::VppConnect { restarted: true, .. } => self.recreated.clear(),
                    _ => (),
                },
                Action::Disconnect(_) => self.ended(),
                Action::Call { .. }
                | Action::StartProbe(_)
                | Action::CancelProbe(_)
                | Action::Connect(_)
                | Action::Answer { .. }
                | Action::Exit => (),
            }
        }
        if matches!(step.input, Input::VppDisconnected { .. }) {
            self.ended();
        }
    }

    fn executed(&mut self, done: &Execution, ledger: &mut Ledger) {
        let Some(vip) = done.write.vip().filter(|_| done.retval == 0) else { return };
        if done.by == Sender::Stranger {
            self.disturbed = true;
            return;
        }
        match &done.write {
            Write::AddVip { .. } => {
                self.flushable.insert(vip);
            }
            Write::FlushVip { .. } => {
                let may = !done.positive.0 || self.flushable.remove(&vip) || self.disturbed;
                ledger.judge(Oracle::FlowsKept, done.at, may, || {
                    format!("{vip} was flushed, and was neither new nor empty")
                });
            }
            Write::AddAs { .. } | Write::SetWeight { .. } if !done.positive.0 => {
                self.flushable.insert(vip);
            }
            Write::DelVip { .. } => {
                self.flushable.remove(&vip);
            }
            Write::SetConf(_) | Write::AddAs { .. } | Write::DelAs { .. } | Write::SetWeight { .. } => (),
        }
    }

    fn vpp_replaced(&mut self) {
        self.disturbed = false;
        self.flushable.clear();
        self.recreated.clear();
    }
}
