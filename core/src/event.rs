//! Everything worth telling a human; travels inside an action.

use core::fmt;

/// Placeholder.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Placeholder.
    Starting,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("starting")
    }
}
