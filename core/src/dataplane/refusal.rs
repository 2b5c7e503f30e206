//! What happens when VPP says no, or dies of a question.
//!
//! A refused add or raise stops the later raises and deletes of its VIP, but not the lowering of the dead. Then that VIP
//! is read anew and planned anew. After three refused attempts it is out of sync: one attempt every `sync-interval`,
//! and one at once for a transition or an operator. Other frontends go on.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::action::Action;
use crate::event::{Cause, Event};
use crate::input::CallId;
use crate::model::{Reply, Request, VipKey, Write};
use crate::time::Instant;

use super::vip::{Trouble, ipv6_alias};
use super::{Context, Dataplane, tell};

/// Refused attempts until a frontend is out of sync.
pub(super) const ATTEMPTS: u8 = 3;

/// VPP's "no such entry".
const NO_SUCH_ENTRY: i32 = -6;

impl Dataplane {
    pub(super) fn on_refused(
        &mut self,
        ctx: &Context<'_>,
        key: VipKey,
        call: CallId,
        write: &Write,
        reply: &Reply,
        out: &mut Vec<Action>,
    ) {
        let Some(vip) = self.vips.get_mut(&key) else { return };
        vip.undone(call);
        // Every call under way by the name that VPP shows is refused, not only the first.
        let shown =
            vip.doom.filter(|doom| !doom.recreate && write.vip() == Some(key) && !mutant!(NoOtherName));
        if let (Some(mut doom), Some(alias), Reply::Refused(NO_SUCH_ENTRY)) = (shown, ipv6_alias(key), reply)
        {
            doom.alias = Some(alias);
            vip.doom = Some(doom);
            self.expect_anew(Some(key));
            return;
        }
        let reason = format!("{write}: {reply}");
        tell(out, Event::CallRefused { call: write.to_string(), err: reply.to_string() });
        if vip.doom.is_none() && ctx.frontends.find(key).is_none() {
            // A reload dropped it meanwhile: nobody wants what was refused.
            self.expect_anew(Some(key));
            return;
        }
        let trouble = vip.trouble.get_or_insert_with(|| Trouble::new(reason.clone(), ctx.now));
        trouble.reason = reason;
        trouble.broken = true;
        trouble.refused.extend(write.server());
        self.expect_anew(Some(key));
    }

    /// A refused attempt has sent all it may: look again, once.
    pub(super) fn end_attempt(&mut self, key: VipKey) {
        let is_looked_at = self.spot.as_ref().is_some_and(|spot| spot.keys.contains(&key));
        if !is_looked_at && !mutant!(RefusedNotReadAnew) {
            self.spots.insert(key);
        }
    }

    /// The picture of a refused VIP is fresh.
    pub(super) fn on_spot_read(&mut self, ctx: &Context<'_>, key: VipKey, out: &mut Vec<Action>) {
        let name = ctx.name(key);
        let Some(vip) = self.vips.get_mut(&key) else { return };
        if let Some(trouble) = vip.trouble.as_mut().filter(|trouble| trouble.broken) {
            trouble.broken = false;
            trouble.refused.clear();
            trouble.attempts = trouble.attempts.saturating_add(1);
            let most = ATTEMPTS + 20 * u8::from(mutant!(TooManyAttempts));
            let again = core::mem::take(&mut trouble.again);
            let (err, given_up) = (trouble.reason.clone(), trouble.attempts >= most && !again);
            vip.doom = None;
            let (releasing, exists) = (vip.releasing, vip.acked.is_some());
            self.wake_neighbours(key);
            if let (true, Some(frontend)) = (releasing, name.clone()) {
                tell(out, Event::WarmupReleaseError { frontend, err: err.clone() });
            }
            if given_up {
                let pause = ctx.lb.sync_interval / (1 + 9 * u32::from(mutant!(RetryTooSoon)));
                self.stuck(ctx, key, err, Some(ctx.now + pause), out);
                return;
            }
            if name.is_none() && exists {
                self.doom(ctx, key, false);
                return;
            }
        }
        // Without a refusal an operator wanted the look or forgave it, and a removal goes on.
        let forgotten =
            mutant!(RefusedReleaseForgotten) && self.vips.get(&key).is_some_and(|vip| vip.releasing);
        if name.is_some() && !forgotten {
            let conf_refusals = self.conf_refusals;
            self.mark(ctx, key, Cause::Operator);
            // That VPP refuses one frontend is no reason to try `lb_conf` again.
            self.conf_refusals = conf_refusals;
        } else if self.vips.get(&key).is_some_and(|vip| vip.doom.is_some()) {
            self.wake(key);
        } else {
            self.dirty.remove(&key);
        }
    }

