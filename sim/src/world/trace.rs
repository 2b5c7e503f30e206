//! A hash over everything that the engine heard, did, armed and was, so that two runs can be compared step by step.

use core::hash::Hasher;
use core::time::Duration;

use maglev_core::{Action, Engine, Input, digest};
use twox_hash::xxhash3_128;

/// 128 bits over the whole run. Xxh3 is portable: a run has the same hash on every machine.
#[derive(Clone)]
pub(super) struct Trace {
    chain: Option<Chain>,
    /// The chain after every step, if somebody wants to know where two runs part.
    steps: Option<Vec<u128>>,
}

#[derive(Clone)]
struct Chain(xxhash3_128::Hasher);

impl Hasher for Chain {
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    fn finish(&self) -> u64 {
        // Only the whole of it is ever asked for.
        0
    }
}

impl Trace {
    pub(super) fn new(is_on: bool, keeps_steps: bool) -> Self {
        let chain = is_on.then(|| Chain(xxhash3_128::Hasher::new()));
        Self { chain, steps: keeps_steps.then(Vec::new) }
    }

    pub(super) fn step(&mut self, engine: &Engine, input: &Input, actions: &[Action], elapsed: Duration) {
        let Some(chain) = &mut self.chain else { return };
        chain.write_u64(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX));
        digest::plain(input, chain);
        digest::plain(actions, chain);
        digest::plain(&engine.wakeup(), chain);
        engine.digest(chain);
        if let Some(steps) = &mut self.steps {
            steps.push(chain.0.finish_128());
        }
    }

    pub(super) fn finish(self) -> (u128, Vec<u128>) {
        (self.chain.map_or(0, |chain| chain.0.finish_128()), self.steps.unwrap_or_default())
    }
}
