//! What a site's traffic meets: warm-up, deaths, restarts of either side.

use std::net::Ipv4Addr;

use maglev_core::event::Event;
use maglev_core::input::Command;
use maglev_core::model::{Flows, Weight, Write};
use maglevd::demo::Mood;

use crate::support::backends::LOCALHOST;
use crate::support::pki::{Authority, Validity, tls_server};
use crate::support::site::{AMS, FRA, LON, STO, Site, file, file_with, frontend, table, vip};

/// The file of most stories: one frontend, three servers.
fn www(site: &Site) -> String {
    file(site.farm.port(), &frontend("www", 80, "ams: {}, fra: { weight: 50 }, lon: {}"))
}

fn lower(server: Ipv4Addr) -> Write {
    Write::SetWeight { vip: vip(80), server: server.into(), weight: Weight::ZERO, flows: Flows::Flush }
}

fn raise(server: Ipv4Addr, weight: u8) -> Write {
    let weight = Weight::seen(weight);
    Write::SetWeight { vip: vip(80), server: server.into(), weight, flows: Flows::Keep }
}

/// Whether this host lets us send echo requests at all.
fn may_ping() -> bool {
    [socket2::Type::RAW, socket2::Type::DGRAM].into_iter().any(|kind| {
        socket2::Socket::new(socket2::Domain::IPV4, kind, Some(socket2::Protocol::ICMPV4)).is_ok()
    })
}

#[tokio::test]
async fn every_type_of_check_is_known_before_the_first_write() {
    let mut site = Site::new().await;
    let authority = Authority::new();
    let ca = site.scratch.file("ca.pem", &authority.pem());
    let tls_port = tls_server(authority.server("127.0.0.1", Validity::Today)).await;
    let port = site.farm.port();
    let ping = if may_ping() { "icmp" } else { "tcp" };
    if ping == "tcp" {
        eprintln!("SKIPPED in part: neither ping nor raw sockets are permitted here");
    }
    let extra = if ping == "tcp" { format!("port: {port}, ") } else { String::new() };
    let checks = format!(
        "web: {{ type: http, port: {port}, interval: 100ms, timeout: 2s }}
    line: {{ type: tcp, port: {port}, interval: 100ms, timeout: 2s }}
    safe: {{ type: https, port: {tls_port}, interval: 100ms, timeout: 2s, tls: {{ ca-file: {ca} }} }}
    ping: {{ type: {ping}, {extra}interval: 100ms, timeout: 2s }}"
    );
    let text = file_with(&checks, &frontend("www", 80, "ams: {}, safe: {}, line: {}, ping: {}")).replace(
        "  frontends:",
        &format!(
            "    safe: {{ address: {LOCALHOST}, healthcheck: safe }}
    line: {{ address: {STO}, healthcheck: line }}
    ping: {{ address: 127.0.0.25, healthcheck: ping }}
  frontends:"
        ),
    );
    site.write(&text);
    site.start();
    let ping = Ipv4Addr::new(127, 0, 0, 25);
    let wanted = table(&[(80, &[(AMS, 100), (Ipv4Addr::LOCALHOST, 100), (STO, 100), (ping, 100)])]);
    site.until_table("the frontend is programmed", &wanted).await;

    let told = site.told();
    let at = |name: &str| told.iter().position(|told| *told == name).expect(name);
    assert!(at("vpp-connect") < at("vpp-lb-warmup-min-delay-elapsed"), "{told:?}");
    assert!(at("vpp-lb-warmup-min-delay-elapsed") < at("vpp-lb-warmup-release"), "{told:?}");
    assert!(at("vpp-lb-warmup-release") < at("vpp-lb-conf-set"), "no write during hands-off: {told:?}");
    assert_eq!(site.count("backend-transition"), 6);
    let writes = site.vpp.writes();
    assert!(matches!(writes.first(), Some(Write::SetConf(_))), "{writes:?}");
    assert_eq!(writes.last(), Some(&Write::FlushVip { vip: vip(80) }));
    assert_eq!(writes.len(), 7, "one call each: {writes:?}");
}

#[tokio::test]
async fn a_death_is_one_call_that_lowers_and_flushes_and_a_return_is_one_that_raises() {
    let mut site = Site::new().await;
    site.write(&www(&site));
    site.start();
    site.until_table("all are in", &table(&[(80, &[(AMS, 100), (FRA, 50), (LON, 100)])])).await;
    for mood in [Mood::Gone, Mood::Failing] {
        let before = site.vpp.writes().len();
        site.farm.set(1, mood);
        site.until_table("fra is out", &table(&[(80, &[(AMS, 100), (FRA, 0), (LON, 100)])])).await;
        site.farm.set(1, Mood::Well);
        site.until_table("fra is back", &table(&[(80, &[(AMS, 100), (FRA, 50), (LON, 100)])])).await;
        assert_eq!(site.vpp.writes()[before..], [lower(FRA), raise(FRA, 50)]);
    }
}

