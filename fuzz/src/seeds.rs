//! What a fuzzer starts from: our fixtures, seeds of the mass, and a message of each kind.

mod stats;

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use maglev_config::{Loaded, Options, parse};
use maglev_core::memory::{BackendChoice, Choice, Doubt, WeightChoice};
use maglev_core::model::{Encap, Prefix, Protocol, VipKey, Weight};
use maglev_core::{Author, Engine, Instant, Memory};
use maglev_journal::{Recorder, Run};
use maglevd::choices::print;
use maglevd::vpp::answer::Answer;
use maglevd::vpp::ask::Ask;
use maglevd::vpp::frame::{OUR_MARK, put_frame};
use maglevd::vpp::messages::Kind;

use crate::{frame, scenario};

/// Seeds of the mass that become inputs.
const SCENARIOS: u16 = 400;

/// Lines of a journal that make one input: more would be slow, and hardly another story.
const LINES: usize = 12;

/// The inputs for the target of this name.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "scenario" => (0..SCENARIOS).map(scenario::bytes_of).collect(),
        "frame" => frames(),
        "config" => ["config/good", "config/bad"].into_iter().flat_map(fixtures).collect(),
        "journal" => journals(),
        "choices" => choices(),
        "stats" => stats::all(),
        other => panic!("there is no target {other}"),
    }
}

/// The files of one shelf, in order.
///
/// # Panics
/// When there are none.
pub fn fixtures(shelf: &str) -> Vec<Vec<u8>> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(shelf))
        .iter()
        .map(|path| fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .collect()
}

/// The files of a folder, in order.
///
/// # Panics
/// When it cannot be read, or is empty.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths
}

/// Parts of our journals, and what is wrong with a journal.
fn journals() -> Vec<Vec<u8>> {
    let mut inputs: Vec<Vec<u8>> = fixtures("journals").iter().flat_map(|journal| pieces(journal)).collect();
    let head = inputs.first().cloned().unwrap_or_default();
    let checkpoints: Vec<Vec<u8>> =
        fixtures("config/good").iter().filter_map(|file| checkpoint(file)).collect();
    let damaged =
        |head: &Vec<u8>| String::from_utf8_lossy(head).replacen("\"engine\":\"", "\"engine\":\"0", 1);
    inputs.extend(checkpoints.iter().map(|head| damaged(head).into_bytes()));
    inputs.extend(checkpoints);
    inputs.extend([&b""[..], b"maglev:\n", b"{\"maglev-journal\":2}\n"].map(Into::into));
    inputs.push([&head[..], b"{\"t\":0}\n"].concat());
    inputs.push([&head[..], b"{\"t\":99000000000000,\"h\":1"].concat());
    inputs
}

/// A head in the midst of a run with this configuration.
fn checkpoint(file: &[u8]) -> Option<Vec<u8>> {
    let Loaded { config, draft, .. } = parse(file, "a fixture", Options::default()).ok()?;
    let engine = Engine::new(config, 1, Instant::START);
    let mut head = Vec::new();
    Recorder::new(Run { seed: 1, vpp: true, draft, began: 1_795_430_000 })
        .head(Some(&engine), 0)
        .write(&mut head);
    Some(head)
}

/// The head of a journal with some of its lines, again and again.
fn pieces(journal: &[u8]) -> Vec<Vec<u8>> {
    let lines: Vec<&[u8]> = journal.split_inclusive(|byte| *byte == b'\n').collect();
    let Some((head, rest)) = lines.split_first() else { return Vec::new() };
    rest.chunks(LINES).map(|some| [*head, &some.concat()].concat()).collect()
}

