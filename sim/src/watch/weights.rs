//! What every frontend should hold, computed anew from states, file and operators' weights, and what is told of it.

use std::sync::Arc;

use maglev_core::frontend::Frontend;
use maglev_core::{Action, Config, Event, Input};

use super::reference::{Front, Fronts, Kept, Reference, Wanted};
use super::{Step, frontend_named};
use crate::oracle::{Ledger, Oracle};

/// The frontends of one process.
#[derive(Clone, Debug)]
pub(super) struct Weights {
    fronts: Fronts,
    /// Room to compute in.
    wanted: Vec<Wanted>,
}

impl Weights {
    /// A new process takes up what operators chose before.
    pub(super) fn new(config: &Arc<Config>, reference: &mut Reference, kept: &Kept) -> Self {
        let mut fronts = Fronts::new(config, reference);
        kept.take_up(reference, &mut fronts);
        Self { fronts, wanted: Vec::new() }
    }

    /// What operators chose.
    pub(super) fn kept(&self, reference: &Reference) -> Kept {
        Kept::of(reference, &self.fronts)
    }

    /// Call before anything of the step's input is taken into account.
    pub(super) fn deadlines(&mut self, step: &Step<'_>, reference: &Reference) {
        self.fronts.deadlines(step, reference);
    }

    /// Something is told, in the order of the step.
    pub(super) fn told(&mut self, event: &Event) {
        self.fronts.told(event);
    }

    /// A reload is about to be taken into account; what this returns is wanted when it was.
    pub(super) fn before_reload(&self, reference: &Reference) -> Vec<Vec<Wanted>> {
        self.fronts.wanted(reference)
    }

    /// `reference` is that of the new file.
    pub(super) fn reloaded(&mut self, before: &[Vec<Wanted>], step: &Step<'_>, reference: &Reference) {
        self.fronts.reload(before, step, reference);
    }

    pub(super) fn step(&mut self, step: &Step<'_>, reference: &Reference, ledger: &mut Ledger) {
        if let Input::Commanded { command, .. } = step.input
            && step.actions.iter().any(|action| matches!(action, Action::Answer { result: Ok(()), .. }))
        {
            self.fronts.command(command, reference);
        }
        self.fronts.settle(step, reference);
        let is_news = core::mem::take(&mut self.fronts.moved) | step.actions.iter().any(is_news);
        let Self { fronts, wanted } = self;
        for front in &fronts.list {
            if is_news || front.hold.is_some() || !front.presumed.is_empty() {
                judge(front, fronts, wanted, step, reference, ledger);
            }
        }
        for action in step.actions {
            if let Action::Tell(event) = action
                && let Event::Recreate { frontend, .. } = &**event
            {
                judge_recreate(frontend, fronts, step, ledger);
            }
        }
    }
}

/// Whether weights may be others after this.
fn is_news(action: &Action) -> bool {
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
    matches!(action, Action::Tell(event) if is_change(event))
}

fn judge(
    front: &Front,
    fronts: &Fronts,
    wanted: &mut Vec<Wanted>,
    step: &Step<'_>,
    reference: &Reference,
    ledger: &mut Ledger,
) {
    let Some(engine) = step.engine.frontends().find(front.vip) else {
        ledger.judge(Oracle::Weights, step.now, false, || format!("{} is not there", front.name));
        return;
    };
    if !fronts.is_sure(front) {
        return;
    }
    let oracle = if front.hold.is_some() || engine.hold.is_some() {
        Oracle::Held
    } else if !front.presumed.is_empty() || !engine.presumed.is_empty() {
        Oracle::Presumed
    } else {
        Oracle::Weights
    };
    let wrong = difference(front, wanted, engine, reference);
    ledger.judge(oracle, step.now, wrong.is_none(), || {
        format!("{}: {}", front.name, wrong.unwrap_or_default())
    });
}

/// How the engine's wish for a frontend differs from that of the contract.
fn difference(
    front: &Front,
    wanted: &mut Vec<Wanted>,
    engine: &Frontend,
    reference: &Reference,
) -> Option<String> {
    let state = front.wanted(reference, wanted);
    let mut servers = engine.want.servers.iter();
    for Wanted { address, weight, flush, .. } in wanted.iter() {
        match servers.next() {
            Some(server) if server.address == *address && server.weight == *weight => {
                if server.wish.is_flush() != *flush {
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
        return Some(format!("nobody wants {}", more.address));
    }
    (engine.state != state).then(|| format!("it is {}, not {state}", engine.state))
}

/// A recreate of `frontend` has begun: who is awaited?
fn judge_recreate(frontend: &str, fronts: &Fronts, step: &Step<'_>, ledger: &mut Ledger) {
    let Some(vip) = frontend_named(step, frontend) else { return };
    let Some(front) = fronts.list.iter().find(|front| front.vip == vip) else { return };
    ledger.judge(Oracle::RecreateWaits, step.now, front.hold.is_none(), || {
        format!("{frontend} is recreated, and a reload's new backends are not known yet")
    });
    let seen = step.engine.dataplane().seen(vip);
    if seen.is_some_and(|seen| seen.encap != front.encap) {
        let mut beside = fronts.list.iter().filter(|other| other.vip.prefix == vip.prefix);
        let closed = beside.find(|other| !fronts.is_open(other.vip));
        ledger.judge(Oracle::RecreateWaits, step.now, closed.is_none(), || {
            let other = closed.map(|other| other.name.as_str()).unwrap_or_default();
            format!("{frontend} is recreated in another encapsulation, and {other} is not released")
        });
    }
}
