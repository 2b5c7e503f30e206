//! Failures as files: one of each kind, small, and not ten thousand of the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use maglev_sim::hunt::Failure;
use maglev_sim::oracle::Oracle;
use maglev_sim::plot::Plot;
use maglev_sim::script::Happening;
use maglev_sim::swarm;

use crate::Trouble;
use crate::interrupt::Interrupt;
use crate::play::write;
use crate::shrink::smaller;

/// Files of one oracle.
const FILES_MAX: usize = 5;
/// Failures of one oracle that are made small at most, to see whether they are of another kind.
const TRIES_MAX: usize = 20;

/// What was found so far.
#[derive(Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
    tries: BTreeMap<Oracle, usize>,
    kinds: BTreeMap<Oracle, BTreeSet<String>>,
}

impl Shelf {
    /// Files go to `folder`, which comes into being with the first.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), tries: BTreeMap::new(), kinds: BTreeMap::new() }
    }

    /// Whether one more failure of this oracle could be worth a file.
    pub(crate) fn wants(&mut self, oracle: Oracle) -> bool {
        let files = self.kinds.get(&oracle).map_or(0, BTreeSet::len);
        let tries = self.tries.entry(oracle).or_default();
        *tries += 1;
        files < FILES_MAX && *tries <= TRIES_MAX
    }

    /// Saves it if there is none of its kind yet.
    pub(crate) fn put(&mut self, found: &Found) -> Result<Option<PathBuf>, Trouble> {
        let kinds = self.kinds.entry(found.oracle).or_default();
        if kinds.len() >= FILES_MAX || !kinds.insert(found.kind.clone()) {
            return Ok(None);
        }
        let path = self.folder.join(format!("{}-{}.yaml", found.oracle.id().replace('/', "-"), found.seed));
        fs::create_dir_all(&self.folder).map_err(|error| {
            let folder = self.folder.display();
            Trouble::Bad(format!("{folder}: it cannot be made: {error}; name another folder with --out"))
        })?;
        write(&path, &found.file)?;
        Ok(Some(path))
    }
}

/// A failure that was made small.
#[derive(Debug)]
pub(crate) struct Found {
    seed: u64,
    oracle: Oracle,
    kind: String,
    file: String,
    /// What the small one breaks, in words.
    pub(crate) what: String,
    /// Its events.
    pub(crate) events: usize,
}

impl Found {
    /// Makes a failure small. What does not fail alone and at once, such as two runs that differ, stays as it is.
    pub(crate) fn of(failure: &Failure, interrupt: &Interrupt) -> Self {
        let (seed, oracle) = (failure.seed, failure.breach.oracle);
        let plot = swarm::plot(seed);
        let small = smaller(&plot, oracle, interrupt);
        match small.as_ref().and_then(|small| Some((small, small.breaches.first()?))) {
            Some((small, breach)) => Self {
                seed,
                oracle,
                kind: kind(&small.plot),
                file: small.file.clone(),
                what: breach.to_string(),
                events: small.plot.scenario.events.len(),
            },
            None => Self {
                seed,
                oracle,
                kind: kind(&plot),
                file: plot.file().to_string(),
                what: format!("{} (not made small: it does not fail alone)", failure.breach),
                events: plot.scenario.events.len(),
            },
        }
    }
}

/// What happens in it, without times and names: failures that agree in this are taken for the same.
fn kind(plot: &Plot) -> String {
    let words: Vec<String> = plot.scenario.events.iter().map(|event| word(&event.happening)).collect();
    words.join(", ")
}

fn word(happening: &Happening) -> String {
    let first = |text: String| text.split_whitespace().next().unwrap_or_default().to_owned();
    match happening {
        Happening::Backend { behaviour, .. } => format!("backend {}", first(behaviour.to_string())),
        Happening::Vpp(change) => format!("vpp {}", first(change.to_string())),
        Happening::Fault(fault) => format!("fault {}", first(fault.to_string())),
        Happening::Foreign(write) => format!("foreign {}", first(write.to_string())),
        Happening::Reload { forced, .. } => format!("reload {forced}"),
        Happening::ReloadInvalid(_) => "reload-invalid".into(),
        Happening::Operator(command) => format!("operator {}", first(command.to_string())),
        Happening::Choices(change) => format!("choices {change}"),
        Happening::Daemon(change) => format!("daemon {}", first(change.to_string())),
        Happening::Traffic { .. } => "traffic".into(),
        Happening::Expect(_) => "expect".into(),
    }
}
