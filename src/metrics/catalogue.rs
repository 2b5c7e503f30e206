//! Every metric: its name, its labels and what it means. `docs/metrics.md` and the exposition follow this list.
//!
//! Names and labels of the first group are those of Go's vpp-maglev, so that its dashboards carry over.

/// What a value of a family means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only rises while the process lives.
    Counter,
    /// As it is now.
    Gauge,
    /// How many durations were at most so long.
    Histogram,
}

impl Kind {
    /// As the exposition has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One family of series.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// As exposed, `_total` included.
    pub name: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// In their order.
    pub labels: &'static [&'static str],
    /// One sentence, with the unit if the name does not have it.
    pub help: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, labels, help }
}

macro_rules! catalogue {
    ($($konst:ident = $metric:expr;)*) => {
        $(pub(super) const $konst: Metric = $metric;)*
        /// All of them, in the order of the exposition.
        pub const ALL: &[Metric] = &[$($konst),*];
    };
}

catalogue! {
    BACKEND_STATE = gauge("maglev_backend_state", &["backend", "state"],
        "1 for the state that the backend is in, 0 for the others: unknown, up, down, paused, disabled.");
    BACKEND_HEALTH = gauge("maglev_backend_health", &["backend"],
        "The counter of rise and fall, from 0 to rise+fall-1; while unknown, the failures in a row.");
    BACKEND_ENABLED = gauge("maglev_backend_enabled", &["backend"],
        "0 for a disabled backend, else 1.");
    WEIGHT = gauge("maglev_frontend_pool_backend_weight", &["frontend", "pool", "backend"],
        "The weight in force, 0 to 100: the file's, or the one set at run time.");
    PROBES = counter("maglev_probe_total", &["backend", "type", "result", "code"],
        "Finished probes; result is success, failure or inconclusive.");
    PROBE_DURATION = histogram("maglev_probe_duration_seconds", &["backend", "type"],
        "Time from the start of a probe's I/O to its end, of conclusive probes.");
    TRANSITIONS = counter("maglev_backend_transitions_total", &["backend", "from", "to"],
        "Changes of a backend's state.");
    VPP_CONNECTED = gauge("maglev_vpp_connected", &[],
        "1 while VPP is connected, else 0.");
    VPP_UPTIME = gauge("maglev_vpp_uptime_seconds", &[],
        "Time since VPP was started; absent while that is unknown.");
    VPP_CONNECTED_FOR = gauge("maglev_vpp_connected_seconds", &[],
        "Time since VPP was connected; 0 while it is not.");
    VPP_INFO = gauge("maglev_vpp_info", &["version", "pid"],
        "1, with the connected VPP as labels.");
    VPP_API = counter("maglev_vpp_api_total", &["msg", "direction", "result"],
        "Messages to VPP (send) and what became of them (recv): ok, refused, not_sent or lost.");
    LBSYNC = counter("maglev_vpp_lbsync_total", &["scope", "kind"],
        "Acknowledged changes of VPP, made while all frontends were synced (all) or single ones (vip).");
    VIP_PACKETS = counter("maglev_vpp_vip_packets_total", &["prefix", "protocol", "port", "kind"],
        "Packets that VPP's lb plugin met for a VIP, by what it knew of their flow: next, first, untracked, no_server.");
    VIP_ROUTE_PACKETS = counter("maglev_vpp_vip_route_packets_total", &["prefix"],
        "Packets that VPP routed into a VIP's prefix, all ports together.");
    VIP_ROUTE_BYTES = counter("maglev_vpp_vip_route_bytes_total", &["prefix"],
        "Bytes that VPP routed into a VIP's prefix, all ports together.");
    SERVER_ROUTE_PACKETS = counter("maglev_vpp_server_route_packets_total", &["address"],
        "Packets that VPP gave to the route of an application server, wrapped, for all VIPs together.");
    SERVER_ROUTE_BYTES = counter("maglev_vpp_server_route_bytes_total", &["address"],
        "Bytes that VPP gave to the route of an application server, wrapped, for all VIPs together.");
    STATS_UP = gauge("maglev_vpp_stats_up", &[],
        "1 if VPP's counters were read for this scrape, else 0, and then the series above are absent.");
    STATS_ERRORS = counter("maglev_vpp_stats_errors_total", &["reason"],
        "Failed attempts to read VPP's counters: socket, read, layout, restless, frozen, or api.");
    EFFECTIVE_WEIGHT = gauge("maglev_frontend_pool_backend_effective_weight", &["frontend", "pool", "backend"],
        "The weight that VPP should hold now, 0 to 100.");
    FRONTEND_STATE = gauge("maglev_frontend_state", &["frontend", "state"],
        "1 for the state that the frontend is in, 0 for the others: unknown, up, down.");
    OUT_OF_SYNC = gauge("maglev_frontend_out_of_sync_seconds", &["frontend"],
        "How long VPP has refused what the frontend needs; 0 while it is in sync or about to be.");
    WARMUP_PHASE = gauge("maglev_warmup_phase", &["phase"],
        "1 for the phase of warm-up, 0 for the others: hands-off, release, over.");
    READY = gauge("maglev_ready", &[],
        "1 if /readyz would answer 200, else 0.");
    SYNC_DURATION = histogram("maglev_vpp_lbsync_duration_seconds", &["scope"],
        "Time of a sync from its start until VPP was as wanted.");
    LATENCY = histogram("maglev_transition_to_vpp_seconds", &[],
        "Time from a backend's transition until VPP acknowledged the weight or server that it changed.");
    LATENESS = histogram("maglev_probe_lateness_seconds", &[],
        "How late the loop started the first of the probes that were due.");
    INCONCLUSIVE = counter("maglev_probe_inconclusive_total", &["cause"],
        "Probes that tell nothing about the backend, by what hindered them on this host.");
    RELOADS = counter("maglev_config_reloads_total", &["result"],
        "Reloads of the configuration: loaded, or refused as read, structural or semantic.");
    TURN = histogram("maglev_engine_turn_duration_seconds", &[],
        "Time that the engine took for one input.");
    QUESTION = histogram("maglev_engine_question_duration_seconds", &[],
        "Time that the loop took to answer one question of the API or of a scrape, during which nothing else was decided.");
    WATCHERS = gauge("maglev_event_watchers", &[],
        "Streams of events that are open.");
    EVENT_LAG = gauge("maglev_event_lag_seconds", &[],
        "Age of the oldest event that is kept and that an open stream has yet to take; 0 while all have everything.");
    EVENTS_MISSED = counter("maglev_events_missed_total", &[],
        "Events that a stream came too late for, all streams together; each was told of its gap.");
    BUILD = gauge("maglev_build_info", &["version"],
        "1, with this program's version as label.");
}