#[tokio::test]
async fn a_restart_of_the_daemon_alone_writes_nothing_even_with_a_dead_backend() {
    let mut site = Site::new().await;
    site.write(&www(&site));
    site.start();
    site.until_table("all are in", &table(&[(80, &[(AMS, 100), (FRA, 50), (LON, 100)])])).await;
    site.farm.set(2, Mood::Gone);
    let without_lon = table(&[(80, &[(AMS, 100), (FRA, 50), (LON, 0)])]);
    site.until_table("lon is out", &without_lon).await;
    site.stop().await;
    let before = site.vpp.writes().len();
    assert_eq!(site.vpp.table(), without_lon, "a stop leaves VPP as it is");

    site.start();
    site.until("warm-up is complete", |_| site.count("vpp-lb-warmup-complete") == 1).await;
    site.until_table("the first sync is over", &without_lon).await;
    // The first write of the new process is the one that news calls for.
    site.farm.set(2, Mood::Well);
    site.until_table("lon is back", &table(&[(80, &[(AMS, 100), (FRA, 50), (LON, 100)])])).await;
    assert_eq!(site.vpp.writes()[before..], [raise(LON, 100)]);
}

#[tokio::test]
async fn a_restarted_vpp_is_programmed_anew_and_a_broken_link_changes_nothing() {
    let mut site = Site::new().await;
    site.write(&www(&site));
    site.start();
    let wanted = table(&[(80, &[(AMS, 100), (FRA, 50), (LON, 100)])]);
    site.until_table("all are in", &wanted).await;

    let before = site.vpp.writes().len();
    site.vpp.drop_links();
    site.until("it is reconnected", |_| site.count("vpp-connect") == 2).await;
    site.until_table("it is read again", &wanted).await;
    assert_eq!(site.vpp.writes().len(), before);

    site.vpp.kill();
    site.until("it is noticed", |view| !view.connected).await;
    site.vpp.revive().unwrap();
    assert!(site.vpp.table().is_empty());
    site.until_table("it is programmed anew", &wanted).await;
    assert_eq!(site.vpp.conf().sticky_buckets, 65_536);
    let events = site.events();
    assert!(
        events.iter().any(|event| matches!(event, Event::VppConnect { restarted: true, .. })),
        "{events:?}"
    );
}

#[tokio::test]
async fn an_absent_vpp_is_said_once_and_found_when_it_comes() {
    let mut site = Site::new().await;
    site.write(&www(&site));
    site.vpp.kill();
    site.start();
    // By then, at least two attempts have failed.
    site.until("hands-off is over", |_| site.count("vpp-lb-warmup-min-delay-elapsed") == 1).await;
    site.until("all are known", |_| site.count("vpp-lb-warmup-complete") == 1).await;
    assert_eq!(site.count("vpp-unreachable"), 1, "{:?}", site.told());
    site.vpp.revive().unwrap();
    site.until_table("it is programmed", &table(&[(80, &[(AMS, 100), (FRA, 50), (LON, 100)])])).await;
    assert_eq!(site.count("vpp-unreachable"), 1, "{:?}", site.told());
}

#[tokio::test]
async fn drift_made_by_hand_is_repaired() {
    let mut site = Site::new().await;
    site.write(&www(&site));
    site.start();
    let wanted = table(&[(80, &[(AMS, 100), (FRA, 50), (LON, 100)])]);
    site.until_table("all are in", &wanted).await;
    site.vpp.meddle(&raise(FRA, 99)).unwrap();
    site.vpp.meddle(&Write::DelAs { vip: vip(80), server: AMS.into(), flows: Flows::Keep }).unwrap();
    assert_ne!(site.vpp.table(), wanted);
    site.until_table("it is repaired", &wanted).await;
}

#[tokio::test]
async fn an_operator_is_answered_and_obeyed() {
    let mut site = Site::new().await;
    site.write(&www(&site));
    site.start();
    let wanted = table(&[(80, &[(AMS, 100), (FRA, 50), (LON, 100)])]);
    site.until_table("all are in", &wanted).await;
    let pause = |backend: &str| site.handle().command(Command::Pause { backend: backend.to_owned() });
    let denial = pause("nobody").await.unwrap().unwrap_err();
    assert!(denial.to_string().contains("nobody"), "{denial}");
    pause("ams").await.unwrap().unwrap();
    let paused =
        Write::SetWeight { vip: vip(80), server: AMS.into(), weight: Weight::ZERO, flows: Flows::Keep };
    site.until_table("ams is drained", &table(&[(80, &[(AMS, 0), (FRA, 50), (LON, 100)])])).await;
    assert_eq!(site.vpp.writes().last(), Some(&paused));
    site.handle().command(Command::Resume { backend: "ams".to_owned() }).await.unwrap().unwrap();
    site.until_table("ams is back", &wanted).await;
}

#[tokio::test]
async fn a_shutdown_answers_those_who_still_ask() {
    let mut site = Site::new().await;
    site.write(&www(&site));
    site.start();
    let handle = site.handle().clone();
    site.stop().await;
    assert_eq!(handle.view().await.unwrap_err().to_string(), "the daemon is stopping");
    assert!(handle.shut_down().await.is_err());
}
