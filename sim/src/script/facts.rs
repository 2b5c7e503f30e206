//! What must be true at some moment of a scenario.

use core::fmt;
use std::collections::BTreeMap;

use serde::Deserialize;

/// Facts that the runner checks. What is not named may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Facts {
    /// Writes that VPP was sent by maglevd since the start, whatever it answered.
    pub writes: Option<u64>,
    /// How many of them VPP refused.
    pub refused: Option<u64>,
    /// Whether VPP holds what maglevd wants.
    pub in_sync: Option<bool>,
    /// Whether VPP holds what maglevd wants wherever maglevd does not say that it is out of sync.
    pub settled: Option<bool>,
    /// Flows of the traffic that changed their server since the start.
    pub flows_moved: Option<u64>,
    /// Packets of the traffic that were dropped since the start.
    pub packets_dropped: Option<u64>,
    /// Log events that maglevd told at least once, by name.
    pub told: Vec<String>,
    /// Log events that it never told, by name.
    pub not_told: Vec<String>,
    /// Weights that VPP holds: frontend, then backend (name or address); `-1` means it is not there.
    pub weights: BTreeMap<String, BTreeMap<String, i16>>,
}

impl Facts {
    /// Whether it says nothing at all.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Facts {
    /// As a YAML flow mapping.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        let mut scalar = |key: &str, value: Option<String>| {
            parts.extend(value.map(|value| format!("{key}: {value}")));
        };
        scalar("writes", self.writes.map(|n| n.to_string()));
        scalar("refused", self.refused.map(|n| n.to_string()));
        scalar("in-sync", self.in_sync.map(|yes| yes.to_string()));
        scalar("settled", self.settled.map(|yes| yes.to_string()));
        scalar("flows-moved", self.flows_moved.map(|n| n.to_string()));
        scalar("packets-dropped", self.packets_dropped.map(|n| n.to_string()));
        let list = |names: &[String]| (!names.is_empty()).then(|| format!("[{}]", names.join(", ")));
        scalar("told", list(&self.told));
        scalar("not-told", list(&self.not_told));
        let weights = |(frontend, backends): (&String, &BTreeMap<String, i16>)| {
            let backends: Vec<String> =
                backends.iter().map(|(backend, weight)| format!("{backend:?}: {weight}")).collect();
            format!("{frontend:?}: {{ {} }}", backends.join(", "))
        };
        let all: Vec<String> = self.weights.iter().map(weights).collect();
        scalar("weights", (!all.is_empty()).then(|| format!("{{ {} }}", all.join(", "))));
        write!(f, "{{ {} }}", parts.join(", "))
    }
}
