//! The configuration file: every key that exists, with its type. The rest of the daemon knows no YAML.
//!
//! The keys of a health check stand in `healthcheck`.

use std::net::IpAddr;

use maglev_core::config::{Draft, DraftBackend, DraftFrontend, DraftLb, DraftPool, DraftProtocol, Strangers};
use serde_saphyr::Location;

use super::Options;
use super::healthcheck::healthcheck;
use super::section::{At, Reader, Section, set};
use super::yaml::{Node, Shape};

const POWERS: &str = "a power of two from 1 to 1048576";
const WEIGHTS: &str = "a whole number from 0 to 100";

/// The weight of a pool's entry that names none.
pub(super) const WEIGHT_DEFAULT: u32 = 100;

/// What the file asks for; `None` where it does not even say.
pub(super) fn draft(root: &Node, options: Options, reader: &Reader<'_>) -> Option<Draft> {
    if matches!(root.value, Shape::Null) {
        reader.structural(root.referenced, At::Top, "the file is empty; begin it with the key `maglev:`");
        return None;
    }
    let mut file = reader.section(root, root.referenced, At::Top)?;
    let maglev = file.find("maglev");
    if maglev.is_none() {
        let message = "the key `maglev:` is missing; write it first and indent everything else below it";
        reader.structural(file.place(), At::Top, message);
    }
    file.end();
    let (place, maglev) = maglev?;
    let mut top = reader.section(maglev, place, At::Top)?;
    let mut draft = Draft { vpp_in_use: options.vpp_in_use, ..Draft::default() };
    if let Some((place, node)) = top.find("healthchecker") {
        healthchecker(node, place, reader, &mut draft);
    }
    if let Some((place, node)) = top.find("vpp") {
        vpp(node, place, reader, &mut draft.lb);
    }
    draft.healthchecks = named(top.find("healthchecks"), "healthchecks", reader, healthcheck);
    draft.backends = named(top.find("backends"), "backends", reader, backend);
    draft.frontends = named(top.find("frontends"), "frontends", reader, frontend);
    top.end();
    Some(draft)
}

/// A section whose keys are names that the operator chose.
fn named<T>(
    section: Option<(Location, &Node)>,
    key: &str,
    reader: &Reader<'_>,
    read: impl Fn(&Node, Location, At<'_>, &Reader<'_>) -> Option<T>,
) -> Vec<(String, T)> {
    let path = At::Key(&At::Top, key);
    let Some(entries) = section.and_then(|(_, node)| reader.entries(node, path)) else { return Vec::new() };
    let one = |(name, node): &(serde_saphyr::Spanned<String>, Node)| {
        let read = read(node, name.referenced, At::Key(&path, &name.value), reader)?;
        Some((name.value.clone(), read))
    };
    entries.iter().filter_map(one).collect()
}

fn healthchecker(node: &Node, place: Location, reader: &Reader<'_>, draft: &mut Draft) {
    let path = At::Key(&At::Top, "healthchecker");
    let Some(mut section) = reader.section(node, place, path) else { return };
    if let Some(length) = section.number("transition-history", "a whole number from 0 to 1000", 0) {
        draft.transition_history = length;
    }
    draft.netns = section.text("netns").unwrap_or_default();
    section.end();
}

fn vpp(node: &Node, place: Location, reader: &Reader<'_>, draft: &mut DraftLb) {
    let path = At::Key(&At::Top, "vpp");
    let Some(mut section) = reader.section(node, place, path) else { return };
    if let Some((place, node)) = section.find("lb") {
        lb(node, place, At::Key(&path, "lb"), reader, draft);
    }
    section.end();
}

