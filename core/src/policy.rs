//! Verdicts and operators' wishes in, weights out. A pure function of one frontend.
//!
//! | state | in the active pool | weight | existing flows |
//! |---|---|---|---|
//! | up | yes | configured | keep |
//! | up | no (standby) | 0 | keep |
//! | down | any | 0 | flush if the frontend has flush-on-down, else keep |
//! | unknown | any | 0 | keep |
//! | paused | any | 0 | keep |
//! | disabled | any | 0 | flush |

use alloc::vec::Vec;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::health::State;
use crate::model::Weight;

/// One backend in one pool of a frontend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its address.
    pub server: IpAddr,
    /// Position of its pool.
    pub pool: u16,
    /// Configured weight, or the operator's.
    pub weight: Weight,
    /// The verdict; a presumed backend counts as up.
    pub state: State,
    /// It is `unknown` because an operator resumed it, so its flows were meant to be kept.
    pub resumed: bool,
}

/// What should happen to the flows of a server at weight 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Wish {
    /// Nothing.
    Keep,
    /// Forget them, once there is somewhere else for them to go.
    FlushDown,
    /// Forget them.
    FlushDisabled,
}

impl Wish {
    /// Whether the flows should be forgotten.
    pub const fn is_flush(self) -> bool {
        !matches!(self, Self::Keep)
    }
}

/// What VPP should hold for one address of a VIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// The address.
    pub address: IpAddr,
    /// The effective weight.
    pub weight: Weight,
    /// At weight 0, what should happen to its flows.
    pub wish: Wish,
    /// Someone counts on its flows staying although its weight is 0.
    pub keeps_flows: bool,
    /// It is down or disabled: lowering it cannot wait for anything else.
    pub is_dead: bool,
}

impl Server {
    /// A server that stays as it is, because a reload took it out before its successors are known.
    pub const fn held(address: IpAddr, weight: Weight) -> Self {
        Self { address, weight, wish: Wish::Keep, keeps_flows: true, is_dead: false }
    }
}

/// The first pool with a backend that is up and has a weight above 0.
pub fn active_pool(entries: &[Entry]) -> Option<u16> {
    entries
        .iter()
        .filter(|entry| entry.state == State::Up)
        .filter(|entry| entry.weight.is_positive() || mutant!(ZeroWeightHoldsPool))
        .map(|entry| entry.pool)
        .filter(|pool| !mutant!(FailoverNever) || *pool == 0)
        .filter(|pool| {
            !mutant!(FailoverEarly) || entries.iter().all(|e| e.pool != *pool || e.state != State::Down)
        })
        .min()
}

/// The servers of a frontend, ascending by address, one per address.
pub fn servers(entries: &[Entry], flush_on_down: bool) -> Vec<Server> {
    let active = active_pool(entries);
    let mut order: Vec<&Entry> = entries.iter().collect();
    if !order.is_sorted_by_key(|entry| entry.server) {
        order.sort_by_key(|entry| entry.server);
    }
    order.chunk_by(|a, b| a.server == b.server).map(|same| merge(same, active, flush_on_down)).collect()
}

/// One address, however many entries name it. A paused or disabled entry rules the address.
fn merge(entries: &[&Entry], active: Option<u16>, flush_on_down: bool) -> Server {
    // By far the most entries are alone on their address, up, and in the active pool.
    if let [entry] = entries
        && entry.state == State::Up
        && active == Some(entry.pool)
    {
        let keeps_flows = !entry.weight.is_positive();
        return Server {
            address: entry.server,
            weight: entry.weight,
            wish: Wish::Keep,
            keeps_flows,
            is_dead: false,
        };
    }
    let ruled = |state: State| entries.iter().any(|entry| entry.state == state);
    let address = entries[0].server;
    if ruled(State::Disabled) {
        return Server {
            address,
            weight: Weight::ZERO,
            wish: if mutant!(DisabledKeepsFlows) { Wish::Keep } else { Wish::FlushDisabled },
            keeps_flows: false,
            is_dead: true,
        };
    }
    if ruled(State::Paused) && !(mutant!(PausedDoesNotRule) && entries.len() > 1) {
        let wish = if mutant!(PauseFlushes) { Wish::FlushDisabled } else { Wish::Keep };
        return Server { address, weight: Weight::ZERO, wish, keeps_flows: true, is_dead: false };
    }
    let weight = entries
        .iter()
        .filter(|entry| entry.state == State::Up)
        .filter(|entry| active == Some(entry.pool) || mutant!(StandbyServes))
        .map(|entry| entry.weight)
        .reduce(|first, next| if mutant!(DuplicateTakesFirst) { first } else { first.max(next) })
        .unwrap_or(Weight::ZERO);
    let is_down = |entry: &&Entry| {
        entry.state == State::Down || mutant!(UnknownFlushed) && entry.state == State::Unknown
    };
    let all_down = entries.iter().all(is_down) || mutant!(OneEntryFlushes) && entries.iter().any(is_down);
    let flush_on_down = flush_on_down || mutant!(FlushOnDownForced);
    let wish = if all_down && flush_on_down { Wish::FlushDown } else { Wish::Keep };
    let wish = if mutant!(DownNotFlushed) { Wish::Keep } else { wish };
    let is_standby = !weight.is_positive() && ruled(State::Up);
    let wish = if mutant!(StandbyFlushed) && is_standby { Wish::FlushDown } else { wish };
    let keeps_flows = !weight.is_positive()
        && entries.iter().any(|entry| match entry.state {
            State::Up => !entry.weight.is_positive(),
            State::Down => !flush_on_down,
            State::Unknown => entry.resumed,
            State::Paused | State::Disabled => false,
        });
    Server { address, weight, wish, keeps_flows, is_dead: all_down }
}

/// `up` if any weight is above 0; `unknown` if none is and some backend is unknown; else `down`.
pub fn frontend_state(servers: &[Server], entries: &[Entry]) -> State {
    if servers.iter().any(|server| server.weight.is_positive()) {
        State::Up
    } else if entries.iter().any(|entry| entry.state == State::Unknown) && !mutant!(FrontendNeverUnknown) {
        State::Unknown
    } else {
        State::Down
    }
}

#[cfg(test)]
mod tests;
