//! The connector of the real world: VPP's two Unix sockets.

use std::fmt;
use std::io;
use std::path::PathBuf;

use tokio::net::UnixStream;

use crate::vpp::client::Connector;
use crate::vpp::stats;

/// Connects to `api.sock`, and asks `stats.sock` for the boot time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixConnector {
    /// VPP's API socket, `/run/vpp/api.sock` by default.
    pub api: PathBuf,
    /// VPP's stats socket, `/run/vpp/stats.sock` by default; without it the boot time is unknown.
    pub stats: Option<PathBuf>,
}

impl Connector for UnixConnector {
    type Stream = UnixStream;

    async fn connect(&mut self) -> io::Result<UnixStream> {
        UnixStream::connect(&self.api).await.map_err(|source| {
            let kind = source.kind();
            io::Error::new(kind, ConnectError { path: self.api.clone(), source })
        })
    }

    async fn boot_time(&mut self) -> u64 {
        let Some(path) = self.stats.clone() else {
            return 0;
        };
        // Two short system calls and a few reads of memory; a listener that hangs is limited by socket timeouts.
        let read = tokio::task::spawn_blocking(move || stats::boot_time(&path).map_err(|err| (path, err)));
        match read.await {
            Ok(Ok(seconds)) => seconds,
            Ok(Err((path, err))) => {
                tracing::debug!(path = %path.display(), %err, "boot time of VPP is unknown");
                0
            }
            Err(_) => 0,
        }
    }
}

/// Why `api.sock` could not be reached, and what to do about it.
#[derive(Debug)]
struct ConnectError {
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.source)?;
        if let Some(advice) = advice(&self.source) {
            write!(f, ": {advice}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

fn advice(err: &io::Error) -> Option<&'static str> {
    if err.kind() == io::ErrorKind::NotFound {
        Some("is VPP running, and does its `socksvr` section name this path?")
    } else if err.kind() == io::ErrorKind::PermissionDenied {
        Some("the user needs write permission: add it to the group vpp")
    } else if err.kind() == io::ErrorKind::ConnectionRefused {
        Some("a stale socket: nobody listens, VPP stopped or is starting")
    } else {
        None
    }
}
