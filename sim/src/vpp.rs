//! A model of the lb plugin of VPP 26.10: the other side of every scenario and of the demo.
//!
//! It keeps what VPP keeps, quirks included, as `vpp-api.md` section 4 describes it and as a real VPP was seen to
//! answer to the same calls: pools of VIPs and servers whose removed members linger until they are collected, the
//! new-flows table bucket for bucket, and the sticky table of one thread slot for slot. The new-flows table is built
//! only when somebody looks, so that programming ten thousand servers is cheap.
//!
//! Not modelled: more than one forwarding thread, NODEPORT and the NAT return path, interfaces and other routes.
//! What kills a real VPP is a [`Crash`] here.

mod address;
mod crash;
mod flows;
mod garbage;
mod hash;
mod packet;
mod pool;
mod program;
mod route;
mod show;
mod sketch;
mod table;
mod vip;

#[cfg(test)]
mod tests;

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use maglev_core::Instant;
use maglev_core::model::{LbConf, VipKey, Write};

use self::address::{Ip46, Key, Prefix46};
use self::flows::Sticky;
use self::pool::Pool;
use self::vip::{Server, Vip};

pub use self::crash::Crash;
pub use self::flows::Flow;
pub use self::packet::{Tracking, Verdict};

/// VPP collects garbage this often, and each VIP at most once in this time.
const COLLECTION_EVERY: Duration = Duration::from_secs(60);

/// What the model keeps besides the plugin's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many of the last writes the trace holds.
    pub trace: usize,
    /// Bytes of VPP's main heap that tables may use; more is a crash.
    pub heap: u64,
    /// Whether dumps count buckets, which builds every table. Without it they say 0.
    pub count_buckets: bool,
    /// Settings that it begins with; `None` for the plugin's own.
    pub conf: Option<LbConf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { trace: 4_096, heap: 1 << 30, count_buckets: true, conf: None }
    }
}

/// One executed write, as VPP's API trace shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// When.
    pub at: Instant,
    /// What.
    pub write: Write,
    /// VPP's answer; 0 is yes.
    pub retval: i32,
}

/// The lb plugin of one VPP process. A restart is a new one.
#[derive(Clone, Debug)]
pub struct LbPlugin {
    pid: u32,
    boot_time: u64,
    started: Instant,
    options: Options,
    conf: LbConf,
    vips: Pool<Vip>,
    servers: Pool<Server>,
    /// The VIPs in use, found as VPP finds them.
    in_use: BTreeMap<Prefix46, BTreeMap<(u8, u16), u32>>,
    /// How many prefixes of each length are in use.
    lengths: BTreeMap<u8, u32>,
    sticky: Option<Sticky>,
    next_collection: Instant,
    /// Bytes of all tables, those that VPP leaks included.
    table_bytes: u64,
    executed: u64,
    wild_flushes: u64,
    trace: VecDeque<Executed>,
}

impl LbPlugin {
    /// A VPP that has just started, with empty tables and settings that nobody has made.
    pub fn new(pid: u32, boot_time: u64, now: Instant) -> Self {
        Self::with_options(pid, boot_time, now, Options::default())
    }

    /// The same with other limits.
    pub fn with_options(pid: u32, boot_time: u64, now: Instant, options: Options) -> Self {
        let mut vips = Pool::new();
        vips.put(Vip::placeholder());
        let mut servers = Pool::new();
        servers.put(Server::placeholder());
        Self {
            pid,
            boot_time,
            started: now,
            options,
            conf: options.conf.unwrap_or(LbConf {
                ip4_source: [255; 4].into(),
                ip6_source: [0xff; 16].into(),
                sticky_buckets: 1_024,
                flow_timeout_secs: 40,
            }),
            vips,
            servers,
            in_use: BTreeMap::new(),
            lengths: BTreeMap::new(),
            sticky: None,
            next_collection: now + COLLECTION_EVERY,
            table_bytes: 0,
            executed: 0,
            wild_flushes: 0,
            trace: VecDeque::new(),
        }
    }

