//! The conversation with VPP, told to people: what VPP is, what it holds, and how far that is from what is wanted.

use alloc::string::String;
use core::ops::Bound;

use crate::input::VppProcess;
use crate::model::{LbConf, VipKey};
use crate::reconcile::Want;
use crate::time::Instant;

use super::Dataplane;

/// How far VPP is from what is wanted, for one frontend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// This daemon runs without VPP.
    WithoutVpp,
    /// VPP is not connected, or not read yet.
    NoPicture,
    /// Its gate is closed.
    Gated,
    /// VPP holds what is wanted.
    InSync,
    /// Calls are under way or about to be sent.
    Pending,
    /// It waits for something else; in words.
    Waiting(String),
    /// VPP refused.
    OutOfSync {
        /// Since when.
        since: Instant,
        /// What, in words.
        reason: String,
    },
}

/// VPP and the connection to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VppView {
    /// Whether this process talks to VPP at all.
    pub in_use: bool,
    /// Whether VPP is connected.
    pub connected: bool,
    /// Since when it is, or is not.
    pub since: Instant,
    /// Connections so far.
    pub connections: u64,
    /// Why the last connection ended, or did not come about; `None` while there is one.
    pub why_not: Option<String>,
    /// The process of the present or last connection.
    pub process: Option<VppProcess>,
    /// Whether its tables have been read.
    pub picture: bool,
    /// Settings that it holds, if known.
    pub conf: Option<LbConf>,
    /// Calls that wait for an answer.
    pub under_way: usize,
    /// VIPs that it holds.
    pub vips: usize,
    /// Application servers that it holds.
    pub servers: usize,
    /// Frontends that are out of sync.
    pub out_of_sync: usize,
    /// When everything is looked at next.
    pub next_check: Option<Instant>,
}

impl Dataplane {
    /// VPP and the connection to it. Looks at each VIP once.
    pub fn vpp_view(&self) -> VppView {
        let (since, connections, why_not) = self.link.story();
        VppView {
            in_use: self.link.is_enabled(),
            connected: self.link.is_up(),
            since,
            connections,
            why_not: why_not.map(Into::into),
            process: self.process.clone(),
            picture: self.picture,
            conf: self.conf,
            under_way: self.window.len(),
            vips: self.observed().count(),
            servers: self.observed().map(|(_, seen)| seen.servers.len()).sum(),
            out_of_sync: self.out_of_sync().count(),
            next_check: self.drift_at.filter(|_| self.link.is_up()),
        }
    }

    /// Keys of the VIPs that VPP holds, in order.
    pub fn observed_from(&self, from: Bound<VipKey>) -> impl Iterator<Item = VipKey> {
        let held = self.vips.range((from, Bound::Unbounded));
        held.filter(|(_, vip)| vip.acked.is_some()).map(|(key, _)| *key)
    }

    /// Why a VIP is out of sync, and since when.
    pub fn trouble(&self, vip: VipKey) -> Option<(Instant, &str)> {
        let trouble = self.vips.get(&vip)?.trouble.as_ref().filter(|trouble| trouble.said)?;
        Some((trouble.since, trouble.reason.as_str()))
    }

    /// Whether a VIP hashes source addresses only, where that is known of the present VPP process.
    pub fn is_sticky(&self, vip: VipKey) -> Option<bool> {
        self.vips.get(&vip)?.sticky
    }

    /// How far VPP is from what is wanted of one VIP; of gates it knows nothing.
    pub fn standing(&self, want: &Want) -> Standing {
        if !self.link.is_enabled() {
            return Standing::WithoutVpp;
        }
        if !self.picture {
            return Standing::NoPicture;
        }
        if let Some((since, reason)) = self.trouble(want.vip) {
            return Standing::OutOfSync { since, reason: reason.into() };
        }
        let Some(vip) = self.vips.get(&want.vip) else { return Standing::Pending };
        if self.dirty.contains(&want.vip) || vip.open > 0 {
            return Standing::Pending;
        }
        let is_as_wanted = vip.acked.as_ref().is_some_and(|seen| {
            let held = seen.servers.iter().copied();
            let wanted = want.servers.iter().map(|server| (server.address, server.weight));
            seen.encap == want.encap
                && vip.sticky.is_none_or(|sticky| sticky == want.src_ip_sticky)
                && held.eq(wanted)
        });
        match &vip.said {
            _ if is_as_wanted => Standing::InSync,
            Some(reason) => Standing::Waiting(reason.clone()),
            None => Standing::Pending,
        }
    }
}
