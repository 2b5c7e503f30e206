//! The real maglevc against the real daemon: as a command, at a prompt, and on a full screen.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what it expects, in its helpers too; everything else is a failure"
)]

mod changes;
mod errors;
mod looks;
mod papers;
mod prompt;
mod pty;
mod shells;
mod support;
mod tls;
mod top;
mod watch;
