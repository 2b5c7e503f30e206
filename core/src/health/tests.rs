//! Every row of the contract's section 4.

use core::num::NonZeroU8;
use core::time::Duration;

use super::*;

fn timing(rise: u8, fall: u8) -> Timing {
    let second = Duration::from_secs(1);
    Timing {
        interval: second,
        fast_interval: second,
        down_interval: second,
        timeout: second,
        rise: NonZeroU8::new(rise).expect("a test's rise is not 0"),
        fall: NonZeroU8::new(fall).expect("a test's fall is not 0"),
    }
}

fn health(rise: u8, fall: u8) -> Health {
    Health::new(Some(&timing(rise, fall)), true)
}

/// Feeds `p` for a pass and `f` for a fail, and returns the states after each.
fn feed(health: &mut Health, results: &str) -> alloc::vec::Vec<State> {
    results
        .chars()
        .map(|result| {
            health.record(result == 'p');
            health.state()
        })
        .collect()
}

use State::{Disabled, Down, Paused, Unknown, Up};

#[test]
fn results_move_a_backend_as_the_table_says() {
    // rise, fall, results, the state after each.
    let table: &[(u8, u8, &str, &[State])] = &[
        (2, 3, "p", &[Up]),
        (2, 3, "fff", &[Unknown, Unknown, Down]),
        (2, 3, "ffp", &[Unknown, Unknown, Up]),
        (2, 3, "pfff", &[Up, Up, Up, Down]),
        (2, 3, "pffpfff", &[Up, Up, Up, Up, Up, Up, Down]),
        (2, 3, "fffpp", &[Unknown, Unknown, Down, Down, Up]),
        (2, 3, "fffpfpp", &[Unknown, Unknown, Down, Down, Down, Down, Up]),
        (1, 1, "f", &[Down]),
        (1, 1, "pfp", &[Up, Down, Up]),
        (1, 2, "pffp", &[Up, Up, Down, Up]),
        (3, 1, "pfppp", &[Up, Down, Down, Down, Up]),
    ];
    for (rise, fall, results, states) in table {
        assert_eq!(feed(&mut health(*rise, *fall), results), *states, "rise {rise} fall {fall} {results}");
    }
}

#[test]
fn the_largest_thresholds_fit_the_counter() {
    let mut health = health(1, 254);
    health.record(true);
    assert_eq!(health.counter(), 254);
    for _ in 0..253 {
        health.record(false);
        assert_eq!(health.state(), Up);
    }
    health.record(false);
    assert_eq!(health.state(), Down);
}

#[test]
fn only_fall_failures_in_a_row_take_an_up_backend_down() {
    let mut health = health(2, 3);
    feed(&mut health, "p");
    for _ in 0..100 {
        assert_eq!(feed(&mut health, "ffp"), [Up, Up, Up]);
    }
}

#[test]
fn cadence_follows_the_counter() {
    let mut health = health(2, 3);
    assert_eq!(health.cadence(), Cadence::Fast);
    let mut after = |result| {
        feed(&mut health, result);
        health.cadence()
    };
    assert_eq!(after("p"), Cadence::Steady);
    assert_eq!(after("f"), Cadence::Fast);
    assert_eq!(after("p"), Cadence::Steady);
    assert_eq!(after("fff"), Cadence::Down);
    assert_eq!(after("p"), Cadence::Fast);
    assert_eq!(after("f"), Cadence::Down);
    assert_eq!(after("pp"), Cadence::Steady);
}

#[test]
fn a_backend_without_a_check_is_up_and_comes_back_up() {
    let mut health = Health::new(None, true);
    assert_eq!(health.state(), Up);
    health.pause();
    assert_eq!(health.state(), Paused);
    health.restart(false);
    assert_eq!(health.state(), Up);
    health.disable();
    assert_eq!(health.state(), Disabled);
    health.restart(false);
    assert_eq!(health.state(), Up);
    assert_eq!(Health::new(None, false).state(), Disabled);
}

#[test]
fn what_is_not_probed_is_not_moved_by_a_result() {
    let mut paused = health(2, 3);
    paused.pause();
    assert_eq!(feed(&mut paused, "pfffpp"), [Paused; 6]);
    let mut disabled = health(2, 3);
    disabled.disable();
    assert_eq!(feed(&mut disabled, "pfffpp"), [Disabled; 6]);
}

#[test]
fn a_restart_begins_from_unknown() {
    let mut health = health(2, 3);
    feed(&mut health, "p");
    health.pause();
    health.restart(true);
    assert_eq!(health.state(), Unknown);
    assert_eq!(feed(&mut health, "fff"), [Unknown, Unknown, Down]);
}

#[test]
fn new_thresholds_keep_verdict_and_progress() {
    let mut up = health(2, 3);
    feed(&mut up, "pff");
    up.retime(Some(&timing(2, 5)));
    assert_eq!(up.state(), Up);
    assert_eq!(feed(&mut up, "fff"), [Up, Up, Down], "two of five failures had been seen");

    let mut hurried = health(2, 5);
    feed(&mut hurried, "pffff");
    hurried.retime(Some(&timing(2, 2)));
    assert_eq!(hurried.state(), Up, "editing a check never empties a table");
    assert_eq!(feed(&mut hurried, "f"), [Down]);

    let mut down = health(3, 1);
    feed(&mut down, "fpp");
    down.retime(Some(&timing(5, 1)));
    assert_eq!(feed(&mut down, "ppp"), [Down, Down, Up]);
}

#[test]
fn a_new_target_keeps_the_verdict_until_it_has_earned_its_own() {
    let mut up = health(2, 3);
    feed(&mut up, "pff");
    up.retarget(true);
    assert_eq!(feed(&mut up, "fff"), [Up, Up, Down]);

    let mut down = health(2, 3);
    feed(&mut down, "fffp");
    down.retarget(true);
    assert_eq!(feed(&mut down, "pp"), [Down, Up]);

    let mut unchecked = health(2, 3);
    feed(&mut unchecked, "fff");
    unchecked.retime(None);
    unchecked.retarget(false);
    assert_eq!(unchecked.state(), Up, "removing the check grants up");

    let mut checked = Health::new(None, true);
    checked.retime(Some(&timing(2, 3)));
    checked.retarget(true);
    assert_eq!(checked.state(), Up, "adding a check keeps up");
    assert_eq!(feed(&mut checked, "fff"), [Up, Up, Down]);
}
