//! What operators chose, over restarts: taken up when the process begins, handed out to be kept whenever it changes, and
//! what is done where earlier choices were lost.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::backend::Backend;
use crate::dataplane::tell;
use crate::event::Event;
use crate::frontend::Frontend;
use crate::health::State;
use crate::input::Author;
use crate::memory::{BackendChoice, Choice, Doubt, Memory, Recollection, WeightChoice};
use crate::model::VipKey;
use crate::time::Instant;

use super::Engine;

/// What is kept over restarts, and how that goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Keeping {
    /// Choices are kept at all.
    enabled: bool,
    /// What was handed out last, or found at the start.
    kept: Memory,
    /// Something may differ from that.
    pub(super) touched: bool,
    /// Why it could not be kept, in words.
    trouble: Option<String>,
    /// Choices were lost, and what VPP holds has not been seen since.
    unseen: bool,
}

impl Engine {
    /// Takes up what operators chose in earlier processes, before anything is probed or written.
    pub(super) fn recall(&mut self, recollection: &Recollection, now: Instant, out: &mut Vec<Action>) {
        self.keeping.enabled = true;
        match recollection {
            Recollection::Nothing => (),
            Recollection::Lost(err) => {
                tell(out, Event::ChoicesLost { err: err.clone() });
                self.keeping.unseen = !mutant!(DoubtIgnored);
            }
            Recollection::Known(memory) if !mutant!(MemoryIgnored) => self.take_up(memory, now, out),
            Recollection::Known(_) => (),
        }
        // Also what has not changed is handed out: so it shows at once whether it can be kept.
        self.keep(out);
    }

    fn take_up(&mut self, memory: &Memory, now: Instant, out: &mut Vec<Action>) {
        for (choice, slot) in self.chosen(&memory.backends) {
            match slot {
                Some(slot) => self.choose_again(slot, choice, now, out),
                None => drop_choice(out, choice, "no such backend at that address"),
            }
        }
        for choice in &memory.weights {
            self.weigh_again(choice, out);
        }
        match &memory.doubt {
            Doubt::Nobody => (),
            Doubt::Unseen => self.keeping.unseen = true,
            Doubt::Held(_) if mutant!(DoubtEndsWithProcess) => (),
            Doubt::Held(servers) => self.doubt(servers, out),
        }
        self.link_backends();
        let mut unheard = Vec::new();
        for at in 0..self.frontends.list().len() {
            // As if it had been so from the beginning: nothing of this is an edge.
            self.frontends.list_mut()[at].want.servers.clear();
            self.refresh(u32::try_from(at).unwrap_or(u32::MAX), false, now, &mut unheard);
        }
    }

