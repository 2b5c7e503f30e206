//! Plays a scenario: the engine driven straight, on time that jumps from one happening to the next.
//!
//! What happens at one instant happens in this order: the scenario's own events, then what the engine hears (probes,
//! then VPP), then its deadlines, then traffic. The engine's clock starts with its process, so a restarted daemon
//! begins at zero again while the world goes on.

mod daemon;
mod expect;
mod gates;
mod timeline;
mod traffic;

#[cfg(test)]
mod tests;

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use maglev_core::model::VipKey;
use maglev_core::{Config, Input, Instant};

use self::daemon::Daemon;
use self::gates::Gates;
use self::timeline::Timeline;
use self::traffic::Traffic;
use crate::backends::Backends;
use crate::link::{Link, Tally};
use crate::script::{DaemonChange, FIRST_CONFIG, Happening, Scenario, ScriptError, Who};
use crate::vpp::Options;

/// More turns than this at one instant means that the engine and the world chase each other.
const TURNS_AT_ONE_INSTANT: u32 = 100_000;

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What happened, a line each, for people.
    pub timeline: String,
    /// Expectations that were not met, each with its line and instant.
    pub failures: Vec<String>,
    /// What VPP was sent.
    pub tally: Tally,
    /// Inputs that the engine handled.
    pub steps: u64,
}

/// Plays `scenario` to its end. `read` turns the text of a configuration into one.
///
/// # Errors
/// A configuration cannot be read, or a happening names what no configuration has.
pub fn play(
    scenario: &Scenario,
    read: &dyn Fn(&str) -> Result<Arc<Config>, String>,
) -> Result<Report, ScriptError> {
    World::new(scenario, read)?.run(scenario)
}

/// The engine looks at no bucket count, and counting them builds every table at every dump.
const OPTIONS: Options = Options { trace: 0, heap: 1 << 30, count_buckets: false };

/// Everything there is.
struct World {
    now: Instant,
    configs: BTreeMap<String, Arc<Config>>,
    /// The one that the daemon runs with, or that it was told last.
    config: Arc<Config>,
    daemon: Daemon,
    backends: Backends,
    link: Link,
    traffic: Traffic,
    timeline: Timeline,
    told: BTreeSet<&'static str>,
    gates: Gates,
    failures: Vec<String>,
    steps: u64,
}

impl World {
    fn new(
        scenario: &Scenario,
        read: &dyn Fn(&str) -> Result<Arc<Config>, String>,
    ) -> Result<Self, ScriptError> {
        let mut configs = BTreeMap::new();
        for (name, text) in &scenario.configs {
            let config = read(&text.yaml).map_err(|why| ScriptError {
                line: text.line,
                message: format!("configuration {name} (its line 1 is here) cannot be read: {why}"),
            })?;
            configs.insert(name.clone(), config);
        }
        let config = configs.get(FIRST_CONFIG).cloned().ok_or_else(|| ScriptError {
            line: 0,
            message: format!("there is no configuration {FIRST_CONFIG:?}: add one to start with"),
        })?;
        let now = Instant::START;
        Ok(Self {
            now,
            daemon: Daemon::new(scenario.seed, config.clone(), now),
            gates: Gates::new(&config),
            configs,
            config,
            backends: Backends::new(scenario.seed),
            link: Link::new(scenario.seed, OPTIONS, now),
            traffic: Traffic::default(),
            timeline: Timeline::default(),
            told: BTreeSet::new(),
            failures: Vec::new(),
            steps: 0,
        })
    }

    fn run(mut self, scenario: &Scenario) -> Result<Report, ScriptError> {
        let mut events = scenario.events.iter().peekable();
        let mut turns = 0;
        loop {
            while let Some(event) = events.next_if(|event| event.at <= self.now) {
                self.happen(&event.happening, event.line)?;
            }
            self.turn();
            let next_event = events.peek().map(|event| event.at);
            let Some(next) = [next_event, self.wakeup()].into_iter().flatten().min() else { break };
            if next > scenario.until {
                break;
            }
            turns = if next > self.now { 0 } else { turns + 1 };
            assert!(turns < TURNS_AT_ONE_INSTANT, "time stands still at {}:\n{}", self.now, self.timeline);
            self.now = self.now.max(next);
        }
        self.failures.extend(self.gates.take_breaches());
        Ok(Report {
            timeline: self.timeline.to_string(),
            failures: self.failures,
            tally: self.link.tally(),
            steps: self.steps,
        })
    }

    /// When something happens next, the scenario's own events apart.
    fn wakeup(&self) -> Option<Instant> {
        let daemon = self.daemon.wakeup([self.backends.wakeup(), self.link.wakeup()]);
        [daemon, self.traffic.wakeup()].into_iter().flatten().min()
    }

