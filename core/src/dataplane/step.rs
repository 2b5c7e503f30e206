//! One VIP's next calls, from what is wanted now and what VPP holds.

use alloc::format;
use alloc::vec::Vec;

use crate::action::Action;
use crate::event::{Cause, Event};
use crate::frontend::Frontend;
use crate::model::{VipKey, Write};
use crate::reconcile::{self, Facts, Seen, Stage, Want};

use super::recreate::Obstacle;
use super::vip::{FlushVip, Vip};
use super::{Context, Dataplane, tell};

impl Dataplane {
    pub(super) fn facts<'a>(vip: &'a Vip, want: &'a Want, flushes_wait: bool, room: usize) -> Facts<'a> {
        let refused = vip.trouble.as_ref().filter(|trouble| trouble.broken).map(|trouble| &trouble.refused);
        Facts {
            want,
            acked: vip.acked.as_ref(),
            expected: vip.expected.as_ref(),
            debts: &vip.debts,
            flush_vip: vip.flush.is_some_and(|flush| flush.carried.is_none()),
            flushes_wait,
            refused,
            room,
        }
    }

    /// Plans one VIP and sends what fits. True if it has more to send as soon as there is room.
    pub(super) fn step(&mut self, ctx: &Context<'_>, key: VipKey, out: &mut Vec<Action>) -> bool {
        if self.vips.get(&key).is_some_and(|vip| vip.doom.is_some()) {
            return self.step_down(ctx, key, out);
        }
        let Some(frontend) = ctx.frontends.find(key).filter(|_| ctx.warmup.is_open(key)) else {
            self.dirty.remove(&key);
            return false;
        };
        if !self.is_plannable(ctx, key, frontend, out) {
            return self.vips.get(&key).is_some_and(|vip| vip.doom.is_some());
        }
        self.settle(ctx, key, frontend);
        let room = self.room();
        let flushes_wait = self.pace.is_slow();
        let Some(vip) = self.vips.get(&key) else { return false };
        let facts = Self::facts(vip, &frontend.want, flushes_wait, room);
        let Some((stage, calls)) = reconcile::next(&facts) else {
            let flushes = facts.refused.is_none() && reconcile::flushes_due(&facts) > 0;
            self.rest(ctx, key, flushes, out);
            return false;
        };
        // Urgent calls go past everything, but nothing goes past them: they are a stage of their own.
        // So is each flush of the VIP, also where one is under way that nobody owes any more.
        let goes_on = vip.stage == Some(stage) && stage != Stage::FlushVip;
        let waits = stage != Stage::Urgent && vip.open > 0 && !goes_on;
        if waits && !mutant!(StagesNotAwaited) {
            return false;
        }
        if matches!(stage, Stage::Create | Stage::Raise) && self.conf_blocks(ctx) {
            let why = "lb_conf is refused or held back, and without its GRE sources no server can be reached"
                .into();
            self.stuck(ctx, key, why, self.conf_retry_at, out);
            return false;
        }
        if stage == Stage::Create
            && let Some(vip) = self.vips.get_mut(&key)
        {
            // Who counted on flows before it was there had none of it.
            vip.kept_while_empty = frontend.want.keeps_flows_while_empty();
        }
        self.send(ctx, key, stage, calls, out)
    }

