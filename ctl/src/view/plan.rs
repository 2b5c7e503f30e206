//! Plans.

use super::daemon::line;
use super::{or_dash, plain};
use crate::clean;
use crate::render::{Block, Cell};
use crate::value::Value;

/// `config plan` and `show vpp lb plan`.
pub fn plan(it: &Value, what: &str) -> Vec<Block> {
    let row = |call: &Value| vec![or_dash(call, "frontend"), plain(call, "when"), plain(call, "call")];
    let rows: Vec<Vec<Cell>> = it.list("calls").iter().map(row).collect();
    let head = vec!["FRONTEND", "WHEN", "CALL"];
    let mut lines: Vec<String> =
        it.list("summary.warnings").iter().map(|finding| line(finding, "warning: ")).collect();
    lines.extend(story(it.at("summary"), what));
    vec![Block::Rows { head, rows, empty: "VPP would be left as it is." }, Block::Lines(lines)]
}

fn story(summary: &Value, what: &str) -> Vec<String> {
    let (calls, later) = (summary.at("calls_total").number(), summary.at("once_up_total").number());
    let mut lines = vec![clean::text(&format!("{what}: {calls} calls would be made"))];
    let awaited = summary.at("awaited_total").number();
    if awaited > 0 {
        let names = summary.at("awaited").text();
        lines.push(clean::text(&format!(
            "{later} of them follow when new backends have proved to be up, which is taken for granted here: {names}"
        )));
    }
    if summary.at("gated_total").number() > 0 {
        let names = summary.at("gated").text();
        lines.push(clean::text(&format!("not released yet, so nothing would be written for: {names}")));
    }
    if summary.at("unverified_total").number() > 0 {
        let names = summary.at("unverified").text();
        lines.push(clean::text(&format!(
            "would be recreated as well if VPP hashes them otherwise, not read yet: {names}"
        )));
    }
    if !summary.at("whole").is_yes() {
        lines.push("something has to wait for longer than a minute, and is not in this plan".into());
    }
    lines
}
