//! VPP as maglevd meets it: a process behind a connection.
//!
//! Calls are executed in order, one after the other, and answered in order (`vpp-api.md` sections 1.5 and 1.8). What
//! was sent and not yet read when the link breaks may still be executed, up to what VPP reads at once and always before
//! the next connection is served; nobody hears of it. A death of the process loses all of it, and the tables.
//!
//! Like the real adapter it checks every write against VPP's crash inputs, and does not send it then.

mod run;
mod sketch;

#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use maglev_core::input::{Disconnect, VppProcess};
use maglev_core::model::{Reply, Request, Write};
use maglev_core::time::earliest;
use maglev_core::{CallId, ConnectionId, Input, Instant, hazard};
use rand_chacha::ChaCha8Rng;

use crate::chance::{self, Latencies, Purpose, STILL};
use crate::script::{Calls, Fault, FaultKind, VppChange};
use crate::vpp::{Crash, LbPlugin, Options};
use crate::watch::{Execution, Sender};

/// Calls in the 4,096 bytes that VPP reads at once.
const CALLS_READ_AT_ONCE: u64 = 62;

/// One way between maglevd and VPP, in microseconds.
const ONE_WAY_MICROS: (u64, u64) = (20, 80);

/// From connecting to the end of the handshake, in microseconds.
const HANDSHAKE_MICROS: (u64, u64) = (300, 900);

/// What VPP needs for a call when nothing slows it.
const SERVICE: Duration = Duration::from_micros(20);

/// Seconds since 1970 at which scenarios begin.
const EPOCH_SECS: u64 = 1_800_000_000;

/// VPP, the link, and what is under way on it.
#[derive(Clone, Debug)]
pub struct Link {
    process: Process,
    is_reachable: bool,
    processes: u32,
    options: Options,
    connection: Connection,
    /// Sent and not executed, in order.
    queue: VecDeque<Queued>,
    /// Of connections that have ended, in order; executed before the next one is served.
    orphans: VecDeque<Queued>,
    /// On the way to maglevd, by time and then by order.
    heard: BTreeMap<(Instant, u64), (ConnectionId, Input)>,
    heard_count: u64,
    /// The last frame of this connection arrives then; none overtakes it.
    last_heard: Instant,
    /// VPP's main thread does nothing before.
    busy_until: Instant,
    slowed_by: Duration,
    /// What VPP needs for a call when nothing slows it.
    service: Duration,
    armed: Vec<Fault>,
    latency: Latencies,
    /// How much VPP reads of what it will not answer; in a still world nothing, unless some of it has arrived.
    chance: Option<ChaCha8Rng>,
    tally: Tally,
    notes: Vec<(Instant, Note)>,
    executions: Vec<Execution>,
}

/// The VPP process.
#[derive(Clone, Debug)]
enum Process {
    Absent,
    NoPlugin,
    Up(Box<LbPlugin>),
}

/// Where maglevd's connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    None,
    Connecting(ConnectionId, Instant),
    Up(ConnectionId),
}

/// A call that VPP has not executed.
#[derive(Clone, Debug)]
struct Queued {
    call: CallId,
    request: Request,
    run_at: Instant,
    /// Its VIP was meant to have a positive weight when it was sent.
    must_serve: bool,
}

/// What oracles and expectations count, over all processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Writes of maglevd that VPP answered, or executed unheard.
    pub writes: u64,
    /// How many of them it refused.
    pub refused: u64,
    /// Writes that were held back because VPP would not survive them.
    pub not_sent: u64,
    /// Deaths of VPP by what somebody sent.
    pub crashes: u64,
    /// Flushes of VIPs that VPP did not know by that name: they may have hit any other.
    pub wild_flushes: u64,
}

/// Something at VPP that maglevd does not hear of, for the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A write that was executed after its connection had ended.
    Unheard(Write, i32),
    /// A call whose reply was lost.
    ReplyLost(Request),
    /// A write by somebody else.
    Foreign(Write, i32),
    /// VPP died of a call.
    Crashed(Crash),
    /// A call took a VIP's last positive weight against the wish of who sent it.
    Emptied(Write),
    /// An armed fault struck a call.
    Struck(FaultKind),
    /// A new process of VPP has begun, with empty tables.
    Replaced,
}

