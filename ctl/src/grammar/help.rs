//! Help: what `?` shows, and the reference of all commands.

use super::complete::{Names, about, follow};
use super::pattern::Item;
use super::{RULES, Rule};
use crate::clean;

/// Names that help lists of one kind.
const NAMES_MAX: usize = 8;

/// One thing that may follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// A word, a `<value>`, or `<enter>`.
    pub what: String,
    /// What it is.
    pub about: String,
}

/// What may follow `words`, and begins with `begun`. Empty if nothing can.
pub fn hints<S: AsRef<str>>(words: &[S], begun: &str, names: &dyn Names) -> Vec<Hint> {
    let mut hints: Vec<Hint> = Vec::new();
    let mut may_end = false;
    for state in follow(words) {
        let next = state.next();
        may_end |= next.may_end;
        for (item, _) in next.heads {
            let hint = match item {
                Item::Word(word) if word.starts_with(begun) => {
                    let path: Vec<&str> = state.words.iter().chain([&word]).copied().collect();
                    Hint { what: word.into(), about: about(&path, state.rule).into() }
                }
                Item::Value(kind) => {
                    let known = listed(names.names(kind, &state.values));
                    Hint { what: format!("<{}>", kind.name()), about: format!("{}{known}", kind.about()) }
                }
                Item::Word(_) | Item::Maybe(_) | Item::AnyOf(_) => continue,
            };
            if !hints.iter().any(|it| it.what == hint.what) {
                hints.push(hint);
            }
        }
    }
    if may_end && begun.is_empty() && !words.is_empty() {
        hints.push(Hint { what: "<enter>".into(), about: "do it".into() });
    }
    hints
}

fn listed(mut names: Vec<String>) -> String {
    names.sort_unstable();
    let more = names.len().saturating_sub(NAMES_MAX);
    let mut first: Vec<String> = names.iter().take(NAMES_MAX).map(|name| clean::text(name)).collect();
    if more > 0 {
        first.push(format!("and {more} more"));
    }
    if first.is_empty() { String::new() } else { format!(": {}", first.join(", ")) }
}

/// All commands with what they do.
pub fn reference() -> String {
    let lines = |rule: &Rule| format!("{}\n    {}\n", rule.pattern, rule.about);
    RULES.iter().map(lines).collect()
}
