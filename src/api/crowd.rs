//! How many connections one caller holds: a part of a door's places, so that nobody takes them all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A caller may take one of so many parts of a door's places: three who leak connections leave room for others.
const PARTS: usize = 4;

/// Who is at a door, inside or about to be let in. It remembers nobody else, so it is no larger than the door.
#[derive(Debug)]
pub(super) struct Crowd {
    each: usize,
    inside: Mutex<BTreeMap<String, usize>>,
}

/// A caller has as many connections as it may.
#[derive(Debug, thiserror::Error)]
#[error("{key} has {each} connections already, as many as one caller may have; close some")]
pub(super) struct Full {
    key: String,
    each: usize,
}

/// One connection of a caller. It counts until this is dropped.
#[derive(Debug)]
pub(super) struct Share {
    crowd: Arc<Crowd>,
    key: String,
}

impl Crowd {
    pub(super) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self { each: (places / PARTS).max(1), inside: Mutex::default() })
    }

    /// Counts a connection of the caller with this key.
    ///
    /// # Errors
    /// It has as many as it may.
    pub(super) fn enter(self: &Arc<Self>, key: &str) -> Result<Share, Full> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let count = inside.entry(key.to_owned()).or_default();
        if *count >= self.each {
            return Err(Full { key: key.to_owned(), each: self.each });
        }
        *count += 1;
        Ok(Share { crowd: Arc::clone(self), key: key.to_owned() })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut inside = self.crowd.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let count = inside.get_mut(&self.key).expect("who has a share was counted");
        *count -= 1;
        if *count == 0 {
            inside.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_quarter_and_who_has_left_is_forgotten() {
        let crowd = Crowd::new(8);
        let first = crowd.enter("ann").unwrap();
        let _second = crowd.enter("ann").unwrap();
        let full = crowd.enter("ann").unwrap_err().to_string();
        assert!(full.starts_with("ann has 2 connections already"), "{full}");
        drop(crowd.enter("bob").unwrap());
        assert_eq!(crowd.inside.lock().unwrap().len(), 1);
        drop(first);
        crowd.enter("ann").unwrap();
    }

    #[test]
    fn the_smallest_door_lets_everybody_in_once() {
        let crowd = Crowd::new(1);
        let _only = crowd.enter("ann").unwrap();
        assert!(crowd.enter("ann").is_err());
        assert!(crowd.enter("bob").is_ok());
    }
}
