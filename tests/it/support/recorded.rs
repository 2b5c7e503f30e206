//! What a real VPP's stats segment says, as text: the bytes that our reader looked at.
//!
//! A line is an offset and what lies there; what no line tells is zero. What a reader would get wrong: of the directory's
//! symlinks, nine entries in ten, only the type is kept. The reader steps over them, and their names fill 200 KB.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use maglevd::vpp::stats::{KINDS, Memory, Sample, Traffic, Wanted};

use super::golden;
use super::segment::ENTRY;

const SYMLINK: [u8; 4] = 6_u32.to_ne_bytes();

/// Notes what is read of a segment that rests.
pub struct Recorder<M> {
    memory: M,
    read: RefCell<BTreeMap<u64, Vec<u8>>>,
}

impl<M: Memory> Recorder<M> {
    pub const fn new(memory: M) -> Self {
        Self { memory, read: RefCell::new(BTreeMap::new()) }
    }

    /// All that was read, and where the segment ends.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (start, bytes) in self.read.borrow().iter() {
            let is_directory = bytes.len() > ENTRY && bytes.len() % ENTRY == 0;
            for (at, part) in (*start..).step_by(ENTRY).zip(bytes.chunks(ENTRY)) {
                let is_symlink = is_directory && part.starts_with(&SYMLINK);
                let told = golden::line(if is_symlink { &SYMLINK } else { part });
                if !told.is_empty() {
                    writeln!(text, "{at:08x} {told}").unwrap();
                }
            }
        }
        writeln!(text, "{:08x}", self.memory.size().unwrap()).unwrap();
        text
    }
}

impl<M: Memory> Memory for &Recorder<M> {
    fn size(&self) -> io::Result<u64> {
        self.memory.size()
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        self.memory.read_at(into, at)?;
        self.read.borrow_mut().insert(at, into.to_vec());
        Ok(())
    }
}

/// The segment again.
pub fn segment(text: &str) -> Vec<u8> {
    let mut segment = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (at, told) = line.split_once(' ').unwrap_or((line, ""));
        let (at, told) = (usize::from_str_radix(at, 16).unwrap(), golden::bytes(told));
        segment.resize(segment.len().max(at + told.len()), 0);
        segment[at..at + told.len()].copy_from_slice(&told);
    }
    segment
}

/// What `vpp_get_stats dump` says of our counters: `[3 @ 1]: 9 packets, 864 bytes /net/route/to`. It is the other reader of
/// the same segment, by other people.
#[derive(Debug, Default)]
pub struct Dump {
    vips: BTreeMap<u32, [u64; 4]>,
    prefixes: BTreeMap<u32, Traffic>,
    servers: BTreeMap<u32, Traffic>,
}

impl Dump {
    /// Its counters, summed over threads.
    pub fn of(text: &str) -> Self {
        let mut dump = Self::default();
        for line in text.lines().filter(|line| is_ours(line)) {
            dump.take(line).unwrap_or_else(|| panic!("{line}"));
        }
        dump
    }

    fn take(&mut self, line: &str) -> Option<()> {
        let (place, rest) = line.strip_prefix('[')?.split_once(" @ ")?;
        let index = place.parse().ok()?;
        let (packets, name) = rest.split_once("]: ")?.1.split_once(" packets")?;
        let packets: u64 = packets.parse().ok()?;
        if let Some(kind) = KINDS.iter().position(|(kind, _)| name.trim() == *kind) {
            self.vips.entry(index).or_default()[kind] += packets;
            return Some(());
        }
        let (bytes, name) = name.strip_prefix(", ")?.split_once(" bytes ")?;
        let routes = if name == "/net/route/to" { &mut self.prefixes } else { &mut self.servers };
        let sum = routes.entry(index).or_default();
        sum.packets += packets;
        sum.bytes += bytes.parse::<u64>().ok()?;
        Some(())
    }

    /// Packets to all VIPs.
    pub fn packets(&self) -> u64 {
        self.vips.values().flatten().sum()
    }

    /// All that it knows.
    pub fn wanted(&self) -> Wanted {
        let of = |routes: &BTreeMap<u32, Traffic>| routes.keys().copied().collect();
        Wanted {
            vips: self.vips.keys().copied().collect(),
            prefixes: of(&self.prefixes),
            servers: of(&self.servers),
        }
    }

    /// Fails when our reader says something else.
    #[track_caller]
    pub fn assert_agrees(&self, sample: &Sample) {
        let of = |routes: &BTreeMap<u32, Traffic>| routes.values().copied().map(Some).collect::<Vec<_>>();
        let vips: Vec<_> = self.vips.values().copied().map(Some).collect();
        assert_eq!(sample.vips, vips);
        assert_eq!(sample.prefixes, of(&self.prefixes));
        assert_eq!(sample.servers, of(&self.servers));
    }
}

/// Whether a line of a dump is about one of our counters.
pub fn is_ours(line: &str) -> bool {
    let is_route = ["bytes /net/route/to", "bytes /net/route/via"].iter().any(|end| line.ends_with(end));
    is_route || KINDS.iter().any(|(kind, _)| line.ends_with(&format!(" packets {kind}")))
}
