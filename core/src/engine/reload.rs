//! From one configuration to the next without disturbing what did not change.
//!
//! Backends are paired by name with equal address, else by address and target, else by address, each only where unique.
//! A pair keeps its slot, and with it verdict, counter, due time and operator's choices.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::action::Action;
use crate::backend::Backend;
use crate::config::{self, Config};
use crate::dataplane::tell;
use crate::event::{Event, Trigger};
use crate::frontend::{Frontend, Frontends, Hold};
use crate::health::State;
use crate::model::VipKey;
use crate::time::Instant;
use crate::warmup::Phase;

use super::Engine;
use super::verdicts::Mover;

/// Slots of backends of which a reload left nothing known.
#[derive(Default)]
struct Fresh {
    /// They continue nobody.
    newcomers: BTreeSet<u32>,
    /// The reload made them `unknown`: newcomers, and those that the file enabled.
    unknown: BTreeSet<u32>,
}

impl Engine {
    /// Builds everything from the first configuration.
    pub(super) fn populate(&mut self, now: Instant) {
        let config = self.config.clone();
        let slots: Vec<u32> = config.backends().iter().map(|backend| self.occupy(backend, now)).collect();
        let table_length = config.lb().table_length;
        let build = |frontend| Frontend::new(frontend, config.backends(), &slots, table_length);
        self.frontends = Frontends::new(config.frontends().iter().map(build).collect());
        for frontend in self.frontends.list_mut() {
            frontend.revision = self.changes;
        }
        self.link_backends();
        self.slot_of = slots;
        let mut unheard = Vec::new();
        for at in 0..self.frontends.list().len() {
            self.refresh(u32::try_from(at).unwrap_or(u32::MAX), false, now, &mut unheard);
        }
    }

