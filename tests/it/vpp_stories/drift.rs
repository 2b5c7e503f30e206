//! Somebody else changes VPP behind the daemon's back.

use std::net::IpAddr;

use maglev_core::Command;
use maglev_core::model::{Encap, Flows, LbConf, Prefix, Protocol, VipKey, Weight, Write};

use super::stage::{Stage, lines, vip};
use super::vpp::Vpp;
use crate::support::shelf;

fn file(sync_interval: &str) -> String {
    format!(
        "
maglev:
  vpp:
    lb: {{ ipv4-src-address: 192.0.2.1, ipv6-src-address: '2001:db8::1', sync-interval: {sync_interval},
          startup-max-delay: 0s, new-flows-table-length: 1024 }}
  backends:
    ams: {{ address: 198.51.100.10 }}
    fra: {{ address: 198.51.100.20 }}
    six: {{ address: '2001:db8:1::10' }}
  frontends:
    www: {{ address: 203.0.113.80, protocol: tcp, port: 80, pools: [
      {{ name: primary, backends: {{ ams: {{}}, fra: {{ weight: 50 }} }} }} ] }}
    six: {{ address: '2001:db8:2::80', protocol: tcp, port: 80, pools: [
      {{ name: primary, backends: {{ six: {{}} }} }} ] }}
    all: {{ address: 203.0.113.81, src-ip-sticky: true, pools: [
      {{ name: primary, backends: {{ ams: {{ weight: 5 }} }} }} ] }}
"
    )
}

fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}

/// What somebody does, and what the daemon does about it.
fn drifts() -> Vec<(Vec<Write>, Vec<String>)> {
    let (tcp, weight) = (Protocol::TCP, Weight::seen(33));
    let www = vip("203.0.113.80", tcp, 80);
    let six = vip("2001:db8:2::80", tcp, 80);
    let (ams, fra, other) = (ip("198.51.100.10"), ip("198.51.100.20"), ip("198.51.100.99"));
    let net = |address, len| VipKey { prefix: Prefix { address: ip(address), len }, protocol: tcp, port: 80 };
    let (wide, zeros) = (net("203.0.113.0", 24), net("::", 64));
    let keep = Flows::Keep;
    let add_vip = |vip, encap| Write::AddVip { vip, encap, table_length: 1024, src_ip_sticky: false };
    let conf = LbConf {
        ip4_source: "192.0.2.9".parse().unwrap(),
        ip6_source: "2001:db8::9".parse().unwrap(),
        sticky_buckets: 65_536,
        flow_timeout_secs: 12,
    };
    vec![
        (
            vec![Write::SetWeight { vip: www, server: ams, weight, flows: keep }],
            lines(&["set-weight 203.0.113.80 tcp/80 198.51.100.10 weight 100"]),
        ),
        (
            vec![Write::DelAs { vip: www, server: fra, flows: keep }],
            lines(&["add-as 203.0.113.80 tcp/80 198.51.100.20 weight 50"]),
        ),
        (
            vec![Write::AddAs { vip: www, server: other, weight }],
            lines(&["del-as 203.0.113.80 tcp/80 198.51.100.99 flush"]),
        ),
        (
            vec![Write::DelVip { vip: six }],
            lines(&[
                "add-vip 2001:db8:2::80 tcp/80 gre6 length 1024",
                "add-as 2001:db8:2::80 tcp/80 2001:db8:1::10 weight 100",
                "flush-vip 2001:db8:2::80 tcp/80",
            ]),
        ),
        (
            vec![add_vip(vip("203.0.113.99", tcp, 80), Encap::Gre6)],
            lines(&["flush-vip 203.0.113.99 tcp/80", "del-vip 203.0.113.99 tcp/80"]),
        ),
        (
            vec![add_vip(wide, Encap::Gre4), Write::AddAs { vip: wide, server: other, weight }],
            lines(&[
                "del-as 203.0.113.0/24 tcp/80 198.51.100.99",
                "flush-vip 203.0.113.0/24 tcp/80",
                "del-vip 203.0.113.0/24 tcp/80",
            ]),
        ),
        (
            // VPP shows it as 0.0.0.0/64, a name that would kill it.
            vec![add_vip(zeros, Encap::Gre6), Write::AddAs { vip: zeros, server: ip("2001:db8::9"), weight }],
            lines(&["del-as ::/64 tcp/80 2001:db8::9", "flush-vip ::/64 tcp/80", "del-vip ::/64 tcp/80"]),
        ),
        (vec![Write::SetConf(conf)], lines(&["lb-conf 192.0.2.1 2001:db8::1 buckets 65536 timeout 40s"])),
    ]
}

