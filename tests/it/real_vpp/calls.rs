//! Every call, as the real plugin answers it.

use std::net::IpAddr;

use maglev_core::model::{
    Encap, Flows, LbConf, Prefix, Protocol, Read, Reply, ServerRow, VipKey, VipRow, Weight, Write,
};
use maglevd::vpp::UnixConnector;

use crate::support::vpp_process::VppProcess;
use crate::support::vpp_talk::Talk;

fn connector(vpp: &VppProcess) -> UnixConnector {
    UnixConnector { api: vpp.api_socket(), stats: Some(vpp.stats_socket()) }
}

fn vip(address: &str, protocol: Protocol, port: u16) -> VipKey {
    VipKey { prefix: Prefix::host(address.parse().unwrap()), protocol, port }
}

fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}

fn add(vip: VipKey, encap: Encap, table_length: u32, src_ip_sticky: bool) -> Write {
    Write::AddVip { vip, encap, table_length, src_ip_sticky }
}

fn add_as(vip: VipKey, server: &str, weight: u8) -> Write {
    Write::AddAs { vip, server: ip(server), weight: Weight::seen(weight) }
}

fn row(vip: VipKey, server: &str, weight: u8, buckets: u32) -> ServerRow {
    ServerRow { vip, server: ip(server), used: true, weight: Weight::seen(weight), buckets }
}

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{}/fixtures/vpp/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

async fn servers(talk: &mut Talk, of: Option<VipKey>) -> Vec<ServerRow> {
    match talk.call(Read::Servers(of)).await {
        Reply::Servers(mut rows) => {
            rows.sort_by_key(|row| (row.vip, row.server));
            rows
        }
        other => panic!("{other}"),
    }
}

