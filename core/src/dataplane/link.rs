//! The connection: attempts and their pauses, deadlines, and a ping when nothing else is heard.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::event::{Cause, Event};
use crate::input::{CallId, ConnectionId, Disconnect, VppProcess};
use crate::model::{Read, Request, Write};
use crate::time::Instant;

use super::reading::Reading;
use super::{Context, Dataplane, Sent, tell};

/// The first pause between two attempts; it doubles up to the ceiling.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// Connect, handshake and the message table; and the answer to any call but a CLI command.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
const CLI_LIMIT: Duration = Duration::from_secs(30);
/// Silence before a ping, and each ping's own limit.
const PING_INTERVAL: Duration = Duration::from_secs(1);
const PING_MISSES_MAX: u8 = 3;
/// A timed-out write may still be executed: when to look again.
const SECOND_LOOK: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, Serialize, Deserialize)]
enum State {
    /// Switched off by an empty socket address.
    Off,
    Waiting {
        until: Instant,
    },
    Connecting {
        connection: ConnectionId,
        since: Instant,
    },
    Up {
        connection: ConnectionId,
    },
}

/// The connection to VPP.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Link {
    state: State,
    next: u32,
    failures: u32,
    #[serde(with = "crate::data::generator")]
    rng: ChaCha8Rng,
    /// What was last said of an unreachable or unusable VPP.
    said: Option<String>,
    /// Connections so far, since when there is one or none, and why the last one ended or did not come about.
    count: u64,
    turned: Instant,
    why: Option<String>,
    last_heard: Instant,
    ping: Option<(CallId, Instant)>,
    misses: u8,
    /// A write timed out on the last connection.
    second_look: bool,
}

impl Link {
    pub(super) fn new(enabled: bool, seed: u64) -> Self {
        let state = if enabled { State::Waiting { until: Instant::START } } else { State::Off };
        Self {
            state,
            next: 1,
            failures: 0,
            rng: ChaCha8Rng::seed_from_u64(seed),
            said: None,
            count: 0,
            turned: Instant::START,
            why: None,
            last_heard: Instant::START,
            ping: None,
            misses: 0,
            second_look: false,
        }
    }

    pub(super) const fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    pub(super) const fn is_enabled(&self) -> bool {
        !matches!(self.state, State::Off)
    }

    /// Since when there is a connection or none, how many there were, and why there is none.
    pub(super) fn story(&self) -> (Instant, u64, Option<&str>) {
        (self.turned, self.count, self.why.as_deref())
    }

    pub(super) fn open_ping(&self) -> Option<CallId> {
        self.ping.map(|(call, _)| call)
    }

    pub(super) const fn connection(&self) -> Option<ConnectionId> {
        match self.state {
            State::Up { connection } => Some(connection),
            State::Off | State::Waiting { .. } | State::Connecting { .. } => None,
        }
    }

    /// Whether inputs of `connection` still count.
    pub(super) fn is_current(&self, connection: ConnectionId) -> bool {
        match self.state {
            State::Up { connection: current } | State::Connecting { connection: current, .. } => {
                current == connection
            }
            State::Off | State::Waiting { .. } => false,
        }
    }

    /// A complete sync: the next outage begins with the shortest pause again.
    pub(super) const fn synced(&mut self) {
        self.failures = 0;
    }

    /// VPP answers in order: a ping before `call` will not be answered any more, and is no miss either.
    pub(super) fn heard(&mut self, now: Instant, call: CallId) {
        self.last_heard = now;
        self.misses = 0;
        self.ping.take_if(|(ping, _)| *ping <= call);
    }

    pub(super) fn wakeup(&self, window: &BTreeMap<CallId, Sent>) -> Option<Instant> {
        match self.state {
            State::Off => None,
            State::Waiting { until } => Some(until),
            State::Connecting { since, .. } if mutant!(HandshakeNeverTimesOut) => {
                Some(since + CLI_LIMIT * 1_000)
            }
            State::Connecting { since, .. } => Some(since + ANSWER_LIMIT),
            State::Up { .. } => Some(self.deadline(window).unwrap_or_else(|| self.ping_at())),
        }
    }

