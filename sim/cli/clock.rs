//! The one file of the binary that reads clocks: the wall's, and the processor's.
//!
//! Speed is measured in processor time, so that whatever else the machine does counts as little as possible.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Time on the wall since it was started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "the one place of the binary that reads the clock")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// How long ago that was.
    pub(crate) fn took(self) -> Duration {
        self.0.elapsed()
    }
}

/// What all threads of this process have used of the processors.
pub(crate) fn used_by_process() -> Duration {
    read(ClockId::ProcessCPUTime)
}

/// What this thread has used of the processors.
pub(crate) fn used_by_thread() -> Duration {
    read(ClockId::ThreadCPUTime)
}

fn read(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}
