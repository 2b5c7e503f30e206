//! The stats socket: one message without a single byte, with the segment's descriptor beside it.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketAddrUnix, SocketFlags,
    SocketType, connect, recvmsg, socket_with, sockopt,
};

/// How long a listener may take that accepted us and says nothing.
const SOCKET_TIMEOUT: Duration = Duration::from_secs(1);

/// Zero bytes are not the end here: the descriptor is all there is.
pub(super) fn receive_segment(path: &Path) -> io::Result<File> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(SOCKET_TIMEOUT))?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(SOCKET_TIMEOUT))?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(&socket, &mut [], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let descriptor = control.drain().find_map(|message| {
        if let RecvAncillaryMessage::ScmRights(mut descriptors) = message { descriptors.next() } else { None }
    });
    let descriptor: OwnedFd =
        descriptor.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it sent no file descriptor"))?;
    Ok(File::from(descriptor))
}
