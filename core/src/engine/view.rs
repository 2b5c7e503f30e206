//! What people may see: a read-only picture of everything, made on demand.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::backend::{Backend, Probed, Transition};
use crate::config::Timing;
use crate::dataplane::Standing;
use crate::frontend::{Frontend, Member};
use crate::health::State;
use crate::input::{Author, Outcome};
use crate::model::{Encap, VipKey, Weight};
use crate::policy;
use crate::reconcile::Seen;
use crate::time::Instant;
use crate::warmup::Phase;

use super::Engine;
use super::choices::choice;
use super::reasons::{self, Verdict, WeightReason};

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Where warm-up stands.
    pub phase: Phase,
    /// Whether VPP is connected.
    pub connected: bool,
    /// Whether VPP is as wanted, as far as is known, and nothing is under way.
    pub in_sync: bool,
    /// Why the daemon is not ready; empty if it is.
    pub not_ready: Vec<String>,
    /// Ascending by slot.
    pub backends: Vec<BackendView>,
    /// Ascending by key.
    pub frontends: Vec<FrontendView>,
}

/// One backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendView {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: IpAddr,
    /// The verdict.
    pub state: State,
    /// Since when.
    pub since: Instant,
    /// HAProxy's counter; in `unknown` the failures in a row.
    pub counter: u8,
    /// The counter of a fully healthy one.
    pub counter_max: u8,
    /// Its check; `None`: it is up unless paused or disabled. Its timing is as in the file.
    pub check: Option<(String, Timing)>,
    /// Whether the file has it enabled.
    pub enabled: bool,
    /// The latest outcome, in words.
    pub last_outcome: Option<String>,
    /// The latest results, newest first.
    pub results: Vec<Probed>,
    /// The latest changes of state, newest first.
    pub history: Vec<Transition>,
    /// When the next probe is due.
    pub due: Option<Instant>,
    /// Whether a probe is under way.
    pub probing: bool,
    /// Probes so far.
    pub probes: u64,
    /// Results dropped because they were of an older generation.
    pub stale_results: u64,
    /// Number of frontends that it is in.
    pub frontends: usize,
    /// Grows with every change by an operator or a reload.
    pub revision: u64,
    /// Who made it something else than the file says; `None` while it is as the file says.
    pub chosen_by: Option<Author>,
}

impl BackendView {
    /// Whether it has a check at all.
    pub const fn is_checked(&self) -> bool {
        self.check.is_some()
    }
}

/// How much a view tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What an overview of a large site needs: frontends without members and servers, and of backends the latest result
    /// and change only.
    Brief,
    /// Everything.
    Whole,
}

/// One frontend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontendView {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: String,
    /// What VPP knows it by.
    pub vip: VipKey,
    /// How packets to its servers are wrapped.
    pub encap: Encap,
    /// Whether only the source address is hashed.
    pub src_ip_sticky: bool,
    /// Whether a backend that goes down loses its flows.
    pub flush_on_down: bool,
    /// Its state.
    pub state: State,
    /// Whether its gate is open.
    pub is_open: bool,
    /// Whether it was released by name.
    pub is_released: bool,
    /// Backends that its release waits for: [`AWAITED_MAX`] of them, and how many in all.
    pub awaited: Vec<String>,
    /// How many backends are unknown.
    pub unknown: u32,
    /// Whether it exists in VPP, if that is known.
    pub in_vpp: Option<bool>,
    /// Why it is out of sync, and since when.
    pub out_of_sync: Option<(Instant, String)>,
    /// How far VPP is from what is wanted.
    pub standing: Standing,
    /// Wanted and held weights, ascending by address.
    pub servers: Vec<ServerView>,
    /// In order of preference.
    pub pools: Vec<PoolView>,
    /// What a reload took out and keeps for now.
    pub hold: Option<HoldView>,
    /// Grows with every change by an operator or a reload.
    pub revision: u64,
}

/// Names of awaited backends that a view tells at most.
pub const AWAITED_MAX: usize = 64;

/// One pool of a frontend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolView {
    /// Its name.
    pub name: String,
    /// Whether it is the one that serves.
    pub is_active: bool,
    /// Ascending by address; none in a brief view.
    pub members: Vec<MemberView>,
    /// How many members it has.
    pub members_total: usize,
    /// How many of them are up.
    pub members_up: usize,
}

/// One backend in a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Its name.
    pub backend: String,
    /// Where it is.
    pub address: IpAddr,
    /// The verdict.
    pub state: State,
    /// The file's weight.
    pub configured: Weight,
    /// An operator's weight.
    pub set: Option<Weight>,
    /// Who set that.
    pub set_by: Option<Author>,
    /// What VPP should hold.
    pub effective: Weight,
    /// Why.
    pub reason: WeightReason,
    /// What VPP holds; `None` if it is not there, or VPP is not known.
    pub held: Option<Weight>,
}

