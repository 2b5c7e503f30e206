//! What VPP does while time passes, and how processes and connections begin and end.

use core::net::IpAddr;

use maglev_core::input::Disconnect;
use maglev_core::model::{Flows, Read, Reply, Request, VipKey, Weight, Write};
use maglev_core::{ConnectionId, Input, Instant};

use super::{CALLS_READ_AT_ONCE, Connection, EPOCH_SECS, Link, Note, Process, Queued};
use crate::chance;
use crate::script::FaultKind;
use crate::vpp::{Crash, LbPlugin};
use crate::watch::{Execution, Sender};

impl Link {
    /// Executes everything that is due by `now`, in order.
    pub(super) fn run(&mut self, now: Instant) {
        while let Some(orphan) = self.orphans.pop_front_if(|orphan| orphan.run_at <= now) {
            self.execute_unheard(&orphan);
        }
        if let Connection::Connecting(connection, ready) = self.connection
            && ready <= now
        {
            self.finish_handshake(connection, ready);
        }
        while let Connection::Up(connection) = self.connection
            && let Some(queued) = self.queue.pop_front_if(|queued| queued.run_at <= now)
        {
            self.execute(connection, queued);
        }
        if let Process::Up(plugin) = &mut self.process {
            plugin.advance(now);
        }
    }

    fn finish_handshake(&mut self, connection: ConnectionId, ready: Instant) {
        let input = match &self.process {
            Process::Up(plugin) => {
                self.connection = Connection::Up(connection);
                Input::VppConnected { connection, vpp: Self::identity(plugin) }
            }
            Process::NoPlugin => {
                self.connection = Connection::None;
                let why =
                    "VPP has no lb_conf_get_51077d14: the lb plugin of VPP 26.10 or later is not loaded";
                Input::VppDisconnected { connection, why: Disconnect::Incompatible(why.into()) }
            }
            // A process that ends takes its connections with it, so this is never seen.
            Process::Absent => return,
        };
        self.last_heard = ready;
        self.hear(ready, connection, input);
    }

    fn execute(&mut self, connection: ConnectionId, queued: Queued) {
        let Queued { call, request, run_at, must_serve } = queued;
        let fault = self.strike(&request, run_at);
        let reply = match fault {
            Some(FaultKind::Refuse(retval)) => Ok(Reply::Refused(retval)),
            Some(
                FaultKind::LoseReply
                | FaultKind::DelayReply(_)
                | FaultKind::DropLinkAfter
                | FaultKind::RestartAfter,
            )
            | None => self.answer(&request, Sender::Daemon, must_serve, run_at),
        };
        let reply = match reply {
            Ok(reply) => reply,
            Err(crash) => return self.crash(crash, run_at),
        };
        self.count(&request, &reply);
        match fault {
            Some(FaultKind::LoseReply) => return self.notes.push((run_at, Note::ReplyLost(request))),
            Some(FaultKind::DropLinkAfter) => return self.break_link(run_at),
            Some(FaultKind::RestartAfter) => return self.restart(run_at),
            Some(FaultKind::DelayReply(by)) => self.stall_until(run_at + by),
            Some(FaultKind::Refuse(_)) | None => (),
        }
        // The reply of a call that stalls VPP leaves when the stall is over.
        let sent_at = if matches!(fault, Some(FaultKind::DelayReply(_))) { self.busy_until } else { run_at };
        let arrives = (sent_at + self.one_way()).max(self.last_heard);
        self.last_heard = arrives;
        self.hear(arrives, connection, Input::VppReplied { connection, call, reply });
    }

    fn execute_unheard(&mut self, orphan: &Queued) {
        let Request::Write(write) = &orphan.request else { return };
        match self.answer(&orphan.request, Sender::Gone, orphan.must_serve, orphan.run_at) {
            Ok(reply) => {
                self.count(&orphan.request, &reply);
                let retval = if let Reply::Refused(retval) = reply { retval } else { 0 };
                self.notes.push((orphan.run_at, Note::Unheard(write.clone(), retval)));
            }
            Err(crash) => self.crash(crash, orphan.run_at),
        }
    }

    /// What the plugin answers, and what it did to the traffic.
    fn answer(
        &mut self,
        request: &Request,
        by: Sender,
        must_serve: bool,
        at: Instant,
    ) -> Result<Reply, Crash> {
        if let Request::Write(write) = request {
            if self.plugin().is_none() {
                return Ok(Reply::Refused(-1));
            }
            let retval = self.execute_write(write, by, must_serve, at)?;
            return Ok(if retval == 0 { Reply::Done } else { Reply::Refused(retval) });
        }
        let Process::Up(plugin) = &mut self.process else { return Ok(Reply::Refused(-1)) };
        plugin.advance(at);
        Ok(match request {
            Request::Read(Read::Ping) | Request::Write(_) => Reply::Done,
            Request::Read(Read::Conf) => Reply::Conf(plugin.conf()),
            Request::Read(Read::Vips) => Reply::Vips(plugin.vips()),
            Request::Read(Read::Servers(filter)) => Reply::Servers(plugin.servers(*filter)),
            Request::Read(Read::Verbose) => Reply::Sticky(plugin.sticky()?),
        })
    }

