//! The real binary as an operator meets it: signals, log lines, exit codes.

use std::fs;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::{Arc, Mutex, mpsc};

use maglev_core::model::{LbConf, ServerRow, VipKey, VipRow, Write};
use maglevd::vpp::server::{Options, Plugin, serve};
use rustix::process::Signal;
use serde_json::Value;
use tokio::net::UnixListener;

use crate::support::backends::PATIENCE;
use crate::support::binary::{Running, maglevd, outcome};
use crate::support::site::{AMS, FRA, Site, file, frontend, table};
use crate::support::vpp_toy::Toy;

/// Flags for a daemon of this site, with ports that the system chooses.
fn flags(site: &Site) -> Vec<String> {
    let (config, socket) = (site.file(), site.file().with_file_name("api.sock"));
    [
        "--config",
        config.to_str().unwrap(),
        "--vpp-api-addr",
        socket.to_str().unwrap(),
        "--vpp-stats-addr=",
        "--grpc-addr=127.0.0.1:0",
        "--grpc-socket=",
        "--metrics-addr=127.0.0.1:0",
    ]
    .map(str::to_owned)
    .to_vec()
}

async fn site() -> Site {
    let site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}, fra: {}")));
    site
}

fn start(site: &Site) -> Running {
    Running::start(maglevd(&[]).args(flags(site)))
}

fn names(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["msg"].as_str().expect("every line has a name")).collect()
}

/// Each name occurs after the one before it.
#[track_caller]
fn assert_in_order(names: &[&str], wanted: &[&str]) {
    let mut rest = names.iter();
    for name in wanted {
        assert!(rest.any(|seen| seen == name), "{name} is missing or too early in {names:?}");
    }
}