/// Why servers that a reload took out stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldView {
    /// At the latest.
    pub until: Instant,
    /// Whose verdicts end it: [`AWAITED_MAX`] of them.
    pub awaited: Vec<String>,
    /// How many are awaited in all.
    pub awaited_total: usize,
    /// What stays, and what VPP holds of it.
    pub servers: Vec<(IpAddr, Weight, Option<Weight>)>,
}

/// One server of a frontend: wanted, held, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerView {
    /// Its address.
    pub address: IpAddr,
    /// The effective weight; `None` if it should not be there.
    pub wanted: Option<Weight>,
    /// The weight in VPP; `None` if it is not there, or VPP is not known.
    pub held: Option<Weight>,
}

impl Engine {
    /// A picture of everything, for people and their tools.
    pub fn view(&self) -> View {
        View {
            phase: self.warmup.phase(),
            connected: self.dataplane.is_connected(),
            in_sync: self.dataplane.is_in_sync(),
            not_ready: self.not_ready().collect(),
            backends: self.slots.iter().flatten().map(|it| backend_view(it, Depth::Whole)).collect(),
            frontends: (0..self.frontends.list().len())
                .map(|at| self.frontend_view(at, Depth::Whole))
                .collect(),
        }
    }

    /// Whether any new flow of `vip` should find a server.
    pub fn wants_positive(&self, vip: VipKey) -> bool {
        self.frontends.find(vip).is_some_and(|frontend| frontend.want.is_positive())
    }

    /// What VPP knows the frontend of this name by.
    pub fn vip_of(&self, frontend: &str) -> Option<VipKey> {
        self.frontends.named(frontend).map(|at| self.frontends.list()[at].vip())
    }

    /// Why the daemon is not ready, one reason after the other; none if it is. Lazily: there may be one per backend.
    pub fn not_ready(&self) -> impl Iterator<Item = String> {
        let warmup = (self.warmup.phase() != Phase::Over).then(|| "warm-up is not over".into());
        let picture = (!self.dataplane.has_picture()).then(|| "VPP is not connected and read".into());
        let faults = self.slots.iter().flatten().filter_map(|backend| match &backend.last_outcome {
            Some(Outcome::Inconclusive(fault)) => Some(alloc::format!("backend {}: {fault}", backend.name)),
            Some(Outcome::Pass | Outcome::Fail(_)) | None => None,
        });
        let presumed = self.frontends.list().iter().filter(|frontend| !frontend.presumed.is_empty());
        let presumed = presumed.map(|frontend| {
            alloc::format!("frontend {}: backends presumed up without a result", frontend.name)
        });
        let troubles = self.dataplane.out_of_sync();
        let troubles = troubles.map(|(vip, _, reason)| alloc::format!("{vip} is out of sync: {reason}"));
        let conf = self.dataplane.conf_trouble().map(|err| {
            alloc::format!("the settings of VPP's lb plugin are not as wanted: {err}; they are tried at every sync-interval, and at once after a reload or an operator's sync")
        });
        let kept = self.keeping_troubles();
        let own = warmup.into_iter().chain(picture).chain(conf).chain(kept);
        own.chain(faults).chain(presumed).chain(troubles)
    }

    /// One frontend, by its position in key order.
    pub(super) fn frontend_view(&self, at: usize, depth: Depth) -> FrontendView {
        let frontend = &self.frontends.list()[at];
        let vip = frontend.vip();
        let seen = self.dataplane.seen(vip);
        FrontendView {
            name: frontend.name.clone(),
            description: self.config.frontends().get(at).map(|it| it.description.clone()).unwrap_or_default(),
            vip,
            encap: frontend.want.encap,
            src_ip_sticky: frontend.want.src_ip_sticky,
            flush_on_down: frontend.flush_on_down,
            state: frontend.state,
            is_open: self.warmup.is_open(vip),
            is_released: self.warmup.is_released(vip),
            awaited: self.awaited(at, AWAITED_MAX),
            unknown: frontend.unknown,
            in_vpp: self.dataplane.has_picture().then_some(seen.is_some()),
            out_of_sync: self.dataplane.trouble(vip).map(|(since, reason)| (since, reason.to_string())),
            standing: self.standing(frontend),
            servers: if depth == Depth::Whole { servers(frontend, seen) } else { Vec::new() },
            pools: self.pools(frontend, seen, depth),
            hold: self.hold_view(frontend, seen),
            revision: frontend.revision,
        }
    }

