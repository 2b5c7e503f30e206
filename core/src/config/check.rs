//! The semantic rules, all in one place: every problem is found, none hides another.
//!
//! A rule that looks at one value stands in the file of its section; a rule between frontends stands in `vips`. A value
//! that breaks a rule takes part in no further one, so one mistake is reported once.

mod backends;
mod frontends;
mod lb;
mod probes;
mod vips;
mod warnings;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use super::nearest::nearest;
use super::{Config, Draft};
use crate::hazard::{Hazard, unicast_hazard};

/// Longest name, in bytes: it must fit log lines, metric labels and terminals.
const NAME_BYTES_MAX: usize = 128;

/// A bound on the memory of 50,000 backends, far above what anyone reads.
const TRANSITION_HISTORY_MAX: usize = 1_000;

/// Looking for the name that was meant reads all names; the first few mistakes are worth it.
const SUGGESTIONS_MAX: usize = 16;

/// A rule that a draft breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where, as `frontends.www.pools[0].backends.ams.weight`.
    pub path: String,
    /// What is wrong, and what to do next.
    pub message: String,
}

/// Something legal that is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// Where.
    pub path: String,
    /// What will happen, and what to do about it.
    pub message: String,
}

/// A name as it stands in a path: as it is, or quoted and escaped where it would not be one plain word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathName<'a>(pub &'a str);

impl fmt::Display for PathName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() || self.0.chars().any(|c| c.is_whitespace() || c.is_control()) {
            write!(f, "\"{}\"", self.0.escape_debug())
        } else {
            f.write_str(self.0)
        }
    }
}

/// What the rules have found so far.
#[derive(Default)]
struct Findings {
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    suggestions: usize,
}

impl Findings {
    fn problem(&mut self, path: impl fmt::Display, message: impl fmt::Display) {
        self.problems.push(Problem { path: path.to_string(), message: message.to_string() });
    }

    fn warning(&mut self, path: impl fmt::Display, message: impl fmt::Display) {
        self.warnings.push(Warning { path: path.to_string(), message: message.to_string() });
    }

    /// A reference to something that does not exist.
    fn dangling<T>(
        &mut self,
        path: impl fmt::Display,
        noun: &str,
        name: &str,
        existing: &BTreeMap<&str, T>,
        remedy: &str,
    ) {
        let shown = PathName(name);
        let mut message = format!("there is no {noun} `{shown}`; ");
        if self.suggestions < SUGGESTIONS_MAX {
            self.suggestions += 1;
            if let Some(meant) = nearest(name, existing.keys().copied()) {
                message += &format!("did you mean `{meant}`? If not, ");
            }
        }
        self.problem(path, format!("{message}{remedy}"));
    }
}

/// Applies every rule; the problems are ordered by path.
pub(super) fn check(draft: &Draft) -> Result<(Config, Vec<Warning>), Vec<Problem>> {
    let mut findings = Findings::default();
    names("healthchecks", draft.healthchecks.iter().map(|(name, _)| name.as_str()), &mut findings);
    names("backends", draft.backends.iter().map(|(name, _)| name.as_str()), &mut findings);
    names("frontends", draft.frontends.iter().map(|(name, _)| name.as_str()), &mut findings);

    healthchecker(draft, &mut findings);
    let lb = lb::check(draft, &mut findings);
    let checks = probes::check(draft, &mut findings);
    let backends = backends::check(draft, &checks, &mut findings);
    let frontends = frontends::check(draft, &mut findings);
    vips::check(draft, &mut findings);

    if !findings.problems.is_empty() {
        findings.problems.sort_unstable();
        return Err(findings.problems);
    }
    let config = Config { transition_history: draft.transition_history, lb, backends, frontends };
    warnings::check(&config, &mut findings);
    findings.warnings.sort_unstable();
    Ok((config, findings.warnings))
}

fn healthchecker(draft: &Draft, findings: &mut Findings) {
    if draft.transition_history > TRANSITION_HISTORY_MAX {
        let seen = draft.transition_history;
        let message =
            format!("{seen} transitions per backend are too many; use 0 to {TRANSITION_HISTORY_MAX}");
        findings.problem("healthchecker.transition-history", message);
    }
    if draft.netns.chars().any(|c| c.is_whitespace() || c.is_control()) {
        let message = "a network namespace's name has no white space or control characters; \
                       write it as `ip netns list` shows it";
        findings.problem("healthchecker.netns", message);
    }
}

fn names<'a>(section: &str, names: impl Iterator<Item = &'a str>, findings: &mut Findings) {
    let mut seen = BTreeMap::new();
    for name in names {
        if let Some(complaint) = name_complaint(name) {
            findings.problem(format!("{section}.{}", PathName(name)), complaint);
        }
        if seen.insert(name, ()).is_some() {
            let message = "the name is used twice in this section; rename one of the two";
            findings.problem(format!("{section}.{}", PathName(name)), message);
        }
    }
}

/// Why `name` cannot be a name.
fn name_complaint(name: &str) -> Option<String> {
    if name.is_empty() {
        Some("the name is empty; give it a name".into())
    } else if name.len() > NAME_BYTES_MAX {
        Some(format!("the name is {} bytes long; shorten it to at most {NAME_BYTES_MAX}", name.len()))
    } else if name.chars().any(char::is_whitespace) {
        Some("the name contains white space; use `-` or `_` instead".into())
    } else if name.chars().any(char::is_control) {
        Some("the name contains a control character; remove it".into())
    } else {
        None
    }
}

/// Why `address` cannot be used as one host's unicast address.
fn address_complaint(address: IpAddr) -> Option<String> {
    // VPP takes it for plain IPv6, so it is no hazard; but a frontend or a loop would hide behind a second spelling.
    if let IpAddr::V6(v6) = address
        && let Some(v4) = v6.to_ipv4_mapped()
    {
        let message = format!("{address} is the IPv4 address {v4} in disguise; write {v4}");
        return Some(message + ", or a real IPv6 address if that is meant");
    }
    let hazard = unicast_hazard(address)?;
    if address.is_unspecified() {
        return Some(format!("{address} is the unspecified address; use the address of one host"));
    }
    let remedy = if matches!(hazard, Hazard::Ipv4InIpv6(_)) {
        "use an IPv6 address outside of it, or write the IPv4 address"
    } else {
        "use the address of one host"
    };
    Some(format!("{hazard}; {remedy}"))
}
