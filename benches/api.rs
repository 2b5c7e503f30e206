//! What an operator and Prometheus wait for: `maglevc show` and a scrape, of 1,000 frontends of 100 backends each.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use maglev_core::Clock;
use maglev_core::config::{CheckKind, DraftCheck};
use maglevd::clock::SystemClock;

use crate::listener::Listener;
use crate::process::{Process, to_loopback};
use crate::table::{Table, Times};
use crate::vpp::{Load, Vpp, runtime};
use crate::world::Shape;

/// Each backend is in two frontends.
const SHAPE: Shape = Shape { backends: 50_000, frontends: 1_000, each: 100 };
/// Some 1,700 probes a second: what is measured is the answer, beside a daemon that has something to do.
const INTERVAL: Duration = Duration::from_secs(30);
const READY_MAX: Duration = Duration::from_secs(180);
const GLANCE: Duration = Duration::from_millis(200);
const TIMES: usize = 20;
/// Bytes that are read at once. What the loop took stands in the last of them.
const PIECE: usize = 256 << 10;
const SHOW_MAX: Duration = Duration::from_millis(200);
const SCRAPE_MAX: Duration = Duration::from_millis(250);

/// One daemon for both.
pub fn show_and_scrape(table: &mut Table) {
    let backends = Listener::open(0);
    let vpp = Vpp::simulated(Load::Light, |_| ());
    let mut draft = SHAPE.draft();
    let kind = CheckKind::Tcp { port: backends.port, tls: None };
    draft.healthchecks = vec![("tcp".into(), DraftCheck { interval: INTERVAL, ..DraftCheck::new(kind) })];
    to_loopback(&mut draft);
    let page = free_port();
    let daemon = Process::start(&draft, &vpp, &page.to_string());
    until_ready(page);
    show(table, &daemon.socket());
    scrape(table, page);
}

/// A port that nobody has now; the daemon takes it in a moment.
fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("it is bound")
}

fn until_ready(page: SocketAddr) {
    let clock = SystemClock::start();
    let (end, mut answer) = (clock.now() + READY_MAX, Vec::new());
    while get(page, "/readyz", &mut answer).is_none() || !answer.starts_with(b"HTTP/1.0 200") {
        assert!(clock.now() < end, "not ready: {}", String::from_utf8_lossy(&answer));
        runtime().block_on(clock.sleep_until(clock.now() + GLANCE));
    }
}

/// The end of what comes back, all of a short answer; `None` while nobody listens.
fn get(page: SocketAddr, path: &str, tail: &mut Vec<u8>) -> Option<()> {
    let mut stream = TcpStream::connect(page).ok()?;
    // Not 1.1: without chunks, whose lines would stand between those of the text.
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    // The two latest pieces: to move all the bytes about once more would be a part of what is measured.
    let (mut piece, mut before) = (vec![0; PIECE], Vec::new());
    loop {
        let count = fill(&mut stream, &mut piece)?;
        if count < PIECE {
            before.extend_from_slice(&piece[..count]);
            *tail = before;
            return Some(());
        }
        before.resize(PIECE, 0);
        std::mem::swap(&mut piece, &mut before);
    }
}

/// Reads until `piece` is full or nothing more comes.
fn fill(stream: &mut TcpStream, piece: &mut [u8]) -> Option<usize> {
    let mut filled = 0;
    while filled < piece.len() {
        match stream.read(&mut piece[filled..]).ok()? {
            0 => break,
            count => filled += count,
        }
    }
    Some(filled)
}

/// From the start of the client's process to its end, with all that it printed read.
fn show(table: &mut Table, socket: &Path) {
    let client = client();
    let clock = SystemClock::start();
    // Words, and the lines that there are at least.
    let commands: [(&[&str], usize); 4] = [
        (&["show", "frontends"], SHAPE.frontends),
        (&["show", "backends"], SHAPE.backends),
        (&["show", "vpp", "lb", "state"], SHAPE.frontends * SHAPE.each),
        (&["-o", "json", "show", "frontends"], SHAPE.frontends * SHAPE.each),
    ];
    for (words, lines) in commands {
        let mut times = Times::default();
        for _ in 0..TIMES {
            let began = clock.now();
            let output = Command::new(&client).arg("--connect").arg(socket).args(words).output();
            let output = output.expect("the client starts");
            times.add(clock.now().since(began));
            let found = output.stdout.iter().filter(|byte| **byte == b'\n').count();
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && found >= lines, "{words:?}: {found} lines, {error}");
        }
        table.median(&format!("maglevc {}, 1,000 x 100", words.join(" ")), &times, SHOW_MAX);
    }
}

/// `make bench` builds it beside the daemon.
fn client() -> PathBuf {
    let client = Path::new(env!("CARGO_BIN_EXE_maglevd")).with_file_name("maglevc");
    assert!(client.exists(), "no {}: cargo build --release -p maglev-ctl", client.display());
    client
}

fn scrape(table: &mut Table, page: SocketAddr) {
    let clock = SystemClock::start();
    let (mut times, mut text) = (Times::default(), Vec::new());
    let (mut first, mut last) = (None, None);
    for _ in 0..TIMES {
        let began = clock.now();
        get(page, "/metrics", &mut text).expect("it answers");
        times.add(clock.now().since(began));
        let asked = Asked::of(&String::from_utf8_lossy(&text));
        first.get_or_insert(asked);
        last = Some(asked);
    }
    table.median("scrape, 1,000 x 100", &times, SCRAPE_MAX);
    let (Some(first), Some(last)) = (first, last) else { return };
    let (all, short) = (last.all - first.all, last.short - first.short);
    let measured = format!("{} of {all} looks took longer", all - short);
    table.judged("scrape: the engine is kept for at most 1 ms", measured, "none", all == short);
}

/// Looks that kept the loop, and those of at most a millisecond among them, since the daemon's start.
#[derive(Clone, Copy)]
struct Asked {
    all: u64,
    short: u64,
}

impl Asked {
    fn of(text: &str) -> Self {
        let value = |series: &str| {
            let line =
                text.lines().find_map(|line| line.strip_prefix(series)).expect("there is such a series");
            line.trim().parse().expect("counts are whole numbers")
        };
        Self {
            all: value("maglev_engine_question_duration_seconds_count"),
            short: value("maglev_engine_question_duration_seconds_bucket{le=\"0.001\"}"),
        }
    }
}
