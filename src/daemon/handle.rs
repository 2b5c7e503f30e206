//! How the rest of the process talks to the loop.

use std::fmt;
use std::sync::Arc;

use maglev_core::config::Draft;
use maglev_core::{Author, Command, Config, Denial, Engine, Input, Instant, View};
use tokio::sync::{mpsc, oneshot};

/// Wishes that wait for their turn. Who wishes more, waits.
const CONTROLS_MAX: usize = 64;

/// What people and signals want of the loop.
#[derive(Debug)]
pub enum Control {
    /// Something happened that nobody waits to hear about.
    Happened(Input),
    /// An operator's command.
    Commanded {
        /// What.
        command: Command,
        /// Who, and why.
        by: Author,
        /// The revision of the object that it is founded on, if it is founded on one.
        based_on: Option<u64>,
        /// Who waits.
        answer: oneshot::Sender<Result<(), Denial>>,
    },
    /// The configuration was read anew and checked.
    Configured {
        /// The new one, or why there is none.
        config: Result<Checked, Refused>,
        /// Accept even zero frontends while some are configured.
        forced: bool,
        /// Who, if it was asked for through the API: an audit event tells it.
        by: Option<Author>,
        /// The generation that must be in force, if it matters.
        based_on: Option<u64>,
        /// Who waits.
        answer: oneshot::Sender<Result<(), Refused>>,
    },
    /// Somebody wants to know something.
    Asked(Question),
}

/// What somebody wants to know. It is answered between two turns, and keeps everything else waiting meanwhile.
pub struct Question(Look);

type Look = Box<dyn FnOnce(&Engine, Instant) + Send>;

impl Question {
    pub(super) fn put(self, engine: &Engine, now: Instant) {
        (self.0)(engine, now);
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a question")
    }
}

/// A configuration, and what it was checked from.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The engine takes this.
    pub config: Arc<Config>,
    /// The engine knows nothing of it: it is for who writes down what happens.
    pub draft: Arc<Draft>,
}

/// A configuration was refused; the running one stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{err}")]
pub struct Refused {
    /// `read`, `structural` or `semantic`; or `stale`: another generation is in force than the one it was based on.
    pub kind: &'static str,
    /// All of it, in words.
    pub err: String,
}

/// The loop is over, so nobody will answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the daemon is stopping")
    }
}

impl std::error::Error for Stopped {}

/// Sends wishes to the loop. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    controls: mpsc::Sender<Control>,
}

impl Handle {
    /// A handle and the loop's end of it.
    pub fn new() -> (Self, mpsc::Receiver<Control>) {
        let (controls, receiver) = mpsc::channel(CONTROLS_MAX);
        (Self { controls }, receiver)
    }

    /// Reports something that happened.
    ///
    /// # Errors
    /// The loop is over.
    pub async fn report(&self, input: Input) -> Result<(), Stopped> {
        self.controls.send(Control::Happened(input)).await.map_err(|_| Stopped)
    }

    /// Asks the loop to end: like SIGTERM.
    ///
    /// # Errors
    /// The loop is over already.
    pub async fn shut_down(&self) -> Result<(), Stopped> {
        self.report(Input::ShutdownRequested).await
    }

    /// Gives an operator's command and waits for what comes of it.
    ///
    /// # Errors
    /// The loop is over.
    pub async fn command(&self, command: Command) -> Result<Result<(), Denial>, Stopped> {
        self.command_by(command, Author::default(), None).await
    }

    /// The same, of somebody who is known, and only if what it is about has revision `based_on`, where that is given.
    ///
    /// # Errors
    /// The loop is over.
    pub async fn command_by(
        &self,
        command: Command,
        by: Author,
        based_on: Option<u64>,
    ) -> Result<Result<(), Denial>, Stopped> {
        self.request(|answer| Control::Commanded { command, by, based_on, answer }).await
    }

    /// Puts a checked configuration in force, or lets the loop tell why there is none. The inner error means that the
    /// running one stays: for that reason, or because the engine refused the new one. The last argument is who asked, if
    /// that is to be told, and the generation that must be in force, if that matters.
    ///
    /// # Errors
    /// The loop is over.
    pub async fn configure(
        &self,
        config: Result<Checked, Refused>,
        forced: bool,
        (by, based_on): (Option<Author>, Option<u64>),
    ) -> Result<Result<(), Refused>, Stopped> {
        self.request(|answer| Control::Configured { config, forced, by, based_on, answer }).await
    }

    /// Asks the engine something, as it is between two turns. The loop stands still while `question` looks, so it looks
    /// at little: at most a millisecond of work, which for a large site means in parts.
    ///
    /// # Errors
    /// The loop is over.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Engine, Instant) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        self.request(|answer| {
            Control::Asked(Question(Box::new(move |engine, now| {
                // Whoever asked may have gone meanwhile; that is nobody's fault.
                let _ = answer.send(question(engine, now));
            })))
        })
        .await
    }

    /// A picture of everything. Not for large sites: it is one question.
    ///
    /// # Errors
    /// The loop is over.
    pub async fn view(&self) -> Result<View, Stopped> {
        self.ask(|engine, _| engine.view()).await
    }

    async fn request<T>(&self, control: impl FnOnce(oneshot::Sender<T>) -> Control) -> Result<T, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.controls.send(control(answer)).await.map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }
}
