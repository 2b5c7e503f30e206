//! Warm-up: hands off VPP until we know enough to do no harm.
//!
//! Right after a restart no backend has a verdict yet. Programming that ignorance would empty a table that served well
//! without us, so the first move waits for facts or for a deadline.
//!
//! ```text
//!  0            min                                   max
//!  ├─ hands off ─┼─ release: a frontend at a time ──────┼─ over: everything, once
//!                └──────── all released early ──► over
//! ```
//!
//! The clock is the process's: neither a reconnect nor a reload resets it. The phase follows from the clock and from
//! the releases alone, never from a connection or the success of a call.

use alloc::collections::BTreeSet;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::VipKey;
use crate::time::Instant;

/// Where warm-up stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// Nothing is written to VPP.
    HandsOff,
    /// Frontends whose backends are all known are written.
    Release,
    /// Everything is.
    Over,
}

impl Phase {
    /// As in logs and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::HandsOff => "hands-off",
            Self::Release => "release",
            Self::Over => "over",
        }
    }
}

/// A deadline of warm-up that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    /// The process started; warm-up begins.
    Started,
    /// The process started without warm-up.
    Skipped,
    /// Hands off no longer.
    MinDelay,
    /// The last deadline; `straggling` tells whether the gates were still closed.
    MaxDelay {
        /// Whether warm-up was not over before.
        straggling: bool,
    },
}

/// The gates.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Warmup {
    min: Duration,
    max: Duration,
    phase: Phase,
    /// When the phase began.
    since: Instant,
    released: BTreeSet<VipKey>,
    begun: bool,
    /// The max-delay milestone has been passed, or never comes.
    closed: bool,
}

impl Warmup {
    /// Latches both delays: values of later configurations do not take effect before a restart.
    pub const fn new(min: Duration, max: Duration) -> Self {
        Self {
            min,
            max,
            phase: Phase::HandsOff,
            since: Instant::START,
            released: BTreeSet::new(),
            begun: false,
            closed: false,
        }
    }

    /// The latched delays: min and max.
    pub const fn delays(&self) -> (Duration, Duration) {
        (self.min, self.max)
    }

    /// Where it stands.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// When that phase began.
    pub const fn since(&self) -> Instant {
        self.since
    }

    /// When the phase ends at the latest; `None` when it is over, or when no deadline comes any more.
    pub fn until(&self) -> Option<Instant> {
        self.deadline().filter(|_| self.phase != Phase::Over)
    }

    /// Frontends released by name, in key order.
    pub fn released(&self) -> impl ExactSizeIterator<Item = VipKey> {
        self.released.iter().copied()
    }

    /// Whether frontend `vip` may be written.
    pub fn is_open(&self, vip: VipKey) -> bool {
        match self.phase {
            Phase::HandsOff => mutant!(HandsOffIgnored),
            Phase::Release => self.released.contains(&vip),
            Phase::Over => true,
        }
    }

    /// Whether `vip` was released by name, which lasts for ever.
    pub fn is_released(&self, vip: VipKey) -> bool {
        self.released.contains(&vip)
    }

    /// The next deadline.
    pub fn deadline(&self) -> Option<Instant> {
        if !self.begun {
            Some(Instant::START)
        } else if self.closed {
            None
        } else if self.phase == Phase::HandsOff {
            Some(Instant::from_start(self.min.min(self.max)))
        } else {
            Some(Instant::from_start(self.max))
        }
    }

    /// Passes one deadline, if one has come. Call until it returns `None`.
    pub fn advance(&mut self, now: Instant) -> Option<Milestone> {
        if self.deadline().is_none_or(|at| at > now) {
            return None;
        }
        if !self.begun {
            self.begun = true;
            if self.max.is_zero() {
                self.phase = Phase::Over;
                self.closed = true;
                return Some(Milestone::Skipped);
            }
            return Some(Milestone::Started);
        }
        // With min = max both milestones come at one instant; `is_final` keeps anybody from being released between.
        if self.phase == Phase::HandsOff {
            self.phase = Phase::Release;
            self.since = now;
            return Some(Milestone::MinDelay);
        }
        let straggling = self.phase != Phase::Over;
        self.since = if straggling { now } else { self.since };
        self.phase = if mutant!(MaxDelayEndsNothing) { self.phase } else { Phase::Over };
        self.closed = true;
        Some(Milestone::MaxDelay { straggling })
    }

    /// Whether the release phase has no duration: min = max goes straight to the sync-all.
    pub fn is_final(&self) -> bool {
        self.min >= self.max
    }

    /// Opens the gate of one frontend for ever. Only in the release phase; tells whether this changed anything.
    pub fn release(&mut self, vip: VipKey) -> bool {
        self.phase == Phase::Release
            && !self.is_final()
            && (self.released.insert(vip) || mutant!(ReleasedTwice))
    }

    /// Ends the release phase early, because every frontend has been released.
    pub fn complete(&mut self, now: Instant) {
        self.phase = Phase::Over;
        self.since = now;
    }

    /// The process stops: no deadline comes any more and no gate opens.
    pub const fn stop(&mut self) {
        self.closed = true;
        self.begun = true;
    }
}

#[cfg(test)]
mod tests;
