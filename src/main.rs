//! maglevd: flags, logs, exit code. What it does is in the library.

use std::process::ExitCode;

use maglevd::cli::{Cli, Flags};
use maglevd::clock::SystemClock;
use maglevd::log::Log;
use maglevd::startup;

/// EX_USAGE of sysexits.h: 1 and 2 are verdicts about a configuration.
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    // First of all, since warm-up counts from here.
    let clock = SystemClock::start();
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(err) => return explain(&err),
    };
    #[cfg(feature = "demo")]
    if let Some(maglevd::cli::Command::Demo(flags)) = &cli.command {
        return maglevd::demo::main(flags, clock);
    }
    if cli.flags.check {
        return startup::check(&cli.flags);
    }
    run(&cli.flags, clock)
}

#[expect(clippy::print_stderr, reason = "whoever starts it by hand reads stderr")]
fn run(flags: &Flags, clock: SystemClock) -> ExitCode {
    let log = Log::start(flags.log_format, flags.log_level);
    let seed = flags.seed.unwrap_or_else(drawn_seed);
    let ended = startup::run(flags, seed, clock, &log);
    let code = match &ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            err.log();
            eprintln!("maglevd: {err}");
            err.exit_code()
        }
    };
    log.finish();
    code
}

#[expect(clippy::disallowed_methods, reason = "the one draw of chance that no seed decides")]
fn drawn_seed() -> u64 {
    rand::random()
}

fn explain(err: &clap::Error) -> ExitCode {
    // If stdout and stderr are closed, the code still tells.
    let _ = err.print();
    if err.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS }
}
