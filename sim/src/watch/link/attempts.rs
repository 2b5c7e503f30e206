//! The pauses between attempts to connect: they double, up to a ceiling, and only a complete sync makes them short again.

use core::time::Duration;

use maglev_core::{GoDuration, Instant};

use crate::oracle::{Ledger, Oracle};

/// The first pause, and the longest; a VPP without the plugin gets that at once.
const FIRST: Duration = Duration::from_millis(100);
const CEILING: Duration = Duration::from_secs(5);

/// What jitter takes off a pause at most.
const JITTER: f64 = 0.1;

/// What is known of the pauses of one process.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempts {
    /// Ends of connections since the last complete sync, at least and at most.
    failures: (u32, u32),
    /// The next attempt comes between these.
    next: (Instant, Instant),
}

fn pause(failures: u32) -> Duration {
    (FIRST * (1 << failures.min(6))).min(CEILING)
}

impl Attempts {
    pub(super) const fn latest(&self) -> Instant {
        self.next.1
    }

    pub(super) fn ended(&mut self, now: Instant, incompatible: bool) {
        let (least, most) = self.failures;
        let (shortest, longest) = if incompatible { (CEILING, CEILING) } else { (pause(least), pause(most)) };
        self.next = (now + shortest.mul_f64(1.0 - JITTER), now + longest);
        self.failures = (least + 1, most + 1);
    }

    /// After a step: VPP is as wanted. A process that stops has other things to do than to note it, and who is just
    /// reading VPP may wait for the end of that.
    pub(super) const fn synced(&mut self, is_synced: bool, is_noted: bool) {
        if is_synced {
            self.failures.0 = 0;
            if is_noted {
                self.failures.1 = 0;
            }
        }
    }

    /// An attempt is made.
    pub(super) fn judge(&self, now: Instant, at: Instant, ledger: &mut Ledger) {
        // A nanosecond may be lost in rounding.
        let early = self.next.0.since(now + Duration::from_nanos(1));
        ledger.judge(Oracle::Attempts, at, early.is_zero(), || {
            format!("the next attempt comes {} too early", GoDuration(early))
        });
    }
}
