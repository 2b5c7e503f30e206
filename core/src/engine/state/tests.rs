//! The state as data: an engine that was written down and read back goes on as if nothing had happened.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use super::*;
use crate::action::Action;
use crate::config::{CheckKind, Draft, DraftBackend, DraftCheck, DraftFrontend, DraftPool};
use crate::digest::tests::Words;
use crate::input::{
    Author, Command, Disconnect, FailCode, Failure, Input, LocalFault, Outcome, RequestId, VppProcess,
};
use crate::model::{LbConf, Read, Reply, Request};

const IPV4: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 9);
const IPV6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9);

/// `frontends` frontends over five backends, no warm-up.
fn config(frontends: u16) -> Arc<Config> {
    let backend = |n: u8| DraftBackend {
        address: IpAddr::from([10, 0, 0, n]),
        healthcheck: Some("c".into()),
        enabled: true,
    };
    let frontend = |n: u16| DraftFrontend {
        description: "for people".into(),
        address: IpAddr::from([192, 0, 2, 1]),
        protocol: Some(crate::config::DraftProtocol::Tcp),
        port: n,
        src_ip_sticky: false,
        flush_on_down: n.is_multiple_of(2),
        pools: alloc::vec![DraftPool {
            name: "p".into(),
            backends: (1..=5).map(|n| (alloc::format!("b{n}"), 100)).collect(),
        }],
    };
    let mut draft = Draft {
        healthchecks: alloc::vec![("c".into(), DraftCheck::new(CheckKind::Tcp { port: 80, tls: None }))],
        backends: (1..=5).map(|n| (alloc::format!("b{n}"), backend(n))).collect(),
        frontends: (1..=frontends).map(|n| (alloc::format!("f{n}"), frontend(n))).collect(),
        ..Draft::default()
    };
    draft.lb.ipv4_src_address = Some(IPV4);
    draft.lb.ipv6_src_address = Some(IPV6);
    draft.lb.startup_min_delay = Duration::ZERO;
    draft.lb.startup_max_delay = Duration::ZERO;
    let (config, _) = Config::check(&draft).expect("the draft breaks no rule");
    Arc::new(config)
}

/// An engine, and what its world has not told it yet.
#[derive(Clone)]
struct Story {
    engine: Engine,
    now: Instant,
    news: VecDeque<Input>,
    steps: u64,
}

impl Story {
    fn new(frontends: u16, start: Instant) -> Self {
        let engine = Engine::new(config(frontends), 7, start);
        Self { engine, now: start, news: VecDeque::new(), steps: 0 }
    }

    /// The next news, or the next deadline.
    fn step(&mut self) -> Vec<Action> {
        self.steps += 1;
        let request = RequestId(self.steps);
        let command = |command| Input::Commanded { request, command, by: Author::default(), based_on: None };
        match self.steps {
            100 => self.news.push_back(command(Command::Pause { backend: "b1".into() })),
            140 => self.news.push_back(command(Command::Disable { backend: "b2".into() })),
            160 => self.news.push_back(command(Command::Resume { backend: "b1".into() })),
            200 => self.news.push_back(command(Command::Enable { backend: "b2".into() })),
            _ => (),
        }
        let input = self.news.pop_front().unwrap_or_else(|| {
            self.now = self.engine.wakeup().map_or(self.now, |(at, _)| at.max(self.now));
            Input::WakeupDue
        });
        let actions = self.engine.handle(input, self.now);
        for action in &actions {
            self.news.extend(self.answer(action));
        }
        actions
    }

    fn answer(&self, action: &Action) -> Option<Input> {
        Some(match action {
            Action::StartProbe(order) => {
                let outcome = match order.probe.number {
                    n if n % 31 == 0 => Outcome::Inconclusive(LocalFault::Errno("EMFILE")),
                    n if n / 40 % 3 == 1 => {
                        Outcome::Fail(Failure { code: FailCode::L4Con, detail: "refused".into() })
                    }
                    _ => Outcome::Pass,
                };
                Input::ProbeFinished { probe: order.probe, outcome, took: Duration::ZERO }
            }
            Action::CancelProbe(_)
            | Action::Disconnect(_)
            | Action::Tell(_)
            | Action::Keep(_)
            | Action::Answer { .. }
            | Action::Exit => {
                return None;
            }
            Action::Connect(connection) => {
                let vpp = VppProcess { version: "26.10".into(), pid: connection.0, boot_time: 1 };
                Input::VppConnected { connection: *connection, vpp }
            }
            Action::Call { connection, call, .. } if call.0 % 97 == 0 => {
                Input::VppDisconnected { connection: *connection, why: Disconnect::Link("died".into()) }
            }
            Action::Call { connection, call, request } => {
                let reply = match request {
                    Request::Write(_) if call.0 % 13 == 0 => Reply::Refused(-1),
                    Request::Write(_) | Request::Read(Read::Ping) => Reply::Done,
                    Request::Read(Read::Conf) => Reply::Conf(LbConf {
                        ip4_source: IPV4,
                        ip6_source: IPV6,
                        sticky_buckets: 1,
                        flow_timeout_secs: 40,
                    }),
                    Request::Read(Read::Vips) => Reply::Vips(Vec::new()),
                    Request::Read(Read::Servers(_)) => Reply::Servers(Vec::new()),
                    Request::Read(Read::Verbose) => Reply::Sticky(Vec::new()),
                };
                Input::VppReplied { connection: *connection, call: *call, reply }
            }
        })
    }
}

