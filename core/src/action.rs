//! Everything we can ask of the world. Imperative; each displays as one line of a timeline.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use serde::Serialize;

use crate::config::Target;
use crate::event::Event;
use crate::input::{CallId, ConnectionId, ProbeId, RequestId};
use crate::memory::Memory;
use crate::model::Request;

/// Everything we can ask of the world.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Action {
    /// Probe a backend once. Answered by exactly one `ProbeFinished`.
    StartProbe(ProbeOrder),
    /// Give up a probe. It is still answered, with whatever it has.
    CancelProbe(ProbeId),
    /// Open a connection to VPP. Answered by `VppConnected` or `VppDisconnected`.
    Connect(ConnectionId),
    /// Drop a connection, also one that is being made. Nothing more may be heard of it.
    Disconnect(ConnectionId),
    /// Make one call. Answered by one `VppReplied`, or by the end of the connection.
    Call {
        /// On this connection.
        connection: ConnectionId,
        /// The answer carries it back.
        call: CallId,
        /// What to ask.
        request: Request,
    },
    /// Tell people.
    Tell(Box<Event>),
    /// Answer an operator.
    Answer {
        /// The question.
        request: RequestId,
        /// What came of it.
        result: Result<(), Denial>,
    },
    /// End the process with exit code 0. Nothing follows.
    Exit,
    /// Keep this over restarts, in the place of what was kept before. Answered by `Kept`; of several that come one
    /// after the other, the last one counts.
    Keep(Box<Memory>),
}

/// One probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeOrder {
    /// The answer carries it back.
    pub probe: ProbeId,
    /// Whom.
    pub address: IpAddr,
    /// How.
    pub target: Arc<Target>,
    /// Limit, counted from the start of the probe's I/O.
    pub timeout: Duration,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Denial {
    /// There is no such thing; names it.
    NotFound(String),
    /// Not in this state; says why and what to do.
    NotNow(String),
    /// Breaks a rule, whatever the state; says which.
    Invalid(String),
    /// Time alone mends it.
    NotYet {
        /// Why.
        why: String,
        /// How long to wait.
        left: Duration,
    },
    /// What it is about has changed since it was looked at; names it.
    Stale(String),
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(why)
            | Self::NotNow(why)
            | Self::Invalid(why)
            | Self::NotYet { why, .. }
            | Self::Stale(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StartProbe(order) => {
                write!(f, "probe #{} {} {}", order.probe.number, order.target.kind.word(), order.address)
            }
            Self::CancelProbe(probe) => write!(f, "cancel probe #{}", probe.number),
            Self::Connect(connection) => write!(f, "connect #{}", connection.0),
            Self::Disconnect(connection) => write!(f, "disconnect #{}", connection.0),
            Self::Call { request, .. } => request.fmt(f),
            Self::Tell(event) => event.fmt(f),
            Self::Answer { result: Ok(()), .. } => f.write_str("answer ok"),
            Self::Answer { result: Err(denial), .. } => write!(f, "answer denied: {denial}"),
            Self::Keep(memory) => write!(f, "keep {} choices", memory.backends.len() + memory.weights.len()),
            Self::Exit => f.write_str("exit"),
        }
    }
}
