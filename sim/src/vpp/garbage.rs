//! Garbage collection: when a removed server and a deleted VIP are really gone.
//!
//! A server goes when no slot of the sticky table names it, however long those slots have timed out: what was removed
//! without a flush may linger for ever.

use maglev_core::Instant;

use super::{COLLECTION_EVERY, LbPlugin};

/// A removed server is safe to free after so many seconds.
const CONCURRENCY_SECS: u32 = 10;

impl LbPlugin {
    /// Frees the removed servers that nothing refers to, and then the deleted VIPs that have none left.
    pub(super) fn collect_garbage(&mut self, now: Instant) {
        let uptime = self.uptime(now);
        let indices: Vec<u32> = self.vips.iter().map(|(index, _)| index).collect();
        for index in indices {
            self.collect_vip(index, uptime);
        }
        let gone: Vec<u32> = self
            .vips
            .iter()
            .filter(|(_, vip)| !vip.used && vip.members.len() == 0)
            .map(|(index, _)| index)
            .collect();
        for index in gone {
            self.vips.free(index);
        }
    }

    pub(super) fn collect_vip(&mut self, index: u32, uptime: u32) {
        let Some(vip) = self.vips.get_mut(index) else { return };
        if uptime < vip.collected + COLLECTION_EVERY.as_secs() as u32 {
            return;
        }
        vip.collected = uptime;
        let members: Vec<(u32, u32)> = vip.members.iter().map(|(slot, server)| (slot, *server)).collect();
        for (slot, server) in members {
            let is_garbage = self.servers.get(server).is_some_and(|server| {
                !server.used && uptime >= server.removed + CONCURRENCY_SECS && server.references == 0
            });
            if is_garbage {
                self.servers.free(server);
                if let Some(vip) = self.vips.get_mut(index) {
                    vip.members.free(slot);
                }
            }
        }
    }
}
