//! The corpus is replayed by every `cargo test`, and so are the inputs that a fuzzer starts from.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use maglev_fuzz::seeds::files;
use maglev_fuzz::{Seen, TARGETS, Target, scenario, seeds};
use maglev_sim::swarm;

/// All of it together: a corpus is read in full by every clone.
const BYTES_MAX: u64 = 1_000_000;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Runs a target over its inputs, and fails with the names of those that break a promise.
fn replay(target: Target, inputs: &[(String, Vec<u8>)]) -> Seen {
    let mut seen = Seen::default();
    let broken: Vec<&str> = inputs
        .iter()
        .filter(|(_, data)| catch_unwind(AssertUnwindSafe(|| (target.run)(data, &mut seen))).is_err())
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(broken.is_empty(), "{} breaks a promise, as printed above: {broken:?}", target.name);
    seen
}

fn has_seen(target: Target, seen: &Seen) {
    let missed: Vec<_> = (target.must_see)().into_iter().filter(|what| seen.count(what) == 0).collect();
    assert!(missed.is_empty(), "no input of {} leads to {missed:?}; add one to its corpus", target.name);
}

#[test]
fn the_corpus_breaks_no_promise() {
    let mut bytes = 0;
    for target in TARGETS {
        let paths = files(&corpus().join(target.name));
        let read = |path: &PathBuf| {
            let data = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path.display().to_string(), data)
        };
        let inputs: Vec<_> = paths.iter().map(read).collect();
        let seen = replay(target, &inputs);
        has_seen(target, &seen);
        let size: usize = inputs.iter().map(|(_, data)| data.len()).sum();
        println!("{}: {} inputs of {size} bytes, {seen:?}", target.name, inputs.len());
        bytes += size as u64;
    }
    assert!(bytes <= BYTES_MAX, "the corpus has {bytes} bytes; make it smaller with `fuzz/run merge`");
}

#[test]
fn what_a_fuzzer_starts_from_breaks_no_promise() {
    for target in TARGETS {
        let inputs: Vec<_> =
            (0..).zip(seeds::of(target.name)).map(|(n, data)| (format!("seed {n}"), data)).collect();
        let seen = replay(target, &inputs);
        has_seen(target, &seen);
        println!("{}: {} seeds, {seen:?}", target.name, inputs.len());
        // A committed checkpoint fits until the engine changes; these were made by this one.
        assert!(target.name != "journal" || seen.count("revived") > 0, "no checkpoint became an engine");
    }
}

#[test]
fn every_folder_of_the_corpus_belongs_to_a_target() {
    let folders: BTreeSet<String> = files(&corpus())
        .iter()
        .map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    assert_eq!(folders, TARGETS.map(|target| target.name.to_owned()).into());
}

/// Nothing but `fuzz/run` compiles these, so they must have nothing in them that could break.
#[test]
fn each_target_is_handed_to_the_fuzzer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
    for Target { name, .. } in TARGETS {
        let path = folder.join(name).with_extension("rs");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let call = format!("|data: &[u8]| {name}::run(data, &mut Seen::default())");
        assert!(text.contains(&call), "{} does not call its target", path.display());
    }
    assert_eq!(files(&folder).len(), TARGETS.len(), "a binary without a target");
}

/// So every seed that a hunt finds can become an input.
#[test]
fn the_bytes_of_a_seed_choose_its_scenario() {
    for seed in 0..500 {
        assert!(scenario::plot(&scenario::bytes_of(seed)) == swarm::plot(seed.into()), "seed {seed}");
    }
}

#[test]
fn bytes_that_choose_nothing_are_a_scenario_too() {
    for data in [&[][..], &[1], &[1, 2], &[255; 40]] {
        scenario::run(data, &mut Seen::default());
    }
}
