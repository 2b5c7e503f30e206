//! The world that maglevd runs against in tests and in the demo.
//!
//! Depends on the core and on nothing that has a clock, a thread or a hash order of its own.

pub mod vpp;

pub use vpp::LbPlugin;
