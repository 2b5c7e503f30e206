//! VPP's own API trace, read back: what a real VPP says that it was sent.

use std::net::IpAddr;

use maglev_core::model::{Encap, Flows, LbConf, Prefix, Protocol, VipKey, Weight, Write};
use serde_json::Value;

use super::vpp::Received;

/// Sums up the messages of a trace.
pub fn received(messages: &[Value]) -> Received {
    let is_vip_dump = |message: &&Value| name(message) == "lb_vip_dump";
    Received {
        writes: messages.iter().filter_map(write).collect(),
        vip_dumps: messages.iter().filter(is_vip_dump).count(),
    }
}

fn write(message: &Value) -> Option<Write> {
    let is = |field: &str| message[field].as_bool().unwrap();
    let flows = || if is("is_flush") { Flows::Flush } else { Flows::Keep };
    let server = || text(message, "as_address").parse::<IpAddr>().unwrap();
    let weight = || Weight::seen(number(message, "weight"));
    Some(match name(message) {
        "lb_conf" => Write::SetConf(LbConf {
            ip4_source: text(message, "ip4_src_address").parse().unwrap(),
            ip6_source: text(message, "ip6_src_address").parse().unwrap(),
            sticky_buckets: number(message, "sticky_buckets_per_core"),
            flow_timeout_secs: number(message, "flow_timeout"),
        }),
        "lb_add_del_vip_v2" if is("is_del") => Write::DelVip { vip: vip(message) },
        "lb_add_del_vip_v2" => Write::AddVip {
            vip: vip(message),
            encap: match text(message, "encap") {
                "LB_API_ENCAP_TYPE_GRE4" => Encap::Gre4,
                "LB_API_ENCAP_TYPE_GRE6" => Encap::Gre6,
                other => panic!("we never make {other}"),
            },
            table_length: number(message, "new_flows_table_length"),
            src_ip_sticky: is("src_ip_sticky"),
        },
        "lb_add_del_as_v2" if is("is_del") => {
            Write::DelAs { vip: vip(message), server: server(), flows: flows() }
        }
        "lb_add_del_as_v2" => Write::AddAs { vip: vip(message), server: server(), weight: weight() },
        "lb_as_set_weight" => {
            Write::SetWeight { vip: vip(message), server: server(), weight: weight(), flows: flows() }
        }
        "lb_flush_vip" => Write::FlushVip { vip: vip(message) },
        "lb_vip_dump"
        | "lb_as_v2_dump"
        | "lb_conf_get"
        | "control_ping"
        | "show_version"
        | "cli_inband"
        | "trace_plugin_msg_ids" => return None,
        other => panic!("the daemon has no business sending {other}"),
    })
}

fn vip(message: &Value) -> VipKey {
    let (address, len) = text(message, "pfx").split_once('/').unwrap();
    VipKey {
        prefix: Prefix { address: address.parse().unwrap(), len: len.parse().unwrap() },
        protocol: Protocol(number(message, "protocol")),
        port: number(message, "port"),
    }
}

fn name(message: &Value) -> &str {
    text(message, "_msgname")
}

fn text<'a>(message: &'a Value, field: &str) -> &'a str {
    message[field].as_str().unwrap_or_else(|| panic!("{field} of {message}"))
}

fn number<N: TryFrom<u64>>(message: &Value, field: &str) -> N {
    let number = message[field].as_u64().and_then(|number| N::try_from(number).ok());
    number.unwrap_or_else(|| panic!("{field} of {message}"))
}
