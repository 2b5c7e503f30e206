//! Every order of things in a small world: one frontend, two backends, the real engine.

mod lanes;
mod node;
mod sketch;

#[cfg(test)]
mod tests;

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

/// A search of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Backends.
    Health,
    /// Restarts of maglevd.
    Warmup,
    /// The way to VPP.
    Link,
    /// Deaths of VPP.
    Vpp,
    /// Operators.
    Operator,
    /// Reloads.
    Reload,
}

impl Lane {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Health, Self::Warmup, Self::Link, Self::Vpp, Self::Operator, Self::Reload];
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
    Search::new(lane).run(limit)
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
    fn new(lane: Lane) -> Self {
        let plot = Plot { scenario: scenario(), drafts: lane.drafts() };
        let configs = plot.configs().expect("the configurations of a lane pass");
        let settings = Settings { timeline: false, oracles: true, trace: false, chain: false };
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

    fn run(mut self, limit: usize) -> Found {
        let root = self.root.clone();
        self.enter(&root, NOWHERE, Move::Wait);
        let mut level = vec![(0, root)];
        while !level.is_empty() && self.states.len() < limit {
            let mut below = Vec::new();
            for (from, node) in level {
                self.expand(from, &node, &mut below);
            }
            level = below;
            if std::env::var_os("VERBOSE").is_some() {
                eprint!("{} ", level.len());
            }
        }
        self.found.is_fixpoint = level.is_empty();
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
        let to = match self.known.get(&after.digest(self.lane.unit())) {
            Some(known) => *known,
            None => {
                let to = self.enter(&after, from, way);
                below.push((to, after));
                to
            }
        };
        if way == Move::Wait {
            self.states[from as usize].next = to;
        }
    }

    fn enter(&mut self, node: &Node, parent: u32, way: Move) -> u32 {
        let id = u32::try_from(self.states.len()).expect("a search never reaches four thousand million states");
        self.known.insert(node.digest(self.lane.unit()), id);
        let depth = self.states.get(parent as usize).map_or(0, |parent| parent.depth + 1);
        let is_excused = node.is_excused();
        self.states.push(State { parent, way, depth, next: NOWHERE, is_excused });
        id
    }

    /// Takes what the oracles said on the way, and adds what only a search can say.
    fn judge(&mut self, from: u32, before: &Node, way: Move, after: &mut Node) {
        let world = &mut after.straight.world;
        if after.is_at_rest
            && let Some(engine) = &after.straight.engine
        {
            world.at_rest(engine);
        }
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
        // 0: not seen; otherwise the walk that came by first.
        let mut seen = vec![0u32; self.states.len()];
        let mut rests = vec![false; self.states.len()];
        for start in 0..self.states.len() {
            let walk = start as u32 + 1;
            let mut path = Vec::new();
            let mut at = start;
            let is_good = loop {
                let state = &self.states[at];
                if state.is_excused || rests[at] {
                    break true;
                }
                if seen[at] != 0 {
                    break seen[at] != walk && rests[at];
                }
                seen[at] = walk;
                path.push(at);
                match self.states.get(state.next as usize) {
                    Some(_) => at = state.next as usize,
                    None => break true,
                }
            };
            if is_good {
                path.into_iter().for_each(|at| rests[at] = true);
            } else if seen[at] == walk && !path.is_empty() {
                self.judge_circle(start as u32);
                self.found.unresolved += path.len();
            } else {
                self.found.unresolved += path.len();
            }
        }
    }

    /// Plays the way to a state, and what comes after it, to its end.
    fn judge_circle(&mut self, state: u32) {
        if self.found.breaches.len() >= FINDINGS_MAX {
            return;
        }
        if std::env::var_os("CIRCLE").is_some() {
            let mut at = state;
            for _ in 0..60 { eprint!("{at} "); at = self.states[at as usize].next; }
            eprintln!("{}", self.plot(state, Move::Wait, String::new()).file());
        }
        let mut plot = self.plot(state, Move::Wait, format!("Breaks {}", Oracle::Converges.id()));
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

/// A still world in which nothing happens for as long as anybody looks.
fn scenario() -> Scenario {
    Scenario {
        about: String::new(),
        seed: STILL,
        configs: BTreeMap::new(),
        events: Vec::new(),
        until: Instant::from_start(Duration::from_hours(24 * 365)),
        conclusion: None,
    }
}
