//! Journals of real runs, replayed by the present engine.
//!
//! After a deliberate change of what the engine answers, `make journals` makes their hashes anew from their inputs; the
//! diff then says in which records. `record.rs` tells how they were recorded.

use std::fs;
use std::path::PathBuf;

use maglev_journal::{Entry, Reader};
use maglev_sim::replay::{What, Why, rebase, sample};

use super::{assert_agrees, replayed};

const NAMES: [&str; 3] = ["demo", "reload-storm", "vpp-killed"];

fn path(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("fixtures/journals").join(format!("{name}.jsonl"))
}

#[test]
fn every_output_of_three_real_runs_is_the_same_as_then() {
    for name in NAMES {
        let path = path(name);
        if std::env::var_os("REBASE").is_some() {
            let text = fs::read(&path).unwrap();
            let mut anew = Vec::new();
            rebase(&text[..], &mut anew).unwrap_or_else(|err| panic!("{name}: {err}"));
            fs::write(&path, anew).unwrap();
        }
        let summary = assert_agrees(&path);
        assert!(summary.records > 100 && summary.checks > 0, "{name}: {summary:?}");
        println!("{name}: {} records, {} checks, {:?}", summary.records, summary.checks, summary.span);
    }
}

#[test]
fn a_rebase_by_the_same_engine_changes_nothing() {
    for name in NAMES {
        let text = fs::read(path(name)).unwrap();
        let mut anew = Vec::new();
        let read = rebase(&text[..], &mut anew).unwrap();
        assert!(anew == text, "{name} is another one after {read:?}");
    }
}

#[test]
fn fixtures_stay_small() {
    for name in NAMES {
        let length = fs::metadata(path(name)).unwrap().len();
        assert!(length < 300_000, "{name}: {length} bytes; record a shorter run");
    }
}

/// The lines of a fixture, each with its end.
fn lines(name: &str) -> Vec<String> {
    fs::read_to_string(path(name)).unwrap().split_inclusive('\n').map(str::to_owned).collect()
}

fn is_record(line: &str) -> bool {
    line.starts_with("{\"t\":")
}

/// Another hash in the record on this line.
fn with_another_hash(line: &str) -> String {
    let (head, rest) = line.split_once("\"h\":").unwrap();
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
    let hash: u32 = rest[..digits].parse().unwrap();
    format!("{head}\"h\":{}{}", hash ^ 1, &rest[digits..])
}

#[test]
fn a_changed_hash_is_reported_with_its_record() {
    let lines = lines("vpp-killed");
    for at in
        (1..lines.len() - 1).filter(|at| is_record(&lines[*at]) && is_record(&lines[*at + 1])).step_by(17)
    {
        let mut changed = lines.clone();
        changed[at] = with_another_hash(&changed[at]);
        let summary = replayed(changed.concat().as_bytes()).unwrap();
        let difference = summary.difference.expect("a difference");
        assert!(matches!(difference.what, What::Hash { next_agrees: true, .. }), "{difference}");
        assert_eq!(difference.step.line, at as u64 + 1);
        let number = lines[..=at].iter().filter(|line| is_record(line)).count();
        assert_eq!(difference.step.number, number as u64);
        assert_eq!(difference.before.len(), 3.min(number - 1));
    }
}

#[test]
fn an_input_that_is_left_out_is_a_difference_where_it_begins_to_matter() {
    let lines = lines("vpp-killed");
    let mut missed = 0;
    for at in (1..lines.len()).filter(|at| lines[*at].contains("\"VppReplied\"")).step_by(5) {
        let mut changed = lines.clone();
        changed.remove(at);
        let summary = replayed(changed.concat().as_bytes()).unwrap();
        let difference = summary.difference.unwrap_or_else(|| panic!("nobody missed {}", lines[at]));
        assert!(difference.step.line > at as u64, "{difference}");
        missed += 1;
    }
    assert!(missed > 3, "only {missed} replies were left out");
}

#[test]
fn garbage_in_the_middle_names_its_line_and_what_came_before_was_replayed() {
    let mut lines = lines("demo");
    let middle = lines.len() / 2;
    lines.insert(middle, "{\"t\":12,\"h\n".to_owned());
    let err = replayed(lines.concat().as_bytes()).unwrap_err();
    let before = lines[..middle].iter().filter(|line| is_record(line)).count();
    assert_eq!(err.before.records, before as u64);
    assert!(err.before.difference.is_none());
    let text = err.to_string();
    assert!(text.starts_with(&format!("line {} is damaged, and nothing after it", middle + 1)), "{text}");
    assert!(matches!(err.why, Why::Read(_)));
}

#[test]
fn a_difference_is_told_in_words() {
    let lines = lines("vpp-killed");
    let at = lines.iter().position(|line| line.contains("\"VppConnected\"")).expect("VPP was there");
    let mut changed = lines.clone();
    changed[at] = with_another_hash(&lines[at]);
    let difference = replayed(changed.concat().as_bytes()).unwrap().difference.expect("a difference");
    let told = difference.to_string();
    for words in [
        "first difference: ",
        &format!("(line {}) at ", at + 1),
        "connected #1 to VPP ",
        "dump",
        "next wakeup: ",
        "before it",
    ] {
        assert!(told.contains(words), "{words:?} is missing in {told}");
    }
}

#[test]
fn a_quiet_hour_is_replayed_and_read_back_as_it_was() {
    let text = sample(8, std::time::Duration::from_secs(3_600));
    let summary = replayed(&text).unwrap();
    assert!(summary.difference.is_none(), "{}", summary.difference.unwrap());
    assert!(summary.records > 8 * 3_600 * 2, "{summary:?}");
    let mut again = Vec::new();
    for read in Reader::new(&text[..]) {
        let (_, entry): (u64, Entry) = read.unwrap();
        entry.write(&mut again);
    }
    assert!(again == text, "what is read is what was written");
}
