//! What a client says to VPP, as typed messages: encoded by our client, decoded by our server.
//!
//! Every request but the first begins with id, client index and context.

use std::net::IpAddr;

use maglev_core::model::{self, Encap, LbConf, Protocol, VipKey, Weight};

use crate::vpp::codec::{Reader, Writer};
use crate::vpp::error::Malformed;
use crate::vpp::messages::Kind;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// `sockclnt_create`.
    SockclntCreate {
        /// How VPP lists us in `show api clients`; at most 63 bytes.
        name: String,
    },
    /// `sockclnt_delete`.
    SockclntDelete {
        /// The client index once more.
        index: u32,
    },
    /// `control_ping`.
    ControlPing,
    /// `show_version`.
    ShowVersion,
    /// `cli_inband`.
    CliInband {
        /// One line.
        command: String,
    },
    /// `lb_conf`.
    LbConf(LbConf),
    /// `lb_conf_get`.
    LbConfGet,
    /// `lb_add_del_vip_v2`.
    LbAddDelVipV2 {
        /// The VIP.
        vip: VipKey,
        /// How packets are wrapped.
        encap: Encap,
        /// Length of the new-flows table.
        table_length: u32,
        /// Hash the source address only.
        src_ip_sticky: bool,
        /// Delete instead of add.
        is_del: bool,
    },
    /// `lb_add_del_as_v2`.
    LbAddDelAsV2 {
        /// The VIP.
        vip: VipKey,
        /// The application server.
        server: IpAddr,
        /// Its weight.
        weight: Weight,
        /// Delete instead of add.
        is_del: bool,
        /// Forget its flows.
        is_flush: bool,
    },
    /// `lb_as_set_weight`.
    LbAsSetWeight {
        /// The VIP.
        vip: VipKey,
        /// The application server.
        server: IpAddr,
        /// Its new weight.
        weight: Weight,
        /// Forget its flows.
        is_flush: bool,
    },
    /// `lb_flush_vip`.
    LbFlushVip {
        /// The VIP.
        vip: VipKey,
    },
    /// `lb_vip_dump`. VPP ignores every field of its filter.
    LbVipDump,
    /// `lb_as_v2_dump`.
    LbAsV2Dump(AsFilter),
    /// `ip_route_lookup_v2`: the route with exactly this prefix in table 0, where VIPs and their servers are.
    IpRouteLookupV2(model::Prefix),
}

/// The filter of `lb_as_v2_dump`, as VPP really reads it.
///
/// VPP compares the sixteen bytes of the union as they lie there with its own form of an address, in which IPv4
/// sits in the *last* four; the usual encoding matches nothing. All zero is everything. The length is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsFilter {
    /// The address in VPP's own form.
    pub address: [u8; 16],
    /// Length of the prefix in VPP's own form: that of IPv4 is 96 more.
    pub len: u8,
    /// The protocol.
    pub protocol: u8,
    /// The port.
    pub port: u16,
}

impl AsFilter {
    /// Everything.
    pub const ALL: Self = Self { address: [0; 16], len: 0, protocol: 0, port: 0 };

    /// One VIP. One at the all-zero address cannot be selected: VPP then dumps everything.
    pub fn one(vip: VipKey) -> Self {
        let (address, extra) = match vip.prefix.address {
            IpAddr::V4(v4) => (v4.to_ipv6_compatible().octets(), 96),
            IpAddr::V6(v6) => (v6.octets(), 0),
        };
        if address == [0; 16] {
            return Self::ALL;
        }
        let len = vip.prefix.len.saturating_add(extra);
        Self { address, len, protocol: vip.protocol.0, port: vip.port }
    }

    /// The VIP that is meant, as far as it says: VPP's form of an address cannot tell `::192.0.2.1` from 192.0.2.1.
    pub fn hint(&self) -> Option<VipKey> {
        if *self == Self::ALL || self.address == [0; 16] {
            return None;
        }
        let address = match self.address {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => [a, b, c, d].into(),
            v6 => v6.into(),
        };
        let prefix = maglev_core::model::Prefix::host(address);
        Some(VipKey { prefix, protocol: Protocol(self.protocol), port: self.port })
    }

