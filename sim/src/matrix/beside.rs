//! Why some oracles find no planted mistake alone. Each of them stays for what it says at once, and at its place, about a
//! mistake that others see later or elsewhere.

use crate::oracle::Oracle;

/// Why this oracle is never the only one to find a mistake; `None` for those that should be of some.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others have something of their own to find")]
pub(super) const fn reason(oracle: Oracle) -> Option<&'static str> {
    Some(match oracle {
        Oracle::HandsOff => "whoever writes in hands-off also writes to a frontend that is not released",
        Oracle::StayOpen => "a gate that closes keeps a frontend from being as wanted, and is told",
        Oracle::StaleLink => {
            "without a connection there is nothing to send a call on; it watches the loop of lane B"
        }
        Oracle::LookFirst => "what is written without a look is written again, or ends the connection",
        Oracle::RestartTold => "who takes another VPP for the same holds back calls that it never died of",
        Oracle::Idle => {
            "a call that changes nothing comes of a picture that is wrong, which also differs at rest"
        }
        Oracle::Deadly => "a VPP that dies again and again never comes to rest",
        Oracle::Order => "what goes beside a create or a delete breaks the order of stages as well",
        Oracle::ConfFirst => "settings that come late are missed at rest",
        Oracle::KnownVip => "a VIP that is gone and taken as held is missed at rest as well",
        Oracle::FlushReason => {
            "a flush without a reason is a wrong wish, which the naive recomputation sees first"
        }
        Oracle::FlushOwed => {
            "it follows packets of flows; whose flush is not sent at all is seen by the calls"
        }
        Oracle::KnownKept => "the naive count of results sees every state and counter, at each reload too",
        Oracle::Stale => "the naive count of results sees what a stale one changed",
        Oracle::Inconclusive => "the naive count of results sees what an inconclusive one changed",
        Oracle::Verdict => "a wrong verdict changes weights, cadence and what a reload keeps",
        Oracle::Due => "who is not probed never gets the verdict that its behaviour earns",
        Oracle::Wakeup => {
            "a deadline that is handled and stays armed would be handled for ever: such a mistake hangs the run"
        }
        Oracle::Deadlines => {
            "a deadline more per VIP is harmless; only a leak breaks the bound, and none is natural"
        }
        Oracle::FreshStart => "what a reload leaves wrong is wrong for the naive recomputation",
        Oracle::RefusalStays => "who is blamed for a refusal of somebody else's is not kept as wanted either",
        Oracle::Stated => {
            "VPP is healed before the world settles, so that nothing lasting is left to be stated"
        }
        Oracle::InSyncEarly => "whoever does not look at VPP after a reload is not as wanted at rest",
        Oracle::Panics => {
            "it is no rule of the contract; any mistake might panic, and none is planted for it"
        }
        Oracle::Deterministic => "the core has no clock, no chance and no hash map to make it differ",
        Oracle::ReleasedByMax => {
            "a warm-up that does not end leaves gates closed, and frontends not as wanted"
        }
        Oracle::Told => "only scenarios that people wrote expect something",
        _ => return None,
    })
}
