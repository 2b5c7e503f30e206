//! Which VIP an address leads to, and whether a packet could go round for ever.

use std::collections::BTreeMap;

use super::LbPlugin;
use super::address::{Ip46, Prefix46};

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
        (0..=128)
            .rev()
            .map(|len| Prefix46::around(address, len))
            .filter(|prefix| prefix.is_ip4() == address.is_ip4())
            .find_map(|prefix| self.in_use.get(&prefix))
    }
}