    /// Gives a new backend a slot and its first due time.
    fn occupy(&mut self, backend: &config::Backend, now: Instant) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let count = self.config.backends().len() as u64;
        let seed = self.seed
            ^ (u64::from(slot) * u64::from(mutant!(JitterByPosition)))
            ^ (count * u64::from(mutant!(JitterByCount)));
        let fresh = Backend::new(backend, seed, now);
        self.slots[slot as usize] = Some(Backend { revision: self.changes, ..fresh });
        self.plan_probe(slot, now);
        slot
    }

    /// Tells every backend its frontends, and every frontend how many of its backends are unknown.
    pub(super) fn link_backends(&mut self) {
        for backend in self.slots.iter_mut().flatten() {
            backend.frontends.clear();
        }
        for at in 0..self.frontends.list().len() {
            let slots = self.frontends.list()[at].slots();
            let mut unknown = 0;
            for slot in slots {
                if let Some(backend) = self.slot_mut(slot) {
                    unknown += u32::from(!backend.state().is_known());
                    backend.frontends.push(u32::try_from(at).unwrap_or(u32::MAX));
                }
            }
            let slots = &self.slots;
            for member in &mut self.frontends.list_mut()[at].members {
                if let Some(backend) = slots.get(member.slot as usize).and_then(Option::as_ref) {
                    member.standing = backend.standing();
                }
            }
            self.frontends.list_mut()[at].unknown = unknown;
        }
    }

    pub(super) fn on_config(
        &mut self,
        config: Arc<Config>,
        forced: bool,
        now: Instant,
        out: &mut Vec<Action>,
    ) {
        if self.stopping.is_some() {
            return;
        }
        if config.frontends().is_empty()
            && !self.frontends.is_empty()
            && !forced
            && !mutant!(EmptiedFileAccepted)
        {
            let err = "the new configuration has no frontend, which would delete every VIP: an emptied file is not a \
                       wish; if it is one, run `maglevc config reload --force`";
            tell(out, Event::ConfigRejected { kind: "semantic", err: err.into() });
            return;
        }
        // Forced once, it stays the wish until there is a frontend again, however often the same file is read.
        self.emptied = config.frontends().is_empty() && (forced || self.emptied);
        let old_config = core::mem::replace(&mut self.config, config);
        self.changes += 1;
        self.generation += 1;
        self.configured = now;
        tell(out, self.loaded(true));
        if mutant!(DelaysNotLatched) {
            let lb = self.config.lb();
            self.warmup = crate::warmup::Warmup::new(lb.startup_min_delay, lb.startup_max_delay);
        }
        self.compare_delays(&old_config, out);
        let (slot_of, fresh) = self.pair_backends(now, out);
        self.replace_frontends(&slot_of, &fresh, now, out);
        self.slot_of = slot_of;
        self.keeping.touched = true;
    }

    fn compare_delays(&self, old: &Config, out: &mut Vec<Action>) {
        let (min, max) = self.warmup.delays();
        let wanted = (self.config.lb().startup_min_delay, self.config.lb().startup_max_delay);
        let before = (old.lb().startup_min_delay, old.lb().startup_max_delay);
        if wanted != (min, max) && wanted != before {
            tell(out, Event::DelaysNotEffective { min, max });
        }
    }

    /// Returns the slot of each backend of the new configuration, and who begins anew.
    fn pair_backends(&mut self, now: Instant, out: &mut Vec<Action>) -> (Vec<u32>, Fresh) {
        let config = self.config.clone();
        let pairs = pair(&self.slots, config.backends());
        let mut kept = BTreeSet::new();
        for slot in pairs.iter().flatten() {
            kept.insert(*slot);
        }
        self.drop_backends(&kept, now, out);
        let mut fresh = Fresh::default();
        let mut slot_of = Vec::with_capacity(pairs.len());
        for (backend, pair) in config.backends().iter().zip(pairs) {
            let was_unknown = pair.is_some_and(|slot| self.is_unknown(slot));
            let slot = if let Some(slot) = pair {
                self.carry_over(slot, backend, now, out);
                slot
            } else {
                let slot = self.occupy(backend, now);
                fresh.newcomers.insert(slot);
                slot
            };
            if self.is_unknown(slot) && !was_unknown {
                fresh.unknown.insert(slot);
            }
            slot_of.push(slot);
        }
        (slot_of, fresh)
    }

    fn is_unknown(&self, slot: u32) -> bool {
        self.slot(slot).is_some_and(|backend| backend.state() == State::Unknown)
    }

    fn drop_backends(&mut self, kept: &BTreeSet<u32>, now: Instant, out: &mut Vec<Action>) {
        for at in 0..self.slots.len() {
            let slot = u32::try_from(at).unwrap_or(u32::MAX);
            if kept.contains(&slot) || self.slots[at].is_none() || mutant!(DroppedBackendKept) {
                continue;
            }
            self.new_generation(slot, now, out);
            let Some(gone) = self.slots[at].take() else { continue };
            self.schedule.set(slot, gone.due, None);
            self.free.push(slot);
            self.blind.remove(&slot);
            // Paused, or disabled or enabled against the file.
            let is_choice =
                gone.state() == State::Paused || (gone.state() == State::Disabled) == gone.enabled;
            if is_choice {
                let what = format!(
                    "backend {} is {} by an operator, and the new configuration has no such backend",
                    gone.name,
                    if gone.enabled || gone.state() == State::Paused {
                        gone.state().word()
                    } else {
                        "enabled"
                    }
                );
                tell(out, Event::ChoiceDropped { what });
            }
            tell(
                out,
                Event::BackendTransition {
                    backend: gone.name,
                    address: gone.address,
                    from: gone.health.state(),
                    to: None,
                    cause: "reload".into(),
                },
            );
        }
    }

    /// Brings a kept backend in line with its new description.
    fn carry_over(&mut self, slot: u32, new: &config::Backend, now: Instant, out: &mut Vec<Action>) {
        let Some(backend) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        if backend.name != new.name || backend.check != new.check || backend.enabled != new.enabled {
            backend.revision = self.changes;
        }
        backend.name.clone_from(&new.name);
        let (old_check, before) = (backend.check.take(), backend.state());
        backend.check.clone_from(&new.check);
        let timing = |check: &Option<config::Check>| check.as_ref().map(|check| check.timing);
        let target = |check: &Option<config::Check>| check.as_ref().map(|check| check.target.clone());
        let retargeted = target(&old_check) != target(&new.check);
        let retimed = timing(&old_check) != timing(&new.check);
        if retimed && !mutant!(ThresholdsNotReloaded) {
            backend.health.retime(timing(&new.check).as_ref());
        }
        if retargeted && !mutant!(RetargetKeepsCounter) {
            backend.health.retarget(new.check.is_some());
        }
        if retargeted && mutant!(RetargetForgetsVerdict) {
            backend.health.restart(new.check.is_some());
        }
        if mutant!(ReloadForgetsVerdict) {
            backend.health.restart(new.check.is_some());
        }
        if mutant!(ReloadResetsCounter) {
            backend.health.retarget(new.check.is_some());
        }
        let switched = core::mem::replace(&mut backend.enabled, new.enabled) != new.enabled
            || mutant!(OperatorChoiceLost);
        if switched && !new.enabled {
            backend.health.disable();
        } else if switched && backend.state() == State::Disabled {
            backend.health.restart(new.check.is_some());
        }
        if retargeted {
            let seed = self.seed;
            backend.aim(seed);
        }
        backend.probes += u64::from(mutant!(ReloadRedrawsJitter));
        let after = backend.state();
        let same_probing = !retargeted || mutant!(RetargetSameGeneration);
        if !same_probing || (before != after) || mutant!(ReloadProbesAtOnce) {
            self.new_generation(slot, now, out);
        } else if retimed {
            self.plan_probe(slot, now);
        }
        if before != after {
            // Its frontends are about to be replaced; they learn of it there.
            self.slots[slot as usize].iter_mut().for_each(|backend| backend.frontends.clear());
            self.moved(slot, before, Mover::Reload, "reload", now, out);
        }
    }

    fn replace_frontends(&mut self, slot_of: &[u32], fresh: &Fresh, now: Instant, out: &mut Vec<Action>) {
        let config = self.config.clone();
        let table_length = config.lb().table_length;
        let mut old: BTreeMap<VipKey, Frontend> = core::mem::take(&mut self.frontends)
            .into_list()
            .into_iter()
            .map(|frontend| (frontend.vip(), frontend))
            .collect();
        let mut list = Vec::with_capacity(config.frontends().len());
        let mut before = Vec::with_capacity(config.frontends().len());
        for wanted in config.frontends() {
            let mut frontend = Frontend::new(wanted, config.backends(), slot_of, table_length);
            let of_name = |was: &Frontend| was.name == wanted.name && self.warmup.is_released(was.vip());
            if mutant!(ReleasedByName) && old.values().any(of_name) {
                self.warmup.release(frontend.vip());
            }
            if let Some(was) = old.remove(&frontend.vip()) {
                before.push(was.want.servers.clone());
                self.inherit(&mut frontend, was, fresh, now, out);
            } else {
                before.push(Vec::new());
                frontend.revision = self.changes;
            }
            list.push(frontend);
        }
        for gone in old.into_values() {
            drop_choices(&gone, out);
        }
        self.frontends = Frontends::new(list);
        self.link_backends();
        self.holds = self.holds_now();
        if self.warmup.phase() == Phase::Over {
            // Whoever comes late had no warm-up to get a verdict in.
            self.expect_presumption(fresh.newcomers.iter().copied());
            self.presume_held(out);
        }
        for (at, old) in before.into_iter().enumerate() {
            let position = u32::try_from(at).unwrap_or(u32::MAX);
            self.frontends.list_mut()[at].want.servers = old;
            self.refresh(position, false, now, out);
        }
        self.with_dataplane(now, |dataplane, ctx| dataplane.reloaded(ctx));
        if self.warmup.phase() == Phase::Release && !self.warmup.is_final() && !mutant!(ReloadReleasesNobody)
        {
            self.release_known(Trigger::Reload, now, out);
        }
    }

    /// What a frontend takes over from the one of the same key.
    fn inherit(
        &self,
        frontend: &mut Frontend,
        was: Frontend,
        fresh: &Fresh,
        now: Instant,
        out: &mut Vec<Action>,
    ) {
        let slots = frontend.slots();
        frontend.state = was.state;
        // A slot that was given away has another backend now, and a verdict ends a presumption.
        let is_presumed =
            |slot: &u32| slots.contains(slot) && !fresh.newcomers.contains(slot) && self.is_unknown(*slot);
        frontend.presumed = was.presumed.iter().copied().filter(is_presumed).collect();
        let old = |slot: u32| was.members.iter().find(move |old| old.slot == slot);
        for member in frontend.members.iter_mut().filter(|_| mutant!(WeightsNotReloaded)) {
            member.configured = old(member.slot).map_or(member.configured, |old| old.configured);
        }
        for member in frontend.members.iter_mut().filter(|_| mutant!(PoolOrderNotReloaded)) {
            member.pool = old(member.slot).map_or(member.pool, |old| old.pool);
        }
        inherit_weights(frontend, &was, out);
        let is_there = |server: &IpAddr| frontend.members.iter().any(|member| member.address == *server);
        frontend.doubted = was.doubted.iter().copied().filter(is_there).collect();
        frontend.revision = if frontend.is_described_as(&was) { was.revision } else { self.changes };
        self.hold_removed(frontend, was, fresh, now);
    }

    /// Make before break: while the reload leaves the frontend with backends that it made unknown, what it takes out
    /// keeps weight and flows.
    fn hold_removed(&self, frontend: &mut Frontend, was: Frontend, fresh: &Fresh, now: Instant) {
        if !self.warmup.is_open(frontend.vip()) || mutant!(BreakBeforeMake) {
            // What was wanted of VPP so far was never written: there is nothing to keep.
            return;
        }
        let slots = frontend.slots();
        let mut awaited: BTreeSet<u32> = slots.intersection(&fresh.unknown).copied().collect();
        let mut until = now + self.warmup.delays().1;
        // What an earlier reload waits for, a recreate too, is still waited for, however often it is loaded again.
        let mut goes_on = false;
        if let Some(hold) = was.hold.filter(|_| !mutant!(ReloadForgetsHold)) {
            // Only somebody else to wait for is a reason to wait longer.
            until = if awaited.is_empty() { hold.until } else { until };
            let still = |slot: &&u32| !fresh.newcomers.contains(slot) && self.is_unknown(**slot);
            let before = awaited.len();
            awaited.extend(hold.awaited.intersection(&slots).filter(still));
            goes_on = awaited.len() > before;
        }
        if awaited.is_empty() || until <= now {
            return;
        }
        let members: BTreeSet<IpAddr> = frontend.members.iter().map(|member| member.address).collect();
        let servers: BTreeMap<IpAddr, crate::model::Weight> = was
            .want
            .servers
            .iter()
            .filter(|server| !members.contains(&server.address) && !server.is_dead)
            .map(|server| (server.address, server.weight))
            .collect();
        let recreate =
            was.want.encap != frontend.want.encap || was.want.src_ip_sticky != frontend.want.src_ip_sticky;
        if !servers.is_empty() || recreate || goes_on {
            frontend.hold = Some(Hold { until, awaited, servers });
        }
    }

    fn holds_now(&self) -> BTreeSet<(Instant, u32)> {
        let holds = self.frontends.list().iter().zip(0u32..);
        holds.filter_map(|(frontend, at)| Some((frontend.hold.as_ref()?.until, at))).collect()
    }

    /// Ends the holds whose time has come.
    pub(super) fn advance_holds(&mut self, now: Instant, out: &mut Vec<Action>) -> bool {
        let Some((until, at)) = self.holds.first().copied().filter(|(until, _)| *until <= now) else {
            return false;
        };
        self.holds.remove(&(until, at));
        self.frontends.list_mut()[at as usize].hold.take_if(|_| !mutant!(HoldNeverEnds));
        self.after_hold(at, false, now, out);
        true
    }

    /// Ends a hold whose successors are all known; then [`Self::after_hold`] is due.
    pub(super) fn end_hold_if_known(&mut self, at: u32) -> bool {
        let frontend = &mut self.frontends.list_mut()[at as usize];
        let Some(hold) = frontend.hold.take_if(|hold| hold.awaited.is_empty()) else { return false };
        self.holds.remove(&(hold.until, at));
        true
    }

    /// A recreate may have waited for the hold although no weight changes with it.
    pub(super) fn after_hold(&mut self, at: u32, by_operator: bool, now: Instant, out: &mut Vec<Action>) {
        self.recompute(at, by_operator, now, out);
        let vip = self.frontends.list()[at as usize].vip();
        if self.warmup.is_open(vip) {
            self.with_dataplane(now, |dataplane, ctx| {
                dataplane.mark(ctx, vip, crate::event::Cause::Reload);
            });
        }
    }
}

