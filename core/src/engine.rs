//! Composes the parts and only routes: an input to the part it concerns, a change to those who must know.

mod choices;
mod commands;
mod look;
mod parts;
mod plan;
mod reasons;
mod reload;
mod state;
mod verdicts;
mod view;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::backend::Backend;
use crate::config::Config;
use crate::dataplane::{Context, Dataplane, tell};
use crate::event::{Cause, Event, Trigger};
use crate::frontend::{Frontend, Frontends};
use crate::input::Input;
use crate::model::VipKey;
use crate::schedule::Schedule;
use crate::time::{Instant, earliest};
use crate::warmup::{Milestone, Phase, Warmup};
use core::time::Duration;

pub use parts::{BackendDetail, Part, WarmupView};
pub use plan::{Plan, PlannedCall, When, Wish};
pub use reasons::WeightReason;
pub use view::{
    AWAITED_MAX, BackendView, Depth, FrontendView, HoldView, MemberView, PoolView, ServerView, View,
};

/// SIGTERM gives calls under way, and a recreate that has begun, this long.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(1);

/// Why the engine wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    /// A deadline of warm-up.
    Warmup,
    /// A probe is due.
    Probe,
    /// A reload's hold of removed servers ends.
    Hold,
    /// The conversation with VPP.
    Vpp,
    /// The process ends.
    Shutdown,
}

/// All decisions of the daemon. See the crate's page for the contract.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Engine {
    seed: u64,
    config: Arc<Config>,
    /// Backends by slot. A slot keeps its backend over reloads; a free one is used again.
    slots: Vec<Option<Backend>>,
    free: Vec<u32>,
    /// The slots of the configuration's backends, in its order: ascending by name.
    slot_of: Vec<u32>,
    frontends: Frontends,
    schedule: Schedule,
    warmup: Warmup,
    dataplane: Dataplane,
    /// Ends of holds, by position of the frontend.
    holds: BTreeSet<(Instant, u32)>,
    next_probe: u64,
    inconclusive: BTreeMap<String, verdicts::Complaint>,
    /// Blind backends at the end of warm-up.
    blind: BTreeSet<u32>,
    /// They wait for a picture of VPP to be presumed by.
    presume: bool,
    emptied: bool,
    started: bool,
    /// When a shutdown ends, whatever is still under way.
    stopping: Option<Instant>,
    /// Counts what operators and reloads have changed: the source of revisions.
    changes: u64,
    /// Configurations in force so far, and when the present one came.
    generation: u64,
    configured: Instant,
    /// What operators chose, over restarts.
    keeping: choices::Keeping,
    exited: bool,
}

impl Engine {
    /// An engine that has just been told its first configuration. It acts from the first [`handle`](Self::handle) on,
    /// which is due at once.
    pub fn new(config: Arc<Config>, seed: u64, now: Instant) -> Self {
        Self::build(config, seed, now, true)
    }

    /// The same without VPP: probing and verdicts only.
    pub fn without_vpp(config: Arc<Config>, seed: u64, now: Instant) -> Self {
        Self::build(config, seed, now, false)
    }

    fn build(config: Arc<Config>, seed: u64, now: Instant, vpp: bool) -> Self {
        let lb = config.lb();
        let mut engine = Self {
            seed,
            slots: Vec::new(),
            free: Vec::new(),
            slot_of: Vec::new(),
            frontends: Frontends::default(),
            schedule: Schedule::default(),
            warmup: Warmup::new(lb.startup_min_delay, lb.startup_max_delay),
            dataplane: Dataplane::new(vpp, seed),
            holds: BTreeSet::new(),
            next_probe: 1,
            inconclusive: BTreeMap::new(),
            blind: BTreeSet::new(),
            presume: false,
            emptied: false,
            started: false,
            stopping: None,
            changes: 1,
            generation: 1,
            configured: now,
            keeping: choices::Keeping::default(),
            exited: false,
            config,
        };
        engine.populate(now);
        engine
    }

