//! What operators chose, by the second opinion, from one process to the next.

use core::net::IpAddr;

use maglev_core::health::State;
use maglev_core::model::{VipKey, Weight};

use super::{Fronts, Reference};

/// What should be in the file of choices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kept {
    #[default]
    Nothing,
    Choices(Choices),
    Lost,
}

/// All that is not as the configuration has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choices {
    backends: Vec<Chosen>,
    weights: Vec<Weighed>,
    /// Choices were lost before VPP was seen.
    unseen: bool,
    doubted: Vec<(VipKey, IpAddr)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) name: String,
    pub(super) address: IpAddr,
    /// By the file.
    pub(super) enabled: bool,
    pub(super) state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Weighed {
    pub(super) vip: VipKey,
    pub(super) pool: String,
    pub(super) backend: String,
    pub(super) address: IpAddr,
    pub(super) file: Weight,
    pub(super) weight: Weight,
}

impl Kept {
    /// Whether anything is in force that no file says.
    pub(crate) fn is_any(&self) -> bool {
        *self != Self::Nothing && *self != Self::Choices(Choices::default())
    }

    /// What a process has been told to choose.
    pub(in crate::watch) fn of(reference: &Reference, fronts: &Fronts) -> Self {
        let backends = reference.seats().filter_map(|(_, seat)| seat.chosen()).collect();
        let name = |slot: u32| reference.seat(slot).map(|seat| seat.name.clone()).unwrap_or_default();
        let weights = fronts.list.iter().flat_map(|front| front.weighed(&name)).collect();
        let doubted = fronts
            .list
            .iter()
            .flat_map(|front| front.doubted.iter().map(|server| (front.vip, *server)))
            .collect();
        Self::Choices(Choices { backends, weights, unseen: fronts.unseen, doubted })
    }

    /// A new process takes them up.
    pub(in crate::watch) fn take_up(&self, reference: &mut Reference, fronts: &mut Fronts) {
        let choices = match self {
            Self::Nothing => return,
            Self::Lost => {
                fronts.unseen = true;
                return;
            }
            Self::Choices(choices) => choices,
        };
        let slots: Vec<Option<u32>> =
            choices.backends.iter().map(|one| reference.heir(one, choices)).collect();
        for (one, slot) in choices.backends.iter().zip(slots) {
            if let Some(seat) = slot.and_then(|slot| reference.seat_mut(slot)) {
                seat.take_up(one);
            }
        }
        for one in &choices.weights {
            let slot = reference.slot_of(&one.backend);
            if let Some(front) = fronts.list.iter_mut().find(|front| front.vip == one.vip) {
                front.take_up(one, slot);
            }
        }
        fronts.unseen = choices.unseen;
        for (vip, server) in &choices.doubted {
            if let Some(front) = fronts.list.iter_mut().find(|front| front.vip == *vip) {
                front.doubt(*server);
            }
        }
    }
}

impl Reference {
    /// Whom a choice is for: the backend of that name at that address, else the one that nobody claims there, if only
    /// one choice is without a backend.
    fn heir(&self, one: &Chosen, choices: &Choices) -> Option<u32> {
        let own = |one: &Chosen| {
            let mut seats = self.seats();
            seats
                .find(|(_, seat)| (&seat.name, seat.address) == (&one.name, one.address))
                .map(|(slot, _)| slot)
        };
        if let Some(slot) = own(one) {
            return Some(slot);
        }
        let claimed: Vec<u32> = choices.backends.iter().filter_map(own).collect();
        let orphans = choices.backends.iter().filter(|it| it.address == one.address && own(it).is_none());
        let mut free =
            self.seats().filter(|(slot, seat)| seat.address == one.address && !claimed.contains(slot));
        let (slot, _) = free.next()?;
        (free.next().is_none() && orphans.count() == 1).then_some(slot)
    }
}
