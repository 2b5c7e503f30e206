//! What the mass comes to, as files of `snapshots/mass`: a change that nobody meant is seen although every rule holds.
//!
//! `INSTA_UPDATE=always` writes them anew, as it does with all snapshots.

use std::fs;
use std::path::Path;

/// What is wrong, if the file of this name says something else.
pub fn differs(name: &str, text: &str) -> Option<String> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots/mass").join(name).with_extension("txt");
    if std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always") {
        fs::write(&path, text).expect("snapshots can be written");
    }
    let pinned = fs::read_to_string(&path).unwrap_or_default();
    (pinned != text).then(|| {
        let lines = text.lines().filter(|line| !pinned.lines().any(|pinned| pinned == *line));
        let new: Vec<&str> = lines.take(8).collect();
        format!(
            "{} differs, new is:\n{}\nif that is meant, INSTA_UPDATE=always writes it anew",
            path.display(),
            new.join("\n")
        )
    })
}
