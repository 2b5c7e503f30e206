//! Signals: SIGHUP reloads; SIGTERM and SIGINT stop; a second one of these ends the process at once.

use std::io;
use std::path::PathBuf;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::{join, select};

use crate::api::Tls;
use crate::daemon::Handle;
use crate::log::Log;
use crate::reload::{ReloadError, Reloader, Source};

/// 128 + SIGINT, as a shell reports it.
const EXIT_SIGINT: i32 = 130;
/// 128 + SIGTERM.
const EXIT_SIGTERM: i32 = 143;

/// The three signals, caught. Those that come before [`Signals::attend`] wait for it.
pub struct Signals {
    hangups: Signal,
    terms: Signal,
    ints: Signal,
}

impl Signals {
    /// From here on none of the three signals kills the process by itself.
    ///
    /// # Errors
    /// The system lets us not handle a signal.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            hangups: signal(SignalKind::hangup())?,
            terms: signal(SignalKind::terminate())?,
            ints: signal(SignalKind::interrupt())?,
        })
    }

    /// Does what the signals say, as long as the runtime lives.
    pub fn attend(self, handle: Handle, reloader: Reloader, file: PathBuf, tls: Option<Tls>, log: Log) {
        // Two tasks: a reload of a large file must not hold up a SIGTERM.
        tokio::spawn(reload_on(self.hangups, reloader, file, tls));
        tokio::spawn(stop_on(self.terms, self.ints, handle, log));
    }
}

async fn reload_on(mut hangups: Signal, reloader: Reloader, file: PathBuf, tls: Option<Tls>) {
    // Hangups that come while a file is read are one more reload after it.
    while hangups.recv().await.is_some() {
        if let Some(tls) = tls.clone() {
            reread(tls).await;
        }
        match reloader.reload(Source::File(file.clone()), false).await {
            // The loop has told what came of it.
            Ok(()) | Err(ReloadError::Refused { .. } | ReloadError::Replaced) => (),
            Err(ReloadError::Stopped(_)) => return,
        }
    }
}

/// Certificates have lives of their own: what is wrong with them is no reason not to reload, nor the other way round.
async fn reread(tls: Tls) {
    match spawn_blocking(move || tls.reread()).await {
        Ok(Ok(())) => tracing::info!("api-certificates-read"),
        Ok(Err(err)) => tracing::error!(%err, "api-certificates-kept"),
        Err(err) => tracing::error!(%err, "api-certificates-kept"),
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