/// Files of choices of each kind, what stands in them, and what is wrong with one.
fn choices() -> Vec<Vec<u8>> {
    let address = Ipv4Addr::new(198, 51, 100, 10).into();
    let by = Author {
        who: "unix uid 0 gid 0 pid 4711".into(),
        why: "a \"disk\"\n\u{1f4a5}".into(),
        at: 1_790_000_000,
    };
    let of = |choice| BackendChoice {
        name: "ams".into(),
        address,
        enabled: choice != Choice::Enabled,
        choice,
        by: by.clone(),
    };
    let prefix = Prefix { address: Ipv6Addr::LOCALHOST.into(), len: 64 };
    let vip = VipKey { prefix, protocol: Protocol::TCP, port: 443 };
    let weight = WeightChoice {
        vip,
        pool: "primary".into(),
        backend: "ams".into(),
        address,
        configured: Weight::MAX,
        weight: Weight::ZERO,
        by: Author::default(),
    };
    let backends = [Choice::Paused, Choice::Disabled, Choice::Enabled].map(of).to_vec();
    let doubts = [Doubt::Nobody, Doubt::Unseen, Doubt::Held(vec![(vip, address)])];
    let full =
        doubts.map(|doubt| Memory { backends: backends.clone(), weights: vec![weight.clone()], doubt });
    let files: Vec<String> = full.iter().chain([&Memory::default()]).map(print).collect();
    let bodies = files.iter().filter_map(|file| Some(file.split_once('\n')?.1));
    let spoiled = ["\"at\": 1", "198.51", "Paused", "443", "100", "[]"].map(|what| (what, files[0].as_str()));
    let spoiled = spoiled.map(|(what, file)| file.replace(what, "-1"));
    let deep = "[".repeat(300);
    let wrong =
        ["", "{}\n", "null", "{\"maglev-choices\":2}\n", "{\"maglev-choices\":1,\"bytes\":-1}\n{}", &deep];
    let all =
        files.iter().map(String::as_str).chain(bodies).chain(spoiled.iter().map(String::as_str)).chain(wrong);
    all.map(|text| text.as_bytes().to_vec()).chain([vec![0xff; 9]]).collect()
}

/// Each message alone, the handshake with a table, and what the debug CLI prints.
fn frames() -> Vec<Vec<u8>> {
    let mut inputs: Vec<Vec<u8>> = Kind::ALL.into_iter().map(|kind| stream(0, &[plain(kind)])).collect();
    let shifted = frame::ids().into_iter().map(|(id, key)| (id + 1_000, key)).collect();
    let hello = Answer::SockclntCreateReply { response: 0, index: 7, messages: shifted };
    let retval = Answer::Retval(Kind::LbConfReply, -1).encode(frame::id_of(Kind::LbConfReply) + 1_000, 3);
    inputs.push(stream(7, &[hello.encode(16, 1), retval]));
    for text in fixtures("vpp").into_iter().filter(|text| text.starts_with(b" ip")) {
        let text = String::from_utf8_lossy(&text).into_owned();
        let answer = Answer::CliInbandReply { retval: 0, text };
        inputs.push(stream(200, &[answer.encode(frame::id_of(Kind::CliInbandReply), 9)]));
    }
    let all: Vec<Vec<u8>> = Kind::ALL.into_iter().map(plain).collect();
    inputs.push(stream(1, &all));
    let short = |message: Vec<u8>| message[..message.len() - 1].to_vec();
    inputs.push(stream(
        0,
        &[short(plain(Kind::LbAsV2Details)), short(plain(Kind::LbConf)), vec![255; 2], vec![]],
    ));
    inputs.push([&[0; 9][..], &[255; 8]].concat());
    inputs
}

/// A message of this kind in which everything is zero, but for what has no zero.
fn plain(kind: Kind) -> Vec<u8> {
    const ZEROS: &[u8] = &[0; 512];
    let id = frame::id_of(kind);
    if let Ok((context, answer)) = Answer::decode(kind, ZEROS) {
        return answer.encode(id, context);
    }
    match Ask::decode(kind, ZEROS) {
        Ok((prefix, Ask::LbAddDelVipV2 { vip, .. })) => {
            let encap = Encap::Gre6;
            Ask::LbAddDelVipV2 { vip, encap, table_length: 1_024, src_ip_sticky: true, is_del: false }
                .encode(id, prefix)
        }
        Ok((prefix, ask)) => ask.encode(id, prefix),
        Err(error) => panic!("{error}"),
    }
}

/// An input: how the stream is cut, and the stream.
fn stream(cut: u8, payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut input = vec![cut];
    payloads.iter().for_each(|payload| put_frame(&mut input, OUR_MARK, payload));
    input
}
