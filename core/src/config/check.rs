//! The semantic rules, all in one place.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Config, Draft};

/// A rule that a draft breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where, as `frontends.www.pools[0].backends.ams.weight`.
    pub path: String,
    /// What is wrong, and what to do next.
    pub message: String,
}

/// Something legal that is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// Where.
    pub path: String,
    /// What will happen, and what to do about it.
    pub message: String,
}

pub(super) fn check(_draft: &Draft) -> Result<(Config, Vec<Warning>), Vec<Problem>> {
    Err(Vec::new())
}
