//! A configuration that cannot be wrong. Knows no file format and no line numbers.
//!
//! Adapters fill a [`Draft`] and call [`Config::check`], which applies every semantic rule of the contract and returns
//! either a [`Config`] or all problems at once, each with a path such as `frontends.www.pools[0].backends.ams.weight`.
//! Nothing behind this wall is checked a second time.

mod check;
pub mod nearest;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::num::NonZeroU8;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::data::{self, Word};
use crate::model::{Encap, LbConf, VipKey, Weight};

pub use check::{PathName, Problem, Warning};

/// What someone asks for; not checked yet. References are by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Past transitions kept per backend.
    pub transition_history: usize,
    /// Network namespace the probes' sockets are made in; empty is our own.
    pub netns: String,
    /// Settings of VPP's lb plugin.
    pub lb: DraftLb,
    /// Checks by name.
    pub healthchecks: Vec<(String, DraftCheck)>,
    /// Backends by name.
    pub backends: Vec<(String, DraftBackend)>,
    /// Frontends by name.
    pub frontends: Vec<(String, DraftFrontend)>,
    /// Whether this process talks to VPP at all; if not, its source addresses are not needed.
    pub vpp_in_use: bool,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            transition_history: 5,
            netns: String::new(),
            lb: DraftLb::default(),
            healthchecks: Vec::new(),
            backends: Vec::new(),
            frontends: Vec::new(),
            vpp_in_use: true,
        }
    }
}

/// `vpp.lb`, not checked yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftLb {
    /// Source of IPv4 GRE packets; required as soon as there is a frontend.
    pub ipv4_src_address: Option<Ipv4Addr>,
    /// Source of IPv6 GRE packets; required as soon as there is a frontend.
    pub ipv6_src_address: Option<Ipv6Addr>,
    /// Between two drift checks; at least 1s.
    pub sync_interval: Duration,
    /// Buckets of the flow table per thread; a power of two, 1..=2^20.
    pub sticky_buckets_per_core: u64,
    /// Idle flows are forgotten after this; whole seconds, 1s..=120s.
    pub flow_timeout: Duration,
    /// Hands off VPP for this long after the start of the process.
    pub startup_min_delay: Duration,
    /// Warm-up ends at the latest after this; 0 is no warm-up.
    pub startup_max_delay: Duration,
    /// Length of the new-flows table of a VIP that is created; `None` is `auto`.
    pub new_flows_table_length: Option<u64>,
    /// What happens to VIPs that no frontend names.
    pub strangers: Strangers,
}

impl Default for DraftLb {
    fn default() -> Self {
        Self {
            ipv4_src_address: None,
            ipv6_src_address: None,
            sync_interval: Duration::from_secs(30),
            sticky_buckets_per_core: 65_536,
            flow_timeout: Duration::from_secs(40),
            startup_min_delay: Duration::from_secs(5),
            startup_max_delay: Duration::from_secs(30),
            new_flows_table_length: None,
            strangers: Strangers::Delete,
        }
    }
}

/// A health check, not checked yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftCheck {
    /// What a probe does. Its port must not be 0.
    pub kind: CheckKind,
    /// Cadence of a fully healthy backend; at least 10ms.
    pub interval: Duration,
    /// Cadence while unknown or between; defaults to `interval`.
    pub fast_interval: Option<Duration>,
    /// Cadence of a fully down backend; defaults to `interval`.
    pub down_interval: Option<Duration>,
    /// Limit of one probe; above 0.
    pub timeout: Duration,
    /// Passes in a row that bring a down backend up; at least 1.
    pub rise: u32,
    /// Failures in a row that take an up backend down; at least 1; rise + fall <= 255.
    pub fall: u32,
    /// Source address of probes to IPv4 backends.
    pub probe_ipv4_src: Option<IpAddr>,
    /// Source address of probes to IPv6 backends.
    pub probe_ipv6_src: Option<IpAddr>,
    /// The key that holds the request's settings, for the paths of problems: `http`, or `params` in a file of Go's vpp-maglev.
    #[serde(deserialize_with = "data::http_key")]
    pub http_key: Word,
}

