//! A real Prometheus: its own opinion of our text, and what it makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use maglevd::demo::Mood;

use super::client::{get, scrape};
use super::scraper::{Labels, Prometheus};
use crate::support::not_tested;
use crate::support::site::{Site, file, frontend};
use crate::support::until::until;

/// What an operator is told to load.
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/maglevd.rules.yml");

fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = found.is_ok_and(|status| status.success());
    if !is_there {
        not_tested(&format!("{program} is not installed (apt-get install prometheus); CI installs it"));
    }
    is_there
}

fn promtool(arguments: &[&str], input: &str) -> Result<(), String> {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    output.status.success().then_some(()).ok_or(said.into_owned())
}

/// A daemon that is settled, so that what its page says stays.
async fn settled() -> Site {
    let mut site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}, fra: { weight: 50 }")));
    site.start();
    site.until("over", |view| view.not_ready.is_empty() && view.in_sync).await;
    site
}

#[tokio::test]
async fn promtool_finds_nothing_to_say_about_our_text() {
    if !is_installed("promtool") {
        return;
    }
    let site = settled().await;
    let page = site.serve_metrics().await;
    let (_, text) = get(page, "/metrics").await;
    assert_eq!(promtool(&["check", "metrics"], &text), Ok(()));
    assert!(promtool(&["check", "metrics"], "1broken 2\n").is_err(), "it looks");
}

#[test]
fn promtool_takes_the_example_rules() {
    if is_installed("promtool") {
        assert_eq!(promtool(&["check", "rules", RULES], ""), Ok(()));
    }
}

/// Values arrive as they were meant, none of the page is lost on the way, and the example alerts rise.
#[tokio::test]
async fn prometheus_scrapes_us_and_alerts() {
    if !is_installed("prometheus") {
        return;
    }
    let mut site = settled().await;
    let page = site.serve_metrics().await;
    let prometheus = Prometheus::start(page, RULES).await;
    until_value(&prometheus, "up", &[], 1.0).await;
    until_healthy(&prometheus).await;
    values_are_ours(&prometheus).await;
    let ours = scrape(page).await.into_keys().map(|series| name(&series)).collect();
    until("every name of the page is there", async || missing(&prometheus, &ours).await).await;
    until("each rule can be evaluated", async || evaluated(&prometheus).await).await;

    let gone = [("alertname", "MaglevVppDisconnected"), ("alertstate", "pending"), ("severity", "critical")];
    assert!(!prometheus.series("ALERTS").await.unwrap().contains_key(&labels(&gone)));
    site.vpp.kill();
    until_value(&prometheus, "ALERTS", &gone, 1.0).await;
    site.farm.set(0, Mood::Failing);
    until_value(&prometheus, "maglev_backend_state", &[("backend", "ams"), ("state", "down")], 1.0).await;
    until_value(&prometheus, "maglev_backend_state", &[("backend", "ams"), ("state", "up")], 0.0).await;
}

async fn values_are_ours(prometheus: &Prometheus) {
    until_value(prometheus, "maglev_ready", &[], 1.0).await;
    until_value(prometheus, "maglev_vpp_connected", &[], 1.0).await;
    until_value(prometheus, "maglev_frontend_state", &[("frontend", "www"), ("state", "up")], 1.0).await;
    for (backend, weight) in [("ams", 100.0), ("fra", 50.0)] {
        until_value(prometheus, "maglev_backend_state", &[("backend", backend), ("state", "up")], 1.0).await;
        until_value(prometheus, "maglev_backend_state", &[("backend", backend), ("state", "down")], 0.0)
            .await;
        let place = [("backend", backend), ("frontend", "www"), ("pool", "only")];
        until_value(prometheus, "maglev_frontend_pool_backend_weight", &place, weight).await;
    }
    let success = labels(&[("backend", "ams"), ("code", "L7OK"), ("result", "success"), ("type", "http")]);
    until("probes are counted", async || {
        let probes = prometheus.series("maglev_probe_total").await?;
        let counted = probes.get(&success).is_some_and(|count| *count >= 1.0);
        counted.then_some(()).ok_or_else(|| format!("{probes:?}"))
    })
    .await;
}

/// The target is up and has no error.
async fn until_healthy(prometheus: &Prometheus) {
    until("the target is healthy", async || {
        let targets = prometheus.ask("targets").await?;
        let [target] = targets["activeTargets"].as_array().unwrap().as_slice() else {
            return Err(targets.to_string());
        };
        let is_well = target["health"] == "up" && target["lastError"] == "";
        is_well.then_some(()).ok_or_else(|| target.to_string())
    })
    .await;
}

async fn until_value(prometheus: &Prometheus, metric: &str, pairs: &[(&str, &str)], value: f64) {
    let wanted = labels(pairs);
    // A scrape that fails on a busy machine takes all series away until the next one.
    until(&format!("{metric} {pairs:?} is {value}"), async || {
        let series = prometheus.series(metric).await?;
        (series.get(&wanted) == Some(&value)).then_some(()).ok_or_else(|| format!("{series:?}"))
    })
    .await;
}

/// Whether Prometheus has all these names.
async fn missing(prometheus: &Prometheus, ours: &BTreeSet<String>) -> Result<(), String> {
    let theirs = prometheus.ask("label/__name__/values").await?;
    let theirs: BTreeSet<String> = serde_json::from_value(theirs).unwrap();
    let missing: Vec<_> = ours.difference(&theirs).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?}")) }
}

/// Whether each example rule was evaluated, without an error.
async fn evaluated(prometheus: &Prometheus) -> Result<(), String> {
    let rules = prometheus.ask("rules").await?;
    let groups = rules["groups"].as_array().unwrap();
    let all: Vec<_> = groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    let is_well = all.len() > 5 && all.iter().all(|rule| rule["health"] == "ok");
    is_well.then_some(()).ok_or_else(|| rules.to_string())
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
}

fn name(series: &str) -> String {
    series.split('{').next().unwrap_or_default().to_owned()
}
