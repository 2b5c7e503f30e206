//! What happens: drawn kinds at drawn times, and at the end a drawn part is healed.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use maglev_core::model::{Encap, Flows, LbConf, Prefix, Protocol, VipKey, Weight, Write};
use maglev_core::{Command, Instant};

use super::site::{Site, address};
use super::{NAMES, Timed};
use crate::choices::Choices;
use crate::script::{Behaviour, Calls, DaemonChange, Fault, FaultKind, Happening, Invalid, VppChange, Who};

/// Kinds of happenings; each scenario leaves some of them out.
const KINDS: [Kind; 9] = [
    Kind::Backend,
    Kind::Backend,
    Kind::Vpp,
    Kind::Fault,
    Kind::Fault,
    Kind::Foreign,
    Kind::Reload,
    Kind::Operator,
    Kind::Daemon,
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Backend,
    Vpp,
    Fault,
    Foreign,
    Reload,
    Operator,
    Daemon,
}

/// The first act in the making.
pub(super) struct Act<'a, C> {
    pub(super) choices: &'a mut C,
    pub(super) site: &'a Site,
    /// Of all backends of all files, those of the first file first.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) length: Duration,
    pub(super) events: Vec<Timed>,
    /// An all-port VIP of ours would reach itself.
    pub(super) has_loop: bool,
}

pub(super) const fn after(by: Duration) -> Instant {
    Instant::from_start(by)
}

