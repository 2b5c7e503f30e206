//! The stats segment of a real VPP: packets go in, and the reader finds each of them.

use maglev_core::model::{Prefix, Protocol, VipKey};
use maglevd::vpp::UnixConnector;
use maglevd::vpp::inquiry::{Inquirer, Questions};
use maglevd::vpp::stats::{self, Traffic, Wanted};

use super::traffic;
use crate::support::vpp_process::VppProcess;

/// Nine packets of 96 bytes to a VIP that has one server.
const STREAM: &str = "packet-generator new { name burst limit 9 node ip4-input size 96-96 interface pg0 data \
    { TCP: 10.9.9.1 -> 192.0.2.1 TCP: 1000-1008 -> 80 incrementing 8 } }";

fn with_an_interface() -> VppProcess {
    let vpp = VppProcess::start();
    for line in traffic::INTERFACE {
        vpp.vppctl(line);
    }
    vpp
}

#[test]
#[ignore = "needs a real VPP"]
fn every_packet_is_found() {
    let mut vpp = with_an_interface();
    let mut segment = stats::open(&vpp.stats_socket()).unwrap();
    let first = segment.sample(&Wanted { vips: vec![1], ..Wanted::default() }).unwrap();
    assert!(first.boot_time > 1_700_000_000, "{first:?}");
    assert_eq!(first.vips, [None], "the counters come with the first VIP");
    vpp.vppctl("lb conf ip4-src-address 192.0.2.250");
    vpp.vppctl("lb vip 192.0.2.1/32 protocol tcp port 80 encap gre4 new_len 1024");
    vpp.vppctl("lb as 192.0.2.1/32 protocol tcp port 80 10.0.0.1");
    // The index of the route counters, as VPP's own line about the server has it.
    let shown = vpp.vppctl("show lb vips verbose");
    let dpo: u32 = shown
        .split("dpo:")
        .nth(1)
        .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
        .unwrap_or_else(|| panic!("{shown}"));
    vpp.vppctl(STREAM);
    vpp.vppctl("packet-generator enable-stream burst");
    let wanted = Wanted { vips: vec![1, 0, 77], prefixes: vec![], servers: vec![dpo] };
    let sent = (0..1_000).find_map(|_| {
        let sample = segment.sample(&wanted).unwrap();
        let passed = sample.vips[0].is_some_and(|kinds| kinds.iter().sum::<u64>() == 9);
        // The question keeps VPP's own clock going between two looks.
        vpp.vppctl("show version");
        passed.then_some(sample)
    });
    let sent = sent.unwrap_or_else(|| panic!("{}", vpp.vppctl("show lb vips verbose")));
    assert_eq!(sent.vips[0], Some([0, 9, 0, 0]), "nine flows, each new");
    assert_eq!(sent.vips[2], None, "no such VIP");
    assert_eq!(sent.boot_time, first.boot_time);
    // Each is 96 bytes long, and 24 longer once it is wrapped.
    assert_eq!(sent.servers[0], Some(Traffic { packets: 9, bytes: 9 * 120 }));
    // The file stays, and what it says stands still: only the heartbeat tells.
    vpp.kill();
    assert_eq!(segment.sample(&wanted).unwrap().vips, sent.vips);
    stats::open(&vpp.stats_socket()).unwrap_err();
}

