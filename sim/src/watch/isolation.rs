//! What a refusal does: to the frontend that it hits, and to nobody else; and not again and again.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use maglev_core::model::{Prefix, Reply, Request, VipKey, Write};
use maglev_core::{Action, CallId, Event, Input, Instant};

use super::{Step, Watcher, frontend_named};
use crate::oracle::{Ledger, Oracle};
use crate::vpp::LbPlugin;

/// Attempts that are refused before a frontend is out of sync, and the one that the interval brings.
const ATTEMPTS: usize = 3 + 1;

/// What VPP refused one process.
#[derive(Clone, Debug, Default)]
pub(super) struct Isolation {
    open: BTreeMap<CallId, Write>,
    refused: BTreeSet<Prefix>,
    /// Refusals that concern everybody, or reasons to be out of sync that are none.
    excused: bool,
    /// What was refused of late.
    lately: VecDeque<(Instant, Write)>,
    /// What gives another attempt of late.
    chances: VecDeque<Instant>,
}

impl Isolation {
    fn refused(&mut self, write: Write, step: &Step<'_>, ledger: &mut Ledger) {
        match write.vip() {
            Some(vip) => {
                self.refused.insert(vip.prefix);
            }
            None => self.excused = true,
        }
        let window = step.engine.config().lb().sync_interval.min(Duration::from_secs(30));
        while self.lately.front().is_some_and(|(at, _)| step.now.since(*at) >= window) {
            self.lately.pop_front();
        }
        while self.chances.front().is_some_and(|at| step.now.since(*at) >= window) {
            self.chances.pop_front();
        }
        let again = self.lately.iter().filter(|(_, other)| *other == write).count() + 1;
        let bound = ATTEMPTS * (1 + self.chances.len());
        ledger.judge(Oracle::Repeats, step.now, again <= bound, || {
            format!("{write} was refused {again} times within {window:?}")
        });
        self.lately.push_back((step.now, write));
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "few events matter here")]
    fn told(&mut self, event: &Event, step: &Step<'_>, ledger: &mut Ledger) {
        match event {
            Event::OutOfSync { frontend, err } => {
                let Some(vip) = frontend_named(step, frontend) else { return };
                let beside = |other: VipKey| other != vip && other.prefix == vip.prefix;
                let dataplane = step.engine.dataplane();
                let held = step.plugin.map(LbPlugin::vips).unwrap_or_default();
                if dataplane.observed().any(|(other, _)| beside(other))
                    || held.iter().any(|row| beside(row.vip))
                {
                    // Whatever is in its way there may keep it out of sync, and VPP is not even asked.
                    return;
                }
                // One packet to a server that is itself a VIP might kill VPP: it is not asked to add that one.
                let servers = step.engine.frontends().find(vip).map(|found| &found.want.servers);
                let seen = dataplane.observed().map(|(other, _)| other);
                let all: Vec<VipKey> = held.iter().map(|row| row.vip).chain(seen).collect();
                let is_vip = |server| all.iter().any(|other| other.prefix.contains(server));
                if servers.is_some_and(|servers| servers.iter().any(|server| is_vip(server.address))) {
                    return;
                }
                let hit = self.refused.contains(&vip.prefix);
                ledger.judge(Oracle::RefusalStays, step.now, hit || self.excused, || {
                    format!("{frontend} is out of sync, and VPP refused nothing of it: {err}")
                });
            }
            Event::CallQuarantined { .. } => self.excused = true,
            Event::Recreate { frontend, .. } => {
                // Another one is due in ten minutes at the earliest, and until then it is out of sync.
                self.refused.extend(frontend_named(step, frontend).map(|vip| vip.prefix));
            }
            Event::BackendTransition { .. }
            | Event::OperatorCommand { .. }
            | Event::ConfigLoaded { .. }
            | Event::VppConnect { .. }
            | Event::WarmupRelease { .. }
            | Event::WarmupComplete { .. }
            | Event::WarmupMaxDelay { .. } => self.chances.push_back(step.now),
            _ => (),
        }
    }
}

impl Watcher for Isolation {
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        if let Input::VppReplied { call, reply, .. } = step.input
            && let Some(write) = self.open.remove(call)
            && matches!(reply, Reply::Refused(_) | Reply::NotSent(_))
        {
            self.refused(write, step, ledger);
        }
        for action in step.actions {
            match action {
                Action::Call { call, request: Request::Write(write), .. } => {
                    self.open.insert(*call, write.clone());
                }
                Action::Tell(event) => self.told(event, step, ledger),
                Action::Disconnect(_) => self.open.clear(),
                Action::Call { .. }
                | Action::StartProbe(_)
                | Action::CancelProbe(_)
                | Action::Connect(_)
                | Action::Keep(_)
                | Action::Answer { .. }
                | Action::Exit => (),
            }
        }
        if matches!(step.input, Input::VppDisconnected { .. }) {
            self.open.clear();
        }
    }
}
