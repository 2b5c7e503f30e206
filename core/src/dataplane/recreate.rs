//! Taking VIPs down: strangers, and what VPP cannot change.
//!
//! Taking a VIP down is always: each server deleted without flush, `lb_flush_vip`, VIP deleted; then nothing lingers.
//! A recreate is one unit per prefix, because VPP refuses two encapsulations on one.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use crate::action::Action;
use crate::config::Strangers;
use crate::event::{Cause, Event};
use crate::hazard;
use crate::model::{Flows, Prefix, Request, VipKey, Write};
use crate::reconcile::{Stage, Want};
use crate::time::Instant;
use crate::warmup::Phase;

use super::vip::{Doom, Vip, ipv6_alias, keys_of};
use super::{Context, Dataplane, Sent, tell};

/// Each recreate leaks a table in VPP: at most one per frontend in this time.
const RECREATE_PAUSE: Duration = Duration::from_secs(600);

/// Why a VIP cannot be created or recreated now.
pub(super) enum Obstacle {
    /// It is being removed; this VIP is woken when that is done.
    Going,
    /// It goes away by itself: a gate opens, a hold ends.
    Wait(&'static str),
    /// It stays until this time, or until an operator acts.
    Stuck(String, Option<Instant>),
}

impl Dataplane {
    /// What differs between the VIP in VPP and the one wanted that only a recreate can change.
    pub(super) fn unchangeable(&self, key: VipKey, want: &Want) -> Option<String> {
        let vip = self.vips.get(&key)?;
        let seen = vip.expected.as_ref()?;
        if seen.encap != want.encap && !mutant!(EncapNotCompared) {
            return Some(format!("encapsulation is {}, wanted {}", seen.encap, want.encap));
        }
        match vip.sticky.or(mutant!(UnknownIsDifference).then_some(false)) {
            Some(sticky) if sticky != want.src_ip_sticky && !mutant!(StickinessNotCompared) => {
                Some(format!("src-ip-sticky is {sticky}, wanted {}", want.src_ip_sticky))
            }
            Some(_) | None => None,
        }
    }

    /// Begins the recreate that frontend `key` needs, with all that has to go on its prefix.
    pub(super) fn recreate(
        &mut self,
        ctx: &Context<'_>,
        key: VipKey,
        reason: &str,
        out: &mut Vec<Action>,
    ) -> Result<(), Obstacle> {
        let Some(frontend) = ctx.frontends.find(key) else { return Ok(()) };
        let by_encap = self.expected_encap(key).is_some_and(|encap| encap != frontend.want.encap);
        let members: Vec<VipKey> = if by_encap {
            let wrong = |other: &VipKey| {
                self.expected_encap(*other).is_some_and(|encap| encap != frontend.want.encap)
            };
            self.on_prefix(key.prefix).filter(wrong).collect()
        } else {
            Vec::from([key])
        };
        self.may_recreate(ctx, key.prefix, by_encap, &members)?;
        for member in members {
            let name = ctx.name(member);
            let recreate = name.is_some();
            if let Some(frontend) = name {
                tell(out, Event::Recreate { frontend, reason: reason.to_string() });
            }
            self.doom(ctx, member, recreate);
            if let Some(vip) = self.vips.get_mut(&member) {
                vip.unit = true;
            }
        }
        Ok(())
    }

    /// When each VIP that was recreated may be recreated again.
    pub(super) fn recreate_pauses(&self) -> impl Iterator<Item = Instant> {
        self.vips.values().filter_map(|vip| vip.recreated_at).map(|at| at + RECREATE_PAUSE)
    }

    fn may_recreate(
        &self,
        ctx: &Context<'_>,
        prefix: Prefix,
        by_encap: bool,
        members: &[VipKey],
    ) -> Result<(), Obstacle> {
        if ctx.stopping {
            return Err(Obstacle::Wait("the daemon is stopping"));
        }
        let siblings = ctx.frontends.list().iter().filter(|frontend| frontend.vip().prefix == prefix);
        let closed = siblings.clone().any(|frontend| !ctx.warmup.is_open(frontend.vip()));
        if by_encap && closed && !mutant!(RecreateInWarmup) {
            return Err(Obstacle::Wait(
                "a frontend on the same address is not released yet: recreate after warm-up",
            ));
        }
        if siblings.clone().any(|frontend| frontend.hold.is_some() && members.contains(&frontend.vip()))
            && !mutant!(RecreateDuringHold)
        {
            return Err(Obstacle::Wait("the new backends are not known yet: recreate when they are"));
        }
        for member in members {
            if ctx.frontends.find(*member).is_none() {
                self.may_take(ctx, *member)?;
            }
            let last = self.vips.get(member).and_then(|vip| vip.recreated_at);
            if let Some(at) = last.map(|at| at + RECREATE_PAUSE).filter(|at| *at > ctx.now)
                && !mutant!(RecreateWithoutPause)
            {
                let why = "it was recreated less than ten minutes ago, and each recreate leaks memory in VPP";
                return Err(Obstacle::Stuck(why.into(), Some(at)));
            }
        }
        Ok(())
    }

