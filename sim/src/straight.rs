//! Lane A: the engine driven straight, on time that jumps from one happening to the next.

use std::sync::Arc;

use maglev_core::time::earliest;
use maglev_core::{Action, Author, Command, Config, ConnectionId, Engine, Input, Instant, RequestId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use crate::chance::{self, Purpose, STILL};
use crate::script::{Event, Happening, Scenario, ScriptError};
use crate::world::{Configs, Effect, Report, Settings, World};

/// More turns than this at one instant means that the engine and the world chase each other.
const TURNS_AT_ONE_INSTANT: u32 = 100_000;

/// Plays `scenario` to its end.
///
/// # Errors
/// A happening names what no configuration has.
pub fn play(scenario: &Scenario, configs: Configs, settings: Settings) -> Result<Report, ScriptError> {
    play_with(scenario, configs, settings, &mut |_, _| ())
}

/// Whoever looks on after every turn.
pub type Onlooker<'a> = dyn FnMut(&World, Option<&Engine>) + 'a;

/// The same with somebody who looks on. What was seen survives a panic of the run.
///
/// # Errors
/// A happening names what no configuration has.
pub fn play_with(
    scenario: &Scenario,
    configs: Configs,
    settings: Settings,
    onlooker: &mut Onlooker<'_>,
) -> Result<Report, ScriptError> {
    Straight::new(scenario, configs, settings)?.run(&scenario.events, onlooker)
}

/// The world, and in it one engine after the other.
#[derive(Clone)]
pub(crate) struct Straight {
    pub(crate) world: World,
    pub(crate) engine: Option<Engine>,
    stalled_until: Instant,
    /// What reached the process from people and signals.
    inbox: Vec<Input>,
    connection: Option<ConnectionId>,
    requests: u64,
    /// Of the engines; in a still world all have one.
    seeds: Option<ChaCha8Rng>,
    /// When each engine begins to act, by the clock of its process.
    begin: Instant,
}

impl Straight {
    pub(crate) fn new(
        scenario: &Scenario,
        configs: Configs,
        settings: Settings,
    ) -> Result<Self, ScriptError> {
        let world = World::new(scenario, configs, settings)?;
        let config = world.config().clone();
        let begin = Instant::from_start(settings.delay);
        let mut straight = Self {
            world,
            engine: None,
            stalled_until: Instant::START,
            inbox: Vec::new(),
            connection: None,
            requests: 0,
            seeds: (scenario.seed != STILL).then(|| chance::stream(scenario.seed, Purpose::Engine)),
            begin,
        };
        straight.start(config);
        Ok(straight)
    }

    fn run(mut self, events: &[Event], onlooker: &mut Onlooker<'_>) -> Result<Report, ScriptError> {
        let mut events = events.iter().peekable();
        let mut turns = 0;
        while !self.world.is_over() {
            let now = self.world.now();
            while let Some(event) = events.next_if(|event| event.at <= now) {
                self.happen(&event.happening, event.line)?;
            }
            self.turn();
            let effect = self.world.conclude(self.engine.as_ref());
            self.carry_out(effect);
            onlooker(&self.world, self.engine.as_ref());
            let next_event = events.peek().map(|event| event.at);
            let Some(next) = earliest([next_event, self.wakeup()]) else { break };
            turns = if next > now { 0 } else { turns + 1 };
            assert!(turns < TURNS_AT_ONE_INSTANT, "time stands still at {now}:\n{}", self.world.timeline());
            self.world.advance(next);
        }
        Ok(self.world.finish())
    }

    /// Something of the scenario happens.
    pub(crate) fn happen(&mut self, happening: &Happening, line: u64) -> Result<(), ScriptError> {
        let effect = self.world.happen(happening, line, self.engine.as_ref())?;
        self.carry_out(effect);
        Ok(())
    }

    fn carry_out(&mut self, effect: Option<Effect>) {
        match effect {
            None => (),
            Some(Effect::Post(input)) => self.post(input),
            Some(Effect::Command(command)) => self.command(command),
            Some(Effect::StallUntil(until)) => self.stalled_until = self.stalled_until.max(until),
            Some(Effect::Kill) => self.end(),
            Some(Effect::Start(config)) => {
                self.end();
                self.world.process_started();
                self.start(config);
            }
        }
    }

    fn start(&mut self, config: Arc<Config>) {
        let seed = self.seeds.as_mut().map_or(STILL, Rng::next_u64);
        self.engine = Some(Engine::new(config, seed, self.begin));
        self.stalled_until = self.world.now();
        self.inbox.extend(self.world.recollect());
    }

    fn end(&mut self) {
        self.engine = None;
        self.inbox.clear();
        if let Some(connection) = self.connection.take() {
            self.world.link.disconnect(connection, self.world.now());
        }
        self.world.process_ended();
    }

    fn post(&mut self, input: Input) {
        if self.engine.is_some() {
            self.inbox.push(input);
        }
    }

    fn command(&mut self, command: Command) {
        self.requests += 1;
        self.post(Input::Commanded {
            request: RequestId(self.requests),
            command,
            by: Author::default(),
            based_on: None,
        });
    }

    /// The engine's next deadline on the world's clock.
    fn deadline(&self) -> Option<Instant> {
        self.engine.as_ref()?;
        self.world.engine_wakeup()
    }

    /// When something happens next, the scenario's own events apart.
    pub(crate) fn wakeup(&self) -> Option<Instant> {
        earliest([self.process_wakeup(), self.world.wakeup()])
    }

    /// When the process has something to do.
    fn process_wakeup(&self) -> Option<Instant> {
        self.engine.as_ref()?;
        let posted = (!self.inbox.is_empty()).then_some(self.stalled_until);
        let first =
            earliest([self.world.backends.wakeup(), self.world.link.wakeup(), self.deadline(), posted])?;
        Some(first.max(self.stalled_until))
    }

    /// One turn of everything that is due.
    pub(crate) fn turn(&mut self) {
        let now = self.world.now();
        self.world.advance(now);
        if self.engine.is_some() && self.stalled_until <= now {
            for input in core::mem::take(&mut self.inbox) {
                self.feed(&input);
            }
            for input in self.world.backends.finished(now) {
                self.feed(&input);
            }
            for input in self.world.link.heard(now) {
                self.feed(&input);
            }
            if self.deadline().is_some_and(|at| at <= now) {
                self.feed(&Input::WakeupDue);
            }
        }
        self.world.send_traffic();
    }

    /// Gives the engine one input and does what it asks for.
    fn feed(&mut self, input: &Input) {
        let Some(engine) = &mut self.engine else { return };
        self.world.hears(input);
        if matches!(input, Input::VppDisconnected { .. }) {
            self.connection = None;
        }
        let elapsed = self.begin + self.world.now().since(self.world.started());
        self.world.foresee(engine, input, elapsed);
        let actions = engine.handle(input.clone(), elapsed);
        self.world.observe(engine, input, &actions);
        for action in actions {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        let now = self.world.now();
        match action {
            Action::StartProbe(order) => self.world.backends.start(&order, now),
            Action::CancelProbe(probe) => self.world.backends.cancel(probe, now),
            Action::Connect(connection) => {
                self.connection = Some(connection);
                self.world.link.connect(connection, now);
            }
            Action::Disconnect(connection) => {
                self.connection = None;
                self.world.link.disconnect(connection, now);
            }
            Action::Call { connection, call, request } => {
                let vip =
                    if let maglev_core::model::Request::Write(write) = &request { write.vip() } else { None };
                let must_serve = vip
                    .is_some_and(|vip| self.engine.as_ref().is_some_and(|engine| engine.wants_positive(vip)));
                self.world.link.call_of(connection, call, request, must_serve, now);
            }
            Action::Keep(memory) => {
                let kept = self.world.keep(&memory);
                self.post(kept);
            }
            Action::Tell(_) | Action::Answer { .. } => (),
            Action::Exit => self.end(),
        }
    }
}
