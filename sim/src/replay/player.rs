//! An engine on its way through a journal.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use maglev_core::config::{Config, Draft};
use maglev_core::engine::Reason;
use maglev_core::{Action, Engine, Input, Instant};
use maglev_journal::{Chain, Head, Heard};

use super::{Why, in_words};

pub(super) struct Player {
    engine: Engine,
    chain: Chain,
    steps: u64,
    at: Instant,
}

impl Player {
    /// Where a stretch begins.
    pub(super) fn begin(head: &Head, line: u64) -> Result<Self, Why> {
        if let Some(checkpoint) = &head.checkpoint {
            let engine = head.revive(checkpoint).map_err(|source| Why::Checkpoint { line, source })?;
            return Ok(Self { engine, chain: checkpoint.chain, steps: checkpoint.steps, at: checkpoint.at });
        }
        let config = check(&head.draft, line)?;
        let start = if head.vpp { Engine::new } else { Engine::without_vpp };
        let engine = start(config, head.seed, Instant::START);
        Ok(Self { engine, chain: Chain::default(), steps: 0, at: Instant::START })
    }

    /// Makes a step. The error is a panic, in its own words; then there is no engine any more that could go on.
    pub(super) fn step(&mut self, input: Input, now: Instant) -> Result<Vec<Action>, String> {
        self.steps += 1;
        self.at = now;
        let handled = catch_unwind(AssertUnwindSafe(|| {
            let actions = self.engine.handle(input, now);
            self.chain.step(&actions, self.engine.wakeup());
            actions
        }));
        handled.map_err(|panic| said(panic.as_ref()))
    }

    pub(super) const fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) const fn steps(&self) -> u64 {
        self.steps
    }

    pub(super) const fn chain(&self) -> Chain {
        self.chain
    }

    pub(super) const fn at(&self) -> Instant {
        self.at
    }

    pub(super) fn state(&self) -> u64 {
        Chain::of(&self.engine)
    }

    pub(super) fn wakeup(&self) -> Option<(Instant, Reason)> {
        self.engine.wakeup()
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".to_owned())
}

/// What the engine heard, as it heard it.
pub(super) fn input(heard: &Heard, line: u64) -> Result<Input, Why> {
    Ok(match heard {
        Heard::Input(input) => input.clone(),
        Heard::Config { draft, forced } => {
            Input::ConfigLoaded { config: check(draft, line)?, forced: *forced }
        }
    })
}

fn check(draft: &Draft, line: u64) -> Result<Arc<Config>, Why> {
    match Config::check(draft) {
        Ok((config, _warnings)) => Ok(Arc::new(config)),
        Err(problems) => Err(Why::Draft { line, problem: in_words(&problems) }),
    }
}
