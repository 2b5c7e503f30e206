//! What of a node is digested: the engine, the backends, VPP and the link, and what is still allowed to happen.

use core::hash::Hasher;
use core::time::Duration;

use maglev_core::digest::Abstract;
use maglev_core::{Engine, Instant};
use serde::Serialize;

/// Distances are told apart in this: less than any period of a lane.
const UNIT: Duration = Duration::from_millis(500);

/// An abstract digest of the engine, continued with the world around it: ids are told apart as the engine does, and
/// all instants are put in order together, on the engine's clock.
pub(crate) struct Sketch<'d, 'h, H> {
    digest: &'d mut Abstract<'h, H>,
    /// The world's time at which the process began.
    started: Instant,
}

impl<'d, 'h, H: Hasher> Sketch<'d, 'h, H> {
    /// Digests the engine, and then is ready for the rest.
    pub(super) fn begin(engine: &Engine, digest: &'d mut Abstract<'h, H>, started: Instant) -> Self {
        engine.feed_abstract(digest);
        let mut sketch = Self { digest, started };
        for (at, _) in engine.deadlines() {
            sketch.distance(at);
        }
        sketch
    }

    /// Digests a value without instants of the world.
    pub(crate) fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        self.digest.feed(value);
    }

    /// Puts an instant of the world in order with the others. What has passed is over, however long ago.
    pub(crate) fn at(&mut self, at: Instant) {
        let at = Instant::from_start(at.since(self.started)).max(self.digest.now());
        self.digest.deadline(at);
        self.distance(at);
    }

    /// How far away it is: without that, a short circle would hide what a long deadline brings.
    fn distance(&mut self, at: Instant) {
        let units = at.since(self.digest.now()).as_nanos() / UNIT.as_nanos();
        self.digest.feed(&u64::try_from(units).unwrap_or(u64::MAX));
    }
}
