//! The VPP of a measurement: a real one where `MAGLEV_VPP_BIN` names it, else the simulator's model on a real socket.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use maglev_core::Clock;
use maglev_core::model::Write;
use maglev_sim::LbPlugin;
use maglevd::clock::SystemClock;
use maglevd::demo::model::Modelled;
use maglevd::vpp::UnixConnector;
use maglevd::vpp::server::{Options, serve};

use crate::vpp_process::{Settings, VppProcess};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A folder that is gone with its owner.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new one.
    pub fn new() -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("maglevd-bench-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the temporary folder is writable");
        Self(path)
    }

    /// Where something in it stands.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Some VPP. Gone when dropped.
pub enum Vpp {
    /// A process.
    Real(Box<VppProcess>),
    /// A thread.
    Simulated(Folder),
}

impl Vpp {
    /// A fresh one, real if there is one.
    pub fn any() -> Self {
        if std::env::var_os("MAGLEV_VPP_BIN").is_none() {
            return Self::simulated(Load::AsVpp, |_| ());
        }
        let vpp = VppProcess::start_with(Settings { api_trace: false, ..Settings::default() });
        Self::Real(Box::new(vpp))
    }

    /// A simulated one. `hears` is told every write at the moment at which it was read from the socket.
    pub fn simulated(load: Load, hears: impl FnMut(&Write) + Send + 'static) -> Self {
        let folder = Folder::new();
        let clock = SystemClock::start();
        let plugin = LbPlugin::new(1, 1, clock.now());
        let model = Model { plugin, clock, load, hears: Box::new(hears) };
        let listener = UnixListener::bind(folder.join("api.sock")).expect("the folder takes a socket");
        listener.set_nonblocking(true).expect("a listener need not block");
        std::thread::spawn(move || listen(listener, &Arc::new(Mutex::new(model))));
        Self::Simulated(folder)
    }

    /// `real` or `simulated`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Real(_) => "real",
            Self::Simulated(_) => "simulated",
        }
    }

    /// Its API socket.
    pub fn socket(&self) -> PathBuf {
        match self {
            Self::Real(vpp) => vpp.api_socket(),
            Self::Simulated(folder) => folder.join("api.sock"),
        }
    }

    /// What the daemon connects with.
    pub fn connector(&self) -> UnixConnector {
        UnixConnector { api: self.socket(), stats: None }
    }
}

/// Serves every connection until the process ends.
fn listen(listener: UnixListener, model: &Arc<Mutex<Model>>) {
    runtime().block_on(async {
        let listener = tokio::net::UnixListener::from_std(listener).expect("inside a runtime");
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(model), Options::default()));
        }
    });
}

/// A runtime of one thread.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts")
}

/// How much the simulated VPP works for a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// It builds the new-flows table anew at every change, as VPP does.
    AsVpp,
    /// It builds a table when somebody looks.
    Light,
}

struct Model {
    plugin: LbPlugin,
    clock: SystemClock,
    load: Load,
    hears: Box<dyn FnMut(&Write) + Send>,
}

impl Modelled for Model {
    fn plugin(&self) -> &LbPlugin {
        &self.plugin
    }

    fn execute(&mut self, write: &Write) -> i32 {
        (self.hears)(write);
        let retval = self.plugin.write(write, self.clock.now()).expect("no write of a measurement kills VPP");
        if let (Load::AsVpp, Some(vip), true) = (self.load, write.vip(), write.server().is_some()) {
            std::hint::black_box(self.plugin.owners(vip));
        }
        retval
    }
}