    /// When the oldest unanswered call is given up: counted from its sending or the previous reply.
    fn deadline(&self, window: &BTreeMap<CallId, Sent>) -> Option<Instant> {
        let sent = window.values().next()?;
        let limit = match sent.request {
            Request::Read(_) | Request::Write(_) if mutant!(CallNeverTimesOut) => CLI_LIMIT * 1_000,
            Request::Read(Read::Verbose) if !mutant!(CliLimitIgnored) => CLI_LIMIT,
            Request::Read(_) | Request::Write(_) => ANSWER_LIMIT,
        };
        Some(sent.at.max(if mutant!(RepliesGrantNoTime) { sent.at } else { self.last_heard }) + limit)
    }

    fn ping_at(&self) -> Instant {
        let interval = if mutant!(PingNotSent) { PING_INTERVAL * 86_400 } else { PING_INTERVAL };
        self.ping.map_or(self.last_heard, |(_, at)| at) + interval
    }

    fn pause(&mut self, ceiling: bool) -> Duration {
        let most = BACKOFF_MAX * (1 + 20 * u32::from(mutant!(BackoffWithoutCeiling)));
        let doubled = BACKOFF_MIN.saturating_mul(1 << self.failures.min(10)).min(most);
        self.failures = self.failures.saturating_add(u32::from(!mutant!(BackoffNotGrowing)));
        let pause = if ceiling { BACKOFF_MAX } else { doubled };
        pause.mul_f64(0.9 + 0.1 * self.rng.random::<f64>())
    }
}

impl Dataplane {
    /// Handles the deadlines of the connection that have come. True if it should be asked again.
    pub(super) fn advance_link(&mut self, ctx: &Context<'_>, out: &mut Vec<Action>) -> bool {
        let now = ctx.now;
        if self.link.wakeup(&self.window).is_none_or(|at| at > now) {
            return false;
        }
        match self.link.state {
            State::Off => return false,
            State::Waiting { .. } => {
                let connection = ConnectionId(self.link.next);
                self.link.next += 1;
                self.link.state = State::Connecting { connection, since: now };
                out.push(Action::Connect(connection));
            }
            State::Connecting { connection, .. } => {
                out.push(Action::Disconnect(connection));
                let why = format!("no complete handshake within {}s", ANSWER_LIMIT.as_secs());
                self.lost(ctx, &Disconnect::Link(why), out);
            }
            State::Up { connection } if self.window.is_empty() => self.ping(ctx, connection, out),
            State::Up { .. } => self.give_up(ctx, out),
        }
        true
    }

    fn ping(&mut self, ctx: &Context<'_>, connection: ConnectionId, out: &mut Vec<Action>) {
        if self.link.ping.is_some() {
            self.link.misses += u8::from(!mutant!(PingLossIgnored));
            if self.link.misses >= PING_MISSES_MAX || mutant!(OneMissEnough) {
                out.push(Action::Disconnect(connection));
                let why = format!("{PING_MISSES_MAX} pings in a row were not answered");
                self.lost(ctx, &Disconnect::Link(why), out);
                return;
            }
        }
        let call = CallId(self.next_call);
        self.next_call += 1;
        self.link.ping = Some((call, ctx.now));
        out.push(Action::Call { connection, call, request: Request::Read(Read::Ping) });
    }

    /// The oldest call was not answered in time: what VPP holds is uncertain now.
    pub(super) fn give_up(&mut self, ctx: &Context<'_>, out: &mut Vec<Action>) {
        if let Some(sent) = self.window.values().next() {
            tell(out, Event::CallTimeout { call: sent.request.to_string() });
        }
        self.link.second_look |= self.window.values().any(|sent| matches!(sent.request, Request::Write(_)));
        self.hang_up(ctx, "a call was not answered in time".into(), out);
    }

    /// Ends the connection from our side.
    pub(super) fn hang_up(&mut self, ctx: &Context<'_>, why: String, out: &mut Vec<Action>) {
        if let Some(connection) = self.link.connection() {
            out.push(Action::Disconnect(connection));
            self.lost(ctx, &Disconnect::Link(why), out);
        }
    }

