//! ICMP checks on loopback, where a raw socket hears also its own request.

use maglev_core::config::CheckKind;
use maglev_core::input::{LocalFault, Outcome};

use super::backends::{Bench, LOCALHOST, PATIENCE, target};

/// A pass, or the one thing that may be said where ICMP is not permitted.
#[track_caller]
pub fn assert_echoed(outcome: &Outcome) {
    if *outcome == Outcome::Inconclusive(LocalFault::NoIcmpPermission) {
        let own =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::RAW, Some(socket2::Protocol::ICMPV4));
        assert!(own.is_err(), "raw sockets are permitted, so the prober must use one");
        eprintln!("SKIPPED in part: neither ping nor raw sockets are permitted here");
        return;
    }
    assert_eq!(*outcome, Outcome::Pass);
}

#[tokio::test]
async fn loopback_echoes_in_both_families() {
    let mut bench = Bench::new();
    assert_echoed(&bench.probe(LOCALHOST, target(CheckKind::Icmp)).await);
    assert_echoed(&bench.probe("::1".parse().unwrap(), target(CheckKind::Icmp)).await);
}

#[tokio::test]
async fn many_echoes_at_once_find_each_their_own_reply() {
    let mut bench = Bench::new();
    for last in 1..=60 {
        let address = std::net::Ipv4Addr::new(127, 0, 1, 1 + last % 3);
        bench.start(address.into(), target(CheckKind::Icmp), PATIENCE);
    }
    for _ in 0..60 {
        assert_echoed(&bench.answer().await.1);
    }
    bench.expect_silence();
}

#[tokio::test]
async fn the_source_address_is_the_one_asked_for() {
    let mut target = target(CheckKind::Icmp);
    target.ipv4_source = Some(std::net::Ipv4Addr::new(127, 0, 0, 9));
    assert_echoed(&Bench::new().probe(LOCALHOST, target.clone()).await);
    // A source that this host does not have shows that it is asked for at all.
    target.ipv4_source = Some(std::net::Ipv4Addr::new(192, 0, 2, 1));
    let outcome = Bench::new().probe(LOCALHOST, target).await;
    if outcome != Outcome::Inconclusive(LocalFault::NoIcmpPermission) {
        assert_eq!(outcome, Outcome::Inconclusive(LocalFault::Errno("EADDRNOTAVAIL")));
    }
}
