//! Rules of `backends`: one usable address each, and a check that exists.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Findings, PathName, address_complaint};
use crate::config::{Backend, Check, Draft, DraftBackend};

/// The backends ascending by name, which is what members of pools index.
pub(super) fn sorted(draft: &Draft) -> Vec<&(String, DraftBackend)> {
    let mut sorted: Vec<_> = draft.backends.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    sorted
}

pub(super) fn check(
    draft: &Draft,
    checks: &BTreeMap<&str, Option<Check>>,
    findings: &mut Findings,
) -> Vec<Backend> {
    let one = |(name, backend): &(String, DraftBackend)| {
        if let Some(complaint) = address_complaint(backend.address) {
            findings.problem(format!("backends.{}.address", PathName(name)), complaint);
        }
        let check = backend.healthcheck.as_deref().and_then(|reference| {
            checks.get(reference).cloned().unwrap_or_else(|| {
                let path = format!("backends.{}.healthcheck", PathName(name));
                let remedy = "define it under healthchecks, or remove this key: without a check \
                              the backend counts as up";
                findings.dangling(path, "healthcheck", reference, checks, remedy);
                None
            })
        });
        Backend { name: name.clone(), address: backend.address, check, enabled: backend.enabled }
    };
    sorted(draft).into_iter().map(one).collect()
}
