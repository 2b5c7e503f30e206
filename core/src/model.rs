//! The nouns: VIP keys, prefixes, encapsulations, calls to VPP and what VPP shows. Small ordered value types.
//!
//! `Ord` is the order on the wire and in every trace: IPv4 before IPv6, then by address. Two hosts with one
//! configuration therefore make the same calls in the same order.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of `address`.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Bits of a host prefix: 32 or 128.
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// An address prefix as VPP keys its VIPs. A frontend's is always one host address; a stranger's may be anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Prefix {
    /// The network address.
    pub address: IpAddr,
    /// Prefix length in bits.
    pub len: u8,
}

impl Prefix {
    /// The prefix that holds `address` alone.
    pub const fn host(address: IpAddr) -> Self {
        Self { address, len: Family::of(address).bits() }
    }

    /// Whether this is one host address.
    pub const fn is_host(self) -> bool {
        self.len == Family::of(self.address).bits()
    }

    /// Whether `address` lies inside.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(net), IpAddr::V4(host)) => {
                let shift = 32u32.saturating_sub(self.len.into());
                u32::from(net).checked_shr(shift).unwrap_or(0)
                    == u32::from(host).checked_shr(shift).unwrap_or(0)
            }
            (IpAddr::V6(net), IpAddr::V6(host)) => {
                let shift = 128u32.saturating_sub(self.len.into());
                u128::from(net).checked_shr(shift).unwrap_or(0)
                    == u128::from(host).checked_shr(shift).unwrap_or(0)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_host() { self.address.fmt(f) } else { write!(f, "{}/{}", self.address, self.len) }
    }
}

/// The transport protocol of a VIP. VPP stores 255 for an all-port VIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Protocol(pub u8);

impl Protocol {
    /// TCP (6).
    pub const TCP: Self = Self(6);
    /// UDP (17).
    pub const UDP: Self = Self(17);
    /// All protocols of an all-port VIP (255).
    pub const ANY: Self = Self(255);
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TCP => f.write_str("tcp"),
            Self::UDP => f.write_str("udp"),
            Self::ANY => f.write_str("any"),
            Self(other) => write!(f, "proto{other}"),
        }
    }
}

/// What VPP knows a VIP by: prefix, protocol, port. Port 0 means all ports, and then the protocol is 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VipKey {
    /// The VIP's prefix.
    pub prefix: Prefix,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The port; 0 is all ports.
    pub port: u16,
}

impl VipKey {
    /// Whether the VIP takes all ports and protocols.
    pub const fn is_all_port(self) -> bool {
        self.port == 0
    }
}

impl fmt::Display for VipKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all_port() {
            write!(f, "{} all-ports", self.prefix)
        } else {
            write!(f, "{} {}/{}", self.prefix, self.protocol, self.port)
        }
    }
}

/// How VPP wraps packets to an application server (`lb_encap_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Encap {
    /// GRE over IPv4: the backends are IPv4.
    Gre4,
    /// GRE over IPv6: the backends are IPv6.
    Gre6,
    /// One that we never make (L3DSR = 2, NAT4 = 3, NAT6 = 4, or unknown); such a VIP is left alone.
    Other(u32),
}

impl Encap {
    /// The encapsulation that reaches backends of `family`.
    pub const fn for_backends(family: Family) -> Self {
        match family {
            Family::V4 => Self::Gre4,
            Family::V6 => Self::Gre6,
        }
    }

    /// Whether we ever create VIPs of this kind.
    pub const fn is_ours(self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

impl fmt::Display for Encap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gre4 => f.write_str("gre4"),
            Self::Gre6 => f.write_str("gre6"),
            Self::Other(2) => f.write_str("l3dsr"),
            Self::Other(3) => f.write_str("nat4"),
            Self::Other(4) => f.write_str("nat6"),
            Self::Other(n) => write!(f, "encap{n}"),
        }
    }
}

/// A weight, 0..=100 where we choose it. VPP itself accepts any `u8`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Weight(u8);

impl Weight {
    /// No new flows.
    pub const ZERO: Self = Self(0);
    /// The largest weight a configuration may hold.
    pub const MAX: Self = Self(100);

