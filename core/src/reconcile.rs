//! Desired and observed in, ordered calls out. Pure; one VIP at a time.
//!
//! Within a VIP the stages are: create; add servers and raise weights; flush the VIP where that is due; lower weights
//! and flush servers; delete surplus servers. So no VIP runs empty half-way. The dataplane sends a stage when all
//! replies of the stage before are in, and asks again: there is no queue of plans.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::input::CallId;
use crate::model::{Encap, Flows, VipKey, Weight, Write};
use crate::policy::{Server, Wish};

/// One VIP as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// What VPP knows it by.
    pub vip: VipKey,
    /// How packets to its servers are wrapped.
    pub encap: Encap,
    /// Hash the source address only.
    pub src_ip_sticky: bool,
    /// Length of its new-flows table, if it has to be created.
    pub table_length: u32,
    /// Ascending by address.
    pub servers: Vec<Server>,
}

impl Want {
    /// Whether any new flow should find a server.
    pub fn is_positive(&self) -> bool {
        self.servers.iter().any(|server| server.weight.is_positive())
    }

    /// Whether somebody counts on flows although no new one should find a server.
    pub fn keeps_flows_while_empty(&self) -> bool {
        !self.is_positive() && self.servers.iter().any(|server| server.keeps_flows)
    }
}

/// One VIP as VPP holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// How packets to its servers are wrapped.
    pub encap: Encap,
    /// Length of its new-flows table as dumps show it: 0 for 65,536 and more.
    pub table_length: u16,
    /// Servers in use and their weights, ascending by address.
    pub servers: Vec<(IpAddr, Weight)>,
}

impl Seen {
    /// Whether any new flow finds a server.
    pub fn is_positive(&self) -> bool {
        self.servers.iter().any(|(_, weight)| weight.is_positive())
    }

    /// The weight of `server`, if it is in use.
    pub fn weight(&self, server: IpAddr) -> Option<Weight> {
        let at = self.servers.binary_search_by_key(&server, |(address, _)| *address).ok()?;
        Some(self.servers[at].1)
    }

    /// Adds a server or changes its weight.
    pub fn set(&mut self, server: IpAddr, weight: Weight) {
        match self.servers.binary_search_by_key(&server, |(address, _)| *address) {
            Ok(at) => self.servers[at].1 = weight,
            Err(at) => self.servers.insert(at, (server, weight)),
        }
    }

    /// Removes a server.
    pub fn remove(&mut self, server: IpAddr) {
        if let Ok(at) = self.servers.binary_search_by_key(&server, |(address, _)| *address) {
            self.servers.remove(at);
        }
    }
}

/// Why a server's flows are owed a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Due {
    /// It went down: waits while the VIP has no positive weight.
    Down,
    /// It was disabled.
    Disabled,
    /// An operator set a weight and asked for it.
    Operator,
}

/// A flush that is owed until a call that carries it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debt {
    /// Why.
    pub due: Due,
    /// An operator's act of this process, which counts even where VPP held weight 0 already.
    pub by_operator: bool,
    /// The call under way that carries it.
    pub carried: Option<CallId>,
}

/// Owed flushes by server.
pub type Debts = BTreeMap<IpAddr, Debt>;

/// The parts of a sync of one VIP, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// `lb_add_del_vip_v2`.
    Create,
    /// Add servers and raise weights.
    Raise,
    /// `lb_flush_vip`.
    FlushVip,
    /// Lower weights and flush servers.
    Lower,
    /// Delete surplus servers.
    Remove,
    /// Lower the dead at once, past everything else; the VIP keeps a positive weight.
    Urgent,
    /// Taking the VIP down: servers, flows, VIP.
    TakeDown,
}

/// What the next stage is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// As it should be.
    pub want: &'a Want,
    /// As VPP has acknowledged it.
    pub acked: Option<&'a Seen>,
    /// The same with the calls under way assumed done.
    pub expected: Option<&'a Seen>,
    /// Owed flushes.
    pub debts: &'a Debts,
    /// `lb_flush_vip` is owed and not under way.
    pub flush_vip: bool,
    /// Many flushes are due everywhere: weights first.
    pub flushes_wait: bool,
    /// Servers of refused calls; `Some` while this attempt is refused, and then only the dead are lowered.
    pub refused: Option<&'a BTreeSet<IpAddr>>,
    /// Calls that may be sent now.
    pub room: usize,
}

