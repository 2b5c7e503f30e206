//! A picture as Prometheus reads it, written piece by piece: a large site is a hundred megabytes of text.

use std::io;

use measured::label::{LabelGroup, LabelGroupVisitor, LabelName};
use measured::metric::counter::write_counter;
use measured::metric::gauge::{write_float_gauge, write_gauge};
use measured::metric::group::Encoding as _;
use measured::metric::name::{Bucket, Count, MetricName, Sum};
use measured::text::{MetricType, TextEncoder};

use maglev_core::health::State;
use maglev_core::model::Prefix;
use maglev_core::warmup::Phase;

use crate::vpp::stats::{KINDS, Traffic};

use super::buckets::Buckets;
use super::catalogue::{self as list, Kind, Metric};
use super::counters::{Reading, Shown};
use super::picture::Picture;

/// What the text is.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const STATES: [State; 5] = [State::Unknown, State::Up, State::Down, State::Paused, State::Disabled];

/// Writes all of it. `since_1970` is the wall clock's time of the picture, in seconds: VPP's start is known by that one.
///
/// # Errors
/// Those of `sink`.
pub(super) fn write(picture: &Picture, since_1970: u64, sink: impl io::Write) -> io::Result<()> {
    let mut out = Out(TextEncoder::new(sink));
    let page = Page { picture, since_1970 };
    page.backends(&mut out)?;
    page.frontends(&mut out)?;
    page.probes(&mut out)?;
    page.vpp(&mut out)?;
    page.counters(&mut out)?;
    page.syncs(&mut out)?;
    page.daemon(&mut out)?;
    out.0.flush()
}

struct Page<'a> {
    picture: &'a Picture,
    since_1970: u64,
}

