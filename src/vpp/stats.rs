//! VPP's counters and boot time, from its stats segment.
//!
//! ```text
//!  stats.sock ──► socket ──► Segment ──► directory ──► vectors ──► sums over threads
//! ```
//!
//! The segment is read like a file, not mapped: a mapping needs `unsafe` and can raise SIGBUS, while a read checks
//! its bounds for us. Offsets in it are VPP's addresses, and all numbers are in native order.
//!
//! What a reader would get wrong: VPP writes while we read, and the file stays readable, frozen, after VPP has died.
//! So nothing read counts before the epoch was seen unchanged, and [`Pulse`] tells whether the counters still move.

mod directory;
mod pulse;
mod segment;
mod socket;
mod vector;

use std::fs::File;
use std::path::Path;

pub use pulse::Pulse;
pub use segment::{Memory, Segment};
pub use vector::Traffic;

/// Why the segment tells nothing.
#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    /// The socket cannot be reached, or sends no segment. Try again when VPP is there.
    #[error("the stats socket: {0}")]
    Socket(#[source] std::io::Error),
    /// The file cannot be read where it says that something lies. Open it anew.
    #[error("reading the stats segment: {0}")]
    Read(#[source] std::io::Error),
    /// It is laid out otherwise than version 2, or spoiled. Another VPP helps.
    #[error("the stats segment {0}")]
    Layout(&'static str),
    /// VPP changed it at every attempt, or died while it changed it. Try again later.
    #[error("the stats segment is never at rest")]
    Restless,
}

/// The four kinds of packets that the lb plugin counts per VIP, as the plugin names them and as metrics do.
pub const KINDS: [(&str, &str); 4] = [
    ("packet from existing sessions", "next"),
    ("first session packet", "first"),
    ("untracked packet", "untracked"),
    ("no server configured", "no_server"),
];

/// What to read: positions in VPP's vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Pool indexes of VIPs.
    pub vips: Vec<u32>,
    /// Stats indexes of the routes of VIP prefixes, for traffic into them.
    pub prefixes: Vec<u32>,
    /// Stats indexes of the routes of servers, for traffic out to them.
    pub servers: Vec<u32>,
}

/// What VPP counted. Each vector is as long as the one that was asked for; `None` where VPP has no such counter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Unix seconds.
    pub boot_time: u64,
    /// Moves by one every update interval of VPP, 10 s by default.
    pub heartbeat: u64,
    /// Packets in the order of [`KINDS`].
    pub vips: Vec<Option<[u64; 4]>>,
    /// Into VIP prefixes, all ports together.
    pub prefixes: Vec<Option<Traffic>>,
    /// Out to servers, wrapped, for all VIPs together.
    pub servers: Vec<Option<Traffic>>,
}

/// Asks the stats socket at `path` for the segment.
///
/// Blocks for at most a few seconds.
///
/// # Errors
/// When the socket cannot be reached or sends no descriptor.
pub fn open(path: &Path) -> Result<Segment<File>, StatsError> {
    socket::receive_segment(path).map(Segment::new).map_err(StatsError::Socket)
}

/// Asks the stats socket at `path` for the segment and reads `/sys/boottime`: Unix seconds.
///
/// Blocks for at most a few seconds.
///
/// # Errors
/// When the socket cannot be reached, or the segment is not laid out as we know it.
pub fn boot_time(path: &Path) -> Result<u64, StatsError> {
    open(path)?.boot_time()
}