    /// Whether the VIP can be planned as it stands; otherwise it is doomed, waits, or is stuck.
    fn is_plannable(
        &mut self,
        ctx: &Context<'_>,
        key: VipKey,
        frontend: &Frontend,
        out: &mut Vec<Action>,
    ) -> bool {
        let Some(vip) = self.vips.get(&key) else { return false };
        if vip.trouble.as_ref().is_some_and(|trouble| trouble.broken) || vip.open > 0 {
            return true;
        }
        let (exists, wrong_encap) = (
            vip.expected.is_some(),
            vip.expected.as_ref().is_some_and(|seen| seen.encap != frontend.want.encap),
        );
        let obstacle = if exists {
            let Some(reason) = self.unchangeable(key, &frontend.want) else { return true };
            match self.recreate(ctx, key, &reason, out) {
                Ok(()) => return false,
                Err(obstacle) => obstacle,
            }
        } else {
            let obstacle = self.obstacle(ctx, key, &frontend.want);
            let Some(obstacle) = obstacle.filter(|_| !mutant!(CreateBeforeRoom)) else { return true };
            obstacle
        };
        match obstacle {
            Obstacle::Going => false,
            // A VIP that only hashes wrongly goes on serving, and its weights are kept true meanwhile.
            Obstacle::Wait(reason) if exists && !wrong_encap => {
                self.remark(key, &frontend.name, reason, out);
                true
            }
            Obstacle::Stuck(reason, at) if exists && !wrong_encap => {
                self.remark(key, &frontend.name, &reason, out);
                self.retries.extend(at.map(|at| (at, key)));
                true
            }
            Obstacle::Wait(reason) => {
                self.waits(ctx, key, reason, out);
                false
            }
            Obstacle::Stuck(reason, at) => {
                self.stuck(ctx, key, reason, at, out);
                false
            }
        }
    }

    fn remark(&mut self, key: VipKey, name: &str, reason: &str, out: &mut Vec<Action>) {
        if let Some(vip) = self.vips.get_mut(&key)
            && vip.said.as_deref() != Some(reason)
        {
            vip.said = Some(reason.into());
            tell(out, Event::Waiting { frontend: name.into(), reason: reason.into() });
        }
    }

    /// Brings debts in line before planning, and owes a flush to a VIP that leaves the all-zero state: flows that met
    /// it empty stay stateless for as long as they send.
    fn settle(&mut self, ctx: &Context<'_>, key: VipKey, frontend: &Frontend) {
        let Some(vip) = self.vips.get_mut(&key) else { return };
        if let Some(seen) = &vip.expected {
            reconcile::settle(&mut vip.debts, &frontend.want, vip.acked.as_ref(), seen, !vip.met);
            // A lowering under way may be refused: only what VPP has acknowledged is empty.
            let is_empty = vip.acked.as_ref().is_some_and(|acked| !acked.is_positive());
            let leaves_zero = is_empty && !seen.is_positive() && frontend.want.is_positive();
            let kept = vip.kept_while_empty && !mutant!(KeptFlowsFlushed);
            let leaves_zero = leaves_zero && !mutant!(FlushBeforeServers);
            if leaves_zero && !kept && !mutant!(NoFlushAfterZero) {
                vip.flush.get_or_insert(FlushVip::default());
            }
            // Nor is it over before VPP has acknowledged a weight: a raise under way may be refused, or lost.
            let serves = vip.acked.as_ref().is_some_and(Seen::is_positive);
            if serves && frontend.want.is_positive() {
                vip.kept_while_empty = false;
            }
        }
        vip.met = true;
        self.recount(ctx, key);
    }

    /// Nothing more can be sent for this VIP now.
    fn rest(&mut self, ctx: &Context<'_>, key: VipKey, flushes: bool, out: &mut Vec<Action>) {
        let Some(vip) = self.vips.get(&key) else { return };
        if vip.open > 0 {
            return;
        }
        if vip.trouble.as_ref().is_some_and(|trouble| trouble.broken) {
            self.end_attempt(key);
        } else if flushes {
            self.queue_flush(vip.urgent, key);
        } else {
            self.clean(ctx, key, out);
        }
    }

    /// VPP holds what is wanted.
    fn clean(&mut self, ctx: &Context<'_>, key: VipKey, out: &mut Vec<Action>) {
        self.dirty.remove(&key);
        let in_round = self.round.is_some();
        let (Some(vip), Some(frontend)) = (self.vips.get_mut(&key), ctx.name(key)) else { return };
        vip.unit = false;
        vip.urgent = false;
        vip.releasing = false;
        vip.announced = false;
        vip.cause = None;
        let calls = core::mem::take(&mut vip.calls);
        if let (Some(began), false) = (vip.began.take(), in_round) {
            let took = ctx.now.since(began);
            tell(out, Event::SyncDone { frontend: Some(frontend.clone()), calls, took });
        }
        if vip.trouble.take_if(|_| !mutant!(OutOfSyncForEver)).is_some_and(|trouble| trouble.said) {
            tell(out, Event::BackInSync { frontend });
        }
    }

