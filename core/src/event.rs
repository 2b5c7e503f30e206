//! Everything worth telling a human; travels inside an action.
//!
//! The daemon turns events into log lines, the simulator into its timeline. [`Event::name`] is what stands in `msg`.

mod fields;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::health::State;
use crate::input::Author;
use crate::model::{VipKey, Write};

/// Who is woken by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Only somebody who looks for it.
    Debug,
    /// The record of what the daemon did.
    Info,
    /// Something an operator should look at in working hours.
    Warn,
    /// Something an operator should look at now.
    Error,
}

/// Why a frontend was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Trigger {
    /// All its backends were known when hands-off ended.
    MinDelay,
    /// A probe's verdict made its last backend known.
    Transition,
    /// An operator made its last backend known.
    Operator,
    /// A reload left it with known backends only.
    Reload,
}

impl Trigger {
    /// As in logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::MinDelay => "min-delay",
            Self::Transition => "transition",
            Self::Operator => "operator",
            Self::Reload => "reload",
        }
    }
}

/// Why a sync begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// VPP was connected.
    Connect,
    /// A timed-out write may have been executed late: a second look five seconds after the connection.
    SecondLook,
    /// The configuration was reloaded.
    Reload,
    /// An operator asked.
    Operator,
    /// Warm-up reached its last deadline.
    MaxDelay,
    /// `sync-interval` has passed.
    Interval,
    /// Warm-up released a frontend.
    Release,
    /// A backend changed its state, or a weight was set.
    Transition,
}

impl Cause {
    /// As in logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::SecondLook => "second-look",
            Self::Reload => "reload",
            Self::Operator => "operator",
            Self::MaxDelay => "max-delay",
            Self::Interval => "interval",
            Self::Release => "release",
            Self::Transition => "transition",
        }
    }
}

