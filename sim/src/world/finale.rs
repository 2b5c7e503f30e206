//! The second act: nothing else will happen, and the world must come to rest within a bound that its configurations
//! give. Then it must stay at rest; and then, where the scenario asks for it, a restart of maglevd must write nothing.
//!
//! The bound is the sum of what may follow one after the other: a warm-up that has just begun, the longest verdict,
//! what a lost reply and a lost link cost, and the drift checks that find what somebody else did.
//!
//! Who is out of sync at the end of the first act is tried once more within a sync interval. Where looking at VPP has
//! killed it twice, nothing is sent until somebody acts: that must be told, and then there is nothing to wait for.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use maglev_core::config::Check;
use maglev_core::health::State;
use maglev_core::model::{Read, Request};
use maglev_core::warmup::Phase;
use maglev_core::{Config, Engine, GoDuration, Instant};

use super::{Configs, Effect, World};
use crate::oracle::Oracle;
use crate::script::{Behaviour, Conclusion, Scenario};
use crate::watch::{Rest, Watcher as _};

/// The world is looked at so often until it is at rest.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// And so often until a drift check is over.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A CLI command without an answer, the end of that connection, the longest pause, and the next handshake.
const LINK: Duration = Duration::from_secs(30 + 5 + 5 + 5);

/// A late write may still be executed: the second look comes then.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// Where the end stands.
#[derive(Clone)]
pub(super) struct Finale {
    conclusion: Option<Conclusion>,
    bound: Duration,
    /// The longest sync interval and warm-up.
    interval: Duration,
    warmup: Duration,
    stage: Stage,
    /// Without a second act the world ends here.
    until: Instant,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The second act.
    FirstAct,
    /// Rest.
    Settling {
        look: Instant,
    },
    /// That it lasts.
    Silent {
        until: Instant,
        /// A drift check may be under way just then: one look more, up to here.
        latest: Instant,
        writes: u64,
    },
    /// That a restart changes nothing.
    Restarted {
        until: Instant,
        writes: u64,
    },
    Over,
}

impl Finale {
    pub(super) fn new(scenario: &Scenario, configs: &Configs) -> Self {
        let longest = |of: &dyn Fn(&Config) -> Duration| configs.values().map(|config| of(config)).max();
        let interval = longest(&|config| config.lb().sync_interval).unwrap_or_default();
        let warmup = longest(&|config| config.lb().startup_max_delay).unwrap_or_default();
        let verdict = longest(&longest_verdict).unwrap_or_default();
        Self {
            conclusion: scenario.conclusion,
            bound: warmup + verdict * 2 + LINK + SECOND_LOOK + interval * 3,
            interval,
            warmup,
            stage: Stage::FirstAct,
            until: scenario.until,
        }
    }

    pub(super) fn wakeup(&self) -> Option<Instant> {
        match self.stage {
            Stage::FirstAct => Some(self.conclusion.map_or(self.until, |conclusion| conclusion.from)),
            Stage::Settling { look } => Some(look),
            Stage::Silent { until, .. } | Stage::Restarted { until, .. } => Some(until),
            Stage::Over => None,
        }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.wakeup().is_some_and(|at| at <= now)
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }
}

/// From the death or the first breath of a backend to the verdict, at the slowest.
fn longest_verdict(config: &Config) -> Duration {
    let checks = config.backends().iter().filter_map(|backend| backend.check.as_ref());
    checks.map(slowest).max().unwrap_or_default()
}

fn slowest(check: &Check) -> Duration {
    let timing = &check.timing;
    let interval = timing.interval.max(timing.fast_interval).max(timing.down_interval);
    let probes = u32::from(timing.rise.get()) + u32::from(timing.fall.get()) + 1;
    (interval.mul_f64(1.1) + timing.timeout) * probes
}

