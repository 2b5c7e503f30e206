//! Who may import what. The core's wall is compiled (`no_std`); these are the walls that are not.

use super::{File, lines_where, none_of, page, rust_files};

/// Rooms that know nothing of each other, nor of the engine: they take orders and report.
const ADAPTERS: &[&str] = &["src/prober", "src/vpp"];

/// The file's reader is a package of its own, so the compiler keeps it apart from the rooms of `src`.
const CONFIG: &str = "config/src";

fn room(name: &str) -> Vec<File> {
    let files: Vec<_> = rust_files().into_iter().filter(|file| file.is_in(name)).collect();
    assert!(!files.is_empty(), "{name} is gone; correct tests/it/tidy/rooms.rs");
    files
}

#[test]
fn adapters_do_not_know_each_other() {
    for name in ADAPTERS {
        let own = name.strip_prefix("src/").expect("adapters live in src");
        let foreign =
            |line: &str| imported(line).any(|module| module != own) || is_word(line, "maglev_config");
        let found = lines_where(&room(name), foreign);
        none_of(&found, "an adapter uses the core's value types and its own room; daemon.rs joins the rooms");
    }
}

/// The modules of this crate that a line names.
fn imported(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::").skip(1).flat_map(|rest| {
        let ends = |c: char| !c.is_alphanumeric() && c != '_';
        // `use crate::{a::b, c}` on one line names a and c; rustfmt breaks longer ones, which name nothing here.
        match rest.strip_prefix('{') {
            Some(group) => group.split(", ").collect::<Vec<_>>(),
            None => vec![rest],
        }
        .into_iter()
        .map(move |path| path.split(ends).next().unwrap_or_default())
    })
}

#[test]
fn imports_are_read_as_they_are_meant() {
    let modules = |line| imported(line).collect::<Vec<_>>();
    assert_eq!(modules("use crate::vpp::client::run;"), ["vpp"]);
    assert_eq!(modules("use crate::{vpp::client, prober};"), ["vpp", "prober"]);
    assert_eq!(modules("let x = crate::config::read(crate::clock::now());"), ["config", "clock"]);
    assert_eq!(modules("use super::crates;"), Vec::<&str>::new());
}

#[test]
fn adapters_do_not_know_the_engine() {
    for name in ADAPTERS.iter().chain([&CONFIG]) {
        let names_it = |line: &str| {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.any(|word| word == "Engine") || line.contains("maglev_core::engine")
        };
        let found = lines_where(&room(name), names_it);
        none_of(&found, "an adapter decides nothing: what the engine decides comes as an order");
    }
}

#[test]
fn no_import_is_spread_over_lines_in_an_adapter() {
    for name in ADAPTERS {
        let found = lines_where(&room(name), |line| line.trim_end() == "use crate::{");
        none_of(&found, "write one `use crate::...` per module, so that the rule above can read it");
    }
}

#[test]
fn the_core_has_no_standard_library() {
    assert!(page("core/src/lib.rs").starts_with("#![no_std]\n"), "core/src/lib.rs begins with #![no_std]");
    let files = room("core/src");
    let outside = ["std::", "extern crate std", "tokio", "tracing::", "println!"];
    let names_it = |line: &str| outside.iter().any(|word| is_word(line, word));
    let mut found = lines_where(&files, names_it);
    found.retain(|line| !line.split(':').next().unwrap_or_default().ends_with("tests.rs"));
    none_of(&found, "the core decides and nothing else; what it needs from the world comes as an input");
}

#[test]
fn the_simulator_has_no_clock_and_no_runtime() {
    let outside = [
        "std::time::Instant",
        "std::time::SystemTime",
        "std::net::Tcp",
        "std::thread",
        "tokio",
        "std::process",
    ];
    // `hunt.rs` plays many scenarios at once; what each comes to does not depend on it.
    let files: Vec<File> =
        room("sim/src").into_iter().filter(|file| !file.is_in("sim/src/hunt.rs")).collect();
    let found = lines_where(&files, |line| outside.iter().any(|word| is_word(line, word)));
    none_of(&found, "a scenario is a function of its file and its seed; use the simulated world");
}

/// A format is a function of what it is given: who opens files, and when, is the business of both its ends.
#[test]
fn the_journals_format_opens_no_file_and_reads_no_clock() {
    let outside =
        ["std::fs", "std::net", "std::thread", "std::time::Instant", "std::time::SystemTime", "tokio"];
    let found = lines_where(&room("journal/src"), |line| outside.iter().any(|word| is_word(line, word)));
    none_of(&found, "the format takes readers and bytes; src/journal.rs has the file and the thread");
}

/// The loop waits for its next turn and for nothing else, so that nothing can hold it up.
#[test]
fn the_loop_knows_no_sockets_and_no_files() {
    let outside = ["tokio::net", "tokio::time", "tokio::fs", "tokio::spawn", "std::net", "std::fs", "serde"];
    let found = lines_where(&room("src/daemon"), |line| outside.iter().any(|word| is_word(line, word)));
    none_of(
        &found,
        "the loop takes inputs and posts actions; the rest belongs to an adapter or to service.rs",
    );
}

#[test]
fn main_is_a_checklist() {
    for (main, place) in
        [("src/main.rs", "the library, where tests reach it"), ("sim/cli/main.rs", "a file beside it")]
    {
        let lines = page(main).lines().count();
        assert!(lines <= 80, "{main} has {lines} lines: what it does belongs to {place}");
    }
}

/// Whether `word` occurs where no longer word ends in it.
fn is_word(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
}