impl Page<'_> {
    fn backends(&self, out: &mut Out<impl io::Write>) -> io::Result<()> {
        let backends = &self.picture.backends;
        let mut family = out.begin(&list::BACKEND_STATE)?;
        for backend in backends {
            for state in STATES {
                family.gauge(&[&backend.name, state.word()], u32::from(backend.state == state))?;
            }
        }
        let mut family = out.begin(&list::BACKEND_HEALTH)?;
        for backend in backends {
            family.gauge(&[&backend.name], u32::from(backend.counter))?;
        }
        let mut family = out.begin(&list::BACKEND_ENABLED)?;
        for backend in backends {
            let is_enabled = backend.state != State::Disabled;
            family.gauge(&[&backend.name], u32::from(is_enabled))?;
        }
        Ok(())
    }

    fn frontends(&self, out: &mut Out<impl io::Write>) -> io::Result<()> {
        let (frontends, names) = (&self.picture.frontends, self.picture.names());
        for metric in [&list::WEIGHT, &list::EFFECTIVE_WEIGHT] {
            let mut family = out.begin(metric)?;
            for frontend in frontends {
                for member in &frontend.members {
                    let Some(backend) = names.of(member) else { continue };
                    let Some(pool) = frontend.pools.get(usize::from(member.pool)) else { continue };
                    let is_effective = metric.name == list::EFFECTIVE_WEIGHT.name;
                    let weight = if is_effective { member.effective } else { member.weight };
                    family.gauge(&[&frontend.name, pool, backend], u32::from(weight))?;
                }
            }
        }
        let mut family = out.begin(&list::FRONTEND_STATE)?;
        for frontend in frontends {
            for state in [State::Unknown, State::Up, State::Down] {
                family.gauge(&[&frontend.name, state.word()], u32::from(frontend.state == state))?;
            }
        }
        let mut family = out.begin(&list::OUT_OF_SYNC)?;
        for frontend in frontends {
            let age = frontend.out_of_sync.map_or(0.0, |since| self.picture.now.since(since).as_secs_f64());
            family.seconds(&[&frontend.name], age)?;
        }
        Ok(())
    }

    fn probes(&self, out: &mut Out<impl io::Write>) -> io::Result<()> {
        let probed =
            || self.picture.backends.iter().filter_map(|one| Some((&*one.name, one.probed.as_ref()?)));
        let mut family = out.begin(&list::PROBES)?;
        for (name, probed) in probed() {
            for ((kind, result, code), count) in &probed.results {
                family.count(&[name, kind, result, code], *count)?;
            }
        }
        let mut family = out.begin(&list::PROBE_DURATION)?;
        for (name, probed) in probed() {
            for (kind, durations) in &probed.durations {
                family.histogram(&[name, kind], durations)?;
            }
        }
        let mut family = out.begin(&list::TRANSITIONS)?;
        for (name, probed) in probed() {
            for ((from, to), count) in &probed.transitions {
                family.count(&[name, from, to], *count)?;
            }
        }
        Ok(())
    }

    fn vpp(&self, out: &mut Out<impl io::Write>) -> io::Result<()> {
        let Picture { vpp, totals, now, .. } = &self.picture;
        out.begin(&list::VPP_CONNECTED)?.gauge(&[], u32::from(vpp.is_some()))?;
        let connected = totals.connected_since.filter(|_| vpp.is_some());
        let connected_for = connected.map_or(0.0, |since| now.since(since).as_secs_f64());
        out.begin(&list::VPP_CONNECTED_FOR)?.seconds(&[], connected_for)?;
        if let Some(vpp) = vpp {
            out.begin(&list::VPP_INFO)?.gauge(&[&vpp.version, &vpp.pid.to_string()], 1)?;
            if vpp.boot_time > 0 {
                let uptime = self.since_1970.saturating_sub(vpp.boot_time);
                out.begin(&list::VPP_UPTIME)?.gauge(&[], i64::try_from(uptime).unwrap_or(i64::MAX))?;
            }
        }
        let mut family = out.begin(&list::VPP_API)?;
        for ((message, direction, result), count) in &totals.api {
            family.count(&[message, direction, result], *count)?;
        }
        Ok(())
    }

    fn counters(&self, out: &mut Out<impl io::Write>) -> io::Result<()> {
        let Some(Shown { reading, errors }) = &self.picture.counters else { return Ok(()) };
        let nothing = Reading::default();
        let Reading { vips, prefixes, servers } = reading.as_ref().unwrap_or(&nothing);
        let mut family = out.begin(&list::VIP_PACKETS)?;
        for (vip, packets) in vips {
            let (prefix, protocol, port) = (cidr(vip.prefix), vip.protocol.to_string(), vip.port.to_string());
            for ((_, kind), count) in KINDS.iter().zip(packets) {
                family.count(&[&prefix, &protocol, &port, kind], *count)?;
            }
        }
        let prefixes: Vec<_> = prefixes.iter().map(|(prefix, traffic)| (cidr(*prefix), *traffic)).collect();
        routes(out, [&list::VIP_ROUTE_PACKETS, &list::VIP_ROUTE_BYTES], &prefixes)?;
        let servers: Vec<_> =
            servers.iter().map(|(server, traffic)| (server.to_string(), *traffic)).collect();
        routes(out, [&list::SERVER_ROUTE_PACKETS, &list::SERVER_ROUTE_BYTES], &servers)?;
        out.begin(&list::STATS_UP)?.gauge(&[], u32::from(reading.is_some()))?;
        let mut family = out.begin(&list::STATS_ERRORS)?;
        for (reason, count) in errors {
            family.count(&[reason], *count)?;
        }
        Ok(())
    }

    fn syncs(&self, out: &mut Out<impl io::Write>) -> io::Result<()> {
        let totals = &self.picture.totals;
        let mut family = out.begin(&list::LBSYNC)?;
        for ((scope, kind), count) in &totals.lbsync {
            family.count(&[scope, kind], *count)?;
        }
        let mut family = out.begin(&list::SYNC_DURATION)?;
        for (scope, durations) in &totals.sync_durations {
            family.histogram(&[scope], durations)?;
        }
        out.begin(&list::LATENCY)?.histogram(&[], &totals.latency)
    }

    fn daemon(&self, out: &mut Out<impl io::Write>) -> io::Result<()> {
        let Picture { totals, phase, reasons, lag, .. } = &self.picture;
        let mut family = out.begin(&list::WARMUP_PHASE)?;
        for one in [Phase::HandsOff, Phase::Release, Phase::Over] {
            family.gauge(&[one.word()], u32::from(*phase == one))?;
        }
        out.begin(&list::READY)?.gauge(&[], u32::from(reasons.is_empty()))?;
        out.begin(&list::LATENESS)?.histogram(&[], &totals.lateness)?;
        let mut family = out.begin(&list::INCONCLUSIVE)?;
        for (cause, count) in &totals.inconclusive {
            family.count(&[cause], *count)?;
        }
        let mut family = out.begin(&list::RELOADS)?;
        for (result, count) in &totals.reloads {
            family.count(&[result], *count)?;
        }
        out.begin(&list::TURN)?.histogram(&[], &totals.turns)?;
        out.begin(&list::QUESTION)?.histogram(&[], &totals.questions)?;
        out.begin(&list::WATCHERS)?.gauge(&[], i64::try_from(lag.watchers).unwrap_or(i64::MAX))?;
        out.begin(&list::EVENT_LAG)?.seconds(&[], lag.behind.as_secs_f64())?;
        out.begin(&list::EVENTS_MISSED)?.count(&[], lag.missed)?;
        out.begin(&list::BUILD)?.gauge(&[env!("CARGO_PKG_VERSION")], 1)
    }
}

