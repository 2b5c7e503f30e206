//! What a sync, or another configuration, would do to VPP, without doing it.
//!
//! A copy of the engine talks to a copy of what VPP holds, which obliges: it answers at once and refuses nothing. So a plan
//! is made by the very code that will carry it out. Nothing is probed meanwhile; what waits for verdicts is planned as if
//! they were good.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use crate::action::{Action, Denial};
use crate::config::Config;
use crate::dataplane;
use crate::event::Event;
use crate::health::State;
use crate::input::{Author, CallId, Command, ConnectionId, Input};
use crate::model::{LbConf, Read, Reply, Request, ServerRow, VipKey, VipRow, Write};
use crate::reconcile::Seen;
use crate::schedule::Schedule;
use crate::time::Instant;

use super::verdicts::Mover;
use super::{Engine, Reason};

/// What happens later than this is not planned.
const HORIZON: Duration = Duration::from_secs(60);

/// What somebody wonders about.
#[derive(Clone, Debug)]
pub enum Wish {
    /// A sync of one frontend, by name, or of all.
    Sync {
        /// The frontend's name; `None` is all.
        frontend: Option<String>,
    },
    /// Another configuration.
    Config {
        /// The one to be put in force.
        config: Arc<Config>,
        /// Accept even zero frontends while some are configured.
        forced: bool,
    },
}

/// When a planned call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// As soon as VPP has answered the calls before it.
    AtOnce,
    /// When the backends that the configuration makes unknown have proved to be up.
    OnceUp,
}

/// One call of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedCall {
    /// When.
    pub when: When,
    /// The frontend that it is for, under its name to come, or the present one if it goes; `None` for a stranger.
    pub frontend: Option<String>,
    /// The call.
    pub write: Write,
}

/// What would be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The calls in their order.
    pub calls: Vec<PlannedCall>,
    /// Backends that would have to be probed first, ascending: the calls of [`When::OnceUp`] count on all of them.
    pub awaited: Vec<String>,
    /// Frontends whose gate is closed, in key order: for them nothing would be written yet.
    pub gated: Vec<String>,
    /// Frontends whose VIP in VPP may hash otherwise than wanted, which is not known yet, in key order: if so, it would be
    /// recreated as well.
    pub unverified: Vec<String>,
    /// Whether it leads to rest: not if something has to wait for longer than a minute (a recreate too soon after the last).
    pub is_whole: bool,
}

impl Engine {
    /// Plans a wish by what VPP is known to hold. Calls that are under way are taken as done; what else is owed by then is
    /// part of the plan. For a copy of the engine: it is spent.
    ///
    /// # Errors
    /// What VPP holds is not known, or the wish itself would be refused.
    pub fn plan(self, wish: &Wish, now: Instant) -> Result<Plan, Denial> {
        let names = self.names();
        let unknown = self.unknown_backends();
        let mut rehearsal = Rehearsal::new(self, now)?;
        rehearsal.wish(wish)?;
        let mut is_whole = rehearsal.run();
        let awaited = rehearsal.welcome(&unknown);
        is_whole &= rehearsal.run();
        Ok(rehearsal.plan(&names, awaited, is_whole))
    }

    fn names(&self) -> BTreeMap<VipKey, String> {
        self.frontends.list().iter().map(|frontend| (frontend.vip(), frontend.name.clone())).collect()
    }

    fn unknown_backends(&self) -> BTreeSet<(String, IpAddr)> {
        let unknown = self.slots.iter().flatten().filter(|backend| backend.state() == State::Unknown);
        unknown.map(|backend| (backend.name.clone(), backend.address)).collect()
    }

    /// A good first verdict on a backend that is unknown.
    fn assume_up(&mut self, slot: u32, now: Instant) {
        let Some(backend) = self.slot_mut(slot) else { return };
        backend.conclusive = true;
        backend.health.record(true);
        self.moved(slot, State::Unknown, Mover::Probe, "assumed", now, &mut Vec::new());
    }
}

