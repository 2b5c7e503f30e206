//! What VPP's refusals of one frontend must not stop: the dead go down, a transition is tried at once, and three attempts
//! are made before it is given up.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use maglev_core::dataplane::WINDOW;
use maglev_core::frontend::Frontend;
use maglev_core::health::State;
use maglev_core::model::{Read, Reply, Request, VipKey, Write};
use maglev_core::policy::Server;
use maglev_core::reconcile::Seen;
use maglev_core::{Action, CallId, Engine, Event, Input};

use super::units::Units;
use super::{Step, Watcher, frontend_named};
use crate::oracle::{Ledger, Oracle};

/// Refused attempts until a frontend is out of sync.
const ATTEMPTS: u32 = 3;

/// What VPP refused one process, by VIP.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals {
    units: Units,
    open: BTreeMap<CallId, Request>,
    /// Looks that a refusal, or an operator, asked for.
    looks: BTreeSet<CallId>,
    vips: BTreeMap<VipKey, Refused>,
    /// Out of sync for what VPP refused, and what is wanted of them.
    given_up: BTreeMap<VipKey, Vec<Server>>,
    /// Those of them of which a backend moved: an attempt is due.
    waiting: BTreeSet<VipKey>,
}

/// What was refused of one VIP.
#[derive(Clone, Debug, Default)]
struct Refused {
    /// Servers of the calls refused since the last look; `None` if there was no refusal since.
    attempt: Option<BTreeSet<IpAddr>>,
    /// Looks after a refusal.
    attempts: u32,
    /// The last refusal, in the words of whoever is out of sync for it.
    reason: String,
}

impl Refusals {
    fn heard(&mut self, call: CallId, reply: &Reply) {
        let Some(request) = self.open.remove(&call) else { return };
        match request {
            Request::Write(write) if matches!(reply, Reply::Refused(_) | Reply::NotSent(_)) => {
                let Some(vip) = write.vip() else { return };
                let refused = self.vips.entry(vip).or_default();
                refused.attempt.get_or_insert_default().extend(write.server());
                refused.reason = format!("{write}: {reply}");
            }
            Request::Read(Read::Servers(Some(vip))) if self.looks.remove(&call) => {
                if let Some(refused) = self.vips.get_mut(&vip)
                    && refused.attempt.take().is_some()
                {
                    refused.attempts += 1;
                }
            }
            Request::Write(_) | Request::Read(_) => (),
        }
    }

    /// A lost connection costs no attempt.
    fn ended(&mut self) {
        self.open.clear();
        self.given_up.clear();
        self.looks.clear();
        self.waiting.clear();
        self.vips.values_mut().for_each(|refused| refused.attempt = None);
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "few events matter here")]
    fn told(&mut self, event: &Event, step: &Step<'_>, ledger: &mut Ledger) {
        match event {
            Event::OutOfSync { frontend, err } => {
                let vip = frontend_named(step, frontend);
                let Some(refused) = vip.and_then(|vip| self.vips.get(&vip)) else { return };
                if refused.reason == *err {
                    let wanted = vip.and_then(|vip| step.engine.frontends().find(vip));
                    self.given_up.extend(wanted.map(|found| (found.vip(), found.want.servers.clone())));
                    ledger.judge(Oracle::ThreeAttempts, step.now, refused.attempts >= ATTEMPTS, || {
                        format!("{frontend} is out of sync after {} refused attempts", refused.attempts)
                    });
                }
            }
            Event::ConfigLoaded { .. } | Event::Stopping => self.waiting.clear(),
            _ => (),
        }
    }

    /// After a step in which something was told: of whom something else is wanted now.
    fn follow(&mut self, has_moved: bool, step: &Step<'_>) {
        for (vip, mut before) in core::mem::take(&mut self.given_up) {
            let Some(frontend) = step.engine.frontends().find(vip) else { continue };
            if !self.is_given_up(vip, step.engine) {
                continue;
            }
            if before != frontend.want.servers {
                before.clone_from(&frontend.want.servers);
                if has_moved {
                    self.waiting.insert(vip);
                }
            }
            self.given_up.insert(vip, before);
        }
    }

    /// It is out of sync because of what VPP refused.
    fn is_given_up(&self, vip: VipKey, engine: &Engine) -> bool {
        let refused = self.vips.get(&vip);
        let trouble = engine.dataplane().trouble(vip);
        refused.zip(trouble).is_some_and(|(refused, (_, reason))| refused.reason == reason)
    }

    /// The look at what was refused is on its way: the dead have been lowered.
    fn judge_look(&self, vip: VipKey, step: &Step<'_>, ledger: &mut Ledger) {
        let Some(refused) = self.vips.get(&vip).and_then(|refused| refused.attempt.as_ref()) else { return };
        let Some(frontend) = step.engine.frontends().find(vip) else { return };
        let dataplane = step.engine.dataplane();
        let is_busy = |request: &Request| match request {
            Request::Write(Write::SetConf(_)) => true,
            Request::Write(write) => write.vip() == Some(vip),
            Request::Read(_) => false,
        };
        let busy = self.open.len() >= WINDOW || self.open.values().any(is_busy);
        if busy || self.units.is_under_way(vip.prefix) || dataplane.held_back().next().is_some() {
            return;
        }
        let Some(seen) = dataplane.seen(vip) else { return };
        let positive = || seen.servers.iter().filter(|(_, weight)| weight.is_positive()).map(|(at, _)| *at);
        let dead = positive().find(|server| is_dead(frontend, *server) && !refused.contains(server));
        // As long as another one keeps the VIP positive.
        if positive().any(|server| !is_dead(frontend, server)) {
            ledger.judge(Oracle::DeadLowered, step.now, dead.is_none(), || {
                let server = dead.map(|server| server.to_string()).unwrap_or_default();
                format!("{server} of {vip} is dead, and was not lowered because VPP refused something else")
            });
        }
    }

    /// Somebody out of sync waits for an attempt that is due at once.
    fn judge_waiting(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        let engine = step.engine;
        let dataplane = engine.dataplane();
        if dataplane.held_back().next().is_some() || !dataplane.has_picture() {
            self.waiting.clear();
        }
        for vip in core::mem::take(&mut self.waiting) {
            let is_tried = step.actions.iter().any(|action| {
                let Action::Call { request, .. } = action else { return false };
                match request {
                    Request::Write(write) => write.vip() == Some(vip),
                    Request::Read(read) => *read == Read::Servers(Some(vip)),
                }
            });
            if is_tried {
                ledger.judge(Oracle::TriedAtOnce, step.now, true, String::new);
            } else if differs(vip, engine) && self.is_given_up(vip, engine) {
                if dataplane.open_calls().len() > 0 {
                    self.waiting.insert(vip);
                    continue;
                }
                ledger.judge(Oracle::TriedAtOnce, step.now, false, || {
                    format!("a backend of {vip} moved, which is out of sync, and nothing is under way")
                });
            }
        }
    }
}

