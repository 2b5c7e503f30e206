//! A hash over everything that the engine heard, did, armed and was, so that two runs can be compared step by step.

use core::time::Duration;

use maglev_core::{Action, Engine, Input};

/// The chain so far.
pub(super) struct Trace {
    is_on: bool,
}

impl Trace {
    pub(super) const fn new(is_on: bool) -> Self {
        Self { is_on }
    }

    pub(super) fn step(&mut self, _engine: &Engine, _input: &Input, _actions: &[Action], _elapsed: Duration) {
        if !self.is_on {}
    }

    pub(super) const fn finish(&self) -> u128 {
        0
    }
}
