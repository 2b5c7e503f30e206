//! `maglevd demo`: watch the real daemon at work, with nothing but this machine.
//!
//! Only the world is made up: VPP is the simulator's model behind the real binary API on a Unix socket, the backends
//! are tiny HTTP servers on 127.0.0.x, and mishaps come from a script. The loop, the prober, the client of VPP, the
//! clock and the configuration file are those of production.

mod farm;
pub mod model;
mod plan;
mod script;
mod stage;
mod timeline;
mod verdict;
mod vpp;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use maglev_core::{Clock, Instant};
use tokio::select;
use tokio::signal::ctrl_c;

pub use farm::{Farm, Mood};
pub use vpp::{SimVpp, Table};

use crate::clock::SystemClock;
use crate::config::duration;
use script::Script;
use stage::{Stage, StageError};
use timeline::{Timeline, Tone};

/// A shorter run would end in the warm-up.
const RUN_MIN: Duration = Duration::from_secs(6);

/// The story begins when hands-off is over and the first tables are programmed.
const PROLOGUE: Duration = Duration::from_millis(2_500);

/// From here to the end nothing happens any more; in a short run it is two fifths of it.
const EPILOGUE: Duration = Duration::from_secs(5);

/// How long the end waits for a quiet moment.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it looks.
const GLANCE: Duration = Duration::from_millis(50);

/// How the demo is run.
#[derive(Clone, Debug, clap::Args)]
pub struct Flags {
    /// End by itself after this long (30s, 1m30s), with exit code 0 if VPP holds what is wanted. Else: until Ctrl-C.
    #[arg(long = "for", value_name = "DURATION", value_parser = run_length)]
    run: Option<Duration>,
    /// The story to tell: one seed, one story.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Write down everything that the engine hears, for a replay; the life before a restart of the daemon is in FILE.1.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
}

fn run_length(text: &str) -> Result<Duration, String> {
    let length = duration::parse(text).map_err(|err| format!("{text:?} {err}"))?;
    match length < RUN_MIN {
        true => {
            Err("is too short: warm-up, something that happens and a quiet end take at least 6s".to_owned())
        }
        false => Ok(length),
    }
}

/// Runs the demo and says how it ended.
pub fn main(flags: &Flags, clock: SystemClock) -> ExitCode {
    let timeline = Timeline::new(clock);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = runtime.map_err(StageError::from).and_then(|runtime| {
        let ended = runtime.block_on(play(flags, clock, &timeline));
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(err) => {
            timeline.print(Tone::Bad, &format!("maglevd demo: {err}"));
            ExitCode::FAILURE
        }
    }
}

async fn play(flags: &Flags, clock: SystemClock, timeline: &Timeline) -> Result<bool, StageError> {
    let until = flags.run.map_or_else(|| "until Ctrl-C".to_owned(), |run| format!("for {run:?}"));
    timeline.print(Tone::Quiet, &format!("maglevd demo, seed {}, {until}", flags.seed));
    let mut stage = Stage::build(flags.seed, flags.journal.clone(), clock, timeline.clone()).await?;
    let was_interrupted = select! { biased;
        _ = ctrl_c() => true,
        told = tell(&mut stage, flags, clock) => { told?; false }
    };
    if was_interrupted {
        timeline.print(Tone::Quiet, "interrupted");
    }
    stage.end().await
}

/// The whole story; without an end if none was asked for.
async fn tell(stage: &mut Stage, flags: &Flags, clock: SystemClock) -> Result<(), StageError> {
    let end = flags.run.map(Instant::from_start);
    let curtain = flags.run.map(|run| Instant::from_start(run - EPILOGUE.min(run * 2 / 5)));
    let mut at = Instant::START + PROLOGUE;
    for (pause, beat) in Script::new(flags.seed) {
        at += pause;
        if curtain.is_some_and(|curtain| at >= curtain) {
            break;
        }
        clock.sleep_until(at).await;
        stage.play(beat).await?;
    }
    if let (Some(curtain), Some(end)) = (curtain, end) {
        clock.sleep_until(curtain).await;
        stage.heal().await?;
        clock.sleep_until(end).await;
        while !stage.is_quiet().await? && clock.now() < end + PATIENCE {
            clock.sleep_until(clock.now() + GLANCE).await;
        }
    }
    Ok(())
}
