//! The connection, watched from outside: when it is tried, how long VPP is waited for, and what a death of VPP changes.
//!
//! Deadlines at or before the instant of a step come before its input, so each step is followed in three parts: what
//! was due, the input, and what the engine does about it.

mod attempts;
mod deaths;
mod pace;

use core::time::Duration;
use std::collections::BTreeMap;

use maglev_core::input::{Disconnect, VppProcess};
use maglev_core::model::{Read, Reply, Request};
use maglev_core::warmup::Phase;
use maglev_core::{Action, CallId, ConnectionId, Event, Input, Instant};

use self::attempts::Attempts;
use self::deaths::{Quarantine, SecondLook};
use self::pace::Pace;
use super::{Step, Watcher};
use crate::oracle::{Ledger, Oracle};

/// Calls under way at most, pings apart.
const WINDOW: usize = 64;

/// A handshake, and the answer to a call; to a CLI command.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
const CLI_LIMIT: Duration = Duration::from_secs(30);

/// Pings when nothing else is heard, and how many of them may stay without an answer.
const PING_EVERY: Duration = Duration::from_secs(1);
const PINGS_MAX: u32 = 3;

/// Where the connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stand {
    #[default]
    Apart,
    Connecting(ConnectionId, Instant),
    Up(ConnectionId),
}

/// A call without an answer.
#[derive(Clone, Debug)]
struct Open {
    request: Request,
    at: Instant,
}

/// What has to be done at the next deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Duty {
    Connect,
    Ping,
    GiveUp,
}

/// One process's conversation with VPP, by the clock of that process.
#[derive(Clone, Debug, Default)]
pub(super) struct Link {
    stand: Stand,
    open: BTreeMap<CallId, Open>,
    /// When something was heard last; the last ping, and how many in a row are without an answer.
    heard: Instant,
    pinged: Option<(CallId, Instant)>,
    pings: u32,
    /// Who answered last.
    process: Option<VppProcess>,
    stopping: bool,
    attempts: Attempts,
    second_look: SecondLook,
    quarantine: Quarantine,
    pace: Pace,
}

impl Link {
    const fn current(&self) -> Option<ConnectionId> {
        match self.stand {
            Stand::Apart => None,
            Stand::Connecting(connection, _) | Stand::Up(connection) => Some(connection),
        }
    }

    /// The next deadline, and what has to be done then.
    fn due(&self) -> (Instant, Duty) {
        match self.stand {
            Stand::Apart => (self.attempts.latest(), Duty::Connect),
            Stand::Connecting(_, since) => (since + ANSWER_LIMIT, Duty::GiveUp),
            Stand::Up(_) => match self.open.values().next() {
                Some(oldest) => {
                    let is_cli = oldest.request == Request::Read(Read::Verbose);
                    let limit = if is_cli { CLI_LIMIT } else { ANSWER_LIMIT };
                    (oldest.at.max(self.heard) + limit, Duty::GiveUp)
                }
                None => {
                    let duty = if self.pings < PINGS_MAX { Duty::Ping } else { Duty::GiveUp };
                    let waits = self.pinged.filter(|_| self.pings > 0);
                    (waits.map_or(self.heard, |(_, at)| at) + PING_EVERY, duty)
                }
            },
        }
    }

    /// The connection ends, or could not be made. `timed_out`: it was VPP that did not answer a call.
    fn ended(&mut self, now: Instant, incompatible: bool, timed_out: bool) {
        if let Stand::Up(_) = self.stand {
            let is_write = |open: &Open| matches!(open.request, Request::Write(_));
            self.second_look.ended(now, timed_out && self.open.values().any(is_write));
            self.quarantine.ended(self.open.values().next().map(|open| &open.request));
            self.pace.ended();
        }
        self.attempts.ended(now, incompatible);
        self.stand = Stand::Apart;
        self.open.clear();
        self.pings = 0;
    }

