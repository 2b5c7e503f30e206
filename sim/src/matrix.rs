//! Planted mistakes beside the oracles that find them: each must be found, and by whom is a table.
//!
//! It is told how a mistake is switched on, so that the library is the same with and without the feature `mutants`.

mod beside;

use core::fmt::{self, Write as _};
use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::BTreeMap;

use crate::hunt::{Hunt, hunt};
use crate::oracle::Oracle;

/// Seeds that every mutant is tried with, so that the table shows more than its first killer.
const EACH: u64 = 400;

/// Seeds until a mutant counts as alive, if nobody says otherwise.
pub const SEEDS: u64 = 10_000;

/// By oracle: after how many seeds it found the mistake.
pub type Killers = BTreeMap<Oracle, u64>;

/// How the mistakes are tried.
#[derive(Clone, Copy)]
pub struct Trial<'a> {
    /// Seeds until a mutant counts as alive.
    pub seeds: u64,
    /// Scenarios at once.
    pub jobs: usize,
    /// Is asked after every batch of seeds, and ends it by saying false.
    pub goes_on: &'a Asked<'a>,
}

/// See [`Trial::goes_on`].
pub type Asked<'a> = dyn Fn() -> bool + Sync + 'a;

impl fmt::Debug for Trial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial").field("seeds", &self.seeds).field("jobs", &self.jobs).finish_non_exhaustive()
    }
}

/// A mistake, and who found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// Nobody, if it is alive.
    pub killers: Killers,
}

impl Trial<'_> {
    /// Tries the mistake that `select` makes from `true` to `false`, in the whole process. `None` if that was ended
    /// before its end.
    pub fn row(self, name: &'static str, select: impl Fn(bool)) -> Option<Row> {
        let is_cut = AtomicBool::new(false);
        let progress = || {
            let goes_on = (self.goes_on)();
            is_cut.fetch_or(!goes_on, Ordering::Relaxed);
            goes_on
        };
        let mut killers = Killers::new();
        let (mut from, mut seeds) = (0, EACH.min(self.seeds));
        select(true);
        while killers.is_empty() && from < self.seeds && !is_cut.load(Ordering::Relaxed) {
            let order = Hunt { from, seeds, jobs: self.jobs, twice: false, stop_at_failure: false };
            for failure in hunt(order, &|_| progress()).failures {
                for oracle in failure.oracles {
                    killers.entry(oracle).or_insert(failure.seed + 1);
                }
            }
            from += seeds;
            seeds = (seeds * 4).min(self.seeds - from);
        }
        select(false);
        (!is_cut.into_inner()).then_some(Row { name, killers })
    }
}

/// The table. Its `Display` is mutant by mutant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matrix {
    /// In the order in which they are shown.
    pub rows: Vec<Row>,
}

impl Matrix {
    /// Mistakes that nobody found.
    pub fn alive(&self) -> impl Iterator<Item = &'static str> {
        self.rows.iter().filter(|row| row.killers.is_empty()).map(|row| row.name)
    }

    /// How many were found, of how many.
    pub fn score(&self) -> String {
        format!("{} of {} killed", self.rows.len() - self.alive().count(), self.rows.len())
    }

    fn alone(&self) -> BTreeMap<Oracle, Vec<&'static str>> {
        let mut alone: BTreeMap<Oracle, Vec<&str>> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.killers.len() == 1) {
            alone.entry(*row.killers.keys().next().expect("there is one")).or_default().push(row.name);
        }
        alone
    }

    /// What each oracle is the only one to find, or why it finds nothing alone.
    pub fn lonely(&self) -> String {
        let alone = self.alone();
        let mut text = String::from("the only killer of:\n");
        for oracle in Oracle::ALL {
            let names = alone.get(oracle).map(|names| names.join(", "));
            let words = names.or_else(|| beside::reason(*oracle).map(|why| format!("nothing: {why}")));
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:26} {}", oracle.id(), words.unwrap_or_default());
        }
        text
    }

    /// Oracles that find nothing alone without a reason, or that have a reason and need none.
    pub fn unexplained(&self) -> Vec<String> {
        let alone = self.alone();
        let word = |oracle: &Oracle| match (alone.get(oracle), beside::reason(*oracle)) {
            (None, None) => {
                Some("finds no mistake alone: plant one that it does, or say in `beside.rs` why not")
            }
            (Some(_), Some(_)) => Some("finds a mistake alone: take its reason out of `beside.rs`"),
            (Some(_), None) | (None, Some(_)) => None,
        };
        Oracle::ALL.iter().filter_map(|oracle| Some(format!("{} {}", oracle.id(), word(oracle)?))).collect()
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "mutant                           seeds to kill, by oracle")?;
        for Row { name, killers } in &self.rows {
            let mut order: Vec<_> = killers.iter().collect();
            order.sort_by_key(|(_, seeds)| **seeds);
            let words: Vec<String> =
                order.iter().map(|(oracle, seeds)| format!("{} {seeds}", oracle.id())).collect();
            let words = if words.is_empty() { "ALIVE".to_owned() } else { words.join(", ") };
            writeln!(f, "{name:32} {words}")?;
        }
        Ok(())
    }
}
