//! A Unix socket between the daemon and VPP that the test can cut, and that counts what the daemon sends.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use maglevd::vpp::frame::Decoder;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::select;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::folder::Folder;

/// Whether connections are let through, and how often all were broken.
#[derive(Clone, Copy)]
struct Link {
    is_down: bool,
    is_mute: bool,
    cuts: u64,
    /// No frame goes through when this many have.
    brake: u64,
}

pub struct Relay {
    folder: Folder,
    frames: Arc<AtomicU64>,
    link: watch::Sender<Link>,
    running: JoinHandle<()>,
}

impl Relay {
    /// Listens, and connects every client to the socket at `vpp`.
    pub fn start(vpp: &Path) -> Self {
        let folder = Folder::new();
        let listener = UnixListener::bind(socket(&folder)).unwrap();
        let frames = Arc::<AtomicU64>::default();
        let link = watch::Sender::new(Link { is_down: false, is_mute: false, cuts: 0, brake: u64::MAX });
        let running = tokio::spawn(accept(listener, vpp.to_owned(), Arc::clone(&frames), link.clone()));
        Self { folder, frames, link, running }
    }

    /// Where the daemon shall connect.
    pub fn socket(&self) -> PathBuf {
        socket(&self.folder)
    }

    /// Frames that daemons have sent so far, handshakes and reads included.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Breaks all connections, and every new one at once, until [`Self::mend`].
    pub fn cut(&self) {
        self.link
            .send_modify(|link| *link = Link { is_down: true, is_mute: false, cuts: link.cuts + 1, ..*link });
    }

    /// Lets at most this many frames through, so that what must happen before the end does.
    pub fn brake_at(&self, frames: u64) {
        self.link.send_modify(|link| link.brake = frames);
    }

    /// From here on VPP hears everything, and nothing of what it says arrives, until the connections break.
    pub fn mute(&self) {
        self.link.send_modify(|link| link.is_mute = true);
    }

    /// Hears VPP again, on new connections.
    pub fn unmute(&self) {
        self.link.send_modify(|link| link.is_mute = false);
    }

    /// Lets new connections through.
    pub fn mend(&self) {
        self.link.send_modify(|link| link.is_down = false);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn socket(folder: &Folder) -> PathBuf {
    folder.path().join("relay.sock")
}

async fn accept(listener: UnixListener, vpp: PathBuf, frames: Arc<AtomicU64>, link: watch::Sender<Link>) {
    let mut connections = JoinSet::new();
    while let Ok((daemon, _)) = listener.accept().await {
        let (vpp, frames, mut link) = (vpp.clone(), Arc::clone(&frames), link.subscribe());
        let cuts = link.borrow_and_update().cuts;
        let mute = link.clone();
        connections.spawn(async move {
            select! { biased;
                _ = link.wait_for(|link| link.is_down || link.cuts != cuts) => (),
                () = join(daemon, &vpp, &frames, mute) => (),
            }
        });
    }
}

/// Carries everything both ways until one side ends; then both do.
async fn join(mut daemon: UnixStream, vpp: &Path, frames: &AtomicU64, link: watch::Receiver<Link>) {
    let Ok(mut vpp) = UnixStream::connect(vpp).await else { return };
    let (mut from_daemon, mut to_daemon) = daemon.split();
    let (mut from_vpp, mut to_vpp) = vpp.split();
    select! {
        () = carry_counted(&mut from_daemon, &mut to_vpp, frames, link.clone()) => (),
        () = carry_unless_mute(&mut from_vpp, &mut to_daemon, link) => (),
    }
}

async fn carry_counted(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    frames: &AtomicU64,
    mut link: watch::Receiver<Link>,
) {
    let mut decoder = Decoder::new();
    let mut chunk = vec![0; 4096];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        let count = frames.load(Ordering::Relaxed);
        let _ = link.wait_for(|link| count < link.brake).await;
        decoder.feed(&chunk[..read]);
        while decoder.next_payload().unwrap().is_some() {
            frames.fetch_add(1, Ordering::Relaxed);
        }
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}

async fn carry_unless_mute(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    link: watch::Receiver<Link>,
) {
    let mut chunk = vec![0; 4096];
    let mut is_mute = false;
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        // A connection that was mute once has lost its framing: it stays so.
        is_mute |= link.borrow().is_mute;
        if !is_mute && to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}
