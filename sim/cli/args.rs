//! Flags.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, value_parser};

/// Far from where adding to a seed would overflow.
const SEEDS_MAX: u64 = 1 << 62;

/// Plays maglevd against a simulated world: VPP with its quirks, backends, operators and mishaps.
#[derive(Debug, Parser)]
#[command(name = "maglev-sim", version, subcommand_required = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 every rule held; 1 a rule was broken or an expectation is unmet; 2 wrong flags or \
    a file that cannot be played; 130 stopped by Ctrl-C before anything failed.\n\
    A second Ctrl-C ends at once."
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Plays one scenario: its timeline on standard output, broken rules on standard error.
    Play(Play),
    /// Plays what chance makes of seed after seed, and saves each new kind of failure made small.
    Hunt(Hunt),
    /// Takes from a failing scenario whatever it does not need to fail.
    Shrink(Shrink),
    /// Shows which mishaps met which states, and how often each rule was judged.
    Coverage(Coverage),
    /// Measures steps and seeds per second beside their goals.
    Bench(Bench),
}

/// Which scenario.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// A scenario file, or the number of a seed.
    #[arg(value_name = "FILE|SEED", required_unless_present = "seed", conflicts_with = "seed")]
    pub(crate) what: Option<PathBuf>,
    /// What chance makes of this seed.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

/// `play`
#[derive(Debug, Args)]
pub(crate) struct Play {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Writes one self-contained page as well: lanes, a slider, and VPP's tables at every instant.
    #[arg(long, value_name = "OUT")]
    pub(crate) html: Option<PathBuf>,
}

/// Seeds and threads.
#[derive(Debug, Args)]
pub(crate) struct Range {
    /// The first seed.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = value_parser!(u64).range(..=SEEDS_MAX))]
    pub(crate) from: u64,
    /// Scenarios at once [default: one per core].
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
}

impl Range {
    /// Scenarios at once.
    pub(crate) fn jobs(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.jobs.map_or_else(all, NonZeroUsize::get)
    }
}

/// `hunt`
#[derive(Debug, Args)]
pub(crate) struct Hunt {
    /// How many seeds [default: as many as --for leaves time for, or 100000].
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=SEEDS_MAX))]
    pub(crate) seeds: Option<u64>,
    /// How long, such as 90s or 10m.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) time: Option<Duration>,
    #[command(flatten)]
    pub(crate) range: Range,
    /// Plays each seed once: quicker, but does not see two runs of one seed differ.
    #[arg(long)]
    pub(crate) once: bool,
    /// Where failures are saved.
    #[arg(long, value_name = "DIR", default_value = "target/found")]
    pub(crate) out: PathBuf,
}

/// `shrink`
#[derive(Debug, Args)]
pub(crate) struct Shrink {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Where to write the small scenario [default: standard output].
    #[arg(short, long, value_name = "OUT")]
    pub(crate) out: Option<PathBuf>,
}

/// `coverage`
#[derive(Debug, Args)]
pub(crate) struct Coverage {
    /// How many seeds.
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = value_parser!(u64).range(1..=SEEDS_MAX))]
    pub(crate) seeds: u64,
    #[command(flatten)]
    pub(crate) range: Range,
}

/// `bench`
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Seeds to draw the sample from.
    #[arg(long, value_name = "N", default_value_t = 3_000, value_parser = value_parser!(u64).range(1..=1_000_000))]
    pub(crate) seeds: u64,
    /// Rounds, of which the median counts.
    #[arg(long, value_name = "N", default_value = "5")]
    pub(crate) rounds: NonZeroUsize,
    #[command(flatten)]
    pub(crate) range: Range,
}

fn duration(text: &str) -> Result<Duration, String> {
    maglev_config::duration::parse(text).map_err(|error| format!("{text:?} {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }
}
