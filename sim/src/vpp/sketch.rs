//! The tables for a search that merges states: in no order, and what is removed without how long ago.

use core::hash::Hasher;
use core::net::IpAddr;
use std::collections::BTreeSet;

use maglev_core::model::VipKey;

use super::LbPlugin;
use crate::exhaustive::Sketch;

/// An address, whether it is in use, and its weight if it is.
type Member = (IpAddr, bool, u8);

impl LbPlugin {
    /// What maglevd may read. Indices, tables, flows and the time of the next collection are left out.
    pub(crate) fn sketch<H: Hasher>(&self, sketch: &mut Sketch<'_, '_, H>) {
        let member = |index: &u32| {
            let server = self.servers.get(*index)?;
            Some((server.address.into(), server.used, if server.used { server.weight } else { 0 }))
        };
        // A VIP that was deleted twice reads like one that was deleted once.
        let vips: BTreeSet<(bool, VipKey, u8, bool, BTreeSet<Member>)> = self
            .vips
            .iter()
            .filter(|(index, _)| *index != 0)
            .map(|(_, vip)| {
                let members = vip.members.iter().filter_map(|(_, index)| member(index)).collect();
                (vip.used, vip.key.shown(), vip.kind as u8, vip.src_ip_sticky, members)
            })
            .collect();
        sketch.value(&vips);
        sketch.value(&self.conf);
    }
}
