//! The target `frame` for libFuzzer; what it does stands in `fuzz/src/frame.rs`.

#![no_main]

use maglev_fuzz::{Seen, frame};

libfuzzer_sys::fuzz_target!(|data: &[u8]| frame::run(data, &mut Seen::default()));
