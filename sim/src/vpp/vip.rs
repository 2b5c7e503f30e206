//! A VIP and an application server as they lie in VPP's pools.

use std::sync::OnceLock;

use maglev_core::model::Encap;

use super::address::{Ip46, Key, Prefix46};
use super::pool::Pool;

/// VPP's types of VIP: its own family and the way to its servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ip6Gre6,
    Ip6Gre4,
    Ip4Gre6,
    Ip4Gre4,
    Ip4L3dsr,
    Ip4Nat4,
    Ip6Nat6,
}

impl Kind {
    /// The type that VPP chooses. What it does not know becomes `Ip6Gre6`, also for IPv4.
    pub(super) const fn chosen(is_ip4: bool, encap: Encap) -> Self {
        match (is_ip4, encap) {
            (true, Encap::Gre4 | Encap::Other(0)) => Self::Ip4Gre4,
            (true, Encap::Gre6 | Encap::Other(1)) => Self::Ip4Gre6,
            (true, Encap::Other(2)) => Self::Ip4L3dsr,
            (true, Encap::Other(3)) => Self::Ip4Nat4,
            (false, Encap::Gre4 | Encap::Other(0)) => Self::Ip6Gre4,
            (false, Encap::Other(4)) => Self::Ip6Nat6,
            (false, Encap::Gre6) | (_, Encap::Other(_)) => Self::Ip6Gre6,
        }
    }

    pub(super) const fn is_ip4(self) -> bool {
        matches!(self, Self::Ip4Gre6 | Self::Ip4Gre4 | Self::Ip4L3dsr | Self::Ip4Nat4)
    }

    pub(super) const fn has_ip4_servers(self) -> bool {
        matches!(self, Self::Ip6Gre4 | Self::Ip4Gre4 | Self::Ip4L3dsr | Self::Ip4Nat4)
    }

    pub(super) const fn is_nat(self) -> bool {
        matches!(self, Self::Ip4Nat4 | Self::Ip6Nat6)
    }

    pub(super) const fn encap(self) -> Encap {
        match self {
            Self::Ip6Gre4 | Self::Ip4Gre4 => Encap::Gre4,
            Self::Ip6Gre6 | Self::Ip4Gre6 => Encap::Gre6,
            Self::Ip4L3dsr => Encap::Other(2),
            Self::Ip4Nat4 => Encap::Other(3),
            Self::Ip6Nat6 => Encap::Other(4),
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ip6Gre6 => "ip6-gre6",
            Self::Ip6Gre4 => "ip6-gre4",
            Self::Ip4Gre6 => "ip4-gre6",
            Self::Ip4Gre4 => "ip4-gre4",
            Self::Ip4L3dsr => "ip4-l3dsr",
            Self::Ip4Nat4 => "ip4-nat4",
            Self::Ip6Nat6 => "ip6-nat6",
        }
    }
}

/// A slot of the VIP pool. One that is deleted stays until its servers are collected.
#[derive(Clone, Debug)]
pub(super) struct Vip {
    pub(super) key: Key,
    pub(super) kind: Kind,
    pub(super) src_ip_sticky: bool,
    pub(super) used: bool,
    pub(super) length: u32,
    /// Empty after every change; filled when somebody looks.
    pub(super) table: OnceLock<Vec<u32>>,
    /// Indices of servers, in VPP's own order.
    pub(super) members: Pool<u32>,
    /// Uptime at the last garbage collection, in seconds.
    pub(super) collected: u32,
    /// Packets of known flows, of new ones, of untracked ones, and of new ones without a server.
    pub(super) counters: [u64; 4],
}

impl Vip {
    pub(super) const fn new(key: Key, kind: Kind, length: u32, src_ip_sticky: bool, uptime: u32) -> Self {
        Self {
            key,
            kind,
            src_ip_sticky,
            used: true,
            length,
            table: OnceLock::new(),
            members: Pool::new(),
            collected: uptime,
            counters: [0; 4],
        }
    }

    /// Index 0: packets to a known prefix and an unknown port go there and are dropped.
    pub(super) const fn placeholder() -> Self {
        let prefix = Prefix46 { address: Ip46(u128::MAX), len: 0 };
        Self::new(Key { prefix, protocol: 255, port: 0 }, Kind::Ip6Gre6, 1, false, 0)
    }
}

/// A slot of the server pool, which all VIPs share. One that is removed stays until no flow refers to it.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) address: Ip46,
    pub(super) used: bool,
    pub(super) weight: u8,
    /// Uptime at its last removal, in seconds.
    pub(super) removed: u32,
    /// Slots of the sticky table that name it.
    pub(super) references: u64,
}

impl Server {
    pub(super) const fn new(address: Ip46, weight: u8) -> Self {
        Self { address, used: true, weight, removed: 0, references: 0 }
    }

    /// Index 0: what empty buckets hold.
    pub(super) const fn placeholder() -> Self {
        Self { address: Ip46(u128::MAX), used: false, weight: 0, removed: 0, references: 0 }
    }
}
