//! What VPP would not survive never reaches the wire.

use maglev_core::model::{Encap, LbConf, Prefix, Protocol, Read, Reply, VipKey, Weight, Write};

use crate::support::vpp_talk::Talk;
use crate::support::vpp_toy::ToyConnector;

fn vip(address: &str, len: u8, protocol: Protocol, port: u16) -> VipKey {
    VipKey { prefix: Prefix { address: address.parse().unwrap(), len }, protocol, port }
}

fn add(vip: VipKey, encap: Encap, table_length: u32) -> Write {
    Write::AddVip { vip, encap, table_length, src_ip_sticky: false }
}

fn add_as(vip: VipKey, server: &str) -> Write {
    Write::AddAs { vip, server: server.parse().unwrap(), weight: Weight::MAX }
}

fn conf(sticky_buckets: u32, flow_timeout_secs: u32) -> Write {
    let (ip4_source, ip6_source) = ([10, 0, 0, 1].into(), [0x2001; 8].into());
    Write::SetConf(LbConf { ip4_source, ip6_source, sticky_buckets, flow_timeout_secs })
}

/// One of each kind of hazard.
fn hazards() -> Vec<Write> {
    let web = vip("192.0.2.1", 32, Protocol::TCP, 443);
    let all = vip("192.0.2.0", 24, Protocol::ANY, 0);
    let long4 = vip("192.0.2.1", 128, Protocol::TCP, 443);
    let long6 = vip("2001:db8::1", 129, Protocol::TCP, 443);
    let server = [10, 0, 0, 1].into();
    vec![
        conf(0, 40),
        conf(3, 40),
        conf(1 << 26, 40),
        conf(1024, 0),
        conf(1024, u32::MAX),
        add(web, Encap::Gre4, 0),
        add(web, Encap::Gre4, 1 << 31),
        add(web, Encap::Gre4, 1000),
        add(long4, Encap::Gre4, 1024),
        add(long6, Encap::Gre6, 1024),
        add(vip("::1", 128, Protocol::TCP, 443), Encap::Gre6, 1024),
        add(web, Encap::Other(3), 1024),
        add(web, Encap::Other(7), 1024),
        add(vip("192.0.2.1", 32, Protocol::ANY, 443), Encap::Gre4, 1024),
        add(vip("192.0.2.1", 32, Protocol::TCP, 0), Encap::Gre4, 1024),
        add(vip("224.0.0.1", 32, Protocol::TCP, 443), Encap::Gre4, 1024),
        add_as(all, "192.0.2.7"),
        add_as(web, "192.0.2.1"),
        add_as(web, "0.0.0.0"),
        add_as(web, "::5"),
        Write::DelVip { vip: long4 },
        Write::FlushVip { vip: long6 },
        Write::DelAs { vip: long4, server, flows: maglev_core::model::Flows::Flush },
        Write::SetWeight { vip: long4, server, weight: Weight::ZERO, flows: maglev_core::model::Flows::Keep },
    ]
}

#[tokio::test]
async fn nothing_that_vpp_would_not_survive_is_sent() {
    let connector = ToyConnector::new();
    let toy = connector.toy();
    let mut talk = Talk::connected(connector).await;
    for write in hazards() {
        let said = write.to_string();
        match talk.call(write).await {
            Reply::NotSent(why) => assert!(!why.is_empty()),
            other => panic!("{said} was sent: {other}"),
        }
    }
    assert_eq!(talk.call(Read::Ping).await, Reply::Done, "everything before the ping has arrived");
    assert_eq!(toy.lock().unwrap().writes, []);
}
