//! VPP's process around its API: one socket, and one thread that serves all clients.

use std::io;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use tokio::runtime::Builder;
use tokio::select;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::{Options, Plugin, serve};

/// An order to break all connections.
struct DropLinks;

/// A process that serves clients until it is dropped.
///
/// One thread serves them all, as in VPP. So calls of a connection that has ended are never carried out after those
/// of one that was made later.
pub struct Process {
    orders: Option<UnboundedSender<DropLinks>>,
    thread: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts one that listens on `path`, where a dead one may have left its socket.
    ///
    /// # Errors
    /// The socket or the thread cannot be made.
    pub fn start<P: Plugin + 'static>(path: &Path, plugin: Arc<Mutex<P>>) -> io::Result<Self> {
        let _ = std::fs::remove_file(path);
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let listener = {
            let _context = runtime.enter();
            tokio::net::UnixListener::from_std(listener)?
        };
        let (orders, inbox) = unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("simulated-vpp".to_owned())
            .spawn(move || runtime.block_on(serve_all(listener, plugin, inbox)))?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// Breaks all connections; the process lives on.
    pub fn drop_links(&self) {
        if let Some(orders) = &self.orders {
            // A thread that has panicked serves nobody anyway.
            let _ = orders.send(DropLinks);
        }
    }
}

impl Drop for Process {
    /// Kills it. A dead process carries out nothing, so this returns when its connections are gone; its socket stays.
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve_all<P: Plugin + 'static>(
    listener: tokio::net::UnixListener,
    plugin: Arc<Mutex<P>>,
    mut orders: UnboundedReceiver<DropLinks>,
) {
    let mut connections = JoinSet::new();
    loop {
        select! { biased;
            order = orders.recv() => {
                connections.shutdown().await;
                if order.is_none() {
                    return;
                }
            }
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(serve(stream, Arc::clone(&plugin), Options::default()));
            },
        }
        while connections.try_join_next().is_some() {}
    }
}
