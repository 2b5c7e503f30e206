//! Writes choices down as the bytes of a fuzzer: the way back from [`Bytes`](maglev_sim::choices::Bytes).
//!
//! So a seed of the mass becomes an input, and the fuzzer starts from scenarios instead of from noise.

use maglev_sim::choices::Choices;

/// Listens to whoever chooses.
#[derive(Debug)]
pub struct Pen<'a, C> {
    inner: &'a mut C,
    bytes: Vec<u8>,
}

impl<'a, C: Choices> Pen<'a, C> {
    /// Nothing is written yet.
    pub const fn new(inner: &'a mut C) -> Self {
        Self { inner, bytes: Vec::new() }
    }

    /// Everything so far.
    pub fn bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl<C: Choices> Choices for Pen<'_, C> {
    fn choose(&mut self, n: u32, label: &'static str) -> u32 {
        let chosen = self.inner.choose(n, label);
        let [low, high, _, _] = chosen.to_le_bytes();
        self.bytes.push(low);
        if n > 256 {
            self.bytes.push(high);
        }
        chosen
    }
}
