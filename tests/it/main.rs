//! The one integration-test binary: one module per room or story.

mod real_vpp;
mod support;
mod wire;
