//! A second opinion of every backend, from what the engine was told and nothing else: naive, and sure where it can be.
//!
//! It counts results in a row where the engine has HAProxy's counter, and decides by itself which results still count.
//! Where the contract leaves a reload some freedom, what the engine made of it is the new baseline. From that follows a
//! second opinion of every frontend (`fronts.rs`).

mod front;
mod fronts;
mod kept;
mod pairs;
mod seat;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use maglev_core::health::State;
use maglev_core::input::Outcome;
use maglev_core::{Command, Config, Engine, Instant, ProbeId};

pub(super) use self::front::{Front, Wanted};
pub(super) use self::fronts::Fronts;
pub(crate) use self::kept::Kept;
pub(super) use self::seat::{Seat, Worth};

/// All backends of one process, by slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Reference {
    seats: Vec<Option<Seat>>,
    /// Slots that the last reload gave to backends that continue nobody.
    newcomers: BTreeSet<u32>,
    /// Slots of backends that the last reload made unknown, newcomers too.
    made_unknown: BTreeSet<u32>,
}

impl Reference {
    pub(super) fn new(config: &Config) -> Self {
        let seats = config.backends().iter().map(|backend| Some(Seat::new(backend, Instant::START)));
        Self { seats: seats.collect(), newcomers: BTreeSet::new(), made_unknown: BTreeSet::new() }
    }

    /// Slots that the last reload gave to backends that continue nobody.
    const fn newcomers(&self) -> &BTreeSet<u32> {
        &self.newcomers
    }

    /// Slots of backends that the last reload made unknown.
    const fn made_unknown(&self) -> &BTreeSet<u32> {
        &self.made_unknown
    }

    /// Whether it is checked, and nothing is known about it since the process started.
    fn is_blind(&self, slot: u32) -> bool {
        self.seat(slot).is_some_and(Seat::is_blind)
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

    /// What operators chose before is in force from now on, perhaps some time after the start.
    pub(super) fn recalled(&mut self, now: Instant) {
        self.seats.iter_mut().flatten().for_each(|seat| seat.recalled(now));
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
        self.newcomers.clear();
        self.made_unknown.clear();
        let seats: Vec<(u32, &Seat)> =
            (0..).zip(&old).filter_map(|(slot, seat)| Some((slot, seat.as_ref()?))).collect();
        let heirs = pairs::heirs(&seats, config.backends());
        let mut untouched = Vec::new();
        for (slot, backend) in engine.backends() {
            let Ok(at) = config.backends().binary_search_by(|known| known.name.cmp(&backend.name)) else {
                continue;
            };
            let new = &config.backends()[at];
            let was = heirs[at].and_then(|was| old[was as usize].as_ref());
            let seat = match was {
                Some(was) => {
                    if was.is_untouched(new) {
                        untouched.push(slot);
                    }
                    was.heir(new, backend, now)
                }
                None => {
                    self.newcomers.insert(slot);
                    Seat::new(new, now)
                }
            };
            if seat.state == State::Unknown && was.is_none_or(|was| was.state != State::Unknown) {
                self.made_unknown.insert(slot);
            }
            let place = slot as usize;
            if self.seats.len() <= place {
                self.seats.resize(place + 1, None);
            }
            self.seats[place] = Some(seat);
        }
        untouched
    }
}
