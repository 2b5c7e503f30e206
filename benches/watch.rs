//! From an event to a watcher that reads it, at 5,000 events a second: the real ring, the real API on a Unix socket, and a
//! client in a thread of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use maglev_core::health::State;
use maglev_core::{Clock, Event, Instant};
use maglev_proto::v1::maglev_client::MaglevClient;
use maglev_proto::v1::watch_response::What;
use maglev_proto::v1::{WatchRequest, WatchResponse};
use maglevd::api::{Api, Doors, Rate, Serving};
use maglevd::clock::SystemClock;
use maglevd::config::Options;
use maglevd::daemon::{Control, Handle};
use maglevd::events::Events;
use maglevd::reload::Reloader;
use tokio::sync::mpsc;
use tonic::Streaming;
use tonic::transport::Endpoint;

use crate::table::{Table, Times};
use crate::vpp::{Folder, runtime};
use crate::world::backend_address;

/// Five each millisecond, which is how finely a timer of tokio ticks.
const BURST: u64 = 5;
const TICK: Duration = Duration::from_millis(1);
const EVENTS: u64 = 50_000;
const MEDIAN_MAX: Duration = Duration::from_millis(1);

/// Once for one watcher, and once for ten, of which one is timed.
pub fn measure(table: &mut Table) {
    let alone = run(1);
    table.median("event to watcher, 5,000 a second", &alone, MEDIAN_MAX);
    table.told("event to watcher, the same with ten watchers", run(10).to_string());
}

fn run(watchers: usize) -> Times {
    let clock = SystemClock::start();
    let folder = Folder::new();
    let socket = folder.join("maglevd.sock");
    let published: Arc<[AtomicU64]> = (0..EVENTS).map(|_| AtomicU64::new(0)).collect();
    let server = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    let events = Events::new("bench".to_owned());
    server.spawn(events.clone().attend());
    let _serving = server.block_on(serve(events.clone(), clock, &socket));

    let seen = Arc::clone(&published);
    let client = std::thread::spawn(move || runtime().block_on(watch(&socket, watchers, clock, &seen)));
    server.block_on(async {
        while events.lag(clock.now()).watchers < watchers {
            clock.sleep_until(clock.now() + TICK).await;
        }
        publish(&events, clock, &published).await;
    });
    let times = client.join().expect("the client reads to the end");
    server.shutdown_background();
    times
}

/// Watches ask nothing of the loop, so there is none.
async fn serve(events: Events, clock: SystemClock, socket: &Path) -> (Serving, mpsc::Receiver<Control>) {
    let (handle, controls) = Handle::new();
    let mut doors = Doors::default();
    doors.take_socket(socket).await.expect("the folder takes a socket");
    let reloader = Reloader::new(handle.clone(), Options::default());
    let (file, options, changes) = (PathBuf::new(), Options::default(), Rate::default());
    let api = Api { handle, reloader, events, clock, file, options, reflection: false, changes };
    (api.serve(doors), controls)
}

async fn publish(events: &Events, clock: SystemClock, published: &[AtomicU64]) {
    let mut tick = clock.now();
    for burst in published.chunks(BURST as usize) {
        for time in burst {
            let now = clock.now();
            time.store(nanos(now), Ordering::Release);
            events.publish(&transition(), now);
        }
        tick += TICK;
        clock.sleep_until(tick).await;
    }
}

fn transition() -> Event {
    let (backend, address) = ("b00001".to_owned(), backend_address(1));
    let cause = "connection refused".to_owned();
    Event::BackendTransition { backend, address, from: State::Up, to: Some(State::Down), cause }
}

fn nanos(at: Instant) -> u64 {
    u64::try_from(at.since(Instant::START).as_nanos()).expect("a bench does not run for centuries")
}

/// All read; the first is timed.
async fn watch(socket: &Path, watchers: usize, clock: SystemClock, published: &[AtomicU64]) -> Times {
    let endpoint = Endpoint::from_shared(format!("unix:{}", socket.display())).expect("it is an address");
    let mut all = Vec::new();
    for _ in 0..watchers {
        let mut client = MaglevClient::new(endpoint.connect().await.expect("the API answers"));
        let watch = client.watch(WatchRequest::default()).await.expect("anybody may watch");
        all.push(watch.into_inner());
    }
    let mut timed = all.swap_remove(0);
    for mut other in all {
        tokio::spawn(async move { while let Ok(Some(_)) = other.message().await {} });
    }
    let mut times = Times::default();
    while let Some(sequence) = next(&mut timed).await {
        let at = published[usize::try_from(sequence).expect("it fits")].load(Ordering::Acquire);
        times.add(clock.now().since(Instant::START).saturating_sub(Duration::from_nanos(at)));
        if sequence + 1 == EVENTS {
            break;
        }
    }
    assert_eq!(times.count() as u64, EVENTS, "the watcher missed some");
    times
}

/// The number of the next record.
async fn next(watch: &mut Streaming<WatchResponse>) -> Option<u64> {
    loop {
        match watch.message().await.expect("the API goes on")?.what {
            Some(What::Record(record)) => return Some(record.sequence),
            Some(What::Gap(gap)) => panic!("{}", gap.reason),
            Some(What::Position(_)) | None => (),
        }
    }
}
