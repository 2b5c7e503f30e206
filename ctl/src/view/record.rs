//! Events, a line each.

use crate::render::Block;
use crate::value::Value;

/// Several.
pub fn records(value: &Value) -> Vec<Block> {
    vec![Block::Lines(value.list("").iter().map(record).collect())]
}

/// One: `02:03:04.567 WARN  backend-transition backend=ams from=up to=down`.
pub fn record(it: &Value) -> String {
    let at = it.at("at").text();
    let level = it.at("level").text().to_uppercase();
    let mut line = format!("{} {level:<5} {}", short(&at), it.at("name").text());
    for field in it.list("fields") {
        let (key, value) = (field.at("key").text(), field.at("value").text());
        let needs_quotes = value.is_empty() || value.contains([' ', '"', '=']);
        let value = if needs_quotes { format!("{value:?}") } else { value };
        line.push_str(&format!(" {key}={value}"));
    }
    line
}

/// Milliseconds are enough for people.
fn short(at: &str) -> String {
    let at = at.trim_end_matches('Z');
    match at.split_once('.') {
        Some((whole, part)) => format!("{whole}.{part:.3}Z", part = part.get(..3).unwrap_or(part)),
        None => format!("{at}.000Z"),
    }
}

/// Where records are missing.
pub fn gap(it: &Value) -> String {
    let missed = if let Value::Number(number) = it.at("missed") {
        format!("{number} events are missing")
    } else {
        "events may be missing".into()
    };
    format!("-- {missed} here: {} --", it.at("reason").text())
}
