//! What each search is about: its configurations, and what may happen.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use std::collections::BTreeMap;

use maglev_core::Command;
use maglev_core::config::{
    CheckKind, Draft, DraftBackend, DraftCheck, DraftFrontend, DraftLb, DraftPool, DraftProtocol,
};
use maglev_core::health::State;
use maglev_core::model::Weight;

use super::Lane;
use crate::script::{
    Behaviour, Calls, DaemonChange, FIRST_CONFIG, Fault, FaultKind, Happening, VppChange, Who,
};
use crate::straight::Straight;

/// Something that may happen.
pub(super) struct Item {
    pub(super) happening: Happening,
    /// It makes a difference.
    pub(super) when: fn(&Straight) -> bool,
    /// It mends, and so is always allowed.
    pub(super) is_free: bool,
}

const B1: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
const B2: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2));

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

impl Lane {
    /// Items that may happen from one rest of the world to the next.
    pub(super) const fn budget(self) -> u8 {
        match self {
            Self::Vpp => 1,
            Self::Health | Self::Warmup | Self::Link | Self::Operator | Self::Reload => 2,
        }
    }

    /// How many states and ways there are.
    pub const fn pinned(self) -> (usize, u64) {
        match self {
            Self::Health => (72_665, 362_309),
            Self::Warmup => (296_361, 1_190_456),
            Self::Link => (202_347, 665_509),
            Self::Vpp => (20_687, 42_821),
            Self::Operator => (230_119, 1_070_011),
            Self::Reload => (230_674, 885_654),
        }
    }

    /// The configurations by name.
    pub(super) fn drafts(self) -> BTreeMap<String, Draft> {
        let mut drafts = BTreeMap::from([(FIRST_CONFIG.to_owned(), draft())]);
        if self == Self::Reload {
            let mut order = draft();
            order.frontends[0].1.pools.reverse();
            let mut light = draft();
            light.frontends[0].1.pools[0].backends[0].1 = 50;
            let mut without = draft();
            without.frontends[0].1.pools.pop();
            without.backends.pop();
            drafts.insert("order".into(), order);
            drafts.insert("light".into(), light);
            drafts.insert("without".into(), without);
        }
        drafts
    }

    /// What may happen.
    pub(super) fn menu(self) -> Vec<Item> {
        let mut menu = match self {
            Self::Health => vec![
                paid(backend("b2", Behaviour::Silent), |s| behaves(s, B2, &Behaviour::Up)),
                paid(backend("b2", Behaviour::Up), |s| !behaves(s, B2, &Behaviour::Up)),
                paid(backend("b1", Behaviour::LocalFault("EMFILE")), |s| {
                    !behaves(s, B1, &Behaviour::LocalFault("EMFILE"))
                }),
            ],
            Self::Warmup => vec![
                paid(Happening::Daemon(DaemonChange::Restart(None)), |_| true),
                paid(Happening::Vpp(VppChange::Away), is_serving),
                free(Happening::Vpp(VppChange::Up), |s| !is_serving(s)),
            ],
            Self::Vpp => vec![
                paid(Happening::Vpp(VppChange::Restart), may_die),
                paid(Happening::Vpp(VppChange::Absent), may_die),
                free(Happening::Vpp(VppChange::Up), |s| !is_serving(s)),
            ],
            Self::Link => vec![
                paid(Happening::Vpp(VppChange::DropLink), |s| s.world.link.connection().is_some()),
                paid(fault(FaultKind::LoseReply), is_unarmed),
                paid(fault(FaultKind::Refuse(-1)), is_unarmed),
            ],
            Self::Operator => vec![
                paid(operator(Command::Pause { backend: "b1".into() }), |s| state(s) != Some(State::Paused)),
                paid(operator(Command::Resume { backend: "b1".into() }), |s| state(s) == Some(State::Paused)),
                paid(operator(Command::Disable { backend: "b1".into() }), |s| {
                    state(s) != Some(State::Disabled)
                }),
                paid(operator(Command::Enable { backend: "b1".into() }), |s| {
                    state(s) == Some(State::Disabled)
                }),
                paid(weight(0), |_| true),
                paid(weight(100), |_| true),
                paid(operator(Command::Sync { frontend: None }), |_| true),
            ],
            Self::Reload => vec![
                paid(reload(FIRST_CONFIG), |_| true),
                paid(reload("order"), |_| true),
                paid(reload("light"), |_| true),
                paid(reload("without"), |_| true),
            ],
        };
        menu.push(paid(backend("b1", Behaviour::Refuse), |s| !behaves(s, B1, &Behaviour::Refuse)));
        menu.push(paid(backend("b1", Behaviour::Up), |s| !behaves(s, B1, &Behaviour::Up)));
        menu
    }
}

