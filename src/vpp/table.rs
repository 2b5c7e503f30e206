//! The message table of one connection, and the verdict whether this VPP can be worked with.
//!
//! Ids differ between builds, plugin sets and restarts, so the table is read anew on every connection. It is also
//! the only reliable source of capabilities: `api_versions` is empty on the releases we need.

use std::collections::BTreeMap;
use std::fmt;

use crate::vpp::messages::Kind;

/// The ids of one VPP process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    ids: BTreeMap<Kind, u16>,
    answers: BTreeMap<u16, Kind>,
}

impl Table {
    /// Resolves every message that we use from what `sockclnt_create_reply` lists as (id, name and CRC).
    ///
    /// # Errors
    /// When something that we need is missing, or has another definition than the one we know.
    pub fn resolve(listed: &[(u16, String)]) -> Result<Self, Incompatible> {
        let by_key: BTreeMap<&str, u16> = listed.iter().map(|(id, key)| (key.as_str(), *id)).collect();
        let mut ids = BTreeMap::new();
        let mut absent = Vec::new();
        for kind in Kind::ALL {
            match kind.fixed_id().or_else(|| by_key.get(kind.key().as_str()).copied()) {
                Some(id) => {
                    ids.insert(kind, id);
                }
                None if kind.is_needed() => absent.push(kind),
                None => (),
            }
        }
        if !absent.is_empty() {
            return Err(Incompatible::explain(&absent, &by_key));
        }
        let answers =
            ids.iter().filter(|(kind, _)| kind.is_answer()).map(|(kind, id)| (*id, *kind)).collect();
        Ok(Self { ids, answers })
    }

    /// The id of a message that we need.
    pub fn id(&self, kind: Kind) -> u16 {
        *self.ids.get(&kind).expect("`resolve` fills in every kind that we need or fails")
    }

    /// The id of a message that VPP works without.
    pub fn find(&self, kind: Kind) -> Option<u16> {
        self.ids.get(&kind).copied()
    }

    /// What an id from VPP means, if it is an answer that we know.
    pub fn answer(&self, id: u16) -> Option<Kind> {
        self.answers.get(&id).copied()
    }
}

/// The id of one message in what VPP lists, which need not be a VPP that can be worked with.
pub(crate) fn listed_id(kind: Kind, listed: &[(u16, String)]) -> Option<u16> {
    let wanted = kind.key();
    listed.iter().find(|(_, key)| *key == wanted).map(|(id, _)| *id)
}

/// Why this VPP cannot be worked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incompatible {
    /// There is no message of the lb plugin at all.
    NoPlugin,
    /// The plugin is of a release before 26.10.
    TooOld {
        /// The messages that it lacks.
        missing: Vec<&'static str>,
    },
    /// Messages have another definition than the one we know.
    OtherDefinition {
        /// Our key and VPP's, for each.
        differing: Vec<(String, String)>,
    },
    /// Messages are missing from a VPP that is otherwise new enough.
    Missing {
        /// Their keys.
        missing: Vec<String>,
    },
}

impl Incompatible {
    fn explain(absent: &[Kind], by_key: &BTreeMap<&str, u16>) -> Self {
        if !by_key.keys().any(|key| key.starts_with("lb_")) {
            return Self::NoPlugin;
        }
        let differing: Vec<_> = absent
            .iter()
            .filter_map(|kind| same_name(kind.name(), by_key).map(|theirs| (kind.key(), theirs.to_owned())))
            .collect();
        if !differing.is_empty() {
            return Self::OtherDefinition { differing };
        }
        if absent.contains(&Kind::LbConfGet) {
            let requests = absent.iter().filter(|kind| !kind.is_answer());
            return Self::TooOld { missing: requests.map(|kind| kind.name()).collect() };
        }
        Self::Missing { missing: absent.iter().map(|kind| kind.key()).collect() }
    }
}

// A key is the name, an underscore and eight hex digits; `lb_as_dump_…` must not pass for a prefix of something else.
fn same_name<'a>(name: &str, by_key: &BTreeMap<&'a str, u16>) -> Option<&'a str> {
    by_key.keys().copied().find(|key| {
        key.strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('_'))
            .is_some_and(|crc| crc.len() == 8 && crc.bytes().all(|byte| byte.is_ascii_hexdigit()))
    })
}

impl fmt::Display for Incompatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPlugin => f.write_str(
                "the lb plugin is not loaded: add `plugin lb_plugin.so { enable }` to the plugins section of VPP's \
                 startup.conf and restart VPP",
            ),
            Self::TooOld { missing } => write!(
                f,
                "the lb plugin of this VPP is too old: it lacks {}, which are there from release 26.10 on; earlier \
                 releases misread IPv4 prefixes and encapsulations, so maglevd does not write to them: upgrade VPP",
                missing.join(", ")
            ),
            Self::OtherDefinition { differing } => {
                f.write_str("this VPP is incompatible: it defines messages otherwise than maglevd knows them: ")?;
                let pairs: Vec<_> =
                    differing.iter().map(|(ours, theirs)| format!("{theirs} instead of {ours}")).collect();
                write!(f, "{}; use a maglevd that was made for this VPP", pairs.join(", "))
            }
            Self::Missing { missing } => {
                write!(f, "this VPP is incompatible: it lacks {}; use release 26.10 or later", missing.join(", "))
            }
        }
    }
}

impl std::error::Error for Incompatible {}
