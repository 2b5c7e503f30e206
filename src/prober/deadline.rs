//! The limit of a probe: what an expiry means, and when it means nothing.
//!
//! A timer that fires says only that time has passed for us. Before it is held against the backend we look at the
//! socket once more, and if we ourselves come late to the expiry we do not judge by it at all.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Poll;
use std::time::Duration;

use maglev_core::config::CheckKind;
use maglev_core::input::{FailCode, LocalFault, Outcome};
use maglev_core::{Clock, GoDuration, Instant};

use super::connection::Wire;
use super::fault;

/// An expiry that is handled later than this, or a tenth of the timeout if that is longer, is a stall of ours.
const LATENESS_MIN: Duration = Duration::from_millis(50);

/// Looks at the socket after the expiry. The first sees what the reactor had not told yet; the second, what needed two
/// steps (a connection that was established and answered while we were away).
const LAST_LOOKS: usize = 2;

/// What a probe is waiting for, so that its expiry can be named.
pub(super) struct Progress(AtomicU8);

const CONNECTION: u8 = 0;
const ECHO: u8 = 1;
const TLS: u8 = 2;
const HTTP: u8 = 3;

impl Progress {
    pub(super) fn new(kind: &CheckKind) -> Self {
        let first = match kind {
            CheckKind::Icmp => ECHO,
            CheckKind::Tcp { .. } | CheckKind::Http { .. } => CONNECTION,
        };
        Self(AtomicU8::new(first))
    }

    pub(super) fn reached_tls(&self) {
        self.0.store(TLS, Ordering::Relaxed);
    }

    pub(super) fn reached_http(&self) {
        self.0.store(HTTP, Ordering::Relaxed);
    }

    fn expired(&self, timeout: Duration) -> Outcome {
        let within = GoDuration(timeout);
        match self.0.load(Ordering::Relaxed) {
            HTTP => fault::fail(FailCode::L7Tout, format!("no complete HTTP response within {within}")),
            TLS => fault::fail(FailCode::L6Tout, format!("TLS handshake not finished within {within}")),
            ECHO => fault::fail(FailCode::L4Tout, format!("no echo reply within {within}")),
            _ => fault::fail(FailCode::L4Tout, format!("no connection within {within}")),
        }
    }
}

/// Runs `io` until it concludes or `timeout` after `began`, whichever is first.
pub(super) async fn limited<C: Clock>(
    clock: &C,
    began: Instant,
    timeout: Duration,
    progress: &Progress,
    io: impl Future<Output = (Outcome, Option<Wire>)>,
) -> (Outcome, Option<Wire>) {
    let deadline = began + timeout;
    let mut io = pin!(io);
    tokio::select! {
        biased;
        done = io.as_mut() => return done,
        () = clock.sleep_until(deadline) => (),
    }
    let late = clock.now().since(deadline);
    for _ in 0..LAST_LOOKS {
        // Yielding lets the reactor ask the kernel for news; without it we would look at what it knew before.
        tokio::task::yield_now().await;
        let look = poll_fn(|cx| Poll::Ready(io.as_mut().poll(cx))).await;
        if let Poll::Ready(done) = look {
            return done;
        }
    }
    if late > (timeout / 10).max(LATENESS_MIN) {
        return (Outcome::Inconclusive(LocalFault::Stalled), None);
    }
    (progress.expired(timeout), None)
}
