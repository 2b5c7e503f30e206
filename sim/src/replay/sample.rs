//! A journal of a quiet site, as long as one likes: for benchmarks and tests.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use maglev_core::config::{
    CheckKind, Config, Draft, DraftBackend, DraftCheck, DraftFrontend, DraftPool, DraftProtocol,
};
use maglev_core::input::{Outcome, VppProcess};
use maglev_core::model::{Read, Reply, Request};
use maglev_core::{Action, Engine, Input, Instant};
use maglev_journal::{Entry, Recorder, Run};

use crate::vpp::LbPlugin;

/// How long probes and calls take.
const TOOK: Duration = Duration::from_micros(731);

/// The journal of a daemon that probes `backends` every second for `length`, all of them well and VPP at hand.
pub fn sample(backends: u8, length: Duration) -> Vec<u8> {
    let draft = Arc::new(draft(backends));
    let (config, _) = Config::check(&draft).expect("the draft breaks no rule");
    let mut engine = Engine::new(Arc::new(config), 1, Instant::START);
    let mut recorder = Recorder::new(Run { seed: 1, vpp: true, draft, began: 1_795_430_000 });
    let mut world = World {
        plugin: LbPlugin::new(4_201, 1_795_000_000, Instant::START),
        news: BTreeMap::new(),
        count: 0,
    };
    let mut text = Vec::new();
    recorder.head(None, 0).write(&mut text);
    let mut now = Instant::START;
    while now <= Instant::from_start(length) {
        let input = match world.news.first_entry() {
            Some(news) if news.key().0 <= now => news.remove(),
            Some(_) | None => Input::WakeupDue,
        };
        recorder.hears(&input, now);
        let actions = engine.handle(input, now);
        let (record, check) = recorder.steps(&engine, &actions).expect("no configuration is loaded");
        Entry::Record(Box::new(record)).write(&mut text);
        check.into_iter().for_each(|check| Entry::Check(check).write(&mut text));
        actions.into_iter().for_each(|action| world.act(action, now));
        let news = world.news.first_key_value().map(|((at, _), _)| *at);
        let next = [news, engine.wakeup().map(|(at, _)| at)].into_iter().flatten().min();
        now = next.map_or(now + TOOK, |at| at.max(now));
    }
    text
}

fn draft(backends: u8) -> Draft {
    let mut check = DraftCheck::new(CheckKind::Tcp { port: 80, tls: None });
    check.interval = Duration::from_secs(1);
    let backend = |n: u8| DraftBackend {
        address: IpAddr::from([10, 0, 0, n]),
        healthcheck: Some("tcp".to_owned()),
        enabled: true,
    };
    let name = |n: u8| format!("backend-{n}");
    let mut draft = Draft {
        healthchecks: vec![("tcp".to_owned(), check)],
        backends: (1..=backends).map(|n| (name(n), backend(n))).collect(),
        frontends: vec![(
            "www".to_owned(),
            DraftFrontend {
                description: String::new(),
                address: IpAddr::from([192, 0, 2, 1]),
                protocol: Some(DraftProtocol::Tcp),
                port: 80,
                src_ip_sticky: false,
                flush_on_down: true,
                pools: vec![DraftPool {
                    name: "primary".to_owned(),
                    backends: (1..=backends).map(|n| (name(n), 100)).collect(),
                }],
            },
        )],
        ..Draft::default()
    };
    draft.lb.ipv4_src_address = Some(Ipv4Addr::new(10, 9, 9, 9));
    draft.lb.ipv6_src_address = Some(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9));
    draft
}

/// Answers everything after the same while.
struct World {
    plugin: LbPlugin,
    news: BTreeMap<(Instant, u64), Input>,
    count: u64,
}

impl World {
    fn act(&mut self, action: Action, now: Instant) {
        let input = match action {
            Action::StartProbe(order) => {
                Input::ProbeFinished { probe: order.probe, outcome: Outcome::Pass, took: TOOK }
            }
            Action::Connect(connection) => {
                let vpp = VppProcess { version: "26.10".to_owned(), pid: 4_201, boot_time: 1_795_000_000 };
                Input::VppConnected { connection, vpp }
            }
            Action::Call { connection, call, request } => {
                Input::VppReplied { connection, call, reply: self.reply(&request, now) }
            }
            Action::CancelProbe(_)
            | Action::Disconnect(_)
            | Action::Tell(_)
            | Action::Keep(_)
            | Action::Answer { .. }
            | Action::Exit => return,
        };
        self.count += 1;
        self.news.insert((now + TOOK, self.count), input);
    }

    fn reply(&mut self, request: &Request, now: Instant) -> Reply {
        match request {
            Request::Write(write) => match self.plugin.write(write, now) {
                Ok(0) => Reply::Done,
                Ok(retval) => Reply::Refused(retval),
                Err(crash) => panic!("{crash}"),
            },
            Request::Read(Read::Ping) => Reply::Done,
            Request::Read(Read::Conf) => Reply::Conf(self.plugin.conf()),
            Request::Read(Read::Vips) => Reply::Vips(self.plugin.vips()),
            Request::Read(Read::Servers(vip)) => Reply::Servers(self.plugin.servers(*vip)),
            Request::Read(Read::Verbose) => {
                Reply::Sticky(self.plugin.vips().iter().map(|row| (row.vip, false)).collect())
            }
        }
    }
}
