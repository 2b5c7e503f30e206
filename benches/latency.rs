//! From a transition to `lb_as_set_weight` on the socket, while 10,000 probes a second come in: the real loop, the real
//! prober on loopback, the real client, and a simulated VPP at the other end of a Unix socket.
//!
//! 20,000 backends are well. 200 others share a listener that comes and goes; each time all of them change their
//! state, one by one, as their probes are due. The time runs from the moment at which the prober posts the result that
//! makes the difference until VPP has read the call. What waits in the inbox before that result counts.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use maglev_core::config::{CheckKind, Draft, DraftCheck, DraftPool};
use maglev_core::input::Outcome;
use maglev_core::model::Write;
use maglev_core::{Clock, Config, Engine, Event, Input, Instant, Memory, ProbeId, ProbeOrder};
use maglevd::clock::SystemClock;
use maglevd::daemon::{self, Handle, INPUTS_MAX, Inbox, ORDERS_MAX, Ports};
use maglevd::prober::{Limits, Prober};
use maglevd::vpp::{self, Order, UnixConnector};
use tokio::sync::mpsc;

use crate::listener::Listener;
use crate::table::{Table, Times};
use crate::vpp::{Load, Vpp};
use crate::world::{Shape, checked};

/// 20,000 at one probe every 2s are 10,000 probes a second.
const WELL: usize = 20_000;
/// One in each frontend, so that each transition is one call.
const VICTIMS: usize = 200;
const TURNS: usize = 12;
const TURN: Duration = Duration::from_secs(1);
const WARM_UP: Duration = Duration::from_secs(6);
const MEDIAN_MAX: Duration = Duration::from_micros(200);
const P99_MAX: Duration = Duration::from_millis(1);

/// One run of some twenty seconds.
pub fn measure(table: &mut Table) {
    let clock = SystemClock::start();
    let (well, victims) = (Listener::open(0), Listener::open(0));
    let config = checked(&draft(well.port, victims.port));
    let book = Arc::new(Book::new(clock, victims.port));
    let hears = Arc::clone(&book);
    let vpp = Vpp::simulated(Load::Light, move |write| hears.read_by_vpp(write));

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    runtime.spawn(run_daemon(config, vpp.connector(), Arc::clone(&book)));
    let rate = runtime.block_on(disturb(victims, &book));
    runtime.shutdown_background();
    drop(well);

    let times = book.times();
    assert!(times.count() > VICTIMS, "only {} transitions reached VPP", times.count());
    let met = times.at(50) <= MEDIAN_MAX && times.at(99) <= P99_MAX;
    let what = format!("transition to lb_as_set_weight on the socket, {rate:.0} probes/s");
    table.judged(&what, times.to_string(), "median <= 200 us, 99 % <= 1 ms", met);
}

/// Takes the victims' listener away and brings it back. Returns the rate of probes meanwhile.
async fn disturb(victims: Listener, book: &Book) -> f64 {
    let clock = book.clock;
    clock.sleep_until(clock.now() + WARM_UP).await;
    let (began, before) = (clock.now(), book.probes.load(Ordering::Relaxed));
    book.is_open.store(true, Ordering::Relaxed);
    let mut victims = Some(victims);
    for _ in 0..TURNS {
        victims = if victims.take().is_some() { None } else { Some(Listener::open(book.victims_port)) };
        clock.sleep_until(clock.now() + TURN).await;
    }
    book.is_open.store(false, Ordering::Relaxed);
    let probes = book.probes.load(Ordering::Relaxed) - before;
    probes as f64 / clock.now().since(began).as_secs_f64()
}

fn draft(well_port: u16, victims_port: u16) -> Draft {
    let shape = Shape { backends: WELL + VICTIMS, frontends: VICTIMS, each: 0 };
    let mut draft = shape.draft();
    draft.healthchecks = vec![
        ("tcp".into(), check(well_port, Duration::from_secs(2), 3)),
        // They die and come back by a single result, so that every turn of their listener shows.
        ("victim".into(), check(victims_port, Duration::from_millis(500), 1)),
    ];
    for (n, (_, backend)) in draft.backends.iter_mut().enumerate() {
        backend.address = Ipv4Addr::from_bits(0x7f01_0000 + n as u32).into();
        if n >= WELL {
            backend.healthcheck = Some("victim".into());
        }
    }
    for (n, (_, frontend)) in draft.frontends.iter_mut().enumerate() {
        let well = (n * 99..(n + 1) * 99).map(|m| m % WELL);
        let members = well.chain([WELL + n]).map(|m| (draft.backends[m].0.clone(), 100));
        frontend.pools = vec![DraftPool { name: "primary".into(), backends: members.collect() }];
    }
    draft
}

