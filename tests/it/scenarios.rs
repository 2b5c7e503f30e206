//! Whole runs on simulated time: every file of `fixtures/scenarios` is played, what it expects must hold, and its
//! timeline is a snapshot that was read by a person.

use std::fs;
use std::path::{Path, PathBuf};

use maglev_sim::{Report, Scenario, Settings, play};

use crate::support::shelf;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios")
}

/// Every scenario by name, in the order of names.
pub fn scenarios() -> Vec<(String, Scenario)> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder())
        .expect("fixtures/scenarios can be listed")
        .map(|entry| entry.expect("an entry can be read").path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.file_stem().expect("a scenario has a name").to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("a scenario can be read");
            let scenario =
                Scenario::read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (name, scenario)
        })
        .collect()
}

fn run(name: &str, scenario: &Scenario) -> Report {
    let configs = scenario.checked();
    configs
        .and_then(|configs| play(scenario, configs, Settings::FULL))
        .unwrap_or_else(|error| panic!("fixtures/scenarios/{name}.yaml: {error}"))
}

/// `SCENARIO=name cargo test --test it scenarios` plays one and prints its timeline.
#[test]
fn every_scenario_ends_as_expected_and_as_reviewed() {
    let only = std::env::var("SCENARIO").ok();
    let mut failures = Vec::new();
    let all: Vec<_> = scenarios()
        .into_iter()
        .filter(|(name, _)| only.as_ref().is_none_or(|only| name.contains(only)))
        .collect();
    assert!(!all.is_empty(), "no scenario was played");
    for (name, scenario) in &all {
        let report = run(name, scenario);
        if only.is_some() {
            println!("{name}: {}\n{}", scenario.about, report.timeline);
        }
        for failure in report.failures() {
            failures.push(format!("fixtures/scenarios/{name}.yaml, {failure}"));
        }
        if report.tally.crashes > 0 || report.tally.not_sent > 0 {
            failures.push(format!("{name}: VPP died of a call, or would have"));
        }
        if report.tally.wild_flushes > 0 {
            failures.push(format!("{name}: a VIP was flushed that VPP did not know"));
        }
        let mut settings = shelf("scenarios");
        settings.set_description(scenario.about.clone());
        settings.bind(|| insta::assert_snapshot!(name.as_str(), report.timeline));
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn a_run_is_a_function_of_its_file() {
    for (name, scenario) in scenarios() {
        assert_eq!(run(&name, &scenario), run(&name, &scenario), "{name}");
        let printed = Scenario::read(&scenario.to_string()).expect("what is printed reads back");
        assert_eq!(run(&name, &scenario).timeline, run(&name, &printed).timeline, "{name}");
    }
}

#[test]
fn every_timeline_belongs_to_a_scenario() {
    let names: Vec<String> = scenarios().into_iter().map(|(name, _)| format!("{name}.snap")).collect();
    let snapshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/scenarios");
    for entry in fs::read_dir(snapshots).expect("snapshots/scenarios can be listed") {
        let file = entry.expect("an entry can be read").file_name().to_string_lossy().into_owned();
        assert!(names.contains(&file), "snapshots/scenarios/{file} has no scenario: delete it");
    }
}

/// Groups of scenarios by the first word of their names, as the index shows them.
const GROUPS: [(&str, &str); 6] = [
    ("warmup", "Warm-up: hands off, release, over"),
    ("health", "Health: verdicts and faults of our own"),
    ("sync", "Syncing: calls, refusals, deaths of VPP, strangers"),
    ("reload", "Reloads"),
    ("choices", "Operators' choices over restarts"),
    ("sim", "Found by the simulator: each failed before its fix"),
];

const INDEX_HEAD: &str = "# Scenarios\n\n\
    Each file of `fixtures/scenarios` is a whole run on simulated time: a configuration, what the world does, and what must\n\
    be seen. Its timeline stands in `snapshots/scenarios` and was read by a person. Both lanes play all of them in\n\
    `cargo test`; `SCENARIO=name cargo test --test it scenarios -- --nocapture` prints one, and\n\
    `cargo run -p maglev-sim -- play fixtures/scenarios/NAME.yaml --html page.html` shows it.\n\n\
    This page is written by `make snapshots`.\n";

/// `docs/scenarios.md`: one line per scenario, in its own words.
#[test]
fn the_index_has_a_line_for_each_scenario() {
    use std::fmt::Write as _;
    let scenarios = scenarios();
    let mut page = INDEX_HEAD.to_owned();
    for (prefix, title) in GROUPS {
        let _ = write!(page, "\n## {title}\n\n| scenario | what must be seen |\n|---|---|\n");
        let of_group = |name: &str| name.split('-').next() == Some(prefix);
        for (name, scenario) in scenarios.iter().filter(|(name, _)| of_group(name)) {
            let about = scenario.about.trim().replace('|', "\\|").replace('\n', " ");
            let _ = writeln!(page, "| [{name}](../fixtures/scenarios/{name}.yaml) | {about} |");
        }
    }
    for (name, _) in &scenarios {
        assert!(page.contains(&format!("[{name}]")), "{name} belongs to no group: add one to GROUPS");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scenarios.md");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(&path, &page).expect("docs can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/scenarios.md is not what the scenarios say: run `make snapshots`");
}
