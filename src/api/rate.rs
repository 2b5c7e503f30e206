//! How often one caller may change something: a burst, and then no faster than one after the other.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use maglev_core::Instant;

/// Callers that are remembered at once; who has not changed anything for long is forgotten first.
const CALLERS_MAX: usize = 4_096;

/// How often a caller may change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Changes at once, at least 1.
    pub burst: u32,
    /// Then one each time this has passed.
    pub every: Duration,
}

impl Default for Rate {
    /// Enough for a script that drains a rack one backend after the other; not enough to keep the loop from its work.
    fn default() -> Self {
        Self { burst: 500, every: Duration::from_millis(10) }
    }
}

/// Who has used up how much: for each caller the instant at which the burst is whole again.
#[derive(Debug)]
pub(super) struct Rates {
    rate: Rate,
    whole_at: Mutex<BTreeMap<String, Instant>>,
}

impl Rates {
    pub(super) const fn new(rate: Rate) -> Self {
        Self { rate, whole_at: Mutex::new(BTreeMap::new()) }
    }

    /// Counts a change of this caller at `now`.
    ///
    /// # Errors
    /// It is too early for it, by so long; it is not counted.
    pub(super) fn admit(&self, caller: &str, now: Instant) -> Result<(), Duration> {
        let mut whole_at = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        if whole_at.len() >= CALLERS_MAX {
            whole_at.retain(|_, at| *at > now);
        }
        let before = whole_at.get(caller).copied().unwrap_or(now).max(now);
        let earliest = (before + self.rate.every).since(now + self.rate.every * self.rate.burst);
        if !earliest.is_zero() {
            return Err(earliest);
        }
        if whole_at.len() < CALLERS_MAX {
            whole_at.insert(caller.to_owned(), before + self.rate.every);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Instant {
        Instant::from_start(Duration::from_millis(ms))
    }

    #[test]
    fn a_burst_and_then_one_after_the_other() {
        let rates = Rates::new(Rate { burst: 3, every: Duration::from_millis(10) });
        for _ in 0..3 {
            assert_eq!(rates.admit("alice", at(5)), Ok(()));
        }
        assert_eq!(rates.admit("alice", at(5)), Err(Duration::from_millis(10)));
        assert_eq!(rates.admit("bob", at(5)), Ok(()), "each has a burst of their own");
        assert_eq!(
            rates.admit("alice", at(14)),
            Err(Duration::from_millis(1)),
            "who was refused lost nothing"
        );
        assert_eq!(rates.admit("alice", at(15)), Ok(()));
        assert_eq!(rates.admit("alice", at(15)), Err(Duration::from_millis(10)));
        for _ in 0..3 {
            assert_eq!(rates.admit("alice", at(1_000)), Ok(()), "after a while it is whole again");
        }
        assert!(rates.admit("alice", at(1_000)).is_err());
    }

    #[test]
    fn those_who_are_quiet_are_forgotten() {
        let rates = Rates::new(Rate { burst: 1, every: Duration::from_millis(10) });
        for caller in 0..2 * CALLERS_MAX {
            assert_eq!(rates.admit(&caller.to_string(), at(caller as u64 * 100)), Ok(()));
        }
        assert!(rates.whole_at.lock().unwrap().len() <= CALLERS_MAX);
    }
}
