//! A disk that is full, and one that has room again: losses are told, and what is written can always be replayed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::{flags, replayed, socket};
use crate::support::binary::{Running, maglevd};
use crate::support::site::{Site, file, frontend};
use crate::support::until::until;

/// Whether this user may mount in a namespace of its own.
fn may_mount() -> bool {
    let tried = Command::new("unshare").args(["--mount", "true"]).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_costs_records_that_are_counted_and_the_journal_goes_on_when_there_is_room() {
    if !may_mount() {
        return;
    }
    let site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}, fra: {}")));
    let folder = site.file().with_file_name("small");
    fs::create_dir(&folder).unwrap();
    let journal = folder.join("journal");
    // A few pages: room for the first records, and not for much more.
    let script =
        "mount -t tmpfs -o size=256k none \"$0\" && head -c 229376 /dev/zero > \"$0/filler\" && exec \"$@\"";
    let binary = maglevd(&[]);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(&folder).arg(binary.get_program());
    command.args(flags(&site, &socket(&site), &journal)).stdin(Stdio::null());
    let mut daemon = Running::start(&mut command);
    let lost = daemon.until("journal-records-lost");
    assert!(lost["err"].as_str().unwrap().contains("No space left"), "{lost}");
    assert_eq!(lost["level"], "WARN");
    // As the daemon sees it.
    let seen = |path: &Path| {
        Path::new("/proc").join(daemon.pid().to_string()).join("root").join(path.strip_prefix("/").unwrap())
    };
    let (journal, filler) = (seen(&journal), seen(&folder.join("filler")));
    let summary = replayed(&fs::read(&journal).unwrap()).unwrap();
    assert!(summary.difference.is_none() && summary.records > 10, "{summary:?}");

    fs::remove_file(filler).unwrap();
    let resumed = daemon.until("journal-resumed");
    assert!(resumed["lost"].as_u64().unwrap() >= lost["count"].as_u64().unwrap(), "{resumed}, {lost}");
    let look = async || {
        let summary = replayed(&fs::read(&journal).unwrap()).unwrap_or_else(|err| panic!("{err}"));
        let goes_on = summary.stretches == 2 && summary.records > 60;
        if goes_on { Ok(summary) } else { Err(format!("{summary:?}")) }
    };
    let summary = until("the journal goes on", look).await;
    assert!(summary.difference.is_none(), "{}", summary.difference.unwrap());
    assert_eq!(Some(summary.lost), resumed["lost"].as_u64());
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, 0);
}
