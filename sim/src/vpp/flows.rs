//! The sticky table: which flow stays with which server, slot for slot as VPP keeps it for one thread.
//!
//! Four slots a bucket, found by flow hash and VIP index. Nothing is ever removed by time: a timed-out slot keeps its
//! reference to a server until another flow takes it. A flow that met an empty VIP leaves a slot that says "nothing";
//! its packets refresh that slot and so never reach the servers that have come since, except through the new-flows
//! table, packet by packet.

use core::net::IpAddr;
use std::collections::BTreeMap;

use super::hash;

/// What a packet is, as far as the plugin looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// Who sends.
    pub source: IpAddr,
    /// To which address, of the same family.
    pub destination: IpAddr,
    /// 6 is TCP, 17 UDP; of all others the ports are not looked at.
    pub protocol: u8,
    /// From which port.
    pub source_port: u16,
    /// To which port.
    pub destination_port: u16,
}

impl Flow {
    /// Whether VPP reads the ports of such a packet.
    const fn has_ports(&self) -> bool {
        matches!(self.protocol, 6 | 17)
    }

    /// The port that VPP looks a VIP up by.
    pub(super) const fn port(&self) -> u16 {
        if self.has_ports() { self.destination_port } else { 0 }
    }

    /// The hash of all its packets.
    pub(super) fn hash(&self, src_ip_sticky: bool) -> u32 {
        let ports = if src_ip_sticky || !self.has_ports() { 0 } else { self.ports_as_laid_out() };
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let pair = u64::from(u32::from_le_bytes(source.octets()))
                    | u64::from(u32::from_le_bytes(destination.octets())) << 32;
                hash::crc32c([pair, ports, 0, 0, 0])
            }
            (source, destination) => {
                let [a, b] = halves(source);
                let [c, d] = halves(destination);
                hash::crc32c([a, b, c, d, ports])
            }
        }
    }

    fn ports_as_laid_out(&self) -> u64 {
        u64::from(self.source_port.swap_bytes()) << 16 | u64::from(self.destination_port.swap_bytes())
    }
}

fn halves(address: IpAddr) -> [u64; 2] {
    let bits = match address {
        IpAddr::V4(v4) => v4.to_ipv6_compatible().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    [((bits >> 64) as u64).swap_bytes(), (bits as u64).swap_bytes()]
}

/// One slot. All zero is one that was never used, and therefore timed out.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    hash: u32,
    expires: u32,
    vip: u32,
    server: u32,
}

/// No VIP: what a flush leaves in a slot.
const FLUSHED: u32 = u32::MAX;

/// The sticky table of one thread. Buckets come into being when they are first used.
#[derive(Clone, Debug)]
pub(super) struct Sticky {
    buckets: BTreeMap<u32, [Slot; 4]>,
    count: u32,
}

/// What the table says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The flow belongs to this server; its time begins anew.
    Server(u32),
    /// The flow may be written into this slot, which refers to `previous` until then.
    Room { slot: usize, previous: u32 },
    /// All four slots are taken.
    Full,
}

impl Sticky {
    pub(super) const fn new(count: u32) -> Self {
        Self { buckets: BTreeMap::new(), count }
    }

    /// How many buckets it was made with.
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn look_up(&mut self, hash: u32, vip: u32, clock: u32, timeout: u32) -> Found {
        let bucket = self.buckets.entry(hash & (self.count - 1)).or_default();
        let room = bucket.iter().position(|slot| !is_alive(slot, clock));
        let mine =
            bucket.iter_mut().find(|slot| is_alive(slot, clock) && slot.hash == hash && slot.vip == vip);
        if let Some(slot) = mine {
            slot.expires = clock.wrapping_add(timeout);
            // A slot that says "nothing" is refreshed like any other, and the search goes on as if there were none.
            if slot.server != 0 {
                return Found::Server(slot.server);
            }
        }
        room.map_or(Found::Full, |slot| Found::Room { slot, previous: bucket[slot].server })
    }

    /// The server of a flow, if it has one.
    pub(super) fn holder(&self, hash: u32, vip: u32, clock: u32) -> Option<u32> {
        let bucket = self.buckets.get(&(hash & (self.count - 1)))?;
        let mine = |slot: &&Slot| is_alive(slot, clock) && slot.hash == hash && slot.vip == vip;
        bucket.iter().find(mine).map(|slot| slot.server)
    }

    pub(super) fn write(&mut self, slot: usize, hash: u32, vip: u32, server: u32, expires: u32) {
        let bucket = self.buckets.entry(hash & (self.count - 1)).or_default();
        bucket[slot] = Slot { hash, expires, vip, server };
    }

    /// Clears the slots of `vip`, of one server or of all, and returns the servers they referred to. The time of a
    /// slot stays, so it cannot be taken before it would have timed out.
    pub(super) fn flush(&mut self, vip: u32, server: Option<u32>) -> Vec<u32> {
        let mut released = Vec::new();
        for slot in self.buckets.values_mut().flatten() {
            if slot.vip == vip && server.is_none_or(|server| server == slot.server) {
                released.push(slot.server);
                (slot.vip, slot.server) = (FLUSHED, 0);
            }
        }
        released
    }

    /// The servers that all slots refer to, once per slot.
    pub(super) fn references(&self) -> impl Iterator<Item = u32> {
        self.buckets.values().flatten().map(|slot| slot.server)
    }

    /// Slots in use that have not timed out.
    pub(super) fn alive(&self, clock: u32) -> usize {
        self.buckets.values().flatten().filter(|slot| is_alive(slot, clock) && slot.vip != FLUSHED).count()
    }
}

/// VPP compares signed, so times must stay below 2^31.
const fn is_alive(slot: &Slot, clock: u32) -> bool {
    slot.expires.cast_signed() > clock.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden vector of `vpp-api.md` section 4.3.
    #[test]
    fn the_flow_hash_is_that_of_vpp() {
        let flow = Flow {
            source: "10.9.8.5".parse().unwrap(),
            destination: "192.0.2.1".parse().unwrap(),
            protocol: 6,
            source_port: 1000,
            destination_port: 443,
        };
        assert_eq!(flow.hash(false), 0xbb80_9c5b);
        assert_ne!(flow.hash(true), flow.hash(false));
        assert_eq!(flow.hash(true), Flow { source_port: 2, ..flow }.hash(true));
    }

    #[test]
    fn a_nothing_slot_is_refreshed_and_never_found() {
        let mut sticky = Sticky::new(1);
        sticky.write(0, 5, 1, 0, 40);
        assert_eq!(sticky.look_up(5, 1, 30, 40), Found::Room { slot: 1, previous: 0 });
        sticky.write(1, 5, 1, 9, 70);
        // At 60 the slot would have timed out, had the packet at 30 not refreshed it; it hides the server behind it.
        assert_eq!(sticky.look_up(5, 1, 60, 40), Found::Room { slot: 2, previous: 0 });
    }

    #[test]
    fn a_flushed_slot_is_taken_until_it_times_out() {
        let mut sticky = Sticky::new(1);
        for slot in 0..4 {
            sticky.write(slot, 5 + slot as u32, 1, 9, 40);
        }
        assert_eq!(sticky.flush(1, Some(9)), [9; 4]);
        assert_eq!(sticky.look_up(5, 1, 39, 40), Found::Full);
        assert_eq!(sticky.look_up(5, 1, 40, 40), Found::Room { slot: 0, previous: 0 });
    }
}
