//! Frontends.

use super::{Now, ahead, because, or_dash, plain, state, vip};
use crate::render::{Block, Cell, Tone};
use crate::value::Value;

/// All of them, a row each.
pub fn frontends(value: &Value, now: Now) -> Vec<Block> {
    let row = |it: &Value| {
        let sum = |path: &str| it.list("pools").iter().map(|pool| pool.at(path).number()).sum::<u64>();
        vec![
            plain(it, "name"),
            Cell::plain(vip(it.at("vip"))),
            state(it, "state"),
            Cell::plain(serving(it).unwrap_or_else(|| "-".into())),
            Cell::plain(format!("{}/{}", sum("members_up"), sum("members_total"))),
            sync(it, now),
            plain(it, "description"),
        ]
    };
    vec![Block::Rows {
        head: vec!["NAME", "VIP", "STATE", "SERVING", "UP", "SYNC", "DESCRIPTION"],
        rows: value.list("").iter().map(row).collect(),
        empty: "There are no frontends.",
    }]
}

/// The pool that serves.
fn serving(it: &Value) -> Option<String> {
    let pool = it.list("pools").iter().find(|pool| pool.at("active").is_yes())?;
    Some(pool.at("name").text())
}

/// Where its sync stands, and since when if that matters.
pub fn sync(it: &Value, now: Now) -> Cell {
    let mut cell = state(it, "sync.state");
    if it.at("sync.since") != &Value::Null {
        cell.text = format!("{} {}", cell.text, super::age(it, "sync.since", now));
    }
    cell
}

/// One of them.
pub fn frontend(it: &Value, now: Now) -> Vec<Block> {
    let pairs = vec![
        ("frontend", plain(it, "name")),
        ("description", plain(it, "description")),
        ("VIP", Cell::plain(vip(it.at("vip")))),
        ("encap", plain(it, "encap")),
        ("state", state(it, "state")),
        ("serving pool", Cell::plain(serving(it).unwrap_or_else(|| "none".into()))),
        ("sync", sync(it, now)),
        ("sync detail", plain(it, "sync.detail")),
        ("in VPP", or_dash(it, "in_vpp")),
        ("source sticky", plain(it, "src_ip_sticky")),
        ("flush on down", plain(it, "flush_on_down")),
        ("warm-up waits for", plain(it, "gate.awaited")),
        ("revision", plain(it, "revision")),
    ];
    let mut blocks = vec![Block::Pairs(pairs), members(it, now)];
    if it.at("hold") != &Value::Null {
        blocks.extend(hold(it.at("hold"), now));
    }
    blocks
}

fn members(it: &Value, now: Now) -> Block {
    let row = |pool: &Value, member: &Value| {
        let serves = pool.at("active").is_yes();
        vec![
            Cell::toned(pool.at("name").text(), if serves { Tone::Good } else { Tone::Plain }),
            Cell::plain(if serves { "yes" } else { "" }),
            plain(member, "backend"),
            plain(member, "address"),
            state(member, "state"),
            plain(member, "effective_weight"),
            plain(member, "configured_weight"),
            or_dash(member, "set_weight"),
            held(member),
            because(member, now),
        ]
    };
    let pools = it.list("pools").iter();
    Block::Rows {
        head: vec![
            "POOL", "SERVES", "BACKEND", "ADDRESS", "STATE", "WEIGHT", "FILE", "SET", "VPP", "BECAUSE",
        ],
        rows: pools.flat_map(|pool| pool.list("members").iter().map(move |it| row(pool, it))).collect(),
        empty: "It has no backends.",
    }
}

/// The weight that VPP holds; odd if it should be another.
pub fn held(member: &Value) -> Cell {
    let is_same = member.at("vpp_weight") == member.at("effective_weight");
    Cell { tone: if is_same { Tone::Plain } else { Tone::Odd }, ..or_dash(member, "vpp_weight") }
}

fn hold(hold: &Value, now: Now) -> Vec<Block> {
    let row = |it: &Value| vec![plain(it, "address"), plain(it, "weight"), or_dash(it, "vpp_weight")];
    let until = vec![
        ("held until", ahead(hold, "until", now)),
        ("or the verdicts of", plain(hold, "awaited")),
        ("of how many", plain(hold, "awaited_total")),
    ];
    let rows = hold.list("servers").iter().map(row).collect();
    let head = vec!["HELD SERVER", "WEIGHT", "VPP"];
    vec![Block::Pairs(until), Block::Rows { head, rows, empty: "Nothing is held." }]
}
