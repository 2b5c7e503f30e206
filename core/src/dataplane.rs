//! The conversation with VPP: connection, picture, window, attempts.
//!
//! There is no queue of plans. What is kept is *which* VIPs may differ from what is wanted; the next call is always
//! computed from what is wanted now and from the picture with the calls under way assumed done.
//!
//! ```text
//!   transition, reload, drift ──► dirty ──► ready ──► step ──► window (64) ──► VPP
//!                                   ▲                   │          │
//!                                   └── reply: fold ◄───┴──────────┘
//! ```

mod answer;
mod link;
mod pace;
mod reading;
mod recreate;
mod refusal;
mod round;
mod standing;
mod step;
mod vip;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::config::Lb;
use crate::event::{Cause, Event};
use crate::frontend::Frontends;
use crate::input::{CallId, ConnectionId, VppProcess};
use crate::model::{LbConf, Request, VipKey, Write};
use crate::reconcile::{self, Seen, Stage};
use crate::time::{Instant, earliest};
use crate::warmup::{Phase, Warmup};

use link::Link;
use pace::Pace;
use reading::{Reading, Spot};
use round::Round;
pub use standing::{Standing, VppView};
use vip::Vip;

/// Calls under way at most. VPP reads 62 calls at a time, so a larger window gains nothing (`vpp-api.md` 4.3).
pub const WINDOW: usize = 64;

/// What a turn of the conversation may look at.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What is wanted.
    pub frontends: &'a Frontends,
    /// The gates.
    pub warmup: &'a Warmup,
    /// Settings of the plugin.
    pub lb: &'a Lb,
    /// The one instant of this turn.
    pub now: Instant,
    /// The process stops: only a recreate that has begun is finished.
    pub stopping: bool,
    /// An operator forced a configuration without frontends.
    pub emptied: bool,
}

impl Context<'_> {
    fn name(&self, vip: VipKey) -> Option<String> {
        self.frontends.find(vip).map(|frontend| frontend.name.clone())
    }
}

/// A call under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Sent {
    request: Request,
    /// The VIP as we know it, where VPP knows it by another name.
    vip: Option<VipKey>,
    at: Instant,
}

/// The conversation with VPP.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dataplane {
    link: Link,
    /// The VPP process of the last connection.
    process: Option<VppProcess>,
    /// The picture is whole.
    picture: bool,
    conf: Option<LbConf>,
    conf_refusals: u8,
    /// What VPP said to them, once it is given up; told once.
    conf_trouble: Option<String>,
    conf_retry_at: Option<Instant>,
    vips: BTreeMap<VipKey, Vip>,
    /// VIPs in VPP whose prefix is more than one address: strangers all.
    wide: Vec<VipKey>,
    /// VIPs that may differ from what is wanted.
    dirty: BTreeSet<VipKey>,
    /// Those of them that may have a call to send; a transition's come first.
    ready: BTreeSet<(bool, VipKey)>,
    /// Those of them with a transition, until they had their turn: their dead go before whatever fills the window.
    deaths: BTreeSet<VipKey>,
    /// Out-of-sync VIPs by the time of their next attempt.
    retries: BTreeSet<(Instant, VipKey)>,
    /// VIPs to be read anew after a refusal.
    spots: BTreeSet<VipKey>,
    window: BTreeMap<CallId, Sent>,
    next_call: u64,
    reading: Reading,
    spot: Option<Spot>,
    /// A whole fresh dump is wanted.
    read_due: Option<Cause>,
    second_look_at: Option<Instant>,
    drift_at: Option<Instant>,
    verbose_read: bool,
    pace: Pace,
    round: Option<Round>,
    /// How the last sync-all failed, if it did.
    round_error: Option<String>,
    quarantine: BTreeSet<Request>,
    /// The oldest unanswered call of the last connection, and of the last death before.
    last_gasp: Option<Request>,
    death_gasp: Option<Request>,
}

/// What an adapter's answer led to, as far as others must know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The picture has just become whole after a connection or a fresh look.
    pub picture_whole: bool,
}

