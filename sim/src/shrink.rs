//! The minimiser: takes away from a failing scenario whatever is not needed for the same oracle to fail.
//!
//! It knows what scenarios mean: it drops events, frontends and backends, gives settings their plain values, pulls
//! times together and rounds them. Each candidate is played; it is kept if the same oracle still fails first.

mod config;
mod events;

#[cfg(test)]
mod tests;

use maglev_core::config::Draft;

use crate::oracle::Oracle;
use crate::plot::Plot;

/// Candidates played at most, so that shrinking always ends soon.
const CANDIDATES_MAX: u32 = 4_000;

/// What a candidate comes to: the oracle that fails first, if one does.
pub type Judge<'a> = dyn FnMut(&Plot) -> Option<Oracle> + 'a;

/// A failing scenario that gets smaller.
pub(crate) struct Shrinker<'a, 'b> {
    plot: Plot,
    oracle: Oracle,
    judge: &'a mut Judge<'b>,
    played: u32,
}

/// The smallest scenario found that `judge` says fails `oracle` as `plot` does, and how many candidates were played.
pub fn shrink(plot: &Plot, oracle: Oracle, judge: &mut Judge<'_>) -> (Plot, u32) {
    let mut shrinker = Shrinker { plot: plot.clone(), oracle, judge, played: 0 };
    shrinker.try_with(|plot| plot.scenario.twin = None);
    loop {
        let before = shrinker.plot.clone();
        shrinker.events();
        shrinker.configs();
        shrinker.plainer();
        shrinker.times();
        if shrinker.plot == before || shrinker.is_spent() {
            break;
        }
    }
    let mut plot = shrinker.plot;
    plot.scenario.about = format!("Breaks {}: {}", oracle.id(), oracle.rule());
    (plot, shrinker.played)
}

impl Shrinker<'_, '_> {
    fn is_spent(&self) -> bool {
        self.played >= CANDIDATES_MAX
    }

    /// Keeps `candidate` if it fails in the same way.
    fn keep(&mut self, candidate: Plot) -> bool {
        if self.is_spent() || candidate == self.plot {
            return false;
        }
        self.played += 1;
        let fails = (self.judge)(&candidate) == Some(self.oracle);
        if fails {
            self.plot = candidate;
        }
        fails
    }

    /// Keeps the scenario with `change` made to it, if it fails in the same way.
    fn try_with(&mut self, change: impl FnOnce(&mut Plot)) -> bool {
        let mut candidate = self.plot.clone();
        change(&mut candidate);
        self.keep(candidate)
    }

    /// The same with a change to every configuration.
    fn try_with_drafts(&mut self, change: impl Fn(&mut Draft)) -> bool {
        self.try_with(|plot| plot.drafts.values_mut().for_each(&change))
    }
}
