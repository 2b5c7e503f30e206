//! The stages of one VIP, as a pure function of what is wanted and what VPP holds.

use alloc::string::{String, ToString};

use super::*;
use crate::model::{Prefix, Protocol};

fn vip() -> VipKey {
    VipKey { prefix: Prefix::host(IpAddr::from([192, 0, 2, 1])), protocol: Protocol::TCP, port: 80 }
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn want(servers: &[(u8, u8, Wish)]) -> Want {
    let server = |(last, weight, wish): &(u8, u8, Wish)| Server {
        address: address(*last),
        weight: Weight::seen(*weight),
        wish: *wish,
        keeps_flows: false,
        is_dead: wish.is_flush(),
    };
    let servers = servers.iter().map(server).collect();
    Want { vip: vip(), encap: Encap::Gre4, src_ip_sticky: false, table_length: 16_384, servers }
}

fn seen(servers: &[(u8, u8)]) -> Seen {
    let servers = servers.iter().map(|(last, weight)| (address(*last), Weight::seen(*weight))).collect();
    Seen { encap: Encap::Gre4, table_length: 16_384, servers }
}

struct Case {
    want: Want,
    seen: Option<Seen>,
    debts: Debts,
    flush_vip: bool,
    flushes_wait: bool,
    refused: Option<BTreeSet<IpAddr>>,
    room: usize,
}

fn case(want: Want, seen: Option<Seen>) -> Case {
    let mut debts = Debts::new();
    if let Some(seen) = &seen {
        settle(&mut debts, &want, Some(seen), seen, true);
    }
    Case { want, seen, debts, flush_vip: false, flushes_wait: false, refused: None, room: 64 }
}

impl Case {
    fn facts(&self) -> Facts<'_> {
        Facts {
            want: &self.want,
            acked: self.seen.as_ref(),
            expected: self.seen.as_ref(),
            debts: &self.debts,
            flush_vip: self.flush_vip,
            flushes_wait: self.flushes_wait,
            refused: self.refused.as_ref(),
            room: self.room,
        }
    }

    fn next(&self) -> (Option<Stage>, Vec<String>) {
        match next(&self.facts()) {
            Some((stage, calls)) => (Some(stage), calls.iter().map(ToString::to_string).collect()),
            None => (None, Vec::new()),
        }
    }
}

use Wish::{FlushDisabled, FlushDown, Keep};

#[test]
fn a_missing_vip_is_created_before_anything_else() {
    let (stage, calls) = case(want(&[(1, 100, Keep)]), None).next();
    assert_eq!(stage, Some(Stage::Create));
    assert_eq!(calls, ["add-vip 192.0.2.1 tcp/80 gre4 length 16384"]);
}

#[test]
fn newcomers_and_raises_go_before_lowering_and_surplus() {
    let wanted = want(&[(1, 100, Keep), (2, 50, Keep), (3, 0, FlushDown)]);
    let mut case = case(wanted, Some(seen(&[(2, 10), (3, 100), (4, 7)])));
    assert_eq!(
        case.next(),
        (
            Some(Stage::Raise),
            alloc::vec![
                "add-as 192.0.2.1 tcp/80 10.0.0.1 weight 100".into(),
                "set-weight 192.0.2.1 tcp/80 10.0.0.2 weight 50".into(),
            ]
        )
    );
    case.seen = Some(seen(&[(1, 100), (2, 50), (3, 100), (4, 7)]));
    let lowered = alloc::vec!["set-weight 192.0.2.1 tcp/80 10.0.0.3 weight 0 flush".into()];
    assert_eq!(case.next(), (Some(Stage::Lower), lowered));
    case.seen = Some(seen(&[(1, 100), (2, 50), (3, 0), (4, 7)]));
    case.debts.clear();
    assert_eq!(
        case.next(),
        (Some(Stage::Remove), alloc::vec!["del-as 192.0.2.1 tcp/80 10.0.0.4 flush".into()])
    );
    case.seen = Some(seen(&[(1, 100), (2, 50), (3, 0)]));
    assert_eq!(case.next(), (None, Vec::new()));
}

#[test]
fn the_vip_is_flushed_after_its_last_raise_and_before_anything_is_lowered() {
    let mut case = case(want(&[(1, 100, Keep), (2, 0, FlushDisabled)]), Some(seen(&[(1, 100), (2, 9)])));
    case.flush_vip = true;
    assert_eq!(case.next(), (Some(Stage::FlushVip), alloc::vec!["flush-vip 192.0.2.1 tcp/80".into()]));
}

#[test]
fn a_flush_for_down_waits_while_the_vip_has_no_positive_weight() {
    let mut case = case(want(&[(1, 0, FlushDown), (2, 0, FlushDisabled)]), Some(seen(&[(1, 5), (2, 5)])));
    assert_eq!(
        case.next().1,
        [
            "set-weight 192.0.2.1 tcp/80 10.0.0.1 weight 0",
            "set-weight 192.0.2.1 tcp/80 10.0.0.2 weight 0 flush"
        ]
    );
    case.seen = Some(seen(&[(1, 0), (2, 0)]));
    case.debts.remove(&address(2));
    assert_eq!(case.next().1, Vec::<String>::new(), "owed, and waiting");
    case.want = want(&[(1, 0, FlushDown), (2, 40, Keep)]);
    case.seen = Some(seen(&[(1, 0), (2, 40)]));
    assert_eq!(case.next().1, ["set-weight 192.0.2.1 tcp/80 10.0.0.1 weight 0 flush"]);
}

