//! The prober: carries out the engine's probe orders on real sockets and reports what came of each.
//!
//! Every order is answered by exactly one `ProbeFinished`, whatever happens: a pass, a failure of the backend, a fault
//! of this host, a cancellation or a bug in here. The prober decides nothing: how long a probe may take comes with the
//! order, and what an outcome means for a backend is the engine's business.

mod connection;
mod deadline;
mod echo;
mod fault;
mod http;
mod icmp;
mod limits;
mod netns;
mod pattern;
mod socket;
mod task;
mod tls;
mod trust;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use maglev_core::{Clock, Input, ProbeId, ProbeOrder};
use tokio::sync::{Notify, Semaphore, mpsc};

pub use limits::Limits;

/// Starts probes, takes them back, and sends their outcomes to the daemon's inbox.
pub struct Prober<C> {
    shared: Arc<Shared<C>>,
}

/// What all probes of one prober have in common.
struct Shared<C> {
    clock: C,
    inbox: mpsc::Sender<Input>,
    /// One permit per probe that may hold a socket; probes beyond it wait, and their timeouts wait with them.
    permits: Arc<Semaphore>,
    /// Every probe that was not answered yet, with the bell that cancels it.
    running: Mutex<BTreeMap<ProbeId, Arc<Notify>>>,
    namespaces: netns::Namespaces,
    trust: trust::Trust,
    patterns: pattern::Patterns,
    /// Part of every echo's payload, so that a stranger's reply cannot pass for the answer to our request.
    nonce: u64,
}

impl<C> Shared<C> {
    fn running(&self) -> MutexGuard<'_, BTreeMap<ProbeId, Arc<Notify>>> {
        // A map of bells is whole after any panic, so a poisoned lock is no reason to stop probing.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Clock + Clone + Send + Sync + 'static> Prober<C> {
    /// A prober that reports to `inbox` and holds at most `limits.concurrent` probes' sockets at once.
    pub fn new(clock: C, inbox: mpsc::Sender<Input>, limits: Limits) -> Self {
        let trust = trust::Trust::new();
        let nonce = trust.random();
        let shared = Shared {
            clock,
            inbox,
            permits: Arc::new(Semaphore::new(limits.concurrent.get())),
            running: Mutex::default(),
            namespaces: netns::Namespaces::default(),
            trust,
            patterns: pattern::Patterns::default(),
            nonce,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Begins a probe and returns at once. Must be called inside a tokio runtime.
    pub fn start(&mut self, order: ProbeOrder) {
        let bell = Arc::new(Notify::new());
        self.shared.running().insert(order.probe, Arc::clone(&bell));
        tokio::spawn(task::attend(Arc::clone(&self.shared), order, bell));
    }

    /// Gives up a probe and returns at once. It is answered all the same; one that was answered already is not touched.
    pub fn cancel(&mut self, probe: ProbeId) {
        if let Some(bell) = self.shared.running().get(&probe) {
            bell.notify_one();
        }
    }

    /// How many probes were started and not answered yet.
    pub fn in_flight(&self) -> usize {
        self.shared.running().len()
    }
}
