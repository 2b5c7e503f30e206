//! Events of the daemon as the timeline tells them.

use maglev_core::GoDuration;
use maglev_core::event::{Event, Level};
use maglev_core::health::State;

use super::timeline::Tone;

/// A line for an event; nothing for those whose effect shows elsewhere.
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever has no words of its own is told as in a log")]
pub fn tell(event: &Event) -> Option<(Tone, String)> {
    let told = match event {
        // VPP's own lines show the calls, and "done" that they were made.
        Event::Changed { .. } | Event::SyncStart { .. } | Event::Suppressed { .. } => return None,
        Event::SyncDone { frontend, calls, .. } => {
            let scope = frontend.as_deref().unwrap_or("everything");
            let calls = match calls {
                0 => "as wanted already, no call".to_owned(),
                1 => "1 call".to_owned(),
                calls => format!("{calls} calls"),
            };
            (Tone::Quiet, format!("synced {scope}: {calls}"))
        }
        Event::BackendTransition { backend, from, to, cause, .. } => {
            let word = to.map_or("removed", State::word);
            (tone(*to), format!("backend {backend}: {from} -> {word} ({cause})"))
        }
        Event::FrontendTransition { frontend, from, to } => {
            (tone(Some(*to)), format!("frontend {frontend}: {from} -> {to}"))
        }
        Event::ConfigLoaded { frontends, backends, reload } => {
            let how = if *reload { "reloaded" } else { "loaded" };
            (Tone::Plain, format!("configuration {how}: {frontends} frontends, {backends} backends"))
        }
        Event::ConfigRejected { err, .. } => {
            (Tone::Bad, format!("configuration refused, the old one stays: {err}"))
        }
        Event::OperatorCommand { command, .. } => (Tone::Plain, format!("obeys: {command}")),
        Event::WarmupStart { min, max } => {
            let (min, max) = (GoDuration(*min), GoDuration(*max));
            (Tone::Plain, format!("warm-up: hands off VPP for {min}, and off unknown frontends until {max}"))
        }
        Event::WarmupMinDelay { .. } => (Tone::Plain, "warm-up: hands-off is over".to_owned()),
        Event::WarmupRelease { frontend, .. } => {
            (Tone::Good, format!("warm-up: {frontend} is released, all its backends are known"))
        }
        Event::WarmupComplete { .. } => {
            (Tone::Good, "warm-up: complete, every frontend is released".to_owned())
        }
        Event::WarmupMaxDelay { .. } => (Tone::Quiet, "warm-up: over in any case".to_owned()),
        Event::VppConnect { version, pid, restarted } => {
            let same = if *restarted { ", another process than before: its tables are empty" } else { "" };
            (Tone::Good, format!("connected to VPP {version}, pid {pid}{same}"))
        }
        Event::VppDisconnect { err } => (Tone::Bad, format!("lost VPP: {err}")),
        Event::VppUnreachable { err } => (Tone::Bad, format!("no VPP yet: {err}")),
        Event::Stopping => (Tone::Plain, "stopping; VPP is left as it is".to_owned()),
        other => (if other.level() >= Level::Warn { Tone::Bad } else { Tone::Plain }, other.to_string()),
    };
    Some(told)
}

const fn tone(to: Option<State>) -> Tone {
    match to {
        Some(State::Up) => Tone::Good,
        Some(State::Down) => Tone::Bad,
        Some(State::Unknown | State::Paused | State::Disabled) | None => Tone::Plain,
    }
}
