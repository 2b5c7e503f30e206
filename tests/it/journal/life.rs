//! The daemon's journal over its life: ends of all kinds, and starts that are refused.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use maglev_core::{Clock as _, Input, Instant};
use maglev_journal::Run;
use maglev_sim::replay::What;
use maglevd::config::{Options, parse};
use maglevd::journal::{Book, BookError};
use rustix::process::Signal;

use super::{assert_agrees, flags, replayed, socket, start};
use crate::support::backends::Scratch;
use crate::support::binary::{maglevd, outcome};
use crate::support::site::{Site, file, frontend};

const SIZE: u64 = 1 << 20;

async fn site() -> Site {
    let site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}, fra: {}")));
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_life_with_reloads_is_replayed_to_its_end() {
    let site = site().await;
    let journal = site.file().with_file_name("journal");
    let mut daemon = start(&site, &journal);
    daemon.until("vpp-lb-sync-done");
    site.write("maglev: { frontends: [] }");
    daemon.signal(Signal::HUP);
    daemon.until("config-check-failed");
    // The engine refuses this one, so the next checkpoint must not name it.
    site.write("maglev: {}");
    daemon.signal(Signal::HUP);
    daemon.until("config-check-failed");
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}, fra: { weight: 7 }")));
    daemon.signal(Signal::HUP);
    daemon.until("vpp-lb-as-weight");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, 0);
    let summary = assert_agrees(&journal);
    assert!(summary.has_ended && !summary.is_torn && summary.checks > 0, "{summary:?}");
    let text = fs::read_to_string(&journal).unwrap();
    assert_eq!(text.matches("\"c\":{\"forced\":false,\"draft\":").count(), 2);
    assert_eq!(text.matches("ConfigRejected").count(), 1);
    assert!(text.starts_with("{\"maglev-journal\":1,\"version\":\"0.1.0\",\"seed\":7,\"vpp\":true,"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kill_9_the_tail_is_there_and_the_next_start_moves_it_away() {
    let site = site().await;
    let journal = site.file().with_file_name("journal");
    let mut daemon = start(&site, &journal);
    daemon.until("vpp-lb-sync-done");
    // The journal has a thread of its own, which the log does not wait for.
    until_it_has(&site, &journal, 40).await;
    drop(daemon);
    let first = assert_agrees(&journal);
    assert!(!first.has_ended && first.records > 20, "{first:?}");

    let mut daemon = start(&site, &journal);
    daemon.until("vpp-connect");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, 0);
    let old = assert_agrees(&journal.with_file_name("journal.1"));
    assert_eq!(old.records, first.records);
    assert!(assert_agrees(&journal).has_ended);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_on_the_same_file_says_so_and_harms_nothing() {
    let site = site().await;
    let journal = site.file().with_file_name("journal");
    let mut daemon = start(&site, &journal);
    daemon.until("vpp-connect");
    let (code, _, errors) = outcome(maglevd(&[]).args(flags(&site, &socket(&site), &journal)));
    assert_eq!(code, 1);
    let wanted = format!(
        "--journal {}: another maglevd writes this journal; give each its own file",
        journal.display()
    );
    assert!(errors.contains(&wanted), "{errors}");
    daemon.until("vpp-lb-sync-done");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, 0);
    assert!(assert_agrees(&journal).has_ended);
    assert!(!journal.with_file_name("journal.1").exists());
}

async fn until_it_has(site: &Site, journal: &Path, lines: usize) {
    let end = site.clock.now() + Duration::from_secs(20);
    while fs::read(journal).map_or(0, |text| text.split(|byte| *byte == b'\n').count()) < lines {
        assert!(site.clock.now() < end, "waited in vain for {lines} lines");
        site.clock.sleep_until(site.clock.now() + Duration::from_millis(20)).await;
    }
}

fn refused(path: &Path) -> String {
    Book::open(path, SIZE).unwrap_err().to_string()
}

#[test]
fn what_cannot_be_a_journal_is_refused_with_a_remedy_and_left_alone() {
    let scratch = Scratch::new();
    let text = scratch.file("precious", "maglev: {}\n");
    let text = Path::new(&text);
    let folder = text.parent().unwrap();
    assert!(refused(folder).ends_with("this is a folder; name a file in it"), "{}", refused(folder));
    assert!(refused(text).ends_with("is no journal of maglevd; name another file, or move this one away"));
    assert_eq!(fs::read_to_string(text).unwrap(), "maglev: {}\n");
    fs::write(folder.join("new.1"), "precious").unwrap();
    let err = refused(&folder.join("new"));
    assert!(err.contains("new.1 is there and is no journal"), "{err}");
    let missing = refused(&folder.join("nowhere/journal"));
    assert!(missing.contains("No such file") && missing.contains("the folder must be there"), "{missing}");
    assert!(refused(Path::new("/dev/full")).contains("no regular file"));
    let socket = folder.join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    assert!(refused(&socket).contains("no regular file"));
}

#[test]
fn a_relative_path_and_an_empty_file_are_fine() {
    let scratch = Scratch::new();
    let empty = scratch.file("journal", "");
    let book = Book::open(Path::new(&empty), SIZE).unwrap();
    assert!(matches!(Book::open(Path::new(&empty), SIZE), Err(BookError::InUse(_))));
    drop(book);
    let up = "../".repeat(std::env::current_dir().unwrap().components().count());
    let relative = format!("{up}{empty}");
    let book = Book::open(Path::new(&relative), SIZE).unwrap();
    assert!(book.path().is_absolute());
}

/// An engine and its journal.
pub(super) fn begin(book: Book) -> (maglev_core::Engine, maglevd::journal::Journal) {
    let yaml = file(80, &frontend("www", 80, "ams: {}, fra: {}"));
    let loaded = parse(yaml.as_bytes(), "test", Options::default()).unwrap();
    let engine = maglev_core::Engine::new(loaded.config, 7, Instant::START);
    (engine, book.begin(Run { seed: 7, vpp: true, draft: Arc::clone(&loaded.draft), began: 0 }))
}

#[test]
fn the_input_that_a_daemon_dies_of_is_its_last_line() {
    let scratch = Scratch::new();
    let path = scratch.file("journal", "");
    let (mut engine, mut journal) = begin(Book::open(Path::new(&path), SIZE).unwrap());
    journal.hears(&Input::WakeupDue, Instant::START);
    let actions = engine.handle(Input::WakeupDue, Instant::START);
    journal.steps(&engine, &actions);
    // Here the engine panics, and the loop is unwound.
    journal.hears(&Input::ShutdownRequested, Instant::START);
    drop(journal);
    let text = fs::read(&path).unwrap();
    assert!(text.ends_with(b"{\"t\":0,\"i\":\"ShutdownRequested\"}\n"), "{}", String::from_utf8_lossy(&text));
    let difference = replayed(&text).unwrap().difference.expect("this engine lives");
    assert_eq!((difference.what, difference.step.number), (What::Survived, 2));
}

#[test]
fn sizes_are_read_as_they_are_meant() {
    for (size, message) in [
        ("1", "is too small for a journal: at least 64K"),
        ("64X", "is no size: write 64M, 1G or a number of bytes"),
        ("M", "is no size: write 64M, 1G or a number of bytes"),
        ("99999999999999G", "is no size: write 64M, 1G or a number of bytes"),
    ] {
        let (code, _, errors) = outcome(&mut maglevd(&["--journal-size", size, "--check"]));
        assert_eq!(code, 64, "{size}");
        assert!(errors.contains(message), "{errors}");
    }
    for size in ["64K", "64MB", "1GiB", "65536"] {
        let (code, _, errors) =
            outcome(&mut maglevd(&["--journal-size", size, "--check", "--config=/nowhere"]));
        assert_eq!(code, 1, "{errors}");
    }
}