/// The copy of the engine, and the VPP that it talks to.
struct Rehearsal {
    engine: Engine,
    vpp: Obliging,
    connection: ConnectionId,
    now: Instant,
    end: Instant,
    when: When,
    /// Calls that wait for an answer.
    open: VecDeque<(CallId, Request)>,
    made: Vec<(When, Write)>,
}

impl Rehearsal {
    fn new(engine: Engine, now: Instant) -> Result<Self, Denial> {
        let vpp = Obliging::of(&engine);
        let known = vpp.zip(engine.dataplane.connection()).filter(|_| engine.dataplane.has_picture());
        let Some((vpp, connection)) = known else {
            let why = "what VPP holds is not known: it is not connected, or not read yet";
            return Err(Denial::NotNow(why.into()));
        };
        let ping = engine.dataplane.open_ping().map(|call| (call, Request::Read(Read::Ping)));
        let calls = engine.dataplane.open_calls().map(|(call, request)| (call, request.clone()));
        let mut open: Vec<_> = calls.chain(ping).collect();
        open.sort_unstable_by_key(|(call, _)| *call);
        let (open, end) = (open.into(), now + HORIZON);
        Ok(Self { engine, vpp, connection, now, end, when: When::AtOnce, open, made: Vec::new() })
    }

    fn wish(&mut self, wish: &Wish) -> Result<(), Denial> {
        match wish {
            Wish::Sync { frontend } => {
                let command = Command::Sync { frontend: frontend.clone() };
                let mut out = Vec::new();
                self.engine.on_command(&command, &Author::default(), None, self.now, &mut out)?;
                self.take(out);
                self.hear(Input::WakeupDue);
            }
            Wish::Config { .. } if mutant!(PlanOfOldFile) => {
                return self.wish(&Wish::Sync { frontend: None });
            }
            Wish::Config { config, forced } => {
                let input = Input::ConfigLoaded { config: config.clone(), forced: *forced };
                let actions = self.engine.handle(input, self.now);
                if let Some(why) = actions.iter().find_map(refusal) {
                    return Err(Denial::NotNow(why));
                }
                self.take(actions);
            }
        }
        Ok(())
    }

    /// Goes on until VPP is as wanted. False if that does not come about by the horizon.
    fn run(&mut self) -> bool {
        loop {
            while let Some((call, request)) = self.open.pop_front() {
                let reply = self.vpp.answer(&request);
                self.hear(Input::VppReplied { connection: self.connection, call, reply });
            }
            if self.engine.dataplane.is_quiet() {
                return true;
            }
            // Nothing is probed meanwhile.
            self.engine.schedule = Schedule::default();
            match self.engine.wakeup() {
                Some((at, Reason::Vpp)) if at <= self.end => self.now = self.now.max(at),
                // Warm-up's next deadline, or the end of a hold, is not waited for.
                Some(_) | None => return false,
            }
            self.hear(Input::WakeupDue);
        }
    }

    /// Takes every backend for up that has become unknown. Returns their names, ascending.
    fn welcome(&mut self, unknown_before: &BTreeSet<(String, IpAddr)>) -> Vec<String> {
        self.when = When::OnceUp;
        let mut names = Vec::new();
        for slot in self.engine.slot_of.clone() {
            let Some(backend) = self.engine.slot(slot) else { continue };
            let who = (backend.name.clone(), backend.address);
            if backend.state() == State::Unknown && !unknown_before.contains(&who) {
                self.engine.assume_up(slot, self.now);
                names.push(who.0);
            }
        }
        if !names.is_empty() {
            self.hear(Input::WakeupDue);
        }
        names
    }

    fn hear(&mut self, input: Input) {
        let actions = self.engine.handle(input, self.now);
        self.take(actions);
    }

    fn take(&mut self, actions: Vec<Action>) {
        for action in actions {
            let Action::Call { call, request, .. } = action else { continue };
            if let Request::Write(write) = &request {
                self.made.push((self.when, write.clone()));
            }
            self.open.push_back((call, request));
        }
    }

