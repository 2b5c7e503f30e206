//! Why a backend weighs what it weighs, in words.

use maglev_core::engine::{MemberView, WeightReason};

/// One clause, to stand behind a weight.
pub(super) const fn reason(member: &MemberView) -> &'static str {
    match member.reason {
        WeightReason::Active => "it is up and its pool is the active one",
        WeightReason::SetByOperator => {
            "it is up, its pool is the active one, and an operator has set this weight"
        }
        WeightReason::Presumed => {
            "it has had no result yet, and counts as up because VPP held it above 0 when warm-up ended"
        }
        WeightReason::ZeroWeight => "its weight is 0, in the file or by an operator's wish",
        WeightReason::Standby => "it is up and stands by: a pool that is preferred serves",
        WeightReason::Down => "it is down",
        WeightReason::Unknown => "it has no verdict yet",
        WeightReason::Paused => "an operator paused it: existing flows stay",
        WeightReason::Doubted => {
            "VPP held it at 0 when what operators had chosen was lost: resume it, or confirm all choices"
        }
        WeightReason::Disabled => "it is disabled, by an operator or in the file: existing flows are flushed",
        WeightReason::OtherEntry => {
            "another entry of this frontend has the same address, and that one decides"
        }
    }
}
