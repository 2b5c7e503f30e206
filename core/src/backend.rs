//! One backend at run time: its health, its probes, its history.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{self, Check};
use crate::frontend::Standing;
use crate::health::{Cadence, Health, State};
use crate::input::{Author, Outcome};
use crate::schedule::Jitter;
use crate::time::Instant;

/// A change of state, kept for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When.
    pub at: Instant,
    /// From.
    pub from: State,
    /// To.
    pub to: State,
    /// Why, in words.
    pub cause: String,
}

/// A result, kept for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// When it was taken.
    pub at: Instant,
    /// From the start of the probe's I/O.
    pub took: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

/// Results kept per backend.
pub const RESULTS_MAX: usize = 4;

/// A probe under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// Its number.
    pub number: u64,
    /// It belongs to an older generation of probing: its result is dropped.
    pub stale: bool,
}

/// One backend at run time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Backend {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: IpAddr,
    /// How it is checked; `None` means it is up.
    pub check: Option<Check>,
    /// What the file says.
    pub enabled: bool,
    /// Who last made it something else than the file says, why and when.
    pub chosen_by: Author,
    /// State and counter.
    pub health: Health,
    /// It had a conclusive result since the process started.
    pub conclusive: bool,
    /// Its `unknown` follows a pause: its flows were meant to be kept.
    pub resumed: bool,
    /// The probe under way.
    pub probe: Option<InFlight>,
    /// When the last probe started.
    pub started: Option<Instant>,
    /// When the next is due; `None` while it is not probed, or while a due one waits for the one under way.
    pub due: Option<Instant>,
    /// A due probe waits for the one under way.
    pub overdue: bool,
    /// Jitter of its probes.
    pub jitter: Option<Jitter>,
    /// Probes so far, for the jitter.
    pub probes: u64,
    /// Results dropped because they were of an older generation.
    pub stale_results: u64,
    /// Since when it is in its state.
    pub since: Instant,
    /// The latest changes, oldest first.
    pub history: VecDeque<Transition>,
    /// The latest outcome.
    pub last_outcome: Option<Outcome>,
    /// The latest results, oldest first; at most [`RESULTS_MAX`].
    pub results: VecDeque<Probed>,
    /// The engine's count of changes when an operator or a reload last changed this backend.
    pub revision: u64,
    /// Positions of the frontends it is in, ascending, each once.
    pub frontends: Vec<u32>,
}

impl Backend {
    /// A backend that nobody has met.
    pub fn new(backend: &config::Backend, seed: u64, now: Instant) -> Self {
        let timing = backend.check.as_ref().map(|check| &check.timing);
        let mut fresh = Self {
            name: backend.name.clone(),
            address: backend.address,
            check: backend.check.clone(),
            enabled: backend.enabled,
            chosen_by: Author::default(),
            health: Health::new(timing, backend.enabled),
            conclusive: false,
            resumed: false,
            probe: None,
            started: None,
            due: None,
            overdue: false,
            jitter: None,
            probes: 0,
            stale_results: 0,
            since: now,
            history: VecDeque::new(),
            last_outcome: None,
            results: VecDeque::new(),
            revision: 0,
            frontends: Vec::new(),
        };
        fresh.aim(seed);
        fresh
    }

    /// Derives the jitter from address and target.
    pub fn aim(&mut self, seed: u64) {
        let named = |seed: u64, byte: u8| seed.rotate_left(8) ^ u64::from(byte);
        let seed = if mutant!(JitterByName) { self.name.bytes().fold(seed, named) } else { seed };
        self.jitter = self.check.as_ref().map(|check| Jitter::new(seed, self.address, &check.target));
    }

    /// The state.
    pub const fn state(&self) -> State {
        self.health.state()
    }

    /// What its frontends need to know.
    pub const fn standing(&self) -> Standing {
        Standing { state: self.state(), resumed: self.resumed }
    }

    /// Whether probes run.
    pub fn is_probed(&self) -> bool {
        self.check.is_some() && self.state().is_probed()
    }

    /// No verdict, and nothing to found one on since the process started.
    pub const fn is_blind(&self) -> bool {
        matches!(self.state(), State::Unknown) && !self.conclusive
    }

    /// The due time of the next probe, as the present cadence has it.
    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        if !self.is_probed() {
            return None;
        }
        let (check, jitter) = (self.check.as_ref()?, self.jitter.as_ref()?);
        Some(match self.started {
            Some(started) => {
                let clock = started.since_start().subsec_nanos() * u32::from(mutant!(JitterByClock));
                started + jitter.interval(self.probes + u64::from(clock), self.interval(check))
            }
            None => now + jitter.first(check.timing.fast_interval),
        })
    }

    fn interval(&self, check: &Check) -> Duration {
        match self.health.cadence() {
            Cadence::Steady => check.timing.interval,
            Cadence::Fast if mutant!(FastIntervalIgnored) => check.timing.interval,
            Cadence::Fast => check.timing.fast_interval,
            Cadence::Down if mutant!(DownIntervalIgnored) => check.timing.interval,
            Cadence::Down => check.timing.down_interval,
        }
    }

    /// Keeps a result.
    pub fn keep_result(&mut self, result: Probed) {
        if self.results.len() >= RESULTS_MAX {
            self.results.pop_front();
        }
        self.results.push_back(result);
    }

    /// Keeps a change of state.
    pub fn remember(&mut self, transition: Transition, history_max: usize) {
        self.since = transition.at;
        self.history.push_back(transition);
        while self.history.len() > history_max {
            self.history.pop_front();
        }
    }
}
