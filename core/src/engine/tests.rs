//! Probing as the engine orders it; whole runs are scenarios.

use alloc::collections::BTreeMap;
use core::net::IpAddr;

use super::*;
use crate::action::ProbeOrder;
use crate::config::{CheckKind, Draft, DraftBackend, DraftCheck};
use crate::input::{Author, Command, LocalFault, Outcome, RequestId};

/// `count` backends on one tcp check, every two seconds, half a second while in doubt.
fn engine(count: u8) -> Engine {
    let mut check = DraftCheck::new(CheckKind::Tcp { port: 80, tls: None });
    check.fast_interval = Some(Duration::from_millis(500));
    let backend = |n: u8| DraftBackend {
        address: IpAddr::from([10, 0, 0, n]),
        healthcheck: Some("c".into()),
        enabled: true,
    };
    let draft = Draft {
        healthchecks: alloc::vec![("c".into(), check)],
        backends: (1..=count).map(|n| (alloc::format!("b{n}"), backend(n))).collect(),
        ..Draft::default()
    };
    let (config, _) = Config::check(&draft).expect("the draft breaks no rule");
    Engine::without_vpp(Arc::new(config), 7, Instant::START)
}

fn orders(actions: Vec<Action>) -> Vec<ProbeOrder> {
    let order = |action| if let Action::StartProbe(order) = action { Some(order) } else { None };
    actions.into_iter().filter_map(order).collect()
}

/// Runs for `seconds`, with every probe answered at once, and returns when each address was probed.
fn probed(mut engine: Engine, seconds: u64) -> BTreeMap<IpAddr, Vec<Instant>> {
    let mut times: BTreeMap<IpAddr, Vec<Instant>> = BTreeMap::new();
    let mut now = Instant::START;
    while now < Instant::from_start(Duration::from_secs(seconds)) {
        for order in orders(engine.handle(Input::WakeupDue, now)) {
            times.entry(order.address).or_default().push(now);
            let answer =
                Input::ProbeFinished { probe: order.probe, outcome: Outcome::Pass, took: Duration::ZERO };
            assert!(orders(engine.handle(answer, now)).is_empty(), "one probe, one answer");
        }
        now = engine.wakeup().expect("a checked backend is always due").0;
    }
    times
}

#[test]
fn one_more_backend_does_not_move_the_probes_of_the_others() {
    let (few, mut more) = (probed(engine(20), 30), probed(engine(21), 30));
    assert!(more.remove(&IpAddr::from([10, 0, 0, 21])).is_some());
    assert_eq!(few, more);
}

#[test]
fn first_probes_are_spread_and_later_ones_keep_their_interval_within_a_tenth() {
    let times = probed(engine(50), 30);
    assert_eq!(times.len(), 50);
    let mut first: Vec<Instant> = times.values().map(|times| times[0]).collect();
    first.sort_unstable();
    first.dedup();
    assert!(first.len() > 45, "they do not come together");
    assert!(
        first.iter().all(|at| at.since_start() <= Duration::from_millis(500)),
        "within the fast interval"
    );
    for pair in times.values().flat_map(|times| times.windows(2)) {
        let gap = pair[1].since(pair[0]);
        assert!((1_800..=2_200).contains(&gap.as_millis()), "{gap:?}");
    }
}

#[test]
fn a_backend_is_never_probed_twice_at_once() {
    let mut engine = engine(1);
    let mut now = Instant::START;
    let first = loop {
        if let Some(order) = orders(engine.handle(Input::WakeupDue, now)).pop() {
            break order;
        }
        now = engine.wakeup().expect("the first probe is due").0;
    };
    // It hangs for a minute, and an operator pauses and resumes meanwhile: still none.
    for second in 1..60 {
        now += Duration::from_secs(1);
        let command = match second {
            20 => Some(Command::Pause { backend: "b1".into() }),
            30 => Some(Command::Resume { backend: "b1".into() }),
            _ => None,
        };
        let input = command.map_or(Input::WakeupDue, |command| Input::Commanded {
            request: RequestId(second),
            command,
            by: Author::default(),
            based_on: None,
        });
        assert!(orders(engine.handle(input, now)).is_empty(), "second {second}");
    }
    let outcome = Outcome::Inconclusive(LocalFault::Cancelled);
    let late = Input::ProbeFinished { probe: first.probe, outcome, took: Duration::from_secs(60) };
    let next = orders(engine.handle(late, now));
    assert_eq!(next.len(), 1, "the due one starts when the cancelled one has answered");
    assert_eq!(engine.slot(first.probe.slot).map(|backend| backend.stale_results), Some(1));
}
