//! What VPP says to a client, as typed messages: decoded by our client, encoded by our server.
//!
//! Every reply begins with id, context and return code, every row of a dump with id and context. The answer to the
//! handshake is the exception: a client index (0, not ours) comes before the context.

use maglev_core::model::{LbConf, Prefix, ServerRow, VipRow, Weight};

use crate::vpp::codec::{Reader, Writer, not_expected};
use crate::vpp::error::Malformed;
use crate::vpp::messages::Kind;

/// Bytes of one entry of the message table.
const TABLE_NAME_LEN: usize = 64;

/// A reply, or one row of a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `sockclnt_create_reply`.
    SockclntCreateReply {
        /// 0 is welcome.
        response: i32,
        /// Our client index from here on.
        index: u32,
        /// The message table: id, and name with CRC (cut at 63 bytes).
        messages: Vec<(u16, String)>,
    },
    /// `sockclnt_delete_reply`.
    SockclntDeleteReply {
        /// 1 is success: VPP closes the connection.
        response: i32,
    },
    /// `control_ping_reply`.
    ControlPingReply {
        /// Return code.
        retval: i32,
        /// Echo of the request's.
        client_index: u32,
        /// VPP's process id.
        pid: u32,
    },
    /// `show_version_reply`.
    ShowVersionReply {
        /// Return code.
        retval: i32,
        /// Always `vpe`.
        program: String,
        /// The release.
        version: String,
        /// When it was built.
        build_date: String,
        /// Where it was built.
        build_directory: String,
    },
    /// `cli_inband_reply`.
    CliInbandReply {
        /// Return code; -1 for an error of the CLI.
        retval: i32,
        /// What the CLI printed.
        text: String,
    },
    /// A reply that is only a return code: which one, and the code.
    Retval(Kind, i32),
    /// `lb_conf_get_reply`.
    LbConfGetReply {
        /// Return code.
        retval: i32,
        /// The settings.
        conf: LbConf,
    },
    /// `lb_vip_details`.
    LbVipDetails {
        /// What we look at.
        row: VipRow,
        /// For L3DSR; otherwise stale memory.
        dscp: u8,
        /// For NAT, little endian on the wire; otherwise stale memory. Here as it lies in the message.
        srv_type: [u8; 4],
        /// For NAT, little endian on the wire; otherwise stale memory. Here as it lies in the message.
        target_port: [u8; 2],
    },
    /// `lb_as_v2_details`.
    LbAsV2Details {
        /// What we look at.
        row: ServerRow,
        /// VPP's uptime in seconds at the last removal.
        in_use_since: u32,
    },
    /// `ip_route_lookup_v2_reply`, without the paths.
    IpRouteLookupV2Reply {
        /// Return code; -6 if there is no route with exactly this prefix, and then nothing else means anything.
        retval: i32,
        /// Where its counters are in the vectors of the stats segment.
        stats_index: u32,
        /// The route's.
        prefix: Prefix,
    },
}

