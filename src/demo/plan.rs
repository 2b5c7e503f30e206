//! What the demo's configuration file says, and how that changes.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use super::script::LATECOMER;

/// Backends: name, last byte of 127.0.0.x, and who they serve, in the order in which the script names them.
pub const BACKENDS: [(&str, Ipv4Addr); 6] = [
    ("ams", Ipv4Addr::new(127, 0, 0, 11)),
    ("fra", Ipv4Addr::new(127, 0, 0, 12)),
    ("lon", Ipv4Addr::new(127, 0, 0, 13)),
    ("sto", Ipv4Addr::new(127, 0, 0, 14)),
    ("prg", Ipv4Addr::new(127, 0, 0, 15)),
    ("waw", Ipv4Addr::new(127, 0, 0, 16)),
];

/// Everything but what changes. Delays and intervals are short, so that something is to be seen.
const HEAD: &str = "\
maglev:
  vpp:
    lb: { ipv4-src-address: 192.0.2.1, ipv6-src-address: '2001:db8::1', sync-interval: 5s,
          startup-min-delay: 2s, startup-max-delay: 6s, new-flows-table-length: 1024 }
  healthchecks:
";

const API: &str = "    api:
      { address: 203.0.113.81, protocol: tcp, port: 443, pools: [ { name: primary, backends: { prg: {}, waw: {} } } ] }
";

const SHOP: &str = "    shop:
      { address: 203.0.113.82, protocol: tcp, port: 80, pools: [ { name: primary, backends: { sto: {}, waw: { weight: 20 } } } ] }
";

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The port of all backends.
    pub port: u16,
    /// The weights of `www`'s first pool.
    pub weights: [u8; 3],
    /// Whether there is a frontend `shop`.
    pub has_shop: bool,
}

impl Plan {
    /// The file at the beginning.
    pub const fn new(port: u16) -> Self {
        Self { port, weights: [100, 50, 100], has_shop: false }
    }

    /// The whole file.
    pub fn yaml(&self) -> String {
        let [ams, fra, lon] = self.weights;
        let mut text = HEAD.to_owned();
        let _ = write!(
            text,
            "    web: {{ type: http, port: {}, interval: 500ms, fast-interval: 200ms, down-interval: 500ms,
           timeout: 250ms, rise: 2, fall: 2, http: {{ path: /healthz }} }}
    patient: {{ type: http, port: {}, interval: 500ms, fast-interval: 200ms, timeout: 250ms, rise: 2, fall: 14 }}
  backends:
",
            self.port, self.port
        );
        for (at, (name, address)) in BACKENDS.into_iter().enumerate() {
            let check = if at == LATECOMER { "patient" } else { "web" };
            let _ = writeln!(text, "    {name}: {{ address: {address}, healthcheck: {check} }}");
        }
        let _ = write!(
            text,
            "  frontends:
    www:
      address: 203.0.113.80
      protocol: tcp
      port: 80
      pools:
        - {{ name: primary, backends: {{ ams: {{ weight: {ams} }}, fra: {{ weight: {fra} }}, lon: {{ weight: {lon} }} }} }}
        - {{ name: fallback, backends: {{ sto: {{}} }} }}
"
        );
        text.push_str(API);
        if self.has_shop {
            text.push_str(SHOP);
        }
        text
    }

    /// The same with a slip of the pen, which the daemon must refuse.
    pub fn broken_yaml(&self) -> String {
        self.yaml().replace("backends: { prg:", "backends: { prague:")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Options, parse};

    #[test]
    fn every_plan_is_a_good_file_and_a_slip_of_the_pen_is_not() {
        let plan = Plan::new(8080);
        for plan in [plan, Plan { has_shop: true, weights: [10, 90, 30], ..plan }] {
            let loaded = parse(plan.yaml().as_bytes(), "demo", Options::default()).expect("a good file");
            assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        }
        let err = parse(plan.broken_yaml().as_bytes(), "demo", Options::default()).expect_err("a slip");
        assert_eq!(err.findings().len(), 1, "{err}");
    }
}
