//! Mistakes that can be switched on at run time, one at a time: what the oracles of the simulator must find.
//!
//! They exist with the feature `mutants` only, which maglevd never has. Without it `mutant!(Name)` is `false`.

use core::sync::atomic::{AtomicU8, Ordering};

/// One more than the mutant in force; 0 while there is none.
static SELECTED: AtomicU8 = AtomicU8::new(0);

/// Makes this mistake from now on, in the whole process; `None` makes none.
pub fn select(mutant: Option<Mutant>) {
    SELECTED.store(mutant.map_or(0, Mutant::mark), Ordering::Relaxed);
}

/// Whether this mistake is made.
pub fn is(mutant: Mutant) -> bool {
    SELECTED.load(Ordering::Relaxed) == mutant.mark()
}

/// Whether the mistake of this name is made; `false` in a build without the feature `mutants`.
macro_rules! mutant {
    ($name:ident) => {
        $crate::mutant::is($crate::mutant::Mutant::$name)
    };
}

macro_rules! mutants {
    ($($part:literal { $($variant:ident $name:literal $about:literal)+ })+) => {
        /// A mistake. The number before the colon is the section of the contract that it breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Mutant {
            $($(#[doc = $about] $variant,)+)+
        }

        impl Mutant {
            /// All of them, part by part.
            pub const ALL: &'static [Self] = &[$($(Self::$variant,)+)+];

            /// Its name on command lines and in reports.
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$variant => $name,)+)+ }
            }

            /// The section of the contract that it breaks, and how.
            pub const fn about(self) -> &'static str {
                match self { $($(Self::$variant => $about,)+)+ }
            }

            /// The part of the core that makes it.
            pub const fn part(self) -> &'static str {
                match self { $($(Self::$variant)|+ => $part,)+ }
            }

            const fn mark(self) -> u8 {
                self as u8 + 1
            }
        }
    };
}