/// For each new backend the slot of the old one that it continues.
fn pair(slots: &[Option<Backend>], new: &[config::Backend]) -> Vec<Option<u32>> {
    let old: Vec<(u32, &Backend)> =
        slots.iter().zip(0u32..).filter_map(|(backend, slot)| Some((slot, backend.as_ref()?))).collect();
    let mut pairs = alloc::vec![None; new.len()];
    let mut taken = BTreeSet::new();
    let by_name: BTreeMap<(&str, IpAddr), u32> =
        old.iter().map(|(slot, backend)| ((backend.name.as_str(), backend.address), *slot)).collect();
    let of_name = |name: &str| by_name.iter().find(|((old, _), _)| *old == name).map(|(_, slot)| slot);
    for (backend, pair) in new.iter().zip(&mut pairs) {
        let same = by_name.get(&(backend.name.as_str(), backend.address));
        let same =
            same.or_else(|| if mutant!(NewAddressSameBackend) { of_name(&backend.name) } else { None });
        if let Some(slot) = same {
            *pair = Some(*slot);
            taken.insert(*slot);
        }
    }
    let target = |check: &Option<config::Check>| check.as_ref().map(|check| check.target.clone());
    pair_unique(
        &mut pairs,
        &mut taken,
        &old,
        new,
        |b| (b.address, target(&b.check)),
        |b| (b.address, target(&b.check)),
    );
    pair_unique(&mut pairs, &mut taken, &old, new, |b| b.address, |b| b.address);
    pairs
}

