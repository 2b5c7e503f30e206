//! One process of maglevd: loop, client and engine as `service.rs` joins them, with the world at their ends.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use maglev_core::model::Request;
use maglev_core::{Action, Config, ConnectionId, Engine, Event, Input, Instant, Memory, ProbeId, ProbeOrder};
use maglev_sim::world::World;
use maglevd::daemon::{self, Control, INPUTS_MAX, Inbox, ORDERS_MAX, Ports};
use maglevd::vpp::{self, Connector, Order};
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, oneshot};

use super::clock::SimClock;

/// Wishes that may wait; a stalled daemon collects them.
const CONTROLS_MAX: usize = 4_096;

/// What the loop, the client and the runner share.
pub struct Shared {
    pub world: World,
    /// The engine as of its last step.
    pub engine: Option<Engine>,
    input: Option<Input>,
    /// The connection that was ordered last, and whether the client is reaching for it.
    ordered: Option<ConnectionId>,
    /// What became of reaching for it.
    pub reached: Option<io::Result<DuplexStream>>,
    reaching: Option<Waker>,
    /// Calls ordered and not yet arrived, and whether their VIP should serve.
    pub sent: VecDeque<(Request, bool)>,
}

/// Shared between futures that want to be `Send`, though all of them run on one thread.
#[derive(Clone)]
pub struct Common(Arc<Mutex<Shared>>);

impl Common {
    pub fn new(world: World) -> Self {
        let (engine, input, ordered, reached, reaching) = (None, None, None, None, None);
        let sent = VecDeque::new();
        Self(Arc::new(Mutex::new(Shared { world, engine, input, ordered, reached, reaching, sent })))
    }

    pub fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn into_inner(self) -> Shared {
        let mutex = Arc::into_inner(self.0).expect("the process is gone");
        mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Reaching for VPP came to this.
    pub fn reach(&mut self, what: io::Result<DuplexStream>) {
        self.reached = Some(what);
        if let Some(waker) = self.reaching.take() {
            waker.wake();
        }
    }
}

struct SimConnector(Common);

impl Connector for SimConnector {
    type Stream = DuplexStream;

    async fn connect(&mut self) -> io::Result<DuplexStream> {
        {
            let mut shared = self.0.lock();
            let connection = shared.ordered.expect("a connection was ordered");
            let now = shared.world.now();
            shared.reached = None;
            shared.world.link.connect(connection, now);
        }
        poll_fn(|context| {
            let mut shared = self.0.lock();
            match shared.reached.take() {
                Some(reached) => Poll::Ready(reached),
                None => {
                    shared.reaching = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    async fn boot_time(&mut self) -> u64 {
        self.0.lock().world.link.plugin().map_or(0, maglev_sim::LbPlugin::boot_time)
    }
}

struct Wires {
    common: Common,
    orders: mpsc::Sender<Order>,
    controls: mpsc::Sender<Control>,
}

impl Ports for Wires {
    fn start_probe(&mut self, order: ProbeOrder) {
        let mut shared = self.common.lock();
        let now = shared.world.now();
        shared.world.backends.start(&order, now);
    }

    fn cancel_probe(&mut self, probe: ProbeId) {
        let mut shared = self.common.lock();
        let now = shared.world.now();
        shared.world.backends.cancel(probe, now);
    }

    fn order_vpp(&mut self, order: Order) {
        let mut shared = self.common.lock();
        match &order {
            Order::Connect(connection) => {
                shared.ordered = Some(*connection);
                shared.sent.clear();
            }
            Order::Disconnect(connection) => {
                let now = shared.world.now();
                shared.world.link.disconnect(*connection, now);
            }
            Order::Call { request, .. } => {
                let vip = if let Request::Write(write) = request { write.vip() } else { None };
                let serves = |vip| shared.engine.as_ref().is_some_and(|engine| engine.wants_positive(vip));
                let must_serve = vip.is_some_and(serves);
                shared.sent.push_back((request.clone(), must_serve));
            }
        }
        drop(shared);
        self.orders.try_send(order).expect("see ORDERS_MAX");
    }

    fn keep(&mut self, memory: Memory) {
        let kept = self.common.lock().world.keep(&memory);
        self.controls.try_send(Control::Happened(kept)).expect("no scenario wishes so much at once");
    }

    fn tell(&mut self, _event: &Event, _now: Instant) {}

    fn hears(&mut self, input: &Input, _now: Instant) {
        let mut shared = self.common.lock();
        shared.world.hears(input);
        shared.input = Some(input.clone());
    }

    fn steps(&mut self, engine: &Engine, actions: &[Action]) {
        let mut shared = self.common.lock();
        let input = shared.input.take().expect("the engine has heard something");
        shared.world.observe(engine, &input, actions);
        shared.engine = Some(engine.clone());
    }
}

#[derive(Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A running process.
pub struct Process {
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    pub clock: SimClock,
    controls: mpsc::Sender<Control>,
    inputs: mpsc::Sender<Input>,
    bell: Arc<Bell>,
}

impl Process {
    pub fn start(config: Arc<Config>, seed: u64, common: &Common) -> Self {
        let engine = Engine::new(config, seed, Instant::START);
        {
            let mut shared = common.lock();
            shared.engine = Some(engine.clone());
            (shared.ordered, shared.reached, shared.reaching) = (None, None, None);
            shared.sent.clear();
        }
        let clock = SimClock::default();
        let (controls, controls_end) = mpsc::channel(CONTROLS_MAX);
        let (inputs, inputs_end) = mpsc::channel(INPUTS_MAX);
        let (orders, orders_end) = mpsc::channel(ORDERS_MAX);
        let client = vpp::run(SimConnector(common.clone()), orders_end, inputs.clone());
        let first = common.lock().world.recollect();
        let mut wires = Wires { common: common.clone(), orders, controls: controls.clone() };
        let hands = clock.clone();
        let future = Box::pin(async move {
            let inbox = Inbox { first, inputs: inputs_end, controls: controls_end };
            daemon::run(engine, &hands, inbox, &mut wires, client).await;
        });
        let bell = Arc::new(Bell(AtomicBool::new(true)));
        Self { future, clock, controls, inputs, bell }
    }

    pub fn control(&self, input: Input) {
        self.send(match input {
            Input::Commanded { command, by, based_on, .. } => {
                let (answer, _) = oneshot::channel();
                Control::Commanded { command, by, based_on, answer }
            }
            other => Control::Happened(other),
        });
    }

    fn send(&self, control: Control) {
        self.controls.try_send(control).expect("no scenario wishes so much at once");
        self.bell.0.store(true, Ordering::Relaxed);
    }

    pub fn probed(&self, input: Input) {
        self.inputs.try_send(input).expect("the inbox takes what a small world says at once");
        self.bell.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody rang for it.
    pub fn is_rung(&self) -> bool {
        self.bell.0.load(Ordering::Relaxed)
    }

    /// Runs until it waits; true once it has ended.
    pub fn poll(&mut self) -> bool {
        self.bell.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(self.bell.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
    }

    pub fn waker(&self) -> Waker {
        Waker::from(self.bell.clone())
    }
}
