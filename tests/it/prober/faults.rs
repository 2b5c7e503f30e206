//! Our own faults: cancellations, stalls, queues, panics and limits are never held against a backend.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use maglev_core::config::CheckKind;
use maglev_core::input::{FailCode, LocalFault, Outcome};
use maglev_core::{Clock, Instant, ProbeId};
use maglevd::clock::SystemClock;
use maglevd::prober::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::assert_fails;
use super::backends::{
    Bench, HandClock, LOCALHOST, PATIENCE, closed_port, deaf_port, http, request, server, target, tcp,
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_cancelled_probe_is_answered_exactly_once() {
    let (port, _held) = deaf_port();
    let mut bench = Bench::with(HandClock::new(), 1);
    // The second waits for its turn, the third is cancelled before it could even begin to wait.
    let running = bench.start(LOCALHOST, target(tcp(port)), SECOND);
    let queued = bench.start(LOCALHOST, target(tcp(port)), SECOND);
    tokio::task::yield_now().await;
    let fresh = bench.start(LOCALHOST, target(tcp(port)), SECOND);
    assert_eq!(bench.prober.in_flight(), 3);
    for probe in [fresh, queued, running, running] {
        bench.prober.cancel(probe);
    }
    bench.prober.cancel(ProbeId { slot: 1, number: 99 });
    let mut answered = Vec::new();
    for _ in 0..3 {
        let (probe, outcome, took) = bench.answer().await;
        assert_eq!((outcome, took), (Outcome::Inconclusive(LocalFault::Cancelled), Duration::ZERO));
        answered.push(probe);
    }
    answered.sort();
    assert_eq!(answered, [running, queued, fresh]);
    bench.expect_silence();
}

#[tokio::test]
async fn cancelling_an_answered_probe_says_nothing_more() {
    let mut bench = Bench::new();
    let probe = bench.start(LOCALHOST, target(tcp(closed_port())), PATIENCE);
    let (_, outcome, _) = bench.answer().await;
    assert_fails(&outcome, FailCode::L4Con, "refused");
    bench.prober.cancel(probe);
    tokio::task::yield_now().await;
    bench.expect_silence();
}

#[tokio::test]
async fn waiting_for_our_own_queue_fails_nobody() {
    let (deaf, _held) = deaf_port();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let clock = HandClock::new();
    let mut bench = Bench::with(clock.clone(), 1);
    let first = bench.start(LOCALHOST, target(tcp(deaf)), SECOND);
    let second = bench.start(LOCALHOST, target(tcp(listener.local_addr().unwrap().port())), SECOND);
    clock.somebody_sleeps_until(SECOND).await;
    clock.advance(SECOND);
    let (probe, outcome, _) = bench.answer().await;
    assert_eq!(probe, first);
    assert_fails(&outcome, FailCode::L4Tout, "");
    assert_eq!(bench.answer().await, (second, Outcome::Pass, Duration::ZERO));
}

#[tokio::test]
async fn an_expiry_handled_late_is_a_stall_of_ours() {
    for (timeout, late, stalled) in [
        (SECOND, Duration::from_millis(101), true),
        (SECOND, Duration::from_millis(100), false),
        (Duration::from_millis(100), Duration::from_millis(51), true),
        (Duration::from_millis(100), Duration::from_millis(50), false),
    ] {
        let (port, _held) = deaf_port();
        let clock = HandClock::new();
        let mut bench = Bench::with(clock.clone(), 1);
        bench.start(LOCALHOST, target(tcp(port)), timeout);
        clock.somebody_sleeps_until(timeout).await;
        clock.advance(timeout + late);
        let (_, outcome, took) = bench.answer().await;
        assert_eq!(took, timeout + late);
        match stalled {
            true => assert_eq!(outcome, Outcome::Inconclusive(LocalFault::Stalled)),
            false => assert_fails(&outcome, FailCode::L4Tout, "no connection within"),
        }
        bench.expect_silence();
    }
}

#[tokio::test]
async fn a_reply_that_waited_while_we_were_stalled_counts() {
    let clock = HandClock::new();
    let stall = clock.clone();
    let (port, _server) = server(move |mut stream| async move {
        request(&mut stream).await;
        // No await from here on: the reply lies in the socket while the whole process stands still.
        let sent = stream.try_write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        stall.advance(Duration::from_secs(60));
        sent.unwrap();
        stream.read(&mut [0; 1]).await
    })
    .await;
    let mut bench = Bench::with(clock, 1);
    bench.start(LOCALHOST, target(http(port)), SECOND);
    let (_, outcome, _) = bench.answer().await;
    assert_eq!(outcome, Outcome::Pass);
}

/// A clock that breaks every probe from within.
#[derive(Clone)]
struct BrokenClock;

impl Clock for BrokenClock {
    fn now(&self) -> Instant {
        panic!("this clock is broken, as the test wants it")
    }

    async fn sleep_until(&self, _: Instant) {}
}

#[tokio::test]
async fn even_a_panic_is_answered() {
    let mut bench = Bench::with(BrokenClock, 1);
    for _ in 0..3 {
        bench.start(LOCALHOST, target(tcp(closed_port())), SECOND);
        let (_, outcome, took) = bench.answer().await;
        let Outcome::Inconclusive(LocalFault::Unusable(why)) = &outcome else { panic!("{outcome}") };
        assert!(why.contains("panicked"), "{why}");
        assert_eq!(took, Duration::ZERO);
        bench.expect_silence();
    }
}

#[tokio::test]
async fn a_source_address_we_do_not_have_is_our_fault() {
    let mut target = target(tcp(closed_port()));
    target.ipv4_source = Some(Ipv4Addr::new(192, 0, 2, 1));
    let outcome = Bench::new().probe(LOCALHOST, target).await;
    assert_eq!(outcome, Outcome::Inconclusive(LocalFault::Errno("EADDRNOTAVAIL")));
}

#[tokio::test]
async fn a_pattern_that_cannot_be_compiled_is_our_fault() {
    let CheckKind::Http { port, http, tls } = http(80) else { unreachable!() };
    let http = maglev_core::config::Http { response_regexp: Some("(".into()), ..http };
    let outcome = Bench::new().probe_kind(CheckKind::Http { port, http, tls }).await;
    let Outcome::Inconclusive(LocalFault::Unusable(why)) = &outcome else { panic!("{outcome}") };
    assert!(why.starts_with("response-regexp cannot be used"), "{why}");
}

/// Set in the process of such a test. Who runs all ignored tests, for a real VPP, must not lose its own limits to these.
const CHILD: &str = "MAGLEV_TEST_CHILD";

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs an ignored test of this module in a process of its own, whose limits and descriptors nobody else touches.
fn in_a_child(test: &str) {
    let test = format!("prober::faults::{test}");
    let program = std::env::current_exe().unwrap();
    let output =
        Command::new(program).args(["--exact", &test, "--ignored"]).env(CHILD, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn running_out_of_descriptors_is_our_fault() {
    in_a_child("child_without_descriptors");
}

#[tokio::test]
#[ignore = "changes the limits of its process; run by running_out_of_descriptors_is_our_fault"]
async fn child_without_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    if !is_child() {
        return;
    }
    let mut bench = Bench::new();
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..limit }).unwrap();
    let mut inside = target(tcp(80));
    inside.netns = Some("anywhere".into());
    for target in [target(tcp(80)), target(CheckKind::Icmp), inside] {
        let outcome = bench.probe(LOCALHOST, target).await;
        // Where ICMP is not permitted the kernel says so before it looks for a descriptor.
        if outcome != Outcome::Inconclusive(LocalFault::NoIcmpPermission) {
            assert_eq!(outcome, Outcome::Inconclusive(LocalFault::Errno("EMFILE")));
        }
    }
}