/// Blocks in `Running` must not keep the site's own tasks from running.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_with_code_0_and_the_log_tells_the_whole_life_in_order() {
    let site = site().await;
    let mut daemon = start(&site);
    daemon.until("vpp-lb-vip-flush");
    daemon.until("vpp-lb-sync-done");
    daemon.signal(Signal::TERM);
    let (code, lines) = daemon.end();
    assert_eq!(code, 0);
    assert_eq!(site.vpp.table(), table(&[(80, &[(AMS, 100), (FRA, 100)])]), "VPP is left as it is");

    let names = names(&lines);
    assert_in_order(&names, &["starting", "config-loaded", "vpp-lb-warmup-start", "backend-transition"]);
    assert_in_order(&names, &["vpp-lb-warmup-start", "vpp-connect", "vpp-lb-warmup-min-delay-elapsed"]);
    assert_in_order(&names, &["frontend-transition", "vpp-lb-warmup-release", "vpp-lb-warmup-complete"]);
    assert_in_order(
        &names,
        &["vpp-lb-warmup-min-delay-elapsed", "vpp-lb-warmup-release", "vpp-lb-sync-start"],
    );
    assert_in_order(&names, &["vpp-lb-warmup-release", "vpp-lb-conf-set", "vpp-lb-vip-add", "vpp-lb-as-add"]);
    assert_in_order(&names, &["vpp-lb-sync-start", "vpp-lb-as-add", "vpp-lb-vip-flush", "vpp-lb-sync-done"]);
    assert_eq!(names.last(), Some(&"stopping"));
    let start = &lines[0];
    assert!(start["seed"].is_u64(), "the seed is logged: {start}");
    for line in &lines {
        let time = line["time"].as_str().expect("a time");
        assert!(time.len() == 24 && time.ends_with('Z'), "{line}");
        assert!(["DEBUG", "INFO", "WARN", "ERROR"].contains(&line["level"].as_str().unwrap()), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_reloads_and_a_bad_file_changes_nothing() {
    let site = site().await;
    let mut daemon = start(&site);
    daemon.until("vpp-lb-vip-flush");
    site.write("maglev: { frontends: [] }");
    daemon.signal(Signal::HUP);
    let refused = daemon.until("config-check-failed");
    assert_eq!((&refused["kind"], &refused["level"]), (&"structural".into(), &"ERROR".into()));
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}, fra: { weight: 7 }")));
    daemon.signal(Signal::HUP);
    let loaded = daemon.until("config-loaded");
    assert_eq!((&loaded["reload"], &loaded["frontends"]), (&true.into(), &1.into()));
    let changed = daemon.until("vpp-lb-as-weight");
    assert_eq!(changed["call"], format!("set-weight 203.0.113.80 tcp/80 {FRA} weight 7"));
    daemon.signal(Signal::INT);
    assert_eq!(daemon.end().0, 0);
}

/// A VPP that says when its first write begins, and hangs in it as long as the test lives.
struct Hanging(Toy, mpsc::Sender<()>, mpsc::Receiver<()>);

impl Plugin for Hanging {
    fn write(&mut self, _: &Write) -> i32 {
        let _ = self.1.send(());
        let _ = self.2.recv();
        0
    }

    fn conf(&self) -> LbConf {
        self.0.conf()
    }

    fn vips(&self) -> Vec<VipRow> {
        self.0.vips()
    }

    fn servers(&self, like: Option<VipKey>) -> Vec<ServerRow> {
        self.0.servers(like)
    }

    fn verbose(&self) -> String {
        self.0.verbose()
    }

    fn pid(&self) -> u32 {
        self.0.pid()
    }

    fn version(&self) -> String {
        self.0.version()
    }
}

/// The site, what hears of the write, and what keeps VPP in it.
async fn site_with_hanging_vpp() -> (Site, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let mut site = site().await;
    site.vpp.kill();
    let socket = site.file().with_file_name("api.sock");
    std::fs::remove_file(&socket).unwrap();
    let listener = UnixListener::bind(socket).unwrap();
    let (begin, begun) = mpsc::channel();
    let (life, end) = mpsc::channel();
    let plugin = Arc::new(Mutex::new(Hanging(Toy::default(), begin, end)));
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let _ = serve(stream, plugin, Options::default()).await;
    });
    (site, begun, life)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn sigterm_abandons_a_call_that_hangs() {
    let (site, begun, life) = site_with_hanging_vpp().await;
    let daemon = start(&site);
    begun.recv_timeout(PATIENCE).unwrap();
    daemon.signal(Signal::TERM);
    let (code, lines) = daemon.end();
    assert_eq!((code, names(&lines).last()), (0, Some(&"stopping")));
    drop(life);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_second_signal_does_not_wait_for_a_call_that_hangs() {
    for (second, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let (site, begun, life) = site_with_hanging_vpp().await;
        let mut daemon = start(&site);
        begun.recv_timeout(PATIENCE).unwrap();
        daemon.signal(Signal::TERM);
        daemon.until("stopping");
        daemon.signal(second);
        assert_eq!(daemon.end().0, code);
        drop(life);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_address_serves_what_it_is_for() {
    let site = site().await;
    let mut daemon = start(&site);
    let mut answers = Vec::new();
    for _ in 0..2 {
        let listening = daemon.until("listening");
        let mut stream = TcpStream::connect(listening["address"].as_str().unwrap()).unwrap();
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let answer = String::from_utf8_lossy(&bytes).into_owned();
        answers.push((listening["flag"].as_str().unwrap().to_owned(), answer));
    }
    // The API speaks HTTP/2 alone.
    assert_eq!(answers[0].0, "--grpc-addr");
    assert!(!answers[0].1.starts_with("HTTP/1.1 2"), "{}", answers[0].1);
    let (flag, answer) = &answers[1];
    assert_eq!(flag, "--metrics-addr");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\nmaglev_build_info{"), "{answer}");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_named_and_ends_the_start() {
    let site = site().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--grpc-addr", "--metrics-addr"] {
        let free = if flag == "--grpc-addr" { "--metrics-addr" } else { "--grpc-addr" };
        let mut flags = flags(&site);
        flags.retain(|given| !given.starts_with("--grpc") && !given.starts_with("--metrics"));
        let mut command = maglevd(&[flag, &address, free, "127.0.0.1:0"]);
        let (code, log, errors) = outcome(command.args(flags));
        assert_eq!(code, 1);
        for text in [&log, &errors] {
            assert!(text.contains(&address) && text.contains(flag), "{text}");
        }
        assert!(errors.contains("name another port"), "{errors}");
    }
    assert!(site.vpp.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reading_the_log_is_no_reason_to_die() {
    let mut site = site().await;
    let mut child =
        maglevd(&[]).args(flags(&site)).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    site.wait_for_table(&table(&[(80, &[(AMS, 100), (FRA, 100)])])).await;
    site.vpp.kill();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_demo_ends_well_and_leaves_nothing_behind() {
    let folders = || {
        let names = fs::read_dir(std::env::temp_dir()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with("maglevd-demo-")).collect::<Vec<_>>()
    };
    let mut child = maglevd(&["demo", "--for", "8s", "--seed", "1"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    child.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    let pid = child.id().to_string();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{told}");
    assert!(told.contains("VPP holds exactly what is wanted."), "{told}");
    assert!(!told.contains('\x1b'), "no colour without a terminal");
    assert!(!folders().iter().any(|name| name.to_string_lossy().ends_with(&format!("-{pid}"))));
}
