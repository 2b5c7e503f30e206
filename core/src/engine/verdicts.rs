//! From a probe's result to weights: health, transition, frontends, release.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::{Action, ProbeOrder};
use crate::backend::{InFlight, Probed, Transition};
use crate::dataplane::tell;
use crate::event::{Cause, Event, Trigger};
use crate::health::State;
use crate::input::{LocalFault, Outcome, ProbeId};
use crate::time::Instant;
use crate::warmup::Phase;

use super::Engine;

/// The same complaint is heard once in this time.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);
/// Causes of inconclusive probes that are told apart.
const COMPLAINTS_MAX: usize = 64;

/// A cause of inconclusive probes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Complaint {
    said: Option<Instant>,
    count: u64,
}

/// Who moved a backend: it decides the trigger of a release and the baseline of flushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mover {
    Probe,
    Operator,
    Reload,
}

impl Mover {
    const fn trigger(self) -> Trigger {
        match self {
            Self::Probe => Trigger::Transition,
            Self::Operator => Trigger::Operator,
            Self::Reload => Trigger::Reload,
        }
    }
}

impl Engine {
    /// Starts the probe that is longest due.
    pub(super) fn advance_probes(&mut self, now: Instant, out: &mut Vec<Action>) -> bool {
        let Some((due, slot)) = self.schedule.pop(now) else { return false };
        if let Some(backend) = self.slot_mut(slot) {
            backend.due = None;
            backend.overdue = !(mutant!(OverdueForgotten) && backend.probe.is_some());
        }
        self.start_overdue(slot, if mutant!(StallBurst) { due } else { now }, out);
        true
    }

    /// Starts a due probe, unless one of this backend is still under way: never two at once.
    fn start_overdue(&mut self, slot: u32, now: Instant, out: &mut Vec<Action>) {
        let number = self.next_probe;
        let Some(backend) = self.slot_mut(slot) else { return };
        if !backend.overdue || backend.probe.is_some() && !mutant!(ProbeTwice) {
            return;
        }
        backend.overdue = false;
        let Some(check) = backend.check.as_ref().filter(|_| backend.health.state().is_probed()) else {
            return;
        };
        out.push(Action::StartProbe(ProbeOrder {
            probe: ProbeId { slot, number },
            address: backend.address,
            target: check.target.clone(),
            timeout: check.timing.timeout,
        }));
        backend.probe = Some(InFlight { number, stale: false });
        backend.started = Some(now);
        backend.probes = if mutant!(JitterOfOthers) { number } else { backend.probes + 1 };
        self.next_probe += 1;
        self.plan_probe(slot, now);
    }

    /// Puts the next probe where the present cadence wants it. A late scheduler skips what it missed.
    pub(super) fn plan_probe(&mut self, slot: u32, now: Instant) {
        let Some(backend) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        let due = backend.next_due(now).map(|at| at.max(now));
        let due = due.filter(|_| !(mutant!(DeadNotProbed) && backend.state() == State::Down));
        if backend.overdue && due.is_some() {
            return;
        }
        backend.overdue = false;
        self.schedule.set(slot, backend.due, due);
        backend.due = due;
    }

    pub(super) fn on_probe(
        &mut self,
        probe: ProbeId,
        outcome: Outcome,
        took: Duration,
        now: Instant,
        out: &mut Vec<Action>,
    ) {
        let Some(backend) = self.slot_mut(probe.slot) else { return };
        let Some(under_way) = backend.probe.filter(|under_way| under_way.number == probe.number) else {
            return;
        };
        backend.probe = None;
        if under_way.stale && !mutant!(StaleResultCounts) {
            backend.stale_results += 1;
        } else {
            self.on_outcome(probe.slot, &outcome, now, out);
            if let Some(backend) = self.slot_mut(probe.slot) {
                backend.keep_result(Probed { at: now, took, outcome });
            }
        }
        self.start_overdue(probe.slot, now, out);
    }

    fn on_outcome(&mut self, slot: u32, outcome: &Outcome, now: Instant, out: &mut Vec<Action>) {
        let Some(backend) = self.slot_mut(slot) else { return };
        backend.last_outcome = Some(outcome.clone());
        let pass = match outcome {
            Outcome::Pass => true,
            Outcome::Fail(_) => false,
            Outcome::Inconclusive(_) if mutant!(InconclusiveFails) => false,
            Outcome::Inconclusive(fault) => {
                backend.conclusive |= mutant!(InconclusiveIsConclusive);
                let name = backend.name.clone();
                self.complain(name, fault, now, out);
                return;
            }
        };
        backend.conclusive |= pass || !mutant!(FailuresAreBlind);
        let (before, cadence) = (backend.state(), backend.health.cadence());
        backend.health.record(pass);
        let after = backend.state();
        if before != after {
            let cause = outcome.to_string();
            self.moved(slot, before, Mover::Probe, &cause, now, out);
        }
        if self.slot(slot).is_some_and(|backend| backend.health.cadence() != cadence)
            && !mutant!(CadenceWaits)
        {
            self.plan_probe(slot, now);
        }
    }

