//! Flags.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, value_parser};
use maglev_sim::exhaustive::Lane;
use maglev_sim::matrix::SEEDS;

/// Far from where adding to a seed would overflow.
const SEEDS_MAX: u64 = 1 << 62;

/// Plays maglevd against a simulated world: VPP with its quirks, backends, operators and mishaps.
#[derive(Debug, Parser)]
#[command(name = "maglev-sim", version, subcommand_required = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 every rule held; 1 a rule was broken, an expectation is unmet, an answer differs or \
    a mistake is not found; 2 wrong flags or a file that cannot be played; 130 stopped by Ctrl-C before anything failed.\n\
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
    /// Runs what a daemon heard through the engine again, and names the first output that differs.
    Replay(Replay),
    /// Searches every order of things in a small world.
    Exhaustive(Exhaustive),
    /// Shows which oracle finds each planted mistake, and after how many seeds.
    Mutants(Mutants),
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
    #[command(flatten)]
    jobs: Jobs,
}

impl Range {
    /// Scenarios at once.
    pub(crate) fn jobs(&self) -> usize {
        self.jobs.get()
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

/// `replay`
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// What `maglevd --journal` wrote.
    #[arg(value_name = "JOURNAL")]
    pub(crate) journal: PathBuf,
    /// Prints every record in words, with what the engine answers.
    #[arg(long)]
    pub(crate) show: bool,
    /// Writes the hashes anew, to the same file: after a deliberate change of what the engine answers.
    #[arg(long, conflicts_with = "show")]
    pub(crate) rebase: bool,
}

/// Threads.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Jobs {
    /// How many at once [default: one per core].
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

impl Jobs {
    /// How many at once.
    pub(crate) fn get(self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.jobs.map_or_else(all, NonZeroUsize::get)
    }
}

/// `exhaustive`
#[derive(Debug, Args)]
pub(crate) struct Exhaustive {
    /// Only this lane; may be given again [default: all].
    #[arg(long = "lane", value_name = "NAME", value_parser = lanes())]
    pub(crate) lanes: Vec<Lane>,
    #[command(flatten)]
    pub(crate) jobs: Jobs,
}

/// `mutants`
#[derive(Debug, Args)]
pub(crate) struct Mutants {
    /// Only those whose names contain this.
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Seeds until a mutant counts as alive.
    #[arg(long, value_name = "N", default_value_t = SEEDS, value_parser = value_parser!(u64).range(1..=SEEDS_MAX))]
    pub(crate) seeds: u64,
    #[command(flatten)]
    pub(crate) jobs: Jobs,
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

fn lanes() -> impl TypedValueParser<Value = Lane> {
    let lane = |name: String| Lane::ALL.into_iter().find(|lane| lane.name() == name);
    PossibleValuesParser::new(Lane::ALL.map(Lane::name))
        .map(move |name| lane(name).expect("no other value is possible"))
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
