//! How far each watcher has come, and so how far behind the slowest is.
//!
//! A record is behind a watcher when it was handed to the watcher's connection, or when it is none that the watcher wants.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Batch, Events};

/// How far behind watchers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// How many watch.
    pub watchers: usize,
    /// The age of the oldest record that is kept and that a watcher has yet to take; zero without any.
    pub behind: Duration,
    /// Records that were not kept any more when a watcher came to them; all watchers since the start, each by itself.
    pub missed: u64,
}

/// All that watch now.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    places: Mutex<Places>,
    missed: AtomicU64,
}

#[derive(Debug, Default)]
struct Places {
    next_id: u64,
    by_id: BTreeMap<u64, Arc<AtomicU64>>,
}

impl Watchers {
    /// How many, where the slowest stands, and what all have missed.
    pub(super) fn count(&self) -> (usize, Option<u64>, u64) {
        let places = self.places();
        let slowest = places.by_id.values().map(|place| place.load(Ordering::Relaxed)).min();
        (places.by_id.len(), slowest, self.missed.load(Ordering::Relaxed))
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        // A place is there or not: a panic elsewhere leaves nothing half done.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads records in their order, and counts as a watcher until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    events: Events,
    id: u64,
    place: Arc<AtomicU64>,
}

impl Watcher {
    pub(super) fn new(events: Events, from: u64) -> Self {
        let place = Arc::new(AtomicU64::new(from));
        let mut places = events.0.watchers.places();
        let id = places.next_id;
        places.next_id += 1;
        places.by_id.insert(id, Arc::clone(&place));
        drop(places);
        Self { events, id, place }
    }

    /// Up to `max` records from where it stands. It stays there until it is told to move.
    pub fn read(&self, max: usize) -> Batch {
        let batch = self.events.read(self.place.load(Ordering::Relaxed), max);
        self.events.0.watchers.missed.fetch_add(batch.missed, Ordering::Relaxed);
        batch
    }

    /// Has everything before `next` behind it.
    pub fn moves_to(&self, next: u64) {
        self.place.store(next, Ordering::Relaxed);
    }

    /// Waits until there is something to read.
    pub async fn wait(&self) {
        self.events.wait(self.place.load(Ordering::Relaxed)).await;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.events.0.watchers.places().by_id.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use maglev_core::{Event, Instant};

    use super::super::RECORDS_MAX;
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::START + Duration::from_millis(millis)
    }

    /// Ten records, a millisecond apart.
    fn ten() -> Events {
        let events = Events::new("test".to_owned());
        (0..10).for_each(|n| events.publish(&Event::Stopping, at(n)));
        events
    }

    #[test]
    fn nobody_is_behind_whom_nobody_watches() {
        assert_eq!(ten().lag(at(100)), Lag::default());
    }

    #[test]
    fn the_slowest_watcher_counts_until_it_goes() {
        let events = ten();
        let (slow, fast) = (events.watch(3), events.watch(10));
        assert_eq!(events.lag(at(100)), Lag { watchers: 2, behind: Duration::from_millis(97), missed: 0 });
        assert_eq!(slow.read(2).next, 5);
        slow.moves_to(5);
        assert_eq!(events.lag(at(100)).behind, Duration::from_millis(95));
        drop(slow);
        assert_eq!(events.lag(at(100)), Lag { watchers: 1, behind: Duration::ZERO, missed: 0 });
        drop(fast);
    }

    #[test]
    fn what_is_not_kept_any_more_is_missed_once() {
        let events = ten();
        let watcher = events.watch(0);
        (0..RECORDS_MAX as u64).for_each(|n| events.publish(&Event::Stopping, at(1000 + n)));
        let batch = watcher.read(1);
        watcher.moves_to(batch.next);
        assert_eq!((batch.missed, watcher.read(1).missed), (10, 0));
        assert_eq!(events.lag(at(2000)).missed, 10);
    }
}
