//! Snapshots are reviewed like code, so none may wait for a review and none may be dead.

use std::collections::BTreeSet;
use std::path::Path;

use super::{files, none_of, paths, root, rust_files};

#[test]
fn no_snapshot_waits_for_a_review() {
    let tops = ["src", "core", "config", "journal", "sim", "ctl", "tests", "snapshots", "fixtures"];
    let all = tops.iter().flat_map(|top| paths(&root().join(top)));
    let waiting: Vec<_> = all
        .map(|path| path.to_string_lossy().into_owned())
        .filter(|path| path.ends_with(".snap.new") || path.ends_with(".pending-snap"))
        .collect();
    none_of(&waiting, "read these, then accept them with `make snapshots` or correct the code");
}

/// `snapshots/<shelf>/<name>.snap` belongs to a fixture of that name, or a test names it in a string.
#[test]
fn every_snapshot_is_used() {
    let fixtures: BTreeSet<String> = paths(&root().join("fixtures")).iter().map(|path| stem(path)).collect();
    let sources = rust_files();
    let is_named = |name: &str| {
        let literal = format!("\"{name}\"");
        sources.iter().any(|file| file.text.contains(&literal))
    };
    let dead: Vec<_> = files("snapshots", ".snap")
        .into_iter()
        .filter(|snapshot| {
            let name = stem(Path::new(&snapshot.path));
            !fixtures.contains(&name) && !is_named(&name)
        })
        .map(|snapshot| snapshot.path)
        .collect();
    none_of(&dead, "nothing produces these any more; delete them");
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
