//! The body of maglevd: adapters around `maglev_core`, and their wiring.

pub mod clock;
pub mod config;
pub mod prober;
pub mod vpp;
