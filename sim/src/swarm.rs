//! Scenarios by choice: a configuration, what happens to it, and a quiet end at which the world must come to rest.
//!
//! Each draws its own mix: which kinds of things happen at all, how often, and when there is peace, because a world in
//! which everything always breaks never builds anything. The first act is anything; at the end of it a drawn part is
//! healed, everything else stays as it is, and nothing more happens.

mod events;
mod site;
mod tales;

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use maglev_core::Instant;

use crate::choices::{Choices, Seeded};
use crate::plot::Plot;
use crate::script::{Conclusion, Event, FIRST_CONFIG, Happening, Scenario};
use crate::twin::Twin;

use self::site::Site;

/// Each kind of twin has one scenario in so many.
const TWIN_EVERY: u32 = 32;

/// Names of the configurations that reloads go to.
const NAMES: [&str; 3] = [FIRST_CONFIG, "b", "c"];

/// The scenario of a seed.
pub fn plot(seed: u64) -> Plot {
    compose(seed, &mut Seeded::new(seed))
}

/// The scenario that somebody chooses; latencies and jitter are those of `seed`.
pub fn compose(seed: u64, choices: &mut impl Choices) -> Plot {
    let site = Site::draw(choices);
    let mut drafts = BTreeMap::new();
    drafts.insert(FIRST_CONFIG.to_owned(), site.draft());
    let mut addresses = site.addresses();
    for name in &NAMES[1..] {
        let mut other = site.clone();
        match (site.is_crowd, *name == NAMES[2]) {
            (true, true) => other.rehash(0),
            (_, is_last) => {
                other.mutate(choices);
                if is_last && choices.one_in(4, "all hashes") {
                    (0..other.frontends.len()).for_each(|front| other.rehash(front));
                }
            }
        }
        addresses.extend(other.addresses());
        drafts.insert((*name).to_owned(), other.draft());
    }
    drafts.insert("empty".to_owned(), site.emptied());
    let length = Duration::from_secs(*choices.of(&[3, 6, 6, 10, 10, 20, 40], "length of the first act"));
    // What happens in a crowd takes its time.
    let length = if site.is_crowd { length.max(Duration::from_secs(25)) } else { length };
    let from = Instant::from_start(length);
    let mut act = events::Act {
        choices,
        site: &site,
        addresses: distinct(addresses),
        length,
        events: Vec::new(),
        has_loop: false,
    };
    act.first();
    act.heal(from);
    let restart = act.choices.one_in(4, "restart at rest");
    let twin = act.choices.choose(TWIN_EVERY, "twin");
    act.drawer(from);
    let events = act.events;
    let twin = Twin::ALL.into_iter().rev().nth((TWIN_EVERY - 1 - twin) as usize);
    let scenario = Scenario {
        about: format!("What chance makes of seed {seed}."),
        seed,
        configs: BTreeMap::new(),
        events: events.into_iter().map(|(at, happening)| Event { line: 0, at, happening }).collect(),
        until: from,
        conclusion: Some(Conclusion { from, restart }),
        twin,
    };
    Plot { scenario, drafts }
}

/// Each once, in the order of its first.
fn distinct(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let mut seen = BTreeSet::new();
    addresses.into_iter().filter(|address| seen.insert(*address)).collect()
}

/// Milliseconds into the run, and what happens.
type Timed = (Instant, Happening);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_has_configurations_that_pass_and_events_in_order() {
        for seed in 0..500 {
            let plot = plot(seed);
            plot.configs().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            assert!(plot.scenario.events.is_sorted_by_key(|event| event.at), "seed {seed}");
            assert!(plot.scenario.events.iter().all(|event| event.at <= plot.scenario.until), "seed {seed}");
        }
    }

    #[test]
    fn no_choice_at_all_is_a_scenario_too() {
        let plot = compose(0, &mut crate::choices::Tape::default());
        plot.configs().expect("the simplest choices pass");
    }
}
