//! Searches that are cut short; the mass test goes to the end of all of them.

use super::*;

/// The smallest lane, to its fixpoint.
#[test]
fn a_search_ends_with_the_states_that_are_pinned() {
    let found = search(Lane::Vpp, usize::MAX);
    assert_eq!(found.wrong(), Vec::<String>::new());
    for told in
        ["vpp-lb-warmup-max-delay-elapsed", "vpp-lb-sync-done", "vpp-call-quarantined", "vpp-lb-as-weight"]
    {
        assert!(found.told.contains_key(told), "{told} was never told: {:?}", found.told);
    }
}

#[test]
fn no_lane_breaks_a_rule_at_its_beginning() {
    for lane in Lane::ALL {
        let found = search(lane, 1_500);
        assert!(found.breaches.is_empty() && found.panics.is_empty(), "{:?}", found.wrong());
        assert!(!found.is_fixpoint && found.states >= 1_500, "{found}");
        assert_eq!(search(lane, 1_500), found, "a search is a function of its lane");
    }
}

/// What a person plays is what the search saw.
#[test]
fn the_way_to_a_state_is_a_scenario() {
    let mut search = Search::new(Lane::Link, true);
    let root = search.root.clone();
    let mut level = vec![(search.enter(&root, root.digest(), NOWHERE, Move::Wait), root)];
    for _ in 0..24 {
        let mut below = Vec::new();
        for (from, node) in level {
            search.expand(from, &node, &mut below);
        }
        level = below;
    }
    for (id, node) in level.into_iter().step_by(20) {
        let State { parent, way, .. } = search.states[id as usize];
        let mut plot = search.plot(parent, way, "A way.".into());
        plot.scenario.until = node.straight.world.now();
        let read = Scenario::read(&plot.file().to_string()).expect("a plot is a file");
        let configs = read.checked().expect("its configurations pass");
        let report = play(&read, configs, Settings::MASS).expect("it names what there is");
        let seen = node.straight.world.finish();
        assert_eq!(
            (report.steps, report.events, report.hash),
            (seen.steps, seen.events, seen.hash),
            "{read}"
        );
    }
}
