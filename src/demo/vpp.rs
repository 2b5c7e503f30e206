//! A VPP that is not one: the simulator's model of the lb plugin, speaking the real binary API on a Unix socket.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use maglev_core::Clock;
use maglev_core::model::{LbConf, Prefix, VipKey, Weight, Write};
use maglev_sim::LbPlugin;

use crate::clock::SystemClock;
use crate::vpp::server::Process;

use super::model::Modelled;

/// VIPs with their servers and weights, as far as they are in use.
pub type Table = BTreeMap<VipKey, BTreeMap<IpAddr, Weight>>;

/// Hears every executed write with VPP's answer.
type Watcher = Box<dyn FnMut(&Write, &str) + Send>;

/// One host's VPP: a process that can be killed and started, and what became of its last life.
pub struct SimVpp {
    path: PathBuf,
    clock: SystemClock,
    machine: Arc<Mutex<Machine>>,
    running: Option<Process>,
}

impl SimVpp {
    /// Starts one that listens on `path`.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn start(
        path: &Path,
        clock: SystemClock,
        watcher: impl FnMut(&Write, &str) + Send + 'static,
    ) -> io::Result<Self> {
        let machine = Machine {
            plugin: LbPlugin::new(4_201, 1_790_000_000, clock.now()),
            clock,
            watcher: Box::new(watcher),
            writes: Vec::new(),
            places: BTreeMap::new(),
            crash: None,
        };
        let machine = Arc::new(Mutex::new(machine));
        let running = Some(Process::start(path, Arc::clone(&machine))?);
        Ok(Self { path: path.to_owned(), clock, machine, running })
    }

    /// Breaks all connections; the process lives on.
    pub fn drop_links(&self) {
        if let Some(running) = &self.running {
            running.drop_links();
        }
    }

    /// Kills the process: its connections end, and its tables are lost. Its socket stays, as after a real VPP's death.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Starts a new process, with empty tables, where the last one was killed.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn revive(&mut self) -> io::Result<()> {
        self.kill();
        let mut machine = self.machine();
        let (pid, boot_time) = (machine.plugin.pid() + 1, machine.plugin.boot_time() + 60);
        machine.plugin = LbPlugin::new(pid, boot_time, self.clock.now());
        machine.places.clear();
        drop(machine);
        self.running = Some(Process::start(&self.path, Arc::clone(&self.machine))?);
        Ok(())
    }

    /// What it holds now.
    pub fn table(&self) -> Table {
        let machine = self.machine();
        let mut table: Table = machine.plugin.vips().iter().map(|row| (row.vip, BTreeMap::new())).collect();
        for row in machine.plugin.servers(None).iter().filter(|row| row.used) {
            // Servers of a deleted VIP still show in dumps.
            if let Some(servers) = table.get_mut(&row.vip) {
                servers.insert(row.server, row.weight);
            }
        }
        table
    }

    /// The global settings that it holds now.
    pub fn conf(&self) -> LbConf {
        self.machine().plugin.conf()
    }

    /// Every write that was executed since the first start, over all restarts.
    pub fn writes(&self) -> Vec<Write> {
        self.machine().writes.clone()
    }

    /// Changes it behind the daemon's back, as somebody with `vppctl` would. Returns VPP's answer.
    ///
    /// # Errors
    /// A real VPP would have died of it.
    pub fn meddle(&self, write: &Write) -> Result<i32, String> {
        let now = self.clock.now();
        self.machine().plugin.write(write, now).map_err(|crash| crash.to_string())
    }

    /// What a real VPP would have died of.
    pub fn crash(&self) -> Option<String> {
        self.machine().crash.clone()
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The process behind the socket.
struct Machine {
    plugin: LbPlugin,
    clock: SystemClock,
    watcher: Watcher,
    writes: Vec<Write>,
    /// VPP has a route to each VIP and to each server. Where its counters are; no place is given to another.
    places: BTreeMap<Prefix, u32>,
    crash: Option<String>,
}

impl Machine {
    fn take_place(&mut self, write: &Write) {
        let prefix = match write {
            Write::AddVip { vip, .. } => vip.prefix,
            Write::AddAs { server, .. } => Prefix::host(*server),
            Write::SetConf(_)
            | Write::DelVip { .. }
            | Write::DelAs { .. }
            | Write::SetWeight { .. }
            | Write::FlushVip { .. } => return,
        };
        let next = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.entry(prefix).or_insert(next);
    }
}

impl Modelled for Machine {
    fn plugin(&self) -> &LbPlugin {
        &self.plugin
    }

    fn execute(&mut self, write: &Write) -> i32 {
        let (retval, answer) = match self.plugin.write(write, self.clock.now()) {
            Ok(0) => (0, String::new()),
            Ok(retval) => (retval, format!("refused: {}", maglev_core::model::retval_name(retval))),
            Err(crash) => {
                self.crash = Some(crash.to_string());
                (-1, crash.to_string())
            }
        };
        if retval == 0 {
            self.take_place(write);
        }
        self.writes.push(write.clone());
        (self.watcher)(write, &answer);
        retval
    }

    fn place(&self, prefix: Prefix) -> Option<u32> {
        let is_server = || {
            let rows = self.plugin.servers(None);
            rows.iter().any(|row| row.used && Prefix::host(row.server) == prefix)
        };
        let is_there = self.plugin.vips().iter().any(|row| row.vip.prefix == prefix) || is_server();
        self.places.get(&prefix).copied().filter(|_| is_there)
    }
}