/// Everything worth telling a human.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Event {
    /// A configuration is in force.
    ConfigLoaded {
        /// Number of frontends.
        frontends: usize,
        /// Number of backends.
        backends: usize,
        /// Not the first one of this process.
        reload: bool,
    },
    /// A new configuration was refused; the running one stays.
    ConfigRejected {
        /// `read`, `structural` or `semantic`.
        kind: &'static str,
        /// All of it, in words.
        err: String,
    },
    /// A reload has no place for something that was set at run time.
    ChoiceDropped {
        /// What, in words.
        what: String,
    },
    /// What an operator chose before the restart is in force again.
    ChoiceRestored {
        /// What: as the command that would do it.
        choice: String,
        /// Who, and why.
        by: Author,
    },
    /// What operators chose in earlier processes cannot be read.
    ChoicesLost {
        /// Why, and where it is now.
        err: String,
    },
    /// Servers that VPP holds at 0 stay there, because choices were lost, until an operator says otherwise.
    ChoicesDoubted {
        /// How many, counted per frontend.
        servers: usize,
        /// In which frontends.
        frontends: Vec<String>,
    },
    /// What operators choose cannot be kept; it is tried again.
    ChoicesNotKept {
        /// Why, and what to do.
        err: String,
    },
    /// What operators choose is kept again.
    ChoicesKept,
    /// The file's warm-up delays differ from the latched ones.
    DelaysNotEffective {
        /// In force: min.
        min: Duration,
        /// In force: max.
        max: Duration,
    },
    /// A backend changed its state.
    BackendTransition {
        /// Its name.
        backend: String,
        /// Its address.
        address: IpAddr,
        /// From.
        from: State,
        /// To; `None` means a reload removed it.
        to: Option<State>,
        /// Why, in words.
        cause: String,
    },
    /// A frontend changed its state.
    FrontendTransition {
        /// Its name.
        frontend: String,
        /// From.
        from: State,
        /// To.
        to: State,
    },
    /// Probes tell nothing for a reason of this host. Said once per cause and minute.
    ProbeInconclusive {
        /// The latest backend concerned.
        backend: String,
        /// Why.
        err: String,
        /// How many since it was last said, this one included.
        count: u64,
        /// An operator has to repair this host before it gets better.
        needs_repair: bool,
    },
    /// A backend without any result keeps the weight that VPP holds.
    BackendPresumed {
        /// Its name.
        backend: String,
        /// Frontends in which VPP holds it above 0.
        frontends: Vec<String>,
    },
    /// An operator changed something.
    OperatorCommand {
        /// What.
        command: String,
        /// Whether it is forgotten when the daemon restarts.
        lost_on_restart: bool,
        /// Who, and why.
        #[serde(skip_serializing_if = "Author::is_unknown")]
        by: Author,
    },
    /// `vpp-lb-warmup-start`.
    WarmupStart {
        /// Hands off for this long.
        min: Duration,
        /// Over at the latest after this.
        max: Duration,
    },
    /// `vpp-lb-warmup-skipped`.
    WarmupSkipped,
    /// `vpp-lb-warmup-min-delay-elapsed`.
    WarmupMinDelay {
        /// Since the start of the process.
        elapsed: Duration,
    },
    /// `vpp-lb-warmup-release`.
    WarmupRelease {
        /// Its name.
        frontend: String,
        /// Why now.
        trigger: Trigger,
        /// Since the start of the process.
        elapsed: Duration,
    },
    /// `vpp-lb-warmup-release-error`.
    WarmupReleaseError {
        /// Its name.
        frontend: String,
        /// What went wrong.
        err: String,
    },
    /// `vpp-lb-warmup-complete`.
    WarmupComplete {
        /// Since the start of the process.
        elapsed: Duration,
    },
    /// `vpp-lb-warmup-max-delay-elapsed`.
    WarmupMaxDelay {
        /// Since the start of the process.
        elapsed: Duration,
    },
    /// VPP is connected.
    VppConnect {
        /// Its version.
        version: String,
        /// Its process.
        pid: u32,
        /// It is another process than before, so its tables are empty.
        restarted: bool,
    },
    /// VPP is gone.
    VppDisconnect {
        /// Why.
        err: String,
    },
    /// VPP cannot be reached. Said once per reason.
    VppUnreachable {
        /// Why.
        err: String,
    },
    /// VPP cannot be used. Said once per reason.
    VppIncompatible {
        /// What is missing and what to do.
        err: String,
    },
    /// A call was not answered in time.
    CallTimeout {
        /// Which.
        call: String,
    },
    /// A call was the oldest unanswered one at two deaths of VPP in a row.
    CallQuarantined {
        /// Which.
        call: String,
    },
    /// A sync begins.
    SyncStart {
        /// The frontend; `None` is all.
        frontend: Option<String>,
        /// Why.
        cause: Cause,
    },
    /// A sync is done.
    SyncDone {
        /// The frontend; `None` is all.
        frontend: Option<String>,
        /// Calls that changed VPP.
        calls: u64,
        /// From its start.
        took: Duration,
    },
    /// A sync-all could not make everything as wanted.
    SyncError {
        /// What went wrong.
        err: String,
    },
    /// A call changed VPP.
    Changed {
        /// Which.
        call: Write,
    },
    /// The flow table was resized, and with that all flows are forgotten.
    FlowsDropped {
        /// Buckets before.
        from: u32,
        /// Buckets now.
        to: u32,
    },
    /// VPP refused a call.
    CallRefused {
        /// Which.
        call: String,
        /// How.
        err: String,
    },
    /// A frontend could not be made as wanted.
    OutOfSync {
        /// Its name.
        frontend: String,
        /// Why, and what happens next.
        err: String,
    },
    /// A frontend that was out of sync is as wanted.
    BackInSync {
        /// Its name.
        frontend: String,
    },
    /// A frontend waits for something before it can be synced. Said once.
    Waiting {
        /// Its name.
        frontend: String,
        /// For what.
        reason: String,
    },
    /// A VIP must be deleted and created, since VPP cannot change it.
    Recreate {
        /// Its name.
        frontend: String,
        /// What differs.
        reason: String,
    },
    /// A VIP that no frontend names stays. Said once.
    StrangerLeft {
        /// Which.
        vip: VipKey,
        /// Why.
        reason: String,
    },
    /// The table of a VIP has another length than the file says; that is no reason to recreate it. Said once.
    TableLengthDiffers {
        /// Its name.
        frontend: String,
        /// In VPP.
        seen: u32,
        /// In the file.
        wanted: u32,
    },
    /// A change is held back by a gate.
    Suppressed {
        /// Its name.
        frontend: String,
        /// Which gate.
        reason: &'static str,
    },
    /// The process ends.
    Stopping,
}

