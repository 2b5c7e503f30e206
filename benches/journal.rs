//! A day of a quiet site, replayed: what stands between a journal from production and its explanation.

use std::time::Duration;

use maglev_core::Clock;
use maglev_sim::replay::{Options, replay, sample};
use maglevd::clock::SystemClock;

use crate::table::{Table, Times};

const BACKENDS: u8 = 8;
const DAY: Duration = Duration::from_secs(24 * 3_600);
const REPEATS: usize = 5;
const GOAL: Duration = Duration::from_secs(1);

/// 24 h of 8 backends at one probe per second each, from memory, every output compared.
pub fn a_day(table: &mut Table) {
    let text = sample(BACKENDS, DAY);
    let clock = SystemClock::start();
    let (mut times, mut records) = (Times::default(), 0);
    for _ in 0..REPEATS {
        let began = clock.now();
        let summary = replay(&text[..], Options::default()).expect("what was just written can be read");
        times.add(clock.now().since(began));
        assert!(summary.difference.is_none(), "the same engine differs from itself");
        records = summary.records;
    }
    table.median("journal: replay of 24 h of 8 backends at 1 probe/s", &times, GOAL);
    table.told("journal: of which records", format!("{records} in {} MB", text.len() / 1_000_000));
}
