//! Tests of the code itself: what a reviewer would otherwise have to say every time.
//!
//! Each failure names the file, the line and what to do. The rules and their reasons stand in CONTRIBUTING.md.

mod mutants;
mod packages;
mod pages;
mod rooms;
mod snapshots;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};

/// A text file of the tree.
struct File {
    /// From the root of the tree, with `/`.
    path: String,
    text: String,
}

impl File {
    /// Numbered lines without their comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines().map(code_of))
    }

    /// Whether the file belongs to the room, which is `src/x.rs` and `src/x/`.
    fn is_in(&self, room: &str) -> bool {
        let rest = self.path.strip_prefix(room);
        rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }
}

/// The line up to its comment. A `//` behind a colon belongs to an address in a string.
fn code_of(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every Rust file that we wrote, in order.
fn rust_files() -> Vec<File> {
    let tops = [
        "src",
        "core/src",
        "config/src",
        "journal/src",
        "sim/src",
        "sim/cli",
        "fuzz",
        "ctl/src",
        "ctl/tests",
        "tests",
        "benches",
    ];
    tops.iter().flat_map(|top| files(top, ".rs")).collect()
}

/// Every file below `top` whose name ends so, in order; none if `top` does not exist.
fn files(top: &str, ending: &str) -> Vec<File> {
    let paths = paths(&root().join(top)).into_iter().filter(|path| path.to_string_lossy().ends_with(ending));
    let read = paths.map(|path| File {
        text: fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        path: path.strip_prefix(root()).expect("it is below the root").to_string_lossy().into_owned(),
    });
    read.collect()
}

fn paths(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut entries: Vec<_> =
        entries.map(|entry| entry.expect("a folder of ours is readable").path()).collect();
    entries.sort();
    entries.into_iter().flat_map(|path| if path.is_dir() { paths(&path) } else { vec![path] }).collect()
}

/// Fails with every finding on its own line, and what to do about them.
#[track_caller]
fn none_of(findings: &[String], what_to_do: &str) {
    assert!(findings.is_empty(), "{what_to_do}\n  {}", findings.join("\n  "));
}

/// Findings of `is_wrong`, as `path:line: code`.
fn lines_where(files: &[File], is_wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let found = files.iter().flat_map(|file| {
        let lines = file.code().filter(|(_, line)| is_wrong(line));
        lines.map(|(number, line)| format!("{}:{number}: {}", file.path, line.trim())).collect::<Vec<_>>()
    });
    found.collect()
}
