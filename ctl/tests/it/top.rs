//! `maglevc top`, under a real terminal.

use crate::support::Served;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn top_outlives_a_resize_and_a_restart_and_gives_the_terminal_back() {
    let mut site = Served::start().await;
    let mut terminal = site.terminal(&["top"], 30, 120);
    let seen = terminal.until("the tree is there", |seen| {
        seen.contains("last sync")
            && ["www", "only (serves)", "ams", "fra", "lon"].iter().all(|it| seen.contains(it))
    });
    let fra = seen.lines().find(|line| line.contains("fra ")).unwrap();
    let words: Vec<&str> = fra.split_whitespace().collect();
    assert_eq!(words[..6], ["fra", "127.0.0.22", "up", "50", "50", words[5]], "{seen}");
    assert!(words.contains(&"pass"), "{seen}");
    assert!(seen.contains("VPP ") && seen.contains("in sync") && seen.contains("ready"), "{seen}");

    site.told("set backend fra pause");
    terminal.until("the drain is shown", |seen| {
        seen.lines().any(|line| line.contains("fra") && line.contains("paused"))
            && seen.contains("operator-command")
    });

    // Too low for all rows: it scrolls.
    terminal.resize(9, 80);
    terminal.until("it fits", |seen| {
        seen.contains("maglevd") && seen.contains("q leave") && !seen.contains("lon")
    });
    terminal.say("\x1b[F");
    terminal.until("the end is there", |seen| seen.contains("lon") && !seen.contains("www"));
    terminal.resize(30, 120);
    terminal.until("all is back", |seen| seen.contains("www") && seen.contains("lon"));

    site.end().await;
    terminal.until("the loss is told", |seen| {
        seen.contains("DISCONNECTED") && seen.contains("what is shown is old")
    });
    site.again().await;
    terminal.until("it is found again", |seen| !seen.contains("DISCONNECTED") && seen.contains("ready"));

    terminal.say("q");
    let (code, raw) = terminal.end();
    assert_eq!(code, 0);
    assert!(raw.ends_with("\x1b[?1049l\x1b[?25h") || raw.contains("\x1b[?1049l"), "the screen is given back");
    site.end().await;
}
