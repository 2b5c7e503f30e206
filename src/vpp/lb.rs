//! Between the core's calls and VPP's messages.
//!
//! Here every write passes `maglev_core::hazard`, so that nothing that could kill VPP is ever encoded.

use std::net::IpAddr;

use maglev_core::hazard::{Hazard, hazard};
use maglev_core::model::{Flows, Read, Request, VipKey, Weight, Write};

use crate::vpp::ask::{AsFilter, Ask};

/// What the CLI is asked for stickiness.
pub const VERBOSE_COMMAND: &str = "show lb vips verbose";

/// The message that makes a call. A dump wants a `control_ping` right behind it, whose reply marks its end.
///
/// # Errors
/// When VPP might not survive the write.
pub fn ask_for(request: &Request) -> Result<Ask, Hazard> {
    match request {
        Request::Write(write) => match hazard(write) {
            Some(hazard) => Err(hazard),
            None => Ok(ask_for_write(write)),
        },
        Request::Read(read) => Ok(ask_for_read(*read)),
    }
}

fn ask_for_write(write: &Write) -> Ask {
    match write {
        Write::SetConf(conf) => Ask::LbConf(*conf),
        Write::AddVip { vip, encap, table_length, src_ip_sticky } => Ask::LbAddDelVipV2 {
            vip: *vip,
            encap: *encap,
            table_length: *table_length,
            src_ip_sticky: *src_ip_sticky,
            is_del: false,
        },
        Write::DelVip { vip } => Ask::del_vip(*vip),
        Write::AddAs { vip, server, weight } => {
            Ask::LbAddDelAsV2 { vip: *vip, server: *server, weight: *weight, is_del: false, is_flush: false }
        }
        Write::DelAs { vip, server, flows } => del_as(*vip, *server, *flows),
        Write::SetWeight { vip, server, weight, flows } => Ask::LbAsSetWeight {
            vip: *vip,
            server: *server,
            weight: *weight,
            is_flush: *flows == Flows::Flush,
        },
        Write::FlushVip { vip } => Ask::LbFlushVip { vip: *vip },
    }
}

fn del_as(vip: VipKey, server: IpAddr, flows: Flows) -> Ask {
    Ask::LbAddDelAsV2 { vip, server, weight: Weight::ZERO, is_del: true, is_flush: flows == Flows::Flush }
}

fn ask_for_read(read: Read) -> Ask {
    match read {
        Read::Ping => Ask::ControlPing,
        Read::Conf => Ask::LbConfGet,
        Read::Vips => Ask::LbVipDump,
        Read::Servers(None) => Ask::LbAsV2Dump(AsFilter::ALL),
        Read::Servers(Some(vip)) => Ask::LbAsV2Dump(AsFilter::one(vip)),
        Read::Verbose => Ask::CliInband { command: VERBOSE_COMMAND.to_owned() },
    }
}

/// The write that a message asks for, seen from VPP's side; `None` if it is a read.
pub fn write_of(ask: &Ask) -> Option<Write> {
    let flows = |flush: bool| if flush { Flows::Flush } else { Flows::Keep };
    match ask {
        Ask::LbConf(conf) => Some(Write::SetConf(*conf)),
        Ask::LbAddDelVipV2 { vip, is_del: true, .. } => Some(Write::DelVip { vip: *vip }),
        Ask::LbAddDelVipV2 { vip, encap, table_length, src_ip_sticky, is_del: false } => {
            Some(Write::AddVip {
                vip: *vip,
                encap: *encap,
                table_length: *table_length,
                src_ip_sticky: *src_ip_sticky,
            })
        }
        Ask::LbAddDelAsV2 { vip, server, is_del: true, is_flush, .. } => {
            Some(Write::DelAs { vip: *vip, server: *server, flows: flows(*is_flush) })
        }
        Ask::LbAddDelAsV2 { vip, server, weight, is_del: false, .. } => {
            Some(Write::AddAs { vip: *vip, server: *server, weight: *weight })
        }
        Ask::LbAsSetWeight { vip, server, weight, is_flush } => {
            Some(Write::SetWeight { vip: *vip, server: *server, weight: *weight, flows: flows(*is_flush) })
        }
        Ask::LbFlushVip { vip } => Some(Write::FlushVip { vip: *vip }),
        Ask::SockclntCreate { .. }
        | Ask::SockclntDelete { .. }
        | Ask::ControlPing
        | Ask::ShowVersion
        | Ask::CliInband { .. }
        | Ask::LbConfGet
        | Ask::LbVipDump
        | Ask::LbAsV2Dump(_)
        | Ask::IpRouteLookupV2(_) => None,
    }
}
