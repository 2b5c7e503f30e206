//! What each write does, in VPP's order of checks.

use core::net::IpAddr;

use maglev_core::Instant;
use maglev_core::model::{Encap, Family, Flows, LbConf, VipKey, Weight, Write};

use super::address::{Ip46, Key};
use super::vip::{Kind, Server, Vip};
use super::{Crash, LbPlugin};

const NO_SUCH_ENTRY: Failure = Failure::Refused(-6);
const NOT_A_POWER_OF_TWO: Failure = Failure::Refused(-70);
const OTHER_TYPE_ON_PREFIX: Failure = Failure::Refused(-73);
const EXISTS: Failure = Failure::Refused(-81);
const WRONG_FAMILY: Failure = Failure::Refused(-97);

/// In `lb_conf`: leave it as it is.
const KEEP: u32 = u32::MAX;

/// Why a write was not done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure {
    /// VPP says no.
    Refused(i32),
    /// VPP is gone.
    Crashed(Crash),
}

impl From<Crash> for Failure {
    fn from(crash: Crash) -> Self {
        Self::Crashed(crash)
    }
}

impl LbPlugin {
    pub(super) fn execute(&mut self, write: &Write, now: Instant) -> Result<(), Failure> {
        match write {
            Write::SetConf(conf) => self.set_conf(conf),
            Write::AddVip { vip, encap, table_length, src_ip_sticky } => {
                self.add_vip(*vip, *encap, *table_length, *src_ip_sticky, now)
            }
            Write::DelVip { vip } => self.del_vip((*vip).into(), now),
            Write::AddAs { vip, server, weight } => self.add_server(*vip, *server, *weight, now),
            Write::DelAs { vip, server, flows } => {
                self.del_server((*vip).into(), (*server).into(), *flows, now)
            }
            Write::SetWeight { vip, server, weight, flows } => {
                self.set_weight((*vip).into(), (*server).into(), *weight, *flows)
            }
            Write::FlushVip { vip } => {
                self.flush_vip((*vip).into());
                Ok(())
            }
        }
    }

    fn set_conf(&mut self, conf: &LbConf) -> Result<(), Failure> {
        let keep = |new: u32, old: u32| if new == KEEP { old } else { new };
        let buckets = keep(conf.sticky_buckets, self.conf.sticky_buckets);
        if buckets == 0 {
            return Err(Crash::NoStickyBuckets.into());
        }
        if !buckets.is_power_of_two() {
            return Err(NOT_A_POWER_OF_TWO);
        }
        if 64 * (u64::from(buckets) + 1) > self.options.heap {
            return Err(Crash::OutOfMemory.into());
        }
        let flow_timeout_secs = keep(conf.flow_timeout_secs, self.conf.flow_timeout_secs);
        self.conf = LbConf { sticky_buckets: buckets, flow_timeout_secs, ..*conf };
        Ok(())
    }

    fn add_vip(
        &mut self,
        vip: VipKey,
        encap: Encap,
        length: u32,
        src_ip_sticky: bool,
        now: Instant,
    ) -> Result<(), Failure> {
        let key = Key::from(vip);
        let kind = Kind::chosen(key.prefix.is_ip4(), encap);
        self.check_neighbours(key, kind)?;
        if length != 0 && !length.is_power_of_two() {
            return Err(NOT_A_POWER_OF_TWO);
        }
        if key.prefix.is_ip4() != kind.is_ip4() {
            return Err(WRONG_FAMILY);
        }
        if vip.prefix.len > Family::of(vip.prefix.address).bits() {
            return Err(Crash::PrefixLength(vip.prefix).into());
        }
        if length == 0 {
            return Err(Crash::NoTable(vip).into());
        }
        // VPP forgets to free the table of a deleted VIP, so this only ever grows.
        self.table_bytes += 4 * u64::from(length);
        if self.table_bytes > self.options.heap {
            return Err(Crash::OutOfMemory.into());
        }
        let index = self.vips.put(Vip::new(key, kind, length, src_ip_sticky, self.uptime(now)));
        self.occupy(key, index);
        Ok(())
    }

    /// The VIPs that are on the same prefix already must not be in the way.
    fn check_neighbours(&self, key: Key, kind: Kind) -> Result<(), Failure> {
        let Some(neighbours) = self.in_use.get(&key.prefix) else { return Ok(()) };
        if neighbours.contains_key(&(key.protocol, key.port)) {
            return Err(EXISTS);
        }
        let all_port_is_involved = key.port == 0 || neighbours.keys().any(|(_, port)| *port == 0);
        if all_port_is_involved {
            return Err(EXISTS);
        }
        let other_type =
            neighbours.values().any(|index| self.vips.get(*index).is_some_and(|vip| vip.kind != kind));
        if other_type { Err(OTHER_TYPE_ON_PREFIX) } else { Ok(()) }
    }