impl DraftCheck {
    /// A check of `kind` with the contract's defaults.
    pub fn new(kind: CheckKind) -> Self {
        Self {
            kind,
            interval: Duration::from_secs(2),
            fast_interval: None,
            down_interval: None,
            timeout: Duration::from_secs(1),
            rise: 2,
            fall: 3,
            probe_ipv4_src: None,
            probe_ipv6_src: None,
            http_key: "http",
        }
    }
}

/// A backend, not checked yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftBackend {
    /// Where it is.
    pub address: IpAddr,
    /// The name of its check; `None` means it is up from the start.
    pub healthcheck: Option<String>,
    /// Whether it starts enabled.
    pub enabled: bool,
}

/// A frontend, not checked yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftFrontend {
    /// For people.
    pub description: String,
    /// The VIP's address.
    pub address: IpAddr,
    /// tcp or udp; absent for all ports.
    pub protocol: Option<DraftProtocol>,
    /// 0 is all ports.
    pub port: u16,
    /// Hash the source address only.
    pub src_ip_sticky: bool,
    /// Whether a backend that goes down loses its flows.
    pub flush_on_down: bool,
    /// In order of preference.
    pub pools: Vec<DraftPool>,
}

/// The protocols a frontend may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DraftProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A pool, not checked yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftPool {
    /// Unique within the frontend, not empty.
    pub name: String,
    /// Backend name and weight (0..=100).
    pub backends: Vec<(String, u32)>,
}

/// What happens to VIPs in VPP that no frontend names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strangers {
    /// A sync-all removes them.
    Delete,
    /// They stay.
    Keep,
}

/// What a probe does and to which port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CheckKind {
    /// ICMP echo.
    Icmp,
    /// A TCP connection, with a TLS handshake if given.
    Tcp {
        /// Destination port.
        port: u16,
        /// Handshake settings.
        tls: Option<Tls>,
    },
    /// An HTTP/1.1 request, over TLS if given (https).
    Http {
        /// Destination port.
        port: u16,
        /// What to ask and what to accept.
        http: Http,
        /// Handshake settings.
        tls: Option<Tls>,
    },
}

impl CheckKind {
    /// The word of the configuration file: `icmp`, `tcp`, `http`, `https`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Icmp => "icmp",
            Self::Tcp { .. } => "tcp",
            Self::Http { tls: None, .. } => "http",
            Self::Http { tls: Some(_), .. } => "https",
        }
    }

    /// The destination port; `None` for ICMP.
    pub const fn port(&self) -> Option<u16> {
        match self {
            Self::Icmp => None,
            Self::Tcp { port, .. } | Self::Http { port, .. } => Some(*port),
        }
    }
}

/// TLS settings of a probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tls {
    /// Name for SNI and verification; the address if `None`.
    pub server_name: Option<String>,
    /// Accept any certificate.
    pub insecure_skip_verify: bool,
    /// PEM file of the authorities to trust instead of the system's.
    pub ca_file: Option<String>,
}

/// What an HTTP probe asks and accepts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Http {
    /// Request target, beginning with `/`.
    pub path: String,
    /// `Host` header; the address if `None`.
    pub host: Option<String>,
    /// `GET` or `HEAD`.
    pub method: Method,
    /// Accepted status codes: inclusive ranges, ascending.
    pub response_codes: Vec<(u16, u16)>,
    /// Pattern that the body must match (syntax of the `regex` crate, checked by the adapter).
    pub response_regexp: Option<String>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            path: "/".into(),
            host: None,
            method: Method::Get,
            response_codes: alloc::vec![(200, 399)],
            response_regexp: None,
        }
    }
}

/// Request method of an HTTP probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Method {
    /// GET.
    Get,
    /// HEAD.
    Head,
}

