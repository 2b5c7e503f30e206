//! What stands in a journal: heads, records, checks.

use std::fmt;
use std::sync::Arc;

use maglev_core::config::Draft;
use maglev_core::{Engine, Input, Instant};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Chain, VERSION, hex, line};

/// One line.
#[derive(Debug)]
pub enum Entry {
    /// A stretch begins.
    Head(Box<Head>),
    /// The engine made a step.
    Record(Box<Record>),
    /// What it had come to.
    Check(Check),
}

impl Entry {
    /// Appends the line with its end.
    pub fn write(&self, to: &mut Vec<u8>) {
        line::write(self, to);
    }
}

/// All that must be known to replay what follows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Head {
    /// Of the program that wrote it.
    pub version: String,
    /// All chance came from it.
    pub seed: u64,
    /// Whether the process talked to VPP.
    pub vpp: bool,
    /// When the engine's clock stood at zero: seconds since 1970. For people.
    pub began: u64,
    /// Records that were lost right before this.
    pub lost: u64,
    /// The configuration in force. A draft, not the file: it needs no CA file and no pattern of that host any more.
    pub draft: Arc<Draft>,
    /// Where the engine stood; `None` at the start of the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
}

/// An engine in the midst of its run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Steps so far.
    pub steps: u64,
    /// The hash over them.
    pub chain: Chain,
    /// Its time: that of the last step.
    pub at: Instant,
    /// All of it.
    pub engine: State,
}

/// A whole engine: alive, or as the digits that a journal holds.
#[derive(Clone, Debug)]
pub enum State {
    /// To be written.
    Live(Box<Engine>),
    /// Was read.
    Written(String),
}

/// Why a checkpoint cannot be used. What it says in words can still be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointError {
    /// Another version of the program wrote it; that one can replay it.
    Version(String),
    /// It is damaged, or this build has the same version and another engine.
    Unfit(String),
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(
                f,
                "its checkpoint was written by version {version} and this is {VERSION}: replay it with that version, \
                 or replay the file that begins with the start of the process"
            ),
            Self::Unfit(why) => write!(
                f,
                "its checkpoint does not fit this program: {why}. The file is damaged, or another build of version \
                 {VERSION} wrote it: replay it with that build"
            ),
        }
    }
}

impl std::error::Error for CheckpointError {}

impl Head {
    /// The engine of its checkpoint, as it was.
    ///
    /// # Errors
    /// Another version wrote it, or it is damaged.
    pub fn revive(&self, checkpoint: &Checkpoint) -> Result<Engine, CheckpointError> {
        let digits = match &checkpoint.engine {
            State::Live(engine) => return Ok(engine.as_ref().clone()),
            State::Written(digits) => digits,
        };
        if self.version != VERSION {
            return Err(CheckpointError::Version(self.version.clone()));
        }
        let unfit = |why: &str| CheckpointError::Unfit(why.to_owned());
        let bytes = hex::parse(digits).ok_or_else(|| unfit("it is not made of hexadecimal digits"))?;
        let (digest, engine) = bytes.split_first_chunk().ok_or_else(|| unfit("it is too short"))?;
        let (engine, rest) =
            postcard::take_from_bytes::<Engine>(engine).map_err(|err| unfit(&err.to_string()))?;
        if !rest.is_empty() {
            return Err(unfit("it is too long"));
        }
        if Chain::of(&engine) != u64::from_le_bytes(*digest) {
            return Err(unfit("what was read is not what was written"));
        }
        Ok(engine)
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Live(engine) => {
                let digest = Chain::of(engine).to_le_bytes().to_vec();
                let bytes = postcard::to_extend(engine, digest).map_err(serde::ser::Error::custom)?;
                to.serialize_str(&hex::print(&bytes))
            }
            Self::Written(digits) => to.serialize_str(digits),
        }
    }
}

impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::Written)
    }
}

/// A step of the engine.
#[derive(Clone, Debug)]
pub struct Record {
    /// When.
    pub at: Instant,
    /// What it heard.
    pub heard: Heard,
    /// Of all outputs up to here; `None` if the process ended in the midst of the step.
    pub hash: Option<u32>,
}

/// What an engine heard.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// Anything but a configuration.
    Input(Input),
    /// A configuration, as what it was checked from.
    Config {
        /// What the file said.
        draft: Arc<Draft>,
        /// See [`Input::ConfigLoaded`].
        forced: bool,
    },
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(input) => input.fmt(f),
            Self::Config { draft, forced } => {
                let how = if *forced { "configuration (forced)" } else { "configuration" };
                write!(f, "{how}: {} frontends, {} backends", draft.frontends.len(), draft.backends.len())
            }
        }
    }
}

/// What many steps had come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Steps so far.
    pub steps: u64,
    /// The hash over them.
    pub chain: Chain,
    /// The digest of the engine's state.
    pub state: u64,
}
