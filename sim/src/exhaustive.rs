//! Every order of things in a small world: one frontend, two backends, and the real engine between a real model of VPP
//! and everyone who watches.
//!
//! Breadth first. A node is a clone of all of it, and from each node one goes every way on: time passes until something
//! is due (a deadline of the engine, the end of a probe, a call that VPP executes, a reply that arrives), or one item of
//! the lane's menu happens 1 ns before that, at it, or 1 ns after. Every oracle of [`watch`](crate::watch) judges every
//! way, and a search adds two: from a rest, time alone brings no write; and every state that is left alone comes to rest.
//! Latencies are fixed ([`STILL`]), so a path is a scenario file that can be played.
//!
//! It ends when nothing new is found. What "new" means makes that possible, and bounds what it proves:
//!
//! * Nodes are one state if [`Abstract`](maglev_core::digest::Abstract) digests of engine, backends, link, VPP and of the
//!   distances of all deadlines in whole halves of a second are equal. The first of them is gone on from, so exact distances
//!   are sampled, not enumerated. Half a second is less than any period here; with a whole one the searches missed
//!   deadlines, because a circle of probes looked like standing still.
//! * What only the watchers remember, and traffic, are left out of the digest: an oracle judges the history of that first
//!   node. Without traffic no flow is sticky.
//! * Two items of the menu may happen between one rest of the world and the next; what mends VPP is free. In the
//!   lane of VPP's deaths it is one, and VPP dies twice at most, since the engine remembers for ever what it died of.
//! * VPP's garbage collection, a minute after a removal, comes only where a path happens to be that long.
//!
//! [`Lane::pinned`] has the number of states of each lane: whoever changes the engine sees here that it does more, or
//! less, than before.

mod lanes;
mod node;
mod sketch;

#[cfg(test)]
mod tests;

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use maglev_core::Instant;

use self::lanes::Item;
use self::node::{Move, Node};
use crate::chance::STILL;
use crate::choices::Odometer;
use crate::oracle::{Breach, Counts, Ledger, Oracle};
use crate::plot::Plot;
use crate::script::{Conclusion, Scenario};
use crate::straight::{Straight, play};
use crate::world::Settings;

pub(crate) use self::sketch::Sketch;

/// A search of its own: what may happen, besides that b1 dies and revives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// b2 falls silent and revives, and the host's own faults hit the probes of b1.
    Health,
    /// maglevd is restarted; VPP is out of reach and back.
    Warmup,
    /// The link drops, the reply to the next write is lost, the next write is refused.
    Link,
    /// VPP is restarted, or dies and is started later.
    Vpp,
    /// b1 is paused, resumed, disabled and enabled, gets weight 0 and 100; everything is synced.
    Operator,
    /// Reloads: the pools in the other order, another weight, without b2, and back.
    Reload,
}

impl Lane {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Health, Self::Warmup, Self::Link, Self::Vpp, Self::Operator, Self::Reload];

    /// Its name on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Warmup => "warmup",
            Self::Link => "link",
            Self::Vpp => "vpp",
            Self::Operator => "operator",
            Self::Reload => "reload",
        }
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Which.
    pub lane: Lane,
    /// States that differ.
    pub states: usize,
    /// Ways from one to another that were gone.
    pub edges: u64,
    /// The most ways that lead from the beginning to a state.
    pub depth: u32,
    /// Broken rules, each with what led there.
    pub breaches: Vec<(Plot, Breach)>,
    /// Ways on which the engine or the simulator panicked, and what was said.
    pub panics: Vec<(Plot, String)>,
    /// States that, left alone, do not come to rest, although a run of that scenario does: merging made a cycle of them.
    pub unresolved: usize,
    /// How often each oracle was evaluated.
    pub counts: Counts,
    /// On how many ways each event was told, by its name.
    pub told: BTreeMap<&'static str, u64>,
    /// Nothing new was found at the end: that is all there is.
    pub is_fixpoint: bool,
}

/// Breaches and panics that are written down.
const FINDINGS_MAX: usize = 8;

/// Visits everything that can be reached in `lane`, or the first `limit` states of it.
pub fn search(lane: Lane, limit: usize) -> Found {
    search_while(lane, limit, &mut |_| true)
}

/// The same. `progress` hears the number of states from time to time, and ends the search by saying false.
pub fn search_while(lane: Lane, limit: usize, progress: &mut dyn FnMut(usize) -> bool) -> Found {
    Search::new(lane, false).run(limit, progress)
}

struct Search {
    lane: Lane,
    menu: Vec<Item>,
    root: Node,
    known: BTreeMap<u128, u32>,
    states: Vec<State>,
    found: Found,
}

/// What is kept of a node once it was gone on from.
struct State {
    parent: u32,
    way: Move,
    depth: u32,
    /// Where time alone leads.
    next: u32,
    /// It rests, or cannot.
    is_excused: bool,
}

