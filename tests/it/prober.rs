//! The prober against real sockets: every outcome an operator can meet, and nothing left behind.

// All of this is test code; the attribute lets clippy know it of the helpers, too.
#![cfg(test)]

mod faults;
mod http;
mod icmp;
mod netns;
mod tcp;
mod tls;

use maglev_core::input::{FailCode, Outcome};

use crate::support::{backends, pki};

/// Asserts a failure of the backend, and that its detail says `words`.
#[track_caller]
fn assert_fails(outcome: &Outcome, code: FailCode, words: &str) {
    let Outcome::Fail(failure) = outcome else { panic!("expected a failure, got {outcome}") };
    assert_eq!(failure.code, code, "{outcome}");
    assert!(failure.detail.contains(words), "{outcome} should say {words:?}");
    assert!(failure.detail.len() <= 200);
}
