//! Programs of the system that these tests ask.

use std::process::Command;

use crate::support::not_tested;

/// Whether this program is there. Where it is not, that is said; CI has to have it.
pub fn has(program: &str, package: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    if !found {
        let text = format!("what needs {program}: apt-get install {package}");
        assert!(std::env::var_os("CI").is_none(), "{text}");
        not_tested(&text);
    }
    found
}

/// Runs a program that must succeed; its stdout.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|err| panic!("{command:?}: {err}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}{err}", output.status);
    out.into_owned()
}