const NOWHERE: u32 = u32::MAX;

impl Search {
    fn new(lane: Lane, trace: bool) -> Self {
        let plot = Plot { scenario: scenario(), drafts: lane.drafts() };
        let configs = plot.configs().expect("the configurations of a lane pass");
        let settings = Settings { trace, ..Settings::MASS };
        let straight = Straight::new(&plot.scenario, configs, settings).expect("a lane has a configuration");
        Self {
            lane,
            menu: lane.menu(),
            root: Node::root(straight),
            known: BTreeMap::new(),
            states: Vec::new(),
            found: Found {
                lane,
                states: 0,
                edges: 0,
                depth: 0,
                breaches: Vec::new(),
                panics: Vec::new(),
                unresolved: 0,
                counts: Counts::default(),
                told: BTreeMap::new(),
                is_fixpoint: false,
            },
        }
    }

    fn run(mut self, limit: usize, progress: &mut dyn FnMut(usize) -> bool) -> Found {
        let root = self.root.clone();
        self.enter(&root, root.digest(), NOWHERE, Move::Wait);
        let mut level = vec![(0, root)];
        let mut goes_on = true;
        while goes_on && !level.is_empty() && self.states.len() < limit {
            let mut below = Vec::new();
            for (from, node) in level {
                goes_on = goes_on && progress(self.states.len());
                if goes_on {
                    self.expand(from, &node, &mut below);
                }
            }
            level = below;
        }
        self.found.is_fixpoint = goes_on && level.is_empty();
        if self.found.is_fixpoint {
            self.judge_rest();
        }
        self.found.states = self.states.len();
        self.found.depth = self.states.iter().map(|state| state.depth).max().unwrap_or(0);
        self.found
    }

    /// Goes every way on.
    fn expand(&mut self, from: u32, node: &Node, below: &mut Vec<(u32, Node)>) {
        let possible = node.possible(&self.menu, self.lane.budget());
        let mut odometer = Odometer::default();
        loop {
            let way = Node::choose(&possible, &mut odometer);
            if let Some(at) = node.time_of(way) {
                self.follow(from, node, way, at, below);
            }
            if !odometer.advance() {
                break;
            }
        }
    }

