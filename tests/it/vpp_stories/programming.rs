//! What is wanted is what VPP holds, by both of its own accounts: every shape of VIP that a file can ask for.

use maglev_core::model::{Encap, Protocol};

use super::stage::{Stage, vip};
use super::vpp::Vpp;

const FILE: &str = "
maglev:
  vpp:
    lb: { ipv4-src-address: 192.0.2.1, ipv6-src-address: '2001:db8::1', sync-interval: 1h, flow-timeout: 61s,
          sticky-buckets-per-core: 2048, startup-max-delay: 0s, new-flows-table-length: 4096 }
  backends:
    four-a: { address: 198.51.100.10 }
    four-b: { address: 198.51.100.20 }
    four-c: { address: 198.51.100.3 }
    six-a: { address: '2001:db8:1::10' }
    six-b: { address: '2001:db8:1::9' }
    six-c: { address: '2001:db8:1::20', enabled: false }
  frontends:
    web: { address: 203.0.113.80, protocol: tcp, port: 80, pools: [
      { name: primary, backends: { four-a: {}, four-b: { weight: 50 } } },
      { name: fallback, backends: { four-c: {} } } ] }
    tls: { address: 203.0.113.80, protocol: tcp, port: 443, src-ip-sticky: true, pools: [
      { name: primary, backends: { four-a: { weight: 1 }, four-b: { weight: 0 } } } ] }
    quic: { address: 203.0.113.80, protocol: udp, port: 443, pools: [
      { name: primary, backends: { four-c: {} } } ] }
    all: { address: 203.0.113.81, pools: [ { name: primary, backends: { four-a: { weight: 7 } } } ] }
    six-over-six: { address: '2001:db8:2::80', protocol: tcp, port: 80, pools: [
      { name: primary, backends: { six-a: {}, six-b: { weight: 99 }, six-c: {} } } ] }
    four-over-six: { address: 203.0.113.82, protocol: udp, port: 53, src-ip-sticky: true, pools: [
      { name: primary, backends: { six-a: { weight: 0 } } },
      { name: fallback, backends: { six-b: { weight: 3 } } } ] }
    six-over-four: { address: '2001:db8:2::81', protocol: tcp, port: 65535, pools: [
      { name: primary, backends: { four-a: { weight: 0 }, four-b: { weight: 0 } } } ] }
    six-all: { address: '2001:db8:2::82', src-ip-sticky: true, pools: [
      { name: primary, backends: { six-b: {} } } ] }
";

pub async fn the_table_is_the_wanted_one<V: Vpp>() {
    let mut stage = Stage::<V>::start(FILE);
    let held = stage.settled().await;

    // What the daemon wants has been compared already. That it wants the right things is for these to say.
    let table = &held.table;
    assert_eq!(table.vips.len(), 8);
    let weights = |address, protocol, port| {
        let weights = table.weights(vip(address, protocol, port));
        weights.iter().map(|(address, weight)| format!("{address}={weight}")).collect::<Vec<_>>().join(" ")
    };
    let (tcp, udp, any) = (Protocol::TCP, Protocol::UDP, Protocol::ANY);
    assert_eq!(weights("203.0.113.80", tcp, 80), "198.51.100.3=0 198.51.100.10=100 198.51.100.20=50");
    assert_eq!(weights("203.0.113.80", tcp, 443), "198.51.100.10=1 198.51.100.20=0");
    assert_eq!(weights("203.0.113.80", udp, 443), "198.51.100.3=100");
    assert_eq!(weights("203.0.113.81", any, 0), "198.51.100.10=7");
    assert_eq!(weights("2001:db8:2::80", tcp, 80), "2001:db8:1::9=99 2001:db8:1::10=100 2001:db8:1::20=0");
    assert_eq!(weights("203.0.113.82", udp, 53), "2001:db8:1::9=3 2001:db8:1::10=0");
    assert_eq!(weights("2001:db8:2::81", tcp, 65535), "198.51.100.10=0 198.51.100.20=0");
    assert_eq!(weights("2001:db8:2::82", any, 0), "2001:db8:1::9=100");
    assert_eq!(table.vips[&vip("203.0.113.82", udp, 53)].encap, Encap::Gre6);
    assert_eq!(table.vips[&vip("2001:db8:2::81", tcp, 65535)].encap, Encap::Gre4);
    assert!(table.vips[&vip("203.0.113.80", tcp, 443)].sticky);
    assert!(!table.vips[&vip("203.0.113.80", tcp, 80)].sticky);
    assert_eq!((table.conf.sticky_buckets, table.conf.flow_timeout_secs), (2048, 61));

    // The shares of every table add up, or the table is empty.
    for (key, vip) in &table.vips {
        let buckets: u32 = vip.servers.keys().map(|server| held.buckets[&(*key, *server)]).sum();
        let has_weight = vip.servers.values().any(|weight| weight.is_positive());
        assert_eq!(buckets, if has_weight { 4096 } else { 0 }, "{key}");
    }

    stage.end().await;
}
