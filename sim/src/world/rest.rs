//! What must hold when the world has settled, beyond VPP being as wanted.

use core::net::IpAddr;
use std::collections::BTreeMap;

use maglev_core::frontend::Frontend;
use maglev_core::health::State;
use maglev_core::input::{FailCode, Failure, LocalFault, Outcome};
use maglev_core::model::VipKey;
use maglev_core::{Action, Engine, Input, Instant};

use super::World;
use crate::oracle::Oracle;

/// A fresh start that has not come to its verdicts after so many wakeups never will.
const WAKEUPS_MAX: u32 = 2_000;

impl World {
    /// Nobody's flows stay with the dead. What VPP held when the process began is not its to flush.
    pub(super) fn judge_flows(&mut self, engine: &Engine) {
        if self.meddled || self.inherited {
            return;
        }
        let (now, Some(plugin)) = (self.now, self.link.plugin()) else { return };
        for (vip, flow) in self.traffic.flows() {
            let Some(frontend) = engine.frontends().find(vip) else { continue };
            if engine.dataplane().out_of_sync().any(|(other, _, _)| other == vip) {
                continue;
            }
            let Some(server) = plugin.holder(flow, now) else { continue };
            // An owed flush lapses with its server, also if that comes back.
            if self.traffic.lingers(vip, server) {
                continue;
            }
            let why = lost(frontend, server);
            self.ledger.judge(Oracle::FlushOwed, now, why.is_none(), || {
                let state = why.map_or("", State::word);
                format!("a flow of {} stays with {server}, which is {state}", frontend.name)
            });
        }
    }

    /// Who is stated to be out of sync is. A call that is held back may be a flush, which nobody sees in VPP.
    pub(super) fn judge_stated(&mut self, engine: &Engine) {
        if engine.dataplane().held_back().next().is_some() {
            return;
        }
        for (vip, _, reason) in engine.dataplane().out_of_sync() {
            let is_here = |other: VipKey| other == vip;
            let differs =
                !self.differences_of(engine, true, &is_here).is_empty() || self.recreates(engine, vip);
            self.ledger.judge(Oracle::StatedTrue, self.now, differs, || {
                format!("{vip} is as wanted, and is stated to be out of sync: {reason}")
            });
        }
    }

    /// Whether a VIP has an encapsulation or stickiness that only a recreate can change.
    fn recreates(&self, engine: &Engine, vip: VipKey) -> bool {
        let (Some(frontend), Some(plugin)) = (engine.frontends().find(vip), self.link.plugin()) else {
            return false;
        };
        let row = plugin.vips().into_iter().find(|row| row.vip == vip);
        let sticky = plugin.sticky().unwrap_or_default().into_iter().find(|(other, _)| *other == vip);
        row.is_some_and(|row| row.encap != frontend.want.encap)
            || sticky.is_some_and(|(_, sticky)| sticky != frontend.want.src_ip_sticky)
    }

    /// A fresh start with the last file and the same verdicts wants the same.
    pub(super) fn judge_fresh_start(&mut self, engine: &Engine) {
        let is_blind = engine.frontends().list().iter().any(|frontend| !frontend.presumed.is_empty());
        if !self.reloaded || self.commanded || is_blind {
            return;
        }
        let wrong = fresh_difference(engine);
        self.ledger.judge(Oracle::FreshStart, self.now, wrong.is_none(), || wrong.unwrap_or_default());
    }
}

/// The state for which flows of `frontend` must have left `server`.
fn lost(frontend: &Frontend, server: IpAddr) -> Option<State> {
    let mut states =
        frontend.members.iter().filter(|member| member.address == server).map(|member| member.standing.state);
    if states.clone().any(|state| state == State::Disabled) {
        return Some(State::Disabled);
    }
    // Flows with nowhere to go are not helped by killing them.
    let may = frontend.flush_on_down && frontend.want.is_positive();
    (may && states.clone().next().is_some() && states.all(|state| state == State::Down))
        .then_some(State::Down)
}

fn fresh_difference(engine: &Engine) -> Option<String> {
    let twin = fresh_start(engine);
    let name = |engine: &Engine, slot: u32| engine.backend(slot).map(|backend| backend.name.clone());
    for (_, backend) in engine.backends() {
        let Some((_, other)) = twin.backends().find(|(_, other)| other.name == backend.name) else {
            return Some(format!("{} is not in the file", backend.name));
        };
        let same = (other.state(), other.address, other.enabled)
            == (backend.state(), backend.address, backend.enabled)
            && other.check == backend.check
            && other.health.counter_max() == backend.health.counter_max();
        if !same {
            let (is, fresh) = (backend.state(), other.state());
            return Some(format!(
                "{} is {is} and not as after a fresh start, where it is {fresh}",
                backend.name
            ));
        }
    }
    let (mine, fresh) = (engine.frontends().list(), twin.frontends().list());
    if mine.len() != fresh.len() || engine.backends().count() != twin.backends().count() {
        return Some("there are more or fewer frontends or backends than in the file".to_owned());
    }
    let differs = |(mine, fresh): &(&Frontend, &Frontend)| {
        let members = |engine: &Engine, frontend: &Frontend| -> Vec<_> {
            let place = |slot| name(engine, slot);
            frontend.members.iter().map(|m| (place(m.slot), m.pool, m.address, m.weight())).collect()
        };
        let (mut of_mine, mut of_fresh) = (members(engine, mine), members(&twin, fresh));
        of_mine.sort();
        of_fresh.sort();
        mine.name != fresh.name || mine.pools != fresh.pools || mine.want != fresh.want || of_mine != of_fresh
    };
    let (mine, fresh) = mine.iter().zip(fresh).find(differs)?;
    Some(format!("{} wants {:?}, after a fresh start {:?}", mine.name, mine.want, fresh.want))
}

/// An engine that has just been started with the same file, and has come to the same verdicts.
fn fresh_start(engine: &Engine) -> Engine {
    let verdicts: BTreeMap<&str, State> =
        engine.backends().map(|(_, backend)| (backend.name.as_str(), backend.state())).collect();
    let mut twin = Engine::without_vpp(engine.config().clone(), 1, Instant::START);
    let mut now = Instant::START;
    for _ in 0..WAKEUPS_MAX {
        let mut actions = twin.handle(Input::WakeupDue, now);
        while let Some(action) = actions.pop() {
            let Action::StartProbe(order) = action else { continue };
            let verdict =
                twin.backend(order.probe.slot).and_then(|backend| verdicts.get(backend.name.as_str()));
            let outcome = match verdict {
                Some(State::Up) => Outcome::Pass,
                Some(State::Down) => Outcome::Fail(Failure { code: FailCode::L4Con, detail: String::new() }),
                Some(State::Unknown | State::Paused | State::Disabled) | None => {
                    Outcome::Inconclusive(LocalFault::Stalled)
                }
            };
            let input =
                Input::ProbeFinished { probe: order.probe, outcome, took: core::time::Duration::ZERO };
            actions.extend(twin.handle(input, now));
        }
        if twin.backends().all(|(_, twin)| verdicts.get(twin.name.as_str()) == Some(&twin.state())) {
            break;
        }
        let Some((next, _)) = twin.wakeup() else { break };
        now = next;
    }
    twin
}
