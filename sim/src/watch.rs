//! Watches a run from outside and judges it. One file per group of oracles; none of them knows how the engine decides.
//!
//! Every lane reports the same three things: a step of the engine, a write as VPP executed it, and what the world did.

mod calls;
mod flushes;
mod gates;
mod isolation;
mod link;
mod liveness;
mod plans;
mod process;
mod promises;
mod reference;
mod refusals;
mod spread;
mod stages;
mod state;
mod traffic;
mod units;
mod weights;

use core::time::Duration;
use std::sync::Arc;

use maglev_core::model::{VipKey, Write};
use maglev_core::{Action, Config, Engine, Input, Instant};

use crate::oracle::Ledger;
use crate::script::Happening;
use crate::vpp::LbPlugin;

pub(crate) use self::reference::Kept;

/// One step of the engine: what it heard and what it asks for, before anything of that is done.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The world's time.
    pub now: Instant,
    /// Since the start of the process: the engine's time.
    pub elapsed: Duration,
    /// What it heard.
    pub input: &'a Input,
    /// What it asks for.
    pub actions: &'a [Action],
    /// The engine after the step.
    pub engine: &'a Engine,
    /// When it wants to run next.
    pub wakeup: Option<Instant>,
    /// Calls sent before this step that VPP has not executed.
    pub in_flight: usize,
    /// What VPP is at this moment, if it can be looked at.
    pub plugin: Option<&'a LbPlugin>,
}

/// One write as VPP executed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// When.
    pub at: Instant,
    /// What.
    pub write: Write,
    /// VPP's answer.
    pub retval: i32,
    /// Who sent it.
    pub by: Sender,
    /// Its VIP was meant to have a positive weight when it was sent.
    pub must_serve: bool,
    /// Its VIP had a positive weight before and after; neither where there was no VIP.
    pub positive: (bool, bool),
    /// It lowered or deleted a server of a VIP, and left every weight as it was.
    pub idle: bool,
    /// VPP had not been told its GRE sources.
    pub sourceless: bool,
    /// It flushed a VIP that VPP did not know by that name.
    pub wild: bool,
}

/// Who sent a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// maglevd, on the connection that is up.
    Daemon,
    /// maglevd, on a connection that has ended: nobody hears the answer.
    Gone,
    /// Somebody else.
    Stranger,
}

/// What the watchers of VPP's other side see: a step, an execution, a happening.
pub(crate) trait Watcher {
    /// The engine made a step.
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger);
    /// VPP executed a write.
    fn executed(&mut self, _execution: &Execution, _ledger: &mut Ledger) {}
    /// The world did something.
    fn happened(&mut self, _happening: &Happening, _now: Instant) {}
    /// VPP, and all that it held, is another one.
    fn vpp_replaced(&mut self) {}
    /// The world has come to rest.
    fn settled(&mut self, _rest: &Rest<'_>, _ledger: &mut Ledger) {}
}

/// The world at rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest<'a> {
    /// The world's time.
    pub(crate) now: Instant,
    /// The engine.
    pub(crate) engine: &'a Engine,
    /// What VPP is.
    pub(crate) plugin: Option<&'a LbPlugin>,
}

/// All watchers of one process of maglevd.
#[derive(Clone)]
pub(crate) struct Watch {
    gates: gates::Gates,
    calls: calls::Calls,
    stages: stages::Stages,
    link: link::Link,
    state: state::State,
    traffic: traffic::Traffic,
    isolation: isolation::Isolation,
    process: process::Process,
    liveness: liveness::Liveness,
    promises: promises::Promises,
    flushes: flushes::Flushes,
    refusals: refusals::Refusals,
    plans: plans::Plans,
}

impl Watch {
    /// A new process begins with this configuration.
    pub(crate) fn new(config: &Arc<Config>, kept: &Kept) -> Self {
        Self {
            gates: gates::Gates::new(config),
            calls: calls::Calls::default(),
            stages: stages::Stages::default(),
            link: link::Link::default(),
            state: state::State::new(config, kept),
            traffic: traffic::Traffic::default(),
            isolation: isolation::Isolation::default(),
            process: process::Process::default(),
            liveness: liveness::Liveness::default(),
            promises: promises::Promises::default(),
            flushes: flushes::Flushes::new(config),
            refusals: refusals::Refusals::default(),
            plans: plans::Plans::default(),
        }
    }

    /// What operators chose, as the next process should find it.
    pub(crate) fn kept(&self) -> Kept {
        self.state.kept()
    }

    /// The engine is about to hear `input`.
    pub(crate) fn foresee(
        &mut self,
        engine: &Engine,
        plugin: Option<&LbPlugin>,
        input: &Input,
        elapsed: Instant,
    ) {
        self.plans.foresee(engine, plugin, input, elapsed);
    }

    fn all(&mut self) -> [&mut dyn Watcher; 13] {
        [
            &mut self.gates,
            &mut self.calls,
            &mut self.stages,
            &mut self.link,
            &mut self.state,
            &mut self.traffic,
            &mut self.isolation,
            &mut self.process,
            &mut self.liveness,
            &mut self.promises,
            &mut self.flushes,
            &mut self.refusals,
            &mut self.plans,
        ]
    }
}

impl Watcher for Watch {
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        self.all().into_iter().for_each(|watcher| watcher.step(step, ledger));
    }

    fn executed(&mut self, execution: &Execution, ledger: &mut Ledger) {
        self.all().into_iter().for_each(|watcher| watcher.executed(execution, ledger));
    }

    fn happened(&mut self, happening: &Happening, now: Instant) {
        self.all().into_iter().for_each(|watcher| watcher.happened(happening, now));
    }

    fn vpp_replaced(&mut self) {
        self.all().into_iter().for_each(Watcher::vpp_replaced);
    }

    fn settled(&mut self, rest: &Rest<'_>, ledger: &mut Ledger) {
        self.all().into_iter().for_each(|watcher| watcher.settled(rest, ledger));
    }
}

/// The VIP of a frontend as the file that was in force when it was named has it: a reload in the same step may have
/// dropped it, or given its name to another one.
pub(crate) fn vip_named(known: &Config, frontend: &str) -> Option<VipKey> {
    known.frontends().iter().find(|found| found.name == frontend).map(|found| found.vip)
}

/// The same where only the configuration in force after the step can name it.
pub(crate) fn frontend_named(step: &Step<'_>, frontend: &str) -> Option<VipKey> {
    step.engine.vip_of(frontend)
}