impl<C: Choices> Act<'_, C> {
    pub(super) fn first(&mut self) {
        if self.choices.one_in(3, "traffic") {
            for front in &self.site.frontends {
                let traffic = Happening::Traffic { frontend: front.name.clone(), flows: 20 };
                self.events.push((Instant::START, traffic));
            }
        }
        if self.site.is_crowd {
            self.crowd();
        } else {
            // Where a recreate waits for all on its prefix, one of them should be late.
            let odds = if self.beginning() { 2 } else { 10 };
            self.straggler(odds);
        }
        self.loop_at_start();
        let kinds: Vec<Kind> =
            KINDS.into_iter().filter(|_| !self.choices.one_in(3, "kind left out")).collect();
        let most = *self.choices.of(&[0, 4, 10, 20, 40, 90], "how much happens");
        let windows = self.windows();
        if !kinds.is_empty() {
            for _ in 0..self.choices.choose(most + 1, "how many happenings") {
                let at = self.instant(&windows);
                let kind = *self.choices.of(&kinds, "kind");
                self.happen(kind, at);
            }
        }
        self.events.sort_by_key(|(at, _)| *at);
    }

    /// How the world is found when maglevd starts. True if each VIP has to be recreated.
    fn beginning(&mut self) -> bool {
        let is_old = self.choices.one_in(12, "other encapsulation at the start");
        if is_old {
            // What a file of another family has left: each VIP needs a recreate, which waits for those beside it.
            let encap = if self.site.is_six() { Encap::Gre4 } else { Encap::Gre6 };
            for front in &self.site.frontends {
                let write =
                    Write::AddVip { vip: front.vip(), encap, table_length: 256, src_ip_sticky: false };
                self.events.push((Instant::START, Happening::Foreign(write)));
            }
        }
        let change = match self.choices.choose(10, "VPP at the start") {
            0 => VppChange::Absent,
            1 => VppChange::NoPlugin,
            2 => VppChange::Slow(Duration::from_millis(20)),
            _ => return is_old,
        };
        self.events.push((Instant::START, Happening::Vpp(change)));
        if change != VppChange::Slow(Duration::from_millis(20)) {
            let at = self.instant(&[(Duration::ZERO, self.length)]);
            self.events.push((at, Happening::Vpp(VppChange::Up)));
        }
        is_old
    }

    /// When things happen: all the time, or in one or two bursts with peace between them.
    fn windows(&mut self) -> Vec<(Duration, Duration)> {
        let bursts = self.choices.choose(3, "bursts");
        if bursts == 0 {
            return vec![(Duration::ZERO, self.length)];
        }
        (0..bursts)
            .map(|_| {
                let begin = self.length * self.choices.choose(10, "burst") / 10;
                (begin, (begin + self.length / 5).min(self.length))
            })
            .collect()
    }

    /// Ties are common on purpose: half of all instants are whole half seconds.
    pub(super) fn instant(&mut self, windows: &[(Duration, Duration)]) -> Instant {
        let (begin, end) = *self.choices.of(windows, "window");
        let width = u32::try_from((end - begin).as_millis()).unwrap_or(u32::MAX).max(1);
        let mut ms =
            u64::try_from(begin.as_millis()).unwrap_or(0) + u64::from(self.choices.choose(width, "when"));
        if self.choices.one_in(2, "tie") {
            ms = ms / 500 * 500;
        }
        after(Duration::from_millis(ms))
    }

    pub(super) fn push(&mut self, at: Instant, happening: Happening) {
        self.events.push((at.min(after(self.length)), happening));
    }

    fn soon(&mut self, at: Instant) -> Instant {
        at + Duration::from_millis(*self.choices.of(&[0, 1, 200, 1_000, 2_000, 5_000], "soon"))
    }

    fn happen(&mut self, kind: Kind, at: Instant) {
        match kind {
            Kind::Backend => self.backend(at),
            Kind::Vpp => self.vpp(at),
            Kind::Fault => self.fault(at),
            Kind::Foreign => {
                let write = self.foreign();
                self.push(at, Happening::Foreign(write));
            }
            Kind::Reload => self.reload(at),
            Kind::Operator => {
                let command = self.command();
                if self.choices.one_in(4, "repeated") {
                    self.push(at, Happening::Operator(command.clone()));
                }
                self.push(at, Happening::Operator(command));
            }
            Kind::Daemon => self.daemon(at),
        }
    }

    fn backend(&mut self, at: Instant) {
        let behaviours = [
            Behaviour::Up,
            Behaviour::Up,
            Behaviour::Up,
            Behaviour::Refuse,
            Behaviour::Refuse,
            Behaviour::Silent,
            Behaviour::Down,
            Behaviour::OneIn(2),
            Behaviour::OneIn(3),
            Behaviour::Slow(Duration::from_millis(200)),
            Behaviour::Slow(Duration::from_millis(700)),
            Behaviour::LocalFault("EMFILE"),
            Behaviour::LocalFault("no-netns"),
            Behaviour::Status(503),
            Behaviour::Garbage,
        ];
        let behaviour = self.choices.of(&behaviours, "behaviour").clone();
        if self.choices.one_in(6, "all at once") {
            for address in self.addresses.clone() {
                let who = Who::Address(address);
                self.push(at, Happening::Backend { who, behaviour: behaviour.clone() });
            }
        } else {
            let who = Who::Address(self.server());
            let is_death = matches!(behaviour, Behaviour::Refuse | Behaviour::Silent | Behaviour::Down);
            self.push(at, Happening::Backend { who, behaviour });
            // What it causes is refused, where nothing else is written before.
            if is_death && self.choices.one_in(6, "fault of a failover") {
                let kind = self.refusal();
                self.push(at, Happening::Fault(Fault { nth: 1, calls: Calls::Writes, kind }));
            }
        }
    }

    pub(super) fn server(&mut self) -> IpAddr {
        *self.choices.of(&self.addresses, "which backend")
    }

    fn vpp(&mut self, at: Instant) {
        let changes = [
            VppChange::DropLink,
            VppChange::DropLink,
            VppChange::Restart,
            VppChange::Restart,
            VppChange::Away,
            VppChange::Absent,
            VppChange::NoPlugin,
            VppChange::Slow(Duration::from_millis(20)),
            VppChange::Stall(Duration::from_secs(3)),
            VppChange::Stall(Duration::from_secs(6)),
            VppChange::Stall(Duration::from_secs(60)),
        ];
        let change = *self.choices.of(&changes, "fault of VPP");
        self.push(at, Happening::Vpp(change));
        let mends = match change {
            VppChange::Away | VppChange::Absent | VppChange::NoPlugin => Some(VppChange::Up),
            VppChange::Slow(_) => Some(VppChange::Slow(Duration::ZERO)),
            VppChange::DropLink | VppChange::Restart | VppChange::Stall(_) | VppChange::Up => None,
        };
        if let Some(mend) = mends.filter(|_| !self.choices.one_in(4, "stays so")) {
            let then = self.soon(at);
            self.push(then, Happening::Vpp(mend));
        }
    }

    fn fault(&mut self, at: Instant) {
        if self.choices.one_in(12, "fault in a row") {
            return self.refusals(at);
        }
        if self.choices.one_in(8, "fault in a failover") {
            return self.failover(at);
        }
        let refusal = self.refusal();
        let kinds = [
            refusal,
            refusal,
            refusal,
            FaultKind::LoseReply,
            FaultKind::DropLinkAfter,
            FaultKind::DropLinkAfter,
            FaultKind::RestartAfter,
            FaultKind::DelayReply(Duration::from_secs(1)),
            FaultKind::DelayReply(Duration::from_secs(6)),
        ];
        let kind = *self.choices.of(&kinds, "fault");
        let calls =
            *self.choices.of(&[Calls::Writes, Calls::Writes, Calls::Reads, Calls::All], "fault counts");
        // VPP refuses no dump.
        let calls = if matches!(kind, FaultKind::Refuse(_)) { Calls::Writes } else { calls };
        let fault = Fault { nth: 1 + self.choices.choose(12, "fault ordinal"), calls, kind };
        if kind == FaultKind::RestartAfter && self.choices.one_in(2, "fault comes twice") {
            return self.deaths(at, fault);
        }
        self.push(at, Happening::Fault(fault));
    }

    fn foreign(&mut self) -> Write {
        let (vip, server) = (self.site.vip(self.choices), self.server());
        let last = 80 + u8::try_from(self.choices.choose(3, "foreign VIP")).unwrap_or(0);
        let prefix = Prefix::host([203, 0, 113, last].into());
        let all_ports = VipKey { prefix, protocol: Protocol::ANY, port: 0 };
        let tcp = |prefix: Prefix, port: u16| VipKey { prefix, protocol: Protocol::TCP, port };
        let wide = tcp(Prefix { address: IpAddr::from([0u8; 16]), len: 16 }, 81);
        let stranger = address(true, 200);
        let weight = Weight::seen(u8::try_from(self.choices.choose(101, "foreign weight")).unwrap_or(0));
        let create = |vip: VipKey, encap: Encap| Write::AddVip {
            vip,
            encap,
            table_length: 1_024,
            src_ip_sticky: false,
        };
        match self.choices.choose(13, "foreign edit") {
            0 => Write::SetWeight { vip, server, weight, flows: Flows::Keep },
            1 => Write::DelAs { vip, server, flows: Flows::Keep },
            2 => create(tcp(Prefix::host([203, 0, 113, 99].into()), 80), Encap::Gre4),
            3 => create(tcp(Prefix::host([203, 0, 113, 80].into()), 8_080), Encap::Gre4),
            4 => create(all_ports, Encap::Gre6),
            5 => Write::AddAs { vip: all_ports, server: stranger, weight: Weight::seen(1) },
            6 => create(wide, Encap::Gre6),
            7 => Write::AddAs { vip: wide, server: stranger, weight: Weight::seen(1) },
            8 => Write::SetWeight { vip, server, weight, flows: Flows::Flush },
            9 => Write::SetConf(LbConf {
                ip4_source: [192, 0, 2, 7].into(),
                ip6_source: [7; 16].into(),
                sticky_buckets: 512,
                flow_timeout_secs: 30,
            }),
            10 => create(tcp(Prefix::host([203, 0, 113, last].into()), 8_081), Encap::Other(2)),
            11 => Write::DelVip { vip },
            _ if self.is_deadly(vip, server) => Write::DelAs { vip, server, flows: Flows::Keep },
            _ => Write::AddAs { vip, server, weight: Weight::seen(3) },
        }
    }

    fn reload(&mut self, at: Instant) {
        let count = *self.choices.of(&[1, 1, 1, 2, 10], "reloads at once");
        for _ in 0..count {
            let happening = match self.choices.choose(12, "reload") {
                0 => Happening::ReloadInvalid(
                    *self
                        .choices
                        .of(&[Invalid::Read, Invalid::Structural, Invalid::Semantic], "invalid file"),
                ),
                1 => Happening::Reload { config: "empty".into(), forced: self.choices.one_in(2, "forced") },
                _ => {
                    let config = (*self.choices.of(&NAMES, "file")).to_owned();
                    Happening::Reload { config, forced: false }
                }
            };
            self.push(at, happening);
        }
    }

    pub(super) fn command(&mut self) -> Command {
        let names: Vec<&String> = self.site.backends.iter().map(|member| &member.name).collect();
        let backend = (*self.choices.of(&names, "commanded backend")).clone();
        let fronts: Vec<&String> = self.site.frontends.iter().map(|front| &front.name).collect();
        let frontend = (*self.choices.of(&fronts, "commanded frontend")).clone();
        match self.choices.choose(8, "command") {
            0 => Command::Pause { backend },
            1 => Command::Resume { backend },
            2 => Command::Disable { backend },
            3 => Command::Enable { backend },
            4 => Command::Sync { frontend: None },
            5 => Command::Sync { frontend: Some(frontend) },
            _ => {
                let pool = (*self.choices.of(&["p0", "p0", "p1"], "commanded pool")).to_owned();
                let weight =
                    Weight::new(u8::try_from(self.choices.choose(101, "commanded weight")).unwrap_or(0));
                let flush = self.choices.one_in(3, "commanded flush");
                let weight = weight.unwrap_or(Weight::MAX);
                Command::SetWeight { frontend, pool, backend, weight, flush }
            }
        }
    }

    fn daemon(&mut self, at: Instant) {
        match self.choices.choose(6, "fault of maglevd") {
            0 | 1 => {
                let by = *self.choices.of(&[2, 8, 120], "stall");
                // A suspend of minutes happens early, so that the run does not end in it.
                let by = if by == 120 && self.length > Duration::from_secs(10) { 8 } else { by };
                self.push(at, Happening::Daemon(DaemonChange::Stall(Duration::from_secs(by))));
            }
            2 => self.restart(at),
            3 if self.choices.one_in(2, "in the middle of a reload") => {
                let at = self.terminated_reload(at);
                let then = self.soon(at + Duration::from_secs(1));
                self.restart(then);
            }
            n => {
                let end = if n == 3 { DaemonChange::Terminate } else { DaemonChange::Kill };
                if self.choices.one_in(3, "in the middle of calls") {
                    self.push(at, Happening::Vpp(VppChange::Stall(Duration::from_secs(3))));
                    let command = self.command();
                    self.push(at, Happening::Operator(command));
                }
                self.push(at, Happening::Daemon(end));
                let then = self.soon(at);
                self.restart(then);
            }
        }
    }

    /// A new process comes into a world that has not waited for it: VPP serves, and some backends are not well.
    fn restart(&mut self, at: Instant) {
        if self.choices.one_in(3, "sick at the restart") {
            let ills = [
                Behaviour::LocalFault("EMFILE"),
                Behaviour::LocalFault("EMFILE"),
                Behaviour::Silent,
                Behaviour::Refuse,
                Behaviour::OneIn(3),
                Behaviour::Up,
            ];
            for address in self.addresses.clone() {
                let behaviour = self.choices.of(&ills, "ill").clone();
                self.push(at, Happening::Backend { who: Who::Address(address), behaviour });
            }
        }
        let config = self.choices.one_in(3, "restarted with another file");
        let config = config.then(|| (*self.choices.of(&NAMES, "restart file")).to_owned());
        self.push(at, Happening::Daemon(DaemonChange::Restart(config)));
        // An operator may be quicker than its first look.
        if self.choices.one_in(3, "disabled at the restart") {
            let then = at + Duration::from_millis(*self.choices.of(&[0, 200, 900], "how soon"));
            let backend = self.site.early_name(self.choices);
            self.push(then, Happening::Operator(Command::Disable { backend }));
        }
    }

    /// The second act begins: VPP is there and quick, backends that are neither dead nor well are well.
    pub(super) fn heal(&mut self, from: Instant) {
        let mut last: BTreeMap<IpAddr, Behaviour> = BTreeMap::new();
        let mut vpp = Vec::new();
        let mut is_running = true;
        for (_, happening) in &self.events {
            match happening {
                Happening::Backend { who: Who::Address(address), behaviour } => {
                    last.insert(*address, behaviour.clone());
                }
                Happening::Vpp(change) => vpp.push(*change),
                Happening::Daemon(DaemonChange::Kill | DaemonChange::Terminate) => is_running = false,
                Happening::Daemon(DaemonChange::Restart(_)) => is_running = true,
                Happening::Backend { .. }
                | Happening::Fault(_)
                | Happening::Foreign(_)
                | Happening::Reload { .. }
                | Happening::ReloadInvalid(_)
                | Happening::Operator(_)
                | Happening::Choices(_)
                | Happening::Daemon(DaemonChange::Stall(_))
                | Happening::Traffic { .. }
                | Happening::Expect(_) => (),
            }
        }
        if !vpp.is_empty() {
            self.events.push((from, Happening::Vpp(VppChange::Up)));
        }
        if vpp.iter().any(|change| matches!(change, VppChange::Slow(_))) {
            self.events.push((from, Happening::Vpp(VppChange::Slow(Duration::ZERO))));
        }
        if !is_running {
            self.events.push((from, Happening::Daemon(DaemonChange::Restart(None))));
        }
        for (address, behaviour) in last {
            let is_plain =
                matches!(behaviour, Behaviour::Up | Behaviour::Refuse | Behaviour::Silent | Behaviour::Down);
            if behaviour != Behaviour::Up && (!is_plain || !self.choices.one_in(3, "stays dead")) {
                let who = Who::Address(address);
                self.events.push((from, Happening::Backend { who, behaviour: Behaviour::Up }));
            }
        }
        // Nobody may have to wait for the one that never comes to rest.
        if self.choices.one_in(10, "one goes on flapping") {
            let who = Who::Address(self.server());
            self.events.push((from, Happening::Backend { who, behaviour: Behaviour::OneIn(2) }));
            // What only a drift check finds has to be found beside it too.
            for _ in 0..3 {
                let write = self.foreign();
                self.events.push((from, Happening::Foreign(write)));
            }
        }
        if self.choices.one_in(3, "last reload") {
            let config = (*self.choices.of(&NAMES, "last file")).to_owned();
            self.events.push((from, Happening::Reload { config, forced: false }));
        }
    }
}
