//! The world around one maglevd: backends, VPP, people, and everyone who watches. It does not know how maglevd is run.
//!
//! Two lanes drive it: [`straight`](crate::straight) calls the engine, and the tests' lane B runs the daemon's real loop
//! and client. Both carry out an [`Effect`] when something happens to the process, both report each [`Step`], and both
//! end when the finale says so.
//!
//! What happens at one instant happens in this order: the scenario's own events, then what the engine hears (probes,
//! then VPP), then its deadlines, then traffic. The engine's clock starts with its process, so a restarted daemon
//! begins at zero again while the world goes on.

mod coverage;
mod drawer;
mod expect;
mod finale;
mod rest;
mod timeline;
mod trace;
mod traffic;

#[cfg(test)]
mod tests;

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use maglev_core::model::{LbConf, Read, Request, VipKey};
use maglev_core::time::earliest;
use maglev_core::{Action, Command, Config, Engine, Event, Input, Instant, Recollection};

use self::drawer::Drawer;
use self::finale::Finale;
use self::timeline::Timeline;
use self::trace::Trace;
use self::traffic::Traffic;
use crate::backends::Backends;
use crate::chance::STILL;
use crate::link::{Link, Note, Tally};
use crate::oracle::{Breach, Counts, Ledger, Oracle};
use crate::script::{DaemonChange, FIRST_CONFIG, Happening, Scenario, ScriptError, Who};
use crate::twin::{Deed, Diary};
use crate::vpp::Options;
use crate::watch::{Kept, Step, Watch, Watcher as _};

pub use self::coverage::{Cell, Coverage};
pub(crate) use self::trace::Chain;

/// The configurations of a scenario by name, checked.
pub type Configs = BTreeMap<String, Arc<Config>>;

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Write a timeline for people.
    pub timeline: bool,
    /// Let the oracles watch.
    pub oracles: bool,
    /// Hash every input, action, deadline and state.
    pub trace: bool,
    /// Keep the hash after every step, to find where two runs part.
    pub chain: bool,
    /// Keep a diary of probes and calls.
    pub diary: bool,
    /// VPP answers at once and all probes take the same time, so that nobody's call delays another's.
    pub prompt: bool,
    /// Settings that each process of VPP begins with, so that nobody waits for them; `None` for those of VPP.
    pub conf: Option<LbConf>,
    /// How long after the start of the process the engine begins to act.
    pub delay: Duration,
}

impl Settings {
    /// For people: everything.
    pub const FULL: Self = Self { timeline: true, ..Self::MASS };
    /// For the mass: no timeline.
    pub const MASS: Self = Self { oracles: true, trace: true, ..Self::BARE };
    /// For speed: nobody looks.
    pub const BARE: Self = Self {
        timeline: false,
        oracles: false,
        trace: false,
        chain: false,
        diary: false,
        prompt: false,
        conf: None,
        delay: Duration::ZERO,
    };
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What happened, a line each, for people.
    pub timeline: String,
    /// Rules that were broken, the first ones.
    pub breaches: Vec<Breach>,
    /// How often each oracle was evaluated.
    pub counts: Counts,
    /// What VPP was sent.
    pub tally: Tally,
    /// Inputs that the engine handled.
    pub steps: u64,
    /// Things that the world did: happenings of the scenario, and faults that struck.
    pub events: u64,
    /// Hash over everything that the engine heard, did, armed and was; 0 without a trace.
    pub hash: u128,
    /// The hash after every step, if [`Settings::chain`] is set.
    pub chain: Vec<u128>,
    /// Which faults met which states.
    pub coverage: Coverage,
    /// What maglevd did, if [`Settings::diary`] is set.
    pub diary: Diary,
    /// The world's time at the end.
    pub ended: Instant,
}

impl Report {
    /// The rule that was broken first.
    pub fn first(&self) -> Option<&Breach> {
        self.breaches.first()
    }

    /// Every broken rule, in words.
    pub fn failures(&self) -> Vec<String> {
        self.breaches.iter().map(ToString::to_string).collect()
    }
}

/// The engine looks at no bucket count, and counting them builds every table at every dump.
const OPTIONS: Options = Options { trace: 0, heap: 1 << 30, count_buckets: false, conf: None };

/// What happens to maglevd's process. The lane carries it out.
#[derive(Clone, Debug)]
pub enum Effect {
    /// It hears this as soon as it runs.
    Post(Input),
    /// An operator gives a command.
    Command(Command),
    /// It is not scheduled before then.
    StallUntil(Instant),
    /// It is gone, and its sockets with it.
    Kill,
    /// A living one is gone, and a new one starts.
    Start(Arc<Config>),
}

