//! The core's views as messages of the API.

use std::time::Duration;

use maglev_core::Instant;
use maglev_core::backend::{Probed, Transition};
use maglev_core::config::{Check, CheckKind};
use maglev_core::dataplane::Standing;
use maglev_core::engine::{BackendView, FrontendView, HoldView, MemberView, WeightReason};
use maglev_core::health::State;
use maglev_core::input::{Author, Outcome};
use maglev_core::model::{Encap, LbConf, Protocol, VipKey, Weight};
use maglev_proto::{Timestamp, v1};

/// Turns instants into times of day: all with one origin, so that they never go backwards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wall {
    /// Since 1970, when the daemon started.
    pub began: Duration,
}

impl Wall {
    pub(super) fn at(self, at: Instant) -> Timestamp {
        timestamp(self.began + at.since_start())
    }
}

/// A time since 1970.
pub(super) fn timestamp(since: Duration) -> Timestamp {
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
    }
}

pub(super) fn duration(span: Duration) -> maglev_proto::Duration {
    maglev_proto::Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(span.subsec_nanos()).unwrap_or_default(),
    }
}

/// Numbers of things fit wherever things fit into memory; a message says the most that it can.
pub(super) fn count(many: usize) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}

pub(super) const fn state(state: State) -> v1::State {
    match state {
        State::Unknown => v1::State::Unknown,
        State::Up => v1::State::Up,
        State::Down => v1::State::Down,
        State::Paused => v1::State::Paused,
        State::Disabled => v1::State::Disabled,
    }
}

pub(super) fn vip(key: VipKey) -> v1::Vip {
    let protocol = match key.protocol {
        Protocol::TCP => v1::Protocol::Tcp,
        Protocol::UDP => v1::Protocol::Udp,
        Protocol::ANY => v1::Protocol::Any,
        Protocol(_) => v1::Protocol::Other,
    };
    v1::Vip {
        address: key.prefix.address.to_string(),
        prefix_length: key.prefix.len.into(),
        protocol: protocol.into(),
        port: key.port.into(),
        protocol_number: key.protocol.0.into(),
    }
}

pub(super) const fn encap(encap: Encap) -> v1::Encap {
    match encap {
        Encap::Gre4 => v1::Encap::Gre4,
        Encap::Gre6 => v1::Encap::Gre6,
        Encap::Other(_) => v1::Encap::Other,
    }
}

pub(super) fn weight(weight: Weight) -> u32 {
    weight.value().into()
}

pub(super) const fn reason(reason: WeightReason) -> v1::WeightReason {
    match reason {
        WeightReason::Active => v1::WeightReason::Active,
        WeightReason::SetByOperator => v1::WeightReason::SetByOperator,
        WeightReason::Presumed => v1::WeightReason::Presumed,
        WeightReason::ZeroWeight => v1::WeightReason::ZeroWeight,
        WeightReason::Standby => v1::WeightReason::Standby,
        WeightReason::Down => v1::WeightReason::Down,
        WeightReason::Unknown => v1::WeightReason::Unknown,
        WeightReason::Paused => v1::WeightReason::Paused,
        WeightReason::Doubted => v1::WeightReason::Doubted,
        WeightReason::Disabled => v1::WeightReason::Disabled,
        WeightReason::OtherEntry => v1::WeightReason::OtherEntry,
    }
}

pub(super) fn sync(standing: &Standing, wall: Wall) -> v1::Sync {
    let (state, detail, since) = match standing {
        Standing::WithoutVpp => (v1::SyncState::WithoutVpp, "this daemon runs without VPP", None),
        Standing::NoPicture => (v1::SyncState::NoPicture, "VPP is not connected, or not read yet", None),
        Standing::Gated => (v1::SyncState::Gated, "warm-up has not released it yet", None),
        Standing::InSync => (v1::SyncState::InSync, "", None),
        Standing::Pending => (v1::SyncState::Pending, "calls are under way or about to be sent", None),
        Standing::Waiting(reason) => (v1::SyncState::Waiting, reason.as_str(), None),
        Standing::OutOfSync { since, reason } => {
            (v1::SyncState::OutOfSync, reason.as_str(), Some(wall.at(*since)))
        }
    };
    v1::Sync { state: state.into(), detail: detail.into(), since }
}

