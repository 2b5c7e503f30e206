//! What systemd hears: the real binary with a real datagram socket, and a loop that never turns.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use maglev_core::{Clock as _, Instant};
use maglevd::clock::SystemClock;
use maglevd::daemon::Handle;
use maglevd::supervisor::{Attendant, WORDS_MAX, Watchdog};
use rustix::process::Signal;
use tokio::sync::mpsc;

use crate::support::binary::{Running, maglevd, outcome};
use crate::support::scratch::{Scratch, unique};

/// Long enough that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(30);

const EMPTY: &str = "maglev: { vpp: { lb: { startup-min-delay: 1s, startup-max-delay: 2s } } }";

/// The supervisor's end.
struct Systemd(UnixDatagram, Vec<String>);

impl Systemd {
    fn at(socket: UnixDatagram) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket, Vec::new())
    }

    fn hear(&mut self) -> String {
        let mut bytes = [0; 4096];
        let length =
            self.0.recv(&mut bytes).unwrap_or_else(|err| panic!("{err}; heard so far: {:#?}", self.1));
        let heard = String::from_utf8(bytes[..length].to_vec()).unwrap();
        assert!(heard.ends_with('\n') && heard.lines().all(|line| line.contains('=')), "{heard:?}");
        self.1.push(heard.clone());
        heard
    }

    /// What is heard next besides pings.
    fn next(&mut self) -> String {
        loop {
            let heard = self.hear();
            if heard != "WATCHDOG=1\n" {
                return heard;
            }
        }
    }

    fn until(&mut self, wanted: &str) -> String {
        loop {
            let heard = self.next();
            if heard.contains(wanted) {
                return heard;
            }
        }
    }
}

struct Supervised {
    scratch: Scratch,
    config: String,
    socket: String,
    systemd: Systemd,
}

impl Supervised {
    fn new(config: &str) -> Self {
        let scratch = Scratch::new();
        let config = scratch.file("maglev.yaml", config);
        let socket = Path::new(&config).with_file_name("notify").to_str().unwrap().to_owned();
        let systemd = Systemd::at(UnixDatagram::bind(&socket).unwrap());
        Self { scratch, config, socket, systemd }
    }

    fn command(&self) -> std::process::Command {
        let mut command = maglevd(&["--config", &self.config, "--vpp-api-addr="]);
        command.args(["--grpc-addr=", "--grpc-socket=", "--metrics-addr="]);
        command.env("NOTIFY_SOCKET", &self.socket).env_remove("WATCHDOG_PID").env_remove("WATCHDOG_USEC");
        command
    }
}

#[test]
fn a_whole_life_is_told() {
    let mut site = Supervised::new(EMPTY);
    let daemon = Running::start(&mut site.command());
    // A busy host may have got further by then; the lines of the phases are tested where they are made.
    let ready = site.systemd.next();
    assert!(ready.starts_with("READY=1\nSTATUS=") && ready.ends_with("; VPP: not in use\n"), "{ready}");
    if !ready.contains("running") {
        site.systemd.until("STATUS=running, 0 frontends; VPP: not in use\n");
    }

    daemon.signal(Signal::HUP);
    let reloading = site.systemd.next();
    let usec =
        reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|rest| rest.split('\n').next());
    assert!(usec.is_some_and(|usec| usec.parse::<u64>().is_ok_and(|usec| usec > 0)), "{reloading}");
    assert_eq!(site.systemd.next(), "READY=1\nSTATUS=running, 0 frontends; VPP: not in use\n");

    site.scratch.file("maglev.yaml", "maglev: { frontend: {} }");
    daemon.signal(Signal::HUP);
    site.systemd.until("RELOADING=1");
    let refused = site.systemd.next();
    let begin = "READY=1\nSTATUS=running, 0 frontends; VPP: not in use; last reload refused: ";
    assert!(refused.starts_with(begin) && refused.contains("frontend: unknown key"), "{refused}");

    site.scratch.file("maglev.yaml", EMPTY);
    daemon.signal(Signal::HUP);
    site.systemd.until("RELOADING=1");
    assert_eq!(site.systemd.next(), "READY=1\nSTATUS=running, 0 frontends; VPP: not in use\n");

    daemon.signal(Signal::TERM);
    assert_eq!(site.systemd.next(), "STOPPING=1\nSTATUS=stopping; VPP is left as it is\n");
    assert_eq!(daemon.end().0, 0);
    site.systemd.0.set_nonblocking(true).unwrap();
    let after = site.systemd.0.recv(&mut [0; 64]).map_err(|err| err.kind());
    assert_eq!(after, Err(ErrorKind::WouldBlock), "nothing is said behind the last word");
}

#[test]
fn pings_come_as_often_as_they_are_wanted() {
    let mut site = Supervised::new(EMPTY);
    let daemon = Running::start(site.command().env("WATCHDOG_USEC", "60000"));
    let mut pings = 0;
    while pings < 10 {
        pings += u32::from(site.systemd.hear() == "WATCHDOG=1\n");
    }
    daemon.signal(Signal::TERM);
    site.systemd.until("STOPPING=1");
    assert_eq!(daemon.end().0, 0);
}

#[test]
fn a_socket_without_a_file_will_do() {
    use std::os::linux::net::SocketAddrExt as _;
    let name = unique("maglevd-notify");
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let mut systemd = Systemd::at(UnixDatagram::bind_addr(&address).unwrap());
    let site = Supervised::new(EMPTY);
    let daemon = Running::start(site.command().env("NOTIFY_SOCKET", format!("@{name}")));
    systemd.until("READY=1");
    daemon.signal(Signal::TERM);
    systemd.until("STOPPING=1");
    assert_eq!(daemon.end().0, 0);
}

#[test]
fn a_start_that_fails_says_why_and_never_that_it_is_ready() {
    let mut site = Supervised::new("maglev: { frontend: {} }");
    let (code, _, _) = outcome(&mut site.command());
    assert_eq!(code, 1);
    let heard = site.systemd.next();
    assert!(heard.starts_with("STATUS=cannot start: ") && heard.contains("frontend: unknown key"), "{heard}");
    assert_eq!(heard.lines().count(), 1);
}

#[test]
fn a_supervisor_that_is_gone_is_no_reason_to_die() {
    let site = Supervised::new(EMPTY);
    let mut daemon = Running::start(site.command().env("NOTIFY_SOCKET", "/nonexistent/notify"));
    daemon.until("notify-failed");
    daemon.signal(Signal::HUP);
    daemon.until("config-loaded");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, 0);
}

/// Time is tokio's, and flies while everybody waits.
#[tokio::test(start_paused = true)]
async fn a_loop_that_never_turns_is_believed_in_for_as_long_as_warm_up_may_take() {
    let clock = SystemClock::start();
    // Held, so that the question waits for ever, as with a loop that hangs.
    let (handle, _controls) = Handle::new();
    let (_words, inbox) = mpsc::channel(WORDS_MAX);
    let watchdog = Some(Watchdog::new(Duration::from_secs(60), Duration::from_secs(90)));
    let attendant = Attendant { handle, words: inbox, watchdog, uses_vpp: true };
    let mut heard = Vec::new();
    tokio::select! {
        () = attendant.attend(&clock, |text| heard.push((clock.now().since_start().as_secs(), text.to_owned()))) => (),
        () = clock.sleep_until(Instant::START + Duration::from_secs(600)) => (),
    }
    let pings: Vec<_> = [0, 20, 40, 60, 80].map(|second| (second, "WATCHDOG=1\n".to_owned())).into();
    assert_eq!(heard, pings, "systemd ends it 60s after the last one, and not before 90s of standing still");
}
