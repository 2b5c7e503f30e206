//! Flows of clients, to see what a change does to those who use the service.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeMap;

use maglev_core::Instant;
use maglev_core::model::VipKey;

use super::PACKET_EVERY;
use crate::vpp::{Flow, LbPlugin, Verdict};

/// The flows of all frontends, and what has become of them.
#[derive(Clone, Default)]
pub(super) struct Traffic {
    streams: BTreeMap<String, Stream>,
    /// Flows that changed their server.
    pub(super) moved: u64,
    /// Packets that reached no server.
    pub(super) dropped: u64,
}

/// The flows of one frontend.
#[derive(Clone)]
struct Stream {
    flows: Vec<(Flow, Option<IpAddr>)>,
    next: Instant,
    /// Dropped at the last turn, so that a lasting outage is said once.
    was_dropped: u64,
}

impl Traffic {
    /// From `now` on `flows` flows go to a frontend; those that were there before are new again.
    pub(super) fn set(&mut self, frontend: &str, vip: VipKey, flows: u16, now: Instant) {
        self.streams.remove(frontend);
        if flows > 0 {
            let flows = (0..flows).map(|n| (flow(vip, n), None)).collect();
            self.streams.insert(frontend.to_owned(), Stream { flows, next: now, was_dropped: 0 });
        }
    }

    pub(super) fn wakeup(&self) -> Option<Instant> {
        self.streams.values().map(|stream| stream.next).min()
    }

    /// Sends what is due, and says what changed.
    pub(super) fn send(&mut self, mut vpp: Option<&mut LbPlugin>, now: Instant) -> Vec<String> {
        let mut lines = Vec::new();
        for (frontend, stream) in &mut self.streams {
            if stream.next > now {
                continue;
            }
            stream.next += PACKET_EVERY;
            let (mut moved, mut dropped) = (0, 0);
            for (flow, server) in &mut stream.flows {
                match vpp.as_mut().map_or(Verdict::NotOurs, |vpp| vpp.packet(flow, now)) {
                    Verdict::Server(address, _) => {
                        moved += u64::from(server.replace(address).is_some_and(|before| before != address));
                    }
                    Verdict::Dropped | Verdict::NotOurs => dropped += 1,
                }
            }
            if moved > 0 {
                lines.push(format!("{frontend}: {moved} flows moved"));
            }
            if dropped != stream.was_dropped {
                lines.push(format!("{frontend}: {dropped} of {} flows dropped", stream.flows.len()));
            }
            stream.was_dropped = dropped;
            self.moved += moved;
            self.dropped += dropped;
        }
        lines
    }
}

/// The n-th flow to a VIP: clients of 256 ports each.
fn flow(vip: VipKey, n: u16) -> Flow {
    let [client, port] = n.to_be_bytes();
    let source = match vip.prefix.address {
        IpAddr::V4(_) => Ipv4Addr::new(100, 64, 0, client).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0xc11e, 0, 0, 0, 0, u16::from(client) + 1).into(),
    };
    let is_all_port = vip.is_all_port();
    Flow {
        source,
        destination: vip.prefix.address,
        protocol: if is_all_port { 6 } else { vip.protocol.0 },
        source_port: 40_000 + u16::from(port),
        destination_port: if is_all_port { 80 } else { vip.port },
    }
}
