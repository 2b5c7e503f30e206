//! What VPP holds and what is wanted, in one form.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use maglev_core::View;
use maglev_core::config::Config;
use maglev_core::model::{Encap, LbConf, Read, Reply, VipKey, Weight};
use maglevd::vpp::UnixConnector;

use crate::support::until::within;
use crate::support::vpp_talk::Talk;

/// For one look at VPP.
const PATIENCE: Duration = Duration::from_secs(10);

/// The plugin's settings and VIPs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub conf: LbConf,
    pub vips: BTreeMap<VipKey, Vip>,
}

/// One VIP and its servers in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vip {
    pub encap: Encap,
    /// As the dump shows it: 0 for 65,536.
    pub length: u16,
    pub sticky: bool,
    pub servers: BTreeMap<IpAddr, Weight>,
}

/// What VPP showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub table: Table,
    /// The share of every server in use.
    pub buckets: BTreeMap<(VipKey, IpAddr), u32>,
}

/// A client of our own that looks at VPP.
///
/// It keeps its connection. VPP takes the end of one for a want of data while its `errno` is `EAGAIN` from a large reply
/// to somebody else, keeps the dead socket, and hangs for ever in `vlib_file_poll` when it has sixteen of them.
#[derive(Default)]
pub struct Observer(Option<Talk>);

impl Observer {
    /// What VPP shows; nothing if it cannot be reached, or changes meanwhile.
    pub async fn look(&mut self, api: PathBuf) -> Option<Held> {
        let mut talk = match self.0.take() {
            Some(talk) => talk,
            None => {
                let mut talk = Talk::start(UnixConnector { api, stats: None });
                within(PATIENCE, talk.connect()).await?.ok()?;
                talk
            }
        };
        let held = within(PATIENCE, Held::ask(&mut talk)).await?;
        self.0 = Some(talk);
        held
    }
}

impl Held {
    async fn ask(talk: &mut Talk) -> Option<Self> {
        let Reply::Conf(conf) = talk.call(Read::Conf).await else { panic!("no settings") };
        let Reply::Vips(vips) = talk.call(Read::Vips).await else { panic!("no VIPs") };
        let Reply::Servers(servers) = talk.call(Read::Servers(None)).await else { panic!("no servers") };
        let Reply::Sticky(sticky) = talk.call(Read::Verbose).await else { panic!("no text") };
        let sticky: BTreeMap<VipKey, bool> = sticky.into_iter().collect();
        let empty = |row: maglev_core::model::VipRow| Vip {
            encap: row.encap,
            length: row.table_length,
            // A network of zeros has another name in the text; nobody makes a sticky one.
            sticky: sticky.get(&row.vip).copied().unwrap_or(false),
            servers: BTreeMap::new(),
        };
        let mut vips: BTreeMap<VipKey, Vip> = vips.into_iter().map(|row| (row.vip, empty(row))).collect();
        let mut buckets = BTreeMap::new();
        // Removed servers, and those of deleted VIPs, still show.
        for row in servers.into_iter().filter(|row| row.used) {
            // A VIP that came between the two dumps: it is not at rest.
            let vip = vips.get_mut(&row.vip)?;
            assert_eq!(vip.servers.insert(row.server, row.weight), None, "{} twice", row.server);
            buckets.insert((row.vip, row.server), row.buckets);
        }
        Some(Self { table: Table { conf, vips }, buckets })
    }
}

impl Table {
    /// What a configuration and the daemon's verdicts ask for.
    pub fn wanted(config: &Config, view: &View) -> Self {
        let shown = |length: u32| if length < 65_536 { u16::try_from(length).unwrap() } else { 0 };
        let vips = config.frontends().iter().map(|frontend| {
            let seen = view.frontends.iter().find(|seen| seen.vip == frontend.vip);
            let servers = seen.iter().flat_map(|seen| &seen.servers);
            let vip = Vip {
                encap: frontend.encap,
                length: shown(config.lb().table_length),
                sticky: frontend.src_ip_sticky,
                servers: servers.filter_map(|server| Some((server.address, server.wanted?))).collect(),
            };
            (frontend.vip, vip)
        });
        Self { conf: config.lb().conf.expect("every story sets the sources"), vips: vips.collect() }
    }

    /// The weights of one VIP.
    pub fn weights(&self, vip: VipKey) -> Vec<(String, u8)> {
        let servers = self.vips.get(&vip).into_iter().flat_map(|vip| &vip.servers);
        servers.map(|(address, weight)| (address.to_string(), weight.value())).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, self, &BTreeMap::new())
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, &self.table, &self.buckets)
    }
}

fn print(
    f: &mut fmt::Formatter<'_>,
    table: &Table,
    buckets: &BTreeMap<(VipKey, IpAddr), u32>,
) -> fmt::Result {
    writeln!(f, "conf {}", table.conf)?;
    for (key, vip) in &table.vips {
        let sticky = if vip.sticky { " src-ip-sticky" } else { "" };
        writeln!(f, "{key} {} length {}{sticky}", vip.encap, vip.length)?;
        for (address, weight) in &vip.servers {
            write!(f, "  {address} weight {weight}")?;
            match buckets.get(&(*key, *address)) {
                Some(buckets) => writeln!(f, " buckets {buckets}")?,
                None => writeln!(f)?,
            }
        }
    }
    Ok(())
}
