//! Which VIP an address leads to, and whether a packet could go round for ever.

use std::collections::BTreeMap;

use super::LbPlugin;
use super::address::{Ip46, Key, Prefix46};

impl LbPlugin {
    /// Whether packets to `address` come back to the all-port VIP at `target`, through any number of all-port VIPs.
    pub(super) fn reaches(&self, address: Ip46, target: u32) -> bool {
        let mut seen = Vec::new();
        let mut open = vec![address];
        while let Some(address) = open.pop() {
            let Some(index) = self.all_port_vip(address) else { continue };
            if index == target {
                return true;
            }
            if !seen.contains(&index) {
                seen.push(index);
                open.extend(
                    self.members(index)
                        .iter()
                        .filter_map(|server| self.servers.get(*server))
                        .filter(|server| server.used)
                        .map(|server| server.address),
                );
            }
        }
        false
    }

    fn all_port_vip(&self, address: Ip46) -> Option<u32> {
        self.covering(address)?.get(&(255, 0)).copied()
    }

    /// The VIPs of the longest prefix that covers `address`, by protocol and port.
    pub(super) fn covering(&self, address: Ip46) -> Option<&BTreeMap<(u8, u16), u32>> {
        // Every packet asks, and most of the 129 lengths are nobody's.
        let lengths = self.lengths.keys().rev();
        lengths
            .map(|len| Prefix46::around(address, *len))
            .filter(|prefix| prefix.is_ip4() == address.is_ip4())
            .find_map(|prefix| self.in_use.get(&prefix))
    }

    /// A VIP takes its prefix into use.
    pub(super) fn occupy(&mut self, key: Key, index: u32) {
        let vips = self.in_use.entry(key.prefix).or_insert_with(|| {
            *self.lengths.entry(key.prefix.len).or_default() += 1;
            BTreeMap::new()
        });
        vips.insert((key.protocol, key.port), index);
    }

    /// A VIP leaves its prefix.
    pub(super) fn vacate(&mut self, key: Key) {
        let Some(vips) = self.in_use.get_mut(&key.prefix) else { return };
        vips.remove(&(key.protocol, key.port));
        if !vips.is_empty() {
            return;
        }
        self.in_use.remove(&key.prefix);
        if let Some(prefixes) = self.lengths.get_mut(&key.prefix.len) {
            *prefixes -= 1;
            if *prefixes == 0 {
                self.lengths.remove(&key.prefix.len);
            }
        }
    }
}
