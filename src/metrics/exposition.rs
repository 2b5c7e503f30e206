//! A picture as Prometheus reads it.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabel as _, EncodeLabelSet, LabelSetEncoder, MetricEncoder, NoLabelSet,
    prometheus_text,
};
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use maglev_core::health::State;
use maglev_core::model::Prefix;
use maglev_core::warmup::Phase;

use crate::vpp::stats::{KINDS, Traffic};

use super::buckets::Buckets;
use super::catalogue::{self as list, Metric};
use super::counters::{Reading, Shown};
use super::picture::Picture;

/// What the text is.
pub(super) const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

const STATES: [State; 5] = [State::Unknown, State::Up, State::Down, State::Paused, State::Disabled];

/// The text. `since_1970` is the wall clock's time of the picture, in seconds: VPP's start is known by that one.
pub(super) fn text(picture: Picture, since_1970: u64) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page { picture, since_1970 }));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry).expect("a String takes everything");
    text
}

#[derive(Debug)]
struct Page {
    picture: Picture,
    since_1970: u64,
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let out = &mut encoder;
        self.backends(out)?;
        self.frontends(out)?;
        self.probes(out)?;
        self.vpp(out)?;
        self.counters(out)?;
        self.syncs(out)?;
        self.daemon(out)
    }
}

impl Page {
    fn backends(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let backends = &self.picture.backends;
        let mut family = begin(out, &list::BACKEND_STATE)?;
        for backend in backends {
            for state in STATES {
                let labels = Labels(&list::BACKEND_STATE, &[&backend.name, state.word()]);
                family.encode_family(&labels)?.encode_gauge(&u32::from(backend.state == state))?;
            }
        }
        let mut family = begin(out, &list::BACKEND_HEALTH)?;
        for backend in backends {
            let labels = Labels(&list::BACKEND_HEALTH, &[&backend.name]);
            family.encode_family(&labels)?.encode_gauge(&u32::from(backend.counter))?;
        }
        let mut family = begin(out, &list::BACKEND_ENABLED)?;
        for backend in backends {
            let labels = Labels(&list::BACKEND_ENABLED, &[&backend.name]);
            let is_enabled = backend.state != State::Disabled;
            family.encode_family(&labels)?.encode_gauge(&u32::from(is_enabled))?;
        }
        Ok(())
    }

    fn frontends(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let frontends = &self.picture.frontends;
        for metric in [&list::WEIGHT, &list::EFFECTIVE_WEIGHT] {
            let mut family = begin(out, metric)?;
            for frontend in frontends {
                for member in &frontend.members {
                    let Some(backend) = self.picture.name_of(member) else { continue };
                    let Some(pool) = frontend.pools.get(usize::from(member.pool)) else { continue };
                    let is_effective = metric.name == list::EFFECTIVE_WEIGHT.name;
                    let weight = if is_effective { member.effective } else { member.weight };
                    let labels = Labels(metric, &[&frontend.name, pool, backend]);
                    family.encode_family(&labels)?.encode_gauge(&u32::from(weight))?;
                }
            }
        }
        let mut family = begin(out, &list::FRONTEND_STATE)?;
        for frontend in frontends {
            for state in [State::Unknown, State::Up, State::Down] {
                let labels = Labels(&list::FRONTEND_STATE, &[&frontend.name, state.word()]);
                family.encode_family(&labels)?.encode_gauge(&u32::from(frontend.state == state))?;
            }
        }
        let mut family = begin(out, &list::OUT_OF_SYNC)?;
        for frontend in frontends {
            let age = frontend.out_of_sync.map_or(0.0, |since| self.picture.now.since(since).as_secs_f64());
            family.encode_family(&Labels(&list::OUT_OF_SYNC, &[&frontend.name]))?.encode_gauge(&age)?;
        }
        Ok(())
    }

