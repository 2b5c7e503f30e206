//! A real VPP of our own: unprivileged, in a folder of its own, gone when dropped.
//!
//! Needs `MAGLEV_VPP_BIN` (the `vpp` binary, with `vppctl` beside it) and `MAGLEV_VPP_PLUGINS` (the folder with
//! `lb_plugin.so`). It leaves api.sock behind when it dies, as VPP does; that is part of what is tested.

use std::os::unix::fs::chown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// `nobody`, on every Linux.
const NOBODY: u32 = 65534;

/// Some 30 s: VPP is up in less than one, but the machine may be busy with something else.
const START_ATTEMPTS: u32 = 1_500;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// How to start it.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Record every request, for [`VppProcess::api_trace`].
    pub api_trace: bool,
    /// Load the lb plugin.
    pub lb_plugin: bool,
    /// Sleep between two turns, so that a poll costs little; a moved clock then crawls from timer to timer.
    pub naps: bool,
    /// Threads for packets beside the main one.
    pub workers: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self { api_trace: true, lb_plugin: true, naps: true, workers: 0 }
    }
}

/// A VPP process, or the place where one ran.
pub struct VppProcess {
    folder: PathBuf,
    prefix: String,
    child: Option<Child>,
}

impl VppProcess {
    /// Starts VPP with the lb plugin and waits until it accepts API clients.
    pub fn start() -> Self {
        Self::start_with(Settings::default())
    }

    /// Starts VPP otherwise.
    pub fn start_with(settings: Settings) -> Self {
        let prefix = format!("maglevt{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(&prefix);
        std::fs::create_dir_all(&folder).unwrap();
        if is_root() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let mut vpp = Self { folder, prefix, child: None };
        let conf = startup_conf(&vpp.folder, &vpp.prefix, settings);
        std::fs::write(vpp.folder.join("startup.conf"), conf).unwrap();
        vpp.start_again();
        vpp
    }

    /// Starts a new process in the same place. The one before must be gone.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "VPP runs already");
        let child = self.command().spawn().expect("MAGLEV_VPP_BIN can be started");
        self.child = Some(child);
        for _ in 0..START_ATTEMPTS {
            if UnixStream::connect(self.api_socket()).is_ok() {
                return;
            }
            let exited = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(exited.is_none(), "VPP ended at once with {exited:?}:\n{}", self.log());
            pause();
        }
        panic!("VPP does not accept API clients:\n{}", self.log());
    }

