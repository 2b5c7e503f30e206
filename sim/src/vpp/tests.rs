//! Stories of the plugin, as a real VPP tells them (`vpp-api.md` section 4.2 to 4.4).

use core::net::IpAddr;
use core::time::Duration;

use maglev_core::model::{Encap, Flows, Prefix, Protocol, VipKey, Weight, Write};
use maglev_core::{Instant, hazard};

use super::*;

fn at(secs: u64) -> Instant {
    Instant::from_start(Duration::from_secs(secs))
}

fn vip(prefix: &str, port: u16) -> VipKey {
    let (address, len) = prefix.split_once('/').unwrap();
    let prefix = Prefix { address: address.parse().unwrap(), len: len.parse().unwrap() };
    VipKey { prefix, protocol: if port == 0 { Protocol::ANY } else { Protocol::TCP }, port }
}

fn www() -> VipKey {
    vip("192.0.2.1/32", 443)
}

fn server(n: u8) -> IpAddr {
    [10, 0, 0, n].into()
}

fn add(vip: VipKey) -> Write {
    Write::AddVip { vip, encap: Encap::Gre4, table_length: 1024, src_ip_sticky: false }
}

fn add_as(vip: VipKey, n: u8) -> Write {
    Write::AddAs { vip, server: server(n), weight: Weight::MAX }
}

fn del_as(vip: VipKey, n: u8, flows: Flows) -> Write {
    Write::DelAs { vip, server: server(n), flows }
}

fn set_weight(vip: VipKey, n: u8, weight: u8, flows: Flows) -> Write {
    Write::SetWeight { vip, server: server(n), weight: Weight::seen(weight), flows }
}

fn flow(source_port: u16) -> Flow {
    let source = [10, 9, 8, 5].into();
    Flow { source, destination: [192, 0, 2, 1].into(), protocol: 6, source_port, destination_port: 443 }
}

/// A plugin in which each of `writes` was accepted at second 0.
fn vpp_with(writes: &[Write]) -> LbPlugin {
    let mut vpp = LbPlugin::new(7, 1_700_000_000, Instant::START);
    for write in writes {
        assert_eq!(vpp.write(write, at(0)), Ok(0), "{write}");
    }
    vpp
}

fn used(vpp: &LbPlugin) -> Vec<(IpAddr, bool)> {
    vpp.servers(None).iter().map(|row| (row.server, row.used)).collect()
}

/// Sends a packet of each of 64 flows and returns where they went.
fn send(vpp: &mut LbPlugin, secs: u64) -> Vec<Verdict> {
    (1000..1064).map(|port| vpp.packet(&flow(port), at(secs))).collect()
}

fn all_go_to(n: u8, verdicts: &[Verdict]) -> bool {
    verdicts.iter().all(|verdict| matches!(verdict, Verdict::Server(address, _) if *address == server(n)))
}

/// The order of checks shows in which refusal comes first.
#[test]
fn a_vip_is_refused_for_the_first_reason_in_vpps_order() {
    let six = vip("2001:db8::1/128", 80);
    let vip_of = |vip, encap, table_length| Write::AddVip { vip, encap, table_length, src_ip_sticky: false };
    let mut vpp = vpp_with(&[add(www()), add(vip("192.0.2.2/32", 0))]);
    for (write, retval) in [
        (vip_of(www(), Encap::Gre6, 3), -81),
        (vip_of(vip("192.0.2.2/32", 80), Encap::Gre6, 3), -81),
        (vip_of(vip("192.0.2.1/32", 0), Encap::Gre6, 3), -81),
        (vip_of(vip("192.0.2.1/32", 80), Encap::Gre6, 3), -73),
        (vip_of(vip("192.0.2.1/32", 80), Encap::Gre4, 3), -70),
        (vip_of(vip("192.0.2.3/32", 80), Encap::Other(4), 2), -97),
        (vip_of(six, Encap::Other(9), 2), 0),
    ] {
        assert_eq!(vpp.write(&write, at(0)), Ok(retval), "{write}");
    }
    assert_eq!(vpp.vips()[2].encap, Encap::Gre6, "what VPP does not know becomes GRE6 on IPv6");
}

