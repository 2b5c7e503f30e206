//! A node of the search: a whole world with its engine, and what may be done to it next.

use core::time::Duration;

use maglev_core::Instant;
use maglev_core::digest::Abstract;

use super::lanes::Item;
use super::sketch::Sketch;
use crate::choices::Choices;
use crate::script::{Event, Happening};
use crate::straight::Straight;
use crate::world::Chain;

/// More turns than this at one instant means that the engine and the world chase each other.
const TURNS_AT_ONE_INSTANT: u32 = 1_000;

const ONE_NANO: Duration = Duration::from_nanos(1);

/// When something happens, seen from the next deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Before,
    At,
    After,
}

/// A way from one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Time passes until something is due.
    Wait,
    /// An item of the menu happens.
    Happens(u8, Place),
}

#[derive(Clone)]
pub(super) struct Node {
    pub(super) straight: Straight,
    /// Items that were paid for since the world was at rest.
    spent: u8,
    pub(super) is_at_rest: bool,
}

impl Node {
    /// The world after the very first step.
    pub(super) fn root(mut straight: Straight) -> Self {
        straight.world.advance(Instant::START);
        let mut root = Self { straight, spent: 0, is_at_rest: false };
        root.settle();
        root
    }

    /// What may happen next, by position in the menu.
    pub(super) fn possible(&self, menu: &[Item], budget: u8) -> Vec<u8> {
        let is_possible = |item: &Item| (item.is_free || self.spent < budget) && (item.when)(&self.straight);
        (0u8..).zip(menu).filter(|(_, item)| is_possible(item)).map(|(at, _)| at).collect()
    }

    /// One of the ways on.
    pub(super) fn choose(possible: &[u8], choices: &mut impl Choices) -> Move {
        let n = u32::try_from(possible.len()).unwrap_or(u32::MAX);
        match choices.choose(n.saturating_add(1), "what happens") {
            0 => Move::Wait,
            item => {
                let place = *choices.of(&[Place::Before, Place::At, Place::After], "when");
                Move::Happens(possible[item as usize - 1], place)
            }
        }
    }

    /// When a way on leaves the present; `None` if that is not possible.
    pub(super) fn time_of(&self, way: Move) -> Option<Instant> {
        let due = self.straight.wakeup()?;
        match way {
            Move::Wait | Move::Happens(_, Place::At) => Some(due),
            Move::Happens(_, Place::After) => Some(due + ONE_NANO),
            // Otherwise it would be right after the last one, which is another way to the same.
            Move::Happens(_, Place::Before) => {
                Some(due - ONE_NANO).filter(|at| *at > self.straight.world.now())
            }
        }
    }

    /// Goes one way on, at `at`, which [`Self::time_of`] has said.
    pub(super) fn go(&mut self, way: Move, at: Instant, menu: &[Item]) {
        if let Move::Happens(_, Place::After) = way {
            self.straight.world.advance(at - ONE_NANO);
            self.settle();
        }
        self.straight.world.advance(at);
        if let Move::Happens(item, _) = way {
            let item = &menu[usize::from(item)];
            self.straight.happen(&item.happening, 0).expect("a lane names what its configurations have");
            self.spent += u8::from(!item.is_free);
        }
        self.settle();
        self.is_at_rest = self.rests();
        if self.is_at_rest {
            self.spent = 0;
        }
    }

    /// Everything that is due at this instant is done.
    fn settle(&mut self) {
        for _ in 0..TURNS_AT_ONE_INSTANT {
            self.straight.turn();
            let now = self.straight.world.now();
            if self.straight.wakeup().is_none_or(|at| at > now) {
                return;
            }
        }
        panic!("time stands still at {}", self.straight.world.now());
    }

    fn rests(&self) -> bool {
        let engine = self.straight.engine.as_ref();
        engine.is_some_and(|engine| {
            engine.dataplane().is_quiet() && self.straight.world.unsettled(engine).is_empty()
        })
    }

    /// Whether the world may stay as it is without a rest: nothing can be done about a VPP that is not there, or that
    /// dies when it is looked at.
    pub(super) fn is_excused(&self) -> bool {
        let Straight { world, engine, .. } = &self.straight;
        let is_blinded = || engine.as_ref().is_some_and(|engine| world.is_blinded(engine));
        self.is_at_rest || !world.link.is_serving() || is_blinded()
    }

    /// What it has in common with every node that goes on alike.
    pub(super) fn digest(&self) -> u128 {
        let world = &self.straight.world;
        let mut hasher = Chain::default();
        let elapsed = Instant::from_start(world.now().since(world.started()));
        let mut digest = Abstract::new(elapsed, &mut hasher);
        if let Some(engine) = &self.straight.engine {
            let mut sketch = Sketch::begin(engine, &mut digest, world.started());
            world.backends.sketch(&mut sketch);
            world.link.sketch(&mut sketch);
            sketch.value(&self.spent);
        }
        digest.finish();
        hasher.value()
    }
}

/// What happened on a way, and at which time it ended.
pub(super) fn replay(mut node: Node, ways: &[Move], menu: &[Item]) -> (Vec<Event>, Instant) {
    let mut events = Vec::new();
    let mut at = node.straight.world.now();
    let event = |at, happening: &Happening| Event { line: 0, at, happening: happening.clone() };
    for (step, way) in ways.iter().enumerate() {
        at = node.time_of(*way).expect("the way was possible the first time");
        if let Move::Happens(item, _) = way {
            events.push(event(at, &menu[usize::from(*item)].happening));
        }
        // The last step is what went wrong.
        if step + 1 < ways.len() {
            node.go(*way, at, menu);
        }
    }
    (events, at)
}
