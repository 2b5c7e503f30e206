//! What happened, for people: time, who, what.
//!
//! Calls stand there once they are answered; pings do not, and a probe only when it ends otherwise than the one before.

use core::fmt::{self, Write as _};
use core::net::IpAddr;
use std::collections::BTreeMap;

use maglev_core::input::Outcome;
use maglev_core::model::{Reply, Request};
use maglev_core::{CallId, GoDuration, Input, Instant, ProbeId, ProbeOrder};

use crate::link::Note;
use crate::script::Happening;

/// The lines so far, and what they must remember. Without readers nothing is written at all.
#[derive(Clone)]
pub(super) struct Timeline {
    is_read: bool,
    text: String,
    open: BTreeMap<CallId, Request>,
    probed: BTreeMap<ProbeId, IpAddr>,
    last: BTreeMap<IpAddr, Outcome>,
}

pub(super) fn time(at: Instant) -> GoDuration {
    GoDuration(at.since_start())
}

impl Timeline {
    pub(super) const fn new(is_read: bool) -> Self {
        Self {
            is_read,
            text: String::new(),
            open: BTreeMap::new(),
            probed: BTreeMap::new(),
            last: BTreeMap::new(),
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn line(&mut self, at: Instant, who: &str, what: &dyn fmt::Display) {
        if self.is_read {
            let time = time(at).to_string();
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "{time:>8}  {who:<8} {what}");
        }
    }

    pub(super) fn lines(&mut self, at: Instant, who: &str, lines: &[String]) {
        for what in lines {
            self.line(at, who, what);
        }
    }

    pub(super) fn happening(&mut self, at: Instant, happening: &Happening) {
        if !self.is_read {
            return;
        }
        match happening {
            Happening::Backend { who, behaviour } => self.line(at, "backend", &format!("{who}: {behaviour}")),
            Happening::Vpp(change) => self.line(at, "vpp", change),
            Happening::Fault(fault) => self.line(at, "fault", fault),
            // VPP's answer belongs to it, so it is written when that is known.
            Happening::Foreign(_) | Happening::Expect(_) => (),
            Happening::Reload { config, forced } => {
                self.line(at, "reload", &format!("{config}{}", if *forced { " forced" } else { "" }));
            }
            Happening::ReloadInvalid(kind) => self.line(at, "reload", &format!("invalid: {}", kind.word())),
            Happening::Operator(command) => self.line(at, "operator", command),
            Happening::Choices(change) => self.line(at, "choices", change),
            Happening::Daemon(change) => self.line(at, "daemon", change),
            Happening::Traffic { frontend, flows } => {
                self.line(at, "traffic", &format!("{frontend}: {flows} flows"));
            }
        }
    }

    pub(super) fn note(&mut self, at: Instant, note: &Note) {
        if !self.is_read {
            return;
        }
        match note {
            Note::Unheard(write, retval) => {
                self.line(at, "unheard", &format!("{write}: {}", answer(*retval)));
            }
            Note::ReplyLost(request) => self.line(at, "lost", &format!("the reply to {request}")),
            Note::Foreign(write, retval) => {
                self.line(at, "foreign", &format!("{write}: {}", answer(*retval)));
            }
            Note::Emptied(write) => self.line(at, "EMPTIED", write),
            Note::Crashed(crash) => self.line(at, "CRASH", crash),
            // It is seen by what becomes of the call.
            Note::Struck(_) | Note::Replaced => (),
        }
    }

    pub(super) fn probe(&mut self, order: &ProbeOrder) {
        if self.is_read {
            self.probed.insert(order.probe, order.address);
        }
    }

    pub(super) fn call(&mut self, call: CallId, request: &Request) {
        if self.is_read {
            self.open.insert(call, request.clone());
        }
    }

    /// maglevd dropped its connection: its open calls are answered by that.
    pub(super) fn ended(&mut self) {
        self.open.clear();
    }

    pub(super) fn input(&mut self, at: Instant, input: &Input) {
        if !self.is_read {
            return;
        }
        match input {
            Input::ProbeFinished { probe, outcome, .. } => self.probe_finished(at, *probe, outcome),
            Input::VppReplied { call, reply, .. } => {
                if let Some(request) = self.open.remove(call) {
                    self.line(at, "call", &format!("{request}: {reply}"));
                }
            }
            Input::VppDisconnected { .. } => {
                self.line(at, "link", input);
                for request in core::mem::take(&mut self.open).into_values() {
                    self.line(at, "call", &format!("{request}: no answer"));
                }
            }
            Input::VppConnected { .. } => self.line(at, "link", input),
            // These stand there as happenings of the scenario.
            Input::WakeupDue
            | Input::ConfigLoaded { .. }
            | Input::ConfigRejected { .. }
            | Input::Commanded { .. }
            | Input::Remembered(_)
            | Input::Kept(_)
            | Input::ShutdownRequested => (),
        }
    }

    fn probe_finished(&mut self, at: Instant, probe: ProbeId, outcome: &Outcome) {
        let Some(address) = self.probed.remove(&probe) else { return };
        if self.last.insert(address, outcome.clone()).as_ref() != Some(outcome) {
            self.line(at, "probe", &format!("{address}: {outcome}"));
        }
    }
}

fn answer(retval: i32) -> Reply {
    if retval == 0 { Reply::Done } else { Reply::Refused(retval) }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
