//! What a run looked like, turn by turn, as data: for pages and other tools that show it.
//!
//! A [`Recorder`] looks on. What lasted is kept once: frames name states and tables by number, and a turn that changed
//! nothing has no frame.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::Arc;

use maglev_core::input::Outcome;
use maglev_core::model::VipKey;
use maglev_core::{Config, Engine, Instant};
use serde::Serialize;

use crate::oracle::Breach;
use crate::vpp::LbPlugin;
use crate::world::World;

/// A page with more than this would be of no use to anybody; what is left out is counted.
const FRAMES_MAX: usize = 20_000;

/// A whole run. Times are microseconds since the scenario's start.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Story {
    /// What must be seen.
    pub about: String,
    /// Rules that were broken.
    pub breaches: Vec<String>,
    /// When it ended.
    pub end: u64,
    /// Every instant at which something changed.
    pub frames: Vec<Frame>,
    /// Frames after the last one kept.
    pub omitted: usize,
    /// Different sets of states of all backends.
    pub states: Vec<Vec<Backend>>,
    /// Different states of VPP's tables; `None` while there is no plugin.
    pub tables: Vec<Option<Vec<Vip>>>,
    /// The timeline.
    pub lines: Vec<Line>,
    /// Probes that ended.
    pub probes: Vec<Probe>,
}

/// An instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// When.
    pub at: u64,
    /// Of warm-up; `none` without a process.
    pub phase: &'static str,
    /// Of the connection: `down`, `reading` or `up`.
    pub link: &'static str,
    /// Which of the states.
    pub states: usize,
    /// Which of the tables.
    pub table: usize,
    /// Lines of the timeline by then.
    pub lines: usize,
}

/// What maglevd thinks of a backend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Backend {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: IpAddr,
    /// The verdict.
    pub state: &'static str,
    /// Its counter.
    pub counter: u8,
    /// The counter of a healthy one.
    pub max: u8,
    /// The latest outcome, in words.
    pub outcome: Option<String>,
}

/// A VIP in VPP.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Vip {
    /// What VPP knows it by.
    pub vip: String,
    /// The frontend, if one is meant.
    pub name: Option<String>,
    /// Its servers in use, ascending by address.
    pub servers: Vec<Server>,
}

/// A server of a VIP in VPP.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Server {
    /// Its address.
    pub address: IpAddr,
    /// The backend, if one is meant.
    pub name: Option<String>,
    /// Its weight.
    pub weight: u8,
    /// Its share of the new-flows table.
    pub buckets: u32,
}

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When.
    pub at: u64,
    /// As it stands there.
    pub text: String,
    /// Its second column.
    pub who: String,
    /// A refusal, a lost answer, or worse.
    pub bad: bool,
}

/// A probe that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// When.
    pub at: u64,
    /// Of whom.
    pub name: String,
    /// `pass`, `fail` or `inconclusive`.
    pub outcome: &'static str,
}

/// Makes a story of what it sees.
#[derive(Debug, Default)]
pub struct Recorder {
    story: Story,
    states: BTreeMap<Vec<Backend>, usize>,
    tables: BTreeMap<Option<Vec<Vip>>, usize>,
    /// Bytes of the timeline that were read.
    read: usize,
    /// By what the latest table is known, so that it is looked at only when it can be another.
    table: Option<(TableId, usize)>,
    /// The process whose probes these are, by its start.
    process: Option<Instant>,
    probing: BTreeMap<String, u64>,
}

/// VPP's process and how much it had executed, and the configuration that gives the names.
type TableId = (Option<(u32, u64)>, usize);

impl Recorder {
    /// Looks at everything after a turn.
    pub fn look(&mut self, world: &World, engine: Option<&Engine>) {
        let at = micros(world.now());
        self.story.end = at;
        self.read_lines(at, world.timeline());
        self.probes(at, world, engine);
        if self.story.frames.len() >= FRAMES_MAX {
            self.story.omitted += 1;
            return;
        }
        let (phase, link) = engine.map_or(("none", "down"), |engine| {
            let dataplane = engine.dataplane();
            let link = match (dataplane.is_connected(), dataplane.has_picture()) {
                (false, _) => "down",
                (true, false) => "reading",
                (true, true) => "up",
            };
            (engine.warmup().phase().word(), link)
        });
        let states = number(&mut self.states, &mut self.story.states, states(engine));
        let table = self.table(world, engine);
        let frame = Frame { at, phase, link, states, table, lines: self.story.lines.len() };
        let is_new = self.story.frames.last().is_none_or(|last| Frame { at, ..last.clone() } != frame);
        if is_new {
            self.story.frames.push(frame);
        }
    }

    /// The story, with what was written after the last look.
    pub fn finish(mut self, about: &str, timeline: &str, breaches: &[Breach]) -> Story {
        self.read_lines(self.story.end, timeline);
        if let Some(last) = self.story.frames.last_mut() {
            last.lines = self.story.lines.len();
        }
        self.story.about = about.to_owned();
        self.story.breaches = breaches.iter().map(ToString::to_string).collect();
        self.story
    }

