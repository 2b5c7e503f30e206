//! Chance against the codec: what we write we can read, and what nobody wrote does no harm.

use std::net::IpAddr;

use maglev_core::model::{Encap, LbConf, Prefix, Protocol, ServerRow, VipKey, VipRow, Weight};
use maglevd::vpp::answer::Answer;
use maglevd::vpp::ask::{self, AsFilter, Ask};
use maglevd::vpp::frame::{Decoder, OUR_MARK, put_frame};
use maglevd::vpp::messages::Kind;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ROUNDS: u32 = 200;

fn address(rng: &mut ChaCha8Rng) -> IpAddr {
    if rng.random() { IpAddr::from(rng.random::<[u8; 4]>()) } else { IpAddr::from(rng.random::<[u8; 16]>()) }
}

fn vip(rng: &mut ChaCha8Rng) -> VipKey {
    let prefix = Prefix { address: address(rng), len: rng.random() };
    VipKey { prefix, protocol: Protocol(rng.random()), port: rng.random() }
}

fn encap(rng: &mut ChaCha8Rng) -> Encap {
    match rng.random_range(0..3) {
        0 => Encap::Gre4,
        1 => Encap::Gre6,
        _ => Encap::Other(rng.random_range(2..u32::MAX)),
    }
}

fn text(rng: &mut ChaCha8Rng, most: usize) -> String {
    (0..rng.random_range(0..=most)).map(|_| char::from(rng.random_range(b' '..=b'~'))).collect()
}

fn conf(rng: &mut ChaCha8Rng) -> LbConf {
    LbConf {
        ip4_source: rng.random::<[u8; 4]>().into(),
        ip6_source: rng.random::<[u8; 16]>().into(),
        sticky_buckets: rng.random(),
        flow_timeout_secs: rng.random(),
    }
}

fn ask(kind: Kind, rng: &mut ChaCha8Rng) -> Option<Ask> {
    let weight = Weight::seen(rng.random());
    let (is_del, is_flush) = (rng.random(), rng.random());
    if kind == Kind::SockclntCreate {
        return Some(Ask::SockclntCreate { name: text(rng, 63) });
    }
    Some(match kind.name() {
        "sockclnt_delete" => Ask::SockclntDelete { index: rng.random() },
        "control_ping" => Ask::ControlPing,
        "show_version" => Ask::ShowVersion,
        "cli_inband" => Ask::CliInband { command: text(rng, 3000) },
        "lb_conf" => Ask::LbConf(conf(rng)),
        "lb_conf_get" => Ask::LbConfGet,
        "lb_add_del_vip_v2" => Ask::LbAddDelVipV2 {
            vip: vip(rng),
            encap: encap(rng),
            table_length: rng.random(),
            src_ip_sticky: rng.random(),
            is_del,
        },
        "lb_add_del_as_v2" => {
            Ask::LbAddDelAsV2 { vip: vip(rng), server: address(rng), weight, is_del, is_flush }
        }
        "lb_as_set_weight" => Ask::LbAsSetWeight { vip: vip(rng), server: address(rng), weight, is_flush },
        "lb_flush_vip" => Ask::LbFlushVip { vip: vip(rng) },
        "lb_vip_dump" => Ask::LbVipDump,
        "ip_route_lookup_v2" => Ask::IpRouteLookupV2(Prefix::host(address(rng))),
        "lb_as_v2_dump" => Ask::LbAsV2Dump(AsFilter::one(vip(rng))),
        _ => return None,
    })
}

fn answer(kind: Kind, rng: &mut ChaCha8Rng) -> Option<Answer> {
    let retval: i32 = rng.random();
    Some(match kind.name() {
        "sockclnt_create_reply" => Answer::SockclntCreateReply {
            response: retval,
            index: rng.random(),
            messages: (0..rng.random_range(0..40)).map(|_| (rng.random(), text(rng, 63))).collect(),
        },
        "sockclnt_delete_reply" => Answer::SockclntDeleteReply { response: retval },
        "control_ping_reply" => {
            Answer::ControlPingReply { retval, client_index: rng.random(), pid: rng.random() }
        }
        "show_version_reply" => Answer::ShowVersionReply {
            retval,
            program: text(rng, 31),
            version: text(rng, 31),
            build_date: text(rng, 31),
            build_directory: text(rng, 255),
        },
        "cli_inband_reply" => Answer::CliInbandReply { retval, text: text(rng, 9000) },
        "lb_conf_get_reply" => Answer::LbConfGetReply { retval, conf: conf(rng) },
        "lb_vip_details" => Answer::LbVipDetails {
            row: VipRow { vip: vip(rng), encap: encap(rng), table_length: rng.random() },
            dscp: rng.random(),
            srv_type: rng.random(),
            target_port: rng.random(),
        },
        "lb_as_v2_details" => Answer::LbAsV2Details {
            row: ServerRow {
                vip: vip(rng),
                server: address(rng),
                used: rng.random(),
                weight: Weight::seen(rng.random()),
                buckets: rng.random(),
            },
            in_use_since: rng.random(),
        },
        "ip_route_lookup_v2_reply" => Answer::IpRouteLookupV2Reply {
            retval,
            stats_index: rng.random(),
            prefix: Prefix::host(address(rng)),
        },
        _ if kind.is_answer() => Answer::Retval(kind, retval),
        _ => return None,
    })
}

