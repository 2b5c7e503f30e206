//! VPP's own counters: whose they are, and when they are better not shown.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use maglev_core::model::{Prefix, Write};
use maglevd::vpp::inquiry::{Inquirer, Places, Questions};

use super::client::{get, scrape};
use crate::support::segment::{Build, StatsSocket};
use crate::support::site::{AMS, LON, Site, file, frontend, vip};
use crate::support::until::until;
use crate::support::vpp_toy::{ToyConnector, ToyVip};

/// Counters of pool indexes 0 to 7, `base` and the index in the first kind. Routes have `base` packets and their place,
/// of 64 bytes each into a prefix, of 100 out to a server.
pub fn segment(base: u64) -> Vec<u8> {
    build(Build::new(77, 1_795_000_123), base)
}

/// The same behind what is there already.
pub fn build(mut build: Build, base: u64) -> Vec<u8> {
    build.lb(|kind| {
        let main = (0..8).map(|index| base + 10 * index + kind as u64).collect();
        [main, vec![0; 8]]
    });
    for (name, size) in [("/net/route/to", 64), ("/net/route/via", 100)] {
        let traffic = (base..base + 8).flat_map(|packets| [packets, packets * size]).collect::<Vec<_>>();
        build.counters(name, 3, 2, &[&traffic]);
    }
    build.bytes
}

/// The series of one kind of packets to 203.0.113.`last`.
pub fn packets(last: u8, kind: &str) -> String {
    format!(
        "maglev_vpp_vip_packets_total{{prefix=\"203.0.113.{last}/32\",protocol=\"tcp\",port=\"80\",kind=\"{kind}\"}}"
    )
}

fn server(what: &str, address: Ipv4Addr) -> String {
    format!("maglev_vpp_server_route_{what}_total{{address=\"{address}\"}}")
}

/// Scrapes until the counters of VPP are shown, or not.
pub async fn shown(page: SocketAddr, is_up: bool) -> BTreeMap<String, f64> {
    until("maglev_vpp_stats_up", async || {
        let series = scrape(page).await;
        let is_so = series["maglev_vpp_stats_up"] == f64::from(u8::from(is_up));
        if is_so { Ok(series) } else { Err(format!("{series:#?}")) }
    })
    .await
}

async fn site(stats: &[u8]) -> (Site, StatsSocket) {
    let mut site = Site::new().await;
    let socket = StatsSocket::start(&site.file().with_file_name("stats.sock"), stats);
    let frontends = frontend("www", 80, "ams: {}") + &frontend("api", 81, "lon: {}");
    site.write(&file(site.farm.port(), &frontends));
    site.start();
    site.until("over", |view| view.not_ready.is_empty() && view.in_sync).await;
    (site, socket)
}

/// Each VIP has the counters of its place, they move with VPP, and what is gone has none.
#[tokio::test]
async fn counters_follow_their_vips() {
    let (site, socket) = site(&segment(1_000)).await;
    let page = site.serve_metrics().await;
    let series = shown(page, true).await;
    assert_eq!(series[&packets(80, "next")], 1_010.0, "the first VIP has place 1");
    assert_eq!(series[&packets(81, "no_server")], 1_023.0, "the second has place 2");
    socket.write(&segment(2_000));
    assert_eq!(shown(page, true).await[&packets(80, "next")], 2_010.0);
    // Another VIP takes another place; the one that went takes its series along.
    site.reload(&file(site.farm.port(), &frontend("new", 82, "lon: {}"))).await.unwrap();
    let series = until("the new VIP", async || {
        let series = scrape(page).await;
        if series.contains_key(&packets(82, "first")) { Ok(series) } else { Err(format!("{series:#?}")) }
    })
    .await;
    assert_eq!(series[&packets(82, "first")], 2_031.0, "a place of its own: the others' are not free yet");
    assert!(!series.contains_key(&packets(80, "first")) && !series.contains_key(&packets(81, "first")));
}

/// A reload that takes a server out takes its series along; those of the others stay what they were.
#[tokio::test]
async fn the_series_of_a_server_go_with_it() {
    let (site, _socket) = site(&segment(1_000)).await;
    let page = site.serve_metrics().await;
    let before = shown(page, true).await;
    let of = |series: &BTreeMap<String, f64>, address| {
        ["packets", "bytes"].map(|what| series.get(&server(what, address)).copied())
    };
    let ([Some(ams), Some(ams_bytes)], [Some(lon), Some(_)]) = (of(&before, AMS), of(&before, LON)) else {
        panic!("{before:#?}")
    };
    assert!(ams != lon && ams_bytes == 100.0 * ams, "each has a place of its own: {ams}, {lon}, {ams_bytes}");
    let into = "maglev_vpp_vip_route_bytes_total{prefix=\"203.0.113.80/32\"}";
    let only_www = file(site.farm.port(), &frontend("www", 80, "ams: {}"));
    site.reload(&only_www).await.unwrap();
    let after = shown(page, true).await;
    assert_eq!(of(&after, LON), [None, None]);
    assert_eq!((of(&after, AMS), after[into]), ([Some(ams), Some(ams_bytes)], before[into]));
    assert!(!after.keys().any(|name| name.contains("203.0.113.81")), "{after:#?}");
}

