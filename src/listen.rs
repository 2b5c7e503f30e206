//! The listening addresses.
//!
//! The addresses are taken at start, so that a port in use is found then and not at three in the morning.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use tokio::net::TcpListener;

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