    fn send(
        &mut self,
        ctx: &Context<'_>,
        key: VipKey,
        stage: Stage,
        calls: Vec<Write>,
        out: &mut Vec<Action>,
    ) -> bool {
        if calls.len() > self.room() && stage != Stage::Urgent {
            // Nobody else has a turn before much of this is answered.
            self.lower_dead(ctx, out);
        }
        let room = self.room();
        let more = calls.len() > room;
        for write in calls.into_iter().take(room) {
            if self.is_quarantined(&write) {
                self.hold_back(ctx, key, &write, out);
                return false;
            }
            if let Write::AddAs { server, .. } = &write
                && let Some(vip) = self.loops(key, *server).filter(|_| !mutant!(LoopUnseen))
            {
                let why = format!("server {server} is itself VIP {vip}: one packet would kill VPP");
                self.stuck(ctx, key, why, None, out);
                return false;
            }
            self.announce(ctx, key, out);
            self.write(ctx, key, &write, stage, out);
        }
        more
    }

    /// Lowers the dead of every frontend with a transition, as long as another server keeps the VIP positive.
    fn lower_dead(&mut self, ctx: &Context<'_>, out: &mut Vec<Action>) {
        if ctx.stopping || mutant!(DeadOfOthersWait) {
            return;
        }
        if mutant!(DeathWaitsForStage) {
            return;
        }
        while self.room() > 0
            && let Some(key) = self.deaths.pop_first()
        {
            if self.lower_dead_of(ctx, key, out) {
                self.deaths.insert(key);
            }
        }
    }

    /// True if there are more of them than there is room.
    fn lower_dead_of(&mut self, ctx: &Context<'_>, key: VipKey, out: &mut Vec<Action>) -> bool {
        let Some(frontend) = ctx.frontends.find(key).filter(|_| ctx.warmup.is_open(key)) else {
            return false;
        };
        let stays = |vip: &Vip| {
            let encap = vip.expected.as_ref().map(|seen| seen.encap);
            vip.doom.is_none() && encap == Some(frontend.want.encap)
        };
        if !self.vips.get(&key).is_some_and(stays) {
            return false;
        }
        self.settle(ctx, key, frontend);
        let Some(vip) = self.vips.get(&key) else { return false };
        let calls = reconcile::dead(&Self::facts(vip, &frontend.want, self.pace.is_slow(), self.room()));
        self.send(ctx, key, Stage::Urgent, calls, out)
    }

    /// The first call of a sync-vip.
    pub(super) fn announce(&mut self, ctx: &Context<'_>, key: VipKey, out: &mut Vec<Action>) {
        let Some(vip) = self.vips.get_mut(&key) else { return };
        if self.round.is_none() && !core::mem::replace(&mut vip.announced, true) {
            let cause = vip.cause.unwrap_or(Cause::Transition);
            tell(out, Event::SyncStart { frontend: ctx.name(key), cause });
        }
    }

    /// The next part of taking a VIP down.
    fn step_down(&mut self, ctx: &Context<'_>, key: VipKey, out: &mut Vec<Action>) -> bool {
        let Some(vip) = self.vips.get_mut(&key) else { return false };
        let (open, urgent) = (vip.open, vip.urgent);
        if open > 0 && vip.stage != Some(Stage::TakeDown) {
            // What was under way when its end was decided comes first.
            return false;
        }
        if vip.trouble.as_ref().is_some_and(|trouble| trouble.broken) {
            if open == 0 {
                self.end_attempt(key);
            }
            return false;
        }
        if vip.expected.is_none() && open == 0 {
            // Somebody else took it down.
            vip.doom = None;
            return true;
        }
        match self.take_down(key) {
            Some((stage, calls)) => self.send(ctx, key, stage, calls, out),
            None => {
                if open == 0 && self.pace.is_slow() {
                    self.queue_flush(urgent, key);
                }
                false
            }
        }
    }
}
