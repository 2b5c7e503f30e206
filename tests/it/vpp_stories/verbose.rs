//! A second witness: `show lb vips verbose`, read on its own, must tell the same as the dumps.

use std::collections::BTreeMap;
use std::net::IpAddr;

use maglev_core::model::{Encap, Prefix, Protocol, VipKey, Weight};

use super::table::{Held, Vip};

/// The living VIPs of the text, and the shares of their servers.
type Text = (BTreeMap<VipKey, Vip>, BTreeMap<(VipKey, IpAddr), u32>);

/// Panics unless the text tells what was dumped.
pub fn assert_tells(text: &str, held: &Held) {
    let (vips, buckets) = read(text);
    assert_eq!(vips, held.table.vips, "the text and the dumps differ:\n{text}");
    assert_eq!(buckets, held.buckets, "the text and the dumps differ:\n{text}");
}

fn read(text: &str) -> Text {
    let mut vips = BTreeMap::new();
    let mut shares = BTreeMap::new();
    // A block begins with a line that is indented by one.
    let mut blocks: Vec<Vec<&str>> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match (line.starts_with("  "), blocks.last_mut()) {
            (true, Some(block)) => block.push(line),
            (true, None) => panic!("a text that begins in the middle:\n{text}"),
            (false, _) => blocks.push(vec![line]),
        }
    }
    for block in blocks {
        let marks: Vec<&str> = block[0].split_whitespace().skip(3).collect();
        if marks.contains(&"removed") {
            continue;
        }
        let key = key(&block);
        let mut vip = Vip {
            encap: match block[0].split_whitespace().next().unwrap().split_once('-').unwrap().1 {
                "gre4" => Encap::Gre4,
                "gre6" => Encap::Gre6,
                other => panic!("{other} of {}", block[0]),
            },
            // Here it is told in full; the dump's field has 16 bits.
            length: u16::try_from(number::<u32>(&block, "new_size:").unwrap() % 65_536).unwrap(),
            sticky: marks.contains(&"src_ip_sticky"),
            servers: BTreeMap::new(),
        };
        for line in block.iter().filter(|line| line.contains(" weight:") && !line.ends_with("removed")) {
            let server: IpAddr = line.split_whitespace().next().unwrap().parse().unwrap();
            vip.servers.insert(server, Weight::seen(number(&[line], "weight:").unwrap()));
            shares.insert((key, server), number(&[line], "buckets:").unwrap());
        }
        vips.insert(key, vip);
    }
    (vips, shares)
}

fn key(block: &[&str]) -> VipKey {
    let (address, len) = block[0].split_whitespace().nth(2).unwrap().split_once('/').unwrap();
    VipKey {
        prefix: Prefix { address: address.parse().unwrap(), len: len.parse().unwrap() },
        protocol: number(block, "protocol:").map_or(Protocol::ANY, Protocol),
        port: number(block, "port:").unwrap_or(0),
    }
}

/// The number behind a label, wherever it stands.
fn number<N: std::str::FromStr>(lines: &[&str], label: &str) -> Option<N> {
    let mut words = lines.iter().flat_map(|line| line.split_whitespace());
    words.find_map(|word| word.strip_prefix(label)).and_then(|number| number.parse().ok())
}