    /// Local faults are said once per cause and minute.
    fn complain(&mut self, backend: String, fault: &LocalFault, now: Instant, out: &mut Vec<Action>) {
        let cause = fault.to_string();
        if self.inconclusive.len() >= COMPLAINTS_MAX && !self.inconclusive.contains_key(&cause) {
            self.inconclusive.pop_first();
        }
        let complaint = self.inconclusive.entry(cause.clone()).or_insert(Complaint { said: None, count: 0 });
        complaint.count += 1;
        if complaint.said.is_some_and(|said| now < said + COMPLAINT_INTERVAL) && !mutant!(ComplaintsRepeat) {
            return;
        }
        complaint.said = Some(now);
        let count = core::mem::take(&mut complaint.count);
        let needs_repair =
            matches!(fault, LocalFault::NoNetns(_) | LocalFault::NoIcmpPermission | LocalFault::Unusable(_));
        tell(out, Event::ProbeInconclusive { backend, err: cause, count, needs_repair });
    }

    /// A backend has left `before`: everybody who must know is told.
    pub(super) fn moved(
        &mut self,
        slot: u32,
        before: State,
        mover: Mover,
        cause: &str,
        now: Instant,
        out: &mut Vec<Action>,
    ) {
        let history_max = self.config.transition_history();
        let Some(backend) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        let to = backend.state();
        if to.is_known() {
            backend.resumed = false;
        }
        backend.remember(Transition { at: now, from: before, to, cause: cause.into() }, history_max);
        tell(
            out,
            Event::BackendTransition {
                backend: backend.name.clone(),
                address: backend.address,
                from: before,
                to: Some(to),
                cause: cause.into(),
            },
        );
        let frontends = backend.frontends.clone();
        let delta = i32::from(before.is_known()) - i32::from(to.is_known());
        let standing = backend.standing();
        for at in frontends {
            self.frontends.list_mut()[at as usize].note(slot, standing);
            self.backend_moved(at, slot, delta, mover, now, out);
        }
        self.complete_if_released(now, out);
    }

    /// One frontend of a backend that moved. `delta` is the change of its number of unknown backends.
    fn backend_moved(
        &mut self,
        at: u32,
        slot: u32,
        delta: i32,
        mover: Mover,
        now: Instant,
        out: &mut Vec<Action>,
    ) {
        let frontend = &mut self.frontends.list_mut()[at as usize];
        frontend.unknown = frontend.unknown.saturating_add_signed(delta);
        if delta < 0 {
            if !mutant!(PresumptionOutlivesVerdict) {
                frontend.presumed.remove(&slot);
            }
            if let Some(hold) = frontend.hold.as_mut().filter(|_| !mutant!(HoldOutlivesVerdicts)) {
                hold.awaited.remove(&slot);
            }
        }
        let (vip, unknown) = (frontend.vip(), frontend.unknown);
        let by_operator = mover == Mover::Operator;
        if self.end_hold_if_known(at) {
            self.after_hold(at, by_operator, now, out);
        } else {
            self.recompute(at, by_operator, now, out);
        }
        if unknown <= u32::from(mutant!(GateOpensEarly))
            && mover != Mover::Reload
            && !(mutant!(ReleaseMissed) && mover == Mover::Probe)
        {
            self.release(vip, mover.trigger(), now, out);
        }
    }

    /// Computes a frontend's servers anew; a change is planned at once, or held back by its gate.
    pub(super) fn recompute(&mut self, at: u32, by_operator: bool, now: Instant, out: &mut Vec<Action>) {
        if !self.refresh(at, by_operator, now, out) {
            return;
        }
        let frontend = &self.frontends.list()[at as usize];
        let vip = frontend.vip();
        let closes_again = frontend.unknown > 0 && self.warmup.phase() == Phase::Release;
        if self.warmup.is_open(vip) && !(mutant!(GateClosesAgain) && closes_again) {
            self.with_dataplane(now, |dataplane, ctx| dataplane.mark(ctx, vip, Cause::Transition));
        } else {
            let reason = match self.warmup.phase() {
                Phase::HandsOff => "hands off VPP during warm-up",
                Phase::Release | Phase::Over => "not released yet",
            };
            tell(out, Event::Suppressed { frontend: frontend.name.clone(), reason });
        }
    }