fn lb(node: &Node, place: Location, path: At<'_>, reader: &Reader<'_>, draft: &mut DraftLb) {
    let Some(mut section) = reader.section(node, place, path) else { return };
    match section.address("ipv4-src-address") {
        Some((_, IpAddr::V4(address))) => draft.ipv4_src_address = Some(address),
        Some((place, IpAddr::V6(address))) => {
            let message = format!("{address} is not an IPv4 address; write an IPv4 address of this host");
            section.semantic(place, "ipv4-src-address", message);
            // Nothing else may call the key missing.
            draft.ipv4_src_address = Some([192, 0, 2, 1].into());
        }
        None => (),
    }
    match section.address("ipv6-src-address") {
        Some((_, IpAddr::V6(address))) => draft.ipv6_src_address = Some(address),
        Some((place, IpAddr::V4(address))) => {
            let message = format!("{address} is not an IPv6 address; write an IPv6 address of this host");
            section.semantic(place, "ipv6-src-address", message);
            draft.ipv6_src_address = Some([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into());
        }
        None => (),
    }
    set(&mut draft.sync_interval, section.duration("sync-interval"));
    set(&mut draft.sticky_buckets_per_core, section.number("sticky-buckets-per-core", POWERS, 1));
    set(&mut draft.flow_timeout, section.duration("flow-timeout"));
    set(&mut draft.startup_min_delay, section.duration("startup-min-delay"));
    set(&mut draft.startup_max_delay, section.duration("startup-max-delay"));
    draft.new_flows_table_length = table_length(&mut section);
    set(&mut draft.strangers, section.word("strangers", STRANGERS));
    weight_scale(&mut section);
    section.end();
}

const STRANGERS: &[(&str, Strangers)] = &[("delete", Strangers::Delete), ("keep", Strangers::Keep)];

fn table_length(section: &mut Section<'_, '_>) -> Option<u64> {
    let key = "new-flows-table-length";
    match section.find(key) {
        Some((_, node)) if matches!(&node.value, Shape::Text(word) if word == "auto") => None,
        Some(_) | None => section.number(key, "auto, or a power of two from 1 to 1048576", 1),
    }
}

fn weight_scale(section: &mut Section<'_, '_>) {
    let place = section.find("weight-scale").map(|(_, node)| node.referenced);
    if section.word("weight-scale", &[("raw", false), ("reduced", true)]) == Some(true)
        && let Some(place) = place
    {
        let message =
            "`reduced` is planned, but this version does not have it yet; use raw, or remove the key";
        section.semantic(place, "weight-scale", message);
    }
}

fn backend(node: &Node, place: Location, path: At<'_>, reader: &Reader<'_>) -> Option<DraftBackend> {
    let mut section = reader.section(node, place, path)?;
    let address = address(&mut section);
    let healthcheck = section.text("healthcheck");
    let enabled = section.boolean("enabled").unwrap_or(true);
    section.end();
    Some(DraftBackend { address: address?, healthcheck, enabled })
}

/// The key `address`, which has to be there.
fn address(section: &mut Section<'_, '_>) -> Option<IpAddr> {
    if section.find("address").is_none() {
        section.missing("address", "write the IP address");
        return None;
    }
    section.address("address").map(|(_, address)| address)
}

const PROTOCOLS: &[(&str, DraftProtocol)] = &[("tcp", DraftProtocol::Tcp), ("udp", DraftProtocol::Udp)];

fn frontend(node: &Node, place: Location, path: At<'_>, reader: &Reader<'_>) -> Option<DraftFrontend> {
    let mut section = reader.section(node, place, path)?;
    let description = section.text("description").unwrap_or_default();
    let address = address(&mut section);
    let protocol = section.word("protocol", PROTOCOLS);
    let port = section.number("port", "1 to 65535, or 0 for all ports", 1).unwrap_or(0);
    let src_ip_sticky = section.boolean("src-ip-sticky").unwrap_or(false);
    let flush_on_down = section.boolean("flush-on-down").unwrap_or(true);
    let pools_path = At::Key(&path, "pools");
    let items = section.find("pools").map_or(&[][..], |(_, node)| reader.items(node, pools_path));
    let pools = items.iter().enumerate();
    let pools = pools.filter_map(|(index, node)| pool(node, At::Item(&pools_path, index), reader)).collect();
    section.end();
    Some(DraftFrontend {
        description,
        address: address?,
        protocol,
        port,
        src_ip_sticky,
        flush_on_down,
        pools,
    })
}

fn pool(node: &Node, path: At<'_>, reader: &Reader<'_>) -> Option<DraftPool> {
    let mut section = reader.section(node, node.referenced, path)?;
    let name = section.text("name");
    if name.is_none() && section.find("name").is_none() {
        section.missing("name", "name the pool");
    }
    let backends_path = At::Key(&path, "backends");
    let entries = section.find("backends").and_then(|(_, node)| reader.entries(node, backends_path));
    let mut backends = Vec::new();
    for (name, node) in entries.unwrap_or_default() {
        let Some(mut entry) = reader.section(node, name.referenced, At::Key(&backends_path, &name.value))
        else {
            continue;
        };
        let weight = entry.number("weight", WEIGHTS, WEIGHT_DEFAULT).unwrap_or(WEIGHT_DEFAULT);
        entry.end();
        backends.push((name.value.clone(), weight));
    }
    section.end();
    Some(DraftPool { name: name?, backends })
}
