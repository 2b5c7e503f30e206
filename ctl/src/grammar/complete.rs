//! Completion: what may stand where the cursor is, with names from whoever knows them.

use super::parse::{State, advance, start};
use super::pattern::Item;
use super::{Kind, RULES};

/// Knows the names of a daemon's objects. Whoever does not know answers with none.
pub trait Names {
    /// Names that may stand for a value, given the values before it.
    fn names(&self, kind: Kind, before: &[(Kind, String)]) -> Vec<String>;
}

/// Something that may stand there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// The word.
    pub text: String,
    /// What it is for; empty for names.
    pub about: String,
}

/// All words that may follow `words` and begin with `begun`, in the order of the table; names ascending.
pub fn candidates<S: AsRef<str>>(words: &[S], begun: &str, names: &dyn Names) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for state in follow(words) {
        for (item, _) in state.next().heads {
            for candidate in of_item(&item, &state, names) {
                if candidate.text.starts_with(begun) && !found.iter().any(|it| it.text == candidate.text) {
                    found.push(candidate);
                }
            }
        }
    }
    found
}

/// Whether a value of this kind may follow `words`.
pub fn takes<S: AsRef<str>>(words: &[S], kind: Kind) -> bool {
    follow(words).iter().any(|state| state.next().heads.iter().any(|(item, _)| *item == Item::Value(kind)))
}

/// The states behind all `words`.
pub(super) fn follow<S: AsRef<str>>(words: &[S]) -> Vec<State> {
    words.iter().fold(start(), |states, word| advance(&states, word.as_ref()))
}

fn of_item(item: &Item, state: &State, names: &dyn Names) -> Vec<Candidate> {
    match item {
        Item::Word(word) => {
            let words: Vec<&str> = state.words.iter().chain([word]).copied().collect();
            vec![Candidate { text: (*word).into(), about: about(&words, state.rule).into() }]
        }
        Item::Value(kind) if !kind.words().is_empty() => {
            kind.words().iter().map(|word| Candidate { text: (*word).into(), about: String::new() }).collect()
        }
        Item::Value(kind) => {
            let mut names = names.names(*kind, &state.values);
            names.sort_unstable();
            names.into_iter().map(|text| Candidate { text, about: String::new() }).collect()
        }
        Item::Maybe(_) | Item::AnyOf(_) => Vec::new(),
    }
}

/// What the last of `words` is for: the group that it opens, or the rule that it belongs to.
pub(super) fn about(words: &[&str], rule: usize) -> &'static str {
    let path = words.join(" ");
    let group = super::GROUPS.iter().find(|(group, _)| *group == path);
    group.map_or(RULES[rule].about, |(_, about)| about)
}
