//! Histograms as plain numbers: counted in the loop, copied out of it, encoded elsewhere.

use std::time::Duration;

/// A histogram of durations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Buckets {
    /// Upper bounds, ascending; what is longer than all of them counts in one more bucket.
    bounds: &'static [Duration],
    counts: Vec<u64>,
    sum: Duration,
}

/// Of probes: few, since each backend has one.
pub(super) const PROBE: &[Duration] = &[
    Duration::from_millis(1),
    Duration::from_millis(5),
    Duration::from_millis(25),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_millis(2_500),
];

/// Of everything that there is once.
pub(super) const FINE: &[Duration] = &[
    Duration::from_micros(10),
    Duration::from_micros(30),
    Duration::from_micros(100),
    Duration::from_micros(300),
    Duration::from_millis(1),
    Duration::from_millis(3),
    Duration::from_millis(10),
    Duration::from_millis(30),
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

impl Buckets {
    pub(super) fn new(bounds: &'static [Duration]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: Duration::ZERO }
    }

    pub(super) fn observe(&mut self, took: Duration) {
        let bucket = self.bounds.partition_point(|bound| *bound < took);
        self.counts[bucket] += 1;
        self.sum = self.sum.saturating_add(took);
    }

    /// Seconds, all together.
    pub(super) fn sum(&self) -> f64 {
        self.sum.as_secs_f64()
    }

    /// Upper bounds in seconds, ascending, without the last bucket's, which has none.
    pub(super) fn bounds(&self) -> impl Iterator<Item = f64> {
        self.bounds.iter().map(Duration::as_secs_f64)
    }

    /// The count of each bucket alone.
    pub(super) fn counts(&self) -> &[u64] {
        &self.counts
    }
}
