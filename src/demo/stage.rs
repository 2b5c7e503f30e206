//! The stage: a temporary folder, backends, a VPP and the real daemon, and how a beat changes them.

use std::fs::{DirBuilder, remove_dir_all, write};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use maglev_core::engine::BackendView;
use maglev_core::health::State;
use maglev_core::input::Command;
use maglev_core::model::Write;
use maglev_core::{Event, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::farm::{Farm, Mood};
use super::plan::{BACKENDS, Plan};
use super::script::{Beat, LATECOMER};
use super::timeline::{Timeline, Tone, Who};
use super::verdict::Verdict;
use super::vpp::SimVpp;
use super::words;
use crate::api::{Api, Doors, Rate, Serving};
use crate::clock::SystemClock;
use crate::config::{Loaded, Options, read};
use crate::daemon::{Checked, Handle, Stopped};
use crate::events::Events;
use crate::journal::{Book, BookError};
use crate::metrics::{Meter, Site, Visitors};
use crate::prober::Limits;
use crate::reload::{ReloadError, Reloader, Source};
use crate::service::Service;
use crate::vpp::UnixConnector;

/// A whole evening of the demo's six backends.
const JOURNAL_SIZE: u64 = 64 << 20;

/// A folder that goes when the demo does.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("maglevd-demo-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = remove_dir_all(&self.0);
    }
}

