//! Any bytes as a journal: read up to the first damage, written again as the same, and good up to where it was cut.

use maglev_journal::{Entry, ReadError, Reader};

use crate::Seen;

/// # Panics
/// When a promise of the reader or of the writer is broken.
pub fn run(data: &[u8], seen: &mut Seen) {
    let whole = Read::all(data);
    whole.note(seen);
    for entry in &whole.entries {
        revives(entry, seen);
    }
    comes_back(&whole);
    let cut = data.len() / 2;
    is_good_before(&whole, data, cut, &data[..cut]);
    let mut garbled = data.to_vec();
    garbled[cut..].iter_mut().for_each(|byte| *byte = byte.wrapping_mul(31) ^ 0x5a);
    is_good_before(&whole, data, cut, &garbled);
}

/// What a reader makes of bytes.
struct Read {
    entries: Vec<Entry>,
    /// The entries as lines.
    lines: Vec<Vec<u8>>,
    error: Option<ReadError>,
    is_torn: bool,
}

impl Read {
    fn all(data: &[u8]) -> Self {
        let mut reader = Reader::new(data);
        let (mut entries, mut error) = (Vec::new(), None);
        for read in reader.by_ref() {
            assert!(error.is_none(), "a reader went on after {error:?}");
            match read {
                Ok((line, entry)) => {
                    entries.push(entry);
                    assert_eq!(line, entries.len() as u64, "an entry was left out, or its line is another");
                }
                Err(why) => error = Some(why),
            }
        }
        let is_torn = reader.is_torn();
        let lines = entries.iter().map(line).collect();
        Self { entries, lines, error, is_torn }
    }

    fn note(&self, seen: &mut Seen) {
        for entry in &self.entries {
            seen.note(match entry {
                Entry::Head(_) => "head",
                Entry::Record(_) => "record",
                Entry::Check(_) => "check",
            });
        }
        if self.is_torn {
            seen.note("torn");
        }
        if let Some(error) = &self.error {
            assert!(!error.to_string().is_empty(), "an error without words");
            seen.note(match error {
                ReadError::Io { .. } => panic!("memory can always be read: {error}"),
                ReadError::Empty => "empty",
                ReadError::NoJournal => "no journal",
                ReadError::Format { .. } => "format",
                ReadError::Garbage { .. } => "garbage",
            });
        }
    }
}

fn line(entry: &Entry) -> Vec<u8> {
    let mut line = Vec::new();
    entry.write(&mut line);
    line
}

/// A checkpoint is an engine or an error in words.
fn revives(entry: &Entry, seen: &mut Seen) {
    let Entry::Head(head) = entry else { return };
    let Some(checkpoint) = &head.checkpoint else { return };
    match head.revive(checkpoint) {
        Ok(_) => seen.note("revived"),
        Err(error) => {
            assert!(!error.to_string().is_empty(), "an error without words");
            seen.note("checkpoint refused");
        }
    }
}

fn comes_back(whole: &Read) {
    let written = whole.lines.concat();
    if written.is_empty() {
        return;
    }
    let again = Read::all(&written);
    assert!(again.error.is_none() && !again.is_torn, "what was written is not read: {:?}", again.error);
    assert!(
        again.lines == whole.lines,
        "what was written is read as something else:\n{}",
        String::from_utf8_lossy(&written)
    );
}

/// Whatever stands behind `cut`, the whole lines before it are as good as ever.
fn is_good_before(whole: &Read, data: &[u8], cut: usize, other: &[u8]) {
    let before = data[..cut].iter().filter(|byte| **byte == b'\n').count().min(whole.lines.len());
    let read = Read::all(other);
    let kept = read.lines.get(..before);
    assert!(kept == Some(&whole.lines[..before]), "damage after line {before} has spoiled lines before it");
}

pub(crate) fn must_see() -> Vec<&'static str> {
    vec!["head", "record", "check", "torn", "empty", "no journal", "format", "garbage", "checkpoint refused"]
}
