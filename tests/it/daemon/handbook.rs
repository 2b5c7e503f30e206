//! docs/operating.md names every line that we log and every flag there is, so that nobody searches in vain at three in the morning.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::binary::{maglevd, outcome};

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The lines that the daemon logs itself: the last text of each call. Those of the core are `tidy`'s business.
fn events() -> BTreeSet<String> {
    let call = regex::Regex::new(r#"tracing::\w+!\([^;]*?"([a-z-]+)"\s*\)"#).unwrap();
    let mut found = BTreeSet::from(["log-lines-dropped".to_owned()]);
    for file in [
        "src/startup.rs",
        "src/signals.rs",
        "src/log.rs",
        "src/journal.rs",
        "src/journal/queue.rs",
        "src/choices/file.rs",
        "src/metrics/counters.rs",
        "src/supervisor.rs",
        "src/supervisor/attendant.rs",
        "src/supervisor/socket.rs",
    ] {
        found.extend(call.captures_iter(&text(file)).map(|call| call[1].to_owned()));
    }
    found
}

#[test]
fn every_line_of_our_own_is_explained() {
    let page = text("docs/operating.md");
    let events = events();
    for name in ["starting", "start-failed", "listening", "config-warning", "journal-resumed", "panic"] {
        assert!(events.contains(name), "{name} is logged, but not found among {events:?}");
    }
    let unexplained: Vec<_> = events.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(unexplained.is_empty(), "docs/operating.md does not explain {unexplained:?}");
}

#[test]
fn every_flag_is_explained() {
    let page = text("docs/operating.md");
    let (_, help, _) = outcome(&mut maglevd(&["--help"]));
    let words = help.split(|char: char| !char.is_ascii_alphanumeric() && !"-_".contains(char));
    for word in words.filter(|word| word.starts_with("--") || word.starts_with("MAGLEV_")) {
        assert!(page.contains(&format!("`{word}")), "docs/operating.md does not explain {word}");
    }
}
