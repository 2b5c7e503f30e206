//! What VPP does not survive (or silently misunderstands): every write is checked here before it is encoded.
//!
//! Source of each rule: `vpp-api.md` sections 0, 4.2 and 8, reproduced there on a live VPP 26.10.

use core::fmt;
use core::net::IpAddr;

use crate::model::{Encap, Family, LbConf, Prefix, VipKey, Write};

/// Why a write must never reach VPP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hazard {
    /// Buckets of 0 crash VPP at the next packet; above 2^20 they may not fit its heap; others are refused.
    StickyBuckets(u32),
    /// 0 disables stickiness, and large values overflow a signed comparison.
    FlowTimeout(u32),
    /// A length of 0 or one that does not fit the heap kills VPP.
    TableLength(u32),
    /// A prefix length above the family's bits crashes VPP.
    PrefixLength(Prefix),
    /// VPP takes an IPv6 address inside ::/96 for an IPv4 one.
    Ipv4InIpv6(IpAddr),
    /// Unspecified or multicast: never meant.
    NotUnicast(IpAddr),
    /// NAT without a port crashes VPP; unknown values silently become GRE6.
    Encap(Encap),
    /// A port without a protocol matches nothing; no port forces protocol 255.
    Protocol(VipKey),
    /// A VIP that reaches itself wraps packets until VPP aborts.
    Loop(VipKey, IpAddr),
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StickyBuckets(n) => {
                write!(f, "{n} sticky buckets would crash VPP: use a power of two, 1 to 1048576")
            }
            Self::FlowTimeout(n) => write!(f, "a flow timeout of {n}s is outside 1s to 120s"),
            Self::TableLength(n) => {
                write!(f, "a new-flows table of length {n} would crash VPP: use a power of two, 1 to 1048576")
            }
            Self::PrefixLength(prefix) => {
                write!(f, "prefix length {} of {} would crash VPP", prefix.len, prefix.address)
            }
            Self::Ipv4InIpv6(address) => write!(f, "{address} lies in ::/96, which VPP takes for IPv4"),
            Self::NotUnicast(address) => write!(f, "{address} is not a unicast address"),
            Self::Encap(encap) => write!(f, "encapsulation {encap} is one that maglevd never makes"),
            Self::Protocol(vip) => write!(f, "{vip} has a protocol that does not fit its port"),
            Self::Loop(vip, server) => {
                write!(
                    f,
                    "server {server} lies in the prefix of its own VIP {vip}: one packet would kill VPP"
                )
            }
        }
    }
}

/// The reason why `write` must not be sent, if there is one.
pub fn hazard(write: &Write) -> Option<Hazard> {
    match write {
        Write::SetConf(conf) => conf_hazard(conf),
        Write::AddVip { vip, encap, table_length, .. } => vip_hazard(*vip)
            .or_else(|| unicast_hazard(vip.prefix.address))
            .or_else(|| (!encap.is_ours()).then_some(Hazard::Encap(*encap)))
            .or_else(|| (!is_table_length(*table_length)).then_some(Hazard::TableLength(*table_length)))
            .or_else(|| (vip.is_all_port() != (vip.protocol.0 == 255)).then_some(Hazard::Protocol(*vip))),
        Write::AddAs { vip, server, .. } => vip_hazard(*vip)
            .or_else(|| unicast_hazard(*server))
            .or_else(|| vip.prefix.contains(*server).then_some(Hazard::Loop(*vip, *server))),
        Write::DelVip { vip } | Write::FlushVip { vip } => vip_hazard(*vip),
        Write::DelAs { vip, .. } | Write::SetWeight { vip, .. } => vip_hazard(*vip),
    }
}

/// Whether VPP survives a new-flows table of this length.
pub const fn is_table_length(n: u32) -> bool {
    n.is_power_of_two() && n <= 1 << 20
}

fn conf_hazard(conf: &LbConf) -> Option<Hazard> {
    if !conf.sticky_buckets.is_power_of_two() || conf.sticky_buckets > 1 << 20 {
        return Some(Hazard::StickyBuckets(conf.sticky_buckets));
    }
    if !(1..=120).contains(&conf.flow_timeout_secs) {
        return Some(Hazard::FlowTimeout(conf.flow_timeout_secs));
    }
    None
}

fn vip_hazard(vip: VipKey) -> Option<Hazard> {
    if vip.prefix.len > Family::of(vip.prefix.address).bits() {
        return Some(Hazard::PrefixLength(vip.prefix));
    }
    None
}

/// Why an address can be neither a VIP nor a server.
pub fn unicast_hazard(address: IpAddr) -> Option<Hazard> {
    if let IpAddr::V6(v6) = address
        && v6.octets()[..12].iter().all(|byte| *byte == 0)
    {
        return Some(Hazard::Ipv4InIpv6(address));
    }
    if address.is_unspecified() || address.is_multicast() || address == IpAddr::from([255, 255, 255, 255]) {
        return Some(Hazard::NotUnicast(address));
    }
    None
}
