//! Backends as the engine has them, against the second opinion: states, counters, and when probes start.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use maglev_core::input::Outcome;
use maglev_core::{Action, Config, Event, Input, Instant, ProbeId};

use super::reference::{Kept, Reference, Worth};
use super::spread::Spread;
use super::weights::Weights;
use super::{Step, Watcher};
use crate::oracle::{Ledger, Oracle};

/// Deadlines that do not belong to a backend or a frontend: of warm-up, of the end, and of the conversation with VPP.
const DEADLINES_OF_ITS_OWN: usize = 12;

/// The same local fault is not told of again for so long.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(60);

/// What one process believes of its backends.
#[derive(Clone, Debug)]
pub(super) struct State {
    reference: Reference,
    weights: Weights,
    spread: Spread,
    /// When each local fault was last told of.
    complaints: BTreeMap<String, Instant>,
    /// The wakeup that the last step asked for.
    asked: Option<Instant>,
    stopping: bool,
    exited: bool,
}

impl State {
    pub(super) fn new(config: &Arc<Config>, kept: &Kept) -> Self {
        let mut reference = Reference::new(config);
        Self {
            weights: Weights::new(config, &mut reference, kept),
            reference,
            spread: Spread::default(),
            complaints: BTreeMap::new(),
            asked: None,
            stopping: false,
            exited: false,
        }
    }

    /// What operators chose.
    pub(super) fn kept(&self) -> Kept {
        self.weights.kept(&self.reference)
    }

    fn finished(&mut self, probe: ProbeId, outcome: &Outcome, step: &Step<'_>, ledger: &mut Ledger) {
        let slot = probe.slot;
        match self.reference.finished(probe, outcome, clock(step)) {
            Worth::Conclusive => self.judge_verdict(slot, step, ledger),
            Worth::Stale => {
                let moved = self.disagreement(step);
                ledger.judge(Oracle::Stale, step.now, moved.is_none(), || moved.unwrap_or_default());
            }
            Worth::Inconclusive => {
                let moved = self.disagreement(step);
                ledger.judge(Oracle::Inconclusive, step.now, moved.is_none(), || moved.unwrap_or_default());
                if let Outcome::Inconclusive(fault) = outcome {
                    self.judge_complaint(fault.to_string(), step, ledger);
                }
            }
        }
    }

    /// A local fault is told of once per cause and minute.
    fn judge_complaint(&mut self, fault: String, step: &Step<'_>, ledger: &mut Ledger) {
        let now = clock(step);
        let is_complaint = |action: &Action| matches!(action, Action::Tell(event) if matches!(**event, Event::ProbeInconclusive { .. }));
        let is_told = step.actions.iter().any(is_complaint);
        let is_news = self.complaints.get(&fault).is_none_or(|last| now.since(*last) >= COMPLAINT_PAUSE);
        ledger.judge(Oracle::Complaints, step.now, is_told == is_news, || {
            let how = if is_told { "again within a minute" } else { "by nobody" };
            format!("{fault} was told of {how}")
        });
        if is_news {
            self.complaints.insert(fault, now);
        }
    }

