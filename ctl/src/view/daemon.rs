//! The daemon itself, warm-up, configurations, and stories.

use super::{Now, ago, ahead, plain, well};
use crate::clean;
use crate::render::{Block, Cell, Tone};
use crate::value::Value;

/// `show version`.
pub fn daemon(it: &Value, client: &str) -> Vec<Block> {
    let now = if let Value::Time(now) = it.at("now") { Some(*now) } else { None };
    let configured =
        format!("generation {}, {}", it.at("generation").number(), ago(it, "configured", now).text);
    vec![Block::Pairs(vec![
        ("maglevd", plain(it, "version")),
        ("maglevc", Cell::plain(client)),
        ("process", plain(it, "pid")),
        ("started", ago(it, "started", now)),
        ("stopping", Cell::toned(if it.at("stopping").is_yes() { "yes" } else { "" }, Tone::Odd)),
        ("ready", well(it, "ready")),
        ("not ready because", plain(it, "not_ready")),
        ("configuration", Cell::plain(configured)),
        ("file", plain(it, "config_file")),
        ("frontends", plain(it, "frontends_total")),
        ("backends", plain(it, "backends_total")),
        ("seed", plain(it, "seed")),
        ("you are", plain(it, "caller")),
        ("you may", Cell::plain(if it.at("role").text() == "operator" { "look and change" } else { "look" })),
    ])]
}

/// `show warmup`.
pub fn warmup(it: &Value, now: Now) -> Vec<Block> {
    let is_over = it.at("phase").text() == "over";
    let released = format!("{} of {}", it.at("released_total").number(), it.at("frontends_total").number());
    let pairs = vec![
        ("phase", Cell::toned(it.at("phase").text(), if is_over { Tone::Good } else { Tone::Odd })),
        ("since", ago(it, "since", now)),
        ("ends", ahead(it, "until", now)),
        ("min delay", plain(it, "min_delay")),
        ("max delay", plain(it, "max_delay")),
        ("frontends released", Cell::plain(released)),
    ];
    // Nobody is written to in hands-off, so a frontend may be listed there that waits for no backend.
    let row = |it: &Value| match it.at("awaited_total").number() {
        0 => vec![plain(it, "frontend"), plain(it, "awaited_total"), Cell::plain("the end of hands-off")],
        _ => vec![plain(it, "frontend"), plain(it, "awaited_total"), plain(it, "awaited")],
    };
    let rows: Vec<_> = it.list("waiting").iter().map(row).collect();
    vec![
        Block::Pairs(pairs),
        Block::Rows { head: vec!["WAITING", "FOR", "BACKENDS"], rows, empty: "No frontend waits." },
    ]
}

/// `explain`.
pub fn explained(it: &Value) -> Vec<Block> {
    vec![Block::Lines(it.list("sentences").iter().map(Value::text).collect())]
}

/// `config check`.
pub fn checked(it: &Value, what: &str) -> Vec<Block> {
    let mut lines: Vec<String> = it.list("errors").iter().map(|finding| line(finding, "")).collect();
    lines.extend(it.list("warnings").iter().map(|finding| line(finding, "warning: ")));
    lines.push(if it.at("good").is_yes() {
        let (frontends, backends) = (it.at("frontends_total").number(), it.at("backends_total").number());
        format!("{what} is good: {frontends} frontends, {backends} backends")
    } else {
        format!("{what} is not good: {} errors; nothing was changed", it.list("errors").len())
    });
    vec![Block::Lines(lines)]
}

/// `config reload`.
pub fn reloaded(it: &Value, what: &str) -> Vec<Block> {
    let mut lines: Vec<String> =
        it.list("warnings").iter().map(|finding| line(finding, "warning: ")).collect();
    lines.push(format!("{what} is in force: generation {}", it.at("generation").number()));
    vec![Block::Lines(lines)]
}

/// `file:line:column: what`.
pub(super) fn line(finding: &Value, kind: &str) -> String {
    let place = match (finding.at("file").text(), finding.at("line").number()) {
        (file, 0) => file,
        (file, line) => format!("{file}:{line}:{}", finding.at("column").number()),
    };
    let path = finding.at("path").text();
    let parts: Vec<String> = [place, path].into_iter().filter(|it| !it.is_empty()).collect();
    let place = if parts.is_empty() { String::new() } else { parts.join(": ") + ": " };
    clean::text(&format!("{place}{kind}{}", finding.at("message").text()))
}
