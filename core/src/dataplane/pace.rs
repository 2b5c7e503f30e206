//! Flushes are dear: each scans every worker's flow table with the workers stopped.
//!
//! When more than eight are due, all weights go first, then the flushes one at a time, so spaced that they take at
//! most a fifth of VPP's time by measured replies.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::model::{Flows, VipKey, Write};
use crate::reconcile;
use crate::time::Instant;

use super::{Context, Dataplane};

/// Flushes that may go out without pacing.
const FLUSHES_AT_ONCE: usize = 8;

/// A fifth of VPP's time: after one part of work, four parts of rest.
pub(super) fn rest_after(work: Duration) -> Duration {
    work.saturating_mul(4 * u32::from(!mutant!(VppNeverRests)))
}

/// Counts and spaces the due flushes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Pace {
    total: usize,
    /// More were due than may go at once; stays until all are done.
    slow: bool,
    /// VIPs that have nothing left to send but flushes.
    queue: BTreeSet<(bool, VipKey)>,
    not_before: Instant,
    /// VPP has rested long enough since the last flush.
    rested: bool,
}

impl Pace {
    pub(super) fn next_at(&self) -> Option<Instant> {
        (!self.rested && !self.queue.is_empty()).then_some(self.not_before)
    }

    pub(super) const fn not_before(&self) -> Instant {
        self.not_before
    }

    pub(super) const fn is_slow(&self) -> bool {
        self.slow
    }

    pub(super) fn replied(&mut self, write: &Write, sent: Instant, now: Instant) {
        let flushes = matches!(
            write,
            Write::FlushVip { .. }
                | Write::SetWeight { flows: Flows::Flush, .. }
                | Write::DelAs { flows: Flows::Flush, .. }
        );
        if flushes && self.slow {
            self.not_before = now + rest_after(now.since(sent));
            self.rested = false;
        }
    }

    /// Nobody waits for VPP to have rested: no paced flush is sent any more.
    pub(super) fn give_up(&mut self) {
        self.queue.clear();
    }

    fn counted(&mut self, before: usize, after: usize) {
        self.total = (self.total + after).saturating_sub(before);
        if self.total > FLUSHES_AT_ONCE && !mutant!(FlushesNotPaced) {
            self.slow = true;
        } else if self.total == 0 {
            self.slow = false;
        }
    }
}

impl Dataplane {
    /// Notes that VPP has rested. True if it should be asked again.
    pub(super) fn advance_pace(&mut self, ctx: &Context<'_>) -> bool {
        let due = self.pace.next_at().is_some_and(|at| at <= ctx.now);
        self.pace.rested |= due;
        due
    }

    /// Counts the flushes of one VIP anew.
    pub(super) fn recount(&mut self, ctx: &Context<'_>, key: VipKey) {
        let Some(vip) = self.vips.get(&key) else { return };
        let due = match (ctx.frontends.find(key), vip.doom) {
            // Behind a closed gate nothing is due, and nobody's flush waits for it.
            (Some(frontend), None) if ctx.warmup.is_open(key) => {
                reconcile::flushes_due(&Self::facts(vip, &frontend.want, false, 0))
            }
            (None, Some(doom)) if !vip.unit => usize::from(!doom.flushed),
            (Some(_) | None, _) => 0,
        };
        let before = vip.flushes;
        self.pace.counted(before, due);
        if let Some(vip) = self.vips.get_mut(&key) {
            vip.flushes = due;
        }
    }

    pub(super) fn recount_all(&mut self, ctx: &Context<'_>) {
        let was_slow = self.pace.slow;
        self.pace.total = 0;
        for vip in self.vips.values_mut() {
            vip.flushes = 0;
        }
        let keys: Vec<VipKey> = self.vips.keys().copied().collect();
        for key in keys {
            self.recount(ctx, key);
        }
        // Those that are counted first may have none, and the rest are still the rest of many.
        self.pace.slow |= was_slow && self.pace.total > 0;
    }

    /// This VIP has nothing left to send but flushes.
    pub(super) fn queue_flush(&mut self, urgent: bool, key: VipKey) {
        self.pace.queue.insert((!urgent, key));
    }

    /// Sends one paced flush, when all weights are out and VPP has rested.
    pub(super) fn pump_flush(&mut self, ctx: &Context<'_>, out: &mut Vec<Action>) {
        if !self.ready.is_empty() || !self.window.is_empty() || self.pace.not_before > ctx.now {
            return;
        }
        while let Some((_, key)) = self.pace.queue.pop_first() {
            if !self.dirty.contains(&key) {
                continue;
            }
            let Some(vip) = self.vips.get(&key) else { continue };
            let next = match (ctx.frontends.find(key), vip.doom) {
                (Some(frontend), None) => reconcile::next_flush(&Self::facts(vip, &frontend.want, true, 1)),
                (_, Some(_)) => self.next_doom_flush(key),
                (None, None) => None,
            };
            if let Some((stage, write)) = next {
                if self.is_quarantined(&write) {
                    self.hold_back(ctx, key, &write, out);
                    continue;
                }
                self.write(ctx, key, &write, stage, out);
                self.recount(ctx, key);
                return;
            }
            // Something else is due there now, or nothing.
            self.wake(key);
        }
    }
}
