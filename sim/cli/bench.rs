//! `bench`: how fast scenarios are played, beside the goals.
//!
//! Per-core figures are per second of processor time, so that a busy machine shows little in them; those of all cores
//! are by the wall, which is what a person waits for.

use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use maglev_sim::hunt::{Histogram, Hunt, Verdict, hunt, judge};
use maglev_sim::plot::Plot;
use maglev_sim::{Configs, Settings, play, swarm};

use crate::args::Bench;
use crate::clock::{Stopwatch, used_by_thread};
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::tell::quietly;
use crate::{End, Trouble};

/// The goal for seeds is one for seeds with so many events.
const EVENTS: std::ops::RangeInclusive<u64> = 50..=100;

const METHOD: &str = "\
Sample: those of the first seeds that hold; each was played before, which is the warm-up.
Steps:  the scenarios of the sample, their configurations checked beforehand, played on one thread;
        inputs that the engine handled, by second of processor time.
Seeds:  those of the sample with 50 to 100 world events, each from its number to its verdict: made, checked, played
        once with all oracles and the trace; by second of processor time.
Wall:   the same on several threads; all of them together, by second of the wall.
Each figure is the median of all rounds, beside the lowest and the highest. Only a --release build counts.";

/// A scenario of the sample.
struct Piece {
    seed: u64,
    plot: Plot,
    configs: Configs,
    steps: u64,
    events: u64,
}

pub(crate) fn run(args: &Bench) -> Result<End, Trouble> {
    let interrupt = Interrupt::listen()?;
    let jobs = args.range.jobs();
    let mut out = io::stdout();
    let seeds = args.range.from..args.range.from + args.seeds;
    let order = Hunt { from: seeds.start, seeds: args.seeds, jobs, twice: false, stop_at_failure: false };
    let whole = quietly(|| hunt(order, &|_| !interrupt.is_asked()));
    histogram(&mut out, "steps", &whole.steps_each)?;
    histogram(&mut out, "events", &whole.events_each)?;
    let sample: Vec<Piece> = quietly(|| seeds.filter_map(piece).collect());
    let part: Vec<&Piece> = sample.iter().filter(|piece| EVENTS.contains(&piece.events)).collect();
    if sample.is_empty() {
        return Err(Trouble::Bad(
            "no seed of these holds, so there is nothing to measure: hunt first".into(),
        ));
    }
    let steps = |pieces: &[&Piece]| pieces.iter().map(|piece| piece.steps).sum::<u64>();
    let all: Vec<&Piece> = sample.iter().collect();
    writeln!(
        out,
        "sample: {} of {} seeds hold, {} steps; {} of them have {} to {} events, {} steps",
        all.len(),
        args.seeds,
        steps(&all),
        part.len(),
        EVENTS.start(),
        EVENTS.end(),
        steps(&part),
    )?;
    let rounds = args.rounds.get();
    let progress = Progress::of(rounds as u64 * 4, "measurements");
    let mut rows = [
        Row::new("steps/s per core, oracles and trace on", Some(1_000_000)),
        Row::new("steps/s per core, oracles and trace off", Some(2_000_000)),
        Row::new("seeds/s per core, 50 to 100 events", Some(5_000)),
        Row::new(&format!("seeds/s on {jobs} threads, by the wall"), None),
    ];
    for _ in 0..rounds {
        let figures: [&dyn Fn() -> f64; 4] = [
            &|| rate(steps(&all), on_thread(|| all.iter().for_each(|piece| act(piece, Settings::MASS)))),
            &|| rate(steps(&all), on_thread(|| all.iter().for_each(|piece| act(piece, Settings::BARE)))),
            &|| rate(part.len() as u64, on_thread(|| part.iter().for_each(|piece| verdict(piece)))),
            &|| rate(part.len() as u64, on_wall(|| share(&part, jobs))),
        ];
        for (row, figure) in rows.iter_mut().zip(figures) {
            if interrupt.is_asked() {
                break;
            }
            row.figures.push(quietly(figure));
            progress.advance(1);
        }
    }
    progress.finish();
    table(&mut out, &rows)?;
    writeln!(out, "\n{METHOD}\nThis build: {}; {rounds} rounds.", profile())?;
    Ok(if interrupt.is_asked() { End::Interrupted } else { End::Holds })
}

fn piece(seed: u64) -> Option<Piece> {
    let plot = swarm::plot(seed);
    match judge(&plot, Settings::MASS) {
        Verdict::Holds(report) => {
            let configs = plot.configs().ok()?;
            Some(Piece { seed, configs, steps: report.steps, events: report.events, plot })
        }
        Verdict::Breaks(_) | Verdict::Unplayable(_) => None,
    }
}

/// Plays it, without what comes before. It held before, and with fewer who watch it holds all the more.
fn act(piece: &Piece, settings: Settings) {
    let run = || play(&piece.plot.scenario, piece.configs.clone(), settings);
    let _ = std::hint::black_box(catch_unwind(AssertUnwindSafe(run)));
}

/// From the number to the verdict.
fn verdict(piece: &Piece) {
    std::hint::black_box(judge(&swarm::plot(piece.seed), Settings::MASS));
}

/// The same on several threads, which take turns.
fn share(part: &[&Piece], jobs: usize) {
    std::thread::scope(|scope| {
        for first in 0..jobs {
            scope.spawn(move || part.iter().skip(first).step_by(jobs).for_each(|piece| verdict(piece)));
        }
    });
}

fn on_thread(work: impl FnOnce()) -> Duration {
    let before = used_by_thread();
    work();
    used_by_thread() - before
}

fn on_wall(work: impl FnOnce()) -> Duration {
    let since = Stopwatch::start();
    work();
    since.took()
}

#[expect(clippy::cast_precision_loss, reason = "a speed for people")]
fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64().max(1e-9)
}

/// A line of the table.
struct Row {
    name: String,
    goal: Option<u32>,
    figures: Vec<f64>,
}

impl Row {
    fn new(name: &str, goal: Option<u32>) -> Self {
        Self { name: name.to_owned(), goal, figures: Vec::new() }
    }
}

fn table(out: &mut impl io::Write, rows: &[Row]) -> io::Result<()> {
    writeln!(out, "\n{:42}{:>12}{:>12}{:>12}{:>14}", "", "median", "lowest", "highest", "goal")?;
    for row in rows {
        let mut figures = row.figures.clone();
        figures.sort_by(f64::total_cmp);
        let (Some(lowest), Some(highest)) = (figures.first(), figures.last()) else {
            writeln!(out, "{:42}{:>12}", row.name, "not measured")?;
            continue;
        };
        let median = figures[figures.len() / 2];
        write!(out, "{:42}{median:>12.0}{lowest:>12.0}{highest:>12.0}", row.name)?;
        match row.goal {
            Some(goal) if median >= f64::from(goal) => writeln!(out, "{goal:>14}")?,
            Some(goal) => writeln!(out, "{goal:>14} missed")?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}

fn histogram(out: &mut impl io::Write, what: &str, histogram: &Histogram) -> io::Result<()> {
    writeln!(out, "{what} per seed:\n{histogram}")
}

const fn profile() -> &'static str {
    if cfg!(debug_assertions) { "with debug assertions and overflow checks" } else { "release" }
}
