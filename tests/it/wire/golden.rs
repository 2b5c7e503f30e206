//! Golden frames: `fixtures/vpp/*.hex` both ways.

use maglev_core::model::{Encap, LbConf, Prefix, Protocol, ServerRow, VipKey, VipRow, Weight};
use maglevd::vpp::answer::Answer;
use maglevd::vpp::ask::{self, AsFilter, Ask};
use maglevd::vpp::frame::{Decoder, HEADER_LEN, OUR_MARK, put_frame};

use crate::support::golden;

/// Bytes of a commented frame.
fn frame(name: &str) -> Vec<u8> {
    let path = format!("{}/fixtures/vpp/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    golden::bytes(&std::fs::read_to_string(&path).unwrap_or_else(|err| panic!("{path}: {err}")))
}

fn vip(address: &str, protocol: Protocol, port: u16) -> VipKey {
    VipKey { prefix: Prefix::host(address.parse().unwrap()), protocol, port }
}

fn conf() -> LbConf {
    LbConf {
        ip4_source: "10.0.0.1".parse().unwrap(),
        ip6_source: "2001:db8::1".parse().unwrap(),
        sticky_buckets: 1024,
        flow_timeout_secs: 40,
    }
}

fn asks() -> Vec<(&'static str, u16, Ask)> {
    let web = vip("192.0.2.1", Protocol::TCP, 443);
    let add_vip = |vip, table_length, src_ip_sticky| Ask::LbAddDelVipV2 {
        vip,
        encap: Encap::Gre6,
        table_length,
        src_ip_sticky,
        is_del: false,
    };
    let server = "2001:db8::a".parse().unwrap();
    let add_as = Ask::LbAddDelAsV2 { vip: web, server, weight: Weight::MAX, is_del: false, is_flush: false };
    let drain = Ask::LbAsSetWeight { vip: web, server, weight: Weight::ZERO, is_flush: true };
    vec![
        ("sockclnt_create", 15, Ask::SockclntCreate { name: "maglevd".to_owned() }),
        ("control_ping", 23, Ask::ControlPing),
        ("lb_conf", 0x1111, Ask::LbConf(conf())),
        ("lb_add_del_vip_v2", 0x1112, add_vip(web, 1024, false)),
        ("lb_add_del_vip_v2_sticky", 0x1112, add_vip(vip("2001:db8::1", Protocol::TCP, 443), 65536, true)),
        ("lb_add_del_as_v2", 0x1113, add_as),
        ("lb_as_set_weight", 0x1114, drain),
        ("lb_as_v2_dump", 0x1115, Ask::LbAsV2Dump(AsFilter::ALL)),
        ("lb_vip_dump", 0x1116, Ask::LbVipDump),
        ("cli_inband", 0x1117, Ask::CliInband { command: "show lb vips verbose".to_owned() }),
        ("sockclnt_delete", 17, Ask::SockclntDelete { index: 0x8000_0001 }),
        ("ip_route_lookup_v2", 0x1118, Ask::IpRouteLookupV2(Prefix::host(server))),
    ]
}

fn answers() -> Vec<(&'static str, u16, u32, Answer)> {
    let web = vip("192.0.2.1", Protocol::TCP, 443);
    let vip_row = VipRow { vip: web, encap: Encap::Gre6, table_length: 1024 };
    let as_row = ServerRow {
        vip: web,
        server: "2001:db8:a::1".parse().unwrap(),
        used: true,
        weight: Weight::MAX,
        buckets: 1024,
    };
    let details = Answer::LbVipDetails { row: vip_row, dscp: 0, srv_type: [0; 4], target_port: [0; 2] };
    let pong = Answer::ControlPingReply { retval: 0, client_index: 0x8000_0001, pid: 27727 };
    let nothing = Prefix { address: std::net::Ipv4Addr::UNSPECIFIED.into(), len: 0 };
    let no_route = Answer::IpRouteLookupV2Reply { retval: -6, stats_index: 0, prefix: nothing };
    vec![
        ("lb_vip_details", 0x6a, 0x103, details),
        ("lb_as_v2_details", 0x6e, 0x105, Answer::LbAsV2Details { row: as_row, in_use_since: 0 }),
        ("control_ping_reply", 24, 0x104, pong),
        ("lb_conf_get_reply", 0x5c, 0x109, Answer::LbConfGetReply { retval: 0, conf: conf() }),
        ("sockclnt_delete_reply", 18, 0x10a, Answer::SockclntDeleteReply { response: 1 }),
        ("ip_route_lookup_v2_reply_none", 0x192, 0x110, no_route),
    ]
}

/// The one whose tail we leave alone.
const ROUTE: &str = "ip_route_lookup_v2_reply";

fn payload(frame: &[u8]) -> Vec<u8> {
    let mut decoder = Decoder::new();
    decoder.feed(frame);
    let payload = decoder.next_payload().unwrap().expect("a whole frame").to_vec();
    assert_eq!(decoder.pending(), 0);
    payload
}

/// Requests are what VPP's own tools make of them.
#[test]
fn requests_match_the_golden_frames() {
    for (context, (name, id, ask)) in (1..).zip(asks()) {
        let golden = frame(name);
        let payload = payload(&golden);
        let context = if name.ends_with("sticky") { 4 } else { context_of(name, context) };
        let prefix = ask::Prefix { client_index: if id == 15 { 0 } else { 0x8000_0001 }, context };
        assert_eq!(ask.encode(id, prefix), payload, "{name}");
        assert_eq!(Ask::decode(ask.kind(), &payload), Ok((prefix, ask)), "{name}");
        let mut whole = Vec::new();
        put_frame(&mut whole, OUR_MARK, &payload);
        assert_eq!(whole, golden, "{name}");
    }
}

/// The contexts count up in `vpp-api.md`, but both VIPs have 4.
fn context_of(name: &str, nth: u32) -> u32 {
    if ["sockclnt_create", "control_ping", "lb_conf", "lb_add_del_vip_v2"].contains(&name) {
        nth
    } else {
        nth - 1
    }
}

/// Answers that VPP once gave are read as what they meant, and our server says them alike.
#[test]
fn answers_match_the_golden_frames() {
    for (name, id, context, answer) in answers() {
        let golden = frame(name);
        let payload = payload(&golden);
        assert_eq!(Answer::decode(answer.kind(), &payload), Ok((context, answer.clone())), "{name}");
        assert_eq!(answer.encode(id, context), payload, "{name}");
    }
}

/// A route is read up to its paths, however many there are.
#[test]
fn the_paths_of_a_route_are_stepped_over() {
    let payload = payload(&frame(ROUTE));
    let prefix = Prefix::host("2001:db8:9::7".parse().unwrap());
    let route = Answer::IpRouteLookupV2Reply { retval: 0, stats_index: 25, prefix };
    let decode = |payload: &[u8]| Answer::decode(route.kind(), payload);
    assert_eq!(decode(&payload), Ok((0x10d, route.clone())));
    let ours = route.encode(0x192, 0x10d);
    assert_eq!(ours[..ours.len() - 2], payload[..ours.len() - 2], "ours has no paths");
    assert_eq!(decode(&payload[..ours.len()]), Ok((0x10d, route.clone())));
    decode(&payload[..ours.len() - 1]).unwrap_err();
}

/// Cut anywhere, a golden message is malformed, and the words say where.
#[test]
fn a_cut_message_is_malformed_wherever_it_is_cut() {
    for (name, _, _, answer) in answers() {
        let payload = frame(name).split_off(HEADER_LEN);
        for len in 0..payload.len() {
            let err = Answer::decode(answer.kind(), &payload[..len]).unwrap_err();
            assert!(err.at <= len && err.message == answer.kind().name(), "{name} cut at {len}: {err}");
        }
    }
    let payload = frame("lb_as_v2_details").split_off(HEADER_LEN);
    let err = Answer::decode(maglevd::vpp::messages::Kind::LbAsV2Details, &payload[..50]).unwrap_err();
    insta::assert_snapshot!(err, @"lb_as_v2_details is malformed: field num_buckets at byte 50 needs 4 bytes, 0 are left");
}

/// Every fixture is used.
#[test]
fn every_golden_frame_is_compared() {
    let folder = format!("{}/fixtures/vpp", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).unwrap().flatten();
    let names = files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".hex")?.to_owned()));
    let mut names: Vec<_> = names.collect();
    let asked = asks().into_iter().map(|(name, ..)| name.to_owned());
    let answered = answers().into_iter().map(|(name, ..)| name.to_owned());
    let mut used: Vec<_> = asked.chain(answered).chain([ROUTE.to_owned()]).collect();
    names.sort();
    used.sort();
    assert_eq!(names, used);
}
