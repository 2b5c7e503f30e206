//! Planted mistakes: each must be found, and by whom is a table.

use maglev_core::mutant::{self, Mutant};
use maglev_sim::matrix::{Matrix, SEEDS, Trial};

/// `MUTANT=name,other` tries some.
pub fn mutants() -> Vec<String> {
    let only = std::env::var("MUTANT").ok();
    let watch = super::Stopwatch::start();
    let is_chosen = |mutant: &&Mutant| match &only {
        Some(only) => only.split(',').any(|only| mutant.name().contains(only)),
        None => true,
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
    let mut wrong: Vec<String> =
        matrix.alive().map(|name| format!("{name} is alive after {SEEDS} seeds")).collect();
    if only.is_none() {
        println!("{}", matrix.lonely());
        wrong.extend(matrix.unexplained());
        wrong.extend(super::pins::differs("alone", &matrix.lonely()));
    }
    wrong
}
