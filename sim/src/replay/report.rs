//! The first difference, in words.

use std::fmt;

use maglev_core::Instant;
use maglev_core::engine::Reason;

/// Where the engine answered otherwise than it did when the journal was written.
#[derive(Debug)]
pub struct Difference {
    /// What differs.
    pub what: What,
    /// The step, with what the engine answers now.
    pub step: Shown,
    /// When and why the engine wants to run next now.
    pub wakeup: Option<(Instant, Reason)>,
    /// The steps before it, which agree.
    pub before: Vec<Shown>,
}

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The hash over all actions and wakeups.
    Hash {
        /// In the journal.
        recorded: u32,
        /// Of this engine.
        replayed: u32,
        /// The step after it agrees again, so the run is the same and this line of the file was changed.
        next_agrees: bool,
    },
    /// The whole chain, where all short hashes agree.
    Chain,
    /// The engine's state, where all that it answered agrees.
    State,
    /// The number of steps: lines are missing, or there are too many.
    Count {
        /// In the journal.
        recorded: u64,
        /// Of this engine.
        replayed: u64,
    },
    /// The process ended in the midst of this step, and this engine went through it.
    Survived,
}

/// A step in words.
#[derive(Debug)]
pub struct Shown {
    /// Its number, counted from one, from the start of the process.
    pub number: u64,
    /// Its line in the file.
    pub line: u64,
    /// When.
    pub at: Instant,
    /// What the engine heard.
    pub heard: String,
    /// What it asked for.
    pub actions: Vec<String>,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, line, at, heard, actions: _ } = self;
        write!(f, "record {number} (line {line}) at {at}: {heard}")
    }
}

impl Shown {
    fn whole(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {self}")?;
        if self.actions.is_empty() {
            return writeln!(f, "      nothing");
        }
        self.actions.iter().try_for_each(|action| writeln!(f, "      {action}"))
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash { recorded, replayed, next_agrees: false } => {
                write!(f, "the engine answers otherwise: hash {recorded} was recorded, and it is {replayed}")
            }
            Self::Hash { recorded, replayed, next_agrees: true } => write!(
                f,
                "the recorded hash is {recorded} and should be {replayed}; the next one is right, so the file was changed"
            ),
            Self::Chain => f.write_str("the whole chain differs, though no record did: the file was changed"),
            Self::State => f.write_str("the engine answered the same, and is in another state"),
            Self::Count { recorded, replayed } => {
                write!(
                    f,
                    "{recorded} steps were recorded, and {replayed} lines are there: the file was changed"
                )
            }
            Self::Survived => {
                f.write_str("the daemon ended in the midst of this step, and this engine does not")
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "first difference: {}", self.what)?;
        self.step.whole(f)?;
        match self.wakeup {
            Some((at, reason)) => writeln!(f, "      next wakeup: {at}, {reason:?}")?,
            None => writeln!(f, "      no next wakeup")?,
        }
        if !self.before.is_empty() {
            writeln!(f, "before it, the same as recorded:")?;
        }
        self.before.iter().try_for_each(|step| step.whole(f))
    }
}