fn digests(engine: &Engine, now: Instant) -> (u64, u64) {
    let (mut exact, mut rough) = (Words::default(), Words::default());
    engine.digest(&mut exact);
    engine.digest_abstract(now, &mut rough);
    (exact.finish(), rough.finish())
}

#[test]
fn an_engine_that_is_read_back_at_every_step_acts_the_same() {
    let mut story = Story::new(4, Instant::START);
    let mut copy = story.clone();
    for step in 0..3_000 {
        let bytes = postcard::to_extend(&copy.engine, Vec::new()).expect("an engine is data");
        copy.engine = postcard::from_bytes(&bytes).expect("what was written is read");
        assert_eq!(story.step(), copy.step(), "step {step}");
        assert_eq!(digests(&story.engine, story.now), digests(&copy.engine, copy.now), "step {step}");
    }
    assert!(story.now > Instant::from_start(Duration::from_secs(60)), "it came a long way: {}", story.now);
}

#[test]
fn the_earliest_of_all_armed_deadlines_is_the_next_wakeup() {
    let mut story = Story::new(4, Instant::START);
    for step in 0..3_000 {
        assert_eq!(story.engine.deadlines().min(), story.engine.wakeup(), "step {step}");
        story.step();
    }
    let before = story.engine.deadlines().count();
    assert!((6..20).contains(&before), "{before}: one per backend, and the conversation's");
    let _ = story.engine.handle(Input::ShutdownRequested, story.now);
    assert_eq!(story.engine.deadlines().min(), story.engine.wakeup());
}

#[test]
fn a_run_that_begins_later_is_another_state_but_the_same_abstract_one() {
    let mut early = Story::new(4, Instant::START);
    let mut late = Story::new(4, Instant::from_start(Duration::from_secs(10)));
    for step in 0..3_000 {
        early.step();
        late.step();
        let (early, late) = (digests(&early.engine, early.now), digests(&late.engine, late.now));
        assert_ne!(early.0, late.0, "step {step}");
        assert_eq!(early.1, late.1, "step {step}");
    }
}

#[test]
fn a_count_changes_the_digest_alone_and_a_verdict_the_abstract_one_too() {
    let mut story = Story::new(2, Instant::START);
    (0..50).for_each(|_| drop(story.step()));
    let before = digests(&story.engine, story.now);
    let mut counted = story.engine.clone();
    counted.next_probe += 1;
    let after = digests(&counted, story.now);
    assert_ne!(before.0, after.0);
    assert_eq!(before.1, after.1);
    let mut judged = story.engine.clone();
    judged.slot_mut(0).expect("it has five").health.record(false);
    let after = digests(&judged, story.now);
    assert_ne!(before.0, after.0);
    assert_ne!(before.1, after.1);
}

#[test]
fn whoever_is_due_first_makes_another_abstract_state_but_how_much_earlier_does_not() {
    let story = Story::new(1, Instant::START);
    let rough = |due: [u64; 2]| {
        let mut engine = story.engine.clone();
        for (slot, due) in (0u32..).zip(due) {
            let backend = engine.slots[slot as usize].as_mut().expect("it has five");
            let due = Some(Instant::from_start(Duration::from_millis(due)));
            engine.schedule.set(slot, backend.due, due);
            backend.due = due;
        }
        digests(&engine, story.now).1
    };
    assert_eq!(rough([2_000, 3_000]), rough([2_000, 9_000]));
    assert_ne!(rough([2_000, 3_000]), rough([3_000, 2_000]));
    assert_ne!(rough([2_000, 3_000]), rough([3_000, 3_000]));
}
