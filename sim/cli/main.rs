//! `maglev-sim`: plays scenarios, hunts for one that breaks a rule, and makes it small.
//!
//! Unlike the library this may use threads, clocks and a terminal; what a scenario comes to does not depend on them.

/// A simulated step is thousands of small allocations; glibc's malloc took a sixth of all time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod args;
mod bench;
mod bound;
mod clock;
mod coverage;
mod end;
mod exhaustive;
mod hunt;
mod interrupt;
mod mutants;
mod page;
mod play;
mod progress;
mod replay;
mod save;
mod shrink;
mod source;
mod summary;
mod tell;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};
use end::{End, Trouble};

fn main() -> ExitCode {
    end::code(match Cli::parse().command {
        Command::Play(args) => play::run(&args),
        Command::Hunt(args) => hunt::run(&args),
        Command::Shrink(args) => shrink::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Exhaustive(args) => exhaustive::run(&args),
        Command::Mutants(args) => mutants::run(&args),
        Command::Coverage(args) => coverage::run(&args),
        Command::Bench(args) => bench::run(&args),
    })
}
