//! The simulated VPP: the simulator's plugin behind the server's side of the real API, on a real Unix socket.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use maglev_core::Clock;
use maglev_core::model::Write;
use maglev_sim::LbPlugin;
use maglevd::clock::SystemClock;
use maglevd::demo::model::Modelled;
use maglevd::vpp::server::Process;

use super::folder::Folder;
use super::vpp::{Received, Vpp};

pub struct Simulated {
    folder: Folder,
    clock: SystemClock,
    lives: u32,
    machine: Arc<Mutex<Machine>>,
    running: Option<Process>,
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
        let mut vpp = Self { folder: Folder::new(), clock, lives: 0, machine, running: None };
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
        self.running = None;
    }

    fn stop(&mut self) {
        self.kill();
    }

    fn start_again(&mut self) {
        assert!(self.running.is_none(), "VPP runs already");
        self.lives += 1;
        self.machine = Arc::new(Mutex::new(Machine::new(self.lives, self.clock)));
        self.running = Some(Process::start(&self.api_socket(), Arc::clone(&self.machine)).unwrap());
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

impl Modelled for Machine {
    fn plugin(&self) -> &LbPlugin {
        &self.plugin
    }

    fn vips_dumped(&self) {
        self.vip_dumps.fetch_add(1, Ordering::Relaxed);
    }

    fn execute(&mut self, write: &Write) -> i32 {
        self.writes.push(write.clone());
        self.plugin.write(write, self.clock.now()).unwrap_or_else(|crash| {
            self.crash = Some(crash.to_string());
            -1
        })
    }
}
