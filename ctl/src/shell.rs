//! Completion in shells: short scripts that ask `maglevc` itself, so they know every command and every name.

use std::ffi::OsString;

use crate::completion;
use crate::failure::Exit;
use crate::flags::Flags;
use crate::render;
use crate::session::Session;
use crate::target::Target;

/// How a script asks: `maglevc __complete WORD... BEGUN`. The answer has a line for each candidate: the word, and
/// behind a tab what it is for.
pub const COMPLETE: &str = "__complete";

const BASH: &str = include_str!("shell/maglevc.bash");
const ZSH: &str = include_str!("shell/maglevc.zsh");
const FISH: &str = include_str!("shell/maglevc.fish");

/// The script for a shell.
pub fn script(shell: &str) -> &'static str {
    match shell {
        "zsh" => ZSH,
        "fish" => FISH,
        _ => BASH,
    }
}

/// Answers a script. Whatever is wrong, a shell only wants to hear of no candidates.
pub fn complete(arguments: &[OsString]) -> Exit {
    let mut words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let begun = words.pop().unwrap_or_default();
    let flags = Flags::read(arguments.iter().cloned()).unwrap_or_default();
    let Ok(target) = Target::of(&flags) else { return Exit::Done };
    let Ok(session) = Session::new() else { return Exit::Failed };
    let found = completion::of(&words, &begun, &session.asker(target));
    let lines: String = found.iter().map(|it| format!("{}\t{}\n", it.text, it.about)).collect();
    // A shell that is gone needs no candidates.
    let _ = render::write(&lines);
    Exit::Done
}
