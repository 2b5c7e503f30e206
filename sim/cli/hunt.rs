//! `hunt`: seed after seed, and each new kind of failure as a small file.

use std::io::{self, Write as _};
use std::sync::Mutex;

use maglev_core::GoDuration;
use maglev_sim::hunt::{self, Failure, Sums};

use crate::args::Hunt;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::save::{Found, Shelf};
use crate::summary::{self, Cost};
use crate::tell::quietly;
use crate::{End, Trouble};

/// Without another word.
const SEEDS: u64 = 100_000;

pub(crate) fn run(args: &Hunt) -> Result<End, Trouble> {
    let interrupt = Interrupt::listen()?;
    let jobs = args.range.jobs();
    let seeds = match (args.seeds, args.time) {
        (Some(seeds), _) => seeds,
        (None, Some(_)) => u64::MAX,
        (None, None) => SEEDS,
    };
    let length = args.time.map_or_else(|| format!("{seeds} seeds"), |time| GoDuration(time).to_string());
    writeln!(
        io::stdout(),
        "hunting from seed {} for {length}; Ctrl-C ends it with a summary",
        args.range.from
    )?;
    let progress = match args.time {
        Some(time) => Progress::lasting(time, "seeds"),
        None => Progress::of(seeds, "seeds"),
    };
    let hunter =
        Hunter { interrupt: &interrupt, progress: &progress, shelf: Mutex::new(Shelf::new(&args.out)) };
    let trouble = Mutex::new(None);
    let hear = |batch: &Sums| {
        progress.advance(batch.seeds);
        let said = batch.failures.iter().try_for_each(|failure| hunter.found(failure));
        let goes_on = said.is_ok() && !interrupt.is_asked() && !progress.is_over();
        if let (Err(error), Ok(mut trouble)) = (said, trouble.lock()) {
            trouble.get_or_insert(error);
        }
        goes_on
    };
    let order = hunt::Hunt { from: args.range.from, seeds, jobs, twice: !args.once, stop_at_failure: false };
    let cost = Cost::begin();
    let sums = quietly(|| hunt::hunt(order, &hear));
    progress.finish();
    summary::print(&sums, cost, jobs, if args.once { 1 } else { 2 })?;
    match trouble.into_inner() {
        Ok(Some(trouble)) => Err(trouble),
        _ if !sums.failures.is_empty() => Ok(End::Broken),
        _ if interrupt.is_asked() => Ok(End::Interrupted),
        _ => Ok(End::Holds),
    }
}

/// Takes what the threads find.
struct Hunter<'a> {
    interrupt: &'a Interrupt,
    progress: &'a Progress,
    shelf: Mutex<Shelf>,
}

impl Hunter<'_> {
    /// Makes a failure small and saves it, if it is of a new kind. The shelf is free while that takes its time.
    fn found(&self, failure: &Failure) -> Result<(), Trouble> {
        let is_wanted = self.shelf.lock().is_ok_and(|mut shelf| shelf.wants(failure.breach.oracle));
        if !is_wanted || self.interrupt.is_asked() {
            return Ok(());
        }
        let found = Found::of(failure, self.interrupt);
        let path = self.shelf.lock().map_or(Ok(None), |mut shelf| shelf.put(&found))?;
        if let Some(path) = path {
            let (seed, events) = (failure.seed, found.events);
            self.progress.say(format_args!("seed {seed}, {events} events left: {}", found.what))?;
            self.progress.say(format_args!("again: maglev-sim play {}", path.display()))?;
        }
        Ok(())
    }
}
