//! Reloads by chance: where a series of them ends, a fresh start with the last file would have been too.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use maglev_core::health::State;
use maglev_core::input::{FailCode, Failure, LocalFault, Outcome};
use maglev_core::{Action, Config, Engine, Input, Instant, ProbeId, ProbeOrder};
use maglevd::config::{self, Options};
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// Series of a plain `cargo test`; each is a handful of files and some minutes of simulated time.
const SERIES: u64 = 150;

/// After the last file: every verdict is earned and every hold has ended.
const SETTLED: Duration = Duration::from_secs(100);

const NAMES: [&str; 7] = ["ams", "fra", "lon", "mad", "osl", "par", "rom"];

/// A file that is right, with names, addresses, checks and pools drawn anew, so that all of them often swap.
fn file(rng: &mut ChaCha8Rng) -> Arc<Config> {
    let mut text = String::from(
        "maglev:\n  vpp: { lb: { ipv4-src-address: 192.0.2.1, ipv6-src-address: \"2001:db8::1\" } }\n  healthchecks:\n",
    );
    for (name, port) in [("web", 80), ("alt", 81)] {
        let (rise, fall, interval) = (rng.random_range(1..4), rng.random_range(1..4), rng.random_range(1..4));
        let _ = writeln!(
            text,
            "    {name}: {{ type: tcp, port: {port}, interval: {interval}s, fast-interval: 500ms, rise: {rise}, fall: {fall} }}"
        );
    }
    let mut names: Vec<&str> = NAMES.into_iter().filter(|_| rng.random_bool(0.7)).collect();
    if names.is_empty() {
        names.push("ams");
    }
    text.push_str("  backends:\n");
    for name in &names {
        let address = rng.random_range(1..6);
        let check =
            ["", ", healthcheck: web", ", healthcheck: web", ", healthcheck: alt"][rng.random_range(0..4)];
        let enabled = rng.random_bool(0.9);
        let _ = writeln!(text, "    {name}: {{ address: 198.51.100.{address}{check}, enabled: {enabled} }}");
    }
    let frontends: Vec<u8> = (0..3).filter(|_| rng.random_bool(0.7)).collect();
    text.push_str(if frontends.is_empty() { "  frontends: {}\n" } else { "  frontends:\n" });
    for at in frontends {
        let name = ["a", "b"][rng.random_range(0..2)];
        let _ = writeln!(
            text,
            "    {name}{at}:\n      address: 203.0.113.{at}\n      protocol: tcp\n      port: 80\n      flush-on-down: {}\n      pools:",
            rng.random_bool(0.5)
        );
        for pool in 0..rng.random_range(1..3) {
            let mut members: Vec<String> = Vec::new();
            for name in &names {
                if rng.random_bool(0.5) {
                    members.push(format!("{name}: {{ weight: {} }}", rng.random_range(0..4) * 30));
                }
            }
            if members.is_empty() {
                members.push(format!("{}: {{}}", names[0]));
            }
            let _ = writeln!(text, "        - {{ name: p{pool}, backends: {{ {} }} }}", members.join(", "));
        }
    }
    config::parse(text.as_bytes(), "drawn", Options::default())
        .unwrap_or_else(|err| panic!("{err}\n{text}"))
        .config
}

/// An engine, and probes whose outcome depends on whom they look at and on nothing else.
struct Run {
    engine: Engine,
    now: Instant,
    probes: BTreeMap<(Instant, ProbeId), Outcome>,
    log: String,
}

impl Run {
    fn new(config: Arc<Config>) -> Self {
        let (now, engine) = (Instant::START, Engine::without_vpp(config, 7, Instant::START));
        Self { engine, now, probes: BTreeMap::new(), log: String::new() }
    }

    fn outcome(order: &ProbeOrder) -> Outcome {
        let digest = format!("{} {:?}", order.address, order.target)
            .bytes()
            .fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        if digest.is_multiple_of(3) {
            Outcome::Fail(Failure { code: FailCode::L4Con, detail: "refused".into() })
        } else {
            Outcome::Pass
        }
    }

