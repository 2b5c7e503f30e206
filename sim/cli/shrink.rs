//! `shrink`: a failing scenario made small.

use std::io::{self, Write as _};

use maglev_core::GoDuration;
use maglev_sim::hunt::broken;
use maglev_sim::oracle::{Breach, Oracle};
use maglev_sim::plot::Plot;
use maglev_sim::shrink::shrink;
use maglev_sim::twin;

use crate::args::Shrink;
use crate::clock::Stopwatch;
use crate::interrupt::Interrupt;
use crate::play::{report, write};
use crate::tell::{quietly, tell};
use crate::{End, Trouble};

/// What is left of a scenario.
#[derive(Debug)]
pub(crate) struct Small {
    /// As a file.
    pub(crate) file: String,
    /// The same as data.
    pub(crate) plot: Plot,
    /// What happens, a line each.
    pub(crate) timeline: String,
    /// What it breaks.
    pub(crate) breaches: Vec<Breach>,
    /// Candidates that were played.
    pub(crate) played: u32,
}

/// Makes a scenario that breaks `oracle` small, or as small as it is when somebody interrupts.
pub(crate) fn smaller(plot: &Plot, oracle: Oracle, interrupt: &Interrupt) -> Option<Small> {
    let mut judge = |plot: &Plot| if interrupt.is_asked() { None } else { broken(plot) };
    let (plot, played) = shrink(plot, oracle, &mut judge);
    let mut told = tell(&plot.scenario, plot.configs().ok()?, false).ok()?;
    if told.breaches.is_empty() {
        told.breaches.extend(twin::judge(&plot).and_then(Result::err));
    }
    let file = plot.file().to_string();
    Some(Small { file, plot, timeline: told.timeline, breaches: told.breaches, played })
}

pub(crate) fn run(args: &Shrink) -> Result<End, Trouble> {
    let piece = args.source.open()?;
    let interrupt = Interrupt::listen()?;
    let since = Stopwatch::start();
    let made = quietly(|| {
        let oracle = broken(&piece.plot)?;
        Some((oracle, smaller(&piece.plot, oracle, &interrupt)))
    });
    let Some((oracle, small)) = made else {
        let message = format!("{}: every rule holds, so there is nothing to make small", piece.name);
        return Err(Trouble::Bad(message));
    };
    let small =
        small.ok_or_else(|| Trouble::Bad(format!("{}: what is left of it cannot be played", piece.name)))?;
    let events = |plot: &Plot| plot.scenario.events.len();
    let millis =
        std::time::Duration::from_millis(u64::try_from(since.took().as_millis()).unwrap_or(u64::MAX));
    writeln!(
        io::stderr(),
        "{} breaks {}: {} events became {} with {} runs in {}{}",
        piece.name,
        oracle.id(),
        events(&piece.plot),
        events(&small.plot),
        small.played,
        GoDuration(millis),
        if interrupt.is_asked() { "; interrupted, so more may go" } else { "" },
    )?;
    match &args.out {
        None => write!(io::stdout(), "{}\n{}", small.file, small.timeline)?,
        Some(path) => {
            write(path, &small.file)?;
            write!(io::stdout(), "{}", small.timeline)?;
            writeln!(io::stderr(), "again: maglev-sim play {}", path.display())?;
        }
    }
    report(&small.breaches)?;
    Ok(End::Broken)
}
