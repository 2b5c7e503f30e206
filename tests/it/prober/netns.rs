//! Namespaces: sockets are made inside, and what is missing is our fault.

use std::net::{IpAddr, Ipv4Addr, TcpListener};

use maglev_core::config::{CheckKind, Target};
use maglev_core::input::{FailCode, LocalFault, Outcome};

use super::assert_fails;
use super::backends::{Bench, LOCALHOST, Namespace, Scratch, target, tcp};
use super::icmp::assert_echoed;

fn inside(namespace: &str, kind: CheckKind) -> Target {
    Target { netns: Some(namespace.into()), ..target(kind) }
}

#[tokio::test]
async fn a_missing_namespace_is_named() {
    let outcome = Bench::new().probe(LOCALHOST, inside("no-such-place", tcp(80))).await;
    assert_eq!(outcome, Outcome::Inconclusive(LocalFault::NoNetns("no-such-place".into())));
}

#[tokio::test]
async fn a_file_that_is_no_namespace_cannot_be_entered() {
    let scratch = Scratch::new();
    let path = scratch.file("not-a-namespace", "");
    let outcome = Bench::new().probe(LOCALHOST, inside(&path, CheckKind::Icmp)).await;
    let Outcome::Inconclusive(LocalFault::NoNetns(name)) = &outcome else { panic!("{outcome}") };
    assert!(name.starts_with(&path), "{name}");
}

#[tokio::test]
async fn sockets_are_made_inside() {
    let Some(namespace) = Namespace::new() else { return };
    let listener = namespace.inside(|| TcpListener::bind("127.0.0.1:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    let mut bench = Bench::new();
    assert_eq!(bench.probe(LOCALHOST, inside(&namespace.0, tcp(port))).await, Outcome::Pass);
    let path = format!("/run/netns/{}", namespace.0);
    assert_eq!(bench.probe(LOCALHOST, inside(&path, tcp(port))).await, Outcome::Pass);
    // Raw first, then by ping sockets, which each namespace permits for itself.
    assert_echoed(&bench.probe(LOCALHOST, inside(&namespace.0, CheckKind::Icmp)).await);
    namespace.set("ipv4/ping_group_range", "0 2147483647");
    for address in [LOCALHOST, "::1".parse().unwrap()] {
        let outcome = bench.probe(address, inside(&namespace.0, CheckKind::Icmp)).await;
        assert_eq!(outcome, Outcome::Pass);
    }
    drop(namespace);
    let gone = bench.probe(LOCALHOST, inside(&path, tcp(port))).await;
    assert_eq!(gone, Outcome::Inconclusive(LocalFault::NoNetns(path)));
}

#[tokio::test]
async fn a_source_address_does_not_use_up_the_ports() {
    let Some(namespace) = Namespace::new() else { return };
    let listener = namespace.inside(|| TcpListener::bind("0.0.0.0:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    // Two ports for all: closed connections keep theirs for a minute, so they must be shared between backends.
    namespace.set("ipv4/ip_local_port_range", "61000 61001");
    let mut target = inside(&namespace.0, tcp(port));
    target.ipv4_source = Some(Ipv4Addr::new(127, 0, 0, 200));
    let mut bench = Bench::new();
    for last in 1..=20 {
        let backend = Ipv4Addr::new(127, 0, 0, last);
        assert_eq!(bench.probe(backend.into(), target.clone()).await, Outcome::Pass);
    }
}

/// Our namespace, and a router beside it that knows no way onwards.
fn behind_a_lost_router() -> Option<(Namespace, Namespace)> {
    let (ours, router) = (Namespace::new()?, Namespace::new()?);
    ours.ip(&format!("link add here type veth peer name there netns {}", router.0));
    router.set("ipv4/ip_forward", "1");
    router.set("ipv6/conf/all/forwarding", "1");
    for (namespace, link, last) in [(&ours, "here", 1), (&router, "there", 2)] {
        namespace.ip(&format!("addr add 192.0.2.{last}/24 dev {link}"));
        namespace.ip(&format!("addr add 2001:db8::{last}/64 dev {link} nodad"));
        namespace.ip(&format!("link set {link} up"));
    }
    ours.ip("route add default via 192.0.2.2");
    ours.ip("route add default via 2001:db8::2");
    Some((ours, router))
}

#[tokio::test]
async fn a_routers_unreachable_is_an_answer_and_our_own_is_not() {
    let Some((ours, _router)) = behind_a_lost_router() else { return };
    let beyond: [IpAddr; 2] = ["198.51.100.1".parse().unwrap(), "2001:db8:1::1".parse().unwrap()];
    let mut bench = Bench::new();
    for address in beyond {
        // TCP comes first: it repeats what a link that is just coming up may lose.
        let outcome = bench.probe(address, inside(&ours.0, tcp(80))).await;
        assert_fails(&outcome, FailCode::L4Con, "network unreachable");
        let outcome = bench.probe(address, inside(&ours.0, CheckKind::Icmp)).await;
        assert_fails(&outcome, FailCode::L4Con, "network unreachable");
    }
    ours.set("ipv4/ping_group_range", "0 2147483647");
    for address in beyond {
        let outcome = bench.probe(address, inside(&ours.0, CheckKind::Icmp)).await;
        assert_fails(&outcome, FailCode::L4Con, "network unreachable");
    }
    ours.ip("route del default");
    ours.ip("-6 route del default");
    for address in beyond {
        for kind in [tcp(80), CheckKind::Icmp] {
            let outcome = bench.probe(address, inside(&ours.0, kind)).await;
            assert_eq!(outcome, Outcome::Inconclusive(LocalFault::Errno("ENETUNREACH")));
        }
    }
}
