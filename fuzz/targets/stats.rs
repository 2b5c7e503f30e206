//! The target `stats` for libFuzzer; what it does stands in `fuzz/src/stats.rs`.

#![no_main]

use maglev_fuzz::{Seen, stats};

libfuzzer_sys::fuzz_target!(|data: &[u8]| stats::run(data, &mut Seen::default()));
