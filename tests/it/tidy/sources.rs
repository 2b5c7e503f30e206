//! What every Rust file has to keep.

use super::{lines_where, none_of, root, rust_files};

/// At this length a file has more than one subject.
const LINES_MAX: usize = 600;
/// At this length it is worth a second look.
const LINES_LARGE: usize = 400;

/// The one file that may read a clock and sleep.
const CLOCK: &str = "src/clock.rs";
/// The stopwatch of the simulator's binary, which measures speed and ends a hunt; no scenario hears of it.
const STOPWATCH: &str = "sim/cli/clock.rs";
/// The client's wait between two attempts to reach a daemon.
const PAUSE: &str = "ctl/src/pause.rs";
/// Draws the seed.
const SEED: &str = "src/main.rs";
/// Waits for a process that is not ours and that no clock of ours can move.
const FOREIGN_PROCESS: &str = "tests/it/support/vpp_process.rs";

#[test]
fn a_file_says_first_what_it_is_for() {
    let says = |text: &str| {
        text.lines().find(|line| !line.starts_with("#!")).is_some_and(|line| line.starts_with("//! "))
    };
    let silent: Vec<_> =
        rust_files().into_iter().filter(|file| !says(&file.text)).map(|file| file.path).collect();
    none_of(&silent, "begin these files with a line `//! ...` that says what they are for");
}

#[test]
fn files_stay_small_enough_to_be_read() {
    let mut sizes: Vec<_> =
        rust_files().into_iter().map(|file| (file.text.lines().count(), file.path)).collect();
    sizes.sort_unstable();
    for (lines, path) in sizes.iter().filter(|(lines, _)| *lines > LINES_LARGE) {
        println!("worth a second look: {path} has {lines} lines");
    }
    let long: Vec<_> = sizes
        .iter()
        .filter(|(lines, _)| *lines > LINES_MAX)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    none_of(&long, "divide these files by their subjects; no file has more than 600 lines");
}

#[test]
fn nothing_is_left_for_later() {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("to", "do!"),
        concat!("unimple", "mented!"),
    ];
    let mut left = Vec::new();
    for file in rust_files() {
        for (number, line) in (1..).zip(file.text.lines()) {
            if words.iter().any(|word| line.contains(word)) {
                left.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    none_of(&left, "do it now, or file an issue and leave the code without a note");
}

#[test]
fn an_exemption_from_a_lint_has_a_reason() {
    let mut bare = Vec::new();
    for file in rust_files() {
        for opening in ["#[allow(", "#![allow(", "#[expect(", "#![expect("] {
            for (at, _) in file.text.match_indices(opening) {
                let attribute = file.text[at..].split(")]").next().unwrap_or_default();
                let is_code = file.text[..at].lines().last().is_none_or(|line| line.trim().is_empty());
                if is_code && !attribute.contains("reason = ") {
                    bare.push(format!("{}: {attribute})]", file.path));
                }
            }
        }
    }
    none_of(&bare, "say why with `reason = \"...\"`, or better: follow the lint");
}

#[test]
fn only_one_file_reads_a_clock() {
    let mut files = rust_files();
    files.retain(|file| file.path != CLOCK && file.path != STOPWATCH);
    let calls = [
        concat!("Instant::", "now("),
        concat!("SystemTime::", "now("),
        concat!(".elapsed", "()"),
        concat!("clock_", "gettime("),
    ];
    let found = lines_where(&files, |line| calls.iter().any(|call| line.contains(call)));
    none_of(&found, "take `now` as an argument, or a `Clock`; src/clock.rs alone reads one");
}

#[test]
fn nobody_sleeps_for_real() {
    let mut files = rust_files();
    files.retain(|file| ![CLOCK, FOREIGN_PROCESS, PAUSE].contains(&file.path.as_str()));
    let calls = [concat!("thread::", "sleep"), concat!("time::", "sleep"), concat!("park_", "timeout")];
    let found = lines_where(&files, |line| calls.iter().any(|call| line.contains(call)));
    none_of(&found, "wait for the event itself, or move a simulated clock; a sleep is slow and still races");
}

/// `clippy.toml` bans clocks, sleeps and chance without a seed.
#[test]
fn bans_have_no_further_exemptions() {
    let exempt = [CLOCK, STOPWATCH, SEED, FOREIGN_PROCESS, PAUSE];
    let ban = concat!("clippy::", "disallowed_");
    let files = rust_files();
    let found = files.iter().filter(|file| !exempt.contains(&file.path.as_str()) && file.text.contains(ban));
    let found: Vec<_> = found.map(|file| file.path.clone()).collect();
    none_of(
        &found,
        "time comes from a `Clock`, chance from the seed, order from sorted containers; without exemption",
    );
}

/// The exemptions of this file are of files that are still there.
#[test]
fn exempt_files_exist() {
    let all = [CLOCK, STOPWATCH, SEED, FOREIGN_PROCESS, PAUSE];
    let gone: Vec<_> = all.into_iter().filter(|path| !root().join(path).exists()).collect();
    assert!(gone.is_empty(), "take these out of tests/it/tidy/sources.rs: {gone:?}");
}