    /// What is in the way of creating `key`.
    pub(super) fn obstacle(&mut self, ctx: &Context<'_>, key: VipKey, want: &Want) -> Option<Obstacle> {
        let in_the_way = |other: &VipKey| {
            let encap = self.expected_encap(*other).or_else(|| self.acked_encap(*other));
            *other != key
                && encap.is_some_and(|encap| encap != want.encap || key.is_all_port() || other.is_all_port())
        };
        let others: Vec<VipKey> = self.on_prefix(key.prefix).filter(in_the_way).collect();
        let mut worst = None;
        for other in others {
            if self.vips.get(&other).is_some_and(|vip| vip.doom.is_some()) {
                worst = Some(Obstacle::Going);
            } else if ctx.frontends.find(other).is_some() {
                // It needs a recreate of its own; its plan begins that, and wakes us.
                match self.vips.get(&other).and_then(|vip| vip.trouble.as_ref()) {
                    None => self.mark(ctx, other, Cause::Reload),
                    Some(trouble) if trouble.said => {
                        let why = format!("frontend on the same address: {}", trouble.reason);
                        return Some(Obstacle::Stuck(why, None));
                    }
                    Some(_) => (),
                }
                worst = Some(Obstacle::Wait("another frontend on the same address must be recreated first"));
            } else {
                match self.may_take(ctx, other) {
                    Ok(()) => {
                        self.doom(ctx, other, false);
                        worst = Some(Obstacle::Going);
                    }
                    Err(obstacle) => return Some(obstacle),
                }
            }
        }
        worst
    }

    /// Whether a stranger in the way may be removed now.
    fn may_take(&self, ctx: &Context<'_>, stranger: VipKey) -> Result<(), Obstacle> {
        if ctx.warmup.phase() != Phase::Over {
            return Err(Obstacle::Wait("a stranger is in the way: it is removed after warm-up"));
        }
        if let Some(reason) = self.untouchable(ctx, stranger) {
            let why = format!("VIP {stranger} is in the way and is left alone: {reason}; remove it by hand");
            return Err(Obstacle::Stuck(why, Some(ctx.now + ctx.lb.sync_interval)));
        }
        if let Some(vip) = self.vips.get(&stranger).filter(|vip| vip.is_left(ctx.now))
            && let Some(trouble) = &vip.trouble
        {
            let why = format!("VIP {stranger} is in the way and cannot be removed: {}", trouble.reason);
            return Err(Obstacle::Stuck(why, trouble.retry_at));
        }
        if !self.may_remove(ctx) {
            return Err(Obstacle::Wait("a stranger is in the way: the next sync of everything removes it"));
        }
        Ok(())
    }

    /// Why a stranger is never removed.
    fn untouchable(&self, ctx: &Context<'_>, stranger: VipKey) -> Option<String> {
        if ctx.lb.strangers == Strangers::Keep && !mutant!(KeepIgnored) {
            return Some("strangers: keep".into());
        }
        let encap = self.acked_encap(stranger)?;
        if !encap.is_ours() && !mutant!(ForeignEncapDeleted) {
            return Some(format!("its encapsulation {encap} is one that maglevd never makes"));
        }
        let name = ipv6_alias(stranger).filter(|_| stranger.prefix.len > 32).unwrap_or(stranger);
        hazard(&Write::DelVip { vip: name }).map(|hazard| hazard.to_string())
    }

    /// Marks all strangers for removal, and tells of those that stay.
    pub(super) fn doom_strangers(&mut self, ctx: &Context<'_>, out: &mut Vec<Action>) {
        let strangers: Vec<VipKey> = self
            .vips
            .iter()
            .filter(|(key, vip)| vip.acked.is_some() && ctx.frontends.find(**key).is_none())
            .filter(|(_, vip)| vip.doom.is_none() && !vip.is_left(ctx.now))
            .map(|(key, _)| *key)
            .collect();
        for stranger in strangers {
            let Some(reason) = self.untouchable(ctx, stranger) else {
                self.doom(ctx, stranger, false);
                continue;
            };
            if let Some(vip) = self.vips.get_mut(&stranger)
                && vip.said.as_ref() != Some(&reason)
            {
                vip.said = Some(reason.clone());
                tell(out, Event::StrangerLeft { vip: stranger, reason });
            }
        }
    }