impl Dataplane {
    /// A conversation that begins with the first turn, or never.
    pub fn new(enabled: bool, seed: u64) -> Self {
        Self {
            link: Link::new(enabled, seed),
            process: None,
            picture: false,
            conf: None,
            conf_refusals: 0,
            conf_trouble: None,
            conf_retry_at: None,
            vips: BTreeMap::new(),
            wide: Vec::new(),
            dirty: BTreeSet::new(),
            ready: BTreeSet::new(),
            deaths: BTreeSet::new(),
            retries: BTreeSet::new(),
            spots: BTreeSet::new(),
            window: BTreeMap::new(),
            next_call: 1,
            reading: Reading::Idle,
            spot: None,
            read_due: None,
            second_look_at: None,
            drift_at: None,
            verbose_read: false,
            pace: Pace::default(),
            round: None,
            round_error: None,
            quarantine: BTreeSet::new(),
            last_gasp: None,
            death_gasp: None,
        }
    }

    /// The next moment at which something is due here.
    pub fn wakeup(&self) -> Option<Instant> {
        let of_link = self.link.wakeup(&self.window);
        if !self.link.is_up() {
            return of_link;
        }
        earliest([
            of_link,
            self.second_look_at,
            self.drift_at,
            self.conf_retry_at,
            self.reading.next_at(),
            self.retries.first().map(|(at, _)| *at),
            if self.window.is_empty() { self.pace.next_at() } else { None },
        ])
    }

    /// Every deadline that is armed here: the earliest is the next wakeup.
    pub fn deadlines(&self) -> impl Iterator<Item = Instant> {
        let single = [
            self.second_look_at,
            self.drift_at,
            self.conf_retry_at,
            self.reading.next_at(),
            if self.window.is_empty() { self.pace.next_at() } else { None },
        ];
        let retries = self.retries.iter().map(|(at, _)| *at);
        let connected = single.into_iter().flatten().chain(retries).filter(|_| self.link.is_up());
        self.link.wakeup(&self.window).into_iter().chain(connected)
    }

    /// What is not done before its time although nothing wakes up for it: flushes, and another recreate.
    pub(crate) fn latent(&self) -> impl Iterator<Item = Instant> {
        core::iter::once(self.pace.not_before()).chain(self.recreate_pauses())
    }

    /// Calls under way, in the order in which they were sent, without the ping.
    pub fn open_calls(&self) -> impl ExactSizeIterator<Item = (CallId, &Request)> {
        self.window.iter().map(|(call, sent)| (*call, &sent.request))
    }

    /// The ping under way, for which nothing waits.
    pub fn open_ping(&self) -> Option<CallId> {
        self.link.open_ping()
    }

    /// Whether VPP is connected and its picture whole.
    pub const fn has_picture(&self) -> bool {
        self.picture
    }

    /// The connection, if there is one.
    pub const fn connection(&self) -> Option<ConnectionId> {
        self.link.connection()
    }

    /// Whether VPP is connected.
    pub const fn is_connected(&self) -> bool {
        self.link.is_up()
    }

    /// The VPP process of the present or last connection.
    pub const fn process(&self) -> Option<&VppProcess> {
        self.process.as_ref()
    }

    /// The plugin's settings as VPP holds them, if known.
    pub const fn conf(&self) -> Option<LbConf> {
        self.conf
    }

    /// Handles one deadline that has come. True if it should be asked again.
    pub fn advance(&mut self, ctx: &Context<'_>, out: &mut Vec<Action>) -> bool {
        self.advance_link(ctx, out) || self.advance_reading(ctx) || self.advance_pace(ctx)
    }

    /// Whether writes are under way.
    pub fn has_open_writes(&self) -> bool {
        self.window.values().any(|sent| matches!(sent.request, Request::Write(_)))
    }

    /// A VIP as VPP has acknowledged it.
    pub fn seen(&self, vip: VipKey) -> Option<&Seen> {
        self.vips.get(&vip)?.acked.as_ref()
    }

    /// The VIPs as VPP has acknowledged them.
    pub fn observed(&self) -> impl Iterator<Item = (VipKey, &Seen)> {
        self.vips.iter().filter_map(|(key, vip)| Some((*key, vip.acked.as_ref()?)))
    }

    /// Whether VPP is being read, a drift check that rests included.
    pub const fn is_reading(&self) -> bool {
        !matches!(self.reading, Reading::Idle)
    }