pub async fn the_drift_check_repairs_what_somebody_else_did<V: Vpp>() {
    let mut stage = Stage::<V>::start(&file("1s"));
    stage.settled().await;
    stage.news();
    // One change each, since the check may come between any two.
    for (edits, repairs) in drifts().into_iter().filter(|(edits, _)| edits.len() == 1) {
        stage.vpp.edit(&edits[0]);
        stage.settled().await;
        assert_eq!(stage.news(), repairs, "after {}", edits[0]);
    }
    stage.end().await;
}

pub async fn an_operators_sync_repairs_what_somebody_else_did<V: Vpp>() {
    let mut stage = Stage::<V>::start(&file("1h"));
    stage.settled().await;
    stage.news();
    for (edits, repairs) in drifts() {
        for edit in &edits {
            stage.vpp.edit(edit);
        }
        assert_eq!(stage.news(), Vec::<String>::new(), "nobody has asked yet");
        stage.daemon.command(Command::Sync { frontend: None }).await;
        stage.settled().await;
        assert_eq!(stage.news(), repairs, "after {}", edits[0]);
    }

    // One frontend can be asked for alone.
    let (edits, _) = drifts().swap_remove(1);
    stage.vpp.edit(&edits[0]);
    stage.daemon.command(Command::Sync { frontend: Some("www".to_owned()) }).await;
    stage.settled().await;
    assert_eq!(stage.news(), lines(&["add-as 203.0.113.80 tcp/80 198.51.100.20 weight 50"]));
    stage.end().await;
}

/// VIPs of a kind that we never make belong to somebody else.
pub async fn what_is_not_ours_is_left_alone<V: Vpp>() {
    let mut stage = Stage::<V>::start(&file("1h"));
    stage.settled().await;
    stage.news();
    let theirs = vip("203.0.113.99", Protocol::ANY, 0);
    let l3dsr = Encap::Other(2);
    let add = Write::AddVip { vip: theirs, encap: l3dsr, table_length: 1024, src_ip_sticky: false };
    stage.vpp.edit(&add);
    for _ in 0..2 {
        let before = stage.daemon.count("vpp-lb-sync-done");
        stage.daemon.command(Command::Sync { frontend: None }).await;
        stage.daemon.until_told("vpp-lb-sync-done", before).await;
    }
    assert_eq!(stage.daemon.count("vpp-lb-stranger-left"), 1);
    assert_eq!(stage.news(), Vec::<String>::new());
    stage.end().await;
}

/// The name that VPP shows is tried first, since it may be the right one; it is refused, and the other one is tried.
pub async fn networks_that_vpp_shows_under_another_name_are_deleted<V: Vpp>() {
    let mut stage = Stage::<V>::start(&file("1h"));
    stage.settled().await;
    stage.news();
    let tcp = Protocol::TCP;
    let net =
        |address, len, port| VipKey { prefix: Prefix { address: ip(address), len }, protocol: tcp, port };
    let add = |vip, encap| Write::AddVip { vip, encap, table_length: 64, src_ip_sticky: false };
    let (six, weight) = (ip("2001:db8::9"), Weight::MAX);
    let edits = [
        add(net("::", 16, 80), Encap::Gre6),
        Write::AddAs { vip: net("::", 16, 80), server: six, weight },
        add(net("::", 0, 81), Encap::Gre6),
        add(net("0.0.0.0", 8, 82), Encap::Gre6),
        Write::AddAs { vip: net("0.0.0.0", 8, 82), server: six, weight },
        add(net("0.0.0.0", 24, 83), Encap::Gre6),
        add(net("::", 24, 83), Encap::Gre6),
    ];
    for edit in &edits {
        stage.vpp.edit(edit);
    }
    let (told, done) = (stage.daemon.told().len(), stage.daemon.count("vpp-lb-sync-done"));
    stage.daemon.command(Command::Sync { frontend: None }).await;
    stage.daemon.until_told("vpp-lb-sync-done", done).await;
    // Two that show under one name may need a second look.
    stage.daemon.command(Command::Sync { frontend: None }).await;
    stage.settled().await;
    let refused = stage.daemon.told().split_off(told);
    let refused = refused.iter().filter(|event| event.name() == "vpp-lb-call-refused");
    let text = refused.map(ToString::to_string).collect::<Vec<_>>().join("\n");
    shelf("vpp").bind(|| {
        insta::assert_snapshot!("aliases", format!("{}\n{text}", stage.news().join("\n")));
    });
    stage.daemon.stop().await;
    assert_eq!(stage.vpp.harm(), Vec::<String>::new());
}
