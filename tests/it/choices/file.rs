//! The file: what was written is found again, and whatever else is there is lost, never taken for something else.

use std::fs;
use std::path::{Path, PathBuf};

use maglev_core::memory::{BackendChoice, Choice, Doubt, WeightChoice};
use maglev_core::model::Weight;
use maglev_core::{Author, Memory, Recollection};
use maglevd::choices::{Choices, ChoicesError};

use crate::support::scratch::Scratch;
use crate::support::site::vip;

const NAME: &str = "operator-choices.json";

fn author() -> Author {
    Author { who: "uid 0 (root)".into(), why: "disk\nswap \u{1f4a5}".into(), at: 1_790_000_000 }
}

fn memory() -> Memory {
    let address = [198, 51, 100, 10].into();
    let backend =
        BackendChoice { name: "ams".into(), address, enabled: true, choice: Choice::Paused, by: author() };
    let weight = WeightChoice {
        vip: vip(80),
        pool: "primary".into(),
        backend: "ams".into(),
        address,
        configured: Weight::MAX,
        weight: Weight::ZERO,
        by: author(),
    };
    let doubt = Doubt::Held(vec![(vip(80), address)]);
    Memory { backends: vec![backend], weights: vec![weight], doubt }
}

fn folder(scratch: &Scratch) -> PathBuf {
    let inside: PathBuf = scratch.file("beside", "").into();
    inside.with_file_name("state")
}

fn open(folder: &Path) -> (Choices, Recollection) {
    Choices::open(folder).unwrap()
}

/// What a new process finds.
fn found(folder: &Path) -> Recollection {
    open(folder).1
}

fn lost(folder: &Path) -> String {
    match found(folder) {
        Recollection::Lost(why) => why,
        other => panic!("nothing is lost: {other:?}"),
    }
}

#[test]
fn what_was_written_is_found_again() {
    let scratch = Scratch::new();
    let folder = folder(&scratch);
    let (choices, first) = open(&folder);
    assert_eq!(first, Recollection::Nothing);
    choices.write(&memory()).unwrap();
    choices.write(&Memory::default()).unwrap();
    choices.write(&memory()).unwrap();
    drop(choices);
    assert_eq!(found(&folder), Recollection::Known(memory()));
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["lock", NAME], "nothing is left behind");
}

#[test]
fn a_file_cut_at_any_byte_is_lost_and_never_nothing() {
    let scratch = Scratch::new();
    let folder = folder(&scratch);
    open(&folder).0.write(&memory()).unwrap();
    let whole = fs::read(folder.join(NAME)).unwrap();
    assert!(whole.len() > 500, "{}", whole.len());
    for length in 0..whole.len() {
        fs::write(folder.join(NAME), &whole[..length]).unwrap();
        let why = lost(&folder);
        assert!(
            why.contains(NAME) && why.ends_with("it is set aside when the next one is written"),
            "{length}: {why}"
        );
    }
}

#[test]
fn a_file_with_any_other_byte_is_lost() {
    let scratch = Scratch::new();
    let folder = folder(&scratch);
    open(&folder).0.write(&memory()).unwrap();
    let whole = fs::read(folder.join(NAME)).unwrap();
    for at in 0..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 1;
        fs::write(folder.join(NAME), &bad).unwrap();
        // In the first line an odd blank may still mean the same.
        match found(&folder) {
            Recollection::Lost(_) => (),
            Recollection::Known(same) => assert_eq!(same, memory(), "byte {at}"),
            Recollection::Nothing => panic!("byte {at}: taken for nothing"),
        }
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    let scratch = Scratch::new();
    let folder = folder(&scratch);
    drop(open(&folder));
    for (text, why) in [
        ("", "it ends within its first line"),
        ("{}\n", "its first line is not that of a file of choices"),
        ("{\"maglev-choices\":2}\n", "it has version 2, and this maglevd reads 1"),
        ("{\"maglev-choices\":1,\"bytes\":5}\n{}\n", "5 bytes were written and 3 are there"),
        ("{\"maglev-choices\":1,\"bytes\":3,\"xxh64\":\"0\"}\n{}\n", "its checksum is wrong"),
        ("nonsense\n", "its first line: "),
    ] {
        fs::write(folder.join(NAME), text).unwrap();
        let said = lost(&folder);
        assert!(said.contains(why), "{text:?}: {said}");
    }
    fs::remove_file(folder.join(NAME)).unwrap();
    fs::create_dir(folder.join(NAME)).unwrap();
    assert!(lost(&folder).ends_with("cannot be read: it is no regular file"));
}

#[test]
fn the_unreadable_is_set_aside_when_something_new_is_there() {
    let scratch = Scratch::new();
    let folder = folder(&scratch);
    drop(open(&folder));
    fs::write(folder.join(NAME), "what somebody may still read").unwrap();
    // Whoever dies before it has written leaves everything as it was.
    lost(&folder);
    let (choices, _) = open(&folder);
    choices.write(&memory()).unwrap();
    choices.write(&memory()).unwrap();
    drop(choices);
    assert_eq!(found(&folder), Recollection::Known(memory()));
    let aside: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|path| path.to_str().unwrap().contains("unreadable"))
        .collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert_eq!(fs::read_to_string(&aside[0]).unwrap(), "what somebody may still read");
}

#[test]
fn two_daemons_do_not_share_a_folder() {
    let scratch = Scratch::new();
    let folder = folder(&scratch);
    let first = open(&folder);
    let refused = Choices::open(&folder).unwrap_err();
    assert!(matches!(refused, ChoicesError::InUse(_)));
    assert!(refused.to_string().ends_with("give each its own folder"), "{refused}");
    drop(first);
    open(&folder);
}

#[test]
fn what_cannot_be_written_says_what_to_do_and_keeps_what_was() {
    let scratch = Scratch::new();
    let folder = folder(&scratch);
    let (choices, _) = open(&folder);
    choices.write(&memory()).unwrap();
    // In the way of the new file.
    fs::create_dir(folder.join(format!("{NAME}.new"))).unwrap();
    let err = choices.write(&Memory::default()).unwrap_err().to_string();
    assert!(err.contains("cannot be made") && err.contains("--state-dir"), "{err}");
    drop(choices);
    assert_eq!(found(&folder), Recollection::Known(memory()));
    // A folder that cannot be is no reason not to start.
    let nowhere = folder.join(NAME).join("below-a-file");
    let (choices, found) = open(&nowhere);
    assert!(matches!(found, Recollection::Lost(_)), "{found:?}");
    assert!(choices.write(&memory()).is_err());
}
