//! A target that cannot fail finds nothing: with a mistake planted in the engine, the corpus must break a rule.
//!
//! In a binary of its own, because a planted mistake is made in the whole process.

use std::panic::catch_unwind;
use std::path::Path;

use maglev_core::mutant::{self, Mutant};
use maglev_fuzz::seeds::files;
use maglev_fuzz::{Seen, scenario};
use maglev_sim::oracle::Oracle;

/// What the target says of the first input that breaks a rule.
fn complaint() -> Option<String> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/scenario");
    files(&corpus).iter().find_map(|path| {
        let data = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let panic = catch_unwind(|| scenario::run(&data, &mut Seen::default())).err()?;
        panic.downcast_ref::<String>().cloned()
    })
}

#[test]
fn a_planted_mistake_breaks_a_rule_in_the_corpus() {
    assert_eq!(complaint(), None, "without a mistake every rule holds");
    for mistake in [Mutant::GateOpensEarly, Mutant::StandbyServes, Mutant::FailoverNever] {
        mutant::select(Some(mistake));
        let complaint = complaint();
        mutant::select(None);
        let complaint = complaint.unwrap_or_else(|| panic!("nobody notices {}", mistake.name()));
        let rules = Oracle::ALL.iter().filter(|rule| **rule != Oracle::Panics);
        assert!(
            rules.map(|rule| rule.id()).any(|id| complaint.starts_with(id)),
            "no rule is named: {complaint}"
        );
        assert!(complaint.contains("\nconfigs:\n"), "the scenario is not printed: {complaint}");
    }
}