pub(super) fn member(frontend: &str, pool: &str, view: &MemberView) -> v1::Member {
    v1::Member {
        frontend: frontend.into(),
        pool: pool.into(),
        backend: view.backend.clone(),
        address: view.address.to_string(),
        state: state(view.state).into(),
        configured_weight: weight(view.configured),
        set_weight: view.set.map(weight),
        effective_weight: weight(view.effective),
        reason: reason(view.reason).into(),
        reason_text: super::words::reason(view).into(),
        vpp_weight: view.held.map(weight),
        set_by: view.set_by.as_ref().map(author),
    }
}

fn author(by: &Author) -> v1::Author {
    // In the file of choices it is a number, and 0 where no clock was asked.
    let at = Some(by.at).filter(|at| *at > 0);
    v1::Author {
        who: by.who.clone(),
        why: by.why.clone(),
        at: at.map(|at| timestamp(Duration::from_secs(at))),
    }
}

pub(super) fn frontend(view: &FrontendView, wall: Wall) -> v1::Frontend {
    let pools = view.pools.iter().map(|pool| {
        let mut members: Vec<v1::Member> =
            pool.members.iter().map(|it| member(&view.name, &pool.name, it)).collect();
        members.sort_by(|a, b| a.backend.cmp(&b.backend));
        v1::Pool {
            name: pool.name.clone(),
            active: pool.is_active,
            members,
            members_total: count(pool.members_total),
            members_up: count(pool.members_up),
        }
    });
    v1::Frontend {
        name: view.name.clone(),
        description: view.description.clone(),
        vip: Some(vip(view.vip)),
        encap: encap(view.encap).into(),
        src_ip_sticky: view.src_ip_sticky,
        flush_on_down: view.flush_on_down,
        state: state(view.state).into(),
        pools: pools.collect(),
        gate: Some(v1::Gate {
            open: view.is_open,
            released: view.is_released,
            awaited: if view.is_open { Vec::new() } else { sorted(&view.awaited) },
            awaited_total: if view.is_open { 0 } else { view.unknown },
        }),
        sync: Some(sync(&view.standing, wall)),
        in_vpp: view.in_vpp,
        hold: view.hold.as_ref().map(|view| hold(view, wall)),
        revision: view.revision,
    }
}

fn hold(view: &HoldView, wall: Wall) -> v1::Hold {
    let servers = view.servers.iter().map(|(address, kept, held)| v1::HeldServer {
        address: address.to_string(),
        weight: weight(*kept),
        vpp_weight: held.map(weight),
    });
    v1::Hold {
        until: Some(wall.at(view.until)),
        awaited: sorted(&view.awaited),
        awaited_total: count(view.awaited_total),
        servers: servers.collect(),
    }
}

fn sorted(names: &[String]) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}

pub(super) fn backend(view: &BackendView, wall: Wall) -> v1::Backend {
    let timing = view.check.as_ref().map(|(_, timing)| timing);
    v1::Backend {
        name: view.name.clone(),
        address: view.address.to_string(),
        healthcheck: view.check.as_ref().map(|(name, _)| name.clone()).unwrap_or_default(),
        enabled_in_file: view.enabled,
        state: state(view.state).into(),
        since: Some(wall.at(view.since)),
        cause: view.history.first().map(|latest| latest.cause.clone()).unwrap_or_default(),
        counter: view.counter.into(),
        counter_max: view.counter_max.into(),
        rise: timing.map_or(0, |timing| timing.rise.get().into()),
        fall: timing.map_or(0, |timing| timing.fall.get().into()),
        next_probe: view.due.map(|due| wall.at(due)),
        probing: view.probing,
        probes: view.probes,
        stale_results: view.stale_results,
        results: view.results.iter().map(|it| outcome(it, wall)).collect(),
        history: view.history.iter().map(|it| transition(it, wall)).collect(),
        memberships: Vec::new(),
        frontends_total: count(view.frontends),
        presumed: false,
        revision: view.revision,
        chosen_by: view.chosen_by.as_ref().map(author),
    }
}

