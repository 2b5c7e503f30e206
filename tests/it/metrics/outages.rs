//! The stats segment is frozen, never at rest, or not there: its series are absent, and nothing else is any worse.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;
use serde_json::Value;

use super::client::{get, scrape};
use super::counters::{build, packets, segment, shown};
use crate::support::binary::{Running, maglevd};
use crate::support::segment::{BASE, Build, StatsSocket};
use crate::support::site::{Site, file, frontend};
use crate::support::until::until;

/// Where the header has `epoch` and `in_progress`.
const EPOCH: u64 = 16;
const IN_PROGRESS: u64 = 24;

/// The segment of a VPP that began to change it, and hangs.
fn frozen() -> Vec<u8> {
    let mut build = Build::of(segment(1_000));
    build.put(IN_PROGRESS as usize, 1);
    build.bytes
}

/// Where the binary serves its metrics.
fn page(daemon: &mut Running) -> SocketAddr {
    loop {
        let line = daemon.until("listening");
        if line["flag"] == "--metrics-addr" {
            return line["address"].as_str().unwrap().parse().unwrap();
        }
    }
}

async fn errors(page: SocketAddr, reason: &str) -> f64 {
    let name = format!("maglev_vpp_stats_errors_total{{reason=\"{reason}\"}}");
    scrape(page).await.get(&name).copied().unwrap_or_default()
}

/// No series, and the daemon is as ready as ever.
async fn is_absent_and_ready(page: SocketAddr, reason: &str) {
    until("it is counted", async || {
        let count = errors(page, reason).await;
        if count > 0.0 { Ok(()) } else { Err(format!("{count} for {reason}")) }
    })
    .await;
    let series = scrape(page).await;
    assert_eq!(series["maglev_vpp_stats_up"], 0.0);
    assert!(!series.keys().any(|name| is_counter(name)), "{series:#?}");
    until("ready", async || match get(page, "/readyz").await {
        (200, _) => Ok(()),
        (status, why) => Err(format!("traffic flows without counters, but: {status} {why}")),
    })
    .await;
}

/// The whole life of the process: no socket, a socket, a frozen segment, one that heals.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_the_stats_is_said_once_and_heals_by_itself() {
    let site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}")));
    let (api, stats) = (site.file().with_file_name("api.sock"), site.file().with_file_name("stats.sock"));
    let flags =
        ["--config", "--vpp-api-addr", "--vpp-stats-addr"].into_iter().zip([site.file(), &api, &stats]);
    let mut command = maglevd(&["--grpc-addr=", "--grpc-socket=", "--metrics-addr=127.0.0.1:0"]);
    flags.for_each(|(flag, path)| {
        command.arg(flag).arg(path);
    });
    let mut daemon = Running::start(&mut command);
    let page = page(&mut daemon);
    assert_eq!(daemon.until("vpp-stats-unavailable")["reason"], "socket");
    is_absent_and_ready(page, "socket").await;

    let socket = StatsSocket::start(&stats, &segment(1_000));
    // A reload has the daemon look at once.
    daemon.signal(Signal::HUP);
    daemon.until("vpp-stats-available");
    assert_eq!(shown(page, true).await[&packets(80, "next")], 1_010.0);

    socket.write(&frozen());
    scrape(page).await;
    assert_eq!(daemon.until("vpp-stats-unavailable")["reason"], "restless");
    until("a second attempt", async || {
        let count = errors(page, "restless").await;
        if count > 1.0 { Ok(()) } else { Err(format!("{count}")) }
    })
    .await;
    is_absent_and_ready(page, "restless").await;
    socket.write(&segment(2_000));
    daemon.until("vpp-stats-available");
    assert_eq!(shown(page, true).await[&packets(80, "next")], 2_010.0);

    drop(socket);
    daemon.signal(Signal::HUP);
    assert_eq!(daemon.until("vpp-stats-unavailable")["reason"], "socket");
    is_absent_and_ready(page, "socket").await;
    daemon.signal(Signal::TERM);
    let (code, lines) = daemon.end();
    let said = |name: &str| lines.iter().filter(|line: &&Value| line["msg"] == name).count();
    assert_eq!((code, said("vpp-stats-unavailable"), said("vpp-stats-available")), (0, 3, 2));
}

/// A VPP that hangs leaves a segment that reads well for ever. Half a minute of real time: VPP's default interval between
/// two beats is ten seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heart_that_stands_still_ends_the_series_and_nothing_else() {
    let mut site = Site::new().await;
    let socket = StatsSocket::start(&site.file().with_file_name("stats.sock"), &segment(1_000));
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}")));
    site.start();
    site.until("over", |view| view.not_ready.is_empty() && view.in_sync).await;
    let page = site.serve_metrics().await;
    assert_eq!(shown(page, true).await[&packets(80, "next")], 1_010.0);
    shown(page, false).await;
    is_absent_and_ready(page, "frozen").await;

    socket.write(&build(Build::new(78, 1_795_000_123), 2_000));
    assert_eq!(shown(page, true).await[&packets(80, "next")], 2_010.0);
}

/// Does what VPP does when its vectors grow, again and again: says so, moves them, and goes on to the next epoch.
fn churn(memory: &File, layouts: &[Vec<u8>; 2], is_over: &AtomicBool) {
    let put = |at, value: u64| memory.write_all_at(&value.to_ne_bytes(), at).unwrap();
    for (epoch, bytes) in (6..).zip(layouts.iter().cycle()) {
        put(IN_PROGRESS, 1);
        memory.write_all_at(&vec![0xaa; bytes.len() - 40], 40).unwrap();
        memory.write_all_at(&bytes[40..], 40).unwrap();
        put(EPOCH, epoch);
        put(IN_PROGRESS, 0);
        if is_over.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// The same counters at another place in each epoch: whatever a scrape meets, it shows the true number or none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_without_rest_never_shows_a_wrong_number() {
    let mut site = Site::new().await;
    let mut moved = Build::new(77, 1_795_000_123);
    moved.vector(&[BASE; 101], 1);
    let layouts = [segment(1_000), build(moved, 1_000)];
    let socket = StatsSocket::start(&site.file().with_file_name("stats.sock"), &layouts[0]);
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}")));
    site.start();
    site.until("over", |view| view.not_ready.is_empty() && view.in_sync).await;
    let page = site.serve_metrics().await;
    let before = shown(page, true).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let (memory, over) = (socket.memory(), Arc::clone(&is_over));
    let writer = std::thread::spawn(move || churn(&memory, &layouts, &over));
    for _ in 0..100 {
        let series = scrape(page).await;
        for (name, value) in series.iter().filter(|(name, _)| is_counter(name)) {
            assert_eq!(before.get(name), Some(value), "{name}");
        }
    }
    assert_eq!(get(page, "/readyz").await.0, 200);
    is_over.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    let after = shown(page, true).await;
    let all = |series: &std::collections::BTreeMap<String, f64>| {
        series
            .iter()
            .filter(|(name, _)| is_counter(name))
            .map(|(name, it)| (name.clone(), *it))
            .collect::<Vec<_>>()
    };
    assert!(all(&before).len() > 4);
    assert_eq!(all(&after), all(&before));
}

fn is_counter(name: &str) -> bool {
    name.starts_with("maglev_vpp_vip") || name.starts_with("maglev_vpp_server")
}
