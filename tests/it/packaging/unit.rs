//! The unit as shipped: hardened, and true to the daemon and to the package.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::tools::{has, run};
use crate::support::scratch::Scratch;

/// `systemd-analyze security`: 0 is locked away, 10 is root with everything.
const EXPOSURE_MAX: f64 = 2.0;

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

#[test]
fn the_unit_is_hardly_exposed() {
    if !has("systemd-analyze", "systemd") {
        return;
    }
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/maglevd.service");
    let told = run(Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager"])
        .arg(unit)
        .env("LC_ALL", "C"));
    let exposure =
        told.lines().find_map(|line| line.split("Overall exposure level for maglevd.service: ").nth(1));
    let exposure: f64 = exposure.and_then(|rest| rest.split(' ').next()?.parse().ok()).expect("a figure");
    assert!(exposure <= EXPOSURE_MAX, "exposure {exposure}:\n{told}");
}

#[test]
fn systemd_understands_every_line() {
    if !has("systemd-analyze", "systemd") {
        return;
    }
    // Verified with commands that are on this host, and beside the drop-in.
    let scratch = Scratch::new();
    let unit = text("packaging/maglevd.service").replace("/usr/sbin/maglevd", "/bin/true");
    let path = scratch.file("maglevd.service", &unit);
    let folder = format!("{path}.d");
    fs::create_dir(&folder).unwrap();
    fs::write(format!("{folder}/netns.conf"), text("packaging/netns.conf")).unwrap();
    let output = Command::new("systemd-analyze").args(["verify", "--man=no", &path]).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<_> = complaints.lines().filter(|line| line.contains("maglevd.service")).collect();
    assert!(ours.is_empty(), "{ours:#?}");
}

#[test]
fn raw_sockets_are_for_all_and_namespaces_for_those_who_ask() {
    let (unit, drop_in) = (text("packaging/maglevd.service"), text("packaging/netns.conf"));
    for key in ["AmbientCapabilities", "CapabilityBoundingSet"] {
        assert_eq!(values(&unit, key), ["CAP_NET_RAW"]);
        assert_eq!(values(&drop_in, key), ["CAP_NET_RAW CAP_SYS_ADMIN"]);
    }
    assert_eq!(values(&unit, "Type"), ["notify"]);
    assert!(values(&unit, "Requires").is_empty(), "VPP's death must not stop us");
}

#[test]
fn a_reload_is_checked_first() {
    let unit = text("packaging/maglevd.service");
    assert_eq!(values(&unit, "ExecReload"), ["/usr/sbin/maglevd --check", "/bin/kill -HUP $MAINPID"]);
}