    fn read_lines(&mut self, at: u64, timeline: &str) {
        for text in timeline.get(self.read..).unwrap_or_default().lines() {
            // Time, who, what.
            let who = text.split_whitespace().nth(1).unwrap_or_default().to_owned();
            let is_call = matches!(who.as_str(), "call" | "foreign" | "unheard");
            let failed = [": refused ", ": not sent: ", ": no answer"].iter().any(|word| text.contains(word));
            let bad = is_call && failed || matches!(who.as_str(), "lost" | "EMPTIED" | "CRASH" | "UNMET");
            self.story.lines.push(Line { at, text: text.to_owned(), who, bad });
        }
        self.read = timeline.len();
    }

    /// A probe that was under way and is not any more has ended.
    fn probes(&mut self, at: u64, world: &World, engine: Option<&Engine>) {
        let process = engine.map(|_| world.started());
        if self.process != process {
            self.process = process;
            self.probing.clear();
        }
        for (_, backend) in engine.into_iter().flat_map(Engine::backends) {
            let now = backend.probe.map(|probe| probe.number);
            let before = match now {
                Some(number) => self.probing.insert(backend.name.clone(), number),
                None => self.probing.remove(&backend.name),
            };
            if before.is_some() && before != now {
                let outcome = match &backend.last_outcome {
                    Some(Outcome::Pass) => "pass",
                    Some(Outcome::Fail(_)) => "fail",
                    Some(Outcome::Inconclusive(_)) | None => "inconclusive",
                };
                self.story.probes.push(Probe { at, name: backend.name.clone(), outcome });
            }
        }
    }

    fn table(&mut self, world: &World, engine: Option<&Engine>) -> usize {
        let config = engine.map_or(world.config(), Engine::config);
        let plugin = world.link.plugin();
        let id = (plugin.map(|plugin| (plugin.pid(), plugin.executed())), Arc::as_ptr(config).addr());
        if let Some((known, table)) = self.table
            && known == id
        {
            return table;
        }
        let vips = plugin.map(|plugin| vips(plugin, config));
        let table = number(&mut self.tables, &mut self.story.tables, vips);
        self.table = Some((id, table));
        table
    }
}

/// The number of `value` among those seen, which it joins.
fn number<T: Ord + Clone>(known: &mut BTreeMap<T, usize>, all: &mut Vec<T>, value: T) -> usize {
    if let Some(number) = known.get(&value) {
        return *number;
    }
    all.push(value.clone());
    known.insert(value, all.len() - 1);
    all.len() - 1
}

fn states(engine: Option<&Engine>) -> Vec<Backend> {
    let backends = engine.into_iter().flat_map(Engine::backends);
    let states = backends.map(|(_, backend)| Backend {
        name: backend.name.clone(),
        address: backend.address,
        state: backend.health.state().word(),
        counter: backend.health.counter(),
        max: backend.health.counter_max(),
        outcome: backend.last_outcome.as_ref().map(ToString::to_string),
    });
    states.collect()
}

fn vips(plugin: &LbPlugin, config: &Config) -> Vec<Vip> {
    let name_of = |vip: VipKey| config.frontends().iter().find(|frontend| frontend.vip == vip);
    let server_name = |address| config.backends().iter().find(|backend| backend.address == address);
    let vips = plugin.vips().into_iter().map(|row| {
        let shares: BTreeMap<IpAddr, u32> = plugin.shares(row.vip).into_iter().collect();
        let servers = plugin.weights(row.vip).into_iter().map(|(address, weight)| Server {
            address,
            name: server_name(address).map(|backend| backend.name.clone()),
            weight: weight.value(),
            buckets: shares.get(&address).copied().unwrap_or(0),
        });
        Vip {
            vip: row.vip.to_string(),
            name: name_of(row.vip).map(|frontend| frontend.name.clone()),
            servers: servers.collect(),
        }
    });
    vips.collect()
}

fn micros(at: Instant) -> u64 {
    u64::try_from(at.since_start().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::straight::play_with;
    use crate::world::Settings;
    use crate::{play, swarm};

    #[test]
    fn whoever_looks_on_changes_nothing() {
        for seed in 0..50 {
            let plot = swarm::plot(seed);
            let configs = plot.configs().expect("a seed's configurations pass");
            let alone = play(&plot.scenario, configs.clone(), Settings::FULL).expect("it plays");
            let mut recorder = Recorder::default();
            let mut look = |world: &World, engine: Option<&Engine>| recorder.look(world, engine);
            let seen = play_with(&plot.scenario, configs, Settings::FULL, &mut look).expect("it plays");
            assert_eq!(alone, seen, "seed {seed}");
            let story = recorder.finish("", &seen.timeline, &seen.breaches);
            let lines: Vec<&str> = story.lines.iter().map(|line| line.text.as_str()).collect();
            assert_eq!(lines, seen.timeline.lines().collect::<Vec<_>>(), "seed {seed}");
            assert!(story.frames.is_sorted_by_key(|frame| (frame.at, frame.lines)), "seed {seed}");
        }
    }
}