impl Link {
    /// A VPP that has just started, and no connection.
    pub fn new(seed: u64, options: Options, now: Instant) -> Self {
        let mut link = Self {
            process: Process::Absent,
            is_reachable: true,
            processes: 0,
            options,
            connection: Connection::None,
            queue: VecDeque::new(),
            orphans: VecDeque::new(),
            heard: BTreeMap::new(),
            heard_count: 0,
            last_heard: now,
            busy_until: now,
            slowed_by: Duration::ZERO,
            service: SERVICE,
            armed: Vec::new(),
            latency: Latencies::new(seed, Purpose::CallLatency),
            chance: (seed != STILL).then(|| chance::stream(seed, Purpose::Faults)),
            tally: Tally::default(),
            notes: Vec::new(),
            executions: Vec::new(),
        };
        link.start_process(now);
        link
    }

    /// From now on everything is done at once, unless something slows it.
    pub(crate) fn make_prompt(&mut self) {
        self.service = Duration::ZERO;
        self.latency = Latencies::none();
        self.chance = None;
    }

    /// maglevd connects.
    pub fn connect(&mut self, connection: ConnectionId, now: Instant) {
        self.run(now);
        self.close(now);
        if !self.is_reachable || matches!(self.process, Process::Absent) {
            let soon = now + self.one_way();
            let why = Disconnect::Link("connection refused".into());
            self.hear(soon, connection, Input::VppDisconnected { connection, why });
            return;
        }
        let handshake = self.latency.micros(HANDSHAKE_MICROS);
        let orphans_done = self.orphans.back().map_or(now, |orphan| orphan.run_at);
        let ready = (now + handshake).max(self.busy_until).max(orphans_done);
        self.connection = Connection::Connecting(connection, ready);
    }

    /// maglevd drops its connection and hears nothing more of it.
    pub fn disconnect(&mut self, connection: ConnectionId, now: Instant) {
        self.run(now);
        self.heard.retain(|_, (other, _)| *other != connection);
        if self.connection() == Some(connection) {
            self.close(now);
        }
    }

    /// maglevd makes a call. On a connection that has ended it is lost, like the end that is still to be heard.
    pub fn call(&mut self, connection: ConnectionId, call: CallId, request: Request, now: Instant) {
        self.call_of(connection, call, request, false, now);
    }

    /// The same, of a VIP of which is known whether it is meant to have a positive weight.
    pub fn call_of(
        &mut self,
        connection: ConnectionId,
        call: CallId,
        request: Request,
        must_serve: bool,
        now: Instant,
    ) {
        self.run(now);
        if self.connection != Connection::Up(connection) {
            return;
        }
        if let Request::Write(write) = &request
            && let Some(hazard) = hazard(write)
        {
            self.tally.not_sent += 1;
            let reply = Reply::NotSent(hazard.to_string());
            self.hear(now, connection, Input::VppReplied { connection, call, reply });
            return;
        }
        let before = self.queue.back().map_or(self.busy_until, |queued| queued.run_at.max(self.busy_until));
        let run_at = (now + self.one_way()).max(before) + self.service + self.slowed_by;
        self.queue.push_back(Queued { call, request, run_at, must_serve });
    }

    /// Something happens to VPP or to the link.
    pub fn change(&mut self, change: VppChange, now: Instant) {
        self.run(now);
        match change {
            VppChange::Absent => self.end_process(now),
            VppChange::Up if matches!(self.process, Process::Up(_)) => self.is_reachable = true,
            VppChange::Up | VppChange::Restart => self.restart(now),
            VppChange::NoPlugin => {
                self.end_process(now);
                self.process = Process::NoPlugin;
                self.is_reachable = true;
            }
            VppChange::DropLink => self.break_link(now),
            VppChange::Away => {
                self.break_link(now);
                self.is_reachable = false;
            }
            VppChange::Slow(by) => self.slowed_by = by,
            VppChange::Stall(by) => self.stall_until(now + by),
        }
    }

    /// A fault is armed; its ordinal counts calls that VPP executes from now on. A call that is lost with its link does
    /// not count, so that a scenario can say which call it means.
    pub fn arm(&mut self, fault: Fault) {
        self.armed.push(fault);
    }

    /// Somebody else writes; `None` if there is no plugin to write to.
    pub fn foreign(&mut self, write: &Write, now: Instant) -> Option<i32> {
        self.run(now);
        self.plugin()?;
        match self.execute_write(write, Sender::Stranger, false, now) {
            Ok(retval) => {
                self.notes.push((now, Note::Foreign(write.clone(), retval)));
                Some(retval)
            }
            Err(crash) => {
                self.crash(crash, now);
                None
            }
        }
    }

    /// Lets VPP do what is due by `now`.
    pub fn advance(&mut self, now: Instant) {
        self.run(now);
    }

