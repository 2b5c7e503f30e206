//! The one integration-test binary: one module per room or story.

mod config;
mod prober;
mod scenarios;
mod support;
