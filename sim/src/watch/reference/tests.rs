//! The second opinion, held to the numbers of the contract.

use core::time::Duration;
use std::sync::Arc;

use maglev_core::config::{CheckKind, Draft, DraftBackend, DraftCheck};
use maglev_core::health::State;
use maglev_core::input::{FailCode, Failure, LocalFault};

use super::*;

/// One backend, 2 passes to rise and 3 failures to fall, every second.
fn config() -> Config {
    let mut draft = Draft::default();
    let check = DraftCheck { interval: Duration::from_secs(1), ..DraftCheck::new(CheckKind::Icmp) };
    draft.healthchecks.push(("ping".into(), check));
    let address = [198, 51, 100, 10].into();
    let backend = DraftBackend { address, healthcheck: Some("ping".into()), enabled: true };
    draft.backends.push(("a".into(), backend));
    Config::check(&draft).expect("it breaks no rule").0
}

fn at(ms: u64) -> Instant {
    Instant::from_start(Duration::from_millis(ms))
}

const fn probe(number: u64) -> ProbeId {
    ProbeId { slot: 0, number }
}

fn fail() -> Outcome {
    Outcome::Fail(Failure { code: FailCode::L4Con, detail: String::new() })
}

fn command(which: fn(String) -> Command) -> Command {
    which("a".into())
}

/// What a row of results makes of an unknown backend.
fn after(results: &str) -> (State, u8) {
    let mut reference = Reference::new(&config());
    for (number, result) in (1..).zip(results.chars()) {
        reference.start(probe(number), at(0), true);
        let outcome = if result == '+' { Outcome::Pass } else { fail() };
        assert_eq!(reference.finished(probe(number), &outcome, at(0)), Worth::Conclusive);
    }
    let seat = reference.seat(0).expect("there is one");
    (seat.state, seat.counter())
}

/// Section 4 of the contract, with its numbers.
#[test]
fn a_row_of_results_makes_the_state_and_the_counter_of_the_contract() {
    for (results, state, counter) in [
        ("", State::Unknown, 0),
        ("--", State::Unknown, 2),
        ("--+", State::Up, 4),
        ("---", State::Down, 0),
        ("+--", State::Up, 2),
        ("+--+", State::Up, 4),
        ("+---", State::Down, 0),
        ("---+", State::Down, 1),
        ("---+-", State::Down, 0),
        ("---++", State::Up, 4),
    ] {
        assert_eq!(after(results), (state, counter), "{results:?}");
    }
}

#[test]
fn only_the_probe_under_way_counts_and_only_in_its_generation() {
    let mut reference = Reference::new(&config());
    assert_eq!(reference.finished(probe(1), &Outcome::Pass, at(0)), Worth::Stale, "none is under way");
    assert_eq!(reference.start(probe(1), at(100), false), None);
    let stalled = Outcome::Inconclusive(LocalFault::Stalled);
    assert_eq!(reference.finished(probe(1), &stalled, at(200)), Worth::Inconclusive);
    assert_eq!(reference.finished(probe(1), &Outcome::Pass, at(200)), Worth::Stale, "it has answered");
    assert_eq!(reference.start(probe(2), at(1_100), false), None);
    reference.command(&command(|backend| Command::Pause { backend }), at(1_200));
    reference.command(&command(|backend| Command::Resume { backend }), at(1_200));
    assert_eq!(
        reference.finished(probe(2), &Outcome::Pass, at(1_300)),
        Worth::Stale,
        "it was paused meanwhile"
    );
    assert_eq!(reference.seat(0).map(|seat| seat.state), Some(State::Unknown));
}

#[test]
fn a_probe_that_starts_too_early_too_late_or_twice_is_wrong() {
    let started = || {
        let mut reference = Reference::new(&config());
        assert_eq!(reference.start(probe(1), at(500), false), None);
        reference
    };
    assert!(started().start(probe(2), at(1_500), false).is_some(), "the first is under way");
    for (ms, late, is_wrong) in [
        (1_399, false, true),
        (1_400, false, false),
        (1_600, false, false),
        (1_601, false, true),
        (9_000, true, false),
    ] {
        let mut reference = started();
        reference.finished(probe(1), &Outcome::Pass, at(501));
        assert_eq!(reference.start(probe(2), at(ms), late).is_some(), is_wrong, "{ms} {late}");
    }
}