mutants! {
    "health" {
        FallOneLate "fall-one-late" "4: one more failure than `fall` is needed to take an up backend down"
        FallOneEarly "fall-one-early" "4: one failure less than `fall` takes an up backend down"
        RiseOneLate "rise-one-late" "4: one more pass than `rise` is needed to bring a down backend up"
        RiseOneEarly "rise-one-early" "4: one pass less than `rise` brings a down backend up"
        UnknownDownAtOnce "unknown-down-at-once" "4: the first failure takes an unknown backend down"
        PassRestoresNothing "pass-restores-nothing" "4: failures that are not in a row take an up backend down"
        DownFailKeepsProgress "down-fail-keeps-progress" "4: passes that are not in a row bring a down backend up"
        InconclusiveFails "inconclusive-fails" "3: an inconclusive result counts as a failure"
        InconclusiveIsConclusive "inconclusive-is-conclusive" "7: an inconclusive result ends the chance of being presumed"
        FailuresAreBlind "failures-are-blind" "7: a backend that had a failure, and no pass, is presumed up"
        StaleResultCounts "stale-result-counts" "4: a result of an older generation counts"
    }
    "schedule" {
        ProbeTwice "probe-twice" "3: a due probe starts although one of the backend is under way"
        OverdueForgotten "overdue-forgotten" "3: probing stops when a probe is due while one is under way"
        DeadNotProbed "dead-not-probed" "3: probing stops with the verdict down"
        PausedStillProbed "paused-still-probed" "4: a paused backend goes on being probed"
        TimerNotCancelled "timer-not-cancelled" "3: a pause leaves the due time, so that a resumed backend is probed too soon"
        StallBurst "stall-burst" "3: after a stall a probe that was missed is caught up"
        CadenceWaits "cadence-waits" "3: a new cadence begins one probe late"
        FastIntervalIgnored "fast-interval-ignored" "3: unknown and between are probed at `interval`"
        DownIntervalIgnored "down-interval-ignored" "3: a down backend is probed at `interval`"
        JitterShared "jitter-shared" "3: backends with one target share their jitter, and are probed together"
        JitterTooWide "jitter-too-wide" "3: an interval may be twice as long as configured"
        JitterOfOthers "jitter-of-others" "3: the probes of one backend move those of the others"
        JitterByName "jitter-by-name" "3: the jitter depends on the backend's name, so that a rename moves probes"
        JitterByPosition "jitter-by-position" "3: the jitter depends on the position in the file, so that one more backend moves the others"
        JitterByCount "jitter-by-count" "3: the jitter depends on how many backends there are, so that one more moves all others"
        JitterByClock "jitter-by-clock" "3: the jitter depends on the clock"
        FirstProbesAtOnce "first-probes-at-once" "3: first probes are not spread"
        ComplaintsRepeat "complaints-repeat" "3: each inconclusive result is logged, not one per cause and minute"
    }
    "warmup" {
        HandsOffIgnored "hands-off-ignored" "7: what is known is written in hands-off"
        GateOpensEarly "gate-opens-early" "7: a frontend is released with one backend unknown"
        ReleaseMissed "release-missed" "7: the verdict that makes the last backend known releases nothing"
        MinDelayReleasesNobody "min-delay-releases-nobody" "7: who is known at min is not released then"
        ReloadReleasesNobody "reload-releases-nobody" "7: a reload that leaves no straggler releases nothing"
        ReleasedTwice "released-twice" "7: each known transition in the release phase is one more release"
        GateClosesAgain "gate-closes-again" "7: a released frontend with an unknown backend is not synced by transitions"
        ReleasedByName "released-by-name" "7: a new key that takes over a released name is released with it"
        MaxDelayEndsNothing "max-delay-ends-nothing" "7: stragglers wait beyond max"
        MaxDelayWithoutSync "max-delay-without-sync" "7: no sync-all at max with stragglers"
        NoCheckAfterEarlyEnd "no-check-after-early-end" "7: an early completion does not start the periodic check"
        DelaysNotLatched "delays-not-latched" "7: a reload begins warm-up anew, with the new delays"
        InputBeforeDeadlines "input-before-deadlines" "7: an input is handled before the deadlines of its instant"
        NobodyPresumed "nobody-presumed" "7: blind backends weigh 0 at max"
        PresumedUnheld "presumed-unheld" "7: a blind backend counts as up also where VPP holds it at 0 or not at all"
        PresumptionOutlivesVerdict "presumption-outlives-verdict" "7: a presumed backend counts as up after its verdict down"
        AwayReleaseForgotten "away-release-forgotten" "7: a reconnect in the release phase syncs nobody"
        RefusedReleaseForgotten "refused-release-forgotten" "7: a release whose sync is refused is not tried again"
        StrangersInWarmup "strangers-in-warmup" "7: strangers are deleted in the release phase"
        RecreateInWarmup "recreate-in-warmup" "7: a recreate of a prefix does not wait for a sibling's release"
    }
    "policy" {
        FailoverNever "failover-never" "5: no pool but the first is ever active"
        FailoverEarly "failover-early" "5: a pool with a down backend is passed over"
        ZeroWeightHoldsPool "zero-weight-holds-pool" "5: an up backend with weight 0 holds its pool active"
        StandbyServes "standby-serves" "5: up backends outside the active pool have their weights too"
        DuplicateTakesFirst "duplicate-takes-first" "5: of two entries on one address the first rules, not the highest"
        PausedDoesNotRule "paused-does-not-rule" "5: a paused entry does not rule its address"
        OneEntryFlushes "one-entry-flushes" "5: one down entry of an address flushes it, though another is not down"
        FrontendNeverUnknown "frontend-never-unknown" "5: a frontend without weight is down also while a backend is unknown"
        FlushOnDownForced "flush-on-down-forced" "5: `flush-on-down: false` is ignored"
        DownNotFlushed "down-not-flushed" "5: down flushes nobody"
        DisabledKeepsFlows "disabled-keeps-flows" "5: disable flushes nobody"
        PauseFlushes "pause-flushes" "5: pause flushes"
        UnknownFlushed "unknown-flushed" "5: unknown flushes like down"
        StandbyFlushed "standby-flushed" "5: a backend that becomes standby is flushed"
        ZeroIsDelete "zero-is-delete" "5: a server of weight 0 is deleted from VPP"
    }
    "reconcile" {
        LowerBeforeRaise "lower-before-raise" "6: weights are lowered before others are raised"
        RemoveBeforeLower "remove-before-lower" "6: surplus servers are deleted before weights are lowered"
        FlushBeforeServers "flush-before-servers" "6: a VIP that we created is flushed before its servers are added, not after"
        DeathWaitsForStage "death-waits-for-stage" "6: a death waits for a stage that is larger than the window"
        SurplusStays "surplus-stays" "6: servers that nobody wants any more stay"
        SurplusKeepsFlows "surplus-keeps-flows" "6: surplus servers are deleted without flush"
        TableLengthZero "table-length-zero" "2: a VIP is created with a table of length 0, which kills VPP"
        NoFlushAtZero "no-flush-at-zero" "5: a flush wish that arises at weight 0 is no edge"
        FlushAtEveryChange "flush-at-every-change" "5: each change of the frontend flushes its dead again"
        FlushIntoNothing "flush-into-nothing" "5: a flush for down does not wait for a positive weight"
        BaselineIgnored "baseline-ignored" "5: the first sync flushes what VPP holds at 0 already"
        DisableBeforeSyncForgotten "disable-before-sync-forgotten" "5: the first sync forgets the flush of an operator's disable"
        DoneFlushStillOwed "done-flush-still-owed" "5: a flush that was acknowledged is owed again after a reconnect"
        RefusedFlushForgotten "refused-flush-forgotten" "5: a flush that was refused is not owed any more"
        DisconnectForgetsFlushes "disconnect-forgets-flushes" "5: owed flushes do not survive a reconnect to the same VPP"
        NoFlushAfterCreate "no-flush-after-create" "6: a VIP that we created is not flushed after its last server"
        NoFlushAfterZero "no-flush-after-zero" "6: a VIP that leaves the all-zero state is not flushed"
        KeptFlowsFlushed "kept-flows-flushed" "6: a VIP that leaves the all-zero state is flushed although flows were kept"
    }
    "link" {
        WindowOverrun "window-overrun" "6: 65 calls are under way"
        WindowOutlivesConnection "window-outlives-connection" "6: calls of the old connection are awaited on the new one"
        WritesBeforeDump "writes-before-dump" "6: after a reconnect the picture counts before there is one"
        OldConnectionCounts "old-connection-counts" "6: the end of an old connection ends the present one"
        CallNeverTimesOut "call-never-times-out" "6: an unanswered call is awaited for hours"
        RepliesGrantNoTime "replies-grant-no-time" "6: the deadline counts from sending, whatever is answered meanwhile"
        CliLimitIgnored "cli-limit-ignored" "6: a CLI call gets 5s, not 30s"
        HandshakeNeverTimesOut "handshake-never-times-out" "6: a connection that is not completed is awaited for hours"
        PingNotSent "ping-not-sent" "6: an idle connection is not pinged"
        PingLossIgnored "ping-loss-ignored" "6: unanswered pings do not end a connection"
        OneMissEnough "one-miss-enough" "6: the first unanswered ping ends a connection"
        BackoffNotGrowing "backoff-not-growing" "6: every reconnect comes after 100ms"
        BackoffWithoutCeiling "backoff-without-ceiling" "6: the pause between reconnects grows beyond 5s"
        BackoffNotReset "backoff-not-reset" "6: a complete sync does not reset the backoff"
        BackoffResetByConnect "backoff-reset-by-connect" "6: a connection resets the backoff before anything is synced"
        IncompatibleHurried "incompatible-hurried" "6: a VPP without the plugin is not retried at the ceiling of the backoff"
        RestartUnnoticed "restart-unnoticed" "6: another VPP process is taken for the same"
        NoSecondLook "no-second-look" "6: no second dump after a write that timed out"
    }
    "reading" {
        DriftNeverChecked "drift-never-checked" "6: there is no drift check"
        MissingVipUnseen "missing-vip-unseen" "6: a VIP that somebody deleted is taken as held still"
        DriftAtWholeSeconds "drift-at-whole-seconds" "6: the drift check comes at a whole second of the process's clock"
        TransitionPostponesCheck "transition-postpones-check" "6: each transition puts the drift check off by a whole interval"
        GhostsAlive "ghosts-alive" "6: removed servers that dumps still show are taken as alive"
        GhostHidesServer "ghost-hides-server" "6: a removed server in a dump hides the one of its address that is in use"
        CallsUnderWayForgotten "calls-under-way-forgotten" "6: a dump forgets the calls under way, which are sent again"
        AckNotFolded "ack-not-folded" "6: an acknowledged weight does not change the picture"
        ConfReadOnce "conf-read-once" "6: the lb conf is read once per connection, and foreign changes of it stay"
        ConfAfterServers "conf-after-servers" "6: the lb conf is written after the VIPs and their servers"
    }
    "step" {
        StagesNotAwaited "stages-not-awaited" "6: a stage does not wait for the replies of the one before"
        TransitionNotFirst "transition-not-first" "6: a frontend with a transition waits its turn"
        CreateBeforeRoom "create-before-room" "6: a VIP is created before strangers and recreates of its prefix are gone"
        DeadOfOthersWait "dead-of-others-wait" "6: a death waits for a stage of another frontend that fills the window"
        StepByName "step-by-name" "6: frontends are planned in the order of their names, not of their keys"
        LoopUnseen "loop-unseen" "2: a server that is itself an all-port VIP is added, which kills VPP"
    }
    "recreate" {
        EncapNotCompared "encap-not-compared" "6: a VIP with the wrong encapsulation stays"
        StickinessNotCompared "stickiness-not-compared" "6: a VIP with the wrong stickiness stays"
        UnknownIsDifference "unknown-is-difference" "6: a VIP is recreated for a stickiness that is not known"
        RecreateWithoutPause "recreate-without-pause" "6: a frontend is recreated twice within ten minutes"
        RecreateDuringHold "recreate-during-hold" "6: a recreate does not wait for the new backends of its reload"
        RecreateAbandoned "recreate-abandoned" "6: SIGTERM leaves a recreate that has begun half done"
        VipBeforeServers "vip-before-servers" "6: a VIP is taken down before its servers"
        TakeDownFlushesServers "take-down-flushes-servers" "6: taking a VIP down flushes each server"
        TakeDownUnflushed "take-down-unflushed" "6: a VIP is taken down without `lb_flush_vip`"
        NoOtherName "no-other-name" "6: a delete answered -6 for 0.0.0.0/len is not retried as ::/len"
    }
    "refusal" {
        DeletesDespiteRefusal "deletes-despite-refusal" "6: a refused add does not stop the deletes of its VIP"
        RefusalHoldsUpDeath "refusal-holds-up-death" "6: a refused add stops the lowering of the dead"
        DeathEmptiesVip "death-empties-vip" "6: a refused attempt lowers the dead also where that empties the VIP"
        RefusedNotReadAnew "refused-not-read-anew" "6: a refused frontend is not read anew, nor planned"
        TooManyAttempts "too-many-attempts" "6: out of sync after 23 refused attempts"
        RetryTooSoon "retry-too-soon" "6: an out-of-sync frontend is tried ten times every `sync-interval`"
        TransitionNoAttempt "transition-no-attempt" "6: a transition of an out-of-sync frontend is not tried at once"
        DisconnectCostsAttempt "disconnect-costs-attempt" "7: a lost connection costs an attempt"
        RefusalBlocksOthers "refusal-blocks-others" "6: one frontend out of sync keeps all others from being written"
        OutOfSyncNotShown "out-of-sync-not-shown" "6: a frontend that was given up is not shown as out of sync"
        OutOfSyncForEver "out-of-sync-for-ever" "6: a frontend that is in sync again is shown as out of sync"
        QuarantineNever "quarantine-never" "6: a call that killed VPP twice is sent again"
        QuarantineTooEarly "quarantine-too-early" "6: one death is enough to hold a call back"
        AnswerAcquitsNobody "answer-acquits-nobody" "6: two deaths count as two in a row although the call was answered between them"
        QuarantineForEver "quarantine-for-ever" "6: neither a configuration nor an operator lets a call out of quarantine"
    }
    "pace" {
        VppNeverRests "vpp-never-rests" "6: flushes and the drift check leave VPP no time between two calls"
        DriftNeverRests "drift-never-rests" "6: the drift check leaves VPP no time between two reads"
        FlushesNotPaced "flushes-not-paced" "6: more than eight flushes go out at once"
    }
    "round" {
        StrangersStay "strangers-stay" "6: strangers are never deleted"
        KeepIgnored "keep-ignored" "6: strangers are deleted despite `strangers: keep`"
        ForeignEncapDeleted "foreign-encap-deleted" "6: strangers of an encapsulation that we never make are deleted"
        EmptyStartSweeps "empty-start-sweeps" "2: a start without frontends deletes every VIP"
    }
    "reload" {
        EmptiedFileAccepted "emptied-file-accepted" "2: a reload to zero frontends is accepted without force"
        ReloadNotSynced "reload-not-synced" "6: a reload causes no dump and no sync-all"
        PlanOfOldFile "plan-of-old-file" "8: the plan of a configuration is that of a mere sync"
        PlanWithoutRemovals "plan-without-removals" "6: a plan does not tell of servers and VIPs that go"
        ReloadRedrawsJitter "reload-redraws-jitter" "8: every reload changes the jitter of all probes to come"
        WeightsNotReloaded "weights-not-reloaded" "8: configured weights stay what they were"
        PoolOrderNotReloaded "pool-order-not-reloaded" "8: backends stay in the pool that they were in"
        ThresholdsNotReloaded "thresholds-not-reloaded" "8: rise and fall stay what they were"
        DroppedBackendKept "dropped-backend-kept" "8: a dropped backend goes on being probed"
        NewAddressSameBackend "new-address-same-backend" "6: a backend with a new address keeps verdict and probes of the old one"
        RenamedIsNew "renamed-is-new" "8: a renamed backend is a new one"
        ReloadForgetsVerdict "reload-forgets-verdict" "8: every reload makes every backend unknown"
        ReloadResetsCounter "reload-resets-counter" "8: every reload resets the counter"
        ReloadProbesAtOnce "reload-probes-at-once" "8: every reload begins a new generation, and forgets due times"
        RetargetForgetsVerdict "retarget-forgets-verdict" "8: editing a check's target makes its backends unknown"
        RetargetKeepsCounter "retarget-keeps-counter" "8: failures of the old target count against the new one"
        RetargetSameGeneration "retarget-same-generation" "4: a probe of the old target counts for the new one"
        OperatorChoiceLost "operator-choice-lost" "8: any reload undoes an operator's disable or enable"
        OperatorWeightLost "operator-weight-lost" "8: any reload undoes a weight set at run time"
        OperatorWeightOutlivesFile "operator-weight-outlives-file" "8: a weight set at run time survives a change of that weight"
        ReloadForgetsHold "reload-forgets-hold" "6: a reload ends the hold of the reload before"
        BreakBeforeMake "break-before-make" "6: a reload takes servers out before their successors are known"
        HoldNeverEnds "hold-never-ends" "6: removed servers stay as long as their successors are unknown"
        HoldOutlivesVerdicts "hold-outlives-verdicts" "6: removed servers stay although their successors are known"
    }
    "choices" {
        MemoryIgnored "memory-ignored" "7: what operators chose before a restart is not taken up"
        KeepForgotten "keep-forgotten" "7: what operators choose is not handed out to be kept"
        MemoryOutlivesFile "memory-outlives-file" "8: what was kept survives a file that has changed the very value"
        DoubtIgnored "doubt-ignored" "7: servers that VPP holds at 0 are raised although choices were lost"
        DoubtEndsWithProcess "doubt-ends-with-process" "7: after one more restart nobody is in doubt"
        ConfirmIgnored "confirm-ignored" "7: what an operator confirms stays in doubt"
    }
    "commands" {
        ResumedNotProbed "resumed-not-probed" "4: a resumed backend is not probed"
        PauseOfDisabledAccepted "pause-of-disabled-accepted" "4: a disabled backend can be paused and resumed"
        RepeatIsNews "repeat-is-news" "4: a repeated command restarts probing and is told again"
        WeightLostByTransition "weight-lost-by-transition" "8: a transition undoes a weight set at run time"
        SyncIgnored "sync-ignored" "6: an operator's sync is accepted and does nothing"
        SyncInHandsOff "sync-in-hands-off" "7: sync is accepted in hands-off"
        SyncThroughClosedGate "sync-through-closed-gate" "7: sync of a frontend that is not released is accepted"
    }
    "shutdown" {
        ShutdownWrites "shutdown-writes" "9: after SIGTERM everything that is due is still written"
        ShutdownTooSlow "shutdown-too-slow" "9: SIGTERM waits ten seconds for calls under way"
    }
}
