//! The boot time of the VPP process, from its stats segment.
//!
//! The segment is read like a file, not mapped: a mapping needs `unsafe` and can raise SIGBUS, while a read checks
//! its bounds for us. Offsets in it are VPP's addresses, and all numbers are in native order.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketAddrUnix, SocketFlags,
    SocketType, connect, recvmsg, socket_with, sockopt,
};

/// The layout of v23.02 to 26.10.
const LAYOUT_VERSION: u64 = 2;
/// `u64 version, base, epoch, in_progress, directory_vector`.
const HEADER_LEN: u64 = 40;
/// `u32 type, u32 pad, u64 value, char name[128]`.
const ENTRY_LEN: u64 = 144;
/// The first three entries are fixed; this is the third.
const BOOT_TIME_ENTRY: u64 = 2;
const BOOT_TIME_NAME: &[u8] = b"/sys/boottime";
/// In v26.02 and later a gauge has a type of its own; before, everything with one value was a scalar.
const SCALAR: u32 = 1;
const GAUGE: u32 = 9;
/// How long a listener may take that accepted us and says nothing.
const SOCKET_TIMEOUT: Duration = Duration::from_secs(1);
/// VPP holds the segment for microseconds; a read that meets a writer is repeated this often.
const ATTEMPTS: u32 = 1_000;

/// Asks the stats socket at `path` for the segment and reads `/sys/boottime`: Unix seconds.
///
/// Blocks for at most a few seconds.
///
/// # Errors
/// When the socket cannot be reached, or the segment is not laid out as we know it.
pub fn boot_time(path: &Path) -> io::Result<u64> {
    read_boot_time(&receive_segment(path)?)
}

/// VPP sends one message without a single byte, with the descriptor beside it. Zero bytes are not the end here.
fn receive_segment(path: &Path) -> io::Result<File> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(SOCKET_TIMEOUT))?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(SOCKET_TIMEOUT))?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(&socket, &mut [], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let descriptor = control.drain().find_map(|message| {
        if let RecvAncillaryMessage::ScmRights(mut descriptors) = message { descriptors.next() } else { None }
    });
    let descriptor: OwnedFd =
        descriptor.ok_or_else(|| unknown("the stats socket sent no file descriptor"))?;
    Ok(File::from(descriptor))
}

/// Reads `/sys/boottime` from a segment, without locks: what changed meanwhile is read again.
///
/// # Errors
/// When the segment is not laid out as we know it, or is never at rest.
pub fn read_boot_time(segment: &File) -> io::Result<u64> {
    for _ in 0..ATTEMPTS {
        let header = Header::read(segment)?;
        if header.in_progress == 0 {
            let value = read_entry(segment, &header)?;
            if Header::read(segment)? == header {
                return Ok(value);
            }
        }
        std::thread::yield_now();
    }
    Err(unknown("the stats segment is never at rest"))
}

#[derive(Debug, PartialEq, Eq)]
struct Header {
    base: u64,
    epoch: u64,
    in_progress: u64,
    directory: u64,
}

impl Header {
    fn read(segment: &File) -> io::Result<Self> {
        let mut bytes = [0; HEADER_LEN as usize];
        segment.read_exact_at(&mut bytes, 0)?;
        let version = u64_at(&bytes, 0)?;
        if version != LAYOUT_VERSION {
            return Err(unknown("the stats segment has another layout than version 2"));
        }
        Ok(Self {
            base: u64_at(&bytes, 8)?,
            epoch: u64_at(&bytes, 16)?,
            in_progress: u64_at(&bytes, 24)?,
            directory: u64_at(&bytes, 32)?,
        })
    }
}

fn read_entry(segment: &File, header: &Header) -> io::Result<u64> {
    let size = segment.metadata()?.len();
    let directory = header.directory.checked_sub(header.base).ok_or_else(out_of_bounds)?;
    // The number of elements stands eight bytes before the first one.
    let count_at = directory.checked_sub(8).filter(|at| *at >= HEADER_LEN).ok_or_else(out_of_bounds)?;
    let mut count = [0; 4];
    segment.read_exact_at(&mut count, count_at)?;
    if u64::from(u32::from_ne_bytes(count)) <= BOOT_TIME_ENTRY {
        return Err(unknown("the directory of the stats segment is empty"));
    }
    let at = directory.checked_add(BOOT_TIME_ENTRY * ENTRY_LEN).ok_or_else(out_of_bounds)?;
    if at.checked_add(ENTRY_LEN).is_none_or(|end| end > size) {
        return Err(out_of_bounds());
    }
    let mut entry = [0; ENTRY_LEN as usize];
    segment.read_exact_at(&mut entry, at)?;
    let [a, b, c, d, ..] = entry;
    let kind = u32::from_ne_bytes([a, b, c, d]);
    let name = entry[16..].split(|byte| *byte == 0).next().unwrap_or_default();
    if name != BOOT_TIME_NAME || !(kind == SCALAR || kind == GAUGE) {
        return Err(unknown("the third entry of the stats segment is not /sys/boottime"));
    }
    u64_at(&entry, 8)
}

fn u64_at(bytes: &[u8], at: usize) -> io::Result<u64> {
    let bytes = bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).ok_or_else(out_of_bounds)?;
    Ok(u64::from_ne_bytes(bytes))
}

fn out_of_bounds() -> io::Error {
    unknown("an offset in the stats segment points outside")
}

fn unknown(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
