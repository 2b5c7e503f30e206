//! Puts the loop, the prober and the client of VPP together: the daemon without its process.
//!
//! `main`, the demo and the tests all run this, so what the demo shows is what runs in production.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use maglev_core::config::Draft;
use maglev_core::{Action, Clock, Engine, Event, Input, Instant, Memory, ProbeId, ProbeOrder, Recollection};
use maglev_journal::Run;
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::choices::{Choices, Pen};
use crate::clock::SystemClock;
use crate::daemon::{self, Checked, Handle, INPUTS_MAX, Inbox, ORDERS_MAX, Ports};
use crate::journal::{Book, Journal};
use crate::metrics::Meter;
use crate::prober::{Limits, Prober};
use crate::vpp::{self, Order, UnixConnector};

/// What a daemon needs to run.
pub struct Service<O> {
    /// Made first thing in the process: warm-up counts from it.
    pub clock: SystemClock,
    /// The first configuration.
    pub config: Checked,
    /// All chance comes from it.
    pub seed: u64,
    /// `None`: probe only.
    pub vpp: Option<UnixConnector>,
    /// How many probes at once.
    pub limits: Limits,
    /// Where everything is written down that the engine hears, if anywhere.
    pub journal: Option<Book>,
    /// Where operators' choices are kept, and what was found there, if they are.
    pub choices: Option<(Choices, Recollection)>,
    /// Counts what happens.
    pub meter: Meter,
    /// Hears every event, in the loop: it must not wait.
    pub observer: O,
}

impl<O: FnMut(&Event, Instant) + Send> Service<O> {
    /// The future that is the daemon, and the handle to it. Must be polled inside a tokio runtime.
    pub fn start(self) -> (Handle, impl Future<Output = ()> + Send) {
        let (handle, controls) = Handle::new();
        let (inbox, inputs) = mpsc::channel(INPUTS_MAX);
        let (orders, taken) = mpsc::channel(ORDERS_MAX);
        let Checked { config, draft } = self.config;
        let run =
            Run { seed: self.seed, vpp: self.vpp.is_some(), draft, began: self.clock.began().as_secs() };
        let journal = self.journal.map(|book| book.begin(run));
        let (engine, client) = match self.vpp {
            Some(connector) => {
                let client = vpp::run(connector, taken, inbox.clone());
                (Engine::new(config, self.seed, Instant::START), Box::pin(client) as Client)
            }
            None => {
                let engine = Engine::without_vpp(config, self.seed, Instant::START);
                (engine, Box::pin(pending()) as Client)
            }
        };
        let (found, pen, clerk) = match self.choices {
            None => (None, None, None),
            Some((choices, found)) => {
                let (pen, clerk) = choices.begin();
                (Some(Input::Remembered(found)), Some(pen), Some(clerk.attend(handle.clone(), self.clock)))
            }
        };
        let prober = Prober::new(self.clock, inbox, self.limits);
        let (clock, meter, observer) = (self.clock, self.meter, self.observer);
        let running = async move {
            // It writes what is left when the loop is over, but the end does not wait for a disk for ever.
            let clerk = clerk.map(tokio::spawn);
            let mut wires = Wires { prober, orders, journal, pen, clock, meter, observer };
            let inbox = Inbox { first: found, inputs, controls };
            daemon::run(engine, &clock, inbox, &mut wires, client).await;
            drop(wires);
            if let Some(clerk) = clerk {
                let end = clock.now() + LAST_WORDS;
                tokio::select! {
                    _ = clerk => (),
                    () = clock.sleep_until(end) => (),
                }
            }
        };
        (handle, running)
    }
}

/// What operators chose last is on the disk by then, or the disk does not answer.
const LAST_WORDS: Duration = Duration::from_secs(1);

type Client = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The ports of a real process.
struct Wires<O> {
    prober: Prober<SystemClock>,
    orders: mpsc::Sender<Order>,
    journal: Option<Journal>,
    pen: Option<Pen>,
    clock: SystemClock,
    meter: Meter,
    observer: O,
}

impl<O: FnMut(&Event, Instant)> Ports for Wires<O> {
    fn start_probe(&mut self, order: ProbeOrder) {
        self.prober.start(order);
    }

    fn cancel_probe(&mut self, probe: ProbeId) {
        self.prober.cancel(probe);
    }

    fn order_vpp(&mut self, order: Order) {
        match self.orders.try_send(order) {
            Ok(()) => (),
            Err(TrySendError::Full(order)) => {
                // See ORDERS_MAX. Losing the order would leave a call, or a connection, open for ever.
                panic!("more than {ORDERS_MAX} orders to VPP are waiting, the next is {order:?}")
            }
            // The client has ended, and the loop ends with it.
            Err(TrySendError::Closed(_)) => (),
        }
    }

    fn keep(&mut self, memory: Memory) {
        if let Some(pen) = &self.pen {
            pen.keep(memory);
        }
    }

    fn tell(&mut self, event: &Event, now: Instant) {
        self.meter.tells(event, now);
        (self.observer)(event, now);
    }

    fn offers(&mut self, draft: &Arc<Draft>) {
        if let Some(journal) = &mut self.journal {
            journal.offers(draft);
        }
    }

    fn hears(&mut self, input: &Input, now: Instant) {
        if let Some(journal) = &mut self.journal {
            journal.hears(input, now);
        }
        self.meter.hears(input, self.clock.now());
    }

    fn steps(&mut self, engine: &Engine, actions: &[Action]) {
        self.meter.steps(engine, actions, self.clock.now());
        if let Some(journal) = &mut self.journal {
            journal.steps(engine, actions);
        }
    }

    fn answered(&mut self, began: Instant) {
        self.meter.answered(self.clock.now().since(began));
    }
}
