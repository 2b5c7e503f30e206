//! The binary as people run it: exit codes, messages, files, and Ctrl-C.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn binary(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maglev-sim"));
    command.args(args).stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    binary(args).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it writes UTF-8")
}

fn fixture(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in a workspace");
    root.join("fixtures/scenarios").join(format!("{name}.yaml")).display().to_string()
}

/// A folder of this test alone.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("target/tmp can be written");
    folder
}

/// A fixture with something replaced, as a file.
fn edited(folder: &Path, fixture_name: &str, from: &str, to: &str) -> String {
    let yaml = fs::read_to_string(fixture(fixture_name)).expect("a fixture can be read");
    assert!(yaml.contains(from), "{fixture_name} has no {from:?}");
    let path = folder.join("edited.yaml");
    fs::write(&path, yaml.replacen(from, to, 1)).expect("target/tmp can be written");
    path.display().to_string()
}

#[test]
fn a_good_scenario_tells_its_timeline_and_ends_with_0() {
    let output = run(&["play", &fixture("sync-04-failover")]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("set-weight 203.0.113.80 tcp/80 198.51.100.10 weight 100: ok"));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn an_unmet_expectation_is_named_with_its_line_and_ends_with_1() {
    let folder = folder("unmet");
    let path = edited(&folder, "sync-04-failover", "ams: 100, fra: 0 } }", "ams: 7, fra: 0 } }");
    let output = run(&["play", &path]);
    assert_eq!(output.status.code(), Some(1));
    let yaml = fs::read_to_string(&path).expect("it is there");
    let line = yaml.lines().position(|line| line.contains("ams: 7")).expect("it is there") + 1;
    let said = text(&output.stderr);
    assert!(said.starts_with("broken: expect at "), "{said}");
    assert!(said.contains(&format!("line {line}: weight of ams in www is 100, expected 7")), "{said}");
}

#[test]
fn what_cannot_be_played_is_named_with_its_line_and_ends_with_2() {
    let folder = folder("bad");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).expect("target/tmp can be written");
        path.display().to_string()
    };
    let misspelt = edited(&folder, "sync-04-failover", "\nuntil:", "\nuntill:");
    let misspelt_line =
        fs::read_to_string(&misspelt).unwrap().lines().position(|line| line.starts_with("untill")).unwrap()
            + 1;
    let cases = [
        (folder.join("none.yaml").display().to_string(), "none.yaml: there is no such file".to_owned()),
        (folder.display().to_string(), "this is a folder: name one scenario in it".to_owned()),
        (file("binary", &[0xff, 0xfe, 0]), "this is no text".to_owned()),
        (file("broken.yaml", b"about: [\n"), "broken.yaml:1: ".to_owned()),
        (file("list.yaml", b"- 1\n- 2\n"), "list.yaml:1: ".to_owned()),
        (file("empty.yaml", b""), "empty.yaml".to_owned()),
        (misspelt, format!("edited.yaml:{misspelt_line}: unknown field `untill`")),
        (
            file("endless.yaml", b"about: No end.\nconfig: |\n  maglev: {}\n"),
            "there is no end: add until: 60s".to_owned(),
        ),
        (
            file("nobody.yaml", NOBODY.as_bytes()),
            "nobody.yaml:16: no configuration has a backend \"nobody\": use its name or an address"
                .to_owned(),
        ),
        (
            file("config.yaml", NOBODY.replace("port: 80\n", "port: 80000\n").as_bytes()),
            "config.yaml:4: configuration config (its line 1 is here) cannot be read".to_owned(),
        ),
    ];
    for (path, message) in cases {
        let output = run(&["play", &path]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{path}: {said}");
        assert!(said.contains(&message), "{path}: {said}, not {message}");
        assert_eq!(text(&output.stdout), "", "{path}");
    }
}

/// A scenario that names a backend that nobody has configured.
const NOBODY: &str = r#"about: A backend that does not exist dies.
seed: 1
config: |
  maglev:
    vpp: { lb: { ipv4-src-address: 192.0.2.1, ipv6-src-address: "2001:db8::1" } }
    healthchecks:
      web: { type: tcp, port: 80 }
    backends:
      ams: { address: 198.51.100.10, healthcheck: web }
    frontends:
      www:
        address: 203.0.113.80
        protocol: tcp
        port: 80
        pools: [ { name: primary, backends: { ams: {} } } ]
