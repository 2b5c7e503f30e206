//! A connection on its way in and inside: who is at its other end, what it counts as, and when it is over.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use maglev_core::Clock as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::caller::Caller;
use super::crowd::Share;
use crate::clock::SystemClock;

pub(super) enum Wire {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

/// Somebody at a door.
pub(super) struct Guest {
    pub(super) wire: Wire,
    pub(super) caller: Caller,
    /// Nothing where callers cannot be told apart.
    pub(super) share: Option<Share>,
    /// When what proves who it is ends, since 1970.
    pub(super) end: Option<Duration>,
}

impl Guest {
    /// Lets them in, if they say something within `patience`.
    pub(super) fn enter(self, place: OwnedSemaphorePermit, patience: Duration, clock: SystemClock) -> Visit {
        let quiet_until = clock.now() + patience;
        let silence: Wait = Box::pin(async move { clock.sleep_until(quiet_until).await });
        let stay = self.end.map_or(Stay::Unlimited, |end| {
            Stay::Until(Box::pin(async move { clock.sleep_until_wall_time(end).await }))
        });
        let Self { wire, caller, share, end: _ } = self;
        Visit { wire, caller, silence: Some(silence), stay, _share: share, _place: place }
    }
}

/// Ends at some moment.
type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How long somebody may stay.
enum Stay {
    Unlimited,
    Until(Wait),
    Over,
}

/// Somebody inside.
pub(super) struct Visit {
    wire: Wire,
    caller: Caller,
    /// Until the first byte.
    silence: Option<Wait>,
    stay: Stay,
    _share: Option<Share>,
    _place: OwnedSemaphorePermit,
}

impl Visit {
    /// Whether they may stay; if not, hyper hears it from the wire and ends all calls at once.
    fn stays(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if let Stay::Until(end) = &mut self.stay
            && end.as_mut().poll(cx).is_ready()
        {
            tracing::info!(who = %self.caller, "client-expired");
            self.stay = Stay::Over;
        }
        match self.stay {
            Stay::Unlimited | Stay::Until(_) => Ok(()),
            Stay::Over => Err(io::Error::new(io::ErrorKind::PermissionDenied, "the certificate has expired")),
        }
    }
}

impl Connected for Visit {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for Visit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stays(cx)?;
        let read = match &mut self.wire {
            Wire::Tcp(stream) => Pin::new(stream).poll_read(cx, to),
            Wire::Tls(stream) => Pin::new(stream).poll_read(cx, to),
            Wire::Unix(stream) => Pin::new(stream).poll_read(cx, to),
        };
        if read.is_ready() {
            self.silence = None;
        } else if let Some(silence) = &mut self.silence
            && silence.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

/// Writing asks as well: nothing is read from a client that takes nothing.
impl AsyncWrite for Visit {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.stays(cx)?;
        match &mut self.wire {
            Wire::Tcp(stream) => Pin::new(stream).poll_write(cx, from),
            Wire::Tls(stream) => Pin::new(stream).poll_write(cx, from),
            Wire::Unix(stream) => Pin::new(stream).poll_write(cx, from),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stays(cx)?;
        match &mut self.wire {
            Wire::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Wire::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Wire::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
