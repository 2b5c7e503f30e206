//! The gates of warm-up, watched from outside: what the process was configured with and what it told, against what it
//! sends.

use core::time::Duration;
use std::collections::BTreeSet;

use maglev_core::event::Event;
use maglev_core::model::{Request, VipKey};
use maglev_core::{Config, GoDuration};

/// What one process may write.
#[derive(Debug)]
pub(super) struct Gates {
    hands_off: Duration,
    released: BTreeSet<VipKey>,
    over: bool,
    stopping: bool,
    breaches: Vec<String>,
}

impl Gates {
    pub(super) fn new(config: &Config) -> Self {
        let lb = config.lb();
        let warms_up = !lb.startup_max_delay.is_zero();
        Self {
            hands_off: if warms_up { lb.startup_min_delay } else { Duration::ZERO },
            released: BTreeSet::new(),
            over: !warms_up,
            stopping: false,
            breaches: Vec::new(),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "only the events of the gates matter here")]
    pub(super) fn told(&mut self, event: &Event, vip: Option<VipKey>) {
        match event {
            Event::WarmupRelease { frontend, .. } => match vip {
                Some(vip) if !self.released.insert(vip) => {
                    self.breaches.push(format!("{frontend} was released twice"));
                }
                Some(_) => (),
                None => self.breaches.push(format!("{frontend} was released and does not exist")),
            },
            Event::WarmupComplete { .. } | Event::WarmupMaxDelay { .. } => self.over = true,
            Event::Stopping => self.stopping = true,
            _ => (),
        }
    }

    /// A call is about to be sent, so long after the start of the process.
    pub(super) fn call(&mut self, request: &Request, elapsed: Duration) {
        let Request::Write(write) = request else { return };
        let open = match write.vip() {
            None => self.over || !self.released.is_empty(),
            Some(vip) => self.over || self.released.contains(&vip),
        };
        if elapsed < self.hands_off || !open {
            self.breaches.push(format!("{write} was sent at {} through a closed gate", GoDuration(elapsed)));
        }
    }

    pub(super) fn take_breaches(&mut self) -> Vec<String> {
        core::mem::take(&mut self.breaches)
    }
}
