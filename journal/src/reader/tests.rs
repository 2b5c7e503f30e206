//! Whole journals, torn ones, and garbage.

use std::sync::Arc;
use std::time::Duration;

use maglev_core::config::{CheckKind, Config, Draft, DraftBackend, DraftCheck};
use maglev_core::input::{Disconnect, FailCode, Failure, LocalFault, Outcome};
use maglev_core::{ConnectionId, Engine, Input, ProbeId};

use super::*;
use crate::{Heard, Recorder, Run, State};

fn draft(backends: u8) -> Arc<Draft> {
    let backend =
        |n: u8| DraftBackend { address: [10, 0, 0, n].into(), healthcheck: Some("c".into()), enabled: true };
    Arc::new(Draft {
        healthchecks: vec![("c".into(), DraftCheck::new(CheckKind::Tcp { port: 80, tls: None }))],
        backends: (1..=backends).map(|n| (format!("b{n}"), backend(n))).collect(),
        ..Draft::default()
    })
}

fn checked(draft: &Draft) -> Arc<Config> {
    Arc::new(Config::check(draft).expect("it breaks no rule").0)
}

/// One input of every shape that a line has.
fn inputs() -> Vec<Input> {
    let probe = ProbeId { slot: 1, number: 2 };
    let finished =
        |outcome| Input::ProbeFinished { probe, outcome, took: Duration::from_nanos(1_234_567_891) };
    let failure = Failure { code: FailCode::L7Sts, detail: "503 \"\u{e9}\n".to_owned() };
    vec![
        Input::WakeupDue,
        finished(Outcome::Pass),
        finished(Outcome::Fail(failure)),
        finished(Outcome::Inconclusive(LocalFault::Errno("EMFILE"))),
        Input::VppDisconnected { connection: ConnectionId(1), why: Disconnect::Link("gone".to_owned()) },
        Input::ConfigRejected { kind: "semantic", err: "bad".to_owned() },
        Input::ShutdownRequested,
    ]
}

/// A journal of [`inputs`], with a checkpoint and a reload before the last.
fn journal() -> (Vec<u8>, Engine) {
    let first = draft(2);
    let mut engine = Engine::new(checked(&first), 7, Instant::START);
    let mut recorder = Recorder::new(Run { seed: 7, vpp: true, draft: first, began: 5 });
    let mut text = Vec::new();
    recorder.head(None, 0).write(&mut text);
    let inputs = inputs();
    let mut inputs = inputs.into_iter().map(|input| (input, None)).collect::<Vec<_>>();
    let next = draft(3);
    inputs.insert(6, (Input::ConfigLoaded { config: checked(&next), forced: true }, Some(next)));
    for (second, (input, draft)) in (0..).zip(inputs) {
        if second == 6 {
            recorder.head(Some(&engine), 3).write(&mut text);
        }
        draft.into_iter().for_each(|draft| recorder.offers(draft));
        let now = Instant::from_start(Duration::from_secs(second));
        recorder.hears(&input, now);
        let actions = engine.handle(input, now);
        let (record, check) = recorder.steps(&engine, &actions).expect("every draft was offered");
        Entry::Record(Box::new(record)).write(&mut text);
        check.into_iter().for_each(|check| Entry::Check(check).write(&mut text));
    }
    (text, engine)
}

fn read(text: &[u8]) -> (Vec<Numbered>, Option<ReadError>, bool) {
    let mut reader = Reader::new(text);
    let mut entries = Vec::new();
    let mut failed = None;
    for entry in reader.by_ref() {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(err) => failed = Some(err),
        }
    }
    (entries, failed, reader.is_torn())
}

#[test]
fn every_entry_comes_back_as_it_was() {
    let (text, engine) = journal();
    let (entries, failed, torn) = read(&text);
    assert!(failed.is_none() && !torn, "{failed:?}");
    let mut again = Vec::new();
    entries.iter().for_each(|(_, entry)| entry.write(&mut again));
    assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&text));
    let heard: Vec<_> = entries
        .iter()
        .filter_map(|(_, entry)| if let Entry::Record(record) = entry { Some(&record.heard) } else { None })
        .collect();
    let mut wanted: Vec<_> = inputs().into_iter().map(Heard::Input).collect();
    wanted.insert(6, Heard::Config { draft: draft(3), forced: true });
    assert_eq!(heard, wanted.iter().collect::<Vec<_>>());
    let Some((_, Entry::Check(check))) = entries.last() else { panic!("no check at the end: {entries:?}") };
    assert_eq!((check.steps, check.state), (8, crate::Chain::of(&engine)));
}

