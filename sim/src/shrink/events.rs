//! Fewer events, at rounder times.

use core::time::Duration;

use maglev_core::Instant;

use super::Shrinker;
use crate::plot::Plot;
use crate::script::{Behaviour, Calls, DaemonChange, FaultKind, Happening, VppChange};

impl Shrinker<'_, '_> {
    /// Drops events: halves first, then smaller and smaller pieces.
    pub(super) fn events(&mut self) {
        let mut piece = self.plot.scenario.events.len();
        while piece > 0 {
            let mut at = 0;
            while at < self.plot.scenario.events.len() {
                let end = (at + piece).min(self.plot.scenario.events.len());
                let gone = self.try_with(|plot| {
                    plot.scenario.events.drain(at..end);
                });
                // What came after a piece that is gone stands where the piece stood.
                if !gone {
                    at = end;
                }
            }
            piece /= 2;
        }
    }

    /// Makes what is left plainer.
    pub(super) fn plainer(&mut self) {
        for at in 0..self.plot.scenario.events.len() {
            for simpler in simpler(&self.plot.scenario.events[at].happening) {
                if self.try_with(|plot| plot.scenario.events[at].happening = simpler) {
                    break;
                }
            }
        }
        self.try_with(|plot| {
            if let Some(conclusion) = &mut plot.scenario.conclusion {
                conclusion.restart = false;
            }
        });
        for seed in [0, 1, 2, 3] {
            if self.plot.scenario.seed <= seed || self.try_with(|plot| plot.scenario.seed = seed) {
                break;
            }
        }
    }

    /// Pulls times together and rounds them.
    pub(super) fn times(&mut self) {
        for at in 0..self.plot.scenario.events.len() {
            let before = at.checked_sub(1).map_or(Instant::START, |at| self.plot.scenario.events[at].at);
            let here = self.plot.scenario.events[at].at;
            // All that follows comes as much earlier.
            let _ = self.try_with(|plot| shift(plot, at, here.since(before)))
                || self.try_with(|plot| plot.scenario.events[at].at = before)
                || self.round(at, before);
        }
        let last = self.plot.scenario.events.last().map_or(Instant::START, |event| event.at);
        for rest in [0, 1, 5, 30] {
            let end = last + Duration::from_secs(rest);
            if end >= self.plot.scenario.until || self.try_with(|plot| finish(plot, end)) {
                break;
            }
        }
        // A whole second stays: an end that moves each time is no end.
        let end = self.plot.scenario.until.since_start();
        let up = Duration::from_secs(end.as_secs() + u64::from(end.subsec_nanos() > 0));
        self.try_with(|plot| finish(plot, Instant::from_start(up)));
    }

    fn round(&mut self, at: usize, not_before: Instant) -> bool {
        let here = self.plot.scenario.events[at].at;
        let next = self.plot.scenario.events.get(at + 1).map_or(self.plot.scenario.until, |event| event.at);
        let ms = u64::try_from(here.since_start().as_millis()).unwrap_or(u64::MAX);
        [1_000, 500, 100, 10].into_iter().any(|unit| {
            let down = Instant::from_start(Duration::from_millis(ms / unit * unit));
            let up = Instant::from_start(Duration::from_millis(ms.div_ceil(unit) * unit));
            let is_round = down == here;
            is_round
                || (down >= not_before && self.try_with(|plot| plot.scenario.events[at].at = down))
                || (up <= next && self.try_with(|plot| plot.scenario.events[at].at = up))
        })
    }
}

/// Everything from the event on comes earlier.
fn shift(plot: &mut Plot, from: usize, by: Duration) {
    for event in &mut plot.scenario.events[from..] {
        event.at = event.at - by;
    }
    let end = plot.scenario.until - by;
    finish(plot, end);
}

fn finish(plot: &mut Plot, end: Instant) {
    plot.scenario.until = end;
    if let Some(conclusion) = &mut plot.scenario.conclusion {
        conclusion.from = end;
    }
}

/// What might do as well, the plainest first.
fn simpler(happening: &Happening) -> Vec<Happening> {
    match happening {
        Happening::Backend { who, behaviour } => {
            let plain = [Behaviour::Up, Behaviour::Refuse, Behaviour::Silent];
            let plainer = plain.into_iter().take_while(|plain| plain != behaviour);
            plainer.map(|behaviour| Happening::Backend { who: who.clone(), behaviour }).collect()
        }
        Happening::Vpp(change) => {
            let plain = [VppChange::Up, VppChange::DropLink, VppChange::Restart, VppChange::Away];
            plain.into_iter().take_while(|plain| plain != change).map(Happening::Vpp).collect()
        }
        Happening::Fault(fault) => {
            let mut faults = Vec::new();
            for nth in (1..fault.nth).take(12) {
                faults.push(Happening::Fault(crate::script::Fault { nth, ..*fault }));
            }
            if fault.calls != Calls::Writes {
                faults.push(Happening::Fault(crate::script::Fault { calls: Calls::Writes, ..*fault }));
            }
            if matches!(fault.kind, FaultKind::Refuse(code) if code != -6) {
                faults.push(Happening::Fault(crate::script::Fault { kind: FaultKind::Refuse(-6), ..*fault }));
            }
            faults
        }
        Happening::Reload { config, forced } => {
            let plain = |config: &str, forced: bool| Happening::Reload { config: config.into(), forced };
            let mut plainer = Vec::new();
            if config != crate::script::FIRST_CONFIG {
                plainer.push(plain(crate::script::FIRST_CONFIG, *forced));
            }
            if *forced {
                plainer.push(plain(config, false));
            }
            plainer
        }
        Happening::Daemon(change) => {
            let plain = [DaemonChange::Restart(None), DaemonChange::Kill];
            plain.into_iter().take_while(|plain| plain != change).map(Happening::Daemon).collect()
        }
        Happening::Traffic { frontend, flows } if *flows > 1 => {
            vec![Happening::Traffic { frontend: frontend.clone(), flows: 1 }]
        }
        Happening::Traffic { .. }
        | Happening::Foreign(_)
        | Happening::ReloadInvalid(_)
        | Happening::Operator(_)
        | Happening::Choices(_)
        | Happening::Expect(_) => Vec::new(),
    }
}
