//! Rise and fall per backend: conclusive results in, verdict out.
//!
//! The counter `h` is HAProxy's: 0..=rise+fall-1. In `up` it stands at or above `rise`, in `down` below. `unknown` has
//! its own rule, because one packet lost after a restart must not empty a table that was serving.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::config::Timing;

/// What we believe of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// No verdict yet.
    Unknown,
    /// It serves.
    Up,
    /// It does not.
    Down,
    /// An operator took it out; its flows stay.
    Paused,
    /// An operator or the file took it out; its flows are flushed.
    Disabled,
}

impl State {
    /// As in logs and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }

    /// Whether anything but `unknown`: what warm-up waits for.
    pub const fn is_known(self) -> bool {
        !matches!(self, Self::Unknown)
    }

    /// Whether probes run in this state.
    pub fn is_probed(self) -> bool {
        matches!(self, Self::Unknown | Self::Up | Self::Down)
            || mutant!(PausedStillProbed) && self == Self::Paused
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How often to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cadence {
    /// Fully healthy: `interval`.
    Steady,
    /// Unknown or between: `fast-interval`.
    Fast,
    /// Fully down: `down-interval`.
    Down,
}

/// State and counter of one backend.
///
/// ```text
///            pass                     h < rise
///  unknown ───────► up (h = max) ───────────────► down (h = 0)
///     │                ▲        fail: h -= 1        │  pass: h += 1
///     │ fall fails     │        pass: h  = max      │  fail: h  = 0
///     └──────► down    └───────────────────────────-┘ h = rise
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    state: State,
    /// In `up` and `down` HAProxy's counter; in `unknown` the failures in a row.
    counter: u8,
    rise: u8,
    fall: u8,
}

impl Health {
    /// A backend that was never probed, or that is not probed at all (`up` then).
    pub fn new(timing: Option<&Timing>, enabled: bool) -> Self {
        let (rise, fall) = thresholds(timing);
        let mut health = Self { state: State::Unknown, counter: 0, rise, fall };
        if !enabled {
            health.state = State::Disabled;
        } else if timing.is_none() {
            health.become_up();
        }
        health
    }

    /// The present state.
    pub const fn state(&self) -> State {
        self.state
    }

    /// The counter for people: HAProxy's in `up` and `down`, the failures in a row in `unknown`.
    pub const fn counter(&self) -> u8 {
        self.counter
    }

    /// The counter of a fully healthy backend.
    pub const fn counter_max(&self) -> u8 {
        self.rise.saturating_add(self.fall).saturating_sub(1)
    }

    /// How often to look in this state.
    pub const fn cadence(&self) -> Cadence {
        match self.state {
            State::Up if self.counter >= self.counter_max() => Cadence::Steady,
            State::Down if self.counter == 0 => Cadence::Down,
            State::Up | State::Down | State::Unknown | State::Paused | State::Disabled => Cadence::Fast,
        }
    }

    /// Takes one conclusive result. A backend that is not probed is not moved by one.
    pub fn record(&mut self, pass: bool) {
        match (self.state, pass) {
            (State::Up, true) if mutant!(PassRestoresNothing) => (),
            (State::Unknown | State::Up, true) => self.become_up(),
            (State::Unknown, false) => {
                self.counter = self.counter.saturating_add(1);
                if self.counter >= self.fall || mutant!(UnknownDownAtOnce) {
                    self.become_down();
                }
            }
            (State::Up, false) => {
                self.counter = self.counter.saturating_sub(1);
                if self.counter + u8::from(mutant!(FallOneLate)) < self.rise + u8::from(mutant!(FallOneEarly))
                {
                    self.become_down();
                }
            }
            (State::Down, true) => {
                self.counter = self.counter.saturating_add(1);
                if self.counter + u8::from(mutant!(RiseOneEarly))
                    >= self.rise + u8::from(mutant!(RiseOneLate))
                {
                    self.become_up();
                }
            }
            (State::Down, false) if mutant!(DownFailKeepsProgress) => (),
            (State::Down, false) => self.counter = 0,
            (State::Paused | State::Disabled, _) => (),
        }
    }

    /// An operator pauses it.
    pub const fn pause(&mut self) {
        self.state = State::Paused;
        self.counter = 0;
    }

    /// An operator or the file disables it.
    pub const fn disable(&mut self) {
        self.state = State::Disabled;
        self.counter = 0;
    }

    /// It is probed again from `unknown`; one without a check is `up` at once.
    pub const fn restart(&mut self, is_checked: bool) {
        self.state = State::Unknown;
        self.counter = 0;
        if !is_checked {
            self.become_up();
        }
    }

    /// A reload changed the thresholds: verdict and progress towards the next one stay.
    pub fn retime(&mut self, timing: Option<&Timing>) {
        let progress = match self.state {
            State::Up => self.counter_max().saturating_sub(self.counter),
            State::Down | State::Unknown | State::Paused | State::Disabled => self.counter,
        };
        (self.rise, self.fall) = thresholds(timing);
        self.counter = match self.state {
            State::Up => self.counter_max() - progress.min(self.fall - 1),
            State::Down => progress.min(self.rise - 1),
            State::Unknown => progress.min(self.fall - 1),
            State::Paused | State::Disabled => 0,
        };
    }

    /// A reload changed what is probed: the verdict stays until the new target has earned its own.
    pub const fn retarget(&mut self, is_checked: bool) {
        match self.state {
            State::Up => self.become_up(),
            State::Down | State::Unknown if !is_checked => self.become_up(),
            State::Down | State::Unknown | State::Paused | State::Disabled => self.counter = 0,
        }
    }

    const fn become_up(&mut self) {
        self.state = State::Up;
        self.counter = self.counter_max();
    }

    const fn become_down(&mut self) {
        self.state = State::Down;
        self.counter = 0;
    }
}

/// A backend without a check keeps any thresholds; they are never used.
fn thresholds(timing: Option<&Timing>) -> (u8, u8) {
    timing.map_or((1, 1), |timing| (timing.rise.get(), timing.fall.get()))
}

#[cfg(test)]
mod tests;