/// What a visit says of places is where VPP counts, and what it has no route for is not counted as something else.
#[tokio::test]
#[ignore = "needs a real VPP"]
async fn a_visit_finds_where_packets_are_counted() {
    let vpp = with_an_interface();
    vpp.vppctl("lb conf ip4-src-address 192.0.2.250");
    for line in [
        "vip 192.0.2.9/32 protocol tcp port 80 encap gre4 new_len 1024",
        "vip 192.0.2.1/32 protocol tcp port 80 encap gre4 new_len 1024",
    ] {
        vpp.vppctl(&format!("lb {line}"));
    }
    vpp.vppctl("lb as 192.0.2.1/32 protocol tcp port 80 10.0.0.1");
    let host = |text: &str| Prefix::host(text.parse().unwrap());
    let key = |text| VipKey { prefix: host(text), protocol: Protocol::TCP, port: 80 };
    let mut inquirer = Inquirer::new(UnixConnector { api: vpp.api_socket(), stats: None });
    let routes = vec![host("192.0.2.1"), host("10.0.0.1"), host("203.0.113.77"), host("192.0.2.9")];
    let questions = Questions { vips: true, routes };
    let places = inquirer.inquire(&questions, std::future::pending()).await.unwrap();
    assert_eq!(places.vips, [(key("192.0.2.9"), 1), (key("192.0.2.1"), 2)]);
    let &[Some(vip), Some(server), None, Some(other)] = places.routes.as_slice() else {
        panic!("{places:?}")
    };
    vpp.vppctl(STREAM);
    vpp.vppctl("packet-generator enable-stream burst");
    let wanted = Wanted { vips: vec![2, 1], prefixes: vec![vip, other], servers: vec![server] };
    let mut segment = stats::open(&vpp.stats_socket()).unwrap();
    let sent = (0..1_000).find_map(|_| {
        let sample = segment.sample(&wanted).unwrap();
        vpp.vppctl("show version");
        sample.vips[0].is_some_and(|kinds| kinds.iter().sum::<u64>() == 9).then_some(sample)
    });
    let sent = sent.unwrap_or_else(|| panic!("{}", vpp.vppctl("show lb vips verbose")));
    let traffic = |packets, bytes| Some(Traffic { packets, bytes });
    assert_eq!(sent.vips, [Some([0, 9, 0, 0]), Some([0; 4])]);
    assert_eq!(sent.prefixes, [traffic(9, 9 * 96), traffic(0, 0)]);
    assert_eq!(sent.servers, [traffic(9, 9 * 120)]);
}

/// Servers that VPP cannot reach, without a route or without a neighbour, have places of their own as well; and what VPP
/// then drops has been counted.
#[tokio::test]
#[ignore = "needs a real VPP"]
async fn unresolved_servers_do_not_share_counters() {
    let vpp = with_an_interface();
    vpp.vppctl("lb conf ip4-src-address 192.0.2.250");
    vpp.vppctl("lb vip 192.0.2.1/32 protocol tcp port 80 encap gre4 new_len 1024");
    let servers = ["10.0.0.1", "10.0.0.2", "10.9.8.7", "10.9.8.8"];
    vpp.vppctl(&format!("lb as 192.0.2.1/32 protocol tcp port 80 {}", servers.join(" ")));
    let mut inquirer = Inquirer::new(UnixConnector { api: vpp.api_socket(), stats: None });
    let routes = servers.map(|server| Prefix::host(server.parse().unwrap())).to_vec();
    let questions = Questions { vips: false, routes };
    let mut ask = async || inquirer.inquire(&questions, std::future::pending()).await.unwrap().routes;
    let places = ask().await;
    let alone: std::collections::BTreeSet<u32> = places.iter().map(|place| place.unwrap()).collect();
    assert_eq!(alone.len(), 4, "{places:?}");
    // A route for two of them, by way of the same neighbour, moves no place.
    vpp.vppctl("ip route add 10.0.0.0/24 via 10.9.8.200");
    assert_eq!(ask().await, places);
    vpp.vppctl("ip route del 10.0.0.0/24 via 10.9.8.200");
    vpp.vppctl(&STREAM.replace("limit 9", "limit 99").replace("1000-1008", "1000-1098"));
    vpp.vppctl("packet-generator enable-stream burst");
    let servers = places.into_iter().flatten().collect();
    let wanted = Wanted { vips: vec![1], prefixes: vec![], servers };
    let mut segment = stats::open(&vpp.stats_socket()).unwrap();
    let sent = (0..1_000).find_map(|_| {
        let sample = segment.sample(&wanted).unwrap();
        vpp.vppctl("show version");
        sample.vips[0].is_some_and(|kinds| kinds.iter().sum::<u64>() == 99).then_some(sample)
    });
    let sent = sent.unwrap_or_else(|| panic!("{}", vpp.vppctl("show lb vips verbose")));
    let counted: Vec<u64> = sent.servers.iter().map(|traffic| traffic.unwrap().packets).collect();
    assert_eq!(counted.iter().sum::<u64>(), 99, "each once: {counted:?}");
    assert!(counted.iter().all(|packets| *packets > 0), "{counted:?}");
}
