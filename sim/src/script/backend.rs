//! How a backend behaves from some moment on.

use core::fmt;
use core::time::Duration;

use super::words::{Confused, Exact, duration, number};

/// How the address of a backend answers probes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behaviour {
    /// It answers as it should: `up`.
    Up,
    /// It answers as it should, after so long: `slow 300ms`.
    Slow(Duration),
    /// The service is dead and the host alive: refused, or no echo reply: `down`.
    Down,
    /// Refused at once, an ICMP error for an echo: `refuse`.
    Refuse,
    /// Nothing comes back: `silent`.
    Silent,
    /// It answers HTTP with this status: `status 503`.
    Status(u16),
    /// It answers with bytes that are no HTTP and no TLS: `garbage`.
    Garbage,
    /// It accepts connections and fails the TLS handshake: `bad-tls`.
    BadTls,
    /// It answers HTTP with a body that matches no pattern: `bad-body`.
    BadBody,
    /// It answers one probe in so many, the others are refused: `one-in 3`.
    OneIn(u32),
    /// Our own host fails: `local-fault EMFILE`.
    LocalFault(&'static str),
}

/// The faults of our own host that a probe may meet; `no-netns` and `no-icmp` are not errnos.
const LOCAL_FAULTS: [&str; 11] = [
    "EMFILE",
    "ENFILE",
    "ENOBUFS",
    "ENOMEM",
    "EADDRNOTAVAIL",
    "EACCES",
    "EPERM",
    "ENETDOWN",
    "ENETUNREACH",
    "no-netns",
    "no-icmp",
];

impl Behaviour {
    pub(super) fn parse(sentence: &str) -> Result<Self, Confused> {
        let words: Vec<&str> = sentence.split_whitespace().collect();
        match words[..] {
            ["up"] => Ok(Self::Up),
            ["slow", by] => duration(by).map(Self::Slow),
            ["down"] => Ok(Self::Down),
            ["refuse"] => Ok(Self::Refuse),
            ["silent"] => Ok(Self::Silent),
            ["status", code] => number(code, "an HTTP status such as 503").map(Self::Status),
            ["garbage"] => Ok(Self::Garbage),
            ["bad-tls"] => Ok(Self::BadTls),
            ["bad-body"] => Ok(Self::BadBody),
            ["one-in", n] => match number(n, "a number such as 3")? {
                0 => Err("one-in 0 never answers: write refuse or silent".into()),
                n => Ok(Self::OneIn(n)),
            },
            ["local-fault", name] => LOCAL_FAULTS
                .iter()
                .find(|known| **known == name)
                .map(|known| Self::LocalFault(known))
                .ok_or_else(|| {
                    format!("local fault {name:?} is unknown: use one of {}", LOCAL_FAULTS.join(", "))
                }),
            _ => Err(format!(
                "{sentence:?} is nothing a backend does: use up, slow <duration>, down, refuse, silent, \
                 status <code>, garbage, bad-tls, bad-body, one-in <n> or local-fault <name>"
            )),
        }
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up => f.write_str("up"),
            Self::Slow(by) => write!(f, "slow {}", Exact(*by)),
            Self::Down => f.write_str("down"),
            Self::Refuse => f.write_str("refuse"),
            Self::Silent => f.write_str("silent"),
            Self::Status(code) => write!(f, "status {code}"),
            Self::Garbage => f.write_str("garbage"),
            Self::BadTls => f.write_str("bad-tls"),
            Self::BadBody => f.write_str("bad-body"),
            Self::OneIn(n) => write!(f, "one-in {n}"),
            Self::LocalFault(name) => write!(f, "local-fault {name}"),
        }
    }
}
