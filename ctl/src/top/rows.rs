//! The tree of frontends, pools and backends as rows of cells.

use super::model::Picture;
use crate::render::{Cell, Tone};
use crate::value::Value;
use crate::view;

/// The titles of the columns.
pub(super) const HEAD: [&str; 8] =
    ["NAME", "ADDRESS", "STATE", "WEIGHT", "VPP", "HEALTH", "LAST RESULT / SYNC", "SINCE"];

/// A row, and whether it is one of a frontend.
pub(super) struct Row {
    pub cells: [Cell; HEAD.len()],
    pub is_frontend: bool,
}

/// All rows, frontends in key order.
pub(super) fn rows(picture: &Picture) -> Vec<Row> {
    let mut rows = Vec::new();
    for frontend in &picture.frontends {
        rows.push(of_frontend(frontend, picture));
        for pool in frontend.list("pools") {
            rows.push(of_pool(pool));
            rows.extend(pool.list("members").iter().map(|member| of_member(member, picture)));
        }
    }
    rows
}

fn of_frontend(it: &Value, picture: &Picture) -> Row {
    let detail = it.at("sync.detail").text();
    let mut sync = view::sync(it, picture.now);
    if !detail.is_empty() {
        sync.text = format!("{}: {detail}", sync.text);
    }
    let none = Cell::default;
    let address = Cell::plain(view::vip(it.at("vip")));
    let name = Cell::plain(it.at("name").text());
    Row {
        cells: [name, address, view::state(it, "state"), none(), none(), none(), sync, none()],
        is_frontend: true,
    }
}

fn of_pool(pool: &Value) -> Row {
    let serves = pool.at("active").is_yes();
    let name = format!("  {}{}", pool.at("name").text(), if serves { " (serves)" } else { "" });
    let none = Cell::default;
    let name = Cell::toned(name, if serves { Tone::Good } else { Tone::Plain });
    Row { cells: [name, none(), none(), none(), none(), none(), none(), none()], is_frontend: false }
}

fn of_member(member: &Value, picture: &Picture) -> Row {
    let name = member.at("backend").text();
    let found = picture.backends.binary_search_by(|it| it.at("name").text().cmp(&name));
    let nobody = Value::Null;
    let backend = found.map_or(&nobody, |at| &picture.backends[at]);
    let health = match backend.at("counter_max").number() {
        _ if backend.at("healthcheck").text().is_empty() => "-".to_owned(),
        most => format!("{}/{most}", backend.at("counter").number()),
    };
    let last = backend.list("results").first().map_or_else(|| Cell::plain("-"), view::result);
    Row {
        cells: [
            Cell::plain(format!("    {name}")),
            Cell::plain(member.at("address").text()),
            view::state(member, "state"),
            Cell::plain(member.at("effective_weight").text()),
            view::held(member),
            Cell::plain(health),
            last,
            Cell::plain(view::age(backend, "since", picture.now)),
        ],
        is_frontend: false,
    }
}
