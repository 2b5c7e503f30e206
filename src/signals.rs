//! Signals: SIGHUP reloads; SIGTERM and SIGINT stop; a second one of these ends the process at once.

use std::io;
use std::path::PathBuf;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::{join, select};

use crate::daemon::Handle;
use crate::log::Log;
use crate::reload::{ReloadError, Reloader, Source};

/// 128 + SIGINT, as a shell reports it.
const EXIT_SIGINT: i32 = 130;
/// 128 + SIGTERM.
const EXIT_SIGTERM: i32 = 143;

/// Starts to listen. From here on none of the three signals kills the process by itself.
///
/// # Errors
/// The system lets us not handle a signal.
pub fn attend(handle: Handle, reloader: Reloader, file: PathBuf, log: Log) -> io::Result<()> {
    let hangups = signal(SignalKind::hangup())?;
    let (terms, ints) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // Two tasks: a reload of a large file must not hold up a SIGTERM.
    tokio::spawn(reload_on(hangups, reloader, file));
    tokio::spawn(stop_on(terms, ints, handle, log));
    Ok(())
}

async fn reload_on(mut hangups: Signal, reloader: Reloader, file: PathBuf) {
    // Hangups that come while a file is read are one more reload after it.
    while hangups.recv().await.is_some() {
        match reloader.reload(Source::File(file.clone()), false).await {
            // The loop has told what came of it.
            Ok(()) | Err(ReloadError::Refused(_) | ReloadError::Replaced) => (),
            Err(ReloadError::Stopped(_)) => return,
        }
    }
}

async fn stop_on(mut terms: Signal, mut ints: Signal, handle: Handle, log: Log) {
    either(&mut terms, &mut ints).await;
    // If the loop is over already, so is the process. If it hangs, the second signal is heard all the same.
    let (_, code) = join!(handle.shut_down(), either(&mut terms, &mut ints));
    tracing::warn!(code, "second-signal");
    log.finish();
    std::process::exit(code);
}

async fn either(terms: &mut Signal, ints: &mut Signal) -> i32 {
    select! {
        _ = terms.recv() => EXIT_SIGTERM,
        _ = ints.recv() => EXIT_SIGINT,
    }
}
