//! The gates by themselves; whole warm-ups are scenarios.

use core::net::IpAddr;

use super::*;
use crate::model::{Prefix, Protocol};

fn vip(last: u8) -> VipKey {
    VipKey { prefix: Prefix::host(IpAddr::from([192, 0, 2, last])), protocol: Protocol::TCP, port: 80 }
}

fn at(seconds: u64) -> Instant {
    Instant::from_start(Duration::from_secs(seconds))
}

fn warmup(min: u64, max: u64) -> Warmup {
    Warmup::new(Duration::from_secs(min), Duration::from_secs(max))
}

fn milestones(warmup: &mut Warmup, now: Instant) -> alloc::vec::Vec<Milestone> {
    core::iter::from_fn(|| warmup.advance(now)).collect()
}

#[test]
fn no_gate_opens_in_hands_off() {
    let mut warmup = warmup(5, 30);
    assert_eq!(milestones(&mut warmup, at(0)), [Milestone::Started]);
    assert!(!warmup.release(vip(1)), "nobody is released before min");
    assert_eq!(milestones(&mut warmup, at(4)), []);
    assert!(!warmup.is_open(vip(1)));
}

#[test]
fn a_release_opens_one_gate_once_and_for_ever() {
    let mut warmup = warmup(5, 30);
    assert_eq!(milestones(&mut warmup, at(5)), [Milestone::Started, Milestone::MinDelay]);
    assert!(warmup.release(vip(1)));
    assert!(!warmup.release(vip(1)), "a repeat changes nothing");
    assert!(warmup.is_open(vip(1)) && !warmup.is_open(vip(2)));
    assert_eq!(milestones(&mut warmup, at(30)), [Milestone::MaxDelay { straggling: true }]);
    assert!(warmup.is_open(vip(2)));
    assert_eq!(warmup.deadline(), None);
}

#[test]
fn an_early_end_still_passes_max_once() {
    let mut warmup = warmup(5, 30);
    milestones(&mut warmup, at(5));
    warmup.complete(at(6));
    assert!(warmup.is_open(vip(9)));
    assert_eq!(milestones(&mut warmup, at(29)), []);
    assert_eq!(milestones(&mut warmup, at(31)), [Milestone::MaxDelay { straggling: false }]);
    assert_eq!(milestones(&mut warmup, at(99)), []);
}

#[test]
fn max_zero_skips_whatever_min_says() {
    let mut warmup = warmup(5, 0);
    assert_eq!(milestones(&mut warmup, at(0)), [Milestone::Skipped]);
    assert!(warmup.is_open(vip(1)));
    assert_eq!(milestones(&mut warmup, at(99)), []);
}

#[test]
fn equal_delays_go_straight_to_the_end() {
    let mut warmup = warmup(5, 5);
    milestones(&mut warmup, at(4));
    assert_eq!(
        milestones(&mut warmup, at(5)),
        [Milestone::MinDelay, Milestone::MaxDelay { straggling: true }]
    );
}

#[test]
fn a_stopping_process_opens_nothing() {
    let mut warmup = warmup(5, 30);
    milestones(&mut warmup, at(5));
    warmup.stop();
    assert_eq!(milestones(&mut warmup, at(30)), []);
    assert!(!warmup.is_open(vip(1)));
}
