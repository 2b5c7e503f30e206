//! From a [`Draft`] back to a file that a person reads: defaults left out, an entry on one line where it fits.
//!
//! Every key of a draft is named here once, and the compiler misses none. How it looks is the business of `layout`.

mod layout;

use std::fmt::Display;
use std::net::IpAddr;
use std::time::Duration;

use maglev_core::config::{
    CheckKind, Draft, DraftBackend, DraftCheck, DraftFrontend, DraftLb, DraftPool, DraftProtocol, Http,
    Strangers, Tls,
};

use super::duration;
use super::file::WEIGHT_DEFAULT;
use layout::{Tree, text};

/// The file that says what `draft` says, in the draft's order: [`draft`](super::draft) of it is `draft` again.
///
/// Two things have no place in a file: `vpp_in_use`, which is an option of the reading, and that a check's settings
/// stood in `params`. What breaks the core's rules is written as it is, and a little of it does not read back: a name
/// twice in its section, names of hundreds of characters, an empty list of status codes, durations beyond 292 years.
pub fn print(draft: &Draft) -> String {
    let Draft { transition_history, netns, lb, healthchecks, backends, frontends, vpp_in_use: _ } = draft;
    let mut healthchecker = Keys::default();
    if *transition_history != Draft::default().transition_history {
        healthchecker.word("transition-history", transition_history);
    }
    if !netns.is_empty() {
        healthchecker.text("netns", netns);
    }
    let mut vpp = Keys::default();
    vpp.unless_empty("lb", self::lb(lb));

    let mut maglev = Keys::default();
    maglev.unless_empty("healthchecker", healthchecker);
    maglev.unless_empty("vpp", vpp);
    maglev.section("healthchecks", healthchecks, |check| Tree::Map(self::check(check).0));
    maglev.section("backends", backends, |backend| Tree::Map(self::backend(backend).0));
    maglev.section("frontends", frontends, |frontend| Tree::Open(self::frontend(frontend).0));
    layout::document(&[("maglev".into(), Tree::Open(maglev.0))])
}

/// The keys of a mapping in the order in which they are written.
#[derive(Default)]
struct Keys(Vec<(String, Tree)>);

impl Keys {
    fn put(&mut self, key: &str, tree: Tree) {
        self.0.push((key.into(), tree));
    }

    /// A value that needs no quotes.
    fn word(&mut self, key: &str, word: &dyn Display) {
        self.put(key, Tree::Word(word.to_string()));
    }

    fn text(&mut self, key: &str, value: &str) {
        self.put(key, Tree::Word(text(value)));
    }

    fn duration(&mut self, key: &str, duration: Duration) {
        self.word(key, &duration::print(duration));
    }

    fn address(&mut self, key: &str, address: impl Into<IpAddr>) {
        let word = address.into().to_string();
        // A colon at the end of a word would end a key.
        let is_plain = !word.starts_with(':') && !word.ends_with(':');
        self.put(key, Tree::Word(if is_plain { word } else { format!("\"{word}\"") }));
    }

    fn unless_empty(&mut self, key: &str, keys: Keys) {
        if !keys.0.is_empty() {
            self.put(key, Tree::Map(keys.0));
        }
    }

    /// A section whose keys are names that the operator chose.
    fn section<T>(&mut self, key: &str, entries: &[(String, T)], print: impl Fn(&T) -> Tree) {
        if !entries.is_empty() {
            self.put(
                key,
                Tree::Open(entries.iter().map(|(name, entry)| (text(name), print(entry))).collect()),
            );
        }
    }
}

fn lb(lb: &DraftLb) -> Keys {
    let DraftLb {
        ipv4_src_address,
        ipv6_src_address,
        sync_interval,
        sticky_buckets_per_core,
        flow_timeout,
        startup_min_delay,
        startup_max_delay,
        new_flows_table_length,
        strangers,
    } = lb;
    let default = DraftLb::default();
    let mut keys = Keys::default();
    if let Some(address) = ipv4_src_address {
        keys.address("ipv4-src-address", *address);
    }
    if let Some(address) = ipv6_src_address {
        keys.address("ipv6-src-address", *address);
    }
    if *sync_interval != default.sync_interval {
        keys.duration("sync-interval", *sync_interval);
    }
    if *sticky_buckets_per_core != default.sticky_buckets_per_core {
        keys.word("sticky-buckets-per-core", sticky_buckets_per_core);
    }
    if *flow_timeout != default.flow_timeout {
        keys.duration("flow-timeout", *flow_timeout);
    }
    if *startup_min_delay != default.startup_min_delay {
        keys.duration("startup-min-delay", *startup_min_delay);
    }
    if *startup_max_delay != default.startup_max_delay {
        keys.duration("startup-max-delay", *startup_max_delay);
    }
    if let Some(length) = new_flows_table_length {
        keys.word("new-flows-table-length", length);
    }
    match strangers {
        Strangers::Delete => (),
        Strangers::Keep => keys.word("strangers", &"keep"),
    }
    keys
}