/// The calls of the next stage, all of them, in order.
pub fn next(facts: &Facts<'_>) -> Option<(Stage, Vec<Write>)> {
    let Some(seen) = facts.expected else {
        return facts.refused.is_none().then(|| (Stage::Create, alloc::vec![create(facts.want)]));
    };
    if let Some(refused) = facts.refused {
        let removes = || removes(facts.want, seen);
        let mut calls = dead(facts);
        if mutant!(DeletesDespiteRefusal) {
            let is_new = |call: &Write| call.server().is_none_or(|server| !refused.contains(&server));
            calls.extend(removes().into_iter().filter(is_new));
        }
        return (!calls.is_empty()).then_some((Stage::Urgent, calls));
    }
    let raises = raises(facts, seen);
    let waits = mutant!(LowerBeforeRaise) && !lowers(facts, seen).is_empty()
        || mutant!(FlushBeforeServers) && facts.flush_vip && !facts.flushes_wait;
    if !raises.is_empty() && !waits {
        return Some(unless_dead_wait(facts, Stage::Raise, raises));
    }
    if facts.flush_vip && !facts.flushes_wait {
        return Some((Stage::FlushVip, alloc::vec![Write::FlushVip { vip: facts.want.vip }]));
    }
    let lowers = lowers(facts, seen);
    let is_late = mutant!(RemoveBeforeLower) && surplus(facts.want, seen).next().is_some();
    if !lowers.is_empty() && !is_late {
        return Some(unless_dead_wait(facts, Stage::Lower, lowers));
    }
    if facts.flushes_wait {
        return None;
    }
    let removes = removes(facts.want, seen);
    (!removes.is_empty()).then_some((Stage::Remove, removes))
}

/// A stage that does not fit into the window would keep a death waiting: the dead go first.
fn unless_dead_wait(facts: &Facts<'_>, stage: Stage, calls: Vec<Write>) -> (Stage, Vec<Write>) {
    if calls.len() > facts.room && !mutant!(DeathWaitsForStage) {
        let dead = dead(facts);
        if !dead.is_empty() {
            return (Stage::Urgent, dead);
        }
    }
    (stage, calls)
}

/// The next single flush, when flushes are paced: the VIP's, then the servers', then the surplus servers'.
pub fn next_flush(facts: &Facts<'_>) -> Option<(Stage, Write)> {
    let seen = facts.expected?;
    let paced = Facts { flushes_wait: false, ..*facts };
    if facts.flush_vip {
        return Some((Stage::FlushVip, Write::FlushVip { vip: facts.want.vip }));
    }
    if let Some(call) = lowers(&paced, seen).into_iter().next() {
        return Some((Stage::Lower, call));
    }
    removes(facts.want, seen).into_iter().next().map(|call| (Stage::Remove, call))
}

/// How many flushes are due for this VIP now.
pub fn flushes_due(facts: &Facts<'_>) -> usize {
    let Some(seen) = facts.expected else { return usize::from(facts.flush_vip) };
    let owed = facts.debts.values().filter(|debt| is_deliverable(debt, facts.want)).count();
    usize::from(facts.flush_vip) + owed + surplus(facts.want, seen).count()
}

/// Whether a flush may be sent now. Flows with nowhere to go are not helped by killing them.
fn is_deliverable(debt: &Debt, want: &Want) -> bool {
    debt.carried.is_none() && (debt.due != Due::Down || want.is_positive() || mutant!(FlushIntoNothing))
}

fn create(want: &Want) -> Write {
    Write::AddVip {
        vip: want.vip,
        encap: want.encap,
        table_length: want.table_length * u32::from(!mutant!(TableLengthZero)),
        src_ip_sticky: want.src_ip_sticky,
    }
}

fn raises(facts: &Facts<'_>, seen: &Seen) -> Vec<Write> {
    let vip = facts.want.vip;
    let mut calls = Vec::new();
    walk(facts.want, seen, |server, weight| match weight {
        None => calls.push(Write::AddAs { vip, server: server.address, weight: server.weight }),
        Some(weight) if server.weight > weight => {
            let flows = flows(facts, server);
            calls.push(Write::SetWeight { vip, server: server.address, weight: server.weight, flows });
        }
        Some(_) => (),
    });
    calls
}

fn lowers(facts: &Facts<'_>, seen: &Seen) -> Vec<Write> {
    let vip = facts.want.vip;
    let mut calls = Vec::new();
    walk(facts.want, seen, |server, weight| {
        let flows = flows(facts, server);
        if weight.is_some_and(|weight| server.weight < weight || flows == Flows::Flush) {
            calls.push(Write::SetWeight { vip, server: server.address, weight: server.weight, flows });
        }
    });
    calls
}

/// Lowers the dead, but for those of whom VPP has just refused something, as long as another server keeps the VIP
/// positive whatever becomes of the calls under way.
pub fn dead(facts: &Facts<'_>) -> Vec<Write> {
    let Some(seen) = facts.expected else { return Vec::new() };
    if facts.refused.is_some() && mutant!(RefusalHoldsUpDeath) {
        return Vec::new();
    }
    let is_dead = |address: &IpAddr| {
        let at = facts.want.servers.binary_search_by_key(address, |server| server.address);
        at.is_ok_and(|at| facts.want.servers[at].is_dead)
    };
    let survives = facts.acked.is_some_and(|acked| {
        acked.servers.iter().any(|(address, weight)| {
            weight.is_positive()
                && !is_dead(address)
                && seen.weight(*address).is_some_and(Weight::is_positive)
        })
    });
    if !survives && !mutant!(DeathEmptiesVip) {
        return Vec::new();
    }
    let mut calls = lowers(facts, seen);
    let is_refused = |server: &IpAddr| facts.refused.is_some_and(|refused| refused.contains(server));
    calls.retain(|call| call.server().is_some_and(|server| is_dead(&server) && !is_refused(&server)));
    calls
}

