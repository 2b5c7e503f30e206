//! One frontend at run time: who is in it, what an operator set, and what VPP should hold for it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::config;
use crate::health::State;
use crate::input::Author;
use crate::model::{VipKey, Weight};
use crate::policy::{self, Entry, Server};
use crate::reconcile::Want;
use crate::time::Instant;

/// What a frontend needs to know of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The verdict.
    pub state: State,
    /// Its `unknown` follows a pause.
    pub resumed: bool,
}

impl Default for Standing {
    fn default() -> Self {
        Self { state: State::Unknown, resumed: false }
    }
}

/// A backend in a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The engine's slot of the backend.
    pub slot: u32,
    /// Its address.
    pub address: IpAddr,
    /// Position of the pool.
    pub pool: u16,
    /// The file's weight.
    pub configured: Weight,
    /// An operator's weight.
    pub set: Option<Weight>,
    /// What is known of the backend. Kept here too, because a transition recomputes the whole frontend and the
    /// backends lie scattered in memory.
    pub standing: Standing,
}

impl Member {
    /// The weight in force.
    pub fn weight(&self) -> Weight {
        self.set.unwrap_or(self.configured)
    }
}

/// Servers that a reload took out keep weight and flows until their successors are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// At the latest.
    pub until: Instant,
    /// The slots that the reload made `unknown`.
    pub awaited: BTreeSet<u32>,
    /// What stays, ascending by address.
    pub servers: BTreeMap<IpAddr, Weight>,
}

/// One frontend at run time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Frontend {
    /// Its name.
    pub name: String,
    /// Names of its pools.
    pub pools: Vec<String>,
    /// Ascending by address, then by pool.
    pub members: Vec<Member>,
    /// Whether a backend that goes down loses its flows.
    pub flush_on_down: bool,
    /// What VPP should hold.
    pub want: Want,
    /// State for people.
    pub state: State,
    /// Backends that warm-up still waits for.
    pub unknown: u32,
    /// Blind backends that VPP held above 0 at the end of warm-up: they count as up until their first verdict.
    pub presumed: BTreeSet<u32>,
    /// Make before break.
    pub hold: Option<Hold>,
    /// Who set the weights that operators set, why and when: by slot and pool.
    pub set_by: BTreeMap<(u32, u16), Author>,
    /// Servers that VPP held at 0 when choices had been lost: they count as paused until an operator says so.
    pub doubted: BTreeSet<IpAddr>,
    /// The engine's count of changes when an operator or a reload last changed this frontend.
    pub revision: u64,
}

impl Frontend {
    /// The frontend of a configuration; `slot_of` maps positions in the configuration to slots.
    pub fn new(
        frontend: &config::Frontend,
        backends: &[config::Backend],
        slot_of: &[u32],
        table_length: u32,
    ) -> Self {
        let mut members: Vec<Member> = frontend
            .pools
            .iter()
            .zip(0u16..)
            .flat_map(|(pool, at)| pool.members.iter().map(move |member| (at, member)))
            .map(|(pool, member)| Member {
                slot: slot_of[member.backend],
                address: backends[member.backend].address,
                pool,
                configured: member.weight,
                set: None,
                standing: Standing::default(),
            })
            .collect();
        members.sort_by_key(|member| (member.address, member.pool));
        Self {
            name: frontend.name.clone(),
            pools: frontend.pools.iter().map(|pool| pool.name.clone()).collect(),
            members,
            flush_on_down: frontend.flush_on_down,
            want: Want {
                vip: frontend.vip,
                encap: frontend.encap,
                src_ip_sticky: frontend.src_ip_sticky,
                table_length,
                servers: Vec::new(),
            },
            state: State::Unknown,
            unknown: 0,
            presumed: BTreeSet::new(),
            set_by: BTreeMap::new(),
            doubted: BTreeSet::new(),
            hold: None,
            revision: 0,
        }
    }

