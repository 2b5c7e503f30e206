//! Chance, split: from one seed a stream of its own for each purpose, so that one more draw in one leaves the others.

use core::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What chance is needed for. ChaCha8 is portable, so a seed means the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// What happens in the world.
    World,
    /// Which faults strike, and how hard.
    Faults,
    /// How long probes take.
    ProbeLatency,
    /// How long calls take.
    CallLatency,
    /// The engine's own seed.
    Engine,
}

/// The seed of a still world: only the engine's own jitter differs from one time to the next. A scenario with this seed
/// can be planned to the nanosecond.
pub const STILL: u64 = u64::MAX;

/// Draws how long things take. In a still world each takes what it takes on average.
#[derive(Clone, Debug)]
pub(crate) enum Latencies {
    None,
    Mean,
    Drawn(Box<ChaCha8Rng>),
}

impl Latencies {
    pub(crate) fn new(seed: u64, purpose: Purpose) -> Self {
        if seed == STILL { Self::Mean } else { Self::Drawn(Box::new(stream(seed, purpose))) }
    }

    /// Nothing takes any time.
    pub(crate) const fn none() -> Self {
        Self::None
    }

    /// Microseconds from `low` to `high`, both included.
    pub(crate) fn micros(&mut self, (low, high): (u64, u64)) -> Duration {
        Duration::from_micros(match self {
            Self::None => 0,
            Self::Mean => u64::midpoint(low, high),
            Self::Drawn(stream) => between(stream, low, high),
        })
    }
}

/// The stream of `seed` for one purpose.
pub fn stream(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    let mut stream = ChaCha8Rng::seed_from_u64(seed);
    stream.set_stream(match purpose {
        Purpose::World => 1,
        Purpose::Faults => 2,
        Purpose::ProbeLatency => 3,
        Purpose::CallLatency => 4,
        Purpose::Engine => 5,
    });
    stream
}

/// A number from `low` to `high`, both included.
pub(crate) fn between(stream: &mut ChaCha8Rng, low: u64, high: u64) -> u64 {
    // The bias of the remainder is of no account where latencies are drawn.
    low + stream.next_u64() % (high - low + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_still_world_everything_takes_as_long_as_the_last_time() {
        let mut still = Latencies::new(STILL, Purpose::CallLatency);
        let mut lively = Latencies::new(1, Purpose::CallLatency);
        let mut differ = false;
        for _ in 0..10 {
            assert_eq!(still.micros((20, 80)), Duration::from_micros(50));
            differ |= lively.micros((20, 80)) != Duration::from_micros(50);
        }
        assert!(differ);
    }

    #[test]
    fn a_draw_in_one_stream_leaves_the_others() {
        let mut world = stream(1, Purpose::World);
        let first = stream(1, Purpose::Faults).next_u64();
        world.next_u64();
        assert_eq!(stream(1, Purpose::Faults).next_u64(), first);
        assert_ne!(stream(1, Purpose::World).next_u64(), first);
        assert_ne!(stream(2, Purpose::Faults).next_u64(), first);
    }
}
