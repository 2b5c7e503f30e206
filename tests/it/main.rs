//! The one integration-test binary: one module per room or story.

#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what it expects, in its helpers too; everything else is a failure"
)]

mod api;
mod choices;
mod config;
mod daemon;
mod journal;
mod lane_b;
mod metrics;
mod packaging;
mod prober;
mod real_vpp;
mod reloads;
mod scenarios;
mod support;
mod tidy;
mod vpp_stories;
mod wire;
