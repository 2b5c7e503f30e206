//! Every row of the contract's section 5.

use super::*;

fn address(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn entry(last: u8, pool: u16, weight: u8, state: State) -> Entry {
    let weight = Weight::new(weight).expect("a test's weight is at most 100");
    Entry { server: address(last), pool, weight, state, resumed: false }
}

/// The servers as `last weight wish`.
fn told(entries: &[Entry], flush_on_down: bool) -> Vec<(u8, u8, Wish)> {
    servers(entries, flush_on_down)
        .into_iter()
        .map(|server| {
            let IpAddr::V4(v4) = server.address else { panic!("tests use IPv4") };
            (v4.octets()[3], server.weight.value(), server.wish)
        })
        .collect()
}

use State::{Disabled, Down, Paused, Unknown, Up};
use Wish::{FlushDisabled, FlushDown, Keep};

#[test]
fn each_state_gets_the_weight_and_the_wish_of_its_row() {
    // The backend under test, in the active pool and in a standby pool; pool 0 is kept active by 10.0.0.1.
    let table = [
        (Up, 50, Keep, 0, Keep),
        (Down, 0, FlushDown, 0, FlushDown),
        (Unknown, 0, Keep, 0, Keep),
        (Paused, 0, Keep, 0, Keep),
        (Disabled, 0, FlushDisabled, 0, FlushDisabled),
    ];
    for (state, weight, wish, standby_weight, standby_wish) in table {
        let active = [entry(1, 0, 100, Up), entry(2, 0, 50, state)];
        assert_eq!(told(&active, true), [(1, 100, Keep), (2, weight, wish)], "{state} in the active pool");
        let standby = [entry(1, 0, 100, Up), entry(2, 1, 50, state)];
        let expected = [(1, 100, Keep), (2, standby_weight, standby_wish)];
        assert_eq!(told(&standby, true), expected, "{state} in a standby pool");
    }
}

#[test]
fn without_flush_on_down_the_dead_keep_their_flows() {
    let entries = [entry(1, 0, 100, Up), entry(2, 0, 50, Down), entry(3, 0, 50, Disabled)];
    assert_eq!(told(&entries, false), [(1, 100, Keep), (2, 0, Keep), (3, 0, FlushDisabled)]);
}

#[test]
fn the_active_pool_is_the_first_with_an_up_backend_of_positive_weight() {
    let fail_over = [entry(1, 0, 100, Down), entry(2, 1, 60, Up), entry(3, 2, 40, Up)];
    assert_eq!(active_pool(&fail_over), Some(1));
    assert_eq!(told(&fail_over, true), [(1, 0, FlushDown), (2, 60, Keep), (3, 0, Keep)]);

    let drained = [entry(1, 0, 0, Up), entry(2, 1, 60, Up)];
    assert_eq!(active_pool(&drained), Some(1), "an up backend of weight 0 does not hold its pool active");

    let nobody = [entry(1, 0, 100, Unknown), entry(2, 1, 0, Up)];
    assert_eq!(active_pool(&nobody), None);
    assert_eq!(told(&nobody, true), [(1, 0, Keep), (2, 0, Keep)]);
}

#[test]
fn one_address_twice_is_one_server() {
    let both_up = [entry(1, 0, 30, Up), entry(1, 0, 70, Up)];
    assert_eq!(told(&both_up, true), [(1, 70, Keep)], "the highest effective weight");

    let one_down = [entry(1, 0, 30, Up), entry(1, 0, 70, Down)];
    assert_eq!(told(&one_down, true), [(1, 30, Keep)], "flush only if every entry says so");

    let two_pools = [entry(1, 0, 30, Up), entry(1, 1, 70, Up)];
    assert_eq!(told(&two_pools, true), [(1, 30, Keep)], "the standby entry counts 0");

    let all_down = [entry(1, 0, 30, Down), entry(1, 1, 70, Down)];
    assert_eq!(told(&all_down, true), [(1, 0, FlushDown)]);

    let paused = [entry(1, 0, 30, Up), entry(1, 1, 70, Paused)];
    assert_eq!(told(&paused, true), [(1, 0, Keep)], "a paused entry rules the address");

    let disabled = [entry(1, 0, 30, Paused), entry(1, 1, 70, Disabled)];
    assert_eq!(told(&disabled, true), [(1, 0, FlushDisabled)], "flush if any is disabled");
}

#[test]
fn servers_are_ascending_by_address_with_ipv4_first() {
    let mut entries = alloc::vec![entry(9, 0, 1, Up), entry(2, 1, 1, Up)];
    entries[0].server = "2001:db8::1".parse().expect("an address");
    let addresses: Vec<IpAddr> = servers(&entries, true).into_iter().map(|server| server.address).collect();
    assert_eq!(addresses, [address(2), entries[0].server]);
}

#[test]
fn frontend_state_is_up_unknown_or_down() {
    let table: [(&[Entry], State); 5] = [
        (&[entry(1, 0, 100, Up)], Up),
        (&[entry(1, 0, 100, Down), entry(2, 0, 1, Unknown)], Unknown),
        (&[entry(1, 0, 100, Down), entry(2, 0, 1, Disabled)], Down),
        (&[entry(1, 0, 0, Up)], Down),
        (&[entry(1, 0, 100, Up), entry(2, 0, 1, Unknown)], Up),
    ];
    for (entries, state) in table {
        assert_eq!(frontend_state(&servers(entries, true), entries), state, "{entries:?}");
    }
}

#[test]
fn flows_are_counted_on_where_someone_meant_to_keep_them() {
    let keeps = |entry: Entry, flush_on_down| servers(&[entry], flush_on_down)[0].keeps_flows;
    assert!(keeps(entry(1, 0, 100, Paused), true));
    assert!(keeps(entry(1, 0, 100, Down), false), "flush-on-down: false");
    assert!(keeps(entry(1, 0, 0, Up), true), "drained by its weight");
    assert!(keeps(Entry { resumed: true, ..entry(1, 0, 100, Unknown) }, true), "paused a moment ago");
    assert!(!keeps(entry(1, 0, 100, Unknown), true));
    assert!(!keeps(entry(1, 0, 100, Down), true));
    assert!(!keeps(entry(1, 0, 100, Disabled), false));
}
