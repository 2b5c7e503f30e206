//! One way to choose, and several who choose: chance, an odometer, a tape, and bytes of a fuzzer.
//!
//! A generator asks `choose(n, label)` and never knows who answers, so that one program is sampled, enumerated,
//! replayed, shrunk and fuzzed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use crate::chance::{self, Purpose};

/// Whoever chooses.
pub trait Choices {
    /// A number below `n`, which is at least 1. `label` says what for; what begins with `fault` is drawn from a stream
    /// of its own, so that one more fault does not reshuffle the world.
    fn choose(&mut self, n: u32, label: &'static str) -> u32;

    /// Once in `n` times.
    fn one_in(&mut self, n: u32, label: &'static str) -> bool {
        self.choose(n, label) == 0
    }

    /// One of a list that is not empty.
    fn of<'a, T>(&mut self, list: &'a [T], label: &'static str) -> &'a T
    where
        Self: Sized,
    {
        let n = u32::try_from(list.len()).unwrap_or(u32::MAX);
        &list[self.choose(n, label) as usize]
    }
}

/// Chance: streams of a seed.
#[derive(Debug)]
pub struct Seeded {
    world: ChaCha8Rng,
    faults: ChaCha8Rng,
}

impl Seeded {
    /// The streams of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { world: chance::stream(seed, Purpose::World), faults: chance::stream(seed, Purpose::Faults) }
    }
}

impl Choices for Seeded {
    fn choose(&mut self, n: u32, label: &'static str) -> u32 {
        let stream = if label.starts_with("fault") { &mut self.faults } else { &mut self.world };
        // Lemire's multiplication: the bias is of no account, and it is quicker than a division.
        u32::try_from((u64::from(stream.next_u32()) * u64::from(n)) >> 32).unwrap_or(0)
    }
}

/// Enumerates every sequence of choices, one run after the other, the last choice fastest.
#[derive(Debug, Default)]
pub struct Odometer {
    /// What was chosen, and of how many.
    digits: Vec<(u32, u32)>,
    at: usize,
}

impl Odometer {
    /// Goes to the next sequence; false when all have been.
    pub fn advance(&mut self) -> bool {
        self.digits.truncate(self.at);
        self.at = 0;
        while let Some((chosen, n)) = self.digits.pop() {
            if chosen + 1 < n {
                self.digits.push((chosen + 1, n));
                return true;
            }
        }
        false
    }
}

impl Choices for Odometer {
    fn choose(&mut self, n: u32, _label: &'static str) -> u32 {
        if self.at == self.digits.len() {
            self.digits.push((0, n));
        }
        let (chosen, _) = self.digits[self.at];
        self.at += 1;
        chosen.min(n - 1)
    }
}

/// What was chosen once. Beyond its end everything is 0, the simplest choice.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    choices: Vec<u32>,
    at: usize,
}

impl Tape {
    /// Plays these.
    pub const fn new(choices: Vec<u32>) -> Self {
        Self { choices, at: 0 }
    }
}

impl Choices for Tape {
    fn choose(&mut self, n: u32, _label: &'static str) -> u32 {
        let chosen = self.choices.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        chosen % n
    }
}

/// Writes down what another one chooses.
#[derive(Debug)]
pub struct Recorder<'a, C> {
    inner: &'a mut C,
    choices: Vec<u32>,
}

impl<'a, C: Choices> Recorder<'a, C> {
    /// Listens to `inner`.
    pub const fn new(inner: &'a mut C) -> Self {
        Self { inner, choices: Vec::new() }
    }

    /// The tape of everything so far.
    pub fn tape(self) -> Tape {
        Tape::new(self.choices)
    }
}

impl<C: Choices> Choices for Recorder<'_, C> {
    fn choose(&mut self, n: u32, label: &'static str) -> u32 {
        let chosen = self.inner.choose(n, label);
        self.choices.push(chosen);
        chosen
    }
}

/// Bytes of a fuzzer: one for a choice of at most 256, two for more. Beyond their end everything is 0.
#[derive(Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u32 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        u32::from(*first)
    }
}

impl Choices for Bytes<'_> {
    fn choose(&mut self, n: u32, _label: &'static str) -> u32 {
        let low = self.next();
        let value = if n > 256 { self.next() << 8 | low } else { low };
        value % n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small program that asks for more after some answers than after others.
    fn word(choices: &mut impl Choices) -> String {
        let mut word = String::new();
        for _ in 0..choices.choose(3, "length") {
            word.push(*choices.of(&['a', 'b'], "letter"));
        }
        word
    }

    #[test]
    fn an_odometer_visits_every_sequence_once() {
        let mut odometer = Odometer::default();
        let mut words = vec![word(&mut odometer)];
        while odometer.advance() {
            words.push(word(&mut odometer));
        }
        assert_eq!(words, ["", "a", "b", "aa", "ab", "ba", "bb"]);
    }

    #[test]
    fn a_tape_replays_what_was_recorded() {
        for seed in 0..50 {
            let mut chance = Seeded::new(seed);
            let mut recorder = Recorder::new(&mut chance);
            let drawn = word(&mut recorder);
            assert_eq!(word(&mut recorder.tape()), drawn);
        }
        assert_eq!(word(&mut Tape::default()), "");
        assert_eq!(word(&mut Bytes(&[2, 0, 1])), "ab");
    }

    #[test]
    fn chance_reaches_every_value_and_none_beyond() {
        let mut chance = Seeded::new(1);
        let mut seen = [0; 7];
        for _ in 0..700 {
            seen[chance.choose(7, "value") as usize] += 1;
        }
        assert!(seen.iter().all(|n| *n > 50), "{seen:?}");
    }
}
