//! What one frontend should hold: section 5 of the contract entry by entry, what a reload keeps for now, and who is up
//! only because nobody could look.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use maglev_core::health::State;
use maglev_core::model::{Encap, VipKey, Weight};
use maglev_core::{Config, Instant, config};

use super::Reference;
use super::kept::Weighed;

/// One backend in one pool.
#[derive(Clone, Debug)]
struct Entry {
    address: IpAddr,
    pool: usize,
    slot: u32,
    /// The file's weight.
    file: Weight,
    /// An operator's.
    set: Option<Weight>,
}

impl Entry {
    fn weight(&self) -> Weight {
        self.set.unwrap_or(self.file)
    }
}

/// What a reload took out stays until its successors are known.
#[derive(Clone, Debug)]
pub(in crate::watch) struct Hold {
    pub(in crate::watch) until: Instant,
    /// Whom the reload made unknown.
    pub(in crate::watch) awaited: BTreeSet<u32>,
    servers: BTreeMap<IpAddr, Weight>,
}

/// What VPP should hold for one address.
#[derive(Clone, Copy, Debug)]
pub(in crate::watch) struct Wanted {
    pub(in crate::watch) address: IpAddr,
    pub(in crate::watch) weight: Weight,
    pub(in crate::watch) flush: bool,
    /// Nobody counts on it any more: a reload that takes it out keeps nothing.
    is_dead: bool,
}

/// One frontend of one file.
#[derive(Clone, Debug)]
pub(in crate::watch) struct Front {
    pub(in crate::watch) name: String,
    pub(in crate::watch) vip: VipKey,
    pub(in crate::watch) encap: Encap,
    sticky: bool,
    flush_on_down: bool,
    /// Their names.
    pools: Vec<String>,
    /// Ascending by address, then by pool.
    entries: Vec<Entry>,
    pub(in crate::watch) hold: Option<Hold>,
    /// Slots that count as up.
    pub(in crate::watch) presumed: BTreeSet<u32>,
    /// Servers that VPP held at 0 when choices had been lost.
    pub(in crate::watch) doubted: BTreeSet<IpAddr>,
}

/// What a reload means for a frontend.
pub(in crate::watch) struct Succession<'a> {
    pub(in crate::watch) now: Instant,
    /// The longest hold.
    pub(in crate::watch) limit: core::time::Duration,
    /// What was wanted before.
    pub(in crate::watch) wanted: &'a [Wanted],
    /// Its gate was open: VPP may hold what was wanted.
    pub(in crate::watch) is_open: bool,
}

impl Front {
    pub(in crate::watch) fn new(
        config: &Config,
        frontend: &config::Frontend,
        slots: &BTreeMap<&str, u32>,
    ) -> Self {
        let mut entries = Vec::new();
        for (pool, members) in frontend.pools.iter().enumerate() {
            for member in &members.members {
                let backend = &config.backends()[member.backend];
                let Some(slot) = slots.get(backend.name.as_str()).copied() else { continue };
                let (address, file) = (backend.address, member.weight);
                entries.push(Entry { address, pool, slot, file, set: None });
            }
        }
        entries.sort_by_key(|entry| entry.address);
        Self {
            name: frontend.name.clone(),
            vip: frontend.vip,
            encap: frontend.encap,
            sticky: frontend.src_ip_sticky,
            flush_on_down: frontend.flush_on_down,
            pools: frontend.pools.iter().map(|pool| pool.name.clone()).collect(),
            entries,
            hold: None,
            presumed: BTreeSet::new(),
            doubted: BTreeSet::new(),
        }
    }

    pub(in crate::watch) fn has(&self, slot: u32) -> bool {
        self.entries.iter().any(|entry| entry.slot == slot)
    }

