//! Flags, environment, and what is said when they are wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::backends::Scratch;
use crate::support::binary::{maglevd, outcome};

const GOOD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/config/good/minimal.yaml");
const WARNED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/config/good/warn-weights-zero.yaml");
const STRUCTURAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/config/bad/11-unknown-keys.yaml");
const SEMANTIC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/config/bad/19-sources-missing.yaml");

#[test]
fn check_prints_the_verdict_and_exits_0_1_or_2() {
    for (file, code, words) in [
        (GOOD, 0, "minimal.yaml: good: "),
        (WARNED, 0, "warning: "),
        (STRUCTURAL, 1, "kind structural"),
        (SEMANTIC, 2, "kind semantic"),
        ("/nonexistent.yaml", 1, "/nonexistent.yaml: cannot be read"),
    ] {
        let (seen, verdict, errors) = outcome(&mut maglevd(&["--check", "--config", file]));
        assert_eq!((seen, errors.as_str()), (code, ""), "{file}");
        assert!(verdict.contains(words), "{file}: {verdict}");
    }
}

#[test]
fn a_bad_file_at_the_start_is_on_stderr_and_in_the_log() {
    for (file, code, kind) in [(STRUCTURAL, 1, "structural"), (SEMANTIC, 2, "semantic")] {
        let (seen, log, errors) = outcome(&mut maglevd(&["--config", file]));
        assert_eq!(seen, code);
        // Every error has its place, and what to do.
        assert!(errors.lines().all(|line| line.contains(&format!("{file}:"))), "{errors}");
        let event = log.lines().find(|line| line.contains("config-check-failed")).expect("an event");
        let event: serde_json::Value = serde_json::from_str(event).unwrap();
        assert_eq!((event["kind"].as_str(), event["level"].as_str()), (Some(kind), Some("ERROR")));
        assert_eq!(format!("maglevd: {}\n", event["err"].as_str().unwrap()), errors);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_a_remedy() {
    let (code, _, errors) = outcome(&mut maglevd(&["--config", "/nonexistent/maglev.yaml"]));
    assert_eq!(code, 1);
    assert!(errors.contains("/nonexistent/maglev.yaml") && errors.contains("--config"), "{errors}");

    let scratch = Scratch::new();
    let file = scratch.file("secret.yaml", "maglev: {}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&file).is_ok() {
        eprintln!("SKIPPED in part: root may read everything");
        return;
    }
    let (code, _, errors) = outcome(&mut maglevd(&["--config", &file]));
    assert_eq!(code, 1);
    assert!(errors.contains(&file) && errors.contains("ermission"), "{errors}");
}

#[test]
fn a_group_that_does_not_exist_is_named() {
    let flags = [
        "--config",
        GOOD,
        "--vpp-api-addr",
        "",
        "--grpc-addr",
        "",
        "--grpc-socket",
        "",
        "--metrics-addr",
        "",
    ];
    let mut command = maglevd(&flags);
    let (code, log, errors) = outcome(command.env("MAGLEV_GRPC_OPERATOR_GROUP", "no-such-group"));
    assert_eq!(code, 1);
    assert!(
        errors.contains("no group no-such-group") && errors.contains("--grpc-operator-group"),
        "{errors}"
    );
    assert!(log.contains("start-failed"), "{log}");
}

#[test]
fn every_flag_has_a_variable_and_the_flag_wins() {
    let check = |arguments: &[&str], file: &str| {
        outcome(maglevd(arguments).env("MAGLEV_CONFIG", file).env("MAGLEV_CHECK", "true")).0
    };
    assert_eq!(check(&[], SEMANTIC), 2);
    assert_eq!(check(&["--config", GOOD], SEMANTIC), 0);
    // Without VPP, nobody needs its source addresses.
    assert_eq!(check(&["--vpp-api-addr", ""], SEMANTIC), 0);
    let without_vpp = maglevd(&[])
        .env("MAGLEV_CONFIG", SEMANTIC)
        .env("MAGLEV_CHECK", "1")
        .env("MAGLEV_VPP_API_ADDR", "")
        .output()
        .unwrap();
    assert_eq!(without_vpp.status.code(), Some(0));
    let (_, help, _) = outcome(&mut maglevd(&["--help"]));
    for name in [
        "CONFIG",
        "VPP_API_ADDR",
        "VPP_STATS_ADDR",
        "GRPC_ADDR",
        "METRICS_ADDR",
        "LOG_LEVEL",
        "LOG_FORMAT",
        "REFLECTION",
        "SEED",
        "CHECK",
    ] {
        assert!(help.contains(&format!("MAGLEV_{name}")), "{name}: {help}");
    }
}

#[test]
fn command_lines_of_go_are_understood() {
    let (code, verdict, _) =
        outcome(&mut maglevd(&["-check", "-config", GOOD, "-log-level=DEBUG", "-reflection=false"]));
    assert_eq!(code, 0, "{verdict}");
    // Its boolean flags take a value after `=` only, and any that its strconv.ParseBool knows.
    for yes in ["-check", "--check", "-check=true", "--check=1", "-check=T"] {
        let (code, verdict, errors) = outcome(&mut maglevd(&[yes, "-config", GOOD, "-reflection=F"]));
        assert_eq!(code, 0, "{yes}: {errors}");
        assert!(verdict.contains("good"), "{yes}: {verdict}");
    }
    let nowhere = ["-check=false", "-config", GOOD, "-vpp-api-addr", "", "-grpc-addr", "nowhere"];
    let (code, _, errors) = outcome(&mut maglevd(&nowhere));
    assert!(code == 1 && errors.contains("--grpc-addr"), "{code} {errors}");
}

#[test]
fn an_empty_variable_is_not_set() {
    let mut command = maglevd(&["--check", "--config", GOOD]);
    for name in ["CONFIG", "LOG_LEVEL", "LOG_FORMAT", "GRPC_ADDR", "REFLECTION", "SEED", "CHECK"] {
        command.env(format!("MAGLEV_{name}"), "");
    }
    let (code, _, errors) = outcome(&mut command);
    assert_eq!(code, 0, "{errors}");
}

#[test]
fn wrong_flags_are_told_apart_from_wrong_files() {
    for arguments in [["--bogus", ""], ["--log-level", "loud"], ["--seed", "x"]] {
        let (code, _, errors) = outcome(&mut maglevd(&arguments));
        assert_eq!(code, 64, "{arguments:?}");
        assert!(errors.contains(arguments[0]), "{errors}");
    }
    let (code, _, errors) = outcome(&mut maglevd(&["demo", "--for", "1s"]));
    assert!(code == 64 && errors.contains("too short"), "{errors}");
    let (code, version, _) = outcome(&mut maglevd(&["--version"]));
    assert_eq!((code, version.as_str()), (0, concat!("maglevd ", env!("CARGO_PKG_VERSION"), "\n")));
}

#[test]
fn text_logs_are_for_people() {
    let (code, log, _) =
        outcome(&mut maglevd(&["--config", STRUCTURAL, "--log-format", "text", "--seed", "5"]));
    assert_eq!(code, 1);
    let first = log.lines().next().unwrap();
    assert!(first.contains(" INFO  starting ") && first.ends_with(" seed=5"), "{log}");
    assert!(log.lines().any(|line| line.contains(" ERROR config-check-failed kind=structural ")), "{log}");
}
