//! Planted mistakes: each must be found, and by whom is a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use maglev_core::mutant::{self, Mutant};
use maglev_sim::hunt::{Hunt, hunt};
use maglev_sim::oracle::Oracle;

/// Seeds that every mutant is tried with, so that the table shows more than its first killer.
const EACH: u64 = 400;

/// Seeds until a mutant counts as alive.
const MOST: u64 = 10_000;

/// Planted mistakes that no oracle sees yet, each a gap in the generator or in the oracles: a task, not a success. They
/// are left out of the run; `MUTANT=name` tries one, and `MUTANT=` all.
const UNSEEN: &[&str] = &[
    "inconclusive-is-conclusive",
    "failures-are-blind",
    "stale-result-counts",
    "jitter-shared",
    "jitter-of-others",
    "first-probes-at-once",
    "complaints-repeat",
    "gate-closes-again",
    "released-by-name",
    "nobody-presumed",
    "presumed-unheld",
    "presumption-outlives-verdict",
    "away-release-forgotten",
    "recreate-in-warmup",
    "remove-before-lower",
    "flush-before-servers",
    "death-waits-for-stage",
    "surplus-keeps-flows",
    "flush-into-nothing",
    "disable-before-sync-forgotten",
    "no-flush-after-create",
    "no-flush-after-zero",
    "kept-flows-flushed",
    "window-overrun",
    "old-connection-counts",
    "replies-grant-no-time",
    "cli-limit-ignored",
    "handshake-never-times-out",
    "ping-not-sent",
    "ping-loss-ignored",
    "one-miss-enough",
    "backoff-not-growing",
    "backoff-without-ceiling",
    "backoff-not-reset",
    "backoff-reset-by-connect",
    "incompatible-hurried",
    "restart-unnoticed",
    "no-second-look",
    "missing-vip-unseen",
    "transition-not-first",
    "loop-unseen",
    "stickiness-not-compared",
    "recreate-during-hold",
    "recreate-abandoned",
    "take-down-unflushed",
    "refusal-holds-up-death",
    "death-empties-vip",
    "transition-no-attempt",
    "disconnect-costs-attempt",
    "out-of-sync-for-ever",
    "quarantine-never",
    "answer-acquits-nobody",
    "quarantine-for-ever",
    "vpp-never-rests",
    "flushes-not-paced",
    "foreign-encap-deleted",
    "operator-weight-outlives-file",
    "break-before-make",
    "hold-never-ends",
    "hold-outlives-verdicts",
    "sync-ignored",
    "shutdown-too-slow",
];

/// By oracle: after how many seeds it found the mistake.
type Killers = BTreeMap<Oracle, u64>;

pub fn mutants() -> Vec<String> {
    let only = std::env::var("MUTANT").ok();
    let began = Instant::now();
    let is_chosen = |mutant: &&Mutant| match &only {
        Some(only) => mutant.name().contains(only.as_str()),
        None => !UNSEEN.contains(&mutant.name()),
    };
    let chosen = Mutant::ALL.iter().filter(is_chosen);
    // A mutant that panics is found, and need not say so a thousand times.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let rows: Vec<(Mutant, Killers)> = chosen.map(|mutant| (*mutant, killers(*mutant))).collect();
    std::panic::set_hook(hook);
    print!("{}", table(&rows));
    let alive: Vec<&str> =
        rows.iter().filter(|(_, killers)| killers.is_empty()).map(|(mutant, _)| mutant.name()).collect();
    let (dead, all, took) = (rows.len() - alive.len(), rows.len(), began.elapsed().as_secs_f64());
    println!("mutants: {dead} of {all} killed, in {took:.1} s; not seen yet: {}", UNSEEN.join(", "));
    if only.is_none() {
        println!("{}", lonely(&rows));
    }
    alive.iter().map(|name| format!("{name} is alive after {MOST} seeds")).collect()
}

fn killers(mutant: Mutant) -> Killers {
    mutant::select(Some(mutant));
    let jobs = super::jobs();
    let mut killers = Killers::new();
    let (mut from, mut seeds) = (0, EACH);
    while killers.is_empty() && from < MOST {
        let sums = hunt(Hunt { from, seeds, jobs, twice: false, stop_at_failure: from > 0 }, &|_| true);
        for failure in &sums.failures {
            for oracle in &failure.oracles {
                killers.entry(*oracle).or_insert(failure.seed + 1);
            }
        }
        (from, seeds) = (from + seeds, (seeds * 4).min(MOST - from));
    }
    mutant::select(None);
    killers
}

fn table(rows: &[(Mutant, Killers)]) -> String {
    let mut text = String::from("\nmutant                           seeds to kill, by oracle\n");
    for (mutant, killers) in rows {
        let mut order: Vec<_> = killers.iter().collect();
        order.sort_by_key(|(_, seeds)| **seeds);
        let words: Vec<String> =
            order.iter().map(|(oracle, seeds)| format!("{} {seeds}", oracle.id())).collect();
        let words = if words.is_empty() { "ALIVE".to_owned() } else { words.join(", ") };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:32} {words}", mutant.name());
    }
    text
}

/// Oracles that are the only ones to find some mistake, and those that are not.
fn lonely(rows: &[(Mutant, Killers)]) -> String {
    let mut only: BTreeMap<Oracle, Vec<&str>> = BTreeMap::new();
    for (mutant, killers) in rows.iter().filter(|(_, killers)| killers.len() == 1) {
        only.entry(*killers.keys().next().expect("there is one")).or_default().push(mutant.name());
    }
    let mut text = String::from("the only killer of:\n");
    for oracle in Oracle::ALL {
        let names = only.get(oracle).map_or_else(|| "-".to_owned(), |names| names.join(", "));
        let _ = writeln!(text, "{:26} {names}", oracle.id());
    }
    text
}
