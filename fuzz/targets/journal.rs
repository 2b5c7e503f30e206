//! The target `journal` for libFuzzer; what it does stands in `fuzz/src/journal.rs`.

#![no_main]

use maglev_fuzz::{Seen, journal};

libfuzzer_sys::fuzz_target!(|data: &[u8]| journal::run(data, &mut Seen::default()));
