//! A toy VPP behind our own server side: enough of the lb plugin to answer, and a record of what it was told.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use maglev_core::model::{Encap, LbConf, Prefix, ServerRow, VipKey, VipRow, Weight, Write};
use maglevd::vpp::Connector;
use maglevd::vpp::server::{Options, Plugin, serve};
use tokio::io::DuplexStream;

/// The pid that the toy shows.
pub const TOY_PID: u32 = 4711;
/// The boot time that the toy shows.
pub const TOY_BOOT_TIME: u64 = 1_795_000_000;

/// The state of the plugin.
pub struct Toy {
    pub writes: Vec<Write>,
    pub conf: LbConf,
    pub vips: BTreeMap<VipKey, ToyVip>,
}

/// A VIP and its servers.
pub struct ToyVip {
    pub encap: Encap,
    pub table_length: u32,
    pub src_ip_sticky: bool,
    pub servers: BTreeMap<IpAddr, Weight>,
}

impl ToyVip {
    /// One without servers.
    pub fn empty() -> Self {
        Self { encap: Encap::Gre4, table_length: 1024, src_ip_sticky: false, servers: BTreeMap::new() }
    }
}

impl Default for Toy {
    fn default() -> Self {
        let conf = LbConf {
            ip4_source: [255, 255, 255, 255].into(),
            ip6_source: [0xffff; 8].into(),
            sticky_buckets: 1024,
            flow_timeout_secs: 40,
        };
        Self { writes: Vec::new(), conf, vips: BTreeMap::new() }
    }
}

impl Plugin for Toy {
    fn write(&mut self, write: &Write) -> i32 {
        self.writes.push(write.clone());
        match write {
            Write::SetConf(conf) => {
                self.conf = *conf;
                0
            }
            Write::AddVip { vip, encap, table_length, src_ip_sticky } => {
                let (encap, table_length, src_ip_sticky) = (*encap, *table_length, *src_ip_sticky);
                let new = ToyVip { encap, table_length, src_ip_sticky, servers: BTreeMap::new() };
                if self.vips.contains_key(vip) {
                    return -81;
                }
                self.vips.insert(*vip, new);
                0
            }
            Write::DelVip { vip } => self.vips.remove(vip).map_or(-6, |_| 0),
            Write::AddAs { vip, server, weight } => self
                .vips
                .get_mut(vip)
                .map_or(-6, |found| if found.servers.insert(*server, *weight).is_some() { -81 } else { 0 }),
            Write::DelAs { vip, server, .. } => {
                self.vips.get_mut(vip).and_then(|found| found.servers.remove(server)).map_or(-6, |_| 0)
            }
            Write::SetWeight { vip, server, weight, .. } => {
                let known = self.vips.get_mut(vip).and_then(|found| found.servers.get_mut(server));
                known.map_or(-6, |known| {
                    *known = *weight;
                    0
                })
            }
            Write::FlushVip { .. } => 0,
        }
    }

    fn conf(&self) -> LbConf {
        self.conf
    }

    fn vips(&self) -> Vec<VipRow> {
        let row = |(vip, found): (&VipKey, &ToyVip)| VipRow {
            vip: *vip,
            encap: found.encap,
            table_length: found.table_length as u16,
        };
        self.vips.iter().map(row).collect()
    }

    fn servers(&self, _like: Option<VipKey>) -> Vec<ServerRow> {
        let of = |(vip, found): (&VipKey, &ToyVip)| {
            let row = |(server, weight): (&IpAddr, &Weight)| ServerRow {
                vip: *vip,
                server: *server,
                used: true,
                weight: *weight,
                buckets: found.table_length / found.servers.len() as u32,
            };
            found.servers.iter().map(row).collect::<Vec<_>>()
        };
        self.vips.iter().flat_map(of).collect()
    }

    fn verbose(&self) -> String {
        let mut text = String::new();
        for (index, (vip, found)) in self.vips.iter().enumerate() {
            let mark = if found.src_ip_sticky { " src_ip_sticky" } else { "" };
            let (address, len) = (vip.prefix.address, vip.prefix.len);
            text.push_str(&format!(" ip4-gre6 [{}] {address}/{len}{mark}\n", index + 1));
            text.push_str(&format!("   new_size:{}\n", found.table_length));
            text.push_str(&format!("   protocol:{} port:{}\n", vip.protocol.0, vip.port));
        }
        text
    }

    /// The last byte of a VIP's address, so that a test can tell.
    fn route(&self, prefix: Prefix) -> Option<u32> {
        let IpAddr::V4(address) = prefix.address else { return None };
        let is_there = self.vips.keys().any(|vip| vip.prefix == prefix);
        is_there.then(|| address.octets()[3].into())
    }

    fn pid(&self) -> u32 {
        TOY_PID
    }

    fn version(&self) -> String {
        "26.10-toy".to_owned()
    }
}

/// Connects to a toy in this process, over a pipe as small as the test wants it.
pub struct ToyConnector {
    pub toy: Arc<Mutex<Toy>>,
    pub options: Options,
    pub pipe: usize,
}

impl ToyConnector {
    /// A toy without mischief.
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    /// A toy with it.
    pub fn with(options: Options) -> Self {
        Self { toy: Arc::default(), options, pipe: 64 << 10 }
    }

    /// The toy behind it.
    pub fn toy(&self) -> Arc<Mutex<Toy>> {
        Arc::clone(&self.toy)
    }
}

impl Connector for ToyConnector {
    type Stream = DuplexStream;

    async fn connect(&mut self) -> io::Result<DuplexStream> {
        let (ours, theirs) = tokio::io::duplex(self.pipe);
        tokio::spawn(serve(theirs, Arc::clone(&self.toy), self.options.clone()));
        Ok(ours)
    }

    async fn boot_time(&mut self) -> u64 {
        TOY_BOOT_TIME
    }
}
