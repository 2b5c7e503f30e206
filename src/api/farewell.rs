//! Turning somebody away so that they learn why.

use std::time::Duration;

use maglev_core::Clock as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::select;

use crate::clock::SystemClock;

/// How long that may take: two round trips across the world.
const LINGER: Duration = Duration::from_secs(1);

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
