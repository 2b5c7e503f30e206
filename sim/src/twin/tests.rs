//! The two tellings mean the same, and what differs is said.

use super::*;
use crate::choices::Seeded;
use crate::swarm;

fn plots() -> impl Iterator<Item = Plot> {
    (0..200).map(|seed| swarm::compose(seed, &mut Seeded::new(seed)))
}

fn told(twin: Twin, plot: &Plot) -> Option<(Plot, Plot)> {
    pair(twin, plot).map(|pair| (pair.one, pair.other))
}

/// No old name is left, references included: what is checked knows everybody whom it names.
#[test]
fn everything_is_renamed() {
    for plot in plots() {
        let (one, other) = told(Twin::Renamed, &plot).expect("there is always something with a name");
        let other = other.configs().expect("what was right stays right under other names");
        for (name, draft) in &one.drafts {
            let config = &other[name];
            let old = |name: &str| draft.backends.iter().any(|(old, _)| old == name);
            assert!(config.backends().iter().all(|backend| !old(&backend.name)));
            assert_eq!(config.backends().len(), draft.backends.len());
            let vips = |configs: &crate::Configs| -> Vec<_> {
                configs[name].frontends().iter().map(|frontend| frontend.vip).collect()
            };
            assert_eq!(vips(&one.configs().expect("it was right")), vips(&other));
        }
    }
}

/// Whoever moves in is in every configuration with frontends, and changes none of the others.
#[test]
fn a_neighbour_takes_nothing_from_anybody() {
    let mut moved_in = 0;
    for plot in plots() {
        let Some((one, other)) = told(Twin::Neighbour, &plot) else { continue };
        moved_in += 1;
        let (one, other) = (one.configs().expect("it was right"), other.configs().expect("it still is"));
        for (name, config) in &one {
            let grown = usize::from(!config.frontends().is_empty());
            assert_eq!(other[name].frontends().len(), config.frontends().len() + grown);
            let stays = |vip| other[name].frontends().iter().any(|frontend| frontend.vip == vip);
            assert!(config.frontends().iter().all(|frontend| stays(frontend.vip)));
        }
    }
    assert_eq!(moved_in, 200, "nobody else uses its addresses");
}

#[test]
fn the_first_difference_is_told_with_both_sides() {
    let deed = |at: u64, last: u8| {
        (Instant::from_start(Duration::from_secs(at)), Deed::Probe([10, 0, 0, last].into()))
    };
    let one = vec![deed(1, 1), deed(2, 2)];
    assert_eq!(difference(&one, &one), None);
    let (at, what) = difference(&one, &vec![deed(1, 1), deed(3, 2)]).expect("the second comes later");
    assert_eq!(at, Instant::from_start(Duration::from_secs(2)));
    assert_eq!(
        what,
        "there comes probe of 10.0.0.2 at 3s, and in the scenario itself probe of 10.0.0.2 at 2s"
    );
    let (_, what) = difference(&one, &vec![deed(1, 1)]).expect("the second is missing");
    assert!(what.starts_with("there comes nothing more, and "), "{what}");
}

#[test]
fn every_twin_is_read_as_it_is_written() {
    for twin in Twin::ALL {
        assert_eq!(Twin::parse(twin.word()), Ok(twin));
    }
    let refused = Twin::parse("triplet").expect_err("there is no such twin");
    assert!(refused.ends_with("use one of renamed, later, neighbour, reloaded-twice"), "{refused}");
}
