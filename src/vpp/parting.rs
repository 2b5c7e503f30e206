//! The end of a connection that we end ourselves: `sockclnt_delete`, as far as the socket takes it at once.
//!
//! VPP works without it, but a VPP that is only hung up on may overlook that, and stands still for ever when it did
//! so sixteen times (`docs/vpp.md`). Nobody waits here: a socket that takes nothing is closed without a word.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tokio::task::coop::unconstrained;

use crate::vpp::ask::{Ask, Prefix};
use crate::vpp::frame::{HEADER_LEN, OUR_MARK, put_frame};

/// The goodbye of one connection: known from the message table on, if this VPP has it.
#[derive(Clone, Copy)]
pub(crate) struct Goodbye {
    pub(crate) id: u16,
    pub(crate) client_index: u32,
}

impl Goodbye {
    /// Says it behind what must go first, or as much of both as the socket takes now.
    pub(crate) async fn say<W: AsyncWrite + Unpin>(self, writer: &mut W, first: &[u8], context: u32) {
        let Self { id, client_index } = self;
        let payload =
            Ask::SockclntDelete { index: client_index }.encode(id, Prefix { client_index, context });
        let mut bytes = first.to_vec();
        put_frame(&mut bytes, OUR_MARK, &payload);
        // Ready at once, and without a budget: a task that has used up its own would find every socket stuck.
        let attempt = poll_fn(|cx| {
            write_what_fits(writer, cx, &bytes);
            Poll::Ready(())
        });
        unconstrained(attempt).await;
    }
}

fn write_what_fits<W: AsyncWrite + Unpin>(writer: &mut W, cx: &mut Context<'_>, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        match Pin::new(&mut *writer).poll_write(cx, rest) {
            Poll::Ready(Ok(count @ 1..)) => rest = rest.get(count..).unwrap_or_default(),
            // Whatever it is, we leave.
            Poll::Ready(Ok(0) | Err(_)) | Poll::Pending => return,
        }
    }
    let _ = Pin::new(writer).poll_flush(cx);
}

/// What is left of the frame in which `written` lies: without it VPP would take what follows for its end.
pub(crate) fn rest_of_frame(frames: &[u8], written: usize) -> &[u8] {
    let mut end = 0;
    while end < written {
        let len = frames.get(end + 8..end + 12).and_then(|bytes| bytes.try_into().ok());
        let Some(len) = len.map(u32::from_be_bytes) else { return &[] };
        end += HEADER_LEN + len as usize;
    }
    frames.get(written..end).unwrap_or_default()
}
