//! `coverage`: which mishaps met which states, and how often each rule was judged.

use std::io::{self, Write as _};

use maglev_sim::hunt::{Hunt, hunt};
use maglev_sim::oracle::Oracle;

use crate::args::Coverage;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::summary::{self, Cost};
use crate::tell::quietly;
use crate::{End, Trouble};

pub(crate) fn run(args: &Coverage) -> Result<End, Trouble> {
    let interrupt = Interrupt::listen()?;
    let jobs = args.range.jobs();
    let progress = Progress::of(args.seeds, "seeds");
    let order = Hunt { from: args.range.from, seeds: args.seeds, jobs, twice: false, stop_at_failure: false };
    let cost = Cost::begin();
    let sums = quietly(|| {
        hunt(order, &|batch| {
            progress.advance(batch.seeds);
            !interrupt.is_asked()
        })
    });
    progress.finish();
    let mut out = io::stdout();
    writeln!(out, "how often each mishap met each phase of warm-up and state of the connection:\n")?;
    writeln!(out, "{}", sums.coverage)?;
    let never: Vec<_> = sums.coverage.cells().filter(|(_, hits)| *hits == 0).map(|(cell, _)| cell).collect();
    writeln!(out, "{} of {} cells were never hit:", never.len(), sums.coverage.cells().count())?;
    for cell in never {
        writeln!(out, "  {cell}")?;
    }
    writeln!(out, "\nhow often each rule was judged:\n")?;
    for oracle in Oracle::ALL {
        let count = sums.counts.of(*oracle);
        let mark = if count == 0 { "never" } else { "" };
        writeln!(out, "{:26}{count:>14}  {mark:6} when {}", oracle.id(), oracle.precondition())?;
    }
    writeln!(out, "\nsteps per seed:\n{}\nevents per seed:\n{}", sums.steps_each, sums.events_each)?;
    summary::print(&sums, cost, jobs, 1)?;
    Ok(match (sums.failures.is_empty(), interrupt.is_asked()) {
        (false, _) => End::Broken,
        (true, true) => End::Interrupted,
        (true, false) => End::Holds,
    })
}
