//! What maglevd promises is begun: a sync that an operator was granted, and that of a released frontend. Both are judged
//! when nothing is under way any more.

use core::net::IpAddr;
use std::collections::BTreeSet;

use maglev_core::frontend::Frontend;
use maglev_core::model::{Flows, Read, Reply, Request, VipKey, Write};
use maglev_core::warmup::Phase;
use maglev_core::{Action, CallId, Command, Engine, Event, Input};

use super::{Step, Watcher};
use crate::oracle::{Ledger, Oracle};

/// What one process has promised and not begun.
#[derive(Clone, Debug, Default)]
pub(super) struct Promises {
    /// Everything is to be looked at.
    whole: bool,
    /// These are.
    looks: BTreeSet<VipKey>,
    /// Calls were under way after the last step.
    busy: bool,
    /// VPP has refused something: a frontend may have been given up for a while.
    refused: bool,
    /// Flushes under way. After one of many VPP rests, and other surplus servers wait.
    flushes: BTreeSet<CallId>,
    stopping: bool,
}

impl Promises {
    fn ended(&mut self) {
        self.flushes.clear();
        self.forget();
    }

    fn forget(&mut self) {
        self.whole = false;
        self.looks.clear();
    }

    fn granted(&mut self, frontend: Option<&str>, engine: &Engine) {
        match frontend {
            None => self.whole = true,
            Some(name) => self.looks.extend(engine.vip_of(name)),
        }
    }

    fn act(&mut self, action: &Action, step: &Step<'_>, ledger: &mut Ledger) {
        match action {
            Action::Answer { result: Ok(()), .. } => {
                if let Input::Commanded { command: Command::Sync { frontend }, .. } = step.input {
                    self.granted(frontend.as_deref(), step.engine);
                }
            }
            Action::Call { request: Request::Read(Read::Servers(of)), .. } => {
                let kept = match of {
                    None => self.whole || !self.looks.is_empty(),
                    Some(vip) => self.looks.remove(vip),
                };
                if kept {
                    ledger.judge(Oracle::SyncLooks, step.now, true, String::new);
                }
                if of.is_none() {
                    self.forget();
                }
            }
            Action::Call { call, request: Request::Write(write), .. } if is_flush(write) => {
                self.flushes.insert(*call);
            }
            // A new file and a new connection look at everything by themselves.
            Action::Disconnect(_) | Action::Exit => self.ended(),
            Action::Tell(event) => {
                self.stopping |= matches!(**event, Event::Stopping);
                if matches!(**event, Event::ConfigLoaded { .. } | Event::Stopping) {
                    self.forget();
                }
            }
            Action::Answer { .. }
            | Action::Call { .. }
            | Action::StartProbe(_)
            | Action::CancelProbe(_)
            | Action::Keep(_)
            | Action::Connect(_) => (),
        }
    }

    /// Nothing is under way: who was released and waits for nobody is as wanted.
    fn judge_released(&self, rests: bool, step: &Step<'_>, ledger: &mut Ledger) {
        let engine = step.engine;
        let dataplane = engine.dataplane();
        let may = engine.warmup().phase() == Phase::Release && dataplane.has_picture() && !self.stopping;
        if !may || self.refused || dataplane.held_back().next().is_some() {
            return;
        }
        for frontend in engine.frontends().list() {
            let Some(wrong) = is_behind(frontend, rests, engine) else { continue };
            ledger.judge(Oracle::ReleaseSynced, step.now, !wrong, || {
                format!("{} is released and not as wanted, and nothing is under way", frontend.name)
            });
        }
    }
}

const fn is_flush(write: &Write) -> bool {
    matches!(
        write,
        Write::FlushVip { .. }
            | Write::SetWeight { flows: Flows::Flush, .. }
            | Write::DelAs { flows: Flows::Flush, .. }
    )
}

/// Whether VPP, as maglevd knows it, holds something else than is wanted; `None` if the frontend waits for somebody.
/// While VPP `rests` after a flush, surplus servers are no difference.
fn is_behind(frontend: &Frontend, rests: bool, engine: &Engine) -> Option<bool> {
    let (vip, dataplane) = (frontend.vip(), engine.dataplane());
    if !engine.warmup().is_open(vip) || dataplane.out_of_sync().any(|(other, _, _)| other == vip) {
        return None;
    }
    let Some(seen) = dataplane.seen(vip) else {
        let is_alone = dataplane.observed().all(|(other, _)| other.prefix != vip.prefix);
        return is_alone.then_some(true);
    };
    let servers = &frontend.want.servers;
    let is_wanted = |server: &IpAddr| servers.binary_search_by_key(server, |wanted| wanted.address).is_ok();
    let held = seen.servers.iter().filter(|(server, _)| !rests || is_wanted(server)).copied();
    let wanted = servers.iter().map(|server| (server.address, server.weight));
    (seen.encap == frontend.want.encap).then(|| !wanted.eq(held))
}

impl Watcher for Promises {
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        let mut rests = false;
        if let Input::VppReplied { call, reply, .. } = step.input {
            self.refused |= matches!(reply, Reply::Refused(_) | Reply::NotSent(_));
            rests = self.flushes.remove(call);
        }
        for action in step.actions {
            self.act(action, step, ledger);
        }
        if matches!(step.input, Input::VppDisconnected { .. }) {
            self.ended();
        }
        let dataplane = step.engine.dataplane();
        let was_busy = core::mem::replace(&mut self.busy, dataplane.open_calls().len() > 0);
        if self.busy || !dataplane.is_connected() {
            return;
        }
        if self.whole || !self.looks.is_empty() {
            self.forget();
            ledger.judge(Oracle::SyncLooks, step.now, false, || {
                "an operator's sync was accepted, nothing was looked at, and nothing is under way".to_owned()
            });
        }
        if was_busy {
            self.judge_released(rests, step, ledger);
        }
    }
}
