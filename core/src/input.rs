//! Everything that can happen to us. Past tense; each displays as one line of a timeline.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::data::{self, Word};
use crate::memory::Recollection;
use crate::model::{Reply, Weight};
use crate::time::GoDuration;
use core::time::Duration;

/// One probe of one backend. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProbeId {
    /// The engine's slot of the backend.
    pub slot: u32,
    /// Counts all probes of this process.
    pub number: u64,
}

/// One attempt to hold a connection to VPP. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnectionId(pub u32);

/// One call on one connection. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallId(pub u64);

/// One command of an operator. The answer carries it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// Everything that can happen to us.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// The instant that [`Engine::wakeup`](crate::Engine::wakeup) named has come. Too early or too often is harmless.
    WakeupDue,
    /// A probe ended, also one that was cancelled.
    ProbeFinished {
        /// Which.
        probe: ProbeId,
        /// How.
        outcome: Outcome,
        /// From the start of its I/O.
        took: Duration,
    },
    /// A connection to VPP is up, its message table read and complete.
    VppConnected {
        /// Which.
        connection: ConnectionId,
        /// Who answered.
        vpp: VppProcess,
    },
    /// A connection could not be made, or ended: after the frames received before. Answers all its open calls.
    VppDisconnected {
        /// Which.
        connection: ConnectionId,
        /// Why, and what that means for the next attempt.
        why: Disconnect,
    },
    /// A call was answered.
    VppReplied {
        /// On which connection.
        connection: ConnectionId,
        /// Which call.
        call: CallId,
        /// The answer.
        reply: Reply,
    },
    /// A checked configuration was read anew (SIGHUP or API).
    ConfigLoaded {
        /// The new one.
        #[serde(deserialize_with = "data::unchecked")]
        config: Arc<Config>,
        /// Accept even zero frontends while some are configured.
        forced: bool,
    },
    /// The configuration was read anew and did not pass; the old one stays.
    ConfigRejected {
        /// `read`, `structural` or `semantic`.
        #[serde(deserialize_with = "data::rejection")]
        kind: Word,
        /// All of it, in words.
        err: String,
    },
    /// An operator wants something.
    Commanded {
        /// The answer carries it back.
        request: RequestId,
        /// What.
        command: Command,
        /// Who, and why.
        #[serde(default)]
        by: Author,
        /// The revision of the object that the command was founded on; `None` if it is meant whatever the object is now.
        #[serde(default)]
        based_on: Option<u64>,
    },
    /// What operators chose in earlier processes. It is heard before anything else, or not at all: without it choices
    /// are not kept.
    Remembered(Recollection),
    /// What came of the latest [`Action::Keep`](crate::Action::Keep); the error in words, what to do included.
    Kept(Result<(), String>),
    /// SIGTERM or SIGINT.
    ShutdownRequested,
}

/// How a probe ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It answered as it should.
    Pass,
    /// It did not.
    Fail(Failure),
    /// A fault of this host, or the probe was cancelled: says nothing about the backend.
    Inconclusive(LocalFault),
}

/// Why a probe failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure, with its layer.
    pub code: FailCode,
    /// In words, at most 200 bytes.
    pub detail: String,
}

/// Kinds of failure, named as HAProxy names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FailCode {
    /// Connection refused, reset or unreachable; ICMP error.
    L4Con,
    /// No connection, or no echo reply, within the timeout.
    L4Tout,
    /// TLS handshake failed.
    L6Rsp,
    /// TLS handshake not finished within the timeout.
    L6Tout,
    /// Not a valid HTTP response, or the body does not match.
    L7Rsp,
    /// A status code outside the accepted ones.
    L7Sts,
    /// No complete HTTP response within the timeout.
    L7Tout,
}

impl FailCode {
    /// As in logs and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::L4Con => "L4CON",
            Self::L4Tout => "L4TOUT",
            Self::L6Rsp => "L6RSP",
            Self::L6Tout => "L6TOUT",
            Self::L7Rsp => "L7RSP",
            Self::L7Sts => "L7STS",
            Self::L7Tout => "L7TOUT",
        }
    }

    /// `L4`, `L6` or `L7`.
    pub const fn layer(self) -> &'static str {
        match self {
            Self::L4Con | Self::L4Tout => "L4",
            Self::L6Rsp | Self::L6Tout => "L6",
            Self::L7Rsp | Self::L7Sts | Self::L7Tout => "L7",
        }
    }
}

/// A fault of this host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LocalFault {
    /// The engine took the order back.
    Cancelled,
    /// We looked at an expiry too late to judge by it.
    Stalled,
    /// A system call failed for a reason of ours: the errno's name (`EMFILE`, ...).
    Errno(#[serde(deserialize_with = "data::errno")] Word),
    /// The network namespace cannot be entered; its name.
    NoNetns(String),
    /// No permission for raw ICMP sockets (CAP_NET_RAW).
    NoIcmpPermission,
    /// The check cannot be set up on this host (a CA file that has become unreadable, ...); in words.
    Unusable(String),
}

