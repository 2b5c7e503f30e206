//! The life of one probe: wait for a permit, prepare, do the I/O under its deadline, answer, hang up politely.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use maglev_core::config::CheckKind;
use maglev_core::input::{LocalFault, Outcome};
use maglev_core::{Clock, GoDuration, Input, Instant, ProbeOrder};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::Shared;
use super::connection::{self, Wire};
use super::deadline::{self, Progress};
use super::fault;
use super::http::Exchange;
use super::icmp::Ping;
use super::socket;
use super::tls::Handshake;

/// A disk or a namespace that keeps a probe waiting for longer than this (or its timeout, if that is longer) is
/// reported instead of waited for, so that every order is answered some day.
const PREPARATION_MAX: Duration = Duration::from_secs(5);

/// How a probe ended, and the connection that is still to be closed in good manners.
struct Conclusion {
    outcome: Outcome,
    took: Duration,
    parting: Option<(Wire, OwnedSemaphorePermit)>,
}

/// Everything about a probe that can go wrong on this host without the backend having a part in it.
enum Prepared {
    Stream {
        socket: socket2::Socket,
        to: SocketAddr,
        handshake: Option<Handshake>,
        exchange: Option<Box<Exchange>>,
    },
    Echo(Ping),
}

/// Carries out one order and answers it, exactly once.
pub(super) async fn attend<C>(shared: Arc<Shared<C>>, order: ProbeOrder, bell: Arc<Notify>)
where
    C: Clock + Clone + Send + Sync + 'static,
{
    let started = OnceLock::new();
    let conclusion = {
        let probe = pin!(guarded(conduct(&shared, &order, &started)));
        tokio::select! {
            biased;
            conclusion = probe => conclusion,
            () = bell.notified() => cancelled(&shared.clock, &started),
        }
    };
    let Conclusion { outcome, took, parting } = conclusion;
    shared.running().remove(&order.probe);
    // A closed inbox means that the daemon is going down; nobody is left to be told.
    let _ = shared.inbox.send(Input::ProbeFinished { probe: order.probe, outcome, took }).await;
    if let Some((wire, _permit)) = parting {
        connection::part(wire, &shared.clock).await;
    }
}

fn cancelled<C: Clock>(clock: &C, started: &OnceLock<Instant>) -> Conclusion {
    let took = started.get().map_or(Duration::ZERO, |&started| clock.now().since(started));
    Conclusion { outcome: Outcome::Inconclusive(LocalFault::Cancelled), took, parting: None }
}

/// Turns a panic into an answer: an order must not be lost to a bug, and a bug of ours is no death of theirs.
async fn guarded(probe: impl Future<Output = Conclusion>) -> Conclusion {
    let mut probe = pin!(probe);
    std::future::poll_fn(|cx| {
        // The future is not polled again after a panic, so nothing half-done is ever looked at.
        catch_unwind(AssertUnwindSafe(|| probe.as_mut().poll(cx))).unwrap_or_else(|_panic| {
            let fault = fault::unusable("the probe panicked: a bug of maglevd, please report it");
            Poll::Ready(local(fault))
        })
    })
    .await
}

/// A conclusion from before the start of any I/O.
fn local(fault: LocalFault) -> Conclusion {
    Conclusion { outcome: Outcome::Inconclusive(fault), took: Duration::ZERO, parting: None }
}

async fn conduct<C>(shared: &Shared<C>, order: &ProbeOrder, started: &OnceLock<Instant>) -> Conclusion
where
    C: Clock + Clone + Send + Sync + 'static,
{
    let Ok(permit) = Arc::clone(&shared.permits).acquire_owned().await else {
        return local(fault::unusable("the prober is shutting down"));
    };
    let prepared = match prepare_in_time(shared, order).await {
        Ok(prepared) => prepared,
        Err(fault) => return local(fault),
    };
    let began = *started.get_or_init(|| shared.clock.now());
    let progress = Progress::new(&order.target.kind);
    let io = run(prepared, &progress);
    let (outcome, wire) = deadline::limited(&shared.clock, began, order.timeout, &progress, io).await;
    let took = shared.clock.now().since(began);
    Conclusion { outcome, took, parting: wire.map(|wire| (wire, permit)) }
}

async fn prepare_in_time<C: Clock + Send + Sync>(
    shared: &Shared<C>,
    order: &ProbeOrder,
) -> Result<Prepared, LocalFault> {
    let limit = order.timeout.max(PREPARATION_MAX);
    let give_up = shared.clock.now() + limit;
    // Boxed, so that the set-up's state is not carried along in every probe's future.
    let preparation: Pin<Box<dyn Future<Output = _> + Send + '_>> = Box::pin(prepare(shared, order));
    tokio::select! {
        biased;
        prepared = preparation => prepared,
        () = shared.clock.sleep_until(give_up) => {
            let words = format!("this host took longer than {} to prepare the probe", GoDuration(limit));
            Err(fault::unusable(words))
        }
    }
}

async fn prepare<C: Clock + Send + Sync>(
    shared: &Shared<C>,
    order: &ProbeOrder,
) -> Result<Prepared, LocalFault> {
    let (port, tls, http) = match &order.target.kind {
        CheckKind::Icmp => {
            let ping = Ping::prepare(&shared.namespaces, order, shared.nonce).await?;
            return Ok(Prepared::Echo(ping));
        }
        CheckKind::Tcp { port, tls } => (*port, tls.as_ref(), None),
        CheckKind::Http { port, http, tls } => (*port, tls.as_ref(), Some(http)),
    };
    let to = SocketAddr::new(order.address, port);
    let handshake = match tls {
        Some(tls) => Some(Handshake::prepare(&shared.trust, tls, order.address, http.is_some()).await?),
        None => None,
    };
    let exchange = match http {
        Some(http) => Some(Box::new(Exchange::prepare(&shared.patterns, http, to, tls.is_some())?)),
        None => None,
    };
    // The socket comes last, so that it exists for no longer than it is needed.
    let socket = socket::stream(&shared.namespaces, &order.target, order.address).await?;
    Ok(Prepared::Stream { socket, to, handshake, exchange })
}

async fn run(prepared: Prepared, progress: &Progress) -> (Outcome, Option<Wire>) {
    match prepared {
        Prepared::Echo(ping) => (ping.run().await, None),
        Prepared::Stream { socket, to, handshake, exchange } => {
            match stream(socket, to, handshake, exchange, progress).await {
                Ok(done) => done,
                Err(outcome) => (outcome, None),
            }
        }
    }
}

async fn stream(
    socket: socket2::Socket,
    to: SocketAddr,
    handshake: Option<Handshake>,
    exchange: Option<Box<Exchange>>,
    progress: &Progress,
) -> Result<(Outcome, Option<Wire>), Outcome> {
    let mut wire: Wire = Box::new(connection::connect(socket, to).await?);
    if let Some(handshake) = handshake {
        progress.reached_tls();
        wire = handshake.run(wire).await?;
    }
    match exchange {
        Some(exchange) => {
            progress.reached_http();
            Ok(exchange.run(wire).await)
        }
        None => Ok((Outcome::Pass, Some(wire))),
    }
}
