//! Calls by chance: what anybody might say to the plugin and VPP survives, refusals of every kind among it.
//!
//! What a reader would get wrong: the addresses are few on purpose, so that most calls meet what earlier ones left.
//! Servers lie in no prefix that ever has an all-port VIP: a VIP that reaches itself would kill VPP.

use std::net::IpAddr;

use maglev_core::model::{Encap, Flows, LbConf, Prefix, Protocol, ServerRow, VipKey, VipRow, Weight, Write};
use rand::seq::IndexedRandom as _;
use rand::{Rng, RngExt as _};

/// Nested, shared by ports, with and without host bits.
const PREFIXES: [(&str, u8); 14] = [
    ("192.0.2.1", 32),
    ("192.0.2.2", 32),
    ("192.0.2.3", 32),
    ("192.0.2.77", 24),
    ("192.0.2.130", 25),
    ("203.0.113.0", 24),
    ("203.0.0.0", 12),
    ("2001:db8:1::1", 128),
    ("2001:db8:1::2", 128),
    ("2001:db8:1::77", 64),
    ("2001:db8:1::", 48),
    ("2001:db8:2::", 33),
    (SERVERS_4.0, SERVERS_4.1),
    (SERVERS_6.0, SERVERS_6.1),
];

/// In here are some servers, so no VIP of all ports may be.
const SERVERS_4: (&str, u8) = ("10.0.0.128", 25);
const SERVERS_6: (&str, u8) = ("2001:db8:a::80", 121);

const PORTS: [(Protocol, u16); 7] = [
    (Protocol::ANY, 0),
    (Protocol::ANY, 0),
    (Protocol::TCP, 80),
    (Protocol::TCP, 443),
    (Protocol::UDP, 443),
    (Protocol::UDP, 53),
    (Protocol(132), 0xff00),
];

const LENGTHS: [u32; 12] = [1, 2, 16, 64, 256, 512, 1_024, 1_024, 1_024, 2_048, 4_096, 16_384];

/// Flow timeouts that no story of ours comes near: its minutes are [`super::twins`]' business.
const TIMEOUTS: [u32; 8] = [12, 30, 40, 60, 75, 102, 110, 120];

/// The next call, to a plugin with these VIPs and servers: VPP says 0 and flushes at random where there is no VIP.
pub fn call(rng: &mut impl Rng, vips: &[VipRow], rows: &[ServerRow]) -> Write {
    match rng.random_range(0..100) {
        0..5 => Write::SetConf(conf(rng)),
        5..21 => add_vip(rng),
        21..26 => Write::DelVip { vip: some_vip(rng, vips) },
        26..58 => {
            let vip = some_vip(rng, vips);
            let server = match some_server(rng, vip, rows) {
                Some(row) if rng.random_bool(0.3) => row.server,
                _ => new_server(rng, vip, vips),
            };
            Write::AddAs { vip, server, weight: weight(rng) }
        }
        58..74 => {
            let (vip, server) = vip_and_server(rng, vips, rows);
            Write::DelAs { vip, server, flows: flows(rng) }
        }
        74..94 => {
            let (vip, server) = vip_and_server(rng, vips, rows);
            Write::SetWeight { vip, server, weight: weight(rng), flows: flows(rng) }
        }
        _ => match vips.choose(rng) {
            Some(row) => Write::FlushVip { vip: under_another_name(rng, row.vip) },
            None => add_vip(rng),
        },
    }
}

/// A VIP of the model's, or any.
fn some_vip(rng: &mut impl Rng, vips: &[VipRow]) -> VipKey {
    match vips.choose(rng) {
        Some(row) if rng.random_bool(0.9) => under_another_name(rng, row.vip),
        _ => vip(rng),
    }
}

