//! Things that happen in a certain order, or in a crowd, and that single events drawn one by one make too seldom.

use core::net::IpAddr;
use core::time::Duration;

use maglev_core::model::{Encap, Prefix, Protocol, VipKey, Weight, Write};
use maglev_core::{Command, Instant};

use super::NAMES;
use super::events::{Act, after};
use crate::choices::Choices;
use crate::script::{Behaviour, Calls, DaemonChange, Fault, FaultKind, Happening, Paper, VppChange, Who};

/// Refusals in a row: four attempts of three calls.
const IN_A_ROW: u32 = 12;

/// A VPP that needs so long for each call lets things happen in the middle of many.
const SLOW: Duration = Duration::from_millis(20);

/// Milliseconds into a programming of many calls.
const MOMENTS: [u64; 8] = [100, 300, 300, 600, 600, 1_200, 2_000, 4_000];

/// What VPP may say no with: no such entry, no such table, a value it does not take, another type on the prefix, it
/// exists, the wrong family, and nothing in particular.
const RETVALS: [i32; 8] = [-6, -6, -7, -70, -73, -81, -97, -1];

impl<C: Choices> Act<'_, C> {
    /// The file of operators' choices is lost, or cannot be written for a while, and then maglevd restarts.
    pub(super) fn drawer(&mut self, from: Instant) {
        if !self.choices.one_in(6, "file of choices") {
            return;
        }
        let anywhere = [(Duration::ZERO, self.length)];
        for _ in 0..=self.choices.choose(3, "choices") {
            let (at, command) = (self.instant(&anywhere), self.command());
            self.push(at, Happening::Operator(command));
        }
        let at = self.instant(&anywhere);
        match self.choices.choose(3, "what becomes of the file") {
            0 => self.push(at, Happening::Choices(Paper::Damaged)),
            1 => self.push(at, Happening::Choices(Paper::Deleted)),
            _ => {
                self.push(at, Happening::Choices(Paper::Unwritable));
                let then = self.instant(&anywhere);
                self.push(then.max(at), Happening::Choices(Paper::Writable));
            }
        }
        for _ in 0..=self.choices.choose(2, "restarts") {
            let then = self.instant(&anywhere).max(at);
            let config = self
                .choices
                .one_in(3, "other file")
                .then(|| (*self.choices.of(&NAMES, "file of the restart")).to_owned());
            self.push(then, Happening::Daemon(DaemonChange::Restart(config)));
        }
        if self.choices.one_in(2, "confirmed") {
            let then = self.instant(&anywhere).max(at);
            self.push(then, Happening::Operator(Command::Confirm));
        }
        // What the second act began with stays behind all of this.
        self.events.sort_by_key(|(at, _)| (*at).min(from));
    }

    pub(super) fn refusal(&mut self) -> FaultKind {
        FaultKind::Refuse(*self.choices.of(&RETVALS, "fault retval"))
    }

    /// VPP refuses whatever it is told for a while, perhaps with the link dropping in between.
    pub(super) fn refusals(&mut self, at: Instant) {
        let kind = self.refusal();
        let cut = self.choices.choose(IN_A_ROW, "fault that drops the link");
        for nth in 1..=IN_A_ROW {
            let kind = if nth == cut { FaultKind::DropLinkAfter } else { kind };
            self.push(at, Happening::Fault(Fault { nth, calls: Calls::Writes, kind }));
        }
    }

    /// All of a pool are dead at once, and VPP refuses the first call that another pool should serve by.
    pub(super) fn failover(&mut self, at: Instant) {
        let Some(mut dead) = self.site.pool_before_another(self.choices) else { return };
        let last = dead.pop();
        for backend in dead {
            self.push(at, Happening::Operator(Command::Disable { backend }));
        }
        let then = at + Duration::from_secs(1);
        let kind = self.refusal();
        let nth = 1 + self.choices.choose(2, "fault of a raise");
        self.push(then, Happening::Fault(Fault { nth, calls: Calls::Writes, kind }));
        if let Some(backend) = last {
            self.push(then, Happening::Operator(Command::Disable { backend }));
        }
    }

    /// VPP dies of the same call twice, and was asked the same in between, or perhaps not.
    pub(super) fn deaths(&mut self, at: Instant, first: Fault) {
        let again = if self.choices.one_in(2, "fault comes after as many") { first.nth } else { 4 };
        self.push(at, Happening::Fault(first));
        self.push(at, Happening::Fault(Fault { nth: first.nth + again, ..first }));
    }

    /// A reload begins a recreate, perhaps, and SIGTERM comes in the middle of it.
    pub(super) fn terminated_reload(&mut self, at: Instant) -> Instant {
        self.push(at, Happening::Vpp(VppChange::Slow(SLOW)));
        let config = (*self.choices.of(&[NAMES[2], NAMES[1], NAMES[2]], "file before the end")).to_owned();
        self.push(at, Happening::Reload { config, forced: false });
        let then = at + Duration::from_millis(*self.choices.of(&[100, 140, 180, 240, 320], "how far"));
        self.push(then, Happening::Daemon(DaemonChange::Terminate));
        then
    }

    /// One is not known, so that warm-up takes its time; another one, of a frontend that is released perhaps, is unknown
    /// again when a third is disabled.
    pub(super) fn straggler(&mut self, odds: u32) {
        if !self.choices.one_in(odds, "straggler") {
            return;
        }
        let blind = |address| Happening::Backend {
            who: Who::Address(address),
            behaviour: Behaviour::LocalFault("EMFILE"),
        };
        let awaited = self.server();
        self.push(Instant::START, blind(awaited));
        let at = after(self.site.min_delay() + Duration::from_millis(500));
        let (backend, address) = self.site.someone(self.choices);
        self.push(at, blind(address));
        self.push(at, Happening::Operator(Command::Pause { backend: backend.clone() }));
        self.push(at, Happening::Operator(Command::Resume { backend }));
        let backend = self.site.early_name(self.choices);
        self.push(at + Duration::from_millis(300), Happening::Operator(Command::Disable { backend }));
        if self.choices.one_in(3, "reload beside a straggler") {
            self.reload_to(self.site.min_delay() + Duration::from_secs(1), NAMES[1]);
        }
    }

    /// Somebody has left an all-port VIP on the address of a server of ours, which leads back to us.
    pub(super) fn loop_at_start(&mut self) {
        let Some((server, vip)) = self.site.all_port_server() else { return };
        self.has_loop = self.choices.one_in(4, "loop at the start");
        if !self.has_loop {
            return;
        }
        let trap = VipKey { prefix: Prefix::host(server), protocol: Protocol::ANY, port: 0 };
        let create = Write::AddVip { vip: trap, encap: Encap::Gre4, table_length: 256, src_ip_sticky: false };
        let back = Write::AddAs { vip: trap, server: vip.prefix.address, weight: Weight::seen(1) };
        for write in [create, back] {
            self.events.push((Instant::START, Happening::Foreign(write)));
        }
    }

    /// In a crowd some are disabled while VPP is filled, slowly; then a reload removes some, and another one recreates a
    /// whole VIP, while more are disabled.
    pub(super) fn crowd(&mut self) {
        if !self.choices.one_in(4, "quick VPP") {
            self.events.push((Instant::START, Happening::Vpp(VppChange::Slow(SLOW))));
        }
        let begin = self.site.min_delay();
        self.deaths_in_a_crowd(begin);
        self.reload_to(begin + Duration::from_secs(8), NAMES[1]);
        // Whoever stands before the crowd.
        let leader = self.site.backends[0].name.clone();
        let at = after(begin + Duration::from_secs(12));
        self.push(at, Happening::Operator(Command::Disable { backend: leader }));
        let late = begin + Duration::from_secs(14);
        self.reload_to(late, NAMES[2]);
        self.deaths_in_a_crowd(late);
    }

    fn reload_to(&mut self, at: Duration, config: &str) {
        self.push(after(at), Happening::Reload { config: config.to_owned(), forced: false });
    }

    fn deaths_in_a_crowd(&mut self, begin: Duration) {
        for _ in 0..6 {
            let moment = *self.choices.of(&MOMENTS, "death in a crowd");
            let at =
                begin + Duration::from_millis(moment + u64::from(self.choices.choose(200, "a bit later")));
            let backend = self.site.early_name(self.choices);
            self.push(after(at), Happening::Operator(Command::Disable { backend }));
        }
    }

    /// Foreign servers are not added to what would kill VPP.
    pub(super) fn is_deadly(&self, vip: VipKey, _server: IpAddr) -> bool {
        self.has_loop && vip.is_all_port()
    }
}
