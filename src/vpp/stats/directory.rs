//! The directory: which counter lies where. Of some five thousand entries we know eight.

use super::segment::{Memory, View, u64_in};
use super::{KINDS, StatsError};

/// `u32 type, u32 pad, u64 value, char name[128]`.
const ENTRY_LEN: u64 = 144;
const NAME_AT: usize = 16;
/// VPP has some five thousand; interfaces bring a few dozen each.
const ENTRIES_MAX: u64 = 1 << 20;
/// The first three entries are fixed; these are two of them.
const HEARTBEAT_ENTRY: u64 = 0;
const BOOT_TIME_ENTRY: u64 = 2;
/// Entries that are read at once.
const BLOCK: u64 = 512;

/// In v26.02 and later a gauge has a type of its own; before, everything with one value was a scalar.
const SCALAR: u32 = 1;
const SIMPLE: u32 = 2;
const COMBINED: u32 = 3;
const GAUGE: u32 = 9;

/// Where things lie. What VPP does not have yet is `None`: the lb counters come with the first VIP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    /// Unix seconds. VPP never changes it.
    pub(super) boot_time: u64,
    /// An offset.
    pub(super) heartbeat_at: u64,
    /// Pointers to vectors of vectors, in the order of [`KINDS`].
    pub(super) kinds: [Option<u64>; 4],
    pub(super) route_to: Option<u64>,
    pub(super) route_via: Option<u64>,
}

impl Directory {
    /// Entries of a type that we do not know, and empty ones, are stepped over.
    pub(super) fn read<M: Memory>(view: &View<'_, M>, pointer: u64) -> Result<Self, StatsError> {
        let (at, count) = view.vector(pointer, ENTRY_LEN)?;
        if count <= BOOT_TIME_ENTRY || count > ENTRIES_MAX {
            return Err(StatsError::Layout("has a directory of another length than VPP's"));
        }
        let heartbeat_at = at + HEARTBEAT_ENTRY * ENTRY_LEN + 8;
        let mut found =
            Self { boot_time: 0, heartbeat_at, kinds: [None; 4], route_to: None, route_via: None };
        let mut block = vec![0; (BLOCK.min(count) * ENTRY_LEN) as usize];
        let mut position = 0;
        while position < count {
            let length = (BLOCK.min(count - position) * ENTRY_LEN) as usize;
            let block = &mut block[..length];
            view.read(block, at + position * ENTRY_LEN)?;
            for entry in block.chunks_exact(ENTRY_LEN as usize).map(Entry) {
                found.take(position, &entry)?;
                position += 1;
            }
        }
        Ok(found)
    }

    fn take(&mut self, position: u64, entry: &Entry<'_>) -> Result<(), StatsError> {
        let fixed = |name: &[u8]| {
            let is_it = entry.name() == name && matches!(entry.kind(), SCALAR | GAUGE);
            is_it.then_some(()).ok_or(StatsError::Layout("does not begin with VPP's own three entries"))
        };
        match position {
            HEARTBEAT_ENTRY => fixed(b"/sys/heartbeat")?,
            BOOT_TIME_ENTRY => {
                fixed(b"/sys/boottime")?;
                self.boot_time = entry.value();
            }
            _ => (),
        }
        let place = match entry.kind() {
            SIMPLE => {
                let kind = KINDS.iter().position(|(name, _)| entry.name() == name.as_bytes());
                kind.map(|kind| &mut self.kinds[kind])
            }
            COMBINED => match entry.name() {
                b"/net/route/to" => Some(&mut self.route_to),
                b"/net/route/via" => Some(&mut self.route_via),
                _ => None,
            },
            _ => None,
        };
        if let Some(place) = place {
            *place = Some(entry.value());
        }
        Ok(())
    }
}

/// One entry, as long as it has to be.
struct Entry<'a>(&'a [u8]);

impl Entry<'_> {
    fn kind(&self) -> u32 {
        self.0.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes))
    }

    fn value(&self) -> u64 {
        u64_in(self.0, 8)
    }

    fn name(&self) -> &[u8] {
        self.0.get(NAME_AT..).and_then(|name| name.split(|byte| *byte == 0).next()).unwrap_or_default()
    }
}
