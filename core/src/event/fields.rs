//! The facts of an event as pairs of words.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::Event;
use crate::health::State;
use crate::input::Author;
use crate::time::GoDuration;

impl Event {
    /// The facts, in the order in which a person reads them.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = Fields(Vec::new());
        self.fill(&mut fields);
        if let Some(impact) = self.impact() {
            fields.put("impact", &impact);
        }
        fields.0
    }

    fn fill(&self, f: &mut Fields) {
        match self {
            Self::ConfigLoaded { frontends, backends, reload } => {
                f.put("frontends", frontends).put("backends", backends).put("reload", reload);
            }
            Self::ConfigRejected { kind, err } => {
                f.put("kind", kind).put("err", err);
            }
            Self::ChoiceDropped { what } => {
                f.put("what", what);
            }
            Self::ChoiceRestored { choice, by } => {
                f.put("choice", choice);
                f.put_author(by);
            }
            Self::ChoicesLost { err } | Self::ChoicesNotKept { err } => {
                f.put("err", err);
            }
            Self::ChoicesDoubted { servers, frontends } => {
                f.put("servers", servers).put("frontends", &frontends.join(","));
            }
            Self::ChoicesKept => (),
            Self::DelaysNotEffective { min, max } | Self::WarmupStart { min, max } => {
                f.put("min-delay", &GoDuration(*min)).put("max-delay", &GoDuration(*max));
            }
            Self::BackendTransition { backend, address, from, to, cause } => {
                let to = to.map_or("removed", State::word);
                f.put("backend", backend).put("address", address).put("from", from).put("to", &to);
                f.put("cause", cause);
            }
            Self::FrontendTransition { frontend, from, to } => {
                f.put("frontend", frontend).put("from", from).put("to", to);
            }
            Self::ProbeInconclusive { backend, err, count, .. } => {
                f.put("backend", backend).put("count", count).put("err", err);
            }
            Self::BackendPresumed { backend, frontends } => {
                f.put("backend", backend).put("frontends", &frontends.join(","));
            }
            Self::OperatorCommand { command, lost_on_restart, by } => {
                f.put("command", command).put("lost-on-restart", lost_on_restart);
                f.put_author(by);
            }
            Self::WarmupMinDelay { elapsed }
            | Self::WarmupComplete { elapsed }
            | Self::WarmupMaxDelay { elapsed } => {
                f.put("elapsed", &GoDuration(*elapsed));
            }
            Self::WarmupRelease { frontend, trigger, elapsed } => {
                f.put("frontend", frontend).put("trigger", &trigger.word());
                f.put("elapsed", &GoDuration(*elapsed));
            }
            Self::WarmupReleaseError { frontend, err } | Self::OutOfSync { frontend, err } => {
                f.put("frontend", frontend).put("err", err);
            }
            Self::VppConnect { version, pid, restarted } => {
                f.put("version", version).put("pid", pid).put("restarted", restarted);
            }
            Self::VppDisconnect { err }
            | Self::VppUnreachable { err }
            | Self::VppIncompatible { err }
            | Self::SyncError { err } => {
                f.put("err", err);
            }
            Self::CallTimeout { call } | Self::CallQuarantined { call } => {
                f.put("call", call);
            }
            Self::CallRefused { call, err } => {
                f.put("call", call).put("err", err);
            }
            Self::SyncStart { frontend, cause } => {
                f.put("scope", &scope(frontend.as_ref())).put("cause", &cause.word());
            }
            Self::SyncDone { frontend, calls, took } => {
                f.put("scope", &scope(frontend.as_ref())).put("calls", calls).put("took", &GoDuration(*took));
            }
            Self::Changed { call } => {
                f.put("call", call);
            }
            Self::FlowsDropped { from, to } => {
                f.put("buckets-from", from).put("buckets-to", to);
            }
            Self::BackInSync { frontend } => {
                f.put("frontend", frontend);
            }
            Self::Waiting { frontend, reason } | Self::Recreate { frontend, reason } => {
                f.put("frontend", frontend).put("reason", reason);
            }
            Self::StrangerLeft { vip, reason } => {
                f.put("vip", vip).put("reason", reason);
            }
            Self::TableLengthDiffers { frontend, seen, wanted } => {
                f.put("frontend", frontend).put("seen", seen).put("wanted", wanted);
            }
            Self::Suppressed { frontend, reason } => {
                f.put("frontend", frontend).put("reason", reason);
            }
            Self::WarmupSkipped | Self::Stopping => (),
        }
    }
}

fn scope(frontend: Option<&String>) -> String {
    frontend.map_or_else(|| "all".into(), Clone::clone)
}

struct Fields(Vec<(&'static str, String)>);

impl Fields {
    fn put_author(&mut self, by: &Author) {
        for (key, words) in [("by", &by.who), ("why", &by.why)] {
            if !words.is_empty() {
                self.put(key, words);
            }
        }
    }

    fn put(&mut self, key: &'static str, value: &dyn fmt::Display) -> &mut Self {
        self.0.push((key, alloc::format!("{value}")));
        self
    }
}