const fn paid(happening: Happening, when: fn(&Straight) -> bool) -> Item {
    Item { happening, when, is_free: false }
}

const fn free(happening: Happening, when: fn(&Straight) -> bool) -> Item {
    Item { happening, when, is_free: true }
}

fn backend(name: &str, behaviour: Behaviour) -> Happening {
    Happening::Backend { who: Who::Name(name.into()), behaviour }
}

const fn operator(command: Command) -> Happening {
    Happening::Operator(command)
}

fn weight(weight: u8) -> Happening {
    operator(Command::SetWeight {
        frontend: "www".into(),
        pool: "primary".into(),
        backend: "b1".into(),
        weight: Weight::new(weight).expect("weights go to 100"),
        flush: false,
    })
}

fn reload(config: &str) -> Happening {
    Happening::Reload { config: config.into(), forced: false }
}

const fn fault(kind: FaultKind) -> Happening {
    Happening::Fault(Fault { nth: 1, calls: Calls::Writes, kind })
}

fn behaves(straight: &Straight, address: IpAddr, behaviour: &Behaviour) -> bool {
    straight.world.backends.behaviour(address) == behaviour
}

const fn is_serving(straight: &Straight) -> bool {
    straight.world.link.is_serving()
}

/// What VPP died of is remembered for ever, so it may die twice.
const fn may_die(straight: &Straight) -> bool {
    is_serving(straight) && straight.world.link.processes() <= 2
}

const fn is_unarmed(straight: &Straight) -> bool {
    !straight.world.link.is_armed()
}

/// The engine's opinion of b1.
fn state(straight: &Straight) -> Option<State> {
    let engine = straight.engine.as_ref()?;
    engine.backends().find(|(_, backend)| backend.address == B1).map(|(_, backend)| backend.state())
}

/// One frontend, a backend to serve it, and another one for when that is dead.
fn draft() -> Draft {
    let check = DraftCheck {
        interval: secs(1),
        timeout: Duration::from_millis(500),
        rise: 2,
        fall: 2,
        ..DraftCheck::new(CheckKind::Tcp { port: 80, tls: None })
    };
    let backend = |address| DraftBackend { address, healthcheck: Some("tcp".into()), enabled: true };
    let pool =
        |name: &str, backend: &str| DraftPool { name: name.into(), backends: vec![(backend.into(), 100)] };
    let frontend = DraftFrontend {
        description: String::new(),
        address: [203, 0, 113, 80].into(),
        protocol: Some(DraftProtocol::Tcp),
        port: 80,
        src_ip_sticky: false,
        flush_on_down: true,
        pools: vec![pool("primary", "b1"), pool("backup", "b2")],
    };
    Draft {
        transition_history: 1,
        lb: DraftLb {
            ipv4_src_address: Some(Ipv4Addr::new(192, 0, 2, 1)),
            ipv6_src_address: Some(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
            startup_min_delay: secs(1),
            startup_max_delay: secs(3),
            sync_interval: secs(2),
            sticky_buckets_per_core: 1_024,
            ..DraftLb::default()
        },
        healthchecks: vec![("tcp".into(), check)],
        backends: vec![("b1".into(), backend(B1)), ("b2".into(), backend(B2))],
        frontends: vec![("www".into(), frontend)],
        ..Draft::default()
    }
}
