//! What operators chose, as it outlives the process. The daemon keeps it in a file, the simulator beside its processes.
//!
//! Each choice stands beside what the configuration said when it was made, so that a file that has changed the very value
//! since then rules, as with a reload.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::input::Author;
use crate::model::{VipKey, Weight};

/// What a process finds when it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recollection {
    /// Nothing was ever kept here.
    Nothing,
    /// The choices of the process before.
    Known(Memory),
    /// Something was kept and cannot be read; why, in words.
    Lost(String),
}

/// All that operators chose and that differs from the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Ascending by name of the backend.
    pub backends: Vec<BackendChoice>,
    /// Ascending by VIP, address and pool.
    pub weights: Vec<WeightChoice>,
    /// What is in doubt because earlier choices were lost.
    pub doubt: Doubt,
}

/// A backend that is not as its configuration has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendChoice {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
    /// What the configuration said when the choice was made.
    pub enabled: bool,
    /// What was chosen.
    pub choice: Choice,
    /// Who chose it, why and when.
    pub by: Author,
}

/// What an operator may choose for a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Choice {
    /// Not probed, weight 0, flows kept.
    Paused,
    /// Not probed, weight 0, flows flushed.
    Disabled,
    /// In use, though the configuration disables it.
    Enabled,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paused => "pause",
            Self::Disabled => "disable",
            Self::Enabled => "enable",
        })
    }
}

/// A weight that is not that of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightChoice {
    /// The frontend's VIP.
    pub vip: VipKey,
    /// The pool's name.
    pub pool: String,
    /// The backend's name, for those that share an address.
    pub backend: String,
    /// The backend's address.
    pub address: IpAddr,
    /// What the configuration said when the choice was made.
    pub configured: Weight,
    /// What was chosen.
    pub weight: Weight,
    /// Who chose it, why and when.
    pub by: Author,
}

/// Whom VPP holds at 0, perhaps because an operator wanted that. They are not raised until an operator says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Doubt {
    /// Nobody is in doubt.
    #[default]
    Nobody,
    /// Choices were lost, and what VPP holds has not been seen since.
    Unseen,
    /// These servers of these VIPs, ascending.
    Held(Vec<(VipKey, IpAddr)>),
}
