//! What a real VPP does not survive.

use core::fmt;
use core::net::IpAddr;

use maglev_core::model::{Prefix, VipKey};

/// Why a real VPP would be dead now. Reproduced there; see `vpp-api.md` sections 0 and 4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// Zero buckets are accepted, and the next packet kills.
    NoStickyBuckets,
    /// A new-flows table of length 0 asks for 16 GiB.
    NoTable(VipKey),
    /// Tables larger than the main heap.
    OutOfMemory,
    /// A prefix longer than its address.
    PrefixLength(Prefix),
    /// A server of an all-port VIP with a NAT encapsulation.
    NatWithoutPort(VipKey),
    /// A text larger than the free memory for API messages.
    CliReply,
    /// An all-port VIP that reaches itself: one packet is wrapped until VPP aborts.
    Loop(VipKey, IpAddr),
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VPP would have crashed: ")?;
        match self {
            Self::NoStickyBuckets => f.write_str("a sticky table of 0 buckets"),
            Self::NoTable(vip) => write!(f, "{vip} with a new-flows table of length 0"),
            Self::OutOfMemory => f.write_str("its tables do not fit the main heap"),
            Self::PrefixLength(prefix) => {
                write!(f, "prefix length {} of {} is too long", prefix.len, prefix.address)
            }
            Self::NatWithoutPort(vip) => write!(f, "a server for {vip}, which has NAT and no port"),
            Self::CliReply => f.write_str("a CLI reply that does not fit the API segment"),
            Self::Loop(vip, server) => write!(f, "{vip} reaches itself through {server}"),
        }
    }
}

impl core::error::Error for Crash {}
