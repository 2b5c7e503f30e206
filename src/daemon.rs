//! The loop: one input, one `Engine::handle`, its actions posted. Nothing in here waits for anything but the next turn.
//!
//! It spawns nothing, and sleeps only through its `Clock`, so that the very same loop runs in production and on the
//! simulator's executor. What a reader would get wrong: the client of VPP runs inside of it, as a future that is polled
//! before a turn waits for anything, because an order to VPP must never wait behind ten thousand probe results.

mod desk;
mod handle;

use std::future::{Future, pending};
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;

use maglev_core::config::Draft;
use maglev_core::{Action, Clock, Engine, Event, Input, Instant, Memory, ProbeId, ProbeOrder};
use tokio::select;
use tokio::sync::mpsc;

use crate::vpp::Order;
use desk::{Desk, Turn};

pub use handle::{Checked, Control, Handle, Question, Refused, Stopped};

/// Orders to VPP that can wait in the channel at once.
///
/// It is never full. The engine keeps at most 64 calls and one ping unanswered on one connection, so at most 65 calls
/// can be untaken; after a `Disconnect` come no more calls until the client has taken that order and a `Connect`, and
/// has answered the latter. The rest is room for connections given up one after the other.
pub const ORDERS_MAX: usize = 128;

/// Results of probes and replies of VPP that wait for their turn. Their senders wait when it is full.
pub const INPUTS_MAX: usize = 4_096;

/// Everything that reaches the loop.
pub struct Inbox {
    /// Heard before anything else.
    pub first: Option<Input>,
    /// From the adapters.
    pub inputs: mpsc::Receiver<Input>,
    /// From people and signals, by way of a [`Handle`]. They go first: a shutdown must not wait behind results.
    pub controls: mpsc::Receiver<Control>,
}

/// Where actions go. Nothing in here may wait.
pub trait Ports {
    /// Begins a probe.
    fn start_probe(&mut self, order: ProbeOrder);
    /// Gives up a probe.
    fn cancel_probe(&mut self, probe: ProbeId);
    /// Hands an order to the client of VPP.
    fn order_vpp(&mut self, order: Order);
    /// Keeps what operators chose over restarts. What comes of it the engine hears.
    fn keep(&mut self, memory: Memory);
    /// Tells people.
    fn tell(&mut self, event: &Event, now: Instant);
    /// What the engine hears next is a configuration that was checked from this: for who writes it down.
    fn offers(&mut self, _draft: &Arc<Draft>) {}
    /// The engine is about to hear this: for who writes it down.
    fn hears(&mut self, _input: &Input, _now: Instant) {}
    /// The engine has made its step; its actions are posted next.
    fn steps(&mut self, _engine: &Engine, _actions: &[Action]) {}
    /// The loop has answered a question that it took up at this time, without a step of the engine.
    fn answered(&mut self, _began: Instant) {}
}

/// Runs until the engine says [`Action::Exit`].
///
/// `vpp` is the client that takes what [`Ports::order_vpp`] sends; [`pending`] where VPP is not in use.
///
/// # Panics
/// When `vpp` ends, which a client does only after this loop.
pub async fn run<C: Clock, V: Future<Output = ()>>(
    mut engine: Engine,
    clock: &C,
    mut inbox: Inbox,
    ports: &mut impl Ports,
    vpp: V,
) {
    let mut vpp = pin!(vpp);
    let mut desk = Desk::default();
    let mut was_asked = false;
    loop {
        // People who ask without end get every other turn, and no more.
        let first = inbox.first.take();
        let waiting = first.or_else(|| if was_asked { inbox.inputs.try_recv().ok() } else { None });
        was_asked = false;
        let control = match waiting {
            Some(input) => Control::Happened(input),
            None => select! { biased;
                () = &mut vpp => panic!("the client of VPP ended before the loop that orders and hears it"),
                Some(control) = inbox.controls.recv() => {
                    was_asked = true;
                    control
                }
                Some(input) = inbox.inputs.recv() => Control::Happened(input),
                () = wake(clock, &engine) => Control::Happened(Input::WakeupDue),
            },
        };
        let now = clock.now();
        let (offered, audit) = announced(&control);
        let input = match desk.open(control, &engine, now) {
            Turn::Input(input) => input,
            Turn::Served => {
                ports.answered(now);
                continue;
            }
        };
        if let Some(draft) = offered {
            ports.offers(&draft);
        }
        if let Some(event) = audit {
            ports.tell(&event, now);
        }
        ports.hears(&input, now);
        let actions = engine.handle(input, now);
        ports.steps(&engine, &actions);
        desk.close(&actions);
        for action in actions {
            if post(action, ports, &mut desk, now).is_break() {
                return;
            }
        }
    }
}

/// What is told before a new configuration is handled: its draft, and who wants it.
fn announced(control: &Control) -> (Option<Arc<Draft>>, Option<Event>) {
    let Control::Configured { config, forced, by, .. } = control else { return (None, None) };
    let command = if *forced { "reload force" } else { "reload" };
    let audit =
        by.clone().map(|by| Event::OperatorCommand { command: command.into(), lost_on_restart: false, by });
    (config.as_ref().ok().map(|checked| checked.draft.clone()), audit)
}

async fn wake(clock: &impl Clock, engine: &Engine) {
    match engine.wakeup() {
        Some((at, _)) => clock.sleep_until(at).await,
        None => pending().await,
    }
}

fn post(action: Action, ports: &mut impl Ports, desk: &mut Desk, now: Instant) -> ControlFlow<()> {
    match action {
        Action::StartProbe(order) => ports.start_probe(order),
        Action::CancelProbe(probe) => ports.cancel_probe(probe),
        Action::Connect(connection) => ports.order_vpp(Order::Connect(connection)),
        Action::Disconnect(connection) => ports.order_vpp(Order::Disconnect(connection)),
        Action::Call { connection, call, request } => {
            ports.order_vpp(Order::Call { connection, call, request });
        }
        Action::Keep(memory) => ports.keep(*memory),
        Action::Tell(event) => ports.tell(&event, now),
        Action::Answer { request, result } => desk.answer(request, result),
        Action::Exit => return ControlFlow::Break(()),
    }
    ControlFlow::Continue(())
}
