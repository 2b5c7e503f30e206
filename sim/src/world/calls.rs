//! The calls of one process, watched from outside: on which connection, after which look, in which order, and every
//! flush for a reason.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use maglev_core::event::Event;
use maglev_core::health::State;
use maglev_core::model::{Flows, Read, Reply, Request, VipKey, Write};
use maglev_core::{CallId, Command, ConnectionId};

/// What one process has sent, and what it may.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// The connection that is up, and the dump of all servers on it.
    connection: Option<ConnectionId>,
    dump: Option<CallId>,
    looked: bool,
    open: BTreeMap<CallId, Write>,
    /// Flushes under way whose backend has moved since.
    outdated: BTreeSet<CallId>,
    states: BTreeMap<IpAddr, State>,
    /// Flushed, and nothing has happened to it since.
    flushed: BTreeSet<(VipKey, IpAddr)>,
    /// An operator has set a weight with a flush: any flush may be that one.
    ordered: bool,
    breaches: Vec<String>,
}

impl Calls {
    pub(super) fn connected(&mut self, connection: ConnectionId) {
        self.connection = Some(connection);
    }

    /// A connection ended. Whether a flush under way was done is not known: it may be sent again.
    pub(super) fn ended(&mut self) {
        self.connection = None;
        self.dump = None;
        self.looked = false;
        self.open.clear();
        self.outdated.clear();
    }

    pub(super) fn answered(&mut self, call: CallId, reply: &Reply) {
        self.looked |= self.dump == Some(call);
        if let Some(Write::SetWeight { vip, server, flows: Flows::Flush, .. }) = self.open.remove(&call)
            && *reply == Reply::Done
            && !self.outdated.remove(&call)
        {
            self.flushed.insert((vip, server));
        }
    }

    /// VPP or its tables are not what they were: what was flushed may be flushed again.
    pub(super) fn disturbed(&mut self) {
        self.flushed.clear();
    }

    pub(super) fn commanded(&mut self, command: &Command) {
        self.ordered |= matches!(command, Command::SetWeight { flush: true, .. });
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "only backends' states matter here")]
    pub(super) fn told(&mut self, event: &Event) {
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
            Event::VppConnect { restarted: true, .. } => self.disturbed(),
            _ => (),
        }
    }

    /// A call is about to be sent.
    pub(super) fn call(&mut self, connection: ConnectionId, call: CallId, request: &Request) {
        if self.connection != Some(connection) {
            self.breaches.push(format!("{request} was sent on connection #{} that is not up", connection.0));
        }
        match request {
            Request::Read(Read::Servers(None)) => self.dump = Some(call),
            Request::Read(_) => (),
            Request::Write(write) => {
                if !self.looked {
                    self.breaches.push(format!("{write} was sent before VPP was looked at"));
                }
                self.judge_order(write);
                self.judge_flush(write);
                self.open.insert(call, write.clone());
            }
        }
    }

    /// Creating, flushing and deleting a VIP stand alone; only the dead are lowered past everything.
    fn judge_order(&mut self, write: &Write) {
        let alone = |write: &Write| {
            matches!(write, Write::AddVip { .. } | Write::FlushVip { .. } | Write::DelVip { .. })
        };
        let urgent = matches!(write, Write::SetWeight { weight, .. } if !weight.is_positive());
        let mut open = self.open.values().filter(|open| open.vip() == write.vip());
        if let Some(other) = open.find(|open| alone(open) || alone(write)).filter(|_| !urgent) {
            self.breaches.push(format!("{write} was sent while {other} was not answered"));
        }
        // lb_conf belongs to all of them: nothing goes beside it.
        if let Some(conf) = self.open.values().find(|open| matches!(open, Write::SetConf(_))) {
            self.breaches.push(format!("{write} was sent while {conf} was not answered"));
        }
    }

    /// A flush is for the dead or for an operator, and for each edge once.
    fn judge_flush(&mut self, write: &Write) {
        match write {
            Write::SetWeight { vip, server, flows: Flows::Flush, .. } if !self.ordered => {
                if let Some(state @ (State::Up | State::Unknown | State::Paused)) = self.states.get(server) {
                    self.breaches.push(format!("{write} was sent of one that is {state}"));
                }
                if self.flushed.contains(&(*vip, *server)) {
                    self.breaches.push(format!("{write} was sent twice for one edge"));
                }
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

    pub(super) fn take_breaches(&mut self) -> Vec<String> {
        core::mem::take(&mut self.breaches)
    }
}
