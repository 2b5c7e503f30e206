//! All frontends of one process, and what happens to them besides verdicts: reloads with their holds, operators' weights,
//! and the presumption of those whom nobody could look at.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use maglev_core::health::State;
use maglev_core::model::{Read, Reply, Request, VipKey};
use maglev_core::{Action, CallId, Command, Config, Event, Input, Instant};

use super::Reference;
use super::front::{Front, Succession, Wanted};
use crate::watch::{Step, vip_named};

/// The frontends of one process.
#[derive(Clone, Debug)]
pub(in crate::watch) struct Fronts {
    config: Arc<Config>,
    /// In the order of the configuration.
    pub(in crate::watch) list: Vec<Front>,
    /// A reload holds what it takes out for so long: the `startup-max-delay` that this process began with.
    limit: Duration,
    /// Warm-up is.
    over: bool,
    released: BTreeSet<VipKey>,
    /// Slots of whom VPP is to be asked: nobody could look at them before the end of warm-up.
    blind: BTreeSet<u32>,
    /// Whether they are presumed up was decided in the midst of a step, by what VPP held then.
    vague: BTreeSet<u32>,
    /// The read whose answer completes the picture.
    look: Option<CallId>,
    /// Choices were lost, and VPP has not been seen since.
    pub(super) unseen: bool,
    /// Something of this changed without a word.
    pub(in crate::watch) moved: bool,
}

impl Fronts {
    pub(in crate::watch) fn new(config: &Arc<Config>, reference: &Reference) -> Self {
        Self {
            config: config.clone(),
            list: build(config, reference),
            limit: config.lb().startup_max_delay,
            over: false,
            released: BTreeSet::new(),
            blind: BTreeSet::new(),
            vague: BTreeSet::new(),
            look: None,
            unseen: false,
            moved: true,
        }
    }

    /// Whether this frontend may be written.
    pub(in crate::watch) fn is_open(&self, vip: VipKey) -> bool {
        self.over || self.released.contains(&vip)
    }

    /// Whether it is known who of this frontend is presumed up.
    pub(in crate::watch) fn is_sure(&self, front: &Front) -> bool {
        !self.vague.iter().any(|slot| front.has(*slot))
    }

    /// Deadlines come before the input of their instant: call before anything of the input is taken into account.
    pub(in crate::watch) fn deadlines(&mut self, step: &Step<'_>, reference: &Reference) {
        let now = Instant::from_start(step.elapsed);
        for front in &mut self.list {
            self.moved |= front.hold.take_if(|hold| hold.until <= now).is_some();
        }
        if self.over {
            return;
        }
        let is_told = |is: fn(&Event) -> bool| {
            step.actions.iter().any(|action| matches!(action, Action::Tell(event) if is(event)))
        };
        let is_end = is_told(|event| matches!(event, Event::WarmupSkipped | Event::WarmupMaxDelay { .. }));
        // One that was over before, though in the same late step, left nobody behind.
        if !is_end || is_told(|event| matches!(event, Event::WarmupComplete { .. })) {
            return;
        }
        self.over = true;
        self.gather(reference.seats().map(|(slot, _)| slot), reference);
        let is_lost = is_told(|event| matches!(event, Event::VppDisconnect { .. }));
        if matches!(step.input, Input::VppReplied { .. }) || is_lost {
            // The picture is another one by now.
            self.vague.clone_from(&self.blind);
        } else {
            self.presume(step, reference);
        }
    }

    /// Those of `slots` about whom nothing is known.
    fn gather(&mut self, slots: impl Iterator<Item = u32>, reference: &Reference) {
        self.blind.extend(slots.filter(|slot| reference.is_blind(*slot)));
    }

    /// Counts as up who is blind and held above 0 by VPP, as far as that is known.
    fn presume(&mut self, step: &Step<'_>, reference: &Reference) {
        let dataplane = step.engine.dataplane();
        if !dataplane.has_picture() {
            return;
        }
        for slot in self.blind.iter().copied().filter(|slot| reference.is_blind(*slot)) {
            self.vague.remove(&slot);
            for front in &mut self.list {
                let Some(address) = front.address_of(slot) else { continue };
                self.moved |= if dataplane.holds(front.vip, address) {
                    front.presumed.insert(slot)
                } else {
                    front.presumed.remove(&slot)
                };
            }
        }
    }

    /// Something is told, in the order of the step.
    #[expect(clippy::wildcard_enum_match_arm, reason = "few events matter here")]
    pub(in crate::watch) fn told(&mut self, event: &Event) {
        match event {
            Event::WarmupRelease { frontend, .. } => {
                self.released.extend(vip_named(&self.config, frontend));
            }
            Event::WarmupComplete { .. } => self.over = true,
            // Another process holds nothing of what the presumption was founded on.
            Event::VppConnect { restarted: true, .. } => {
                for front in &mut self.list {
                    self.moved |= !front.presumed.is_empty();
                    self.blind.append(&mut front.presumed);
                }
            }
            _ => (),
        }
    }

