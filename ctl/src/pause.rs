//! The one file of the client that waits for time to pass: between two attempts to reach a daemon.

use std::time::Duration;

/// Between two attempts: short enough for whoever restarts a daemon and looks on.
pub const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(500);

/// Waits.
#[expect(
    clippy::disallowed_methods,
    reason = "no clock of the daemon's is here, and nothing depends on how long it is"
)]
pub async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}
