//! Stats segments of our own making, right and wrong.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use maglev_core::Instant;
use maglevd::vpp::stats::{Pulse, Sample, Segment, StatsError, Traffic, Wanted, boot_time};
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketType, accept,
    bind, listen, sendmsg, socket,
};

use crate::support::segment::{BASE, Build, DIRECTORY, ENTRY, Shared};

const BOOT_TIME: u64 = 1_795_000_123;

/// Two threads, three VIPs, a few routes, and entries that are not ours.
fn typical() -> Vec<u8> {
    let mut build = Build::new(77, BOOT_TIME);
    build.entry("/if/names", 4, 0);
    build.entry("/new/kind", 99, 0xdead_beef);
    build.entry("", 5, 3);
    build.lb(|kind| {
        let kind = kind as u64;
        [vec![9, 100 + kind, 1_000], vec![0, 10 * kind, 1]]
    });
    let via = [7, 700, 0, 0, 8, 800];
    build.counters("/net/route/to", 3, 2, &[&[1, 64, 2, 128], &[0, 0, 3, 192]]);
    build.counters("/net/route/via", 3, 2, &[&via, &[]]);
    build.bytes
}

fn wanted() -> Wanted {
    Wanted { vips: vec![2, 1, 3], prefixes: vec![1], servers: vec![2, 0, 5_000_000] }
}

fn expected() -> Sample {
    let traffic = |packets, bytes| Some(Traffic { packets, bytes });
    Sample {
        boot_time: BOOT_TIME,
        heartbeat: 77,
        vips: vec![Some([1_001; 4]), Some([100, 111, 122, 133]), None],
        prefixes: vec![traffic(5, 320)],
        servers: vec![traffic(8, 800), traffic(7, 700), None],
    }
}

fn sample(bytes: Vec<u8>) -> Result<Sample, StatsError> {
    Segment::new(&Shared::still(bytes)).sample(&wanted())
}

#[test]
fn counters_are_summed_over_threads_and_a_missing_one_is_no_zero() {
    assert_eq!(sample(typical()).unwrap(), expected());
    let young = Build::new(3, BOOT_TIME).bytes;
    let nothing = Sample {
        boot_time: BOOT_TIME,
        heartbeat: 3,
        vips: vec![None; 3],
        prefixes: vec![None],
        servers: vec![None; 3],
    };
    assert_eq!(sample(young).unwrap(), nothing);
}

/// What VPP writes is read, and everything else is an error in words.
#[test]
fn only_the_known_layout_is_read() {
    let boot_time = |at: usize, value: u64| {
        let mut build = Build::new(1, BOOT_TIME);
        build.put(at, value);
        Segment::new(&Shared::still(build.bytes)).boot_time()
    };
    let third = DIRECTORY + 2 * ENTRY;
    assert_eq!(boot_time(third, 9).unwrap(), BOOT_TIME, "a gauge");
    for (at, value) in [
        (0, 1),
        (24, 1),
        (32, BASE - 1),
        (32, BASE + 8),
        (32, BASE + 100_000),
        (32, u64::MAX),
        (32, 0),
        (8, 0),
        (DIRECTORY - 8, 2),
        (DIRECTORY - 8, u64::from(u32::MAX)),
        (third, 3),
        (third + 16, 0x41),
        (DIRECTORY + 16, 0x41),
    ] {
        assert!(boot_time(at, value).is_err(), "{value} at {at}");
    }
    let mut short = Build::new(1, BOOT_TIME).bytes;
    short.truncate(20);
    assert!(Segment::new(&Shared::still(short)).boot_time().is_err());
}

/// Whatever stands in any place of it, reading ends soon, and reads nothing that is not there.
#[test]
fn a_spoiled_segment_costs_a_bounded_effort() {
    let whole = typical();
    let size = whole.len() as u64;
    let nasty = [0, 1, 8, 39, size, u64::from(u32::MAX), 1 << 40, BASE, BASE + 40, BASE + size - 8, u64::MAX];
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for at in (0..whole.len() - 8).step_by(8).filter(|at| *at != 24) {
        for value in nasty.into_iter().chain([random.random()]) {
            let mut build = Build::of(whole.clone());
            build.put(at, value);
            let shared = Shared::still(build.bytes);
            let read = Segment::new(&shared).sample(&wanted());
            let reads = shared.reads.get();
            assert!(reads <= 2_000, "{reads} reads with {value:#x} at {at}: {read:?}");
        }
    }
    for len in 0..whole.len() {
        let _ = sample(whole[..len].to_vec());
    }
}

