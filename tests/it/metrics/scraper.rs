//! A Prometheus of our own: it scrapes one address and is gone when dropped.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::client::send;
use crate::support::scratch::Scratch;
use crate::support::until::until;

/// One of the series of a metric: its labels, without the name.
pub type Labels = BTreeMap<String, String>;

pub struct Prometheus {
    child: Child,
    log: PathBuf,
    address: SocketAddr,
    // Goes after the process that writes there.
    _scratch: Scratch,
}

impl Prometheus {
    /// Starts it on a port that the kernel chooses, and waits until it listens.
    pub async fn start(target: SocketAddr, rules: &str) -> Self {
        let scratch = Scratch::new();
        let config = scratch.file("prometheus.yml", &config(target, rules));
        let (log, storage) =
            (Path::new(&config).with_file_name("log"), Path::new(&config).with_file_name("db"));
        let child = Command::new("prometheus")
            .arg(format!("--config.file={config}"))
            .arg(format!("--storage.tsdb.path={}", storage.display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, log, address: nowhere, _scratch: scratch };
        server.address = until("Prometheus listens", async || server.listens()).await;
        server
    }

    /// The answer of its API, or why there is none yet.
    pub async fn ask(&self, path: &str) -> Result<Value, String> {
        // By the old protocol, so that it hangs up when it has answered, and sends its answer in one piece.
        let request = format!("GET /api/v1/{path} HTTP/1.0\r\nHost: x\r\n\r\n");
        let answer = send(self.address, request.as_bytes()).await;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        let answer: Value = serde_json::from_str(body).map_err(|err| format!("{err}: {answer}"))?;
        if answer["status"] == "success" { Ok(answer["data"].clone()) } else { Err(answer.to_string()) }
    }

    /// The series of a metric at this moment, without the labels that Prometheus itself adds.
    pub async fn series(&self, metric: &str) -> Result<BTreeMap<Labels, f64>, String> {
        let data = self.ask(&format!("query?query={metric}")).await?;
        let read = |series: &Value| {
            let mut labels: Labels = serde_json::from_value(series["metric"].clone()).unwrap();
            labels.retain(|label, _| !["__name__", "instance", "job"].contains(&label.as_str()));
            (labels, series["value"][1].as_str().unwrap().parse().unwrap())
        };
        Ok(data["result"].as_array().unwrap().iter().map(read).collect())
    }

    /// The log names the port that was chosen.
    fn listens(&self) -> Result<SocketAddr, String> {
        let log = std::fs::read_to_string(&self.log).unwrap();
        let line = log.lines().find(|line| line.contains("msg=\"Listening on\""));
        let address = line.and_then(|line| line.split_once(" address=")?.1.split(' ').next());
        address.and_then(|address| address.parse().ok()).ok_or(log)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(target: SocketAddr, rules: &str) -> String {
    format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}
rule_files: ['{rules}']
scrape_configs: [ {{ job_name: maglevd, static_configs: [ {{ targets: ['{target}'] }} ] }} ]
"
    )
}