impl Method {
    /// As on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
        }
    }
}

/// A checked configuration. Immutable; share it by `Arc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    pub(crate) transition_history: usize,
    pub(crate) lb: Lb,
    pub(crate) backends: Vec<Backend>,
    pub(crate) frontends: Vec<Frontend>,
}

impl Config {
    /// Applies every semantic rule.
    ///
    /// # Errors
    /// All problems at once, ordered by path; never an empty list.
    pub fn check(draft: &Draft) -> Result<(Self, Vec<Warning>), Vec<Problem>> {
        check::check(draft)
    }

    /// Past transitions kept per backend.
    pub const fn transition_history(&self) -> usize {
        self.transition_history
    }

    /// Settings of VPP's lb plugin.
    pub const fn lb(&self) -> &Lb {
        &self.lb
    }

    /// Ascending by name.
    pub fn backends(&self) -> &[Backend] {
        &self.backends
    }

    /// Ascending by key.
    pub fn frontends(&self) -> &[Frontend] {
        &self.frontends
    }
}

/// Settings of VPP's lb plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lb {
    /// What `lb_conf` should hold; `None` while a source address is missing, which is an error as soon as there is a
    /// frontend and VPP is in use.
    pub conf: Option<LbConf>,
    /// Between two drift checks.
    pub sync_interval: Duration,
    /// Hands off VPP for this long.
    pub startup_min_delay: Duration,
    /// Warm-up ends at the latest after this; 0 is no warm-up.
    pub startup_max_delay: Duration,
    /// Length of the new-flows table of a VIP that is created.
    pub table_length: u32,
    /// What happens to VIPs that no frontend names.
    pub strangers: Strangers,
}

/// A named address and how it is checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// Unique.
    pub name: String,
    /// Where it is.
    pub address: IpAddr,
    /// `None` means it is up from the start.
    pub check: Option<Check>,
    /// Whether it starts enabled.
    pub enabled: bool,
}

/// When to probe, what to probe, and how to judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The name in the file.
    pub name: String,
    /// When to probe and how to judge.
    pub timing: Timing,
    /// What a probe does; two equal targets earn the same verdict. Shared by the backends of one check.
    pub target: Arc<Target>,
}

/// When to probe and how to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Cadence of a fully healthy backend.
    pub interval: Duration,
    /// Cadence while unknown or between.
    pub fast_interval: Duration,
    /// Cadence of a fully down backend.
    pub down_interval: Duration,
    /// Limit of one probe.
    pub timeout: Duration,
    /// Passes in a row that bring a down backend up.
    pub rise: NonZeroU8,
    /// Failures in a row that take an up backend down; rise + fall <= 255.
    pub fall: NonZeroU8,
}

/// What a probe does and from where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// What to do.
    pub kind: CheckKind,
    /// Source address for IPv4 backends.
    pub ipv4_source: Option<Ipv4Addr>,
    /// Source address for IPv6 backends.
    pub ipv6_source: Option<Ipv6Addr>,
    /// Network namespace to make the socket in; `None` is our own.
    pub netns: Option<String>,
}

/// One VIP and its pools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frontend {
    /// Unique.
    pub name: String,
    /// For people.
    pub description: String,
    /// What VPP knows it by; unique.
    pub vip: VipKey,
    /// From the family of its backends.
    pub encap: Encap,
    /// Hash the source address only.
    pub src_ip_sticky: bool,
    /// Whether a backend that goes down loses its flows.
    pub flush_on_down: bool,
    /// In order of preference; at least one, none empty.
    pub pools: Vec<Pool>,
}

/// An ordered part of a frontend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Unique within the frontend.
    pub name: String,
    /// Ascending by backend name.
    pub members: Vec<Member>,
}

/// A backend in a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Index into [`Config::backends`].
    pub backend: usize,
    /// Configured weight.
    pub weight: Weight,
}
