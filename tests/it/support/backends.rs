//! Backends for the prober's tests: servers on loopback with one habit each, a clock moved by hand, and namespaces.

use std::collections::BTreeSet;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use maglev_core::config::{CheckKind, Http, Target};
use maglev_core::input::Outcome;
use maglev_core::{Clock, Input, Instant, ProbeId, ProbeOrder};
use maglevd::clock::SystemClock;
use maglevd::prober::{Limits, Prober};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use super::scratch::Scratch;
use super::scratch::unique;

pub const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Long enough that only a hang reaches it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A prober and the daemon's end of its inbox.
pub struct Bench<C> {
    pub prober: Prober<C>,
    pub inbox: mpsc::Receiver<Input>,
    probes: u64,
}

impl Bench<SystemClock> {
    pub fn new() -> Self {
        Self::with(SystemClock::start(), 100)
    }
}

impl<C: Clock + Clone + Send + Sync + 'static> Bench<C> {
    pub fn with(clock: C, concurrent: usize) -> Self {
        let (sender, inbox) = mpsc::channel(64);
        let concurrent = NonZeroUsize::new(concurrent).unwrap();
        Self { prober: Prober::new(clock, sender, Limits { concurrent }), inbox, probes: 0 }
    }

    pub fn start(&mut self, address: IpAddr, target: Target, timeout: Duration) -> ProbeId {
        self.probes += 1;
        let probe = ProbeId { slot: 1, number: self.probes };
        self.prober.start(ProbeOrder { probe, address, target: Arc::new(target), timeout });
        probe
    }

    /// The next answer, whosever it is.
    pub async fn answer(&mut self) -> (ProbeId, Outcome, Duration) {
        match self.inbox.recv().await {
            Some(Input::ProbeFinished { probe, outcome, took }) => (probe, outcome, took),
            other => panic!("expected an answer, got {other:?}"),
        }
    }

    /// Nothing more may come: no probe is open, and the inbox is empty.
    pub fn expect_silence(&mut self) {
        assert_eq!(self.prober.in_flight(), 0);
        assert!(self.inbox.try_recv().is_err(), "an order was answered twice");
    }

    pub async fn probe(&mut self, address: IpAddr, target: Target) -> Outcome {
        let started = self.start(address, target, PATIENCE);
        let (probe, outcome, _) = self.answer().await;
        assert_eq!(probe, started);
        self.expect_silence();
        outcome
    }

    pub async fn probe_kind(&mut self, kind: CheckKind) -> Outcome {
        self.probe(LOCALHOST, target(kind)).await
    }
}

pub fn target(kind: CheckKind) -> Target {
    Target { kind, ipv4_source: None, ipv6_source: None, netns: None }
}

pub fn tcp(port: u16) -> CheckKind {
    CheckKind::Tcp { port, tls: None }
}

pub fn http(port: u16) -> CheckKind {
    CheckKind::Http { port, http: Http::default(), tls: None }
}

/// A clock that stands still until the test moves it.
#[derive(Clone)]
pub struct HandClock {
    now: watch::Sender<Instant>,
    alarms: watch::Sender<BTreeSet<Instant>>,
}

impl HandClock {
    pub fn new() -> Self {
        Self { now: watch::Sender::new(Instant::START), alarms: watch::Sender::default() }
    }

    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now += by);
    }

    /// Waits until somebody sleeps until `at`: then everything that comes before that sleep has been done.
    pub async fn somebody_sleeps_until(&self, at: Duration) {
        let at = Instant::from_start(at);
        self.alarms.subscribe().wait_for(|alarms| alarms.contains(&at)).await.unwrap();
    }
}

impl Clock for HandClock {
    fn now(&self) -> Instant {
        *self.now.borrow()
    }

    async fn sleep_until(&self, at: Instant) {
        self.alarms.send_modify(|alarms| {
            alarms.insert(at);
        });
        self.now.subscribe().wait_for(|now| *now >= at).await.unwrap();
    }
}

/// A server for one connection; the task returns what `habit` does.
pub async fn server<T, F>(habit: impl FnOnce(TcpStream) -> F + Send + 'static) -> (u16, JoinHandle<T>)
where
    T: Send + 'static,
    F: Future<Output = T> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        habit(stream).await
    });
    (port, task)
}

/// Reads one request head.
pub async fn request(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a whole request"));
    }
    String::from_utf8(head).unwrap()
}

/// A server that sends `answer` to whatever is asked and closes. The task returns the request.
pub async fn answering(answer: &'static str) -> (u16, JoinHandle<String>) {
    server(move |mut stream| async move {
        let request = request(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        request
    })
    .await
}

/// A server that sends `words` before anybody asks, and reads till the end.
pub async fn answering_at_once(words: &'static str) -> (u16, JoinHandle<()>) {
    server(move |mut stream| async move {
        stream.write_all(words.as_bytes()).await.unwrap();
        while matches!(stream.read(&mut [0; 512]).await, Ok(1..)) {}
    })
    .await
}

/// A server that sends `head`, then `chunk` again and again until nobody listens. The task returns how many bytes
/// it could send.
pub async fn endless(head: &'static str, chunk: String) -> (u16, JoinHandle<usize>) {
    server(move |mut stream| async move {
        request(&mut stream).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut sent = 0;
        while let Ok(more) = stream.write(chunk.as_bytes()).await {
            sent += more;
        }
        sent
    })
    .await
}

/// A port of 127.0.0.1 on which nobody listens.
pub fn closed_port() -> u16 {
    // Held for the whole test by a socket that is bound and does not listen, so nobody else can get it.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(LOCALHOST, 0).into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    std::mem::forget(socket);
    port
}

/// A listener whose queue is full: further connections are never answered. Keep what is returned.
pub fn deaf_port() -> (u16, Vec<socket2::Socket>) {
    let make = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let listener = make();
    listener.bind(&SocketAddr::new(LOCALHOST, 0).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = vec![listener];
    for _ in 0..3 {
        let filler = make();
        filler.set_nonblocking(true).unwrap();
        let _ = filler.connect(&address);
        held.push(filler);
    }
    (address.as_socket().unwrap().port(), held)
}

/// A network namespace that goes when the test does.
pub struct Namespace(pub String);

impl Namespace {
    /// `None`, said on stderr, where this host does not let us make one.
    pub fn new() -> Option<Self> {
        let name = unique("mglv");
        if let Err(why) = ip(&format!("netns add {name}")) {
            eprintln!("SKIPPED in part: no network namespaces here: {why}");
            return None;
        }
        let namespace = Self(name);
        namespace.ip("link set lo up");
        Some(namespace)
    }

    /// Runs `ip -n NAMESPACE ARGUMENTS`.
    pub fn ip(&self, arguments: &str) {
        ip(&format!("-n {} {arguments}", self.0)).unwrap();
    }

    /// Writes a setting of this namespace.
    pub fn set(&self, path: &str, value: &str) {
        let (path, value) = (format!("/proc/sys/net/{path}"), value.to_owned());
        self.inside(move || std::fs::write(&path, &value).unwrap());
    }

    /// Runs `work` in a thread that lives and dies inside.
    pub fn inside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let namespace = std::fs::File::open(format!("/run/netns/{}", self.0)).unwrap();
        let thread = std::thread::spawn(move || {
            use std::os::fd::AsFd;
            rustix::thread::move_into_link_name_space(namespace.as_fd(), None).unwrap();
            work()
        });
        thread.join().unwrap()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&format!("netns del {}", self.0));
    }
}

fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip").args(arguments.split(' ')).output().map_err(|err| err.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("ip {arguments}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}
