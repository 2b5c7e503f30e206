//! The oracles: what must never be seen of a run, each with an id, a precondition, and a count of real evaluations.
//!
//! An oracle whose precondition never held has proved nothing; that is why every judgement is counted, also the good
//! ones. `sim/README.md` has the table, and a test compares it with this list.

use core::fmt;

use maglev_core::{GoDuration, Instant};

macro_rules! oracles {
    ($($name:ident $id:literal, $rule:literal, when $when:literal;)*) => {
        /// A rule that holds in every run.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Oracle { $(#[doc = $rule] $name,)* }

        impl Oracle {
            /// All of them, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Group and name, as reports and the table have it.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// What must hold.
            pub const fn rule(self) -> &'static str {
                match self { $(Self::$name => $rule,)* }
            }

            /// When it is judged.
            pub const fn precondition(self) -> &'static str {
                match self { $(Self::$name => $when,)* }
            }
        }
    };
}

oracles! {
    HandsOff "gates/hands-off", "Nothing is written before startup-min-delay.", when "a write is sent";
    Unreleased "gates/unreleased", "Nothing is written to a frontend that is not released.", when "a write is sent";
    Once "gates/once", "Each frontend is released once.", when "a release is told";
    WhenKnown "gates/when-known", "In the release phase a frontend whose backends are all known is released.", when "every step in the release phase";
    Refuses "gates/refuses", "In hands-off a sync is refused, and a file without frontends always is unless it is forced.", when "such a command or file arrives";
    StayOpen "gates/stay-open", "A gate that was open never closes.", when "a frontend had an open gate before the step";
    GateTold "gates/told", "Gates open with a word, and an update is called held back only by a closed one.", when "an update is held back, or a file is loaded in the release phase";

    StaleLink "link/stale", "No call is sent on a connection that is not up.", when "a call is sent";
    Window "link/window", "Never more than 64 calls without an answer, pings apart.", when "every step";
    LookFirst "link/look-first", "No write before VPP was looked at on this connection.", when "a write is sent";
    Attempts "link/attempts", "Attempts to connect go on for ever; the pauses double from 100ms to 5s, less a tenth at most, and are short again after a complete sync only; VPP without the plugin gets 5s.", when "every step without a connection, and each attempt";
    Patience "link/patience", "VPP gets 5s for a handshake, 5s for an answer (30s for a CLI command) from the call or the answer before it, and three pings; it is given up then and not before.", when "every step with a handshake or a call under way, and each time that maglevd drops the connection";
    Pings "link/pings", "An idle connection is pinged every second, and a busy one is not.", when "every step with an idle connection, and each ping";
    RestartTold "link/restart-told", "VPP is told to be another process exactly if its pid or its boot time is another.", when "a connection is up";
    SecondLook "link/second-look", "A write that timed out is looked for once more, 5s after the next connection to the same VPP.", when "that time has come, and nothing is under way or VPP is looked at; reads that are held back apart";

    Idle "calls/idle", "An acknowledged call changes something in VPP, or is a flush.", when "a weight is set, and nobody else edited VPP since it was read";
    Deadly "calls/deadly", "No call that VPP would not survive is sent.", when "a write reaches VPP";
    Order "calls/order", "Creating, flushing and deleting a VIP stand alone; nothing goes beside lb_conf.", when "a write is sent";
    ConfFirst "calls/conf-first", "lb_conf comes before the first server.", when "a server is added";
    KnownVip "calls/known-vip", "Only a VIP that VPP knows by that name is flushed.", when "lb_flush_vip is executed, and nobody else edited VPP since it was read";
    Stages "calls/stages", "Raising comes before flushing a VIP, and lowering before removing.", when "lb_flush_vip is sent, or a server is deleted, of a configured VIP that no recreate takes down";
    TakeDown "calls/take-down", "A VIP is deleted right after it was flushed.", when "the delete of a VIP is sent, unless VPP may know it by another name";

    RecreateWaits "calls/recreate-waits", "A recreate waits for the backends that its reload made unknown, and for the release of all on its prefix if the encapsulation is another.", when "a recreate is told";
    Quarantine "calls/quarantine", "A call that was the oldest without an answer at two deaths of VPP in a row, and was not answered between them, is held back until a reload or a sync, and no other call is.", when "VPP was replaced, and every step and call while something is held back";
    PacedFlushes "calls/paced-flushes", "No more than eight flushes are sent at once; when more than eight are due for surplus servers, each is alone, and VPP rests four times as long as it took for the one before.", when "a flush is sent";
    PacedReading "calls/paced-reading", "Between two reads of the drift check VPP rests four times as long as the first one took.", when "the drift check reads a VIP";

    Emptied "traffic/emptied", "Lowering or deleting leaves a VIP positive that was positive and should be.", when "a server is lowered or deleted outside a recreate, and nobody else edited VPP since it was read";
    FlushReason "traffic/flush-reason", "No flow is flushed for a backend that is up, unknown or paused.", when "a flush is sent, and no operator ordered one";
    FlushOnce "traffic/flush-once", "Each edge flushes once.", when "a flush is sent, and no operator ordered one";
    FlushOwed "traffic/flush-owed", "At rest nobody's flows stay with a server that is disabled, or down where flush-on-down is on.", when "the world has settled, traffic runs, the VIP is in sync, VPP was empty when maglevd came to it, neither frontend nor server was dropped in between, and nobody else edited it";
    FlushDone "traffic/flush-done", "The flush of a server that died or was disabled is sent until VPP has done it.", when "VPP says so, or the world has settled and it did not; a death counts where VPP held the server above 0 and serves, a disabling if an operator ordered it; nobody else edited the VIP, and no address is that of two backends";
    VipFlushed "traffic/vip-flushed", "A VIP that maglevd created, or that left the all-zero state with no flow to keep, is flushed.", when "VPP has done so, or the world has settled, the VIP is in sync, and nobody else edited it";
    FlowsSpared "traffic/flows-spared", "A VIP that leaves the all-zero state with flows to keep (of one that is paused, or down without flush-on-down) is not flushed.", when "lb_flush_vip is sent of a configured VIP that no recreate takes down";
    FlushHelps "traffic/flush-helps", "No flow is flushed for a death that leaves it nowhere to go.", when "a flush is sent of a server that is down, and no operator ordered one";
    SurplusFlushed "traffic/surplus-flushed", "A surplus server is deleted with its flows.", when "a server is deleted of a configured VIP that no recreate takes down";
    ForeignKept "traffic/foreign-kept", "What has an encapsulation that maglevd never makes is left alone.", when "a delete is sent of a VIP that no frontend names";
    FlowsKept "traffic/flows-kept", "A flow that VPP remembers changes its server only for a flush, a delete, lb_conf, a foreign edit or a restart of VPP; a whole VIP is flushed only when new, empty or of an unknown fate.", when "a packet of a flow is forwarded that VPP remembered at the one before, or a VIP is flushed";
    VipKept "traffic/vip-kept", "A configured VIP is deleted only in a recreate, which VPP must differ for in encapsulation or stickiness, and at most once in ten minutes.", when "a recreate is told, or the delete of a configured VIP is sent";
    Sticky "traffic/sticky", "A VIP hashes source addresses only where that is wanted.", when "the world has settled, for each VIP in sync that was not recreated within ten minutes, and nobody else edited VPP";

    KnownKept "state/known-kept", "A reload leaves state and counter of backends that it does not concern.", when "a reload is accepted, for each backend of the same address, check and enabled";
    Stale "state/stale", "A result of no probe that counts changes nobody's state or counter.", when "a result arrives that is not of the probe under way, or of an older generation";
    Inconclusive "state/inconclusive", "An inconclusive result changes nobody's state or counter.", when "an inconclusive result of the probe under way arrives";
    Verdict "state/verdict", "State and counter are those of a naive count of results, commands and reloads.", when "a conclusive result, a command, a reload, or a change of the connection";
    Weights "state/weights", "Effective weights, flush wishes and the frontend's state are those of a naive recomputation, operators' weights followed through all reloads.", when "a step that tells of a change, for each frontend in which no hold and no presumption is in force";
    Held "state/held", "What a reload takes out keeps its weight until the backends that it made unknown are known, for startup-max-delay at most.", when "every step, for each frontend in which a hold is in force or should be";
    Presumed "state/presumed", "Who never had a conclusive result and is unknown at the end of warm-up counts as up until its first verdict, where VPP holds it above 0.", when "every step, for each frontend in which a presumption is in force or should be";
    Due "state/due", "Whoever is checked, enabled and not paused has a probe under way or due within the longest interval and a tenth.", when "a probe starts or ends, or anything happens but a reply or a wakeup";
    Cadence "state/cadence", "Probes start an interval apart, give or take a tenth, at once where a new generation begins, and never two at once.", when "a probe starts";
    Wakeup "state/wakeup", "After a step the next wakeup is later than now, and there is one until the process exits.", when "every step";
    Jitter "state/jitter", "First probes are spread, alike for two backends of one address and check, and otherwise not.", when "a process begins with two addresses to probe, or a first probe starts before any file or command";
    Complaints "state/complaints", "A local fault is told of once per cause and minute.", when "an inconclusive result of the probe under way arrives";
    Deadlines "state/deadlines", "Armed deadlines are at most one per backend, two per frontend and twelve.", when "every step but results and replies";
    FreshStart "state/fresh-start", "The wanted state is that of a fresh start with the last file and the same verdicts.", when "the world has settled, the process accepted a reload, no operator commanded it and nobody is presumed up";

    RefusalStays "isolation/refusal", "Nobody is out of sync of whose prefix VPP refused nothing.", when "a frontend is told out of sync, nothing else is on its prefix in VPP and no VIP on its servers, and neither lb_conf nor a quarantine stands in the way";
    Repeats "isolation/repeats", "A refused call comes again at most three times and once per interval, and as often again for each transition, command, reload and connection.", when "VPP refuses a write";
    ThreeAttempts "isolation/three-attempts", "A frontend is given up after three refused attempts; a lost connection is none.", when "a frontend is told out of sync for what VPP refused";
    DeadLowered "isolation/dead-lowered", "What VPP refuses does not stop the lowering of the dead, as long as another server keeps the VIP positive.", when "a refused VIP is looked at anew, such a server serves, and nothing of the VIP is under way";
    TriedAtOnce "isolation/tried-at-once", "A transition is a reason for an attempt at once, also if the frontend was given up.", when "a backend of a frontend moves that is out of sync for what VPP refused, and VPP holds other weights than are wanted";
    Stated "isolation/stated", "Every lasting difference is stated as out-of-sync.", when "the world has settled";
    StatedTrue "isolation/stated-true", "Who is stated to be out of sync is.", when "the world has settled, a frontend is out of sync, and no call is held back";

    PlanKept "calls/plan-kept", "What a plan says of a reload or a sync is done, VIP by VIP, and nothing else.", when "a reload or a sync finds VPP as maglevd takes it for, stickiness read, at rest and in sync, and for each call until VPP is as wanted or something else happens";

    Shutdown "process/shutdown", "After SIGTERM only the rest of a recreate is written, and the process ends in a second.", when "a step after SIGTERM";
    UnitFinished "process/unit-finished", "SIGTERM waits, within its second, for a recreate that has begun.", when "the process ends, a recreate had begun that VPP refused nothing of, and it is finished or nothing was under way";
    Restart "process/restart", "A restart in a settled world writes nothing.", when "the scenario asks for it, no operator interfered, nothing is out of sync, and warm-up ends with every frontend released";
    InSyncEarly "process/in-sync-early", "A reload is not quiet before VPP was looked at.", when "a reload is accepted";

    Panics "process/panics", "Nothing panics.", when "every run";
    Deterministic "process/deterministic", "The same scenario twice is the same run, step by step.", when "every run of the mass lanes";

    Renamed "twin/renamed", "Names reach no call: with other names, in the opposite order, the same calls and probes come at the same times.", when "one scenario in 32; where no operator acts and no address is that of two backends, each file has names of its own";
    Later "twin/later", "Only differences of time matter: a process that begins to act later, and whose delays are so much longer, does the same.", when "one scenario in 32; reloads are left out where there is a warm-up";
    Neighbour "twin/neighbour", "One more frontend, with a prefix and a backend of its own, changes no write to another VIP and no probe, not even its time.", when "one scenario in 32, without faults by ordinal and with a VPP that answers at once";
    ReloadedTwice "twin/reloaded-twice", "The same reload twice is one: the same writes and probes come at the same times.", when "one scenario in 32 that has a reload, without faults by ordinal, without VIPs that a stranger or an earlier process adds, and with a VPP that answers at once";

    Converges "liveness/converges", "After the last change VPP is as wanted within the computed bound.", when "act two begins with a VPP that can be reached";
    Silence "liveness/silence", "What has settled stays so, and the next sync-all sends nothing.", when "the world has settled";
    ReleasedByMax "liveness/released-by-max", "Warm-up is over at startup-max-delay.", when "a step later than that";
    DownReaches "liveness/down-reaches", "A death reaches the socket before VPP has answered the calls in flight (four windows of them if some servers have to be raised first) and those for others that died, and before nothing is under way.", when "a backend goes down or is disabled, the only entry of its address in an open frontend, which holds it above 0 in VPP and in its picture, and no hold, recreate or trouble stands in the way";
    SyncLooks "liveness/sync-looks", "A sync that an operator was granted looks at VPP anew.", when "an operator's sync was accepted, and a look was asked for or nothing is under way";
    ReleaseSynced "liveness/release-synced", "A released frontend is as wanted before nothing is under way, also after an outage; surplus servers may wait while VPP rests after a flush.", when "calls were under way and none is any more in the release phase, VPP refused nothing yet, and nothing else is on the prefix of a VIP that is missing";
    Flapping "liveness/flapping", "Whoever flaps starves nobody: the VIPs of the others become as wanted within the same bound.", when "act two begins with a VPP that can be reached and a backend that goes on flapping, and a frontend does without it";
    Told "expect", "What the scenario expects is true.", when "an expect of the file";
}

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which.
    pub oracle: Oracle,
    /// The world's time.
    pub at: Instant,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.oracle.id(), GoDuration(self.at.since_start()), self.what)
    }
}