/// Pairs what is left and has the same key, where the key is unique on both sides.
fn pair_unique<K: Ord>(
    pairs: &mut [Option<u32>],
    taken: &mut BTreeSet<u32>,
    old: &[(u32, &Backend)],
    new: &[config::Backend],
    old_key: impl Fn(&Backend) -> K,
    new_key: impl Fn(&config::Backend) -> K,
) {
    if pairs.iter().all(Option::is_some) || mutant!(RenamedIsNew) {
        return;
    }
    let mut left: BTreeMap<K, (Vec<u32>, Vec<usize>)> = BTreeMap::new();
    for (slot, backend) in old.iter().filter(|(slot, _)| !taken.contains(slot)) {
        left.entry(old_key(backend)).or_default().0.push(*slot);
    }
    for (at, backend) in new.iter().enumerate().filter(|(at, _)| pairs[*at].is_none()) {
        left.entry(new_key(backend)).or_default().1.push(at);
    }
    for (slots, places) in left.into_values() {
        if let ([slot], [at]) = (slots.as_slice(), places.as_slice()) {
            pairs[*at] = Some(*slot);
            taken.insert(*slot);
        }
    }
}

/// Weights set at run time follow (key, address, pool name, else pool position), unless the file changed that value. Of
/// several backends on the address, each has its own.
fn inherit_weights(frontend: &mut Frontend, was: &Frontend, out: &mut Vec<Action>) {
    for old in was.members.iter().filter(|member| member.set.is_some()) {
        let pool = &was.pools[usize::from(old.pool)];
        let by_name = frontend.pools.iter().position(|name| name == pool);
        // A pool that was there before under its own name is not the heir of one that is gone.
        let by_position = || {
            let at = usize::from(old.pool);
            frontend.pools.get(at).filter(|name| !was.pools.contains(name)).map(|_| at)
        };
        let position = by_name.or_else(by_position);
        let heirs = frontend.members.iter().enumerate().filter(|(_, member)| {
            member.address == old.address && Some(usize::from(member.pool)) == position
        });
        match heirs.min_by_key(|(_, member)| member.slot != old.slot) {
            Some((heir, member))
                if member.configured == old.configured || mutant!(OperatorWeightOutlivesFile) =>
            {
                if let Some(weight) = old.set.filter(|_| !mutant!(OperatorWeightLost)) {
                    let by = was.set_by(old);
                    frontend.set_weight(heir, weight, &by);
                }
            }
            Some(_) | None => tell_dropped(was, pool, old.address, out),
        }
    }
}

fn drop_choices(gone: &Frontend, out: &mut Vec<Action>) {
    for member in gone.members.iter().filter(|member| member.set.is_some()) {
        tell_dropped(gone, &gone.pools[usize::from(member.pool)], member.address, out);
    }
}

fn tell_dropped(frontend: &Frontend, pool: &str, server: IpAddr, out: &mut Vec<Action>) {
    let what: String = format!(
        "the weight set for {server} in pool {pool} of frontend {}: the new configuration changed or dropped it",
        frontend.name
    );
    tell(out, Event::ChoiceDropped { what });
}
