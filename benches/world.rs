//! An engine in a world that answers at once: probes end when they begin, VPP holds what it is told.
//!
//! Time is simulated, so minutes of probing take seconds; what is timed is each single turn of the engine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use maglev_core::config::{
    CheckKind, Config, Draft, DraftBackend, DraftCheck, DraftFrontend, DraftPool, DraftProtocol,
};
use maglev_core::input::{FailCode, Failure, Outcome, VppProcess};
use maglev_core::model::{Encap, LbConf, Read, Reply, Request, ServerRow, VipKey, VipRow, Weight, Write};
use maglev_core::{Action, Clock, Engine, Event, Input, Instant};
use maglevd::clock::SystemClock;

use crate::table::Times;

/// The shape of a configuration.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many backends.
    pub backends: usize,
    /// How many frontends.
    pub frontends: usize,
    /// Backends in each frontend; they overlap when there are not enough for all.
    pub each: usize,
}

impl Shape {
    /// A draft of this shape: tcp checks every 2s, every 500ms while in doubt; no warm-up.
    pub fn draft(self) -> Draft {
        let mut draft = Draft::default();
        draft.lb.ipv4_src_address = Some(Ipv4Addr::new(192, 0, 2, 1));
        draft.lb.ipv6_src_address = Some("2001:db8::1".parse().expect("an address"));
        draft.lb.startup_min_delay = Duration::ZERO;
        draft.lb.startup_max_delay = Duration::ZERO;
        let mut check = DraftCheck::new(CheckKind::Tcp { port: 80, tls: None });
        check.fast_interval = Some(Duration::from_millis(500));
        draft.healthchecks = vec![("tcp".into(), check)];
        draft.backends = (0..self.backends).map(|n| (backend_name(n), backend(backend_address(n)))).collect();
        draft.frontends = (0..self.frontends).map(|n| self.frontend(n)).collect();
        draft
    }

    fn frontend(self, n: usize) -> (String, DraftFrontend) {
        let members = (0..self.each).map(|m| (backend_name((n * self.each + m) % self.backends), 100));
        let frontend = DraftFrontend {
            description: String::new(),
            address: Ipv4Addr::new(203, 0, 113, (n / 10) as u8).into(),
            protocol: Some(DraftProtocol::Tcp),
            port: 8_000 + (n % 10) as u16,
            src_ip_sticky: false,
            flush_on_down: true,
            pools: vec![DraftPool { name: "primary".into(), backends: members.collect() }],
        };
        (format!("f{n:04}"), frontend)
    }
}

fn backend_name(n: usize) -> String {
    format!("b{n:05}")
}

/// The address of the backend with this number.
pub fn backend_address(n: usize) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + n as u32 + 1).into()
}

fn backend(address: IpAddr) -> DraftBackend {
    DraftBackend { address, healthcheck: Some("tcp".into()), enabled: true }
}

/// The draft, checked.
pub fn checked(draft: &Draft) -> Arc<Config> {
    Arc::new(Config::check(draft).expect("the draft breaks no rule").0)
}

/// What the turns took, by what they were.
#[derive(Debug, Default)]
pub struct Spent {
    /// A probe's result that changed no state.
    pub quiet: Times,
    /// A probe's result that changed a backend's state.
    pub transition: Times,
    /// A due time: probes begin.
    pub wakeup: Times,
    /// A call's reply.
    pub reply: Times,
}

/// An engine and its world.
#[derive(Debug)]
pub struct World {
    engine: Engine,
    now: Instant,
    vpp: Vpp,
    inbox: VecDeque<Input>,
    stopwatch: SystemClock,
    /// Backends that fail their probes.
    pub failing: BTreeSet<IpAddr>,
    /// Since this was last taken.
    pub spent: Spent,
    /// Calls that changed VPP.
    pub writes: usize,
}

impl World {
    /// A world that has come to rest: every backend is up, and VPP holds it.
    pub fn at_rest(config: Arc<Config>) -> Self {
        let mut world = Self {
            engine: Engine::new(config, 1, Instant::START),
            now: Instant::START,
            vpp: Vpp::default(),
            inbox: VecDeque::new(),
            stopwatch: SystemClock::start(),
            failing: BTreeSet::new(),
            spent: Spent::default(),
            writes: 0,
        };
        world.run_for(Duration::from_secs(6));
        assert!(world.engine.view().in_sync, "the world does not come to rest");
        world.spent = Spent::default();
        world
    }

