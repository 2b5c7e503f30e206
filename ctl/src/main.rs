//! maglevc: arguments in, exit code out. What it does is in the library.

use std::process::ExitCode;

/// An answer of 100,000 rows is millions of small allocations; glibc's malloc took half of all time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(maglev_ctl::run(std::env::args_os().skip(1).collect()) as u8)
}
