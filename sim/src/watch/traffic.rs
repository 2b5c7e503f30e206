//! What forgets the flows of a whole VIP: deleting it, and flushing it. Both are for few reasons only.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use maglev_core::model::{Reply, Request, VipKey, Write};
use maglev_core::{Action, CallId, Event, GoDuration, Input, Instant};

use super::units::Units;
use super::{Execution, Rest, Sender, Step, Watcher, frontend_named};
use crate::oracle::{Ledger, Oracle};

/// Each recreate leaks a table in VPP.
const RECREATE_PAUSE: Duration = Duration::from_secs(600);

/// What one process did to whole VIPs.
#[derive(Clone, Debug, Default)]
pub(super) struct Traffic {
    units: Units,
    /// Writes of VIPs under way, and whether they delete theirs.
    open: BTreeMap<CallId, (VipKey, bool)>,
    /// VIPs that may be flushed: new, empty, or of an unknown fate.
    flushable: BTreeSet<VipKey>,
    /// When a recreate last deleted a VIP.
    recreated: BTreeMap<VipKey, Instant>,
    /// The same, also of those that a reload dropped and another one brought back.
    ever: BTreeMap<VipKey, Instant>,
    /// This VPP has said what hashes how.
    asked: bool,
    /// Somebody else wrote to this VPP: what it holds may differ from what the engine knows.
    disturbed: bool,
}

impl Traffic {
    /// A recreate was told: VPP must hold something else than is wanted, and that was not mended before.
    fn recreates(&mut self, frontend: &str, step: &Step<'_>, ledger: &mut Ledger) {
        let Some(vip) = frontend_named(step, frontend) else { return };
        // Whether it came to the delete may be known to nobody but the engine.
        self.ever.insert(vip, step.now);
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

    #[expect(clippy::wildcard_enum_match_arm, reason = "few events matter here")]
    fn told(&mut self, event: &Event, step: &Step<'_>, ledger: &mut Ledger) {
        match event {
            Event::Recreate { frontend, .. } => self.recreates(frontend, step, ledger),
            Event::ConfigLoaded { reload: true, .. } => {
                let known = step.engine.frontends();
                self.recreated.retain(|vip, _| known.find(*vip).is_some());
            }
            Event::VppConnect { restarted: true, .. } => self.recreated.clear(),
            _ => (),
        }
    }

    fn sent(&mut self, call: CallId, write: &Write, step: &Step<'_>, ledger: &mut Ledger) {
        let Some(vip) = write.vip() else { return };
        let deletes = matches!(write, Write::DelVip { .. });
        self.open.insert(call, (vip, deletes));
        if deletes && step.engine.frontends().find(vip).is_some() {
            ledger.judge(Oracle::VipKept, step.now, self.units.is_under_way(vip.prefix), || {
                format!("{vip} is configured, and is deleted outside a recreate")
            });
        }
    }

    /// A connection ended: what was under way is of an unknown fate, and the VIP may have been empty for a moment.
    fn ended(&mut self) {
        let open = core::mem::take(&mut self.open).into_values();
        self.flushable.extend(open.map(|(vip, _)| vip));
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
        for action in step.actions {
            match action {
                Action::Call { call, request: Request::Write(write), .. } => {
                    self.sent(*call, write, step, ledger);
                }
                Action::Tell(event) => self.told(event, step, ledger),
                Action::Disconnect(_) => self.ended(),
                Action::Call { .. }
                | Action::StartProbe(_)
                | Action::CancelProbe(_)
                | Action::Connect(_)
                | Action::Keep(_)
                | Action::Answer { .. }
                | Action::Exit => (),
            }
        }
        if matches!(step.input, Input::VppDisconnected { .. }) {
            self.ended();
        }
        self.asked |= matches!(step.input, Input::VppReplied { reply: Reply::Sticky(_), .. });
        // Last: a connection that was given up at this very instant leaves the answer unheard.
        if let Input::VppReplied { call, reply, .. } = step.input
            && let Some((vip, true)) = self.open.remove(call)
            && *reply == Reply::Done
            && self.units.is_under_way(vip.prefix)
            && step.engine.frontends().find(vip).is_some()
        {
            self.recreated.insert(vip, step.now);
            self.ever.insert(vip, step.now);
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
            // Sent before its connection ended: perhaps sent again since, perhaps by another process.
            Write::FlushVip { .. } if done.by == Sender::Gone => (),
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

    /// A VIP hashes as it is wanted, unless it had its recreate of these ten minutes.
    fn settled(&mut self, rest: &Rest<'_>, ledger: &mut Ledger) {
        let dataplane = rest.engine.dataplane();
        if self.disturbed || dataplane.held_back().next().is_some() {
            return;
        }
        for (vip, sticky) in rest.plugin.and_then(|plugin| plugin.sticky().ok()).unwrap_or_default() {
            let Some(frontend) = rest.engine.frontends().find(vip) else { continue };
            let waits = self.ever.get(&vip).is_some_and(|at| rest.now.since(*at) < RECREATE_PAUSE);
            // Unknown is not a difference, where it has been asked for.
            let waits = waits || self.asked && dataplane.is_sticky(vip).is_none();
            if !waits && dataplane.trouble(vip).is_none() && rest.engine.warmup().is_open(vip) {
                ledger.judge(Oracle::Sticky, rest.now, sticky == frontend.want.src_ip_sticky, || {
                    format!("src-ip-sticky of {vip} is {sticky}, and nothing keeps it from a recreate")
                });
            }
        }
    }

    fn vpp_replaced(&mut self) {
        self.asked = false;
        self.disturbed = false;
        self.flushable.clear();
        self.recreated.clear();
        self.ever.clear();
    }
}
