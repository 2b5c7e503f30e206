//! Flushes that one process owes: of a VIP that it created or that left the all-zero state, and of a server for its
//! death. Each is owed until VPP says that it is done, whatever is refused or lost in between.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use maglev_core::frontend::{Frontend, Member};
use maglev_core::health::State;
use maglev_core::model::{Flows, Reply, Request, VipKey, Write};
use maglev_core::{Action, CallId, Command, Config, Event, Input, config};

use super::units::Units;
use super::{Execution, Rest, Sender, Step, Watcher};
use crate::oracle::{Ledger, Oracle};

/// What one process owes and may do.
#[derive(Clone, Debug, Default)]
pub(super) struct Flushes {
    units: Units,
    open: BTreeMap<CallId, Write>,
    /// VIPs whose creation is under way, those that must be flushed, and those that may be.
    creating: BTreeSet<VipKey>,
    owed: BTreeSet<VipKey>,
    allowed: BTreeSet<VipKey>,
    /// Since no weight is wanted somebody certainly counts on flows, and since they are all there perhaps.
    kept: BTreeSet<VipKey>,
    perhaps_kept: BTreeSet<VipKey>,
    /// Left the all-zero state while somebody did.
    spared: BTreeSet<VipKey>,
    /// Servers by VIP that died or were disabled, and which of the two.
    edges: BTreeMap<(VipKey, IpAddr), State>,
    /// Backends that were paused, or went down, while VPP was this process.
    idle: BTreeSet<String>,
    /// Somebody has resumed a backend: it may be unknown, and its flows wanted.
    resumed: bool,
}

impl Flushes {
    /// One of a process that begins with this file. Who needs no check is up before anything is heard.
    pub(super) fn new(config: &Config) -> Self {
        let is_up = |member: &config::Member| config.backends()[member.backend].check.is_none();
        let may_keep =
            |frontend: &&config::Frontend| frontend.pools.iter().flat_map(|pool| &pool.members).any(is_up);
        let perhaps_kept = config.frontends().iter().filter(may_keep).map(|frontend| frontend.vip).collect();
        Self { perhaps_kept, ..Self::default() }
    }

    /// What was under way may have been done, or not.
    fn cut(&mut self) {
        self.open.clear();
        self.creating.clear();
    }

    fn forget_vip(&mut self, vip: VipKey) {
        for vips in [&mut self.creating, &mut self.owed, &mut self.allowed, &mut self.spared] {
            vips.remove(&vip);
        }
        self.edges.retain(|(other, _), _| *other != vip);
    }

    fn forget_vpp(&mut self) {
        self.idle.clear();
        for vips in [&mut self.creating, &mut self.owed, &mut self.allowed, &mut self.spared, &mut self.kept]
        {
            vips.clear();
        }
        self.edges.clear();
    }

    fn answered(&mut self, call: CallId, reply: &Reply, step: &Step<'_>, ledger: &mut Ledger) {
        let Some(write) = self.open.remove(&call).filter(|_| *reply == Reply::Done) else { return };
        let Some(vip) = write.vip() else { return };
        let before = self.edges.len();
        match write {
            // To whoever names it again after a reload has dropped it, it is as found.
            Write::AddVip { .. } => self.owed.extend(self.creating.take(&vip)),
            Write::FlushVip { .. } => {
                self.allowed.remove(&vip);
                if self.owed.remove(&vip) {
                    ledger.judge(Oracle::VipFlushed, step.now, true, String::new);
                }
                self.edges.retain(|(other, _), _| *other != vip);
            }
            Write::DelVip { .. } => self.forget_vip(vip),
            Write::SetWeight { server, flows: Flows::Flush, .. } | Write::DelAs { server, .. } => {
                self.edges.remove(&(vip, server));
            }
            Write::SetWeight { .. } | Write::AddAs { .. } | Write::SetConf(_) => (),
        }
        for _ in self.edges.len()..before {
            ledger.judge(Oracle::FlushDone, step.now, true, String::new);
        }
    }

    fn sent(&mut self, call: CallId, write: &Write, step: &Step<'_>, ledger: &mut Ledger) {
        let Some(vip) = write.vip() else { return };
        self.open.insert(call, write.clone());
        if matches!(write, Write::AddVip { .. }) {
            // Its flush may be late, where its servers are.
            self.allowed.insert(vip);
            // Who counted on flows before it was there had none of it.
            if self.kept.remove(&vip) {
                self.perhaps_kept.insert(vip);
            }
        }
        if step.engine.frontends().find(vip).is_none() || self.units.is_under_way(vip.prefix) {
            return;
        }
        match write {
            Write::AddVip { .. } => {
                self.creating.insert(vip);
            }
            Write::FlushVip { .. } => {
                let may = self.allowed.contains(&vip) || !self.spared.contains(&vip);
                ledger.judge(Oracle::FlowsSpared, step.now, may, || {
                    format!(
                        "{vip} was flushed, and somebody counts on the flows that it had when it was empty"
                    )
                });
            }
            Write::AddAs { weight, .. } | Write::SetWeight { weight, .. } if weight.is_positive() => {
                let seen = step.engine.dataplane().seen(vip);
                if seen.is_some_and(|seen| !seen.is_positive()) && !self.is_raised(call, vip) {
                    self.leaves_zero(vip);
                }
            }
            Write::AddAs { .. }
            | Write::SetWeight { .. }
            | Write::SetConf(_)
            | Write::DelVip { .. }
            | Write::DelAs { .. } => (),
        }
    }

