//! What every frontend should hold, computed anew from states, file and operators' weights: section 5 of the contract,
//! entry by entry.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::Arc;

use maglev_core::config;
use maglev_core::frontend::Frontend;
use maglev_core::health::State;
use maglev_core::model::{VipKey, Weight};
use maglev_core::{Action, Command, Config, Event, Input};

use super::Step;
use super::reference::Reference;
use crate::oracle::{Ledger, Oracle};

/// One backend in one pool.
#[derive(Clone, Copy, Debug)]
struct Entry {
    address: IpAddr,
    pool: usize,
    slot: u32,
    weight: Weight,
}

/// What an entry is known by: the frontend, the pool's position, the backend.
type Place = (VipKey, usize, u32);

/// The frontends of one process.
#[derive(Clone, Debug)]
pub(super) struct Weights {
    config: Arc<Config>,
    /// In the order of the configuration; entries ascending by address.
    fronts: Vec<Vec<Entry>>,
    set: BTreeMap<Place, Weight>,
    /// A hold or a presumption is in force somewhere, and ends without a word.
    unsure: bool,
}

impl Weights {
    pub(super) fn new(config: &Arc<Config>, reference: &Reference) -> Self {
        let mut weights =
            Self { config: config.clone(), fronts: Vec::new(), set: BTreeMap::new(), unsure: true };
        weights.build(reference);
        weights
    }

    fn build(&mut self, reference: &Reference) {
        let slots: BTreeMap<&str, u32> =
            reference.seats().map(|(slot, seat)| (seat.name.as_str(), slot)).collect();
        let config = self.config.clone();
        self.fronts.clear();
        for frontend in config.frontends() {
            let mut entries = Vec::new();
            for (pool, members) in frontend.pools.iter().enumerate() {
                for member in &members.members {
                    let backend = &config.backends()[member.backend];
                    let Some(slot) = slots.get(backend.name.as_str()).copied() else { continue };
                    let weight = self.set.get(&(frontend.vip, pool, slot)).copied().unwrap_or(member.weight);
                    entries.push(Entry { address: backend.address, pool, slot, weight });
                }
            }
            entries.sort_by_key(|entry| entry.address);
            self.fronts.push(entries);
        }
    }

    /// A reload: what was set at run time stays where nothing of the frontend changed; elsewhere the engine's view of it
    /// is the new baseline.
    pub(super) fn reloaded(&mut self, step: &Step<'_>, reference: &Reference) {
        let (old, new) = (self.config.clone(), step.engine.config());
        let was = |vip: VipKey| old.frontends().iter().find(|frontend| frontend.vip == vip);
        let set = core::mem::take(&mut self.set);
        for frontend in new.frontends() {
            let vip = frontend.vip;
            if was(vip).is_some_and(|was| is_alike(&old, was, new, frontend)) {
                self.set.extend(set.range((vip, 0, 0)..=(vip, usize::MAX, u32::MAX)).map(|(k, v)| (*k, *v)));
            } else if let Some(engine) = step.engine.frontends().find(vip) {
                let set = engine
                    .members
                    .iter()
                    .filter_map(|member| Some(((vip, usize::from(member.pool), member.slot), member.set?)));
                self.set.extend(set);
            }
        }
        self.config = new.clone();
        self.build(reference);
    }

    fn command(&mut self, command: &Command, reference: &Reference) {
        let Command::SetWeight { frontend, pool, backend, weight, .. } = command else { return };
        let config = self.config.clone();
        let found = config.frontends().iter().position(|known| known.name == *frontend).and_then(|at| {
            let known = &config.frontends()[at];
            let pool = known.pools.iter().position(|known| known.name == *pool)?;
            Some((at, (known.vip, pool, reference.slot_of(backend)?)))
        });
        let Some((at, place)) = found else { return };
        self.set.insert(place, *weight);
        let mine = |entry: &&mut Entry| (entry.pool, entry.slot) == (place.1, place.2);
        self.fronts[at].iter_mut().filter(mine).for_each(|entry| entry.weight = *weight);
    }

