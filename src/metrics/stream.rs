//! A body that is written while it is sent: a large site's exposition is never in memory as a whole.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame};
use tokio::sync::mpsc;

/// Bytes that are handed over at once.
const PIECE: usize = 256 << 10;
/// Pieces that wait for the visitor.
const WAITING_MAX: usize = 4;

/// What is read of it.
#[derive(Debug)]
pub(super) struct Stream(mpsc::Receiver<io::Result<Bytes>>);

/// What `write` writes, on a thread of its own: no task of the runtime waits for it. It ends with its reader.
pub(super) fn written<W>(write: W) -> Stream
where
    W: FnOnce(&mut Sink) -> io::Result<()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    tokio::task::spawn_blocking(move || {
        let mut sink = Sink { sender, piece: Vec::with_capacity(PIECE), is_whole: false };
        // The only error is that nobody reads any more.
        sink.is_whole = write(&mut sink).is_ok();
    });
    Stream(receiver)
}

/// Where it is written.
#[derive(Debug)]
pub(super) struct Sink {
    sender: mpsc::Sender<io::Result<Bytes>>,
    piece: Vec<u8>,
    is_whole: bool,
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    /// By itself, since a line is a dozen of these and the loop around `write` is longer than what it does.
    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.piece.len() + bytes.len() > PIECE {
            self.flush()?;
        }
        self.piece.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.sender.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // Half a text must not look like a whole one.
        if !self.is_whole {
            let _ = self.sender.blocking_send(Err(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[tokio::test]
    async fn a_text_comes_in_pieces_and_ends() {
        let line = [b'x'; 1_000];
        let mut stream = written(move |sink| {
            (0..800).try_for_each(|_| sink.write_all(&line))?;
            sink.flush()
        });
        let (mut pieces, mut bytes) = (0, 0);
        while let Some(piece) = stream.0.recv().await {
            pieces += 1;
            bytes += piece.unwrap().len();
        }
        assert_eq!((pieces, bytes), (4, 800_000));
    }

    #[tokio::test]
    async fn half_a_text_is_none() {
        let mut stream = written(|sink| {
            sink.write_all(b"half")?;
            sink.flush()?;
            Err(io::ErrorKind::Other.into())
        });
        assert_eq!(stream.0.recv().await.unwrap().unwrap(), "half");
        assert!(stream.0.recv().await.unwrap().is_err());
        assert!(stream.0.recv().await.is_none());
    }

    /// The thread that writes ends too: nobody is left to take what it has.
    #[tokio::test]
    async fn who_goes_ends_the_writing() {
        let (told, hears) = tokio::sync::oneshot::channel();
        let stream = written(move |sink| {
            let end = loop {
                if let Err(end) = sink.flush() {
                    break end;
                }
            };
            let _ = told.send(end.kind());
            Err(end)
        });
        drop(stream);
        assert_eq!(hears.await.unwrap(), io::ErrorKind::BrokenPipe);
    }
}