    /// Its slot and address.
    pub(in crate::watch) fn address_of(&self, slot: u32) -> Option<IpAddr> {
        self.entries.iter().find(|entry| entry.slot == slot).map(|entry| entry.address)
    }

    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        self.entries.iter().map(|entry| entry.address).collect()
    }

    /// An operator sets a weight.
    pub(in crate::watch) fn set(&mut self, pool: &str, slot: u32, weight: Weight) {
        let Some(pool) = self.pools.iter().position(|name| name == pool) else { return };
        let mut mine = self.entries.iter_mut().filter(|entry| (entry.pool, entry.slot) == (pool, slot));
        if let Some(entry) = mine.next() {
            entry.set = (weight != entry.file).then_some(weight);
        }
    }

    /// Weights that operators set.
    pub(super) fn weighed<'a>(
        &'a self,
        name: &'a dyn Fn(u32) -> String,
    ) -> impl Iterator<Item = Weighed> + 'a {
        self.entries.iter().filter_map(move |entry| {
            Some(Weighed {
                vip: self.vip,
                pool: self.pools[entry.pool].clone(),
                backend: name(entry.slot),
                address: entry.address,
                file: entry.file,
                weight: entry.set?,
            })
        })
    }

    /// A weight that was set in another process.
    pub(super) fn take_up(&mut self, one: &Weighed, slot: Option<u32>) {
        let Some(pool) = self.pools.iter().position(|name| *name == one.pool) else { return };
        let mine = self.entries.iter_mut().filter(|entry| (entry.pool, entry.address) == (pool, one.address));
        let heir = mine.min_by_key(|entry| (Some(entry.slot) != slot, entry.slot));
        if let Some(heir) = heir.filter(|heir| heir.file == one.file) {
            heir.set = Some(one.weight);
        }
    }

    /// Whether it is known why this server is at 0.
    pub(super) fn is_all_disabled(&self, server: IpAddr, reference: &Reference) -> bool {
        let mut same = self.entries.iter().filter(|entry| entry.address == server);
        same.all(|entry| reference.seat(entry.slot).is_none_or(|seat| seat.state == State::Disabled))
    }

    /// A server of ours stays at 0 until an operator says otherwise.
    pub(super) fn doubt(&mut self, server: IpAddr) {
        if self.entries.iter().any(|entry| entry.address == server) {
            self.doubted.insert(server);
        }
    }

    /// Takes over from the frontend of the same key what outlives a reload, and keeps what it takes out.
    pub(in crate::watch) fn succeed(&mut self, was: Self, reference: &Reference, of: &Succession<'_>) {
        self.inherit_weights(&was);
        was.doubted.iter().for_each(|server| self.doubt(*server));
        let is_unknown = |slot: &u32| reference.seat(*slot).is_some_and(|seat| seat.state == State::Unknown);
        let is_new = |slot: &u32| reference.newcomers().contains(slot);
        let presumed = was.presumed.iter().copied();
        self.presumed =
            presumed.filter(|slot| self.has(*slot) && is_unknown(slot) && !is_new(slot)).collect();
        if of.is_open {
            self.hold = self.held(was, reference, of);
        }
    }

    /// Make before break.
    fn held(&self, was: Self, reference: &Reference, of: &Succession<'_>) -> Option<Hold> {
        let is_mine = |slot: &u32| {
            self.has(*slot) && reference.seat(*slot).is_some_and(|seat| seat.state == State::Unknown)
        };
        let mut awaited: BTreeSet<u32> = reference.made_unknown().iter().copied().filter(is_mine).collect();
        let mut until = of.now + of.limit;
        let mut goes_on = false;
        if let Some(hold) = was.hold {
            if awaited.is_empty() {
                until = hold.until;
            }
            let still = hold.awaited.into_iter().filter(is_mine);
            let still: Vec<u32> = still.filter(|slot| !reference.newcomers().contains(slot)).collect();
            goes_on = !still.is_empty();
            awaited.extend(still);
        }
        if awaited.is_empty() || until <= of.now {
            return None;
        }
        let stays = |address: IpAddr| self.entries.iter().any(|entry| entry.address == address);
        let gone = of.wanted.iter().filter(|server| !stays(server.address) && !server.is_dead);
        let servers: BTreeMap<IpAddr, Weight> = gone.map(|server| (server.address, server.weight)).collect();
        let is_recreated = (was.encap, was.sticky) != (self.encap, self.sticky);
        (!servers.is_empty() || is_recreated || goes_on).then_some(Hold { until, awaited, servers })
    }

    /// What was set at run time follows the address in the pool of that name, else of that position; a file that changed
    /// the very value rules.
    fn inherit_weights(&mut self, was: &Self) {
        for old in was.entries.iter().filter(|entry| entry.set.is_some()) {
            let name = &was.pools[old.pool];
            let of_name = self.pools.iter().position(|pool| pool == name);
            let is_heir = |pool: &&String| !was.pools.contains(pool);
            let of_place = || self.pools.get(old.pool).filter(is_heir).map(|_| old.pool);
            let Some(pool) = of_name.or_else(of_place) else { continue };
            let mut heirs: Vec<&mut Entry> = self
                .entries
                .iter_mut()
                .filter(|entry| (entry.address, entry.pool) == (old.address, pool))
                .collect();
            heirs.sort_by_key(|entry| entry.slot != old.slot);
            if let Some(heir) = heirs.into_iter().next()
                && heir.file == old.file
            {
                heir.set = old.set;
            }
        }
    }

    fn state_of(&self, entry: &Entry, reference: &Reference) -> Option<State> {
        let state = reference.seat(entry.slot)?.state;
        let is_presumed = state == State::Unknown && self.presumed.contains(&entry.slot);
        let is_doubted = state != State::Disabled && self.doubted.contains(&entry.address);
        Some(match () {
            () if is_doubted => State::Paused,
            () if is_presumed => State::Up,
            () => state,
        })
    }

    /// What VPP should hold, ascending by address, and the frontend's state.
    pub(in crate::watch) fn wanted(&self, reference: &Reference, wanted: &mut Vec<Wanted>) -> State {
        wanted.clear();
        let state = |entry: &Entry| self.state_of(entry, reference);
        let serves = |entry: &Entry| state(entry) == Some(State::Up) && entry.weight().is_positive();
        let active = self.entries.iter().filter(|entry| serves(entry)).map(|entry| entry.pool).min();
        for same in self.entries.chunk_by(|a, b| a.address == b.address) {
            let any = |wanted: State| same.iter().any(|entry| state(entry) == Some(wanted));
            let all_down = same.iter().all(|entry| state(entry) == Some(State::Down));
            let heaviest = || {
                let active = same.iter().filter(|entry| serves(entry) && Some(entry.pool) == active);
                active.map(Entry::weight).max().unwrap_or(Weight::ZERO)
            };
            let (weight, flush, is_dead) = if any(State::Disabled) {
                (Weight::ZERO, true, true)
            } else if any(State::Paused) {
                (Weight::ZERO, false, false)
            } else {
                (heaviest(), all_down && self.flush_on_down, all_down)
            };
            wanted.push(Wanted { address: same[0].address, weight, flush, is_dead });
        }
        if let Some(hold) = &self.hold {
            let held = hold.servers.iter().map(|(address, weight)| Wanted {
                address: *address,
                weight: *weight,
                flush: false,
                is_dead: false,
            });
            wanted.extend(held);
            wanted.sort_by_key(|server| server.address);
        }
        if wanted.iter().any(|server| server.weight.is_positive()) {
            State::Up
        } else if self.entries.iter().any(|entry| state(entry) == Some(State::Unknown)) {
            State::Unknown
        } else {
            State::Down
        }
    }
}
