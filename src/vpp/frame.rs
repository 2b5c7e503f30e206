//! Frames: a 16-byte header and a payload, and the decoder that finds them in a stream of bytes.
//!
//! Only the length in the header means anything. The first eight bytes that VPP sends are a pointer of its own,
//! garbage to us; the last four are zero.

use crate::vpp::error::FrameError;

/// Bytes before each payload.
pub const HEADER_LEN: usize = 16;

/// The longest payload that we accept. The longest that a client of the lb plugin has a use for is the verbose text,
/// 6 MB for 100,000 servers; a longer one means that framing is lost.
pub const PAYLOAD_MAX: usize = 64 << 20;

/// The bytes in front of a payload of ours.
pub const OUR_MARK: [u8; 8] = [0; 8];

/// Appends one frame to `out`.
pub fn put_frame(out: &mut Vec<u8>, mark: [u8; 8], payload: &[u8]) {
    debug_assert!(payload.len() <= PAYLOAD_MAX, "no message of ours is that long");
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&mark);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

/// Finds frames in a stream, however it is cut.
///
/// Its memory is bounded by what really arrived, never by what a header claims.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    start: usize,
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes from the stream.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The payload of the next complete frame; `None` when more bytes are needed.
    ///
    /// # Errors
    /// A length above [`PAYLOAD_MAX`]: the stream is lost, and asking again gives the same answer.
    pub fn next_payload(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let pending = self.buffer.get(self.start..).unwrap_or_default();
        let Some(len) = claimed_len(pending) else {
            return Ok(None);
        };
        if len > PAYLOAD_MAX {
            return Err(FrameError { claimed: len });
        }
        if pending.len() < HEADER_LEN + len {
            return Ok(None);
        }
        let from = self.start + HEADER_LEN;
        self.start = from + len;
        self.release_when_empty_is_near();
        Ok(self.buffer.get(from..from + len))
    }

    /// Bytes that wait for the rest of their frame.
    pub fn pending(&self) -> usize {
        self.buffer.len() - self.start
    }

    // A dump of millions of rows should not pin its memory for the rest of the connection, so the buffer shrinks
    // once a small rest is left. The capacity check keeps this out of the ordinary path.
    fn release_when_empty_is_near(&mut self) {
        const KEEP: usize = 1 << 20;
        if self.buffer.capacity() > KEEP && self.buffer.len() < KEEP {
            self.buffer.shrink_to(KEEP);
        }
    }
}

fn claimed_len(pending: &[u8]) -> Option<usize> {
    let header = pending.get(..HEADER_LEN)?;
    let bytes: [u8; 4] = header.get(8..12)?.try_into().ok()?;
    Some(u32::from_be_bytes(bytes) as usize)
}
