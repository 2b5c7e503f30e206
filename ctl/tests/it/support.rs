//! A daemon with its API on a socket, and the binary that asks it.

#[path = "../../../tests/it/support/kept.rs"]
pub mod kept;
// The site of the daemon's own tests, of which these use a part.
#[allow(dead_code, reason = "the daemon's own tests use the rest")]
#[path = "../../../tests/it/support/scratch.rs"]
pub mod scratch;
#[allow(dead_code, reason = "the daemon's own tests use the rest")]
#[path = "../../../tests/it/support/site.rs"]
pub mod site;

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use maglevd::api::{Doors, Serving};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::pty::Terminal;
use site::{AMS, FRA, LON, Site, file, frontend, table};

/// A site whose API is served on a Unix socket.
pub struct Served {
    site: Site,
    daemon: Option<(Runtime, Serving)>,
}

impl Deref for Served {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl DerefMut for Served {
    fn deref_mut(&mut self) -> &mut Site {
        &mut self.site
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A failed test is in no state to wait for it.
        if let Some((runtime, _)) = self.daemon.take() {
            runtime.shutdown_background();
        }
    }
}

impl Served {
    /// Two frontends with three backends, all of which serve.
    pub async fn start() -> Self {
        let site = Site::new().await;
        let all = frontend("www", 80, "ams: {}, fra: { weight: 50 }") + &frontend("api", 81, "lon: {}");
        site.write(&file(site.farm.port(), &all));
        let mut served = Self { site, daemon: None };
        served.again().await;
        served
    }

    /// Starts the daemon, as another process as far as clients can tell: with it goes all that it had open.
    pub async fn again(&mut self) {
        let runtime = Runtime::new().unwrap();
        let socket = self.socket();
        let doors = runtime.spawn(async move {
            let mut doors = Doors::default();
            doors.take_socket(&socket).await.unwrap();
            doors
        });
        let doors = doors.await.unwrap();
        let inside = runtime.enter();
        self.site.start();
        let serving = self.site.api().serve(doors);
        drop(inside);
        self.daemon = Some((runtime, serving));
        self.settled().await;
    }

    /// Ends the daemon; its socket answers no more.
    pub async fn end(&mut self) {
        let (runtime, serving) = self.daemon.take().expect("a daemon runs");
        drop(serving);
        self.site.stop().await;
        // All that it had open is closed when its threads have ended: the next one takes the same socket.
        tokio::task::spawn_blocking(move || drop(runtime)).await.expect("the runtime ends");
    }

    /// When VPP's table is as the file says.
    pub async fn settled(&self) {
        let wanted = table(&[(80, &[(AMS, 100), (FRA, 50)]), (81, &[(LON, 100)])]);
        self.until_table("all serve", &wanted).await;
    }

    pub fn socket(&self) -> PathBuf {
        self.file().with_file_name("maglevd.sock")
    }

    /// maglevc with these arguments, and nothing of the environment of whoever runs the tests.
    pub fn maglevc(&self, arguments: &[&str]) -> Command {
        let mut command = maglevc(arguments);
        command.env("MAGLEVC_CONNECT", self.socket());
        command
    }

    /// maglevc on a terminal of its own; its history is in the site's folder.
    pub fn terminal(&self, arguments: &[&str], rows: u16, columns: u16) -> Terminal {
        let command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_maglevc")).env_clear();
        let command = command.args(arguments).env("MAGLEVC_CONNECT", self.socket());
        let folder = self.file().parent().unwrap();
        Terminal::start(command.env("XDG_STATE_HOME", folder), rows, columns)
    }

    /// Runs a command line to its end: code, stdout, stderr.
    pub fn run(&self, line: &str) -> (i32, String, String) {
        let words: Vec<&str> = line.split_whitespace().collect();
        outcome(&mut self.maglevc(&words))
    }

    /// What a command line answers that must be carried out.
    pub fn told(&self, line: &str) -> String {
        let (code, out, err) = self.run(line);
        assert_eq!((code, err.as_str()), (0, ""), "{line}: {out}");
        out
    }

    /// The same as JSON.
    pub fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.told(&format!("{line} -o json"))).unwrap()
    }

    /// What a command line complains of that must fail with this code: one line.
    pub fn refused(&self, line: &str, wanted: i32) -> String {
        let (code, out, err) = self.run(line);
        assert_eq!((code, out.as_str(), err.lines().count()), (wanted, "", 1), "{line}: {err}");
        err.trim_end().strip_prefix("maglevc: ").unwrap().into()
    }
}

/// maglevc without a daemon.
pub fn maglevc(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maglevc"));
    command.env_clear().args(arguments).stdin(Stdio::null());
    command
}

/// Code, stdout, stderr.
pub fn outcome(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

/// Snapshots under `snapshots/ctl/`, without what differs from run to run.
pub fn shelf() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("{}/../snapshots/ctl", env!("CARGO_MANIFEST_DIR")));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (what, shown) in [
        (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "[time]"),
        (r#"("?next_probe"?: )(null|"?\[time\]"?)"#, "$1[time or null]"),
        (r#"("?probing"?: )(true|false)"#, "$1[yes or no]"),
        (r#"("?(?:took|elapsed)"?: )[\d.e-]+"#, "$1[seconds]"),
        (r#"("?(?:pid|seed|probes|port)"?: )\d+"#, "$1[number]"),
        (r#"/[^ "]*/maglev.yaml"#, "[file]"),
        (r"unix uid \d+ gid \d+( pid \d+)?", "[caller]"),
        (r"(process: +|probes: +|seed: +)\d+", "$1[number]"),
        (r"\b(\d+d)?(\d+h)?(\d+m)?\d+(\.\d+)?(us|ms|s)( ago)?\b", "[span]"),
        // Columns are as wide as what stood there.
        (r"(\S) {2,}", "$1  "),
        (r"(?m)(http  |^port:  )\d+", "$1[number]"),
    ] {
        settings.add_filter(what, shown);
    }
    settings
}
