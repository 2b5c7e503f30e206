//! What goes wrong is told in one line with a remedy, and by a code.

use crate::support::{Served, maglevc, outcome};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_is_named_with_what_was_meant() {
    let mut site = Served::start().await;
    assert_eq!(site.refused("show backend frs", 3), "there is no backend frs: did you mean fra?");
    assert_eq!(
        site.refused("show backend brussels", 3),
        "there is no backend brussels: there are ams, fra, lon"
    );
    assert_eq!(site.refused("explain frontend ww", 3), "there is no frontend ww: did you mean www?");
    assert_eq!(site.refused("show healthcheck wbe", 3), "there is no healthcheck wbe: did you mean web?");
    let refused = site.refused("set frontend www pool onyl backend ams weight 1", 3);
    assert_eq!(refused, "there is no pool onyl in frontend www: did you mean only?");
    let refused = site.refused("set frontend www pool only backend lon weight 1", 3);
    assert_eq!(refused, "there is no backend lon in pool only of frontend www: there are ams, fra");
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_steer_a_terminal_do_not() {
    let mut site = Served::start().await;
    let (code, _, err) =
        outcome(&mut site.maglevc(&["show", "backend", "x\x1b[2J\u{9b}1m\nmaglevc: all is well"]));
    assert_eq!((code, err.lines().count()), (3, 1));
    assert!(err.trim_end().chars().all(|c| !c.is_control()), "{err:?}");
    site.end().await;
}

#[test]
fn wrong_commands_say_what_is_right() {
    for (line, wanted) in [
        ("shwo version", "unknown word shwo: did you mean show?"),
        ("s backends", "s is ambiguous: set, show, sync; write more of it"),
        ("set backend x", "set backend x is not complete: next comes pause, resume, enable or disable"),
        ("show version -o xml", "invalid value 'xml' for '--output <FORMAT>'"),
        (
            "show version --connect nowhere",
            "--connect nowhere: is no address; write HOST:PORT or the path of a socket",
        ),
        ("top", "top needs a terminal: `show` and `watch events` do without"),
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (code, out, err) = outcome(&mut maglevc(&words));
        assert_eq!((code, out.as_str(), err.lines().count()), (64, "", 1), "{line}: {err}");
        assert!(err.starts_with(&format!("maglevc: {wanted}")), "{line}: {err}");
    }
}

#[test]
fn a_daemon_that_is_not_there_is_named_with_a_remedy() {
    let (code, out, err) = outcome(&mut maglevc(&["show", "version", "--connect", "/nowhere/maglevd.sock"]));
    assert_eq!((code, out.as_str(), err.lines().count()), (6, "", 1), "{err}");
    assert!(err.starts_with("maglevc: no daemon answers at /nowhere/maglevd.sock: "), "{err}");
    assert!(err.ends_with("start maglevd, or say with --connect where its API is\n"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_read_enough_is_no_failure() {
    use std::process::Stdio;
    let mut site = Served::start().await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = site.maglevc(&["show", "backends"]).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
    site.end().await;
}

#[test]
fn help_and_version_need_no_daemon() {
    let (code, out, err) = outcome(&mut maglevc(&["help"]));
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("set frontend <frontend> pool <pool> backend <backend> weight <weight> [flush]"));
    let (code, out, _) = outcome(&mut maglevc(&["--help"]));
    assert!(code == 0 && out.contains("--connect") && out.contains("Exit codes"), "{out}");
    let (code, out, _) = outcome(&mut maglevc(&["--version"]));
    assert!(code == 0 && out.starts_with("maglevc "), "{out}");
}

#[test]
fn a_question_mark_is_answered_without_a_prompt_too() {
    let (code, out, err) = outcome(&mut maglevc(&["?"]));
    assert_eq!((code, err.as_str()), (0, ""));
    for word in ["show", "set", "explain", "config", "sync", "watch", "top"] {
        assert!(out.contains(&format!("  {word} ")), "{word} is missing:\n{out}");
    }
    let (code, out, _) = outcome(&mut maglevc(&["set", "backend", "ams", "?"]));
    assert!(code == 0 && out.contains("  pause ") && !out.contains("weight"), "{out}");
    let (code, out, _) = outcome(&mut maglevc(&["show", "nothing", "?"]));
    assert!(code == 0 && out.contains("unknown word nothing"), "{out}");
}
