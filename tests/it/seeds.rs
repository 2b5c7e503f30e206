//! Scenarios by chance: each seed is played to its end, watched from outside, and must converge.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use maglev_core::Config;
use maglev_sim::{Report, Scenario, Settings, play, swarm};
use maglevd::config::{self, Options};

/// Seeds of a plain `cargo test`; `SEEDS=100000 cargo test --test it seeds` plays more, `FROM=n` begins elsewhere, `SHOW=file` writes
/// the timeline there.
const SEEDS: u64 = 1_500;

fn read(text: &str) -> Result<Arc<Config>, String> {
    config::parse(text.as_bytes(), "config", Options::default())
        .map(|loaded| loaded.config)
        .map_err(|error| error.to_string())
}

fn played(scenario: &Scenario) -> Result<Report, maglev_sim::script::ScriptError> {
    play(scenario, scenario.configs(read)?, Settings::FULL)
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What is wrong with a run, if anything.
fn verdict(report: &Report) -> Vec<String> {
    let mut wrong = report.failures();
    // Who has seen two deaths of VPP by one look at it does not look again, as long as nobody says so.
    if report.timeline.contains("vpp-call-quarantined") {
        wrong.retain(|failure| !failure.contains("not in sync"));
    }
    let tally = report.tally;
    let mut count = |n: u64, what: &str| {
        if n > 0 {
            wrong.push(format!("{n} {what}"));
        }
    };
    count(tally.crashes, "deaths of VPP by a call");
    count(tally.not_sent, "calls that VPP would not have survived");
    count(tally.wild_flushes, "flushes of a VIP that VPP did not know");
    wrong
}

fn judge(seed: u64) -> Result<u64, String> {
    let scenario = swarm::scenario(seed).map_err(|error| format!("no scenario: {error}"))?;
    let run = catch_unwind(AssertUnwindSafe(|| played(&scenario)));
    if let (Ok(Ok(report)), Some(path)) = (&run, std::env::var_os("SHOW")) {
        std::fs::write(path, &report.timeline).map_err(|error| error.to_string())?;
    }
    let report = match run {
        Ok(Ok(report)) => report,
        Ok(Err(error)) if error.message.contains("no configuration has") => return Ok(0),
        Ok(Err(error)) => return Err(error.to_string()),
        Err(_) => return Err("panicked".into()),
    };
    let mut wrong = verdict(&report);
    wrong.extend(restarted(seed, &report)?);
    if wrong.is_empty() { Ok(report.steps) } else { Err(wrong.join("; ")) }
}

/// The same run with one more restart of the daemon in its quiet end: that must not write anything.
fn restarted(seed: u64, report: &Report) -> Result<Option<String>, String> {
    let file = swarm::file(seed);
    // Operators' choices are lost with the process, and who is out of sync goes on trying.
    if !seed.is_multiple_of(8) || file.contains("operator:") || report.timeline.contains("vpp-lb-out-of-sync")
    {
        return Ok(None);
    }
    let file = file.replace("until:", "  - { at: 690s, daemon: restart }\nuntil:");
    let scenario = Scenario::read(&file).map_err(|error| error.to_string())?;
    let again = played(&scenario).map_err(|error| error.to_string())?;
    let more = again.tally.writes - report.tally.writes;
    Ok((more > 0).then(|| format!("an unchanged restart made {more} writes")))
}

#[test]
fn every_seed_converges_and_breaks_no_rule_on_the_way() {
    let (from, seeds) = (number("FROM", 0), number("SEEDS", SEEDS));
    let workers = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let results: Vec<(u64, Result<u64, String>)> = std::thread::scope(|scope| {
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
    let steps: u64 = results.iter().filter_map(|(_, result)| result.as_ref().ok()).sum();
    println!("{} seeds, {steps} steps", results.len());
    let mut failed: Vec<_> = results.iter().filter_map(|(seed, r)| Some((seed, r.as_ref().err()?))).collect();
    failed.sort();
    if let Some((seed, why)) = failed.first() {
        let all: Vec<String> =
            failed.iter().take(20).map(|(seed, why)| format!("seed {seed}: {why}")).collect();
        panic!(
            "{} of {} seeds failed:\n{}\nthe first, seed {seed} ({why}):\n{}",
            failed.len(),
            results.len(),
            all.join("\n"),
            swarm::file(**seed)
        );
    }
}
