//! Who is due when. One entry per probed backend; every operation costs O(log n).
//!
//! Jitter is a function of (seed, address, target, probe number) and of nothing else, so one more backend in the file
//! does not move the probes of the others, and a run can be repeated.

use alloc::collections::BTreeSet;
use core::fmt::{self, Write as _};
use core::net::IpAddr;
use core::time::Duration;

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::config::Target;
use crate::time::Instant;

/// First probes are spread over the first fast interval, and over this at most.
const SPREAD_MAX: Duration = Duration::from_secs(1);

/// The due times of all backends, by slot.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Schedule {
    due: BTreeSet<(Instant, u32)>,
}

impl Schedule {
    /// Moves `slot` from its old due time to a new one.
    pub fn set(&mut self, slot: u32, old: Option<Instant>, new: Option<Instant>) {
        if old == new {
            return;
        }
        if let Some(at) = old {
            self.due.remove(&(at, slot));
        }
        if let Some(at) = new {
            self.due.insert((at, slot));
        }
    }

    /// The earliest due time.
    pub fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// All due times, ascending.
    pub fn all(&self) -> impl Iterator<Item = Instant> {
        self.due.iter().map(|(at, _)| *at)
    }

    /// Removes and returns one backend that is due at `now`, the longest due first.
    pub fn pop(&mut self, now: Instant) -> Option<(Instant, u32)> {
        let first = *self.due.first()?;
        (first.0 <= now).then(|| {
            self.due.pop_first();
            first
        })
    }

    /// How many backends have a due time.
    pub fn len(&self) -> usize {
        self.due.len()
    }

    /// Whether no backend has a due time.
    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }
}

/// The source of one backend's jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jitter {
    key: [u8; 32],
}

impl Jitter {
    /// The jitter of probes of `target` at `address` under `seed`.
    pub fn new(seed: u64, address: IpAddr, target: &Target) -> Self {
        let mut digest = Fnv(0xcbf2_9ce4_8422_2325);
        let address = if mutant!(JitterShared) { IpAddr::from([0; 4]) } else { address };
        // Writing into a hash cannot fail.
        let _ = write!(digest, "{address} {target:?}");
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&digest.0.to_le_bytes());
        Self { key }
    }

    /// From one start to the next: `interval` give or take a tenth.
    pub fn interval(&self, probe: u64, interval: Duration) -> Duration {
        interval.mul_f64(0.9 + (0.2 + f64::from(mutant!(JitterTooWide))) * self.draw(probe))
    }

    /// From the beginning to the first probe.
    pub fn first(&self, fast_interval: Duration) -> Duration {
        fast_interval.min(SPREAD_MAX).mul_f64(self.draw(0) * f64::from(!mutant!(FirstProbesAtOnce)))
    }

    /// In 0..1, the same for the same probe number.
    fn draw(&self, probe: u64) -> f64 {
        let mut rng = ChaCha8Rng::from_seed(self.key);
        rng.set_stream(probe);
        rng.random()
    }
}

/// FNV-1a, 64 bits: small, portable and good enough to tell targets apart.
struct Fnv(u64);

impl fmt::Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}
