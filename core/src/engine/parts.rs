//! Looking at an engine in parts: each question is small, however large the site.
//!
//! A list goes on behind the last name or key that was seen, so that what is there throughout is told exactly once,
//! whatever a reload does in between.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Bound;

use crate::config::Check;
use crate::model::VipKey;
use crate::time::Instant;
use crate::warmup::Phase;

use super::Engine;
use super::reasons;
use super::view::{BackendView, Depth, FrontendView, MemberView, backend_view};

/// Members of frontends that one question may look at: a few hundred microseconds.
const MEMBERS_MAX: usize = 1_500;
/// A member that is only counted takes less than such a part of the time.
const BRIEF_SHARE: usize = 16;
/// Backends that one question may look at.
const BACKENDS_MAX: usize = 256;
/// Frontends that a backend's details name at most.
const MEMBERSHIPS_MAX: usize = 1_000;

/// Some of a list, and behind what it goes on; `None`: that was all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<T, K> {
    /// These.
    pub items: Vec<T>,
    /// Ask again for what comes behind this.
    pub next: Option<K>,
}

/// A backend and where it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendDetail {
    /// The backend.
    pub backend: BackendView,
    /// Frontend, pool, and what it is there; in key order.
    pub memberships: Vec<(String, String, MemberView)>,
    /// Whether some frontend counts it as up although it has had no result.
    pub is_presumed: bool,
}

/// Warm-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmupView {
    /// Where it stands.
    pub phase: Phase,
    /// Since when.
    pub since: Instant,
    /// Until when at the latest; `None` if it is over.
    pub until: Option<Instant>,
    /// Frontends in all.
    pub frontends: usize,
    /// Frontends whose gate is open.
    pub open: usize,
    /// Frontends whose gate is closed although all their backends are known.
    pub complete: usize,
}

impl Engine {
    /// Frontends in key order, from behind `after`.
    pub fn frontend_views_after(&self, after: Option<VipKey>, depth: Depth) -> Part<FrontendView, VipKey> {
        let list = self.frontends.list();
        let first = after.map_or(0, |after| list.partition_point(|frontend| frontend.vip() <= after));
        // A brief view only counts its members, and copies nothing of them.
        let share = if depth == Depth::Brief { BRIEF_SHARE } else { 1 };
        let mut members = 0;
        let mut items = Vec::new();
        for at in first..list.len() {
            members += 10 + list[at].members.len() / share;
            // One frontend is never split, however large.
            if members > MEMBERS_MAX && !items.is_empty() {
                return Part { items, next: Some(list[at - 1].vip()) };
            }
            items.push(self.frontend_view(at, depth));
        }
        Part { items, next: None }
    }

    /// The frontend of this name.
    pub fn frontend_named(&self, name: &str) -> Option<FrontendView> {
        self.frontends.named(name).map(|at| self.frontend_view(at, Depth::Whole))
    }

    /// Backends ascending by name, from behind `after`.
    pub fn backend_views_after(&self, after: Option<&str>, depth: Depth) -> Part<BackendView, String> {
        let list = self.config.backends();
        let first = after.map_or(0, |after| list.partition_point(|backend| backend.name.as_str() <= after));
        let slots = &self.slot_of[first.min(self.slot_of.len())..];
        let chosen = slots.iter().take(BACKENDS_MAX).filter_map(|slot| self.slot(*slot));
        let items: Vec<BackendView> = chosen.map(|backend| backend_view(backend, depth)).collect();
        let next = items.last().filter(|_| slots.len() > BACKENDS_MAX).map(|last| last.name.clone());
        Part { items, next }
    }

    /// The backend of this name, and where it is used.
    pub fn backend_named_in_full(&self, name: &str) -> Option<BackendDetail> {
        let slot = self.slot_named(name)?;
        let backend = self.slot(slot)?;
        let mut memberships = Vec::new();
        let mut is_presumed = false;
        for at in backend.frontends.iter().take(MEMBERSHIPS_MAX) {
            let frontend = &self.frontends.list()[*at as usize];
            is_presumed |= frontend.presumed.contains(&slot);
            let seen = self.dataplane.seen(frontend.vip());
            let (verdicts, _) = reasons::verdicts(frontend);
            for (member, verdict) in frontend.members.iter().zip(verdicts).filter(|(it, _)| it.slot == slot) {
                let view = self.member_view(frontend, member, verdict, seen);
                let pool = frontend.pools[usize::from(member.pool)].clone();
                memberships.push((frontend.name.clone(), pool, view));
            }
        }
        Some(BackendDetail { backend: backend_view(backend, Depth::Whole), memberships, is_presumed })
    }

