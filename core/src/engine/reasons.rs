//! Why a backend weighs what it weighs: the policy's decision, told entry by entry.
//!
//! The weights themselves are not computed here again: they are what the frontend wants. A reason is found beside each,
//! so that it can never say one thing while VPP is told another.

use alloc::vec::Vec;

use serde::Serialize;

use crate::frontend::{Frontend, Member};
use crate::health::State;
use crate::model::Weight;
use crate::policy::{self, Entry};

/// Why a backend has its effective weight in a pool of a frontend. Exactly one holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum WeightReason {
    /// It is up and in the active pool: its configured weight.
    Active,
    /// The same, with the weight that an operator has set at run time.
    SetByOperator,
    /// It has no result yet, VPP held it above 0 when warm-up ended, and so it counts as up until its first verdict.
    Presumed,
    /// It is up, but its weight is 0 in the file or by an operator's wish.
    ZeroWeight,
    /// It is up, but a pool that is preferred serves.
    Standby,
    /// It is down.
    Down,
    /// It has no verdict yet.
    Unknown,
    /// An operator paused it.
    Paused,
    /// VPP held it at 0 when what operators had chosen was lost: it stays there until an operator confirms.
    Doubted,
    /// An operator or the file disabled it.
    Disabled,
    /// The frontend has another entry with the same address, and that one decides.
    OtherEntry,
}

/// A member's weight and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What VPP should hold for the member's address.
    pub effective: Weight,
    /// Why.
    pub reason: WeightReason,
}

/// The verdict of each member, in the members' order, and the active pool.
pub fn verdicts(frontend: &Frontend) -> (Vec<Verdict>, Option<u16>) {
    let entries = frontend.entries();
    let active = policy::active_pool(&entries);
    let each = frontend.members.iter().zip(&entries).enumerate();
    let verdicts = each.map(|(at, (member, entry))| {
        let found = frontend.want.servers.binary_search_by_key(&member.address, |server| server.address);
        let effective = found.map_or(Weight::ZERO, |found| frontend.want.servers[found].weight);
        let reason = reason(frontend, member, entry, has_ruler(&entries, at), active, effective);
        Verdict { effective, reason }
    });
    (verdicts.collect(), active)
}

/// Whether another entry of the address is paused or disabled. Entries are ascending by address.
fn has_ruler(entries: &[Entry], at: usize) -> bool {
    let address = entries[at].server;
    let rules = |entry: &&Entry| matches!(entry.state, State::Paused | State::Disabled);
    let before = entries[..at].iter().rev().take_while(|entry| entry.server == address);
    let after = entries[at + 1..].iter().take_while(|entry| entry.server == address);
    before.chain(after).any(|entry| rules(&entry))
}

fn reason(
    frontend: &Frontend,
    member: &Member,
    entry: &Entry,
    is_ruled: bool,
    active: Option<u16>,
    effective: Weight,
) -> WeightReason {
    let serves = entry.state == State::Up && active == Some(entry.pool);
    let own = if serves { entry.weight } else { Weight::ZERO };
    match member.standing.state {
        State::Disabled => return WeightReason::Disabled,
        State::Paused => return WeightReason::Paused,
        State::Unknown | State::Up | State::Down if frontend.doubted.contains(&member.address) => {
            return WeightReason::Doubted;
        }
        State::Unknown | State::Up | State::Down if is_ruled || own != effective => {
            return WeightReason::OtherEntry;
        }
        State::Down => return WeightReason::Down,
        State::Unknown if !frontend.presumed.contains(&member.slot) => return WeightReason::Unknown,
        State::Unknown | State::Up => (),
    }
    if !entry.weight.is_positive() {
        WeightReason::ZeroWeight
    } else if !serves {
        WeightReason::Standby
    } else if member.standing.state == State::Unknown {
        WeightReason::Presumed
    } else if member.set.is_some() {
        WeightReason::SetByOperator
    } else {
        WeightReason::Active
    }
}
