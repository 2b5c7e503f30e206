//! VPP's answers: each is folded into the picture, in the order in which they come.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::action::Action;
use crate::event::{Cause, Event};
use crate::frontend::Frontend;
use crate::input::CallId;
use crate::model::{LbConf, Reply, Request, VipKey, Write};

use super::{Context, Dataplane, Progress, Sent, refusal, tell};

impl Dataplane {
    /// Takes the answer to one call.
    pub fn on_reply(
        &mut self,
        ctx: &Context<'_>,
        call: CallId,
        reply: Reply,
        out: &mut Vec<Action>,
    ) -> Progress {
        self.link.heard(ctx.now, call);
        let Some(sent) = self.window.remove(&call) else { return Progress::default() };
        if self.death_gasp.as_ref() == Some(&sent.request) && !mutant!(AnswerAcquitsNobody) {
            // VPP has survived it since: the next death begins a new row.
            self.death_gasp = None;
        }
        // VPP answers in order: whatever is older and unanswered will never be answered.
        let is_late = |window: &BTreeMap<CallId, Sent>| {
            window.first_key_value().is_some_and(|(oldest, _)| *oldest < call)
        };
        if is_late(&self.window) && matches!(sent.request, Request::Read(_)) {
            // A picture of this connection is thrown away with it: it settles nothing, and ends no attempt.
            self.give_up(ctx, out);
            return Progress::default();
        }
        let progress = self.on_answer(ctx, call, &sent, reply, out);
        if is_late(&self.window) {
            self.give_up(ctx, out);
            return Progress::default();
        }
        progress
    }

    fn on_answer(
        &mut self,
        ctx: &Context<'_>,
        call: CallId,
        sent: &Sent,
        reply: Reply,
        out: &mut Vec<Action>,
    ) -> Progress {
        match sent.request.clone() {
            Request::Read(read) => return self.on_read(ctx, call, read, reply, out),
            Request::Write(Write::SetConf(conf)) => self.on_conf_written(ctx, conf, &reply, out),
            Request::Write(write) => {
                let key = sent.vip.or_else(|| write.vip());
                if let Some(key) = key {
                    self.on_written(ctx, key, call, sent, &write, &reply, out);
                }
            }
        }
        Progress::default()
    }

    #[expect(clippy::too_many_arguments, reason = "one call, its order and its answer belong together")]
    fn on_written(
        &mut self,
        ctx: &Context<'_>,
        key: VipKey,
        call: CallId,
        sent: &Sent,
        write: &Write,
        reply: &Reply,
        out: &mut Vec<Action>,
    ) {
        let Some(vip) = self.vips.get_mut(&key) else { return };
        vip.answered();
        if *reply == Reply::Done {
            vip.done(call, write);
            self.pace.replied(write, sent.at, ctx.now);
            tell(out, Event::Changed { call: write.clone() });
            if matches!(write, Write::DelVip { .. }) {
                self.on_taken_down(ctx, key);
            }
        } else {
            self.on_refused(ctx, key, call, write, reply, out);
            self.wake(key);
        }
        // A stage that could not be sent whole is still in `ready`; the next stage waits for all replies of this one.
        if self.vips.get(&key).is_some_and(|vip| vip.open == 0) {
            self.wake(key);
        }
    }

    /// A reply came: the VIP may have a next stage.
    pub(super) fn wake(&mut self, key: VipKey) {
        if self.dirty.contains(&key)
            && let Some(vip) = self.vips.get(&key)
        {
            self.ready.insert((!vip.urgent, key));
            if vip.urgent {
                self.deaths.insert(key);
            }
        }
    }

    /// Nothing is to be sent for this VIP.
    pub(super) fn forget_turn(&mut self, key: VipKey) {
        self.dirty.remove(&key);
        self.ready.remove(&(true, key));
        self.ready.remove(&(false, key));
        self.deaths.remove(&key);
    }

    /// What kept them may be gone: who is out of sync tries again.
    fn retry_troubled(&mut self, ctx: &Context<'_>) {
        self.conf_retry_at = None;
        let troubled = |key: &&VipKey| self.vips.get(key).is_some_and(|vip| vip.trouble.is_some());
        let keys = ctx.frontends.list().iter().map(Frontend::vip);
        let keys: Vec<VipKey> = keys.filter(|key| troubled(&key) && ctx.warmup.is_open(*key)).collect();
        for key in keys {
            self.mark(ctx, key, Cause::Operator);
        }
    }

    fn on_conf_written(&mut self, ctx: &Context<'_>, conf: LbConf, reply: &Reply, out: &mut Vec<Action>) {
        if *reply == Reply::Done {
            self.conf_trouble = None;
            if core::mem::take(&mut self.conf_refusals) > 0 {
                self.retry_troubled(ctx);
            }
            let before = self.conf.replace(conf);
            tell(out, Event::Changed { call: Write::SetConf(conf) });
            let in_use = self.observed().next().is_some();
            let resized = |before: &LbConf| in_use && before.sticky_buckets != conf.sticky_buckets;
            if let Some(before) = before.filter(resized) {
                tell(out, Event::FlowsDropped { from: before.sticky_buckets, to: conf.sticky_buckets });
            }
            return;
        }
        self.conf_refusals += 1;
        let call = alloc::format!("{}", Write::SetConf(conf));
        tell(out, Event::CallRefused { call: call.clone(), err: alloc::format!("{reply}") });
        if self.conf_refusals >= refusal::ATTEMPTS {
            self.conf_retry_at = Some(ctx.now + ctx.lb.sync_interval);
            self.state_conf_trouble(alloc::format!("{call}: {reply}"), out);
        }
    }

    /// The settings belong to no frontend, so that none is out of sync for them alone: it is said of the daemon.
    fn state_conf_trouble(&mut self, err: String, out: &mut Vec<Action>) {
        if self.conf_trouble.as_ref() != Some(&err) {
            self.conf_trouble = Some(err.clone());
            tell(out, Event::SyncError { err });
        }
    }
}
