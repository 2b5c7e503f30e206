//! Mistakes planted in the core are for the oracles of the simulator, and never in what is released.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::packages::run;
use super::{File, none_of, page, rust_files};

/// Variant and name of every mistake, from the table in `core/src/mutant.rs`.
fn table() -> Vec<(String, String)> {
    let page = page("core/src/mutant.rs");
    let rows = page.split("\nmutants! {\n").nth(1).expect("core/src/mutant.rs has a table").lines();
    let rows: Vec<_> = rows
        .filter_map(|row| row.trim().split_once(" \""))
        .filter_map(|(variant, rest)| Some((variant.to_owned(), rest.split('"').next()?.to_owned())))
        .filter(|(variant, _)| variant.chars().all(char::is_alphanumeric))
        .collect();
    assert!(rows.len() >= 65, "only {} mistakes were found in core/src/mutant.rs", rows.len());
    rows
}

fn core() -> Vec<File> {
    rust_files().into_iter().filter(|file| file.path.starts_with("core/src/")).collect()
}

#[test]
fn the_daemon_is_built_without_mistakes() {
    // As cargo resolves the features of the core below a package; `-e features` leaves out those of the root.
    let makes_mistakes = |arguments: &[&str]| {
        let fixed =
            ["tree", "-e", "no-dev", "--prefix", "none", "--format", "{p}|{f}", "--locked", "--offline"];
        let tree = run(env!("CARGO"), &[&fixed, arguments].concat());
        let core = tree.lines().find(|line| line.starts_with("maglev-core "));
        let core = core.unwrap_or_else(|| panic!("there is no core in\n{tree}"));
        core.split(['|', ',', ' ']).any(|word| word == "mutants")
    };
    assert!(makes_mistakes(&["-p", "maglev-sim", "--features", "mutants"]), "cargo tree would show it");
    assert!(!makes_mistakes(&["-p", "maglevd"]), "maglevd must not have the core's feature `mutants`");
    assert!(!makes_mistakes(&["-p", "maglevd", "--all-features"]), "no feature of maglevd brings `mutants`");
}

/// The library itself is looked at, because a feature can also slip in on ways that no manifest shows. It is not
/// optimised: that leaves more in it, not less, and takes a quarter of the time.
#[test]
fn a_release_build_holds_no_trace_of_them() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants");
    let target = folder.to_string_lossy();
    let traces = |features: &[&str]| {
        let build =
            ["build", "-p", "maglev-core", "--release", "--locked", "--offline", "--target-dir", &target];
        let fast = ["--config", "profile.release.opt-level=0", "--config", "profile.release.debug=false"];
        run(env!("CARGO"), &[&build[..], &fast, features].concat());
        let library = fs::read(folder.join("release/libmaglev_core.rlib")).expect("cargo built it");
        let library = String::from_utf8_lossy(&library);
        table().into_iter().map(|(_, name)| name).filter(|name| library.contains(name)).collect::<Vec<_>>()
    };
    assert_eq!(
        traces(&["--features", "mutants"]).len(),
        table().len(),
        "each would be seen if it were there"
    );
    none_of(&traces(&[]), "these names are in a release build of the core that has no feature `mutants`");
}

#[test]
fn every_mistake_is_planted_and_has_its_name() {
    let call = concat!("mutant", "!(");
    let planted: BTreeSet<String> = core()
        .iter()
        .flat_map(|file| {
            let calls = file.code().flat_map(|(_, line)| line.split(call).skip(1));
            calls.filter_map(|rest| rest.split(')').next()).map(Into::into).collect::<Vec<_>>()
        })
        .collect();
    let table = table();
    let known: BTreeSet<String> = table.iter().map(|(variant, _)| variant.clone()).collect();
    let unknown: Vec<String> = planted.difference(&known).cloned().collect();
    none_of(&unknown, "give these their line in core/src/mutant.rs; a normal build does not look for them");
    let idle: Vec<String> = known.difference(&planted).cloned().collect();
    none_of(&idle, "plant these in the core, or take them out of core/src/mutant.rs");
    let misnamed: Vec<String> =
        table.into_iter().filter(|(variant, name)| kebab(variant) != *name).map(|(_, name)| name).collect();
    none_of(&misnamed, "the name of a mistake is its variant, in lower case and with hyphens");
}

fn kebab(variant: &str) -> String {
    let word = |c: char| if c.is_uppercase() { format!("-{}", c.to_lowercase()) } else { c.to_string() };
    variant.chars().map(word).collect::<String>().trim_start_matches('-').to_owned()
}

/// What is tested is what runs.
#[test]
fn the_core_is_one_program() {
    let is_conditional =
        |line: &str| line.contains("cfg(") || line.contains("cfg!(") || line.contains("cfg_attr(");
    let found: Vec<String> = core()
        .iter()
        .flat_map(|file| {
            let lines = file.code().filter(|(_, line)| is_conditional(line) && line.trim() != "#[cfg(test)]");
            lines.map(|(_, line)| format!("{}: {}", file.path, line.trim())).collect::<Vec<_>>()
        })
        .collect();
    let allowed = [r#"#[cfg(feature = "mutants")]"#, r#"#[cfg(not(feature = "mutants"))]"#];
    assert_eq!(
        found,
        allowed.map(|line| format!("core/src/lib.rs: {line}")),
        "the core is the same in tests and in production, but for the mistakes that oracles must find"
    );
}
