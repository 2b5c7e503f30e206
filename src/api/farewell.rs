//! Turning somebody away so that they learn why.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use maglev_core::Clock as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::select;
use tokio::task::JoinSet;
use tonic::{Status, body::Body};

use crate::clock::SystemClock;

/// How long that may take: two round trips across the world.
const LINGER: Duration = Duration::from_secs(1);
/// Who is being turned away at once. The next ones are only closed: they must cost less than those who are let in.
const AT_ONCE_MAX: usize = 64;

/// Those at a door who are being turned away. They go with the door.
pub(super) struct Farewells {
    under_way: JoinSet<()>,
    clock: SystemClock,
}

impl Farewells {
    pub(super) fn new(clock: SystemClock) -> Self {
        Self { under_way: JoinSet::new(), clock }
    }

    /// As [`refuse`], while the door goes on with the next one.
    pub(super) fn say<S>(&mut self, stream: S, why: String)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        while self.under_way.try_join_next().is_some() {}
        if self.under_way.len() < AT_ONCE_MAX {
            self.under_way.spawn(refuse(stream, why, self.clock));
        }
    }
}

/// Answers each call with `RESOURCE_EXHAUSTED` and this reason, for a moment. Clients of gRPC show an answer; the reason
/// of a connection that ends before their first call, many do not.
pub(super) async fn refuse<S>(stream: S, why: String, clock: SystemClock)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let end = clock.now() + LINGER;
    let answer = service_fn(move |_| {
        let refused = Status::resource_exhausted(why.clone()).into_http::<Body>();
        ready(Ok::<_, Infallible>(refused))
    });
    let mut server = http2::Builder::new(TokioExecutor::new());
    select! {
        // They have hung up, in whatever way.
        _ = server.max_concurrent_streams(1).serve_connection(TokioIo::new(stream), answer) => (),
        () = clock.sleep_until(end) => (),
    }
}

/// Ends a connection on which the reason was written already. That would be lost if the socket were closed before all that
/// came in was read: the system then sends a reset, and the other side throws away what it has not read yet.
pub(super) async fn linger<S>(mut stream: S, clock: SystemClock)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let end = clock.now() + LINGER;
    let read = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    };
    select! {
        _ = read => (),
        () = clock.sleep_until(end) => (),
    }
}
