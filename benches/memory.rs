//! Resident memory of the daemon: the real binary, 10,000 tcp-checked backends on loopback, a simulated VPP.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use maglev_core::Clock;
use maglevd::clock::SystemClock;

use crate::listener::Listener;
use crate::table::Table;
use crate::vpp::{Folder, Load, Vpp, runtime};

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
    let folder = Folder::new();
    let config = folder.join("maglev.yaml");
    fs::write(&config, yaml(backends.port)).expect("the folder is writable");
    let child = Command::new(env!("CARGO_BIN_EXE_maglevd"))
        .arg("--config")
        .arg(&config)
        .arg("--vpp-api-addr")
        .arg(vpp.socket())
        .args([
            "--vpp-stats-addr",
            "",
            "--grpc-addr",
            "127.0.0.1:0",
            "--grpc-socket",
            "",
            "--metrics-addr",
            "",
        ])
        .stdout(Stdio::null())
        .spawn();
    let mut daemon = Daemon(child.expect("the binary starts"));
    let clock = SystemClock::start();
    runtime().block_on(clock.sleep_until(clock.now() + RUN));
    let ended = daemon.0.try_wait().expect("a child can be asked");
    assert!(ended.is_none(), "the daemon ended with {ended:?}");
    let written = written.load(Ordering::Relaxed);
    assert!(written > BACKENDS, "only {written} calls reached VPP");
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.0.id())).expect("it runs");
    let (now, peak) = (megabytes(&status, "VmRSS:"), megabytes(&status, "VmHWM:"));
    let measured = format!("{now} MB after {} s, peak {peak} MB", RUN.as_secs());
    table.judged(
        "resident memory, 10,000 tcp-checked backends",
        measured,
        "<= 100 MB",
        peak <= MEGABYTES_MAX,
    );
}

/// Ends with its owner.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn megabytes(status: &str, field: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("Linux says so");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
    kilobytes.div_ceil(1_000)
}

fn yaml(port: u16) -> String {
    let mut text = String::from(
        "maglev:\n  vpp: { lb: { ipv4-src-address: 192.0.2.1, ipv6-src-address: \"2001:db8::1\" } }\n",
    );
    let mut line = |arguments: std::fmt::Arguments<'_>| text.write_fmt(arguments).expect("a string grows");
    line(format_args!("  healthchecks:\n    tcp: {{ type: tcp, port: {port} }}\n  backends:\n"));
    for n in 0..BACKENDS {
        let address = Ipv4Addr::from_bits(0x7f01_0000 + n as u32);
        line(format_args!("    b{n}: {{ address: {address}, healthcheck: tcp }}\n"));
    }
    line(format_args!("  frontends:\n"));
    for n in 0..FRONTENDS {
        line(format_args!(
            "    f{n}: {{ address: 203.0.113.{n}, protocol: tcp, port: 80, pools: [ {{ name: p, backends: {{ "
        ));
        for m in n * BACKENDS / FRONTENDS..(n + 1) * BACKENDS / FRONTENDS {
            line(format_args!("b{m}: {{}}, "));
        }
        line(format_args!("}} }} ] }}\n"));
    }
    text
}
