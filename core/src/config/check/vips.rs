//! Rules between frontends, and between frontends and backends: what VPP can hold side by side, and survive.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::frontends::{family_by_name, vip};
use super::{Findings, PathName};
use crate::config::Draft;
use crate::model::{Encap, Family, VipKey};

/// What the other frontends of an address need to know of one.
struct Neighbour<'d> {
    name: &'d str,
    vip: VipKey,
    family: Option<Family>,
}

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    let families: BTreeMap<&str, Family> =
        draft.backends.iter().map(|(name, backend)| (name.as_str(), Family::of(backend.address))).collect();
    let mut addresses: BTreeMap<IpAddr, Vec<Neighbour<'_>>> = BTreeMap::new();
    let mut owners: BTreeMap<IpAddr, &str> = BTreeMap::new();
    for (name, frontend) in &draft.frontends {
        owners.entry(frontend.address).or_insert(name);
        let neighbours = addresses.entry(frontend.address).or_default();
        if let Some(vip) = vip(frontend) {
            neighbours.push(Neighbour { name, vip, family: family_by_name(frontend, &families) });
        }
    }
    for neighbours in addresses.values_mut() {
        neighbours.sort_by_key(|neighbour| neighbour.name);
        unique_keys(neighbours, findings);
        all_port_alone(neighbours, findings);
        one_encapsulation(neighbours, findings);
    }
    no_loops(draft, &owners, findings);
}

fn unique_keys(neighbours: &[Neighbour<'_>], findings: &mut Findings) {
    let mut owners: BTreeMap<VipKey, &str> = BTreeMap::new();
    for Neighbour { name, vip, .. } in neighbours {
        match owners.get(vip) {
            Some(owner) => {
                let message = format!(
                    "{vip} belongs to frontend `{}` already; change address, protocol or port, or merge the two",
                    PathName(owner)
                );
                findings.problem(format!("frontends.{}", PathName(name)), message);
            }
            None => {
                owners.insert(*vip, name);
            }
        }
    }
}

fn all_port_alone(neighbours: &[Neighbour<'_>], findings: &mut Findings) {
    let Some(other) = neighbours.iter().find(|neighbour| !neighbour.vip.is_all_port()) else { return };
    for Neighbour { name, vip, .. } in neighbours.iter().filter(|neighbour| neighbour.vip.is_all_port()) {
        let message = format!(
            "takes all ports of {}, but frontend `{}` has a port of the same address, which VPP refuses; \
             give this one a protocol and a port, or another address",
            vip.prefix,
            PathName(other.name)
        );
        findings.problem(format!("frontends.{}", PathName(name)), message);
    }
}

fn one_encapsulation(neighbours: &[Neighbour<'_>], findings: &mut Findings) {
    let known = |neighbour: &'_ Neighbour<'_>| neighbour.family.is_some();
    let Some(first) = neighbours.iter().find(|neighbour| known(neighbour)) else { return };
    for Neighbour { name, vip, family } in neighbours {
        if let (Some(family), Some(first_family)) = (family, first.family)
            && *family != first_family
        {
            let message = format!(
                "its backends are {family} ({}), but those of frontend `{}` on the same address {} are {first_family} \
                 ({}), and VPP refuses the mix; use backends of one family for both, or another address",
                Encap::for_backends(*family),
                PathName(first.name),
                vip.prefix,
                Encap::for_backends(first_family)
            );
            findings.problem(format!("frontends.{}", PathName(name)), message);
        }
    }
}

/// A VIP that reaches itself wraps a packet again and again until VPP aborts, so no backend may be any VIP.
fn no_loops(draft: &Draft, owners: &BTreeMap<IpAddr, &str>, findings: &mut Findings) {
    for (name, backend) in &draft.backends {
        let Some(owner) = owners.get(&backend.address) else { continue };
        let message = format!(
            "{} is the address of frontend `{}`; a VIP that reaches itself can kill VPP with one packet: \
             use the server's own address",
            backend.address,
            PathName(owner)
        );
        findings.problem(format!("backends.{}.address", PathName(name)), message);
    }
}
