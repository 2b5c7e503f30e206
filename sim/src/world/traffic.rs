//! Flows of clients, to see what a change does to those who use the service.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use maglev_core::Instant;
use maglev_core::frontend::Frontends;
use maglev_core::model::{Flows, VipKey, Write};

use super::PACKET_EVERY;
use crate::oracle::{Ledger, Oracle};
use crate::vpp::{Flow, LbPlugin, Tracking, Verdict};
use crate::watch::{Execution, Sender};

/// The flows of all frontends, and what has become of them.
#[derive(Clone, Default)]
pub(super) struct Traffic {
    streams: BTreeMap<String, Stream>,
    /// Servers that were deleted without a flush. VPP takes them back with their flows, which nobody can see.
    lingering: BTreeSet<(VipKey, IpAddr)>,
    /// Flows that changed their server.
    pub(super) moved: u64,
    /// Packets that reached no server.
    pub(super) dropped: u64,
}

/// The flows of one frontend.
#[derive(Clone)]
struct Stream {
    vip: VipKey,
    /// A reload dropped the frontend: to whoever names the VIP again, its servers are as found.
    dropped: bool,
    flows: Vec<(Flow, Option<Home>)>,
    next: Instant,
    /// Dropped at the last turn, so that a lasting outage is said once.
    was_dropped: u64,
}

/// Where a flow was seen last.
#[derive(Clone, Copy)]
struct Home {
    server: IpAddr,
    /// VPP remembers it, as far as is known, until then.
    until: Option<Instant>,
}

/// VPP counts the idle time of flows in whole seconds.
const GRAIN: Duration = Duration::from_secs(1);

impl Stream {
    /// Something was done that flows may move for.
    fn excuse(&mut self, server: Option<IpAddr>) {
        let homes = self.flows.iter_mut().filter_map(|(_, home)| home.as_mut());
        homes
            .filter(|home| server.is_none_or(|server| server == home.server))
            .for_each(|home| home.until = None);
    }
}

impl Traffic {
    /// From `now` on `flows` flows go to a frontend; those that were there before are new again.
    pub(super) fn set(&mut self, frontend: &str, vip: VipKey, flows: u16, now: Instant) {
        self.streams.remove(frontend);
        if flows > 0 {
            let flows = (0..flows).map(|n| (flow(vip, n), None)).collect();
            self.streams.insert(
                frontend.to_owned(),
                Stream { vip, dropped: false, flows, next: now, was_dropped: 0 },
            );
        }
    }

    pub(super) fn wakeup(&self) -> Option<Instant> {
        self.streams.values().map(|stream| stream.next).min()
    }

    /// A reload was accepted, and these are the frontends.
    pub(super) fn reloaded(&mut self, frontends: &Frontends) {
        self.streams.values_mut().for_each(|stream| stream.dropped |= frontends.find(stream.vip).is_none());
    }

    /// All flows of frontends that were there all the time, and the VIP that each is meant for.
    pub(super) fn flows(&self) -> impl Iterator<Item = (VipKey, &Flow)> {
        let streams = self.streams.values().filter(|stream| !stream.dropped);
        streams.flat_map(|stream| stream.flows.iter().map(|(flow, _)| (stream.vip, flow)))
    }

    /// Whether `server` came back with the flows that it had before.
    pub(super) fn lingers(&self, vip: VipKey, server: IpAddr) -> bool {
        self.lingering.contains(&(vip, server))
    }

    /// VPP executed a write: some are a reason for flows to move.
    pub(super) fn executed(&mut self, done: &Execution) {
        match done.write {
            Write::DelAs { vip, server, flows: Flows::Keep } if done.retval == 0 => {
                self.lingering.insert((vip, server));
            }
            Write::FlushVip { vip } | Write::DelVip { vip } => {
                self.lingering.retain(|(other, _)| *other != vip);
            }
            Write::SetWeight { vip, server, flows: Flows::Flush, .. } => {
                self.lingering.remove(&(vip, server));
            }
            Write::SetConf(_)
            | Write::AddVip { .. }
            | Write::AddAs { .. }
            | Write::DelAs { .. }
            | Write::SetWeight { .. } => (),
        }
        let everybody = done.by == Sender::Stranger || matches!(done.write, Write::SetConf(_));
        let server = match &done.write {
            _ if everybody => None,
            Write::FlushVip { .. } | Write::DelVip { .. } => None,
            // Until now another VIP of its prefix may have caught it.
            Write::AddVip { .. } if done.retval == 0 => None,
            Write::SetWeight { server, flows: Flows::Flush, .. }
            | Write::DelAs { server, flows: Flows::Flush, .. } => Some(*server),
            Write::SetConf(_)
            | Write::AddVip { .. }
            | Write::AddAs { .. }
            | Write::SetWeight { flows: Flows::Keep, .. }
            | Write::DelAs { flows: Flows::Keep, .. } => return,
        };
        let mine = |stream: &&mut Stream| everybody || done.write.vip() == Some(stream.vip);
        self.streams.values_mut().filter(mine).for_each(|stream| stream.excuse(server));
    }

    /// VPP is another process.
    pub(super) fn vpp_replaced(&mut self) {
        self.lingering.clear();
        self.streams.values_mut().for_each(|stream| stream.dropped = false);
        self.streams.values_mut().for_each(|stream| stream.excuse(None));
    }

    /// Sends what is due, and says what changed.
    pub(super) fn send(
        &mut self,
        mut vpp: Option<&mut LbPlugin>,
        now: Instant,
        ledger: &mut Ledger,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        for (frontend, stream) in &mut self.streams {
            if stream.next > now {
                continue;
            }
            stream.next += PACKET_EVERY;
            let (mut moved, mut dropped) = (0, 0);
            let idle = vpp.as_ref().map_or(0, |vpp| vpp.conf().flow_timeout_secs);
            let idle = Duration::from_secs(idle.into()).saturating_sub(GRAIN);
            for (flow, home) in &mut stream.flows {
                match vpp.as_mut().map_or(Verdict::NotOurs, |vpp| vpp.packet(flow, now)) {
                    Verdict::Server(server, tracking) => {
                        // One that met an empty VIP looks like a new one at every packet.
                        let until = (tracking == Tracking::Existing).then_some(now + idle);
                        let before = home.replace(Home { server, until });
                        let moves = before.is_some_and(|before| before.server != server);
                        moved += u64::from(moves);
                        if before.and_then(|before| before.until).is_some_and(|until| now < until) {
                            ledger.judge(Oracle::FlowsKept, now, !moves, || {
                                format!("a flow of {frontend} moved to {server} for no reason")
                            });
                        }
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
