//! A draft that is written reads back as the same draft, whatever it holds.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use maglev_core::config::{
    CheckKind, Config, Draft, DraftBackend, DraftCheck, DraftFrontend, DraftLb, DraftPool, DraftProtocol,
    Http, Method, Strangers, Tls,
};
use maglev_sim::Scenario;
use maglevd::config::{Options, draft, print};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{files, fixtures, root, stem};
use crate::support::backends::Scratch;
use crate::support::pki::Authority;

/// What a careless printer would write as something else.
const ODD: &[&str] = &[
    "yes",
    "No",
    "on",
    "y",
    "true",
    "False",
    "null",
    "~",
    "Null",
    "nan",
    ".nan",
    "inf",
    "Infinity",
    ".inf",
    "-.inf",
    "1",
    "010",
    "0x10",
    "0o7",
    "1_000",
    "1.5",
    "1e3",
    "-1",
    "+1",
    "12:30:45",
    "2001-01-01",
    "1.2.3.4",
    "-",
    "--",
    "---",
    "...",
    "- a",
    "-a",
    "?",
    "? a",
    ":",
    "::",
    ":a",
    "a:",
    "a:b",
    "a: b",
    "a :b",
    "a::b",
    "::1",
    "a#b",
    "a #b",
    "#a",
    "&a",
    "*a",
    "!a",
    "!!str",
    "|",
    ">",
    "%a",
    "@a",
    "`a",
    "'",
    "'a'",
    "it's",
    "\"",
    "\"a\"",
    "say \"a\"",
    "\\",
    "\\n",
    "a\\",
    "{",
    "}",
    "{}",
    "[",
    "]",
    "[]",
    "a,b",
    "a, b",
    ",",
    "a}",
    "a]",
    "<<",
    "=",
    "",
    " ",
    " a",
    "a ",
    "a  b",
    "a b",
    "\t",
    "a\tb",
    "\n",
    "a\nb",
    "a\n",
    "\r",
    "\r\n",
    "\0",
    "\x1b[0m",
    "\x7f",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{feff}",
    "\u{feff}a",
    "\u{202e}a",
    "grün",
    "e\u{301}",
    "日本語",
    "🦀",
    "maglev",
    "name",
    "weight",
    "a.b",
    "a/b",
    "/",
    "/healthz?a=1&b=2#c",
    "a=b",
    "www.example.net:80",
    "[::1]:80",
];

fn print_and_read(draft: &Draft) -> Draft {
    let text = print(draft);
    let options = Options { vpp_in_use: draft.vpp_in_use };
    let read = self::draft(text.as_bytes(), "printed", options);
    read.unwrap_or_else(|error| panic!("{error}\n{}", text.chars().take(4_000).collect::<String>()))
}

#[track_caller]
fn reads_back(draft: &Draft) {
    let read = print_and_read(draft);
    assert!(read == *draft, "{}\nread as {read:#?}\ninstead of {draft:#?}", print(draft));
}

fn backend(address: &str) -> DraftBackend {
    DraftBackend { address: address.parse().expect("an address"), healthcheck: None, enabled: true }
}

/// A draft in which `text` stands wherever a text can stand.
fn with_text(text: &str) -> Draft {
    let http = Http { path: text.into(), host: Some(text.into()), ..Http::default() };
    let check = DraftCheck::new(CheckKind::Http { port: 80, http, tls: None });
    let frontend = DraftFrontend {
        description: text.into(),
        address: IpAddr::from([203, 0, 113, 80]),
        protocol: None,
        port: 0,
        src_ip_sticky: false,
        flush_on_down: true,
        pools: vec![DraftPool {
            name: text.into(),
            backends: vec![(text.into(), 100), (format!("{text}2"), 1)],
        }],
    };
    Draft {
        netns: text.into(),
        healthchecks: vec![(text.into(), check)],
        backends: vec![(
            text.into(),
            DraftBackend { healthcheck: Some(text.into()), ..backend("192.0.2.9") },
        )],
        frontends: vec![(text.into(), frontend)],
        ..Draft::default()
    }
}

/// The configurations of our fixtures, scenarios included, with their names.
fn texts() -> Vec<(String, Vec<u8>)> {
    let mut texts = fixtures("good");
    for path in files(&root().join("fixtures/scenarios"), "yaml") {
        let scenario = Scenario::read(&fs::read_to_string(&path).expect("a scenario is readable"));
        for (name, text) in scenario.expect("a scenario can be read").configs {
            texts.push((format!("{}, {name}", stem(&path)), text.yaml.into_bytes()));
        }
    }
    texts
}