    /// kill -9: nothing is tidied up.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            child.wait().unwrap();
        }
    }

    /// kill -9 and a new process.
    pub fn restart(&mut self) {
        self.kill();
        self.start_again();
    }

    /// Stops the process where it stands (SIGSTOP); it keeps its sockets and answers nothing.
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    /// The process id; 0 while there is none.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Whether the process still lives.
    pub fn is_alive(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// The API socket.
    pub fn api_socket(&self) -> PathBuf {
        self.folder.join("api.sock")
    }

    /// The stats socket.
    pub fn stats_socket(&self) -> PathBuf {
        self.folder.join("stats.sock")
    }

    /// What VPP logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("vpp.log")).unwrap_or_default()
    }

    /// What the debug CLI prints for one line.
    pub fn vppctl(&self, line: &str) -> String {
        let output = Command::new(binary().with_file_name("vppctl"))
            .arg("-s")
            .arg(self.folder.join("cli.sock"))
            .args(line.split_whitespace())
            .output()
            .expect("vppctl stands beside vpp");
        // The CLI talks to a terminal.
        String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n")
    }

    /// What VPP's own reader of the stats segment says of all counters whose names have one of these words.
    pub fn stats_dump(&self, words: &[&str]) -> String {
        let output = Command::new(binary().with_file_name("vpp_get_stats"))
            .arg("socket-name")
            .arg(self.stats_socket())
            .arg("dump")
            .args(words)
            .output()
            .expect("vpp_get_stats stands beside vpp");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Every request that VPP received, in order: the message's name and its fields, as VPP decoded them. What VPP
    /// tells its own trace at start-up is left out, and so is the handshake, which VPP does not trace.
    pub fn api_trace(&self) -> Vec<String> {
        let messages = self.api_messages();
        messages.iter().map(describe).filter(|line| !line.starts_with("trace_plugin_msg_ids")).collect()
    }

    /// The same as VPP's own JSON, start-up included.
    pub fn api_messages(&self) -> Vec<serde_json::Value> {
        let name = format!("{}-{}.json", self.prefix, COUNT.fetch_add(1, Ordering::Relaxed));
        let said = self.vppctl(&format!("api trace save-json {name}"));
        // VPP writes into its temp folder, whatever ours is.
        let path = Path::new("/tmp").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|err| panic!("{said}: {err}"));
        std::fs::remove_file(&path).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|err| panic!("{said}: {err}"))
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(self.child.as_ref().expect("VPP runs"));
        rustix::process::kill_process(pid, signal).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = if is_root() {
            let mut setpriv = Command::new("setpriv");
            let (uid, gid) = (format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"));
            setpriv.args([uid.as_str(), gid.as_str(), "--clear-groups"]).arg(binary());
            setpriv
        } else {
            Command::new(binary())
        };
        command.arg("-c").arg(self.folder.join("startup.conf")).current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for VppProcess {
    fn drop(&mut self) {
        self.kill();
        let shared = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
        for entry in shared.filter(|entry| entry.file_name().to_string_lossy().starts_with(&self.prefix)) {
            let _ = std::fs::remove_file(entry.path());
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn startup_conf(folder: &Path, prefix: &str, settings: Settings) -> String {
    let run = folder.display();
    let trace = if settings.api_trace { "api-trace { on nitems 65536 }" } else { "" };
    let naps = if settings.naps { "poll-sleep-usec 100" } else { "" };
    let lb = if settings.lb_plugin { "plugin lb_plugin.so { enable }" } else { "" };
    format!(
        "unix {{ nodaemon nosyslog nobanner cli-no-pager runtime-dir {run} cli-listen {run}/cli.sock \
           log {run}/vpp.log {naps} }}\n\
         api-segment {{ prefix {prefix} }}\n\
         {trace}\n\
         socksvr {{ socket-name {run}/api.sock }}\n\
         statseg {{ socket-name {run}/stats.sock size 16M update-interval 1 }}\n\
         memory {{ main-heap-size 256M main-heap-page-size 4K }}\n\
         buffers {{ buffers-per-numa 4096 default data-size 2048 page-size 4K }}\n\
         physmem {{ max-size 64M }}\n\
         cpu {{ workers {} }}\n\
         plugins {{ path {} plugin default {{ disable }} {lb} }}\n",
        settings.workers,
        plugins().display()
    )
}

/// The message's name, then its own fields; what belongs to the transport is left out.
fn describe(message: &serde_json::Value) -> String {
    let fields = message.as_object().expect("a traced message is an object");
    let name = fields.get("_msgname").and_then(|name| name.as_str()).unwrap_or("?");
    let mut line = name.to_owned();
    for (key, value) in fields {
        if !key.starts_with('_') && key != "client_index" && key != "context" {
            line.push_str(&format!(" {key}={value}"));
        }
    }
    line
}

fn binary() -> PathBuf {
    std::env::var_os("MAGLEV_VPP_BIN").expect("MAGLEV_VPP_BIN names the vpp binary").into()
}

fn plugins() -> PathBuf {
    std::env::var_os("MAGLEV_VPP_PLUGINS")
        .expect("MAGLEV_VPP_PLUGINS names the folder of lb_plugin.so")
        .into()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[expect(clippy::disallowed_methods, reason = "waits for a foreign process, which no clock of ours can move")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}