    /// The deadlines of this instant. True if the connection was given up.
    fn advance(&mut self, now: Instant, step: &Step<'_>, ledger: &mut Ledger) -> bool {
        let (due, duty) = self.due();
        let is_due = due <= now;
        match duty {
            Duty::Connect => {
                if let Some(connection) = step.actions.iter().find_map(connects) {
                    self.attempts.judge(now, step.now, ledger);
                    self.stand = Stand::Connecting(connection, now);
                } else {
                    ledger.judge(Oracle::Attempts, step.now, !is_due, || "no attempt is made".into());
                }
            }
            Duty::GiveUp if is_due => {
                let gives_up = step.actions.iter().any(|action| matches!(action, Action::Disconnect(_)));
                ledger.judge(Oracle::Patience, step.now, gives_up, || {
                    format!("VPP should have answered {:?} ago, and is waited for", now.since(due))
                });
                if gives_up {
                    self.ended(now, false, !self.open.is_empty());
                }
                return gives_up;
            }
            Duty::Ping if is_due => {
                let ping = step.actions.iter().find_map(|action| ping_on(action, self.current()));
                ledger.judge(Oracle::Pings, step.now, ping.is_some(), || {
                    format!("nothing was heard for {:?}, and no ping is sent", now.since(self.heard))
                });
                if let Some(ping) = ping {
                    self.pings += 1;
                    self.pinged = Some((ping, now));
                }
            }
            Duty::Ping | Duty::GiveUp => (),
        }
        false
    }

    /// Takes the input. True if it is reason enough to end the connection.
    fn hear(&mut self, now: Instant, step: &Step<'_>, ledger: &mut Ledger) -> bool {
        match step.input {
            Input::VppConnected { connection, vpp } if matches!(self.stand, Stand::Connecting(current, _) if current == *connection) =>
            {
                self.stand = Stand::Up(*connection);
                (self.heard, self.pings) = (now, 0);
                self.connected(now, vpp, step, ledger);
            }
            Input::VppDisconnected { connection, why } if self.current() == Some(*connection) => {
                self.ended(now, matches!(why, Disconnect::Incompatible(_)), false);
            }
            Input::VppReplied { connection, call, reply } if self.stand == Stand::Up(*connection) => {
                // A ping that was sent after this call waits for its own second still.
                let waits = self.pings > 0 && self.pinged.is_some_and(|(ping, _)| ping > *call);
                (self.heard, self.pings) = (now, u32::from(waits));
                return self.answered(*call, reply, now);
            }
            Input::Commanded { .. }
            | Input::ConfigLoaded { .. }
            | Input::ConfigRejected { .. }
            | Input::ProbeFinished { .. }
            | Input::Remembered(_)
            | Input::Kept(_)
            | Input::ShutdownRequested
            | Input::VppConnected { .. }
            | Input::VppDisconnected { .. }
            | Input::VppReplied { .. }
            | Input::WakeupDue => (),
        }
        false
    }

    /// One of two VPPs is another than the one before if it has another pid, or was booted at another time.
    fn connected(&mut self, now: Instant, vpp: &VppProcess, step: &Step<'_>, ledger: &mut Ledger) {
        let other = self.process.as_ref().is_some_and(|last| {
            let is_booted = last.boot_time != 0 && vpp.boot_time != 0;
            last.pid != vpp.pid || is_booted && last.boot_time != vpp.boot_time
        });
        self.process = Some(vpp.clone());
        let told = step.actions.iter().any(|action| {
            let Action::Tell(event) = action else { return false };
            matches!(**event, Event::VppConnect { restarted, .. } if restarted == other)
        });
        ledger.judge(Oracle::RestartTold, step.now, told, || {
            format!("VPP is {} process, and that was not told", if other { "another" } else { "the same" })
        });
        self.second_look.connected(now, other);
        self.quarantine.connected(other, step, ledger);
    }

    /// An answer that shows the loss of an older one, or a look that showed nothing, ends the connection.
    fn answered(&mut self, call: CallId, reply: &Reply, now: Instant) -> bool {
        let Some(open) = self.open.remove(&call) else { return false };
        self.quarantine.answered(&open.request);
        self.pace.answered(call, &open.request, reply, open.at, now);
        let is_lost = self.open.keys().next().is_some_and(|oldest| *oldest < call);
        let is_blind = matches!(open.request, Request::Read(Read::Conf | Read::Vips | Read::Servers(_)))
            && matches!(reply, Reply::Refused(_) | Reply::NotSent(_));
        is_lost || is_blind
    }