    /// A configured weight, or `None` above 100.
    pub const fn new(value: u8) -> Option<Self> {
        if value <= 100 { Some(Self(value)) } else { None }
    }

    /// A weight that VPP showed, which may be any `u8`.
    pub const fn seen(value: u8) -> Self {
        Self(value)
    }

    /// The number itself.
    pub const fn value(self) -> u8 {
        self.0
    }

    /// Whether it attracts new flows.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What happens to the sticky flows of an application server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Flows {
    /// They stay where they are.
    Keep,
    /// They are forgotten and hash anew at their next packet.
    Flush,
}

impl Flows {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Keep => "",
            Self::Flush => " flush",
        }
    }
}

/// The lb plugin's global settings (`lb_conf`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LbConf {
    /// Source of IPv4 GRE packets.
    pub ip4_source: Ipv4Addr,
    /// Source of IPv6 GRE packets.
    pub ip6_source: Ipv6Addr,
    /// Buckets of the flow table, per thread; each holds four flows in 64 bytes. A power of two, 1..=2^20.
    pub sticky_buckets: u32,
    /// Seconds after which an idle flow is forgotten; 1..=120.
    pub flow_timeout_secs: u32,
}

impl fmt::Display for LbConf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} buckets {} timeout {}s",
            self.ip4_source, self.ip6_source, self.sticky_buckets, self.flow_timeout_secs
        )
    }
}

/// One call that changes VPP. Displays as the line that stands in timelines and snapshots.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Write {
    /// `lb_conf`: always writes both sources.
    SetConf(LbConf),
    /// `lb_add_del_vip_v2`, add.
    AddVip {
        /// The VIP.
        vip: VipKey,
        /// How packets to its servers are wrapped.
        encap: Encap,
        /// Length of the new-flows table: a power of two, 1..=2^20; four bytes each.
        table_length: u32,
        /// Hash the source address only.
        src_ip_sticky: bool,
    },
    /// `lb_add_del_vip_v2`, delete.
    DelVip {
        /// The VIP.
        vip: VipKey,
    },
    /// `lb_add_del_as_v2`, add.
    AddAs {
        /// The VIP.
        vip: VipKey,
        /// The application server.
        server: IpAddr,
        /// Its weight.
        weight: Weight,
    },
    /// `lb_add_del_as_v2`, delete.
    DelAs {
        /// The VIP.
        vip: VipKey,
        /// The application server.
        server: IpAddr,
        /// What happens to its flows.
        flows: Flows,
    },
    /// `lb_as_set_weight`.
    SetWeight {
        /// The VIP.
        vip: VipKey,
        /// The application server.
        server: IpAddr,
        /// The new weight.
        weight: Weight,
        /// What happens to its flows.
        flows: Flows,
    },
    /// `lb_flush_vip`: forgets all flows of the VIP, found-nothing entries included. Only for a VIP that is known to exist.
    FlushVip {
        /// The VIP.
        vip: VipKey,
    },
}

impl Write {
    /// The VIP that the call is about; `None` for `lb_conf`.
    pub const fn vip(&self) -> Option<VipKey> {
        match self {
            Self::SetConf(_) => None,
            Self::AddVip { vip, .. }
            | Self::DelVip { vip }
            | Self::AddAs { vip, .. }
            | Self::DelAs { vip, .. }
            | Self::SetWeight { vip, .. }
            | Self::FlushVip { vip } => Some(*vip),
        }
    }

    /// The application server that the call is about, if it is about one.
    pub const fn server(&self) -> Option<IpAddr> {
        match self {
            Self::AddAs { server, .. } | Self::DelAs { server, .. } | Self::SetWeight { server, .. } => {
                Some(*server)
            }
            Self::SetConf(_) | Self::AddVip { .. } | Self::DelVip { .. } | Self::FlushVip { .. } => None,
        }
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetConf(conf) => write!(f, "lb-conf {conf}"),
            Self::AddVip { vip, encap, table_length, src_ip_sticky } => {
                let sticky = if *src_ip_sticky { " src-ip-sticky" } else { "" };
                write!(f, "add-vip {vip} {encap} length {table_length}{sticky}")
            }
            Self::DelVip { vip } => write!(f, "del-vip {vip}"),
            Self::AddAs { vip, server, weight } => write!(f, "add-as {vip} {server} weight {weight}"),
            Self::DelAs { vip, server, flows } => write!(f, "del-as {vip} {server}{}", flows.suffix()),
            Self::SetWeight { vip, server, weight, flows } => {
                write!(f, "set-weight {vip} {server} weight {weight}{}", flows.suffix())
            }
            Self::FlushVip { vip } => write!(f, "flush-vip {vip}"),
        }
    }
}

