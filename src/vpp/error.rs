//! What can go wrong on the way to VPP. A variant per right reaction; each says what, where and what to do.

use std::fmt;
use std::io;

use maglev_core::input::Disconnect;

use crate::vpp::table::Incompatible;

/// A header claims a payload longer than any that VPP sends: framing is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// The length in the header.
    pub claimed: usize,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a frame claims {} bytes, more than the limit of 64 MiB", self.claimed)
    }
}

impl std::error::Error for FrameError {}

/// A message does not have the shape of its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The message's name in VPP's API.
    pub message: &'static str,
    /// The field that could not be read.
    pub field: &'static str,
    /// Where the field begins, in bytes from the start of the payload.
    pub at: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The payload ends before the field does.
    Short {
        /// Bytes that the field needs.
        need: usize,
        /// Bytes that are left.
        have: usize,
    },
    /// The value has no meaning.
    Value(u32),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is malformed: field {} at byte {} ", self.message, self.field, self.at)?;
        match self.problem {
            Problem::Short { need, have } => write!(f, "needs {need} bytes, {have} are left"),
            Problem::Value(value) => write!(f, "has the meaningless value {value}"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Why a connection could not be made, or ended.
#[derive(Debug)]
pub enum VppError {
    /// The socket could not be reached. Try again.
    Unreachable(io::Error),
    /// VPP closed the connection, or died. Try again.
    Closed,
    /// VPP closed the connection before it said who it is. Try again.
    ClosedInHandshake,
    /// Reading or writing failed. Try again.
    Broken(io::Error),
    /// VPP does not want us as a client. Try again.
    Unwelcome {
        /// `sockclnt_create_reply.response`.
        response: i32,
    },
    /// The stream makes no sense any more. Drop it and try again.
    LostFraming(FrameError),
    /// A reply that we waited for cannot be read. Drop the connection and look at everything anew.
    Malformed(Malformed),
    /// A dump does not end.
    EndlessDump {
        /// The limit that it passed.
        rows: usize,
    },
    /// VPP lacks what we need. Only another VPP, or another startup.conf, helps.
    Incompatible(Incompatible),
}

impl VppError {
    /// Whether nobody is left at the other end to say goodbye to.
    pub(crate) const fn is_end_of_stream(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Closed | Self::ClosedInHandshake | Self::Broken(_))
    }
}

impl fmt::Display for VppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(err) => write!(f, "cannot connect to VPP: {err}"),
            Self::Closed => f.write_str("VPP closed the connection: it stopped or crashed"),
            Self::ClosedInHandshake => f.write_str(
                "VPP closed the connection during the handshake: it stopped, crashed or is starting",
            ),
            Self::Broken(err) => write!(f, "the connection to VPP broke: {err}"),
            Self::Unwelcome { response } => {
                write!(f, "VPP refused us as an API client (sockclnt_create_reply.response {response})")
            }
            Self::LostFraming(err) => write!(f, "the stream from VPP makes no sense: {err}"),
            Self::Malformed(err) => write!(f, "VPP's {err}"),
            Self::EndlessDump { rows } => {
                write!(f, "VPP sent more than {rows} rows in one dump")
            }
            Self::Incompatible(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for VppError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable(err) | Self::Broken(err) => Some(err),
            Self::LostFraming(err) => Some(err),
            Self::Malformed(err) => Some(err),
            Self::Incompatible(why) => Some(why),
            Self::Closed | Self::ClosedInHandshake | Self::Unwelcome { .. } | Self::EndlessDump { .. } => {
                None
            }
        }
    }
}

impl From<FrameError> for VppError {
    fn from(err: FrameError) -> Self {
        Self::LostFraming(err)
    }
}

impl From<Malformed> for VppError {
    fn from(err: Malformed) -> Self {
        Self::Malformed(err)
    }
}

impl From<Incompatible> for VppError {
    fn from(why: Incompatible) -> Self {
        Self::Incompatible(why)
    }
}

impl From<&VppError> for Disconnect {
    fn from(err: &VppError) -> Self {
        match err {
            VppError::Incompatible(why) => Self::Incompatible(why.to_string()),
            VppError::Unreachable(_)
            | VppError::Closed
            | VppError::ClosedInHandshake
            | VppError::Broken(_)
            | VppError::Unwelcome { .. }
            | VppError::LostFraming(_)
            | VppError::Malformed(_)
            | VppError::EndlessDump { .. } => Self::Link(err.to_string()),
        }
    }
}