impl fmt::Display for LocalFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("cancelled"),
            Self::Stalled => f.write_str("expiry handled too late to judge by it"),
            Self::Errno(name) => f.write_str(name),
            Self::NoNetns(name) => {
                write!(
                    f,
                    "network namespace {name} cannot be entered: it must exist (see `ip netns list`), and maglevd needs \
                     CAP_SYS_ADMIN"
                )
            }
            Self::NoIcmpPermission => f.write_str(
                "no permission for ICMP sockets: CAP_NET_RAW is missing, grant it (systemd: \
                 AmbientCapabilities=CAP_NET_RAW)",
            ),
            Self::Unusable(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("pass"),
            Self::Fail(failure) => write!(f, "fail {} ({})", failure.code.word(), failure.detail),
            Self::Inconclusive(fault) => write!(f, "inconclusive ({fault})"),
        }
    }
}

/// The VPP process behind a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VppProcess {
    /// As `show_version` prints it.
    pub version: String,
    /// From `control_ping_reply`.
    pub pid: u32,
    /// `/sys/boottime` of the stats segment in Unix seconds; 0 if it could not be read.
    pub boot_time: u64,
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disconnect {
    /// The socket could not be reached or the link broke; in words. Tried again with growing pauses.
    Link(String),
    /// VPP lacks messages that we need: in words, naming them and the first release that has them. Tried again at
    /// the ceiling of the pauses.
    Incompatible(String),
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(why) | Self::Incompatible(why) => f.write_str(why),
        }
    }
}

/// Who wants something, when and why. For people, and for what outlives the process; it decides nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// As the API knows the caller; empty if nobody was asked.
    pub who: String,
    /// In the caller's words; may be empty.
    pub why: String,
    /// Unix seconds; 0 if it is not known.
    pub at: u64,
}

impl Author {
    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// What an operator may want.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Stop probing; weight 0; flows stay.
    Pause {
        /// The backend's name.
        backend: String,
    },
    /// Undo a pause; probing starts again from `unknown`.
    Resume {
        /// The backend's name.
        backend: String,
    },
    /// Stop probing; weight 0; flows are flushed.
    Disable {
        /// The backend's name.
        backend: String,
    },
    /// Undo a disable; probing starts again from `unknown`.
    Enable {
        /// The backend's name.
        backend: String,
    },
    /// Set a weight at run time.
    SetWeight {
        /// The frontend's name.
        frontend: String,
        /// The pool's name.
        pool: String,
        /// The backend's name.
        backend: String,
        /// The new configured weight.
        weight: Weight,
        /// Also forget the server's flows.
        flush: bool,
    },
    /// Lay all doubts about choices that were lost: nobody is kept at 0 because of them any more.
    Confirm,
    /// Look at VPP anew and make it hold what we want: one frontend, or all.
    Sync {
        /// The frontend's name; `None` is all.
        frontend: Option<String>,
    },
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pause { backend } => write!(f, "pause {backend}"),
            Self::Resume { backend } => write!(f, "resume {backend}"),
            Self::Disable { backend } => write!(f, "disable {backend}"),
            Self::Enable { backend } => write!(f, "enable {backend}"),
            Self::SetWeight { frontend, pool, backend, weight, flush } => {
                let flush = if *flush { " flush" } else { "" };
                write!(f, "weight {frontend} {pool} {backend} {weight}{flush}")
            }
            Self::Confirm => f.write_str("confirm"),
            Self::Sync { frontend: None } => f.write_str("sync"),
            Self::Sync { frontend: Some(name) } => write!(f, "sync {name}"),
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WakeupDue => f.write_str("wakeup"),
            Self::ProbeFinished { probe, outcome, took } => {
                write!(
                    f,
                    "probe #{} of slot {}: {outcome} after {}",
                    probe.number,
                    probe.slot,
                    GoDuration(*took)
                )
            }
            Self::VppConnected { connection, vpp } => {
                write!(f, "connected #{} to VPP {} pid {}", connection.0, vpp.version, vpp.pid)
            }
            Self::VppDisconnected { connection, why } => write!(f, "disconnected #{}: {why}", connection.0),
            Self::VppReplied { call, reply, .. } => write!(f, "reply to call {}: {reply}", call.0),
            Self::ConfigLoaded { config, .. } => {
                write!(f, "configuration: {} frontends", config.frontends().len())
            }
            Self::ConfigRejected { kind, err } => write!(f, "configuration rejected ({kind}): {err}"),
            Self::Commanded { command, by, .. } if by.who.is_empty() => write!(f, "operator: {command}"),
            Self::Commanded { command, by, .. } => write!(f, "operator {}: {command}", by.who),
            Self::Remembered(Recollection::Nothing) => f.write_str("no choices of operators were kept"),
            Self::Remembered(Recollection::Known(memory)) => {
                write!(f, "choices kept: {}", memory.backends.len() + memory.weights.len())
            }
            Self::Remembered(Recollection::Lost(why)) => write!(f, "choices lost: {why}"),
            Self::Kept(Ok(())) => f.write_str("choices kept"),
            Self::Kept(Err(why)) => write!(f, "choices not kept: {why}"),
            Self::ShutdownRequested => f.write_str("shutdown requested"),
        }
    }
}
