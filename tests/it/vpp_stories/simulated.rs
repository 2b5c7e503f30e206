//! The simulated VPP: the simulator's plugin behind the server's side of the real API, on a real Unix socket.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use maglev_core::Clock;
use maglev_core::model::{LbConf, ServerRow, VipKey, VipRow, Write};
use maglev_sim::LbPlugin;
use maglevd::clock::SystemClock;
use maglevd::vpp::server::{Options, Plugin, serve};
use tokio::runtime::Builder;
use tokio::select;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::folder::Folder;
use super::vpp::{Received, Vpp};

pub struct Simulated {
    folder: Folder,
    clock: SystemClock,
    lives: u32,
    machine: Arc<Mutex<Machine>>,
    listening: Option<Listening>,
}

struct Listening {
    death: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Simulated {
    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap()
    }
}

impl Vpp for Simulated {
    fn start() -> Self {
        let clock = SystemClock::start();
        let machine = Arc::new(Mutex::new(Machine::new(1, clock)));
        let mut vpp = Self { folder: Folder::new(), clock, lives: 0, machine, listening: None };
        vpp.start_again();
        vpp
    }

    fn api_socket(&self) -> PathBuf {
        self.folder.path().join("api.sock")
    }

    fn stats_socket(&self) -> Option<PathBuf> {
        None
    }

    fn kill(&mut self) {
        if let Some(Listening { death, thread }) = self.listening.take() {
            // A dead process answers nothing, so this must not return before its connections are gone.
            drop(death);
            thread.join().unwrap();
        }
    }

    fn stop(&mut self) {
        self.kill();
    }

    fn start_again(&mut self) {
        assert!(self.listening.is_none(), "VPP runs already");
        self.lives += 1;
        self.machine = Arc::new(Mutex::new(Machine::new(self.lives, self.clock)));
        let _ = std::fs::remove_file(self.api_socket());
        let listener = UnixListener::bind(self.api_socket()).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (death, dies) = oneshot::channel();
        let machine = Arc::clone(&self.machine);
        // VPP serves all its clients in one thread, in the order in which they spoke.
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_io().build().unwrap();
            runtime.block_on(accept(listener, machine, dies));
        });
        self.listening = Some(Listening { death, thread });
    }

    fn edit(&self, write: &Write) {
        let now = self.clock.now();
        assert_eq!(self.machine().plugin.write(write, now), Ok(0), "{write}");
    }

    fn verbose(&self) -> String {
        self.machine().plugin.verbose()
    }

    fn received(&self) -> Received {
        let machine = self.machine();
        Received { writes: machine.writes.clone(), vip_dumps: machine.vip_dumps.load(Ordering::Relaxed) }
    }

    fn harm(&self) -> Vec<String> {
        let machine = self.machine();
        let wild = machine.plugin.wild_flushes();
        let wild = (wild > 0).then(|| format!("{wild} flushes of VIPs that were not there"));
        machine.crash.iter().cloned().chain(wild).collect()
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn accept(listener: UnixListener, machine: Arc<Mutex<Machine>>, mut dies: oneshot::Receiver<()>) {
    let listener = tokio::net::UnixListener::from_std(listener).unwrap();
    let mut connections = JoinSet::new();
    loop {
        select! {
            _ = &mut dies => return connections.shutdown().await,
            accepted = listener.accept() => {
                let (stream, _) = accepted.unwrap();
                connections.spawn(serve(stream, Arc::clone(&machine), Options::default()));
            }
        }
    }
}

/// One life of the process.
struct Machine {
    plugin: LbPlugin,
    clock: SystemClock,
    writes: Vec<Write>,
    vip_dumps: AtomicUsize,
    crash: Option<String>,
}

impl Machine {
    fn new(life: u32, clock: SystemClock) -> Self {
        let boot_time = 1_795_000_000 + u64::from(life);
        let plugin = LbPlugin::new(1_000 + life, boot_time, clock.now());
        Self { plugin, clock, writes: Vec::new(), vip_dumps: AtomicUsize::new(0), crash: None }
    }
}

impl Plugin for Machine {
    fn write(&mut self, write: &Write) -> i32 {
        self.writes.push(write.clone());
        self.plugin.write(write, self.clock.now()).unwrap_or_else(|crash| {
            self.crash = Some(crash.to_string());
            -1
        })
    }

    fn conf(&self) -> LbConf {
        self.plugin.conf()
    }

    fn vips(&self) -> Vec<VipRow> {
        self.vip_dumps.fetch_add(1, Ordering::Relaxed);
        self.plugin.vips()
    }

    fn servers(&self, like: Option<VipKey>) -> Vec<ServerRow> {
        self.plugin.servers(like)
    }

    fn verbose(&self) -> String {
        self.plugin.verbose()
    }

    fn pid(&self) -> u32 {
        self.plugin.pid()
    }

    fn version(&self) -> String {
        "26.10-simulated".to_owned()
    }
}