/// A stage has come to its end, or the world is looked at once more.
pub(super) fn turn(world: &mut World, engine: Option<&Engine>) -> Option<Effect> {
    let now = world.now;
    match world.finale.stage {
        Stage::FirstAct => {
            let Some(conclusion) = world.finale.conclusion else {
                world.finale.stage = Stage::Over;
                return None;
            };
            world.link.disarm();
            // A run that ends without maglevd or VPP has nothing to converge to.
            let is_possible = engine.is_some() && world.link.is_serving();
            debug_assert!(now >= conclusion.from, "the finale is due");
            world.finale.stage = if is_possible {
                Stage::Settling { look: world.last_change() + LOOK_EVERY }
            } else {
                Stage::Over
            };
            None
        }
        Stage::Settling { .. } => {
            settle(world, engine);
            None
        }
        Stage::Silent { latest, writes, .. } => {
            if now < latest && engine.is_some_and(|engine| !engine.dataplane().is_quiet()) {
                world.finale.stage = Stage::Silent { until: now + LOOK_AGAIN, latest, writes };
                return None;
            }
            let more = world.link.tally().writes - writes;
            world.ledger.judge(Oracle::Silence, now, more == 0, || {
                format!("{more} more writes were sent after everything was as wanted")
            });
            let left = engine.map(|engine| world.unsettled(engine)).unwrap_or_default();
            world.ledger.judge(Oracle::Silence, now, left.is_empty(), || {
                format!("what was at rest is not any more: {}", left.join("; "))
            });
            restart(world, engine)
        }
        Stage::Restarted { writes, .. } => {
            let more = world.link.tally().writes - writes;
            // Who is planned before its verdict is there has an edge to flush when it comes.
            if world.completed {
                world.ledger.judge(Oracle::Restart, now, more == 0, || {
                    format!("an unchanged restart made {more} writes")
                });
            }
            world.finale.stage = Stage::Over;
            None
        }
        Stage::Over => None,
    }
}

fn settle(world: &mut World, engine: Option<&Engine>) {
    let now = world.now;
    let Some(engine) = engine else {
        world.finale.stage = Stage::Over;
        return;
    };
    if world.is_blinded(engine) {
        let is_told = world.quarantined;
        world
            .ledger
            .judge(Oracle::Stated, now, is_told, || "a read is held back, and it was not told".into());
        world.finale.stage = Stage::Over;
        return;
    }
    let flapping = world.backends.flapping();
    if !flapping.is_empty() {
        endure(world, engine, &flapping);
        return;
    }
    let left = world.unsettled(engine);
    let late = now.since(world.last_change()) > world.finale.bound;
    if left.is_empty() || late {
        let bound = world.finale.bound;
        world.ledger.judge(Oracle::Converges, now, left.is_empty(), || {
            format!("not at rest {} after the last change: {}", GoDuration(bound), left.join("; "))
        });
    }
    if late {
        world.finale.stage = Stage::Over;
    } else if left.is_empty() {
        world.at_rest(engine);
        let until = now + world.finale.interval + world.finale.interval.min(Duration::from_secs(5));
        let writes = world.link.tally().writes;
        world.finale.stage = Stage::Silent { until, latest: until + LOOK_EVERY, writes };
    } else {
        world.finale.stage = Stage::Settling { look: now + LOOK_EVERY };
    }
}

/// Somebody goes on flapping: there is no rest, but the others have theirs.
fn endure(world: &mut World, engine: &Engine, flapping: &BTreeSet<IpAddr>) {
    let (now, bound) = (world.now, world.finale.bound);
    let is_free = |vip| {
        let found = engine.frontends().find(vip);
        found.is_none_or(|frontend| !frontend.members.iter().any(|m| flapping.contains(&m.address)))
    };
    let mut left = world.unsure(engine);
    if engine.warmup().phase() != Phase::Over || !engine.dataplane().is_connected() {
        left.push("there is warm-up, or no VPP".to_owned());
    }
    left.extend(world.differences_of(engine, false, &is_free));
    left.extend(world.strangers(engine));
    let late = now.since(world.last_change()) > bound;
    if !left.is_empty() && !late {
        world.finale.stage = Stage::Settling { look: now + LOOK_EVERY };
        return;
    }
    // A verdict moves with every probe only where one is enough.
    let flaps = engine
        .backends()
        .any(|(_, backend)| flapping.contains(&backend.address) && backend.health.counter_max() == 1);
    if flaps && engine.frontends().list().iter().any(|frontend| is_free(frontend.vip())) {
        world.ledger.judge(Oracle::Flapping, now, left.is_empty(), || {
            format!("not as wanted {} after the last change: {}", GoDuration(bound), left.join("; "))
        });
    }
    world.finale.stage = Stage::Over;
}

fn restart(world: &mut World, engine: Option<&Engine>) -> Option<Effect> {
    let asked = world.finale.conclusion.is_some_and(|conclusion| conclusion.restart);
    // Operators' choices may be lost with the process, and who is out of sync goes on trying.
    let is_calm = engine.is_some_and(|engine| {
        engine.dataplane().out_of_sync().next().is_none() && world.hashes_as_wanted(engine)
    });
    if !asked || !is_calm || world.commanded && !world.drawer.is_safe() || !world.ledger.is_clean() {
        world.finale.stage = Stage::Over;
        return None;
    }
    let until = world.now + world.finale.warmup + world.finale.interval * 2 + Duration::from_secs(3);
    world.finale.stage = Stage::Restarted { until, writes: world.link.tally().writes };
    Some(Effect::Start(world.config.clone()))
}

