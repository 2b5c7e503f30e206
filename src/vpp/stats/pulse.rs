//! Whether VPP still counts: its heartbeat must move.
//!
//! The interval between two beats is a setting of VPP that the segment does not tell, so it is learnt: ten seconds,
//! VPP's default, or what was seen if that is longer.

use std::time::Duration;

use maglev_core::Instant;

/// VPP's `update-interval` when nobody sets it.
const INTERVAL: Duration = Duration::from_secs(10);

/// What was seen of one segment's heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    first: (u64, Instant),
    last: (u64, Instant),
}

impl Pulse {
    /// Begins with the first beat seen.
    pub fn new(heartbeat: u64, now: Instant) -> Self {
        Self { first: (heartbeat, now), last: (heartbeat, now) }
    }

    /// Takes what was read now, and tells whether the segment is stale: the heartbeat has stood still for more than
    /// 2.5 intervals.
    pub fn is_stale(&mut self, heartbeat: u64, now: Instant) -> bool {
        if heartbeat < self.last.0 {
            // VPP never counts down; another process wrote this.
            *self = Self::new(heartbeat, now);
        }
        if heartbeat > self.last.0 {
            self.last = (heartbeat, now);
        }
        now.since(self.last.1) > self.interval() * 5 / 2
    }

    fn interval(&self) -> Duration {
        let beats = u32::try_from(self.last.0 - self.first.0).unwrap_or(u32::MAX);
        let learnt = self.last.1.since(self.first.1).checked_div(beats).unwrap_or_default();
        learnt.max(INTERVAL)
    }
}