/// What we write is what VPP shows.
#[tokio::test]
#[ignore = "needs MAGLEV_VPP_BIN"]
async fn every_call_does_what_its_name_says() {
    let vpp = VppProcess::start();
    let mut talk = Talk::start(connector(&vpp));
    let process = talk.connect().await.unwrap();
    assert_eq!(process.pid, vpp.pid());
    assert!(process.version.starts_with("26.10"), "{}", process.version);
    assert!(process.boot_time > 1_700_000_000, "boot time {}", process.boot_time);

    assert_eq!(talk.call(Read::Ping).await, Reply::Done);
    let conf = LbConf {
        ip4_source: "10.0.0.1".parse().unwrap(),
        ip6_source: "2001:db8::1".parse().unwrap(),
        sticky_buckets: 2048,
        flow_timeout_secs: 41,
    };
    assert_eq!(talk.call(Write::SetConf(conf)).await, Reply::Done);
    assert_eq!(talk.call(Read::Conf).await, Reply::Conf(conf));

    let web4 = vip("192.0.2.1", Protocol::TCP, 443);
    let web6 = vip("2001:db8:1::1", Protocol::TCP, 443);
    let dns = vip("192.0.2.1", Protocol::UDP, 53);
    let all = vip("198.51.100.7", Protocol::ANY, 0);
    assert_eq!(talk.call(Read::Vips).await, Reply::Vips(vec![]));
    assert_eq!(talk.call(add(web4, Encap::Gre6, 1024, false)).await, Reply::Done);
    assert_eq!(talk.call(add(web6, Encap::Gre6, 65536, true)).await, Reply::Done);
    assert_eq!(talk.call(add(dns, Encap::Gre6, 1024, true)).await, Reply::Done);
    assert_eq!(talk.call(add(all, Encap::Gre4, 2048, false)).await, Reply::Done);
    let shown = |vip, encap, table_length| VipRow { vip, encap, table_length };
    assert_eq!(
        talk.call(Read::Vips).await,
        Reply::Vips(vec![
            shown(web4, Encap::Gre6, 1024),
            shown(web6, Encap::Gre6, 0),
            shown(dns, Encap::Gre6, 1024),
            shown(all, Encap::Gre4, 2048),
        ])
    );

    assert_eq!(talk.call(add_as(web4, "2001:db8::a", 100)).await, Reply::Done);
    assert_eq!(talk.call(add_as(web4, "2001:db8::b", 0)).await, Reply::Done);
    assert_eq!(talk.call(add_as(web6, "2001:db8::a", 50)).await, Reply::Done);
    assert_eq!(talk.call(add_as(dns, "2001:db8::c", 1)).await, Reply::Done);
    assert_eq!(talk.call(add_as(all, "10.1.1.1", 7)).await, Reply::Done);
    let web4_rows = [row(web4, "2001:db8::a", 100, 1024), row(web4, "2001:db8::b", 0, 0)];
    assert_eq!(servers(&mut talk, Some(web4)).await, web4_rows);
    assert_eq!(servers(&mut talk, Some(web6)).await, [row(web6, "2001:db8::a", 50, 65536)]);
    assert_eq!(servers(&mut talk, Some(dns)).await, [row(dns, "2001:db8::c", 1, 1024)]);
    assert_eq!(servers(&mut talk, Some(all)).await, [row(all, "10.1.1.1", 7, 2048)]);
    assert_eq!(servers(&mut talk, None).await.len(), 5);
    assert_eq!(servers(&mut talk, Some(vip("192.0.2.9", Protocol::TCP, 443))).await, []);

    let set = |flows| Write::SetWeight { vip: web4, server: ip("2001:db8::b"), weight: Weight::MAX, flows };
    assert_eq!(talk.call(set(Flows::Keep)).await, Reply::Done);
    assert_eq!(talk.call(set(Flows::Flush)).await, Reply::Done);
    let halves = [row(web4, "2001:db8::a", 100, 512), row(web4, "2001:db8::b", 100, 512)];
    assert_eq!(servers(&mut talk, Some(web4)).await, halves);

    let sticky = talk.call(Read::Verbose).await;
    let text = vpp.vppctl("show lb vips verbose");
    assert_eq!(
        sticky,
        Reply::Sticky(vec![(web4, false), (web6, true), (dns, true), (all, false)]),
        "read from:\n{text}"
    );
    let dpo = regex::Regex::new("dpo:[0-9]+").unwrap();
    assert_eq!(dpo.replace_all(text.trim_end(), "dpo:1"), fixture("show-lb-vips-verbose.txt").trim_end());

    assert_eq!(talk.call(Write::FlushVip { vip: web4 }).await, Reply::Done);
    let del = |flows| Write::DelAs { vip: web4, server: ip("2001:db8::b"), flows };
    assert_eq!(talk.call(del(Flows::Keep)).await, Reply::Done);
    assert_eq!(talk.call(del(Flows::Flush)).await, Reply::Done, "a removed one may be deleted again");
    let left = servers(&mut talk, Some(web4)).await;
    assert_eq!(left.iter().filter(|row| row.used).count(), 1, "{left:?}");
    assert_eq!(talk.call(Write::DelVip { vip: all }).await, Reply::Done);
    let Reply::Vips(rows) = talk.call(Read::Vips).await else { panic!() };
    assert!(rows.iter().all(|row| row.vip != all));
    let Reply::Sticky(rows) = talk.call(Read::Verbose).await else { panic!() };
    assert_eq!(rows.len(), 3, "a removed VIP is not read: {rows:?}");
    assert_eq!(talk.counters.dropped(), 0);

    assert_eq!(vpp.api_trace().join("\n"), fixture("api-trace.txt").trim_end());
}

/// Refusals arrive as such and harm nothing.
#[tokio::test]
#[ignore = "needs MAGLEV_VPP_BIN"]
async fn a_refusal_is_a_return_code() {
    let mut vpp = VppProcess::start();
    let mut talk = Talk::connected(connector(&vpp)).await;
    let web = vip("192.0.2.1", Protocol::TCP, 443);
    let nobody = vip("192.0.2.2", Protocol::TCP, 443);
    let server = ip("2001:db8::a");
    assert_eq!(talk.call(add(web, Encap::Gre6, 1024, false)).await, Reply::Done);
    assert_eq!(talk.call(add(web, Encap::Gre6, 1024, false)).await, Reply::Refused(-81));
    let all = VipKey { protocol: Protocol::ANY, port: 0, ..web };
    assert_eq!(talk.call(add(all, Encap::Gre6, 1024, false)).await, Reply::Refused(-81));
    let other = VipKey { port: 80, ..web };
    assert_eq!(talk.call(add(other, Encap::Gre4, 1024, false)).await, Reply::Refused(-73));
    assert_eq!(talk.call(add_as(web, "10.0.0.1", 100)).await, Reply::Refused(-97));
    assert_eq!(talk.call(add_as(nobody, "2001:db8::a", 100)).await, Reply::Refused(-6));
    assert_eq!(talk.call(add_as(web, "2001:db8::a", 100)).await, Reply::Done);
    assert_eq!(talk.call(add_as(web, "2001:db8::a", 100)).await, Reply::Refused(-81));
    assert_eq!(talk.call(Write::DelVip { vip: nobody }).await, Reply::Refused(-6));
    let server_b = ip("2001:db8::b");
    let del = Write::DelAs { vip: web, server: server_b, flows: Flows::Keep };
    assert_eq!(talk.call(del).await, Reply::Refused(-6));
    let set = Write::SetWeight { vip: nobody, server, weight: Weight::MAX, flows: Flows::Keep };
    assert_eq!(talk.call(set).await, Reply::Refused(-6));
    assert!(vpp.is_alive());
}

