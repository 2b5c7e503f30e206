//! The doors: TCP and a Unix socket. Who comes in is known from here on.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use maglev_core::Clock as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;
use tonic::transport::server::Connected;

use super::caller::{Caller, Role};
use crate::clock::SystemClock;

/// Connections at once, over all doors; the next ones wait to be accepted.
const CONNECTIONS_MAX: usize = 1_024;
/// A pause after a failed `accept` (no descriptors left), which would fail again at once.
const RECOVERY: Duration = Duration::from_millis(100);

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody answers there.
    #[error(
        "cannot listen on {path} (--grpc-socket): another process answers there; stop it or name another path"
    )]
    InUse {
        /// Where.
        path: PathBuf,
    },
    /// The folder is missing or not ours: a daemon runs without its socket.
    #[error(
        "cannot listen on {path} (--grpc-socket): {source}; make its folder writable, or name another path"
    )]
    Unusable {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The doors of the API, taken and not yet open.
#[derive(Debug, Default)]
pub struct Doors {
    /// On TCP. Who comes in is an operator: see docs/api.md.
    pub tcp: Option<TcpListener>,
    /// The Unix socket.
    pub unix: Option<UnixListener>,
}

impl Doors {
    /// Takes the Unix socket at `path`, mode 0660. A file that a dead process left is replaced.
    ///
    /// # Errors
    /// Somebody answers there, or the folder cannot be used.
    pub async fn take_socket(&mut self, path: &Path) -> Result<(), SocketError> {
        let unusable = |source| SocketError::Unusable { path: path.to_owned(), source };
        if UnixStream::connect(path).await.is_ok() {
            return Err(SocketError::InUse { path: path.to_owned() });
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(unusable)?;
        }
        // Made beside its place and moved there when its mode is right, so that nobody meets it with another.
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(format!(".{}", std::process::id()));
        let fresh = PathBuf::from(fresh);
        let _ = std::fs::remove_file(&fresh);
        let listener = UnixListener::bind(&fresh).map_err(unusable)?;
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o660)).map_err(unusable)?;
        std::fs::rename(&fresh, path).map_err(unusable)?;
        self.unix = Some(listener);
        Ok(())
    }

    /// Lets visitors in for ever.
    pub(super) fn open(self, clock: SystemClock) -> (mpsc::Receiver<io::Result<Visit>>, Vec<AbortHandle>) {
        let mut tasks = Vec::new();
        let (sender, visitors) = mpsc::channel(1);
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        if let Some(listener) = self.tcp {
            let (sender, room) = (sender.clone(), room.clone());
            let task = tokio::spawn(async move {
                loop {
                    let Ok(place) = room.clone().acquire_owned().await else { return };
                    match listener.accept().await {
                        Ok((stream, from)) => {
                            let caller = Caller { who: format!("tcp {from}"), role: Role::Operator };
                            let _ = stream.set_nodelay(true);
                            if sender.send(Ok(Visit::new(Wire::Tcp(stream), caller, place))).await.is_err() {
                                return;
                            }
                        }
                        Err(_) => clock.sleep_until(clock.now() + RECOVERY).await,
                    }
                }
            });
            tasks.push(task.abort_handle());
        }
        if let Some(listener) = self.unix {
            let task = tokio::spawn(async move {
                loop {
                    let Ok(place) = room.clone().acquire_owned().await else { return };
                    match listener.accept().await {
                        Ok((stream, _)) => {
                            let caller = peer(&stream);
                            if sender.send(Ok(Visit::new(Wire::Unix(stream), caller, place))).await.is_err() {
                                return;
                            }
                        }
                        Err(_) => clock.sleep_until(clock.now() + RECOVERY).await,
                    }
                }
            });
            tasks.push(task.abort_handle());
        }
        (visitors, tasks)
    }
}

/// Who is at the other end of the socket. Root, our own user and our own group are operators.
fn peer(stream: &UnixStream) -> Caller {
    let Ok(peer) = stream.peer_cred() else {
        return Caller { who: "unix, unknown".into(), role: Role::Viewer };
    };
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let is_operator = peer.uid() == 0 || peer.uid() == uid || peer.gid() == gid;
    let role = if is_operator { Role::Operator } else { Role::Viewer };
    let pid = peer.pid().map(|pid| format!(" pid {pid}")).unwrap_or_default();
    Caller { who: format!("unix uid {} gid {}{pid}", peer.uid(), peer.gid()), role }
}

/// A connection and who is at its other end.
#[derive(Debug)]
pub(super) struct Visit {
    wire: Wire,
    caller: Caller,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Visit {
    const fn new(wire: Wire, caller: Caller, place: OwnedSemaphorePermit) -> Self {
        Self { wire, caller, _place: place }
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
        match &mut self.wire {
            Wire::Tcp(stream) => Pin::new(stream).poll_read(cx, to),
            Wire::Unix(stream) => Pin::new(stream).poll_read(cx, to),
        }
    }
}

impl AsyncWrite for Visit {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.wire {
            Wire::Tcp(stream) => Pin::new(stream).poll_write(cx, from),
            Wire::Unix(stream) => Pin::new(stream).poll_write(cx, from),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Wire::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Wire::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