#[test]
fn what_is_not_there_is_minus_six_and_what_is_there_is_minus_81() {
    let mut vpp = vpp_with(&[add(www()), add_as(www(), 1)]);
    let other = vip("192.0.2.9/32", 443);
    let six = Write::AddAs { vip: www(), server: "2001:db8::1".parse().unwrap(), weight: Weight::MAX };
    for (write, retval) in [
        (add_as(www(), 1), -81),
        (add_as(other, 1), -6),
        (del_as(www(), 2, Flows::Keep), -6),
        (set_weight(www(), 2, 1, Flows::Keep), -6),
        (six, -97),
        (Write::DelVip { vip: other }, -6),
        (Write::FlushVip { vip: other }, 0),
    ] {
        assert_eq!(vpp.write(&write, at(0)), Ok(retval), "{write}");
    }
    assert_eq!(vpp.wild_flushes(), 1);
}

/// A removed server lingers; it can be removed again, not reweighted, and added again.
#[test]
fn a_removed_server_lingers_and_is_revived() {
    let mut vpp = vpp_with(&[add(www()), add_as(www(), 1), add_as(www(), 2), del_as(www(), 1, Flows::Keep)]);
    assert_eq!(used(&vpp), [(server(1), false), (server(2), true)]);
    assert_eq!(vpp.write(&set_weight(www(), 1, 5, Flows::Keep), at(1)), Ok(-6));
    assert_eq!(vpp.write(&del_as(www(), 1, Flows::Keep), at(1)), Ok(0));
    assert_eq!(vpp.write(&add_as(www(), 1), at(2)), Ok(0));
    assert_eq!(used(&vpp), [(server(1), true), (server(2), true)]);
}

/// Delete and add again: a new slot, and the same server twice in the dump until the old one is collected.
#[test]
fn a_deleted_vip_shows_its_servers_twice_until_it_is_collected() {
    let writes = [add(www()), add_as(www(), 1), Write::DelVip { vip: www() }, add(www()), add_as(www(), 1)];
    let mut vpp = vpp_with(&writes);
    assert_eq!(vpp.vips().len(), 1);
    assert_eq!(used(&vpp), [(server(1), false), (server(1), true)]);
    assert!(vpp.verbose().contains(" ip4-gre4 [1] 192.0.2.1/32 removed\n"));
    assert!(vpp.verbose().contains(" ip4-gre4 [2] 192.0.2.1/32\n"));
    vpp.advance(at(60));
    assert_eq!(used(&vpp), [(server(1), true)]);
}

/// Not only the process collects: so does the first change of the VIP after 60 s, and once in 60 s at most.
#[test]
fn a_change_collects_what_the_process_came_too_early_for() {
    let mut vpp = vpp_with(&[]);
    for write in [add(www()), add_as(www(), 1), add_as(www(), 2), del_as(www(), 1, Flows::Keep)] {
        assert_eq!(vpp.write(&write, at(6)), Ok(0), "{write}");
    }
    vpp.advance(at(65));
    assert_eq!(used(&vpp), [(server(1), false), (server(2), true)], "at 60 s the VIP was 54 s old");
    assert_eq!(vpp.write(&add_as(www(), 3), at(66)), Ok(0));
    let left = [(server(2), true), (server(3), true)];
    assert_eq!(used(&vpp), left, "the new one had taken a slot of its own before");
    assert_eq!(vpp.write(&del_as(www(), 2, Flows::Keep), at(70)), Ok(0));
    vpp.advance(at(125));
    let left = [(server(2), false), (server(3), true)];
    assert_eq!(used(&vpp), left, "the next is due at 126 s");
}

/// New buckets forget the flows at the next packet, and with them what kept a removed server.
#[test]
fn new_buckets_let_go_of_removed_servers_at_the_next_packet() {
    let mut vpp = vpp_with(&[add(www()), add_as(www(), 1)]);
    send(&mut vpp, 1);
    vpp.write(&del_as(www(), 1, Flows::Keep), at(2)).unwrap();
    let conf = LbConf { sticky_buckets: 64, ..vpp.conf() };
    vpp.write(&Write::SetConf(conf), at(3)).unwrap();
    vpp.advance(at(120));
    assert_eq!(used(&vpp), [(server(1), false)], "no packet has come");
    send(&mut vpp, 121);
    vpp.advance(at(180));
    assert_eq!(used(&vpp), []);
}