    fn act(&mut self, action: &Action, now: Instant, step: &Step<'_>, ledger: &mut Ledger) {
        let Action::Call { connection, call, request } = action else { return };
        if *request == Request::Read(Read::Ping) {
            let is_due = self.pinged.is_some_and(|(ping, _)| ping == *call);
            return ledger.judge(Oracle::Pings, step.now, is_due, || {
                "a ping is sent too early, or while something else is under way".into()
            });
        }
        ledger.judge(Oracle::StaleLink, step.now, self.stand == Stand::Up(*connection), || {
            format!("{request} was sent on connection #{} that is not up", connection.0)
        });
        self.second_look.sent(request, now, step.now, ledger);
        self.quarantine.sent(request, step.now, ledger);
        self.open.insert(*call, Open { request: request.clone(), at: now });
    }
}

impl Watcher for Link {
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        let now = Instant::from_start(step.elapsed);
        // Who ends, perhaps later than it should, owes VPP nothing any more.
        if step.actions.contains(&Action::Exit) {
            return;
        }
        let given_up = self.advance(now, step, ledger);
        let may_end = self.hear(now, step, ledger);
        for action in step.actions {
            match action {
                Action::Disconnect(_) if !given_up => {
                    ledger.judge(Oracle::Patience, step.now, may_end, || {
                        "the connection is dropped, and VPP had time to answer".into()
                    });
                    self.ended(now, false, true);
                }
                Action::Call { .. } => self.act(action, now, step, ledger),
                Action::Tell(event) if matches!(**event, Event::Stopping) => self.stopping = true,
                Action::Tell(event) if matches!(**event, Event::ConfigLoaded { reload: true, .. }) => {
                    self.quarantine.pardon();
                }
                Action::Answer { result: Ok(()), .. } => self.quarantine.commanded(step.input),
                Action::Exit => return,
                Action::Answer { .. }
                | Action::CancelProbe(_)
                | Action::Connect(_)
                | Action::Disconnect(_)
                | Action::StartProbe(_)
                | Action::Keep(_)
                | Action::Tell(_) => (),
            }
        }
        self.pace.step(now, step, ledger);
        self.judge(now, step, ledger);
    }
}

impl Link {
    /// What must hold after the step.
    fn judge(&mut self, now: Instant, step: &Step<'_>, ledger: &mut Ledger) {
        let dataplane = step.engine.dataplane();
        let is_synced = dataplane.is_quiet() && step.engine.warmup().phase() != Phase::HandsOff;
        self.attempts.synced(is_synced, !self.stopping && !dataplane.is_reading());
        ledger.judge(Oracle::Window, step.now, self.open.len() <= WINDOW, || {
            format!("{} calls are under way", self.open.len())
        });
        if self.open.is_empty() && matches!(self.stand, Stand::Up(_)) && !self.stopping {
            self.second_look.judge(now, step, ledger);
        }
        if matches!(self.stand, Stand::Up(_)) {
            self.quarantine.judge(step, ledger);
        }
        let (due, duty) = self.due();
        let oracle = match duty {
            Duty::Connect => Oracle::Attempts,
            Duty::Ping => Oracle::Pings,
            Duty::GiveUp => Oracle::Patience,
        };
        let wakes = step.wakeup.is_some_and(|at| at <= due);
        ledger.judge(oracle, step.now, wakes, || {
            format!("{duty:?} is due {:?} from now, and nothing wakes up for it", due.since(now))
        });
    }
}

const fn connects(action: &Action) -> Option<ConnectionId> {
    if let Action::Connect(connection) = action { Some(*connection) } else { None }
}

fn ping_on(action: &Action, current: Option<ConnectionId>) -> Option<CallId> {
    let Action::Call { connection, call, request: Request::Read(Read::Ping) } = action else { return None };
    Some(*call).filter(|_| Some(*connection) == current)
}
