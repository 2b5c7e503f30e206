//! The real daemon, in this process.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use maglev_core::config::Config;
use maglev_core::health::State;
use maglev_core::{Command, Event, View};
use maglevd::clock::SystemClock;
use maglevd::config::{self, Options};
use maglevd::daemon::{Checked, Handle};
use maglevd::journal::Book;
use maglevd::metrics::Meter;
use maglevd::prober::Limits;
use maglevd::reload::{Reloader, Source};
use maglevd::service::Service;
use maglevd::vpp::UnixConnector;
use tokio::task::JoinHandle;

use crate::support::until::until;

pub struct Daemon {
    handle: Handle,
    reloader: Reloader,
    config: Arc<Config>,
    told: Arc<Mutex<Vec<Event>>>,
    running: JoinHandle<()>,
}

impl Daemon {
    /// Starts it with a file of this text.
    pub fn start(yaml: &str, api: PathBuf, stats: Option<PathBuf>) -> Self {
        Self::start_with(yaml, api, stats, None)
    }

    /// The same, with a journal.
    pub fn start_with(yaml: &str, api: PathBuf, stats: Option<PathBuf>, journal: Option<Book>) -> Self {
        let checked = checked(yaml);
        let config = Arc::clone(&checked.config);
        let told = Arc::<Mutex<Vec<Event>>>::default();
        let hears = Arc::clone(&told);
        let (handle, running) = Service {
            clock: SystemClock::start(),
            config: checked,
            seed: 7,
            vpp: Some(UnixConnector { api, stats }),
            limits: Limits { concurrent: 64.try_into().unwrap() },
            journal,
            choices: None,
            meter: Meter::default(),
            observer: move |event: &Event, _| hears.lock().unwrap().push(event.clone()),
        }
        .start();
        let reloader = Reloader::new(handle.clone(), Options::default());
        Self { handle, reloader, config, told, running: tokio::spawn(running) }
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    pub async fn view(&self) -> View {
        self.handle.view().await.expect("the daemon lives")
    }

    /// As SIGHUP does, with a file of this text.
    pub async fn reload(&mut self, yaml: &str) {
        let source = Source::Bytes { name: "story".to_owned(), bytes: yaml.as_bytes().to_vec() };
        self.reloader.reload(source, false).await.expect("a good file");
        self.config = parse(yaml);
    }

    /// An operator's command, which must be accepted.
    pub async fn command(&self, command: Command) {
        self.handle.command(command).await.unwrap().expect("a command that can be carried out");
    }

    /// What people were told so far.
    pub fn told(&self) -> Vec<Event> {
        self.told.lock().unwrap().clone()
    }

    /// How often they were told it.
    pub fn count(&self, name: &str) -> usize {
        self.told.lock().unwrap().iter().filter(|event| event.name() == name).count()
    }

    /// Waits for a verdict.
    pub async fn until_state(&self, backend: &str, state: State) {
        let look = async || {
            let view = self.view().await;
            let seen = view.backends.iter().find(|seen| seen.name == backend).expect("a backend of the file");
            if seen.state == state { Ok(()) } else { Err(format!("{seen:?}")) }
        };
        until(&format!("{backend} is {state}"), look).await;
    }

    /// Waits until people were told something more often than `before`.
    pub async fn until_told(&self, name: &str, before: usize) {
        let look = async || {
            if self.count(name) > before { Ok(()) } else { Err(format!("{:#?}", self.told())) }
        };
        until(&format!("{name} is told"), look).await;
    }

    /// As SIGTERM does; returns everything that was told.
    pub async fn stop(&mut self) -> Vec<Event> {
        self.handle.shut_down().await.unwrap();
        (&mut self.running).await.expect("the daemon ends without a panic");
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

pub fn parse(yaml: &str) -> Arc<Config> {
    checked(yaml).config
}

fn checked(yaml: &str) -> Checked {
    let loaded = config::parse(yaml.as_bytes(), "story", Options::default());
    let loaded = loaded.unwrap_or_else(|err| panic!("{err}"));
    Checked { config: loaded.config, draft: loaded.draft }
}
