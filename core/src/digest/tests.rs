//! What a digest tells apart, and what it must not.

use core::hash::Hasher;

use super::*;
use crate::input::CallId;
use crate::time::Instant;
use core::time::Duration;

/// FNV-1a over words: good enough to tell a few states apart.
#[derive(Default)]
pub(crate) struct Words(u64);

impl Hasher for Words {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a digest writes words");
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(7) ^ word).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

fn of(value: &impl Serialize) -> u64 {
    let mut hasher = Words::default();
    plain(value, &mut hasher);
    hasher.finish()
}

#[test]
fn absence_zero_length_and_variant_are_told_apart() {
    assert_ne!(of(&Some(0u8)), of(&None::<u8>));
    assert_ne!(of(&Some(None::<u8>)), of(&None::<Option<u8>>));
    assert_ne!(of(&[&[1u8][..], &[]]), of(&[&[][..], &[1u8]]));
    assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
    assert_ne!(of(&["a\0"]), of(&["a"]));
    assert_ne!(of(&Ok::<u8, u8>(1)), of(&Err::<u8, u8>(1)));
    assert_ne!(of(&(1u64 << 63)), of(&0u64));
    assert_ne!(of(&(1u32, 0u64)), of(&(0u32, 1u64)));
    assert_ne!(of(&-1i32), of(&1i32));
    assert_eq!(of(&[&[1u8][..], &[]]), of(&[&[1u8][..], &[]]));
}

#[test]
fn ids_are_told_apart_and_forgotten() {
    let of = |calls: [u64; 3]| {
        let mut hasher = Words::default();
        let mut digest = Abstract::new(Instant::START, &mut hasher);
        digest.feed(&calls.map(CallId));
        digest.finish();
        hasher.finish()
    };
    assert_eq!(of([7, 9, 7]), of([100, 3, 100]));
    assert_ne!(of([7, 9, 7]), of([7, 9, 9]));
}

#[test]
fn instants_are_forgotten_but_for_their_order_and_for_now() {
    let of = |now: u64, instants: [u64; 3]| {
        let at = |secs| Instant::from_start(Duration::from_secs(secs));
        let mut hasher = Words::default();
        let mut digest = Abstract::new(at(now), &mut hasher);
        digest.feed(&instants.map(at));
        digest.finish();
        hasher.finish()
    };
    assert_eq!(of(0, [5, 7, 5]), of(1, [6, 60, 6]));
    assert_ne!(of(0, [5, 7, 5]), of(0, [7, 5, 7]));
    assert_ne!(of(0, [5, 7, 5]), of(5, [5, 7, 5]));
    assert_ne!(of(5, [5, 7, 5]), of(6, [5, 7, 5]));
}
