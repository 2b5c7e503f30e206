//! The connection, watched from outside.

use core::time::Duration;

use maglev_core::model::Request;
use maglev_core::{Action, ConnectionId, Input, Instant};

use super::{Step, Watcher};
use crate::oracle::{Ledger, Oracle};

/// The window, and a few pings.
const CALLS_MAX: usize = maglev_core::dataplane::WINDOW + 4;

/// Three pings of a second each, a call's five seconds, thirty for a CLI command; a late scheduler apart.
const SILENCE_MAX: Duration = Duration::from_secs(36);

#[derive(Clone, Debug, Default)]
pub(super) struct Link {
    connection: Option<ConnectionId>,
    heard: Instant,
    last_step: Instant,
}

impl Link {
    fn act(&mut self, action: &Action, step: &Step<'_>, ledger: &mut Ledger) {
        match action {
            Action::Call { connection, request, .. } => {
                let is_up = self.connection == Some(*connection);
                ledger.judge(Oracle::StaleLink, step.now, is_up, || {
                    format!("{request} was sent on connection #{} that is not up", connection.0)
                });
            }
            Action::Disconnect(_) => self.connection = None,
            Action::StartProbe(_)
            | Action::CancelProbe(_)
            | Action::Connect(_)
            | Action::Tell(_)
            | Action::Answer { .. }
            | Action::Exit => (),
        }
    }
}

impl Watcher for Link {
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        if let Input::VppConnected { connection, .. } = step.input {
            self.connection = Some(*connection);
            self.heard = step.now;
        }
        if let Input::VppReplied { connection, .. } = step.input
            && self.connection == Some(*connection)
        {
            self.heard = step.now;
        }
        // Deadlines of this instant are handled before the end of the connection is.
        step.actions.iter().for_each(|action| self.act(action, step, ledger));
        if matches!(step.input, Input::VppDisconnected { .. }) {
            self.connection = None;
        }
        let sent = step.actions.iter().filter(|action| is_call(action)).count();
        ledger.judge(Oracle::Window, step.now, step.in_flight + sent <= CALLS_MAX, || {
            format!("{} calls are in flight", step.in_flight + sent)
        });
        // While maglevd was not scheduled it could not hear anything, and that is nobody's silence.
        self.heard += step.now.since(self.last_step).saturating_sub(Duration::from_secs(1));
        self.last_step = step.now;
        if self.connection.is_some() && step.now.since(self.heard) > Duration::from_secs(4) {
            let silence = step.now.since(self.heard);
            ledger.judge(Oracle::LinkWatched, step.now, silence <= SILENCE_MAX, || {
                format!("nothing was heard for {}s and the connection is kept", silence.as_secs())
            });
        }
    }
}

const fn is_call(action: &Action) -> bool {
    matches!(action, Action::Call { request: Request::Write(_) | Request::Read(_), .. })
}
