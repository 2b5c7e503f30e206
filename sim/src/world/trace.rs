//! A hash over everything that the engine heard, did, armed and was, so that two runs can be compared step by step.

use core::hash::Hasher;

use maglev_core::digest;

use crate::watch::Step;

/// An odd number with bits everywhere: PCG's multiplier for 128 bits.
const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;

/// A multiplication a word, and halves that change places since a product carries upwards only. Every step can be undone,
/// so no two states become one. Portable and quick: a run is hashed while it is played, a hundred words a step.
#[derive(Clone, Copy, Debug)]
pub struct Chain(u128);

impl Default for Chain {
    fn default() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Chain {
    /// All so far.
    pub const fn value(self) -> u128 {
        self.0
    }
}

impl Hasher for Chain {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0 ^ u128::from(word)).wrapping_mul(MULTIPLIER).rotate_left(64);
    }

    fn finish(&self) -> u64 {
        u64::try_from(self.0 >> 64).unwrap_or(0)
    }
}

/// The whole state is hashed every so many steps: what differs there stays different, and is seen a little later.
const STATE_EVERY: u64 = 8;

/// The chain so far.
#[derive(Clone)]
pub(super) struct Trace {
    taken: u64,
    chain: Option<Chain>,
    /// The chain after every step, if somebody wants to know where two runs part.
    steps: Option<Vec<u128>>,
}

impl Trace {
    pub(super) fn new(is_on: bool, keeps_steps: bool) -> Self {
        Self { taken: 0, chain: is_on.then(Chain::default), steps: keeps_steps.then(Vec::new) }
    }

    pub(super) fn step(&mut self, step: &Step<'_>) {
        let Some(chain) = &mut self.chain else { return };
        chain.write_u64(u64::try_from(step.elapsed.as_nanos()).unwrap_or(u64::MAX));
        digest::plain(step.input, chain);
        digest::plain(step.actions, chain);
        digest::plain(&step.wakeup, chain);
        self.taken += 1;
        if self.taken.is_multiple_of(STATE_EVERY) || self.steps.is_some() {
            step.engine.digest(chain);
        }
        if let Some(steps) = &mut self.steps {
            steps.push(chain.0);
        }
    }

    pub(super) fn finish(self) -> (u128, Vec<u128>) {
        (self.chain.map_or(0, Chain::value), self.steps.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(words: &[u64]) -> u128 {
        let mut chain = Chain::default();
        words.iter().for_each(|word| chain.write_u64(*word));
        chain.value()
    }

    #[test]
    fn every_bit_of_every_word_reaches_both_halves() {
        let base = chain(&[7, 0, 0, 0]);
        for bit in 0..64 {
            let other = chain(&[7 ^ (1 << bit), 0, 0, 0]) ^ base;
            assert!(other as u64 != 0 && (other >> 64) as u64 != 0, "bit {bit}: {other:032x}");
        }
        assert_ne!(chain(&[1, 2]), chain(&[2, 1]));
        assert_ne!(chain(&[0]), chain(&[0, 0]));
    }
}
