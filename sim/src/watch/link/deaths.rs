//! What maglevd does after the worst: a write whose fate is unknown, and a call that kills VPP again and again.

use core::time::Duration;
use std::collections::BTreeSet;

use maglev_core::model::{Read, Request};
use maglev_core::{Action, Command, Event, Input, Instant};

use super::Step;
use crate::oracle::{Ledger, Oracle};

/// A write that was not answered may be executed this late.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// Whether VPP has to be looked at once more.
#[derive(Clone, Debug, Default)]
pub(super) struct SecondLook {
    owed: bool,
    due: Option<Instant>,
}

impl SecondLook {
    /// Once its time has come, the first look on the next connection is late enough.
    pub(super) fn ended(&mut self, now: Instant, write_timed_out: bool) {
        let is_to_come = self.due.take_if(|due| *due > now).is_some();
        self.owed |= write_timed_out || is_to_come;
    }

    /// What a process that is gone was asked to do is not done any more.
    pub(super) fn connected(&mut self, now: Instant, other: bool) {
        if core::mem::take(&mut self.owed) {
            self.due = Some(now + SECOND_LOOK);
        }
        self.due = self.due.filter(|_| !other);
    }

    pub(super) fn sent(&mut self, request: &Request, now: Instant, at: Instant, ledger: &mut Ledger) {
        let is_look = *request == Request::Read(Read::Servers(None));
        if is_look && self.due.take_if(|due| *due <= now).is_some() {
            ledger.judge(Oracle::SecondLook, at, true, String::new);
        }
    }

    /// After a step with nothing under way.
    pub(super) fn judge(&self, now: Instant, step: &Step<'_>, ledger: &mut Ledger) {
        if let Some(due) = self.due.filter(|due| *due <= now)
            && !step.engine.dataplane().held_back().any(|call| matches!(call, Request::Read(_)))
        {
            ledger.judge(Oracle::SecondLook, step.now, false, || {
                format!("a write timed out, and {:?} after its time there was no second look", now.since(due))
            });
        }
    }
}

/// Calls that were the oldest without an answer at two deaths of VPP in a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Quarantine {
    held: BTreeSet<Request>,
    /// The oldest call without an answer at the end of the last connection, and at the last death.
    oldest: Option<Request>,
    deadly: Option<Request>,
}

impl Quarantine {
    pub(super) fn ended(&mut self, oldest: Option<&Request>) {
        self.oldest = oldest.cloned();
    }

    pub(super) fn connected(&mut self, other: bool, step: &Step<'_>, ledger: &mut Ledger) {
        let oldest = self.oldest.take();
        let mut caught = None;
        if other {
            if let Some(call) = oldest.as_ref().filter(|_| oldest == self.deadly)
                && self.held.insert(call.clone())
            {
                caught = Some(call.to_string());
            }
            self.deadly = oldest;
        }
        let told = step.actions.iter().find_map(|action| {
            let Action::Tell(event) = action else { return None };
            if let Event::CallQuarantined { call, .. } = &**event { Some(call) } else { None }
        });
        if other {
            ledger.judge(Oracle::Quarantine, step.now, told == caught.as_ref(), || {
                format!("VPP died; held back from now on should be {caught:?}, and told is {told:?}")
            });
        }
    }

    pub(super) fn answered(&mut self, request: &Request) {
        if self.deadly.as_ref() == Some(request) {
            self.deadly = None;
        }
    }

    /// The configuration changed, or an operator said sync.
    pub(super) fn pardon(&mut self) {
        self.held.clear();
        self.deadly = None;
    }

    /// What an operator wanted is done.
    pub(super) fn commanded(&mut self, input: &Input) {
        if matches!(input, Input::Commanded { command: Command::Sync { .. }, .. }) {
            self.pardon();
        }
    }

    pub(super) fn sent(&self, request: &Request, at: Instant, ledger: &mut Ledger) {
        if !self.held.is_empty() {
            ledger.judge(Oracle::Quarantine, at, !self.held.contains(request), || {
                format!("{request} was held back, and is sent")
            });
        }
    }

    /// After a step: what maglevd says that it holds back is what it has to.
    pub(super) fn judge(&self, step: &Step<'_>, ledger: &mut Ledger) {
        let mut held = step.engine.dataplane().held_back();
        if self.held.is_empty() && held.next().is_none() {
            return;
        }
        let same = step.engine.dataplane().held_back().eq(&self.held);
        ledger.judge(Oracle::Quarantine, step.now, same, || {
            let held: Vec<&Request> = step.engine.dataplane().held_back().collect();
            format!("held back is {held:?}, and should be {:?}", self.held)
        });
    }
}