    fn probes(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let probed =
            || self.picture.backends.iter().filter_map(|one| Some((&*one.name, one.probed.as_ref()?)));
        let mut family = begin(out, &list::PROBES)?;
        for (name, probed) in probed() {
            for ((kind, result, code), count) in &probed.results {
                count_one(&mut family, &Labels(&list::PROBES, &[name, kind, result, code]), *count)?;
            }
        }
        let mut family = begin(out, &list::PROBE_DURATION)?;
        for (name, probed) in probed() {
            for (kind, durations) in &probed.durations {
                let labels = Labels(&list::PROBE_DURATION, &[name, kind]);
                histogram(family.encode_family(&labels)?, durations)?;
            }
        }
        let mut family = begin(out, &list::TRANSITIONS)?;
        for (name, probed) in probed() {
            for ((from, to), count) in &probed.transitions {
                count_one(&mut family, &Labels(&list::TRANSITIONS, &[name, from, to]), *count)?;
            }
        }
        Ok(())
    }

    fn vpp(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Picture { vpp, totals, now, .. } = &self.picture;
        begin(out, &list::VPP_CONNECTED)?.encode_gauge(&u32::from(vpp.is_some()))?;
        let connected = totals.connected_since.filter(|_| vpp.is_some());
        let connected_for = connected.map_or(0.0, |since| now.since(since).as_secs_f64());
        begin(out, &list::VPP_CONNECTED_FOR)?.encode_gauge(&connected_for)?;
        if let Some(vpp) = vpp {
            let labels = Labels(&list::VPP_INFO, &[&vpp.version, &vpp.pid.to_string()]);
            begin(out, &list::VPP_INFO)?.encode_family(&labels)?.encode_gauge(&1u32)?;
            if vpp.boot_time > 0 {
                let uptime = self.since_1970.saturating_sub(vpp.boot_time);
                begin(out, &list::VPP_UPTIME)?.encode_gauge(&uptime)?;
            }
        }
        let mut family = begin(out, &list::VPP_API)?;
        for ((message, direction, result), count) in &totals.api {
            count_one(&mut family, &Labels(&list::VPP_API, &[message, direction, result]), *count)?;
        }
        Ok(())
    }

    fn counters(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(Shown { reading, errors }) = &self.picture.counters else { return Ok(()) };
        let nothing = Reading::default();
        let Reading { vips, prefixes, servers } = reading.as_ref().unwrap_or(&nothing);
        let mut family = begin(out, &list::VIP_PACKETS)?;
        for (vip, packets) in vips {
            let (prefix, protocol, port) = (cidr(vip.prefix), vip.protocol.to_string(), vip.port.to_string());
            for ((_, kind), count) in KINDS.iter().zip(packets) {
                let labels = Labels(&list::VIP_PACKETS, &[&prefix, &protocol, &port, kind]);
                count_one(&mut family, &labels, *count)?;
            }
        }
        let prefixes: Vec<_> = prefixes.iter().map(|(prefix, traffic)| (cidr(*prefix), *traffic)).collect();
        routes(out, [&list::VIP_ROUTE_PACKETS, &list::VIP_ROUTE_BYTES], &prefixes)?;
        let servers: Vec<_> =
            servers.iter().map(|(server, traffic)| (server.to_string(), *traffic)).collect();
        routes(out, [&list::SERVER_ROUTE_PACKETS, &list::SERVER_ROUTE_BYTES], &servers)?;
        begin(out, &list::STATS_UP)?.encode_gauge(&u32::from(reading.is_some()))?;
        let mut family = begin(out, &list::STATS_ERRORS)?;
        for (reason, count) in errors {
            count_one(&mut family, &Labels(&list::STATS_ERRORS, &[reason]), *count)?;
        }
        Ok(())
    }

    fn syncs(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let totals = &self.picture.totals;
        let mut family = begin(out, &list::LBSYNC)?;
        for ((scope, kind), count) in &totals.lbsync {
            count_one(&mut family, &Labels(&list::LBSYNC, &[scope, kind]), *count)?;
        }
        let mut family = begin(out, &list::SYNC_DURATION)?;
        for (scope, durations) in &totals.sync_durations {
            histogram(family.encode_family(&Labels(&list::SYNC_DURATION, &[scope]))?, durations)?;
        }
        histogram(begin(out, &list::LATENCY)?, &totals.latency)
    }