#[test]
fn a_wakeup_and_a_pass_are_short_and_everything_can_be_searched_for() {
    let (text, _) = journal();
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].starts_with("{\"t\":0,\"h\":") && lines[1].len() < 25, "{}", lines[1]);
    assert!(lines[2].ends_with(",\"p\":[1,2,1234567891]}"), "{}", lines[2]);
    assert!(lines[3].contains("\"L7Sts\"") && lines[3].contains("503"), "{}", lines[3]);
}

#[test]
fn a_torn_last_line_is_left_out_wherever_it_is_torn() {
    let (text, _) = journal();
    let lines = |upto: usize| text[..upto].iter().filter(|byte| **byte == b'\n').count();
    for length in 0..text.len() {
        let (entries, failed, torn) = read(&text[..length]);
        assert_eq!(entries.len(), lines(length), "{length} bytes");
        assert_eq!(failed.is_some(), lines(length) == 0, "{length} bytes: {failed:?}");
        assert_eq!(torn, length > 0 && text[length - 1] != b'\n');
    }
}

#[test]
fn garbage_is_an_error_that_names_its_line_and_nothing_after_it_is_read() {
    let (text, _) = journal();
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    for garbage in [
        &b"\n"[..],
        b"\0\0\0\0\n",
        b"not json\n",
        b"{\"t\":1}x\n",
        b"{\"t\":-1,\"h\":1}\n",
        b"{\"t\":1,\"h\":1,\"z\":2}\n",
        b"{\"t\":1,\"h\":1,\"p\":[1,2,3],\"i\":\"WakeupDue\"}\n",
        b"{\"t\":1,\"h\":1,\"i\":{\"ConfigLoaded\":{\"config\":{},\"forced\":true}}}\n",
        b"{\"t\":1,\"h\":1,\"i\":{\"ProbeFinished\":{\"probe\":{\"slot\":1,\"number\":2},\"outcome\":{\"Inconclusive\":{\"Errno\":\"EWHAT\"}},\"took\":{\"secs\":1,\"nanos\":0}}}}\n",
        b"{\"n\":1,\"chain\":\"00\",\"state\":\"00\"}\n",
        b"{\"maglev-journal\":1}\n",
        b"\xff\xfe\n",
    ] {
        let mut lines = lines.clone();
        lines.insert(4, garbage);
        let (entries, failed, _) = read(&lines.concat());
        assert_eq!(entries.len(), 4);
        let Some(ReadError::Garbage { line: 5, .. }) = failed else { panic!("{failed:?}") };
    }
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    let (_, failed, _) = read(&swapped.concat());
    assert_eq!(
        failed.unwrap().to_string(),
        "line 4 is damaged, and nothing after it can be trusted: time goes backwards"
    );
}

#[test]
fn what_is_no_journal_is_not_taken_for_one() {
    let why = |text: &str| read(text.as_bytes()).1.expect("an error").to_string();
    assert_eq!(why(""), "there is not one whole line in it");
    assert_eq!(
        why("maglev:\n"),
        "it is no journal of maglevd: line 1 does not begin with {\"maglev-journal\":"
    );
    let later = "{\"maglev-journal\":2,\"unheard\":\"of\"}\n";
    assert_eq!(why(later), "line 1 says format 2, and this program reads 1: use the version that line names");
}

fn head(text: &[u8]) -> crate::Head {
    let heads = read(text)
        .0
        .into_iter()
        .filter_map(|(_, entry)| if let Entry::Head(head) = entry { Some(*head) } else { None });
    heads.last().expect("there is one")
}

#[test]
fn a_checkpoint_is_the_engine_and_a_damaged_one_is_refused() {
    let (text, _) = journal();
    let head = head(&text);
    let checkpoint = head.checkpoint.as_ref().expect("the second head has one");
    let engine = head.revive(checkpoint).expect("it is whole");
    assert_eq!((checkpoint.steps, engine.backends().count(), head.lost), (6, 2, 3));

    let State::Written(digits) = &checkpoint.engine else { panic!("it was read") };
    let mut damaged = checkpoint.clone();
    for at in 0..digits.len() {
        let mut other = digits.clone().into_bytes();
        other[at] = if other[at] == b'0' { b'1' } else { b'0' };
        damaged.engine = State::Written(String::from_utf8(other).unwrap());
        // Names and the like are no part of the digest; nothing else may pass, and nothing may panic.
        if let Ok(other) = head.revive(&damaged) {
            assert_eq!(crate::Chain::of(&other), crate::Chain::of(&engine));
        }
    }
    for length in 0..digits.len() {
        damaged.engine = State::Written(digits[..length].to_owned());
        assert!(head.revive(&damaged).is_err(), "{length} digits");
    }
    let other = crate::Head { version: "0.0.9".to_owned(), ..head.clone() };
    let err = other.revive(checkpoint).unwrap_err().to_string();
    assert!(err.starts_with("its checkpoint was written by version 0.0.9 and this is "), "{err}");
}
