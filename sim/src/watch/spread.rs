//! How probes are spread over time: by address, target and the number of the probe, and by nothing else.
//!
//! Two backends of one address and check must be probed alike although each is beside another one, and two addresses
//! must not. One coincidence may be chance; that the first two probes of two addresses coincide is none.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use maglev_core::config::Check;
use maglev_core::{Action, Input, Instant, ProbeOrder};

use super::Step;
use crate::oracle::{Ledger, Oracle};

/// The first probes of one process, until a file or an operator moves them.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    begun: bool,
    /// When the first probe of each slot is due, until it starts.
    planned: BTreeMap<u32, Instant>,
    started: Vec<First>,
}

/// The first probe of a backend.
#[derive(Clone, Debug)]
struct First {
    address: IpAddr,
    check: Check,
    planned: Instant,
    /// From its start to the second.
    interval: Duration,
}

impl Spread {
    pub(super) fn step(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        if !core::mem::replace(&mut self.begun, true) {
            self.begin(step, ledger);
        }
        if matches!(step.input, Input::Commanded { .. } | Input::ConfigLoaded { .. }) {
            self.planned.clear();
        }
        if self.planned.is_empty() {
            return;
        }
        for action in step.actions {
            if let Action::StartProbe(order) = action {
                self.start(order, step, ledger);
            }
        }
    }

    /// The first step of a process, which heard nothing yet: who is probed at once has not been spread.
    fn begin(&mut self, step: &Step<'_>, ledger: &mut Ledger) {
        for (slot, backend) in step.engine.backends() {
            self.planned.extend(backend.due.filter(|_| backend.started.is_none()).map(|due| (slot, due)));
        }
        let probed = step.engine.backends().filter(|(_, backend)| backend.is_probed());
        let addresses: BTreeSet<IpAddr> = probed.map(|(_, backend)| backend.address).collect();
        let is_alone = matches!(step.input, Input::WakeupDue | Input::Remembered(_));
        if !is_alone || !step.elapsed.is_zero() || addresses.len() < 2 {
            return;
        }
        let starts = step.actions.iter().filter(|action| matches!(action, Action::StartProbe(_))).count();
        ledger.judge(Oracle::Jitter, step.now, starts < 2, || {
            format!("{starts} first probes start with the process")
        });
    }

    fn start(&mut self, order: &ProbeOrder, step: &Step<'_>, ledger: &mut Ledger) {
        let slot = order.probe.slot;
        let Some(planned) = self.planned.remove(&slot) else { return };
        let Some((backend, due)) = step.engine.backend(slot).and_then(|b| Some((b, b.due?))) else { return };
        let Some(check) = backend.check.clone() else { return };
        let interval = due.since(Instant::from_start(step.elapsed));
        let first = First { address: order.address, check, planned, interval };
        for other in &self.started {
            let alike = (first.planned, first.interval) == (other.planned, other.interval);
            let same = first.address == other.address && first.check == other.check;
            if same || first.address != other.address {
                ledger.judge(Oracle::Jitter, step.now, alike == same, || {
                    let how = if alike { "in step" } else { "not alike" };
                    format!("{} and {} are probed {how}", first.address, other.address)
                });
            }
        }
        self.started.push(first);
    }
}