/// How often each oracle was really evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts([u64; Oracle::ALL.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; Oracle::ALL.len()])
    }
}

impl Counts {
    /// Evaluations of one oracle.
    pub const fn of(&self, oracle: Oracle) -> u64 {
        self.0[oracle as usize]
    }

    /// One more evaluation, judged outside of the run.
    pub const fn note(&mut self, oracle: Oracle) {
        self.0[oracle as usize] += 1;
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        for (sum, n) in self.0.iter_mut().zip(other.0) {
            *sum += n;
        }
    }
}

/// Breaches kept of one run; the first is what matters.
const BREACHES_MAX: usize = 16;

/// Every judgement of one run.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    counts: Counts,
    breaches: Vec<Breach>,
}

impl Ledger {
    /// Judges `oracle` once; `what` says what was seen if it does not hold.
    pub fn judge(&mut self, oracle: Oracle, at: Instant, holds: bool, what: impl FnOnce() -> String) {
        self.counts.0[oracle as usize] += 1;
        if !holds && self.breaches.len() < BREACHES_MAX {
            self.breaches.push(Breach { oracle, at, what: what() });
        }
    }

    /// Whether every rule held so far.
    pub const fn is_clean(&self) -> bool {
        self.breaches.is_empty()
    }

    pub(crate) fn close(self) -> (Counts, Vec<Breach>) {
        (self.counts, self.breaches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table that people read is this list.
    #[test]
    fn the_readme_has_a_row_for_each_oracle() {
        let page = include_str!("../README.md");
        for oracle in Oracle::ALL {
            let row = format!("| `{}` | {} | {} |", oracle.id(), oracle.rule(), oracle.precondition());
            assert!(page.contains(&row), "sim/README.md lacks or contradicts this row:\n{row}");
        }
    }
}