/// VPP moves everything to another place while we read: what we say is all from before or all from after.
#[test]
fn a_reading_never_mixes_two_epochs() {
    let before = typical();
    let mut build = Build::new(78, BOOT_TIME);
    build.vector(&[0xffff; 50], 1);
    build.lb(|_| [vec![0, 5, 5], vec![0, 5, 5]]);
    build.counters("/net/route/to", 3, 2, &[&[0, 0, 6, 6]]);
    build.counters("/net/route/via", 3, 2, &[&[6, 6, 6, 6, 6, 6]]);
    build.put(16, 6);
    let after = build.bytes;
    let clean = Segment::new(&Shared::still(after.clone())).sample(&wanted()).unwrap();
    assert_eq!(clean.vips, [Some([10; 4]), Some([10; 4]), None]);
    for moment in 0..50 {
        for half_way in [0, 3] {
            let after = after.clone();
            let shared = Shared::written(before.clone(), move |nth, bytes| {
                if nth == moment {
                    // The writer is half-way: garbage, and it says so.
                    bytes[24] = 1;
                    bytes[40..].fill(0xaa);
                }
                if nth == moment + half_way {
                    bytes.clone_from(&after);
                }
            });
            let mut segment = Segment::new(&shared);
            let first = segment.sample(&wanted()).unwrap();
            assert!(first == expected() || first == clean, "at {moment}: {first:?}");
            // The directory that was kept is of its epoch only.
            *shared.bytes.borrow_mut() = before.clone();
            let second = segment.sample(&wanted()).unwrap();
            assert!(second == expected() || second == clean, "at {moment}: {second:?}");
        }
    }
}

/// A change that ends in what we cannot read leaves nothing behind either: what is there again is read anew.
#[test]
fn a_reading_that_ends_in_a_refusal_keeps_nothing() {
    for moment in 0..50 {
        let shared = Shared::written(typical(), move |nth, bytes| {
            if nth == moment {
                bytes[0] = 3;
                bytes[DIRECTORY - 8] = 3;
            }
        });
        let mut segment = Segment::new(&shared);
        let _ = segment.sample(&wanted());
        *shared.bytes.borrow_mut() = typical();
        shared.reads.set(moment + 1);
        assert_eq!(segment.sample(&wanted()).unwrap(), expected(), "at {moment}");
    }
}

/// Vectors grow in place without a new epoch.
#[test]
fn lengths_are_read_each_time() {
    let mut build = Build::new(1, BOOT_TIME);
    build.lb(|_| [vec![0, 1, 2], vec![0, 1, 2]]);
    let shared = Shared::still(build.bytes);
    let mut segment = Segment::new(&shared);
    let second = Wanted { vips: vec![2], ..Wanted::default() };
    assert_eq!(segment.sample(&second).unwrap().vips, [Some([4; 4])]);
    let vectors: Vec<usize> = {
        let bytes = shared.bytes.borrow();
        let after = DIRECTORY + 16 * ENTRY;
        (after..bytes.len() - 8).step_by(8).filter(|at| bytes[*at..*at + 8] == 3u64.to_ne_bytes()).collect()
    };
    assert_eq!(vectors.len(), 8, "four kinds in two threads");
    for at in vectors {
        shared.bytes.borrow_mut()[at] = 2;
    }
    assert_eq!(segment.sample(&second).unwrap().vips, [None]);
}

/// A VPP that died while it wrote leaves the mark for ever; one that never rests is no better.
#[test]
fn a_segment_that_is_never_at_rest_is_an_error() {
    let restless = Shared::written(typical(), |nth, bytes| bytes[16..24].copy_from_slice(&nth.to_ne_bytes()));
    let read = Segment::new(&restless).sample(&wanted());
    assert!(matches!(read, Err(StatsError::Restless)), "{read:?}");
}

#[test]
fn a_heartbeat_that_stands_still_is_stale() {
    let at = |seconds| Instant::from_start(Duration::from_secs(seconds));
    let mut pulse = Pulse::new(5, at(0));
    assert!(!pulse.is_stale(5, at(25)));
    assert!(pulse.is_stale(5, at(26)));
    assert!(!pulse.is_stale(6, at(27)), "it moves again");
    // The long pause counts as an interval from now on.
    assert!(!pulse.is_stale(6, at(60)));
    assert!(pulse.is_stale(6, at(100)));
    // A VPP with a long interval is learnt.
    let mut slow = Pulse::new(1, at(0));
    assert!(!slow.is_stale(3, at(120)));
    assert!(!slow.is_stale(3, at(260)));
    assert!(slow.is_stale(3, at(300)));
    assert!(!slow.is_stale(1, at(301)), "another process");
}

/// A message of zero bytes with a descriptor is success.
#[test]
fn an_empty_message_brings_the_segment() {
    let path = std::env::temp_dir().join(format!("maglevt-stats-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
    bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    listen(&listener, 5).unwrap();
    let vpp = std::thread::spawn(move || {
        let client = accept(&listener).unwrap();
        let file = File::from(rustix::fs::memfd_create("segment", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
        file.write_all_at(&typical(), 0).unwrap();
        let descriptors = [file.as_fd()];
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
        sendmsg(&client, &[], &mut control, SendFlags::empty()).unwrap();
        // The second client gets nothing but the end.
        drop(accept(&listener).unwrap());
    });
    let kind = |err: StatsError| match err {
        StatsError::Socket(err) => err.kind(),
        other => panic!("{other}"),
    };
    assert_eq!(boot_time(&path).unwrap(), BOOT_TIME);
    assert_eq!(kind(boot_time(&path).unwrap_err()), io::ErrorKind::InvalidData);
    vpp.join().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(kind(boot_time(&path).unwrap_err()), io::ErrorKind::NotFound);
}
