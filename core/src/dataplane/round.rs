//! A sync-all: every frontend whose gate is open, and at its end the strangers.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::config::Strangers;
use crate::event::{Cause, Event};
use crate::time::Instant;
use crate::warmup::Phase;

use super::reading::Reading;
use super::{Context, Dataplane, tell};

/// A sync-all under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Round {
    pub cause: Cause,
    pub began: Instant,
    pub calls: u64,
    /// Strangers are removed at its end.
    pub sweeps: bool,
    pub swept: bool,
}

impl Dataplane {
    /// Begins a sync of everything whose gate is open.
    pub(super) fn begin_round(&mut self, ctx: &Context<'_>, cause: Cause, out: &mut Vec<Action>) {
        for frontend in ctx.frontends.list() {
            let key = frontend.vip();
            if ctx.warmup.is_open(key)
                && !(mutant!(AwayReleaseForgotten) && ctx.warmup.phase() == Phase::Release)
            {
                self.mark(ctx, key, cause);
            }
        }
        let early = mutant!(StrangersInWarmup) && ctx.warmup.phase() == Phase::Release;
        if ctx.warmup.phase() != Phase::Over && !early {
            return;
        }
        let may_sweep = !ctx.frontends.is_empty() || ctx.emptied || mutant!(EmptyStartSweeps);
        let calls = self.round.as_ref().map_or(0, |round| round.calls);
        let began = self.round.as_ref().map_or(ctx.now, |round| round.began);
        self.round = Some(Round { cause, began, calls, sweeps: may_sweep, swept: false });
        self.drift_at = None;
        // A drift check that finds nothing is not worth a line.
        if cause != Cause::Interval {
            tell(out, Event::SyncStart { frontend: None, cause });
        }
    }

    /// Whether a stranger may be deleted now.
    pub(super) fn may_remove(&self, ctx: &Context<'_>) -> bool {
        ctx.lb.strangers == Strangers::Delete && self.round.as_ref().is_some_and(|round| round.sweeps)
    }

    /// After everything else, the strangers.
    pub(super) fn sweep(&mut self, ctx: &Context<'_>, out: &mut Vec<Action>) {
        let due = self.round.as_ref().is_some_and(|round| round.sweeps && !round.swept);
        if !due || !self.dirty.is_empty() || !self.window.is_empty() {
            return;
        }
        if let Some(round) = &mut self.round {
            round.swept = true;
        }
        if !mutant!(StrangersStay) {
            self.doom_strangers(ctx, out);
        }
        self.pump_ready(ctx, out);
    }

    pub(super) fn finish_round(&mut self, ctx: &Context<'_>, out: &mut Vec<Action>) {
        if !self.dirty.is_empty() || !self.window.is_empty() {
            return;
        }
        let synced = ctx.warmup.phase() != Phase::HandsOff && matches!(self.reading, Reading::Idle);
        if synced && !mutant!(BackoffNotReset) {
            self.link.synced();
        }
        let done = self.round.as_ref().is_some_and(|round| !round.sweeps || round.swept);
        if !done {
            return;
        }
        let Some(round) = self.round.take() else { return };
        let early = ctx.now.since_start().subsec_nanos() * u32::from(mutant!(DriftAtWholeSeconds));
        self.drift_at = Some(ctx.now + ctx.lb.sync_interval - Duration::from_nanos(early.into()));
        let late: Vec<String> = self.out_of_sync().filter_map(|(key, _, _)| ctx.name(key)).collect();
        let took = ctx.now.since(round.began);
        if late.is_empty() {
            self.round_error = None;
            if round.cause != Cause::Interval || round.calls > 0 {
                tell(out, Event::SyncDone { frontend: None, calls: round.calls, took });
            }
        } else {
            // A drift check that finds the same as the one before is not worth a line.
            let err = alloc::format!("out of sync: {}", late.join(", "));
            if self.round_error.as_ref() != Some(&err) || round.cause != Cause::Interval {
                tell(out, Event::SyncError { err: err.clone() });
            }
            self.round_error = Some(err);
        }
    }
}
