//! Time that stands still until somebody moves it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use maglev_core::{Clock, Instant};

#[derive(Default)]
struct Hands {
    now: Instant,
    timers: BTreeMap<(Instant, u64), Waker>,
    made: u64,
}

/// The clock of one process of maglevd.
#[derive(Clone, Default)]
pub struct SimClock(Arc<Mutex<Hands>>);

impl SimClock {
    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is so late; sleepers that are due wake.
    pub fn set(&self, now: Instant) {
        let mut hands = self.hands();
        hands.now = now;
        let later = hands.timers.split_off(&(now, u64::MAX));
        for waker in std::mem::replace(&mut hands.timers, later).into_values() {
            waker.wake();
        }
    }

    /// When the next sleeper wants to wake.
    pub fn next(&self) -> Option<Instant> {
        self.hands().timers.keys().next().map(|(at, _)| *at)
    }
}

impl Clock for SimClock {
    fn now(&self) -> Instant {
        self.hands().now
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send {
        Sleep { clock: self.clone(), at, timer: None }
    }
}

struct Sleep {
    clock: SimClock,
    at: Instant,
    timer: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock.clone();
        let mut hands = clock.hands();
        if self.at <= hands.now {
            return Poll::Ready(());
        }
        let number = *self.timer.get_or_insert_with(|| {
            hands.made += 1;
            hands.made
        });
        hands.timers.insert((self.at, number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.timer {
            self.clock.hands().timers.remove(&(self.at, number));
        }
    }
}
