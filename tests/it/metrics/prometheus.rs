//! A real Prometheus: its own opinion of our text, and what it makes of it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::client::get;
use crate::support::site::{Site, file, frontend};

fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = found.is_ok_and(|status| status.success());
    if !is_there {
        println!("NOT TESTED: {program} is not installed (apt-get install prometheus); CI installs it");
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

#[tokio::test]
async fn promtool_finds_nothing_to_say_about_our_text() {
    if !is_installed("promtool") {
        return;
    }
    let mut site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}")));
    site.start();
    let page = site.serve_metrics().await;
    site.until("over", |view| view.not_ready.is_empty() && view.in_sync).await;
    let (_, text) = get(page, "/metrics").await;
    assert_eq!(promtool(&["check", "metrics"], &text), Ok(()));
    assert!(promtool(&["check", "metrics"], "1broken 2\n").is_err(), "it looks");
}

#[test]
fn promtool_takes_the_example_rules() {
    if is_installed("promtool") {
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/maglevd.rules.yml");
        assert_eq!(promtool(&["check", "rules", rules], ""), Ok(()));
    }
}
