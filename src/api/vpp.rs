//! VPP: the connection, and its table as it is, as wanted, and the difference.

use std::net::IpAddr;

use maglev_core::engine::Engine;
use maglev_core::model::{VipKey, Weight};
use maglev_proto::v1::{self, Difference};

use super::convert::{self, Wall, count, timestamp};
use super::look::{Answer, Parts, parts};
use super::{Maglev, error};

/// Servers that one question may look at.
const SERVERS_MAX: usize = 1_500;
/// Quarantined calls that are told at most.
const CALLS_MAX: usize = 64;

impl Maglev {
    pub(super) async fn vpp(&self) -> Answer<v1::Vpp> {
        let wall = self.wall();
        let asked = self.api.handle.ask(move |engine, _| {
            let dataplane = engine.dataplane();
            let view = dataplane.vpp_view();
            let process = view.process;
            let boot_time =
                process.as_ref().map(|process| process.boot_time).filter(|boot_time| *boot_time > 0);
            v1::Vpp {
                in_use: view.in_use,
                connected: view.connected,
                since: Some(wall.at(view.since)),
                boot_time: boot_time.map(|at| timestamp(std::time::Duration::from_secs(at))),
                pid: process.as_ref().map_or(0, |process| process.pid),
                version: process.map(|process| process.version).unwrap_or_default(),
                picture: view.picture,
                in_sync: dataplane.is_in_sync(),
                last_error: view.why_not.unwrap_or_default(),
                capabilities: Vec::new(),
                conf: view.conf.map(convert::conf),
                conf_wanted: engine.config().lb().conf.map(convert::conf),
                calls_under_way: count(view.under_way),
                vips_total: count(view.vips),
                servers_total: count(view.servers),
                out_of_sync_total: count(view.out_of_sync),
                quarantined: dataplane.held_back().take(CALLS_MAX).map(ToString::to_string).collect(),
                next_check: view.next_check.map(|at| wall.at(at)),
                connections: view.connections,
            }
        });
        let mut vpp = asked.await?;
        if vpp.connected {
            // Each was found, with its CRC, when the connection was made: without one there is no connection.
            vpp.capabilities = crate::vpp::needed_messages().map(Into::into).collect();
        }
        Ok(vpp)
    }

    pub(super) async fn vips(
        &self,
        request: v1::ListVppVipsRequest,
    ) -> Answer<Parts<v1::ListVppVipsResponse>> {
        let (handle, wall) = (self.api.handle.clone(), self.wall());
        let name = request.frontend.clone();
        let mut only = None;
        if !name.is_empty() {
            let asked = name.clone();
            let vip = handle.ask(move |engine, _| engine.vip_of(&asked)).await?;
            only = Some(vip.ok_or_else(|| error::not_found("frontend", &name))?);
        }
        let different = request.only_different;
        Ok(parts(None, move |after| {
            let handle = handle.clone();
            async move {
                let asked = handle.ask(move |engine, _| match only {
                    Some(vip) => (vec![one(engine, vip, wall)], None),
                    None => some(engine, after, wall),
                });
                let (mut vips, next) = asked.await?;
                if different {
                    vips.retain(|vip| vip.difference() != Difference::None);
                    for vip in &mut vips {
                        vip.servers.retain(|server| server.difference() != Difference::None);
                    }
                }
                Ok((v1::ListVppVipsResponse { vips }, next.map(Some)))
            }
        }))
    }
}

/// As many as one question may look at, and behind which key it goes on.
fn some(engine: &Engine, after: Option<VipKey>, wall: Wall) -> (Vec<v1::VppVip>, Option<VipKey>) {
    let (mut vips, mut servers) = (Vec::new(), 0);
    for (key, _) in engine.vips_after(after) {
        let vip = one(engine, key, wall);
        servers += vip.servers.len() + 10;
        vips.push(vip);
        if servers > SERVERS_MAX {
            return (vips, Some(key));
        }
    }
    (vips, None)
}

fn one(engine: &Engine, key: VipKey, wall: Wall) -> v1::VppVip {
    let dataplane = engine.dataplane();
    let frontend = engine.frontends().find(key);
    let want = frontend.map(|frontend| &frontend.want);
    let seen = dataplane.seen(key);
    let is_known = dataplane.has_picture();
    let sticky = dataplane.is_sticky(key);
    let mut servers: Vec<(IpAddr, Option<Weight>, Option<Weight>)> = want
        .into_iter()
        .flat_map(|want| &want.servers)
        .map(|server| {
            (server.address, seen.and_then(|seen| seen.weight(server.address)), Some(server.weight))
        })
        .collect();
    for (address, held) in seen.into_iter().flat_map(|seen| &seen.servers) {
        if let Err(at) = servers.binary_search_by_key(address, |(address, ..)| *address) {
            servers.insert(at, (*address, Some(*held), None));
        }
    }
    let servers: Vec<v1::VppServer> = servers
        .into_iter()
        .map(|(address, held, wanted)| v1::VppServer {
            address: address.to_string(),
            weight: held.map(convert::weight),
            wanted_weight: wanted.map(convert::weight),
            difference: difference(is_known, held, wanted).into(),
        })
        .collect();
    let is_same = servers.iter().all(|server| server.difference() == Difference::None);
    let shape = |is_there: bool| is_there.then_some(());
    let is_other = seen.map(|seen| seen.encap) != want.map(|want| want.encap)
        || want.is_some_and(|want| sticky.is_some_and(|sticky| sticky != want.src_ip_sticky));
    let mut difference = difference(is_known, shape(seen.is_some()), shape(want.is_some()));
    if difference == Difference::None && (is_other || !is_same) {
        difference = Difference::Changed;
    }
    let view = frontend.and_then(|frontend| engine.standing_of(&frontend.name));
    v1::VppVip {
        vip: Some(convert::vip(key)),
        frontend: frontend.map(|frontend| frontend.name.clone()).unwrap_or_default(),
        encap: seen.map_or(v1::Encap::Unspecified, |seen| convert::encap(seen.encap)).into(),
        wanted_encap: want.map_or(v1::Encap::Unspecified, |want| convert::encap(want.encap)).into(),
        table_length: seen.map_or(0, |seen| seen.table_length.into()),
        wanted_table_length: want.map_or(0, |want| want.table_length),
        src_ip_sticky: sticky,
        wanted_src_ip_sticky: want.is_some_and(|want| want.src_ip_sticky),
        difference: difference.into(),
        servers,
        sync: view.map(|standing| convert::sync(&standing, wall)),
    }
}

fn difference<T: PartialEq>(is_known: bool, held: Option<T>, wanted: Option<T>) -> Difference {
    match (held, wanted) {
        _ if !is_known => Difference::NotKnown,
        (Some(held), Some(wanted)) if held == wanted => Difference::None,
        (Some(_), Some(_)) => Difference::Changed,
        (Some(_), None) => Difference::Surplus,
        (None, Some(_)) => Difference::Missing,
        (None, None) => Difference::None,
    }
}
