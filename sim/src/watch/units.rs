//! Recreates that have begun, as anybody can see them: told, and not over before VPP is quiet again.

use std::collections::BTreeSet;

use maglev_core::model::Prefix;
use maglev_core::{Action, Event};

use super::{Step, frontend_named};

/// The prefixes on which a recreate is under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Units {
    prefixes: BTreeSet<Prefix>,
}

impl Units {
    /// Call before anything of the step is judged. Names the frontends whose recreate begins.
    pub(super) fn step(&mut self, step: &Step<'_>) {
        for action in step.actions {
            if let Action::Tell(event) = action
                && let Event::Recreate { frontend, .. } = &**event
            {
                self.prefixes.extend(frontend_named(step, frontend).map(|vip| vip.prefix));
            }
        }
        if !self.prefixes.is_empty() && step.engine.dataplane().is_quiet() {
            self.prefixes.clear();
        }
    }

    pub(super) fn is_under_way(&self, prefix: Prefix) -> bool {
        self.prefixes.contains(&prefix)
    }
}