impl Answer {
    /// Which message this is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::SockclntCreateReply { .. } => Kind::SockclntCreateReply,
            Self::SockclntDeleteReply { .. } => Kind::SockclntDeleteReply,
            Self::ControlPingReply { .. } => Kind::ControlPingReply,
            Self::ShowVersionReply { .. } => Kind::ShowVersionReply,
            Self::CliInbandReply { .. } => Kind::CliInbandReply,
            Self::Retval(kind, _) => *kind,
            Self::LbConfGetReply { .. } => Kind::LbConfGetReply,
            Self::LbVipDetails { .. } => Kind::LbVipDetails,
            Self::LbAsV2Details { .. } => Kind::LbAsV2Details,
            Self::IpRouteLookupV2Reply { .. } => Kind::IpRouteLookupV2Reply,
        }
    }

    /// The payload.
    pub fn encode(&self, id: u16, context: u32) -> Vec<u8> {
        let mut w = Writer::new(id);
        if let Self::SockclntCreateReply { response, index, messages } = self {
            w.u32(0).u32(context).i32(*response).u32(*index);
            put_table(&mut w, messages);
            return w.finish();
        }
        w.u32(context);
        match self {
            Self::SockclntCreateReply { .. } => &mut w,
            Self::SockclntDeleteReply { response } => w.i32(*response),
            Self::ControlPingReply { retval, client_index, pid } => {
                w.i32(*retval).u32(*client_index).u32(*pid)
            }
            Self::ShowVersionReply { retval, program, version, build_date, build_directory } => w
                .i32(*retval)
                .string(program, 32)
                .string(version, 32)
                .string(build_date, 32)
                .string(build_directory, 256),
            Self::CliInbandReply { retval, text } => w.i32(*retval).long_string(text),
            Self::Retval(_, retval) => w.i32(*retval),
            Self::LbConfGetReply { retval, conf } => w.i32(*retval).conf(conf),
            Self::LbVipDetails { row, dscp, srv_type, target_port } => w
                .vip(row.vip)
                .encap(row.encap)
                .u8(*dscp)
                .bytes(srv_type)
                .bytes(target_port)
                .u16(row.table_length),
            Self::LbAsV2Details { row, in_use_since } => w
                .vip(row.vip)
                .address(row.server)
                .bool(row.used)
                .u32(*in_use_since)
                .u8(row.weight.value())
                .u32(row.buckets),
            // Behind the prefix: how many paths, and the route's source.
            Self::IpRouteLookupV2Reply { retval, stats_index, prefix } => {
                w.i32(*retval).u32(0).u32(*stats_index).prefix(*prefix).zeros(2)
            }
        };
        w.finish()
    }

    /// Reads a payload that is the message `kind`, and its context. Bytes behind the last field are ignored.
    ///
    /// # Errors
    /// When the payload is shorter than the message (counts inside it included), a value has no meaning, or `kind`
    /// is not an answer.
    pub fn decode(kind: Kind, payload: &[u8]) -> Result<(u32, Self), Malformed> {
        let mut r = Reader::new(kind.name(), payload);
        let id = r.u16("_vl_msg_id")?;
        if kind == Kind::SockclntCreateReply {
            r.u32("client_index")?;
        }
        let context = r.u32("context")?;
        Ok((context, Self::decode_body(kind, id, &mut r)?))
    }

    fn decode_body(kind: Kind, id: u16, r: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match kind {
            Kind::SockclntCreateReply => Self::SockclntCreateReply {
                response: r.i32("response")?,
                index: r.u32("index")?,
                messages: read_table(r)?,
            },
            Kind::SockclntDeleteReply => Self::SockclntDeleteReply { response: r.i32("response")? },
            Kind::ControlPingReply => Self::ControlPingReply {
                retval: r.i32("retval")?,
                client_index: r.u32("client_index")?,
                pid: r.u32("vpe_pid")?,
            },
            Kind::ShowVersionReply => Self::ShowVersionReply {
                retval: r.i32("retval")?,
                program: r.string("program", 32)?,
                version: r.string("version", 32)?,
                build_date: r.string("build_date", 32)?,
                build_directory: r.string("build_directory", 256)?,
            },
            Kind::CliInbandReply => {
                Self::CliInbandReply { retval: r.i32("retval")?, text: r.long_string("reply")? }
            }
            Kind::LbConfGetReply => Self::LbConfGetReply { retval: r.i32("retval")?, conf: r.conf()? },
            Kind::LbConfReply
            | Kind::LbAddDelVipV2Reply
            | Kind::LbAddDelAsV2Reply
            | Kind::LbAsSetWeightReply
            | Kind::LbFlushVipReply => Self::Retval(kind, r.i32("retval")?),
            Kind::LbVipDetails => read_vip_details(r)?,
            Kind::LbAsV2Details => read_as_details(r)?,
            Kind::IpRouteLookupV2Reply => read_route(r)?,
            Kind::SockclntCreate
            | Kind::SockclntDelete
            | Kind::ControlPing
            | Kind::ShowVersion
            | Kind::CliInband
            | Kind::LbConf
            | Kind::LbConfGet
            | Kind::LbAddDelVipV2
            | Kind::LbAddDelAsV2
            | Kind::LbAsSetWeight
            | Kind::LbFlushVip
            | Kind::LbVipDump
            | Kind::LbAsV2Dump
            | Kind::IpRouteLookupV2 => return Err(not_expected(kind, id)),
        })
    }
}

fn put_table(w: &mut Writer, messages: &[(u16, String)]) {
    let count = u16::try_from(messages.len()).unwrap_or(u16::MAX);
    w.u16(count);
    for (id, name) in messages.iter().take(count.into()) {
        w.u16(*id).string(name, TABLE_NAME_LEN);
    }
}

fn read_table(r: &mut Reader<'_>) -> Result<Vec<(u16, String)>, Malformed> {
    let count = r.u16("count")?;
    (0..count)
        .map(|_| Ok((r.u16("message_table.index")?, r.string("message_table.name", TABLE_NAME_LEN)?)))
        .collect()
}

fn read_vip_details(r: &mut Reader<'_>) -> Result<Answer, Malformed> {
    let (vip, encap) = (r.vip()?, r.encap()?);
    let dscp = r.u8("dscp")?;
    let srv_type = r.u32("srv_type")?.to_be_bytes();
    let target_port = r.u16("target_port")?.to_be_bytes();
    let row = VipRow { vip, encap, table_length: r.u16("flow_table_length")? };
    Ok(Answer::LbVipDetails { row, dscp, srv_type, target_port })
}

fn read_as_details(r: &mut Reader<'_>) -> Result<Answer, Malformed> {
    let (vip, server) = (r.vip()?, r.address("app_srv")?);
    let used = r.u8("flags")? & 1 != 0;
    let in_use_since = r.u32("in_use_since")?;
    let weight = Weight::seen(r.u8("weight")?);
    let row = ServerRow { vip, server, used, weight, buckets: r.u32("num_buckets")? };
    Ok(Answer::LbAsV2Details { row, in_use_since })
}

fn read_route(r: &mut Reader<'_>) -> Result<Answer, Malformed> {
    let retval = r.i32("retval")?;
    r.u32("route.table_id")?;
    let stats_index = r.u32("route.stats_index")?;
    let prefix = r.prefix()?;
    // How many paths there are, and where the route comes from; the paths themselves are none of our business.
    r.bytes("route.n_paths", 2)?;
    Ok(Answer::IpRouteLookupV2Reply { retval, stats_index, prefix })
}
