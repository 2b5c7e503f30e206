//! The engine seen from outside: its parts, everything that is armed, and digests of its whole state.
//!
//! The state itself is data: an `Engine` can be serialized, read back, and goes on as if nothing had happened.

use alloc::sync::Arc;
use core::hash::Hasher;

use super::{Engine, Reason};
use crate::backend::Backend;
use crate::config::Config;
use crate::dataplane::Dataplane;
use crate::digest::{self, Abstract};
use crate::frontend::Frontends;
use crate::time::Instant;
use crate::warmup::Warmup;

impl Engine {
    /// The configuration in force.
    pub const fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The backends, ascending by slot.
    pub fn backends(&self) -> impl Iterator<Item = (u32, &Backend)> {
        self.slots.iter().zip(0u32..).filter_map(|(slot, at)| Some((at, slot.as_ref()?)))
    }

    /// The backend in this slot.
    pub fn backend(&self, slot: u32) -> Option<&Backend> {
        self.slot(slot)
    }

    /// The frontends, ascending by key.
    pub const fn frontends(&self) -> &Frontends {
        &self.frontends
    }

    /// The gates.
    pub const fn warmup(&self) -> &Warmup {
        &self.warmup
    }

    /// The conversation with VPP.
    pub const fn dataplane(&self) -> &Dataplane {
        &self.dataplane
    }

    /// Every deadline that is armed, in no particular order. The earliest is the next wakeup.
    pub fn deadlines(&self) -> impl Iterator<Item = (Instant, Reason)> {
        let begin = (!self.started).then_some((Instant::START, Reason::Warmup));
        let all = self
            .warmup
            .deadline()
            .map(|at| (at, Reason::Warmup))
            .into_iter()
            .chain(self.schedule.all().map(|at| (at, Reason::Probe)))
            .chain(self.holds.iter().map(|(at, _)| (*at, Reason::Hold)))
            .chain(self.dataplane.deadlines().map(|at| (at, Reason::Vpp)))
            .chain(self.stopping.map(|at| (at, Reason::Shutdown)))
            .filter(|_| self.started);
        begin.into_iter().chain(all).filter(|_| !self.exited)
    }

    /// Digests the whole state but what is kept for people and what follows from configuration and seed. Two engines
    /// with one history have one digest.
    pub fn digest(&self, hasher: &mut impl Hasher) {
        digest::plain(self, hasher);
    }

    /// Digests what the engine may do next, whatever the time and however often it did so before: see [`Abstract`].
    pub fn digest_abstract(&self, now: Instant, hasher: &mut impl Hasher) {
        let mut digest = Abstract::new(now, hasher);
        self.feed_abstract(&mut digest);
        digest.finish();
    }

    /// The same as a part of a larger digest, whose ids and instants are put in order together.
    pub fn feed_abstract<H: Hasher>(&self, digest: &mut Abstract<'_, H>) {
        digest.feed(self);
        for (at, reason) in self.deadlines() {
            digest.deadline(at);
            digest.feed(&reason);
        }
        // What has passed is over, however long ago.
        let now = digest.now();
        for at in self.dataplane.latent() {
            digest.deadline(at.max(now));
        }
    }
}

#[cfg(test)]
mod tests;
