//! Scenario files as people write them, right and wrong.

use super::*;

const HEAD: &str = "about: a test\nconfig: |\n  maglev: {}\n";

fn read(rest: &str) -> Result<Scenario, ScriptError> {
    Scenario::read(&format!("{HEAD}{rest}"))
}

/// What stands in the file is what a person reads in a timeline, and what the minimiser writes reads back the same.
#[test]
fn a_scenario_prints_as_a_file_that_reads_back() {
    let scenario = read(
        r#"
configs:
  b: |
    maglev:
      x: 1

    # the end
seed: 7
events:
  - { at: 0s, backend: { ams: slow 300ms, 2001:db8::1: local-fault EMFILE } }
  - { at: 1s, backend: { ams: one-in 3 } }
  - { at: 1s, vpp: slow 200ms }
  - { at: 1.5s, vpp: no-plugin }
  - { at: 2s, fault: refuse 3 with -81 }
  - { at: 2s, fault: delay-reply 5 by 6s of reads }
  - { at: 2s, fault: restart-after 1 of calls }
  - { at: 3s, foreign: "set-weight 203.0.113.80 tcp/80 198.51.100.10 weight 7 flush" }
  - { at: 4s, reload: b }
  - { at: 4s, reload: b forced }
  - { at: 5s, reload-invalid: semantic }
  - { at: 6s, operator: weight www primary ams 30 flush }
  - { at: 7s, daemon: restart b }
  - { at: 7s, traffic: www 100 }
  - { at: 1m, expect: { writes: 0, told: [vpp-lb-warmup-complete], weights: { www: { ams: -1, 10.0.0.1: 0 } } } }
until: 1m30s
expect: { in-sync: true, flows-moved: 0 }
"#,
    )
    .unwrap();
    assert_eq!(scenario.events.len(), 17);
    assert_eq!(scenario.configs["b"].yaml, "maglev:\n  x: 1\n\n# the end\n");
    let without_lines = |mut scenario: Scenario| {
        scenario.events.iter_mut().for_each(|event| event.line = 0);
        scenario.configs.values_mut().for_each(|config| config.line = 0);
        scenario
    };
    let again = Scenario::read(&scenario.to_string()).unwrap();
    assert_eq!(without_lines(again), without_lines(scenario));
    for end in ["twin: renamed\nconverge: 60s\n", "converge: 60s\n", "converge: 60s then restart\n"] {
        assert!(read(end).unwrap().to_string().ends_with(end), "{end}");
    }
}

/// Every mistake names its line and what to write instead.
#[test]
fn mistakes_name_their_line_and_the_remedy() {
    for (rest, line, says) in [
        ("until: 5\n", 4, "write 300ms, 5.2s"),
        ("until: 5s\ntwin: mirrored\n", 5, "use one of renamed"),
        ("until: 5s\nunitl: 6s\n", 5, "unitl"),
        ("events:\n  - { at: 2s, vpp: up }\n  - { at: 1s, vpp: up }\nuntil: 5s\n", 6, "move it up"),
        ("events:\n  - { at: 9s, vpp: up }\nuntil: 5s\n", 5, "move the end"),
        ("until: 5s\nconverge: 6s\n", 5, "two ends"),
        ("converge: 6s and restart\n", 4, "not a duration"),
        ("events:\n  - { at: 1s }\nuntil: 5s\n", 5, "nothing happens here"),
        ("events:\n  - { at: 1s, backend: {} }\nuntil: 5s\n", 5, "nothing happens here"),
        ("events:\n  - { at: 1s, vpp: up, daemon: kill }\nuntil: 5s\n", 5, "two events"),
        ("events:\n  - { at: 1s, vpp: gone }\nuntil: 5s\n", 5, "use absent, up"),
        ("events:\n  - { at: 1s, fault: lose-reply 0 }\nuntil: 5s\n", 5, "counted from 1"),
        ("events:\n  - at: 1s\n    backend:\n      ams: ill\nuntil: 5s\n", 7, "use up, slow"),
        ("events:\n  - { at: 1s, backend: { ams: local-fault EGG } }\nuntil: 5s\n", 5, "use one of EMFILE"),
        ("events:\n  - { at: 1s, reload: c }\nuntil: 5s\n", 5, "use one of config"),
        ("events:\n  - { at: 1s, operator: weight www p ams 101 }\nuntil: 5s\n", 5, "above 100"),
        ("events:\n  - { at: 1s, foreign: set-weight }\nuntil: 5s\n", 5, "as in a timeline"),
        ("until: 5s\nexpect: {}\n", 5, "in-sync: true"),
        ("until: 5s\nexpect: { insync: true }\n", 5, "insync"),
        ("seed: many\nuntil: 5s\n", 4, ""),
        ("configs: { config: x }\nuntil: 5s\n", 4, "use another"),
    ] {
        let error = read(rest).expect_err(rest);
        assert_eq!(error.line, line, "{rest}: {error}");
        assert!(error.message.contains(says), "{rest}: {error}");
    }
}
