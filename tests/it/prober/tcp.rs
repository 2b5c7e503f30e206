//! TCP checks: a connection is a pass, and it is closed in good manners.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use maglev_core::input::{FailCode, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::assert_fails;
use super::backends::{Bench, HandClock, LOCALHOST, closed_port, deaf_port, server, target, tcp};

#[tokio::test]
async fn an_accepted_connection_passes_and_ends_without_a_reset() {
    let (port, ending) = server(|mut stream| async move {
        // A banner that nobody reads must not turn the end of the probe into a reset.
        stream.write_all(b"220 mail.example.net ESMTP\r\n").await.unwrap();
        stream.read(&mut [0; 16]).await
    })
    .await;
    assert_eq!(Bench::new().probe_kind(tcp(port)).await, Outcome::Pass);
    assert_eq!(ending.await.unwrap().expect("no reset"), 0);
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    let outcome = Bench::new().probe_kind(tcp(closed_port())).await;
    assert_fails(&outcome, FailCode::L4Con, "connection refused");
}

#[tokio::test]
async fn a_port_that_never_answers_times_out_at_the_very_limit() {
    let (port, _held) = deaf_port();
    let clock = HandClock::new();
    let mut bench = Bench::with(clock.clone(), 10);
    bench.start(LOCALHOST, target(tcp(port)), Duration::from_secs(1));
    clock.somebody_sleeps_until(Duration::from_secs(1)).await;
    clock.advance(Duration::from_millis(999));
    assert_eq!(bench.prober.in_flight(), 1);
    clock.advance(Duration::from_millis(1));
    let (_, outcome, took) = bench.answer().await;
    assert_fails(&outcome, FailCode::L4Tout, "no connection within 1s");
    assert_eq!(took, Duration::from_secs(1));
    bench.expect_silence();
}

#[tokio::test]
async fn the_source_address_is_the_one_asked_for() {
    let (port, seen) = server(|stream| async move { stream.peer_addr().unwrap() }).await;
    let mut target = target(tcp(port));
    target.ipv4_source = Some(Ipv4Addr::new(127, 0, 0, 2));
    assert_eq!(Bench::new().probe(LOCALHOST, target).await, Outcome::Pass);
    assert_eq!(seen.await.unwrap().ip(), Ipv4Addr::new(127, 0, 0, 2));
}

#[tokio::test]
async fn ipv6_is_probed_like_ipv4() {
    let listener = TcpListener::bind("[::1]:0").await.unwrap();
    let SocketAddr::V6(address) = listener.local_addr().unwrap() else { panic!("not IPv6") };
    let outcome = Bench::new().probe((*address.ip()).into(), target(tcp(address.port()))).await;
    assert_eq!(outcome, Outcome::Pass);
}
