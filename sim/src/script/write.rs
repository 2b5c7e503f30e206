//! Reads a call as it stands in a timeline: `set-weight 203.0.113.80 tcp/80 198.51.100.10 weight 7 flush`.

use core::net::IpAddr;

use maglev_core::model::{Encap, Flows, LbConf, Prefix, Protocol, VipKey, Weight, Write};

use super::words::{Confused, number};

/// Reads what a [`Write`] displays.
///
/// # Errors
/// What is wrong, and how such a call is written.
pub fn parse(sentence: &str) -> Result<Write, String> {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    match words[..] {
        ["lb-conf", ref rest @ ..] => conf(rest),
        ["add-vip", ref rest @ ..] => add_vip(rest),
        ["del-vip", prefix, port] => Ok(Write::DelVip { vip: vip(prefix, port)? }),
        ["flush-vip", prefix, port] => Ok(Write::FlushVip { vip: vip(prefix, port)? }),
        ["add-as", prefix, port, server, "weight", weight] => {
            Ok(Write::AddAs { vip: vip(prefix, port)?, server: address(server)?, weight: seen(weight)? })
        }
        ["del-as", prefix, port, server, ref rest @ ..] => {
            Ok(Write::DelAs { vip: vip(prefix, port)?, server: address(server)?, flows: flows(rest)? })
        }
        ["set-weight", prefix, port, server, "weight", weight, ref rest @ ..] => Ok(Write::SetWeight {
            vip: vip(prefix, port)?,
            server: address(server)?,
            weight: seen(weight)?,
            flows: flows(rest)?,
        }),
        _ => Err(format!(
            "{sentence:?} is no call: write it as in a timeline, such as \"add-vip 192.0.2.1 tcp/80 gre4 length \
             1024\", \"add-as 192.0.2.1 tcp/80 10.0.0.1 weight 100\", \"set-weight 192.0.2.1 tcp/80 10.0.0.1 weight 7 \
             flush\", \"del-as 192.0.2.1 tcp/80 10.0.0.1\", \"del-vip 192.0.2.1 all-ports\", \"flush-vip 192.0.2.1 \
             tcp/80\" or \"lb-conf 10.0.0.1 2001:db8::1 buckets 1024 timeout 40s\""
        )),
    }
}

fn conf(words: &[&str]) -> Result<Write, Confused> {
    let [ip4, ip6, "buckets", buckets, "timeout", timeout] = words else {
        return Err("write it as lb-conf 10.0.0.1 2001:db8::1 buckets 1024 timeout 40s".into());
    };
    Ok(Write::SetConf(LbConf {
        ip4_source: number(ip4, "an IPv4 address")?,
        ip6_source: number(ip6, "an IPv6 address")?,
        sticky_buckets: number(buckets, "a number of buckets")?,
        flow_timeout_secs: number(timeout.trim_end_matches('s'), "a timeout in whole seconds")?,
    }))
}

fn add_vip(words: &[&str]) -> Result<Write, Confused> {
    let (words, src_ip_sticky) = match words {
        [words @ .., "src-ip-sticky"] => (words, true),
        _ => (words, false),
    };
    let [prefix, port, wrapping, "length", length] = words else {
        return Err(
            "write it as add-vip 192.0.2.1 tcp/80 gre4 length 1024, and src-ip-sticky if need be".into()
        );
    };
    Ok(Write::AddVip {
        vip: vip(prefix, port)?,
        encap: encap(wrapping)?,
        table_length: number(length, "a length")?,
        src_ip_sticky,
    })
}

fn vip(prefix: &str, port: &str) -> Result<VipKey, Confused> {
    let prefix = match prefix.split_once('/') {
        None => Prefix::host(address(prefix)?),
        Some((net, len)) => Prefix { address: address(net)?, len: number(len, "a prefix length")? },
    };
    if port == "all-ports" {
        return Ok(VipKey { prefix, protocol: Protocol::ANY, port: 0 });
    }
    let (protocol, port) = port
        .split_once('/')
        .ok_or_else(|| format!("{port:?} is no port: write tcp/80, udp/53 or all-ports"))?;
    let protocol = match protocol {
        "tcp" => Protocol::TCP,
        "udp" => Protocol::UDP,
        "any" => Protocol::ANY,
        other => Protocol(number(other.trim_start_matches("proto"), "a protocol such as tcp or proto47")?),
    };
    Ok(VipKey { prefix, protocol, port: number(port, "a port")? })
}

fn encap(word: &str) -> Result<Encap, Confused> {
    Ok(match word {
        "gre4" => Encap::Gre4,
        "gre6" => Encap::Gre6,
        "l3dsr" => Encap::Other(2),
        "nat4" => Encap::Other(3),
        "nat6" => Encap::Other(4),
        other => Encap::Other(number(
            other.trim_start_matches("encap"),
            "an encapsulation: use gre4, gre6, l3dsr, nat4 or nat6",
        )?),
    })
}

fn flows(words: &[&str]) -> Result<Flows, Confused> {
    match words {
        [] => Ok(Flows::Keep),
        ["flush"] => Ok(Flows::Flush),
        _ => Err(format!("{:?} is too much: only flush may stand there", words.join(" "))),
    }
}

fn address(word: &str) -> Result<IpAddr, Confused> {
    number(word, "an address")
}

fn seen(word: &str) -> Result<Weight, Confused> {
    number(word, "a weight, 0 to 255").map(Weight::seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_read_back_as_they_display() {
        for line in [
            "lb-conf 10.0.0.1 2001:db8::1 buckets 1024 timeout 40s",
            "add-vip 192.0.2.0/24 udp/53 gre6 length 1024 src-ip-sticky",
            "add-vip 2001:db8::1 proto47/7 encap9 length 3",
            "del-vip 192.0.2.1 all-ports",
            "flush-vip 192.0.2.1 any/80",
            "add-as 192.0.2.1 tcp/80 10.0.0.1 weight 200",
            "del-as 192.0.2.1 tcp/80 10.0.0.1",
            "del-as 192.0.2.1 tcp/80 10.0.0.1 flush",
            "set-weight 192.0.2.1 tcp/80 10.0.0.1 weight 7",
            "set-weight 192.0.2.1 tcp/80 2001:db8::a weight 7 flush",
        ] {
            assert_eq!(parse(line).map(|write| write.to_string()), Ok(line.to_owned()));
        }
        for bad in
            ["", "set-weight", "del-as 192.0.2.1 tcp 10.0.0.1", "del-as 192.0.2.1 tcp/80 x", "lb-conf 1"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
