//! Resident memory of the daemon: the real binary, 10,000 tcp-checked backends on loopback, a simulated VPP.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maglev_core::Clock;
use maglev_core::config::{CheckKind, DraftCheck};
use maglevd::clock::SystemClock;

use crate::listener::Listener;
use crate::process::{Process, to_loopback};
use crate::table::Table;
use crate::vpp::{Load, Vpp, runtime};
use crate::world::Shape;

const BACKENDS: usize = 10_000;
const FRONTENDS: usize = 100;
/// Warm-up is over, and each backend was probed some ten times.
const RUN: Duration = Duration::from_secs(20);
const MEGABYTES_MAX: u64 = 100;

/// One run of twenty seconds.
pub fn measure(table: &mut Table) {
    let backends = Listener::open(0);
    let written = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&written);
    let vpp = Vpp::simulated(Load::Light, move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let mut draft = Shape { backends: BACKENDS, frontends: FRONTENDS, each: BACKENDS / FRONTENDS }.draft();
    draft.healthchecks =
        vec![("tcp".into(), DraftCheck::new(CheckKind::Tcp { port: backends.port, tls: None }))];
    to_loopback(&mut draft);
    let mut daemon = Process::start(&draft, &vpp, "");
    let clock = SystemClock::start();
    runtime().block_on(clock.sleep_until(clock.now() + RUN));
    let written = written.load(Ordering::Relaxed);
    assert!(written > BACKENDS, "only {written} calls reached VPP");
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).expect("it runs");
    let (now, peak) = (megabytes(&status, "VmRSS:"), megabytes(&status, "VmHWM:"));
    let measured = format!("{now} MB after {} s, peak {peak} MB", RUN.as_secs());
    table.judged(
        "resident memory, 10,000 tcp-checked backends",
        measured,
        "<= 100 MB",
        peak <= MEGABYTES_MAX,
    );
}

fn megabytes(status: &str, field: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("Linux says so");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
    kilobytes.div_ceil(1_000)
}