    /// Whether VPP would select this VIP.
    pub fn selects(&self, vip: VipKey) -> bool {
        let theirs = Self::one(vip);
        self.address == [0; 16]
            || (self.address == theirs.address
                && self.protocol == theirs.protocol
                && self.port == theirs.port)
    }
}

/// The client index and the context of a request; the handshake has no client index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefix {
    /// The index that `sockclnt_create_reply` gave out.
    pub client_index: u32,
    /// Echoed by VPP.
    pub context: u32,
}

/// The API's nominal table length. Sent with deletes too, where VPP does not look at it: a zero there would be
/// fatal if a VPP ever took the delete for an add.
const NOMINAL_TABLE_LENGTH: u32 = 1024;

impl Ask {
    /// Deletes a VIP. VPP looks at the key alone.
    pub const fn del_vip(vip: VipKey) -> Self {
        Self::LbAddDelVipV2 {
            vip,
            encap: Encap::Gre4,
            table_length: NOMINAL_TABLE_LENGTH,
            src_ip_sticky: false,
            is_del: true,
        }
    }

    /// Which message this is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::SockclntCreate { .. } => Kind::SockclntCreate,
            Self::SockclntDelete { .. } => Kind::SockclntDelete,
            Self::ControlPing => Kind::ControlPing,
            Self::ShowVersion => Kind::ShowVersion,
            Self::CliInband { .. } => Kind::CliInband,
            Self::LbConf(_) => Kind::LbConf,
            Self::LbConfGet => Kind::LbConfGet,
            Self::LbAddDelVipV2 { .. } => Kind::LbAddDelVipV2,
            Self::LbAddDelAsV2 { .. } => Kind::LbAddDelAsV2,
            Self::LbAsSetWeight { .. } => Kind::LbAsSetWeight,
            Self::LbFlushVip { .. } => Kind::LbFlushVip,
            Self::LbVipDump => Kind::LbVipDump,
            Self::LbAsV2Dump(_) => Kind::LbAsV2Dump,
            Self::IpRouteLookupV2(_) => Kind::IpRouteLookupV2,
        }
    }

    /// The payload.
    pub fn encode(&self, id: u16, prefix: Prefix) -> Vec<u8> {
        let mut w = Writer::new(id);
        if !matches!(self, Self::SockclntCreate { .. }) {
            w.u32(prefix.client_index);
        }
        w.u32(prefix.context);
        match self {
            Self::SockclntCreate { name } => w.string(name, 64),
            Self::SockclntDelete { index } => w.u32(*index),
            Self::ControlPing | Self::ShowVersion | Self::LbConfGet => &mut w,
            Self::CliInband { command } => w.long_string(command),
            Self::LbConf(conf) => w.conf(conf),
            Self::LbAddDelVipV2 { vip, encap, table_length, src_ip_sticky, is_del } => {
                // Between encap and length lie dscp, type, target_port and node_port: for L3DSR and NAT only.
                w.vip(*vip).encap(*encap).zeros(9).u32(*table_length).bool(*src_ip_sticky).bool(*is_del)
            }
            Self::LbAddDelAsV2 { vip, server, weight, is_del, is_flush } => {
                w.vip(*vip).address(*server).u8(weight.value()).bool(*is_del).bool(*is_flush)
            }
            Self::LbAsSetWeight { vip, server, weight, is_flush } => {
                w.vip(*vip).address(*server).u8(weight.value()).bool(*is_flush)
            }
            Self::LbFlushVip { vip } => w.vip(*vip),
            Self::LbVipDump => w.zeros(20).u8(255).u16(0),
            Self::LbAsV2Dump(filter) => put_filter(&mut w, filter),
            Self::IpRouteLookupV2(prefix) => w.u32(0).bool(true).prefix(*prefix),
        };
        w.finish()
    }

    /// Reads a payload that is the message `kind`. Bytes behind the last field are ignored, as VPP does.
    ///
    /// # Errors
    /// When the payload is shorter than the message, or `kind` is not a request.
    pub fn decode(kind: Kind, payload: &[u8]) -> Result<(Prefix, Self), Malformed> {
        let mut r = Reader::new(kind.name(), payload);
        let id = r.u16("_vl_msg_id")?;
        let client_index = if kind == Kind::SockclntCreate { 0 } else { r.u32("client_index")? };
        let prefix = Prefix { client_index, context: r.u32("context")? };
        Ok((prefix, Self::decode_body(kind, id, &mut r)?))
    }

    fn decode_body(kind: Kind, id: u16, r: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match kind {
            Kind::SockclntCreate => Self::SockclntCreate { name: r.string("name", 64)? },
            Kind::SockclntDelete => Self::SockclntDelete { index: r.u32("index")? },
            Kind::ControlPing => Self::ControlPing,
            Kind::ShowVersion => Self::ShowVersion,
            Kind::CliInband => Self::CliInband { command: r.long_string("cmd")? },
            Kind::LbConf => Self::LbConf(r.conf()?),
            Kind::LbConfGet => Self::LbConfGet,
            Kind::LbAddDelVipV2 => decode_add_del_vip(r)?,
            Kind::LbAddDelAsV2 => Self::LbAddDelAsV2 {
                vip: r.vip()?,
                server: r.address("as_address")?,
                weight: Weight::seen(r.u8("weight")?),
                is_del: r.bool("is_del")?,
                is_flush: r.bool("is_flush")?,
            },
            Kind::LbAsSetWeight => Self::LbAsSetWeight {
                vip: r.vip()?,
                server: r.address("as_address")?,
                weight: Weight::seen(r.u8("weight")?),
                is_flush: r.bool("is_flush")?,
            },
            Kind::LbFlushVip => Self::LbFlushVip { vip: r.vip()? },
            Kind::LbVipDump => {
                r.bytes("pfx", 23)?;
                Self::LbVipDump
            }
            Kind::LbAsV2Dump => Self::LbAsV2Dump(AsFilter {
                address: r.raw_address("pfx.address")?,
                len: r.u8("pfx.len")?,
                protocol: r.u8("protocol")?,
                port: r.u16("port")?,
            }),
            Kind::IpRouteLookupV2 => {
                r.bytes("table_id", 5)?;
                Self::IpRouteLookupV2(r.prefix()?)
            }
            Kind::SockclntCreateReply
            | Kind::SockclntDeleteReply
            | Kind::ControlPingReply
            | Kind::ShowVersionReply
            | Kind::CliInbandReply
            | Kind::LbConfReply
            | Kind::LbConfGetReply
            | Kind::LbAddDelVipV2Reply
            | Kind::LbAddDelAsV2Reply
            | Kind::LbAsSetWeightReply
            | Kind::LbFlushVipReply
            | Kind::LbVipDetails
            | Kind::LbAsV2Details
            | Kind::IpRouteLookupV2Reply => return Err(crate::vpp::codec::not_expected(kind, id)),
        })
    }
}

fn decode_add_del_vip(r: &mut Reader<'_>) -> Result<Ask, Malformed> {
    let (vip, encap) = (r.vip()?, r.encap()?);
    r.bytes("dscp", 9)?;
    Ok(Ask::LbAddDelVipV2 {
        vip,
        encap,
        table_length: r.u32("new_flows_table_length")?,
        src_ip_sticky: r.bool("src_ip_sticky")?,
        is_del: r.bool("is_del")?,
    })
}

// The family says IPv6 for every single VIP: VPP ignores it today, and a VPP that one day decoded the filter like any
// other address would then still arrive at the same sixteen bytes, since `::192.0.2.1` is its own form of 192.0.2.1.
fn put_filter<'a>(w: &'a mut Writer, filter: &AsFilter) -> &'a mut Writer {
    let family = u8::from(filter.address != [0; 16]);
    w.u8(family).bytes(&filter.address).u8(filter.len).u8(filter.protocol).u16(filter.port)
}