/// Everything but the process of maglevd.
#[derive(Clone)]
pub struct World {
    now: Instant,
    configs: Arc<Configs>,
    /// The one that the daemon runs with, or that it was told last.
    config: Arc<Config>,
    /// The backends: when and how each probe ends.
    pub backends: Backends,
    /// VPP and the way to it.
    pub link: Link,
    traffic: Traffic,
    timeline: Timeline,
    trace: Trace,
    diary: Diary,
    told: BTreeSet<&'static str>,
    coverage: Coverage,
    watch: Watch,
    /// What operators chose, over restarts.
    drawer: Drawer,
    /// What the present process begins with.
    found: Option<Recollection>,
    /// The present process has heard that.
    recalls: bool,
    ledger: Ledger,
    settings: Settings,
    finale: Finale,
    /// The world's time at which the present process began.
    started: Instant,
    steps: u64,
    events: u64,
    /// When the engine wants to run next, by its own time.
    wakeup: Option<Instant>,
    /// The process is not scheduled before then.
    stalled_until: Instant,
    /// Warm-up of the present process ended because every frontend was released.
    completed: bool,
    /// Somebody gave an operator's command to the present process.
    commanded: bool,
    /// The present process has told of a call that it holds back.
    quarantined: bool,
    /// The present process was forced to have no frontend.
    emptied: bool,
    /// Somebody else wrote to VPP.
    meddled: bool,
    /// A reload was accepted by the present process.
    reloaded: bool,
    /// VPP held something when the present process began.
    inherited: bool,
}

impl World {
    /// The world of a scenario before anything happens, and with it a first process of maglevd.
    ///
    /// # Errors
    /// There is no first configuration.
    pub fn new(scenario: &Scenario, configs: Configs, settings: Settings) -> Result<Self, ScriptError> {
        let config = configs.get(FIRST_CONFIG).cloned().ok_or_else(|| ScriptError {
            line: 0,
            message: format!("there is no configuration {FIRST_CONFIG:?}: add one to start with"),
        })?;
        let now = Instant::START;
        let mut link = Link::new(scenario.seed, Options { conf: settings.conf, ..OPTIONS }, now);
        if settings.prompt {
            link.make_prompt();
        }
        Ok(Self {
            now,
            watch: Watch::new(&config, &Kept::Nothing),
            drawer: Drawer::default(),
            found: Some(Recollection::Nothing),
            recalls: false,
            finale: Finale::new(scenario, &configs),
            configs: Arc::new(configs),
            config,
            backends: Backends::new(if settings.prompt { STILL } else { scenario.seed }),
            link,
            traffic: Traffic::default(),
            timeline: Timeline::new(settings.timeline),
            trace: Trace::new(settings.trace, settings.chain),
            diary: Diary::new(),
            told: BTreeSet::new(),
            coverage: Coverage::default(),
            ledger: Ledger::default(),
            settings,
            started: now,
            steps: 0,
            events: 0,
            wakeup: Some(now),
            stalled_until: now,
            completed: false,
            commanded: false,
            quarantined: false,
            emptied: false,
            meddled: false,
            reloaded: false,
            inherited: false,
        })
    }

