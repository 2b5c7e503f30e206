//! Rules of `vpp.lb`: bounds that VPP does not check itself, some of which kill it.

use alloc::format;
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use super::{Findings, address_complaint};
use crate::config::{Draft, DraftLb, Lb};
use crate::hazard::is_table_length;
use crate::model::LbConf;
use crate::time::GoDuration;

/// VPP's recommended balance of memory (64 KiB) and evenness for up to a few hundred servers.
const TABLE_LENGTH_AUTO: u32 = 16_384;

pub(super) fn check(draft: &Draft, findings: &mut Findings) -> Lb {
    let lb = &draft.lb;
    sources(draft, findings);
    if lb.sync_interval < Duration::from_secs(1) {
        let seen = Exact(lb.sync_interval);
        findings.problem("vpp.lb.sync-interval", format!("{seen} is too short; use 1s or more"));
    }
    delays(lb, findings);
    let conf = conf(lb, findings);
    Lb {
        conf,
        sync_interval: lb.sync_interval,
        startup_min_delay: lb.startup_min_delay,
        startup_max_delay: lb.startup_max_delay,
        table_length: table_length(lb, findings),
        strangers: lb.strangers,
    }
}

fn sources(draft: &Draft, findings: &mut Findings) {
    let needed = draft.vpp_in_use && !draft.frontends.is_empty();
    let sources = [
        ("vpp.lb.ipv4-src-address", "IPv4", draft.lb.ipv4_src_address.map(IpAddr::from)),
        ("vpp.lb.ipv6-src-address", "IPv6", draft.lb.ipv6_src_address.map(IpAddr::from)),
    ];
    for (path, family, source) in sources {
        match source {
            Some(address) => {
                if let Some(complaint) = address_complaint(address) {
                    findings.problem(path, complaint);
                }
            }
            None if needed => findings.problem(
                path,
                format!(
                    "missing: with a frontend, VPP needs a source for its {family} GRE packets; \
                     write an {family} address of this host (both families are always needed)"
                ),
            ),
            None => (),
        }
    }
}

fn delays(lb: &DraftLb, findings: &mut Findings) {
    let (min, max) = (lb.startup_min_delay, lb.startup_max_delay);
    if !max.is_zero() && min > max {
        let (min, max) = (Exact(min), Exact(max));
        let message = format!(
            "{min} is longer than startup-max-delay ({max}); shorten it, or set startup-max-delay to at least {min}, \
             or to 0 for no warm-up"
        );
        findings.problem("vpp.lb.startup-min-delay", message);
    }
}

fn conf(lb: &DraftLb, findings: &mut Findings) -> Option<LbConf> {
    let buckets = power_of_two(lb.sticky_buckets_per_core);
    if buckets.is_none() {
        let seen = lb.sticky_buckets_per_core;
        let message = format!(
            "{seen} could crash VPP; use a power of two from 1 to 1048576{}",
            Neighbours(lb.sticky_buckets_per_core)
        );
        findings.problem("vpp.lb.sticky-buckets-per-core", message);
    }
    let timeout = lb.flow_timeout;
    let is_whole = timeout.subsec_nanos() == 0;
    if !is_whole || !(1..=120).contains(&timeout.as_secs()) {
        let seen = Exact(timeout);
        findings
            .problem("vpp.lb.flow-timeout", format!("{seen} is refused; use whole seconds from 1s to 120s"));
    }
    Some(LbConf {
        ip4_source: lb.ipv4_src_address?,
        ip6_source: lb.ipv6_src_address?,
        sticky_buckets: buckets?,
        flow_timeout_secs: u32::try_from(timeout.as_secs()).ok()?,
    })
}

fn table_length(lb: &DraftLb, findings: &mut Findings) -> u32 {
    let Some(asked) = lb.new_flows_table_length else { return TABLE_LENGTH_AUTO };
    power_of_two(asked).unwrap_or_else(|| {
        let message = format!(
            "{asked} could crash VPP; use auto, or a power of two from 1 to 1048576{}",
            Neighbours(asked)
        );
        findings.problem("vpp.lb.new-flows-table-length", message);
        TABLE_LENGTH_AUTO
    })
}

fn power_of_two(n: u64) -> Option<u32> {
    u32::try_from(n).ok().filter(|n| is_table_length(*n))
}

/// The powers of two around a number, as a proposal.
struct Neighbours(u64);

impl fmt::Display for Neighbours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1..1_048_576 => {
                let above = self.0.next_power_of_two();
                write!(f, ", such as {} or {above}", above / 2)
            }
            _ => Ok(()),
        }
    }
}

/// A duration as Go prints it, without rounding what is refused to something that would not be.
pub(super) struct Exact(pub(super) Duration);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.subsec_nanos();
        if nanos.is_multiple_of(1_000_000) {
            GoDuration(self.0).fmt(f)
        } else if self.0.as_secs() > 0 {
            write!(f, "{}s", Fraction(self.0.as_nanos(), 1_000_000_000, 9))
        } else if nanos >= 1_000_000 {
            write!(f, "{}ms", Fraction(nanos.into(), 1_000_000, 6))
        } else if nanos >= 1_000 {
            write!(f, "{}us", Fraction(nanos.into(), 1_000, 3))
        } else {
            write!(f, "{nanos}ns")
        }
    }
}

/// A number of nanoseconds in a unit of so many, which has so many digits.
struct Fraction(u128, u128, usize);

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(nanos, unit, digits) = *self;
        let fraction = format!("{:0digits$}", nanos % unit);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{}", nanos / unit),
            rest => write!(f, "{}.{rest}", nanos / unit),
        }
    }
}