    /// Applies one input and returns everything the world must now do, in order.
    ///
    /// Instants never go backwards; equal ones are fine. Deadlines at or before `now` are handled, in order, before the
    /// input.
    #[must_use = "actions that are dropped never happen"]
    pub fn handle(&mut self, input: Input, now: Instant) -> Vec<Action> {
        let mut out = Vec::new();
        if self.exited {
            return out;
        }
        if let Input::Remembered(recollection) = &input
            && !self.started
        {
            self.started = true;
            self.begin(&mut out);
            self.recall(recollection, now, &mut out);
        }
        if !mutant!(InputBeforeDeadlines) {
            self.advance(now, &mut out);
        }
        self.route(input, now, &mut out);
        self.advance(now, &mut out);
        self.with_dataplane(now, |dataplane, ctx| dataplane.pump(ctx, &mut out));
        self.keep_if_changed(&mut out);
        self.end_if_done(now, &mut out);
        out
    }

    /// The next moment the engine must run, and why; `None` when only an input can move it.
    pub fn wakeup(&self) -> Option<(Instant, Reason)> {
        if self.exited {
            return None;
        }
        if !self.started {
            return Some((Instant::START, Reason::Warmup));
        }
        earliest([
            self.warmup.deadline().map(|at| (at, Reason::Warmup)),
            self.schedule.next().map(|at| (at, Reason::Probe)),
            self.holds.first().map(|(at, _)| (*at, Reason::Hold)),
            self.dataplane.wakeup().map(|at| (at, Reason::Vpp)),
            self.stopping.map(|at| (at, Reason::Shutdown)),
        ])
    }

    /// Handles every deadline that has come, the earliest first.
    fn advance(&mut self, now: Instant, out: &mut Vec<Action>) {
        if !self.started {
            self.started = true;
            self.begin(out);
        }
        while let Some((at, reason)) = self.wakeup() {
            if at > now {
                break;
            }
            let moved = match reason {
                Reason::Warmup => self.advance_warmup(now, out),
                Reason::Probe => self.advance_probes(now, out),
                Reason::Hold => self.advance_holds(now, out),
                Reason::Vpp => self.with_dataplane(now, |dataplane, ctx| dataplane.advance(ctx, out)),
                Reason::Shutdown => false,
            };
            if !moved {
                break;
            }
        }
    }

    fn begin(&self, out: &mut Vec<Action>) {
        tell(out, self.loaded(false));
    }

    fn loaded(&self, reload: bool) -> Event {
        let (frontends, backends) = (self.config.frontends().len(), self.config.backends().len());
        Event::ConfigLoaded { frontends, backends, reload }
    }

    fn route(&mut self, input: Input, now: Instant, out: &mut Vec<Action>) {
        match input {
            // What is remembered too late is not taken up: the engine has begun to act without it.
            Input::WakeupDue | Input::Remembered(_) => (),
            Input::Kept(result) => self.on_kept(result, out),
            Input::ProbeFinished { probe, outcome, took } => self.on_probe(probe, outcome, took, now, out),
            Input::VppConnected { connection, vpp } => {
                let restarted = self
                    .with_dataplane(now, |dataplane, ctx| dataplane.on_connected(ctx, connection, vpp, out));
                if restarted {
                    self.presume_anew(now, out);
                }
            }
            Input::VppDisconnected { connection, why } => {
                self.with_dataplane(now, |dataplane, ctx| {
                    dataplane.on_disconnected(ctx, connection, &why, out);
                });
            }
            Input::VppReplied { connection, call, reply } => {
                let progress = self.with_dataplane(now, |dataplane, ctx| {
                    if !dataplane.is_current(connection) {
                        return crate::dataplane::Progress::default();
                    }
                    dataplane.on_reply(ctx, call, reply, out)
                });
                if progress.picture_whole {
                    self.settle_doubt(now, out);
                    self.settle_presumption(now, out);
                }
            }
            Input::ConfigLoaded { config, forced } => self.on_config(config, forced, now, out),
            Input::ConfigRejected { kind, err } => tell(out, Event::ConfigRejected { kind, err }),
            Input::Commanded { request, command, by, based_on } => {
                let result = self.on_command(&command, &by, based_on, now, out);
                out.push(Action::Answer { request, result });
            }
            Input::ShutdownRequested => self.on_shutdown(now, out),
        }
    }