/// Only a flush makes a removal final: time does not.
#[test]
fn a_removed_server_with_idle_flows_lingers_until_it_is_flushed() {
    let mut vpp = vpp_with(&[add(www()), add_as(www(), 1), add_as(www(), 2)]);
    send(&mut vpp, 1);
    vpp.write(&del_as(www(), 1, Flows::Keep), at(2)).unwrap();
    vpp.advance(at(3_600));
    assert_eq!(used(&vpp), [(server(1), false), (server(2), true)]);
    vpp.write(&del_as(www(), 1, Flows::Flush), at(3_601)).unwrap();
    vpp.advance(at(3_720));
    assert_eq!(used(&vpp), [(server(2), true)]);
}

#[test]
fn weight_zero_drains_and_a_flush_moves_at_once() {
    let mut vpp = vpp_with(&[add(www()), add_as(www(), 1)]);
    assert!(all_go_to(1, &send(&mut vpp, 1)));
    vpp.write(&add_as(www(), 2), at(2)).unwrap();
    vpp.write(&set_weight(www(), 1, 0, Flows::Keep), at(3)).unwrap();
    assert!(all_go_to(1, &send(&mut vpp, 4)), "known flows stay");
    assert_eq!(vpp.choice(&flow(1)), Some(server(2)), "new ones go elsewhere");
    vpp.write(&set_weight(www(), 1, 0, Flows::Flush), at(5)).unwrap();
    assert!(all_go_to(2, &send(&mut vpp, 6)));
}

#[test]
fn idle_flows_are_forgotten_after_the_timeout() {
    let mut vpp = vpp_with(&[add(www()), add_as(www(), 1)]);
    send(&mut vpp, 1);
    vpp.write(&add_as(www(), 2), at(2)).unwrap();
    vpp.write(&set_weight(www(), 1, 0, Flows::Keep), at(2)).unwrap();
    assert!(all_go_to(1, &send(&mut vpp, 40)), "refreshed within 40 s");
    assert!(all_go_to(2, &send(&mut vpp, 80)), "forgotten at 40 s");
}

/// Flows that met an empty VIP follow every change of the table until somebody flushes the VIP.
#[test]
fn flows_of_an_empty_vip_stay_stateless_until_it_is_flushed() {
    let mut vpp = vpp_with(&[add(www())]);
    assert!(send(&mut vpp, 1).iter().all(|verdict| *verdict == Verdict::Dropped));
    vpp.write(&add_as(www(), 1), at(2)).unwrap();
    assert!(all_go_to(1, &send(&mut vpp, 3)));
    vpp.write(&add_as(www(), 2), at(4)).unwrap();
    vpp.write(&set_weight(www(), 1, 0, Flows::Keep), at(4)).unwrap();
    assert!(all_go_to(2, &send(&mut vpp, 5)), "stateless flows follow");

    vpp.write(&Write::FlushVip { vip: www() }, at(6)).unwrap();
    send(&mut vpp, 60);
    vpp.write(&set_weight(www(), 1, 100, Flows::Keep), at(61)).unwrap();
    vpp.write(&set_weight(www(), 2, 0, Flows::Keep), at(61)).unwrap();
    assert!(all_go_to(2, &send(&mut vpp, 62)), "flows that are known stay");
}

#[test]
fn other_ports_of_a_known_prefix_are_dropped_and_other_addresses_are_not_ours() {
    let mut vpp = vpp_with(&[add(www()), add_as(www(), 1)]);
    assert_eq!(vpp.packet(&Flow { destination_port: 80, ..flow(1) }, at(1)), Verdict::Dropped);
    assert_eq!(vpp.packet(&Flow { protocol: 1, ..flow(1) }, at(1)), Verdict::Dropped);
    assert_eq!(vpp.packet(&Flow { destination: server(9), ..flow(1) }, at(1)), Verdict::NotOurs);
}

/// The 16-bit field of the dump cannot hold 65,536.
#[test]
fn a_long_table_is_shown_as_zero() {
    let long = Write::AddVip { vip: www(), encap: Encap::Gre4, table_length: 65_536, src_ip_sticky: true };
    let vpp = vpp_with(&[long, add_as(www(), 1)]);
    assert_eq!(vpp.vips()[0].table_length, 0);
    assert_eq!(vpp.shares(www()), [(server(1), 65_536)]);
}

