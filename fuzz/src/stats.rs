//! Any bytes as VPP's stats segment: answered or refused, each time alike, with an effort that has a bound.
//!
//! The first bytes say what is wanted, and what VPP changes before which of our reads. What a reader would get wrong: the
//! state that VPP leaves and the one that it reaches have two epochs, always, since that is what VPP promises.

use std::cell::Cell;
use std::io;

use maglevd::vpp::stats::{Memory, Sample, Segment, StatsError, Traffic, Wanted};

use crate::Seen;

/// When VPP begins to write, for how long, how many zeros follow, how many [`CHANGE`]s; then five indexes of two bytes.
const HEAD: usize = 14;
/// Where, in words of eight bytes, and what stands there afterwards.
const CHANGE: usize = 10;
/// A segment is mostly zeros; so many of them are a step of ours.
const ZEROS: u64 = 4_096;
const EPOCH: std::ops::Range<usize> = 16..24;
/// What lies before this is the header.
const HEADER: usize = 40;
/// A reader that meets a writer gives up after so many looks at the header; the writer of ours is faster.
const ATTEMPTS: u64 = 200;
/// Nothing that a segment says makes the reader take more than this into its hands: 512 entries of a directory.
const LARGEST: u64 = 512 * 144;
/// A vector that claims more threads is refused.
const THREADS_MAX: u64 = 1_024;

/// # Panics
/// When a promise of the reader is broken.
pub fn run(data: &[u8], seen: &mut Seen) {
    let Some(input) = Input::of(data) else { return };
    let before = input.at_rest(&input.before);
    let after = input.at_rest(&input.after);
    note(&before, seen);
    note(&after, seen);
    input.moves(&before, &after, seen);
}

/// What the reader says: why it refuses is compared in words.
type Told = Result<Sample, String>;

fn told(read: Result<Sample, StatsError>) -> Told {
    read.map_err(|error| error.to_string())
}

