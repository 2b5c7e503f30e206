//! Rules of one frontend: its key, its pools, and backends that one encapsulation reaches.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;

use super::backends::sorted;
use super::{Findings, PathName, address_complaint, name_complaint};
use crate::config::{Draft, DraftBackend, DraftFrontend, DraftPool, DraftProtocol, Frontend, Member, Pool};
use crate::model::{Encap, Family, Prefix, Protocol, VipKey, Weight};

/// Index and draft of every backend by name.
type Backends<'d> = BTreeMap<&'d str, (usize, &'d DraftBackend)>;

/// The frontends ascending by key; the broken ones are missing.
pub(super) fn check(draft: &Draft, findings: &mut Findings) -> Vec<Frontend> {
    let sorted = sorted(draft).into_iter().enumerate();
    let backends: Backends<'_> =
        sorted.map(|(index, (name, backend))| (name.as_str(), (index, backend))).collect();
    let mut frontends = Vec::with_capacity(draft.frontends.len());
    for (name, frontend) in &draft.frontends {
        frontends.extend(one(name, frontend, &backends, findings));
    }
    frontends.sort_by_key(|frontend| frontend.vip);
    frontends
}

fn one(
    name: &str,
    draft: &DraftFrontend,
    backends: &Backends<'_>,
    findings: &mut Findings,
) -> Option<Frontend> {
    let path = format!("frontends.{}", PathName(name));
    if let Some(complaint) = address_complaint(draft.address) {
        findings.problem(format!("{path}.address"), complaint);
    }
    match (draft.protocol, draft.port) {
        (None, 1..) => {
            let message = format!("missing: port {} needs `protocol: tcp` or `protocol: udp`", draft.port);
            findings.problem(format!("{path}.protocol"), message);
        }
        (Some(_), 0) => {
            let message = "a frontend of all ports takes all protocols; remove the protocol, or write a port";
            findings.problem(format!("{path}.protocol"), message);
        }
        (None, 0) | (Some(_), 1..) => (),
    }
    let family = family(draft, backends);
    one_family(draft, backends, family, &path, findings);
    if draft.pools.is_empty() {
        findings
            .problem(format!("{path}.pools"), "a frontend needs at least one pool; add one with a backend");
    }
    let mut names = BTreeSet::new();
    let mut pools = Vec::with_capacity(draft.pools.len());
    for (index, pool) in draft.pools.iter().enumerate() {
        let path = format!("{path}.pools[{index}]");
        if let Some(complaint) = name_complaint(&pool.name) {
            findings.problem(format!("{path}.name"), complaint);
        }
        if !names.insert(pool.name.as_str()) {
            let message =
                format!("pool `{}` exists already in this frontend; rename one of the two", pool.name);
            findings.problem(format!("{path}.name"), message);
        }
        pools.push(self::pool(pool, backends, &path, findings));
    }
    Some(Frontend {
        name: name.into(),
        description: draft.description.clone(),
        vip: vip(draft)?,
        encap: Encap::for_backends(family?),
        src_ip_sticky: draft.src_ip_sticky,
        flush_on_down: draft.flush_on_down,
        pools,
    })
}

fn pool(draft: &DraftPool, backends: &Backends<'_>, path: &str, findings: &mut Findings) -> Pool {
    if draft.backends.is_empty() {
        findings.problem(
            format!("{path}.backends"),
            "a pool needs at least one backend; add one, or remove the pool",
        );
    }
    let mut members = Vec::with_capacity(draft.backends.len());
    let mut seen = BTreeSet::new();
    for (name, weight) in &draft.backends {
        let entry = || format!("{path}.backends.{}", PathName(name));
        if !seen.insert(name.as_str()) {
            findings.problem(entry(), "the backend is in this pool twice; remove one of the two");
        }
        let weight = u8::try_from(*weight).ok().and_then(Weight::new).unwrap_or_else(|| {
            let message = format!("weight {weight} is too high; use a whole number from 0 to 100");
            findings.problem(format!("{}.weight", entry()), message);
            Weight::MAX
        });
        match backends.get(name.as_str()) {
            Some((backend, _)) => members.push(Member { backend: *backend, weight }),
            None => {
                let remedy = "define it under backends, or remove it here";
                findings.dangling(entry(), "backend", name, backends, remedy);
            }
        }
    }
    members.sort_by_key(|member| member.backend);
    Pool { name: draft.name.clone(), members }
}

/// What VPP will know the frontend by; `None` while its protocol does not fit its port.
pub(super) fn vip(draft: &DraftFrontend) -> Option<VipKey> {
    let protocol = match (draft.protocol, draft.port) {
        (None, 0) => Protocol::ANY,
        (Some(DraftProtocol::Tcp), 1..) => Protocol::TCP,
        (Some(DraftProtocol::Udp), 1..) => Protocol::UDP,
        (None, 1..) | (Some(_), 0) => return None,
    };
    Some(VipKey { prefix: Prefix::host(draft.address), protocol, port: draft.port })
}

/// The address family of the first backend that exists.
fn family(draft: &DraftFrontend, backends: &Backends<'_>) -> Option<Family> {
    entries(draft).find_map(|(_, name)| backends.get(name)).map(|(_, backend)| Family::of(backend.address))
}

fn one_family(
    draft: &DraftFrontend,
    backends: &Backends<'_>,
    family: Option<Family>,
    path: &str,
    findings: &mut Findings,
) {
    let Some(family) = family else { return };
    let stray = entries(draft).find_map(|(pool, name)| {
        let (_, backend) = backends.get(name)?;
        (Family::of(backend.address) != family).then_some((pool, name, backend.address))
    });
    if let Some((pool, name, address)) = stray {
        let message = format!(
            "{address} is {}, but the frontend's first backend is {family}; VPP wraps all packets of a frontend alike: \
             use one family, or two frontends",
            Family::of(address)
        );
        findings.problem(format!("{path}.pools[{pool}].backends.{}", PathName(name)), message);
    }
}

fn entries(draft: &DraftFrontend) -> impl Iterator<Item = (usize, &str)> {
    let pools = draft.pools.iter().enumerate();
    pools.flat_map(|(index, pool)| pool.backends.iter().map(move |(name, _)| (index, name.as_str())))
}

/// The family of the frontend's backends, for the rules between frontends.
pub(super) fn family_by_name(draft: &DraftFrontend, addresses: &BTreeMap<&str, Family>) -> Option<Family> {
    entries(draft).find_map(|(_, name)| addresses.get(name)).copied()
}