/// Why the curtain stays down, or falls early.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// This host does not let us play.
    #[error("the demo needs a temporary folder and 127.0.0.0/8: {0}")]
    System(#[from] io::Error),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] BookError),
    /// A bug: our own file is not accepted.
    #[error("the demo's own file is refused: {0}")]
    Config(#[from] crate::config::ConfigError),
    /// A bug: the daemon ended by itself.
    #[error("the daemon has ended: {0}")]
    Stopped(#[from] Stopped),
}

/// Everything that plays.
pub struct Stage {
    timeline: Timeline,
    file: PathBuf,
    socket: PathBuf,
    seed: u64,
    journal: Option<PathBuf>,
    plan: Plan,
    farm: Farm,
    vpp: SimVpp,
    is_vpp_up: bool,
    handle: Handle,
    reloader: Reloader,
    daemon: JoinHandle<()>,
    /// Where the API listens, also after a restart of the daemon.
    address: SocketAddr,
    serving: Option<Serving>,
    // Last, so that the folder goes after all who use it.
    _folder: Folder,
}

impl Stage {
    /// Builds everything and starts the daemon.
    ///
    /// # Errors
    /// This host does not let us.
    pub async fn build(
        seed: u64,
        journal: Option<PathBuf>,
        clock: SystemClock,
        timeline: Timeline,
    ) -> Result<Self, StageError> {
        let folder = Folder::new()?;
        let addresses: Vec<Ipv4Addr> = BACKENDS.iter().map(|(_, address)| *address).collect();
        let farm = Farm::start(&addresses, clock).await?;
        let plan = Plan::new(farm.port());
        timeline.say(
            Who::World,
            Tone::Plain,
            &format!("{} backends on port {}", addresses.len(), farm.port()),
        );

        let (file, socket) = (folder.0.join("maglev.yaml"), folder.0.join("api.sock"));
        write(&file, plan.yaml())?;
        let vpp = SimVpp::start(&socket, clock, vpp_lines(timeline.clone()))?;
        timeline.say(Who::World, Tone::Plain, &format!("a simulated VPP on {}", socket.display()));

        farm.set(LATECOMER, Mood::Silent);
        timeline.say(Who::World, Tone::Bad, &format!("{} {}", name(LATECOMER), Mood::Silent.words()));

        let book = book(journal.as_deref())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let events = Events::new("the demo's first daemon".to_owned());
        let (handle, daemon) =
            start_daemon(&file, &socket, seed, book, clock, (timeline.clone(), events.clone())).await?;
        let reloader = Reloader::new(handle.clone(), Options::default());
        let serving = serve(listener, &handle, &reloader, events, clock, &file);
        timeline.say(Who::Daemon, Tone::Plain, &format!("the API listens on {address}"));
        Ok(Self {
            address,
            serving: Some(serving),
            timeline,
            file,
            socket,
            seed,
            journal,
            plan,
            farm,
            vpp,
            is_vpp_up: true,
            handle,
            reloader,
            daemon,
            _folder: folder,
        })
    }

    /// A new process has a new clock, and warm-up starts from the beginning.
    async fn restart_daemon(&mut self) -> Result<(), StageError> {
        self.say(Tone::Plain, "the daemon is restarted, VPP forwards on");
        self.handle.shut_down().await?;
        (&mut self.daemon).await.map_err(io::Error::from)?;
        self.serving = None;
        let timeline = self.timeline.clone();
        let book = book(self.journal.as_deref())?;
        let clock = SystemClock::start();
        let events = Events::new(format!("the demo's daemon of {:x}", clock.began().as_nanos()));
        (self.handle, self.daemon) =
            start_daemon(&self.file, &self.socket, self.seed, book, clock, (timeline, events.clone()))
                .await?;
        self.reloader = Reloader::new(self.handle.clone(), Options::default());
        // Somebody may have taken the port meanwhile: the story goes on without the API.
        if let Ok(listener) = TcpListener::bind(self.address).await {
            let (handle, reloader) = (&self.handle, &self.reloader);
            self.serving = Some(serve(listener, handle, reloader, events, clock, &self.file));
        }
        Ok(())
    }

    /// Lets one thing happen.
    ///
    /// # Errors
    /// The daemon has ended, or this host has no room for a file.
    pub async fn play(&mut self, beat: Beat) -> Result<(), StageError> {
        match beat {
            Beat::Feel(one, mood) => self.feel(one, mood),
            Beat::Pause(one) => {
                self.command(Command::Pause { backend: name(one).to_owned() }).await?;
            }
            Beat::Resume(one) => {
                self.command(Command::Resume { backend: name(one).to_owned() }).await?;
            }
            Beat::Weigh(one, weight) => {
                if let Some(slot) = self.plan.weights.get_mut(one) {
                    *slot = weight;
                }
                self.reload(&format!("the file gives {} weight {weight}; SIGHUP", name(one))).await?;
            }
            Beat::ToggleShop => {
                self.plan.has_shop = !self.plan.has_shop;
                let change = if self.plan.has_shop { "gains" } else { "loses" };
                self.reload(&format!("the file {change} the frontend shop; SIGHUP")).await?;
            }
            Beat::BreakFile => {
                self.say(Tone::Bad, "a slip of the pen in the file; SIGHUP");
                write(&self.file, self.plan.broken_yaml())?;
                self.hang_up().await?;
                write(&self.file, self.plan.yaml())?;
            }
            Beat::DropLink => {
                self.say(Tone::Bad, "the link to VPP breaks");
                self.vpp.drop_links();
            }
            Beat::RestartDaemon => self.restart_daemon().await?,
            Beat::KillVpp => {
                self.say(Tone::Bad, "VPP is killed, its tables are lost");
                self.vpp.kill();
                self.is_vpp_up = false;
            }
            Beat::StartVpp => {
                self.vpp.revive()?;
                self.is_vpp_up = true;
                self.say(Tone::Good, "VPP starts again, with empty tables");
            }
        }
        Ok(())
    }

    /// Makes everything well that the story left ill.
    ///
    /// # Errors
    /// The daemon has ended.
    pub async fn heal(&mut self) -> Result<(), StageError> {
        self.say(Tone::Plain, "all is made well for a quiet end");
        for one in 0..BACKENDS.len() {
            if self.farm.mood(one) != Some(Mood::Well) {
                self.feel(one, Mood::Well);
            }
        }
        if !self.is_vpp_up {
            self.play(Beat::StartVpp).await?;
        }
        let paused = |backend: &&BackendView| backend.state == State::Paused;
        let view = self.handle.view().await?;
        let paused: Vec<_> =
            view.backends.iter().filter(paused).map(|backend| backend.name.clone()).collect();
        for backend in paused {
            self.command(Command::Resume { backend }).await?;
        }
        Ok(())
    }

    /// Whether everything is up and VPP is as wanted, with nothing under way.
    ///
    /// # Errors
    /// The daemon has ended.
    pub async fn is_quiet(&self) -> Result<bool, StageError> {
        let view = self.handle.view().await?;
        let all_up = view.backends.iter().all(|backend| backend.state == State::Up);
        Ok(all_up && view.connected && view.in_sync && Verdict::new(self.vpp.table(), &view).is_equal())
    }

    /// Stops the daemon like SIGTERM, prints both tables, and says whether they are equal and VPP survived.
    ///
    /// # Errors
    /// The daemon has ended before.
    pub async fn end(self) -> Result<bool, StageError> {
        let view = self.handle.view().await?;
        self.handle.shut_down().await?;
        let ended = self.daemon.await;
        let verdict = Verdict::new(self.vpp.table(), &view);
        verdict.print(&self.timeline);
        if let Some(crash) = self.vpp.crash() {
            self.timeline.print(Tone::Bad, &format!("  {crash}"));
        }
        Ok(verdict.is_equal() && self.vpp.crash().is_none() && ended.is_ok())
    }

    fn feel(&self, one: usize, mood: Mood) {
        let tone = if mood == Mood::Well { Tone::Good } else { Tone::Bad };
        self.say(tone, &format!("{} {}", name(one), mood.words()));
        self.farm.set(one, mood);
    }

    async fn command(&self, command: Command) -> Result<(), StageError> {
        self.say(Tone::Plain, &format!("operator: {command}"));
        if let Err(denial) = self.handle.command(command).await? {
            self.say(Tone::Bad, &format!("denied: {denial}"));
        }
        Ok(())
    }

    async fn reload(&self, what: &str) -> Result<(), StageError> {
        self.say(Tone::Plain, what);
        write(&self.file, self.plan.yaml())?;
        self.hang_up().await
    }

    /// What SIGHUP does.
    async fn hang_up(&self) -> Result<(), StageError> {
        match self.reloader.reload(Source::File(self.file.clone()), false).await {
            // The daemon has told what came of it.
            Ok(()) | Err(ReloadError::Refused { .. } | ReloadError::Replaced) => Ok(()),
            Err(ReloadError::Stopped(stopped)) => Err(stopped.into()),
        }
    }

    fn say(&self, tone: Tone, what: &str) {
        self.timeline.say(Who::World, tone, what);
    }
}

fn name(one: usize) -> &'static str {
    BACKENDS.get(one).map_or("nobody", |(name, _)| name)
}

fn vpp_lines(timeline: Timeline) -> impl FnMut(&Write, &str) + Send + 'static {
    move |write, answer| match answer {
        "" => timeline.say(Who::Vpp, Tone::Plain, &write.to_string()),
        _ => timeline.say(Who::Vpp, Tone::Bad, &format!("{write}: {answer}")),
    }
}