#[test]
fn a_new_generation_looks_at_once_and_not_later() {
    for (ms, is_wrong) in [(600, false), (601, true)] {
        let mut reference = Reference::new(&config());
        reference.start(probe(1), at(500), false);
        reference.finished(probe(1), &Outcome::Pass, at(501));
        reference.command(&command(|backend| Command::Disable { backend }), at(550));
        assert!(reference.clone().start(probe(2), at(560), false).is_some(), "it is disabled");
        reference.command(&command(|backend| Command::Enable { backend }), at(600));
        assert_eq!(reference.start(probe(2), at(ms), false).is_some(), is_wrong, "{ms}");
    }
}

#[test]
fn commands_do_what_the_contract_says_and_nothing_else() {
    let pause = command(|backend| Command::Pause { backend });
    let resume = command(|backend| Command::Resume { backend });
    let disable = command(|backend| Command::Disable { backend });
    let enable = command(|backend| Command::Enable { backend });
    for (commands, state) in [
        (vec![&resume, &enable], State::Unknown),
        (vec![&pause, &enable], State::Paused),
        (vec![&pause, &disable], State::Disabled),
        (vec![&disable, &pause, &resume], State::Disabled),
        (vec![&disable, &enable], State::Unknown),
    ] {
        let mut reference = Reference::new(&config());
        commands.iter().for_each(|command| reference.command(command, at(0)));
        assert_eq!(reference.seat(0).map(|seat| seat.state), Some(state), "{commands:?}");
    }
}

/// Fresh from the engine, and after a reload to the same file, both sides agree.
#[test]
fn a_reload_that_changes_nothing_concerns_nobody() {
    let config = Arc::new(config());
    let mut engine = Engine::without_vpp(config.clone(), 1, at(0));
    let mut reference = Reference::new(&config);
    let _ = engine.handle(maglev_core::Input::ConfigLoaded { config, forced: false }, at(0));
    assert_eq!(reference.reload(&engine, at(0)), [0]);
    let backend = engine.backend(0).expect("it is in the file");
    assert!(reference.seat(0).is_some_and(|seat| seat.agrees(backend)));
}

/// A backend of this name and last byte of address, checked on this port.
fn named(backends: &[(&str, u8, u16)]) -> Config {
    let mut draft = Draft::default();
    for (name, last, port) in backends {
        let check = CheckKind::Tcp { port: *port, tls: None };
        draft.healthchecks.push((format!("c-{name}"), DraftCheck::new(check)));
        let (address, healthcheck) = ([198, 51, 100, *last].into(), Some(format!("c-{name}")));
        draft.backends.push(((*name).into(), DraftBackend { address, healthcheck, enabled: true }));
    }
    Config::check(&draft).expect("it breaks no rule").0
}

/// Section 8 of the contract: by name with equal address, else by address and target, else by address.
#[test]
fn whoever_is_alike_by_the_first_rule_that_is_unique_continues() {
    type Backends<'a> = &'a [(&'a str, u8, u16)];
    let cases: [(Backends<'_>, Backends<'_>, &[Option<u32>]); 6] = [
        (&[("a", 1, 80), ("b", 2, 80)], &[("a", 2, 80), ("b", 1, 80)], &[Some(1), Some(0)]),
        (&[("a", 1, 80)], &[("a", 2, 80)], &[None]),
        (&[("a", 1, 80), ("b", 1, 81)], &[("c", 1, 81), ("d", 1, 80)], &[Some(1), Some(0)]),
        (&[("a", 1, 80), ("b", 1, 81)], &[("b", 1, 80), ("c", 1, 80)], &[Some(1), Some(0)]),
        (&[("a", 1, 80)], &[("b", 1, 90)], &[Some(0)]),
        (&[("a", 1, 80), ("b", 1, 80)], &[("c", 1, 80)], &[None]),
    ];
    for (old, new, heirs) in cases {
        let reference = Reference::new(&named(old));
        let seats: Vec<_> = reference.seats().collect();
        assert_eq!(pairs::heirs(&seats, named(new).backends()), heirs, "{old:?} -> {new:?}");
    }
}
