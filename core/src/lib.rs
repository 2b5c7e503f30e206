#![no_std]
//! The decisions of maglevd.

extern crate alloc;

pub mod action;
pub mod config;
pub mod event;
pub mod hazard;
pub mod input;
pub mod model;
pub mod time;

pub use action::{Action, Denial, ProbeOrder};
pub use config::Config;
pub use event::Event;
pub use hazard::{Hazard, hazard};
pub use input::{CallId, Command, ConnectionId, Input, ProbeId, RequestId};
pub use time::{Clock, GoDuration, Instant};
