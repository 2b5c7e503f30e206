//! Looking, in every form: tables for people, JSON and YAML for programs.

use serde_json::Value;

use crate::support::site::{AMS, FRA, LON, table};
use crate::support::{Served, shelf};

/// When every backend has as many results as are kept and VPP has been seen to the end, so that two runs look alike.
fn until_all_are_well_known(site: &Served) {
    let is_known =
        |it: &Value| it["results"].as_array().unwrap().len() == 4 && it["counter"] == it["counter_max"];
    while !site.json("show backends").as_array().unwrap().iter().all(is_known) {}
    while site.json("show vpp info")["next_check"].is_null() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_can_be_looked_at_in_every_form() {
    let mut site = Served::start().await;
    until_all_are_well_known(&site);
    let commands = [
        ("show-version", "show version"),
        ("show-frontends", "show frontends"),
        ("show-frontend", "show frontend www"),
        ("show-backends", "show backends"),
        ("show-backend", "show backend fra"),
        ("show-healthchecks", "show healthchecks"),
        ("show-healthcheck", "show healthcheck web"),
        ("show-warmup", "show warmup"),
        ("show-vpp-info", "show vpp info"),
        ("show-vpp-lb-state", "show vpp lb state"),
        ("show-vpp-lb-diff", "show vpp lb diff"),
        ("show-vpp-lb-plan", "show vpp lb plan www"),
        ("explain-backend", "explain backend fra"),
        ("explain-frontend", "explain frontend www"),
        ("config-check", "config check"),
        ("config-plan", "config plan"),
    ];
    for (name, line) in commands {
        let [table, json, yaml] =
            ["table", "json", "yaml"].map(|output| site.told(&format!("{line} -o {output}")));
        assert_eq!(
            table.chars().filter(|c| c.is_control() && *c != '\n').count(),
            0,
            "no colour without a terminal"
        );
        let _: Value = serde_json::from_str(&json).unwrap_or_else(|err| panic!("{line}: {err}"));
        shelf().bind(|| insta::assert_snapshot!(name, format!("{table}\n{json}\n{yaml}")));
    }
    site.end().await;
}

/// Whoever finds a backend at 0 need not search the log for whom to ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_choice_is_shown_with_who_when_and_why() {
    let mut site = Served::start().await;
    until_all_are_well_known(&site);
    site.told("set backend fra pause --why kernel");
    site.told("set frontend www pool only backend ams weight 7");
    site.until_table("both", &table(&[(80, &[(AMS, 7), (FRA, 0)]), (81, &[(LON, 100)])])).await;
    for (name, line) in [
        ("chosen-backend", "show backend fra"),
        ("chosen-backend-explained", "explain backend fra"),
        ("chosen-frontend", "show frontend www"),
        ("chosen-frontend-explained", "explain frontend www"),
    ] {
        shelf().bind(|| insta::assert_snapshot!(name, site.told(line)));
    }
    let by = &site.json("show backend fra")["chosen_by"];
    assert!(by["who"].as_str().unwrap().starts_with("unix uid "), "{by}");
    assert!(by["why"] == "kernel" && by["at"].is_string(), "{by}");
    // What is as in the file was chosen by nobody.
    site.told("set frontend www pool only backend ams weight 100");
    let www = site.json("show frontend www");
    assert!(www["pools"][0]["members"].as_array().unwrap().iter().all(|it| it["set_by"].is_null()), "{www}");
    site.told("set backend fra resume");
    assert!(site.json("show backend fra")["chosen_by"].is_null());
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_and_yaml_tell_the_same() {
    let mut site = Served::start().await;
    let json = site.json("show frontend www");
    let yaml: Value = serde_saphyr::from_str(&site.told("-o yaml show frontend www")).unwrap();
    assert_eq!(json, yaml);
    assert_eq!(json["pools"][0]["members"][1]["backend"], "fra");
    assert_eq!(json["pools"][0]["members"][1]["set_weight"], Value::Null, "what is absent is there as null");
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_difference_is_shown_until_it_is_mended() {
    let mut site = Served::start().await;
    assert_eq!(site.told("show vpp lb diff"), "VPP holds what is wanted.\n");
    assert_eq!(site.json("show vpp lb diff"), Value::Array(Vec::new()));
    let state = site.json("show vpp lb state www");
    assert_eq!((&state[0]["difference"], state[0]["servers"].as_array().unwrap().len()), (&"none".into(), 2));
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_latest_events_are_shown_and_then_it_ends() {
    let mut site = Served::start().await;
    site.told("set backend fra pause --why maintenance");
    let events = site.json("show events last 4096");
    let commands: Vec<&Value> =
        events.as_array().unwrap().iter().filter(|it| it["name"] == "operator-command").collect();
    assert_eq!(commands.len(), 1);
    assert_eq!(commands[0]["operator_command"]["why"], "maintenance");
    assert_eq!(commands[0]["operator_command"]["command"], "pause fra");
    assert!(site.told("show events").lines().count() <= 20);
    assert_eq!(site.told("show events last 1").lines().count(), 1);
    assert_eq!(site.told("show events level error"), "No such event is kept.\n");
    site.end().await;
}