    /// A connection is up. True if it leads to another VPP process than the last one did.
    pub fn on_connected(
        &mut self,
        ctx: &Context<'_>,
        connection: ConnectionId,
        vpp: VppProcess,
        out: &mut Vec<Action>,
    ) -> bool {
        if !self.link.is_current(connection) || self.link.is_up() {
            return false;
        }
        self.link.state = State::Up { connection };
        self.link.said = None;
        self.link.why = None;
        self.link.count += 1;
        self.link.turned = ctx.now;
        self.link.last_heard = ctx.now;
        self.link.misses = 0;
        self.link.ping = None;
        if mutant!(BackoffResetByConnect) {
            self.link.synced();
        }
        let restarted =
            self.process.as_ref().is_some_and(|last| !is_same(last, &vpp) && !mutant!(RestartUnnoticed));
        if restarted {
            self.mourn(out);
            for vip in self.vips.values_mut() {
                vip.lapse();
            }
            self.verbose_read = false;
        }
        self.last_gasp = None;
        // What a process that is gone was asked to do is not done any more.
        if core::mem::take(&mut self.link.second_look) && !restarted && !mutant!(NoSecondLook) {
            self.second_look_at = Some(ctx.now + SECOND_LOOK);
        }
        tell(out, Event::VppConnect { version: vpp.version.clone(), pid: vpp.pid, restarted });
        self.process = Some(vpp);
        self.read_due = Some(Cause::Connect);
        restarted
    }

    /// A connection ended, or could not be made.
    pub fn on_disconnected(
        &mut self,
        ctx: &Context<'_>,
        connection: ConnectionId,
        why: &Disconnect,
        out: &mut Vec<Action>,
    ) {
        if self.link.is_current(connection) || mutant!(OldConnectionCounts) {
            self.lost(ctx, why, out);
        }
    }

    /// Whether an input of `connection` still counts.
    pub fn is_current(&self, connection: ConnectionId) -> bool {
        self.link.is_current(connection)
    }

    fn lost(&mut self, ctx: &Context<'_>, why: &Disconnect, out: &mut Vec<Action>) {
        let incompatible = matches!(why, Disconnect::Incompatible(_));
        let err = why.to_string();
        self.link.why = Some(err.clone());
        if self.link.is_up() {
            self.link.turned = ctx.now;
            tell(out, Event::VppDisconnect { err: err.clone() });
            self.abandon(ctx, &err, out);
        } else if self.link.said.as_ref() != Some(&err) {
            self.link.said = Some(err.clone());
            tell(
                out,
                if incompatible { Event::VppIncompatible { err } } else { Event::VppUnreachable { err } },
            );
        }
        let pause = self.link.pause(incompatible && !mutant!(IncompatibleHurried));
        self.link.state = State::Waiting { until: ctx.now + pause };
    }

    /// Everything that was known is thrown away; everything that was owed is still owed.
    fn abandon(&mut self, ctx: &Context<'_>, err: &str, out: &mut Vec<Action>) {
        self.last_gasp = self.window.values().next().map(|sent| sent.request.clone());
        for (key, vip) in &self.vips {
            if let (true, true, Some(frontend)) =
                (vip.releasing, vip.open > 0 || self.dirty.contains(key), ctx.name(*key))
            {
                tell(out, Event::WarmupReleaseError { frontend, err: err.into() });
            }
        }
        // Whether a create was done is not known, and then nor is what the VIP hashes.
        let created = |sent: &Sent| matches!(sent.request, Request::Write(Write::AddVip { .. }));
        self.verbose_read &= !self.window.values().any(created);
        if self.round.take().is_some() {
            tell(out, Event::SyncError { err: err.into() });
        }
        self.vips.retain(|key, _| ctx.frontends.find(*key).is_some());
        for vip in self.vips.values_mut() {
            vip.forget();
            if let Some(trouble) = &mut vip.trouble {
                trouble.retry_at = None;
            }
        }
        self.picture &= mutant!(WritesBeforeDump);
        self.conf = None;
        self.conf_refusals = 0;
        self.conf_trouble = None;
        self.conf_retry_at = None;
        self.dirty.clear();
        self.ready.clear();
        self.deaths.clear();
        self.retries.clear();
        self.spots.clear();
        self.window.retain(|_, _| mutant!(WindowOutlivesConnection));
        self.reading = Reading::Idle;
        self.spot = None;
        self.read_due = None;
        // A second look that is still to come is taken on the next connection.
        self.link.second_look |= self.second_look_at.take().is_some();
        self.drift_at = None;
        self.pace = super::Pace::default();
    }
}

/// Whether two connections lead to one process. Without boot times the pid alone must do.
fn is_same(a: &VppProcess, b: &VppProcess) -> bool {
    a.pid == b.pid && (a.boot_time == b.boot_time || a.boot_time == 0 || b.boot_time == 0)
}