    /// Another call under way does it already.
    fn is_raised(&self, call: CallId, vip: VipKey) -> bool {
        let raises = |write: &Write| match write {
            Write::AddAs { vip: of, weight, .. } | Write::SetWeight { vip: of, weight, .. } => {
                *of == vip && weight.is_positive()
            }
            Write::SetConf(_)
            | Write::AddVip { .. }
            | Write::DelVip { .. }
            | Write::DelAs { .. }
            | Write::FlushVip { .. } => false,
        };
        self.open.iter().any(|(other, write)| *other != call && raises(write))
    }

    fn leaves_zero(&mut self, vip: VipKey) {
        if self.kept.contains(&vip) {
            self.spared.insert(vip);
        } else if self.perhaps_kept.contains(&vip) {
            self.allowed.insert(vip);
        } else {
            self.owed.insert(vip);
            self.allowed.insert(vip);
        }
    }

    /// A backend has changed its state: that may be an edge, or the end of one.
    fn moved(&mut self, backend: &str, server: IpAddr, from: State, to: State, step: &Step<'_>) {
        if matches!(to, State::Paused | State::Down) {
            self.idle.insert(backend.to_owned());
        } else {
            self.idle.remove(backend);
        }
        if !matches!(to, State::Down | State::Disabled) {
            self.edges.retain(|(_, other), _| *other != server);
            return;
        }
        let by_operator = matches!(step.input, Input::Commanded { command: Command::Disable { .. }, .. });
        for frontend in step.engine.frontends().list() {
            let mut entries = frontend.members.iter().filter(|member| member.address == server);
            let (entry, other) = (entries.next(), entries.next());
            let slot = entry.filter(|_| other.is_none()).map(|entry| entry.slot);
            if slot.and_then(|slot| step.engine.backend(slot)).is_none_or(|found| found.name != backend) {
                continue;
            }
            let vip = frontend.vip();
            let is_edge = if to == State::Down {
                frontend.flush_on_down && holds(frontend, server, step)
            } else {
                by_operator && (from != State::Down || !frontend.flush_on_down)
            };
            if is_edge {
                self.edges.insert((vip, server), to);
            } else if let Some(edge) = self.edges.get_mut(&(vip, server)) {
                *edge = to;
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "few events matter here")]
    fn told(&mut self, event: &Event, step: &Step<'_>) {
        match event {
            Event::BackendTransition { backend, address, from, to: Some(to), .. } => {
                self.moved(backend, *address, *from, *to, step);
            }
            Event::ConfigLoaded { reload: true, .. } => self.reloaded(step),
            Event::VppConnect { restarted: true, .. } => self.forget_vpp(),
            _ => (),
        }
    }

    fn reloaded(&mut self, step: &Step<'_>) {
        let known = step.engine.frontends();
        for vips in [&mut self.creating, &mut self.owed, &mut self.allowed, &mut self.spared, &mut self.kept]
        {
            vips.retain(|vip| known.find(*vip).is_some());
        }
        self.edges.retain(|(vip, server), _| {
            let frontend = known.find(*vip).filter(|frontend| frontend.hold.is_none());
            frontend.is_some_and(|frontend| {
                frontend.want.servers.iter().any(|s| s.address == *server && s.wish.is_flush())
            })
        });
    }

    /// Who counts on flows of a VIP of which no weight is wanted. What VPP forgot with its process nobody counts on.
    fn note_kept(&mut self, moved: &BTreeMap<&str, State>, step: &Step<'_>) {
        for frontend in step.engine.frontends().list() {
            if frontend.want.is_positive() {
                continue;
            }
            let is_kept = |state: State| match state {
                State::Paused => true,
                State::Down => !frontend.flush_on_down,
                State::Up | State::Unknown | State::Disabled => false,
            };
            let name =
                |member: &Member| step.engine.backend(member.slot).map(|backend| backend.name.as_str());
            let has_moved = |member: &Member| name(member).is_some_and(|name| moved.contains_key(name));
            // Where two share an address, one may rule the other.
            let is_alone = |member: &Member| {
                frontend.members.iter().filter(|other| other.address == member.address).count() == 1
            };
            // Whom VPP does not hold has no flows.
            let seen = step.engine.dataplane().seen(frontend.vip());
            let is_held = |member: &Member| seen.is_some_and(|seen| seen.weight(member.address).is_some());
            let counts = |member: &Member| {
                let is_idle = name(member).is_some_and(|name| self.idle.contains(name));
                is_idle && is_kept(member.standing.state) && is_alone(member) && is_held(member)
            };
            if !moved.is_empty()
                && frontend.members.iter().any(has_moved)
                && frontend.members.iter().any(counts)
            {
                self.kept.insert(frontend.vip());
            }
            let may_keep = |state: State| match state {
                State::Up => true,
                State::Unknown => self.resumed,
                State::Paused | State::Down | State::Disabled => is_kept(state),
            };
            let mut members = frontend.members.iter();
            // Who is presumed counts as up, who is in doubt as paused; and what was before this step may be new to us.
            let is_special =
                frontend.hold.is_some() || !frontend.presumed.is_empty() || !frontend.doubted.is_empty();
            let before = |member: &Member| name(member).and_then(|name| moved.get(name)).copied();
            if is_special
                || members
                    .any(|member| may_keep(member.standing.state) || before(member).is_some_and(may_keep))
            {
                self.perhaps_kept.insert(frontend.vip());
            }
        }
    }

    /// Once such a VIP serves again, the next time is another one.
    fn note_served(&mut self, step: &Step<'_>) {
        let (engine, dataplane) = (step.engine, step.engine.dataplane());
        let serves = |vip: VipKey| {
            engine.frontends().find(vip).is_none_or(|frontend| frontend.want.is_positive())
                && dataplane.seen(vip).is_some_and(maglev_core::reconcile::Seen::is_positive)
        };
        self.kept.retain(|vip| !serves(*vip));
        if !self.perhaps_kept.is_empty() && dataplane.is_quiet() {
            self.perhaps_kept.retain(|vip| {
                let is_planned = engine.warmup().is_open(*vip) && dataplane.trouble(*vip).is_none();
                !is_planned || !serves(*vip)
            });
            self.spared.retain(|vip| !serves(*vip));
        }
        let has_server = |vip: VipKey, server: IpAddr| {
            dataplane.seen(vip).is_some_and(|seen| seen.weight(server).is_some())
        };
        if dataplane.has_picture() {
            // An owed flush lapses with its server.
            self.edges.retain(|(vip, server), _| has_server(*vip, *server));
        }
    }
}

/// Whether VPP is known to hold `server` above 0 for a frontend that may be written.
fn holds(frontend: &Frontend, server: IpAddr, step: &Step<'_>) -> bool {
    let (vip, engine) = (frontend.vip(), step.engine);
    let may = engine.warmup().is_open(vip) && engine.dataplane().has_picture() && frontend.hold.is_none();
    may && engine.dataplane().holds(vip, server)
}

impl Watcher for Flushes {
    fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        self.units.step(step);
        if let Input::VppReplied { call, reply, .. } = step.input {
            self.answered(*call, reply, step, ledger);
        }
        let mut has_told = false;
        let mut moved = BTreeMap::new();
        for action in step.actions {
            match action {
                Action::Call { call, request: Request::Write(write), .. } => {
                    self.sent(*call, write, step, ledger);
                }
                Action::Tell(event) => {
                    has_told |= !matches!(**event, Event::Changed { .. });
                    if let Event::BackendTransition { backend, from, .. } = &**event {
                        moved.entry(backend.as_str()).or_insert(*from);
                    }
                    self.told(event, step);
                }
                Action::Disconnect(_) => self.cut(),
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
            self.cut();
        }
        if has_told {
            self.note_kept(&moved, step);
        }
        self.note_served(step);
    }

