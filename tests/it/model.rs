//! Hand-written scenarios: the engine in a modelled world, with configurations as operators write them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use maglev_core::Config;
use maglev_sim::{Scenario, play};
use maglevd::config::{Options, parse};

fn read(text: &str) -> Result<Arc<Config>, String> {
    parse(text.as_bytes(), "config", Options::default())
        .map(|loaded| loaded.config)
        .map_err(|error| error.to_string())
}

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios");
    let entries = fs::read_dir(folder).expect("the folder exists");
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("the folder is readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == "yaml"));
    paths.sort();
    paths
}

/// Every expectation of every scenario is met, VPP survives, and a second run is the same run.
#[test]
fn every_scenario_ends_as_it_says() {
    let mut wrong = String::new();
    for path in scenarios() {
        let text = fs::read_to_string(&path).expect("a fixture is readable");
        let report = Scenario::read(&text)
            .and_then(|scenario| Ok((play(&scenario, &read)?, play(&scenario, &read)?)))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(report.0, report.1, "{} is not deterministic", path.display());
        let report = report.0;
        if !report.failures.is_empty() || report.tally.not_sent + report.tally.crashes > 0 {
            wrong +=
                &format!("{}\n  {}\n{}\n", path.display(), report.failures.join("\n  "), report.timeline);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
