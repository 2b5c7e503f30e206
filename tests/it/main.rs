//! The one integration-test binary: one module per room or story.

mod config;
mod model;
mod prober;
mod support;
