//! What is counted in the loop: cheap at every turn, and gone with the object that it is about.

use std::collections::BTreeMap;
use std::sync::Arc;

use maglev_core::health::State;
use maglev_core::input::{CallId, LocalFault, Outcome, ProbeId};
use maglev_core::model::{Read, Reply, Request, Write};
use maglev_core::{Action, Engine, Event, Input, Instant, Reason};

use super::buckets::{Buckets, FINE, PROBE};

/// What is counted of one backend.
#[derive(Clone, Debug)]
pub(super) struct Probed {
    /// By type, result and code.
    pub(super) results: BTreeMap<(&'static str, &'static str, &'static str), u64>,
    /// By type.
    pub(super) durations: BTreeMap<&'static str, Buckets>,
    /// By from and to.
    pub(super) transitions: BTreeMap<(&'static str, &'static str), u64>,
}

/// What there is once.
#[derive(Clone, Debug)]
pub(super) struct Totals {
    pub(super) inconclusive: BTreeMap<&'static str, u64>,
    pub(super) reloads: BTreeMap<&'static str, u64>,
    /// By message, direction and result.
    pub(super) api: BTreeMap<(&'static str, &'static str, &'static str), u64>,
    /// By scope and kind.
    pub(super) lbsync: BTreeMap<(&'static str, &'static str), u64>,
    pub(super) sync_durations: BTreeMap<&'static str, Buckets>,
    pub(super) latency: Buckets,
    pub(super) lateness: Buckets,
    pub(super) turns: Buckets,
    pub(super) questions: Buckets,
    pub(super) connected_since: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Tally {
    pub(super) totals: Totals,
    /// A picture shares what it shows, and what is counted meanwhile is counted in a copy.
    pub(super) backends: BTreeMap<String, Arc<Probed>>,
    /// Probes under way: whose, and of which type.
    probing: BTreeMap<ProbeId, (String, &'static str)>,
    calls: BTreeMap<CallId, &'static str>,
    /// Transitions that VPP may have to hear of.
    moved: BTreeMap<std::net::IpAddr, Instant>,
    /// Nothing was under way to VPP after the last turn.
    is_quiet: bool,
    /// A sync of all frontends is under way.
    syncing_all: bool,
    /// When the engine wanted to start probes.
    probe_due: Option<Instant>,
    now: Instant,
}

impl Default for Tally {
    fn default() -> Self {
        let totals = Totals {
            inconclusive: BTreeMap::new(),
            reloads: ["loaded", "read", "structural", "semantic"].map(|result| (result, 0)).into(),
            api: BTreeMap::new(),
            lbsync: BTreeMap::new(),
            sync_durations: ["all", "vip"].map(|scope| (scope, Buckets::new(FINE))).into(),
            latency: Buckets::new(FINE),
            lateness: Buckets::new(FINE),
            turns: Buckets::new(FINE),
            questions: Buckets::new(FINE),
            connected_since: None,
        };
        Self {
            totals,
            backends: BTreeMap::new(),
            probing: BTreeMap::new(),
            calls: BTreeMap::new(),
            moved: BTreeMap::new(),
            is_quiet: false,
            syncing_all: false,
            probe_due: None,
            now: Instant::START,
        }
    }
}

impl Tally {
    pub(super) fn hears(&mut self, input: &Input, now: Instant) {
        self.now = now;
        if self.is_quiet {
            // Every change that was made has been told by now; what still waits needed none.
            self.moved.clear();
        }
        match input {
            Input::ProbeFinished { probe, outcome, took } => {
                let Some((name, kind)) = self.probing.remove(probe) else { return };
                let (result, code) = judged(kind, outcome);
                if let Outcome::Inconclusive(_) = outcome {
                    *self.totals.inconclusive.entry(code).or_default() += 1;
                }
                let Some(backend) = self.backends.get_mut(&name).map(Arc::make_mut) else { return };
                *backend.results.entry((kind, result, code)).or_default() += 1;
                if !matches!(outcome, Outcome::Inconclusive(_)) {
                    backend.durations.entry(kind).or_insert_with(|| Buckets::new(PROBE)).observe(*took);
                }
            }
            Input::VppReplied { call, reply, .. } => {
                if let Some(message) = self.calls.remove(call) {
                    self.count_api(message, "recv", replied(reply));
                }
            }
            Input::VppDisconnected { .. } => self.connection_ended(),
            Input::WakeupDue
            | Input::VppConnected { .. }
            | Input::ConfigLoaded { .. }
            | Input::ConfigRejected { .. }
            | Input::Commanded { .. }
            | Input::Remembered(_)
            | Input::Kept(_)
            | Input::ShutdownRequested => (),
        }
    }

    pub(super) fn steps(&mut self, engine: &Engine, actions: &[Action], done: Instant) {
        self.totals.turns.observe(done.since(self.now));
        let mut is_first_probe = true;
        for action in actions {
            match action {
                Action::StartProbe(order) => {
                    if let Some(due) = self.probe_due.filter(|_| std::mem::take(&mut is_first_probe)) {
                        self.totals.lateness.observe(self.now.since(due));
                    }
                    let slot = order.probe.slot;
                    let Some((_, backend)) = engine.backends_from(slot).next().filter(|(at, _)| *at == slot)
                    else {
                        continue;
                    };
                    if !self.backends.contains_key(&backend.name) {
                        self.backends.insert(backend.name.clone(), Probed::new().into());
                    }
                    self.probing.insert(order.probe, (backend.name.clone(), order.target.kind.word()));
                }
                Action::Call { call, request, .. } => {
                    self.calls.insert(*call, message(request));
                    self.count_api(message(request), "send", "ok");
                }
                Action::Disconnect(_) => self.connection_ended(),
                Action::Tell(event) if matches!(**event, Event::ConfigLoaded { reload: true, .. }) => {
                    self.prune(engine);
                }
                Action::Tell(_)
                | Action::CancelProbe(_)
                | Action::Connect(_)
                | Action::Answer { .. }
                | Action::Keep(_)
                | Action::Exit => (),
            }
        }
        self.probe_due = engine.wakeup().and_then(|(at, why)| (why == Reason::Probe).then_some(at));
        self.is_quiet = engine.is_quiet();
    }

    pub(super) fn tells(&mut self, event: &Event, now: Instant) {
        if let Event::BackendTransition { backend, address, from, to, .. } = event {
            let Some(to) = *to else {
                self.backends.remove(backend);
                return;
            };
            let counted = self.backends.entry(backend.clone()).or_insert_with(|| Probed::new().into());
            *Arc::make_mut(counted).transitions.entry((from.word(), to.word())).or_default() += 1;
            if matches!(to, State::Up | State::Down | State::Paused | State::Disabled) {
                self.moved.insert(*address, now);
            }
        } else if let Event::Changed { call } = event {
            let scope = if self.syncing_all { "all" } else { "vip" };
            *self.totals.lbsync.entry((scope, change(call))).or_default() += 1;
            if let Some(at) = call.server().and_then(|server| self.moved.remove(&server)) {
                self.totals.latency.observe(now.since(at));
            }
        } else if let Event::SyncStart { frontend: None, .. } = event {
            self.syncing_all = true;
        } else if let Event::SyncDone { frontend, took, .. } = event {
            let scope = if frontend.is_none() { "all" } else { "vip" };
            self.totals.sync_durations.entry(scope).or_insert_with(|| Buckets::new(FINE)).observe(*took);
            self.syncing_all &= frontend.is_some();
        } else if let Event::SyncError { .. } = event {
            self.syncing_all = false;
        } else if let Event::ConfigLoaded { reload: true, .. } = event {
            *self.totals.reloads.entry("loaded").or_default() += 1;
        } else if let Event::ConfigRejected { kind, .. } = event {
            *self.totals.reloads.entry(kind).or_default() += 1;
        } else if let Event::VppConnect { .. } = event {
            self.totals.connected_since = Some(now);
        }
    }

    fn connection_ended(&mut self) {
        for message in std::mem::take(&mut self.calls).into_values() {
            self.count_api(message, "recv", "lost");
        }
        self.totals.connected_since = None;
        self.syncing_all = false;
    }

    fn count_api(&mut self, message: &'static str, direction: &'static str, result: &'static str) {
        *self.totals.api.entry((message, direction, result)).or_default() += 1;
    }

    /// Only what is configured has series.
    fn prune(&mut self, engine: &Engine) {
        let names: std::collections::BTreeSet<&str> =
            engine.backends_from(0).map(|(_, backend)| backend.name.as_str()).collect();
        self.backends.retain(|name, _| names.contains(name.as_str()));
    }
}

impl Probed {
    fn new() -> Self {
        Self { results: BTreeMap::new(), durations: BTreeMap::new(), transitions: BTreeMap::new() }
    }
}

/// Result and code of a probe. What passed is named after the highest layer that the check looked at, as HAProxy does.
fn judged(kind: &'static str, outcome: &Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Pass if kind.starts_with("http") => ("success", "L7OK"),
        Outcome::Pass => ("success", "L4OK"),
        Outcome::Fail(failure) => ("failure", failure.code.word()),
        Outcome::Inconclusive(fault) => ("inconclusive", cause(fault)),
    }
}

/// A word for each fault of this host; there are some twenty.
fn cause(fault: &LocalFault) -> &'static str {
    match fault {
        LocalFault::Cancelled => "cancelled",
        LocalFault::Stalled => "stalled",
        LocalFault::Errno(name) => name,
        LocalFault::NoNetns(_) => "no-netns",
        LocalFault::NoIcmpPermission => "no-icmp-permission",
        LocalFault::Unusable(_) => "unusable",
    }
}

fn replied(reply: &Reply) -> &'static str {
    match reply {
        Reply::Refused(_) => "refused",
        Reply::NotSent(_) => "not_sent",
        Reply::Done | Reply::Conf(_) | Reply::Vips(_) | Reply::Servers(_) | Reply::Sticky(_) => "ok",
    }
}

/// The message of VPP's API.
fn message(request: &Request) -> &'static str {
    match request {
        Request::Read(Read::Ping) => "control_ping",
        Request::Read(Read::Conf) => "lb_conf_get",
        Request::Read(Read::Vips) => "lb_vip_dump",
        Request::Read(Read::Servers(_)) => "lb_as_v2_dump",
        Request::Read(Read::Verbose) => "cli_inband",
        Request::Write(Write::SetConf(_)) => "lb_conf",
        Request::Write(Write::AddVip { .. } | Write::DelVip { .. }) => "lb_add_del_vip_v2",
        Request::Write(Write::AddAs { .. } | Write::DelAs { .. }) => "lb_add_del_as_v2",
        Request::Write(Write::SetWeight { .. }) => "lb_as_set_weight",
        Request::Write(Write::FlushVip { .. }) => "lb_flush_vip",
    }
}

fn change(write: &Write) -> &'static str {
    match write {
        Write::SetConf(_) => "conf_set",
        Write::AddVip { .. } => "vip_added",
        Write::DelVip { .. } => "vip_removed",
        Write::FlushVip { .. } => "vip_flushed",
        Write::AddAs { .. } => "as_added",
        Write::DelAs { .. } => "as_removed",
        Write::SetWeight { .. } => "as_weight_updated",
    }
}
