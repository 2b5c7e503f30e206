//! VPP and its table.

use super::{Now, ago, ahead, or_dash, plain, state, vip, well};
use crate::render::{Block, Cell, Tone};
use crate::value::Value;

/// `show vpp info`.
pub fn info(it: &Value, now: Now) -> Vec<Block> {
    if !it.at("in_use").is_yes() {
        return vec![Block::Lines(vec!["This daemon runs without VPP.".into()])];
    }
    let holds = format!("{} VIPs, {} servers", it.at("vips_total").number(), it.at("servers_total").number());
    let few = |path: &str| if it.at(path).number() == 0 { Cell::default() } else { plain(it, path) };
    let mut blocks = vec![Block::Pairs(vec![
        ("VPP", plain(it, "version")),
        ("process", few("pid")),
        ("started", ago(it, "boot_time", now)),
        ("connected", well(it, "connected")),
        ("since", ago(it, "since", now)),
        ("connections so far", plain(it, "connections")),
        ("last error", Cell::toned(it.at("last_error").text(), Tone::Bad)),
        ("tables read", well(it, "picture")),
        ("in sync", well(it, "in_sync")),
        ("out of sync", few("out_of_sync_total")),
        ("calls under way", few("calls_under_way")),
        ("holds", Cell::plain(holds)),
        ("next check", ahead(it, "next_check", now)),
        ("quarantined", Cell::toned(it.at("quarantined").text(), Tone::Bad)),
    ])];
    let settings = ["ipv4_src_address", "ipv6_src_address", "sticky_buckets_per_core", "flow_timeout"];
    let row = |name: &&str| {
        let (held, wanted) = (format!("conf.{name}"), format!("conf_wanted.{name}"));
        vec![Cell::plain(name.replace('_', "-")), or_dash(it, &held), or_dash(it, &wanted)]
    };
    blocks.push(Block::Rows {
        head: vec!["SETTING", "VPP", "WANTED"],
        rows: settings.iter().map(row).collect(),
        empty: "",
    });
    blocks
}

/// `show vpp lb state`.
pub fn table(value: &Value) -> Vec<Block> {
    vec![rows(value, "VPP holds no VIP, and none is wanted.")]
}

/// `show vpp lb diff`.
pub fn difference(value: &Value) -> Vec<Block> {
    vec![rows(value, "VPP holds what is wanted.")]
}

fn rows(value: &Value, empty: &'static str) -> Block {
    let mut rows = Vec::new();
    for it in value.list("") {
        let mut title = vec![
            Cell::plain(vip(it.at("vip"))),
            or_dash(it, "frontend"),
            Cell::plain("(VIP)"),
            or_dash(it, "encap"),
            or_dash(it, "wanted_encap"),
            state(it, "difference"),
        ];
        if it.at("sync.detail").text().is_empty() {
            title.push(Cell::plain(""));
        } else {
            title.push(plain(it, "sync.detail"));
        }
        rows.push(title);
        for server in it.list("servers") {
            rows.push(vec![
                Cell::plain(""),
                Cell::plain(""),
                plain(server, "address"),
                or_dash(server, "weight"),
                or_dash(server, "wanted_weight"),
                state(server, "difference"),
                Cell::plain(""),
            ]);
        }
    }
    Block::Rows {
        head: vec!["VIP", "FRONTEND", "SERVER", "VPP", "WANTED", "DIFFERENCE", "DETAIL"],
        rows,
        empty,
    }
}

/// What is said of confirmed choices.
pub fn confirmed() -> Vec<Block> {
    vec![Block::Lines(vec!["Nobody is kept at 0 any more because choices were lost.".into()])]
}

/// `sync vpp lb state`.
pub fn ordered(frontend: Option<&str>) -> Vec<Block> {
    let what = frontend.map_or_else(|| "all frontends".into(), |name| format!("frontend {name}"));
    vec![Block::Lines(vec![format!(
        "The sync of {what} is ordered: `watch events topic sync` tells how it goes."
    )])]
}