    /// Lets simulated time pass.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        self.settle();
        while let Some((at, _)) = self.engine.wakeup().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            let (took, _) = self.turn(Input::WakeupDue);
            self.spent.wakeup.add(took);
            self.settle();
        }
        self.now = until;
    }

    /// Handles all that waits in the inbox, without letting time pass. Returns what the engine took for it.
    pub fn settle(&mut self) -> Duration {
        let mut all = Duration::ZERO;
        while let Some(input) = self.inbox.pop_front() {
            let is_probe = matches!(input, Input::ProbeFinished { .. });
            let (took, moved) = self.turn(input);
            all += took;
            match (is_probe, moved) {
                (true, true) => self.spent.transition.add(took),
                (true, false) => self.spent.quiet.add(took),
                (false, _) => self.spent.reply.add(took),
            }
        }
        all
    }

    /// One turn of the engine: what it took, and whether a backend changed its state.
    pub fn turn(&mut self, input: Input) -> (Duration, bool) {
        let began = self.stopwatch.now();
        let actions = self.engine.handle(input, self.now);
        let took = self.stopwatch.now().since(began);
        let mut moved = false;
        for action in actions {
            moved |=
                matches!(&action, Action::Tell(event) if matches!(**event, Event::BackendTransition { .. }));
            self.obey(action);
        }
        (took, moved)
    }

    fn obey(&mut self, action: Action) {
        match action {
            Action::StartProbe(order) => {
                let outcome = if self.failing.contains(&order.address) { refused() } else { Outcome::Pass };
                let took = Duration::from_millis(1);
                self.inbox.push_back(Input::ProbeFinished { probe: order.probe, outcome, took });
            }
            Action::Connect(connection) => {
                let vpp = VppProcess { version: "26.10".into(), pid: 1, boot_time: 1 };
                self.inbox.push_back(Input::VppConnected { connection, vpp });
            }
            Action::Call { connection, call, request } => {
                self.writes += usize::from(matches!(request, Request::Write(_)));
                let reply = self.vpp.answer(&request);
                self.inbox.push_back(Input::VppReplied { connection, call, reply });
            }
            Action::Disconnect(_) => panic!("the engine hangs up"),
            Action::CancelProbe(_)
            | Action::Keep(_)
            | Action::Tell(_)
            | Action::Answer { .. }
            | Action::Exit => (),
        }
    }
}

fn refused() -> Outcome {
    Outcome::Fail(Failure { code: FailCode::L4Con, detail: "connection refused".into() })
}

/// Holds what it is told and never refuses.
#[derive(Debug, Default)]
struct Vpp {
    conf: Option<LbConf>,
    vips: BTreeMap<VipKey, Vip>,
}

#[derive(Debug)]
struct Vip {
    encap: Encap,
    table_length: u32,
    servers: BTreeMap<IpAddr, Weight>,
}

impl Vpp {
    fn answer(&mut self, request: &Request) -> Reply {
        match request {
            Request::Write(write) => {
                self.write(write);
                Reply::Done
            }
            Request::Read(Read::Ping) => Reply::Done,
            Request::Read(Read::Conf) => Reply::Conf(self.conf.unwrap_or(LbConf {
                ip4_source: Ipv4Addr::BROADCAST,
                ip6_source: [0xff; 16].into(),
                sticky_buckets: 1_024,
                flow_timeout_secs: 40,
            })),
            Request::Read(Read::Vips) => Reply::Vips(self.vip_rows()),
            Request::Read(Read::Servers(of)) => Reply::Servers(self.server_rows(*of)),
            Request::Read(Read::Verbose) => {
                Reply::Sticky(self.vips.keys().map(|vip| (*vip, false)).collect())
            }
        }
    }

    fn write(&mut self, write: &Write) {
        match *write {
            Write::SetConf(conf) => self.conf = Some(conf),
            Write::AddVip { vip, encap, table_length, .. } => {
                self.vips.insert(vip, Vip { encap, table_length, servers: BTreeMap::new() });
            }
            Write::DelVip { vip } => {
                self.vips.remove(&vip);
            }
            Write::AddAs { vip, server, weight } | Write::SetWeight { vip, server, weight, .. } => {
                if let Some(vip) = self.vips.get_mut(&vip) {
                    vip.servers.insert(server, weight);
                }
            }
            Write::DelAs { vip, server, .. } => {
                if let Some(vip) = self.vips.get_mut(&vip) {
                    vip.servers.remove(&server);
                }
            }
            Write::FlushVip { .. } => (),
        }
    }

    fn vip_rows(&self) -> Vec<VipRow> {
        let rows = self.vips.iter().map(|(key, vip)| VipRow {
            vip: *key,
            encap: vip.encap,
            table_length: u16::try_from(vip.table_length).unwrap_or(0),
        });
        rows.collect()
    }

    fn server_rows(&self, of: Option<VipKey>) -> Vec<ServerRow> {
        let mut rows = Vec::new();
        for (key, vip) in self.vips.iter().filter(|(key, _)| of.is_none_or(|of| of == **key)) {
            let servers = vip.servers.iter();
            rows.extend(servers.map(|(server, weight)| ServerRow {
                vip: *key,
                server: *server,
                used: true,
                weight: *weight,
                buckets: 0,
            }));
        }
        rows
    }
}