    /// Whether this is described as `other` is, whatever became of either.
    pub fn is_described_as(&self, other: &Self) -> bool {
        let members = |frontend: &Self| {
            let each =
                |member: &Member| (member.slot, member.address, member.pool, member.configured, member.set);
            frontend.members.iter().map(each).collect::<Vec<_>>()
        };
        let (want, wanted) = (&self.want, &other.want);
        self.name == other.name
            && self.pools == other.pools
            && self.flush_on_down == other.flush_on_down
            && (want.vip, want.encap, want.src_ip_sticky) == (wanted.vip, wanted.encap, wanted.src_ip_sticky)
            && members(self) == members(other)
    }

    /// What VPP knows it by.
    pub const fn vip(&self) -> VipKey {
        self.want.vip
    }

    /// The slots of its backends, each once, ascending.
    pub fn slots(&self) -> BTreeSet<u32> {
        self.members.iter().map(|member| member.slot).collect()
    }

    /// An operator's weight for the member at this place; that of the file is none.
    pub fn set_weight(&mut self, place: usize, weight: Weight, by: &Author) {
        let member = &mut self.members[place];
        member.set = (weight != member.configured).then_some(weight);
        let key = (member.slot, member.pool);
        match member.set {
            Some(_) => self.set_by.insert(key, by.clone()),
            None => self.set_by.remove(&key),
        };
    }

    /// Who set the weight of this member; nobody is known for a weight of the file.
    pub fn set_by(&self, member: &Member) -> Author {
        self.set_by.get(&(member.slot, member.pool)).cloned().unwrap_or_default()
    }

    /// Notes what is known of one backend.
    pub fn note(&mut self, slot: u32, standing: Standing) {
        for member in self.members.iter_mut().filter(|member| member.slot == slot) {
            member.standing = standing;
            member.set = member.set.filter(|_| !mutant!(WeightLostByTransition));
        }
    }

    /// The members as the policy takes them.
    pub fn entries(&self) -> Vec<Entry> {
        self.members
            .iter()
            .map(|member| {
                let Standing { mut state, resumed } = member.standing;
                if (state == State::Unknown || mutant!(PresumptionOutlivesVerdict) && state == State::Down)
                    && self.presumed.contains(&member.slot)
                {
                    state = State::Up;
                }
                if state != State::Disabled && self.doubted.contains(&member.address) {
                    state = State::Paused;
                }
                Entry { server: member.address, pool: member.pool, weight: member.weight(), state, resumed }
            })
            .collect()
    }

    /// Computes servers and state anew, and returns the servers before.
    pub fn recompute(&mut self) -> Vec<Server> {
        let entries = self.entries();
        let mut servers = policy::servers(&entries, self.flush_on_down);
        if mutant!(ZeroIsDelete) {
            servers.retain(|server| server.weight.is_positive());
        }
        if let Some(hold) = &self.hold {
            for (address, weight) in &hold.servers {
                if let Err(at) = servers.binary_search_by_key(address, |server| server.address) {
                    servers.insert(at, Server::held(*address, *weight));
                }
            }
        }
        self.state = policy::frontend_state(&servers, &entries);
        core::mem::replace(&mut self.want.servers, servers)
    }
}

/// All frontends, ascending by key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Frontends(Vec<Frontend>);

impl Frontends {
    /// From a list that is ascending by key.
    pub const fn new(list: Vec<Frontend>) -> Self {
        Self(list)
    }

    /// The list itself.
    pub fn into_list(self) -> Vec<Frontend> {
        self.0
    }

    /// All of them.
    pub fn list(&self) -> &[Frontend] {
        &self.0
    }

    /// All of them, to change.
    pub fn list_mut(&mut self) -> &mut [Frontend] {
        &mut self.0
    }

    /// The one that VPP knows by `vip`.
    pub fn find(&self, vip: VipKey) -> Option<&Frontend> {
        self.position(vip).map(|at| &self.0[at])
    }

    /// Position of the one that VPP knows by `vip`.
    pub fn position(&self, vip: VipKey) -> Option<usize> {
        self.0.binary_search_by_key(&vip, Frontend::vip).ok()
    }

    /// Position of the one with this name.
    pub fn named(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|frontend| frontend.name == name)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
