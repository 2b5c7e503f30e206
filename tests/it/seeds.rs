//! Scenarios by chance: each seed is played to its end, watched from outside, and must come to rest.

use std::panic::{AssertUnwindSafe, catch_unwind};

use maglev_sim::oracle::Counts;
use maglev_sim::world::Coverage;
use maglev_sim::{Report, Settings, play, swarm};

const SEEDS: u64 = 1_500;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn judge(seed: u64) -> Result<Report, String> {
    let plot = swarm::plot(seed);
    let configs = plot.configs().map_err(|error| error.to_string())?;
    let settings = if std::env::var_os("SHOW").is_some() { Settings::FULL } else { Settings::MASS };
    let run = catch_unwind(AssertUnwindSafe(|| play(&plot.scenario, configs, settings)));
    if let (Ok(Ok(report)), Some(path)) = (&run, std::env::var_os("SHOW")) {
        let (drafts, breaches) = (&plot.drafts, &report.breaches);
        let text = format!("{}\n{}\n{breaches:?}\n{drafts:#?}", plot.scenario, report.timeline);
        std::fs::write(path, text).map_err(|error| error.to_string())?;
    }
    match run {
        Ok(Ok(report)) if report.breaches.is_empty() => Ok(report),
        Ok(Ok(report)) => Err(report.failures()[0].clone()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("panicked".into()),
    }
}

#[test]
fn every_seed_converges_and_breaks_no_rule_on_the_way() {
    let (from, seeds) = (number("FROM", 0), number("SEEDS", SEEDS));
    let workers = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let results: Vec<(u64, Result<Report, String>)> = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..workers)
            .map(|lane| {
                scope.spawn(move || {
                    let mine = (from..from + seeds).filter(|seed| seed % workers == lane);
                    mine.map(|seed| (seed, judge(seed))).collect::<Vec<_>>()
                })
            })
            .collect();
        lanes.into_iter().flat_map(|lane| lane.join().expect("a lane catches its panics")).collect()
    });
    let good: Vec<&Report> = results.iter().filter_map(|(_, result)| result.as_ref().ok()).collect();
    let steps: u64 = good.iter().map(|report| report.steps).sum();
    let events: u64 = good.iter().map(|report| report.events).sum();
    println!("{} seeds, {steps} steps, {events} events", results.len());
    let (mut counts, mut coverage) = (Counts::default(), Coverage::default());
    for report in good {
        counts.add(&report.counts);
        coverage.add(&report.coverage);
    }
    println!("{coverage}");
    for oracle in maglev_sim::oracle::Oracle::ALL {
        println!("{:30} {}", oracle.id(), counts.of(*oracle));
    }
    let mut failed: Vec<_> = results.iter().filter_map(|(seed, r)| Some((seed, r.as_ref().err()?))).collect();
    failed.sort();
    if !failed.is_empty() {
        let all: Vec<String> =
            failed.iter().take(40).map(|(seed, why)| format!("seed {seed}: {why}")).collect();
        panic!("{} of {} seeds failed:\n{}", failed.len(), results.len(), all.join("\n"));
    }
}
