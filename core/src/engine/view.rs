//! What people may see: a read-only picture of everything, made on demand.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::health::State;
use crate::input::Outcome;
use crate::model::{VipKey, Weight};
use crate::time::Instant;
use crate::warmup::Phase;

use super::Engine;

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
    /// Whether it has a check at all.
    pub is_checked: bool,
    /// The latest outcome, in words.
    pub last_outcome: Option<String>,
    /// When the next probe is due.
    pub due: Option<Instant>,
    /// Whether a probe is under way.
    pub probing: bool,
}

/// One frontend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontendView {
    /// Its name.
    pub name: String,
    /// What VPP knows it by.
    pub vip: VipKey,
    /// Its state.
    pub state: State,
    /// Whether its gate is open.
    pub is_open: bool,
    /// Backends that its release waits for.
    pub awaited: Vec<String>,
    /// Whether it exists in VPP, if that is known.
    pub in_vpp: Option<bool>,
    /// Why it is out of sync, and since when.
    pub out_of_sync: Option<(Instant, String)>,
    /// Wanted and held weights, ascending by address.
    pub servers: Vec<ServerView>,
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
            in_sync: self.dataplane.is_quiet() && self.dataplane.out_of_sync().next().is_none(),
            not_ready: self.not_ready(),
            backends: self.slots.iter().flatten().map(backend_view).collect(),
            frontends: (0..self.frontends.list().len()).map(|at| self.frontend_view(at)).collect(),
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

    fn not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.warmup.phase() != Phase::Over {
            reasons.push("warm-up is not over".into());
        }
        if !self.dataplane.has_picture() {
            reasons.push("VPP is not connected and read".into());
        }
        for backend in self.slots.iter().flatten() {
            if let Some(Outcome::Inconclusive(fault)) = &backend.last_outcome {
                reasons.push(alloc::format!("backend {}: {fault}", backend.name));
            }
        }
        for frontend in self.frontends.list().iter().filter(|frontend| !frontend.presumed.is_empty()) {
            reasons.push(alloc::format!("frontend {}: backends presumed up without a result", frontend.name));
        }
        reasons.extend(
            self.dataplane
                .out_of_sync()
                .map(|(vip, _, reason)| alloc::format!("{vip} is out of sync: {reason}")),
        );
        reasons
    }

    fn frontend_view(&self, at: usize) -> FrontendView {
        let frontend = &self.frontends.list()[at];
        let vip = frontend.vip();
        let seen = self.dataplane.seen(vip);
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
        let out_of_sync = self.dataplane.out_of_sync().find(|(key, _, _)| *key == vip);
        FrontendView {
            name: frontend.name.clone(),
            vip,
            state: frontend.state,
            is_open: self.warmup.is_open(vip),
            awaited: self.awaited(at),
            in_vpp: self.dataplane.has_picture().then_some(seen.is_some()),
            out_of_sync: out_of_sync.map(|(_, since, reason)| (since, reason.to_string())),
            servers,
        }
    }
}

fn backend_view(backend: &crate::backend::Backend) -> BackendView {
    BackendView {
        name: backend.name.clone(),
        address: backend.address,
        state: backend.state(),
        since: backend.since,
        counter: backend.health.counter(),
        counter_max: backend.health.counter_max(),
        is_checked: backend.check.is_some(),
        last_outcome: backend.last_outcome.as_ref().map(ToString::to_string),
        due: backend.due,
        probing: backend.probe.is_some(),
    }
}