    /// Whether no sync is under way or due.
    pub fn is_quiet(&self) -> bool {
        let is_look_due = self.read_due.is_some() || !self.spots.is_empty();
        let is_idle = self.dirty.is_empty() && self.window.is_empty() && self.round.is_none();
        self.picture && is_idle && !is_look_due
    }

    /// Calls that are not sent until the configuration changes or an operator says sync: each was the oldest unanswered
    /// at two deaths of VPP in a row.
    pub fn held_back(&self) -> impl Iterator<Item = &Request> {
        self.quarantine.iter()
    }

    /// Whether VPP is as wanted, as far as is known, and nothing is under way or given up.
    pub fn is_in_sync(&self) -> bool {
        self.is_quiet() && self.conf_trouble.is_none() && self.out_of_sync().next().is_none()
    }

    /// The settings of the plugin that VPP refuses again and again, and how, if it does.
    pub fn conf_trouble(&self) -> Option<&str> {
        self.conf_trouble.as_deref()
    }

    /// VIPs that are out of sync, since when, and why.
    pub fn out_of_sync(&self) -> impl Iterator<Item = (VipKey, Instant, &str)> {
        self.vips.iter().filter_map(|(key, vip)| {
            let trouble = vip.trouble.as_ref().filter(|trouble| trouble.said)?;
            Some((*key, trouble.since, trouble.reason.as_str()))
        })
    }

    /// Whether VPP holds `server` of `vip` above 0.
    pub fn holds(&self, vip: VipKey, server: core::net::IpAddr) -> bool {
        let seen = self.vips.get(&vip).and_then(|vip| vip.acked.as_ref());
        seen.and_then(|seen| seen.weight(server)).is_some_and(crate::model::Weight::is_positive)
    }

    /// Whether VPP holds this server of `vip`, at weight 0.
    pub fn holds_at_zero(&self, vip: VipKey, server: core::net::IpAddr) -> bool {
        let seen = self.vips.get(&vip).and_then(|vip| vip.acked.as_ref());
        seen.and_then(|seen| seen.weight(server)).is_some_and(|weight| !weight.is_positive())
    }

    /// What is wanted of `vip` has changed: `old` is what was wanted before.
    pub fn wanted(&mut self, ctx: &Context<'_>, at: usize, old: &[crate::policy::Server], by_operator: bool) {
        let frontend = &ctx.frontends.list()[at];
        let vip = self.vips.entry(frontend.vip()).or_default();
        reconcile::edges(&mut vip.debts, old, &frontend.want.servers, by_operator);
        vip.kept_while_empty |= frontend.want.keeps_flows_while_empty();
    }

    /// An operator wants the flows of a server forgotten, whatever its weight.
    pub fn owe_flush(&mut self, vip: VipKey, server: core::net::IpAddr) {
        let debt = reconcile::Debt { due: reconcile::Due::Operator, by_operator: true, carried: None };
        self.vips.entry(vip).or_default().debts.insert(server, debt);
    }

    /// Frontend `key` may differ from what is wanted: it is planned as soon as its gate is open.
    pub fn mark(&mut self, ctx: &Context<'_>, key: VipKey, cause: Cause) {
        let urgent = matches!(cause, Cause::Transition | Cause::Release) && !mutant!(TransitionNotFirst);
        // A drift check is no reason for another attempt; a transition, a reload or an operator is.
        let patient = matches!(cause, Cause::Interval | Cause::SecondLook)
            || mutant!(TransitionNoAttempt) && matches!(cause, Cause::Transition);
        if !patient && self.conf_refusals >= refusal::ATTEMPTS {
            self.conf_refusals = refusal::ATTEMPTS - 1;
        }
        if mutant!(TransitionPostponesCheck) && cause == Cause::Transition {
            self.drift_at = self.drift_at.map(|_| ctx.now + ctx.lb.sync_interval);
        }
        let vip = self.vips.entry(key).or_default();
        if let Some(trouble) = &mut vip.trouble {
            if patient && trouble.retry_at.is_some_and(|at| at > ctx.now) {
                return;
            }
            trouble.again |= trouble.broken && !patient;
            if let Some(at) = trouble.retry_at.take() {
                self.retries.remove(&(at, key));
            }
        }
        self.ready.remove(&(!vip.urgent, key));
        vip.urgent |= urgent;
        vip.cause.get_or_insert(cause);
        self.dirty.insert(key);
        self.wake(key);
        self.recount(ctx, key);
    }

