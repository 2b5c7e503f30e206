//! Files that are generated, kept in the tree and reviewed like code. `ctl/tests` uses this file as well.

use std::fs;
use std::path::Path;

use clap_mangen::roff::{Roff, bold, roman};

/// Compares a file of the tree, as named from its root, with what it is generated from; `make papers` writes it anew.
#[track_caller]
pub fn is_kept(root: &Path, path: &str, generated: &str) {
    let file = root.join(path);
    if std::env::var_os("PAPERS").is_some() {
        fs::write(&file, generated).unwrap();
        return;
    }
    let kept = fs::read_to_string(&file).unwrap_or_else(|err| panic!("{path}: {err}"));
    // Not assert_eq: two whole pages help nobody.
    let differs = kept.lines().zip(generated.lines()).position(|(kept, generated)| kept != generated);
    let line = differs.map_or("its end".to_owned(), |line| format!("line {}", line + 1));
    assert!(kept == generated, "{path} is out of date from {line} on: run `make papers`, then read its diff");
}

/// A section of a man page: words, and what they mean.
pub fn section<'a>(title: &str, entries: impl IntoIterator<Item = (&'a str, &'a str)>, page: &mut Vec<u8>) {
    let mut roff = Roff::default();
    roff.control("SH", [title]);
    for (head, text) in entries {
        roff.control("TP", []);
        roff.text([bold(head)]);
        roff.text([roman(text)]);
    }
    roff.to_writer(page).unwrap();
}
