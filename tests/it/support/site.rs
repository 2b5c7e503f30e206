//! A site: the real daemon in this process, a simulated VPP on a real socket, and backends on loopback.
//! `ctl/tests` uses this file as well.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use maglev_core::event::Event;
use maglev_core::model::{Prefix, Protocol, VipKey, Weight};
use maglev_core::{Clock, Instant, View};
use maglevd::api::{Api, Rate};
use maglevd::choices::Choices;
use maglevd::clock::SystemClock;
use maglevd::config::{self, Options};
use maglevd::daemon::{Checked, Handle};
use maglevd::demo::{Farm, SimVpp, Table};
use maglevd::events::Events;
use maglevd::metrics::{self, Counters, Meter, Visitors};
use maglevd::prober::Limits;
use maglevd::reload::{ReloadError, Reloader, Source};
use maglevd::service::Service;
use maglevd::vpp::UnixConnector;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::scratch::Scratch;

/// Long enough that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(30);
const GLANCE: Duration = Duration::from_millis(5);

pub const AMS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 21);
pub const FRA: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 22);
pub const LON: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 23);
pub const STO: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 24);

/// The addresses of every site's farm; its port is its own.
const FARM: [Ipv4Addr; 4] = [AMS, FRA, LON, STO];

/// A file with three backends of the farm, short delays, and the frontends given.
pub fn file(port: u16, frontends: &str) -> String {
    file_with(
        &format!("web: {{ type: http, port: {port}, interval: 100ms, timeout: 2s, rise: 2, fall: 2 }}"),
        frontends,
    )
}

/// The same with another check `web`.
pub fn file_with(web: &str, frontends: &str) -> String {
    format!(
        "maglev:
  vpp:
    lb: {{ ipv4-src-address: 192.0.2.1, ipv6-src-address: '2001:db8::1', sync-interval: 1s,
          startup-min-delay: 400ms, startup-max-delay: 20s, new-flows-table-length: 1024 }}
  healthchecks:
    {web}
  backends:
    ams: {{ address: {AMS}, healthcheck: web }}
    fra: {{ address: {FRA}, healthcheck: web }}
    lon: {{ address: {LON}, healthcheck: web }}
  frontends:
{frontends}
"
    )
}

/// A frontend 203.0.113.`last` tcp/80 with one pool.
pub fn frontend(name: &str, last: u8, backends: &str) -> String {
    format!(
        "    {name}: {{ address: 203.0.113.{last}, protocol: tcp, port: 80, pools: [ {{ name: only, backends: {{ {backends} }} }} ] }}\n"
    )
}

/// The key of such a frontend.
pub fn vip(last: u8) -> VipKey {
    let prefix = Prefix::host(Ipv4Addr::new(203, 0, 113, last).into());
    VipKey { prefix, protocol: Protocol::TCP, port: 80 }
}

/// A table of such frontends: last byte, and weights of addresses.
pub fn table(frontends: &[(u8, &[(Ipv4Addr, u8)])]) -> Table {
    let servers = |servers: &[(Ipv4Addr, u8)]| {
        servers.iter().map(|(address, weight)| (IpAddr::V4(*address), Weight::seen(*weight))).collect()
    };
    frontends.iter().map(|(last, weights)| (vip(*last), servers(weights))).collect()
}

/// Everything at one place.
pub struct Site {
    pub clock: SystemClock,
    pub farm: Farm,
    pub vpp: SimVpp,
    pub scratch: Scratch,
    file: PathBuf,
    /// Where the daemon keeps operators' choices, if it does.
    pub state_dir: Option<PathBuf>,
    daemon: Option<Daemon>,
}

struct Daemon {
    handle: Handle,
    meter: Meter,
    counters: Option<Counters>,
    reloader: Reloader,
    events: Arc<Mutex<Vec<Event>>>,
    records: Events,
    clock: SystemClock,
    task: JoinHandle<()>,
}

impl Site {
    /// Backends that are well, a VPP that runs, and no daemon yet.
    pub async fn new() -> Self {
        let clock = SystemClock::start();
        let farm = Farm::start(&FARM, clock).await.unwrap();
        let scratch = Scratch::new();
        let file: PathBuf = scratch.file("maglev.yaml", "").into();
        let vpp = SimVpp::start(&file.with_file_name("api.sock"), clock, |_, _| ()).unwrap();
        Self { clock, farm, vpp, scratch, file, state_dir: None, daemon: None }
    }

    /// Where the configuration file is; VPP's socket is beside it.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Writes the configuration file.
    pub fn write(&self, text: &str) {
        self.scratch.file("maglev.yaml", text);
    }