/// Every message that we use survives the way there and back, whatever it holds.
#[test]
fn every_message_survives_a_round_trip() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..ROUNDS {
        for kind in Kind::ALL {
            let context = rng.random();
            if let Some(ask) = ask(kind, &mut rng) {
                let client_index = if kind == Kind::SockclntCreate { 0 } else { rng.random() };
                let prefix = ask::Prefix { client_index, context };
                let payload = ask.encode(rng.random(), prefix);
                assert_eq!(Ask::decode(kind, &payload), Ok((prefix, ask)));
                assert!(Ask::decode(kind, &payload[..payload.len() - 1]).is_err());
            } else {
                let answer = answer(kind, &mut rng).expect("a message is asked or answered");
                let payload = answer.encode(rng.random(), context);
                assert_eq!(Answer::decode(kind, &payload), Ok((context, answer)));
                assert!(Answer::decode(kind, &payload[..payload.len() - 1]).is_err());
            }
        }
    }
}

/// Random bytes are an error or a message, never a panic; counts that promise too much are errors.
#[test]
fn random_payloads_do_no_harm() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut bytes = vec![0; 400];
    for _ in 0..ROUNDS * 10 {
        rng.fill_bytes(&mut bytes);
        let payload = &bytes[..rng.random_range(0..bytes.len())];
        for kind in Kind::ALL {
            let _ = Ask::decode(kind, payload);
            let _ = Answer::decode(kind, payload);
        }
    }
}

/// A stream of random bytes yields frames or the one error, and memory follows what arrived.
#[test]
fn random_streams_do_no_harm() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for _ in 0..ROUNDS {
        let mut decoder = Decoder::new();
        let mut fed = 0;
        for _ in 0..20 {
            let mut bytes = vec![0; rng.random_range(0..60)];
            rng.fill_bytes(&mut bytes);
            // Small lengths now and then, so that some frames are whole.
            if rng.random() {
                bytes.iter_mut().for_each(|byte| *byte &= 1);
            }
            fed += bytes.len();
            decoder.feed(&bytes);
            while let Ok(Some(payload)) = decoder.next_payload() {
                assert!(payload.len() <= fed);
            }
            assert!(decoder.pending() <= fed);
        }
    }
}

/// However a stream is cut, the frames are the same.
#[test]
fn frames_survive_every_cut() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for round in 0..ROUNDS {
        let payloads: Vec<Vec<u8>> =
            (0..rng.random_range(1..20)).map(|_| vec![rng.random(); rng.random_range(0..100)]).collect();
        let mut stream = Vec::new();
        payloads.iter().for_each(|payload| put_frame(&mut stream, OUR_MARK, payload));
        let mut decoder = Decoder::new();
        let mut found = Vec::new();
        let mut rest = stream.as_slice();
        while !rest.is_empty() {
            let most = if round % 2 == 0 { 1 } else { 50 };
            let (cut, after) = rest.split_at(rng.random_range(1..=most).min(rest.len()));
            decoder.feed(cut);
            while let Some(payload) = decoder.next_payload().unwrap() {
                found.push(payload.to_vec());
            }
            rest = after;
        }
        assert_eq!(found, payloads);
        assert_eq!(decoder.pending(), 0);
    }
}

/// 64 MiB is a frame that is still coming; one byte more is the end.
#[test]
fn a_frame_has_a_limit() {
    let header = |len: u32| [[0; 8].as_slice(), &len.to_be_bytes(), &[0; 4]].concat();
    let mut decoder = Decoder::new();
    decoder.feed(&header(64 << 20));
    assert_eq!(decoder.next_payload(), Ok(None));
    let mut decoder = Decoder::new();
    decoder.feed(&header((64 << 20) + 1));
    insta::assert_snapshot!(decoder.next_payload().unwrap_err(), @"a frame claims 67108865 bytes, more than the limit of 64 MiB");
    decoder.feed(&header(0));
    assert!(decoder.next_payload().is_err(), "a lost stream stays lost");
}
