//! The link for a search that merges states: what is under way, and what VPP is.

use core::hash::Hasher;
use std::collections::VecDeque;

use super::{Connection, Link, Process, Queued};
use crate::exhaustive::Sketch;

impl Link {
    /// What is to come.
    pub(crate) fn sketch<H: Hasher>(&self, sketch: &mut Sketch<'_, '_, H>) {
        match &self.process {
            Process::Absent => sketch.value(&0u8),
            Process::NoPlugin => sketch.value(&1u8),
            Process::Up(plugin) => {
                sketch.value(&2u8);
                sketch.value(&Self::identity(plugin));
                plugin.sketch(sketch);
            }
        }
        sketch.value(&self.processes);
        sketch.value(&self.is_reachable);
        match self.connection {
            Connection::None => sketch.value(&0u8),
            Connection::Connecting(connection, ready) => {
                sketch.value(&(1u8, connection));
                sketch.at(ready);
            }
            Connection::Up(connection) => sketch.value(&(2u8, connection)),
        }
        calls(&self.queue, sketch);
        calls(&self.orphans, sketch);
        sketch.value(&self.heard.len());
        for ((at, _), heard) in &self.heard {
            sketch.at(*at);
            sketch.value(heard);
        }
        sketch.at(self.last_heard);
        sketch.at(self.busy_until);
        sketch.value(&self.slowed_by);
        sketch.value(&self.armed.len());
        for fault in &self.armed {
            sketch.value(&fault.to_string());
        }
    }

    /// Processes of VPP so far.
    pub(crate) const fn processes(&self) -> u32 {
        self.processes
    }

    /// Whether a fault is armed and has not struck.
    pub(crate) const fn is_armed(&self) -> bool {
        !self.armed.is_empty()
    }
}

fn calls<H: Hasher>(queue: &VecDeque<Queued>, sketch: &mut Sketch<'_, '_, H>) {
    sketch.value(&queue.len());
    for queued in queue {
        sketch.at(queued.run_at);
        sketch.value(&(queued.call, &queued.request, queued.must_serve));
    }
}
