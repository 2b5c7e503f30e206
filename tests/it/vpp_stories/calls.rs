//! The two VPPs compared call by call: one story without chance, one snapshot, two lanes.
//!
//! Nothing is probed here, so nothing races: what VPP is sent is a function of the story alone, and what it holds
//! in the end, down to the share of every server, is a function of what it was sent.

use std::fmt::Write as _;

use maglev_core::Command;
use maglev_core::model::{Encap, Flows, Prefix, Protocol, VipKey, Weight, Write};

use super::stage::{Stage, vip};
use super::vpp::Vpp;
use crate::support::shelf;

const HEAD: &str = "
maglev:
  vpp:
    lb: { ipv4-src-address: 192.0.2.1, ipv6-src-address: '2001:db8::1', sync-interval: 1h,
          startup-max-delay: 0s, flow-timeout: FLOW, sticky-buckets-per-core: BUCKETS, new-flows-table-length: LENGTH }
";

const FIRST: &str = "
  backends:
    ams: { address: 198.51.100.10 }
    fra: { address: 198.51.100.20 }
    dr: { address: 198.51.100.3 }
    six: { address: '2001:db8:1::10' }
    sex: { address: '2001:db8:1::9' }
  frontends:
    www: { address: 203.0.113.80, protocol: tcp, port: 80, pools: [
      { name: primary, backends: { ams: {}, fra: { weight: 50 } } },
      { name: fallback, backends: { dr: {} } } ] }
    tls: { address: 203.0.113.80, protocol: tcp, port: 443, src-ip-sticky: true, pools: [
      { name: primary, backends: { ams: { weight: 1 }, fra: { weight: 2 } } } ] }
    mix: { address: 203.0.113.81, protocol: udp, port: 53, flush-on-down: false, pools: [
      { name: primary, backends: { six: {}, sex: { weight: 33 } } } ] }
    six: { address: '2001:db8:2::80', pools: [ { name: primary, backends: { six: {}, sex: {} } } ] }
";

/// Another weight, another server, one server less, a new frontend, one frontend less.
const SECOND: &str = "
  backends:
    ams: { address: 198.51.100.10 }
    fra: { address: 198.51.100.21 }
    dr: { address: 198.51.100.3 }
    six: { address: '2001:db8:1::10' }
    sex: { address: '2001:db8:1::9' }
  frontends:
    web: { address: 203.0.113.80, protocol: tcp, port: 80, pools: [
      { name: primary, backends: { ams: { weight: 70 }, fra: { weight: 50 } } },
      { name: fallback, backends: { dr: {} } } ] }
    tls: { address: 203.0.113.80, protocol: tcp, port: 443, src-ip-sticky: true, pools: [
      { name: primary, backends: { ams: { weight: 1 } } } ] }
    new: { address: 203.0.113.70, protocol: tcp, port: 25, pools: [ { name: primary, backends: { dr: {} } } ] }
    six: { address: '2001:db8:2::80', pools: [ { name: primary, backends: { six: {}, sex: {} } } ] }
";

/// Both VIPs of 203.0.113.80 are wrapped otherwise, and two are hashed otherwise.
const THIRD: &str = "
  backends:
    ams: { address: '2001:db8:1::a' }
    fra: { address: '2001:db8:1::b' }
    dr: { address: 198.51.100.3 }
    six: { address: '2001:db8:1::10' }
    sex: { address: '2001:db8:1::9' }
  frontends:
    web: { address: 203.0.113.80, protocol: tcp, port: 80, pools: [
      { name: primary, backends: { ams: { weight: 70 }, fra: { weight: 50 } } } ] }
    tls: { address: 203.0.113.80, protocol: tcp, port: 443, src-ip-sticky: true, pools: [
      { name: primary, backends: { ams: { weight: 1 } } } ] }
    new: { address: 203.0.113.70, protocol: tcp, port: 25, src-ip-sticky: true, pools: [
      { name: primary, backends: { dr: {} } } ] }
    six: { address: '2001:db8:2::80', src-ip-sticky: true, pools: [
      { name: primary, backends: { six: {}, sex: {} } } ] }
";

fn file(frontends: &str, flow_timeout: &str, buckets: &str, length: &str) -> String {
    let head = HEAD.replace("FLOW", flow_timeout).replace("BUCKETS", buckets).replace("LENGTH", length);
    head + frontends
}

/// Notes what each chapter made VPP be sent, and what it held then.
struct Notes<V: Vpp> {
    stage: Stage<V>,
    text: String,
}

impl<V: Vpp> Notes<V> {
    async fn chapter(&mut self, title: &str) {
        self.stage.settled().await;
        writeln!(self.text, "# {title}").unwrap();
        for line in self.stage.news() {
            writeln!(self.text, "{line}").unwrap();
        }
    }

    async fn table(&mut self) {
        let held = self.stage.settled().await;
        writeln!(self.text, "# VPP holds\n{held}").unwrap();
    }

    async fn command(&mut self, command: Command) {
        let title = command.to_string();
        self.stage.daemon.command(command).await;
        self.chapter(&title).await;
    }

