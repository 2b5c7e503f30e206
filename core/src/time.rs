//! Time as the core sees it: a number it is told, never a clock it reads.
//!
//! An [`Instant`] counts from the start of the process, so it can be written into a scenario, ordered, printed and
//! invented in a test. The [`Clock`] trait is what the daemon's loop is generic over.

use core::fmt;
use core::future::Future;
use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// Nanoseconds since the process started; never goes backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instant(u64);

impl Instant {
    /// The start of the process.
    pub const START: Self = Self(0);

    /// The instant `since_start` after the start of the process (at most 584 years).
    pub const fn from_start(since_start: Duration) -> Self {
        Self(saturate(since_start))
    }

    pub(crate) const fn nanos(self) -> u64 {
        self.0
    }

    /// How long after the start of the process this is.
    pub const fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// How long after `earlier` this is; zero if it is not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

const fn saturate(duration: Duration) -> u64 {
    let nanos = duration.as_nanos();
    if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(saturate(rhs)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, rhs: Duration) {
        *self = *self + rhs;
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(saturate(rhs)))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        GoDuration(self.since_start()).fmt(f)
    }
}

/// Where time comes from: the system in production, the simulator's hand in a scenario.
pub trait Clock {
    /// The present instant. Never earlier than what was returned before.
    fn now(&self) -> Instant;

    /// Completes when `at` is reached; at once if it is past.
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send;
}

/// The first of several deadlines of which some are not armed. Asked at every step, so it is a plain loop: the chain of
/// iterator adapters that says the same took a twentieth of a simulation.
#[inline]
pub fn earliest<T: Ord, const N: usize>(deadlines: [Option<T>; N]) -> Option<T> {
    let mut first = None;
    for deadline in deadlines {
        if let Some(at) = deadline
            && first.as_ref().is_none_or(|first| at < *first)
        {
            first = Some(at);
        }
    }
    first
}

/// Prints a duration as Go does, rounded to milliseconds: `5.2s`, `959ms`, `1m30s`, `0s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoDuration(pub Duration);

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = (self.0.as_nanos() + 500_000) / 1_000_000;
        if ms == 0 {
            return f.write_str("0s");
        }
        if ms < 1_000 {
            return write!(f, "{ms}ms");
        }
        let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if ms >= 60_000 {
            write!(f, "{minutes}m")?;
        }
        write!(f, "{}", ms / 1_000 % 60)?;
        let mut fraction = ms % 1_000;
        if fraction > 0 {
            let mut digits = 3;
            while fraction.is_multiple_of(10) {
                fraction /= 10;
                digits -= 1;
            }
            write!(f, ".{fraction:0digits$}")?;
        }
        f.write_str("s")
    }
}