fn removes(want: &Want, seen: &Seen) -> Vec<Write> {
    let flows = if mutant!(SurplusKeepsFlows) { Flows::Keep } else { Flows::Flush };
    surplus(want, seen).map(|server| Write::DelAs { vip: want.vip, server, flows }).collect()
}

fn surplus(want: &Want, seen: &Seen) -> impl Iterator<Item = IpAddr> {
    let mut wanted = want.servers.as_slice();
    seen.servers
        .iter()
        .map(|(address, _)| *address)
        .filter(|_| !mutant!(SurplusStays))
        .filter(move |address| advance(&mut wanted, *address, |server| server.address).is_none())
}

/// Moves along an ascending list to `address`, and returns what is there. That it comes next is the rule by far, so it
/// is looked for first: an address is cheaper to tell equal than to put in order.
fn advance<'a, T>(list: &mut &'a [T], address: IpAddr, of: impl Fn(&T) -> IpAddr) -> Option<&'a T> {
    while let Some((first, rest)) = list.split_first() {
        let here = of(first);
        if here == address {
            *list = rest;
            return Some(first);
        }
        if here > address {
            return None;
        }
        *list = rest;
    }
    None
}

fn flows(facts: &Facts<'_>, server: &Server) -> Flows {
    let may = !facts.flushes_wait && !facts.debts.is_empty();
    let owed = |debt: &Debt| is_deliverable(debt, facts.want);
    if may && facts.debts.get(&server.address).is_some_and(owed) { Flows::Flush } else { Flows::Keep }
}

/// Visits every wanted server with its weight in VPP, side by side: both lists are ascending.
fn walk(want: &Want, seen: &Seen, mut visit: impl FnMut(&Server, Option<Weight>)) {
    let mut held = seen.servers.as_slice();
    for server in &want.servers {
        let weight = advance(&mut held, server.address, |(address, _)| *address).map(|(_, weight)| *weight);
        visit(server, weight);
    }
}

/// Brings the owed flushes in line with what is wanted and what VPP holds, before a VIP is planned.
///
/// `first` is this process's first sync of the VIP: what VPP already holds at 0 is then not flushed again, unless an
/// operator's act of this process asks for it. `acked` is what VPP has acknowledged: a server that is being deleted has
/// flows to flush until then, should the call be lost.
pub fn settle(debts: &mut Debts, want: &Want, acked: Option<&Seen>, seen: &Seen, first: bool) {
    debts.retain(|server, debt| {
        let acked = acked.and_then(|acked| acked.weight(*server));
        let weight = seen.weight(*server).or(acked);
        let wanted = want.servers.binary_search_by_key(server, |server| server.address).is_ok();
        let is_old = first && weight == Some(Weight::ZERO) && !mutant!(BaselineIgnored);
        wanted && weight.is_some() && !(is_old && (!debt.by_operator || mutant!(DisableBeforeSyncForgotten)))
    });
    walk(want, seen, |server, weight| {
        // Whatever raised it, also somebody else: the weight falls to 0 with a flush wish, and that is an edge.
        let falls = weight.is_some_and(Weight::is_positive) && !server.weight.is_positive();
        if let (true, Some(due)) = (falls, due(server.wish)) {
            debts.entry(server.address).or_insert(Debt { due, by_operator: false, carried: None });
        }
    });
}

/// The kind of flush that a wish asks for.
pub const fn due(wish: Wish) -> Option<Due> {
    match wish {
        Wish::Keep => None,
        Wish::FlushDown => Some(Due::Down),
        Wish::FlushDisabled => Some(Due::Disabled),
    }
}

/// Records the edges between two wishes for one VIP: both lists are ascending by address.
pub fn edges(debts: &mut Debts, old: &[Server], new: &[Server], by_operator: bool) {
    let mut before = old;
    for server in new {
        let was = advance(&mut before, server.address, |was| was.address);
        let Some(due) = due(server.wish) else {
            // A wish that is gone is not owed, but a flush that an operator asked for is.
            if !debts.is_empty() && debts.get(&server.address).is_some_and(|debt| debt.due != Due::Operator) {
                debts.remove(&server.address);
            }
            continue;
        };
        // One that is new here has no edge yet: if VPP still holds it above 0, planning finds that edge.
        let wished = |was: &Server| was.wish.is_flush() || mutant!(NoFlushAtZero);
        let arises =
            was.is_some_and(|was| was.weight.is_positive() || !wished(was) || mutant!(FlushAtEveryChange));
        if arises {
            debts.insert(server.address, Debt { due, by_operator, carried: None });
        } else if let Some(debt) = debts.get_mut(&server.address)
            && debt.due == Due::Down
        {
            // Disabling what is already down makes its flush urgent, not a second one.
            debt.due = due;
            debt.by_operator |= by_operator;
        }
    }
}

#[cfg(test)]
mod tests;