fn outcome(probed: &Probed, wall: Wall) -> v1::Outcome {
    let (result, code, detail) = match &probed.outcome {
        Outcome::Pass => (v1::ProbeResult::Pass, "", String::new()),
        Outcome::Fail(failure) => (v1::ProbeResult::Fail, failure.code.word(), failure.detail.clone()),
        Outcome::Inconclusive(fault) => (v1::ProbeResult::Inconclusive, "", fault.to_string()),
    };
    v1::Outcome {
        result: result.into(),
        code: code.into(),
        detail,
        at: Some(wall.at(probed.at)),
        took: Some(duration(probed.took)),
    }
}

fn transition(it: &Transition, wall: Wall) -> v1::Transition {
    v1::Transition {
        at: Some(wall.at(it.at)),
        from: state(it.from).into(),
        to: state(it.to).into(),
        cause: it.cause.clone(),
    }
}

pub(super) fn healthcheck(check: &Check, backends: usize) -> v1::Healthcheck {
    let (timing, target) = (&check.timing, &check.target);
    let (http, tls) = match &target.kind {
        CheckKind::Icmp => (None, None),
        CheckKind::Tcp { tls, .. } => (None, tls.as_ref()),
        CheckKind::Http { http, tls, .. } => (Some(http), tls.as_ref()),
    };
    let codes = |http: &maglev_core::config::Http| {
        let range = |(low, high): &(u16, u16)| {
            if low == high { low.to_string() } else { format!("{low}-{high}") }
        };
        http.response_codes.iter().map(range).collect::<Vec<_>>().join(",")
    };
    v1::Healthcheck {
        name: check.name.clone(),
        r#type: target.kind.word().into(),
        port: target.kind.port().unwrap_or_default().into(),
        interval: Some(duration(timing.interval)),
        fast_interval: Some(duration(timing.fast_interval)),
        down_interval: Some(duration(timing.down_interval)),
        timeout: Some(duration(timing.timeout)),
        rise: timing.rise.get().into(),
        fall: timing.fall.get().into(),
        probe_ipv4_src: target.ipv4_source.map(|source| source.to_string()).unwrap_or_default(),
        probe_ipv6_src: target.ipv6_source.map(|source| source.to_string()).unwrap_or_default(),
        netns: target.netns.clone().unwrap_or_default(),
        http: http.map(|http| v1::HttpCheck {
            path: http.path.clone(),
            host: http.host.clone().unwrap_or_default(),
            method: http.method.word().into(),
            response_codes: codes(http),
            response_regexp: http.response_regexp.clone().unwrap_or_default(),
        }),
        tls: tls.map(|tls| v1::TlsCheck {
            server_name: tls.server_name.clone().unwrap_or_default(),
            insecure_skip_verify: tls.insecure_skip_verify,
            ca_file: tls.ca_file.clone().unwrap_or_default(),
        }),
        backends_total: count(backends),
    }
}

pub(super) fn conf(conf: LbConf) -> v1::LbConf {
    v1::LbConf {
        ipv4_src_address: conf.ip4_source.to_string(),
        ipv6_src_address: conf.ip6_source.to_string(),
        sticky_buckets_per_core: conf.sticky_buckets,
        flow_timeout: Some(duration(Duration::from_secs(conf.flow_timeout_secs.into()))),
    }
}