/// Somebody deletes a VIP behind our back; the daemon makes it again, at another place.
#[tokio::test]
async fn a_vip_that_is_made_again_is_followed_to_its_new_place() {
    let (site, _socket) = site(&segment(1_000)).await;
    let page = site.serve_metrics().await;
    assert_eq!(shown(page, true).await[&packets(80, "next")], 1_010.0);
    assert_eq!(site.vpp.meddle(&Write::DelVip { vip: vip(80) }), Ok(0));
    let seen = until("the new place", async || {
        let series = scrape(page).await;
        let value = series.get(&packets(80, "next")).copied();
        if value.is_some_and(|value| value != 1_010.0) { Ok(value) } else { Err(format!("{value:?}")) }
    })
    .await;
    assert_eq!(seen, Some(1_030.0));
}

/// A counter that falls has another owner: nothing is shown until the places are known again.
#[tokio::test]
async fn a_counter_that_falls_is_not_believed() {
    let (site, socket) = site(&segment(1_000)).await;
    let page = site.serve_metrics().await;
    shown(page, true).await;
    socket.write(&segment(0));
    let series = scrape(page).await;
    assert_eq!(series["maglev_vpp_stats_up"], 0.0);
    assert!(!series.contains_key(&packets(80, "next")));
    let series = shown(page, true).await;
    assert_eq!(series[&packets(80, "next")], 10.0);
    assert!(!series.keys().any(|name| name.starts_with("maglev_vpp_stats_errors")), "nothing went wrong");
}

/// Garbage, and a VPP that is gone, cost the series and nothing else.
#[tokio::test]
async fn what_cannot_be_read_is_absent_and_counted() {
    let (mut site, socket) = site(&segment(1_000)).await;
    let page = site.serve_metrics().await;
    shown(page, true).await;
    socket.write(&[0xaa; 64]);
    let series = scrape(page).await;
    assert_eq!(series["maglev_vpp_stats_up"], 0.0);
    assert!(series["maglev_vpp_stats_errors_total{reason=\"layout\"}"] >= 1.0);
    assert!(!series.contains_key(&packets(80, "next")));
    assert_eq!(get(page, "/readyz").await.0, 200, "it is VPP's trouble, not traffic's");
    socket.write(&segment(1_000));
    site.vpp.kill();
    site.until("lost", |view| !view.connected).await;
    assert_eq!(scrape(page).await["maglev_vpp_stats_up"], 0.0, "the segment of the dead is still there");
}

/// The visit by itself: every place that VPP has, `None` for what it has not, in the order of the questions.
#[tokio::test]
async fn a_visit_brings_the_places() {
    let connector = ToyConnector::new();
    connector.toy().lock().unwrap().vips = [81, 80].map(|last| (vip(last), ToyVip::empty())).into();
    let mut inquirer = Inquirer::new(connector);
    let routes: Vec<_> = (0..200).map(|last| vip(last).prefix).collect();
    let questions = Questions { vips: true, routes };
    let places = inquirer.inquire(&questions, std::future::pending()).await.unwrap();
    assert_eq!(places.vips, [(vip(80), 1), (vip(81), 2)]);
    let found: Vec<_> = places.routes.iter().zip(0..).filter(|(index, _)| index.is_some()).collect();
    assert_eq!(found, [(&Some(80), 80), (&Some(81), 81)]);
    // Without questions there are no answers, and a limit that has passed ends the visit.
    let nothing = inquirer.inquire(&Questions::default(), std::future::pending()).await.unwrap();
    assert_eq!(nothing, Places::default());
    assert_eq!(
        inquirer.inquire(&questions, async {}).await.unwrap_err().to_string(),
        "VPP did not answer in time"
    );
}

/// A place that two routes share is nobody's; a route that is asked for twice does not share it.
#[tokio::test]
async fn counters_that_two_routes_share_belong_to_neither() {
    let connector = ToyConnector::new();
    let mut other = vip(80);
    other.prefix = Prefix::host(Ipv4Addr::new(198, 51, 100, 80).into());
    connector.toy().lock().unwrap().vips = [other, vip(80), vip(81)].map(|vip| (vip, ToyVip::empty())).into();
    let routes = vec![vip(81).prefix, vip(80).prefix, vip(82).prefix, other.prefix, vip(81).prefix];
    let questions = Questions { vips: false, routes };
    let places = Inquirer::new(connector).inquire(&questions, std::future::pending()).await.unwrap();
    assert_eq!(places.routes, [Some(81), None, None, None, Some(81)]);
}
