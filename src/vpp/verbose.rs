//! Reads `show lb vips verbose`, the only place where VPP shows whether a VIP is `src_ip_sticky`, and its pool index.
//!
//! The text is made for people, so the reader is tolerant: it knows a block by its first line, takes the facts
//! it came for and steps over everything else. A VIP that it cannot read is left out, which means "unknown".
//!
//! ```text
//!  ip4-gre6 [1] 192.0.2.1/32 src_ip_sticky     type, index, prefix, marks (also: removed)
//!    new_size:1024
//!    protocol:6 port:443                       only if the VIP has a port
//!    counters:
//!      packet from existing sessions: 0        … and three more
//!    #as:1
//!      2001:db8::a weight:100 buckets:1024 flows:0 dpo:20 used
//! ```

use std::net::IpAddr;

use maglev_core::model::{Prefix, Protocol, VipKey};

/// Index 0 is VPP's placeholder for packets to a known prefix but an unknown port. It is not a VIP.
const PLACEHOLDER: u32 = 0;

/// Every living VIP of the text, and whether it is `src_ip_sticky`.
pub fn stickiness(text: &str) -> Vec<(VipKey, bool)> {
    living(text).map(|block| (block.vip, block.sticky)).collect()
}

/// Every living VIP of the text, and where its counters are in the vectors of the stats segment.
pub fn indexes(text: &str) -> Vec<(VipKey, u32)> {
    living(text).map(|block| (block.vip, block.index)).collect()
}

fn living(text: &str) -> impl Iterator<Item = Block> {
    let mut found = Vec::new();
    let mut block: Option<Block> = None;
    for line in text.lines() {
        if let Some(next) = Block::begin(line) {
            found.extend(block.replace(next));
        } else if let (Some(block), Some((protocol, port))) = (block.as_mut(), ports(line)) {
            block.vip.protocol = protocol;
            block.vip.port = port;
        }
    }
    found.extend(block);
    found.into_iter().filter(|block| block.counts)
}

/// What the lines so far say about one VIP.
struct Block {
    vip: VipKey,
    index: u32,
    sticky: bool,
    counts: bool,
}

impl Block {
    fn begin(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let kind = words.next()?;
        let index: u32 = words.next()?.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?;
        let prefix = prefix(words.next()?)?;
        if !kind.starts_with("ip") {
            return None;
        }
        let marks: Vec<_> = words.collect();
        Some(Self {
            vip: VipKey { prefix, protocol: Protocol::ANY, port: 0 },
            index,
            sticky: marks.contains(&"src_ip_sticky"),
            counts: index != PLACEHOLDER && !marks.contains(&"removed"),
        })
    }
}

fn prefix(word: &str) -> Option<Prefix> {
    let (address, len) = word.split_once('/')?;
    Some(Prefix { address: address.parse::<IpAddr>().ok()?, len: len.parse().ok()? })
}

fn ports(line: &str) -> Option<(Protocol, u16)> {
    let mut words = line.split_whitespace();
    let protocol = words.next()?.strip_prefix("protocol:")?.parse().ok()?;
    let port = words.next()?.strip_prefix("port:")?.parse().ok()?;
    Some((Protocol(protocol), port))
}