    /// Executes one write and returns VPP's answer: 0, or a negative number of `vpp-api.md` section 4.1.
    ///
    /// # Errors
    /// When a real VPP would have died of it, at once or at the next packet.
    pub fn write(&mut self, write: &Write, now: Instant) -> Result<i32, Crash> {
        self.advance(now);
        let retval = match self.execute(write, now) {
            Ok(()) => 0,
            Err(program::Failure::Refused(retval)) => retval,
            Err(program::Failure::Crashed(crash)) => return Err(crash),
        };
        self.executed += 1;
        if self.options.trace > 0 {
            if self.trace.len() == self.options.trace {
                self.trace.pop_front();
            }
            self.trace.push_back(Executed { at: now, write: write.clone(), retval });
        }
        Ok(retval)
    }

    /// Lets time pass: what was removed is collected once nothing refers to it any more.
    pub fn advance(&mut self, now: Instant) {
        while self.next_collection <= now {
            self.collect_garbage(self.next_collection);
            self.next_collection += COLLECTION_EVERY;
        }
    }

    /// The process id.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// `/sys/boottime` of the stats segment.
    pub const fn boot_time(&self) -> u64 {
        self.boot_time
    }

    /// What `lb_conf_get` says.
    pub const fn conf(&self) -> LbConf {
        self.conf
    }

    /// Writes executed, refused ones included.
    pub const fn executed(&self) -> u64 {
        self.executed
    }

    /// `lb_flush_vip` calls for a VIP that did not exist. A real VPP says 0 and flushes at random; here nothing is.
    pub const fn wild_flushes(&self) -> u64 {
        self.wild_flushes
    }

    /// The last writes, oldest first.
    pub fn trace(&self) -> impl Iterator<Item = &Executed> {
        self.trace.iter()
    }

    /// The share of new flows of every server in use, ascending by address; nothing for an unknown VIP.
    pub fn shares(&self, vip: VipKey) -> Vec<(IpAddr, u32)> {
        let Some(vip) = self.find(vip.into()).and_then(|index| self.vips.get(index)) else {
            return Vec::new();
        };
        let counts = self.bucket_counts(vip);
        let shares: BTreeMap<Ip46, u32> = vip
            .members
            .iter()
            .filter_map(|(_, index)| Some((*index, self.servers.get(*index)?)))
            .filter(|(_, server)| server.used)
            .map(|(index, server)| (server.address, counts.get(&index).copied().unwrap_or(0)))
            .collect();
        shares.into_iter().map(|(address, buckets)| (address.into(), buckets)).collect()
    }

    /// The owner of every bucket of a VIP's new-flows table; `None` drops.
    pub fn owners(&self, vip: VipKey) -> Vec<Option<IpAddr>> {
        let Some(vip) = self.find(vip.into()).and_then(|index| self.vips.get(index)) else {
            return Vec::new();
        };
        self.table(vip).iter().map(|index| self.address(*index)).collect()
    }

    fn find(&self, key: Key) -> Option<u32> {
        self.in_use.get(&key.prefix)?.get(&(key.protocol, key.port)).copied()
    }

    fn address(&self, server: u32) -> Option<IpAddr> {
        (server != 0).then(|| self.servers.get(server)).flatten().map(|server| server.address.into())
    }

    /// The new-flows table, built now if it was not since the last change.
    fn table<'a>(&self, vip: &'a Vip) -> &'a [u32] {
        vip.table.get_or_init(|| {
            let candidates: Vec<table::Candidate> = vip
                .members
                .iter()
                .filter_map(|(_, index)| Some((*index, self.servers.get(*index)?)))
                .filter(|(_, server)| server.used && server.weight > 0)
                .map(|(index, server)| table::Candidate {
                    index,
                    address: server.address,
                    weight: server.weight,
                })
                .collect();
            table::build(&candidates, vip.length)
        })
    }

    fn bucket_counts(&self, vip: &Vip) -> BTreeMap<u32, u32> {
        let mut counts = BTreeMap::new();
        for index in self.table(vip) {
            *counts.entry(*index).or_default() += 1;
        }
        counts
    }

    /// Whole seconds since VPP started, as the plugin counts.
    fn uptime(&self, now: Instant) -> u32 {
        u32::try_from(now.since(self.started).as_secs()).unwrap_or(u32::MAX)
    }
}
