//! What happens, kept for those who watch: the last records in a ring, each with a sequence number.
//!
//! Nothing here waits for a watcher. Publishing is a push into the ring and a ring of one bell; a task of its own wakes the
//! watchers, however many there are. Who falls behind the ring is told how much was missed. How far each watcher has come
//! is known as long as it watches: a slow one is its own affair, and still an operator may want to know of it.

mod lag;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use maglev_core::event::Level;
use maglev_core::{Event, Instant};
use tokio::sync::{Notify, watch};

use lag::Watchers;
pub use lag::{Lag, Watcher};

/// Records that are kept.
pub const RECORDS_MAX: usize = 4_096;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Ascending by one.
    pub sequence: u64,
    /// When.
    pub at: Instant,
    /// What.
    pub what: Happened,
}

/// What a record is of.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// The engine told it.
    Told(Event),
    /// A line of the log that no event of the engine is behind.
    Logged(Logged),
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Who is woken by it.
    pub level: Level,
    /// What stands in `msg`.
    pub name: String,
    /// The facts, in the order of the line.
    pub fields: Vec<(&'static str, String)>,
}

impl Happened {
    /// Who is woken by it.
    pub const fn level(&self) -> Level {
        match self {
            Self::Told(event) => event.level(),
            Self::Logged(line) => line.level,
        }
    }

    /// The name that stands in `msg` of its line.
    pub fn name(&self) -> &str {
        match self {
            Self::Told(event) => event.name(),
            Self::Logged(line) => &line.name,
        }
    }

    /// The facts, in the order in which a person reads them.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Told(event) => event.fields(),
            Self::Logged(line) => line.fields.clone(),
        }
    }
}

#[derive(Debug, Default)]
struct Ring {
    records: VecDeque<Arc<Record>>,
    /// The sequence number of the next record.
    next: u64,
}

#[derive(Debug)]
struct Shared {
    /// Names this process's records.
    stream: String,
    ring: Mutex<Ring>,
    bell: Notify,
    news: watch::Sender<u64>,
    watchers: Watchers,
}

/// The records of this process. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Events(Arc<Shared>);

/// Records from some place on.
#[derive(Debug, PartialEq)]
pub struct Batch {
    /// How many before these are not kept any more.
    pub missed: u64,
    /// In order.
    pub records: Vec<Arc<Record>>,
    /// The sequence number behind the last of them.
    pub next: u64,
}

impl Events {
    /// An empty ring whose records are named by `stream`: another name for every process.
    pub fn new(stream: String) -> Self {
        let (news, _) = watch::channel(0);
        let (ring, watchers) = (Mutex::default(), Watchers::default());
        Self(Arc::new(Shared { stream, ring, bell: Notify::new(), news, watchers }))
    }

    /// Wakes watchers whenever something was published. Runs until it is dropped.
    pub async fn attend(self) {
        loop {
            self.0.bell.notified().await;
            let next = self.next();
            self.0.news.send_replace(next);
        }
    }

    /// Names this process's records.
    pub fn stream(&self) -> &str {
        &self.0.stream
    }

    /// Adds a record of an event. Never waits for a watcher.
    pub fn publish(&self, event: &Event, at: Instant) {
        self.add(Happened::Told(event.clone()), at);
    }

    /// Adds a record of a line of the log. Never waits for a watcher, and logs nothing.
    pub fn publish_line(&self, line: Logged, at: Instant) {
        self.add(Happened::Logged(line), at);
    }

    fn add(&self, what: Happened, at: Instant) {
        let mut ring = self.ring();
        let sequence = ring.next;
        ring.next += 1;
        if ring.records.len() >= RECORDS_MAX {
            ring.records.pop_front();
        }
        ring.records.push_back(Arc::new(Record { sequence, at, what }));
        drop(ring);
        self.0.bell.notify_one();
    }

    /// The sequence number of the next record.
    pub fn next(&self) -> u64 {
        self.ring().next
    }

    /// A watcher of what comes from `from` on.
    pub fn watch(&self, from: u64) -> Watcher {
        Watcher::new(self.clone(), from)
    }

    /// How far behind watchers are at `now`.
    pub fn lag(&self, now: Instant) -> Lag {
        let (watchers, slowest, missed) = self.0.watchers.count();
        let waiting = slowest.and_then(|from| self.read(from, 1).records.pop());
        Lag { watchers, behind: waiting.map(|record| now.since(record.at)).unwrap_or_default(), missed }
    }

    /// Up to `max` records from `from` on, or from the oldest that is kept.
    fn read(&self, from: u64, max: usize) -> Batch {
        let ring = self.ring();
        let oldest = ring.next - ring.records.len() as u64;
        let first = from.clamp(oldest, ring.next);
        let skip = usize::try_from(first - oldest).unwrap_or(usize::MAX);
        let records: Vec<Arc<Record>> = ring.records.iter().skip(skip).take(max).cloned().collect();
        let next = first + records.len() as u64;
        Batch { missed: first.saturating_sub(from), records, next }
    }

    /// Waits until there is a record `from`, or a later one.
    async fn wait(&self, from: u64) {
        let mut news = self.0.news.subscribe();
        if self.next() > from {
            return;
        }
        // The sender lives as long as we do.
        let _ = news.wait_for(|next| *next > from).await;
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // A record is whole or not there: a panic elsewhere leaves nothing half done.
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