fn check(port: u16, interval: Duration, fall: u32) -> DraftCheck {
    let kind = CheckKind::Tcp { port, tls: None };
    DraftCheck { interval, fall, rise: 1, ..DraftCheck::new(kind) }
}

/// The daemon as `service.rs` puts it together, with the book between the prober and the inbox.
async fn run_daemon(config: Arc<Config>, connector: UnixConnector, book: Arc<Book>) {
    let clock = book.clock;
    let (_handle, controls) = Handle::new();
    let (inbox, inputs) = mpsc::channel(INPUTS_MAX);
    let (orders, taken) = mpsc::channel(ORDERS_MAX);
    let (posted, results) = mpsc::channel(INPUTS_MAX);
    tokio::spawn(keep(Arc::clone(&book), results, inbox.clone()));
    let client = vpp::run(connector, taken, inbox);
    let prober = Prober::new(clock, posted, Limits::from_rlimit());
    let mut wires = Wires { prober, orders, book };
    let engine = Engine::new(config, 1, Instant::START);
    daemon::run(engine, &clock, Inbox { first: None, inputs, controls }, &mut wires, client).await;
}

/// Passes results on, each with its entry.
async fn keep(book: Arc<Book>, mut results: mpsc::Receiver<Input>, inbox: mpsc::Sender<Input>) {
    while let Some(input) = results.recv().await {
        book.posted(&input);
        if inbox.send(input).await.is_err() {
            return;
        }
    }
}

struct Wires {
    prober: Prober<SystemClock>,
    orders: mpsc::Sender<Order>,
    book: Arc<Book>,
}

impl Ports for Wires {
    fn start_probe(&mut self, order: ProbeOrder) {
        self.book.ordered(&order);
        self.prober.start(order);
    }

    fn cancel_probe(&mut self, probe: ProbeId) {
        self.prober.cancel(probe);
    }

    fn order_vpp(&mut self, order: Order) {
        self.orders.try_send(order).expect("the window is smaller than the channel");
    }

    fn keep(&mut self, _: Memory) {}

    fn tell(&mut self, _: &Event, _: Instant) {}
}

/// When each victim's transition was posted, and when VPP read of it.
struct Book {
    clock: SystemClock,
    victims_port: u16,
    /// Whether transitions are entered.
    is_open: AtomicBool,
    /// All results.
    probes: AtomicU64,
    victims: Mutex<Victims>,
}

#[derive(Default)]
struct Victims {
    addresses: BTreeMap<u32, IpAddr>,
    passed: BTreeMap<u32, bool>,
    posted: BTreeMap<IpAddr, Instant>,
    times: Times,
}

impl Book {
    fn new(clock: SystemClock, victims_port: u16) -> Self {
        let victims = Mutex::default();
        Self { clock, victims_port, is_open: AtomicBool::new(false), probes: AtomicU64::new(0), victims }
    }

    fn victims(&self) -> MutexGuard<'_, Victims> {
        self.victims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn times(&self) -> Times {
        std::mem::take(&mut self.victims().times)
    }

    fn ordered(&self, order: &ProbeOrder) {
        if order.target.kind.port() == Some(self.victims_port) {
            self.victims().addresses.insert(order.probe.slot, order.address);
        }
    }

    fn posted(&self, input: &Input) {
        self.probes.fetch_add(1, Ordering::Relaxed);
        let Input::ProbeFinished { probe, outcome, .. } = input else { return };
        let mut victims = self.victims();
        let Some(address) = victims.addresses.get(&probe.slot).copied() else { return };
        if matches!(outcome, Outcome::Inconclusive(_)) {
            return;
        }
        let passes = *outcome == Outcome::Pass;
        let is_news = victims.passed.insert(probe.slot, passes).is_some_and(|before| before != passes);
        if is_news && self.is_open.load(Ordering::Relaxed) {
            victims.posted.insert(address, self.clock.now());
        }
    }

    /// The first call about it counts; a flush may follow by itself.
    fn read_by_vpp(&self, write: &Write) {
        let now = self.clock.now();
        if let Write::SetWeight { server, .. } = write {
            let mut victims = self.victims();
            if let Some(posted) = victims.posted.remove(server) {
                victims.times.add(now.since(posted));
            }
        }
    }
}