/// Whether VPP, as maglevd knows it, holds other weights than are wanted of a frontend that waits for nothing else.
fn differs(vip: VipKey, engine: &Engine) -> bool {
    let dataplane = engine.dataplane();
    let open = engine.frontends().find(vip).filter(|_| engine.warmup().is_open(vip));
    let Some(frontend) = open.filter(|frontend| frontend.hold.is_none()) else { return false };
    // A server that nobody wants may have to wait: flushes are paced.
    let is_other = |seen: &Seen| {
        let mut wanted = frontend.want.servers.iter();
        wanted.any(|server| seen.weight(server.address) != Some(server.weight))
    };
    match dataplane.seen(vip) {
        Some(seen) => seen.encap == frontend.want.encap && is_other(seen),
        None => dataplane.observed().all(|(other, _)| other.prefix != vip.prefix),
    }
}

/// One of them disabled rules an address; otherwise all must be down.
fn is_dead(frontend: &Frontend, server: IpAddr) -> bool {
    let entries = || frontend.members.iter().filter(|member| member.address == server);
    let mut states = entries().map(|member| member.standing.state);
    states.clone().any(|state| state == State::Disabled)
        || entries().next().is_some() && states.all(|state| state == State::Down)
}

impl Watcher for Refusals {
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        self.units.step(step);
        if let Input::VppReplied { call, reply, .. } = step.input {
            self.heard(*call, reply);
        }
        let mut before = None;
        let mut is_spot = false;
        let mut looked = Vec::new();
        let (mut has_told, mut has_moved) = (false, false);
        for action in step.actions {
            match action {
                Action::Call { call, request, .. } => {
                    if let Request::Read(Read::Vips) = request {
                        // The drift check and a whole look read the settings first.
                        is_spot = before != Some(&Request::Read(Read::Conf));
                    }
                    if let Request::Read(Read::Servers(Some(vip))) = request
                        && is_spot
                    {
                        self.looks.insert(*call);
                        looked.push(*vip);
                    }
                    before = Some(request);
                    self.open.insert(*call, request.clone());
                }
                Action::Tell(event) => {
                    has_told = true;
                    has_moved |= matches!(**event, Event::BackendTransition { .. });
                    self.told(event, step, ledger);
                }
                Action::Disconnect(_) => self.ended(),
                Action::StartProbe(_)
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
        for vip in looked {
            self.judge_look(vip, step, ledger);
        }
        if has_told && !self.given_up.is_empty() {
            self.follow(has_moved, step);
        }
        if !self.waiting.is_empty() {
            self.judge_waiting(step, ledger);
        }
    }
}
