//! The stats segment of a real VPP, and what VPP's own reader said of it at that moment.
//!
//! ```sh
//! MAGLEV_VPP_BIN=… MAGLEV_VPP_PLUGINS=… cargo test --test it wire::recorded::record -- --ignored
//! ```
//!
//! records it anew; a new recording is a new fixture, to be read as code is.

use std::fs::{self, File};
use std::path::PathBuf;

use maglevd::vpp::stats::{Sample, Segment, Traffic};

use crate::support::recorded::{Dump, Recorder, is_ours, segment};
use crate::support::segment::Shared;
use crate::support::vpp_process::{Settings, VppProcess};

const SEGMENT: &str = "stats-segment.txt";
const DUMP: &str = "stats-dump.txt";

/// What the recorder makes VPP do: two VIPs and three servers. Of the flows to the first one some come twice, and some
/// packets go to a port that has no VIP.
const LINES: [&str; 9] = [
    "create packet-generator interface pg0",
    "set interface state pg0 up",
    "set interface ip address pg0 10.9.8.1/24",
    "lb conf ip4-src-address 192.0.2.250",
    "lb vip 192.0.2.1/32 protocol tcp port 80 encap gre4 new_len 1024",
    "lb vip 192.0.2.1/32 protocol tcp port 81 encap gre4 new_len 1024",
    "lb as 192.0.2.1/32 protocol tcp port 80 10.0.0.1 10.0.0.2",
    "lb vip 192.0.2.2/32 protocol tcp port 80 encap gre4 new_len 1024",
    "lb as 192.0.2.2/32 protocol tcp port 80 10.0.0.3",
];

/// All that `record` sends.
const SENT: u64 = 9 + 4 + 7 + 3;

fn path(name: &str) -> String {
    format!("{}/fixtures/vpp/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|err| panic!("{name}: {err}"))
}

/// All counters of the dump, as our reader finds them.
fn sample(bytes: Vec<u8>, dump: &Dump) -> Sample {
    Segment::new(&Shared::still(bytes)).sample(&dump.wanted()).unwrap()
}

/// Two readers, one segment.
#[test]
fn we_read_what_vpps_own_reader_reads() {
    let dump = Dump::of(&read(DUMP));
    let sample = sample(segment(&read(SEGMENT)), &dump);
    dump.assert_agrees(&sample);
    // And both what was sent: to a port without a VIP, to the first one, to none, and to the other one.
    assert_eq!(sample.vips, [Some([0, 0, 0, 3]), Some([4, 9, 0, 0]), Some([0; 4]), Some([0, 7, 0, 0])]);
    let counted = |routes: Vec<Option<Traffic>>| -> Vec<(u64, u64)> {
        let all = routes.into_iter().flatten().map(|traffic| (traffic.packets, traffic.bytes));
        all.filter(|traffic| *traffic != (0, 0)).collect()
    };
    assert_eq!(counted(sample.prefixes), [(9 + 4 + 3, 16 * 96), (7, 7 * 96)]);
    // Each is 24 bytes longer once it is wrapped.
    let servers = counted(sample.servers);
    assert_eq!(servers.len(), 3, "{servers:?}");
    let sent = servers.iter().fold((0, 0), |sum, traffic| (sum.0 + traffic.0, sum.1 + traffic.1));
    assert_eq!(sent, (9 + 4 + 7, 20 * 120));
    assert!(sample.boot_time > 1_700_000_000, "{}", sample.boot_time);
}

#[test]
#[ignore = "records a fixture, and needs MAGLEV_VPP_BIN"]
fn record() {
    let vpp = VppProcess::start_with(Settings { workers: 1, ..Settings::default() });
    for line in LINES {
        vpp.vppctl(line);
    }
    for (name, count, to) in [("a", 9, "192.0.2.1"), ("b", 4, "192.0.2.1"), ("c", 7, "192.0.2.2")] {
        send(&vpp, name, count, to, 80);
    }
    send(&vpp, "d", 3, "192.0.2.1", 4_430);
    let told = (0..1_000).map(|_| ours(&vpp)).find(|told| Dump::of(told).packets() == SENT);
    let told = told.unwrap_or_else(|| panic!("{}", vpp.vppctl("show lb vips verbose")));
    let version = vpp.vppctl("show version");
    let version = version.split_whitespace().nth(1).unwrap();
    vpp.freeze();
    let recorder = Recorder::new(memory_of(&vpp));
    let dump = Dump::of(&told);
    let live = Segment::new(&recorder).sample(&dump.wanted()).unwrap();
    dump.assert_agrees(&live);
    let head = format!(
        "# What our reader looked at in the stats segment of VPP {version}; written by `wire::recorded::record`.\n"
    );
    let text = head + &recorder.text();
    assert_eq!(sample(segment(&text), &dump), live);
    fs::write(path(SEGMENT), text).unwrap();
    fs::write(path(DUMP), told).unwrap();
}

/// What VPP's own reader says of our counters.
fn ours(vpp: &VppProcess) -> String {
    let told = vpp.stats_dump(&["session", "untracked", "configured", "/net/route/to", "/net/route/via"]);
    told.lines().filter(|line| is_ours(line)).map(|line| format!("{line}\n")).collect()
}

/// The segment among VPP's open files; the socket's own way ends in a [`Segment`], which keeps it.
fn memory_of(vpp: &VppProcess) -> File {
    let folder = fs::read_dir(format!("/proc/{}/fd", vpp.pid())).unwrap();
    let mut paths = folder.map(|entry| entry.unwrap().path());
    let named = |path: &PathBuf| {
        fs::read_link(path).is_ok_and(|target| target.to_string_lossy().starts_with("/memfd:stat segment"))
    };
    File::open(paths.find(named).expect("VPP has a stats segment")).unwrap()
}

/// A packet of 96 bytes of each of some flows.
fn send(vpp: &VppProcess, name: &str, count: u16, to: &str, port: u16) {
    let ports = format!("1000-{}", 999 + count);
    vpp.vppctl(&format!(
        "packet-generator new {{ name {name} limit {count} node ip4-input size 96-96 interface pg0 data \
         {{ TCP: 10.9.9.1 -> {to} TCP: {ports} -> {port} incrementing 8 }} }}"
    ));
    vpp.vppctl(&format!("packet-generator enable-stream {name}"));
}
