//! The listening addresses, and who answers there as long as nothing is served.
//!
//! The addresses are taken at start, so that a port in use is found then and not at three in the morning. What the
//! metrics serve is not there yet, and who asks for it is told so.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use maglev_core::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::select;

use crate::clock::SystemClock;

/// How long one visitor may take; they are served one at a time.
const VISIT_MAX: Duration = Duration::from_secs(1);

/// A pause after a failed `accept` (no descriptors left), which would fail again at once.
const RECOVERY: Duration = Duration::from_millis(100);

const NOT_YET: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 45\r\nconnection: close\r\n\r\nmaglevd does not serve its metrics here yet.\n";

/// An address that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({flag}): {source}; {}", remedy(source.kind()))]
pub struct ListenError {
    flag: &'static str,
    address: String,
    source: io::Error,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "io::ErrorKind grows with the standard library")]
fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => {
            "stop the other process (is a maglevd running already?) or name another port"
        }
        io::ErrorKind::AddrNotAvailable => "name an address of this host",
        io::ErrorKind::PermissionDenied => "name a port above 1023, or grant CAP_NET_BIND_SERVICE",
        _ => "name an address as HOST:PORT",
    }
}

/// An address that is ours.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
}

impl Door {
    /// Takes `address`, which is `HOST:PORT`, or `:PORT` for every address of this host.
    ///
    /// # Errors
    /// The address is not one, not ours, or in use.
    pub async fn open(flag: &'static str, address: &str) -> Result<Self, ListenError> {
        let failed = |source| ListenError { flag, address: address.to_owned(), source };
        let addresses = addresses(address).map_err(failed)?;
        let listener = TcpListener::bind(addresses.as_slice()).await.map_err(failed)?;
        Ok(Self { listener })
    }

    /// The address, with the port that the system chose for port 0.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Whether only this host can reach it.
    pub fn is_loopback(&self) -> bool {
        self.address().is_ok_and(|address| address.ip().to_canonical().is_loopback())
    }

    /// The listener itself, for who serves something there.
    pub fn into_listener(self) -> TcpListener {
        self.listener
    }

    /// Meets visitors for ever, and tells them that there is nothing yet.
    pub async fn attend(self, clock: SystemClock) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => select! {
                    () = say_not_yet(stream) => (),
                    () = clock.sleep_until(clock.now() + VISIT_MAX) => (),
                },
                Err(_) => clock.sleep_until(clock.now() + RECOVERY).await,
            }
        }
    }
}

async fn say_not_yet(mut stream: TcpStream) {
    // The request is read before the answer, or closing would reset the connection and take the answer along.
    let _ = stream.read(&mut [0; 4096]).await;
    let _ = stream.write_all(NOT_YET.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// As Go reads it: a port alone means every address of this host.
fn addresses(address: &str) -> io::Result<Vec<SocketAddr>> {
    if let Some(port) = address.strip_prefix(':') {
        let port = port.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "not a port"))?;
        // A socket of IPv6 takes IPv4 as well; the second one is for hosts without IPv6.
        return Ok(vec![SocketAddr::from(([0u16; 8], port)), SocketAddr::from(([0u8; 4], port))]);
    }
    Ok(address.to_socket_addrs()?.collect())
}
