//! The daemon as a process: an engine with a clock of its own, which may stall, die and come back.

use std::sync::Arc;

use maglev_core::model::{Read, Request};
use maglev_core::{Action, Command, Config, ConnectionId, Engine, Event, Input, Instant, RequestId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::{World, timeline};
use crate::chance::{self, Purpose};

/// The window, and a few pings.
const CALLS_MAX: usize = maglev_core::dataplane::WINDOW + 4;

/// One daemon after the other.
pub(super) struct Daemon {
    engine: Option<Engine>,
    /// The world's time at which the present process began.
    started: Instant,
    stalled_until: Instant,
    /// What reached it from people and signals.
    inbox: Vec<Input>,
    connection: Option<ConnectionId>,
    requests: u64,
    seeds: ChaCha8Rng,
}

impl Daemon {
    pub(super) fn new(seed: u64, config: Arc<Config>, now: Instant) -> Self {
        let mut daemon = Self {
            engine: None,
            started: now,
            stalled_until: now,
            inbox: Vec::new(),
            connection: None,
            requests: 0,
            seeds: chance::stream(seed, Purpose::Engine),
        };
        daemon.restart(config, now);
        daemon
    }

    pub(super) fn restart(&mut self, config: Arc<Config>, now: Instant) {
        self.engine = Some(Engine::new(config, self.seeds.next_u64(), Instant::START));
        (self.started, self.stalled_until) = (now, now);
    }

    /// The process ends; its connection goes with it.
    pub(super) fn end(&mut self) -> Option<ConnectionId> {
        self.engine = None;
        self.inbox.clear();
        self.connection.take()
    }

    pub(super) fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    pub(super) fn post(&mut self, input: Input) {
        if self.engine.is_some() {
            self.inbox.push(input);
        }
    }

    pub(super) fn command(&mut self, command: Command) {
        self.requests += 1;
        self.post(Input::Commanded { request: RequestId(self.requests), command });
    }

    pub(super) fn take_inbox(&mut self) -> Vec<Input> {
        core::mem::take(&mut self.inbox)
    }

    pub(super) fn stall_until(&mut self, until: Instant) {
        self.stalled_until = self.stalled_until.max(until);
    }

    /// Whether it runs at all.
    pub(super) fn is_scheduled(&self, now: Instant) -> bool {
        self.engine.is_some() && self.stalled_until <= now
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|at| at <= now)
    }

    /// When it runs next, given when something will be there to be heard.
    pub(super) fn wakeup(&self, heard: [Option<Instant>; 2]) -> Option<Instant> {
        self.engine.as_ref()?;
        let posted = (!self.inbox.is_empty()).then_some(self.stalled_until);
        let first = heard.into_iter().chain([self.deadline(), posted]).flatten().min()?;
        Some(first.max(self.stalled_until))
    }

    fn deadline(&self) -> Option<Instant> {
        let (at, _) = self.engine.as_ref()?.wakeup()?;
        Some(self.started + at.since_start())
    }

    fn handle(&mut self, input: Input, now: Instant) -> Vec<Action> {
        let since_start = Instant::from_start(now.since(self.started));
        self.engine.as_mut().map(|engine| engine.handle(input, since_start)).unwrap_or_default()
    }
}

impl World {
    /// Gives the engine one input and does what it asks for.
    pub(super) fn feed(&mut self, input: Input) {
        self.steps += 1;
        self.timeline.input(self.now, &input);
        match &input {
            Input::VppConnected { connection, .. } => self.calls.connected(*connection),
            Input::VppReplied { call, reply, .. } => self.calls.answered(*call, reply),
            Input::VppDisconnected { .. } => self.daemon.connection = None,
            Input::WakeupDue
            | Input::ProbeFinished { .. }
            | Input::ConfigLoaded { .. }
            | Input::ConfigRejected { .. }
            | Input::Commanded { .. }
            | Input::ShutdownRequested => (),
        }
        let is_end = matches!(input, Input::VppDisconnected { .. });
        let mut is_reload = false;
        for action in self.daemon.handle(input, self.now) {
            if let Action::Tell(event) = &action {
                is_reload |= matches!(**event, Event::ConfigLoaded { reload: true, .. });
            }
            self.act(action);
        }
        if is_end {
            // Not before: deadlines of this instant came before it.
            self.calls.ended();
        }
        // A reload looks at VPP anew, whatever is being read, and until it has it does not know.
        if is_reload && self.daemon.engine().is_some_and(|engine| engine.view().in_sync) {
            self.failures.push(format!("at {}: in sync before VPP was looked at", timeline::time(self.now)));
        }
        if self.daemon.deadline().is_some_and(|at| at <= self.now && at > self.daemon.started) {
            self.failures
                .push(format!("at {}: the engine left a deadline unhandled", timeline::time(self.now)));
        }
        if self.link.in_flight() > CALLS_MAX {
            self.failures
                .push(format!("at {}: more calls in flight than the window", timeline::time(self.now)));
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::StartProbe(order) => {
                self.timeline.probe(&order);
                self.backends.start(&order, self.now);
            }
            Action::CancelProbe(probe) => self.backends.cancel(probe, self.now),
            Action::Connect(connection) => {
                self.daemon.connection = Some(connection);
                self.link.connect(connection, self.now);
            }
            Action::Disconnect(connection) => {
                self.timeline.ended();
                self.calls.ended();
                self.daemon.connection = None;
                self.link.disconnect(connection, self.now);
            }
            Action::Call { connection, call, request } => {
                if request != Request::Read(Read::Ping) {
                    self.timeline.call(call, &request);
                }
                let vip = if let Request::Write(write) = &request { write.vip() } else { None };
                let must_serve = vip
                    .is_some_and(|vip| self.daemon.engine().is_some_and(|engine| engine.wants_positive(vip)));
                self.calls.call(connection, call, &request);
                self.gates.call(&request, self.now.since(self.daemon.started));
                self.link.call_of(connection, call, request, must_serve, self.now);
            }
            Action::Tell(event) => {
                self.told.insert(event.name());
                self.calls.told(&event);
                // A reload at the same instant may have dropped it again.
                let known = |name: &str| self.daemon.engine().and_then(|engine| engine.vip_of(name));
                let vip = event.released().and_then(|name| known(name).or_else(|| self.vip(name).ok()));
                self.gates.told(&event, vip);
                // A change stands there already, as the call that made it.
                if !matches!(*event, Event::Changed { .. }) {
                    self.timeline.line(self.now, "told", &event.to_string());
                }
            }
            Action::Answer { result: Ok(()), .. } => (),
            Action::Answer { result: Err(denial), .. } => {
                self.timeline.line(self.now, "denied", &denial.to_string());
            }
            Action::Exit => {
                self.timeline.line(self.now, "daemon", "exited");
                self.end_daemon();
            }
        }
    }
}
