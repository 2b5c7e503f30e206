//! What Prometheus and load balancers ask over HTTP: `/metrics`, `/healthz`, `/readyz`.
//!
//! ```text
//!  loop ──► Meter ──► Tally (counts)      scrape: questions to the loop, a part of the site each
//!                       ▲                    │
//!                       └────────────────────┴──► Picture ──► exposition ──► server
//! ```
//!
//! What a reader would get wrong: the tally has a lock, and still nobody ever waits for it. It is only taken in the
//! loop's own thread of execution: by the hooks of the loop, and inside of questions, which the loop answers itself.

mod buckets;
pub mod catalogue;
mod counters;
mod exposition;
mod family;
mod labels;
mod picture;
mod server;
mod stream;
mod tally;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use maglev_core::{Action, Engine, Event, Input, Instant};

pub use counters::Counters;
pub use picture::{Picture, Site};
pub use server::Visitors;
use tally::Tally;

/// Counts what the loop hears and does. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<Tally>>);

impl Meter {
    /// The engine is about to hear this, at `now`.
    pub fn hears(&self, input: &Input, now: Instant) {
        self.with(|tally| tally.hears(input, now));
    }

    /// The engine has made its step; `done` is the clock after it.
    pub fn steps(&self, engine: &Engine, actions: &[Action], done: Instant) {
        self.with(|tally| tally.steps(engine, actions, done));
    }

    /// People are told this, at `now`.
    pub fn tells(&self, event: &Event, now: Instant) {
        self.with(|tally| tally.tells(event, now));
    }

    /// The loop has answered a question, and had no time for anything else meanwhile.
    pub fn answered(&self, took: Duration) {
        self.with(|tally| tally.totals.questions.observe(took));
    }

    fn with<T>(&self, run: impl FnOnce(&mut Tally) -> T) -> T {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
