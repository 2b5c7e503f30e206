//! The screen without a terminal.

use maglev_proto::{Timestamp, v1};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::draw::draw;
use super::model::{Model, Picture, Update};
use crate::failure::{Exit, Failure};
use crate::value;

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

fn picture() -> Picture {
    let member = |name: &str, state: v1::State, weight| v1::Member {
        backend: name.into(),
        address: "192.0.2.1".into(),
        state: state.into(),
        effective_weight: weight,
        vpp_weight: Some(100),
        ..v1::Member::default()
    };
    let pool = v1::Pool {
        name: "primary".into(),
        active: true,
        members: vec![member("ams", v1::State::Up, 100), member("fra\x1b[2J", v1::State::Down, 0)],
        ..v1::Pool::default()
    };
    let vip = v1::Vip {
        address: "203.0.113.80".into(),
        prefix_length: 32,
        protocol: v1::Protocol::Tcp.into(),
        port: 80,
        ..v1::Vip::default()
    };
    let frontend = v1::Frontend {
        name: "www".into(),
        vip: Some(vip),
        state: v1::State::Up.into(),
        pools: vec![pool],
        sync: Some(v1::Sync { state: v1::SyncState::InSync.into(), ..v1::Sync::default() }),
        ..v1::Frontend::default()
    };
    let backend = v1::Backend {
        name: "ams".into(),
        healthcheck: "web".into(),
        counter: 4,
        counter_max: 4,
        since: at(40),
        results: vec![v1::Outcome { result: v1::ProbeResult::Pass.into(), ..v1::Outcome::default() }],
        ..v1::Backend::default()
    };
    let daemon = v1::Daemon { version: "1.2.3".into(), ready: true, started: at(0), ..v1::Daemon::default() };
    let vpp = v1::Vpp {
        in_use: true,
        connected: true,
        in_sync: true,
        version: "26.10".into(),
        since: at(10),
        ..v1::Vpp::default()
    };
    Picture {
        now: at(100),
        daemon: value::of("Daemon", &daemon),
        vpp: value::of("Vpp", &vpp),
        warmup: value::of("Warmup", &v1::Warmup { phase: v1::Phase::Over.into(), ..v1::Warmup::default() }),
        frontends: vec![value::of("Frontend", &frontend)],
        backends: vec![value::of("Backend", &backend)],
    }
}

/// The lines of a screen of this size.
fn screen(model: &mut Model, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, model)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| line(y).trim_end().to_owned()).collect()
}

#[test]
fn everything_is_on_the_screen() {
    let mut model = Model { synced: at(95), ..Model::default() };
    model.take(Update::Seen(Box::new(picture())));
    let lines = screen(&mut model, 110, 20);
    assert!(lines[0].contains("maglevd 1.2.3") && lines[0].ends_with("warm-up over  ready"), "{lines:#?}");
    assert!(
        lines[1].starts_with("VPP 26.10  connected 1m30s") && lines[1].ends_with("last sync 5s ago"),
        "{lines:#?}"
    );
    let words = |line: &str| line.split_whitespace().map(Into::into).collect::<Vec<String>>();
    assert_eq!(words(&lines[4]), ["www", "203.0.113.80", "tcp/80", "up", "in-sync"]);
    assert_eq!(words(&lines[5]), ["primary", "(serves)"]);
    assert_eq!(words(&lines[6])[..6], ["ams", "192.0.2.1", "up", "100", "100", "4/4"]);
    assert!(words(&lines[6]).ends_with(&["1m0s".into()]), "{lines:#?}");
    assert_eq!(words(&lines[7])[..5], ["fra\\u{1b}[2J", "192.0.2.1", "down", "0", "100"]);
}

#[test]
fn a_lost_daemon_is_told_and_the_picture_stays() {
    let mut model = Model::default();
    model.take(Update::Lost(Failure::new(Exit::NoDaemon, "nobody\x1b answers")));
    assert!(screen(&mut model, 80, 10)[2].starts_with("DISCONNECTED, attempt 1: nobody"));
    model.take(Update::Seen(Box::new(picture())));
    assert_eq!(screen(&mut model, 80, 10)[2], "");
    model.take(Update::Lost(Failure::new(Exit::NoDaemon, "nobody answers")));
    model.take(Update::Lost(Failure::new(Exit::NoDaemon, "nobody answers")));
    let lines = screen(&mut model, 80, 10);
    assert!(lines[2].starts_with("DISCONNECTED, attempt 2; what is shown is old"), "{lines:#?}");
    assert!(lines[4].starts_with("www"), "{lines:#?}");
}

#[test]
fn scrolling_ends_at_the_last_row_and_no_size_is_too_small() {
    let mut model = Model { first: usize::MAX - 10, ..Model::default() };
    model.take(Update::Seen(Box::new(picture())));
    let lines = screen(&mut model, 100, 7);
    assert_eq!((model.first, model.page), (2, 2));
    assert!(lines[4].contains("ams") && lines[5].contains("fra"), "{lines:#?}");
    for (width, height) in [(1, 1), (5, 3), (200, 2), (3, 50)] {
        screen(&mut model, width, height);
    }
}
