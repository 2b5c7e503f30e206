//! The same scenario in which everything has another name, and what stood first in the alphabet stands last, backends
//! apart: which of two probes that end at one instant is heard first is decided by their names.
//!
//! Where nobody is called by name while it runs, and no address is that of two backends, each configuration has names
//! of its own: then every reload renames everybody, and still nobody's calls may change.

use std::collections::{BTreeMap, BTreeSet};

use maglev_core::Command;
use maglev_core::config::Draft;

use crate::plot::Plot;
use crate::script::{Happening, Who};

/// New names by old ones.
type Names = BTreeMap<String, String>;

/// The new names of everything that has one.
#[derive(Default)]
struct Register {
    checks: Names,
    backends: Names,
    frontends: Names,
    pools: Names,
}

/// Names in the opposite order.
fn opposite<'a>(names: impl Iterator<Item = &'a String>, prefix: &str) -> Names {
    let sorted: BTreeSet<&String> = names.collect();
    let count = sorted.len();
    sorted
        .into_iter()
        .enumerate()
        .map(|(n, old)| (old.clone(), format!("{prefix}{:04}", count - n)))
        .collect()
}

impl Register {
    fn of<'a>(drafts: impl Iterator<Item = &'a Draft> + Clone, prefix: &str) -> Self {
        let frontends = drafts.clone().flat_map(|draft| &draft.frontends);
        let checks = drafts.clone().flat_map(|draft| &draft.healthchecks).map(|(name, _)| name);
        let backends = drafts.flat_map(|draft| &draft.backends).map(|(name, _)| name);
        let pools = frontends.clone().flat_map(|(_, frontend)| &frontend.pools);
        Self {
            checks: opposite(checks, prefix),
            // Whose probes end at one instant is heard in the order of names: that stays.
            backends: backends.map(|old| (old.clone(), format!("{prefix}{old}"))).collect(),
            frontends: opposite(frontends.map(|(name, _)| name), prefix),
            pools: opposite(pools.map(|pool| &pool.name), prefix),
        }
    }

    fn rename(&self, draft: &mut Draft) {
        draft.healthchecks.iter_mut().for_each(|(name, _)| swap(name, &self.checks));
        for (name, backend) in &mut draft.backends {
            swap(name, &self.backends);
            backend.healthcheck.iter_mut().for_each(|check| swap(check, &self.checks));
        }
        for (name, frontend) in &mut draft.frontends {
            swap(name, &self.frontends);
            for pool in &mut frontend.pools {
                swap(&mut pool.name, &self.pools);
                pool.backends.iter_mut().for_each(|(name, _)| swap(name, &self.backends));
            }
        }
        draft.frontends.reverse();
        draft.healthchecks.reverse();
    }

    fn readdress(&self, happening: &mut Happening) {
        match happening {
            Happening::Backend { who: Who::Name(name), .. } => swap(name, &self.backends),
            Happening::Operator(command) => match command {
                Command::Pause { backend }
                | Command::Resume { backend }
                | Command::Disable { backend }
                | Command::Enable { backend } => swap(backend, &self.backends),
                Command::SetWeight { frontend, pool, backend, .. } => {
                    swap(frontend, &self.frontends);
                    swap(pool, &self.pools);
                    swap(backend, &self.backends);
                }
                Command::Confirm => (),
                Command::Sync { frontend } => {
                    frontend.iter_mut().for_each(|name| swap(name, &self.frontends));
                }
            },
            Happening::Traffic { frontend, .. } => swap(frontend, &self.frontends),
            Happening::Backend { who: Who::Address(_), .. }
            | Happening::Vpp(_)
            | Happening::Fault(_)
            | Happening::Foreign(_)
            | Happening::Reload { .. }
            | Happening::ReloadInvalid(_)
            | Happening::Choices(_)
            | Happening::Daemon(_)
            | Happening::Expect(_) => (),
        }
    }
}

/// A name that no configuration has stays as it is.
fn swap(name: &mut String, names: &Names) {
    if let Some(new) = names.get(name) {
        name.clone_from(new);
    }
}

pub(super) fn renamed(plot: &Plot) -> Plot {
    let mut other = plot.clone();
    if is_nameless(plot) {
        for (n, draft) in other.drafts.values_mut().enumerate() {
            let register = Register::of(core::iter::once(&*draft), &format!("z{}-", 9_999 - n));
            register.rename(draft);
        }
        return other;
    }
    let register = Register::of(plot.drafts.values(), "z");
    other.drafts.values_mut().for_each(|draft| register.rename(draft));
    other.scenario.events.iter_mut().for_each(|event| register.readdress(&mut event.happening));
    other
}

/// Whether no two backends have one address: then names are not needed to tell them apart.
fn is_unique(draft: &Draft) -> bool {
    let addresses: BTreeSet<_> = draft.backends.iter().map(|(_, backend)| backend.address).collect();
    addresses.len() == draft.backends.len()
}

/// Whether names are for people only.
fn is_nameless(plot: &Plot) -> bool {
    let is_called = |happening: &Happening| {
        matches!(happening, Happening::Operator(_) | Happening::Backend { who: Who::Name(_), .. })
    };
    plot.drafts.values().all(is_unique)
        && !plot.scenario.events.iter().any(|event| is_called(&event.happening))
}