    async fn reload(&mut self, title: &str, yaml: &str) {
        self.stage.daemon.reload(yaml).await;
        self.chapter(title).await;
    }
}

pub async fn the_same_story_makes_the_same_calls<V: Vpp>() {
    let stage = Stage::<V>::start(&file(FIRST, "40s", "65536", "1024"));
    let mut notes = Notes { stage, text: String::new() };
    notes.chapter("first programming").await;
    notes.table().await;
    operators(&mut notes).await;
    reloads(&mut notes).await;
    strangers(&mut notes).await;
    restarts(&mut notes).await;
    notes.table().await;
    let Notes { stage, text } = notes;
    stage.end().await;
    shelf("vpp").bind(|| insta::assert_snapshot!("calls", text));
}

async fn operators<V: Vpp>(notes: &mut Notes<V>) {
    let name = |name: &str| name.to_owned();
    for backend in ["ams", "six"] {
        notes.command(Command::Pause { backend: name(backend) }).await;
        notes.command(Command::Resume { backend: name(backend) }).await;
        notes.command(Command::Disable { backend: name(backend) }).await;
        notes.command(Command::Enable { backend: name(backend) }).await;
    }
    // A drained one is disabled; then the last ones go, and the fallback takes over.
    notes.command(Command::Pause { backend: name("fra") }).await;
    notes.command(Command::Disable { backend: name("fra") }).await;
    notes.command(Command::Disable { backend: name("ams") }).await;
    notes.command(Command::Disable { backend: name("dr") }).await;
    notes.table().await;
    for backend in ["dr", "fra", "ams"] {
        notes.command(Command::Enable { backend: name(backend) }).await;
    }
    for (weight, flush) in [(10, false), (10, true), (0, true), (0, false), (50, false)] {
        let (frontend, pool, backend) = (name("www"), name("primary"), name("fra"));
        let weight = Weight::new(weight).unwrap();
        notes.command(Command::SetWeight { frontend, pool, backend, weight, flush }).await;
    }
    notes.command(Command::Sync { frontend: None }).await;
}

async fn reloads<V: Vpp>(notes: &mut Notes<V>) {
    notes.reload("the same file again", &file(FIRST, "40s", "65536", "1024")).await;
    notes.reload("another file", &file(SECOND, "40s", "65536", "1024")).await;
    notes.table().await;
    notes.reload("a longer flow timeout", &file(SECOND, "50s", "65536", "1024")).await;
    notes.reload("more buckets", &file(SECOND, "50s", "131072", "1024")).await;
    notes.reload("other encapsulation and stickiness", &file(THIRD, "50s", "131072", "1024")).await;
    notes.table().await;
}

async fn strangers<V: Vpp>(notes: &mut Notes<V>) {
    let tcp = Protocol::TCP;
    let net = |address: &str, len| VipKey {
        prefix: Prefix { address: address.parse().unwrap(), len },
        protocol: tcp,
        port: 80,
    };
    let ours = vip("203.0.113.80", tcp, 80);
    let six = vip("203.0.113.60", tcp, 443);
    let add = |vip, encap| Write::AddVip { vip, encap, table_length: 64, src_ip_sticky: true };
    let four = "198.51.100.99".parse().unwrap();
    let (ams, fra) = ("2001:db8:1::a".parse().unwrap(), "2001:db8:1::b".parse().unwrap());
    let weight = Weight::MAX;
    for edit in [
        add(net("203.0.113.0", 24), Encap::Gre4),
        Write::AddAs { vip: net("203.0.113.0", 24), server: four, weight },
        add(net("203.0.113.128", 25), Encap::Gre4),
        add(net("2001:db8:2::", 64), Encap::Gre6),
        add(net("::", 64), Encap::Gre6),
        Write::AddAs { vip: net("::", 64), server: ams, weight },
        add(six, Encap::Gre6),
        Write::AddAs { vip: six, server: fra, weight },
        Write::AddAs { vip: six, server: ams, weight },
        Write::DelAs { vip: ours, server: ams, flows: Flows::Keep },
        Write::SetWeight { vip: ours, server: fra, weight, flows: Flows::Keep },
    ] {
        notes.stage.vpp.edit(&edit);
    }
    notes.command(Command::Sync { frontend: None }).await;
}

async fn restarts<V: Vpp>(notes: &mut Notes<V>) {
    let third = file(THIRD, "50s", "131072", "65536");
    let found = notes.stage.daemon.count("vpp-connect");
    notes.stage.relay.cut();
    notes.stage.relay.mend();
    notes.stage.daemon.until_told("vpp-connect", found).await;
    notes.chapter("the link drops").await;

    notes.stage.restart_daemon(&file(THIRD, "50s", "131072", "1024")).await;
    notes.chapter("the daemon restarts").await;

    let found = notes.stage.daemon.count("vpp-connect");
    notes.stage.restart_vpp();
    notes.stage.daemon.until_told("vpp-connect", found).await;
    notes.chapter("VPP restarts").await;

    notes.stage.restart_daemon(&third).await;
    notes.stage.restart_vpp();
    notes.chapter("VPP restarts, and the tables are longer than the field that shows them").await;
}
