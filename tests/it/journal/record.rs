//! How the fixtures were recorded. Ignored unless asked for; a new recording is a new fixture, to be read as code is.
//!
//! ```sh
//! MAGLEV_VPP_BIN=… MAGLEV_VPP_PLUGINS=… cargo test --test it journal::record -- --ignored
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use maglevd::demo::Mood;
use rustix::process::Signal;

use super::{assert_agrees, flags, socket};
use crate::support::binary::{Running, maglevd, outcome};
use crate::support::site::{Site, file, frontend};
use crate::support::vpp_process::VppProcess;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journals").join(format!("{name}.jsonl"))
}

/// Joins the files of a journal, the older first, and puts them on the shelf.
fn keep(journal: &Path, name: &str) {
    let old = fs::read(journal.with_extension("1")).unwrap_or_default();
    let path = fixture(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, [old, fs::read(journal).unwrap()].concat()).unwrap();
    assert_agrees(&path);
}

async fn site() -> Site {
    let site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}, fra: {}")));
    site
}

/// Two lives of the daemon: the script restarts it.
#[test]
#[ignore = "records a fixture"]
fn demo() {
    let folder = crate::support::backends::Scratch::new();
    let journal = folder.file("journal", "");
    let (code, told, _) =
        outcome(&mut maglevd(&["demo", "--for", "25s", "--seed", "1", "--journal", &journal]));
    assert_eq!(code, 0, "{told}");
    keep(Path::new(&journal), "demo");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "records a fixture, and needs MAGLEV_VPP_BIN"]
async fn vpp_killed() {
    let site = site().await;
    let mut vpp = VppProcess::start();
    let journal = site.file().with_file_name("journal");
    let mut daemon = Running::start(maglevd(&[]).args(flags(&site, &vpp.api_socket(), &journal)));
    daemon.until("vpp-lb-vip-flush");
    daemon.until("vpp-lb-sync-done");
    // Each time a backend dies or comes back while VPP is away.
    for mood in [Mood::Failing, Mood::Well, Mood::Gone, Mood::Well] {
        vpp.kill();
        daemon.until("vpp-disconnect");
        site.farm.set(0, mood);
        daemon.until("backend-transition");
        vpp.start_again();
        daemon.until("vpp-connect");
        daemon.until("vpp-lb-sync-done");
    }
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, 0);
    keep(&journal, "vpp-killed");
}

/// Fifty hangups, and before each another file: weights, pools, frontends that come and go, and slips of the pen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "records a fixture"]
async fn reload_storm() {
    let site = site().await;
    let journal = site.file().with_file_name("journal");
    let mut daemon = Running::start(maglevd(&[]).args(flags(&site, &socket(&site), &journal)));
    daemon.until("vpp-lb-sync-done");
    for turn in 0..50_u8 {
        let weight = turn * 2;
        let backends = match turn % 3 {
            0 => format!("ams: {{ weight: {weight} }}, fra: {{}}"),
            1 => format!("fra: {{}}, lon: {{ weight: {weight} }}, ams: {{}}"),
            _ => "lon: {}".to_owned(),
        };
        let mut frontends = frontend("www", 80, &backends);
        if turn % 2 == 0 {
            frontends.push_str(&frontend("api", 81, "lon: {}, fra: { weight: 3 }"));
        }
        let is_bad = turn % 10 == 7;
        if is_bad {
            frontends.push_str(&frontend("shop", 82, "nobody: {}"));
        }
        site.write(&file(site.farm.port(), &frontends));
        daemon.signal(Signal::HUP);
        daemon.until(if is_bad { "config-check-failed" } else { "config-loaded" });
    }
    daemon.until("vpp-lb-sync-done");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, 0);
    keep(&journal, "reload-storm");
}
