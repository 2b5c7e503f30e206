//! What people see of each answer. Made of the value that programs get, so both tell the same.

mod backend;
mod daemon;
mod frontend;
mod plan;
mod record;
mod vpp;

pub use backend::{backend, backends, healthcheck, healthchecks};
pub use daemon::{checked, daemon, explained, reloaded, warmup};
pub use frontend::{frontend, frontends, held, sync};
pub use plan::plan;
pub use record::{gap, record, records};
pub use vpp::{confirmed, difference, info, ordered, table};

use maglev_proto::Timestamp;

use crate::render::{Cell, Tone};
use crate::value::{Value, seconds_between, span};

/// The daemon's clock when the answer was made; ages are told by it.
pub type Now = Option<Timestamp>;

/// A plain cell of what stands at a path.
fn plain(value: &Value, path: &str) -> Cell {
    Cell::plain(value.at(path).text())
}

/// A dash for what is not there.
fn or_dash(value: &Value, path: &str) -> Cell {
    let text = value.at(path).text();
    Cell::plain(if text.is_empty() { "-".into() } else { text })
}

/// A state, in its colour.
pub fn state(value: &Value, path: &str) -> Cell {
    let text = value.at(path).text();
    let tone = match text.as_str() {
        "up" | "pass" | "in-sync" | "none" => Tone::Good,
        "down" | "fail" | "out-of-sync" | "missing" | "surplus" | "changed" => Tone::Bad,
        "" => Tone::Plain,
        _ => Tone::Odd,
    };
    Cell::toned(if text.is_empty() { "-".into() } else { text }, tone)
}

/// Yes is well.
fn well(value: &Value, path: &str) -> Cell {
    let value = value.at(path);
    Cell::toned(value.text(), if value.is_yes() { Tone::Good } else { Tone::Bad })
}

/// How long ago; the time itself if the daemon's clock is not known.
pub fn age(value: &Value, path: &str, now: Now) -> String {
    match (value.at(path), now) {
        (Value::Time(at), Some(now)) => span(seconds_between(at, &now)),
        (value, _) => value.text(),
    }
}

/// The same for a time to come.
fn ahead(value: &Value, path: &str, now: Now) -> Cell {
    Cell::plain(match (value.at(path), now) {
        (Value::Time(at), Some(now)) => format!("in {}", span(seconds_between(&now, at))),
        (value, _) => value.text(),
    })
}

fn ago(value: &Value, path: &str, now: Now) -> Cell {
    Cell::plain(match (value.at(path), now) {
        (Value::Time(_), Some(_)) => format!("{} ago", age(value, path, now)),
        (value, _) => value.text(),
    })
}

/// Who chose something, when and why: `unix uid 0 gid 0 pid 4711, 5m ago: a disk`. Empty if nobody did.
fn author(value: &Value, path: &str, now: Now) -> String {
    let by = value.at(path);
    if by == &Value::Null {
        return String::new();
    }
    let who = by.at("who").text();
    let who = if who.is_empty() { "an operator".to_owned() } else { who };
    let (when, why) = (ago(by, "at", now).text, by.at("why").text());
    let when = if when.is_empty() { when } else { format!(", {when}") };
    let why = if why.is_empty() { why } else { format!(": {why}") };
    format!("{who}{when}{why}")
}

/// Why a member weighs what it weighs, and who set that.
fn because(member: &Value, now: Now) -> Cell {
    let (reason, by) = (member.at("reason_text").text(), author(member, "set_by", now));
    Cell::plain(if by.is_empty() { reason } else { format!("{reason}; set by {by}") })
}

/// `203.0.113.80 tcp/80`.
pub fn vip(value: &Value) -> String {
    let (address, length) = (value.at("address").text(), value.at("prefix_length").number());
    let whole = if address.contains(':') { 128 } else { 32 };
    let prefix = if length == whole { address } else { format!("{address}/{length}") };
    match value.at("protocol").text().as_str() {
        "any" => format!("{prefix} any"),
        "other" => {
            format!("{prefix} {}/{}", value.at("protocol_number").number(), value.at("port").number())
        }
        protocol => format!("{prefix} {protocol}/{}", value.at("port").number()),
    }
}

/// The latest result of a backend: `pass 0.6ms`, or why it failed.
pub fn result(outcome: &Value) -> Cell {
    let word = outcome.at("result").text();
    let said: Vec<String> = ["code", "detail"].iter().map(|path| outcome.at(path).text()).collect();
    let took = outcome.at("took").text();
    let parts: Vec<&str> = [word.as_str(), said[0].as_str(), said[1].as_str(), took.as_str()]
        .into_iter()
        .filter(|it| !it.is_empty())
        .collect();
    Cell { text: if parts.is_empty() { "-".into() } else { parts.join(" ") }, ..state(outcome, "result") }
}
