//! A real VPP, and its CLI as the hand of somebody else.

use std::path::PathBuf;

use maglev_core::model::{Encap, Flows, VipKey, Write};

use super::received;
use super::vpp::{Received, Vpp};
use crate::support::vpp_process::VppProcess;

pub struct Real(VppProcess);

impl Vpp for Real {
    fn start() -> Self {
        Self(VppProcess::start())
    }

    fn api_socket(&self) -> PathBuf {
        self.0.api_socket()
    }

    fn stats_socket(&self) -> Option<PathBuf> {
        Some(self.0.stats_socket())
    }

    fn kill(&mut self) {
        self.0.kill();
    }

    fn stop(&mut self) {
        self.0.stop();
    }

    fn start_again(&mut self) {
        self.0.start_again();
    }

    fn edit(&self, write: &Write) {
        let line = cli(write);
        let said = self.0.vppctl(&line);
        assert!(said.trim().is_empty() || said.starts_with("lb_vip_add ok"), "{line}: {said}");
    }

    fn verbose(&self) -> String {
        self.0.vppctl("show lb vips verbose")
    }

    fn received(&self) -> Received {
        received::received(&self.0.api_messages())
    }

    fn harm(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The line that does the same by hand.
fn cli(write: &Write) -> String {
    let flush = |flows: &Flows| if *flows == Flows::Flush { " flush" } else { "" };
    match write {
        Write::SetConf(conf) => format!(
            "lb conf ip4-src-address {} ip6-src-address {} buckets {} timeout {}",
            conf.ip4_source, conf.ip6_source, conf.sticky_buckets, conf.flow_timeout_secs
        ),
        Write::AddVip { vip, encap, table_length, src_ip_sticky } => {
            let sticky = if *src_ip_sticky { " src_ip_sticky" } else { "" };
            let dscp = if *encap == Encap::Other(2) { " dscp 7" } else { "" };
            format!("lb vip {} encap {encap}{dscp} new_len {table_length}{sticky}", key(*vip))
        }
        Write::DelVip { vip } => format!("lb vip {} del", key(*vip)),
        Write::AddAs { vip, server, weight } => format!("lb as {} {server} weight {weight}", key(*vip)),
        Write::DelAs { vip, server, flows } => format!("lb as {} {server} del{}", key(*vip), flush(flows)),
        // The CLI gives a server that is there already the weight.
        Write::SetWeight { vip, server, weight, flows } => {
            format!("lb as {} {server} weight {weight}{}", key(*vip), flush(flows))
        }
        Write::FlushVip { vip } => panic!("the CLI cannot flush {vip}"),
    }
}

fn key(vip: VipKey) -> String {
    let prefix = format!("{}/{}", vip.prefix.address, vip.prefix.len);
    if vip.is_all_port() { prefix } else { format!("{prefix} protocol {} port {}", vip.protocol, vip.port) }
}
