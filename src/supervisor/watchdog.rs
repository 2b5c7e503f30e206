//! How long a loop that does not turn is believed to be busy.

use std::time::Duration;

use maglev_core::Instant;

/// What the loop may take at least, whatever the configuration says: a host under load stands still for seconds, and a
/// start without warm-up is no reason to shoot sooner.
const PATIENCE_MIN: Duration = Duration::from_secs(30);

/// Decides when the supervisor is told that we live.
#[derive(Debug)]
pub struct Watchdog {
    /// Pings are this far apart.
    every: Duration,
    patience: Duration,
    turned: Instant,
    pinged: Option<Instant>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing yet.
    Wait,
    /// Tell the supervisor that we live.
    Ping,
    /// The loop has stood still for so long that we do not.
    Starve(Duration),
}

impl Watchdog {
    /// A watchdog that wants a ping within each `limit`, for a loop that may stand still for `patience`, which is
    /// `startup-max-delay`: to be shot costs that much, so nothing shorter is worth it.
    pub fn new(limit: Duration, patience: Duration) -> Self {
        let patience = patience.max(PATIENCE_MIN);
        // Three chances within the limit, so that one may be late.
        Self { every: limit / 3, patience, turned: Instant::START, pinged: None }
    }

    /// How often somebody should look.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// The loop has made a turn.
    pub fn turned(&mut self, now: Instant) {
        self.turned = now;
    }

    /// What is to be done now.
    pub fn look(&mut self, now: Instant) -> Verdict {
        let idle = now.since(self.turned);
        if idle > self.patience {
            return Verdict::Starve(idle);
        }
        if self.pinged.is_some_and(|pinged| now.since(pinged) < self.every) {
            return Verdict::Wait;
        }
        self.pinged = Some(now);
        Verdict::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Seconds at which it was pinged, of 300, when the loop turns in those that `turns` says.
    fn pings(patience: u32, turns: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut dog = Watchdog::new(60 * SECOND, patience * SECOND);
        let mut pings = Vec::new();
        for second in 0..300 {
            let now = Instant::START + second * SECOND;
            if turns(second) {
                dog.turned(now);
            }
            if dog.look(now) == Verdict::Ping {
                pings.push(second);
            }
        }
        pings
    }

    #[test]
    fn a_loop_that_turns_is_told_three_times_within_the_limit() {
        assert_eq!(pings(30, |_| true), (0..300).step_by(20).collect::<Vec<_>>());
    }

    #[test]
    fn an_overloaded_loop_is_not_shot() {
        assert_eq!(pings(90, |second| second % 90 == 0), (0..300).step_by(20).collect::<Vec<_>>());
    }

    #[test]
    fn a_loop_that_stands_still_longer_than_the_patience_is() {
        assert_eq!(pings(90, |second| second < 100), [0, 20, 40, 60, 80, 100, 120, 140, 160, 180]);
    }

    #[test]
    fn no_warm_up_is_no_reason_for_impatience() {
        assert_eq!(pings(0, |second| second % 25 == 0), (0..300).step_by(20).collect::<Vec<_>>());
    }

    #[test]
    fn a_loop_that_turns_again_is_forgiven() {
        let dead = |second| (100..200).contains(&second);
        assert_eq!(pings(30, |second| !dead(second)), [0, 20, 40, 60, 80, 100, 120, 200, 220, 240, 260, 280]);
    }
}
