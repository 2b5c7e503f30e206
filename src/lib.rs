//! The body of maglevd: adapters around `maglev_core`, and their wiring.
//!
//! ```text
//!  signals, reload ──► daemon::Handle ──┐                  ┌──► prober ──► the backends
//!                                       ├──► daemon::run ──┼──► vpp ─────► /run/vpp/api.sock
//!  prober, vpp ──────► inbox ───────────┘                  └──► log, journal, metrics
//! ```

pub mod api;
pub mod choices;
pub mod cli;
pub mod clock;
pub mod daemon;
#[cfg(feature = "demo")]
pub mod demo;
pub mod events;
pub mod journal;
pub mod listen;
pub mod log;
pub mod metrics;
pub mod prober;
pub mod reload;
pub mod service;
pub mod signals;
pub mod startup;
pub mod supervisor;
pub mod vpp;

pub use maglev_config as config;
