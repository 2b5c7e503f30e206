//! TLS checks: whom they trust, and how they say no.

use std::time::Duration;

use maglev_core::config::{CheckKind, Http, Tls};
use maglev_core::input::{FailCode, LocalFault, Outcome};
use tokio::io::AsyncReadExt;

use super::assert_fails;
use super::backends::{Bench, HandClock, LOCALHOST, Scratch, server, target};
use super::pki::{Authority, Validity, self_signed, tls_server};

fn https(port: u16, tls: Tls) -> CheckKind {
    CheckKind::Http { port, http: Http::default(), tls: Some(tls) }
}

fn tcp_tls(port: u16, tls: Tls) -> CheckKind {
    CheckKind::Tcp { port, tls: Some(tls) }
}

fn trusting(ca_file: &str) -> Tls {
    Tls { ca_file: Some(ca_file.into()), ..Tls::default() }
}

fn anybody() -> Tls {
    Tls { insecure_skip_verify: true, ..Tls::default() }
}

#[tokio::test]
async fn a_certificate_for_the_address_or_for_the_name_is_accepted() {
    let (scratch, authority) = (Scratch::new(), Authority::new());
    let tls = trusting(&scratch.file("ca.pem", &authority.pem()));
    let mut bench = Bench::new();
    let port = tls_server(authority.server("127.0.0.1", Validity::Today)).await;
    assert_eq!(bench.probe_kind(https(port, tls.clone())).await, Outcome::Pass);
    assert_eq!(bench.probe_kind(tcp_tls(port, tls.clone())).await, Outcome::Pass);
    let port = tls_server(authority.server("www.example.net", Validity::Today)).await;
    let named = Tls { server_name: Some("www.example.net".into()), ..tls };
    assert_eq!(bench.probe_kind(https(port, named)).await, Outcome::Pass);
}

#[tokio::test]
async fn a_wrong_name_is_refused() {
    let (scratch, authority) = (Scratch::new(), Authority::new());
    let tls = trusting(&scratch.file("ca.pem", &authority.pem()));
    let port = tls_server(authority.server("www.example.net", Validity::Today)).await;
    let outcome = Bench::new().probe_kind(https(port, tls)).await;
    assert_fails(&outcome, FailCode::L6Rsp, "the certificate is not valid for 127.0.0.1");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let (scratch, authority) = (Scratch::new(), Authority::new());
    let tls = trusting(&scratch.file("ca.pem", &authority.pem()));
    let port = tls_server(authority.server("127.0.0.1", Validity::Expired)).await;
    let outcome = Bench::new().probe_kind(tcp_tls(port, tls)).await;
    assert_fails(&outcome, FailCode::L6Rsp, "the certificate has expired");
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused_unless_anybody_will_do() {
    let (scratch, authority) = (Scratch::new(), Authority::new());
    let tls = trusting(&scratch.file("ca.pem", &authority.pem()));
    let mut bench = Bench::new();
    let port = tls_server(self_signed("127.0.0.1")).await;
    let outcome = bench.probe_kind(https(port, tls)).await;
    assert_fails(&outcome, FailCode::L6Rsp, "the certificate's issuer is not trusted");
    assert_eq!(bench.probe_kind(https(port, anybody())).await, Outcome::Pass);
}

#[tokio::test]
async fn the_systems_authorities_do_not_vouch_for_strangers() {
    let port = tls_server(self_signed("127.0.0.1")).await;
    let outcome = Bench::new().probe_kind(https(port, Tls::default())).await;
    if let Outcome::Inconclusive(fault) = &outcome {
        assert!(fault.to_string().contains("the system has no authorities"), "{fault}");
    } else {
        assert_fails(&outcome, FailCode::L6Rsp, "the certificate's issuer is not trusted");
    }
}

#[tokio::test]
async fn a_ca_file_is_read_again_when_it_changes_and_a_bad_one_is_our_fault() {
    let (scratch, authority) = (Scratch::new(), Authority::new());
    let port = tls_server(authority.server("127.0.0.1", Validity::Today)).await;
    let mut bench = Bench::new();
    let tls = trusting(&scratch.file("ca.pem", "this is no certificate"));
    let is_unusable = |outcome: &Outcome| {
        let Outcome::Inconclusive(LocalFault::Unusable(why)) = outcome else { panic!("{outcome}") };
        assert!(why.starts_with("ca-file /"), "{why}");
    };
    is_unusable(&bench.probe_kind(https(port, tls.clone())).await);
    scratch.file("ca.pem", &authority.pem());
    assert_eq!(bench.probe_kind(https(port, tls.clone())).await, Outcome::Pass);
    scratch.file("ca.pem", &Authority::new().pem());
    let outcome = bench.probe_kind(https(port, tls.clone())).await;
    assert_fails(&outcome, FailCode::L6Rsp, "not trusted");
    drop(scratch);
    is_unusable(&bench.probe_kind(https(port, tls)).await);
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_fails_the_handshake() {
    let (port, _) = super::backends::answering_at_once("220 mail.example.net ESMTP\r\n").await;
    let outcome = Bench::new().probe_kind(tcp_tls(port, anybody())).await;
    assert_fails(&outcome, FailCode::L6Rsp, "the answer is not TLS");
    let (port, _) = server(|mut stream| async move { stream.read(&mut [0; 1]).await }).await;
    let outcome = Bench::new().probe_kind(tcp_tls(port, anybody())).await;
    assert_fails(&outcome, FailCode::L6Rsp, "during the TLS handshake");
}

#[tokio::test]
async fn a_handshake_without_an_answer_times_out() {
    let clock = HandClock::new();
    let hello = clock.clone();
    let (port, _server) = server(move |mut stream| async move {
        // The hello has been read, so the probe is past its connection.
        stream.read_exact(&mut [0; 64]).await.unwrap();
        hello.advance(Duration::from_secs(1));
        std::future::pending::<()>().await;
    })
    .await;
    let mut bench = Bench::with(clock, 10);
    bench.start(LOCALHOST, target(tcp_tls(port, anybody())), Duration::from_secs(1));
    let (_, outcome, took) = bench.answer().await;
    assert_fails(&outcome, FailCode::L6Tout, "TLS handshake not finished within 1s");
    assert_eq!(took, Duration::from_secs(1));
}
