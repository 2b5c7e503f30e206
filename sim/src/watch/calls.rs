//! The calls of one process, watched from outside: after which look, in which order, and every flush for a reason.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use maglev_core::event::Event;
use maglev_core::health::State;
use maglev_core::model::{Flows, Read, Reply, Request, VipKey, Write};
use maglev_core::{Action, CallId, Command, Input, Instant};

use super::{Execution, Sender, Step, Watcher};
use crate::oracle::{Ledger, Oracle};
use crate::script::Happening;

/// What one process has sent, and what it may.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    /// The dump of all servers on the present connection.
    dump: Option<CallId>,
    looked: bool,
    /// Somebody else wrote since VPP was read: calls may be idle, and VIPs empty, through no fault of ours.
    disturbed: bool,
    /// The dump under way was asked for after that.
    dump_is_fresh: bool,
    open: BTreeMap<CallId, Write>,
    /// Flushes under way whose backend has moved since.
    outdated: BTreeSet<CallId>,
    states: BTreeMap<IpAddr, State>,
    /// Flushed, and nothing has happened to it since.
    flushed: BTreeSet<(VipKey, IpAddr)>,
    /// An operator has set a weight with a flush: any flush may be that one.
    ordered: bool,
}

impl Calls {
    /// A connection ended. Whether a flush under way was done is not known: it may be sent again.
    fn ended(&mut self) {
        self.dump = None;
        self.looked = false;
        self.open.clear();
        self.outdated.clear();
    }

    fn answered(&mut self, call: CallId, reply: &Reply) {
        if self.dump == Some(call) {
            self.looked = true;
            self.disturbed &= !self.dump_is_fresh;
        }
        if let Some(Write::SetWeight { vip, server, flows: Flows::Flush, .. }) = self.open.remove(&call)
            && *reply == Reply::Done
            && !self.outdated.remove(&call)
        {
            self.flushed.insert((vip, server));
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "only backends' states matter here")]
    fn told(&mut self, event: &Event) {
        match event {
            Event::BackendTransition { address, to, .. } => {
                match to {
                    Some(state) => self.states.insert(*address, *state),
                    None => self.states.remove(address),
                };
                self.flushed.retain(|(_, server)| server != address);
                let about_it = |write: &Write| write.server() == Some(*address);
                self.outdated.extend(self.open.iter().filter(|(_, w)| about_it(w)).map(|(call, _)| *call));
            }
            Event::VppConnect { restarted: true, .. } => self.flushed.clear(),
            _ => (),
        }
    }

    /// A call is about to be sent.
    fn call(&mut self, call: CallId, request: &Request, now: Instant, ledger: &mut Ledger) {
        match request {
            Request::Read(Read::Servers(None)) => {
                self.dump = Some(call);
                self.dump_is_fresh = true;
            }
            Request::Read(_) => (),
            Request::Write(write) => {
                ledger.judge(Oracle::LookFirst, now, self.looked, || {
                    format!("{write} was sent before VPP was looked at")
                });
                self.judge_order(write, now, ledger);
                self.judge_flush(write, now, ledger);
                self.open.insert(call, write.clone());
            }
        }
    }

    /// Creating, flushing and deleting a VIP stand alone; only the dead are lowered past everything.
    fn judge_order(&self, write: &Write, now: Instant, ledger: &mut Ledger) {
        let alone = |write: &Write| {
            matches!(write, Write::AddVip { .. } | Write::FlushVip { .. } | Write::DelVip { .. })
        };
        let urgent = matches!(write, Write::SetWeight { weight, .. } if !weight.is_positive());
        let mut same_vip = self.open.values().filter(|open| open.vip() == write.vip());
        let beside = same_vip.find(|open| !urgent && (alone(open) || alone(write)));
        // lb_conf belongs to all of them: nothing goes beside it.
        let beside = beside.or_else(|| self.open.values().find(|open| matches!(open, Write::SetConf(_))));
        ledger.judge(Oracle::Order, now, beside.is_none(), || {
            let other = beside.map(ToString::to_string).unwrap_or_default();
            format!("{write} was sent while {other} was not answered")
        });
    }