impl Event {
    /// The name that stands in `msg`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ConfigLoaded { .. } => "config-loaded",
            Self::ConfigRejected { .. } => "config-check-failed",
            Self::ChoiceDropped { .. } => "operator-choice-dropped",
            Self::ChoiceRestored { .. } => "operator-choice-restored",
            Self::ChoicesLost { .. } => "operator-choices-lost",
            Self::ChoicesDoubted { .. } => "operator-choices-doubted",
            Self::ChoicesNotKept { .. } => "operator-choices-not-kept",
            Self::ChoicesKept => "operator-choices-kept",
            Self::DelaysNotEffective { .. } => "vpp-lb-warmup-delays-not-effective",
            Self::BackendTransition { .. } => "backend-transition",
            Self::FrontendTransition { .. } => "frontend-transition",
            Self::ProbeInconclusive { .. } => "probe-inconclusive",
            Self::BackendPresumed { .. } => "backend-presumed",
            Self::OperatorCommand { .. } => "operator-command",
            Self::WarmupStart { .. } => "vpp-lb-warmup-start",
            Self::WarmupSkipped => "vpp-lb-warmup-skipped",
            Self::WarmupMinDelay { .. } => "vpp-lb-warmup-min-delay-elapsed",
            Self::WarmupRelease { .. } => "vpp-lb-warmup-release",
            Self::WarmupReleaseError { .. } => "vpp-lb-warmup-release-error",
            Self::WarmupComplete { .. } => "vpp-lb-warmup-complete",
            Self::WarmupMaxDelay { .. } => "vpp-lb-warmup-max-delay-elapsed",
            Self::VppConnect { .. } => "vpp-connect",
            Self::VppDisconnect { .. } => "vpp-disconnect",
            Self::VppUnreachable { .. } => "vpp-unreachable",
            Self::VppIncompatible { .. } => "vpp-incompatible",
            Self::CallTimeout { .. } => "vpp-call-timeout",
            Self::CallQuarantined { .. } => "vpp-call-quarantined",
            Self::SyncStart { .. } => "vpp-lb-sync-start",
            Self::SyncDone { .. } => "vpp-lb-sync-done",
            Self::SyncError { .. } => "vpp-lb-sync-error",
            Self::Changed { call } => changed_name(call),
            Self::FlowsDropped { .. } => "vpp-lb-flows-dropped",
            Self::CallRefused { .. } => "vpp-lb-call-refused",
            Self::OutOfSync { .. } => "vpp-lb-out-of-sync",
            Self::BackInSync { .. } => "vpp-lb-in-sync",
            Self::Waiting { .. } => "vpp-lb-waiting",
            Self::Recreate { .. } => "vpp-lb-vip-recreate",
            Self::StrangerLeft { .. } => "vpp-lb-stranger-left",
            Self::TableLengthDiffers { .. } => "vpp-lb-table-length-differs",
            Self::Suppressed { .. } => "vpp-lb-suppressed",
            Self::Stopping => "stopping",
        }
    }

    /// The name of the frontend that was released, if one was.
    pub fn released(&self) -> Option<&str> {
        if let Self::WarmupRelease { frontend, .. } = self { Some(frontend) } else { None }
    }

    /// Who is woken by it.
    pub const fn level(&self) -> Level {
        match self {
            Self::Suppressed { .. } => Level::Debug,
            Self::ConfigLoaded { .. }
            | Self::BackendTransition { .. }
            | Self::FrontendTransition { .. }
            | Self::OperatorCommand { lost_on_restart: false, .. }
            | Self::ChoiceRestored { .. }
            | Self::ChoicesKept
            | Self::WarmupStart { .. }
            | Self::WarmupSkipped
            | Self::WarmupMinDelay { .. }
            | Self::WarmupRelease { .. }
            | Self::WarmupComplete { .. }
            | Self::WarmupMaxDelay { .. }
            | Self::VppConnect { .. }
            | Self::SyncStart { .. }
            | Self::SyncDone { .. }
            | Self::Changed { .. }
            | Self::BackInSync { .. }
            | Self::Waiting { .. }
            | Self::StrangerLeft { .. }
            | Self::TableLengthDiffers { .. }
            | Self::Stopping => Level::Info,
            Self::ProbeInconclusive { needs_repair: true, .. }
            | Self::ConfigRejected { .. }
            | Self::ChoicesLost { .. }
            | Self::ChoicesNotKept { .. }
            | Self::VppIncompatible { .. }
            | Self::CallQuarantined { .. } => Level::Error,
            Self::ProbeInconclusive { needs_repair: false, .. }
            | Self::OperatorCommand { lost_on_restart: true, .. }
            | Self::ChoiceDropped { .. }
            | Self::ChoicesDoubted { .. }
            | Self::DelaysNotEffective { .. }
            | Self::BackendPresumed { .. }
            | Self::WarmupReleaseError { .. }
            | Self::VppDisconnect { .. }
            | Self::VppUnreachable { .. }
            | Self::CallTimeout { .. }
            | Self::SyncError { .. }
            | Self::FlowsDropped { .. }
            | Self::CallRefused { .. }
            | Self::OutOfSync { .. }
            | Self::Recreate { .. } => Level::Warn,
        }
    }

    /// What it means for VPP or for what operators choose, in words, where the name does not say so.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "few events have an impact that their name does not tell"
    )]
    pub const fn impact(&self) -> Option<&'static str> {
        match self {
            Self::WarmupStart { .. } => Some("Gating all VPP LB updates"),
            Self::WarmupSkipped => Some("No warm-up: VPP LB updates are not gated"),
            Self::WarmupMinDelay { .. } => {
                Some("Ungating VPP LB updates for frontends whose backends are all known")
            }
            Self::WarmupComplete { .. } => Some("Ungating all VPP LB updates: every frontend is released"),
            Self::WarmupMaxDelay { .. } => Some("Ungating all VPP LB updates"),
            Self::ChoicesLost { .. } => {
                Some("Servers that VPP holds at 0 stay there until `maglevc set choices confirmed`")
            }
            Self::ChoicesNotKept { .. } => Some("What operators choose now would be lost on a restart"),
            _ => None,
        }
    }
}

const fn changed_name(call: &Write) -> &'static str {
    match call {
        Write::SetConf(_) => "vpp-lb-conf-set",
        Write::AddVip { .. } => "vpp-lb-vip-add",
        Write::DelVip { .. } => "vpp-lb-vip-del",
        Write::AddAs { .. } => "vpp-lb-as-add",
        Write::DelAs { .. } => "vpp-lb-as-del",
        Write::SetWeight { .. } => "vpp-lb-as-weight",
        Write::FlushVip { .. } => "vpp-lb-vip-flush",
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        for (key, value) in self.fields() {
            write!(f, " {key}={value}")?;
        }
        Ok(())
    }
}