/// Where it is written.
struct Out<W: io::Write>(TextEncoder<W>);

impl<W: io::Write> Out<W> {
    /// What the family means; its series follow.
    fn begin(&mut self, metric: &Metric) -> io::Result<Family<'_, W>> {
        let name = MetricName::from_str(metric.name);
        self.0.write_help(name, metric.help)?;
        let kind = match metric.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        self.0.write_type(&name, kind)?;
        let labels = metric.labels.iter().map(|label| LabelName::from_str(label)).collect();
        Ok(Family { out: &mut self.0, name, labels, bounds: Vec::new() })
    }
}

/// Series of one name.
struct Family<'a, W: io::Write> {
    out: &'a mut TextEncoder<W>,
    name: &'static MetricName,
    labels: Vec<&'static LabelName>,
    /// Upper bounds of buckets in seconds, of a histogram.
    bounds: Vec<String>,
}

impl<W: io::Write> Family<'_, W> {
    fn count(&mut self, values: &[&str], count: u64) -> io::Result<()> {
        write_counter(self.out, self.name, Labels(&self.labels, values, None), count)
    }

    fn gauge(&mut self, values: &[&str], value: impl Into<i64>) -> io::Result<()> {
        write_gauge(self.out, self.name, Labels(&self.labels, values, None), value.into())
    }

    fn seconds(&mut self, values: &[&str], value: f64) -> io::Result<()> {
        write_float_gauge(self.out, self.name, Labels(&self.labels, values, None), value)
    }

    fn histogram(&mut self, values: &[&str], buckets: &Buckets) -> io::Result<()> {
        if self.bounds.is_empty() {
            // All series of a family have the same, and a number takes long to print.
            self.bounds = buckets.bounds().map(bound).collect();
            self.bounds.push("+Inf".to_owned());
        }
        let mut below = 0;
        for (bound, count) in self.bounds.iter().zip(buckets.counts()) {
            below += count;
            let labels = Labels(&self.labels, values, Some(bound));
            write_counter(self.out, self.name.with_suffix(Bucket), labels, below)?;
        }
        let labels = || Labels(&self.labels, values, None);
        write_float_gauge(self.out, self.name.with_suffix(Sum), labels(), buckets.sum())?;
        write_counter(self.out, self.name.with_suffix(Count), labels(), below)
    }
}

/// Names, the values beside them, and the bound of a bucket.
struct Labels<'a>(&'a [&'static LabelName], &'a [&'a str], Option<&'a str>);

impl LabelGroup for Labels<'_> {
    fn visit_values(&self, visitor: &mut impl LabelGroupVisitor) {
        const LE: &LabelName = LabelName::from_str("le");
        debug_assert_eq!(self.0.len(), self.1.len(), "each label has a value");
        for (name, value) in self.0.iter().zip(self.1) {
            visitor.write_value(name, value);
        }
        if let Some(bound) = &self.2 {
            visitor.write_value(LE, bound);
        }
    }
}

/// `0.00001`, `0.5`, `1.0`: as series are named, and so for ever.
fn bound(seconds: f64) -> String {
    let text = seconds.to_string();
    if text.contains('.') { text } else { text + ".0" }
}

/// With its length, also if that is a host's, as Go's vpp-maglev shows it.
fn cidr(prefix: Prefix) -> String {
    format!("{}/{}", prefix.address, prefix.len)
}

fn routes(
    out: &mut Out<impl io::Write>,
    [packets, bytes]: [&Metric; 2],
    rows: &[(String, Traffic)],
) -> io::Result<()> {
    let mut family = out.begin(packets)?;
    for (name, traffic) in rows {
        family.count(&[name], traffic.packets)?;
    }
    let mut family = out.begin(bytes)?;
    for (name, traffic) in rows {
        family.count(&[name], traffic.bytes)?;
    }
    Ok(())
}
