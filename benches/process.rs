//! The release binary as a process, with a configuration, a simulated VPP and backends on loopback.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use maglev_core::config::Draft;

use crate::vpp::{Folder, Vpp};

/// A daemon. Ends with its owner.
pub struct Process {
    child: Child,
    folder: Folder,
}

impl Process {
    /// Starts it; its API is at [`Process::socket`] alone. `metrics` is where it shows metrics, if anywhere.
    pub fn start(draft: &Draft, vpp: &Vpp, metrics: &str) -> Self {
        let folder = Folder::new();
        let config = folder.join("maglev.yaml");
        std::fs::write(&config, maglevd::config::print(draft)).expect("the folder is writable");
        let mut command = Command::new(env!("CARGO_BIN_EXE_maglevd"));
        command.arg("--config").arg(&config);
        command.arg("--vpp-api-addr").arg(vpp.socket()).args(["--vpp-stats-addr", ""]);
        command.args(["--grpc-addr", "", "--grpc-socket"]).arg(folder.join("maglevd.sock"));
        command.args(["--metrics-addr", metrics, "--log-level", "warn"]).stdout(Stdio::null());
        Self { child: command.spawn().expect("the binary starts"), folder }
    }

    /// Its API.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("maglevd.sock")
    }

    /// Its number, while it runs.
    ///
    /// # Panics
    /// It has ended.
    pub fn id(&mut self) -> u32 {
        let ended = self.child.try_wait().expect("a child can be asked");
        assert!(ended.is_none(), "the daemon ended with {ended:?}");
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Moves all backends to 127.1.0.0 and up, so that one listener on all of loopback is all of them.
pub fn to_loopback(draft: &mut Draft) {
    for (n, (_, backend)) in draft.backends.iter_mut().enumerate() {
        backend.address = Ipv4Addr::from_bits(0x7f01_0000 + n as u32).into();
    }
}
