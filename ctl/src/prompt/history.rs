//! The history: a file of the user's own. Without a place for it, a prompt has its own history only.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use rustyline::Editor;
use rustyline::history::FileHistory;

use super::helper::Help;

/// `$XDG_STATE_HOME/maglevc/history`, or below `~/.local/state`.
fn file() -> Option<PathBuf> {
    let named = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = named("XDG_STATE_HOME").or_else(|| Some(named("HOME")?.join(".local/state")))?;
    Some(state.join("maglevc").join("history"))
}

/// Takes over what earlier prompts kept.
pub(super) fn load(editor: &mut Editor<Help, FileHistory>) {
    if let Some(file) = file() {
        // The first time there is none.
        let _ = editor.load_history(&file);
    }
}

/// Keeps a line, at once: a prompt may be killed.
pub(super) fn keep(editor: &mut Editor<Help, FileHistory>, line: &str) {
    if line.trim().is_empty() || !editor.add_history_entry(line).unwrap_or(false) {
        return;
    }
    let Some(file) = file() else { return };
    let folder =
        file.parent().map(|folder| std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder));
    if folder.is_some_and(|made| made.is_ok()) {
        // A full disk must not keep anybody from working.
        let _ = editor.append_history(&file);
    }
}