    /// Runs a part of the conversation with everything that it may look at.
    fn with_dataplane<T>(&mut self, now: Instant, run: impl FnOnce(&mut Dataplane, &Context<'_>) -> T) -> T {
        let ctx = Context {
            frontends: &self.frontends,
            warmup: &self.warmup,
            lb: self.config.lb(),
            now,
            stopping: self.stopping.is_some(),
            emptied: self.emptied,
        };
        run(&mut self.dataplane, &ctx)
    }

    fn advance_warmup(&mut self, now: Instant, out: &mut Vec<Action>) -> bool {
        let Some(milestone) = self.warmup.advance(now) else { return false };
        let elapsed = now.since_start();
        let (min, max) = self.warmup.delays();
        match milestone {
            Milestone::Started => tell(out, Event::WarmupStart { min, max }),
            Milestone::Skipped => {
                tell(out, Event::WarmupSkipped);
                self.gather_blind();
            }
            Milestone::MinDelay => {
                tell(out, Event::WarmupMinDelay { elapsed });
                if !self.warmup.is_final() && !mutant!(MinDelayReleasesNobody) {
                    self.release_known(Trigger::MinDelay, now, out);
                }
            }
            Milestone::MaxDelay { straggling } => {
                tell(out, Event::WarmupMaxDelay { elapsed });
                if straggling && !mutant!(MaxDelayWithoutSync) {
                    self.gather_blind();
                    self.with_dataplane(now, |dataplane, _| dataplane.read_all(Cause::MaxDelay));
                    self.presume_blind(now, out);
                }
            }
        }
        true
    }

    /// Releases every frontend whose backends are all known, and ends warm-up when none is left.
    fn release_known(&mut self, trigger: Trigger, now: Instant, out: &mut Vec<Action>) {
        let known: Vec<VipKey> = self
            .frontends
            .list()
            .iter()
            .filter(|frontend| frontend.unknown <= u32::from(mutant!(GateOpensEarly)))
            .map(Frontend::vip)
            .collect();
        for vip in known {
            self.release(vip, trigger, now, out);
        }
        self.complete_if_released(now, out);
    }

    fn release(&mut self, vip: VipKey, trigger: Trigger, now: Instant, out: &mut Vec<Action>) {
        if !self.warmup.release(vip) {
            return;
        }
        let elapsed = now.since_start();
        if let Some(frontend) = self.frontends.find(vip).map(|frontend| frontend.name.clone()) {
            tell(out, Event::WarmupRelease { frontend, trigger, elapsed });
        }
        self.with_dataplane(now, |dataplane, ctx| dataplane.release(ctx, vip));
    }

    fn complete_if_released(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.warmup.phase() != Phase::Release || self.warmup.is_final() {
            return;
        }
        if !self.frontends.list().iter().all(|frontend| self.warmup.is_released(frontend.vip())) {
            return;
        }
        self.warmup.complete(now);
        tell(out, Event::WarmupComplete { elapsed: now.since_start() });
        self.with_dataplane(now, |dataplane, ctx| dataplane.gates_opened(ctx));
    }

    fn on_shutdown(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.stopping.is_some() {
            return;
        }
        tell(out, Event::Stopping);
        self.warmup.stop();
        self.stopping = Some(now + SHUTDOWN_LIMIT * (1 + 9 * u32::from(mutant!(ShutdownTooSlow))));
        let probes = self.slots.iter_mut().zip(0u32..).filter_map(|(slot, at)| {
            let probe = slot.as_mut()?.probe.as_mut()?;
            probe.stale = true;
            Some(Action::CancelProbe(crate::input::ProbeId { slot: at, number: probe.number }))
        });
        out.extend(probes);
        self.schedule = Schedule::default();
        self.holds.clear();
        for backend in self.slots.iter_mut().flatten() {
            backend.due = None;
            backend.overdue = false;
            // What comes of a probe that we took back tells nobody anything any more.
            if let Some(probe) = &mut backend.probe {
                probe.stale = true;
            }
        }
    }

    fn end_if_done(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Some(limit) = self.stopping else { return };
        let busy = self.dataplane.is_mid_recreate() || self.dataplane.has_open_writes();
        if limit <= now || !busy {
            self.exited = true;
            out.push(Action::Exit);
        }
    }

    /// The slot of the backend with this name.
    pub fn slot_named(&self, name: &str) -> Option<u32> {
        let found = self.config.backends().binary_search_by(|backend| backend.name.as_str().cmp(name));
        self.slot_of.get(found.ok()?).copied()
    }

    fn slot(&self, slot: u32) -> Option<&Backend> {
        self.slots.get(slot as usize)?.as_ref()
    }

    fn slot_mut(&mut self, slot: u32) -> Option<&mut Backend> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }
}

#[cfg(test)]
mod tests;