    /// The slot of each choice's backend: of the same name and address, or else the only one that is left at the address.
    fn chosen<'a>(&self, choices: &'a [BackendChoice]) -> Vec<(&'a BackendChoice, Option<u32>)> {
        let is_same = |choice: &BackendChoice, slot: &u32| {
            self.slot(*slot).is_some_and(|backend| backend.address == choice.address)
        };
        let named =
            |choice: &BackendChoice| self.slot_named(&choice.name).filter(|slot| is_same(choice, slot));
        let taken: BTreeSet<u32> = choices.iter().filter_map(named).collect();
        let alone = |choice: &BackendChoice| {
            let rivals =
                choices.iter().filter(|it| it.address == choice.address && named(it).is_none()).count();
            let mut left = self.slot_of.iter().filter(|slot| !taken.contains(slot) && is_same(choice, slot));
            left.next().copied().filter(|_| rivals == 1 && left.next().is_none())
        };
        choices.iter().map(|choice| (choice, named(choice).or_else(|| alone(choice)))).collect()
    }

    fn choose_again(&mut self, slot: u32, choice: &BackendChoice, now: Instant, out: &mut Vec<Action>) {
        let history_max = self.config.transition_history();
        let Some(backend) = self.slot_mut(slot) else { return };
        let file_rules = backend.enabled != choice.enabled && !mutant!(MemoryOutlivesFile);
        if file_rules && (!backend.enabled || choice.choice != Choice::Paused) {
            drop_choice(out, choice, "the configuration has changed that very value, and rules");
            return;
        }
        let before = backend.state();
        match choice.choice {
            Choice::Paused => backend.health.pause(),
            Choice::Disabled => backend.health.disable(),
            Choice::Enabled => backend.health.restart(backend.check.is_some()),
        }
        let to = backend.state();
        let words = format!("{} {}", choice.choice, backend.name);
        let cause = format!("operator, before the restart: {words}");
        backend.remember(crate::backend::Transition { at: now, from: before, to, cause }, history_max);
        backend.chosen_by = choice.by.clone();
        tell(out, Event::ChoiceRestored { choice: words, by: choice.by.clone() });
        self.plan_probe(slot, now);
    }

    fn weigh_again(&mut self, choice: &WeightChoice, out: &mut Vec<Action>) {
        let words = |frontend: &str| {
            format!("weight {frontend} {} {} {}", choice.pool, choice.backend, choice.weight)
        };
        let own = self.slot_named(&choice.backend);
        let heir = self.frontends.position(choice.vip).and_then(|at| {
            let frontend = &mut self.frontends.list_mut()[at];
            let pool = frontend.pools.iter().position(|name| *name == choice.pool)?;
            let mine =
                frontend.members.iter().enumerate().filter(|(_, member)| {
                    member.address == choice.address && usize::from(member.pool) == pool
                });
            let (place, _) = mine.min_by_key(|(_, member)| Some(member.slot) != own)?;
            Some((frontend, place))
        });
        match heir {
            Some((frontend, place)) if frontend.members[place].configured == choice.configured => {
                frontend.set_weight(place, choice.weight, &choice.by);
                let choice_made = words(&frontend.name);
                tell(out, Event::ChoiceRestored { choice: choice_made, by: choice.by.clone() });
            }
            Some(_) | None => {
                let what = format!(
                    "the weight {} set for {} ({}) in pool {} of {} before the restart: the configuration changed or dropped it",
                    choice.weight, choice.backend, choice.address, choice.pool, choice.vip
                );
                tell(out, Event::ChoiceDropped { what });
            }
        }
    }

    /// What is to be kept now.
    fn memory(&self) -> Memory {
        let backends = self.slot_of.iter().filter_map(|slot| self.slot(*slot)).filter_map(backend_choice);
        let weights = self.frontends.list().iter().flat_map(|frontend| self.weight_choices(frontend));
        let doubted = self
            .frontends
            .list()
            .iter()
            .flat_map(|frontend| frontend.doubted.iter().map(|server| (frontend.vip(), *server)));
        let held: Vec<(VipKey, IpAddr)> = doubted.collect();
        let doubt = match () {
            () if self.keeping.unseen => Doubt::Unseen,
            () if held.is_empty() => Doubt::Nobody,
            () => Doubt::Held(held),
        };
        Memory { backends: backends.collect(), weights: weights.collect(), doubt }
    }

    fn weight_choices<'a>(&'a self, frontend: &'a Frontend) -> impl Iterator<Item = WeightChoice> + 'a {
        frontend.members.iter().filter_map(move |member| {
            Some(WeightChoice {
                vip: frontend.vip(),
                pool: frontend.pools[usize::from(member.pool)].clone(),
                backend: self.name_of(member.slot).into(),
                address: member.address,
                configured: member.configured,
                weight: member.set?,
                by: frontend.set_by(member),
            })
        })
    }

    /// Hands out what is to be kept if it differs from what was.
    pub(super) fn keep_if_changed(&mut self, out: &mut Vec<Action>) {
        if !core::mem::take(&mut self.keeping.touched) || !self.keeping.enabled || mutant!(KeepForgotten) {
            return;
        }
        if self.memory() != self.keeping.kept {
            self.keep(out);
        }
    }

    fn keep(&mut self, out: &mut Vec<Action>) {
        self.keeping.touched = false;
        self.keeping.kept = self.memory();
        out.push(Action::Keep(Box::new(self.keeping.kept.clone())));
    }

    /// What came of keeping it.
    pub(super) fn on_kept(&mut self, result: Result<(), String>, out: &mut Vec<Action>) {
        match result {
            Ok(()) if self.keeping.trouble.take().is_some() => tell(out, Event::ChoicesKept),
            Ok(()) => (),
            Err(err) => {
                if self.keeping.trouble.as_ref() != Some(&err) {
                    tell(out, Event::ChoicesNotKept { err: err.clone() });
                }
                self.keeping.trouble = Some(err);
            }
        }
    }

    /// Whether a command is forgotten when the process ends.
    pub(super) const fn forgets(&self) -> bool {
        !self.keeping.enabled
    }

    /// The first look at VPP after a loss: whoever is at 0 there may have been put there by an operator.
    pub(super) fn settle_doubt(&mut self, now: Instant, out: &mut Vec<Action>) {
        if !core::mem::take(&mut self.keeping.unseen) {
            return;
        }
        self.keeping.touched = true;
        let list = self.frontends.list().iter();
        // A disabled one is at 0 for a reason that is known.
        let open = list.flat_map(|frontend| {
            let members = frontend.members.iter().filter(|member| member.standing.state != State::Disabled);
            members.map(|member| (frontend.vip(), member.address))
        });
        let held: BTreeSet<(VipKey, IpAddr)> =
            open.filter(|(vip, server)| self.dataplane.holds_at_zero(*vip, *server)).collect();
        let held: Vec<(VipKey, IpAddr)> = held.into_iter().collect();
        self.doubt(&held, out);
        for at in 0..self.frontends.list().len() {
            if !self.frontends.list()[at].doubted.is_empty() {
                self.recompute(u32::try_from(at).unwrap_or(u32::MAX), false, now, out);
            }
        }
    }

    fn doubt(&mut self, servers: &[(VipKey, IpAddr)], out: &mut Vec<Action>) {
        let mut names = BTreeSet::new();
        let mut count = 0;
        for (vip, server) in servers {
            let Some(at) = self.frontends.position(*vip) else { continue };
            let frontend = &mut self.frontends.list_mut()[at];
            if frontend.members.iter().any(|member| member.address == *server) {
                frontend.doubted.insert(*server);
                names.insert(frontend.name.clone());
                count += 1;
            }
        }
        if count > 0 {
            tell(out, Event::ChoicesDoubted { servers: count, frontends: names.into_iter().collect() });
        }
    }

    /// An operator has said what a backend shall be: it is in doubt no more. True if it was.
    pub(super) fn trust_backend(&mut self, slot: u32) -> bool {
        let Some(backend) = self.slot(slot) else { return false };
        let (address, frontends) = (backend.address, backend.frontends.clone());
        let mut was_doubted = false;
        for at in frontends {
            was_doubted |= self.frontends.list_mut()[at as usize].doubted.remove(&address);
        }
        was_doubted
    }

    /// An operator lays all doubts. True if there were any.
    pub(super) fn trust_all(&mut self, now: Instant, out: &mut Vec<Action>) -> bool {
        if mutant!(ConfirmIgnored) {
            return true;
        }
        let mut were_doubts = core::mem::take(&mut self.keeping.unseen);
        for at in 0..self.frontends.list().len() {
            if core::mem::take(&mut self.frontends.list_mut()[at].doubted).is_empty() {
                continue;
            }
            were_doubts = true;
            self.recompute(u32::try_from(at).unwrap_or(u32::MAX), true, now, out);
        }
        were_doubts
    }

    /// Why what operators choose is not safe, in words; nothing if it is.
    pub(super) fn keeping_troubles(&self) -> impl Iterator<Item = String> {
        let trouble = self.keeping.trouble.as_ref();
        let trouble =
            trouble.map(|err| format!("what operators choose cannot be kept over a restart: {err}"));
        let unseen = self.keeping.unseen.then(|| {
            "what operators chose was lost, and VPP has not been seen since: what it holds at 0 will wait for \
             `maglevc set choices confirmed`"
                .to_string()
        });
        let doubted = self.frontends.list().iter().filter(|frontend| !frontend.doubted.is_empty());
        let doubted = doubted.map(|frontend| {
            format!(
                "frontend {}: {} servers stay at 0 since what operators chose was lost: see `maglevc explain frontend \
                 {}`, then `maglevc set choices confirmed`",
                frontend.name,
                frontend.doubted.len(),
                frontend.name
            )
        });
        trouble.into_iter().chain(unseen).chain(doubted)
    }
}

/// What an operator chose for a backend; `None` while it is as its configuration has it.
pub(super) const fn choice(backend: &Backend) -> Option<Choice> {
    match (backend.state(), backend.enabled) {
        (State::Paused, _) => Some(Choice::Paused),
        (State::Disabled, true) => Some(Choice::Disabled),
        (State::Unknown | State::Up | State::Down, false) => Some(Choice::Enabled),
        (State::Disabled, false) | (State::Unknown | State::Up | State::Down, true) => None,
    }
}

fn backend_choice(backend: &Backend) -> Option<BackendChoice> {
    let choice = choice(backend)?;
    Some(BackendChoice {
        name: backend.name.clone(),
        address: backend.address,
        enabled: backend.enabled,
        choice,
        by: backend.chosen_by.clone(),
    })
}

fn drop_choice(out: &mut Vec<Action>, choice: &BackendChoice, why: &str) {
    let what = format!("{} {} ({}) of before the restart: {why}", choice.choice, choice.name, choice.address);
    let by: &Author = &choice.by;
    let what = if by.who.is_empty() { what } else { format!("{what}; {} had said so", by.who) };
    tell(out, Event::ChoiceDropped { what });
}
