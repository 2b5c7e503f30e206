//! The calls of one process, watched from outside: after which look, in which order, and every flush for a reason.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use maglev_core::event::Event;
use maglev_core::frontend::Frontends;
use maglev_core::health::State;
use maglev_core::model::{Flows, Read, Reply, Request, VipKey, Write};
use maglev_core::{Action, CallId, Command, Engine, Input, Instant};

use super::{Execution, Sender, Step, Watcher};
use crate::oracle::{Ledger, Oracle};
use crate::script::Happening;

/// What one process has sent, and what it may.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    /// The dump of all servers on the present connection.
    dump: Option<CallId>,
    looked: bool,
    /// VPP was read and nobody else wrote since. Otherwise, and of a process before, calls may be idle, and VIPs empty,
    /// through no fault of ours.
    undisturbed: bool,
    /// The dump under way was asked for after that.
    dump_is_fresh: bool,
    open: BTreeMap<CallId, Write>,
    /// Writes that were sent before VPP was read again, and may still be executed.
    doubtful: BTreeMap<CallId, Write>,
    /// Flushes under way whose backend has moved since.
    outdated: BTreeSet<CallId>,
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
            if !self.undisturbed && self.dump_is_fresh {
                self.undisturbed = true;
                self.doubtful.clone_from(&self.open);
            }
        }
        self.doubtful.remove(&call);
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
            Event::BackendTransition { address, .. } => {
                self.flushed.retain(|(_, server)| server != address);
                let about_it = |write: &Write| write.server() == Some(*address);
                self.outdated.extend(self.open.iter().filter(|(_, w)| about_it(w)).map(|(call, _)| *call));
            }
            Event::VppConnect { restarted, .. } => {
                // Nothing of an earlier connection is executed any more.
                self.doubtful.clear();
                if *restarted {
                    self.flushed.clear();
                }
            }
            _ => (),
        }
    }

    /// Another configuration is in force. Where it wants no flush, the next wish for one is another edge.
    fn reloaded(&mut self, frontends: &Frontends) {
        let wishes = |vip: VipKey, server: IpAddr| {
            let wanted = frontends.find(vip).map(|frontend| frontend.want.servers.iter());
            wanted.is_some_and(|mut wanted| wanted.any(|s| s.address == server && s.wish.is_flush()))
        };
        self.flushed.retain(|(vip, server)| wishes(*vip, *server));
        let lapsed = |write: &Write| write.vip().zip(write.server()).is_some_and(|(v, s)| !wishes(v, s));
        self.outdated.extend(self.open.iter().filter(|(_, write)| lapsed(write)).map(|(call, _)| *call));
    }

    /// A call is about to be sent.
    fn call(&mut self, call: CallId, request: &Request, step: &Step<'_>, ledger: &mut Ledger) {
        let now = step.now;
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
                self.judge_flush(write, step, ledger);
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
    fn judge_flush(&mut self, write: &Write, step: &Step<'_>, ledger: &mut Ledger) {
        let now = step.now;
        match write {
            Write::SetWeight { vip, server, flows: Flows::Flush, .. } if !self.ordered => {
                let states = entries(step.engine, *vip, *server);
                ledger.judge(Oracle::FlushReason, now, may_flush(&states), || {
                    let words: Vec<&str> = states.iter().map(|state| state.word()).collect();
                    format!("{write} was sent of one that is {}", words.join(" and "))
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

/// The states of all that a frontend has on one address; nothing if a reload took them out.
fn entries(engine: &Engine, vip: VipKey, server: IpAddr) -> Vec<State> {
    let members = engine.frontends().find(vip).map(|frontend| &frontend.members).into_iter().flatten();
    members.filter(|member| member.address == server).map(|member| member.standing.state).collect()
}

/// A disabled one rules its address, and then a paused one; otherwise all must be down.
fn may_flush(states: &[State]) -> bool {
    states.contains(&State::Disabled) || states.iter().all(|state| *state == State::Down)
}

impl Watcher for Calls {
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        if let Input::VppReplied { call, reply, .. } = step.input {
            // A deadline of this instant came before it: what a connection that was given up says is not heard.
            let is_done = |action: &Action| matches!(action, Action::Tell(event) if matches!(**event, Event::Changed { .. }));
            let gave_up = step.actions.iter().any(|action| matches!(action, Action::Disconnect(_)));
            if gave_up && !step.actions.iter().any(is_done) {
                self.ended();
            }
            self.answered(*call, reply);
        }
        for action in step.actions {
            match action {
                Action::Tell(event) => {
                    self.told(event);
                    if matches!(**event, Event::ConfigLoaded { .. }) {
                        self.reloaded(step.engine.frontends());
                    }
                }
                Action::Call { call, request, .. } => self.call(*call, request, step, ledger),
                Action::Disconnect(_) => self.ended(),
                Action::StartProbe(_)
                | Action::CancelProbe(_)
                | Action::Connect(_)
                | Action::Keep(_)
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
            self.undisturbed = false;
            self.flushed.clear();
            // Nor is what was flushed before that and is not answered yet.
            self.outdated.extend(self.open.keys().copied());
            // It may or may not be in the answer that is under way.
            self.dump_is_fresh = false;
            return;
        }
        let Execution { at, write, .. } = done;
        let disturbed = !self.undisturbed || self.doubtful.values().any(|open| open == write);
        match write {
            Write::FlushVip { .. } if !disturbed => {
                ledger.judge(Oracle::KnownVip, *at, !done.wild, || format!("{write}: VPP does not know it"));
            }
            Write::AddAs { .. } if done.retval == 0 => {
                ledger.judge(Oracle::ConfFirst, *at, !done.sourceless, || {
                    format!("{write}: VPP has no GRE sources yet")
                });
            }
            Write::SetWeight { flows: Flows::Keep, .. } if done.retval == 0 && !disturbed => {
                ledger.judge(Oracle::Idle, *at, !done.idle, || format!("{write} changed nothing"));
            }
            Write::AddAs { .. }
            | Write::SetWeight { .. }
            | Write::SetConf(_)
            | Write::AddVip { .. }
            | Write::DelVip { .. }
            | Write::DelAs { .. }
            | Write::FlushVip { .. } => (),
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
        if lowers && !disturbed && done.must_serve && done.positive.0 {
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