    /// Computes a frontend's servers anew and records the edges. True if anything changed.
    pub(super) fn refresh(
        &mut self,
        at: u32,
        by_operator: bool,
        now: Instant,
        out: &mut Vec<Action>,
    ) -> bool {
        let frontend = &mut self.frontends.list_mut()[at as usize];
        let before = frontend.state;
        let old = frontend.recompute();
        let (name, after) = (frontend.name.clone(), frontend.state);
        if before != after {
            tell(out, Event::FrontendTransition { frontend: name, from: before, to: after });
        }
        let changed = old != self.frontends.list()[at as usize].want.servers;
        if changed {
            self.with_dataplane(now, |dataplane, ctx| {
                dataplane.wanted(ctx, at as usize, &old, by_operator);
            });
        }
        changed
    }

    /// Warm-up is over: who never had a result may be presumed up where VPP holds it.
    pub(super) fn gather_blind(&mut self) {
        self.expect_presumption(0..u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
    }

    /// Those of `slots` that are blind may be presumed up as soon as it is known what VPP holds.
    pub(super) fn expect_presumption(&mut self, slots: impl Iterator<Item = u32>) {
        for slot in slots {
            if self.slot(slot).is_some_and(|backend| backend.is_blind() && backend.check.is_some()) {
                self.blind.insert(slot);
            }
        }
        self.presume = !self.blind.is_empty();
    }

    /// We do not empty a table because we are blind.
    pub(super) fn presume_blind(&mut self, now: Instant, out: &mut Vec<Action>) {
        for at in self.presume_held(out) {
            self.recompute(at, false, now, out);
        }
    }

    /// Presumes the blind up where VPP holds them above 0, once there is a picture, and again by the fresh one that is
    /// due after every call of this. Returns the frontends concerned, which the caller computes anew.
    pub(super) fn presume_held(&mut self, out: &mut Vec<Action>) -> BTreeSet<u32> {
        let mut touched = BTreeSet::new();
        if !self.presume || !self.dataplane.has_picture() || mutant!(NobodyPresumed) {
            return touched;
        }
        for slot in self.blind.clone() {
            let Some(backend) = self.slot(slot).filter(|backend| backend.is_blind()) else { continue };
            let (name, address, frontends) =
                (backend.name.clone(), backend.address, backend.frontends.clone());
            let mut names = Vec::new();
            for at in frontends {
                let frontend = &mut self.frontends.list_mut()[at as usize];
                if !self.dataplane.holds(frontend.want.vip, address) && !mutant!(PresumedUnheld) {
                    touched.extend(frontend.presumed.remove(&slot).then_some(at));
                } else if frontend.presumed.insert(slot) {
                    names.push(frontend.name.clone());
                    touched.insert(at);
                }
            }
            if !names.is_empty() {
                tell(out, Event::BackendPresumed { backend: name, frontends: names });
            }
        }
        touched
    }

    /// A fresh picture decides who is presumed and who is not.
    pub(super) fn settle_presumption(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.presume_blind(now, out);
        self.presume = false;
        self.blind.clear();
    }

    /// Another VPP process holds nothing of what the presumption was founded on.
    pub(super) fn presume_anew(&mut self, now: Instant, out: &mut Vec<Action>) {
        for at in 0..self.frontends.list().len() {
            let presumed = core::mem::take(&mut self.frontends.list_mut()[at].presumed);
            if !presumed.is_empty() {
                self.blind.extend(presumed);
                self.presume = true;
                self.recompute(u32::try_from(at).unwrap_or(u32::MAX), false, now, out);
            }
        }
    }

    /// Stops the probing of a backend, or begins it anew: a new generation.
    pub(super) fn new_generation(&mut self, slot: u32, now: Instant, out: &mut Vec<Action>) {
        let Some(backend) = self.slot_mut(slot) else { return };
        if let Some(probe) = &mut backend.probe
            && !probe.stale
        {
            probe.stale = true;
            out.push(Action::CancelProbe(ProbeId { slot, number: probe.number }));
        }
        backend.overdue = false;
        if backend.is_probed() {
            // It was just decided to look: look now.
            let busy = backend.probe.is_some();
            backend.overdue = busy;
            let due = (!busy).then_some(now);
            let old = core::mem::replace(&mut backend.due, due);
            self.schedule.set(slot, old, due);
        } else {
            let old = backend.due.take();
            self.schedule.set(slot, old.filter(|_| !mutant!(TimerNotCancelled)), None);
        }
    }
}
