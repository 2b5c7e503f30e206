//! Who watches and does not read is seen in the metrics.

use std::net::SocketAddr;

use maglev_core::{Clock as _, Event};

use super::*;
use crate::metrics::client::scrape;

/// More than the connection and the queue before it take, and fewer than the ring keeps.
const MANY: usize = 3_000;
/// Bytes that the client lets the daemon send before it reads: some hundred records.
const WINDOW: u32 = 16 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_that_does_not_read_is_behind_until_it_goes() {
    let (mut site, _, address) = served().await;
    settled(&site).await;
    let page = site.serve_metrics().await;
    assert_eq!(figures(page).await, (0.0, 0.0, 0.0));

    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let connection = endpoint.initial_stream_window_size(WINDOW).connect().await.unwrap();
    let watch = MaglevClient::new(connection).watch(v1::WatchRequest::default()).await.unwrap().into_inner();
    let Api { events, clock, .. } = site.api();
    (0..MANY).for_each(|_| events.publish(&Event::Stopping, clock.now()));
    until(&site, page, |(watchers, behind, missed)| watchers == 1.0 && behind > 0.5 && missed == 0.0).await;
    drop(watch);
    until(&site, page, |figures| figures == (0.0, 0.0, 0.0)).await;
    site.stop().await;
}

/// How many watch, by how much the slowest is behind, and what all have missed.
async fn figures(page: SocketAddr) -> (f64, f64, f64) {
    let series = scrape(page).await;
    let of = |name: &str| *series.get(name).unwrap_or_else(|| panic!("no {name}"));
    (of("maglev_event_watchers"), of("maglev_event_lag_seconds"), of("maglev_events_missed_total"))
}

async fn until(site: &Site, page: SocketAddr, is_so: impl Fn((f64, f64, f64)) -> bool) {
    let end = site.clock.now() + Duration::from_secs(20);
    loop {
        let seen = figures(page).await;
        if is_so(seen) {
            return;
        }
        assert!(site.clock.now() < end, "waited in vain; there is {seen:?}");
        site.clock.sleep_until(site.clock.now() + Duration::from_millis(50)).await;
    }
}
