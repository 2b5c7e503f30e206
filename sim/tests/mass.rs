//! The mass of seeds, in every plain `cargo test`: lane A, the exhaustive lane and the mutants, with their tables.
//!
//! `SEEDS=1000000 FROM=0 cargo test -p maglev-sim --test mass -- seeds` plays more of one part.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test without a harness reports by itself")]

/// As in `maglev-sim`: allocations are a sixth of a simulated step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[path = "mass/mutants.rs"]
mod mutants;
#[path = "mass/pins.rs"]
mod pins;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use maglev_sim::exhaustive::{Found, Lane, search};
use maglev_sim::hunt::{Failure, Hunt, Sums, hunt, reduce};
use maglev_sim::oracle::Oracle;
use maglev_sim::swarm;

/// Seeds of a plain `cargo test`.
const SEEDS: u64 = 100_000;

/// Time on the wall since it was started.
#[derive(Clone, Copy)]
struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "people want to know how long it took; no scenario hears of it"
    )]
    fn start() -> Self {
        Self(Instant::now())
    }

    fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// One part of the test: its name, and what says what is wrong.
type Part = (&'static str, fn() -> Vec<String>);

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let parts: [Part; 3] = [("seeds", seeds), ("exhaustive", exhaustive), ("mutants", mutants::mutants)];
    let mut wrong = Vec::new();
    for (name, part) in parts {
        if asked.is_empty() || asked.iter().any(|wanted| name.contains(wanted.as_str())) {
            wrong.extend(part().into_iter().map(|what| format!("{name}: {what}")));
        }
    }
    for what in &wrong {
        eprintln!("{what}");
    }
    let failed = usize::from(!wrong.is_empty());
    println!(
        "\ntest result: {}. {} passed; {failed} failed; 0 ignored",
        if failed == 0 { "ok" } else { "FAILED" },
        parts.len() - failed
    );
    ExitCode::from(u8::from(failed > 0))
}

/// Lane A: every seed twice, every oracle evaluated, every cell hit.
fn seeds() -> Vec<String> {
    let (from, seeds) = (number("FROM", 0), number("SEEDS", SEEDS));
    let watch = Stopwatch::start();
    let sums = hunt(Hunt { from, seeds, jobs: jobs(), twice: true, stop_at_failure: false }, &|_| true);
    let took = watch.seconds();
    println!("lane A: {sums}each seed twice, in {took:.1} s on {} threads", jobs());
    println!(
        "\nsteps per seed:\n{}\nevents per seed:\n{}\n{}",
        sums.steps_each, sums.events_each, sums.coverage
    );
    for oracle in Oracle::ALL {
        println!("{:26} {:>12}", oracle.id(), sums.counts.of(*oracle));
    }
    let mut wrong = Vec::new();
    if let Some(first) = sums.failures.first() {
        wrong.push(story(&sums, first));
    }
    if seeds >= SEEDS {
        wrong.extend(gaps(&sums));
    }
    if (from, seeds) == (0, SEEDS) {
        let text = format!(
            "{} seeds, {} steps, {} events, hash {:032x}\n",
            sums.seeds, sums.steps, sums.events, sums.hash
        );
        wrong.extend(pins::differs("lane-a", &text));
    }
    wrong
}

/// Every order of things in a small world: each lane to its fixpoint, with the states that are pinned.
fn exhaustive() -> Vec<String> {
    let watch = Stopwatch::start();
    let lanes = Mutex::new(Lane::ALL.to_vec());
    let found = Mutex::new(Vec::new());
    let work = || {
        while let Some(lane) = lanes.lock().ok().and_then(|mut lanes| lanes.pop()) {
            let result = search(lane, usize::MAX);
            found.lock().expect("nobody panics with it").push(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs() {
            scope.spawn(work);
        }
        work();
    });
    let mut found = found.into_inner().expect("nobody panics with it");
    found.sort_by_key(|found| found.lane);
    println!("\nexhaustive, in {:.1} s:", watch.seconds());
    found.iter().for_each(|found| println!("{found}"));
    found.iter().flat_map(Found::wrong).collect()
}

/// Oracles that were never evaluated, and faults that never met a state.
fn gaps(sums: &Sums) -> Vec<String> {
    let unjudged = |oracle: &&Oracle| sums.counts.of(**oracle) == 0 && **oracle != Oracle::Told;
    let unjudged = Oracle::ALL.iter().filter(unjudged);
    let mut gaps: Vec<String> =
        unjudged.map(|oracle| format!("{} was never evaluated", oracle.id())).collect();
    gaps.extend(sums.coverage.gaps());
    gaps
}

/// The first failure, from red to a file on screen.
fn story(sums: &Sums, first: &Failure) -> String {
    let others: Vec<String> = sums.failures.iter().take(20).map(ToString::to_string).collect();
    let mut text =
        format!("{} of {} seeds failed:\n{}\n", sums.failures.len(), sums.seeds, others.join("\n"));
    match reduce(&swarm::plot(first.seed)) {
        None => text.push_str("the first does not fail when it is played alone\n"),
        Some(shrunk) => {
            let path = save(first, &shrunk.file);
            text.push_str(&format!(
                "\nseed {}: {}\n{} made small with {} runs:\n\n{}\n{}\nagain: cargo run -p maglev-sim -- play {}\n",
                first.seed,
                shrunk.breach,
                path.display(),
                shrunk.played,
                shrunk.file,
                shrunk.timeline,
                path.display(),
            ));
        }
    }
    text
}

fn save(failure: &Failure, file: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("found");
    let name = failure.breach.oracle.id().replace('/', "-");
    let path = folder.join(format!("{name}-{}.yaml", failure.seed));
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&path, file))
        .expect("target/tmp can be written");
    path
}
