//! Whose fault an error is: this host's, or the backend's.
//!
//! A local fault must never look like a backend's death, so the first question about every error is whether the
//! backend, or the way to it, had any part in it. The same errno can mean either: ENETUNREACH from `connect` at once is
//! our routing table, and ENETUNREACH later is a router's answer to a packet that did leave.

use std::fmt;
use std::io;

use maglev_core::input::{FailCode, Failure, LocalFault, Outcome};
use rustix::io::Errno;

/// Longest detail of a failure, in bytes; details travel in events, logs and API messages.
const DETAIL_MAX: usize = 200;

/// A failure of the backend. `words` may contain what the backend sent; it is made fit to print.
pub(super) fn fail(code: FailCode, words: impl fmt::Display) -> Outcome {
    Outcome::Fail(Failure { code, detail: printable(&words.to_string()) })
}

/// A check that cannot be set up on this host. `words` may contain what the operator wrote; it is made fit to print.
pub(super) fn unusable(words: impl fmt::Display) -> LocalFault {
    LocalFault::Unusable(printable(&words.to_string()))
}

/// Cuts `words` to [`DETAIL_MAX`] bytes and replaces control characters, which could rewrite an operator's terminal.
fn printable(words: &str) -> String {
    let mut detail = String::new();
    for letter in words.chars() {
        let letter = if letter.is_control() { '.' } else { letter };
        if detail.len() + letter.len_utf8() > DETAIL_MAX {
            break;
        }
        detail.push(letter);
    }
    detail
}

/// What a failed system call means that touches only this host, such as `socket` and `bind`: never the backend.
pub(super) fn ours(err: &io::Error, doing: &str) -> LocalFault {
    match errno_of(err).and_then(local_name) {
        Some(name) => LocalFault::Errno(name),
        None => unusable(format_args!("{doing}: {err}")),
    }
}

/// What an error means that `connect` or the first `send` returned at once, before anybody could have answered.
pub(super) fn at_once(err: &io::Error, code: FailCode) -> Outcome {
    match errno_of(err).and_then(local_name) {
        Some(name) => Outcome::Inconclusive(LocalFault::Errno(name)),
        None => fail(code, words(err)),
    }
}

/// What an error means that arrived after a packet had left.
pub(super) fn later(err: &io::Error, code: FailCode, during: &str) -> Outcome {
    match errno_of(err).and_then(local_name_later) {
        Some(name) => Outcome::Inconclusive(LocalFault::Errno(name)),
        None => fail(code, format_args!("{}{during}", words(err))),
    }
}

/// The errno in an I/O error, also where a library wrapped it.
pub(super) fn errno_of(err: &io::Error) -> Option<Errno> {
    Errno::from_io_error(err)
}

/// The names of errors that are this host's when they come before any answer could.
fn local_name(errno: Errno) -> Option<&'static str> {
    let name = match errno {
        Errno::NETUNREACH => "ENETUNREACH",
        Errno::ACCESS => "EACCES",
        Errno::PERM => "EPERM",
        Errno::ADDRINUSE => "EADDRINUSE",
        Errno::AFNOSUPPORT => "EAFNOSUPPORT",
        Errno::PROTONOSUPPORT => "EPROTONOSUPPORT",
        Errno::AGAIN => "EAGAIN",
        Errno::INVAL => "EINVAL",
        Errno::NOSPC => "ENOSPC",
        other => return local_name_later(other),
    };
    Some(name)
}

/// The names of errors that are this host's whenever they come.
///
/// EACCES is not among them: IPv6 reports a firewall's "administratively prohibited" as EACCES, and a firewall in the
/// way is exactly what a probe is there to notice.
fn local_name_later(errno: Errno) -> Option<&'static str> {
    let name = match errno {
        Errno::MFILE => "EMFILE",
        Errno::NFILE => "ENFILE",
        Errno::NOBUFS => "ENOBUFS",
        Errno::NOMEM => "ENOMEM",
        Errno::ADDRNOTAVAIL => "EADDRNOTAVAIL",
        Errno::PERM => "EPERM",
        Errno::NETDOWN => "ENETDOWN",
        _ => return None,
    };
    Some(name)
}

/// An error in an operator's words.
pub(super) fn words(err: &io::Error) -> String {
    let words = match errno_of(err) {
        Some(Errno::CONNREFUSED) => "connection refused",
        Some(Errno::CONNRESET | Errno::PIPE) => "connection reset",
        Some(Errno::HOSTUNREACH | Errno::HOSTDOWN) => "host unreachable",
        Some(Errno::NETUNREACH) => "network unreachable",
        Some(Errno::ACCESS) => "administratively prohibited on the way",
        Some(Errno::NOPROTOOPT) => "protocol unreachable",
        Some(Errno::TIMEDOUT) => "connection timed out",
        Some(_) | None => return err.to_string(),
    };
    words.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.raw_os_error())
    }

    #[test]
    fn unreachable_at_once_is_our_routing_and_later_is_an_answer() {
        let at_once = at_once(&error(Errno::NETUNREACH), FailCode::L4Con);
        assert_eq!(at_once, Outcome::Inconclusive(LocalFault::Errno("ENETUNREACH")));
        let later = later(&error(Errno::NETUNREACH), FailCode::L4Con, "");
        assert_eq!(later, fail(FailCode::L4Con, "network unreachable"));
    }

    #[test]
    fn every_local_fault_of_the_contract_is_inconclusive() {
        let contract = [
            (Errno::MFILE, "EMFILE"),
            (Errno::NFILE, "ENFILE"),
            (Errno::NOBUFS, "ENOBUFS"),
            (Errno::NOMEM, "ENOMEM"),
            (Errno::ADDRNOTAVAIL, "EADDRNOTAVAIL"),
            (Errno::ACCESS, "EACCES"),
            (Errno::PERM, "EPERM"),
            (Errno::NETDOWN, "ENETDOWN"),
            (Errno::NETUNREACH, "ENETUNREACH"),
        ];
        for (errno, name) in contract {
            let fault = LocalFault::Errno(name);
            assert_eq!(at_once(&error(errno), FailCode::L4Con), Outcome::Inconclusive(fault.clone()));
            assert_eq!(ours(&error(errno), "making a socket"), fault);
        }
    }

    #[test]
    fn a_firewall_that_forbids_us_is_not_our_own() {
        let outcome = later(&error(Errno::ACCESS), FailCode::L4Con, "");
        assert_eq!(outcome, fail(FailCode::L4Con, "administratively prohibited on the way"));
    }

    #[test]
    fn a_detail_is_short_and_cannot_move_the_cursor() {
        assert_eq!(printable("a\x1b[2Jb\nc"), "a.[2Jb.c");
        assert_eq!(printable(&"é".repeat(150)).len(), 200);
    }
}