/// A settings write of ones keeps the numbers, and always overwrites both sources.
#[test]
fn lb_conf_keeps_numbers_that_are_all_ones() {
    let mut vpp = vpp_with(&[]);
    let mut conf = vpp.conf();
    assert_eq!((conf.ip4_source, conf.sticky_buckets, conf.flow_timeout_secs), ([255; 4].into(), 1_024, 40));
    (conf.ip4_source, conf.sticky_buckets, conf.flow_timeout_secs) = ([10, 0, 0, 9].into(), 3, 7);
    assert_eq!(vpp.write(&Write::SetConf(conf), at(1)), Ok(-70));
    assert_eq!(vpp.conf().ip4_source, core::net::Ipv4Addr::BROADCAST, "a refusal changes nothing");
    conf.sticky_buckets = u32::MAX;
    assert_eq!(vpp.write(&Write::SetConf(conf), at(1)), Ok(0));
    assert_eq!((vpp.conf().sticky_buckets, vpp.conf().flow_timeout_secs), (1_024, 7));
}

/// Everything that kills a real VPP is a crash here, and the core's check knows of it.
#[test]
fn what_kills_vpp_is_known_to_the_core() {
    let short = vip("192.0.2.1/32", 0);
    let nat = Encap::Other(3);
    let own = Write::AddAs { vip: short, server: "192.0.2.1".parse().unwrap(), weight: Weight::MAX };
    let vip_of = |vip, encap, table_length| Write::AddVip { vip, encap, table_length, src_ip_sticky: false };
    let mut zero = LbPlugin::new(1, 1, at(0)).conf();
    zero.sticky_buckets = 0;
    for (before, killer) in [
        (vec![], Write::SetConf(zero)),
        (vec![], vip_of(www(), Encap::Gre4, 0)),
        (vec![], vip_of(vip("192.0.2.1/33", 80), Encap::Gre4, 1)),
        (vec![], vip_of(www(), Encap::Gre4, 1 << 31)),
        (vec![add(short)], own),
    ] {
        let crash = vpp_with(&before).write(&killer, at(1));
        assert!(crash.is_err(), "{killer}: {crash:?}");
        assert!(hazard(&killer).is_some(), "{killer}");
    }
    let mut vpp = vpp_with(&[vip_of(short, nat, 1)]);
    assert_eq!(vpp.write(&add_as(short, 1), at(1)), Err(Crash::NatWithoutPort(short)));
    assert!(hazard(&vip_of(short, nat, 1)).is_some(), "a VIP that we never make");
}

/// Two all-port VIPs that point at each other are a loop as well.
#[test]
fn two_all_port_vips_that_point_at_each_other_kill() {
    let (a, b) = (vip("10.0.0.1/32", 0), vip("10.0.0.2/32", 0));
    let mut vpp = vpp_with(&[add(a), add(b), add_as(a, 2)]);
    assert_eq!(vpp.write(&add_as(b, 1), at(1)), Err(Crash::Loop(b, server(1))));
}

#[test]
fn the_trace_is_bounded_and_the_count_is_not() {
    let options = Options { trace: 2, ..Options::default() };
    let mut vpp = LbPlugin::with_options(7, 1, at(0), options);
    for n in 1..=3 {
        vpp.write(&add_as(www(), n), at(n.into())).unwrap();
    }
    let trace: Vec<_> = vpp.trace().map(|call| (call.at, call.retval)).collect();
    assert_eq!((vpp.executed(), trace), (3, vec![(at(2), -6), (at(3), -6)]));
}

/// The text as a live VPP printed it after the same calls, but for the number after `dpo:`.
#[test]
fn the_verbose_text_is_that_of_vpp() {
    let vpp = vpp_with(&[add(www()), add_as(www(), 1), set_weight(www(), 1, 0, Flows::Keep)]);
    let text = "\
\x20ip4-gre4 [1] 192.0.2.1/32
  new_size:1024
  protocol:6 port:443
  counters:
    packet from existing sessions: 0
    first session packet: 0
    untracked packet: 0
    no server configured: 0
  #as:1
    10.0.0.1 weight:0 buckets:0 flows:0 dpo:1 used

";
    assert_eq!(vpp.verbose(), text);
}
