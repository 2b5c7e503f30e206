//! The story: what befalls the world, and when. A pure function of the seed.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::farm::Mood;

/// Something that befalls the world. Backends are named by their position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// A backend changes its mood.
    Feel(usize, Mood),
    /// The operator takes a backend out gently.
    Pause(usize),
    /// The operator brings it back.
    Resume(usize),
    /// The file gives a backend of `www` another weight.
    Weigh(usize, u8),
    /// The file gains the frontend `shop`, or loses it again.
    ToggleShop,
    /// The file is broken by a slip of the pen.
    BreakFile,
    /// The link to VPP breaks; VPP lives on.
    DropLink,
    /// VPP is killed.
    KillVpp,
    /// VPP is started again.
    StartVpp,
    /// The daemon is stopped and started again.
    RestartDaemon,
}

/// Pauses in milliseconds: long enough for verdicts and calls to be seen,
const LONG: RangeInclusive<u64> = 1_500..=2_300;
/// so short that one thing meets the other,
const SHORT: RangeInclusive<u64> = 500..=900;
/// or nearly none.
const AT_ONCE: RangeInclusive<u64> = 20..=150;

/// What a stretch of the story is about.
#[derive(Clone, Copy)]
enum Chapter {
    OneDies,
    Reweigh,
    VppRestarts,
    LinkDrops,
    DaemonRestarts,
    AllDie,
    FileBreaks,
    Drain,
    Shop,
}

/// The first round, the most telling chapters first; later rounds are shuffled.
const CHAPTERS: [Chapter; 9] = [
    Chapter::OneDies,
    Chapter::Reweigh,
    Chapter::VppRestarts,
    Chapter::LinkDrops,
    Chapter::DaemonRestarts,
    Chapter::AllDie,
    Chapter::Shop,
    Chapter::FileBreaks,
    Chapter::Drain,
];

/// The backends of `www`'s first pool.
const PRIMARIES: [usize; 3] = [0, 1, 2];

/// A backend of `api` that hangs when the curtain rises, so that warm-up has somebody to wait for.
pub const LATECOMER: usize = 5;

/// Beats without end, each with the pause before it.
pub struct Script {
    chance: ChaCha8Rng,
    /// Chapters of this round that are still to come; the next one is the last.
    chapters: Vec<Chapter>,
    steps: VecDeque<(Duration, Beat)>,
}

impl Script {
    /// The story of a seed.
    pub fn new(seed: u64) -> Self {
        let chapters = CHAPTERS.into_iter().rev().collect();
        let mut script = Self { chance: ChaCha8Rng::seed_from_u64(seed), chapters, steps: VecDeque::new() };
        script.after(AT_ONCE, |_| Beat::Feel(LATECOMER, Mood::Well));
        script
    }

    fn next_chapter(&mut self) -> Chapter {
        if self.chapters.is_empty() {
            self.chapters = CHAPTERS.to_vec();
            self.chapters.shuffle(&mut self.chance);
        }
        self.chapters.pop().expect("just filled")
    }

    fn write(&mut self, chapter: Chapter) {
        let one = self.primary();
        match chapter {
            Chapter::OneDies => {
                self.after(SHORT, |script| Beat::Feel(one, script.illness()));
                self.after(LONG, |_| Beat::Feel(one, Mood::Well));
            }
            Chapter::Reweigh => {
                self.after(LONG, |script| Beat::Weigh(one, script.chance.random_range(1..=9) * 10));
            }
            Chapter::VppRestarts => {
                self.after(LONG, |_| Beat::KillVpp);
                self.after(SHORT, |_| Beat::StartVpp);
            }
            Chapter::LinkDrops => {
                self.after(LONG, |_| Beat::DropLink);
                // A death at the moment when nobody can be told must not be lost.
                self.after(AT_ONCE, |script| Beat::Feel(one, script.illness()));
                self.after(LONG, |_| Beat::Feel(one, Mood::Well));
            }
            Chapter::DaemonRestarts => self.after(LONG, |_| Beat::RestartDaemon),
            Chapter::AllDie => {
                for any in PRIMARIES {
                    self.after(if any == PRIMARIES[0] { LONG } else { SHORT }, |script| {
                        Beat::Feel(any, script.illness())
                    });
                }
                self.after(LONG, |_| Beat::Feel(one, Mood::Well));
                for any in PRIMARIES.into_iter().filter(|any| *any != one) {
                    self.after(SHORT, |_| Beat::Feel(any, Mood::Well));
                }
            }
            Chapter::FileBreaks => self.after(LONG, |_| Beat::BreakFile),
            Chapter::Drain => {
                self.after(LONG, |_| Beat::Pause(one));
                self.after(LONG, |_| Beat::Resume(one));
            }
            Chapter::Shop => self.after(LONG, |_| Beat::ToggleShop),
        }
    }

    fn after(&mut self, pause: RangeInclusive<u64>, beat: impl FnOnce(&mut Self) -> Beat) {
        let pause = Duration::from_millis(self.chance.random_range(pause));
        let beat = beat(self);
        self.steps.push_back((pause, beat));
    }

    fn primary(&mut self) -> usize {
        PRIMARIES[self.chance.random_range(0..PRIMARIES.len())]
    }

    fn illness(&mut self) -> Mood {
        [Mood::Gone, Mood::Failing, Mood::Silent][self.chance.random_range(0..3)]
    }
}

impl Iterator for Script {
    type Item = (Duration, Beat);

    fn next(&mut self) -> Option<Self::Item> {
        while self.steps.is_empty() {
            let chapter = self.next_chapter();
            self.write(chapter);
        }
        self.steps.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_tells_one_story_and_another_seed_another() {
        let story = |seed| Script::new(seed).take(100).collect::<Vec<_>>();
        assert_eq!(story(1), story(1));
        assert_ne!(story(1), story(2));
    }

    #[test]
    fn the_first_round_has_a_death_a_reload_a_lost_link_and_a_restart_within_half_a_minute() {
        for seed in 0..100 {
            let mut at = Duration::from_secs(3);
            let mut seen = Vec::new();
            for (pause, beat) in Script::new(seed) {
                at += pause;
                if at > Duration::from_secs(25) {
                    break;
                }
                seen.push(std::mem::discriminant(&beat));
            }
            for beat in
                [Beat::Feel(0, Mood::Well), Beat::Weigh(0, 0), Beat::DropLink, Beat::KillVpp, Beat::StartVpp]
            {
                assert!(seen.contains(&std::mem::discriminant(&beat)), "seed {seed} lacks {beat:?}");
            }
        }
    }
}
