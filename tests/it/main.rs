//! The one integration-test binary: one module per room or story.

mod prober;
