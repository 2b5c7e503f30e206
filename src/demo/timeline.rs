//! The live timeline: when, who, what.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use maglev_core::Clock;

use crate::clock::SystemClock;

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The world around: backends, operators, mishaps.
    World,
    /// The daemon: what it saw and decided.
    Daemon,
    /// VPP: a call that it executed.
    Vpp,
}

/// How it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Take note.
    Plain,
    /// It gets better.
    Good,
    /// It gets worse.
    Bad,
    /// In passing.
    Quiet,
}

const RESET: &str = "\x1b[0m";

impl Who {
    const fn word(self) -> &'static str {
        match self {
            Self::World => "world",
            Self::Daemon => "daemon",
            Self::Vpp => "vpp",
        }
    }

    const fn colour(self) -> &'static str {
        match self {
            Self::World => "\x1b[1;33m",
            Self::Daemon => "\x1b[1;36m",
            Self::Vpp => "\x1b[1;35m",
        }
    }
}

impl Tone {
    const fn colour(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Quiet => "\x1b[2m",
        }
    }
}

/// Prints lines from everywhere, in the order in which they happen. Cheap to clone.
#[derive(Clone)]
pub struct Timeline {
    clock: SystemClock,
    is_colourful: bool,
    out: Arc<Mutex<io::Stdout>>,
}

impl Timeline {
    /// A timeline on stdout; in colour if that is a terminal and `NO_COLOR` is not set.
    pub fn new(clock: SystemClock) -> Self {
        let out = io::stdout();
        let is_colourful = out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
        Self { clock, is_colourful, out: Arc::new(Mutex::new(out)) }
    }

    /// One line of the story, at this instant.
    pub fn say(&self, who: Who, tone: Tone, what: &str) {
        let at = self.clock.now().since_start().as_secs_f64();
        let (dim, reset) = (self.paint(Tone::Quiet.colour()), self.paint(RESET));
        let who_colour = self.paint(who.colour());
        let tone = self.paint(tone.colour());
        let who = who.word();
        self.line(&format!("{dim}{at:8.3}s{reset}  {who_colour}{who:<6}{reset}  {tone}{what}{reset}"));
    }

    /// A line outside of the story.
    pub fn print(&self, tone: Tone, text: &str) {
        self.line(&format!("{}{text}{}", self.paint(tone.colour()), self.paint(RESET)));
    }

    fn paint(&self, colour: &'static str) -> &'static str {
        if self.is_colourful { colour } else { "" }
    }

    fn line(&self, line: &str) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // A reader that has gone (`| head`) is no reason to stop: the exit code still counts.
        let _ = writeln!(out, "{}", line.trim_end());
    }
}
