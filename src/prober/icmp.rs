//! ICMP echo: one request, one reply, on a socket of its own.
//!
//! Ping sockets need no capability but may be forbidden by `net.ipv4.ping_group_range`; raw sockets need CAP_NET_RAW.
//! Either is connected to the backend, so the kernel drops what others send, and both report a router's errors through
//! the socket's error queue. A raw socket hears also what is meant for other programs: everything is checked.

use std::io;
use std::net::{IpAddr, SocketAddr};

use maglev_core::ProbeOrder;
use maglev_core::input::{FailCode, LocalFault, Outcome};
use nix::sys::socket::{setsockopt, sockopt};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use socket2::{Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::echo::{self, Echo};
use super::fault;
use super::netns::{Namespaces, Refusal};
use super::socket::{self, Recipe};

/// A reply is 32 bytes and at most 60 of IPv4 header; of longer messages the beginning is enough to discard them.
const MESSAGE_BYTES_MAX: usize = 512;

/// Messages looked at before other probes get their turn, should somebody flood us.
const MESSAGES_PER_TURN: usize = 32;

/// An echo that is ready to be sent.
pub(super) struct Ping {
    socket: Socket,
    raw: bool,
    to: IpAddr,
    echo: Echo,
}

impl Ping {
    /// Makes the socket: a ping socket if it is permitted, else a raw one.
    pub(super) async fn prepare(
        namespaces: &Namespaces,
        order: &ProbeOrder,
        nonce: u64,
    ) -> Result<Self, LocalFault> {
        let to = order.address;
        let (socket, raw) = match make(namespaces, order, Type::DGRAM).await? {
            Some(socket) => (socket, false),
            None => match make(namespaces, order, Type::RAW).await? {
                Some(socket) => (socket, true),
                None => return Err(LocalFault::NoIcmpPermission),
            },
        };
        // Without the error queue an unreachable backend is found out by its timeout instead of at once.
        let _ = match to {
            IpAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true),
            IpAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true),
        };
        if let Some(source) = socket::source(&order.target, to) {
            socket::bind(&socket, source)?;
        }
        let echo = Echo::new(to, order.probe.slot, order.probe.number, nonce);
        Ok(Self { socket, raw, to, echo })
    }

    /// Sends the request and waits for its reply.
    pub(super) async fn run(self) -> Outcome {
        match self.exchange().await {
            Ok(()) => Outcome::Pass,
            Err(outcome) => outcome,
        }
    }

    async fn exchange(mut self) -> Result<(), Outcome> {
        let at_once = |err: &io::Error| fault::at_once(err, FailCode::L4Con);
        self.socket.connect(&SocketAddr::new(self.to, 0).into()).map_err(|err| at_once(&err))?;
        // To tokio a datagram socket is a datagram socket, whatever its protocol.
        let socket = UdpSocket::from_std(self.socket.into())
            .map_err(|err| Outcome::Inconclusive(fault::ours(&err, "watching a socket")))?;
        rustix::net::send(&socket, &self.echo.request(), SendFlags::NOSIGNAL)
            .map_err(|errno| at_once(&errno.into()))?;
        if !self.raw {
            // The kernel wrote the socket's number where the id was.
            self.echo.set_id(socket.local_addr().map_or(0, |address| address.port()));
        }
        let ear = Ear { raw: self.raw, to: self.to, echo: self.echo };
        loop {
            let heard = socket.async_io(Interest::READABLE | Interest::ERROR, || ear.hear(&socket)).await;
            match heard {
                Ok(Heard::Answer) => return Ok(()),
                Ok(Heard::Complaint(outcome)) => return Err(outcome),
                Ok(Heard::Noise) => tokio::task::yield_now().await,
                Err(err) => return Err(Outcome::Inconclusive(fault::ours(&err, "watching a socket"))),
            }
        }
    }
}

/// A socket of `kind`, or `None` if this host does not permit it.
async fn make(namespaces: &Namespaces, order: &ProbeOrder, kind: Type) -> Result<Option<Socket>, LocalFault> {
    match socket::make(namespaces, &order.target, Recipe::icmp(order.address, kind)).await {
        Ok(socket) => Ok(Some(socket)),
        Err(Refusal::Fault(fault)) => Err(fault),
        Err(Refusal::Socket(err)) => match fault::errno_of(&err) {
            Some(Errno::ACCESS | Errno::PERM) => Ok(None),
            // Kernels may be built without ping sockets.
            Some(Errno::PROTONOSUPPORT | Errno::SOCKTNOSUPPORT) if kind == Type::DGRAM => Ok(None),
            Some(_) | None => Err(fault::ours(&err, "making an ICMP socket")),
        },
    }
}

/// Tells the answer from everything else that reaches the socket.
struct Ear {
    raw: bool,
    to: IpAddr,
    echo: Echo,
}

enum Heard {
    Answer,
    /// An error about our own request.
    Complaint(Outcome),
    /// Only what does not concern us, and perhaps more of it.
    Noise,
}

impl Ear {
    /// Looks at what is there; `WouldBlock` when there is nothing (more).
    fn hear(&self, socket: &UdpSocket) -> io::Result<Heard> {
        let mut buffer = [0; MESSAGE_BYTES_MAX];
        for _ in 0..MESSAGES_PER_TURN {
            match rustix::net::recvfrom(socket, &mut buffer, RecvFlags::empty()) {
                Ok((length, _, from)) => {
                    let from = from.and_then(|from| SocketAddr::try_from(from).ok());
                    let message = &buffer[..length.min(MESSAGE_BYTES_MAX)];
                    if self.is_answer(message, from) {
                        return Ok(Heard::Answer);
                    }
                }
                Err(Errno::AGAIN) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(Errno::INTR) => (),
                Err(errno) => {
                    if let Some(outcome) = self.complaint(socket, errno) {
                        return Ok(Heard::Complaint(outcome));
                    }
                }
            }
        }
        Ok(Heard::Noise)
    }

    fn is_answer(&self, message: &[u8], from: Option<SocketAddr>) -> bool {
        // What came in before the socket was connected may be from anybody.
        if from.map(|from| from.ip()) != Some(self.to) {
            return false;
        }
        let message = if self.raw && self.to.is_ipv4() { echo::behind_ipv4_header(message) } else { message };
        self.echo.is_answered_by(message)
    }

    /// What an error of the socket means; `None` if it is about somebody else's packet.
    fn complaint(&self, socket: &UdpSocket, errno: Errno) -> Option<Outcome> {
        let outcome = fault::later(&errno.into(), FailCode::L4Con, "");
        if matches!(outcome, Outcome::Inconclusive(_)) {
            return Some(outcome);
        }
        // The error queue has the packet that the error is about, from its ICMP header on.
        let mut quoted = [0; MESSAGE_BYTES_MAX];
        let (length, _) = rustix::net::recv(socket, &mut quoted, RecvFlags::ERRQUEUE).ok()?;
        self.echo.is_quoted_by(&quoted[..length]).then_some(outcome)
    }
}
