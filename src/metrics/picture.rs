//! One look at everything, put together from questions that each keep the loop for well under a millisecond.

use std::sync::Arc;

use maglev_core::health::State;
use maglev_core::input::{Outcome, VppProcess};
use maglev_core::model::VipKey;
use maglev_core::warmup::Phase;
use maglev_core::{Engine, Instant};

use crate::daemon::{Handle, Stopped};
use crate::events::{Events, Lag};

use super::Meter;
use super::counters::{Counters, Shown};
use super::tally::{Probed, Totals};

/// Backends that one question looks at.
const BACKENDS_MAX: usize = 256;
/// Members of frontends that one question looks at; one frontend is never divided.
const MEMBERS_MAX: usize = 512;
/// Reasons that are told one by one; of the rest, how many.
const REASONS_MAX: usize = 20;

/// Whom to ask.
#[derive(Clone, Debug)]
pub struct Site {
    /// The loop.
    pub handle: Handle,
    /// What it has counted.
    pub meter: Meter,
    /// Whether VPP is in use at all.
    pub uses_vpp: bool,
    /// What VPP counts, if it is read.
    pub counters: Option<Counters>,
    /// Who watches.
    pub events: Events,
}

/// Everything that metrics show.
#[derive(Debug)]
pub struct Picture {
    pub(super) now: Instant,
    pub(super) totals: Totals,
    pub(super) phase: Phase,
    pub(super) vpp: Option<VppProcess>,
    pub(super) backends: Vec<Backend>,
    pub(super) frontends: Vec<Frontend>,
    pub(super) reasons: Vec<String>,
    /// Looked at last, and for metrics only; `None` if VPP's counters are not in use.
    pub(super) counters: Option<Shown>,
    pub(super) lag: Lag,
}

#[derive(Debug)]
pub(super) struct Backend {
    pub(super) name: Arc<str>,
    pub(super) state: State,
    pub(super) counter: u8,
    pub(super) probed: Option<Arc<Probed>>,
    slot: u32,
    fault: Option<String>,
}

#[derive(Debug)]
pub(super) struct Frontend {
    pub(super) name: String,
    pub(super) state: State,
    pub(super) out_of_sync: Option<Instant>,
    pub(super) pools: Vec<String>,
    pub(super) members: Vec<Member>,
    is_presumed: bool,
    vip: VipKey,
}

#[derive(Debug)]
pub(super) struct Member {
    slot: u32,
    pub(super) pool: u16,
    pub(super) weight: u8,
    pub(super) effective: u8,
}

/// Where each backend stands in the list, by its slot.
pub(super) struct Places(Vec<Option<u32>>);

impl Places {
    /// Where a member's backend stands; `None` if a reload took it away between two questions.
    pub(super) fn of(&self, member: &Member) -> Option<usize> {
        self.0.get(member.slot as usize).copied().flatten().map(|place| place as usize)
    }
}

impl Site {
    /// Whether the loop answers.
    ///
    /// # Errors
    /// It is over.
    pub async fn is_alive(&self) -> Result<(), Stopped> {
        self.handle.ask(|_, _| ()).await
    }

    /// Looks at everything.
    ///
    /// # Errors
    /// The loop is over.
    pub async fn picture(&self) -> Result<Picture, Stopped> {
        let (meter, uses_vpp) = (self.meter.clone(), self.uses_vpp);
        let summary = move |engine: &Engine, now| {
            let mut reasons = Vec::new();
            if engine.phase() != Phase::Over {
                reasons.push(format!("warm-up is not over: {}", engine.phase().word()));
            }
            if uses_vpp && !engine.has_picture() {
                reasons.push("VPP is not connected and read".to_owned());
            }
            let troubles: Vec<_> = engine
                .out_of_sync()
                .map(|(vip, since, why)| (vip, since, format!("{vip} is out of sync: {why}")))
                .collect();
            let picture = Picture {
                now,
                totals: meter.with(|tally| tally.totals.clone()),
                phase: engine.phase(),
                vpp: engine.connected_vpp().cloned(),
                backends: Vec::new(),
                frontends: Vec::new(),
                reasons,
                counters: None,
                lag: Lag::default(),
            };
            (picture, troubles)
        };
        let (mut picture, troubles) = self.handle.ask(summary).await?;
        // Not in the loop: a look at a thousand watchers takes longer than one may keep it.
        picture.lag = self.events.lag(picture.now);
        picture.backends = self.backends().await?;
        picture.frontends = self.frontends().await?;
        for frontend in &mut picture.frontends {
            let trouble = troubles.binary_search_by_key(&frontend.vip, |(vip, _, _)| *vip);
            frontend.out_of_sync = trouble.ok().map(|at| troubles[at].1);
        }
        picture.reasons.extend(troubles.into_iter().map(|(_, _, why)| why));
        picture.gather_reasons();
        Ok(picture)
    }

