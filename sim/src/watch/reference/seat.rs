//! One backend of the second opinion: results in a row where the engine has HAProxy's counter, and when to probe.

use core::net::IpAddr;
use core::time::Duration;

use maglev_core::backend::Backend;
use maglev_core::config::{self, Check};
use maglev_core::health::State;
use maglev_core::input::Outcome;
use maglev_core::{Command, Instant};

use super::kept::Chosen;

/// First probes are spread over the first fast interval, and over this at most.
const SPREAD_MAX: Duration = Duration::from_secs(1);

/// One backend.
#[derive(Clone, Debug)]
pub(in crate::watch) struct Seat {
    pub(in crate::watch) name: String,
    pub(in crate::watch) address: IpAddr,
    pub(in crate::watch) check: Option<Check>,
    enabled: bool,
    pub(in crate::watch) state: State,
    /// Passes in a row of one that is down, failures in a row of any other.
    streak: u8,
    probe: Option<Probe>,
    /// When the last probe started.
    started: Option<Instant>,
    /// The shortest interval that was in force since then.
    floor: Duration,
    /// When something last happened to it.
    moved: Instant,
    /// A new generation of probing has begun, which looks at once.
    fresh: bool,
    /// It had a conclusive result since the process started.
    conclusive: bool,
}

/// A probe under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Probe {
    number: u64,
    /// It belongs to an older generation.
    stale: bool,
}

/// What a result is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::watch) enum Worth {
    Conclusive,
    Inconclusive,
    /// It is of no probe that still counts.
    Stale,
}

/// Whether probes run in this state.
const fn is_watched(state: State) -> bool {
    matches!(state, State::Unknown | State::Up | State::Down)
}

impl Seat {
    pub(super) fn new(backend: &config::Backend, now: Instant) -> Self {
        let state = match (backend.enabled, &backend.check) {
            (false, _) => State::Disabled,
            (true, None) => State::Up,
            (true, Some(_)) => State::Unknown,
        };
        Self {
            name: backend.name.clone(),
            address: backend.address,
            check: backend.check.clone(),
            enabled: backend.enabled,
            state,
            streak: 0,
            probe: None,
            started: None,
            floor: Duration::ZERO,
            moved: now,
            fresh: false,
            conclusive: false,
        }
    }

    fn thresholds(&self) -> (u8, u8) {
        self.check.as_ref().map_or((1, 1), |check| (check.timing.rise.get(), check.timing.fall.get()))
    }

    /// The counter that the contract gives this history.
    pub(in crate::watch) fn counter(&self) -> u8 {
        let (rise, fall) = self.thresholds();
        match self.state {
            State::Up => rise + fall - 1 - self.streak,
            State::Down | State::Unknown => self.streak,
            State::Paused | State::Disabled => 0,
        }
    }

    pub(in crate::watch) fn agrees(&self, backend: &Backend) -> bool {
        self.state == backend.state() && self.counter() == backend.health.counter()
    }

    pub(in crate::watch) const fn is_probed(&self) -> bool {
        self.check.is_some() && is_watched(self.state)
    }

    /// Whether nobody could look at it since the process started.
    pub(super) const fn is_blind(&self) -> bool {
        self.check.is_some() && matches!(self.state, State::Unknown) && !self.conclusive
    }

    fn enter(&mut self, state: State) {
        (self.state, self.streak) = (state, 0);
    }

    fn count(&mut self, pass: bool) {
        let (rise, fall) = self.thresholds();
        match (self.state, pass) {
            (State::Unknown | State::Up, true) => self.enter(State::Up),
            (State::Unknown | State::Up, false) => {
                self.streak += 1;
                if self.streak >= fall {
                    self.enter(State::Down);
                }
            }
            (State::Down, true) => {
                self.streak += 1;
                if self.streak >= rise {
                    self.enter(State::Up);
                }
            }
            (State::Down, false) => self.streak = 0,
            (State::Paused | State::Disabled, _) => (),
        }
    }

    /// The interval that is in force.
    fn interval(&self) -> Duration {
        let Some(timing) = self.check.as_ref().map(|check| &check.timing) else { return Duration::ZERO };
        match (self.state, self.streak) {
            (State::Up, 0) => timing.interval,
            (State::Down, 0) => timing.down_interval,
            _ => timing.fast_interval,
        }
    }

    /// The longest time from now to its next probe.
    pub(in crate::watch) fn longest(&self) -> Duration {
        let Some(timing) = self.check.as_ref().map(|check| &check.timing) else { return Duration::ZERO };
        timing.interval.max(timing.fast_interval).max(timing.down_interval).mul_f64(1.1)
    }

    /// What is under way does not count any more, and the next probe comes at once.
    fn begin_generation(&mut self) {
        if let Some(probe) = &mut self.probe {
            probe.stale = true;
        }
        self.fresh = true;
    }

