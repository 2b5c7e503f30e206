//! The supervisor's socket: datagrams of `KEY=value` lines, to a path or to an abstract name that begins with `@`.
//!
//! Each is sent to the name, not through a connection: the supervisor may have been replaced meanwhile.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long one datagram may wait for a supervisor whose queue is full, as it may be while a host boots.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the supervisor listens.
#[derive(Debug)]
pub struct Socket {
    own: UnixDatagram,
    address: SocketAddr,
    is_unheard: AtomicBool,
}

impl Socket {
    /// The socket of this name, as in `NOTIFY_SOCKET`.
    ///
    /// # Errors
    /// It is no name of a socket, or the system has none for us.
    pub fn named(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(hidden) => SocketAddr::from_abstract_name(hidden)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let own = UnixDatagram::unbound()?;
        own.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { own, address, is_unheard: AtomicBool::new(false) })
    }

    /// Sends lines. That nobody hears them is logged once, and is no reason to do anything else.
    pub fn say(&self, lines: &str) {
        match self.own.send_to_addr(lines.as_bytes(), &self.address) {
            Ok(_) => self.is_unheard.store(false, Ordering::Relaxed),
            Err(err) => {
                if !self.is_unheard.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%err, "notify-failed");
                }
            }
        }
    }
}