    fn follow(&mut self, from: u32, node: &Node, way: Move, at: Instant, below: &mut Vec<(u32, Node)>) {
        self.found.edges += 1;
        let mut after = node.clone();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| after.go(way, at, &self.menu))) {
            if self.found.panics.len() < FINDINGS_MAX {
                let said = panic.downcast_ref::<String>().cloned();
                let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
                let plot = self.plot(from, way, "The engine panics.".into());
                self.found.panics.push((plot, said.unwrap_or_default()));
            }
            return;
        }
        self.judge(from, node, way, &mut after);
        let digest = after.digest();
        let to = match self.known.get(&digest) {
            Some(known) => *known,
            None => {
                self.judge_at_rest(from, way, &mut after);
                let to = self.enter(&after, digest, from, way);
                below.push((to, after));
                to
            }
        };
        if way == Move::Wait {
            self.states[from as usize].next = to;
        }
    }

    fn enter(&mut self, node: &Node, digest: u128, parent: u32, way: Move) -> u32 {
        let id =
            u32::try_from(self.states.len()).expect("a search never reaches four thousand million states");
        self.known.insert(digest, id);
        let depth = self.states.get(parent as usize).map_or(0, |parent| parent.depth + 1);
        let is_excused = node.is_excused();
        self.states.push(State { parent, way, depth, next: NOWHERE, is_excused });
        id
    }

    /// Takes what the oracles said on the way, and adds what only a search can say.
    fn judge(&mut self, from: u32, before: &Node, way: Move, after: &mut Node) {
        let world = &mut after.straight.world;
        for name in world.take_told() {
            *self.found.told.entry(name).or_default() += 1;
        }
        let (counts, mut breaches) = world.take_judgements();
        self.found.counts.add(&counts);
        if before.is_at_rest && way == Move::Wait {
            let more = world.link.tally().writes - before.straight.world.link.tally().writes;
            let mut ledger = Ledger::default();
            ledger.judge(Oracle::Silence, world.now(), more == 0, || {
                format!("{more} writes were sent although everything was as wanted")
            });
            let (counts, silence) = ledger.close();
            self.found.counts.add(&counts);
            breaches.extend(silence);
        }
        self.note(from, way, breaches);
    }

    /// What must hold of a new state in which the world is at rest.
    fn judge_at_rest(&mut self, from: u32, way: Move, node: &mut Node) {
        let Straight { world, engine, .. } = &mut node.straight;
        if let (true, Some(engine)) = (node.is_at_rest, engine) {
            world.at_rest(engine);
            let (counts, breaches) = world.take_judgements();
            self.found.counts.add(&counts);
            self.note(from, way, breaches);
        }
    }

    fn note(&mut self, from: u32, way: Move, breaches: Vec<Breach>) {
        for breach in breaches {
            let of_this_kind =
                self.found.breaches.iter().filter(|(_, other)| other.oracle == breach.oracle).count();
            if of_this_kind < FINDINGS_MAX {
                let about = format!("Breaks {}: {}", breach.oracle.id(), breach.oracle.rule());
                let plot = self.plot(from, way, about);
                self.found.breaches.push((plot, breach));
            }
        }
    }

    /// What led to `from`, and one way on.
    fn plot(&self, from: u32, way: Move, about: String) -> Plot {
        let mut ways = vec![way];
        let mut at = from;
        while let Some(state) = self.states.get(at as usize).filter(|state| state.parent != NOWHERE) {
            ways.push(state.way);
            at = state.parent;
        }
        ways.reverse();
        let (events, end) = node::replay(self.root.clone(), &ways, &self.menu);
        let until = end + Duration::from_secs(1);
        Plot { scenario: Scenario { about, events, until, ..scenario() }, drafts: self.lane.drafts() }
    }

    /// Left alone, every state comes to rest. Where time alone leads in a circle, a run of that scenario decides.
    fn judge_rest(&mut self) {
        let mut ledger = Ledger::default();
        // None: not known yet.
        let mut rests: Vec<Option<bool>> =
            self.states.iter().map(|state| state.is_excused.then_some(true)).collect();
        let mut circles = 0;
        for start in 0..self.states.len() {
            let mut path = Vec::new();
            let mut at = start;
            let comes_to_rest = loop {
                if let Some(known) = rests[at] {
                    break known;
                }
                // Whoever is met again on the way is in a circle.
                rests[at] = Some(false);
                path.push(at);
                let next = self.states[at].next as usize;
                if next >= self.states.len() {
                    break true; // It panicked, which was said.
                }
                at = next;
            };
            if comes_to_rest {
                for at in path {
                    rests[at] = Some(true);
                    ledger.judge(Oracle::Converges, Instant::START, true, String::new);
                }
            } else if !path.is_empty() {
                self.found.unresolved += path.len();
                if circles < FINDINGS_MAX && path.contains(&at) {
                    circles += 1;
                    self.judge_circle(at);
                }
            }
        }
        self.found.counts.add(&ledger.close().0);
    }

    /// Plays the way to a state, and what comes after it, to its end.
    fn judge_circle(&mut self, state: usize) {
        let State { parent, way, .. } = self.states[state];
        let about = format!("Breaks {}: {}", Oracle::Converges.id(), Oracle::Converges.rule());
        let mut plot = self.plot(parent, way, about);
        let from = plot.scenario.until;
        plot.scenario.conclusion = Some(Conclusion { from, restart: false });
        let configs = plot.configs().expect("the configurations of a lane pass");
        if let Ok(report) = play(&plot.scenario, configs, Settings::MASS)
            && let Some(breach) = report.first()
        {
            self.found.breaches.push((plot, breach.clone()));
        }
    }
}

impl Found {
    /// Broken rules and panics, in words.
    pub fn findings(&self) -> Vec<String> {
        let lane = self.lane;
        let breaches =
            self.breaches.iter().map(|(plot, breach)| format!("{lane:?}: {breach}\n{}", plot.file()));
        let panics =
            self.panics.iter().map(|(plot, said)| format!("{lane:?}: panic: {said}\n{}", plot.file()));
        breaches.chain(panics).collect()
    }

    /// What is not as it should be, in words; nothing if all is well.
    pub fn wrong(&self) -> Vec<String> {
        let lane = self.lane;
        let mut wrong = self.findings();
        if !self.is_fixpoint {
            wrong.push(format!("{lane:?}: {} states, and there are more", self.states));
        } else if (self.states, self.edges) != lane.pinned() {
            let (states, edges) = lane.pinned();
            wrong.push(format!(
                "{lane:?}: {} states and {} ways, not {states} and {edges}: if the engine was meant to do more or less, \
                 correct Lane::pinned",
                self.states, self.edges
            ));
        }
        // Merging alone makes a circle only where distances are lost: that would be another hole in the search.
        if self.unresolved > 0 {
            wrong.push(format!("{lane:?}: {} states do not come to rest", self.unresolved));
        }
        wrong
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lane, states, edges, depth, .. } = self;
        let is_all = if self.is_fixpoint { "all" } else { "not all" };
        write!(f, "{:<9}{states:>8} states,{edges:>9} ways, depth {depth:>4}, {is_all}", format!("{lane:?}"))
    }
}

/// A still world in which nothing happens for as long as anybody looks.
fn scenario() -> Scenario {
    Scenario {
        about: String::new(),
        seed: STILL,
        configs: BTreeMap::new(),
        events: Vec::new(),
        until: Instant::from_start(Duration::from_hours(24 * 365)),
        conclusion: None,
        twin: None,
    }
}
