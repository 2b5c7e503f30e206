//! TCP connections: making one without blocking, and ending one without a reset.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use maglev_core::Clock;
use maglev_core::input::{FailCode, Outcome};
use rustix::io::Errno;
use socket2::Socket;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use tokio::net::TcpStream;

use super::fault;

/// A connection as the layers above see it: plain or encrypted makes no difference.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection to a backend. Boxed: a probe is a handful of system calls, so one indirection more costs nothing.
pub(super) type Wire = Box<dyn Stream>;

/// How long the other side gets to close as well. Its answer to our FIN is a round trip away; a server that keeps its
/// half open for longer is reset, which is what it asks for.
const PARTING_MAX: Duration = Duration::from_millis(200);

/// How much of what the other side still sends is read while parting.
const PARTING_BYTES_MAX: usize = 64 * 1024;

/// Connects `socket`. The error is the outcome of the probe.
pub(super) async fn connect(socket: Socket, to: SocketAddr) -> Result<TcpStream, Outcome> {
    match socket.connect(&to.into()) {
        Ok(()) => (),
        Err(err) if fault::errno_of(&err) == Some(Errno::INPROGRESS) => (),
        Err(err) => return Err(fault::at_once(&err, FailCode::L4Con)),
    }
    let stream = TcpStream::from_std(socket.into())
        .map_err(|err| Outcome::Inconclusive(fault::ours(&err, "watching a socket")))?;
    match stream.async_io(Interest::WRITABLE, || established(&stream)).await {
        Ok(()) => (),
        Err(err) if fault::errno_of(&err) == Some(Errno::TIMEDOUT) => {
            return Err(fault::later(&err, FailCode::L4Tout, ""));
        }
        Err(err) => return Err(fault::later(&err, FailCode::L4Con, "")),
    }
    // A closed port of this very host can be connected to by accident: by a socket that got that port for its own.
    if stream.local_addr().is_ok_and(|local| local == to) {
        return Err(fault::fail(FailCode::L4Con, "nobody listens: the probe connected to itself"));
    }
    // Requests are one small segment; waiting for a second would only delay them.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

fn established(stream: &TcpStream) -> io::Result<()> {
    if let Some(err) = stream.take_error()? {
        return Err(err);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(()),
        Err(err) if err.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        Err(err) => Err(err),
    }
}

/// Closes a connection in good manners: says that we are done, then reads until the other side is, too.
///
/// Closing with unread bytes (a banner, TLS session tickets, a body nobody wanted) would make the kernel send a reset,
/// and a server that is reset by every probe fills its log. The verdict was given before, so nothing waits for this.
pub(super) async fn part<C: Clock>(mut wire: Wire, clock: &C) {
    let give_up = clock.now() + PARTING_MAX;
    tokio::select! {
        biased;
        () = say_goodbye(&mut wire) => (),
        () = clock.sleep_until(give_up) => (),
    }
}

async fn say_goodbye(wire: &mut Wire) {
    if wire.shutdown().await.is_err() {
        return;
    }
    let mut scrap = [0; 2048];
    let mut left = PARTING_BYTES_MAX;
    while left > 0 {
        match wire.read(&mut scrap).await {
            Ok(0) | Err(_) => return,
            Ok(read) => left = left.saturating_sub(read),
        }
    }
}