    /// Starts the daemon: a new process as far as it can tell.
    pub fn start(&mut self) {
        let loaded = config::read(&self.file, Options::default()).unwrap_or_else(|err| panic!("{err}"));
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        let events = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&events);
        let records = Events::new("this process".to_owned());
        tokio::spawn(records.clone().attend());
        let published = records.clone();
        let clock = SystemClock::start();
        let api = self.file.with_file_name("api.sock");
        let stats = Some(self.file.with_file_name("stats.sock")).filter(|path| path.exists());
        let counters = Counters::new(&UnixConnector { api: api.clone(), stats }, clock);
        let hearing = counters.clone();
        let vpp = Some(UnixConnector { api, stats: None });
        let observer = move |event: &Event, now: Instant| {
            told.lock().unwrap().push(event.clone());
            published.publish(event, now);
            if let Some(counters) = &hearing {
                counters.hears(event);
            }
        };
        let (limits, meter) = (Limits::from_rlimit(), Meter::default());
        let config = Checked { config: loaded.config, draft: loaded.draft };
        let (handle, daemon) = Service {
            clock,
            config,
            seed: 1,
            vpp,
            limits,
            journal: None,
            choices: self.state_dir.as_deref().map(|folder| Choices::open(folder).unwrap()),
            meter: meter.clone(),
            observer,
        }
        .start();
        if let Some(counters) = &counters {
            tokio::spawn(counters.clone().attend(handle.clone()));
        }
        let reloader = Reloader::new(handle.clone(), Options::default());
        self.daemon = Some(Daemon {
            handle,
            meter,
            counters,
            reloader,
            events,
            records,
            clock,
            task: tokio::spawn(daemon),
        });
    }

    /// Stops the daemon like SIGTERM.
    pub async fn stop(&mut self) {
        let daemon = self.daemon.take().expect("a daemon runs");
        daemon.handle.shut_down().await.unwrap();
        daemon.task.await.unwrap();
    }

    /// The API of the daemon that runs.
    pub fn api(&self) -> Api {
        let Daemon { handle, reloader, records, clock, .. } = self.daemon();
        Api {
            handle: handle.clone(),
            reloader: reloader.clone(),
            events: records.clone(),
            clock: *clock,
            file: self.file.clone(),
            options: Options::default(),
            reflection: true,
            changes: Rate::default(),
        }
    }

    pub fn handle(&self) -> &Handle {
        &self.daemon().handle
    }

    /// Serves the daemon's metrics somewhere, for as long as the runtime lives.
    pub async fn serve_metrics(&self) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let Daemon { handle, meter, counters, records, .. } = self.daemon();
        let (handle, meter, events) = (handle.clone(), meter.clone(), records.clone());
        let site = metrics::Site { handle, meter, uses_vpp: true, counters: counters.clone(), events };
        tokio::spawn(Visitors { listener, clock: self.clock, site }.attend());
        address
    }

    /// Writes the file and does what SIGHUP does.
    pub async fn reload(&self, text: &str) -> Result<(), ReloadError> {
        self.write(text);
        self.reload_with(Source::File(self.file.clone()), false).await
    }

    pub async fn reload_with(&self, source: Source, forced: bool) -> Result<(), ReloadError> {
        self.daemon().reloader.reload(source, forced).await
    }

    pub async fn view(&self) -> View {
        self.handle().view().await.unwrap()
    }

    /// The events so far.
    pub fn events(&self) -> Vec<Event> {
        self.daemon().events.lock().unwrap().clone()
    }

    /// Their names.
    pub fn told(&self) -> Vec<&'static str> {
        self.events().iter().map(Event::name).collect()
    }

    /// How often an event was told.
    pub fn count(&self, name: &str) -> usize {
        self.told().iter().filter(|told| **told == name).count()
    }

    /// Waits until the view satisfies `is_so`. `what` is what the test waits for.
    pub async fn until(&self, what: &str, is_so: impl Fn(&View) -> bool) {
        let end = self.clock.now() + PATIENCE;
        loop {
            let view = self.view().await;
            if is_so(&view) {
                return;
            }
            let told = self.told();
            assert!(self.clock.now() < end, "waited in vain until {what}: {view:#?}\nevents: {told:?}");
            self.clock.sleep_until(self.clock.now() + GLANCE).await;
        }
    }

    /// Waits until VPP shows this table, and the daemon agrees that nothing is left to do.
    pub async fn until_table(&self, what: &str, table: &Table) {
        self.until(what, |view| view.in_sync && view.connected && self.vpp.table() == *table).await;
        assert_eq!(self.vpp.crash(), None);
    }

    /// Waits until VPP shows this table, made by a daemon that is not ours to ask.
    pub async fn wait_for_table(&self, table: &Table) {
        let end = self.clock.now() + PATIENCE;
        while self.vpp.table() != *table {
            assert!(self.clock.now() < end, "waited in vain; VPP holds {:?}", self.vpp.table());
            self.clock.sleep_until(self.clock.now() + GLANCE).await;
        }
    }

    fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("a daemon runs")
    }
}