#[test]
fn what_vpp_held_at_zero_before_us_is_not_flushed_again() {
    let case = case(want(&[(1, 100, Keep), (2, 0, FlushDown)]), Some(seen(&[(1, 100), (2, 0)])));
    assert_eq!(case.next(), (None, Vec::new()));
}

#[test]
fn many_flushes_let_the_weights_go_first() {
    let mut case = case(want(&[(1, 100, Keep), (2, 0, FlushDown)]), Some(seen(&[(1, 100), (2, 9), (3, 1)])));
    case.flushes_wait = true;
    assert_eq!(case.next().1, ["set-weight 192.0.2.1 tcp/80 10.0.0.2 weight 0"]);
    case.seen = Some(seen(&[(1, 100), (2, 0), (3, 1)]));
    assert_eq!(case.next(), (None, Vec::new()));
    assert_eq!(flushes_due(&case.facts()), 2);
    let (_, call) = next_flush(&case.facts()).expect("two flushes are due");
    assert_eq!(call.to_string(), "set-weight 192.0.2.1 tcp/80 10.0.0.2 weight 0 flush");
    case.debts.clear();
    let (_, call) = next_flush(&case.facts()).expect("one flush is due");
    assert_eq!(call.to_string(), "del-as 192.0.2.1 tcp/80 10.0.0.3 flush");
}

#[test]
fn a_death_does_not_wait_for_a_stage_that_is_larger_than_the_window() {
    let newcomers: Vec<(u8, u8, Wish)> = [(1, 100, Keep), (2, 0, FlushDown)]
        .into_iter()
        .chain((3..=80).map(|last| (last, 100, Keep)))
        .collect();
    let mut case = case(want(&newcomers), Some(seen(&[(1, 100), (2, 100)])));
    let urgent = alloc::vec!["set-weight 192.0.2.1 tcp/80 10.0.0.2 weight 0 flush".into()];
    assert_eq!(case.next(), (Some(Stage::Urgent), urgent));
    case.room = 100;
    assert_eq!(case.next().0, Some(Stage::Raise), "a stage that fits keeps its place");
    case.room = 10;
    case.seen = Some(seen(&[(1, 0), (2, 100)]));
    assert_eq!(case.next().0, Some(Stage::Raise), "the last positive weight stays until another is there");
}

#[test]
fn a_refused_attempt_lowers_the_dead_and_nothing_else() {
    let wanted = want(&[(1, 100, Keep), (2, 0, FlushDown), (3, 100, Keep), (4, 0, FlushDown), (5, 0, Keep)]);
    let mut case = case(wanted, Some(seen(&[(1, 100), (2, 100), (4, 9), (5, 9), (6, 9)])));
    case.refused = Some(BTreeSet::from([address(3), address(4)]));
    let urgent = alloc::vec!["set-weight 192.0.2.1 tcp/80 10.0.0.2 weight 0 flush".into()];
    assert_eq!(case.next(), (Some(Stage::Urgent), urgent));
    case.seen = Some(seen(&[(2, 100)]));
    assert_eq!(case.next(), (None, Vec::new()), "the last server of a VIP is not taken away");
}

#[test]
fn edges_are_owed_once_and_lapse_with_the_wish() {
    let old = want(&[(1, 100, Keep), (2, 0, Keep), (3, 0, FlushDown)]).servers;
    let new = want(&[(1, 0, FlushDown), (2, 0, FlushDisabled), (3, 0, FlushDown)]).servers;
    let mut debts = Debts::new();
    edges(&mut debts, &old, &new, false);
    let owed: Vec<(IpAddr, Due)> = debts.iter().map(|(server, debt)| (*server, debt.due)).collect();
    assert_eq!(owed, [(address(1), Due::Down), (address(2), Due::Disabled)]);

    let back = want(&[(1, 100, Keep), (2, 0, Keep), (3, 0, FlushDown)]).servers;
    edges(&mut debts, &new, &back, false);
    assert!(debts.is_empty(), "a wish that is gone is not owed");
}

#[test]
fn disabling_the_dead_makes_a_waiting_flush_urgent_but_not_a_second_one() {
    let down = want(&[(1, 0, FlushDown)]).servers;
    let disabled = want(&[(1, 0, FlushDisabled)]).servers;
    let mut paid = Debts::new();
    edges(&mut paid, &down, &disabled, true);
    assert!(paid.is_empty(), "its flows were forgotten when it went down");
    let debt = Debt { due: Due::Down, by_operator: false, carried: None };
    let mut owed = Debts::from([(address(1), debt)]);
    edges(&mut owed, &down, &disabled, true);
    assert_eq!(owed[&address(1)].due, Due::Disabled);
}