impl World {
    /// The beginning of the second act, as soon as maglevd runs and VPP answers.
    fn last_change(&self) -> Instant {
        let from = self.finale.conclusion.map_or(self.now, |conclusion| conclusion.from);
        from.max(self.stalled_until).max(self.link.stalled_until())
    }

    /// Looking at VPP was the last thing before two deaths in a row: it is left alone until somebody acts.
    pub(crate) fn is_blinded(&self, engine: &Engine) -> bool {
        let is_look = |request: &Request| {
            matches!(request, Request::Read(Read::Conf | Read::Vips | Read::Servers(None)))
        };
        let dataplane = engine.dataplane();
        dataplane.is_connected() && !dataplane.has_picture() && dataplane.held_back().any(is_look)
    }

    /// Whether no VIP waits for a recreate that may be made once in ten minutes; a new process does not know of it.
    fn hashes_as_wanted(&self, engine: &Engine) -> bool {
        let rows = self.link.plugin().and_then(|plugin| plugin.sticky().ok()).unwrap_or_default();
        rows.iter().all(|(vip, sticky)| {
            engine.frontends().find(*vip).is_none_or(|frontend| frontend.want.src_ip_sticky == *sticky)
        })
    }

    /// Why the world is not at rest; nothing if it is.
    pub(crate) fn unsettled(&self, engine: &Engine) -> Vec<String> {
        let mut left = Vec::new();
        if engine.warmup().phase() != Phase::Over {
            left.push("warm-up is not over".to_owned());
        }
        if !engine.dataplane().is_connected() {
            left.push("VPP is not connected".to_owned());
        }
        if self.now.since(self.last_change()) < LINK + self.finale.interval {
            let tried = engine.dataplane().out_of_sync();
            left.extend(tried.map(|(vip, _, _)| format!("{vip} is out of sync and will be tried again")));
            left.extend(engine.dataplane().conf_trouble().map(|_| "lb conf will be tried again".to_owned()));
        }
        left.extend(self.unsure(engine));
        if left.is_empty() && !engine.dataplane().is_quiet() {
            left.push("a sync is under way or due".to_owned());
        }
        if left.is_empty() {
            left.extend(self.differences(engine, false));
            left.extend(self.strangers(engine));
        }
        left
    }

    /// Backends whose verdict is not yet what their behaviour earns.
    fn unsure(&self, engine: &Engine) -> Vec<String> {
        let mut unsure = Vec::new();
        for (_, backend) in engine.backends() {
            let state = backend.state();
            if let (true, Some(check)) = (state.is_probed(), &backend.check) {
                let wanted = match self.backends.behaviour(backend.address) {
                    Behaviour::Up => Some((State::Up, backend.health.counter_max())),
                    Behaviour::Slow(by) if *by < check.timing.timeout => {
                        Some((State::Up, backend.health.counter_max()))
                    }
                    Behaviour::Silent | Behaviour::Refuse | Behaviour::Down => Some((State::Down, 0)),
                    // What these come to depends on the check; they are healed before the second act.
                    Behaviour::Slow(_)
                    | Behaviour::Status(_)
                    | Behaviour::Garbage
                    | Behaviour::BadTls
                    | Behaviour::BadBody
                    | Behaviour::OneIn(_)
                    | Behaviour::LocalFault(_) => None,
                };
                if wanted
                    .is_some_and(|(wanted, counter)| state != wanted || backend.health.counter() != counter)
                {
                    unsure.push(format!("{} is {state} ({})", backend.name, backend.health.counter()));
                }
            }
        }
        let holds = engine.frontends().list().iter().filter(|frontend| frontend.hold.is_some());
        unsure.extend(holds.map(|frontend| format!("{} holds removed servers", frontend.name)));
        unsure
    }

    /// What must hold at rest.
    pub(crate) fn at_rest(&mut self, engine: &Engine) {
        let now = self.now;
        self.judge_flows(engine);
        self.judge_fresh_start(engine);
        let stated: BTreeMap<_, _> =
            engine.dataplane().out_of_sync().map(|(vip, since, _)| (vip, since)).collect();
        let silent = self.differences(engine, true).into_iter();
        let unstated: Vec<String> = if stated.is_empty() { silent.collect() } else { Vec::new() };
        self.ledger.judge(Oracle::Stated, now, unstated.is_empty(), || unstated.join("; "));
        self.judge_stated(engine);
        let rest = Rest { now, engine, plugin: self.link.plugin() };
        self.watch.settled(&rest, &mut self.ledger);
    }
}
