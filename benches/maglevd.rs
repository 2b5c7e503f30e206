//! `make bench`: measures what docs/performance.md promises and prints one table, goals beside figures.
//!
//! Not a test: it fails only when something it measures does not work. `make bench ONLY=engine` runs the rows
//! whose group begins with that word.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]
#![expect(clippy::cast_possible_truncation, reason = "small numbers of a synthetic configuration")]

mod api;
mod engine;
mod journal;
mod latency;
mod listener;
mod memory;
mod process;
mod programming;
mod table;
mod vpp;
#[expect(dead_code, clippy::unwrap_used, reason = "shared with the tests, which use more of it")]
#[path = "../tests/it/support/vpp_process.rs"]
mod vpp_process;
mod watch;
mod world;

use table::Table;

type Measure = fn(&mut Table);

/// Name and measurement, in the order of the table.
const GROUPS: &[(&str, Measure)] = &[
    ("engine-probes-and-plan", engine::probes_and_plan),
    ("engine-reload", engine::reload),
    ("latency", latency::measure),
    ("programming", programming::measure),
    ("api-show-and-scrape", api::show_and_scrape),
    ("api-watch", watch::measure),
    ("memory", memory::measure),
    ("journal", journal::a_day),
];

fn main() {
    // cargo passes `--bench`; what else stands there chooses groups.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let mut table = Table::default();
    for (name, measure) in GROUPS {
        if chosen.is_empty() || chosen.iter().any(|word| name.starts_with(word.as_str())) {
            measure(&mut table);
        }
    }
    table.print();
}