    fn executed(&mut self, done: &Execution, _ledger: &mut Ledger) {
        let Some(vip) = done.write.vip().filter(|_| done.by == Sender::Stranger) else { return };
        self.edges.retain(|(other, _), _| *other != vip);
        self.allowed.insert(vip);
        self.owed.remove(&vip);
        self.creating.remove(&vip);
    }

    fn happened(&mut self, happening: &crate::script::Happening, _now: maglev_core::Instant) {
        if let crate::script::Happening::Operator(command) = happening {
            self.resumed |= matches!(command, Command::Resume { .. });
        }
    }

    fn vpp_replaced(&mut self) {
        self.forget_vpp();
    }

    fn settled(&mut self, rest: &Rest<'_>, ledger: &mut Ledger) {
        let (engine, dataplane) = (rest.engine, rest.engine.dataplane());
        if dataplane.held_back().next().is_some() {
            return;
        }
        let judged = |vip: VipKey| {
            let frontend = engine.frontends().find(vip).filter(|_| engine.warmup().is_open(vip))?;
            dataplane.trouble(vip).is_none().then_some(frontend)
        };
        for vip in self.owed.iter().filter(|vip| judged(**vip).is_some()) {
            ledger.judge(Oracle::VipFlushed, rest.now, false, || format!("{vip} was not flushed"));
        }
        for ((vip, server), why) in &self.edges {
            let due = |frontend: &Frontend| *why != State::Down || frontend.want.is_positive();
            if judged(*vip).is_some_and(due) {
                ledger.judge(Oracle::FlushDone, rest.now, false, || {
                    format!("{server} of {vip} is {}, and VPP did not flush it", why.word())
                });
            }
        }
    }
}