/// One call that only looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Read {
    /// `control_ping`.
    Ping,
    /// `lb_conf_get`.
    Conf,
    /// `lb_vip_dump` and its closing ping.
    Vips,
    /// `lb_as_v2_dump` and its closing ping: of one VIP, or of all with `None`.
    Servers(Option<VipKey>),
    /// `show lb vips verbose` over `cli_inband`: the only place that shows `src_ip_sticky`.
    Verbose,
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ping => f.write_str("ping"),
            Self::Conf => f.write_str("get-conf"),
            Self::Vips => f.write_str("dump-vips"),
            Self::Servers(None) => f.write_str("dump-servers"),
            Self::Servers(Some(vip)) => write!(f, "dump-servers {vip}"),
            Self::Verbose => f.write_str("show lb vips verbose"),
        }
    }
}

/// Any call to VPP. Each has one answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Request {
    /// It changes VPP.
    Write(Write),
    /// It only looks.
    Read(Read),
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(write) => write.fmt(f),
            Self::Read(read) => read.fmt(f),
        }
    }
}

/// A VIP as `lb_vip_dump` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VipRow {
    /// The VIP.
    pub vip: VipKey,
    /// Its encapsulation.
    pub encap: Encap,
    /// Length of its new-flows table; 0 when the 16-bit field wrapped (65,536 and more).
    pub table_length: u16,
}

/// An application server as `lb_as_v2_dump` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRow {
    /// The VIP it belongs to.
    pub vip: VipKey,
    /// Its address.
    pub server: IpAddr,
    /// Whether it is in use; a removed one lingers in dumps until it is collected, and may be listed twice.
    pub used: bool,
    /// Its weight.
    pub weight: Weight,
    /// Its share of the new-flows table, in buckets.
    pub buckets: u32,
}

/// VPP's answer to one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Done (retval 0), or a pong.
    Done,
    /// VPP refused (a negative retval of `vpp-api.md` section 4.1); nothing was changed.
    Refused(i32),
    /// Never sent, because VPP could not be trusted to survive it or it could not be encoded. The text says why.
    NotSent(String),
    /// What `lb_conf_get` says.
    Conf(LbConf),
    /// What `lb_vip_dump` says.
    Vips(Vec<VipRow>),
    /// What `lb_as_v2_dump` says.
    Servers(Vec<ServerRow>),
    /// VIPs and whether they are `src_ip_sticky`, from the verbose text.
    Sticky(Vec<(VipKey, bool)>),
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("ok"),
            Self::Refused(retval) => write!(f, "refused {retval} ({})", retval_name(*retval)),
            Self::NotSent(why) => write!(f, "not sent: {why}"),
            Self::Conf(conf) => write!(f, "conf {conf}"),
            Self::Vips(rows) => write!(f, "{} VIPs", rows.len()),
            Self::Servers(rows) => write!(f, "{} servers", rows.len()),
            Self::Sticky(rows) => write!(f, "stickiness of {} VIPs", rows.len()),
        }
    }
}

/// VPP's name for a return code (`vpp-api.md` section 4.1).
pub const fn retval_name(retval: i32) -> &'static str {
    match retval {
        -1 => "unspecified error",
        -2 => "invalid interface",
        -3 => "no such table",
        -6 => "no such entry",
        -7 => "invalid value",
        -9 => "unimplemented",
        -70 => "not a power of two",
        -73 => "another port of the prefix has another encapsulation",
        -77 => "response not ready",
        -81 => "exists already, or is in the way",
        -97 => "address family does not fit the encapsulation",
        -165 => "again",
        -167 => "busy",
        _ => "unknown return code",
    }
}
