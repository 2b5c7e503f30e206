//! The prompt, under a real terminal.

use std::fs;

use crate::support::Served;

/// The line on which the cursor stands: the last one.
fn last(seen: &str) -> &str {
    seen.trim_end_matches('\n').lines().last().unwrap_or_default()
}

/// Whether a command can be typed. What is typed earlier may be lost when the prompt takes the terminal over.
fn is_ready(seen: &str) -> bool {
    last(seen).trim_end() == "maglevc>"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_are_carried_out_one_after_the_other() {
    let mut site = Served::start().await;
    let mut terminal = site.terminal(&[], 40, 120);
    terminal.until("there is a prompt", is_ready);
    terminal.say("sh backends\r");
    terminal.until("all are shown", |seen| is_ready(seen) && seen.contains("ams") && seen.contains("lon"));
    terminal.say("show backend frs\r");
    terminal.until("it is corrected", |seen| {
        is_ready(seen) && seen.contains("maglevc: there is no backend frs: did you mean fra?")
    });
    terminal.say("set backend fra pause\r");
    terminal.until("fra is paused", |seen| is_ready(seen) && seen.contains("paused"));
    terminal.say("quit\r");
    let (code, raw) = terminal.end();
    assert_eq!(code, 0);
    assert!(raw.contains("\x1b[38;5;") || raw.contains("\x1b[3"), "a terminal gets colours");
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tab_completes_words_and_names_of_the_daemon() {
    let mut site = Served::start().await;
    let mut terminal = site.terminal(&[], 40, 120);
    terminal.until("there is a prompt", is_ready);
    terminal.say("exp\tback\tf\t");
    terminal.until("all is completed", |seen| last(seen).trim_end() == "maglevc> explain backend fra");
    terminal.say("\r");
    terminal.until("it is explained", |seen| is_ready(seen) && seen.contains("Backend fra is up"));
    terminal.say("show backend \t");
    terminal.until("the names are listed", |seen| {
        let listed = |line: &str| {
            ["ams", "fra", "lon"].iter().all(|name| line.split_whitespace().any(|it| it == *name))
        };
        seen.lines().any(listed)
    });
    terminal.say("\x15set frontend www pool o\t");
    terminal.until("the pool is completed", |seen| last(seen).trim_end().ends_with("www pool only"));
    terminal.say("\x15\x04");
    assert_eq!(terminal.end().0, 0);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_mark_tells_what_may_follow_and_keeps_the_line() {
    let mut site = Served::start().await;
    let mut terminal = site.terminal(&[], 40, 120);
    terminal.until("there is a prompt", is_ready);
    terminal.say("set backend fra ?");
    let seen = terminal.until("all are told", |seen| {
        seen.contains("disable") && last(seen).trim_end() == "maglevc> set backend fra"
    });
    for line in ["  pause    take it out; its flows stay", "  disable  take it out and flush its flows"] {
        assert!(seen.contains(line), "{seen}");
    }
    // What was typed stays, and goes on.
    terminal.say("pau\r");
    terminal.until("it was done", |seen| is_ready(seen) && seen.contains("an operator paused it"));
    terminal.say("show frontend ?");
    terminal.until("names are told, and the line is back", |seen| {
        seen.contains("<frontend>  name of a frontend: api, www")
            && last(seen).trim_end() == "maglevc> show frontend"
    });
    terminal.say("\x15\x04");
    assert_eq!(terminal.end().0, 0);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_outlives_the_prompt() {
    let mut site = Served::start().await;
    let mut first = site.terminal(&[], 40, 120);
    first.until("there is a prompt", is_ready);
    first.say("explain backend lon\r");
    first.until("it is explained", |seen| is_ready(seen) && seen.contains("Backend lon is up"));
    first.say("\x04");
    assert_eq!(first.end().0, 0);
    let kept = fs::read_to_string(site.file().with_file_name("maglevc").join("history")).unwrap();
    assert!(kept.contains("explain backend lon"), "{kept}");
    let mut second = site.terminal(&[], 40, 120);
    second.until("there is a prompt", is_ready);
    second.say("\x1b[A");
    second.until("the line is back", |seen| last(seen) == "maglevc> explain backend lon");
    second.say("\x15\x04");
    assert_eq!(second.end().0, 0);
    site.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_prompt_outlives_the_daemon_and_ctrl_c_ends_a_watch_only() {
    let mut site = Served::start().await;
    let mut terminal = site.terminal(&[], 40, 120);
    terminal.until("there is a prompt", is_ready);
    site.end().await;
    terminal.say("show version\r");
    terminal.until("it is missed", |seen| is_ready(seen) && seen.contains("maglevc: no daemon answers at"));
    site.again().await;
    terminal.say("watch events last 100\r");
    terminal.until("an event is told", |seen| seen.contains("warmup-complete"));
    terminal.say("\x03");
    terminal.until("the prompt is back", is_ready);
    terminal.say("explain backend ams\r");
    terminal.until("the daemon is asked", |seen| is_ready(seen) && seen.contains("Backend ams is up"));
    terminal.say("\x04");
    assert_eq!(terminal.end().0, 0);
    site.end().await;
}
