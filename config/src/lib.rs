//! From a YAML file to a core `Config`: read once, parse, check. The bytes that are checked are the bytes applied.
//!
//! [`parse`] is the whole way. [`draft`] stops before the core's rules, and [`print()`] goes back from there to a file.
//!
//! Two kinds of mistakes end differently: a *structural* one means that the file does not say what it wants (YAML, keys,
//! types), a *semantic* one that it wants something impossible. Semantic rules live in the core, except for the few that
//! need the machine: a CA file to read, a pattern to compile.

pub mod duration;
mod error;
mod file;
mod healthcheck;
mod print;
mod section;
mod world;
mod yaml;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use maglev_core::config::{Config, Draft};

pub use error::{ConfigError, Finding};
pub use print::print;
pub use world::regexp;

use section::Reader;
use yaml::Node;

/// A file larger than this is a mistake: 50,000 backends need about 7 MB.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What the configuration will be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether this process talks to VPP; if not, `vpp.lb` needs no source addresses.
    pub vpp_in_use: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { vpp_in_use: true }
    }
}

/// A configuration that is right, and what to tell the operator about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the engine runs with.
    pub config: Arc<Config>,
    /// What it was checked from: a journal keeps it, and an engine does not.
    pub draft: Arc<Draft>,
    /// Legal, but probably not meant. In the order of the file.
    pub warnings: Vec<Finding>,
}

/// Reads and checks the file at `path`.
///
/// # Errors
/// The file cannot be read, or [`parse`] refuses it.
pub fn read(path: &Path, options: Options) -> Result<Loaded, ConfigError> {
    let name = path.display().to_string();
    match bytes(path) {
        Ok(bytes) => parse(&bytes, &name, options),
        Err(source) => Err(ConfigError::Read { file: name, source }),
    }
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 64 MiB"));
    }
    Ok(bytes)
}

/// Checks `bytes`, which messages call `name`.
///
/// # Errors
/// All structural mistakes, or else all semantic ones.
pub fn parse(bytes: &[u8], name: &str, options: Options) -> Result<Loaded, ConfigError> {
    let Understood { root, file, draft, mut semantic } = understand(bytes, name, options)?;
    let positions = || yaml::Positions::of(&root, file.clone());
    match Config::check(&draft) {
        Err(problems) => {
            let positions = positions();
            semantic
                .extend(problems.into_iter().map(|problem| positions.find(problem.path, problem.message)));
            Err(ConfigError::Semantic { findings: error::in_order(semantic) })
        }
        Ok(_) if !semantic.is_empty() => Err(ConfigError::Semantic { findings: error::in_order(semantic) }),
        Ok((config, warnings)) if warnings.is_empty() => {
            Ok(Loaded { config: Arc::new(config), draft: Arc::new(draft), warnings: Vec::new() })
        }
        Ok((config, warnings)) => {
            let positions = positions();
            let warnings = warnings.into_iter().map(|warning| positions.find(warning.path, warning.message));
            let warnings = error::in_order(warnings.collect());
            Ok(Loaded { config: Arc::new(config), draft: Arc::new(draft), warnings })
        }
    }
}

/// What `bytes` ask for, whether the core's rules allow it or not. Messages call them `name`.
///
/// # Errors
/// All structural mistakes, or else what the machine refuses: a CA file, a pattern, a value that no draft has room for.
pub fn draft(bytes: &[u8], name: &str, options: Options) -> Result<Draft, ConfigError> {
    let Understood { draft, semantic, .. } = understand(bytes, name, options)?;
    if semantic.is_empty() {
        Ok(draft)
    } else {
        Err(ConfigError::Semantic { findings: error::in_order(semantic) })
    }
}

/// A file that says what it wants.
struct Understood {
    root: Node,
    file: Arc<str>,
    draft: Draft,
    semantic: Vec<Finding>,
}

fn understand(bytes: &[u8], name: &str, options: Options) -> Result<Understood, ConfigError> {
    let file: Arc<str> = name.into();
    let source = yaml::text(bytes, &file).map_err(ConfigError::structural)?;
    let root = yaml::parse(source, &file).map_err(ConfigError::structural)?;
    let reader = Reader::new(source, file.clone());
    let draft = file::draft(&root, options, &reader);
    let (structural, semantic) = reader.into_findings();
    match draft.filter(|_| structural.is_empty()) {
        Some(draft) => Ok(Understood { root, file, draft, semantic }),
        None => Err(ConfigError::Structural { findings: error::in_order(structural) }),
    }
}
