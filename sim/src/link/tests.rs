//! The link as `vpp-api.md` section 1.8 tells it.

use maglev_core::model::{Encap, Prefix, Protocol, Read, VipKey};

use super::*;

const ONE: ConnectionId = ConnectionId(1);
const TWO: ConnectionId = ConnectionId(2);

fn at(millis: u64) -> Instant {
    Instant::from_start(Duration::from_millis(millis))
}

fn vip(last: u8) -> VipKey {
    VipKey { prefix: Prefix::host([192, 0, 2, last].into()), protocol: Protocol::TCP, port: 80 }
}

fn add(last: u8) -> Request {
    let (encap, table_length) = (Encap::Gre4, 1024);
    Request::Write(Write::AddVip { vip: vip(last), encap, table_length, src_ip_sticky: false })
}

/// A link whose first connection is up at 10 ms.
fn connected(seed: u64) -> Link {
    let mut link = Link::new(seed, Options::default(), Instant::START);
    link.connect(ONE, at(1));
    let heard = link.heard(at(10));
    assert!(matches!(heard[..], [Input::VppConnected { connection: ONE, .. }]), "{heard:?}");
    link
}

/// Sends VIPs 1 to `n` at 10 ms.
fn send(link: &mut Link, n: u8) {
    for last in 1..=n {
        link.call(ONE, CallId(last.into()), add(last), at(10));
    }
}

fn words(link: &mut Link, millis: u64) -> Vec<String> {
    link.heard(at(millis)).iter().map(ToString::to_string).collect()
}

#[test]
fn calls_are_answered_in_order_and_take_time() {
    let mut link = connected(1);
    send(&mut link, 2);
    assert_eq!(link.in_flight(), 2);
    assert!(words(&mut link, 10).is_empty());
    assert_eq!(words(&mut link, 20), ["reply to call 1: ok", "reply to call 2: ok"]);
    link.call(ONE, CallId(3), Request::Read(Read::Vips), at(20));
    assert_eq!(words(&mut link, 30), ["reply to call 3: 2 VIPs"]);
    assert_eq!(link.tally(), Tally { writes: 2, ..Tally::default() });
    assert_eq!(link.wakeup(), None);
}

#[test]
fn a_slow_vpp_serves_one_call_after_the_other() {
    let mut link = connected(1);
    link.change(VppChange::Slow(Duration::from_millis(200)), at(10));
    send(&mut link, 2);
    assert_eq!(words(&mut link, 250), ["reply to call 1: ok"]);
    link.change(VppChange::Stall(Duration::from_secs(3)), at(300));
    assert!(words(&mut link, 3_299).is_empty());
    assert_eq!(words(&mut link, 3_301), ["reply to call 2: ok"]);
}

/// Ordinals count from the moment a fault is armed, and only the calls they are about.
#[test]
fn faults_strike_the_call_of_their_ordinal() {
    let mut link = connected(1);
    let fault = |nth, kind| Fault { nth, calls: Calls::Writes, kind };
    link.arm(fault(2, FaultKind::Refuse(-81)));
    link.arm(fault(3, FaultKind::LoseReply));
    link.call(ONE, CallId(0), Request::Read(Read::Ping), at(10));
    send(&mut link, 4);
    let heard = words(&mut link, 20);
    assert_eq!(
        heard[1..3],
        ["reply to call 1: ok", "reply to call 2: refused -81 (exists already, or is in the way)"]
    );
    assert_eq!(heard[3..], ["reply to call 4: ok"]);
    let vips: Vec<_> = link.plugin().unwrap().vips().iter().map(|row| row.vip).collect();
    assert_eq!(vips, [vip(1), vip(3), vip(4)], "the second was refused, the third executed");
    let said = link.take_notes();
    assert_eq!(said.iter().filter(|(_, note)| matches!(note, Note::ReplyLost(_))).count(), 1);
}

/// A call that dies with its link is not counted, so the second restart strikes the call that it names.
#[test]
fn ordinals_count_what_is_executed() {
    let mut link = connected(1);
    let restart = |nth| Fault { nth, calls: Calls::Writes, kind: FaultKind::RestartAfter };
    link.arm(restart(2));
    link.arm(restart(4));
    send(&mut link, 3);
    assert_eq!(words(&mut link, 20), ["reply to call 1: ok", "disconnected #1: connection reset by peer"]);
    link.connect(TWO, at(20));
    words(&mut link, 30);
    for n in 1..=2 {
        link.call(TWO, CallId(10 + n), add(n as u8), at(30));
    }
    assert_eq!(words(&mut link, 40), ["reply to call 11: ok", "disconnected #2: closed by VPP"]);
}

