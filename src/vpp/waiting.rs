//! A call that waits for its answer: which messages may answer it, and what they amount to.

use maglev_core::input::CallId;
use maglev_core::model::{Read, Reply, Request, ServerRow, VipKey, VipRow};

use crate::vpp::answer::Answer;
use crate::vpp::ask::AsFilter;
use crate::vpp::error::VppError;
use crate::vpp::messages::Kind;
use crate::vpp::verbose;

/// Rows of one dump. 1,000 VIPs with 100 servers each are 100,000.
pub const DUMP_ROWS_MAX: usize = 4_000_000;

/// A call under way.
pub(crate) struct Open {
    call: CallId,
    /// The message that ends the wait.
    last: Kind,
    collecting: Collecting,
}

enum Collecting {
    Nothing,
    Vips(Vec<VipRow>),
    Servers(Option<VipKey>, Vec<ServerRow>),
}

/// What one message did for a call.
pub(crate) enum Progress {
    /// More will come.
    Waiting,
    /// That was all.
    Finished(Reply),
}

impl Open {
    /// A call that was asked as the message `asked`.
    pub(crate) fn new(call: CallId, request: &Request, asked: Kind) -> Self {
        let collecting = match request {
            Request::Read(Read::Vips) => Collecting::Vips(Vec::new()),
            Request::Read(Read::Servers(of)) => Collecting::Servers(*of, Vec::new()),
            Request::Read(Read::Ping | Read::Conf | Read::Verbose) | Request::Write(_) => Collecting::Nothing,
        };
        let last = match collecting {
            Collecting::Nothing => asked.answered_by().unwrap_or(Kind::ControlPingReply),
            Collecting::Vips(_) | Collecting::Servers(..) => Kind::ControlPingReply,
        };
        Self { call, last, collecting }
    }

    pub(crate) fn call(&self) -> CallId {
        self.call
    }

    pub(crate) fn is_dump(&self) -> bool {
        !matches!(self.collecting, Collecting::Nothing)
    }

    /// Whether a message of this kind may answer.
    pub(crate) fn expects(&self, kind: Kind) -> bool {
        let row = match self.collecting {
            Collecting::Nothing => None,
            Collecting::Vips(_) => Some(Kind::LbVipDetails),
            Collecting::Servers(..) => Some(Kind::LbAsV2Details),
        };
        kind == self.last || Some(kind) == row
    }

    /// Takes a message that [`Self::expects`] let pass.
    pub(crate) fn take(&mut self, answer: Answer) -> Result<Progress, VppError> {
        match answer {
            Answer::LbVipDetails { row, .. } => {
                if let Collecting::Vips(rows) = &mut self.collecting {
                    push_bounded(rows, row)?;
                }
                Ok(Progress::Waiting)
            }
            Answer::LbAsV2Details { row, .. } => {
                if let Collecting::Servers(of, rows) = &mut self.collecting
                    && of.is_none_or(|vip| is_shown_as(vip, row.vip))
                {
                    push_bounded(rows, row)?;
                }
                Ok(Progress::Waiting)
            }
            Answer::ControlPingReply { retval, .. } => Ok(Progress::Finished(self.finish(retval))),
            Answer::Retval(_, retval) => Ok(Progress::Finished(done_or_refused(retval))),
            Answer::LbConfGetReply { retval: 0, conf } => Ok(Progress::Finished(Reply::Conf(conf))),
            Answer::CliInbandReply { retval: 0, text } => {
                Ok(Progress::Finished(Reply::Sticky(verbose::stickiness(&text))))
            }
            Answer::LbConfGetReply { retval, .. }
            | Answer::CliInbandReply { retval, .. }
            | Answer::ShowVersionReply { retval, .. }
            | Answer::SockclntDeleteReply { response: retval }
            | Answer::IpRouteLookupV2Reply { retval, .. }
            | Answer::SockclntCreateReply { response: retval, .. } => {
                Ok(Progress::Finished(Reply::Refused(retval)))
            }
        }
    }

    fn finish(&mut self, retval: i32) -> Reply {
        match std::mem::replace(&mut self.collecting, Collecting::Nothing) {
            Collecting::Nothing => done_or_refused(retval),
            Collecting::Vips(rows) => Reply::Vips(rows),
            Collecting::Servers(_, rows) => Reply::Servers(rows),
        }
    }
}

fn done_or_refused(retval: i32) -> Reply {
    if retval == 0 { Reply::Done } else { Reply::Refused(retval) }
}

fn push_bounded<T>(rows: &mut Vec<T>, row: T) -> Result<(), VppError> {
    if rows.len() >= DUMP_ROWS_MAX {
        return Err(VppError::EndlessDump { rows: DUMP_ROWS_MAX });
    }
    rows.push(row);
    Ok(())
}

/// Whether VPP shows `vip` as `shown`. It ignores the length in a filter, so siblings of another length arrive too;
/// and it shows an IPv6 `::/len` as the IPv4 `0.0.0.0/len`.
fn is_shown_as(vip: VipKey, shown: VipKey) -> bool {
    shown.prefix.len == vip.prefix.len
        && (shown.protocol, shown.port) == (vip.protocol, vip.port)
        && AsFilter::one(shown).address == AsFilter::one(vip).address
}
