//! The target `scenario` for libFuzzer; what it does stands in `fuzz/src/scenario.rs`.

#![no_main]

use maglev_fuzz::{Seen, scenario};

libfuzzer_sys::fuzz_target!(|data: &[u8]| scenario::run(data, &mut Seen::default()));
