//! The target `choices` for libFuzzer; what it does stands in `fuzz/src/choices.rs`.

#![no_main]

use maglev_fuzz::{Seen, choices};

libfuzzer_sys::fuzz_target!(|data: &[u8]| choices::run(data, &mut Seen::default()));
