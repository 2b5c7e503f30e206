//! How a process behaves around a reload and at its end.

use core::time::Duration;
use std::collections::BTreeSet;

use maglev_core::model::{Reply, Request, VipKey};
use maglev_core::{Action, Event, GoDuration, Input, Instant};

use super::units::Units;
use super::{Step, Watcher, frontend_named};
use crate::oracle::{Ledger, Oracle};

/// SIGTERM gives what is under way this long.
const END_LIMIT: Duration = Duration::from_secs(1);

/// The life of one process.
#[derive(Clone, Debug, Default)]
pub(super) struct Process {
    units: Units,
    /// When SIGTERM came, on the engine's clock.
    stopped: Option<Instant>,
    /// VIPs whose recreate has begun on this connection, with this file, and met no refusal.
    begun: BTreeSet<VipKey>,
    /// Nothing was under way after the last step.
    idle: bool,
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
        let in_time =
            matches!(step.input, Input::WakeupDue) && step.elapsed <= (since + END_LIMIT).since_start();
        self.judge_rest(in_time && self.idle, step, ledger);
        self.judge_limit(since, step, ledger);
    }

    /// If the process ends here, what a recreate took down is there again, unless VPP had no time for it.
    fn judge_rest(&self, had_time: bool, step: &Step<'_>, ledger: &mut Ledger) {
        let ends = step.actions.iter().any(|action| matches!(action, Action::Exit));
        let dataplane = step.engine.dataplane();
        if !ends || dataplane.held_back().next().is_some() {
            return;
        }
        for vip in &self.begun {
            let Some(frontend) = step.engine.frontends().find(*vip) else { continue };
            let seen = dataplane.seen(*vip);
            let holds = |server| seen.is_some_and(|seen| seen.weight(server).is_some());
            let is_whole = seen.is_some() && frontend.want.servers.iter().all(|server| holds(server.address));
            if is_whole || had_time {
                ledger.judge(Oracle::UnitFinished, step.now, is_whole, || {
                    format!("the recreate of {vip} is left half done, and VPP had time for more")
                });
            }
        }
    }

    /// Which recreates have begun, and may be expected to be finished.
    fn follow(&mut self, step: &Step<'_>) {
        let is_lost = |action: &Action| matches!(action, Action::Disconnect(_));
        let is_over = matches!(
            step.input,
            Input::VppDisconnected { .. }
                | Input::VppReplied { reply: Reply::Refused(_) | Reply::NotSent(_), .. }
        );
        if is_over || step.engine.dataplane().is_quiet() || step.actions.iter().any(is_lost) {
            self.begun.clear();
        }
        for action in step.actions {
            let Action::Tell(event) = action else { continue };
            if let Event::Recreate { frontend, .. } = &**event {
                self.begun.extend(frontend_named(step, frontend));
            } else if matches!(**event, Event::ConfigLoaded { .. }) {
                self.begun.clear();
            }
        }
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
        self.follow(step);
        if let Some(since) = self.stopped {
            self.judge_end(since, step, ledger);
            self.idle = step.engine.dataplane().open_calls().len() == 0;
            return;
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