    fn del_vip(&mut self, key: Key, now: Instant) -> Result<(), Failure> {
        let index = self.find(key).ok_or(NO_SUCH_ENTRY)?;
        let members: Vec<u32> = self.members(index);
        if !members.is_empty() {
            self.collect_vip(index, self.uptime(now));
        }
        for server in members {
            self.mark_removed(server, now);
        }
        if let Some(vip) = self.vips.get_mut(index) {
            vip.used = false;
            vip.table.take();
        }
        self.vacate(key);
        Ok(())
    }

    fn add_server(
        &mut self,
        vip: VipKey,
        address: IpAddr,
        weight: Weight,
        now: Instant,
    ) -> Result<(), Failure> {
        let index = self.find(vip.into()).ok_or(NO_SUCH_ENTRY)?;
        let address46 = Ip46::from(address);
        let kind = self.vips.get(index).ok_or(NO_SUCH_ENTRY)?.kind;
        if let Some(lingering) = self.member(index, address46) {
            self.revive(lingering, weight)?;
        } else {
            if address46.is_ip4() != kind.has_ip4_servers() {
                return Err(WRONG_FAMILY);
            }
            if kind.is_nat() && vip.is_all_port() {
                return Err(Crash::NatWithoutPort(vip).into());
            }
            let server = self.servers.put(Server::new(address46, weight.value()));
            if let Some(vip) = self.vips.get_mut(index) {
                vip.members.put(server);
            }
        }
        if vip.is_all_port() && self.reaches(address46, index) {
            return Err(Crash::Loop(vip, address).into());
        }
        self.forget_table(index);
        self.collect_vip(index, self.uptime(now));
        Ok(())
    }

    /// A removed server that has not been collected is taken back as it is, with a new weight.
    fn revive(&mut self, server: u32, weight: Weight) -> Result<(), Failure> {
        match self.servers.get_mut(server) {
            Some(server) if !server.used => {
                (server.used, server.weight) = (true, weight.value());
                Ok(())
            }
            Some(_) | None => Err(EXISTS),
        }
    }

    fn del_server(&mut self, key: Key, address: Ip46, flows: Flows, now: Instant) -> Result<(), Failure> {
        let index = self.find(key).ok_or(NO_SUCH_ENTRY)?;
        let server = self.member(index, address).ok_or(NO_SUCH_ENTRY)?;
        self.collect_vip(index, self.uptime(now));
        self.mark_removed(server, now);
        if flows == Flows::Flush {
            self.flush(index, Some(server));
        }
        self.forget_table(index);
        Ok(())
    }

    fn set_weight(&mut self, key: Key, address: Ip46, weight: Weight, flows: Flows) -> Result<(), Failure> {
        let index = self.find(key).ok_or(NO_SUCH_ENTRY)?;
        let server = self.member(index, address).ok_or(NO_SUCH_ENTRY)?;
        let slot = self.servers.get_mut(server).filter(|slot| slot.used).ok_or(NO_SUCH_ENTRY)?;
        slot.weight = weight.value();
        self.forget_table(index);
        if flows == Flows::Flush {
            self.flush(index, Some(server));
        }
        Ok(())
    }

    /// VPP says 0 to this even for a VIP that does not exist, and then flushes whatever lies on its stack.
    fn flush_vip(&mut self, key: Key) {
        match self.find(key) {
            Some(index) => self.flush(index, None),
            None => self.wild_flushes += 1,
        }
    }

    fn flush(&mut self, vip: u32, server: Option<u32>) {
        let released = self.sticky.as_mut().map(|sticky| sticky.flush(vip, server)).unwrap_or_default();
        for server in released {
            self.release(server);
        }
    }

    /// Flags a server as removed; one that was just collected stays gone.
    fn mark_removed(&mut self, server: u32, now: Instant) {
        let uptime = self.uptime(now);
        if let Some(server) = self.servers.get_mut(server) {
            (server.used, server.removed) = (false, uptime);
        }
    }

    fn forget_table(&mut self, index: u32) {
        if let Some(vip) = self.vips.get_mut(index) {
            vip.table.take();
        }
    }

    pub(super) fn members(&self, index: u32) -> Vec<u32> {
        self.vips
            .get(index)
            .map(|vip| vip.members.iter().map(|(_, server)| *server).collect())
            .unwrap_or_default()
    }

    fn member(&self, index: u32, address: Ip46) -> Option<u32> {
        let vip = self.vips.get(index)?;
        let mut members = vip.members.iter().map(|(_, server)| *server);
        members.find(|server| self.servers.get(*server).is_some_and(|server| server.address == address))
    }
}
