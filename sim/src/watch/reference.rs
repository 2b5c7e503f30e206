//! A second opinion of every backend, from what the engine was told and nothing else: naive, and sure where it can be.
//!
//! It counts results in a row where the engine has HAProxy's counter, and decides by itself which results still count.
//! Where the contract leaves a reload some freedom, what the engine made of it is the new baseline.

mod seat;

#[cfg(test)]
mod tests;

use core::net::IpAddr;
use std::collections::BTreeMap;

use maglev_core::input::Outcome;
use maglev_core::{Command, Config, Engine, Instant, ProbeId};

pub(super) use self::seat::{Seat, Worth};

/// All backends of one process, by slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Reference {
    seats: Vec<Option<Seat>>,
}

impl Reference {
    pub(super) fn new(config: &Config) -> Self {
        let seats = config.backends().iter().map(|backend| Some(Seat::new(backend, Instant::START)));
        Self { seats: seats.collect() }
    }

    pub(super) fn seat(&self, slot: u32) -> Option<&Seat> {
        self.seats.get(slot as usize)?.as_ref()
    }

    fn seat_mut(&mut self, slot: u32) -> Option<&mut Seat> {
        self.seats.get_mut(slot as usize)?.as_mut()
    }

    pub(super) fn seats(&self) -> impl Iterator<Item = (u32, &Seat)> {
        (0u32..).zip(&self.seats).filter_map(|(slot, seat)| Some((slot, seat.as_ref()?)))
    }

    pub(super) fn slot_of(&self, name: &str) -> Option<u32> {
        self.seats().find(|(_, seat)| seat.name == name).map(|(slot, _)| slot)
    }

    /// A result arrives.
    pub(super) fn finished(&mut self, probe: ProbeId, outcome: &Outcome, now: Instant) -> Worth {
        self.seat_mut(probe.slot).map_or(Worth::Stale, |seat| seat.finished(probe.number, outcome, now))
    }

    /// A probe starts. What is wrong with that, if anything.
    pub(super) fn start(&mut self, probe: ProbeId, now: Instant, late: bool) -> Option<String> {
        match self.seat_mut(probe.slot) {
            Some(seat) => seat.start(probe.number, now, late),
            None => Some("there is no such backend".to_owned()),
        }
    }

    /// An operator commands.
    pub(super) fn command(&mut self, command: &Command, now: Instant) {
        let (Command::Pause { backend }
        | Command::Resume { backend }
        | Command::Disable { backend }
        | Command::Enable { backend }) = command
        else {
            return;
        };
        if let Some(seat) = self.slot_of(backend).and_then(|slot| self.seat_mut(slot)) {
            seat.command(command, now);
        }
    }

    /// A reload was accepted. Names the slots of backends that it does not concern.
    pub(super) fn reload(&mut self, engine: &Engine, now: Instant) -> Vec<u32> {
        let config = engine.config();
        let old = core::mem::take(&mut self.seats);
        let by_name: BTreeMap<(&str, IpAddr), &Seat> =
            old.iter().flatten().map(|seat| ((seat.name.as_str(), seat.address), seat)).collect();
        let mut on_address: BTreeMap<IpAddr, (Vec<&Seat>, usize)> = BTreeMap::new();
        for seat in old.iter().flatten() {
            on_address.entry(seat.address).or_default().0.push(seat);
        }
        for backend in config.backends() {
            on_address.entry(backend.address).or_default().1 += 1;
        }
        let mut untouched = Vec::new();
        for (slot, backend) in engine.backends() {
            let Ok(at) = config.backends().binary_search_by(|known| known.name.cmp(&backend.name)) else {
                continue;
            };
            let new = &config.backends()[at];
            let (were, are) = &on_address[&new.address];
            let only = were.first().filter(|_| were.len() == 1 && *are == 1);
            let seat = match by_name.get(&(new.name.as_str(), new.address)).or(only) {
                Some(was) => {
                    if was.is_untouched(new) {
                        untouched.push(slot);
                    }
                    was.heir(new, backend, now)
                }
                None if were.is_empty() => Seat::new(new, now),
                None => Seat::adopted(new, backend, now),
            };
            let place = slot as usize;
            if self.seats.len() <= place {
                self.seats.resize(place + 1, None);
            }
            self.seats[place] = Some(seat);
        }
        untouched
    }
}
