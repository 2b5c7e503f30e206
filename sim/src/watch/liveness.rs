//! The dead are lowered at once: before VPP has answered much more than what was under way, and before there is nothing
//! left to do.

use core::net::IpAddr;

use maglev_core::dataplane::WINDOW;
use maglev_core::frontend::Frontend;
use maglev_core::health::State;
use maglev_core::model::{Request, VipKey, Weight, Write};
use maglev_core::policy::Server;
use maglev_core::{Action, Engine, Event, Input};

use super::units::Units;
use super::{Step, Watcher};
use crate::oracle::{Ledger, Oracle};

/// A VIP may have to end one stage, raise others, and be flushed, before the dead are lowered: a window each.
const REPLIES_MAX: usize = 4 * WINDOW;

/// Where there is nothing to raise, or so much that it cannot all be under way: the calls in flight, `lb_conf` and a look.
const REPLIES_MIN: usize = WINDOW + 8;

/// More raises than this are not all under way.
const MANY: usize = WINDOW + WINDOW / 4;

/// A server that has to be lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Duty {
    vip: VipKey,
    server: IpAddr,
    replies: usize,
    /// Replies after which it must have been lowered.
    limit: usize,
}

/// What one process owes the dead.
#[derive(Clone, Debug, Default)]
pub(super) struct Liveness {
    duties: Vec<Duty>,
    /// Servers of frontends that died since nothing was under way.
    others: usize,
    units: Units,
}

impl Liveness {
    /// A backend has died: whoever holds it above 0 has to be told.
    fn died(&mut self, backend: &str, server: IpAddr, step: &Step<'_>) {
        let engine = step.engine;
        for frontend in engine.frontends().list() {
            // Where another entry shares the address, a death may change nothing: that one may rule it.
            let mut entries = frontend.members.iter().filter(|member| member.address == server);
            let (entry, other) = (entries.next(), entries.next());
            // Where many die together, one waits for the others: a call each.
            let calls = usize::from(entry.is_some());
            self.others += calls;
            self.duties.iter_mut().for_each(|duty| duty.limit += calls);
            let slot = entry.filter(|_| other.is_none()).map(|entry| entry.slot);
            if slot.and_then(|slot| engine.backend(slot)).is_none_or(|found| found.name != backend) {
                continue;
            }
            let vip = frontend.vip();
            let holds = || {
                let weights = step.plugin.map(|plugin| plugin.weights(vip)).unwrap_or_default();
                weights.iter().any(|(address, weight)| *address == server && weight.is_positive())
            };
            if is_due(engine, vip, server) && holds() {
                let limit = limit(frontend, step) + self.others;
                self.duties.push(Duty { vip, server, replies: 0, limit });
            }
        }
    }

    fn sent(&mut self, write: &Write) {
        self.duties.retain(|duty| match write {
            Write::SetWeight { vip, server, weight, .. } => {
                (*vip, *server) != (duty.vip, duty.server) || weight.is_positive()
            }
            Write::DelAs { vip, server, .. } => (*vip, *server) != (duty.vip, duty.server),
            Write::DelVip { vip } => *vip != duty.vip,
            Write::SetConf(_) | Write::AddVip { .. } | Write::AddAs { .. } | Write::FlushVip { .. } => true,
        });
    }
}

/// How many calls VPP may answer before a death in `frontend` reaches the socket.
fn limit(frontend: &Frontend, step: &Step<'_>) -> usize {
    let Some(seen) = step.engine.dataplane().seen(frontend.vip()) else { return REPLIES_MAX };
    let held = |server| seen.weight(server);
    let is_raised = |wanted: &&Server| held(wanted.address).is_none_or(|held| held < wanted.weight);
    let raises = frontend.want.servers.iter().filter(is_raised).count();
    // The dead do not wait for many others while one of them serves.
    let survives =
        frontend.want.servers.iter().any(|wanted| {
            wanted.weight.is_positive() && held(wanted.address).is_some_and(Weight::is_positive)
        });
    if raises == 0 || raises > MANY && survives { REPLIES_MIN } else { REPLIES_MAX }
}

/// Whether nothing but the call is missing to lower `server`.
fn is_due(engine: &Engine, vip: VipKey, server: IpAddr) -> bool {
    let (warmup, dataplane) = (engine.warmup(), engine.dataplane());
    let Some(frontend) = engine.frontends().find(vip) else { return false };
    let wanted = frontend.want.servers.iter().find(|wanted| wanted.address == server);
    let seen = dataplane.seen(vip);
    warmup.is_open(vip)
        && dataplane.has_picture()
        && dataplane.holds(vip, server)
        && seen.is_some_and(|seen| seen.encap == frontend.want.encap)
        && frontend.hold.is_none()
        && wanted.is_some_and(|wanted| !wanted.weight.is_positive())
        && !dataplane.out_of_sync().any(|(other, _, _)| other == vip)
}

impl Watcher for Liveness {
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        self.units.step(step);
        let is_reply = matches!(step.input, Input::VppReplied { .. });
        if is_reply {
            self.duties.iter_mut().for_each(|duty| duty.replies += 1);
        }
        for action in step.actions {
            if let Action::Tell(event) = action
                && let Event::BackendTransition { backend, address, to, .. } = &**event
                && matches!(to, Some(State::Down | State::Disabled))
            {
                self.died(backend, *address, step);
            }
        }
        let is_idle = step.engine.dataplane().open_calls().len() == 0;
        if is_idle {
            self.others = 0;
        }
        if self.duties.is_empty() {
            return;
        }
        let (engine, count) = (step.engine, self.duties.len());
        for action in step.actions {
            match action {
                Action::Call { request: Request::Write(write), .. } => self.sent(write),
                Action::Disconnect(_) | Action::Exit => self.duties.clear(),
                Action::Tell(event) if matches!(**event, Event::Stopping | Event::ConfigLoaded { .. }) => {
                    self.duties.clear();
                }
                Action::Call { .. }
                | Action::Tell(_)
                | Action::StartProbe(_)
                | Action::CancelProbe(_)
                | Action::Connect(_)
                | Action::Keep(_)
                | Action::Answer { .. } => (),
            }
        }
        let reached = count - self.duties.len();
        (0..reached).for_each(|_| ledger.judge(Oracle::DownReaches, step.now, true, String::new));
        let units = &self.units;
        self.duties
            .retain(|duty| is_due(engine, duty.vip, duty.server) && !units.is_under_way(duty.vip.prefix));
        for duty in core::mem::take(&mut self.duties) {
            if is_idle || duty.replies > duty.limit {
                ledger.judge(Oracle::DownReaches, step.now, false, || {
                    let why = if is_idle { "nothing is under way" } else { "VPP answered much since" };
                    format!("{} of {} is dead and was not lowered, and {why}", duty.server, duty.vip)
                });
            } else {
                self.duties.push(duty);
            }
        }
    }

    fn vpp_replaced(&mut self) {
        self.duties.clear();
    }
}