    pub(super) fn doom(&mut self, ctx: &Context<'_>, key: VipKey, recreate: bool) {
        if let Some(vip) = self.vips.get_mut(&key) {
            let alias = ipv6_alias(key).filter(|_| key.prefix.len > 32);
            vip.doom = Some(Doom { recreate, flushed: false, alias, answered: false });
            if !recreate {
                // It is time to try again.
                vip.trouble.take_if(|trouble| trouble.retry_at.is_some());
            }
        }
        self.dirty.insert(key);
        self.wake(key);
        self.recount(ctx, key);
    }

    /// The next part of taking a VIP down.
    pub(super) fn take_down(&self, key: VipKey) -> Option<(Stage, Vec<Write>)> {
        let vip = self.vips.get(&key)?;
        let (doom, seen) = (vip.doom?, vip.expected.as_ref()?);
        let name = doom.alias.unwrap_or(key);
        if !seen.servers.is_empty() && !mutant!(VipBeforeServers) {
            if self.is_flushing(key) {
                // Somebody has added them since: they go when it is done, and are flushed in their turn.
                return None;
            }
            let delete = |(server, _): &(core::net::IpAddr, _)| Write::DelAs {
                vip: name,
                server: *server,
                flows: if mutant!(TakeDownFlushesServers) { Flows::Flush } else { Flows::Keep },
            };
            return Some((Stage::TakeDown, seen.servers.iter().map(delete).collect()));
        }
        if vip.open > 0 {
            // Servers, flows, VIP: each part when the replies of the one before are in.
            return None;
        }
        if doom.flushed || !doom.is_named(key) || mutant!(TakeDownUnflushed) {
            return Some((Stage::TakeDown, Vec::from([Write::DelVip { vip: name }])));
        }
        if self.pace.is_slow() && !vip.unit {
            return None;
        }
        Some((Stage::TakeDown, Vec::from([Write::FlushVip { vip: name }])))
    }

    fn is_flushing(&self, key: VipKey) -> bool {
        let flushes = |sent: &Sent| matches!(sent.request, Request::Write(Write::FlushVip { .. }));
        self.window.values().any(|sent| sent.vip == Some(key) && flushes(sent))
    }

    /// The flush of a stranger that is taken down, when flushes are paced.
    pub(super) fn next_doom_flush(&self, key: VipKey) -> Option<(Stage, Write)> {
        let vip = self.vips.get(&key)?;
        let (doom, seen) = (vip.doom?, vip.expected.as_ref()?);
        let name = doom.alias.unwrap_or(key);
        (seen.servers.is_empty() && vip.open == 0 && !doom.flushed && doom.is_named(key))
            .then_some((Stage::TakeDown, Write::FlushVip { vip: name }))
    }

    /// A VIP is gone: whoever waited for its prefix goes on.
    pub(super) fn on_taken_down(&mut self, ctx: &Context<'_>, key: VipKey) {
        if let Some(vip) = self.vips.get_mut(&key)
            && vip.doom.take().is_some_and(|doom| doom.recreate)
        {
            vip.recreated_at = Some(ctx.now);
        }
        if ctx.frontends.find(key).is_none() {
            self.recount(ctx, key);
            self.vips.remove(&key);
            self.forget_turn(key);
        }
        let waiting: Vec<VipKey> = ctx
            .frontends
            .list()
            .iter()
            .map(crate::frontend::Frontend::vip)
            .filter(|other| other.prefix == key.prefix && ctx.warmup.is_open(*other))
            .collect();
        for other in waiting {
            self.mark(ctx, other, Cause::Reload);
        }
    }

    /// Whether a server address is itself an all-port VIP, or VIP and server make a loop through one: one packet would
    /// wrap itself until VPP aborts.
    pub(super) fn loops(&self, key: VipKey, server: core::net::IpAddr) -> Option<VipKey> {
        let all_port = |vip: &VipKey| key.is_all_port() || vip.is_all_port();
        let wide = self.wide.iter().copied().filter(|vip| vip.prefix.contains(server));
        self.on_prefix(Prefix::host(server))
            .chain(wide)
            .find(|vip| self.acked_encap(*vip).is_some() && all_port(vip))
    }

    pub(super) fn on_prefix(&self, prefix: Prefix) -> impl Iterator<Item = VipKey> {
        self.vips.range(keys_of(prefix)).map(|(key, _)| *key)
    }

    fn expected_encap(&self, key: VipKey) -> Option<crate::model::Encap> {
        self.vips.get(&key).and_then(|vip: &Vip| vip.expected.as_ref()).map(|seen| seen.encap)
    }

    fn acked_encap(&self, key: VipKey) -> Option<crate::model::Encap> {
        self.vips.get(&key).and_then(|vip: &Vip| vip.acked.as_ref()).map(|seen| seen.encap)
    }
}
