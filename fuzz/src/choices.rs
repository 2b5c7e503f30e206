//! Any bytes as the file of operators' choices: lost with a reason, or the same again when written and read.
//!
//! What a reader would get wrong: nobody guesses a checksum, so the bytes are tried as a body, too, under a first line that
//! belongs to them.

use maglev_core::Memory;
use maglev_core::memory::{Choice, Doubt};
use maglevd::choices::{parse, print, seal};

use crate::Seen;

/// # Panics
/// When a promise of the reader or of the printer is broken.
pub fn run(data: &[u8], seen: &mut Seen) {
    match parse(data) {
        Ok(memory) => {
            seen.note("file");
            comes_back(&memory);
            is_whole(data);
        }
        Err(why) => {
            seen.note("no file");
            assert!(!why.is_empty(), "lost without a reason");
        }
    }
    let Ok(body) = str::from_utf8(data) else { return };
    match parse(seal(body).as_bytes()) {
        Ok(memory) => {
            note(&memory, seen);
            comes_back(&memory);
        }
        Err(why) => {
            seen.note("no body");
            let head = ["checksum", "first line", "were written", "has version"];
            assert!(
                !head.iter().any(|word| why.starts_with("it") && why.contains(word)),
                "its own seal is refused: {why}"
            );
        }
    }
}

fn comes_back(memory: &Memory) {
    let text = print(memory);
    let again =
        parse(text.as_bytes()).unwrap_or_else(|why| panic!("what was written is lost: {why}\n{text}"));
    assert!(again == *memory, "what was written is read as something else:\n{text}");
    assert_eq!(print(&again), text, "what was read is written otherwise");
}

/// A file that ends early, or in which a byte of the body is another one, is none.
fn is_whole(data: &[u8]) {
    parse(&data[..data.len() - 1]).expect_err("half a file is taken for one");
    let mut other = data.to_vec();
    let last = other.len() - 1;
    other[last] ^= 1;
    parse(&other).expect_err("another file is taken for this one");
}

fn note(memory: &Memory, seen: &mut Seen) {
    seen.note("body");
    for backend in &memory.backends {
        seen.note(match backend.choice {
            Choice::Paused => "paused",
            Choice::Disabled => "disabled",
            Choice::Enabled => "enabled",
        });
    }
    if !memory.weights.is_empty() {
        seen.note("weight");
    }
    match memory.doubt {
        Doubt::Nobody => (),
        Doubt::Unseen => seen.note("unseen"),
        Doubt::Held(_) => seen.note("held"),
    }
}

pub(crate) fn must_see() -> Vec<&'static str> {
    vec!["file", "no file", "body", "no body", "paused", "disabled", "enabled", "weight", "unseen", "held"]
}
