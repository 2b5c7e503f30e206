//! One packet through the plugin.

use core::net::IpAddr;

use maglev_core::Instant;

use super::LbPlugin;
use super::address::Ip46;
use super::flows::{Flow, Found, Sticky};

/// VPP's clock of flows starts here, so that a slot that was never used has timed out.
const CLOCK_OFFSET: u32 = 10_000;

/// How a packet came to its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tracking {
    /// Its flow was known.
    Existing,
    /// Its flow is new and was remembered.
    First,
    /// Its flow is not known and found no room: the next packet may go elsewhere after any change.
    Untracked,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No VIP covers its destination: the plugin never sees it.
    NotOurs,
    /// Dropped: the VIP has no server with a weight, or the port belongs to no VIP.
    Dropped,
    /// Wrapped and sent to a server.
    Server(IpAddr, Tracking),
}

impl LbPlugin {
    /// Sends one packet through.
    pub fn packet(&mut self, flow: &Flow, now: Instant) -> Verdict {
        self.advance(now);
        let Some(index) = self.vip_of(flow) else { return Verdict::NotOurs };
        let Some(vip) = self.vips.get(index) else { return Verdict::NotOurs };
        if vip.kind.is_nat() && vip.key.port == 0 {
            // VPP has no node for it: the packet is dropped before the plugin counts it.
            return Verdict::Dropped;
        }
        let hash = flow.hash(vip.src_ip_sticky);
        let clock = self.uptime(now).wrapping_add(CLOCK_OFFSET);
        let timeout = self.conf.flow_timeout_secs;
        let chosen = self.table(vip)[(hash & (vip.length - 1)) as usize];
        self.renew_sticky();
        let buckets = self.conf.sticky_buckets;
        let sticky = self.sticky.get_or_insert_with(|| Sticky::new(buckets));
        let (server, tracking) = match sticky.look_up(hash, index, clock, timeout) {
            Found::Server(server) => (server, Tracking::Existing),
            Found::Room { slot, previous } => {
                sticky.write(slot, hash, index, chosen, clock.wrapping_add(timeout));
                self.release(previous);
                self.refer(chosen);
                (chosen, Tracking::First)
            }
            Found::Full => (chosen, Tracking::Untracked),
        };
        self.count(index, server, tracking);
        self.address(server).map_or(Verdict::Dropped, |address| Verdict::Server(address, tracking))
    }

    /// Where a packet of a flow would go if its flow were new: looks without touching.
    pub fn choice(&self, flow: &Flow) -> Option<IpAddr> {
        let vip = self.vips.get(self.vip_of(flow)?)?;
        let bucket = flow.hash(vip.src_ip_sticky) & (vip.length - 1);
        self.address(self.table(vip)[bucket as usize])
    }

    /// The server that a flow stays with: looks without touching.
    pub fn holder(&self, flow: &Flow, now: Instant) -> Option<IpAddr> {
        let index = self.vip_of(flow)?;
        let hash = flow.hash(self.vips.get(index)?.src_ip_sticky);
        let clock = self.uptime(now).wrapping_add(CLOCK_OFFSET);
        self.address(self.sticky.as_ref()?.holder(hash, index, clock)?)
    }

    /// Slots of the sticky table in use that have not timed out.
    pub fn live_flows(&self, now: Instant) -> usize {
        self.sticky.as_ref().map_or(0, |sticky| sticky.alive(self.uptime(now).wrapping_add(CLOCK_OFFSET)))
    }

    /// The VIP that sees a packet; 0 if only its prefix is known.
    fn vip_of(&self, flow: &Flow) -> Option<u32> {
        let vips = self.covering(Ip46::from(flow.destination))?;
        if let Some(all_ports) = vips.get(&(255, 0)) {
            return Some(*all_ports);
        }
        Some(vips.get(&(flow.protocol, flow.port())).copied().unwrap_or(0))
    }

    /// A changed number of buckets takes effect at the next packet and forgets everything.
    fn renew_sticky(&mut self) {
        let wanted = self.conf.sticky_buckets;
        let Some(old) = self.sticky.take_if(|sticky| sticky.count() != wanted) else { return };
        for server in old.references() {
            self.release(server);
        }
    }

    pub(super) fn release(&mut self, server: u32) {
        if let Some(server) = self.servers.get_mut(server) {
            server.references = server.references.saturating_sub(1);
        }
    }

    fn refer(&mut self, server: u32) {
        if let Some(server) = self.servers.get_mut(server) {
            server.references += 1;
        }
    }

    fn count(&mut self, vip: u32, server: u32, tracking: Tracking) {
        let counter = match tracking {
            Tracking::Existing => 0,
            Tracking::First if server == 0 => 3,
            Tracking::First => 1,
            Tracking::Untracked => 2,
        };
        if let Some(vip) = self.vips.get_mut(vip) {
            vip.counters[counter] += 1;
        }
    }
}
