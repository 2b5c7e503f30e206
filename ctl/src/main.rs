//! maglevc: arguments in, exit code out. What it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(maglev_ctl::run(std::env::args_os().skip(1).collect()) as u8)
}
