//! A minimiser must end, and by itself: not because its candidates are used up.

use core::time::Duration;

use maglev_core::Instant;

use super::*;
use crate::script::{DaemonChange, Event, Happening, VppChange};
use crate::swarm;

const RESTART: Happening = Happening::Vpp(VppChange::Restart);
const KILL: Happening = Happening::Daemon(DaemonChange::Kill);

/// Fails if VPP is restarted, and the daemon is killed later.
fn fails(plot: &Plot) -> bool {
    let mut events = plot.scenario.events.iter().map(|event| &event.happening);
    events.any(|happening| *happening == RESTART)
        && events.any(|happening| *happening == KILL)
        && plot.configs().is_ok()
}

/// What chance makes of a seed, and these two in the midst of it.
fn plot(seed: u64) -> Plot {
    let mut plot = swarm::plot(seed);
    for (ms, happening) in [(1_234, RESTART), (2_345, KILL)] {
        let at = Instant::from_start(Duration::from_millis(ms));
        plot.scenario.events.push(Event { line: 0, at, happening });
    }
    plot.scenario.events.sort_by_key(|event| event.at);
    plot
}

fn smallest(seed: u64, judge: &mut Judge<'_>) -> Plot {
    let plot = plot(seed);
    let (small, played) = shrink(&plot, Oracle::Told, judge);
    assert!(played < CANDIDATES_MAX, "seed {seed}: it did not end by itself");
    let left: Vec<Happening> = small.scenario.events.iter().map(|event| event.happening.clone()).collect();
    assert_eq!(left, [RESTART, KILL], "seed {seed}");
    small
}

#[test]
fn what_is_left_is_what_fails() {
    for seed in 0..20 {
        let mut played = 0;
        let small = smallest(seed, &mut |plot| {
            played += 1;
            fails(plot).then_some(Oracle::Told)
        });
        assert!(played < 400, "seed {seed}: {played} plays for a second at most");
        assert!(small.scenario.events.iter().all(|event| event.at == Instant::START), "seed {seed}");
    }
}

/// Each first choice of plain delays that is not good enough leaves another one for the end.
#[test]
fn it_settles_on_any_of_the_plain_delays() {
    for least in [0, 1, 2, 4, 31] {
        for seed in 0..20 {
            let delay = |plot: &Plot| plot.drafts.values().map(|draft| draft.lb.startup_max_delay).min();
            if delay(&plot(seed)) >= Some(Duration::from_secs(least)) {
                smallest(seed, &mut |plot| {
                    let is_late = delay(plot) >= Some(Duration::from_secs(least));
                    (is_late && fails(plot)).then_some(Oracle::Told)
                });
            }
        }
    }
}

/// An end that has to be late is not made later and later.
#[test]
fn it_settles_on_a_late_end() {
    let end = Instant::from_start(Duration::from_millis(3_500));
    for seed in (0..40).filter(|seed| plot(*seed).scenario.until >= end) {
        let small =
            smallest(seed, &mut |plot| (plot.scenario.until >= end && fails(plot)).then_some(Oracle::Told));
        assert!(small.scenario.until <= Instant::from_start(Duration::from_secs(6)), "seed {seed}");
    }
}