    fn pools(&self, frontend: &Frontend, seen: Option<&Seen>, depth: Depth) -> Vec<PoolView> {
        let (verdicts, active) = match depth {
            Depth::Whole => reasons::verdicts(frontend),
            Depth::Brief => (Vec::new(), policy::active_pool(&frontend.entries())),
        };
        let names = frontend.pools.iter().zip(0u16..);
        let mut pools: Vec<PoolView> = names
            .map(|(name, at)| PoolView {
                name: name.clone(),
                is_active: active == Some(at),
                members: Vec::new(),
                members_total: 0,
                members_up: 0,
            })
            .collect();
        for member in &frontend.members {
            let pool = &mut pools[usize::from(member.pool)];
            pool.members_total += 1;
            pool.members_up += usize::from(member.standing.state == State::Up);
        }
        for (member, verdict) in frontend.members.iter().zip(verdicts) {
            pools[usize::from(member.pool)].members.push(self.member_view(frontend, member, verdict, seen));
        }
        pools
    }

    fn hold_view(&self, frontend: &Frontend, seen: Option<&Seen>) -> Option<HoldView> {
        let hold = frontend.hold.as_ref()?;
        let held = |(address, weight): (&IpAddr, &Weight)| {
            (*address, *weight, seen.and_then(|seen| seen.weight(*address)))
        };
        Some(HoldView {
            until: hold.until,
            awaited: hold.awaited.iter().take(AWAITED_MAX).map(|slot| self.name_of(*slot).into()).collect(),
            awaited_total: hold.awaited.len(),
            servers: hold.servers.iter().map(held).collect(),
        })
    }

    /// How far VPP is from what is wanted of the frontend of this name.
    pub fn standing_of(&self, frontend: &str) -> Option<Standing> {
        self.frontends.named(frontend).map(|at| self.standing(&self.frontends.list()[at]))
    }

    fn standing(&self, frontend: &Frontend) -> Standing {
        let vip = frontend.vip();
        let standing = self.dataplane.standing(&frontend.want);
        if self.warmup.is_open(vip) || matches!(standing, Standing::WithoutVpp) {
            standing
        } else {
            Standing::Gated
        }
    }

    /// One backend in one pool: `verdict` is its weight and why, `seen` what VPP holds of the frontend.
    pub(super) fn member_view(
        &self,
        frontend: &Frontend,
        member: &Member,
        verdict: Verdict,
        seen: Option<&Seen>,
    ) -> MemberView {
        MemberView {
            backend: self.name_of(member.slot).into(),
            address: member.address,
            state: member.standing.state,
            configured: member.configured,
            set: member.set,
            set_by: member.set.map(|_| frontend.set_by(member)),
            effective: verdict.effective,
            reason: verdict.reason,
            held: seen.and_then(|seen| seen.weight(member.address)),
        }
    }

    /// The name of the backend in a slot that is taken.
    pub(super) fn name_of(&self, slot: u32) -> &str {
        self.slot(slot).map_or("", |backend| backend.name.as_str())
    }
}

fn servers(frontend: &Frontend, seen: Option<&Seen>) -> Vec<ServerView> {
    let mut servers: Vec<ServerView> = frontend
        .want
        .servers
        .iter()
        .map(|server| ServerView {
            address: server.address,
            wanted: Some(server.weight),
            held: seen.and_then(|seen| seen.weight(server.address)),
        })
        .collect();
    for (address, weight) in seen.iter().flat_map(|seen| &seen.servers) {
        if let Err(place) = servers.binary_search_by_key(address, |server| server.address) {
            servers.insert(place, ServerView { address: *address, wanted: None, held: Some(*weight) });
        }
    }
    servers
}

pub(super) fn backend_view(backend: &Backend, depth: Depth) -> BackendView {
    let most = if depth == Depth::Whole { usize::MAX } else { 1 };
    BackendView {
        name: backend.name.clone(),
        address: backend.address,
        state: backend.state(),
        since: backend.since,
        counter: backend.health.counter(),
        counter_max: backend.health.counter_max(),
        check: backend.check.as_ref().map(|check| (check.name.clone(), check.timing)),
        enabled: backend.enabled,
        last_outcome: backend.last_outcome.as_ref().map(ToString::to_string),
        results: backend.results.iter().rev().take(most).cloned().collect(),
        history: backend.history.iter().rev().take(most).cloned().collect(),
        due: backend.due,
        probing: backend.probe.is_some(),
        probes: backend.probes,
        stale_results: backend.stale_results,
        frontends: backend.frontends.len(),
        revision: backend.revision,
        chosen_by: choice(backend).map(|_| backend.chosen_by.clone()),
    }
}
