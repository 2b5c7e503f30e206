//! The doors: TCP, with TLS or without, and a Unix socket. Who comes in is known from here on.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use maglev_core::Clock as _;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};

use super::caller::{Caller, Role};
use super::crowd::Crowd;
use super::farewell::{self, Farewells};
use super::group::Group;
use super::peer;
use super::tls::{Met, Tls};
use super::visit::{Guest, Visit, Wire};
use crate::clock::SystemClock;

/// From being let in to the first byte: each client of gRPC speaks at once, and who does not holds a place for nothing.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// TLS handshakes at once. They take no connection's place: who has not proved anything must not keep others out.
const HANDSHAKES_MAX: usize = 256;
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
    /// On TCP.
    pub tcp: Option<TcpListener>,
    /// How TCP proves who calls. Without it, who comes in is an operator: see docs/api.md.
    pub tls: Option<Tls>,
    /// The Unix socket.
    pub unix: Option<UnixListener>,
    /// Whose members are operators at the Unix socket. Not given: those of the daemon's own group.
    pub operators: Option<Group>,
    /// How many may be inside.
    pub places: Places,
}

/// Connections at once through each door; the next ones wait to be accepted. Whoever fills TCP does not keep the host's
/// own operators out. One caller takes a quarter of a door at most; plain TCP on loopback is let off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Through TCP.
    pub tcp: usize,
    /// Through the Unix socket.
    pub unix: usize,
}

impl Default for Places {
    fn default() -> Self {
        Self { tcp: 896, unix: 128 }
    }
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
        let (sender, visitors) = mpsc::channel(1);
        let Places { tcp, unix } = self.places;
        let hall = |places| {
            let room = Arc::new(Semaphore::new(places));
            Hall { sender: sender.clone(), room, crowd: Crowd::new(places), clock }
        };
        let (street, yard) = (hall(tcp), hall(unix));
        let tcp = self.tcp.map(|listener| match self.tls {
            Some(tls) => tokio::spawn(street.tls(listener, tls)),
            None => tokio::spawn(street.tcp(listener)),
        });
        let operators = self.operators.unwrap_or_else(Group::own);
        let unix = self.unix.map(|listener| tokio::spawn(yard.unix(listener, operators)));
        (visitors, tcp.iter().chain(&unix).map(tokio::task::JoinHandle::abort_handle).collect())
    }
}

/// Where all doors lead.
#[derive(Clone)]
struct Hall {
    sender: mpsc::Sender<io::Result<Visit>>,
    room: Arc<Semaphore>,
    crowd: Arc<Crowd>,
    clock: SystemClock,
}

/// Nobody takes visitors any more.
struct Closed;

impl Hall {
    async fn place(&self) -> Result<OwnedSemaphorePermit, Closed> {
        self.room.clone().acquire_owned().await.map_err(|_| Closed)
    }

    async fn lead(
        &self,
        guest: Guest,
        place: OwnedSemaphorePermit,
        patience: Duration,
    ) -> Result<(), Closed> {
        let visit = guest.enter(place, patience, self.clock);
        self.sender.send(Ok(visit)).await.map_err(|_| Closed)
    }

    async fn recover(&self) {
        self.clock.sleep_until(self.clock.now() + RECOVERY).await;
    }

    async fn unix(self, listener: UnixListener, operators: Group) -> Result<(), Closed> {
        let mut farewells = Farewells::new(self.clock);
        let mut place = self.place().await?;
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                self.recover().await;
                continue;
            };
            let caller = peer::meet(&stream, operators);
            match self.crowd.enter(&caller.key) {
                Ok(share) => {
                    let guest = Guest { wire: Wire::Unix(stream), caller, share: Some(share), end: None };
                    self.lead(guest, place, SILENCE_MAX).await?;
                    place = self.place().await?;
                }
                Err(full) => {
                    tracing::debug!(from = %caller, err = %full, "client-refused");
                    farewells.say(stream, full.to_string());
                }
            }
        }
    }

    async fn tcp(self, listener: TcpListener) -> Result<(), Closed> {
        let mut farewells = Farewells::new(self.clock);
        let mut place = self.place().await?;
        loop {
            let Ok((stream, from)) = listener.accept().await else {
                self.recover().await;
                continue;
            };
            let _ = stream.set_nodelay(true);
            let (who, key) = (format!("tcp {from}"), format!("tcp {}", from.ip()));
            let share = is_a_host(from.ip()).then(|| self.crowd.enter(&key)).transpose();
            match share {
                Ok(share) => {
                    let caller = Caller { who, key, role: Role::Operator };
                    let guest = Guest { wire: Wire::Tcp(stream), caller, share, end: None };
                    self.lead(guest, place, SILENCE_MAX).await?;
                    place = self.place().await?;
                }
                Err(full) => {
                    tracing::debug!(%from, err = %full, "client-refused");
                    farewells.say(stream, full.to_string());
                }
            }
        }
    }

    async fn tls(self, listener: TcpListener, tls: Tls) -> Result<(), Closed> {
        // They end with the door.
        let mut handshakes = JoinSet::new();
        while !self.sender.is_closed() {
            while handshakes.try_join_next().is_some() {}
            if handshakes.len() >= HANDSHAKES_MAX {
                handshakes.join_next().await;
            }
            match listener.accept().await {
                Ok((stream, from)) => {
                    handshakes.spawn(self.clone().admit(stream, from, tls.clone()));
                }
                Err(_) => self.recover().await,
            }
        }
        Err(Closed)
    }

    /// Lets somebody in who proves who they are, in time. Refusals are told to whoever searches: anybody can make as
    /// many of these as they like.
    async fn admit(self, stream: TcpStream, from: SocketAddr, tls: Tls) -> Result<(), Closed> {
        let _ = stream.set_nodelay(true);
        let end = self.clock.now() + tls.patience;
        let met = select! {
            met = tls.meet(stream, from) => met,
            () = self.clock.sleep_until(end) => Err((io::ErrorKind::TimedOut.into(), None)),
        };
        let Met { stream, caller, end } = match met {
            Ok(met) => met,
            Err((err, stream)) => {
                tracing::debug!(%from, %err, "client-refused");
                if let Some(stream) = stream {
                    farewell::linger(stream, self.clock).await;
                }
                return Ok(());
            }
        };
        match self.crowd.enter(&caller.key) {
            // Who waits for a place counts: else one caller could hold all handshakes.
            Ok(share) => {
                let place = self.place().await?;
                let wire = Wire::Tls(Box::new(stream));
                let guest = Guest { wire, caller, share: Some(share), end: Some(end) };
                self.lead(guest, place, tls.patience).await
            }
            Err(full) => {
                tracing::debug!(%from, err = %full, "client-refused");
                farewell::refuse(stream, full.to_string(), self.clock).await;
                Ok(())
            }
        }
    }
}

/// Whether an address tells callers apart. On loopback they all have the same one, or whichever they like.
fn is_a_host(address: IpAddr) -> bool {
    !address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::is_a_host;

    #[test]
    fn loopback_tells_nobody_apart() {
        for (address, expected) in [
            ("192.0.2.7", true),
            ("2001:db8::7", true),
            ("::ffff:192.0.2.7", true),
            ("127.0.0.1", false),
            ("127.9.8.7", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
        ] {
            assert_eq!(is_a_host(address.parse().unwrap()), expected, "{address}");
        }
    }
}
