//! The chained hash: 128 bits that every step changes for good.

use std::hash::Hasher;

use maglev_core::engine::Reason;
use maglev_core::{Action, Engine, Instant, digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Odd numbers without a pattern: the fractional part of the golden ratio, and three of xxHash's.
const K: [u64; 4] =
    [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f, 0x1656_67b1_9e37_79f9, 0x27d4_eb2f_1656_67c5];

/// A hash over all outputs so far, the same on every machine. No protection against forgery: it finds differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain(u64, u64);

impl Default for Chain {
    fn default() -> Self {
        Self(K[2], K[3])
    }
}

impl Chain {
    /// Takes in what a step has brought forth.
    pub fn step(&mut self, actions: &[Action], wakeup: Option<(Instant, Reason)>) {
        digest::plain(&(actions, wakeup), self);
    }

    /// What stands in a record.
    pub fn short(&self) -> u32 {
        (self.finish() >> 32) as u32
    }

    /// A digest of an engine's whole state.
    pub fn of(engine: &Engine) -> u64 {
        let mut hasher = Self::default();
        engine.digest(&mut hasher);
        hasher.finish()
    }
}

impl Hasher for Chain {
    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0 = fold(self.0 ^ word, K[0]);
        // One to one for any word, so that nothing is ever forgotten.
        self.1 = self.1.wrapping_add(word).rotate_left(23).wrapping_mul(K[1]);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64((*byte).into());
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        fold(self.0 ^ K[1], self.1 ^ K[0])
    }
}

/// Both halves of the product, one over the other.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

impl Serialize for Chain {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:016x}{:016x}", self.0, self.1))
    }
}

impl<'de> Deserialize<'de> for Chain {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        let half = |digits: Option<&str>| digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        match (text.len(), half(text.get(..16)), half(text.get(16..))) {
            (32, Some(a), Some(b)) => Ok(Self(a, b)),
            _ => Err(de::Error::custom("a chain is 32 hexadecimal digits")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_never_heals_and_the_order_counts() {
        let of = |words: &[u64]| {
            let mut chain = Chain::default();
            words.iter().for_each(|word| chain.write_u64(*word));
            chain
        };
        let (mut one, mut other) = (of(&[1, 2]), of(&[2, 1]));
        for word in 0..10_000 {
            assert_ne!(one.short(), other.short(), "after {word} more");
            one.write_u64(word);
            other.write_u64(word);
        }
        assert_ne!(of(&[0]), of(&[0, 0]));
    }

    #[test]
    fn it_is_the_same_everywhere() {
        let mut chain = Chain::default();
        chain.step(&[Action::Exit], Some((Instant::START, Reason::Vpp)));
        let text = serde_json::to_string(&chain).unwrap();
        assert_eq!(text, "\"8ab2d7254e8d205c1b36613b032ceb43\"");
        assert_eq!(serde_json::from_str::<Chain>(&text).unwrap(), chain);
    }
}