#[test]
fn our_configurations_are_written_as_what_they_say() {
    let texts = texts();
    assert!(texts.len() > 100, "only {} configurations", texts.len());
    for (name, bytes) in texts {
        let said = draft(&bytes, &name, Options::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut written = print_and_read(&said);
        assert_eq!(Config::check(&written), Config::check(&said), "{name}");
        assert_eq!(print(&written), print(&said), "{name}");
        // `params` is written as `http` and `tls`; only the paths of messages knew the difference.
        for ((_, written), (_, said)) in written.healthchecks.iter_mut().zip(&said.healthchecks) {
            written.http_key = said.http_key;
        }
        assert_eq!(written, said, "{name}");
    }
}

/// Defaults are left out, an entry that fits on one line gets one, and a long one gets several.
#[test]
fn what_is_written_reads_well() {
    let (_, bytes) = fixtures("good").into_iter().find(|(name, _)| name == "ipv6").expect("it exists");
    let mut draft = draft(&bytes, "ipv6.yaml", Options::default()).expect("it loads");
    let members = (0..8).map(|n| (format!("backend-{n}"), 100 - n)).collect();
    draft.frontends[0].1.pools.push(DraftPool { name: "long".into(), backends: members });
    insta::assert_snapshot!(print(&draft), @r#"
    maglev:
      healthchecker: { netns: dataplane }
      vpp:
        lb:
          ipv4-src-address: 192.0.2.1
          ipv6-src-address: 2001:db8::1
          startup-max-delay: 0s
          strangers: keep
      healthchecks:
        secure:
          type: https
          port: 443
          interval: 1m30s
          fast-interval: 1.5s
          timeout: 750ms
          probe-ipv6-src: 2001:db8::9
          http:
            path: /healthz?full=1
            host: www.example.net:443
            method: HEAD
            response-code: "200-299,301,204"
          tls: { server-name: www.example.net, insecure-skip-verify: true }
        handshake: { type: tcp, port: 8443, tls: {} }
      backends:
        ams: { address: 2001:db8:1::10, healthcheck: secure }
        fra: { address: 2001:db8:1::20, healthcheck: handshake, enabled: false }
        idle: { address: 198.51.100.99 }
      frontends:
        www6:
          description: public web over IPv6
          address: 2001:db8:ffff::80
          protocol: tcp
          port: 443
          flush-on-down: false
          pools:
            - { name: primary, backends: { ams: {}, fra: { weight: 0 } } }
            - name: long
              backends:
                backend-0: {}
                backend-1: { weight: 99 }
                backend-2: { weight: 98 }
                backend-3: { weight: 97 }
                backend-4: { weight: 96 }
                backend-5: { weight: 95 }
                backend-6: { weight: 94 }
                backend-7: { weight: 93 }
        dns6:
          address: 2001:db8:ffff::80
          protocol: udp
          port: 53
          pools:
            - { name: "010", backends: { fra: {} } }
        four-over-six:
          address: 203.0.113.80
          protocol: udp
          port: 443
          pools:
            - { name: primary, backends: { ams: {} } }
    "#);
}

#[test]
fn odd_texts_are_quoted_where_they_have_to_be() {
    for text in ODD {
        reads_back(&with_text(text));
    }
    let names = ODD.iter().map(|text| ((*text).into(), backend("192.0.2.9")));
    reads_back(&Draft { backends: names.collect(), ..Draft::default() });
}

#[test]
fn every_character_can_stand_in_a_name() {
    let most = '\0'..'\u{3100}';
    let all: Vec<char> = most.chain('\u{d700}'..='\u{1_0100}').chain('\u{1f000}'..'\u{1f700}').collect();
    for some in all.chunks(2_000) {
        let names =
            some.iter().flat_map(|c| [format!("{c}"), format!("a{c}z"), format!("a{c}"), format!("{c}z")]);
        let names: BTreeSet<String> = names.collect();
        let backends = names.into_iter().map(|name| (name, backend("192.0.2.9")));
        reads_back(&Draft { backends: backends.collect(), ..Draft::default() });
    }
}

#[test]
fn a_draft_without_anything_is_a_file() {
    assert_eq!(print(&Draft::default()), "maglev: {}\n");
    reads_back(&Draft::default());
    reads_back(&Draft { vpp_in_use: false, ..Draft::default() });
}

/// Whatever a draft holds, allowed or not, the file says it.
#[test]
fn drawn_drafts_read_back() {
    let folder = Scratch::new();
    let authority = folder.file("ca: #1.pem", &Authority::new().pem());
    let mut drawing = Drawing(ChaCha8Rng::seed_from_u64(3), authority);
    for _ in 0..2_000 {
        reads_back(&drawing.draft());
    }
}

/// Drafts by chance, and the one CA file that they may name.
struct Drawing(ChaCha8Rng, String);

impl Drawing {
    fn is(&mut self) -> bool {
        self.0.random()
    }

    fn text(&mut self) -> String {
        let parts = self.0.random_range(0..4);
        (0..parts).map(|_| *ODD.choose(&mut self.0).expect("there are some")).collect()
    }

    fn maybe<T>(&mut self, draw: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.is().then(|| draw(self))
    }

    fn duration(&mut self) -> Duration {
        let unit = *[1, 1_000, 1_000_000, 500_000_000, 1_000_000_000, 60_000_000_000]
            .choose(&mut self.0)
            .expect("some");
        Duration::from_nanos(self.0.random_range(0..5_000) * unit)
    }

    fn address(&mut self) -> IpAddr {
        let all = ["0.0.0.0", "198.51.100.10", "::", "::1", "2001:db8::", "2001:db8::9", "::ffff:192.0.2.1"];
        let all = all.into_iter().chain(["1:2:3:4:5:6:7:8", "12:34:56:01:02:03:04:05"]).collect::<Vec<_>>();
        all.choose(&mut self.0).expect("there are some").parse().expect("an address")
    }

    /// Some entries, each name once.
    fn named<T>(&mut self, most: usize, draw: impl Fn(&mut Self) -> T) -> Vec<(String, T)> {
        let mut entries: Vec<(String, T)> = Vec::new();
        for _ in 0..self.0.random_range(0..=most) {
            let name = self.text();
            if entries.iter().all(|(known, _)| *known != name) {
                entries.push((name, draw(self)));
            }
        }
        entries
    }

    fn draft(&mut self) -> Draft {
        Draft {
            transition_history: self.0.random_range(0..10),
            netns: self.text(),
            lb: self.lb(),
            healthchecks: self.named(4, Self::check),
            backends: self.named(5, |it| DraftBackend {
                address: it.address(),
                healthcheck: it.maybe(Self::text),
                enabled: it.is(),
            }),
            frontends: self.named(4, Self::frontend),
            vpp_in_use: self.is(),
        }
    }

    fn lb(&mut self) -> DraftLb {
        let default = DraftLb::default();
        DraftLb {
            ipv4_src_address: self.maybe(|_| [192, 0, 2, 1].into()),
            ipv6_src_address: self.maybe(|it| (u128::from(it.0.random_range(0..3_u8)) << 112).into()),
            sync_interval: self.maybe(Self::duration).unwrap_or(default.sync_interval),
            sticky_buckets_per_core: self
                .maybe(|it| it.0.random())
                .unwrap_or(default.sticky_buckets_per_core),
            flow_timeout: self.maybe(Self::duration).unwrap_or(default.flow_timeout),
            startup_min_delay: self.maybe(Self::duration).unwrap_or(default.startup_min_delay),
            startup_max_delay: self.maybe(Self::duration).unwrap_or(default.startup_max_delay),
            new_flows_table_length: self.maybe(|it| it.0.random()),
            strangers: if self.is() { Strangers::Keep } else { Strangers::Delete },
        }
    }

    fn check(&mut self) -> DraftCheck {
        let port = self.0.random_range(0..1_000);
        let kind = match self.0.random_range(0..3) {
            0 => CheckKind::Icmp,
            1 => CheckKind::Tcp { port, tls: self.maybe(Self::tls) },
            _ => CheckKind::Http { port, http: self.http(), tls: self.maybe(Self::tls) },
        };
        let default = DraftCheck::new(kind);
        DraftCheck {
            interval: self.maybe(Self::duration).unwrap_or(default.interval),
            fast_interval: self.maybe(Self::duration),
            down_interval: self.maybe(Self::duration),
            timeout: self.maybe(Self::duration).unwrap_or(default.timeout),
            rise: self.0.random_range(0..4),
            fall: self.0.random_range(0..5),
            probe_ipv4_src: self.maybe(Self::address),
            probe_ipv6_src: self.maybe(Self::address),
            ..default
        }
    }

    fn http(&mut self) -> Http {
        let mut http = Http {
            host: self.maybe(Self::text),
            method: if self.is() { Method::Head } else { Method::Get },
            response_regexp: self.maybe(|_| r#"^"ok": [a-z]{2,}\s#\d$"#.into()),
            ..Http::default()
        };
        if self.is() {
            http.path = self.text();
            let codes = self.0.random_range(1..4);
            http.response_codes = (0..codes).map(|_| (self.0.random_range(1..600), 600)).collect();
        }
        http
    }

    fn tls(&mut self) -> Tls {
        let names = ["www.example.net", "192.0.2.1", "2001:db8::1"];
        let server_name = self.maybe(|it| (*names.choose(&mut it.0).expect("there are some")).into());
        let ca_file = self.maybe(|it| it.1.clone());
        Tls { server_name, insecure_skip_verify: self.is(), ca_file }
    }

    fn frontend(&mut self) -> DraftFrontend {
        let protocols = [None, Some(DraftProtocol::Tcp), Some(DraftProtocol::Udp)];
        let pools = self.0.random_range(0..3);
        DraftFrontend {
            description: self.text(),
            address: self.address(),
            protocol: *protocols.choose(&mut self.0).expect("there are three"),
            port: self.0.random_range(0..3),
            src_ip_sticky: self.is(),
            flush_on_down: self.is(),
            pools: (0..pools).map(|_| self.pool()).collect(),
        }
    }

    fn pool(&mut self) -> DraftPool {
        let weight = |it: &mut Self| *[0, 1, 100, 4_294_967_295].choose(&mut it.0).expect("there are some");
        DraftPool { name: self.text(), backends: self.named(20, weight) }
    }
}
