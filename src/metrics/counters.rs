//! VPP's own counters, read from its stats segment whenever somebody scrapes.
//!
//! ```text
//!  events of the loop ──► epoch        refresh: a short visit to VPP ──► Map (which counter is whose)
//!                           │                                             │
//!                           └───────────── the same? ──► Counters::read ◄─┘ ──► sums from the segment
//! ```
//!
//! What a reader would get wrong: a counter is only a place in a vector, and VPP gives places of what is gone to what
//! comes. So a map counts for one epoch, and whatever may move places ends the epoch: what we add or delete, every end
//! of a connection, every reload. Between two epochs nothing is shown, since a wrong number is worse than none.

mod map;
mod refresh;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use maglev_core::model::Write;
use maglev_core::{Clock as _, Event, Instant};
use tokio::sync::Notify;

use crate::clock::SystemClock;
use crate::vpp::UnixConnector;
use crate::vpp::stats::Pulse;

use map::{Map, Trouble};

pub(super) use map::Reading;

/// VPP's counters. Clones are one.
#[derive(Clone, Debug)]
pub struct Counters(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connector: UnixConnector,
    clock: SystemClock,
    state: Mutex<State>,
    shelf: Mutex<Shelf>,
    bell: Notify,
}

/// Taken for a moment only, by the loop too.
#[derive(Debug, Default)]
struct State {
    epoch: u64,
    is_connected: bool,
    errors: BTreeMap<&'static str, u64>,
    /// The trouble that was said last, until there is none.
    said: Option<String>,
}

/// Held while the segment is read, which the loop never does.
#[derive(Debug, Default)]
struct Shelf {
    map: Option<Map>,
    /// What is known of the heartbeat in this file.
    pulse: Option<((u64, u64), Pulse)>,
}

/// What a scrape shows.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) reading: Option<Reading>,
    pub(super) errors: BTreeMap<&'static str, u64>,
}

impl Counters {
    /// The counters of the VPP behind these sockets; nothing without a stats socket.
    pub fn new(connector: &UnixConnector, clock: SystemClock) -> Option<Self> {
        connector.stats.as_ref()?;
        let (state, shelf) = Default::default();
        Some(Self(Arc::new(Shared {
            connector: connector.clone(),
            clock,
            state,
            shelf,
            bell: Notify::new(),
        })))
    }

    /// The loop tells this. Never waits for a reading.
    pub fn hears(&self, event: &Event) {
        let Some(is_connected) = self.moves_places(event) else { return };
        let mut state = self.state();
        state.epoch += 1;
        state.is_connected = is_connected;
        drop(state);
        self.0.bell.notify_one();
    }

    /// Whether VPP is connected after an event by which places may have moved; `None` for all others. A weight or a
    /// flush moves nothing.
    #[expect(clippy::wildcard_enum_match_arm, reason = "few events of many")]
    fn moves_places(&self, event: &Event) -> Option<bool> {
        match event {
            Event::VppConnect { .. } => Some(true),
            Event::VppDisconnect { .. } | Event::CallTimeout { .. } => Some(false),
            Event::ConfigLoaded { .. }
            | Event::Changed {
                call: Write::AddVip { .. } | Write::DelVip { .. } | Write::AddAs { .. } | Write::DelAs { .. },
            } => Some(self.state().is_connected),
            _ => None,
        }
    }

    /// What VPP has counted until now.
    pub(super) async fn show(&self) -> Shown {
        let (this, now) = (self.clone(), self.0.clock.now());
        let reading = tokio::task::spawn_blocking(move || this.read(now)).await.ok().flatten();
        Shown { reading, errors: self.state().errors.clone() }
    }

    /// Blocks, while it reads.
    fn read(&self, now: Instant) -> Option<Reading> {
        let mut shelf = self.0.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = shelf.map.as_ref()?.epoch;
        if self.epoch() != Some(epoch) {
            return None;
        }
        match shelf.read(now) {
            Ok(reading) => Some(reading).filter(|_| self.epoch() == Some(epoch)),
            Err(trouble) => {
                shelf.map = None;
                drop(shelf);
                self.report(&trouble);
                self.0.bell.notify_one();
                None
            }
        }
    }

    /// Of now; `None` while VPP is not connected.
    fn epoch(&self) -> Option<u64> {
        let state = self.state();
        state.is_connected.then_some(state.epoch)
    }

    /// Counts it, and says it once.
    fn report(&self, trouble: &Trouble) {
        let Some(reason) = trouble.reason() else { return };
        let mut state = self.state();
        *state.errors.entry(reason).or_default() += 1;
        let err = trouble.to_string();
        if state.said.as_ref() == Some(&err) {
            return;
        }
        state.said = Some(err.clone());
        drop(state);
        let socket = self.0.connector.stats.as_deref().unwrap_or_else(|| "".as_ref());
        let remedy = "metrics of packets are absent; it is tried again every ten seconds";
        tracing::warn!(reason, socket = %socket.display(), err, remedy, "vpp-stats-unavailable");
    }

    fn all_is_well(&self) {
        if self.state().said.take().is_some() {
            tracing::info!("vpp-stats-available");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Numbers and a text: a panic elsewhere leaves nothing half done.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
