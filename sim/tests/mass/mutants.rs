//! Planted mistakes: each must be found, and by whom is a table.

use maglev_core::mutant::{self, Mutant};
use maglev_sim::matrix::{Matrix, SEEDS, Trial};

/// Planted mistakes that no oracle sees yet, each a gap in the generator or in the oracles: a task, not a success. They
/// are left out of the run; `MUTANT=name,other` tries some, and `MUTANT=` all.
const UNSEEN: &[&str] = &[
    "death-waits-for-stage",
    "disable-before-sync-forgotten",
    "refused-flush-forgotten",
    "disconnect-forgets-flushes",
    "no-flush-after-create",
    "no-flush-after-zero",
    "kept-flows-flushed",
    "transition-not-first",
    "loop-unseen",
    "stickiness-not-compared",
    "recreate-abandoned",
    "refusal-holds-up-death",
    "death-empties-vip",
    "transition-no-attempt",
    "too-many-attempts",
    "disconnect-costs-attempt",
    "out-of-sync-for-ever",
    "answer-acquits-nobody",
    "flushes-not-paced",
];

pub fn mutants() -> Vec<String> {
    let only = std::env::var("MUTANT").ok();
    let watch = super::Stopwatch::start();
    let is_chosen = |mutant: &&Mutant| match &only {
        Some(only) => only.split(',').any(|only| mutant.name().contains(only)),
        None => !UNSEEN.contains(&mutant.name()),
    };
    let chosen = Mutant::ALL.iter().filter(is_chosen);
    let trial = Trial { seeds: SEEDS, jobs: super::jobs(), goes_on: &|| true };
    let row = |mutant: &Mutant| trial.row(mutant.name(), |on| mutant::select(on.then_some(*mutant)));
    // A mutant that panics is found, and need not say so a thousand times.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let matrix = Matrix { rows: chosen.filter_map(row).collect() };
    std::panic::set_hook(hook);
    println!("\n{matrix}mutants: {}, in {:.1} s", matrix.score(), watch.seconds());
    println!("not seen yet: {}", UNSEEN.join(", "));
    if only.is_none() {
        println!("{}", matrix.lonely());
    }
    matrix.alive().map(|name| format!("{name} is alive after {SEEDS} seeds")).collect()
}
