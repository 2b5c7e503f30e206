//! Waiting for a condition, with an end.

use std::time::Duration;

/// Some 40 s of pauses: only a hang reaches it, however busy the machine is.
const ATTEMPTS: u32 = 4_000;

/// Looks again and again until `look` is content, and panics with what it said last when it never is.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let mut last = String::new();
    for _ in 0..ATTEMPTS {
        match look().await {
            Ok(seen) => return seen,
            Err(why) => last = why,
        }
        pause().await;
    }
    panic!("waited in vain for this: {what}\n{last}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "between two looks at a foreign process, which no clock of ours moves"
)]
async fn pause() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}