struct Input {
    wanted: Wanted,
    moment: u64,
    busy: u64,
    zeros: u64,
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Input {
    fn of(data: &[u8]) -> Option<Self> {
        let (head, rest) = data.split_at_checked(HEAD)?;
        let (changes, before) = rest.split_at_checked(usize::from(head[3] % 8) * CHANGE)?;
        // The last index stands for one that no vector has.
        let index = |nth: usize| match u16::from_le_bytes([head[4 + 2 * nth], head[5 + 2 * nth]]) {
            u16::MAX => u32::MAX,
            index => index.into(),
        };
        Some(Self {
            wanted: Wanted {
                vips: vec![index(0), index(1)],
                prefixes: vec![index(2)],
                servers: vec![index(3), index(4)],
            },
            moment: head[0].into(),
            busy: (head[1] % 128).into(),
            zeros: u64::from(head[2]) * ZEROS,
            before: before.to_vec(),
            after: changed(before, changes),
        })
    }

    /// Nobody writes: read twice or one by one, it says the same.
    fn at_rest(&self, bytes: &[u8]) -> Told {
        let memory = Shared::still(bytes, self.zeros);
        let mut segment = Segment::new(&memory);
        let first = told(segment.sample(&self.wanted));
        let (reads, most) = (memory.reads.get(), self.most_reads(bytes));
        assert!(reads <= most, "{reads} reads for what should take {most}");
        assert_eq!(told(segment.sample(&self.wanted)), first, "the same bytes, read again");
        for one in ones(&self.wanted) {
            assert_eq!(told(segment.sample(&one)), first.clone().map(|all| part(&self.wanted, &all, &one)));
        }
        if let Ok(sample) = &first {
            assert_eq!(Segment::new(&memory).boot_time().ok(), Some(sample.boot_time), "another boot time");
        }
        first
    }

    /// One reading, the directory included.
    fn most_reads(&self, bytes: &[u8]) -> u64 {
        let size = bytes.len() as u64 + self.zeros;
        let longest = self.wanted.vips.len().max(self.wanted.servers.len()) as u64;
        // A pointer, a length, and a block for each index in each of four kinds and two routes.
        let vectors = 6 * (1 + THREADS_MAX.min(size / 8) * (2 + longest));
        ATTEMPTS + 4 + size / LARGEST + vectors
    }

    /// VPP writes while we read: what is said is all of one state, and at rest of the last one.
    fn moves(&self, before: &Told, after: &Told, seen: &mut Seen) {
        let torn = torn(&self.before);
        let memory = Shared {
            states: [&self.before, &torn, &self.after],
            moment: Cell::new(self.moment),
            busy: self.busy,
            ..Shared::still(&self.before, self.zeros)
        };
        let mut segment = Segment::new(&memory);
        let first = told(segment.sample(&self.wanted));
        assert!(first == *before || first == *after, "{first:?} is neither {before:?} nor {after:?}");
        if before != after {
            seen.note(if first == *before { "before a change" } else { "after a change" });
        }
        memory.moment.set(0);
        memory.reads.set(self.busy);
        assert_eq!(told(segment.sample(&self.wanted)), *after, "it keeps what is over");
        memory.moment.set(u64::MAX);
        assert_eq!(told(segment.sample(&self.wanted)), *before, "it keeps what it met meanwhile");
    }
}

/// What VPP leaves behind when it is done.
fn changed(before: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut after = before.to_vec();
    for change in changes.chunks_exact(CHANGE) {
        let at = 8 * usize::from(u16::from_le_bytes([change[0], change[1]]));
        if let Some(word) = after.get_mut(at..at + 8) {
            word.copy_from_slice(&change[2..]);
        }
    }
    if let Some(epoch) = before.get(EPOCH).and_then(|epoch| epoch.try_into().ok()).map(u64::from_ne_bytes) {
        after[EPOCH].copy_from_slice(&epoch.wrapping_add(1).to_ne_bytes());
    }
    after
}

/// What a reader meets while VPP writes: garbage, under a header that says so.
fn torn(before: &[u8]) -> Vec<u8> {
    let mut torn = before.to_vec();
    torn.iter_mut().skip(HEADER).for_each(|byte| *byte = 0xaa);
    torn.iter_mut().skip(EPOCH.end).take(1).for_each(|in_progress| *in_progress = 1);
    torn
}

/// Each index alone.
fn ones(wanted: &Wanted) -> Vec<Wanted> {
    let vips = wanted.vips.iter().map(|vip| Wanted { vips: vec![*vip], ..Wanted::default() });
    let prefixes = wanted.prefixes.iter().map(|to| Wanted { prefixes: vec![*to], ..Wanted::default() });
    let servers = wanted.servers.iter().map(|via| Wanted { servers: vec![*via], ..Wanted::default() });
    vips.chain(prefixes).chain(servers).collect()
}

/// What is said of some indexes among all.
fn part(wanted: &Wanted, all: &Sample, some: &Wanted) -> Sample {
    fn of<T: Copy>(wanted: &[u32], all: &[T], some: &[u32]) -> Vec<T> {
        assert_eq!(wanted.len(), all.len(), "an answer for each that was asked for");
        some.iter().filter_map(|one| Some(all[wanted.iter().position(|index| index == one)?])).collect()
    }
    Sample {
        vips: of(&wanted.vips, &all.vips, &some.vips),
        prefixes: of(&wanted.prefixes, &all.prefixes, &some.prefixes),
        servers: of(&wanted.servers, &all.servers, &some.servers),
        ..*all
    }
}

/// Memory that VPP changes before one of our reads.
struct Shared<'a> {
    /// What VPP leaves, what it does, and what it reaches.
    states: [&'a [u8]; 3],
    zeros: u64,
    /// The first read that meets the writer, and how many do.
    moment: Cell<u64>,
    busy: u64,
    reads: Cell<u64>,
}

impl<'a> Shared<'a> {
    const fn still(bytes: &'a [u8], zeros: u64) -> Self {
        Self { states: [bytes; 3], zeros, moment: Cell::new(u64::MAX), busy: 0, reads: Cell::new(0) }
    }

    /// What the next read finds.
    fn next(&self) -> &'a [u8] {
        let nth = self.reads.get();
        self.reads.set(nth + 1);
        let [before, torn, after] = self.states;
        match nth.checked_sub(self.moment.get()) {
            None => before,
            Some(since) if since < self.busy => torn,
            Some(_) => after,
        }
    }
}

impl Memory for &Shared<'_> {
    fn size(&self) -> io::Result<u64> {
        Ok(self.states[0].len() as u64 + self.zeros)
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        let bytes = self.next();
        let (size, length) = (self.size()?, into.len() as u64);
        assert!(length <= LARGEST, "{length} bytes at once");
        if at.checked_add(length).is_none_or(|end| end > size) {
            assert!(at == 0 && length == HEADER as u64, "{length} bytes at {at} of {size}");
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        into.fill(0);
        let rest = bytes.get(at as usize..).unwrap_or_default();
        into.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
        Ok(())
    }
}

fn note(told: &Told, seen: &mut Seen) {
    let sample = match told {
        Ok(sample) => sample,
        Err(why) if why.starts_with("reading") => return seen.note("too short"),
        Err(why) if why.contains("never at rest") => return seen.note("never at rest"),
        Err(_) => return seen.note("another layout"),
    };
    for vip in &sample.vips {
        seen.note(if vip.is_some() { "vip" } else { "no vip" });
    }
    for (what, routes) in [("prefix", &sample.prefixes), ("server", &sample.servers)] {
        if routes.iter().flatten().any(|traffic| *traffic != Traffic::default()) {
            seen.note(what);
        }
    }
}

pub(crate) fn must_see() -> Vec<&'static str> {
    let refused = ["too short", "never at rest", "another layout"];
    let told = ["vip", "no vip", "prefix", "server", "before a change", "after a change"];
    refused.into_iter().chain(told).collect()
}
