//! Waiting for a condition, with an end.

use std::time::Duration;

use maglev_core::Clock;
use maglevd::clock::SystemClock;
use tokio::select;

/// Some 40 s of pauses: only a hang reaches it, however busy the machine is.
const ATTEMPTS: u32 = 4_000;

const PAUSE: Duration = Duration::from_millis(10);

/// Looks again and again until `look` is content, and panics with what it said last when it never is.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let clock = SystemClock::start();
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        match look().await {
            Ok(seen) => return seen,
            Err(why) => last = why,
        }
        // Between two looks at a foreign process, which tells nobody when it changes.
        clock.sleep_until(clock.now() + PAUSE).await;
    }
    panic!("waited in vain for this: {what}\n{last}");
}

/// What comes of `work`; nothing if it takes longer than `limit`.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let clock = SystemClock::start();
    select! { biased;
        done = work => Some(done),
        () = clock.sleep_until(clock.now() + limit) => None,
    }
}
