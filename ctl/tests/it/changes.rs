//! Changing: VPP shows that it was done.

use std::io::Write as _;
use std::process::Stdio;

use crate::support::site::{AMS, FRA, LON, file, frontend, table};
use crate::support::{Served, shelf};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_is_paused_resumed_disabled_and_enabled() {
    let mut site = Served::start().await;
    let drained = table(&[(80, &[(AMS, 100), (FRA, 0)]), (81, &[(LON, 100)])]);
    for (out, back) in [("pause", "resume"), ("disable", "enable")] {
        let answer = site.json(&format!("set backend fra {out}"));
        assert_eq!(answer["state"], format!("{out}d"));
        site.until_table("fra is out", &drained).await;
        assert_ne!(site.json(&format!("set backend fra {back}"))["state"], format!("{out}d"));
        site.settled().await;
    }
    site.told("se b fra dis");
    let refused = site.refused("set backend fra pause", 4);
    assert!(refused.contains("disabled"), "{refused}");
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_weight_is_set_and_the_answer_shows_it() {
    let mut site = Served::start().await;
    let answer = site.json("set frontend www pool only backend ams weight 7 flush");
    assert_eq!(answer["pools"][0]["members"][0]["set_weight"], 7);
    site.until_table("VPP has it", &table(&[(80, &[(AMS, 7), (FRA, 50)]), (81, &[(LON, 100)])])).await;
    assert!(site.told("explain backend ams").contains("set to 7 at run time"));
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_is_ordered() {
    let mut site = Served::start().await;
    assert!(site.told("sync vpp lb state www").starts_with("The sync of frontend www is ordered"));
    assert!(site.told("sync v l s").starts_with("The sync of all frontends is ordered"));
    assert!(site.json("sync vpp lb state")["position"]["next_sequence"].is_u64());
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_is_checked_and_put_in_force() {
    let mut site = Served::start().await;
    let bad = site.scratch.file("bad.yaml", &file(site.farm.port(), &frontend("www", 80, "nobody: {}")));
    let (code, out, err) = site.run(&format!("config check {bad}"));
    assert_eq!((code, err.as_str()), (2, ""));
    assert!(out.contains("bad.yaml:") && out.contains("is not good: 1 errors; nothing was changed"), "{out}");
    let refused = site.refused(&format!("config reload {bad}"), 2);
    assert!(refused.contains("nobody") && refused.contains("bad.yaml:"), "{refused}");

    let good = site.scratch.file("good.yaml", &file(site.farm.port(), &frontend("www", 80, "ams: {}")));
    assert!(site.told(&format!("config check {good}")).ends_with("is good: 1 frontends, 3 backends\n"));
    let planned = site.told(&format!("config plan {good}"));
    let calls = ["del-as 203.0.113.80 tcp/80 127.0.0.22 flush", "del-vip 203.0.113.81 tcp/80"];
    assert!(calls.iter().all(|call| planned.contains(call)), "{planned}");
    assert!(planned.ends_with("good.yaml: 4 calls would be made\n"), "{planned}");
    assert_eq!(site.json(&format!("config plan {good}"))["calls"][0]["when"], "at-once");
    assert!(site.refused(&format!("config plan {bad}"), 2).contains("nobody"));
    assert_eq!(site.told(&format!("config reload {good}")), format!("{good} is in force: generation 2\n"));
    site.until_table("the new file rules", &table(&[(80, &[(AMS, 100)])])).await;
    assert_eq!(site.told("config reload"), "the daemon's file is in force: generation 3\n");
    site.settled().await;
    let missing = site.refused("config check /nowhere/x.yaml", 1);
    assert!(missing.starts_with("cannot read /nowhere/x.yaml: "), "{missing}");
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_without_frontends_wants_force() {
    let mut site = Served::start().await;
    let text = format!(
        "maglev:\n  healthchecks:\n    web: {{ type: tcp, port: {}, interval: 1s }}\n",
        site.farm.port()
    );
    let empty = site.scratch.file("empty.yaml", &text);
    let refused = site.refused(&format!("config reload {empty}"), 2);
    assert!(refused.contains("has no frontend"), "{refused}");
    site.told(&format!("config reload {empty} --force"));
    site.until_table("all VIPs are gone", &table(&[])).await;
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_come_from_standard_input_too() {
    let mut site = Served::start().await;
    let mut child = site
        .maglevc(&[])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let script = "# drain\nset backend fra pause -o json\n\nshow backend bru\nset backend ams pause\n";
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "the first failure ends it");
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(complaint, "maglevc: there is no backend bru: there are ams, fra, lon\n");
    let states = site.json("show backends");
    assert_eq!((&states[0]["state"], &states[1]["state"]), (&"up".into(), &"paused".into()));
    site.end().await;
}

/// What does not depend on when a probe ends or VPP answers: a backend without a check and in no frontend, a weight that is
/// in force already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_answers_in_every_form() {
    let mut site = Served::start().await;
    let all = frontend("www", 80, "ams: {}, fra: {}");
    let text = file(site.farm.port(), &all)
        .replace("  frontends:", "    sta: { address: 127.0.0.29 }\n  frontends:");
    let path = site.scratch.file("forms.yaml", &text);
    site.told(&format!("config reload {path}"));
    site.told("set frontend www pool only backend fra weight 7");
    site.until_table("the weight is in force", &table(&[(80, &[(AMS, 100), (FRA, 7)])])).await;
    let reload = format!("config reload {path}");
    let mut shelf = shelf();
    shelf.add_filter(r#"("?(?:generation|next_sequence|revision)"?: +)\d+"#, "$1[number]");
    shelf.add_filter(r#"("?stream"?: )"?[^",\n]+"?"#, "$1[process]");
    for (name, lines) in [
        ("set-backend-pause", vec!["set backend sta pause", "set backend sta resume"]),
        ("set-backend-disable", vec!["set backend sta disable", "set backend sta enable"]),
        ("set-weight", vec!["set frontend www pool only backend fra weight 7"]),
        ("set-choices-confirmed", vec!["set choices confirmed"]),
        ("sync", vec!["sync vpp lb state", "sync vpp lb state www"]),
        ("show-events", vec!["show events level error"]),
        ("config-reload", vec![&reload]),
    ] {
        let mut answers = String::new();
        for output in ["table", "json", "yaml"] {
            for line in &lines {
                answers += &format!("> {line}\n{}\n", site.told(&format!("{line} -o {output}")));
            }
        }
        shelf.bind(|| insta::assert_snapshot!(name, answers.replace(&path, "[file]")));
    }
    site.end().await;
}