fn vip(rng: &mut impl Rng) -> VipKey {
    let (address, len) = *PREFIXES.choose(rng).unwrap();
    let holds_servers = (address, len) == SERVERS_4 || (address, len) == SERVERS_6;
    let (protocol, port) = loop {
        let drawn = *PORTS.choose(rng).unwrap();
        if drawn.1 != 0 || !holds_servers {
            break drawn;
        }
    };
    VipKey { prefix: Prefix { address: address.parse().unwrap(), len }, protocol, port }
}

/// The same VIP, now and then under another name: VPP masks host bits, and port 0 means protocol 255 whatever is said.
fn under_another_name(rng: &mut impl Rng, mut vip: VipKey) -> VipKey {
    if !vip.prefix.is_host() && rng.random_bool(0.3) {
        vip.prefix.address = match vip.prefix.address {
            IpAddr::V4(v4) => IpAddr::V4((u32::from(v4) | 1).into()),
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) | 1).into()),
        };
    }
    if vip.is_all_port() && rng.random_bool(0.3) {
        vip.protocol = Protocol::TCP;
    }
    vip
}

fn add_vip(rng: &mut impl Rng) -> Write {
    let vip = vip(rng);
    let encap = match rng.random_range(0..20) {
        0..9 => Encap::Gre4,
        9..18 => Encap::Gre6,
        18 => Encap::Other(2),
        _ => Encap::Other(9),
    };
    let table_length = match rng.random_range(0..50) {
        0..3 => 3,
        // Shown as 0; few, since every look counts every bucket.
        3 => 65_536,
        _ => *LENGTHS.choose(rng).unwrap(),
    };
    Write::AddVip { vip, encap, table_length, src_ip_sticky: rng.random() }
}

fn some_server(rng: &mut impl Rng, vip: VipKey, rows: &[ServerRow]) -> Option<ServerRow> {
    let rows: Vec<ServerRow> = rows.iter().filter(|row| row.vip == vip).copied().collect();
    rows.choose(rng).copied()
}

fn vip_and_server(rng: &mut impl Rng, vips: &[VipRow], rows: &[ServerRow]) -> (VipKey, IpAddr) {
    // Those of deleted VIPs are among them.
    match rows.choose(rng) {
        Some(row) if rng.random_bool(0.85) => (row.vip, row.server),
        _ => {
            let vip = some_vip(rng, vips);
            (vip, new_server(rng, vip, vips))
        }
    }
}

/// A server of the family that the VIP wants, mostly.
fn new_server(rng: &mut impl Rng, vip: VipKey, vips: &[VipRow]) -> IpAddr {
    let wants_ip6 = vips.iter().any(|row| row.vip == vip && row.encap == Encap::Gre6);
    let in_a_vip = rng.random_bool(0.2);
    let server = if wants_ip6 == rng.random_bool(0.93) {
        let mut bytes = [0x20, 1, 0xd, 0xb8, 0, 0xa, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes[15] = if in_a_vip { 0x81 } else { rng.random_range(1..9) };
        IpAddr::from(bytes)
    } else {
        IpAddr::from([10, 0, 0, if in_a_vip { 129 } else { rng.random_range(1..9) }])
    };
    // Not in its own VIP.
    if vip.prefix.contains(server) { new_server(rng, vip, vips) } else { server }
}

fn weight(rng: &mut impl Rng) -> Weight {
    Weight::seen(match rng.random_range(0..8) {
        0..2 => 0,
        2 => 1,
        3 => 10,
        4..6 => 100,
        _ => rng.random(),
    })
}

fn flows(rng: &mut impl Rng) -> Flows {
    if rng.random() { Flows::Flush } else { Flows::Keep }
}

fn conf(rng: &mut impl Rng) -> LbConf {
    LbConf {
        ip4_source: rng.random::<u32>().into(),
        ip6_source: rng.random::<u128>().into(),
        sticky_buckets: match rng.random_range(0..10) {
            0 => u32::MAX,
            1..3 => 48,
            bits => 1 << bits,
        },
        flow_timeout_secs: if rng.random_bool(0.1) { u32::MAX } else { *TIMEOUTS.choose(rng).unwrap() },
    }
}
