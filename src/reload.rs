//! Reading the configuration anew, off the loop and in full, before anything is changed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use maglev_core::Author;

use crate::config::{self, ConfigError, Finding, Loaded, Options};
use crate::daemon::{Checked, Handle, Refused, Stopped};
use crate::log::config_warnings;

/// Where a configuration comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file, read once.
    File(PathBuf),
    /// Bytes that somebody sent.
    Bytes {
        /// What messages call them.
        name: String,
        /// The whole text.
        bytes: Vec<u8>,
    },
}

impl Source {
    /// Reads and checks it.
    ///
    /// # Errors
    /// It cannot be read, or breaks rules.
    pub fn read(&self, options: Options) -> Result<Loaded, ConfigError> {
        match self {
            Self::File(path) => config::read(path, options),
            Self::Bytes { name, bytes } => config::parse(bytes, name, options),
        }
    }
}

/// Why a reload changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// Something is wrong with it; the running configuration stays.
    #[error("{refused}")]
    Refused {
        /// What the loop told as well.
        refused: Refused,
        /// All that is wrong with the text, each with its place; empty if the engine refused it.
        findings: Vec<Finding>,
    },
    /// A newer reload came before this one was applied.
    #[error("replaced by a newer reload")]
    Replaced,
    /// The daemon is stopping.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Reloads the configuration. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Reloader {
    handle: Handle,
    options: Options,
    newest: Arc<AtomicU64>,
    /// Held from the look at `newest` until the loop has answered, so that an older one cannot overtake a newer one.
    applying: Arc<Mutex<()>>,
}

impl Reloader {
    /// A reloader for the loop behind `handle`.
    pub fn new(handle: Handle, options: Options) -> Self {
        Self { handle, options, newest: Arc::default(), applying: Arc::default() }
    }

    /// Reads, checks and applies. The newest call wins over those that are not applied yet.
    ///
    /// # Errors
    /// Nothing was changed; see [`ReloadError`].
    pub async fn reload(&self, source: Source, forced: bool) -> Result<(), ReloadError> {
        self.reload_by(source, forced, (None, None)).await.map(drop)
    }

    /// The same, asked for by somebody who is known, and only if the generation in force is the one that it was based on,
    /// where that is given. Returns what is legal in the new one, but probably not meant.
    ///
    /// # Errors
    /// Nothing was changed; see [`ReloadError`].
    pub async fn reload_by(
        &self,
        source: Source,
        forced: bool,
        origin: (Option<Author>, Option<u64>),
    ) -> Result<Vec<Finding>, ReloadError> {
        let ticket = self.newest.fetch_add(1, Ordering::SeqCst) + 1;
        let options = self.options;
        let read = spawn_blocking(move || source.read(options)).await;
        let _turn = self.applying.lock().await;
        if self.newest.load(Ordering::SeqCst) != ticket {
            return Err(ReloadError::Replaced);
        }
        let mut warnings = Vec::new();
        let mut findings = None;
        let config = match read {
            Ok(Ok(loaded)) => {
                config_warnings(&loaded.warnings);
                warnings = loaded.warnings;
                Ok(Checked { config: loaded.config, draft: loaded.draft })
            }
            Ok(Err(err)) => {
                findings = Some(err.findings().to_vec());
                Err(Refused { kind: err.kind(), err: err.to_string() })
            }
            // A bug in the reader must not silence the operator who waits for the new configuration.
            Err(panic) => Err(Refused { kind: "read", err: format!("the reader failed: {panic}") }),
        };
        match self.handle.configure(config, forced, origin).await? {
            Ok(()) => Ok(warnings),
            Err(refused) => Err(ReloadError::Refused { refused, findings: findings.unwrap_or_default() }),
        }
    }
}