#[test]
fn a_delayed_reply_delays_those_behind_it() {
    let mut link = connected(1);
    link.arm(Fault { nth: 1, calls: Calls::All, kind: FaultKind::DelayReply(Duration::from_secs(6)) });
    send(&mut link, 2);
    assert!(words(&mut link, 6_000).is_empty());
    assert_eq!(words(&mut link, 6_020).len(), 2);
}

/// Of the calls that were sent and not read at most one reading is executed, before the next connection is served.
#[test]
fn unread_calls_may_still_execute_before_the_next_connection() {
    let mut executed = Vec::new();
    for seed in 0..20 {
        let mut link = connected(seed);
        send(&mut link, 100);
        link.change(VppChange::DropLink, at(10));
        assert_eq!(words(&mut link, 11), ["disconnected #1: connection reset by peer"]);
        link.connect(TWO, at(11));
        assert!(words(&mut link, 50)[0].starts_with("connected #2"));
        let n = link.plugin().unwrap().vips().len();
        assert_eq!(link.take_notes().len(), n);
        link.call(TWO, CallId(200), Request::Read(Read::Vips), at(50));
        assert_eq!(words(&mut link, 60), [format!("reply to call 200: {n} VIPs")]);
        executed.push(n);
    }
    assert!(executed.iter().all(|n| *n <= 62), "{executed:?}");
    assert!(executed.iter().any(|n| *n > 0), "{executed:?}");
}

/// What is answered before the end is heard before the end; what the engine let go is not heard at all.
#[test]
fn replies_on_their_way_arrive_before_the_end() {
    let mut link = connected(1);
    link.arm(Fault { nth: 2, calls: Calls::Writes, kind: FaultKind::DropLinkAfter });
    send(&mut link, 3);
    let heard = words(&mut link, 20);
    assert_eq!(heard, ["reply to call 1: ok", "disconnected #1: connection reset by peer"]);

    let mut link = connected(1);
    send(&mut link, 3);
    link.disconnect(ONE, at(10));
    assert!(words(&mut link, 1_000).is_empty());
    link.call(ONE, CallId(9), add(9), at(1_000));
    assert!(words(&mut link, 2_000).is_empty(), "a call on an ended connection is lost");
}

#[test]
fn a_restart_loses_the_tables_and_changes_the_pid() {
    let mut link = connected(1);
    send(&mut link, 1);
    words(&mut link, 20);
    link.change(VppChange::Restart, at(5_000));
    assert_eq!(words(&mut link, 5_010), ["disconnected #1: closed by VPP"]);
    link.connect(TWO, at(5_010));
    assert_eq!(words(&mut link, 5_020), ["connected #2 to VPP 26.10-sim pid 1002"]);
    assert!(link.plugin().unwrap().vips().is_empty());
}

/// Away keeps the tables; absent does not; without the plugin the connection is refused for what is missing.
#[test]
fn vpp_may_be_away_absent_or_without_the_plugin() {
    let mut link = connected(1);
    send(&mut link, 1);
    words(&mut link, 20);
    link.change(VppChange::Away, at(30));
    words(&mut link, 40);
    link.connect(TWO, at(40));
    assert_eq!(words(&mut link, 50), ["disconnected #2: connection refused"]);
    link.change(VppChange::Up, at(60));
    link.connect(TWO, at(60));
    assert_eq!(words(&mut link, 70), ["connected #2 to VPP 26.10-sim pid 1001"]);
    assert_eq!(link.plugin().unwrap().vips().len(), 1);

    link.change(VppChange::NoPlugin, at(80));
    words(&mut link, 90);
    link.connect(TWO, at(90));
    let heard = link.heard(at(100));
    let why =
        |input: &Input| matches!(input, Input::VppDisconnected { why: Disconnect::Incompatible(_), .. });
    assert!(heard.iter().all(why), "{heard:?}");
    link.change(VppChange::Up, at(110));
    assert!(link.plugin().unwrap().vips().is_empty());
}

#[test]
fn what_would_kill_vpp_is_not_sent_and_a_stranger_may_send_it() {
    let mut link = connected(1);
    let killer = Write::AddVip { vip: vip(1), encap: Encap::Gre4, table_length: 0, src_ip_sticky: false };
    link.call(ONE, CallId(1), Request::Write(killer.clone()), at(10));
    assert!(words(&mut link, 10)[0].starts_with("reply to call 1: not sent"));
    assert_eq!((link.tally().not_sent, link.tally().crashes), (1, 0));
    assert_eq!(link.foreign(&killer, at(20)), None);
    assert_eq!(words(&mut link, 30), ["disconnected #1: closed by VPP"]);
    assert_eq!(link.tally().crashes, 1);
}