fn check(check: &DraftCheck) -> Keys {
    let DraftCheck {
        kind,
        interval,
        fast_interval,
        down_interval,
        timeout,
        rise,
        fall,
        probe_ipv4_src,
        probe_ipv6_src,
        http_key: _,
    } = check;
    let default = DraftCheck::new(CheckKind::Icmp);
    let mut keys = Keys::default();
    keys.word("type", &kind.word());
    if let Some(port) = kind.port() {
        keys.word("port", &port);
    }
    if *interval != default.interval {
        keys.duration("interval", *interval);
    }
    if let Some(interval) = fast_interval {
        keys.duration("fast-interval", *interval);
    }
    if let Some(interval) = down_interval {
        keys.duration("down-interval", *interval);
    }
    if *timeout != default.timeout {
        keys.duration("timeout", *timeout);
    }
    if *rise != default.rise {
        keys.word("rise", rise);
    }
    if *fall != default.fall {
        keys.word("fall", fall);
    }
    if let Some(address) = probe_ipv4_src {
        keys.address("probe-ipv4-src", *address);
    }
    if let Some(address) = probe_ipv6_src {
        keys.address("probe-ipv6-src", *address);
    }
    match kind {
        CheckKind::Icmp | CheckKind::Tcp { port: _, tls: None } => (),
        // That there is a handshake is said by the key alone.
        CheckKind::Tcp { port: _, tls: Some(tls) } => keys.put("tls", Tree::Map(self::tls(tls).0)),
        CheckKind::Http { port: _, http, tls } => {
            keys.unless_empty("http", self::http(http));
            if let Some(tls) = tls {
                keys.unless_empty("tls", self::tls(tls));
            }
        }
    }
    keys
}

fn http(http: &Http) -> Keys {
    let Http { path, host, method, response_codes, response_regexp } = http;
    let default = Http::default();
    let mut keys = Keys::default();
    if *path != default.path {
        keys.text("path", path);
    }
    if let Some(host) = host {
        keys.text("host", host);
    }
    if *method != default.method {
        keys.word("method", &method.word());
    }
    if *response_codes != default.response_codes {
        let range = |&(first, last): &(u16, u16)| {
            if first == last { format!("{first}") } else { format!("{first}-{last}") }
        };
        let ranges: Vec<String> = response_codes.iter().map(range).collect();
        keys.text("response-code", &ranges.join(","));
    }
    if let Some(pattern) = response_regexp {
        keys.text("response-regexp", pattern);
    }
    keys
}

fn tls(tls: &Tls) -> Keys {
    let Tls { server_name, insecure_skip_verify, ca_file } = tls;
    let mut keys = Keys::default();
    if let Some(name) = server_name {
        keys.text("server-name", name);
    }
    if *insecure_skip_verify {
        keys.word("insecure-skip-verify", &true);
    }
    if let Some(file) = ca_file {
        keys.text("ca-file", file);
    }
    keys
}

fn backend(backend: &DraftBackend) -> Keys {
    let DraftBackend { address, healthcheck, enabled } = backend;
    let mut keys = Keys::default();
    keys.address("address", *address);
    if let Some(name) = healthcheck {
        keys.text("healthcheck", name);
    }
    if !enabled {
        keys.word("enabled", &false);
    }
    keys
}

fn frontend(frontend: &DraftFrontend) -> Keys {
    let DraftFrontend { description, address, protocol, port, src_ip_sticky, flush_on_down, pools } =
        frontend;
    let mut keys = Keys::default();
    if !description.is_empty() {
        keys.text("description", description);
    }
    keys.address("address", *address);
    match protocol {
        None => (),
        Some(DraftProtocol::Tcp) => keys.word("protocol", &"tcp"),
        Some(DraftProtocol::Udp) => keys.word("protocol", &"udp"),
    }
    if *port != 0 {
        keys.word("port", port);
    }
    if *src_ip_sticky {
        keys.word("src-ip-sticky", &true);
    }
    if !flush_on_down {
        keys.word("flush-on-down", &false);
    }
    if !pools.is_empty() {
        keys.put("pools", Tree::List(pools.iter().map(pool).collect()));
    }
    keys
}

fn pool(pool: &DraftPool) -> Tree {
    let DraftPool { name, backends } = pool;
    let member = |(name, weight): &(String, u32)| {
        let mut keys = Keys::default();
        if *weight != WEIGHT_DEFAULT {
            keys.word("weight", weight);
        }
        (text(name), Tree::Map(keys.0))
    };
    let mut keys = Keys::default();
    keys.text("name", name);
    keys.put("backends", Tree::Map(backends.iter().map(member).collect()));
    Tree::Map(keys.0)
}