    /// Executes a write of anybody and notes what came of it.
    pub(super) fn execute_write(
        &mut self,
        write: &Write,
        by: Sender,
        must_serve: bool,
        at: Instant,
    ) -> Result<i32, Crash> {
        let lowers = matches!(write, Write::SetWeight { .. } | Write::DelAs { .. });
        let vip = write.vip();
        let before = self.weights(vip);
        let Process::Up(plugin) = &mut self.process else { return Ok(-1) };
        plugin.advance(at);
        let wild = plugin.wild_flushes();
        let sourceless = plugin.conf().ip4_source.is_broadcast();
        let retval = plugin.write(write, at)?;
        let wild = plugin.wild_flushes() > wild;
        self.tally.wild_flushes += u64::from(wild && by != Sender::Stranger);
        let after = self.weights(vip);
        let serves = |weights: &[(IpAddr, Weight)]| weights.iter().any(|(_, weight)| weight.is_positive());
        let positive = (serves(&before), serves(&after));
        // Taking a whole VIP down deletes its servers without a flush: that is meant.
        let meant = matches!(write, Write::DelAs { flows: Flows::Keep, .. });
        if must_serve && !meant && positive == (true, false) {
            self.notes.push((at, Note::Emptied(write.clone())));
        }
        self.executions.push(Execution {
            at,
            write: write.clone(),
            retval,
            by,
            must_serve,
            positive,
            idle: lowers && before == after,
            sourceless,
            wild,
        });
        Ok(retval)
    }

    fn weights(&self, vip: Option<VipKey>) -> Vec<(IpAddr, Weight)> {
        vip.and_then(|vip| Some(self.plugin()?.weights(vip))).unwrap_or_default()
    }

    const fn count(&mut self, request: &Request, reply: &Reply) {
        if matches!(request, Request::Write(_)) {
            self.tally.writes += 1;
            if matches!(reply, Reply::Refused(_)) {
                self.tally.refused += 1;
            }
        }
    }

    /// VPP's main thread does nothing until then; what waits for it waits on.
    pub(super) fn stall_until(&mut self, until: Instant) {
        self.busy_until = self.busy_until.max(until);
        for queued in self.queue.iter_mut().chain(&mut self.orphans) {
            queued.run_at = queued.run_at.max(self.busy_until);
        }
        if let Connection::Connecting(_, ready) = &mut self.connection {
            *ready = (*ready).max(self.busy_until);
        }
    }

    /// maglevd has let go: of what VPP had not read, at most one reading is still executed.
    pub(super) fn close(&mut self, at: Instant) {
        let unread = u64::try_from(self.queue.len()).unwrap_or(u64::MAX).min(CALLS_READ_AT_ONCE);
        let has_arrived = |first: &Queued| first.run_at <= at + self.service + self.slowed_by;
        let read = match &mut self.chance {
            Some(chance) => chance::between(chance, 0, unread),
            None if self.queue.front().is_some_and(has_arrived) => unread,
            None => 0,
        };
        self.orphans.extend(self.queue.drain(..).take(usize::try_from(read).unwrap_or(0)));
        self.connection = Connection::None;
    }

    /// The link breaks. Replies that are on their way still arrive, and then the end.
    pub(super) fn break_link(&mut self, at: Instant) {
        self.tell_end(at, "connection reset by peer");
        self.close(at);
    }

    pub(super) fn crash(&mut self, crash: Crash, at: Instant) {
        self.tally.crashes += 1;
        self.notes.push((at, Note::Crashed(crash)));
        self.end_process(at);
    }

    pub(super) fn restart(&mut self, at: Instant) {
        self.end_process(at);
        self.start_process(at);
    }

    /// The process ends: an unread call makes the end a reset, otherwise it is an orderly one.
    pub(super) fn end_process(&mut self, at: Instant) {
        let why = if self.queue.is_empty() { "closed by VPP" } else { "connection reset by peer" };
        self.tell_end(at, why);
        self.connection = Connection::None;
        self.queue.clear();
        self.orphans.clear();
        self.process = Process::Absent;
        self.busy_until = at;
    }

    pub(super) fn start_process(&mut self, at: Instant) {
        self.processes += 1;
        let boot_time = EPOCH_SECS + at.since_start().as_secs();
        let plugin = LbPlugin::with_options(1_000 + self.processes, boot_time, at, self.options);
        self.process = Process::Up(Box::new(plugin));
        self.is_reachable = true;
        if self.processes > 1 {
            self.notes.push((at, Note::Replaced));
        }
    }

    fn tell_end(&mut self, at: Instant, why: &str) {
        let Some(connection) = self.connection() else { return };
        let arrives = (at + self.one_way()).max(self.last_heard);
        let why = Disconnect::Link(why.to_owned());
        self.hear(arrives, connection, Input::VppDisconnected { connection, why });
    }
}
