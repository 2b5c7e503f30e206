//! Watching, by the real binary, over a restart of the daemon.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::Value;

use crate::support::Served;

/// A watch that is killed when it is dropped.
struct Watch {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watch {
    fn start(site: &Served, line: &str) -> Self {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut child = site.maglevc(&words).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn next(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "the watch has ended");
        line
    }

    /// The next line that says this.
    fn until(&mut self, wanted: &str) -> String {
        loop {
            let line = self.next();
            if line.contains(wanted) {
                return line;
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_come_as_they_happen_and_go_on_after_a_restart() {
    let mut site = Served::start().await;
    let mut watch = Watch::start(&site, "watch events last 100");
    watch.until("warmup-complete");
    site.told("set backend fra pause --why drill");
    let line = watch.until("operator-command");
    assert!(line.contains("pause fra") && line.contains("why=drill"), "{line}");
    site.end().await;
    site.again().await;
    site.told("set backend lon pause");
    let line = watch.until("operator-command");
    assert!(line.contains("pause lon"), "{line}");
    drop(watch);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_is_filtered_and_is_a_line_of_json_each() {
    let mut site = Served::start().await;
    let mut watch = Watch::start(&site, "watch events topic operator last 4096 -o json");
    for backend in ["ams", "lon"] {
        site.told(&format!("set backend {backend} pause"));
        let record: Value = serde_json::from_str(&watch.next()).unwrap();
        assert_eq!((&record["topic"], &record["name"]), (&"operator".into(), &"operator-command".into()));
        assert_eq!(record["operator_command"]["command"], format!("pause {backend}"));
    }
    let mut other = Watch::start(&site, "watch events backend fra topic backend last 4096 -o yaml");
    site.told("set backend fra pause");
    assert_eq!(other.next(), "---\n");
    assert!(other.until("name:").contains("backend-transition"));
    drop((watch, other));
    site.end().await;
}
