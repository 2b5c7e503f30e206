//! Completion in a shell: bash itself, with the script that maglevc writes.

use std::process::Command;

use crate::support::{Served, maglevc, outcome};

/// What bash would offer behind these words.
fn offered(site: &Served, words: &str) -> Vec<String> {
    let binary = env!("CARGO_BIN_EXE_maglevc");
    let script = format!(
        "source <({binary} completions bash); COMP_WORDS=({binary} {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
         _maglevc; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let mut bash = Command::new("bash");
    let (code, out, err) =
        outcome(bash.args(["--norc", "-c", &script]).env("MAGLEVC_CONNECT", site.socket()));
    assert_eq!((code, err.as_str()), (0, ""));
    out.lines().filter(|line| !line.is_empty()).map(Into::into).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bash_completes_words_flags_and_names() {
    let mut site = Served::start().await;
    assert_eq!(offered(&site, "sh"), ["show"]);
    assert_eq!(offered(&site, "show backend ''"), ["ams", "fra", "lon"]);
    assert_eq!(offered(&site, "set frontend www pool only backend f"), ["fra"]);
    assert_eq!(offered(&site, "show backends --ou"), ["--output"]);
    assert_eq!(offered(&site, "show backends -o ''"), ["table", "json", "yaml"]);
    assert_eq!(offered(&site, "show nonsense ''"), Vec::<String>::new());
    site.end().await;
    assert_eq!(
        offered(&site, "show backend ''"),
        Vec::<String>::new(),
        "without a daemon there are no names"
    );
}

#[test]
fn every_shell_has_its_script() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = outcome(&mut maglevc(&["completions", shell]));
        assert!(code == 0 && script.starts_with('#') && script.contains("__complete"), "{script}");
    }
}