#[test]
fn the_soft_limit_is_raised_to_the_hard_one() {
    in_a_child("child_raises_its_limit");
}

#[test]
#[ignore = "changes the limits of its process; run by the_soft_limit_is_raised_to_the_hard_one"]
fn child_raises_its_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    if !is_child() {
        return;
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(512), maximum: Some(1024) }).unwrap();
    assert_eq!(Limits::from_rlimit().concurrent.get(), 768);
    assert_eq!(getrlimit(Resource::Nofile).current, Some(1024));
}

#[test]
fn a_thousand_probes_leave_no_descriptor_behind() {
    in_a_child("child_counts_descriptors");
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Accepts, answers what is asked, and reads till the end: the most usual servers.
async fn hospitable_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                while matches!(stream.read(&mut [0; 512]).await, Ok(1..)) {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "counts the descriptors of its process; run by a_thousand_probes_leave_no_descriptor_behind"]
async fn child_counts_descriptors() {
    if !is_child() {
        return;
    }
    let limits = Limits::from_rlimit();
    let clock = SystemClock::start();
    let (open, closed) = (hospitable_port().await, closed_port());
    let (deaf, _held) = deaf_port();
    let mut bench = Bench::with(clock, limits.concurrent.get().min(1000));
    let before = descriptors();
    for _ in 0..200 {
        bench.start(LOCALHOST, target(tcp(open)), PATIENCE);
        bench.start(LOCALHOST, target(http(open)), PATIENCE);
        bench.start(LOCALHOST, target(tcp(closed)), PATIENCE);
        bench.start(LOCALHOST, target(CheckKind::Icmp), PATIENCE);
        let deaf = bench.start(LOCALHOST, target(tcp(deaf)), PATIENCE);
        bench.prober.cancel(deaf);
    }
    let mut passes = 0;
    for _ in 0..1000 {
        let (_, outcome, _) = bench.answer().await;
        passes += usize::from(outcome == Outcome::Pass);
    }
    bench.expect_silence();
    assert!(passes >= 400, "{passes} of a thousand passed");
    let give_up = clock.now() + PATIENCE;
    while descriptors() > before && clock.now() < give_up {
        clock.sleep_until(clock.now() + Duration::from_millis(5)).await;
    }
    assert_eq!(descriptors(), before);
}