    /// Checks in use, each with the number of the backends that use it: those of a part of the backends, to be added up.
    pub fn checks_after(&self, after: Option<&str>) -> Part<(Check, usize), String> {
        let list = self.config.backends();
        let first = after.map_or(0, |after| list.partition_point(|backend| backend.name.as_str() <= after));
        let rest = &list[first..];
        let some = &rest[..rest.len().min(BACKENDS_MAX * 4)];
        let mut items: Vec<(Check, usize)> = Vec::new();
        for check in some.iter().filter_map(|backend| backend.check.as_ref()) {
            match items.binary_search_by(|(known, _)| known.name.cmp(&check.name)) {
                Ok(at) => items[at].1 += 1,
                Err(at) => items.insert(at, (check.clone(), 1)),
            }
        }
        let next = some.last().filter(|_| some.len() < rest.len()).map(|last| last.name.clone());
        Part { items, next }
    }

    /// Warm-up.
    pub fn warmup_view(&self) -> WarmupView {
        let list = self.frontends.list();
        let is_open = |vip| self.warmup.is_open(vip);
        WarmupView {
            phase: self.warmup.phase(),
            since: self.warmup.since(),
            until: self.warmup.until(),
            frontends: list.len(),
            open: list.iter().filter(|frontend| is_open(frontend.vip())).count(),
            complete: list.iter().filter(|it| !is_open(it.vip()) && it.unknown == 0).count(),
        }
    }

    /// Frontends whose gate is closed, with `max` names of the backends that each waits for and their number, from behind
    /// `after`, in key order.
    pub fn awaiting_after(
        &self,
        after: Option<VipKey>,
        max: usize,
    ) -> Part<(String, Vec<String>, u32), VipKey> {
        let list = self.frontends.list();
        let first = after.map_or(0, |after| list.partition_point(|frontend| frontend.vip() <= after));
        let mut members = 0;
        let mut items = Vec::new();
        for at in first..list.len() {
            members += list[at].members.len() + 10;
            if members > MEMBERS_MAX * 4 && at > first {
                return Part { items, next: Some(list[at - 1].vip()) };
            }
            if !self.warmup.is_open(list[at].vip()) {
                items.push((list[at].name.clone(), self.awaited(at, max), list[at].unknown));
            }
        }
        Part { items, next: None }
    }

    /// VIPs that VPP holds or that a frontend names, in key order, from behind `after`: key, position of the frontend.
    pub fn vips_after(&self, after: Option<VipKey>) -> impl Iterator<Item = (VipKey, Option<usize>)> {
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        let held = self.dataplane.observed_from(behind);
        let list = self.frontends.list();
        let first = after.map_or(0, |after| list.partition_point(|frontend| frontend.vip() <= after));
        let mut wanted = (first..list.len()).map(|at| (list[at].vip(), at)).peekable();
        let mut held = held.peekable();
        core::iter::from_fn(move || match (held.peek().copied(), wanted.peek().copied()) {
            (Some(key), Some((vip, at))) => {
                if key <= vip {
                    held.next();
                }
                if vip <= key {
                    wanted.next();
                }
                Some(if vip <= key { (vip, Some(at)) } else { (key, None) })
            }
            (Some(key), None) => held.next().map(|_| (key, None)),
            (None, Some((vip, at))) => wanted.next().map(|_| (vip, Some(at))),
            (None, None) => None,
        })
    }

    /// Configurations in force so far, and since when the present one is.
    pub const fn generation(&self) -> (u64, Instant) {
        (self.generation, self.configured)
    }

    /// Whether the process is ending.
    pub const fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// Where all chance comes from.
    pub const fn seed(&self) -> u64 {
        self.seed
    }
}
