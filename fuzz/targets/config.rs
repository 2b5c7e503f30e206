//! The target `config` for libFuzzer; what it does stands in `fuzz/src/config.rs`.

#![no_main]

use maglev_fuzz::{Seen, config};

libfuzzer_sys::fuzz_target!(|data: &[u8]| config::run(data, &mut Seen::default()));