/// VPP's filter ignores the length of a prefix; ours does not.
#[tokio::test]
#[ignore = "needs MAGLEV_VPP_BIN"]
async fn strangers_of_any_length_are_shown() {
    let vpp = VppProcess::start();
    let said = vpp.vppctl("lb vip 203.0.113.0/24 protocol tcp port 80 encap gre4 new_len 1024");
    let more = vpp.vppctl("lb vip 203.0.113.0/25 protocol tcp port 80 encap gre4 new_len 1024");
    vpp.vppctl("lb as 203.0.113.0/24 protocol tcp port 80 10.0.0.1");
    vpp.vppctl("lb as 203.0.113.0/25 protocol tcp port 80 10.0.0.2");
    let mut talk = Talk::connected(connector(&vpp)).await;
    let net = |len| VipKey {
        prefix: Prefix { address: ip("203.0.113.0"), len },
        protocol: Protocol::TCP,
        port: 80,
    };
    let Reply::Vips(rows) = talk.call(Read::Vips).await else { panic!() };
    assert_eq!(rows.iter().map(|row| row.vip).collect::<Vec<_>>(), [net(24), net(25)], "{said} {more}");
    assert_eq!(servers(&mut talk, Some(net(24))).await, [row(net(24), "10.0.0.1", 100, 1024)]);
    assert_eq!(servers(&mut talk, Some(net(25))).await, [row(net(25), "10.0.0.2", 100, 1024)]);
    let shown = Reply::Sticky(vec![(net(24), false), (net(25), false)]);
    assert_eq!(talk.call(Read::Verbose).await, shown, "{}", vpp.vppctl("show lb vips verbose"));
}

/// A stranger at `::/64` shows as 0.0.0.0/64: VPP's own form of an address cannot tell them apart.
#[tokio::test]
#[ignore = "needs MAGLEV_VPP_BIN"]
async fn the_unspecified_ipv6_network_shows_as_ipv4() {
    let vpp = VppProcess::start();
    vpp.vppctl("lb vip ::/64 protocol tcp port 80 encap gre6 new_len 1024");
    vpp.vppctl("lb as ::/64 protocol tcp port 80 2001:db8::a");
    let mut talk = Talk::connected(connector(&vpp)).await;
    let net = |address| VipKey {
        prefix: Prefix { address: ip(address), len: 64 },
        protocol: Protocol::TCP,
        port: 80,
    };
    let shown = net("0.0.0.0");
    let vips = vec![VipRow { vip: shown, encap: Encap::Gre6, table_length: 1024 }];
    assert_eq!(talk.call(Read::Vips).await, Reply::Vips(vips));
    for asked in [net("::"), shown] {
        assert_eq!(servers(&mut talk, Some(asked)).await, [row(shown, "2001:db8::a", 100, 1024)]);
    }
    let text = vpp.vppctl("show lb vips verbose");
    assert_eq!(talk.call(Read::Verbose).await, Reply::Sticky(vec![(net("::"), false)]), "{text}");
    let as_shown = Write::DelVip { vip: shown };
    assert!(matches!(talk.call(as_shown).await, Reply::NotSent(_)));
    assert_eq!(talk.call(Write::DelVip { vip: net("::") }).await, Reply::Done);
}

/// Ten thousand calls in one go are answered in full and in order.
#[tokio::test]
#[ignore = "needs MAGLEV_VPP_BIN"]
async fn ten_thousand_calls_are_pipelined() {
    let vpp = VppProcess::start();
    let mut talk = Talk::connected(connector(&vpp)).await;
    let mut ordered = Vec::new();
    let mut answered = Vec::new();
    for _ in 0..20 {
        for _ in 0..500 {
            ordered.push(talk.order(Read::Ping).await);
        }
        for _ in 0..500 {
            let (call, reply) = talk.reply().await;
            assert_eq!(reply, Reply::Done);
            answered.push(call);
        }
    }
    assert_eq!(answered, ordered);
}
