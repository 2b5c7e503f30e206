//! docs/operating.md names every event and every flag there is, so that nobody searches in vain at three in the morning.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::binary::{maglevd, outcome};

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Every event name in the code: those of the core, and the last argument of each line that the daemon logs itself.
fn events() -> BTreeSet<String> {
    let core = text("core/src/event.rs");
    let (_, core) = core.split_once("pub const fn name").expect("where the names are");
    let changed = core.split_once("fn changed_name").expect("the names of changes").1;
    let until_end = |part: &str| part.split("\n}").next().unwrap_or_default().to_owned();
    let names = core.split_once("pub const fn level").expect("the end of the names").0;
    let mut found: BTreeSet<String> = quoted(names).chain(quoted(&until_end(changed))).collect();
    for file in ["src/startup.rs", "src/signals.rs", "src/log.rs"] {
        let source = text(file);
        for call in source.split("tracing::").skip(1).filter(|call| call.contains("!(")) {
            let arguments = call.split(");").next().unwrap_or_default();
            found.extend(quoted(arguments).last().filter(|name| !name.contains(['{', ' '])));
        }
    }
    found.insert("log-lines-dropped".to_owned());
    found
}

fn quoted(source: &str) -> impl Iterator<Item = String> {
    source.split('"').skip(1).step_by(2).map(str::to_owned)
}

#[test]
fn every_event_is_explained() {
    let page = text("docs/operating.md");
    let events = events();
    assert!(
        events.len() > 45 && events.contains("starting") && events.contains("config-warning"),
        "{events:?}"
    );
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
