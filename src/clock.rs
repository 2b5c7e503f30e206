//! The only file that reads a clock.

use std::time::Duration;

use maglev_core::{Clock, Instant};

/// How long the wall clock is out of sight of those who wait for it.
const GLANCE: Duration = Duration::from_secs(60);

/// The system's monotonic clock, counted from when this was made.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: tokio::time::Instant,
}

impl SystemClock {
    /// A clock that reads zero now. Make it first thing in the process.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn start() -> Self {
        Self { start: tokio::time::Instant::now() }
    }

    /// The wall clock's time when this one stood at zero, since 1970. For people only.
    pub fn began(&self) -> Duration {
        wall_time().saturating_sub(self.now().since_start())
    }

    /// Returns when the wall clock has come to `end`, since 1970: an end that somebody else has set, such as a
    /// certificate's. The wall clock may be set meanwhile, and goes on while the host is suspended, which this one does
    /// not; so it is read again each minute, and any of that is noticed a minute later.
    pub async fn sleep_until_wall_time(&self, end: Duration) {
        loop {
            let left = end.saturating_sub(wall_time());
            if left.is_zero() {
                return;
            }
            self.sleep_until(self.now() + left.min(GLANCE)).await;
        }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Instant {
        Instant::from_start(tokio::time::Instant::now().duration_since(self.start))
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
    async fn sleep_until(&self, at: Instant) {
        tokio::time::sleep_until(self.start + at.since_start()).await;
    }
}

/// The system's monotonic clock as other processes read it: a supervisor compares what we say with its own.
pub fn monotonic() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    // It counts from the boot of the host, so it is never negative.
    Duration::try_from(time).unwrap_or_default()
}

/// Wall-clock time since 1970: for people, and for the ends of certificates. Nothing else depends on it.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn wall_time() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}
