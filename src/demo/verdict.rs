//! The end of the demo: what VPP holds beside what is wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use maglev_core::View;
use maglev_core::model::{VipKey, Weight};

use super::timeline::{Timeline, Tone};
use super::vpp::Table;

/// Both tables.
pub struct Verdict {
    held: Table,
    wanted: Table,
    names: BTreeMap<VipKey, String>,
    backends: BTreeMap<IpAddr, String>,
}

impl Verdict {
    /// Compares the table that VPP itself shows with the one that the daemon wants.
    pub fn new(held: Table, view: &View) -> Self {
        let wanted = view.frontends.iter().map(|frontend| {
            let servers = frontend.servers.iter();
            (frontend.vip, servers.filter_map(|server| Some((server.address, server.wanted?))).collect())
        });
        let names = view.frontends.iter().map(|frontend| (frontend.vip, frontend.name.clone()));
        let backends = view.backends.iter().map(|backend| (backend.address, backend.name.clone()));
        Self { held, wanted: wanted.collect(), names: names.collect(), backends: backends.collect() }
    }

    /// Whether VPP holds exactly what is wanted.
    pub fn is_equal(&self) -> bool {
        self.held == self.wanted
    }

    /// Prints both, line by line.
    pub fn print(&self, timeline: &Timeline) {
        timeline.print(Tone::Plain, "");
        timeline.print(Tone::Plain, &format!("  {:<36} {:>8} {:>8}", "", "VPP", "wanted"));
        for vip in keys(&self.held, &self.wanted) {
            let name = self.names.get(vip).map_or("(stranger)", String::as_str);
            timeline.print(Tone::Plain, &format!("  {name:<6} {vip}"));
            let (held, wanted) = (self.held.get(vip), self.wanted.get(vip));
            let none = BTreeMap::new();
            for address in keys(held.unwrap_or(&none), wanted.unwrap_or(&none)) {
                let (held, wanted) = (
                    held.and_then(|servers| servers.get(address)),
                    wanted.and_then(|servers| servers.get(address)),
                );
                let name = self.backends.get(address).map_or("?", String::as_str);
                let line = format!("    {name:<6} {address:<27} {:>8} {:>8}", number(held), number(wanted));
                timeline.print(if held == wanted { Tone::Good } else { Tone::Bad }, &line);
            }
        }
        timeline.print(Tone::Plain, "");
        match self.is_equal() {
            true => timeline.print(Tone::Good, "  VPP holds exactly what is wanted."),
            false => timeline.print(Tone::Bad, "  VPP does NOT hold what is wanted."),
        }
    }
}

fn keys<'a, K: Ord, V>(one: &'a BTreeMap<K, V>, other: &'a BTreeMap<K, V>) -> BTreeSet<&'a K> {
    one.keys().chain(other.keys()).collect()
}

fn number(weight: Option<&Weight>) -> String {
    weight.map_or_else(|| "-".to_owned(), Weight::to_string)
}