    /// Takes over a new description. False if the contract does not say what becomes of the counter.
    fn reload(&mut self, new: &config::Backend, now: Instant) -> bool {
        self.name.clone_from(&new.name);
        let old = core::mem::replace(&mut self.check, new.check.clone());
        let timing = |check: &Option<Check>| check.as_ref().map(|check| check.timing);
        let target = |check: &Option<Check>| check.as_ref().map(|check| check.target.clone());
        let retargeted = target(&old) != target(&self.check);
        let retimed = timing(&old) != timing(&self.check);
        let before = self.state;
        if retargeted {
            self.streak = 0;
            if self.check.is_none() && is_watched(self.state) {
                self.state = State::Up;
            }
        }
        let switched = core::mem::replace(&mut self.enabled, new.enabled) != new.enabled;
        if switched && !new.enabled {
            self.enter(State::Disabled);
        } else if switched && self.state == State::Disabled {
            self.restart();
        }
        if retargeted || self.state != before {
            self.begin_generation();
        }
        if retargeted || retimed || self.state != before {
            self.moved = now;
        }
        !retimed || self.streak == 0
    }

    fn restart(&mut self) {
        self.enter(if self.check.is_some() { State::Unknown } else { State::Up });
    }

    /// State and counter as the engine has them.
    fn adopt(&mut self, backend: &Backend) {
        let (rise, fall) = self.thresholds();
        self.state = backend.state();
        let counter = backend.health.counter();
        self.streak = match self.state {
            State::Up => (rise + fall - 1).saturating_sub(counter).min(fall - 1),
            State::Down => counter.min(rise - 1),
            State::Unknown => counter.min(fall - 1),
            State::Paused | State::Disabled => 0,
        };
    }

    /// A probe starts. What is wrong with that, if anything; `late` if the process was not scheduled in time.
    pub(super) fn start(&mut self, number: u64, now: Instant, late: bool) -> Option<String> {
        const GRAIN: Duration = Duration::from_micros(1);
        let wrong = if self.probe.is_some() {
            Some("one is under way already".to_owned())
        } else if !self.is_probed() {
            Some(format!("it is {}", self.state))
        } else if let Some(started) = self
            .started
            .filter(|started| !self.fresh && now.since(*started) + GRAIN < self.floor.mul_f64(0.9))
        {
            Some(format!("only {:?} after the last, at an interval of {:?}", now.since(started), self.floor))
        } else if !late && now > self.latest() + GRAIN {
            Some(format!("it was due at {}", self.latest()))
        } else {
            None
        };
        self.probe = Some(Probe { number, stale: false });
        (self.started, self.floor, self.moved) = (Some(now), self.interval(), now);
        self.fresh = false;
        wrong
    }

    /// When the next probe must have started.
    fn latest(&self) -> Instant {
        if self.fresh {
            return self.moved;
        }
        let fast = self.check.as_ref().map_or(Duration::ZERO, |check| check.timing.fast_interval);
        match self.started {
            Some(started) => self.moved.max(started + self.interval().mul_f64(1.1)),
            None => self.moved + fast.min(SPREAD_MAX),
        }
    }

    /// A result arrives.
    pub(super) fn finished(&mut self, number: u64, outcome: &Outcome, now: Instant) -> Worth {
        let Some(mine) = self.probe.take_if(|mine| mine.number == number) else { return Worth::Stale };
        self.moved = now;
        if mine.stale {
            return Worth::Stale;
        }
        match outcome {
            Outcome::Pass => self.count(true),
            Outcome::Fail(_) => self.count(false),
            Outcome::Inconclusive(_) => return Worth::Inconclusive,
        }
        self.conclusive = true;
        self.floor = self.floor.min(self.interval());
        Worth::Conclusive
    }

    /// What an operator has made of it, if that is not what the file says.
    pub(super) fn chosen(&self) -> Option<Chosen> {
        let by_file = if self.enabled { is_watched(self.state) } else { self.state == State::Disabled };
        let chosen = || Chosen {
            name: self.name.clone(),
            address: self.address,
            enabled: self.enabled,
            state: self.state,
        };
        (!by_file).then(chosen)
    }

    /// What was chosen in another process; a file that changed the very value rules.
    pub(super) fn take_up(&mut self, one: &Chosen) {
        match one.state {
            State::Paused if self.enabled || !one.enabled => self.enter(State::Paused),
            State::Disabled if self.enabled => self.enter(State::Disabled),
            State::Unknown | State::Up | State::Down if !self.enabled => self.restart(),
            State::Unknown | State::Up | State::Down | State::Paused | State::Disabled => (),
        }
    }

    /// Who is looked at only because of an operator's choice is so from now on.
    pub(super) fn recalled(&mut self, now: Instant) {
        if !self.enabled && is_watched(self.state) {
            self.moved = now;
        }
    }

    /// An operator commands.
    pub(super) fn command(&mut self, command: &Command, now: Instant) {
        let before = self.state;
        match (command, before) {
            (Command::Pause { .. }, State::Unknown | State::Up | State::Down) => self.enter(State::Paused),
            (Command::Disable { .. }, _) => self.enter(State::Disabled),
            (Command::Resume { .. }, State::Paused) | (Command::Enable { .. }, State::Disabled) => {
                self.restart();
            }
            _ => (),
        }
        if self.state != before {
            self.moved = now;
            self.begin_generation();
        }
    }

    /// Whether a reload to this description does not concern it.
    pub(super) fn is_untouched(&self, new: &config::Backend) -> bool {
        (&self.check, self.enabled) == (&new.check, new.enabled)
    }

    /// What it is after a reload.
    pub(super) fn heir(&self, new: &config::Backend, backend: &Backend, now: Instant) -> Self {
        let mut heir = self.clone();
        if !heir.reload(new, now) && heir.state == backend.state() {
            heir.adopt(backend);
        }
        heir.floor = heir.floor.min(heir.interval());
        heir
    }
}