    /// Gives a VIP up until `retry_at`, or until something happens.
    pub(super) fn stuck(
        &mut self,
        ctx: &Context<'_>,
        key: VipKey,
        reason: String,
        retry_at: Option<Instant>,
        out: &mut Vec<Action>,
    ) {
        self.settle_down(key);
        let Some(vip) = self.vips.get_mut(&key) else { return };
        let Some(frontend) = ctx.name(key) else {
            // A stranger that cannot be removed is left to the next round; who waits for its place learns why.
            vip.trouble = Some(Trouble { retry_at, ..Trouble::new(reason.clone(), ctx.now) });
            vip.doom = None;
            if vip.said.as_ref() != Some(&reason) {
                vip.said = Some(reason.clone());
                tell(out, Event::StrangerLeft { vip: key, reason });
            }
            self.wake_neighbours(key);
            return;
        };
        let trouble = vip.trouble.get_or_insert_with(|| Trouble::new(reason.clone(), ctx.now));
        let changed = trouble.reason != reason;
        trouble.reason.clone_from(&reason);
        if let Some(at) = trouble.retry_at.take() {
            self.retries.remove(&(at, key));
        }
        trouble.retry_at = retry_at;
        self.retries.extend(retry_at.map(|at| (at, key)));
        if !core::mem::replace(&mut trouble.said, !mutant!(OutOfSyncNotShown)) || changed {
            tell(out, Event::OutOfSync { frontend, err: reason });
        }
    }

    /// A call that killed VPP twice is not sent, and its VIP not planned any further.
    pub(super) fn hold_back(&mut self, ctx: &Context<'_>, key: VipKey, write: &Write, out: &mut Vec<Action>) {
        let why = format!(
            "{write} was the oldest unanswered call at two deaths of VPP in a row; it is not sent again until the \
             configuration changes or an operator says sync"
        );
        self.stuck(ctx, key, why, None, out);
    }

    /// A VIP that was to go stays after all: who waits for its place is planned again.
    fn wake_neighbours(&mut self, key: VipKey) {
        let others: Vec<VipKey> = self.on_prefix(key.prefix).filter(|other| *other != key).collect();
        for other in others {
            self.wake(other);
        }
    }

    /// A VIP waits for a gate: no fault, said once.
    pub(super) fn waits(&mut self, ctx: &Context<'_>, key: VipKey, reason: &str, out: &mut Vec<Action>) {
        self.settle_down(key);
        let (Some(vip), Some(frontend)) = (self.vips.get_mut(&key), ctx.name(key)) else { return };
        if vip.said.as_deref() != Some(reason) {
            vip.said = Some(reason.into());
            tell(out, Event::Waiting { frontend, reason: reason.into() });
        }
    }

    /// Nothing more is sent for this VIP for now.
    fn settle_down(&mut self, key: VipKey) {
        self.forget_turn(key);
        if let Some(vip) = self.vips.get_mut(&key) {
            vip.urgent = false;
            vip.unit = false;
            vip.cause = None;
            vip.calls = 0;
            vip.began = None;
            vip.announced = false;
        }
    }

    /// VPP died. If the same call was the oldest unanswered one twice in a row, it is not asked a third time.
    pub(super) fn mourn(&mut self, out: &mut Vec<Action>) {
        let gasp = self.last_gasp.take();
        if let Some(request) = &gasp
            && (self.death_gasp == gasp || mutant!(QuarantineTooEarly))
            && !mutant!(QuarantineNever)
            && self.quarantine.insert(request.clone())
        {
            tell(out, Event::CallQuarantined { call: request.to_string() });
        }
        self.death_gasp = gasp;
    }

    /// A new configuration, or an operator: what was given up is tried again.
    pub(super) fn pardon(&mut self, ctx: &Context<'_>) {
        self.quarantine.retain(|_| mutant!(QuarantineForEver));
        self.death_gasp = None;
        self.retries.clear();
        self.conf_refusals = 0;
        self.conf_trouble = None;
        self.conf_retry_at = None;
        for (key, vip) in &mut self.vips {
            if ctx.frontends.find(*key).is_none() {
                vip.trouble = None;
            }
            if let Some(trouble) = &mut vip.trouble {
                trouble.attempts = 0;
                trouble.retry_at = None;
            }
        }
    }

    pub(super) fn is_quarantined(&self, write: &Write) -> bool {
        !self.quarantine.is_empty() && self.quarantine.contains(&Request::Write(write.clone()))
    }
}
