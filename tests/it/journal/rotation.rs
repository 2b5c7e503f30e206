//! A full file turns into `F.1`, and both can be replayed without what came before.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use maglev_core::{Config, Engine, Instant};
use maglev_journal::{Entry, Heard, Reader, Run};
use maglev_sim::replay::{Why, rebase, sample};
use maglevd::journal::{Book, Journal};

use super::{assert_agrees, replayed};
use crate::support::backends::Scratch;

/// Lets an engine live through `hours` of a quiet site, and writes that down in files of `size` together.
fn live(book: Book, hours: u64) -> u64 {
    let text = sample(8, Duration::from_secs(3_600 * hours));
    let mut running: Option<(Engine, Journal)> = None;
    let mut book = Some(book);
    let mut steps = 0;
    for read in Reader::new(&text[..]) {
        match read.unwrap().1 {
            Entry::Head(head) => {
                let (config, _) = Config::check(&head.draft).unwrap();
                let engine = Engine::new(Arc::new(config), head.seed, Instant::START);
                let run = Run { seed: head.seed, vpp: true, draft: Arc::clone(&head.draft), began: 0 };
                running = Some((engine, book.take().unwrap().begin(run)));
            }
            Entry::Record(record) => {
                let (engine, journal) = running.as_mut().unwrap();
                let Heard::Input(input) = record.heard else { panic!("the site is quiet") };
                journal.hears(&input, record.at);
                let actions = engine.handle(input, record.at);
                journal.steps(engine, &actions);
                steps += 1;
            }
            Entry::Check(_) => (),
        }
    }
    steps
}

#[test]
fn both_files_are_replayed_alone_and_together_they_are_bounded() {
    let scratch = Scratch::new();
    let path = scratch.file("journal", "");
    let path = Path::new(&path);
    let old = path.with_file_name("journal.1");
    let size = 8 << 20;
    let steps = live(Book::open(path, size).unwrap(), 8);
    let lengths = [path, &old].map(|path| fs::metadata(path).unwrap().len());
    assert!(lengths.iter().sum::<u64>() <= size, "{lengths:?}");
    assert!(lengths[1] > size / 4, "{lengths:?}");
    let (before, after) = (assert_agrees(&old), assert_agrees(path));
    assert!(before.lost == 0 && after.lost == 0, "{before:?}, {after:?}");
    assert!(before.stretches == 1 && after.stretches == 1, "{before:?}, {after:?}");
    let text = fs::read(path).unwrap();
    let first = Reader::new(&text[..]).next().unwrap().unwrap().1;
    let Entry::Head(head) = first else { panic!("{first:?}") };
    let checkpoint = head.checkpoint.expect("the second file begins in the midst of the run");
    assert_eq!(checkpoint.steps + after.records, steps, "not one step is missing at the end");

    // Both in one file are one journal, too.
    let both = [fs::read(&old).unwrap(), text].concat();
    let summary = replayed(&both).unwrap();
    assert!(summary.difference.is_none() && summary.stretches == 2, "{summary:?}");
    assert_eq!(summary.records, before.records + after.records);
    let mut anew = Vec::new();
    rebase(&both[..], &mut anew).unwrap();
    assert_eq!(replayed(&anew).unwrap().records, summary.records);
}

#[test]
fn a_checkpoint_of_another_version_or_a_damaged_one_is_refused_in_words() {
    let scratch = Scratch::new();
    let path = scratch.file("journal", "");
    live(Book::open(Path::new(&path), 4 << 20).unwrap(), 6);
    let text = fs::read_to_string(&path).unwrap();
    let other =
        text.replacen(&format!("\"version\":\"{}\"", maglev_journal::VERSION), "\"version\":\"0.0.7\"", 1);
    let err = replayed(other.as_bytes()).unwrap_err();
    assert!(matches!(err.why, Why::Checkpoint { line: 1, .. }));
    assert!(err.to_string().contains("written by version 0.0.7"), "{err}");

    // Whatever stands there: an answer in words, within a moment, and no panic that gets out.
    let (start, end) = {
        let key = "\"engine\":\"";
        let start = text.find(key).unwrap() + key.len();
        (start, start + text[start..].find('"').unwrap())
    };
    let mut bytes = text.into_bytes();
    bytes.truncate(end + 20_000);
    for at in (start..end).step_by(7) {
        let before = std::mem::replace(&mut bytes[at], b'f');
        if before != b'f' {
            // Names are in no digest, so a few of these are taken, and then agree.
            let _ = replayed(&bytes);
        }
        bytes[at] = before;
    }
}
