//! `maglev-sim`: plays scenarios, hunts for one that breaks a rule, and makes it small.
//!
//! Unlike the library this may use threads, clocks and a terminal; what a scenario comes to does not depend on them.

mod args;
mod bench;
mod bound;
mod clock;
mod coverage;
mod hunt;
mod interrupt;
mod page;
mod play;
mod progress;
mod save;
mod shrink;
mod source;
mod summary;
mod tell;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};

/// How a command ends that did what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Every rule held.
    Holds,
    /// A rule was broken, or an expectation is unmet.
    Broken,
    /// Ctrl-C before anything failed.
    Interrupted,
}

/// Why a command cannot do what it was asked for.
#[derive(Debug)]
enum Trouble {
    /// A file or a flag, with what to do about it.
    Bad(String),
    /// Nobody can be told.
    Output(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn main() -> ExitCode {
    let end = match Cli::parse().command {
        Command::Play(args) => play::run(&args),
        Command::Hunt(args) => hunt::run(&args),
        Command::Shrink(args) => shrink::run(&args),
        Command::Coverage(args) => coverage::run(&args),
        Command::Bench(args) => bench::run(&args),
    };
    // Standard error is the last resort; if that is gone, the exit code remains.
    match end {
        Ok(End::Holds) => ExitCode::SUCCESS,
        Ok(End::Broken) => ExitCode::from(1),
        Ok(End::Interrupted) => ExitCode::from(130),
        // Whoever read the output has seen enough, as `head` does.
        Err(Trouble::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Trouble::Output(error)) => {
            let _ = writeln!(io::stderr(), "the output cannot be written: {error}");
            ExitCode::from(2)
        }
        Err(Trouble::Bad(message)) => {
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::from(2)
        }
    }
}