    /// The gate of `key` has opened: its first sync is reported as a release's.
    pub fn release(&mut self, ctx: &Context<'_>, key: VipKey) {
        self.vips.entry(key).or_default().releasing = true;
        self.mark(ctx, key, Cause::Release);
    }

    /// A whole fresh dump is wanted, and then a sync of everything whose gate is open.
    pub const fn read_all(&mut self, cause: Cause) {
        self.read_due = Some(cause);
    }

    /// Every gate is open. Strangers go with the first round, one interval from now; what waited goes now.
    pub fn gates_opened(&mut self, ctx: &Context<'_>) {
        self.drift_at = Some(ctx.now + ctx.lb.sync_interval).filter(|_| !mutant!(NoCheckAfterEarlyEnd));
        if self.picture {
            for at in 0..ctx.frontends.list().len() {
                let key = ctx.frontends.list()[at].vip();
                if self.vips.get(&key).is_some_and(|vip| vip.said.is_some()) {
                    self.mark(ctx, key, Cause::Interval);
                }
            }
        }
    }

    /// The configuration was replaced: no call computed from the old one is sent, and what was given up is tried again.
    pub fn reloaded(&mut self, ctx: &Context<'_>) {
        self.pardon(ctx);
        self.read_due = if mutant!(ReloadNotSynced) { self.read_due } else { Some(Cause::Reload) };
        let stale = |vip: &Vip| vip.doom.is_none() && vip.open == 0;
        for (key, vip) in &mut self.vips {
            vip.said = None;
            vip.length_said = false;
            if !vip.unit {
                // Whether it has to go is decided anew; a unit that has begun is finished.
                vip.doom = None;
            }
            if ctx.frontends.find(*key).is_none() {
                vip.debts.clear();
                vip.flush = None;
                vip.releasing = false;
                vip.kept_while_empty = false;
            }
        }
        let known = &self.vips;
        let gone = |key: &VipKey| ctx.frontends.find(*key).is_none() && known.get(key).is_none_or(stale);
        self.dirty.retain(|key| !gone(key));
        self.ready.retain(|(_, key)| !gone(key));
        self.deaths.retain(|key| !gone(key));
        self.retries.retain(|(_, key)| !gone(key));
        self.vips
            .retain(|key, vip| vip.acked.is_some() || vip.open > 0 || ctx.frontends.find(*key).is_some());
        self.recount_all(ctx);
    }

    /// An operator wants everything, or one frontend, looked at anew.
    pub fn sync_asked(&mut self, ctx: &Context<'_>, key: Option<VipKey>) {
        self.pardon(ctx);
        match key {
            None | Some(_) if mutant!(SyncIgnored) => (),
            None => self.read_due = Some(Cause::Operator),
            Some(key) => {
                let vip = self.vips.entry(key).or_default();
                vip.said = None;
                vip.cause = Some(Cause::Operator);
                self.spots.insert(key);
                self.dirty.insert(key);
            }
        }
    }

    /// Sends what can be sent now.
    pub fn pump(&mut self, ctx: &Context<'_>, out: &mut Vec<Action>) {
        if !self.link.is_up() {
            return;
        }
        if !ctx.stopping && !self.start_reads(ctx, out) {
            return;
        }
        if !self.picture || !self.pump_conf(ctx, out) {
            return;
        }
        self.pump_ready(ctx, out);
        if ctx.stopping {
            self.pace.give_up();
            return;
        }
        self.sweep(ctx, out);
        self.pump_flush(ctx, out);
        self.pump_ready(ctx, out);
        // A refused attempt that has just ended looks again at once.
        self.start_reads(ctx, out);
        self.finish_round(ctx, out);
    }

    /// Plans VIPs, a transition's first, until the window is full or none has a call to send.
    fn pump_ready(&mut self, ctx: &Context<'_>, out: &mut Vec<Action>) {
        while self.room() > 0 {
            let Some((patient, key)) = self.next_ready(ctx) else { break };
            if !self.step(ctx, key, out) {
                self.ready.remove(&(patient, key));
            }
            // While a stage of it is under way it has not had its turn: its dead do not wait for the window.
            if self.vips.get(&key).is_none_or(|vip| vip.open == 0) {
                self.deaths.remove(&key);
            }
        }
    }

