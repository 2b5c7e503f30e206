//! Many scenarios at once: each judged twice, summed up, and the first that fails made small.
//!
//! The one file of this library with threads in it. They share nothing but the next seed, so what a scenario comes to
//! does not depend on them.

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use crate::oracle::{Breach, Counts, Oracle};
use crate::plot::Plot;
use crate::script::ScriptError;
use crate::shrink::shrink;
use crate::straight::play;
use crate::swarm;
use crate::twin;
use crate::world::{Coverage, Report, Settings};

/// What a scenario came to.
#[derive(Debug)]
pub enum Verdict {
    /// Every rule held.
    Holds(Box<Report>),
    /// Rules that were broken, the first one first; never empty.
    Breaks(Vec<Breach>),
    /// It is no scenario: a configuration does not pass, or an event names what is not there.
    Unplayable(ScriptError),
}

/// Plays a scenario once, and once more each it and its twin if it has one.
pub fn judge(plot: &Plot, settings: Settings) -> Verdict {
    match run(plot, settings) {
        Verdict::Holds(mut report) => match twin::judge(plot) {
            None => Verdict::Holds(report),
            Some(Err(breach)) => Verdict::Breaks(vec![breach]),
            Some(Ok(())) => {
                plot.scenario.twin.iter().for_each(|twin| report.counts.note(twin.oracle()));
                Verdict::Holds(report)
            }
        },
        verdict @ (Verdict::Breaks(_) | Verdict::Unplayable(_)) => verdict,
    }
}

fn run(plot: &Plot, settings: Settings) -> Verdict {
    let configs = match plot.configs() {
        Ok(configs) => configs,
        Err(error) => return Verdict::Unplayable(error),
    };
    let played = catch_unwind(AssertUnwindSafe(|| play(&plot.scenario, configs, settings)));
    match played {
        Ok(Ok(report)) if report.breaches.is_empty() => Verdict::Holds(Box::new(report)),
        Ok(Ok(report)) => Verdict::Breaks(report.breaches),
        Ok(Err(error)) => Verdict::Unplayable(error),
        Err(panic) => {
            let what = panic.downcast_ref::<String>().cloned();
            let what = what.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let what = what.unwrap_or_default();
            Verdict::Breaks(vec![Breach { oracle: Oracle::Panics, at: plot.scenario.until, what }])
        }
    }
}

/// Plays it twice: the second run must be the first one, step by step.
pub fn judge_twice(plot: &Plot) -> Verdict {
    match judge(plot, Settings::MASS) {
        Verdict::Holds(mut report) => match run(plot, Settings::MASS) {
            Verdict::Holds(again) if again.hash == report.hash => {
                report.counts.note(Oracle::Deterministic);
                report.counts.note(Oracle::Panics);
                Verdict::Holds(report)
            }
            Verdict::Holds(_) | Verdict::Breaks(_) | Verdict::Unplayable(_) => {
                Verdict::Breaks(vec![parting(plot)])
            }
        },
        verdict @ (Verdict::Breaks(_) | Verdict::Unplayable(_)) => verdict,
    }
}

/// Where two runs part.
fn parting(plot: &Plot) -> Breach {
    let chain = || match run(plot, Settings { chain: true, ..Settings::MASS }) {
        Verdict::Holds(report) => report.chain,
        Verdict::Breaks(_) | Verdict::Unplayable(_) => Vec::new(),
    };
    let (one, two) = (chain(), chain());
    let step = one.iter().zip(&two).position(|(a, b)| a != b);
    let what = match step {
        Some(step) => format!("two runs of the same scenario part at step {}", step + 1),
        None => format!("two runs of the same scenario differ: {} and {} steps", one.len(), two.len()),
    };
    Breach { oracle: Oracle::Deterministic, at: plot.scenario.until, what }
}

/// The oracle that a scenario fails, for the minimiser.
pub fn broken(plot: &Plot) -> Option<Oracle> {
    match judge(plot, Settings { trace: false, ..Settings::MASS }) {
        Verdict::Breaks(breaches) => breaches.first().map(|breach| breach.oracle),
        Verdict::Holds(_) | Verdict::Unplayable(_) => None,
    }
}

/// A seed that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which.
    pub seed: u64,
    /// The rule that was broken first.
    pub breach: Breach,
    /// All rules that were broken.
    pub oracles: Vec<Oracle>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {}", self.seed, self.breach)
    }
}

/// How many of something a run had, in powers of two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram([u64; 24]);

impl Histogram {
    fn note(&mut self, n: u64) {
        let bucket = (u64::BITS - n.leading_zeros()) as usize;
        self.0[bucket.min(self.0.len() - 1)] += 1;
    }

