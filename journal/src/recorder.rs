//! What a run brings forth, as entries: beside the daemon's loop, and wherever a journal is made anew.

use std::sync::Arc;

use maglev_core::config::{Config, Draft};
use maglev_core::{Action, Engine, Input, Instant};

use crate::{Chain, Check, Checkpoint, Entry, Head, Heard, Record, State, VERSION};

/// Steps between checks for an engine without backends. A digest's price grows with them, and so does the distance.
const STEPS_PER_CHECK: u64 = 256;
const STEPS_PER_BACKEND: u64 = 4;

/// What a process starts with.
#[derive(Clone, Debug)]
pub struct Run {
    /// All chance comes from it.
    pub seed: u64,
    /// Whether the process talks to VPP.
    pub vpp: bool,
    /// The first configuration.
    pub draft: Arc<Draft>,
    /// When the clock stood at zero: seconds since 1970.
    pub began: u64,
}

/// Keeps the chain of a run. It writes nothing and never waits.
#[derive(Debug)]
pub struct Recorder {
    run: Run,
    steps: u64,
    chain: Chain,
    checked: u64,
    /// Of the last step.
    at: Instant,
    /// What the configuration that comes next was checked from.
    offered: Option<Arc<Draft>>,
    /// The step under way.
    heard: Option<(Instant, Heard)>,
    /// The configuration of the step under way.
    brought: Option<(Arc<Config>, Arc<Draft>)>,
}

impl Recorder {
    /// A run that begins.
    pub fn new(run: Run) -> Self {
        let chain = Chain::default();
        let (offered, heard, brought) = (None, None, None);
        let at = Instant::START;
        Self { run, steps: 0, chain, checked: 0, at, offered, heard, brought }
    }

    /// Goes on where a stretch begins.
    pub fn resume(head: &Head) -> Self {
        let run = Run { seed: head.seed, vpp: head.vpp, draft: Arc::clone(&head.draft), began: head.began };
        let mut recorder = Self::new(run);
        if let Some(checkpoint) = &head.checkpoint {
            (recorder.steps, recorder.checked) = (checkpoint.steps, checkpoint.steps);
            recorder.chain = checkpoint.chain;
            recorder.at = checkpoint.at;
        }
        recorder
    }

    /// The head of a stretch that begins here: with the start of the run, or with `engine` as it is now.
    pub fn head(&self, engine: Option<&Engine>, lost: u64) -> Entry {
        let checkpoint = engine.map(|engine| Checkpoint {
            steps: self.steps,
            chain: self.chain,
            at: self.at,
            engine: State::Live(Box::new(engine.clone())),
        });
        let Run { seed, vpp, draft, began } = self.run.clone();
        Entry::Head(Box::new(Head { version: VERSION.to_owned(), seed, vpp, began, lost, draft, checkpoint }))
    }

    /// Steps so far.
    pub const fn count(&self) -> u64 {
        self.steps
    }

    /// The configuration that the engine hears of next was checked from this.
    pub fn offers(&mut self, draft: Arc<Draft>) {
        self.offered = Some(draft);
    }

    /// The engine is about to hear this.
    pub fn hears(&mut self, input: &Input, now: Instant) {
        let offered = self.offered.take();
        self.heard = if let Input::ConfigLoaded { config, forced } = input {
            offered.map(|draft| {
                self.brought = Some((Arc::clone(config), Arc::clone(&draft)));
                (now, Heard::Config { draft, forced: *forced })
            })
        } else {
            Some((now, Heard::Input(input.clone())))
        };
        self.at = now;
    }

    /// The engine has made its step. `None`: it heard of a configuration whose draft nobody offered, and only a new
    /// head can go on from here.
    pub fn steps(&mut self, engine: &Engine, actions: &[Action]) -> Option<(Record, Option<Check>)> {
        self.steps += 1;
        self.chain.step(actions, engine.wakeup());
        // The engine may have refused it.
        if let Some((_, draft)) =
            self.brought.take().filter(|(config, _)| Arc::ptr_eq(config, engine.config()))
        {
            self.run.draft = draft;
        }
        let (at, heard) = self.heard.take()?;
        let record = Record { at, heard, hash: Some(self.chain.short()) };
        let apart = STEPS_PER_CHECK + STEPS_PER_BACKEND * engine.config().backends().len() as u64;
        let is_due = self.steps - self.checked >= apart || actions.contains(&Action::Exit);
        Some((record, is_due.then(|| self.check(engine))))
    }

    fn check(&mut self, engine: &Engine) -> Check {
        self.checked = self.steps;
        Check { steps: self.steps, chain: self.chain, state: Chain::of(engine) }
    }

    /// The step that was begun and did not end, because the process ends in its midst.
    pub fn unfinished(&mut self) -> Option<Record> {
        self.heard.take().map(|(at, heard)| Record { at, heard, hash: None })
    }
}
