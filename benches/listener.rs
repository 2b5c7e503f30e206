//! A backend for many addresses: accepts on all of loopback and hangs up at once. Listens until dropped.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use socket2::{Domain, Socket, Type};

/// Ten thousand connections a second do not fit into a short queue while the machine is busy.
const BACKLOG: i32 = 4_096;

/// A thread that accepts.
#[derive(Debug)]
pub struct Listener {
    /// Where it listens.
    pub port: u16,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens on this port; 0 is any.
    pub fn open(port: u16) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be made");
        socket.set_reuse_address(true).expect("a socket takes options");
        // One socket for all of 127.0.0.0/8; nothing else is ever told of it.
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        socket.bind(&address.into()).expect("the port is free");
        socket.listen(BACKLOG).expect("a bound socket listens");
        let listener = TcpListener::from(socket);
        let port = listener.local_addr().expect("it is bound").port();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                drop(stream);
                if over.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        Self { port, is_over, thread: Some(thread) }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
