//! `mutants`: planted mistakes, and which oracle finds each after how many seeds.

use crate::args::Mutants;
use crate::{End, Trouble};

/// Nothing is planted in this build.
#[cfg(not(feature = "mutants"))]
pub(crate) fn run(_: &Mutants) -> Result<End, Trouble> {
    Err(Trouble::Bad(
        "no mistakes are planted in this build: build with `cargo run --release -p maglev-sim --features mutants -- \
         mutants`"
            .to_owned(),
    ))
}

#[cfg(feature = "mutants")]
pub(crate) use planted::run;

#[cfg(feature = "mutants")]
mod planted {
    use std::io::{self, Write as _};

    use maglev_core::mutant::{Mutant, select};
    use maglev_sim::matrix::{Matrix, Trial};

    use super::{End, Mutants, Trouble};
    use crate::clock::Stopwatch;
    use crate::interrupt::Interrupt;
    use crate::progress::Progress;
    use crate::tell::quietly;

    pub(crate) fn run(args: &Mutants) -> Result<End, Trouble> {
        let interrupt = Interrupt::listen()?;
        let chosen = chosen(&args.names)?;
        let since = Stopwatch::start();
        let progress = Progress::of(chosen.len() as u64, "mutants");
        let trial = Trial { seeds: args.seeds, jobs: args.jobs.get(), goes_on: &|| !interrupt.is_asked() };
        let mut matrix = Matrix::default();
        quietly(|| {
            for mutant in chosen.iter().take_while(|_| !interrupt.is_asked()) {
                progress.note(mutant.name().to_owned());
                matrix.rows.extend(trial.row(mutant.name(), |on| select(on.then_some(*mutant))));
                progress.advance(1);
            }
        });
        progress.finish();
        let mut out = io::stdout();
        let took = since.took().as_secs_f64();
        writeln!(out, "{matrix}mutants: {}, in {took:.1} s", matrix.score())?;
        if matrix.rows.len() < chosen.len() {
            writeln!(out, "{} more were not tried to the end", chosen.len() - matrix.rows.len())?;
        } else if args.names.is_empty() {
            write!(out, "{}", matrix.lonely())?;
        }
        let seeds = args.seeds;
        matrix.alive().try_for_each(|name| writeln!(io::stderr(), "{name} is alive after {seeds} seeds"))?;
        Ok(match (matrix.alive().next(), interrupt.is_asked()) {
            (Some(_), _) => End::Broken,
            (None, true) => End::Interrupted,
            (None, false) => End::Holds,
        })
    }

    /// Those whose names contain one of `names`; all if there is none.
    fn chosen(names: &[String]) -> Result<Vec<Mutant>, Trouble> {
        let known = |name: &&String| Mutant::ALL.iter().any(|mutant| mutant.name().contains(name.as_str()));
        if let Some(name) = names.iter().find(|name| !known(name)) {
            return Err(Trouble::Bad(format!(
                "no mutant is called {name:?}: the names stand in core/src/mutant.rs, and a part of one is enough"
            )));
        }
        let is_wanted = |mutant: &&Mutant| {
            names.is_empty() || names.iter().any(|name| mutant.name().contains(name.as_str()))
        };
        Ok(Mutant::ALL.iter().filter(is_wanted).copied().collect())
    }
}
