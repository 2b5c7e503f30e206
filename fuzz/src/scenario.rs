//! Scenarios by the choices of a fuzzer: composed and judged like those of the mass.
//!
//! The first two bytes are the seed of what is not chosen, latencies and jitter; each of the others is a choice.

use maglev_sim::Settings;
use maglev_sim::choices::{Bytes, Seeded};
use maglev_sim::hunt::{Verdict, judge};
use maglev_sim::plot::Plot;
use maglev_sim::swarm::compose;

use crate::Seen;
use crate::pen::Pen;

/// The scenario of these bytes. All bytes are one.
pub fn plot(data: &[u8]) -> Plot {
    let (seed, choices) = data.split_at(data.len().min(2));
    let seed = seed.iter().rev().fold(0, |seed, byte| seed << 8 | u64::from(*byte));
    compose(seed, &mut Bytes(choices))
}

/// The bytes that give the scenario of a seed of the mass.
pub fn bytes_of(seed: u16) -> Vec<u8> {
    let mut chance = Seeded::new(seed.into());
    let mut pen = Pen::new(&mut chance);
    compose(seed.into(), &mut pen);
    [&seed.to_le_bytes()[..], &pen.bytes()].concat()
}

/// # Panics
/// With the scenario as a file, when a rule is broken.
pub fn run(data: &[u8], seen: &mut Seen) {
    let plot = plot(data);
    match judge(&plot, Settings::MASS) {
        Verdict::Holds(_) => seen.note(if plot.scenario.twin.is_some() { "twin" } else { "holds" }),
        Verdict::Breaks(breaches) => {
            let rules: Vec<String> = breaches.iter().map(ToString::to_string).collect();
            panic!("{}\n{}", rules.join("\n"), plot.file());
        }
        Verdict::Unplayable(error) => panic!("choices made no scenario: {error}\n{}", plot.file()),
    }
}

pub(crate) fn must_see() -> Vec<&'static str> {
    vec!["holds", "twin"]
}