    /// A flush is for the dead or for an operator, and for each edge once.
    fn judge_flush(&mut self, write: &Write, now: Instant, ledger: &mut Ledger) {
        match write {
            Write::SetWeight { vip, server, flows: Flows::Flush, .. } if !self.ordered => {
                let state = self.states.get(server);
                let is_alive = matches!(state, Some(State::Up | State::Unknown | State::Paused));
                ledger.judge(Oracle::FlushReason, now, !is_alive, || {
                    format!("{write} was sent of one that is {}", state.map_or("", |state| state.word()))
                });
                let again = self.flushed.contains(&(*vip, *server));
                ledger
                    .judge(Oracle::FlushOnce, now, !again, || format!("{write} was sent twice for one edge"));
            }
            Write::SetWeight { vip, server, weight, .. } if weight.is_positive() => {
                self.flushed.remove(&(*vip, *server));
            }
            Write::AddAs { vip, server, .. } | Write::DelAs { vip, server, .. } => {
                self.flushed.remove(&(*vip, *server));
            }
            Write::SetWeight { .. }
            | Write::SetConf(_)
            | Write::AddVip { .. }
            | Write::DelVip { .. }
            | Write::FlushVip { .. } => (),
        }
    }
}

impl Watcher for Calls {
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        if let Input::VppReplied { call, reply, .. } = step.input {
            self.answered(*call, reply);
        }
        for action in step.actions {
            match action {
                Action::Tell(event) => self.told(event),
                Action::Call { call, request, .. } => self.call(*call, request, step.now, ledger),
                Action::Disconnect(_) => self.ended(),
                Action::StartProbe(_)
                | Action::CancelProbe(_)
                | Action::Connect(_)
                | Action::Answer { .. }
                | Action::Exit => (),
            }
        }
        // Not before: deadlines of this instant came before it.
        if matches!(step.input, Input::VppDisconnected { .. }) {
            self.ended();
        }
    }

    fn executed(&mut self, done: &Execution, ledger: &mut Ledger) {
        if done.by == Sender::Stranger {
            self.disturbed = true;
            self.flushed.clear();
            // It may or may not be in the answer that is under way.
            self.dump_is_fresh = false;
            return;
        }
        let Execution { at, write, .. } = done;
        match write {
            Write::FlushVip { .. } => {
                ledger.judge(Oracle::KnownVip, *at, !done.wild, || format!("{write}: VPP does not know it"));
            }
            Write::AddAs { .. } if done.retval == 0 => {
                ledger.judge(Oracle::ConfFirst, *at, !done.sourceless, || {
                    format!("{write}: VPP has no GRE sources yet")
                });
            }
            Write::SetWeight { flows: Flows::Keep, .. } if done.retval == 0 && !self.disturbed => {
                ledger.judge(Oracle::Idle, *at, !done.idle, || format!("{write} changed nothing"));
            }
            Write::AddAs { .. }
            | Write::SetWeight { .. }
            | Write::SetConf(_)
            | Write::AddVip { .. }
            | Write::DelVip { .. }
            | Write::DelAs { .. } => (),
        }
        // Taking a whole VIP down deletes its servers without a flush: that is meant.
        let lowers = match write {
            Write::SetWeight { .. } | Write::DelAs { flows: Flows::Flush, .. } => true,
            Write::DelAs { flows: Flows::Keep, .. }
            | Write::AddAs { .. }
            | Write::SetConf(_)
            | Write::AddVip { .. }
            | Write::DelVip { .. }
            | Write::FlushVip { .. } => false,
        };
        if lowers && !self.disturbed && done.must_serve && done.positive.0 {
            ledger.judge(Oracle::Emptied, *at, done.positive.1, || {
                format!("{write} took the last positive weight of its VIP")
            });
        }
    }

    fn happened(&mut self, happening: &Happening, _now: Instant) {
        if let Happening::Operator(command) = happening {
            self.ordered |= matches!(command, Command::SetWeight { flush: true, .. });
        }
    }

    fn vpp_replaced(&mut self) {
        self.flushed.clear();
    }
}