fn book(journal: Option<&Path>) -> Result<Option<Book>, BookError> {
    journal.map(|path| Book::open(path, JOURNAL_SIZE)).transpose()
}

fn serve(
    listener: TcpListener,
    handle: &Handle,
    reloader: &Reloader,
    events: Events,
    clock: SystemClock,
    file: &Path,
) -> Serving {
    let (handle, reloader, file) = (handle.clone(), reloader.clone(), file.to_owned());
    let options = Options::default();
    Api { handle, reloader, events, clock, file, options, reflection: true, changes: Rate::default() }
        .serve(Doors { tcp: Some(listener), ..Doors::default() })
}

async fn start_daemon(
    file: &Path,
    socket: &Path,
    seed: u64,
    journal: Option<Book>,
    clock: SystemClock,
    (timeline, events): (Timeline, Events),
) -> Result<(Handle, JoinHandle<()>), StageError> {
    let Loaded { config, draft, .. } = read(file, Options::default())?;
    let config = Checked { config, draft };
    let teller = timeline.clone();
    tokio::spawn(events.clone().attend());
    let published = events.clone();
    let observer = move |event: &Event, now: Instant| {
        published.publish(event, now);
        if let Some((tone, text)) = words::tell(event) {
            teller.say(Who::Daemon, tone, &text);
        }
    };
    let vpp = Some(UnixConnector { api: socket.to_owned(), stats: None });
    let limits = Limits::from_rlimit();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let page = format!("metrics on http://{}/metrics", listener.local_addr()?);
    timeline.say(Who::World, Tone::Plain, &page);
    let meter = Meter::default();
    let (handle, daemon) =
        Service { clock, config, seed, vpp, limits, journal, choices: None, meter: meter.clone(), observer }
            .start();
    let site = Site { handle: handle.clone(), meter, uses_vpp: true, counters: None, events };
    let visitors = tokio::spawn(Visitors { listener, clock, site }.attend());
    let running = tokio::spawn(async move {
        daemon.await;
        visitors.abort();
    });
    Ok((handle, running))
}
