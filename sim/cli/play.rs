//! `play`: one scenario, its timeline, and what it breaks.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use maglev_sim::hunt::{Verdict, judge_twice};
use maglev_sim::oracle::{Breach, Oracle};

use crate::args::Play;
use crate::source::unplayable;
use crate::tell::{quietly, tell};
use crate::{End, Trouble, page};

pub(crate) fn run(args: &Play) -> Result<End, Trouble> {
    let piece = args.source.open()?;
    let told = tell(&piece.scenario, piece.configs, args.html.is_some());
    let mut told = told.map_err(|error| unplayable(&piece.name, &error))?;
    io::stdout().write_all(told.timeline.as_bytes())?;
    if told.breaches.is_empty()
        && let Verdict::Breaks(breaches) = quietly(|| judge_twice(&piece.plot))
    {
        told.breaches.extend(breaches);
    }
    report(&told.breaches)?;
    if let (Some(path), Some(story)) = (&args.html, &told.story) {
        write(path, &page::page(story))?;
    }
    Ok(if told.breaches.is_empty() { End::Holds } else { End::Broken })
}

/// What is broken, and the rule where it is not the scenario's own.
pub(crate) fn report(breaches: &[Breach]) -> io::Result<()> {
    let mut err = io::stderr();
    for breach in breaches {
        writeln!(err, "broken: {breach}")?;
        if breach.oracle != Oracle::Told {
            writeln!(err, "        the rule: {}", breach.oracle.rule())?;
        }
    }
    Ok(())
}

/// Writes a file that was asked for.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Trouble> {
    fs::write(path, text).map_err(|error| {
        Trouble::Bad(format!("{}: it cannot be written: {error}; name another place", path.display()))
    })
}
