//! What VPP shows: the dumps and the text of `show lb vips verbose`.

use core::fmt::Write as _;
use core::net::IpAddr;

use maglev_core::model::{Prefix, Protocol, ServerRow, VipKey, VipRow, Weight};

use super::address::Ip46;
use super::vip::{Kind, Server, Vip};
use super::{Crash, LbPlugin};

/// Names of the packet counters of a VIP.
const COUNTERS: [&str; 4] =
    ["packet from existing sessions", "first session packet", "untracked packet", "no server configured"];

/// Free memory for API messages of a VPP that was not told otherwise.
const API_SEGMENT: usize = 16 << 20;

impl LbPlugin {
    /// What `lb_vip_dump` says: the VIPs in use in ascending order of index. Its field for the length has 16 bits.
    pub fn vips(&self) -> Vec<VipRow> {
        self.vips
            .iter()
            .filter(|(index, vip)| *index != 0 && vip.used)
            .map(|(_, vip)| VipRow {
                vip: vip.key.shown(),
                encap: vip.kind.encap(),
                table_length: vip.length as u16,
            })
            .collect()
    }

    /// What `lb_as_v2_dump` says: all servers, the removed ones and those of deleted VIPs included. A filter looks at
    /// address, protocol and port only, takes them as they are, and an address of zeros selects everything.
    pub fn servers(&self, filter: Option<VipKey>) -> Vec<ServerRow> {
        let filter = filter.map(|vip| (Ip46::from(vip.prefix.address), vip.protocol.0, vip.port));
        let is_shown = |vip: &Vip| match filter {
            None | Some((Ip46(0), _, _)) => true,
            Some(wanted) => wanted == (vip.key.prefix.address, vip.key.protocol, vip.key.port),
        };
        self.vips.iter().filter(|(_, vip)| is_shown(vip)).flat_map(|(_, vip)| self.server_rows(vip)).collect()
    }

    fn server_rows(&self, vip: &Vip) -> Vec<ServerRow> {
        self.members_with_buckets(vip)
            .into_iter()
            .map(|(_, server, buckets)| ServerRow {
                vip: vip.key.shown(),
                server: server.address.into(),
                used: server.used,
                weight: Weight::seen(server.weight),
                buckets,
            })
            .collect()
    }

    fn members_with_buckets<'a>(&'a self, vip: &'a Vip) -> Vec<(u32, &'a Server, u32)> {
        let counts = if self.options.count_buckets && vip.members.len() > 0 {
            self.bucket_counts(vip)
        } else {
            std::collections::BTreeMap::new()
        };
        vip.members
            .iter()
            .filter_map(|(_, index)| {
                let buckets = counts.get(index).copied().unwrap_or(0);
                Some((*index, self.servers.get(*index)?, buckets))
            })
            .collect()
    }

    /// The servers in use of a VIP and their weights, ascending by address; looks at no table.
    pub fn weights(&self, vip: VipKey) -> Vec<(IpAddr, Weight)> {
        let Some(vip) = self.find(vip.into()).and_then(|index| self.vips.get(index)) else {
            return Vec::new();
        };
        let members = vip.members.iter().filter_map(|(_, index)| self.servers.get(*index));
        let mut weights: Vec<(IpAddr, Weight)> = members
            .filter(|server| server.used)
            .map(|server| (server.address.into(), Weight::seen(server.weight)))
            .collect();
        weights.sort_unstable();
        weights
    }

    /// What `show lb vips verbose` prints. Only the numbers after `dpo:` are made up.
    pub fn verbose(&self) -> String {
        let mut text = String::new();
        for (index, vip) in self.vips.iter().filter(|(index, _)| *index != 0) {
            self.print_vip(&mut text, index, vip).expect("writing to a string never fails");
        }
        text
    }

    /// What a reader finds in that text: the VIPs in use, and whether they hash the source address only.
    ///
    /// # Errors
    /// The text would not fit the API segment, and a real VPP aborts.
    pub fn sticky(&self) -> Result<Vec<(VipKey, bool)>, Crash> {
        if 300 * self.vips.len() + 110 * self.servers.len() > API_SEGMENT {
            return Err(Crash::CliReply);
        }
        let rows = self.vips.iter().filter(|(index, vip)| *index != 0 && vip.used);
        Ok(rows
            .map(|(_, vip)| {
                let (address, len) = printed(vip);
                let prefix = Prefix { address, len };
                let key = VipKey { prefix, protocol: Protocol(vip.key.protocol), port: vip.key.port };
                (key, vip.src_ip_sticky)
            })
            .collect())
    }

    fn print_vip(&self, text: &mut String, index: u32, vip: &Vip) -> core::fmt::Result {
        let sticky = if vip.src_ip_sticky { " src_ip_sticky" } else { "" };
        let removed = if vip.used { "" } else { " removed" };
        let (address, len) = printed(vip);
        writeln!(text, " {} [{index}] {address}/{len}{sticky}{removed}", vip.kind.word())?;
        writeln!(text, "  new_size:{}", vip.length)?;
        if vip.key.port != 0 {
            writeln!(text, "  protocol:{} port:{}", vip.key.protocol, vip.key.port)?;
        }
        match vip.kind {
            Kind::Ip4L3dsr => writeln!(text, "  dscp:0")?,
            // VPP swaps the bytes of the port and forgets the end of the line.
            Kind::Ip4Nat4 | Kind::Ip6Nat6 => {
                write!(text, "  type:clusterip port:{} target_port:0", vip.key.port.swap_bytes())?;
            }
            Kind::Ip6Gre6 | Kind::Ip6Gre4 | Kind::Ip4Gre6 | Kind::Ip4Gre4 => (),
        }
        writeln!(text, "  counters:")?;
        for (name, count) in COUNTERS.iter().zip(vip.counters) {
            writeln!(text, "    {name}: {count}")?;
        }
        writeln!(text, "  #as:{}", vip.members.len())?;
        for (index, server, buckets) in self.members_with_buckets(vip) {
            let Server { weight, references, .. } = server;
            let used = if server.used { "used" } else { " removed" };
            let address = IpAddr::from(server.address);
            writeln!(
                text,
                "    {address} weight:{weight} buckets:{buckets} flows:{references} dpo:{index} {used}"
            )?;
        }
        writeln!(text)
    }
}

/// A prefix as the text has it; unlike a dump it shows `::/64` as it is.
fn printed(vip: &Vip) -> (IpAddr, u8) {
    let prefix = vip.key.prefix;
    if prefix.is_ip4() {
        (IpAddr::from(prefix.address), prefix.len - 96)
    } else {
        (IpAddr::V6(prefix.address.0.into()), prefix.len)
    }
}