    /// An operator's command was accepted.
    pub(in crate::watch) fn command(&mut self, command: &Command, reference: &Reference) {
        match command {
            Command::Pause { backend }
            | Command::Resume { backend }
            | Command::Disable { backend }
            | Command::Enable { backend } => {
                let Some(slot) = reference.slot_of(backend) else { return };
                for front in &mut self.list {
                    let address = front.address_of(slot);
                    self.moved |= address.is_some_and(|address| front.doubted.remove(&address));
                }
            }
            Command::SetWeight { frontend, pool, backend, weight, .. } => {
                let slot = reference.slot_of(backend);
                if let Some((front, slot)) =
                    self.list.iter_mut().find(|front| front.name == *frontend).zip(slot)
                {
                    front.set(pool, slot, *weight);
                    let address = front.address_of(slot);
                    self.moved |= address.is_some_and(|address| front.doubted.remove(&address));
                }
            }
            Command::Confirm => {
                (self.unseen, self.moved) = (false, true);
                self.list.iter_mut().for_each(|front| front.doubted.clear());
            }
            Command::Sync { .. } => (),
        }
    }

    /// Whoever VPP holds at 0 may have been put there by an operator whose choices were lost.
    fn doubt(&mut self, step: &Step<'_>, reference: &Reference) {
        if !core::mem::take(&mut self.unseen) {
            return;
        }
        let dataplane = step.engine.dataplane();
        for front in &mut self.list {
            for server in front.addresses() {
                if dataplane.holds_at_zero(front.vip, server) && !front.is_all_disabled(server, reference) {
                    front.doubt(server);
                }
            }
        }
        self.moved = true;
    }

    /// What is wanted of each, in the order of the configuration: asked before a reload.
    pub(in crate::watch) fn wanted(&self, reference: &Reference) -> Vec<Vec<Wanted>> {
        let each = self.list.iter().map(|front| {
            let mut wanted = Vec::new();
            front.wanted(reference, &mut wanted);
            wanted
        });
        each.collect()
    }

    /// A reload: `reference` is that of the new file, `wanted` what was wanted before.
    pub(in crate::watch) fn reload(
        &mut self,
        wanted: &[Vec<Wanted>],
        step: &Step<'_>,
        reference: &Reference,
    ) {
        self.config = step.engine.config().clone();
        let old = core::mem::replace(&mut self.list, build(&self.config, reference));
        let (now, limit) = (Instant::from_start(step.elapsed), self.limit);
        for (was, wanted) in old.into_iter().zip(wanted) {
            let is_open = self.is_open(was.vip);
            let of = Succession { now, limit, wanted, is_open };
            if let Some(front) = self.list.iter_mut().find(|front| front.vip == was.vip) {
                front.succeed(was, reference, &of);
            }
        }
        self.moved = true;
        let newcomers = reference.newcomers();
        // The slot of one that is gone may be another's now.
        for slots in [&mut self.blind, &mut self.vague] {
            slots.retain(|slot| reference.seat(*slot).is_some() && !newcomers.contains(slot));
        }
        if self.over {
            // Whoever comes late had no warm-up to get a verdict in.
            self.gather(newcomers.iter().copied(), reference);
            self.presume(step, reference);
        }
    }

    /// The step is over: verdicts end holds and presumptions, and a whole picture settles who is presumed.
    pub(in crate::watch) fn settle(&mut self, step: &Step<'_>, reference: &Reference) {
        let is_known = |slot: &u32| reference.seat(*slot).is_none_or(|seat| seat.state != State::Unknown);
        self.vague.retain(|slot| !is_known(slot));
        for front in &mut self.list {
            if !front.presumed.is_empty() {
                let before = front.presumed.len();
                front.presumed.retain(|slot| !is_known(slot));
                self.moved |= front.presumed.len() != before;
            }
            if let Some(hold) = &mut front.hold {
                hold.awaited.retain(|slot| !is_known(slot));
                if hold.awaited.is_empty() {
                    front.hold = None;
                    self.moved = true;
                }
            }
        }
        self.look(step, reference);
    }

    /// A complete look at VPP ends with all its servers.
    fn look(&mut self, step: &Step<'_>, reference: &Reference) {
        if let Input::VppReplied { call, reply: Reply::Servers(_), .. } = step.input
            && self.look.take_if(|look| look == call).is_some()
            && step.engine.dataplane().has_picture()
        {
            self.doubt(step, reference);
            self.presume(step, reference);
            self.blind.clear();
        }
        for action in step.actions {
            if let Action::Call { call, request: Request::Read(Read::Servers(None)), .. } = action {
                self.look = Some(*call);
            }
        }
    }
}

fn build(config: &Config, reference: &Reference) -> Vec<Front> {
    let slots: BTreeMap<&str, u32> =
        reference.seats().map(|(slot, seat)| (seat.name.as_str(), slot)).collect();
    config.frontends().iter().map(|frontend| Front::new(config, frontend, &slots)).collect()
}
