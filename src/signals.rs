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
use crate::supervisor::Herald;

/// 128 + SIGINT, as a shell reports it.
const EXIT_SIGINT: i32 = 130;
/// 128 + SIGTERM.
const EXIT_SIGTERM: i32 = 143;

/// What is done about a signal, and with what.
pub struct Means {
    /// Ends the loop.
    pub handle: Handle,
    /// Reads the configuration anew.
    pub reloader: Reloader,
    /// The configuration.
    pub file: PathBuf,
    /// The API's certificates, which are read anew as well.
    pub tls: Option<Tls>,
    /// Written out before the process is ended at once.
    pub log: Log,
    /// Tells the supervisor.
    pub herald: Herald,
}

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
    pub fn attend(self, means: Means) {
        let Means { handle, reloader, file, tls, log, herald } = means;
        // Two tasks: a reload of a large file must not hold up a SIGTERM.
        tokio::spawn(reload_on(self.hangups, reloader, file, tls, herald.clone()));
        tokio::spawn(stop_on(self.terms, self.ints, handle, log, herald));
    }
}

async fn reload_on(mut hangups: Signal, reloader: Reloader, file: PathBuf, tls: Option<Tls>, herald: Herald) {
    // Hangups that come while a file is read are one more reload after it.
    while hangups.recv().await.is_some() {
        herald.reloading();
        if let Some(tls) = tls.clone() {
            reread(tls).await;
        }
        match reloader.reload(Source::File(file.clone()), false).await {
            // The loop has told people what came of it.
            Ok(()) | Err(ReloadError::Replaced) => herald.reloaded(None),
            Err(ReloadError::Refused { refused, .. }) => herald.reloaded(Some(refused.err)),
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

async fn stop_on(mut terms: Signal, mut ints: Signal, handle: Handle, log: Log, herald: Herald) {
    either(&mut terms, &mut ints).await;
    herald.stopping();
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