    /// Looks at everything, and at what VPP has counted.
    ///
    /// # Errors
    /// The loop is over.
    pub(super) async fn picture_with_counters(&self) -> Result<Picture, Stopped> {
        let mut picture = self.picture().await?;
        if let Some(counters) = &self.counters {
            picture.counters = Some(counters.show().await);
        }
        Ok(picture)
    }

    async fn backends(&self) -> Result<Vec<Backend>, Stopped> {
        let mut all: Vec<Backend> = Vec::new();
        loop {
            let from = all.last().map_or(0, |backend| backend.slot + 1);
            let meter = self.meter.clone();
            let look = move |engine: &Engine, _| {
                let some = engine.backends_from(from).take(BACKENDS_MAX);
                meter.with(|tally| {
                    some.map(|(slot, backend)| Backend {
                        name: backend.name.as_str().into(),
                        state: backend.state(),
                        counter: backend.health.counter(),
                        probed: tally.backends.get(&backend.name).cloned(),
                        slot,
                        fault: backend.last_outcome.as_ref().and_then(fault),
                    })
                    .collect::<Vec<_>>()
                })
            };
            let some = self.handle.ask(look).await?;
            if some.is_empty() {
                return Ok(all);
            }
            all.extend(some);
        }
    }

    async fn frontends(&self) -> Result<Vec<Frontend>, Stopped> {
        let mut all: Vec<Frontend> = Vec::new();
        loop {
            let after = all.last().map(|frontend| frontend.vip);
            let look = move |engine: &Engine, _| {
                let mut room = MEMBERS_MAX;
                let mut some = Vec::new();
                for frontend in engine.frontends_after(after) {
                    some.push(Frontend::of(frontend));
                    room = room.saturating_sub(frontend.members.len());
                    if room == 0 {
                        break;
                    }
                }
                some
            };
            let some = self.handle.ask(look).await?;
            if some.is_empty() {
                return Ok(all);
            }
            all.extend(some);
        }
    }
}

fn fault(outcome: &Outcome) -> Option<String> {
    if let Outcome::Inconclusive(fault) = outcome { Some(fault.to_string()) } else { None }
}

impl Frontend {
    fn of(frontend: &maglev_core::frontend::Frontend) -> Self {
        let servers = &frontend.want.servers;
        let members = frontend.members.iter().map(|member| {
            let server = servers.binary_search_by_key(&member.address, |server| server.address);
            let effective = server.map_or(0, |at| servers[at].weight.value());
            Member { slot: member.slot, pool: member.pool, weight: member.weight().value(), effective }
        });
        Self {
            name: frontend.name.clone(),
            state: frontend.state,
            out_of_sync: None,
            pools: frontend.pools.clone(),
            members: members.collect(),
            is_presumed: !frontend.presumed.is_empty(),
            vip: frontend.vip(),
        }
    }
}

impl Picture {
    /// Why the daemon is not ready, in words; empty if it is.
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }

    /// Where each backend stands in the list.
    pub(super) fn places(&self) -> Places {
        let mut by_slot = Vec::new();
        for (place, backend) in (0..).zip(&self.backends) {
            by_slot.resize(backend.slot as usize, None);
            by_slot.push(Some(place));
        }
        Places(by_slot)
    }

    fn gather_reasons(&mut self) {
        for backend in &self.backends {
            if let Some(fault) = &backend.fault {
                self.reasons.push(format!("backend {}: {fault}", backend.name));
            }
        }
        for frontend in self.frontends.iter().filter(|frontend| frontend.is_presumed) {
            self.reasons.push(format!("frontend {}: backends presumed up without a result", frontend.name));
        }
        let more = self.reasons.len().saturating_sub(REASONS_MAX);
        if more > 0 {
            self.reasons.truncate(REASONS_MAX);
            self.reasons.push(format!("and {more} more"));
        }
    }
}
