//! The gates of warm-up, watched from outside: nothing is written before its gate is open.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use maglev_core::model::{Request, VipKey};
use maglev_core::warmup::Phase;
use maglev_core::{Action, Command, Config, Event, GoDuration, Input};

use super::{Step, Watcher, vip_named};
use crate::oracle::{Ledger, Oracle};

/// What one process may write.
#[derive(Clone, Debug)]
pub(super) struct Gates {
    /// The one in force; within a step, where the events have come to.
    config: Arc<Config>,
    hands_off: Duration,
    max: Duration,
    released: BTreeSet<VipKey>,
    over: bool,
    stopping: bool,
    late: bool,
    /// Before this step.
    was_hands_off: bool,
}

impl Gates {
    pub(super) fn new(config: &Arc<Config>) -> Self {
        let lb = config.lb();
        let warms_up = !lb.startup_max_delay.is_zero();
        Self {
            config: config.clone(),
            hands_off: if warms_up { lb.startup_min_delay.min(lb.startup_max_delay) } else { Duration::ZERO },
            max: lb.startup_max_delay,
            released: BTreeSet::new(),
            over: !warms_up,
            stopping: false,
            late: false,
            was_hands_off: warms_up,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "only the events of the gates matter here")]
    fn told(&mut self, event: &Event, step: &Step<'_>, ledger: &mut Ledger) {
        match event {
            Event::WarmupRelease { frontend, .. } => {
                let vip = vip_named(&self.config, frontend);
                let is_first = vip.is_some_and(|vip| self.released.insert(vip));
                ledger.judge(Oracle::Once, step.now, is_first, || {
                    format!("{frontend} was released twice, or does not exist")
                });
            }
            Event::WarmupComplete { .. } | Event::WarmupMaxDelay { .. } => self.over = true,
            Event::Suppressed { frontend, .. } => {
                let vip = vip_named(&self.config, frontend);
                let is_open = self.over || vip.is_some_and(|vip| self.released.contains(&vip));
                ledger.judge(Oracle::GateTold, step.now, !is_open, || {
                    format!("an update of {frontend} is held back, and its gate is open")
                });
            }
            Event::ConfigLoaded { reload: true, .. } => self.config = step.engine.config().clone(),
            Event::Stopping => self.stopping = true,
            _ => (),
        }
    }

    /// Gates open with a word: releases are told, and nothing else opens one before warm-up is over.
    fn judge_silence(&self, step: &Step<'_>, ledger: &mut Ledger) {
        let warmup = step.engine.warmup();
        if !matches!(step.input, Input::ConfigLoaded { .. }) || warmup.phase() != Phase::Release {
            return;
        }
        let mut vips = self.config.frontends().iter().map(|frontend| frontend.vip);
        let silent = vips.find(|vip| warmup.is_open(*vip) && !self.released.contains(vip));
        ledger.judge(Oracle::GateTold, step.now, silent.is_none(), || {
            format!(
                "the gate of {} opened without a word",
                silent.map(|vip| vip.to_string()).unwrap_or_default()
            )
        });
    }

    fn judge_refusals(&self, step: &Step<'_>, ledger: &mut Ledger) {
        let is_hands_off = self.was_hands_off && step.elapsed < self.hands_off;
        if let Input::Commanded { command: Command::Sync { .. }, .. } = step.input
            && is_hands_off
        {
            let refused =
                step.actions.iter().any(|action| matches!(action, Action::Answer { result: Err(_), .. }));
            ledger.judge(Oracle::Refuses, step.now, refused, || "a sync in hands-off was accepted".into());
        }
        if let Input::ConfigLoaded { config, forced: false } = step.input
            && config.frontends().is_empty()
            && !self.config.frontends().is_empty()
            && !self.stopping
        {
            let kept = !step.engine.config().frontends().is_empty();
            ledger.judge(Oracle::Refuses, step.now, kept, || "a file without frontends was accepted".into());
        }
    }

    fn call(&self, request: &Request, step: &Step<'_>, ledger: &mut Ledger) {
        let Request::Write(write) = request else { return };
        let elapsed = step.elapsed;
        ledger.judge(Oracle::HandsOff, step.now, elapsed >= self.hands_off, || {
            format!("{write} was sent {} after the start", GoDuration(elapsed))
        });
        let open = match write.vip() {
            None => self.over || !self.released.is_empty(),
            Some(vip) => self.over || self.released.contains(&vip),
        };
        ledger.judge(Oracle::Unreleased, step.now, open, || {
            format!("{write} was sent at {} through a closed gate", GoDuration(elapsed))
        });
    }
}

impl Watcher for Gates {
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        self.judge_refusals(step, ledger);
        for action in step.actions {
            match action {
                Action::Tell(event) => self.told(event, step, ledger),
                Action::Call { request, .. } => self.call(request, step, ledger),
                Action::StartProbe(_)
                | Action::CancelProbe(_)
                | Action::Connect(_)
                | Action::Disconnect(_)
                | Action::Keep(_)
                | Action::Answer { .. }
                | Action::Exit => (),
            }
        }
        self.judge_silence(step, ledger);
        let warmup = step.engine.warmup();
        if warmup.phase() == Phase::Release && !warmup.is_final() && !self.stopping {
            let mut list = step.engine.frontends().list().iter();
            let waits = list.find(|frontend| frontend.unknown == 0 && !warmup.is_open(frontend.vip()));
            ledger.judge(Oracle::WhenKnown, step.now, waits.is_none(), || {
                format!(
                    "{} waits for nobody",
                    waits.map(|frontend| frontend.name.as_str()).unwrap_or_default()
                )
            });
        }
        self.was_hands_off = warmup.phase() == Phase::HandsOff;
        let shut = self.released.iter().find(|vip| !warmup.is_open(**vip));
        if !self.released.is_empty() || self.over {
            let is_open = shut.is_none() && (!self.over || warmup.phase() == Phase::Over);
            ledger.judge(Oracle::StayOpen, step.now, is_open, || match shut {
                Some(vip) => format!("the gate of {vip} was closed again"),
                None => "warm-up was over and is not".into(),
            });
        }
        // Judged once, at the first step after the deadline: a stalled daemon makes its step later.
        if !self.late && !self.stopping && step.elapsed >= self.max {
            self.late = true;
            ledger.judge(Oracle::ReleasedByMax, step.now, self.over, || {
                format!("warm-up is not over {} after the start", GoDuration(step.elapsed))
            });
        }
    }
}
