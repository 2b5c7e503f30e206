//! Chance, split: from one seed a stream of its own for each purpose, so that one more draw in one leaves the others.

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
    fn a_draw_in_one_stream_leaves_the_others() {
        let mut world = stream(1, Purpose::World);
        let first = stream(1, Purpose::Faults).next_u64();
        world.next_u64();
        assert_eq!(stream(1, Purpose::Faults).next_u64(), first);
        assert_ne!(stream(1, Purpose::World).next_u64(), first);
        assert_ne!(stream(2, Purpose::Faults).next_u64(), first);
    }
}
