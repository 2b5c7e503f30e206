//! The segment as a whole: its header, and the promise that what was read belongs together.
//!
//! VPP sets `in_progress`, changes what it likes, moves the epoch and clears `in_progress`. A reading between two
//! equal headers at rest has met no such change; all others are thrown away. Counters move without all that.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use super::directory::Directory;
use super::vector::{pairs, singles};
use super::{Sample, StatsError, Traffic, Wanted};

/// The layout of v23.02 to 26.10.
const LAYOUT_VERSION: u64 = 2;
/// `u64 version, base, epoch, in_progress, directory_vector`.
pub(super) const HEADER_LEN: u64 = 40;
/// VPP holds the segment for microseconds; a reading that meets a writer is repeated this often. Each time others may
/// run first, which on a busy machine is a millisecond or so.
const ATTEMPTS: u32 = 200;

/// Bytes that somebody else writes.
pub trait Memory {
    /// How many there are.
    ///
    /// # Errors
    /// They are gone.
    fn size(&self) -> io::Result<u64>;

    /// Fills `into` with what lies from `at` on.
    ///
    /// # Errors
    /// Not all of it is there.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<()>;
}

impl Memory for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        self.read_exact_at(into, at)
    }
}

/// VPP's stats segment.
#[derive(Debug)]
pub struct Segment<M> {
    memory: M,
    /// Where things lie, as of this header: VPP moves nothing without moving the epoch.
    known: Option<(Header, Directory)>,
}

impl Segment<File> {
    /// Tells this file from every other: each VPP process makes one of its own.
    ///
    /// # Errors
    /// It is gone.
    pub fn identity(&self) -> Result<(u64, u64), StatsError> {
        let metadata = self.memory.metadata().map_err(StatsError::Read)?;
        Ok((metadata.dev(), metadata.ino()))
    }
}

impl<M: Memory> Segment<M> {
    /// What `memory` holds; nothing is read yet.
    pub fn new(memory: M) -> Self {
        Self { memory, known: None }
    }

    /// `/sys/boottime`: Unix seconds.
    ///
    /// # Errors
    /// When the segment is not laid out as we know it, or is never at rest.
    pub fn boot_time(&mut self) -> Result<u64, StatsError> {
        self.at_rest(|_, directory| Ok(directory.boot_time))
    }

    /// Everything in `wanted`, summed over VPP's threads.
    ///
    /// # Errors
    /// When the segment is not laid out as we know it, or is never at rest.
    pub fn sample(&mut self, wanted: &Wanted) -> Result<Sample, StatsError> {
        self.at_rest(|view, directory| {
            let mut vips = vec![None; wanted.vips.len()];
            for (kind, at) in directory.kinds.iter().enumerate() {
                let Some(at) = *at else { continue };
                for (vip, packets) in vips.iter_mut().zip(singles(view, at, &wanted.vips)?) {
                    if let Some(packets) = packets {
                        vip.get_or_insert([0; 4])[kind] = packets;
                    }
                }
            }
            let routes = |at: Option<u64>, wanted: &[u32]| -> Result<Vec<Option<Traffic>>, StatsError> {
                at.map_or_else(|| Ok(vec![None; wanted.len()]), |at| pairs(view, at, wanted))
            };
            Ok(Sample {
                boot_time: directory.boot_time,
                heartbeat: view.u64_at(directory.heartbeat_at)?,
                vips,
                prefixes: routes(directory.route_to, &wanted.prefixes)?,
                servers: routes(directory.route_via, &wanted.servers)?,
            })
        })
    }

    /// Reads until a reading has met no change.
    fn at_rest<T>(
        &mut self,
        read: impl Fn(&View<'_, M>, &Directory) -> Result<T, StatsError>,
    ) -> Result<T, StatsError> {
        for _ in 0..ATTEMPTS {
            let header = Header::read(&self.memory)?;
            if header.in_progress == 0 {
                let found = self.read_once(&header, &read);
                let after = Header::read(&self.memory);
                // What fails while VPP changes it fails for that reason.
                if after.as_ref().is_ok_and(|after| *after == header) {
                    return found;
                }
                self.known = None;
                after?;
            }
            std::thread::yield_now();
        }
        Err(StatsError::Restless)
    }

    fn read_once<T>(
        &mut self,
        header: &Header,
        read: impl Fn(&View<'_, M>, &Directory) -> Result<T, StatsError>,
    ) -> Result<T, StatsError> {
        let size = self.memory.size().map_err(StatsError::Read)?;
        let view = View { memory: &self.memory, base: header.base, size };
        if self.known.as_ref().is_none_or(|(known, _)| known != header) {
            self.known = Some((*header, Directory::read(&view, header.directory)?));
        }
        let (_, directory) = self.known.as_ref().expect("it was read in the lines above");
        read(&view, directory)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    base: u64,
    epoch: u64,
    in_progress: u64,
    directory: u64,
}

impl Header {
    fn read(memory: &impl Memory) -> Result<Self, StatsError> {
        let mut bytes = [0; HEADER_LEN as usize];
        memory.read_at(&mut bytes, 0).map_err(StatsError::Read)?;
        if u64_in(&bytes, 0) != LAYOUT_VERSION {
            return Err(StatsError::Layout("has another layout than version 2"));
        }
        Ok(Self {
            base: u64_in(&bytes, 8),
            epoch: u64_in(&bytes, 16),
            in_progress: u64_in(&bytes, 24),
            directory: u64_in(&bytes, 32),
        })
    }
}

/// The bytes during one reading, addressed as VPP does.
pub(super) struct View<'a, M> {
    memory: &'a M,
    base: u64,
    size: u64,
}

impl<M: Memory> View<'_, M> {
    /// Where the elements of the vector at `pointer` begin, and how many they are, `width` bytes each, all of them
    /// inside. A null pointer is an empty vector, as in VPP.
    pub(super) fn vector(&self, pointer: u64, width: u64) -> Result<(u64, u64), StatsError> {
        if pointer == 0 {
            return Ok((0, 0));
        }
        let at = pointer.checked_sub(self.base).ok_or(OUTSIDE)?;
        // The number of elements stands eight bytes before the first one.
        let count_at = at.checked_sub(8).filter(|at| *at >= HEADER_LEN).ok_or(OUTSIDE)?;
        let mut count = [0; 4];
        self.read(&mut count, count_at)?;
        let count = u64::from(u32::from_ne_bytes(count));
        let end = at.checked_add(count * width).ok_or(OUTSIDE)?;
        if end > self.size {
            return Err(OUTSIDE);
        }
        Ok((at, count))
    }

    /// A number.
    pub(super) fn u64_at(&self, at: u64) -> Result<u64, StatsError> {
        let mut bytes = [0; 8];
        self.read(&mut bytes, at)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    /// Fills `into` with what lies from `at` on, which is never the header.
    pub(super) fn read(&self, into: &mut [u8], at: u64) -> Result<(), StatsError> {
        let end = at.checked_add(into.len() as u64).ok_or(OUTSIDE)?;
        if at < HEADER_LEN || end > self.size {
            return Err(OUTSIDE);
        }
        self.memory.read_at(into, at).map_err(StatsError::Read)
    }
}

const OUTSIDE: StatsError = StatsError::Layout("names an offset outside of itself");

/// The number at `at` in `bytes`; 0 if it is not all there, which callers rule out by their own lengths.
pub(super) fn u64_in(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_ne_bytes)
}
