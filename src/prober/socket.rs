//! Sockets as probes need them: nonblocking, in the right namespace, with the right source address.

use std::io;
use std::net::{IpAddr, SocketAddr};

use maglev_core::config::Target;
use maglev_core::input::LocalFault;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::fault;
use super::netns::{Namespaces, Refusal};

/// What kind of socket to make: all that the thread inside a namespace has to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipe {
    domain: Domain,
    kind: Type,
    protocol: Protocol,
}

impl Recipe {
    fn tcp(address: IpAddr) -> Self {
        Self { domain: domain(address), kind: Type::STREAM, protocol: Protocol::TCP }
    }

    /// ICMP echo: `Type::DGRAM` is the ping socket that needs no capability, `Type::RAW` needs CAP_NET_RAW.
    pub(super) fn icmp(address: IpAddr, kind: Type) -> Self {
        let protocol = match address {
            IpAddr::V4(_) => Protocol::ICMPV4,
            IpAddr::V6(_) => Protocol::ICMPV6,
        };
        Self { domain: domain(address), kind, protocol }
    }

    /// Makes the socket in the calling thread's namespace.
    pub(super) fn make(self) -> io::Result<Socket> {
        Socket::new(self.domain, self.kind.nonblocking().cloexec(), Some(self.protocol))
    }
}

fn domain(address: IpAddr) -> Domain {
    match address {
        IpAddr::V4(_) => Domain::IPV4,
        IpAddr::V6(_) => Domain::IPV6,
    }
}

/// Makes a socket in the target's namespace, or in our own.
pub(super) async fn make(
    namespaces: &Namespaces,
    target: &Target,
    recipe: Recipe,
) -> Result<Socket, Refusal> {
    match &target.netns {
        Some(namespace) => namespaces.socket(namespace, recipe).await,
        None => recipe.make().map_err(Refusal::Socket),
    }
}

/// A TCP socket for a probe of `address`, bound to the target's source address if it has one.
pub(super) async fn stream(
    namespaces: &Namespaces,
    target: &Target,
    address: IpAddr,
) -> Result<Socket, LocalFault> {
    let made = make(namespaces, target, Recipe::tcp(address)).await;
    let socket = made.map_err(|refusal| match refusal {
        Refusal::Fault(fault) => fault,
        Refusal::Socket(err) => fault::ours(&err, "making a socket"),
    })?;
    if let Some(source) = source(target, address) {
        // Else every bound socket takes a port for itself, and a minute of closed connections takes all of them. A
        // kernel without this option (before 4.2) still probes, only less often.
        let _ = setsockopt(&socket, sockopt::IpBindAddressNoPort, &true);
        bind(&socket, source)?;
    }
    Ok(socket)
}

/// The source address that the target asks for, of the backend's family.
pub(super) fn source(target: &Target, address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(_) => target.ipv4_source.map(IpAddr::V4),
        IpAddr::V6(_) => target.ipv6_source.map(IpAddr::V6),
    }
}

/// Binds to `source` and any port.
pub(super) fn bind(socket: &Socket, source: IpAddr) -> Result<(), LocalFault> {
    let at = SocketAddr::new(source, 0);
    socket.bind(&at.into()).map_err(|err| fault::ours(&err, &format!("binding to source address {source}")))
}