    fn daemon(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Picture { totals, phase, reasons, lag, .. } = &self.picture;
        let mut family = begin(out, &list::WARMUP_PHASE)?;
        for one in [Phase::HandsOff, Phase::Release, Phase::Over] {
            let labels = Labels(&list::WARMUP_PHASE, &[one.word()]);
            family.encode_family(&labels)?.encode_gauge(&u32::from(*phase == one))?;
        }
        begin(out, &list::READY)?.encode_gauge(&u32::from(reasons.is_empty()))?;
        histogram(begin(out, &list::LATENESS)?, &totals.lateness)?;
        let mut family = begin(out, &list::INCONCLUSIVE)?;
        for (cause, count) in &totals.inconclusive {
            count_one(&mut family, &Labels(&list::INCONCLUSIVE, &[cause]), *count)?;
        }
        let mut family = begin(out, &list::RELOADS)?;
        for (result, count) in &totals.reloads {
            count_one(&mut family, &Labels(&list::RELOADS, &[result]), *count)?;
        }
        histogram(begin(out, &list::TURN)?, &totals.turns)?;
        begin(out, &list::WATCHERS)?.encode_gauge(&(lag.watchers as u64))?;
        begin(out, &list::EVENT_LAG)?.encode_gauge(&lag.behind.as_secs_f64())?;
        begin(out, &list::EVENTS_MISSED)?.encode_counter(&lag.missed, None::<&Exemplar<NoLabelSet, f64>>)?;
        let labels = Labels(&list::BUILD, &[env!("CARGO_PKG_VERSION")]);
        begin(out, &list::BUILD)?.encode_family(&labels)?.encode_gauge(&1u32)
    }
}

/// Values beside the names that the catalogue gives them.
struct Labels<'a>(&'a Metric, &'a [&'a str]);

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        debug_assert_eq!(self.0.labels.len(), self.1.len(), "{} has other labels", self.0.name);
        for (name, value) in self.0.labels.iter().zip(self.1) {
            (*name, *value).encode(encoder.encode_label())?;
        }
        Ok(())
    }
}

/// With its length, also if that is a host's, as Go's vpp-maglev shows it.
fn cidr(prefix: Prefix) -> String {
    format!("{}/{}", prefix.address, prefix.len)
}

fn routes(
    out: &mut DescriptorEncoder<'_>,
    [packets, bytes]: [&Metric; 2],
    rows: &[(String, Traffic)],
) -> fmt::Result {
    let mut family = begin(out, packets)?;
    for (name, traffic) in rows {
        count_one(&mut family, &Labels(packets, &[name]), traffic.packets)?;
    }
    let mut family = begin(out, bytes)?;
    for (name, traffic) in rows {
        count_one(&mut family, &Labels(bytes, &[name]), traffic.bytes)?;
    }
    Ok(())
}

/// The library adds `_total` to counters by itself.
fn begin<'a>(out: &'a mut DescriptorEncoder<'_>, metric: &Metric) -> Result<MetricEncoder<'a>, fmt::Error> {
    let name = metric.name.strip_suffix("_total").unwrap_or(metric.name);
    out.encode_descriptor(name, metric.help, None, metric.kind)
}

fn count_one(family: &mut MetricEncoder<'_>, labels: &Labels<'_>, count: u64) -> fmt::Result {
    family.encode_family(labels)?.encode_counter(&count, None::<&Exemplar<NoLabelSet, f64>>)
}

fn histogram(mut encoder: MetricEncoder<'_>, buckets: &Buckets) -> fmt::Result {
    encoder.encode_histogram::<NoLabelSet>(buckets.sum(), buckets.count(), &buckets.buckets(), None)
}
