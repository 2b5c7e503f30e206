//! The journal: written by the daemon, replayed by the simulator, every output compared.

mod disk;
mod fixtures;
mod life;
mod record;
mod rotation;

use std::fs;
use std::path::{Path, PathBuf};

use maglev_sim::replay::{Options, ReplayError, Summary, replay};

use crate::support::binary::{Running, maglevd};
use crate::support::site::Site;

/// Flags for a daemon of this site that keeps a journal, with ports that the system chooses.
fn flags(site: &Site, vpp: &Path, journal: &Path) -> Vec<String> {
    let flag = |name: &str, path: &Path| format!("--{name}={}", path.display());
    vec![
        flag("config", site.file()),
        flag("vpp-api-addr", vpp),
        "--vpp-stats-addr=".to_owned(),
        "--grpc-addr=127.0.0.1:0".to_owned(),
        "--grpc-socket=".to_owned(),
        "--metrics-addr=127.0.0.1:0".to_owned(),
        "--seed=7".to_owned(),
        flag("journal", journal),
    ]
}

/// The daemon of a site on its simulated VPP.
fn start(site: &Site, journal: &Path) -> Running {
    Running::start(maglevd(&[]).args(flags(site, &socket(site), journal)))
}

/// Where the site's VPP listens.
fn socket(site: &Site) -> PathBuf {
    site.file().with_file_name("api.sock")
}

fn replayed(text: &[u8]) -> Result<Summary, ReplayError> {
    replay(text, Options::default())
}

/// Everything agrees.
#[track_caller]
fn assert_agrees(path: &Path) -> Summary {
    let text = fs::read(path).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
    let summary = replayed(&text).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
    if let Some(difference) = &summary.difference {
        panic!("{}: {difference}", path.display());
    }
    summary
}
