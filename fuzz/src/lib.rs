//! What a fuzzer tries: what maglevd reads from files and from VPP, and the scenarios that its bytes choose.
//!
//! A target takes any bytes and panics when a promise is broken. It knows nothing of a fuzzer, so that `cargo test`
//! replays `fuzz/corpus` through the same functions; `fuzz/targets` gives each to libFuzzer.

pub mod choices;
pub mod config;
pub mod frame;
pub mod journal;
pub mod pen;
pub mod scenario;
pub mod seeds;
pub mod stats;

use std::collections::BTreeMap;

/// Something that takes any bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of its binary, of its module and of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Panics when a promise is broken.
    pub run: fn(&[u8], &mut Seen),
    /// What a corpus that is worth its name makes it see.
    pub must_see: fn() -> Vec<&'static str>,
}

/// All of them.
pub const TARGETS: [Target; 6] = [
    Target { name: "scenario", run: scenario::run, must_see: scenario::must_see },
    Target { name: "frame", run: frame::run, must_see: frame::must_see },
    Target { name: "config", run: config::run, must_see: config::must_see },
    Target { name: "journal", run: journal::run, must_see: journal::must_see },
    Target { name: "choices", run: choices::run, must_see: choices::must_see },
    Target { name: "stats", run: stats::run, must_see: stats::must_see },
];

/// How often a target met what: without this, nobody would notice that all inputs end at the first byte.
#[derive(Clone, Debug, Default)]
pub struct Seen(BTreeMap<&'static str, u64>);

impl Seen {
    /// Met once more.
    pub fn note(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    /// How often it was met.
    pub fn count(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }
}