events: [ { at: 1s, backend: { nobody: down } } ]
until: 5s
"#;

#[test]
fn wrong_flags_end_with_2() {
    let cases: [&[&str]; 6] = [
        &[],
        &["play"],
        &["play", "1", "--seed", "1"],
        &["hunt", "--for", "10"],
        &["hunt", "--seeds", "0"],
        &["hunt", "--jobs", "0"],
    ];
    for args in cases {
        assert_eq!(run(args).status.code(), Some(2), "{args:?}");
    }
    assert!(text(&run(&["hunt", "--for", "10"]).stderr).contains("has no unit; write it as 250ms"));
}

#[test]
fn a_seed_is_a_scenario_too() {
    let by_flag = run(&["play", "--seed", "17"]);
    assert!(text(&by_flag.stdout).contains("vpp-lb-warmup"), "{}", text(&by_flag.stderr));
    assert_eq!(run(&["play", "17"]).stdout, by_flag.stdout);
}

#[test]
fn shrinking_leaves_what_fails_and_says_what_it_took() {
    let folder = folder("shrink");
    let path = edited(&folder, "sync-04-failover", "ams: 100, fra: 0 } }", "ams: 7 } }");
    let small = folder.join("small.yaml").display().to_string();
    let output = run(&["shrink", &path, "-o", &small]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("breaks expect: 5 events became 1 with "), "{said}");
    assert!(said.contains(&format!("again: maglev-sim play {small}")), "{said}");
    let again = run(&["play", &small]);
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(again.stdout, output.stdout, "the timeline is that of the small file");
    let printed = run(&["shrink", &path]);
    assert!(text(&printed.stdout).starts_with(&fs::read_to_string(&small).expect("it was written")));
}