    /// The world's time.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The world's time at which the present process of maglevd began.
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// The configuration to start with.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Time passes: VPP does what is due.
    pub fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.link.advance(self.now);
        self.settle_accounts();
    }

    /// What was judged since the last time this was asked.
    pub(crate) fn take_judgements(&mut self) -> (Counts, Vec<Breach>) {
        core::mem::take(&mut self.ledger).close()
    }

    /// Names of the events that were told since the last time this was asked.
    pub(crate) fn take_told(&mut self) -> BTreeSet<&'static str> {
        core::mem::take(&mut self.told)
    }

    /// Whether every rule held so far.
    pub fn is_clean(&self) -> bool {
        self.ledger.is_clean()
    }

    /// What VPP did since the last time goes to the timeline and to the watchers.
    fn settle_accounts(&mut self) {
        // A process that ends has executed what it has executed; nothing reaches the next one before this is told.
        if self.link.has_executions() {
            for execution in self.link.take_executions() {
                if self.settings.oracles {
                    self.ledger.judge(Oracle::Deadly, execution.at, true, String::new);
                    self.watch.executed(&execution, &mut self.ledger);
                    self.traffic.executed(&execution);
                }
            }
        }
        if self.link.has_notes() {
            for (at, note) in self.link.take_notes() {
                self.timeline.note(at, &note);
                match &note {
                    Note::Crashed(crash) => {
                        self.ledger.judge(Oracle::Deadly, at, false, || format!("VPP died: {crash}"));
                        self.vpp_replaced();
                    }
                    Note::Struck(kind) => {
                        self.events += 1;
                        self.coverage.struck(*kind);
                    }
                    Note::Replaced => self.vpp_replaced(),
                    Note::Unheard(..) | Note::ReplyLost(_) | Note::Foreign(..) | Note::Emptied(_) => (),
                }
            }
        }
    }

    fn vpp_replaced(&mut self) {
        self.watch.vpp_replaced();
        self.traffic.vpp_replaced();
        self.inherited = false;
    }

    /// Packets that are due are sent, after everything else of this instant.
    pub fn send_traffic(&mut self) {
        if self.traffic.wakeup().is_some_and(|at| at <= self.now) {
            self.advance(self.now);
            let lines = self.traffic.send(self.link.plugin_mut(), self.now, &mut self.ledger);
            self.timeline.lines(self.now, "traffic", &lines);
        }
    }

    /// When traffic or the finale want to be served next.
    pub fn wakeup(&self) -> Option<Instant> {
        earliest([self.traffic.wakeup(), self.finale.wakeup()])
    }

    /// Something of the scenario happens. What it does to maglevd's process is the lane's to carry out.
    ///
    /// # Errors
    /// It names what no configuration has.
    pub fn happen(
        &mut self,
        happening: &Happening,
        line: u64,
        engine: Option<&Engine>,
    ) -> Result<Option<Effect>, ScriptError> {
        let confused = |message: String| ScriptError { line, message };
        self.events += 1;
        self.timeline.happening(self.now, happening);
        self.coverage.happened(happening, engine);
        self.watch.happened(happening, self.now);
        match happening {
            Happening::Backend { who, behaviour } => {
                let address = self.address(who).map_err(confused)?;
                self.backends.set(address, behaviour.clone());
            }
            Happening::Vpp(change) => {
                self.link.change(*change, self.now);
                self.settle_accounts();
            }
            Happening::Fault(fault) => self.link.arm(*fault),
            Happening::Foreign(write) => {
                self.meddled = true;
                self.link.foreign(write, self.now);
                self.settle_accounts();
            }
            Happening::Reload { config, forced } => {
                self.config = self.named(config).map_err(confused)?;
                let config = self.config.clone();
                self.emptied = config.frontends().is_empty() && (*forced || self.emptied);
                return Ok(Some(Effect::Post(Input::ConfigLoaded { config, forced: *forced })));
            }
            Happening::ReloadInvalid(kind) => {
                let err = "the scenario says so".into();
                return Ok(Some(Effect::Post(Input::ConfigRejected { kind: kind.word(), err })));
            }
            Happening::Operator(command) => {
                self.commanded = true;
                return Ok(Some(Effect::Command(command.clone())));
            }
            Happening::Choices(change) => {
                let kept = self.recalls.then(|| self.watch.kept());
                return Ok(self.drawer.change(*change, kept).map(Effect::Post));
            }
            Happening::Daemon(change) => return self.change_daemon(change).map(Some).map_err(confused),
            Happening::Traffic { frontend, flows } => {
                let vip = self.vip(frontend).map_err(confused)?;
                self.traffic.set(frontend, vip, *flows, self.now);
            }
            Happening::Expect(facts) => {
                let unmet = self.unmet(facts, engine).map_err(confused)?;
                self.timeline.lines(self.now, "UNMET", &unmet);
                self.ledger.judge(Oracle::Told, self.now, unmet.is_empty(), || {
                    format!("line {line}: {}", unmet.join("; "))
                });
            }
        }
        Ok(None)
    }

    fn change_daemon(&mut self, change: &DaemonChange) -> Result<Effect, String> {
        Ok(match change {
            DaemonChange::Stall(by) => {
                self.stalled_until = self.stalled_until.max(self.now + *by);
                Effect::StallUntil(self.stalled_until)
            }
            DaemonChange::Terminate => Effect::Post(Input::ShutdownRequested),
            DaemonChange::Kill => Effect::Kill,
            DaemonChange::Restart(name) => {
                if let Some(name) = name {
                    self.config = self.named(name)?;
                }
                Effect::Start(self.config.clone())
            }
        })
    }

    /// A new process of maglevd begins.
    pub fn process_started(&mut self) {
        let (found, kept) = self.drawer.open();
        self.watch = Watch::new(&self.config, &kept);
        self.found = Some(found);
        self.started = self.now;
        self.wakeup = Some(Instant::START);
        self.stalled_until = self.now;
        self.completed = false;
        self.commanded = kept.is_any();
        self.quarantined = false;
        self.emptied = false;
        self.reloaded = false;
        self.inherited = true;
    }

    /// The process of maglevd is gone, and its probes with it. Its connection is the lane's to drop.
    pub fn process_ended(&mut self) {
        self.backends.forget_probes();
        if core::mem::take(&mut self.recalls) {
            self.drawer.ended(Some(self.watch.kept()));
        }
        self.timeline.ended();
        self.settle_accounts();
    }

    /// The engine is about to make a step: it hears `input`.
    pub fn hears(&mut self, input: &Input) {
        self.timeline.input(self.now, input);
    }

    /// What `engine`, about to hear `input`, would do by its own plan.
    pub fn foresee(&mut self, engine: &Engine, input: &Input, elapsed: Instant) {
        self.watch.foresee(engine, self.link.plugin(), input, elapsed);
    }

    /// The engine made a step; nothing of what it asks for has been done yet.
    pub fn observe(&mut self, engine: &Engine, input: &Input, actions: &[Action]) {
        self.steps += 1;
        self.recalls |= matches!(input, Input::Remembered(_));
        self.coverage.step(engine);
        for action in actions {
            if let Action::Tell(event) = action
                && matches!(**event, Event::ConfigLoaded { reload: true, .. })
            {
                self.reloaded = true;
                self.traffic.reloaded(engine.frontends());
            }
            self.write_down(action);
            if self.settings.diary {
                self.diary.extend(Deed::of(action).map(|deed| (self.now, deed)));
            }
        }
        self.wakeup = engine.wakeup().map(|(at, _)| at);
        let step = Step {
            now: self.now,
            elapsed: self.now.since(self.started),
            input,
            actions,
            engine,
            wakeup: self.wakeup,
            in_flight: self.link.in_flight(),
            plugin: self.link.plugin(),
        };
        self.trace.step(&step);
        if self.settings.oracles {
            self.watch.step(&step, &mut self.ledger);
        }
    }

    /// When the engine wants to run next, by the world's time, as it said after its last step.
    pub fn engine_wakeup(&self) -> Option<Instant> {
        Some(self.started + self.wakeup?.since(Instant::from_start(self.settings.delay)))
    }

    /// What people read about an action.
    fn write_down(&mut self, action: &Action) {
        match action {
            Action::StartProbe(order) => self.timeline.probe(order),
            Action::Disconnect(_) => self.timeline.ended(),
            Action::Call { call, request, .. } if *request != Request::Read(Read::Ping) => {
                self.timeline.call(*call, request);
            }
            Action::Tell(event) => {
                self.told.insert(event.name());
                self.completed |= matches!(**event, Event::WarmupComplete { .. });
                self.quarantined |= matches!(**event, Event::CallQuarantined { .. });
                // A change stands there already, as the call that made it.
                if !matches!(**event, Event::Changed { .. }) {
                    self.timeline.line(self.now, "told", event);
                }
            }
            Action::Answer { result: Err(denial), .. } => self.timeline.line(self.now, "denied", denial),
            Action::Exit => self.timeline.line(self.now, "daemon", &"exited"),
            Action::Answer { result: Ok(()), .. }
            | Action::Call { .. }
            | Action::CancelProbe(_)
            | Action::Keep(_)
            | Action::Connect(_) => (),
        }
    }

    /// The second act and what follows. `None` while the run goes on without anything for the lane to do.
    pub fn conclude(&mut self, engine: Option<&Engine>) -> Option<Effect> {
        if !self.finale.is_due(self.now) {
            return None;
        }
        self.advance(self.now);
        finale::turn(self, engine)
    }

    /// Whether nothing more is to come.
    pub fn is_over(&self) -> bool {
        self.finale.is_over()
    }

    /// The end.
    pub fn finish(mut self) -> Report {
        self.settle_accounts();
        let (counts, breaches) = self.ledger.close();
        let (hash, chain) = self.trace.finish();
        Report {
            timeline: self.timeline.to_string(),
            breaches,
            counts,
            tally: self.link.tally(),
            steps: self.steps,
            events: self.events,
            hash,
            chain,
            coverage: self.coverage,
            diary: self.diary,
            ended: self.now,
        }
    }

    /// The text of the timeline so far.
    pub fn timeline(&self) -> &str {
        self.timeline.text()
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
