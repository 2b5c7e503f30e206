//! Which counter is whose, and what they say.

use std::fs::File;
use std::net::IpAddr;

use maglev_core::Instant;
use maglev_core::model::{Prefix, VipKey};

use crate::vpp::inquiry::{InquiryError, Places};
use crate::vpp::stats::{Pulse, Segment, StatsError, Traffic, Wanted};

use super::Shelf;

/// Why there is no reading.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The segment.
    #[error(transparent)]
    Stats(#[from] StatsError),
    /// The visit to VPP.
    #[error("asking VPP where its counters are: {0}")]
    Visit(#[from] InquiryError),
    /// The heartbeat does not move: VPP hangs, or this is the socket of another one that is dead.
    #[error(
        "the stats segment is frozen: its heartbeat stands still; does VPP hang, or is the socket another VPP's?"
    )]
    Frozen,
    /// VPP was restarted meanwhile, or a place belongs to somebody else: look again, and nothing is wrong.
    #[error("the counters are another VPP's, or another VIP's")]
    Moved,
}

impl Trouble {
    /// As in metrics and logs; `None` for what happens in good health.
    pub(super) const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Stats(StatsError::Socket(_)) => Some("socket"),
            Self::Stats(StatsError::Read(_)) => Some("read"),
            Self::Stats(StatsError::Layout(_)) => Some("layout"),
            Self::Stats(StatsError::Restless) => Some("restless"),
            Self::Visit(_) => Some("api"),
            Self::Frozen => Some("frozen"),
            Self::Moved => None,
        }
    }
}

/// What the configuration has, by the names that metrics show.
#[derive(Clone, Debug, Default)]
pub(super) struct Objects {
    pub(super) vips: Vec<VipKey>,
    pub(super) prefixes: Vec<Prefix>,
    pub(super) servers: Vec<IpAddr>,
}

/// Where the counters of these objects are, in one epoch.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) epoch: u64,
    segment: Segment<File>,
    objects: Objects,
    wanted: Wanted,
    /// What was read last: VPP counts upwards, and begins at zero where a place gets another owner.
    last: Vec<Option<[u64; 4]>>,
}

/// What VPP has counted.
#[derive(Debug, Default)]
pub(in crate::metrics) struct Reading {
    pub(in crate::metrics) vips: Vec<(VipKey, [u64; 4])>,
    pub(in crate::metrics) prefixes: Vec<(Prefix, Traffic)>,
    pub(in crate::metrics) servers: Vec<(IpAddr, Traffic)>,
}

impl Map {
    /// Of these objects, those that VPP has.
    pub(super) fn new(epoch: u64, segment: Segment<File>, objects: &Objects, places: &Places) -> Self {
        let mut found = Objects::default();
        let mut wanted = Wanted::default();
        for (vip, index) in &places.vips {
            if objects.vips.binary_search(vip).is_ok() {
                found.vips.push(*vip);
                wanted.vips.push(*index);
            }
        }
        let (prefixes, servers) = places.routes.split_at(objects.prefixes.len().min(places.routes.len()));
        for (prefix, index) in objects.prefixes.iter().zip(prefixes) {
            if let Some(index) = index {
                found.prefixes.push(*prefix);
                wanted.prefixes.push(*index);
            }
        }
        for (server, index) in objects.servers.iter().zip(servers) {
            if let Some(index) = index {
                found.servers.push(*server);
                wanted.servers.push(*index);
            }
        }
        Self { epoch, segment, objects: found, wanted, last: Vec::new() }
    }
}

impl Shelf {
    /// Reads all that the map has.
    pub(super) fn read(&mut self, now: Instant) -> Result<Reading, Trouble> {
        let Some(map) = &mut self.map else { return Ok(Reading::default()) };
        let sample = map.segment.sample(&map.wanted)?;
        let identity = map.segment.identity()?;
        match &mut self.pulse {
            Some((known, pulse)) if *known == identity => {
                if pulse.is_stale(sample.heartbeat, now) {
                    return Err(Trouble::Frozen);
                }
            }
            _ => self.pulse = Some((identity, Pulse::new(sample.heartbeat, now))),
        }
        let fell = |(before, after): (&Option<[u64; 4]>, &Option<[u64; 4]>)| match (before, after) {
            (Some(before), Some(after)) => before.iter().zip(after).any(|(before, after)| after < before),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if map.last.iter().zip(&sample.vips).any(fell) {
            return Err(Trouble::Moved);
        }
        map.last.clone_from(&sample.vips);
        Ok(Reading {
            vips: of(&map.objects.vips, sample.vips),
            prefixes: of(&map.objects.prefixes, sample.prefixes),
            servers: of(&map.objects.servers, sample.servers),
        })
    }
}

fn of<K: Copy, V>(keys: &[K], values: Vec<Option<V>>) -> Vec<(K, V)> {
    keys.iter().zip(values).filter_map(|(key, value)| Some((*key, value?))).collect()
}