    /// Whether a recreate has begun and is not finished.
    pub fn is_mid_recreate(&self) -> bool {
        self.link.is_up() && self.vips.values().any(|vip| vip.unit)
    }

    fn next_ready(&self, ctx: &Context<'_>) -> Option<(bool, VipKey)> {
        if ctx.stopping && !mutant!(ShutdownWrites) {
            let is_unit =
                |key: &VipKey| self.vips.get(key).is_some_and(|vip| vip.unit) && !mutant!(RecreateAbandoned);
            return self.ready.iter().find(|(_, key)| is_unit(key)).copied();
        }
        let blocked = mutant!(RefusalBlocksOthers) && self.out_of_sync().next().is_some();
        let first = self.ready.first().copied().filter(|_| !blocked);
        if mutant!(StepByName) {
            let equals = self
                .ready
                .iter()
                .copied()
                .filter(|(patient, _)| first.is_some_and(|first| first.0 == *patient));
            return equals.min_by_key(|(_, key)| ctx.name(*key));
        }
        first
    }

    fn room(&self) -> usize {
        (WINDOW + usize::from(mutant!(WindowOverrun))).saturating_sub(self.window.len())
    }

    /// `lb_conf` goes first in every sync: before it VPP sends GRE from 255.255.255.255. True when the rest may follow.
    fn pump_conf(&mut self, ctx: &Context<'_>, out: &mut Vec<Action>) -> bool {
        // One of an earlier configuration too: what VPP holds is not known before its answer.
        let under_way =
            self.window.values().any(|sent| matches!(sent.request, Request::Write(Write::SetConf(_))));
        if under_way {
            return false;
        }
        let Some(wanted) = ctx.lb.conf.filter(|_| !ctx.frontends.is_empty()) else { return true };
        if self.conf == Some(wanted) {
            self.conf_trouble = None;
            return true;
        }
        let is_early = mutant!(ConfAfterServers) && !self.dirty.is_empty();
        let is_sync = !is_early && (!self.ready.is_empty() || self.round.is_some());
        if !is_sync || ctx.stopping || ctx.warmup.phase() == Phase::HandsOff {
            return true;
        }
        let request = Request::Write(Write::SetConf(wanted));
        if self.conf_refusals >= refusal::ATTEMPTS || self.quarantine.contains(&request) {
            return true;
        }
        if self.room() > 0 {
            if let Some((_, first)) = self.ready.first().copied() {
                self.announce(ctx, first, out);
            }
            self.call(ctx.now, request, None, out);
        }
        false
    }

    /// Whether VPP has the GRE sources that it needs before any server is added.
    fn conf_blocks(&self, ctx: &Context<'_>) -> bool {
        ctx.lb.conf.is_some_and(|wanted| {
            self.conf.is_none_or(|seen| {
                (seen.ip4_source, seen.ip6_source) != (wanted.ip4_source, wanted.ip6_source)
            }) && !mutant!(ConfAfterServers)
        })
    }

    fn call(
        &mut self,
        now: Instant,
        request: Request,
        vip: Option<VipKey>,
        out: &mut Vec<Action>,
    ) -> Option<CallId> {
        let connection = self.link.connection()?;
        let call = CallId(self.next_call);
        self.next_call += 1;
        if let Some(round) = &mut self.round
            && matches!(request, Request::Write(_))
        {
            if round.calls == 0 && round.cause == Cause::Interval {
                tell(out, Event::SyncStart { frontend: None, cause: round.cause });
            }
            round.calls += 1;
        }
        self.window.insert(call, Sent { request: request.clone(), vip, at: now });
        out.push(Action::Call { connection, call, request });
        Some(call)
    }

    fn write(&mut self, ctx: &Context<'_>, key: VipKey, write: &Write, stage: Stage, out: &mut Vec<Action>) {
        if let Some(call) = self.call(ctx.now, Request::Write(write.clone()), Some(key), out) {
            self.vips.entry(key).or_default().sent(call, write, stage, ctx.now);
        }
    }
}

/// What a VIP is after `write`.
pub(crate) fn fold(seen: &mut Option<Seen>, write: &Write) {
    Vip::fold(seen, write);
}

/// Adds an event to the actions.
pub(crate) fn tell(out: &mut Vec<Action>, event: Event) {
    out.push(Action::Tell(Box::new(event)));
}