    fn plan(self, names: &BTreeMap<VipKey, String>, awaited: Vec<String>, is_whole: bool) -> Plan {
        let Self { engine, made, .. } = self;
        let new_names = engine.names();
        let name = |vip: VipKey| new_names.get(&vip).or_else(|| names.get(&vip)).cloned();
        let is_told = |write: &Write| {
            !(mutant!(PlanWithoutRemovals) && matches!(write, Write::DelAs { .. } | Write::DelVip { .. }))
        };
        let calls = made.into_iter().filter(|(_, write)| is_told(write)).map(|(when, write)| PlannedCall {
            when,
            frontend: write.vip().and_then(name),
            write,
        });
        let is_unverified =
            |vip: VipKey| engine.dataplane.seen(vip).is_some() && engine.dataplane.is_sticky(vip).is_none();
        let unverified = engine.frontends.list().iter().filter(|frontend| is_unverified(frontend.vip()));
        let gated = engine.frontends.list().iter().filter(|frontend| !engine.warmup.is_open(frontend.vip()));
        Plan {
            calls: calls.collect(),
            awaited,
            gated: gated.map(|frontend| frontend.name.clone()).collect(),
            unverified: unverified.map(|frontend| frontend.name.clone()).collect(),
            is_whole,
        }
    }
}

fn refusal(action: &Action) -> Option<String> {
    let Action::Tell(event) = action else { return None };
    let Event::ConfigRejected { err, .. } = event.as_ref() else { return None };
    Some(err.clone())
}

/// A VPP that holds what ours is known to hold, and does what it is told.
struct Obliging {
    conf: LbConf,
    vips: BTreeMap<VipKey, Seen>,
    sticky: BTreeMap<VipKey, bool>,
}

impl Obliging {
    fn of(engine: &Engine) -> Option<Self> {
        let dataplane = &engine.dataplane;
        let seen = dataplane.observed().map(|(key, seen)| (key, seen.clone()));
        let sticky = dataplane.observed().filter_map(|(key, _)| Some((key, dataplane.is_sticky(key)?)));
        Some(Self { conf: dataplane.conf()?, vips: seen.collect(), sticky: sticky.collect() })
    }

    fn answer(&mut self, request: &Request) -> Reply {
        match request {
            Request::Write(write) => {
                self.write(write);
                Reply::Done
            }
            Request::Read(Read::Ping) => Reply::Done,
            Request::Read(Read::Conf) => Reply::Conf(self.conf),
            Request::Read(Read::Vips) => Reply::Vips(self.vips()),
            Request::Read(Read::Servers(of)) => Reply::Servers(self.servers(*of)),
            Request::Read(Read::Verbose) => {
                Reply::Sticky(self.sticky.iter().map(|(key, sticky)| (*key, *sticky)).collect())
            }
        }
    }

    fn write(&mut self, write: &Write) {
        if let Write::SetConf(conf) = write {
            self.conf = *conf;
        }
        if let Write::AddVip { vip, src_ip_sticky, .. } = write {
            self.sticky.insert(*vip, *src_ip_sticky);
        }
        let Some(key) = write.vip() else { return };
        let mut seen = self.vips.remove(&key);
        dataplane::fold(&mut seen, write);
        match seen {
            Some(seen) => drop(self.vips.insert(key, seen)),
            None => drop(self.sticky.remove(&key)),
        }
    }

    fn vips(&self) -> Vec<VipRow> {
        let row = |(vip, seen): (&VipKey, &Seen)| VipRow {
            vip: *vip,
            encap: seen.encap,
            table_length: seen.table_length,
        };
        self.vips.iter().map(row).collect()
    }

    fn servers(&self, of: Option<VipKey>) -> Vec<ServerRow> {
        let vips = self.vips.iter().filter(|(vip, _)| of.is_none_or(|of| of == **vip));
        let rows = vips.flat_map(|(vip, seen)| {
            let row = |&(server, weight)| ServerRow { vip: *vip, server, used: true, weight, buckets: 0 };
            seen.servers.iter().map(row)
        });
        rows.collect()
    }
}
