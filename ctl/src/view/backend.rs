//! Backends and healthchecks.

use super::{Now, age, ago, ahead, author, because, or_dash, plain, result, state};
use crate::render::{Block, Cell, Tone};
use crate::value::Value;

/// All of them, a row each.
pub fn backends(value: &Value, now: Now) -> Vec<Block> {
    let row = |it: &Value| {
        vec![
            plain(it, "name"),
            plain(it, "address"),
            state(it, "state"),
            Cell::plain(age(it, "since", now)),
            Cell::plain(counter(it)),
            or_dash(it, "healthcheck"),
            it.list("results").first().map_or_else(|| Cell::plain("-"), result),
            plain(it, "frontends_total"),
        ]
    };
    vec![Block::Rows {
        head: vec!["NAME", "ADDRESS", "STATE", "SINCE", "HEALTH", "CHECK", "LAST RESULT", "FRONTENDS"],
        rows: value.list("").iter().map(row).collect(),
        empty: "There are no backends.",
    }]
}

/// `5 of 5`; nothing without a check.
fn counter(it: &Value) -> String {
    if it.at("healthcheck").text().is_empty() {
        return "-".into();
    }
    format!("{}/{}", it.at("counter").number(), it.at("counter_max").number())
}

/// One of them.
pub fn backend(it: &Value, now: Now) -> Vec<Block> {
    let enabled = if it.at("enabled_in_file").is_yes() { "" } else { "disabled in the file" };
    let presumed = if it.at("presumed").is_yes() { "yes: VPP held it when warm-up ended" } else { "" };
    let pairs = vec![
        ("backend", plain(it, "name")),
        ("address", plain(it, "address")),
        ("state", state(it, "state")),
        ("since", ago(it, "since", now)),
        ("cause", plain(it, "cause")),
        ("chosen by", Cell::toned(author(it, "chosen_by", now), Tone::Odd)),
        ("file", Cell::toned(enabled, Tone::Odd)),
        ("presumed up", Cell::toned(presumed, Tone::Odd)),
        ("healthcheck", or_dash(it, "healthcheck")),
        (
            "health",
            Cell::plain(format!(
                "{} (up at {}, fall {})",
                counter(it),
                it.at("rise").number(),
                it.at("fall").number()
            )),
        ),
        ("next probe", ahead(it, "next_probe", now)),
        ("probes", plain(it, "probes")),
        ("revision", plain(it, "revision")),
    ];
    vec![Block::Pairs(pairs), memberships(it, now), results(it, now), history(it, now)]
}

fn memberships(it: &Value, now: Now) -> Block {
    let row = |member: &Value| {
        vec![
            plain(member, "frontend"),
            plain(member, "pool"),
            plain(member, "effective_weight"),
            plain(member, "configured_weight"),
            or_dash(member, "set_weight"),
            or_dash(member, "vpp_weight"),
            because(member, now),
        ]
    };
    Block::Rows {
        head: vec!["FRONTEND", "POOL", "WEIGHT", "FILE", "SET", "VPP", "BECAUSE"],
        rows: it.list("memberships").iter().map(row).collect(),
        empty: "No frontend uses it.",
    }
}

fn results(it: &Value, now: Now) -> Block {
    let row = |outcome: &Value| vec![ago(outcome, "at", now), result(outcome)];
    Block::Rows {
        head: vec!["PROBED", "RESULT"],
        rows: it.list("results").iter().map(row).collect(),
        empty: "It has not been probed yet.",
    }
}

fn history(it: &Value, now: Now) -> Block {
    let row = |change: &Value| {
        vec![ago(change, "at", now), state(change, "from"), state(change, "to"), plain(change, "cause")]
    };
    Block::Rows {
        head: vec!["CHANGED", "FROM", "TO", "CAUSE"],
        rows: it.list("history").iter().map(row).collect(),
        empty: "Its state has not changed yet.",
    }
}

/// All of them, a row each.
pub fn healthchecks(value: &Value) -> Vec<Block> {
    let row = |it: &Value| {
        let columns = [
            "name",
            "type",
            "port",
            "interval",
            "fast_interval",
            "down_interval",
            "timeout",
            "rise",
            "fall",
            "backends_total",
        ];
        columns.iter().map(|path| plain(it, path)).collect()
    };
    vec![Block::Rows {
        head: vec!["NAME", "TYPE", "PORT", "INTERVAL", "FAST", "DOWN", "TIMEOUT", "RISE", "FALL", "BACKENDS"],
        rows: value.list("").iter().map(row).collect(),
        empty: "No backend uses a healthcheck.",
    }]
}

/// One of them.
pub fn healthcheck(it: &Value) -> Vec<Block> {
    let names = [
        ("healthcheck", "name"),
        ("type", "type"),
        ("port", "port"),
        ("interval", "interval"),
        ("fast interval", "fast_interval"),
        ("down interval", "down_interval"),
        ("timeout", "timeout"),
        ("rise", "rise"),
        ("fall", "fall"),
        ("IPv4 source", "probe_ipv4_src"),
        ("IPv6 source", "probe_ipv6_src"),
        ("namespace", "netns"),
        ("path", "http.path"),
        ("host", "http.host"),
        ("method", "http.method"),
        ("response codes", "http.response_codes"),
        ("response regexp", "http.response_regexp"),
        ("server name", "tls.server_name"),
        ("any certificate", "tls.insecure_skip_verify"),
        ("CA file", "tls.ca_file"),
        ("backends", "backends_total"),
    ];
    vec![Block::Pairs(names.iter().map(|(title, path)| (*title, plain(it, path))).collect())]
}