    /// One turn of everything that is due.
    fn turn(&mut self) {
        self.link.advance(self.now);
        for (at, note) in self.link.take_notes() {
            self.timeline.note(at, &note);
        }
        if self.daemon.is_scheduled(self.now) {
            let mut inputs = self.daemon.take_inbox();
            inputs.extend(self.backends.finished(self.now));
            inputs.extend(self.link.heard(self.now));
            for input in inputs {
                self.feed(input);
            }
            if self.daemon.is_due(self.now) {
                self.feed(Input::WakeupDue);
            }
        }
        if self.traffic.wakeup().is_some_and(|at| at <= self.now) {
            self.link.advance(self.now);
            let lines = self.traffic.send(self.link.plugin_mut(), self.now);
            self.timeline.lines(self.now, "traffic", lines);
        }
    }

    fn happen(&mut self, happening: &Happening, line: u64) -> Result<(), ScriptError> {
        let confused = |message: String| ScriptError { line, message };
        self.timeline.happening(self.now, happening);
        match happening {
            Happening::Backend { who, behaviour } => {
                let address = self.address(who).map_err(confused)?;
                self.backends.set(address, behaviour.clone());
            }
            Happening::Vpp(change) => self.link.change(*change, self.now),
            Happening::Fault(fault) => self.link.arm(*fault),
            Happening::Foreign(write) => {
                self.link.foreign(write, self.now);
            }
            Happening::Reload { config, forced } => {
                self.config = self.named(config).map_err(confused)?;
                let config = self.config.clone();
                self.daemon.post(Input::ConfigLoaded { config, forced: *forced });
            }
            Happening::ReloadInvalid(kind) => {
                let err = "the scenario says so".into();
                self.daemon.post(Input::ConfigRejected { kind: kind.word(), err });
            }
            Happening::Operator(command) => self.daemon.command(command.clone()),
            Happening::Daemon(change) => self.change_daemon(change).map_err(confused)?,
            Happening::Traffic { frontend, flows } => {
                let vip = self.vip(frontend).map_err(confused)?;
                self.traffic.set(frontend, vip, *flows, self.now);
            }
            Happening::Expect(facts) => {
                let unmet = self.unmet(facts).map_err(confused)?;
                let at = timeline::time(self.now);
                self.timeline.lines(self.now, "UNMET", unmet.clone());
                self.failures.extend(unmet.iter().map(|what| format!("line {line}, at {at}: {what}")));
            }
        }
        Ok(())
    }

    fn change_daemon(&mut self, change: &DaemonChange) -> Result<(), String> {
        match change {
            DaemonChange::Stall(by) => self.daemon.stall_until(self.now + *by),
            DaemonChange::Terminate => self.daemon.post(Input::ShutdownRequested),
            DaemonChange::Kill => self.end_daemon(),
            DaemonChange::Restart(name) => {
                if let Some(name) = name {
                    self.config = self.named(name)?;
                }
                self.end_daemon();
                self.failures.extend(self.gates.take_breaches());
                self.gates = Gates::new(&self.config);
                self.daemon.restart(self.config.clone(), self.now);
            }
        }
        Ok(())
    }

    /// The process is gone, and with it its sockets.
    fn end_daemon(&mut self) {
        if let Some(connection) = self.daemon.end() {
            self.link.disconnect(connection, self.now);
        }
        self.backends.forget_probes();
    }

    fn named(&self, config: &str) -> Result<Arc<Config>, String> {
        let known = || self.configs.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let found = self.configs.get(config).cloned();
        found.ok_or_else(|| format!("there is no configuration {config:?}: use one of {}", known()))
    }

    /// The address of a backend in the configuration of this moment, or else in any.
    fn address(&self, who: &Who) -> Result<IpAddr, String> {
        let name = match who {
            Who::Address(address) => return Ok(*address),
            Who::Name(name) => name,
        };
        [&self.config]
            .into_iter()
            .chain(self.configs.values())
            .flat_map(|config| config.backends())
            .find(|backend| backend.name == *name)
            .map(|backend| backend.address)
            .ok_or_else(|| format!("no configuration has a backend {name:?}: use its name or an address"))
    }

    fn vip(&self, frontend: &str) -> Result<VipKey, String> {
        [&self.config]
            .into_iter()
            .chain(self.configs.values())
            .flat_map(|config| config.frontends())
            .find(|found| found.name == frontend)
            .map(|found| found.vip)
            .ok_or_else(|| format!("no configuration has a frontend {frontend:?}"))
    }
}

/// Between two packets of a flow.
const PACKET_EVERY: Duration = Duration::from_secs(1);
