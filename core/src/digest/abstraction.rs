//! The digest for a search: states that differ only in how late it is, or in running numbers, are one state.
//!
//! Not every merge is exact. Jitter draws anew with every probe, so two merged states may go on with other distances
//! between deadlines; what may happen next, and in which order things are due now, is the same.

use alloc::vec::Vec;
use core::hash::Hasher;

use serde::Serialize;

use super::{Digest, Mode, Role};
use crate::time::Instant;

/// The largest number of attempts that any decision looks at.
const ATTEMPTS_SEEN: u64 = 7;

/// Numbers that only have to be told apart, by family.
const FAMILIES: usize = 6;
const CALL: usize = 0;
const CONNECTION: usize = 1;
const REQUEST: usize = 2;
const PROBE: usize = 3;
const PROCESS: usize = 4;
const BOOT: usize = 5;

/// A digest of several values that share their labels and their order of instants: of an engine and of its world.
///
/// By the names of their fields, counters and what is kept for people are left out, instants of the past with them.
/// Ids become the order in which they appear. Every other instant is a deadline: written are its rank among all of them,
/// and whether it is past, now or to come. A field that is renamed is no longer left out, and fewer states are one.
pub struct Abstract<'h, H> {
    digest: Digest<'h, H, Forgetful>,
    now: Instant,
}

impl<'h, H: Hasher> Abstract<'h, H> {
    /// A digest of how things stand at `now`.
    pub fn new(now: Instant, hasher: &'h mut H) -> Self {
        let mode = Forgetful { role: Role::Verbatim, deadlines: Vec::new(), labels: Default::default() };
        Self { digest: Digest::new(hasher, mode), now }
    }

    /// The instant by which before and after are told apart.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Digests a value.
    pub fn feed<T: Serialize + ?Sized>(&mut self, value: &T) {
        self.digest.feed(value);
    }

    /// Puts an instant in order with the others.
    pub fn deadline(&mut self, at: Instant) {
        self.digest.feed(&at);
    }

    /// Digests the order of all instants.
    pub fn finish(mut self) {
        let deadlines = core::mem::take(&mut self.digest.mode.deadlines);
        let mut order = deadlines.clone();
        order.sort_unstable();
        order.dedup();
        let now = self.now.nanos();
        self.digest.pack(deadlines.len() as u64, 32);
        for at in deadlines {
            let rank = order.partition_point(|other| *other < at);
            self.digest.pack(rank as u64, 32);
            self.digest.pack(u64::from(at >= now) + u64::from(at > now), 8);
        }
        self.digest.close();
    }
}

struct Forgetful {
    role: Role,
    deadlines: Vec<u64>,
    labels: [Vec<u64>; FAMILIES],
}

impl Mode for Forgetful {
    #[inline(always)]
    fn field(&mut self, owner: &'static str, name: &'static str) -> Option<Role> {
        let role = match (owner, name) {
            // The engine's own copies of the configuration's are digested.
            ("Config", "backends" | "frontends" | "transition_history")
            | (
                "Engine",
                "slot_of" | "next_probe" | "inconclusive" | "changes" | "generation" | "configured",
            )
            | ("Backend", "jitter" | "probes" | "stale_results" | "history" | "last_outcome")
            | ("Backend", "results" | "revision")
            | ("Frontend", "revision")
            | ("Dataplane", "next_call")
            | ("Link", "next" | "rng" | "count" | "turned" | "why")
            | ("Warmup", "since") => return None,
            // Their deadlines, where they lead to one, are fed apart: see `Engine::feed_abstract`.
            ("Backend", "started" | "since")
            | ("Sent", "at")
            | ("State", "since")
            | ("Link", "last_heard" | "ping")
            | ("Pace", "not_before")
            | ("Reading", "open")
            | ("Round", "began")
            | ("Trouble", "since")
            | ("Vip", "began" | "recreated_at") => Role::Past,
            ("Dataplane", "conf_refusals") | ("Link", "failures") | ("Trouble", "attempts") => {
                Role::AtMost(ATTEMPTS_SEEN)
            }
            ("Round" | "Vip", "calls") => Role::AtMost(1),
            ("InFlight" | "ProbeId", "number") => Role::Label(PROBE),
            ("VppProcess", "pid") => Role::Label(PROCESS),
            ("VppProcess", "boot_time") => Role::Label(BOOT),
            _ => self.role,
        };
        Some(core::mem::replace(&mut self.role, role))
    }

    #[inline(always)]
    fn newtype(&mut self, name: &'static str) -> Role {
        let role = match name {
            "Instant" if self.role == Role::Past => Role::Nothing,
            "Instant" => Role::Deadline,
            "CallId" => Role::Label(CALL),
            "ConnectionId" => Role::Label(CONNECTION),
            "RequestId" => Role::Label(REQUEST),
            _ => self.role,
        };
        core::mem::replace(&mut self.role, role)
    }

    #[inline(always)]
    fn leave(&mut self, role: Role) {
        self.role = role;
    }

    #[inline(always)]
    fn number(&mut self, number: u64) -> Option<u64> {
        match self.role {
            Role::Verbatim | Role::Past => Some(number),
            Role::Nothing => None,
            Role::Deadline => {
                self.deadlines.push(number);
                None
            }
            Role::Label(family) => Some(label(&mut self.labels[family], number)),
            Role::AtMost(most) => Some(number.min(most)),
        }
    }
}

/// 0 stays 0: it is no number where numbers begin with 1, and an unknown one elsewhere.
fn label(seen: &mut Vec<u64>, number: u64) -> u64 {
    if number == 0 {
        return 0;
    }
    let at = seen.iter().position(|other| *other == number).unwrap_or_else(|| {
        seen.push(number);
        seen.len() - 1
    });
    at as u64 + 1
}
