//! Scenarios as data: a short YAML file that a person writes, reads and replays.
//!
//! Every happening is one line of plain words, and displays as it is written; the calls of a stranger read as calls do
//! in a timeline. What the words mean for maglevd's own configuration is the runner's business: a configuration stays
//! text here.
//!
//! ```
//! let scenario = maglev_sim::script::Scenario::read(r#"
//! about: The third lost probe in a row takes ams out of the table.
//! seed: 1
//! config: |
//!   maglev: { ... }
//! configs:
//!   without-fra: |
//!     maglev: { ... }
//! events:
//!   - { at: 0s, traffic: www 100 }
//!   - { at: 5.2s, backend: { ams: silent, fra: slow 300ms } }
//!   - { at: 6s, vpp: restart }
//!   - { at: 7s, fault: refuse 3 with -81 }
//!   - { at: 8s, foreign: "set-weight 203.0.113.80 tcp/80 198.51.100.10 weight 7" }
//!   - { at: 9s, operator: weight www primary fra 30 }
//!   - { at: 9s, choices: unwritable }
//!   - { at: 10s, daemon: stall 10s }
//!   - { at: 20s, reload: without-fra }
//!   - { at: 25s, expect: { in-sync: true } }
//! until: 60s
//! expect: { in-sync: true, refused: 1, weights: { www: { ams: 0 } } }
//! "#).unwrap();
//! assert_eq!(scenario.events.len(), 12, "each backend is an event of its own, and so is the last expectation");
//! ```

mod backend;
mod facts;
mod file;
mod happening;
mod paper;
mod words;
mod write;

#[cfg(test)]
mod tests;

use core::fmt;
use std::collections::BTreeMap;

use maglev_core::Instant;

use crate::twin::Twin;

pub use self::backend::Behaviour;
pub use self::facts::Facts;
pub use self::happening::{Calls, DaemonChange, Fault, FaultKind, Happening, Invalid, VppChange, Who};
pub use self::paper::Paper;
pub use self::write::parse as parse_write;

/// The name by which `reload` and `daemon: restart` mean the first configuration.
pub const FIRST_CONFIG: &str = "config";

/// A world, what happens in it, and what must be true.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// One sentence: what must be seen.
    pub about: String,
    /// Where all chance comes from.
    pub seed: u64,
    /// The configurations by name, as text of maglevd's own format; [`FIRST_CONFIG`] is the one it starts with.
    pub configs: BTreeMap<String, ConfigText>,
    /// In order of time, and of the file where times are equal.
    pub events: Vec<Event>,
    /// When it ends; with a conclusion, when that begins.
    pub until: Instant,
    /// The second act, if it has one.
    pub conclusion: Option<Conclusion>,
    /// How it is told a second time, to compare the two runs.
    pub twin: Option<Twin>,
}

/// The second act: nothing else happens, armed faults are forgotten, and the world must come to rest and stay so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// When it begins.
    pub from: Instant,
    /// At rest maglevd is restarted, which must write nothing.
    pub restart: bool,
}

/// A configuration and where it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigText {
    /// The line of the file on which the text begins.
    pub line: u64,
    /// The text.
    pub yaml: String,
}

/// Something that happens, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The line in the file; 0 for one that was generated.
    pub line: u64,
    /// When.
    pub at: Instant,
    /// What.
    pub happening: Happening,
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// The first mistake, with its line and what to do about it.
    pub fn read(yaml: &str) -> Result<Self, ScriptError> {
        file::read(yaml)
    }
}

impl fmt::Display for Scenario {
    /// As a file that reads back as the same scenario.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        file::print(self, f)
    }
}

/// What is wrong with a scenario file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// Counted from 1; 0 where nobody knows.
    pub line: u64,
    /// What is wrong, and what to do next.
    pub message: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            f.write_str(&self.message)
        } else {
            write!(f, "line {}: {}", self.line, self.message)
        }
    }
}

impl core::error::Error for ScriptError {}