    fn handle(&mut self, input: Input) {
        for action in self.engine.handle(input, self.now) {
            let _ = writeln!(self.log, "{} {action}", self.now);
            match action {
                Action::StartProbe(order) => {
                    let at = self.now + Duration::from_millis(20);
                    self.probes.insert((at, order.probe), Self::outcome(&order));
                }
                Action::CancelProbe(probe) => {
                    let open = self.probes.keys().find(|(_, open)| *open == probe).copied();
                    if let Some(outcome) = open.and_then(|key| self.probes.get_mut(&key)) {
                        *outcome = Outcome::Inconclusive(LocalFault::Cancelled);
                    }
                }
                Action::Connect(_)
                | Action::Disconnect(_)
                | Action::Call { .. }
                | Action::Keep(_)
                | Action::Tell(_)
                | Action::Answer { .. }
                | Action::Exit => (),
            }
        }
    }

    fn until(&mut self, end: Instant) {
        loop {
            let probe = self.probes.keys().next().copied();
            let wakeup = self.engine.wakeup().map(|(at, _)| at.max(self.now));
            let next = [probe.map(|(at, _)| at), wakeup].into_iter().flatten().min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            self.now = at;
            match probe.filter(|(due, _)| *due == at).and_then(|key| Some((key.1, self.probes.remove(&key)?)))
            {
                Some((probe, outcome)) => {
                    let took = Duration::from_millis(20);
                    self.handle(Input::ProbeFinished { probe, outcome, took });
                }
                None => self.handle(Input::WakeupDue),
            }
        }
        self.now = end;
    }

    /// Everything that does not depend on when something happened.
    fn state(&self) -> String {
        let view = self.engine.view();
        let mut lines: Vec<String> = view
            .backends
            .iter()
            .map(|b| {
                let health = (b.state, b.counter, b.counter_max, b.is_checked(), b.due.is_some());
                format!("backend {} {} {health:?}", b.name, b.address)
            })
            .collect();
        // Slots tell in which order backends came.
        lines.sort();
        for f in &view.frontends {
            let servers: Vec<_> = f.servers.iter().map(|s| (s.address, s.wanted)).collect();
            lines.push(format!(
                "frontend {} {} {} {} {:?} {servers:?}",
                f.name, f.vip, f.state, f.is_open, f.awaited
            ));
        }
        lines.push(format!("{:?} {:?}", view.phase, view.not_ready));
        lines.join("\n")
    }
}

/// The files of a series and when each comes into force, the first at the start.
fn series(seed: u64) -> Vec<(Instant, Arc<Config>)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut at = Instant::START;
    (0..rng.random_range(2..7))
        .map(|_| {
            let moment = (at, file(&mut rng));
            // Some at one instant, some while warm-up lasts, some long after.
            at += Duration::from_millis([0, 3, 700, 6_000, 20_000, 60_000][rng.random_range(0..6)]);
            moment
        })
        .collect()
}

fn play(series: &[(Instant, Arc<Config>)]) -> Run {
    let mut run = Run::new(series[0].1.clone());
    run.handle(Input::WakeupDue);
    for (at, config) in &series[1..] {
        run.until(*at);
        run.handle(Input::ConfigLoaded { config: config.clone(), forced: true });
    }
    let settled = run.now + SETTLED;
    run.until(settled);
    run
}

#[test]
fn a_series_of_reloads_ends_where_a_fresh_start_would() {
    let mut serving = 0;
    for seed in 0..SERIES {
        let files = series(seed);
        let last = files.last().expect("a series has files").1.clone();
        let fresh = play(&[(Instant::START, last)]);
        assert_eq!(play(&files).state(), fresh.state(), "seed {seed}");
        serving +=
            u64::from(fresh.engine.view().frontends.iter().any(|frontend| frontend.state == State::Up));
    }
    assert!(serving > SERIES / 2, "two engines that do nothing are equal too: {serving} series serve");
}

#[test]
fn the_same_inputs_lead_to_the_same_actions() {
    for seed in 0..20 {
        let files = series(seed);
        assert_eq!(play(&files).log, play(&files).log, "seed {seed}");
    }
}