    fn judge_verdict(&self, slot: u32, step: &Step<'_>, ledger: &mut Ledger) {
        let (seat, backend) = (self.reference.seat(slot), step.engine.backend(slot));
        let agrees = match (seat, backend) {
            (Some(seat), Some(backend)) => seat.agrees(backend),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        ledger.judge(Oracle::Verdict, step.now, agrees, || self.words(slot, step));
    }

    fn words(&self, slot: u32, step: &Step<'_>) -> String {
        let expected = self.reference.seat(slot);
        let expected =
            expected.map(|seat| format!("{} should be {} ({})", seat.name, seat.state, seat.counter()));
        let is = step.engine.backend(slot);
        let is = is
            .map(|backend| format!("{} is {} ({})", backend.name, backend.state(), backend.health.counter()));
        format!(
            "{}, {}",
            is.as_deref().unwrap_or("nobody is there"),
            expected.as_deref().unwrap_or("nobody should be")
        )
    }

    /// The first backend that is not as it should be.
    fn disagreement(&self, step: &Step<'_>) -> Option<String> {
        let wrong = |(slot, seat): &(u32, &super::reference::Seat)| {
            step.engine.backend(*slot).is_none_or(|backend| !seat.agrees(backend))
        };
        let (slot, _) = self.reference.seats().find(wrong)?;
        Some(self.words(slot, step))
    }

    /// What the step did, in order: a reload and a command take effect where they are told of.
    #[expect(clippy::wildcard_enum_match_arm, reason = "few events matter here")]
    fn acted(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        let late = self.asked.is_none_or(|asked| asked.since_start() < step.elapsed);
        let mut command =
            if let Input::Commanded { command, .. } = step.input { Some(command) } else { None };
        for action in step.actions {
            match action {
                Action::StartProbe(order) => {
                    let wrong = self.reference.start(order.probe, clock(step), late);
                    ledger.judge(Oracle::Cadence, step.now, wrong.is_none(), || {
                        format!(
                            "probe #{} of {}: {}",
                            order.probe.number,
                            order.address,
                            wrong.unwrap_or_default()
                        )
                    });
                }
                Action::Tell(event) => {
                    self.weights.told(event);
                    match **event {
                        Event::ConfigLoaded { reload: true, .. } => self.reloaded(step, ledger),
                        Event::OperatorCommand { .. } => {
                            if let Some(command) = command.take() {
                                self.reference.command(command, clock(step));
                            }
                        }
                        Event::Stopping => self.stopping = true,
                        _ => (),
                    }
                }
                Action::Exit => self.exited = true,
                Action::CancelProbe(_)
                | Action::Connect(_)
                | Action::Disconnect(_)
                | Action::Call { .. }
                | Action::Keep(_)
                | Action::Answer { .. } => (),
            }
        }
        if let Some(command) = command.filter(|_| !self.stopping) {
            self.reference.command(command, clock(step));
        }
    }

    fn reloaded(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        let wanted = self.weights.before_reload(&self.reference);
        for slot in self.reference.reload(step.engine, clock(step)) {
            let (seat, backend) = (self.reference.seat(slot), step.engine.backend(slot));
            let kept = seat.zip(backend).is_some_and(|(seat, backend)| seat.agrees(backend));
            ledger.judge(Oracle::KnownKept, step.now, kept, || self.words(slot, step));
        }
        self.weights.reloaded(&wanted, step, &self.reference);
    }

    fn judge_due(&self, slot: u32, step: &Step<'_>, ledger: &mut Ledger) {
        let Some(seat) = self.reference.seat(slot).filter(|seat| seat.is_probed()) else { return };
        let now = clock(step);
        let backend = step.engine.backend(slot);
        let due = backend.and_then(|backend| backend.due);
        let holds = match due {
            Some(due) => due.since(now) <= seat.longest() + Duration::from_micros(1),
            None => backend.is_some_and(|backend| backend.probe.is_some()),
        };
        ledger.judge(Oracle::Due, step.now, holds, || match due {
            Some(due) => format!("{} is due in {:?} only", seat.name, due.since(now)),
            None => format!("nobody looks at {} any more", seat.name),
        });
    }

    /// Everything at once, where anything may have changed.
    fn judge_all(&self, step: &Step<'_>, ledger: &mut Ledger) {
        let engine = step.engine;
        let slots =
            self.reference.seats().map(|(slot, _)| slot).chain(engine.backends().map(|(slot, _)| slot));
        for slot in slots {
            self.judge_verdict(slot, step, ledger);
            self.judge_due(slot, step, ledger);
        }
    }

    fn judge_deadlines(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        let (engine, elapsed) = (step.engine, step.elapsed);
        let wakeup = step.wakeup;
        let holds = wakeup.map_or(self.exited, |at| at.since_start() > elapsed);
        ledger.judge(Oracle::Wakeup, step.now, holds, || match wakeup {
            Some(at) => format!("the next wakeup is at {at}, and it is {}", clock(step)),
            None => "the engine lives and never wants to be woken".to_owned(),
        });
        self.asked = wakeup;
        // Probes are armed one by one; what may pile up does so when deadlines are handled.
        if matches!(step.input, Input::ProbeFinished { .. } | Input::VppReplied { .. }) {
            return;
        }
        let config = engine.config();
        let bound = config.backends().len() + 2 * config.frontends().len() + DEADLINES_OF_ITS_OWN;
        let armed = engine.deadlines().count();
        ledger.judge(Oracle::Deadlines, step.now, armed <= bound, || {
            format!("{armed} deadlines are armed, {bound} are enough")
        });
    }
}

/// The engine's own time.
const fn clock(step: &Step<'_>) -> Instant {
    Instant::from_start(step.elapsed)
}

impl Watcher for State {
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        let was_stopping = self.stopping;
        self.weights.deadlines(step, &self.reference);
        if let Input::ProbeFinished { probe, outcome, .. } = step.input
            && !was_stopping
        {
            self.finished(*probe, outcome, step, ledger);
        }
        if matches!(step.input, Input::Remembered(_)) {
            self.reference.recalled(clock(step));
        }
        self.acted(step, ledger);
        self.spread.step(step, ledger);
        self.judge_deadlines(step, ledger);
        if self.stopping {
            return;
        }
        for action in step.actions {
            if let Action::StartProbe(order) = action {
                self.judge_due(order.probe.slot, step, ledger);
            }
        }
        match step.input {
            Input::ProbeFinished { probe, .. } => self.judge_due(probe.slot, step, ledger),
            Input::VppReplied { .. } | Input::WakeupDue | Input::Kept(_) => (),
            Input::VppConnected { .. }
            | Input::VppDisconnected { .. }
            | Input::ConfigLoaded { .. }
            | Input::ConfigRejected { .. }
            | Input::Commanded { .. }
            | Input::Remembered(_)
            | Input::ShutdownRequested => self.judge_all(step, ledger),
        }
        self.weights.step(step, &self.reference, ledger);
    }
}
