//! A picture as Prometheus reads it, written piece by piece: a large site is a hundred megabytes of text.

use std::io;

use maglev_core::health::State;
use maglev_core::model::Prefix;
use maglev_core::warmup::Phase;

use crate::vpp::stats::{KINDS, Traffic};

use super::catalogue::{self as list, Metric};
use super::counters::{Reading, Shown};
use super::family::Out;
use super::labels::{Texts, text};
use super::picture::Picture;

/// What the text is.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const STATES: [State; 5] = [State::Unknown, State::Up, State::Down, State::Paused, State::Disabled];

/// Writes all of it. `since_1970` is the wall clock's time of the picture, in seconds: VPP's start is known by that one.
///
/// # Errors
/// Those of `sink`.
pub(super) fn write(picture: &Picture, since_1970: u64, sink: impl io::Write) -> io::Result<()> {
    let mut out = Out::new(sink);
    let backends = picture.backends.iter().map(|backend| text(&[("backend", &backend.name)])).collect();
    let page = Page { picture, since_1970, backends };
    page.backends(&mut out)?;
    page.frontends(&mut out)?;
    page.probes(&mut out)?;
    page.vpp(&mut out)?;
    page.counters(&mut out)?;
    page.syncs(&mut out)?;
    page.daemon(&mut out)?;
    out.flush()
}

struct Page<'a> {
    picture: &'a Picture,
    since_1970: u64,
    /// The label of each backend, of which there are a million in a large site's text.
    backends: Vec<String>,
}

impl Page<'_> {
    fn backends(&self, out: &mut Out<impl io::Write>) -> io::Result<()> {
        let backends = || self.backends.iter().zip(&self.picture.backends);
        let mut family = out.begin(&list::BACKEND_STATE)?;
        let states = STATES.map(|state| (state, text(&[("state", state.word())])));
        for (label, backend) in backends() {
            for (state, word) in &states {
                family.gauge_of([label, word], u32::from(backend.state == *state))?;
            }
        }
        let mut family = out.begin(&list::BACKEND_HEALTH)?;
        for (label, backend) in backends() {
            family.gauge_of([label, ""], u32::from(backend.counter))?;
        }
        let mut family = out.begin(&list::BACKEND_ENABLED)?;
        for (label, backend) in backends() {
            let is_enabled = backend.state != State::Disabled;
            family.gauge_of([label, ""], u32::from(is_enabled))?;
        }
        Ok(())
    }

    fn frontends(&self, out: &mut Out<impl io::Write>) -> io::Result<()> {
        let (frontends, places) = (&self.picture.frontends, self.picture.places());
        for metric in [&list::WEIGHT, &list::EFFECTIVE_WEIGHT] {
            let is_effective = metric.name == list::EFFECTIVE_WEIGHT.name;
            let mut family = out.begin(metric)?;
            for frontend in frontends {
                let pool = |pool| text(&[("frontend", &frontend.name), ("pool", pool)]);
                let pools: Vec<_> = frontend.pools.iter().map(|name| pool(name)).collect();
                for member in &frontend.members {
                    let Some(backend) = places.of(member).and_then(|at| self.backends.get(at)) else {
                        continue;
                    };
                    let Some(pool) = pools.get(usize::from(member.pool)) else { continue };
                    let weight = if is_effective { member.effective } else { member.weight };
                    family.gauge_of([pool, backend], u32::from(weight))?;
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
        let backends = self.backends.iter().zip(&self.picture.backends);
        let probed = || backends.clone().filter_map(|(label, one)| Some((label, one.probed.as_ref()?)));
        let mut family = out.begin(&list::PROBES)?;
        let mut texts = Texts::of(["type", "result", "code"]);
        for (label, probed) in probed() {
            for ((kind, result, code), count) in &probed.results {
                family.count_of([label, texts.get([kind, result, code])], *count)?;
            }
        }
        let mut family = out.begin(&list::PROBE_DURATION)?;
        let mut texts = Texts::of(["type"]);
        for (label, probed) in probed() {
            for (kind, durations) in &probed.durations {
                let labels = format!("{label},{}", texts.get([kind]));
                family.histogram_of(&labels, durations)?;
            }
        }
        let mut family = out.begin(&list::TRANSITIONS)?;
        let mut texts = Texts::of(["from", "to"]);
        for (label, probed) in probed() {
            for ((from, to), count) in &probed.transitions {
                family.count_of([label, texts.get([from, to])], *count)?;
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