    fn add(&mut self, other: &Self) {
        for (sum, n) in self.0.iter_mut().zip(other.0) {
            *sum += n;
        }
    }
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: u64 = self.0.iter().sum();
        for (bucket, n) in self.0.iter().enumerate().filter(|(_, n)| **n > 0) {
            let (low, high) =
                if bucket == 0 { (0, 0) } else { (1_u64 << (bucket - 1), (1_u64 << bucket) - 1) };
            writeln!(f, "{low:>9} to {high:<9} {n:>9} {:>5.1} %", percent(*n, all))?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
fn percent(part: u64, all: u64) -> f64 {
    part as f64 * 100.0 / all.max(1) as f64
}

/// What many runs came to.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    /// Scenarios judged.
    pub seeds: u64,
    /// Steps of the engine, of the first run of each.
    pub steps: u64,
    /// Things that the world did.
    pub events: u64,
    /// Evaluations by oracle.
    pub counts: Counts,
    /// Cells hit.
    pub coverage: Coverage,
    /// Steps by run.
    pub steps_each: Histogram,
    /// Events by run.
    pub events_each: Histogram,
    /// All hashes folded into one.
    pub hash: u128,
    /// Seeds that failed, ascending.
    pub failures: Vec<Failure>,
}

impl Sums {
    fn take(&mut self, seed: u64, verdict: Verdict) {
        self.seeds += 1;
        match verdict {
            Verdict::Holds(report) => {
                self.steps += report.steps;
                self.events += report.events;
                self.counts.add(&report.counts);
                self.coverage.add(&report.coverage);
                self.steps_each.note(report.steps);
                self.events_each.note(report.events);
                // Addition does not care for the order in which threads finish.
                self.hash = self.hash.wrapping_add(report.hash);
            }
            Verdict::Breaks(breaches) => {
                let oracles = breaches.iter().map(|breach| breach.oracle).collect();
                let first = breaches.into_iter().next();
                self.failures.extend(first.map(|breach| Failure { seed, breach, oracles }));
            }
            Verdict::Unplayable(error) => {
                let what = format!("the generator made no scenario: {error}");
                let breach = Breach { oracle: Oracle::Told, at: maglev_core::Instant::START, what };
                self.failures.push(Failure { seed, breach, oracles: vec![Oracle::Told] });
            }
        }
    }

    /// Adds those of another worker.
    pub fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.events += other.events;
        self.counts.add(&other.counts);
        self.coverage.add(&other.coverage);
        self.steps_each.add(&other.steps_each);
        self.events_each.add(&other.events_each);
        self.hash = self.hash.wrapping_add(other.hash);
        self.failures.extend(other.failures);
        self.failures.sort_by_key(|failure| failure.seed);
    }
}

/// How to hunt.
#[derive(Clone, Copy, Debug)]
pub struct Hunt {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// How many at once.
    pub jobs: usize,
    /// Each seed is played twice.
    pub twice: bool,
    /// End with the first failure instead of going on.
    pub stop_at_failure: bool,
}

/// Seeds that a worker takes at once.
const BATCH: u64 = 64;

/// Judges seeds on several threads. `progress` hears of every batch, and ends the hunt by saying false.
pub fn hunt(hunt: Hunt, progress: &(dyn Fn(&Sums) -> bool + Sync)) -> Sums {
    let next = AtomicU64::new(hunt.from);
    let is_over = AtomicBool::new(false);
    let all = Mutex::new(Sums::default());
    let end = hunt.from.saturating_add(hunt.seeds);
    let work = || {
        while !is_over.load(Ordering::Relaxed) {
            let first = next.fetch_add(BATCH, Ordering::Relaxed);
            if first >= end {
                break;
            }
            let mut sums = Sums::default();
            for seed in first..(first + BATCH).min(end) {
                let plot = swarm::plot(seed);
                let verdict = if hunt.twice { judge_twice(&plot) } else { judge(&plot, Settings::MASS) };
                sums.take(seed, verdict);
                if hunt.stop_at_failure && !sums.failures.is_empty() {
                    break;
                }
            }
            let goes_on = progress(&sums) && (sums.failures.is_empty() || !hunt.stop_at_failure);
            is_over.fetch_or(!goes_on, Ordering::Relaxed);
            if let Ok(mut all) = all.lock() {
                all.add(sums);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..hunt.jobs.max(1) {
            scope.spawn(work);
        }
        work();
    });
    all.into_inner().unwrap_or_default()
}

/// A failing scenario made small, as a file and as a story.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// What is left.
    pub plot: Plot,
    /// The rule that it breaks.
    pub breach: Breach,
    /// The file.
    pub file: String,
    /// What happens, for people.
    pub timeline: String,
    /// Candidates that were played.
    pub played: u32,
}

/// Makes a failing scenario small. `None` if it does not fail when it is played alone.
pub fn reduce(plot: &Plot) -> Option<Shrunk> {
    let oracle = broken(plot)?;
    let (plot, played) = shrink(plot, oracle, &mut broken);
    let configs = plot.configs().ok()?;
    let settings = Settings { trace: false, ..Settings::FULL };
    let told = catch_unwind(AssertUnwindSafe(|| play(&plot.scenario, configs, settings)));
    let (timeline, breach) = match told {
        Ok(Ok(report)) => {
            let breach = report.first().cloned().or_else(|| twin::judge(&plot)?.err())?;
            (report.timeline, breach)
        }
        Ok(Err(_)) => return None,
        Err(_) => {
            let what = "the engine panicked; the timeline is lost with it".to_owned();
            (String::new(), Breach { oracle, at: plot.scenario.until, what })
        }
    };
    Some(Shrunk { file: plot.file().to_string(), breach, timeline, played, plot })
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} seeds, {} steps, {} events, hash {:032x}",
            self.seeds, self.steps, self.events, self.hash
        )
    }
}
