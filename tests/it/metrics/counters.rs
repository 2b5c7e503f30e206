//! VPP's own counters: whose they are, and when they are better not shown.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use maglev_core::model::Write;
use maglevd::vpp::inquiry::{Inquirer, Places, Questions};

use super::client::{get, scrape};
use crate::support::segment::{Build, StatsSocket};
use crate::support::site::{Site, file, frontend, vip};
use crate::support::until::until;
use crate::support::vpp_toy::ToyConnector;

/// Counters of pool indexes 0 to 7, `base` and the index in the first kind.
fn segment(base: u64) -> Vec<u8> {
    let mut build = Build::new(77, 1_795_000_123);
    build.lb(|kind| {
        let main = (0..8).map(|index| base + 10 * index + kind as u64).collect();
        [main, vec![0; 8]]
    });
    build.bytes
}

fn packets(last: u8, kind: &str) -> String {
    format!(
        "maglev_vpp_vip_packets_total{{prefix=\"203.0.113.{last}/32\",protocol=\"tcp\",port=\"80\",kind=\"{kind}\"}}"
    )
}

/// Scrapes until the counters of VPP are shown, or not.
async fn shown(page: SocketAddr, is_up: bool) -> BTreeMap<String, f64> {
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
    assert_eq!(series[&packets(80, "existing")], 1_010.0, "the first VIP has place 1");
    assert_eq!(series[&packets(81, "no_server")], 1_023.0, "the second has place 2");
    socket.write(&segment(2_000));
    assert_eq!(shown(page, true).await[&packets(80, "existing")], 2_010.0);
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

/// Somebody deletes a VIP behind our back; the daemon makes it again, at another place.
#[tokio::test]
async fn a_vip_that_is_made_again_is_followed_to_its_new_place() {
    let (site, _socket) = site(&segment(1_000)).await;
    let page = site.serve_metrics().await;
    assert_eq!(shown(page, true).await[&packets(80, "existing")], 1_010.0);
    assert_eq!(site.vpp.meddle(&Write::DelVip { vip: vip(80) }), Ok(0));
    let seen = until("the new place", async || {
        let series = scrape(page).await;
        let value = series.get(&packets(80, "existing")).copied();
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
    assert!(!series.contains_key(&packets(80, "existing")));
    let series = shown(page, true).await;
    assert_eq!(series[&packets(80, "existing")], 10.0);
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
    assert!(!series.contains_key(&packets(80, "existing")));
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
    connector.toy().lock().unwrap().vips =
        [81, 80].map(|last| (vip(last), crate::support::vpp_toy::ToyVip::empty())).into();
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
