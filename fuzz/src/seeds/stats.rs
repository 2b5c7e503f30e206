//! Stats segments as VPP lays them out, at rest and while it changes them, and what can be wrong with one.

use maglevd::vpp::stats::KINDS;

/// Where VPP's process has it mapped.
const BASE: u64 = 0x7f00_0000_0000;
const DIRECTORY: usize = 48;
const ENTRY: usize = 144;
/// Room for this many entries.
const ENTRIES: usize = 12;

/// What VPP changes: a place, and what stands there afterwards.
type Changes<'a> = &'a [(usize, u64)];

/// The inputs.
pub(super) fn all() -> Vec<Vec<u8>> {
    let typical = typical();
    let third = DIRECTORY + 2 * ENTRY;
    let heartbeat = (DIRECTORY + 8, 78);
    let mut inputs: Vec<_> =
        (0..24).map(|moment| input(moment, moment % 3, &[heartbeat], &typical)).collect();
    // Counters that are gone, a directory elsewhere, a counter for another one, and the layout of tomorrow.
    for moment in 0..24 {
        let gone = [(DIRECTORY - 8, 3), heartbeat];
        let moved = [(32, BASE + third as u64), (third - 8, 5)];
        let swapped = [(DIRECTORY + 3 * ENTRY + 8, word(&typical, DIRECTORY + 4 * ENTRY + 8))];
        let unknown = [(0, 3), (DIRECTORY - 8, 3)];
        for changes in [&gone[..], &moved, &swapped, &unknown] {
            inputs.push(input(moment, 0, changes, &typical));
        }
    }
    let size = typical.len() as u64;
    for value in [0, 1, 2, size, u64::from(u32::MAX), BASE + 40, BASE + size, u64::MAX] {
        for at in [0, 8, 24, 32, DIRECTORY - 8, third, third + 8, third + ENTRY + 8, typical.len() - 16] {
            inputs.push(input(0, 0, &[(at, value)], &typical));
        }
    }
    inputs.extend([0, 39, 40, DIRECTORY, third].map(|len| input(8, 9, &[], &typical[..len])));
    inputs.push(input(255, 0, &[heartbeat], &typical));
    inputs.push(input(255, 127, &[(24, 0)], &Build::new().bytes));
    inputs
}

/// The head of an input before its segment: `fuzz/src/stats.rs` reads it.
fn input(moment: u8, busy: u8, changes: Changes<'_>, segment: &[u8]) -> Vec<u8> {
    let mut input = vec![moment, busy, moment % 8, changes.len() as u8];
    // Two VIPs, a prefix, two servers.
    input.extend([1_u16, 2, 1, 0, u16::MAX].iter().flat_map(|index| index.to_le_bytes()));
    for (at, value) in changes {
        input.extend(((at / 8) as u16).to_le_bytes());
        input.extend(value.to_ne_bytes());
    }
    input.extend(segment);
    input
}

fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].try_into().map_or(0, u64::from_ne_bytes)
}

/// Two threads, two VIPs, routes, and an entry that is not ours.
fn typical() -> Vec<u8> {
    let mut build = Build::new();
    for (name, _) in KINDS {
        build.counters(name, 2, 1, [&[9, 100], &[0, 10]]);
    }
    build.entry("/if/names", 4, 0);
    build.counters("/net/route/to", 3, 2, [&[1, 64, 2, 128], &[0, 0, 3, 192]]);
    build.counters("/net/route/via", 3, 2, [&[7, 700, 0, 0], &[]]);
    build.bytes
}

struct Build {
    bytes: Vec<u8>,
    entries: usize,
}

impl Build {
    /// With VPP's own three entries.
    fn new() -> Self {
        let mut build = Self { bytes: vec![0; DIRECTORY + ENTRIES * ENTRY], entries: 0 };
        for (at, value) in [(0, 2), (8, BASE), (16, 5), (32, BASE + DIRECTORY as u64)] {
            build.put(at, value);
        }
        build.entry("/sys/heartbeat", 9, 77);
        build.entry("/sys/last_stats_clear", 9, 0);
        build.entry("/sys/boottime", 1, 1_795_000_123);
        build
    }

    fn put(&mut self, at: usize, value: u64) {
        self.bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    }

    fn entry(&mut self, name: &str, kind: u64, value: u64) {
        let at = DIRECTORY + self.entries * ENTRY;
        self.put(at, kind);
        self.put(at + 8, value);
        self.bytes[at + 16..at + 16 + name.len()].copy_from_slice(name.as_bytes());
        self.entries += 1;
        self.put(DIRECTORY - 8, self.entries as u64);
    }

    /// A vector of numbers, `width` of them to an element; returns its address.
    fn vector(&mut self, numbers: &[u64], width: usize) -> u64 {
        self.bytes.extend(((numbers.len() / width) as u64).to_ne_bytes());
        let address = BASE + self.bytes.len() as u64;
        self.bytes.extend(numbers.iter().flat_map(|number| number.to_ne_bytes()));
        address
    }

    fn counters(&mut self, name: &str, kind: u64, width: usize, threads: [&[u64]; 2]) {
        let inner = threads.map(|numbers| self.vector(numbers, width));
        let outer = self.vector(&inner, 1);
        self.entry(name, kind, outer);
    }
}
