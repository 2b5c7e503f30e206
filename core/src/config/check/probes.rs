//! Rules of `healthchecks`: bounds of timing, and requests that say exactly what the file says.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::num::NonZeroU8;
use core::time::Duration;

use super::lb::Exact;
use super::{Findings, PathName, address_complaint};
use crate::config::{Check, CheckKind, Draft, DraftCheck, Http, Method, Target, Timing};
use crate::model::Family;

/// Faster probing serves nobody and eats a core with 50,000 backends.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// The checks by name; `None` where one is broken, so that a reference to it is no second problem.
pub(super) fn check<'d>(draft: &'d Draft, findings: &mut Findings) -> BTreeMap<&'d str, Option<Check>> {
    let netns = Some(&draft.netns).filter(|name| !name.is_empty());
    let one = |(name, check): &'d (String, DraftCheck)| {
        let path = format!("healthchecks.{}", PathName(name));
        let timing = timing(check, &path, findings);
        let kind = kind(check, &path, findings);
        let (ipv4_source, ipv6_source) = sources(check, &path, findings);
        let target = Arc::new(Target { kind, ipv4_source, ipv6_source, netns: netns.cloned() });
        let checked = timing.map(|timing| Check { name: name.clone(), timing, target });
        (name.as_str(), checked)
    };
    draft.healthchecks.iter().map(one).collect()
}

fn timing(check: &DraftCheck, path: &str, findings: &mut Findings) -> Option<Timing> {
    let intervals = [
        ("interval", Some(check.interval)),
        ("fast-interval", check.fast_interval),
        ("down-interval", check.down_interval),
    ];
    for (key, interval) in intervals {
        if let Some(interval) = interval
            && interval < INTERVAL_MIN
        {
            let seen = Exact(interval);
            findings.problem(format!("{path}.{key}"), format!("{seen} is too short; use 10ms or more"));
        }
    }
    if check.timeout.is_zero() {
        findings.problem(format!("{path}.timeout"), "a probe needs time to answer; use a timeout above 0");
    }
    let (rise, fall) = (check.rise, check.fall);
    for (key, count) in [("rise", rise), ("fall", fall)] {
        if count == 0 {
            findings.problem(format!("{path}.{key}"), "0 would need no probe at all; use 1 or more");
        }
    }
    if rise.saturating_add(fall) > 255 {
        let message = format!("rise ({rise}) and fall ({fall}) together exceed 255; lower one of them");
        findings.problem(format!("{path}.{}", if rise > fall { "rise" } else { "fall" }), message);
    }
    let count = |n: u32| u8::try_from(n).ok().and_then(NonZeroU8::new);
    Some(Timing {
        interval: check.interval,
        fast_interval: check.fast_interval.unwrap_or(check.interval),
        down_interval: check.down_interval.unwrap_or(check.interval),
        timeout: check.timeout,
        rise: count(rise)?,
        fall: count(fall)?,
    })
}

fn sources(check: &DraftCheck, path: &str, findings: &mut Findings) -> (Option<Ipv4Addr>, Option<Ipv6Addr>) {
    let mut source = |key: &str, family: Family, address: Option<IpAddr>| {
        let address = address?;
        let complaint = if Family::of(address) == family {
            address_complaint(address)
        } else {
            Some(format!("{address} is not an {family} address; write one, or remove the key"))
        };
        if let Some(complaint) = complaint {
            findings.problem(format!("{path}.{key}"), complaint);
        }
        Some(address)
    };
    let ipv4 = source("probe-ipv4-src", Family::V4, check.probe_ipv4_src);
    let ipv6 = source("probe-ipv6-src", Family::V6, check.probe_ipv6_src);
    let ipv4 = ipv4.and_then(|address| if let IpAddr::V4(v4) = address { Some(v4) } else { None });
    let ipv6 = ipv6.and_then(|address| if let IpAddr::V6(v6) = address { Some(v6) } else { None });
    (ipv4, ipv6)
}

/// The kind with its status codes in the one order that makes equal checks equal.
fn kind(check: &DraftCheck, path: &str, findings: &mut Findings) -> CheckKind {
    let kind = &check.kind;
    if kind.port() == Some(0) {
        let word = kind.word();
        findings.problem(format!("{path}.port"), format!("type {word} needs a port from 1 to 65535"));
    }
    match kind {
        CheckKind::Icmp => CheckKind::Icmp,
        CheckKind::Tcp { port, tls } => CheckKind::Tcp { port: *port, tls: tls.clone() },
        CheckKind::Http { port, http, tls } => {
            let http = self::http(http, &format!("{path}.{}", check.http_key), findings);
            CheckKind::Http { port: *port, http, tls: tls.clone() }
        }
    }
}

fn http(http: &Http, path: &str, findings: &mut Findings) -> Http {
    if let Some(complaint) = path_complaint(&http.path) {
        findings.problem(format!("{path}.path"), complaint);
    }
    if http.host.as_ref().is_some_and(|host| !is_host(host)) {
        let message = "not a value for a Host header; write a host name such as www.example.net, \
                       with `:port` if the server needs it";
        findings.problem(format!("{path}.host"), message);
    }
    if http.method == Method::Head && http.response_regexp.is_some() {
        let message = "the answer to HEAD has no body to match; use method GET, or remove response-regexp";
        findings.problem(format!("{path}.response-regexp"), message);
    }
    let response_codes = response_codes(&http.response_codes, path, findings);
    Http { response_codes, ..http.clone() }
}

/// A request line is one line: whatever could end it, or be lost on the way, is refused.
fn path_complaint(path: &str) -> Option<String> {
    if !path.starts_with('/') {
        return Some("the path must begin with `/`, such as /healthz".to_string());
    }
    let refused = |c: &char| !c.is_ascii_graphic() || r##""#<>\^`{|}"##.contains(*c);
    let found = path.chars().find(refused)?;
    let mut bytes = [0; 4];
    let encoded: String = found.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")).collect();
    let shown = found.escape_debug();
    if found == '#' {
        return Some("`#` begins a fragment, which is never sent; remove it, or write %23".to_string());
    }
    Some(format!("`{shown}` cannot stand in a request; write it percent-encoded, as {encoded}"))
}

/// Letters, digits and what ports and IPv6 addresses need: nothing that could begin a second header.
fn is_host(host: &str) -> bool {
    (1..=255).contains(&host.len()) && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:[]".contains(c))
}

fn response_codes(codes: &[(u16, u16)], path: &str, findings: &mut Findings) -> Vec<(u16, u16)> {
    let path = format!("{path}.response-code");
    if codes.is_empty() {
        findings.problem(&path, "no code would ever pass; write codes and ranges such as \"200-299,301\"");
    }
    for &(first, last) in codes {
        if first > last {
            let message = format!("the range {first}-{last} runs backwards; write {last}-{first}");
            findings.problem(&path, message);
        } else if first < 100 || last > 599 {
            let seen = if first == last { format!("{first}") } else { format!("{first}-{last}") };
            findings.problem(&path, format!("{seen} holds no HTTP status; use codes from 100 to 599"));
        }
    }
    let mut sorted = codes.to_vec();
    sorted.sort_unstable();
    let mut merged: Vec<(u16, u16)> = Vec::with_capacity(sorted.len());
    for (first, last) in sorted {
        match merged.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            Some(_) | None => merged.push((first, last)),
        }
    }
    merged
}
