//! HTTP checks: what passes, what fails and with which words, and that no answer can hurt us.

use std::time::Duration;

use maglev_core::config::{CheckKind, Http, Method};
use maglev_core::input::{FailCode, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::assert_fails;
use super::backends::{Bench, HandClock, LOCALHOST, answering, endless, http, request, server, target};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nready";

fn check(port: u16, http: Http) -> CheckKind {
    CheckKind::Http { port, http, tls: None }
}

fn matching(port: u16, pattern: &str) -> CheckKind {
    check(port, Http { response_regexp: Some(pattern.into()), ..Http::default() })
}

#[tokio::test]
async fn the_request_is_plain_and_names_us() {
    let (port, asked) = answering(OK).await;
    assert_eq!(Bench::new().probe_kind(http(port)).await, Outcome::Pass);
    let expected = format!(
        "GET / HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nuser-agent: maglevd/{}\r\naccept: */*\r\nconnection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(asked.await.unwrap(), expected);
}

#[tokio::test]
async fn path_host_and_method_are_the_checks() {
    let (port, asked) = answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    let (path, host) = ("/healthz?deep=1".into(), Some("www.example.net".into()));
    let kind = check(port, Http { path, host, method: Method::Head, ..Http::default() });
    assert_eq!(Bench::new().probe_kind(kind).await, Outcome::Pass);
    let asked = asked.await.unwrap();
    assert!(asked.starts_with("HEAD /healthz?deep=1 HTTP/1.1\r\nhost: www.example.net\r\n"), "{asked}");
}

#[tokio::test]
async fn a_head_request_does_not_wait_for_the_body_it_was_told_of() {
    let (port, _) = server(|mut stream| async move {
        request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await.unwrap();
        stream.read(&mut [0; 16]).await
    })
    .await;
    let kind = check(port, Http { method: Method::Head, ..Http::default() });
    assert_eq!(Bench::new().probe_kind(kind).await, Outcome::Pass);
}

#[tokio::test]
async fn a_status_outside_the_ranges_fails_with_its_number() {
    let (port, _) = answering("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await;
    let kind = check(port, Http { response_codes: vec![(200, 299), (404, 404)], ..Http::default() });
    let outcome = Bench::new().probe_kind(kind).await;
    assert_fails(&outcome, FailCode::L7Sts, "status 503 Service Unavailable, expected 200-299,404");
    let (port, _) = answering("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
    let kind = check(port, Http { response_codes: vec![(200, 299), (404, 404)], ..Http::default() });
    assert_eq!(Bench::new().probe_kind(kind).await, Outcome::Pass);
}

#[tokio::test]
async fn interim_responses_are_not_the_answer() {
    let answer = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
                  HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let (port, _) = answering(answer).await;
    assert_eq!(Bench::new().probe_kind(http(port)).await, Outcome::Pass);
}

#[tokio::test]
async fn the_body_must_match_where_a_pattern_is_given() {
    let (port, _) = answering(OK).await;
    assert_eq!(Bench::new().probe_kind(matching(port, "^rea.y$")).await, Outcome::Pass);
    let (port, _) = answering(OK).await;
    let outcome = Bench::new().probe_kind(matching(port, "^steady$")).await;
    assert_fails(&outcome, FailCode::L7Rsp, "does not match response-regexp (5 bytes searched)");
    let (port, _) = answering("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nready").await;
    let outcome = Bench::new().probe_kind(matching(port, "ready")).await;
    assert_fails(&outcome, FailCode::L7Rsp, "");
}

#[tokio::test]
async fn garbage_is_not_http() {
    let (port, _) = answering("SSH-2.0-OpenSSH_9.9 \x1b[2J\r\n\r\n").await;
    let outcome = Bench::new().probe_kind(http(port)).await;
    assert_fails(&outcome, FailCode::L7Rsp, "the answer is not HTTP/1.1");
}

#[tokio::test]
async fn closing_without_a_word_is_no_response() {
    let (port, _) = answering("").await;
    let outcome = Bench::new().probe_kind(http(port)).await;
    assert_fails(&outcome, FailCode::L7Rsp, "connection closed before the response was complete");
    let (port, _) = answering("HTTP/1.1 200 O").await;
    let outcome = Bench::new().probe_kind(http(port)).await;
    assert_fails(&outcome, FailCode::L7Rsp, "connection closed before the response was complete");
}

#[tokio::test]
async fn an_endless_body_is_searched_only_so_far() {
    let (port, sent) = endless("HTTP/1.1 200 OK\r\n\r\n", "x".repeat(8192)).await;
    let outcome = Bench::new().probe_kind(matching(port, "y")).await;
    assert_fails(&outcome, FailCode::L7Rsp, "(65536 bytes searched)");
    let sent = sent.await.unwrap();
    // Most of it is the kernel's buffers; what matters is that it ended.
    assert!(sent < 64 << 20, "{sent} bytes were taken");
}

#[tokio::test]
async fn an_endless_body_that_nobody_asked_for_is_not_read() {
    let (port, sent) = endless("HTTP/1.1 200 OK\r\n\r\n", "x".repeat(8192)).await;
    assert_eq!(Bench::new().probe_kind(http(port)).await, Outcome::Pass);
    sent.await.unwrap();
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    let too_large = "the response head has more than 16384 bytes or 64 fields";
    let (port, sent) = endless("HTTP/1.1 200 OK\r\n", "x-bomb: tick\r\n".repeat(100)).await;
    assert_fails(&Bench::new().probe_kind(http(port)).await, FailCode::L7Rsp, too_large);
    sent.await.unwrap();
    let (port, sent) = endless("HTTP/1.1 200 OK\r\nx-bomb: ", "x".repeat(8192)).await;
    assert_fails(&Bench::new().probe_kind(http(port)).await, FailCode::L7Rsp, too_large);
    sent.await.unwrap();
}

#[tokio::test]
async fn silence_times_out() {
    let clock = HandClock::new();
    let heard = clock.clone();
    let (port, _server) = server(move |mut stream| async move {
        // The request has been read, so the probe is past its connection.
        request(&mut stream).await;
        heard.advance(Duration::from_secs(1));
        stream.read(&mut [0; 16]).await
    })
    .await;
    let mut bench = Bench::with(clock, 10);
    bench.start(LOCALHOST, target(http(port)), Duration::from_secs(1));
    let (_, outcome, took) = bench.answer().await;
    assert_fails(&outcome, FailCode::L7Tout, "no complete HTTP response within 1s");
    assert_eq!(took, Duration::from_secs(1));
}

#[tokio::test]
async fn a_slow_drip_does_not_outlive_the_timeout() {
    let clock = HandClock::new();
    let drops = clock.clone();
    let (port, server) = server(move |mut stream| async move {
        request(&mut stream).await;
        let mut sent = 0;
        for drop in "HTTP/1.1 200 OK\r\nx-drip: ".bytes().chain(std::iter::repeat(b'x')) {
            if stream.write_all(&[drop]).await.is_err() {
                break;
            }
            sent += 1;
            drops.advance(Duration::from_millis(10));
            tokio::task::yield_now().await;
        }
        sent
    })
    .await;
    let mut bench = Bench::with(clock, 10);
    bench.start(LOCALHOST, target(http(port)), Duration::from_secs(1));
    let (_, outcome, took) = bench.answer().await;
    assert_fails(&outcome, FailCode::L7Tout, "no complete HTTP response within 1s");
    assert!((Duration::from_secs(1)..=Duration::from_millis(1100)).contains(&took), "{took:?}");
    assert!(server.await.unwrap() >= 100);
}
