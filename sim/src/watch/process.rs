//! How a process behaves around a reload and at its end.

use core::time::Duration;

use maglev_core::model::Request;
use maglev_core::{Action, Event, GoDuration, Instant};

use super::units::Units;
use super::{Step, Watcher};
use crate::oracle::{Ledger, Oracle};

/// SIGTERM gives what is under way this long.
const END_LIMIT: Duration = Duration::from_secs(1);

/// The life of one process.
#[derive(Clone, Debug, Default)]
pub(super) struct Process {
    units: Units,
    /// When SIGTERM came, on the engine's clock.
    stopped: Option<Instant>,
}

impl Process {
    fn judge_end(&self, since: Instant, step: &Step<'_>, ledger: &mut Ledger) {
        for action in step.actions {
            if let Action::Call { request: Request::Write(write), .. } = action {
                let is_rest = write.vip().is_some_and(|vip| self.units.is_under_way(vip.prefix));
                ledger.judge(Oracle::Shutdown, step.now, is_rest, || {
                    format!("{write} was sent after SIGTERM, and belongs to no recreate")
                });
            }
        }
        self.judge_limit(since, step, ledger);
    }

    /// It ends, or will at the end of its second at the latest.
    fn judge_limit(&self, since: Instant, step: &Step<'_>, ledger: &mut Ledger) {
        let ends = step.actions.iter().any(|action| matches!(action, Action::Exit));
        let limit = since + END_LIMIT;
        let will_end = step.elapsed < limit.since_start() && step.wakeup.is_some_and(|at| at <= limit);
        ledger.judge(Oracle::Shutdown, step.now, ends || will_end, || {
            let lasts = step.elapsed.saturating_sub(since.since_start());
            let next = step.wakeup.map(|at| at.to_string()).unwrap_or_default();
            format!("the process lives on {} after SIGTERM, and then until {next}", GoDuration(lasts))
        });
    }
}

impl Watcher for Process {
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        self.units.step(step);
        if let Some(since) = self.stopped {
            return self.judge_end(since, step, ledger);
        }
        for action in step.actions {
            let Action::Tell(event) = action else { continue };
            if matches!(**event, Event::ConfigLoaded { reload: true, .. }) {
                let early = step.engine.dataplane().is_quiet();
                ledger.judge(Oracle::InSyncEarly, step.now, !early, || {
                    "in sync at once after a reload, before VPP was looked at".to_owned()
                });
            }
            // What this very step sent before was sent before the signal.
            if matches!(**event, Event::Stopping) {
                let since = Instant::from_start(step.elapsed);
                self.stopped = Some(since);
                self.judge_limit(since, step, ledger);
            }
        }
    }
}
