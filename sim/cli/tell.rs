//! Plays a scenario for people: with its timeline, and with what was seen of it even if the engine panics.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use maglev_core::{Engine, Instant};
use maglev_sim::oracle::{Breach, Oracle};
use maglev_sim::script::ScriptError;
use maglev_sim::story::{Recorder, Story};
use maglev_sim::straight::play_with;
use maglev_sim::world::World;
use maglev_sim::{Configs, Scenario, Settings};

/// What a scenario came to.
#[derive(Debug)]
pub(crate) struct Told {
    /// What happened, a line each.
    pub(crate) timeline: String,
    /// Rules that were broken.
    pub(crate) breaches: Vec<Breach>,
    /// The whole run as data, if that was wanted.
    pub(crate) story: Option<Story>,
}

/// Plays it, and recorded if that is wanted.
pub(crate) fn tell(scenario: &Scenario, configs: Configs, recorded: bool) -> Result<Told, ScriptError> {
    let mut recorder = recorded.then(Recorder::default);
    let (mut timeline, mut at) = (String::new(), Instant::START);
    let mut look = |world: &World, engine: Option<&Engine>| {
        timeline.push_str(world.timeline().get(timeline.len()..).unwrap_or_default());
        at = world.now();
        if let Some(recorder) = &mut recorder {
            recorder.look(world, engine);
        }
    };
    let played = catch_unwind(AssertUnwindSafe(|| play_with(scenario, configs, Settings::FULL, &mut look)));
    let (timeline, breaches) = match played {
        Ok(report) => report.map(|report| (report.timeline, report.breaches))?,
        Err(panic) => {
            let what = panic.downcast_ref::<String>().map(String::as_str);
            let what = what.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default().to_owned();
            (timeline, vec![Breach { oracle: Oracle::Panics, at, what }])
        }
    };
    let story = recorder.map(|recorder| recorder.finish(&scenario.about, &timeline, &breaches));
    Ok(Told { timeline, breaches, story })
}

/// Does `work` without a word about panics of the engine, which are verdicts there and may be thousands.
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let hook = take_hook();
    set_hook(Box::new(|_| ()));
    let done = work();
    set_hook(hook);
    done
}