    /// Everything that maglevd hears by `now`, in order.
    pub fn heard(&mut self, now: Instant) -> Vec<Input> {
        self.run(now);
        let mut inputs = Vec::new();
        while let Some(entry) = self.heard.first_entry()
            && entry.key().0 <= now
        {
            inputs.push(entry.remove().1);
        }
        inputs
    }

    /// When something happens next.
    pub fn wakeup(&self) -> Option<Instant> {
        let ready = match self.connection {
            Connection::Connecting(_, ready) => Some(ready),
            Connection::None | Connection::Up(_) => None,
        };
        let next_call = self.queue.front().map(|queued| queued.run_at);
        let next_orphan = self.orphans.front().map(|queued| queued.run_at);
        let next_heard = self.heard.keys().next().map(|(at, _)| *at);
        earliest([ready, next_call, next_orphan, next_heard])
    }

    /// The plugin, while there is one.
    pub fn plugin(&self) -> Option<&LbPlugin> {
        match &self.process {
            Process::Up(plugin) => Some(plugin),
            Process::Absent | Process::NoPlugin => None,
        }
    }

    /// The plugin, to send packets through.
    pub fn plugin_mut(&mut self) -> Option<&mut LbPlugin> {
        match &mut self.process {
            Process::Up(plugin) => Some(plugin),
            Process::Absent | Process::NoPlugin => None,
        }
    }

    /// Calls sent and not executed.
    pub fn in_flight(&self) -> usize {
        self.queue.len()
    }

    /// What has been counted since the start.
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// What happened unheard since the last time this was asked.
    pub fn take_notes(&mut self) -> Vec<(Instant, Note)> {
        core::mem::take(&mut self.notes)
    }

    /// Whether [`Self::take_notes`] has something.
    pub const fn has_notes(&self) -> bool {
        !self.notes.is_empty()
    }

    /// Whether [`Self::take_executions`] has something.
    pub const fn has_executions(&self) -> bool {
        !self.executions.is_empty()
    }

    /// The writes that VPP executed since the last time this was asked.
    pub fn take_executions(&mut self) -> Vec<Execution> {
        core::mem::take(&mut self.executions)
    }

    /// Faults that have not struck will not.
    pub fn disarm(&mut self) {
        self.armed.clear();
    }

    /// Whether there is a VPP with the plugin that can be reached.
    pub const fn is_serving(&self) -> bool {
        self.is_reachable && matches!(self.process, Process::Up(_))
    }

    /// VPP's main thread does nothing before.
    pub const fn stalled_until(&self) -> Instant {
        self.busy_until
    }

    /// The connection that is up or being made.
    pub const fn connection(&self) -> Option<ConnectionId> {
        match self.connection {
            Connection::None => None,
            Connection::Connecting(connection, _) | Connection::Up(connection) => Some(connection),
        }
    }

    /// Counts `request` against the armed faults; the first that is due strikes it.
    fn strike(&mut self, request: &Request, at: Instant) -> Option<FaultKind> {
        if self.armed.is_empty() {
            return None;
        }
        let mut struck = None;
        for fault in self.armed.iter_mut().filter(|fault| counts(fault.calls, request)) {
            fault.nth = fault.nth.saturating_sub(1);
            if fault.nth == 0 && struck.is_none() {
                struck = Some(fault.kind);
            }
        }
        self.armed.retain(|fault| fault.nth > 0);
        self.notes.extend(struck.map(|kind| (at, Note::Struck(kind))));
        struck
    }

    fn one_way(&mut self) -> Duration {
        self.latency.micros(ONE_WAY_MICROS)
    }

    fn hear(&mut self, at: Instant, connection: ConnectionId, input: Input) {
        self.heard_count += 1;
        self.heard.insert((at, self.heard_count), (connection, input));
    }

    fn identity(plugin: &LbPlugin) -> VppProcess {
        VppProcess { version: "26.10-sim".into(), pid: plugin.pid(), boot_time: plugin.boot_time() }
    }
}

const fn counts(calls: Calls, request: &Request) -> bool {
    use maglev_core::model::Read;
    match (calls, request) {
        (Calls::All, _) | (Calls::Writes, Request::Write(_)) => true,
        (Calls::Writes, Request::Read(_)) | (Calls::Reads, Request::Write(_) | Request::Read(Read::Ping)) => {
            false
        }
        (Calls::Reads, Request::Read(Read::Conf | Read::Vips | Read::Servers(_) | Read::Verbose)) => true,
    }
}
