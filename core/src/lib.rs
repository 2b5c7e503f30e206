#![no_std]
//! The decisions of maglevd: no clock, no I/O, no hash order, no logging. `no_std` holds the wall.
//!
//! One way in, one way out:
//!
//! ```text
//!                  inputs                                        actions
//!  config file ──► config ──┐                              ┌──► vpp ─────► /run/vpp/api.sock
//!  signals ──────► signals ─┤                              │
//!  probe result ─► prober ──┼──► inbox ──► Engine::handle ─┼──► prober ──► the backends
//!  VPP reply ────► vpp ─────┤    (one)     (input, now)    │
//!  request ──────► api ─────┘                 ▲            ├──► events ──► logs
//!                                             │            └──► exit
//!                      Clock: the daemon's or the simulator's; nobody else says "now"
//! ```
//!
//! The contract: instants never go backwards (equal is fine). [`Input::WakeupDue`] too early or too often changes
//! nothing. [`Engine::handle`] never fails and never blocks; a refusal by VPP is an input. Every probe and call has an
//! id and one answer; a disconnect answers all open calls. The same configuration, seed and inputs give the same
//! actions, byte for byte. A panic is a bug of the engine, never a consequence of input.
//!
//! ```
//! use maglev_core::{Config, Engine, Input, Instant, config::Draft};
//! use std::sync::Arc;
//!
//! let (config, _warnings) = Config::check(&Draft::default()).expect("an empty draft breaks no rule");
//! let mut engine = Engine::new(Arc::new(config), 1, Instant::START);
//! let mut now = Instant::START;
//! for _ in 0..3 {
//!     for action in engine.handle(Input::WakeupDue, now) {
//!         // The daemon posts each action to the adapter that it is for.
//!         println!("{now} {action}");
//!     }
//!     if let Some((at, _reason)) = engine.wakeup() {
//!         now = at; // The daemon sleeps; the simulator jumps.
//!     }
//! }
//! ```
//!
//! Where to read on: [`input`] and [`action`] are everything that can happen and everything we can ask for; [`engine`]
//! routes; [`health`], [`policy`], [`warmup`] and [`mod@reconcile`] decide; [`dataplane`] converses with VPP.

extern crate alloc;

// Mistakes for the oracles to find; this is the only `cfg` of the core. Without the feature there is nothing at all.
#[cfg(feature = "mutants")]
#[macro_use]
pub mod mutant;
#[cfg(not(feature = "mutants"))]
macro_rules! mutant {
    ($name:ident) => {
        false
    };
}

pub mod action;
pub mod backend;
pub mod config;
pub mod data;
pub mod dataplane;
pub mod digest;
pub mod engine;
pub mod event;
pub mod frontend;
pub mod hazard;
pub mod health;
pub mod input;
pub mod memory;
pub mod model;
pub mod policy;
pub mod reconcile;
pub mod schedule;
pub mod time;
pub mod warmup;

pub use action::{Action, Denial, ProbeOrder};
pub use config::Config;
pub use engine::{Engine, Reason, View};
pub use event::Event;
pub use hazard::{Hazard, hazard};
pub use input::{Author, CallId, Command, ConnectionId, Input, ProbeId, RequestId};
pub use memory::{Memory, Recollection};
pub use time::{Clock, GoDuration, Instant};
