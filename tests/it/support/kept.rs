//! Files that are generated, kept in the tree and reviewed like code. `ctl/tests` uses this file as well.

use std::fs;
use std::path::Path;

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
