//! Smaller configurations: fewer of them, fewer frontends, backends and pools, and plain settings.

use core::time::Duration;
use std::collections::BTreeSet;

use maglev_core::config::{CheckKind, Draft, DraftLb, Strangers};

use super::Shrinker;
use crate::plot::Plot;
use crate::script::{DaemonChange, FIRST_CONFIG, Happening};

impl Shrinker<'_, '_> {
    pub(super) fn configs(&mut self) {
        forget_unused(&mut self.plot);
        self.same_as_first();
        for name in names(&self.plot, |draft| draft.frontends.iter().map(|(name, _)| name.clone()).collect())
        {
            self.try_with_drafts(|draft| draft.frontends.retain(|(other, _)| *other != name));
        }
        for name in names(&self.plot, |draft| draft.backends.iter().map(|(name, _)| name.clone()).collect()) {
            self.try_with_drafts(|draft| drop_backend(draft, &name));
        }
        self.pools();
        self.settings();
        self.try_with_drafts(drop_unused_checks);
    }

    /// A second file that differs from the first in less.
    fn same_as_first(&mut self) {
        let Some(first) = self.plot.drafts.get(FIRST_CONFIG).cloned() else { return };
        let others: Vec<String> =
            self.plot.drafts.keys().filter(|name| *name != FIRST_CONFIG).cloned().collect();
        for name in others {
            let parts: [fn(&mut Draft, &Draft); 4] = [
                |draft, first| draft.lb = first.lb.clone(),
                |draft, first| draft.healthchecks = first.healthchecks.clone(),
                |draft, first| draft.backends = first.backends.clone(),
                |draft, first| draft.frontends = first.frontends.clone(),
            ];
            for part in parts {
                self.try_with(|plot| {
                    if let Some(draft) = plot.drafts.get_mut(&name) {
                        part(draft, &first);
                    }
                });
            }
        }
    }

    /// Fewer pools, and fewer backends in them; frontend by frontend.
    fn pools(&mut self) {
        let keys: Vec<String> = self.plot.drafts.keys().cloned().collect();
        for key in keys {
            let fronts = self.plot.drafts[&key].frontends.len();
            for front in 0..fronts {
                self.pools_of(&key, front);
            }
        }
    }

    fn pools_of(&mut self, key: &str, front: usize) {
        for pool in (0..self.plot.drafts[key].frontends[front].1.pools.len()).rev() {
            if self.plot.drafts[key].frontends[front].1.pools.len() > 1
                && self.try_with(|plot| {
                    edit(plot, key, |draft| {
                        draft.frontends[front].1.pools.remove(pool);
                    });
                })
            {
                continue;
            }
            let members = self.plot.drafts[key].frontends[front].1.pools[pool].backends.len();
            for member in (0..members).rev() {
                let is_last = self.plot.drafts[key].frontends[front].1.pools[pool].backends.len() == 1;
                let gone = !is_last
                    && self.try_with(|plot| {
                        edit(plot, key, |draft| {
                            draft.frontends[front].1.pools[pool].backends.remove(member);
                        });
                    });
                if !gone {
                    self.try_with(|plot| {
                        edit(plot, key, |draft| {
                            draft.frontends[front].1.pools[pool].backends[member].1 = 100;
                        });
                    });
                }
            }
        }
    }

    /// Plain values, all configurations alike.
    fn settings(&mut self) {
        self.try_with_drafts(|draft| {
            let (min, max) = (draft.lb.startup_min_delay, draft.lb.startup_max_delay);
            draft.lb = DraftLb {
                ipv4_src_address: draft.lb.ipv4_src_address,
                ipv6_src_address: draft.lb.ipv6_src_address,
                startup_min_delay: min,
                startup_max_delay: max,
                sync_interval: draft.lb.sync_interval,
                ..DraftLb::default()
            };
        });
        for delays in [(0, 0), (1, 1), (1, 3), (5, 30)] {
            let delays = (Duration::from_secs(delays.0), Duration::from_secs(delays.1));
            let has_them = |draft: &Draft| (draft.lb.startup_min_delay, draft.lb.startup_max_delay) == delays;
            // What comes after them in the list is no plainer.
            if self.plot.drafts.values().all(has_them)
                || self.try_with_drafts(|draft| {
                    (draft.lb.startup_min_delay, draft.lb.startup_max_delay) = delays;
                })
            {
                break;
            }
        }
        let plain: [fn(&mut Draft); 9] = [
            |draft| draft.lb.sync_interval = Duration::from_secs(30),
            |draft| draft.lb.strangers = Strangers::Delete,
            |draft| draft.frontends.iter_mut().for_each(|(_, front)| front.src_ip_sticky = false),
            |draft| draft.frontends.iter_mut().for_each(|(_, front)| front.flush_on_down = true),
            |draft| draft.backends.iter_mut().for_each(|(_, backend)| backend.enabled = true),
            |draft| draft.healthchecks.iter_mut().for_each(|(_, check)| (check.rise, check.fall) = (1, 1)),
            |draft| {
                for (_, check) in &mut draft.healthchecks {
                    (check.fast_interval, check.down_interval) = (None, None);
                }
            },
            |draft| {
                for (_, check) in &mut draft.healthchecks {
                    check.interval = Duration::from_secs(2);
                    check.timeout = Duration::from_secs(1);
                }
            },
            |draft| {
                for (_, check) in &mut draft.healthchecks {
                    check.kind = CheckKind::Tcp { port: check.kind.port().unwrap_or(80), tls: None };
                }
            },
        ];
        for change in plain {
            self.try_with_drafts(change);
        }
    }
}

fn edit(plot: &mut Plot, key: &str, change: impl FnOnce(&mut Draft)) {
    if let Some(draft) = plot.drafts.get_mut(key) {
        change(draft);
    }
}

/// Configurations that nothing names any more are not part of the scenario.
fn forget_unused(plot: &mut Plot) {
    let mut used: BTreeSet<&str> = BTreeSet::from([FIRST_CONFIG]);
    for event in &plot.scenario.events {
        if let Happening::Reload { config, .. } | Happening::Daemon(DaemonChange::Restart(Some(config))) =
            &event.happening
        {
            used.insert(config);
        }
    }
    plot.drafts.retain(|name, _| used.contains(name.as_str()));
}

fn names(plot: &Plot, of: impl Fn(&Draft) -> Vec<String>) -> BTreeSet<String> {
    plot.drafts.values().flat_map(of).collect()
}

fn drop_backend(draft: &mut Draft, name: &str) {
    draft.backends.retain(|(other, _)| other != name);
    for (_, front) in &mut draft.frontends {
        for pool in &mut front.pools {
            pool.backends.retain(|(other, _)| other != name);
        }
        front.pools.retain(|pool| !pool.backends.is_empty());
    }
    draft.frontends.retain(|(_, front)| !front.pools.is_empty());
}

fn drop_unused_checks(draft: &mut Draft) {
    let used: BTreeSet<&String> =
        draft.backends.iter().filter_map(|(_, backend)| backend.healthcheck.as_ref()).collect();
    let keep: Vec<bool> = draft.healthchecks.iter().map(|(name, _)| used.contains(name)).collect();
    let mut keep = keep.into_iter();
    draft.healthchecks.retain(|_| keep.next().unwrap_or(true));
}
