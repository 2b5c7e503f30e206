//! A small story, and what the metrics say of it.

use std::collections::{BTreeMap, BTreeSet};

use maglev_core::input::Command;
use maglevd::demo::Mood;

use super::client::{get, scrape, send};
use super::counters::{segment, shown};
use crate::support::segment::StatsSocket;
use crate::support::shelf;
use crate::support::site::{AMS, FRA, LON, Site, file, frontend, table};

async fn site() -> Site {
    let mut site = Site::new().await;
    start(&mut site);
    site
}

fn start(site: &mut Site) {
    let pools = frontend("www", 80, "ams: {}, fra: { weight: 50 }") + &frontend("api", 81, "lon: {}");
    site.write(&file(site.farm.port(), &pools));
    site.start();
}

fn of(series: &BTreeMap<String, f64>, name: &str) -> f64 {
    *series.get(name).unwrap_or_else(|| panic!("{name} is missing in {series:#?}"))
}

/// Each value follows what happened, and nothing else does.
#[tokio::test]
async fn values_follow_the_story() {
    let site = site().await;
    let page = site.serve_metrics().await;
    site.until_table("all", &table(&[(80, &[(AMS, 100), (FRA, 50)]), (81, &[(LON, 100)])])).await;
    site.until("over", |view| view.not_ready.is_empty()).await;
    assert_eq!(get(page, "/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(get(page, "/readyz").await, (200, "ready\n".to_owned()));
    let before = scrape(page).await;
    let weight = "maglev_frontend_pool_backend_weight{frontend=\"www\",pool=\"only\",backend=\"fra\"}";
    assert_eq!(of(&before, weight), 50.0);
    assert_eq!(of(&before, "maglev_backend_state{backend=\"ams\",state=\"up\"}"), 1.0);
    assert_eq!(of(&before, "maglev_backend_state{backend=\"ams\",state=\"down\"}"), 0.0);
    assert_eq!(of(&before, "maglev_backend_health{backend=\"ams\"}"), 3.0);
    assert_eq!(of(&before, "maglev_vpp_lbsync_total{scope=\"vip\",kind=\"vip_added\"}"), 2.0);
    assert_eq!(
        of(&before, "maglev_vpp_api_total{msg=\"lb_add_del_as_v2\",direction=\"recv\",result=\"ok\"}"),
        3.0
    );
    assert_eq!(of(&before, "maglev_warmup_phase{phase=\"over\"}"), 1.0);
    assert_eq!(of(&before, "maglev_ready"), 1.0);

    site.farm.set(0, Mood::Failing);
    site.until_table("down", &table(&[(80, &[(AMS, 0), (FRA, 50)]), (81, &[(LON, 100)])])).await;
    site.handle().command(Command::Disable { backend: "lon".into() }).await.unwrap().unwrap();
    site.until_table("out", &table(&[(80, &[(AMS, 0), (FRA, 50)]), (81, &[(LON, 0)])])).await;
    let after = scrape(page).await;
    assert_eq!(of(&after, "maglev_backend_transitions_total{backend=\"ams\",from=\"up\",to=\"down\"}"), 1.0);
    assert_eq!(of(&after, "maglev_backend_enabled{backend=\"lon\"}"), 0.0);
    assert_eq!(of(&after, "maglev_frontend_state{frontend=\"api\",state=\"down\"}"), 1.0);
    let effective =
        "maglev_frontend_pool_backend_effective_weight{frontend=\"www\",pool=\"only\",backend=\"ams\"}";
    assert_eq!((of(&before, effective), of(&after, effective)), (100.0, 0.0));
    assert_eq!(of(&after, "maglev_vpp_lbsync_total{scope=\"vip\",kind=\"as_weight_updated\"}"), 2.0);
    let caught = of(&after, "maglev_transition_to_vpp_seconds_count")
        - of(&before, "maglev_transition_to_vpp_seconds_count");
    assert_eq!(caught, 2.0, "ams and lon");
    let failures = "maglev_probe_total{backend=\"ams\",type=\"http\",result=\"failure\",code=\"L7STS\"}";
    assert!(!before.contains_key(failures) && of(&after, failures) >= 2.0);
    assert!(of(&after, "maglev_probe_duration_seconds_count{backend=\"fra\",type=\"http\"}") >= 1.0);
}

/// Names, types and labels are a promise to dashboards.
#[tokio::test]
async fn names_types_and_labels_stay() {
    let mut site = Site::new().await;
    let _stats = StatsSocket::start(&site.file().with_file_name("stats.sock"), &segment(1_000));
    start(&mut site);
    let page = site.serve_metrics().await;
    site.until("over", |view| view.not_ready.is_empty() && view.in_sync).await;
    shown(page, true).await;
    let (_, text) = get(page, "/metrics").await;
    let shape: BTreeSet<String> =
        text.lines().filter(|it| !it.starts_with("# HELP") && !it.is_empty()).map(without_values).collect();
    let shape: Vec<String> = shape.into_iter().collect();
    shelf("metrics").bind(|| insta::assert_snapshot!("names", shape.join("\n")));
}

/// `name{a="1",b="2"} 3` becomes `name{a,b}`.
fn without_values(line: &str) -> String {
    if line.starts_with('#') {
        return line.to_owned();
    }
    let (series, _) = line.rsplit_once(' ').unwrap();
    let pieces = series.split('"').step_by(2);
    pieces.map(|piece| piece.trim_end_matches('=')).collect::<String>()
}

/// What a reload takes away has no series any more, however often.
#[tokio::test]
async fn series_go_with_their_objects() {
    let site = site().await;
    let page = site.serve_metrics().await;
    site.until("over", |view| view.not_ready.is_empty() && view.in_sync).await;
    let port = site.farm.port();
    for turn in 0..20 {
        let text = file(port, &frontend(&format!("f{turn}"), 80, "ams: {}, fra: {}"));
        let renamed = text.replace(" lon:", &format!(" lon{turn}:"));
        site.reload(&renamed).await.unwrap();
        site.until("probed", |view| view.backends.iter().all(|backend| backend.last_outcome.is_some())).await;
    }
    let series = scrape(page).await;
    assert_eq!(of(&series, "maglev_config_reloads_total{result=\"loaded\"}"), 20.0);
    let names = |label: &str| {
        let part =
            |name: &String| Some(name.split(&format!("{label}=\"")).nth(1)?.split('"').next()?.to_owned());
        series.keys().filter_map(part).collect::<BTreeSet<_>>()
    };
    assert_eq!(names("backend").into_iter().collect::<Vec<_>>(), ["ams", "fra", "lon19"]);
    assert_eq!(names("frontend").into_iter().collect::<Vec<_>>(), ["f19"]);
}

/// Reasons are told in words, and the daemon is alive all the same.
#[tokio::test]
async fn a_daemon_that_is_not_ready_says_why() {
    let mut site = site().await;
    let page = site.serve_metrics().await;
    let (status, text) = get(page, "/readyz").await;
    assert_eq!(status, 503);
    assert!(text.contains("warm-up is not over: hands-off"), "{text}");
    assert_eq!(get(page, "/healthz").await.0, 200);
    site.until("over", |view| view.not_ready.is_empty()).await;
    site.vpp.kill();
    site.until("lost", |view| !view.connected).await;
    assert_eq!(get(page, "/readyz").await, (503, "VPP is not connected and read\n".to_owned()));
    assert_eq!(of(&scrape(page).await, "maglev_vpp_connected"), 0.0);
    site.stop().await;
    assert_eq!(get(page, "/healthz").await, (503, "the daemon is stopping\n".to_owned()));
}

/// Whoever talks nonsense, or nothing, keeps nobody else from being served.
#[tokio::test]
async fn strange_visitors_do_no_harm() {
    let site = site().await;
    let page = site.serve_metrics().await;
    let mut silent = Vec::new();
    for _ in 0..15 {
        silent.push(tokio::net::TcpStream::connect(page).await.unwrap());
    }
    for nonsense in [
        &b"\0\xff\x16\x03"[..],
        b"GET\r\n\r\n",
        b"\r\n\r\n\r\n",
        &[b'x'; 100_000],
        b"BREW / HTTP/1.1\r\n\r\n",
    ] {
        let answer = send(page, nonsense).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let large = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(100_000));
    assert!(!send(page, large.as_bytes()).await.contains(" 200 "));
    assert_eq!(get(page, "/nothing").await.0, 404);
    assert!(send(page, b"POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.starts_with("HTTP/1.1 405"));
    assert_eq!(get(page, "/metrics").await.0, 200);
    drop(silent);
}
