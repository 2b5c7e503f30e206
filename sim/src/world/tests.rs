//! Runs of small worlds. Configurations are made here, since their file format lives elsewhere.

use core::net::Ipv4Addr;

use maglev_core::config::{
    CheckKind, Draft, DraftBackend, DraftCheck, DraftFrontend, DraftPool, DraftProtocol,
};

use super::*;
use crate::straight::play;

/// `www` with as many backends `b1`, `b2`, ... as the text says; checked by TCP every two seconds.
fn read(text: &str) -> Result<Arc<Config>, String> {
    let n: u8 = text.trim().parse().map_err(|_| format!("{text:?} is not a number"))?;
    let mut draft = Draft::default();
    draft.lb.ipv4_src_address = Some(Ipv4Addr::new(192, 0, 2, 1));
    draft.lb.ipv6_src_address = Some("2001:db8::1".parse().unwrap());
    draft.healthchecks.push(("web".into(), DraftCheck::new(CheckKind::Tcp { port: 80, tls: None })));
    let names: Vec<String> = (1..=n).map(|i| format!("b{i}")).collect();
    for (i, name) in (1u8..).zip(&names) {
        let address = Ipv4Addr::new(198, 51, 100, i).into();
        let backend = DraftBackend { address, healthcheck: Some("web".into()), enabled: true };
        draft.backends.push((name.clone(), backend));
    }
    let pool =
        DraftPool { name: "primary".into(), backends: names.into_iter().map(|name| (name, 100)).collect() };
    let www = DraftFrontend {
        description: String::new(),
        address: Ipv4Addr::new(203, 0, 113, 80).into(),
        protocol: Some(DraftProtocol::Tcp),
        port: 80,
        src_ip_sticky: false,
        flush_on_down: true,
        pools: vec![pool],
    };
    draft.frontends.push(("www".into(), www));
    let (config, _) = Config::check(&draft).map_err(|problems| format!("{problems:?}"))?;
    Ok(Arc::new(config))
}

fn configs(scenario: &Scenario) -> Configs {
    scenario.configs.iter().map(|(name, text)| (name.clone(), read(&text.yaml).unwrap())).collect()
}

fn run(rest: &str) -> Report {
    let text = format!("about: a test\nconfig: \"3\"\nconfigs: {{ two: \"2\" }}\n{rest}");
    let scenario = Scenario::read(&text).unwrap();
    let again = || play(&scenario, configs(&scenario), Settings::FULL).unwrap();
    let report = again();
    assert_eq!(again(), report, "the same scenario twice is the same run");
    report
}

fn assert_met(rest: &str) -> Report {
    let report = run(rest);
    assert!(report.breaches.is_empty(), "{}\n{}", report.failures().join("\n"), report.timeline);
    report
}

#[test]
fn a_healthy_world_is_programmed_after_hands_off() {
    let report = assert_met(
        "events:
  - { at: 4.9s, expect: { writes: 0, in-sync: false } }
until: 60s
expect: { in-sync: true, refused: 0, weights: { www: { b1: 100, 198.51.100.3: 100, 10.0.0.1: -1 } } }
",
    );
    assert_eq!(report.tally.not_sent + report.tally.crashes, 0);
    assert!(report.steps > 100);
}

/// An unmet expectation is a failure with a line, not a panic.
#[test]
fn what_is_not_met_is_said() {
    let report = run("until: 60s\nexpect: { writes: 0, in-sync: false, weights: { www: { b1: 7 } } }\n");
    assert_eq!(report.breaches.len(), 1, "{:?}", report.breaches);
    let said = report.breaches[0].to_string();
    assert!(said.starts_with("expect at 1m0s: line 5: "), "{said}");
    assert!(said.contains("weight of b1 in www is 100, expected 7"), "{said}");
}

#[test]
fn a_dead_backend_leaves_the_table_and_comes_back() {
    assert_met(
        "events:
  - { at: 20s, traffic: www 100 }
  - { at: 30s, backend: { b1: refuse } }
  - { at: 50s, expect: { in-sync: true, weights: { www: { b1: 0, b2: 100 } }, packets-dropped: 0 } }
  - { at: 51s, backend: { b1: up } }
until: 80s
expect: { in-sync: true, weights: { www: { b1: 100 } }, packets-dropped: 0 }
",
    );
}

#[test]
fn a_restarted_vpp_and_a_restarted_daemon_end_in_sync() {
    assert_met(
        "events:
  - { at: 20s, vpp: restart }
  - { at: 30s, expect: { in-sync: true } }
  - { at: 31s, daemon: restart }
  - { at: 70s, expect: { in-sync: true } }
  - { at: 71s, daemon: terminate }
  - { at: 73s, expect: { in-sync: false } }
  - { at: 74s, daemon: restart two }
until: 150s
expect: { in-sync: true, weights: { www: { b3: -1 } } }
",
    );
}

#[test]
fn foreign_edits_refusals_and_reloads_are_mended() {
    assert_met(
        r#"events:
  - { at: 20s, foreign: "set-weight 203.0.113.80 tcp/80 198.51.100.1 weight 7" }
  - { at: 21s, expect: { in-sync: false } }
  - { at: 70s, expect: { in-sync: true } }
  - { at: 71s, fault: refuse 1 with -6 }
  - { at: 71s, operator: weight www primary b2 30 }
  - { at: 75s, expect: { in-sync: true, refused: 1, weights: { www: { b2: 30 } } } }
  - { at: 76s, reload: two }
until: 120s
expect: { in-sync: true, weights: { www: { b3: -1 } } }
"#,
    );
}

/// A stall of ours longer than any timeout takes nobody out.
#[test]
fn a_stalled_daemon_takes_nobody_out() {
    let report = assert_met(
        "events:
  - { at: 20s, daemon: stall 20s }
until: 60s
expect: { in-sync: true, weights: { www: { b1: 100, b2: 100, b3: 100 } } }
",
    );
    assert!(!report.timeline.contains("to=down"), "{}", report.timeline);
}
