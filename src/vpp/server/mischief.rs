//! What can go wrong on VPP's side of a stream, for tests: every malformed frame that a client must survive.

use std::io;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::vpp::frame::put_frame;

/// The first eight bytes of a frame from VPP: a pointer of its own.
const MARK: [u8; 8] = [0xc0, 0xa4, 0x04, 0x30, 0x01, 0, 0, 0];

/// An id that no VPP gives out to anything a client knows.
const UNKNOWN_ID: u16 = 0xfff0;

/// Something that goes wrong. Numbers count the frames of one connection from 1: the message table is the first,
/// `show_version_reply` the second, the handshake's `control_ping_reply` the third.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mischief {
    /// This frame never comes.
    Drop(u64),
    /// This frame comes after the next one.
    Late(u64),
    /// This frame comes twice.
    Twice(u64),
    /// This frame loses its last bytes; its header agrees.
    Truncate {
        /// Which.
        frame: u64,
        /// Bytes that remain.
        keep: usize,
    },
    /// Some bytes of this frame's payload are overwritten.
    Overwrite {
        /// Which.
        frame: u64,
        /// From this byte on.
        at: usize,
        /// With these.
        with: Vec<u8>,
    },
    /// In front of this frame comes one with a header that claims this length, and nothing behind it.
    Claim {
        /// Which.
        frame: u64,
        /// The length.
        len: u32,
    },
    /// In front of this frame comes one with this payload.
    Insert {
        /// Which.
        frame: u64,
        /// The whole payload.
        payload: Vec<u8>,
    },
    /// In front of this frame comes one with an id that nobody knows.
    InsertUnknown(u64),
    /// Every byte travels alone.
    Bytewise,
    /// The stream ends behind this frame.
    CloseAfter(u64),
    /// The stream ends in the middle of this frame.
    CloseWithin(u64),
}

/// Says frames, with mischief.
pub(super) struct Mouth {
    mischief: Vec<Mischief>,
    said: u64,
    held_back: Vec<u8>,
    out: Vec<u8>,
    shut: bool,
}

impl Mouth {
    pub(super) fn new(mischief: Vec<Mischief>) -> Self {
        Self { mischief, said: 0, held_back: Vec::new(), out: Vec::new(), shut: false }
    }

    pub(super) fn is_shut(&self) -> bool {
        self.shut
    }

    /// Prepares one frame.
    pub(super) fn say(&mut self, payload: &[u8]) {
        if self.shut {
            return;
        }
        self.said += 1;
        let mut payload = payload.to_vec();
        let mut copies = 1;
        let mut late = false;
        let mut close_within = false;
        for mischief in self.mischief.clone() {
            match mischief {
                Mischief::Drop(frame) if frame == self.said => copies = 0,
                Mischief::Twice(frame) if frame == self.said => copies = 2,
                Mischief::Late(frame) if frame == self.said => late = true,
                Mischief::Truncate { frame, keep } if frame == self.said => payload.truncate(keep),
                Mischief::Overwrite { frame, at, with } if frame == self.said => {
                    overwrite(&mut payload, at, &with);
                }
                Mischief::Claim { frame, len } if frame == self.said => self.claim(len),
                Mischief::Insert { frame, payload } if frame == self.said => {
                    put_frame(&mut self.out, MARK, &payload);
                }
                Mischief::InsertUnknown(frame) if frame == self.said => {
                    let mut unknown = UNKNOWN_ID.to_be_bytes().to_vec();
                    unknown.extend_from_slice(&[0; 12]);
                    put_frame(&mut self.out, MARK, &unknown);
                }
                Mischief::CloseAfter(frame) if frame == self.said => self.shut = true,
                Mischief::CloseWithin(frame) if frame == self.said => close_within = true,
                Mischief::Bytewise
                | Mischief::Drop(_)
                | Mischief::Twice(_)
                | Mischief::Late(_)
                | Mischief::Truncate { .. }
                | Mischief::Overwrite { .. }
                | Mischief::Claim { .. }
                | Mischief::Insert { .. }
                | Mischief::InsertUnknown(_)
                | Mischief::CloseAfter(_)
                | Mischief::CloseWithin(_) => (),
            }
        }
        let mut frame = Vec::new();
        put_frame(&mut frame, MARK, &payload);
        if close_within {
            frame.truncate(frame.len() / 2);
            self.shut = true;
        }
        if late {
            self.held_back.extend_from_slice(&frame);
            return;
        }
        for _ in 0..copies {
            self.out.extend_from_slice(&frame);
        }
        self.out.append(&mut self.held_back);
    }

    fn claim(&mut self, len: u32) {
        self.out.extend_from_slice(&MARK);
        self.out.extend_from_slice(&len.to_be_bytes());
        self.out.extend_from_slice(&[0; 4]);
    }

    /// Sends what is prepared.
    pub(super) async fn speak<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        let out = std::mem::take(&mut self.out);
        if self.mischief.contains(&Mischief::Bytewise) {
            for byte in out {
                stream.write_all(&[byte]).await?;
                stream.flush().await?;
            }
            return Ok(());
        }
        stream.write_all(&out).await?;
        stream.flush().await
    }
}

fn overwrite(payload: &mut [u8], at: usize, with: &[u8]) {
    for (slot, byte) in payload.iter_mut().skip(at).zip(with) {
        *slot = *byte;
    }
}
