//! What is legal and probably not meant. Runs on a configuration that is right otherwise.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use core::net::IpAddr;
use core::time::Duration;

use super::{Findings, PathName};
use crate::config::{Config, Frontend, Timing};
use crate::time::GoDuration;

/// First probes are spread over at most this long.
const FIRST_PROBE_SPREAD: Duration = Duration::from_secs(1);

pub(super) fn check(config: &Config, findings: &mut Findings) {
    for frontend in &config.frontends {
        all_weights_zero(frontend, findings);
        shared_addresses(config, frontend, findings);
    }
    late_verdicts(config, findings);
}

fn all_weights_zero(frontend: &Frontend, findings: &mut Findings) {
    let mut members = frontend.pools.iter().flat_map(|pool| &pool.members);
    if members.all(|member| !member.weight.is_positive()) {
        let message = "all weights are 0, so it never gets a new flow; give a backend a weight above 0";
        findings.warning(format!("frontends.{}", PathName(&frontend.name)), message);
    }
}

fn shared_addresses(config: &Config, frontend: &Frontend, findings: &mut Findings) {
    let mut seen: BTreeMap<IpAddr, (usize, usize)> = BTreeMap::new();
    for (index, pool) in frontend.pools.iter().enumerate() {
        for member in &pool.members {
            let backend = &config.backends[member.backend];
            let Some((other_pool, other)) = seen.get(&backend.address) else {
                seen.insert(backend.address, (index, member.backend));
                continue;
            };
            let other = PathName(&config.backends[*other].name);
            let path = format!(
                "frontends.{}.pools[{index}].backends.{}",
                PathName(&frontend.name),
                PathName(&backend.name)
            );
            let message = format!(
                "{} is also the address of pools[{other_pool}].backends.{other}; VPP has one server there, \
                 which serves while either of the two is up: keep one entry if that is not meant",
                backend.address
            );
            findings.warning(path, message);
        }
    }
}

/// A backend in no frontend gates nothing, so only the checks of pool members count.
fn late_verdicts(config: &Config, findings: &mut Findings) {
    let max = config.lb.startup_max_delay;
    if max.is_zero() {
        return;
    }
    let members = config.frontends.iter().flat_map(|frontend| &frontend.pools).flat_map(|pool| &pool.members);
    let used: BTreeSet<usize> = members.map(|member| member.backend).collect();
    let mut told = BTreeSet::new();
    for check in used.into_iter().filter_map(|index| config.backends[index].check.as_ref()) {
        let verdict = latest_verdict(&check.timing);
        if verdict > max && told.insert(&check.name) {
            let (verdict, max) = (GoDuration(verdict), GoDuration(max));
            let message = format!(
                "a backend that is dead at the start is known to be down after up to {verdict}, \
                 later than startup-max-delay ({max}): lower fall, fast-interval or timeout, or raise startup-max-delay"
            );
            findings.warning(format!("healthchecks.{}", PathName(&check.name)), message);
        }
    }
}

/// When a backend that never answers is `down` at the latest, jitter of +10 % included.
fn latest_verdict(timing: &Timing) -> Duration {
    let gaps = u32::from(timing.fall.get()) - 1;
    let waiting = timing.fast_interval.saturating_mul(gaps).saturating_mul(11) / 10;
    FIRST_PROBE_SPREAD.saturating_add(waiting).saturating_add(timing.timeout)
}