    pub(super) fn step(&mut self, step: &Step<'_>, reference: &Reference, ledger: &mut Ledger) {
        if let Input::Commanded { command, .. } = step.input
            && step.actions.iter().any(|action| matches!(action, Action::Answer { result: Ok(()), .. }))
        {
            self.command(command, reference);
        }
        let is_change = |event: &Event| {
            matches!(
                event,
                Event::BackendTransition { .. }
                    | Event::FrontendTransition { .. }
                    | Event::BackendPresumed { .. }
                    | Event::ConfigLoaded { .. }
                    | Event::OperatorCommand { .. }
            )
        };
        let is_told = |action: &Action| matches!(action, Action::Tell(event) if is_change(event));
        if !self.unsure && !step.actions.iter().any(is_told) {
            return;
        }
        self.unsure = false;
        for (frontend, entries) in self.config.frontends().iter().zip(&self.fronts) {
            let Some(engine) = step.engine.frontends().find(frontend.vip) else {
                ledger.judge(Oracle::Weights, step.now, false, || format!("{} is not there", frontend.name));
                continue;
            };
            if engine.hold.is_some() || !engine.presumed.is_empty() {
                self.unsure = true;
                continue;
            }
            let wrong = difference(frontend, entries, engine, reference);
            ledger.judge(Oracle::Weights, step.now, wrong.is_none(), || {
                format!("{}: {}", frontend.name, wrong.unwrap_or_default())
            });
        }
    }
}

/// Whether nothing of what an operator may have set a weight of differs.
fn is_alike(old: &Config, was: &config::Frontend, new: &Config, is: &config::Frontend) -> bool {
    let of = |config: &Config, pool: &config::Pool| -> Vec<(String, IpAddr, Weight)> {
        let backend = |member: &config::Member| &config.backends()[member.backend];
        let members = pool.members.iter();
        members.map(|m| (backend(m).name.clone(), backend(m).address, m.weight)).collect()
    };
    was.pools.len() == is.pools.len()
        && was.pools.iter().zip(&is.pools).all(|(a, b)| a.name == b.name && of(old, a) == of(new, b))
}

/// How the engine's wish for a frontend differs from that of the contract.
fn difference(
    frontend: &config::Frontend,
    entries: &[Entry],
    engine: &Frontend,
    reference: &Reference,
) -> Option<String> {
    let state = |entry: &Entry| reference.seat(entry.slot).map(|seat| seat.state);
    let serves = |entry: &Entry| state(entry) == Some(State::Up) && entry.weight.is_positive();
    let active = entries.iter().filter(|entry| serves(entry)).map(|entry| entry.pool).min();
    let mut servers = engine.want.servers.iter();
    let mut any_positive = false;
    for same in entries.chunk_by(|a, b| a.address == b.address) {
        let any = |wanted: State| same.iter().any(|entry| state(entry) == Some(wanted));
        let all_down = same.iter().all(|entry| state(entry) == Some(State::Down));
        let heaviest = || {
            let active = same.iter().filter(|entry| serves(entry) && Some(entry.pool) == active);
            active.map(|entry| entry.weight).max().unwrap_or(Weight::ZERO)
        };
        let (weight, flush) = if any(State::Disabled) {
            (Weight::ZERO, true)
        } else if any(State::Paused) {
            (Weight::ZERO, false)
        } else {
            (heaviest(), all_down && frontend.flush_on_down)
        };
        any_positive |= weight.is_positive();
        let address = same[0].address;
        match servers.next() {
            Some(server) if server.address == address && server.weight == weight => {
                if server.wish.is_flush() != flush {
                    return Some(format!("flows of {address}: flush is {}, not {flush}", !flush));
                }
            }
            Some(server) => {
                let (is, of) = (server.weight, server.address);
                return Some(format!("{of} weighs {is}, and {address} should weigh {weight}"));
            }
            None => return Some(format!("{address} is missing")),
        }
    }
    if let Some(more) = servers.next() {
        return Some(format!("{} is not in the file", more.address));
    }
    let expected = if any_positive {
        State::Up
    } else if entries.iter().any(|entry| state(entry) == Some(State::Unknown)) {
        State::Unknown
    } else {
        State::Down
    };
    (engine.state != expected).then(|| format!("it is {}, not {expected}", engine.state))
}