#[test]
fn what_holds_cannot_be_made_small() {
    let output = run(&["shrink", &fixture("sync-04-failover")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("every rule holds"));
}

#[test]
fn a_hunt_says_what_it_proves_and_saves_what_it_finds() {
    let folder = folder("hunt");
    let out = folder.display().to_string();
    let output = run(&["hunt", "--seeds", "200", "--out", &out]);
    let said = text(&output.stdout);
    assert!(said.contains("200 seeds, each played twice, in "), "{said}");
    assert!(said.contains("steps/s per core"), "{said}");
    let files: Vec<_> = fs::read_dir(&folder).expect("it is there").collect();
    match output.status.code() {
        Some(0) => {
            assert!(said.contains("no failures: P(a seed fails) < 3/200 = 1.50e-2 at 95 %"), "{said}");
            assert!(files.is_empty());
        }
        Some(1) => {
            assert!(said.contains("again: maglev-sim play ") && said.contains("Clopper-Pearson"), "{said}");
            assert!(!files.is_empty());
        }
        code => panic!("{code:?}: {}", text(&output.stderr)),
    }
}

#[test]
fn ctrl_c_ends_a_hunt_with_a_summary() {
    let out = folder("interrupted").display().to_string();
    let mut child = binary(&["hunt", "--for", "10m", "--jobs", "1", "--out", &out])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut said = BufReader::new(child.stdout.take().expect("it has a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("it says that it hunts");
    assert!(line.starts_with("hunting from seed 0 for 10m0s; Ctrl-C"), "{line}");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("it writes UTF-8");
    let status = child.wait().expect("it ends");
    assert!(rest.contains(" seeds, each played twice, in "), "{rest}");
    let failed = rest.contains("Clopper-Pearson");
    assert_eq!(status.code(), Some(if failed { 1 } else { 130 }), "{rest}");
}

fn journal(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in a workspace");
    root.join("fixtures/journals").join(format!("{name}.jsonl"))
}

/// What stands before a hash.
const HASH: &str = r#","h":"#;

/// A journal with one hash changed, and the line of it.
fn falsified(folder: &Path) -> (String, usize) {
    let text = fs::read_to_string(journal("vpp-killed")).expect("a fixture can be read");
    let mut lines: Vec<String> = text.lines().map(Into::into).collect();
    let at = lines.len() / 2;
    let is_record = |line: &String| line.contains(HASH);
    let at = at + lines[at..].iter().position(is_record).expect("there are records");
    let (before, hash) = lines[at].split_once(HASH).expect("it is a record");
    let (hash, after) = hash.split_at(1);
    let other = if hash == "1" { "2" } else { "1" };
    lines[at] = format!("{before}{HASH}{other}{after}");
    let path = folder.join("falsified.jsonl");
    fs::write(&path, lines.join("\n") + "\n").expect("target/tmp can be written");
    (path.display().to_string(), at + 1)
}

#[test]
fn a_journal_is_replayed() {
    for name in ["demo", "reload-storm", "vpp-killed"] {
        let output = run(&["replay", &journal(name).display().to_string()]);
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{name}: {said}{}", text(&output.stderr));
        assert!(said.contains(" stretches replayed: ") && said.contains(" of its time, in "), "{said}");
        assert!(said.ends_with("every output is the same\n"), "{said}");
    }
}

#[test]
fn a_journal_is_shown_in_words() {
    let output = run(&["replay", &journal("vpp-killed").display().to_string(), "--show"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(said.starts_with("record 1 (line 2) at "), "{said}");
    let records = said.lines().filter(|line| line.starts_with("record ")).count();
    assert!(said.contains(&format!("\n{records} records and ")), "{said}");
    assert!(said.lines().any(|line| line.starts_with("    ")), "{said}");
}

#[test]
fn the_first_other_output_is_named_and_a_rebase_accepts_it() {
    let folder = folder("replay");
    let (path, line) = falsified(&folder);
    let output = run(&["replay", &path]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("first difference: ") && said.contains(&format!("(line {line})")), "{said}");
    let output = run(&["replay", &path, "--rebase"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(" written anew"), "{}", text(&output.stdout));
    let read = |path: &Path| fs::read_to_string(path).expect("it is there");
    assert_eq!(read(Path::new(&path)), read(&journal("vpp-killed")));
    assert_eq!(fs::read_dir(&folder).expect("it is there").count(), 1, "nothing is left beside it");
}

#[test]
fn a_bad_journal_is_named_with_its_line_and_stays_as_it_was() {
    let folder = folder("bad-journal");
    let fixture = fs::read_to_string(journal("vpp-killed")).expect("a fixture can be read");
    let mut lines: Vec<&str> = fixture.lines().collect();
    lines[4] = "{}";
    let damaged = lines.join("\n") + "\n";
    let cases = [
        ("damaged.jsonl", damaged.as_str(), "damaged.jsonl:5: this line is damaged"),
        ("empty.jsonl", "", "empty.jsonl:1: there is not one whole line in it"),
        ("other.jsonl", "{\"a\": 1}\n", "other.jsonl:1: it is no journal of maglevd"),
    ];
    for (name, bytes, message) in cases {
        let path = folder.join(name);
        fs::write(&path, bytes).expect("target/tmp can be written");
        let path = path.display().to_string();
        for args in [&["replay", &path][..], &["replay", &path, "--rebase"]] {
            let output = run(args);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
            assert!(said.contains(message), "{args:?}: {said}");
        }
        assert_eq!(fs::read_to_string(&path).expect("it is there"), bytes, "{name}");
    }
    assert_eq!(fs::read_dir(&folder).expect("it is there").count(), cases.len());
    for (path, message) in
        [(folder.join("none"), "there is no such file"), (folder.clone(), "this is a folder")]
    {
        let output = run(&["replay", &path.display().to_string()]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(message), "{}", text(&output.stderr));
    }
}

#[test]
fn a_lane_is_searched_to_its_end() {
    let output = run(&["exhaustive", "--lane", "vpp"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    assert!(said.starts_with("Vpp ") && said.contains(", all\n1 of 1 lanes to their end, in "), "{said}");
    let unknown = run(&["exhaustive", "--lane", "none"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("health, warmup, link"), "{}", text(&unknown.stderr));
}

#[test]
fn mistakes_need_a_build_that_has_them() {
    let output = run(&["mutants", "fall-one-late", "--seeds", "600"]);
    let (said, complaint) = (text(&output.stdout), text(&output.stderr));
    if cfg!(feature = "mutants") {
        assert_eq!(output.status.code(), Some(0), "{said}{complaint}");
        assert!(said.starts_with("mutant ") && said.contains("\nfall-one-late "), "{said}");
        assert!(said.contains("\nmutants: 1 of 1 killed, in "), "{said}");
        let unknown = run(&["mutants", "no-such-mistake"]);
        assert_eq!(unknown.status.code(), Some(2));
        assert!(text(&unknown.stderr).contains("no mutant is called"), "{}", text(&unknown.stderr));
    } else {
        assert_eq!(output.status.code(), Some(2), "{said}{complaint}");
        let command = "cargo run --release -p maglev-sim --features mutants -- mutants";
        assert!(complaint.contains(command), "{complaint}");
    }
}

#[test]
fn coverage_shows_every_cell_and_every_rule() {
    let output = run(&["coverage", "--seeds", "100"]);
    let said = text(&output.stdout);
    assert!(said.contains("cells are not as they should be"), "{said}");
    for oracle in maglev_sim::oracle::Oracle::ALL {
        assert!(said.contains(oracle.id()), "{}", oracle.id());
    }
}

#[test]
fn whoever_stops_reading_is_not_told_of_it() {
    let mut child = binary(&["play", "--seed", "17"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}

/// The story that a page shows.
fn story(page: &str) -> Value {
    let start = r#"<script type="application/json" id="story">"#;
    let json = page.split_once(start).and_then(|(_, rest)| rest.split_once("</script>"));
    serde_json::from_str(json.expect("the page has a story").0).expect("the story is JSON")
}

#[test]
fn a_page_holds_the_whole_story_and_loads_nothing() {
    let folder = folder("page");
    for name in ["sync-04-failover", "sync-27-vpp-restart", "warmup-02-one-straggler"] {
        let path = folder.join(format!("{name}.html"));
        let output = run(&["play", &fixture(name), "--html", &path.display().to_string()]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let page = fs::read_to_string(&path).expect("it was written");
        assert!(!page.contains("http:/") && !page.contains("https:/"), "{name}");
        let story = story(&page);
        let list = |key: &str| story[key].as_array().unwrap_or_else(|| panic!("{name}: {key}")).clone();
        let lines: Vec<Value> = list("lines").iter().map(|line| line["text"].clone()).collect();
        assert_eq!(lines, text(&output.stdout).lines().collect::<Vec<_>>(), "{name}");
        let frames = list("frames");
        assert!(frames.len() > 10 && !list("probes").is_empty(), "{name}");
        let (states, tables) = (list("states"), list("tables"));
        for frame in &frames {
            let index = |key: &str| usize::try_from(frame[key].as_u64().expect("a number")).expect("small");
            assert!(index("states") < states.len() && index("table") < tables.len(), "{name}");
            assert!(index("lines") <= lines.len(), "{name}");
        }
        assert_eq!(frames.last().and_then(|frame| frame["lines"].as_u64()), Some(lines.len() as u64));
        let serving = tables.iter().flat_map(|table| table.as_array().cloned().unwrap_or_default());
        let servers = serving.flat_map(|vip| vip["servers"].as_array().cloned().unwrap_or_default());
        let wrong: Vec<Value> =
            servers.filter(|server| server["weight"] == 0 && server["buckets"] != 0).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
        assert!(story.to_string().contains("\"buckets\":16384"), "{name}: one server has the whole table");
    }
}

#[test]
fn no_text_of_a_scenario_becomes_markup() {
    let folder = folder("markup");
    let path = folder.join("page.html");
    let yaml = NOBODY.replace("A backend that does not exist dies.", "'</script><script>alert(1)</script>'");
    let file = folder.join("scenario.yaml");
    fs::write(&file, yaml.replace("nobody:", "ams:")).expect("target/tmp can be written");
    let output = run(&["play", &file.display().to_string(), "--html", &path.display().to_string()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = fs::read_to_string(&path).expect("it was written");
    assert!(!page.contains("<script>alert"));
    assert_eq!(story(&page)["about"], "</script><script>alert(1)</script>");
}
