//! The one integration-test binary: one module per room or story.

mod config;
mod prober;
mod real_vpp;
mod support;
mod wire;
