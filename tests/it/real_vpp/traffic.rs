//! Packets by chance, for a real VPP and for the model.
//!
//! VPP's own generator makes them. What a reader would get wrong: a server may lie in the prefix of another VIP, so a
//! wrapped packet may come by the plugin once more; VPP has all packets of a burst go one way before the next.

use std::net::IpAddr;

use maglev_core::Instant;
use maglev_core::model::{Encap, VipKey};
use maglev_sim::LbPlugin;
use maglev_sim::vpp::{Flow, Verdict};
use rand::seq::IndexedRandom as _;
use rand::{Rng, RngExt as _};

/// A packet of each of some flows, which differ in their source port.
#[derive(Debug)]
pub struct Burst {
    first: Flow,
    count: u16,
}

/// What makes the interface that all bursts come from.
pub const INTERFACE: [&str; 4] = [
    "create packet-generator interface pg0",
    "set interface state pg0 up",
    "set interface ip address pg0 10.9.8.1/24",
    "set interface ip address pg0 2001:db8:9::1/64",
];

impl Burst {
    /// To a VIP of the model's; nothing if it has none.
    pub fn draw(rng: &mut impl Rng, model: &LbPlugin) -> Option<Self> {
        let VipKey { prefix, protocol, port } = model.vips().choose(rng)?.vip;
        let host: u8 = if prefix.is_host() { 0 } else { rng.random_range(0..4) };
        let destination = match prefix.address {
            IpAddr::V4(v4) => IpAddr::V4((u32::from(v4) | u32::from(host)).into()),
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) | u128::from(host)).into()),
        };
        let mut source: IpAddr = "10.9.9.1".parse().unwrap();
        if destination.is_ipv6() {
            source = "2001:db8:f::1".parse().unwrap();
        }
        let is_common = protocol.0 == 6 || protocol.0 == 17;
        let destination_port = if port == 0 || rng.random_bool(0.1) { 4_430 } else { port };
        let first = Flow {
            source,
            destination,
            protocol: if is_common { protocol.0 } else { 6 },
            source_port: 1_000 + 16 * rng.random_range(0..4),
            destination_port,
        };
        Some(Self { first, count: rng.random_range(1..64) })
    }

    /// What the generator is told.
    pub fn stream(&self) -> String {
        let Self { first: Flow { source, destination, protocol, source_port, destination_port }, count } =
            self;
        let node = if source.is_ipv4() { "ip4-input" } else { "ip6-input" };
        let name = if *protocol == 6 { "TCP" } else { "UDP" };
        let ports = match count {
            1 => format!("{source_port}"),
            _ => format!("{source_port}-{}", source_port + count - 1),
        };
        format!(
            "packet-generator new {{ name burst limit {count} node {node} size 96-96 interface pg0 data \
             {{ {name}: {source} -> {destination} {name}: {ports} -> {destination_port} incrementing 8 }} }}"
        )
    }

    /// The same packets through the model; returns how many reached a server.
    pub fn through(&self, model: &mut LbPlugin, now: Instant) -> usize {
        let mut flows: Vec<Flow> = (0..self.count)
            .map(|nth| Flow { source_port: self.first.source_port + nth, ..self.first })
            .collect();
        let mut reached = 0;
        while !flows.is_empty() {
            let mut onward = Vec::new();
            for flow in &flows {
                if let Verdict::Server(server, _) = model.packet(flow, now) {
                    reached += 1;
                    onward.push(wrapped(flow, server, model));
                }
            }
            flows = onward;
        }
        reached
    }
}

/// The packet on its way to its server.
fn wrapped(flow: &Flow, server: IpAddr, model: &LbPlugin) -> Flow {
    let rows = model.vips();
    let covering = rows.iter().filter(|row| row.vip.prefix.contains(flow.destination));
    let nearest = covering.max_by_key(|row| row.vip.prefix.len);
    if nearest.is_some_and(|row| row.encap == Encap::Other(2)) {
        return Flow { destination: server, ..*flow };
    }
    let conf = model.conf();
    let source = if server.is_ipv4() { conf.ip4_source.into() } else { conf.ip6_source.into() };
    Flow { source, destination: server, protocol: 47, source_port: 0, destination_port: 0 }
}
