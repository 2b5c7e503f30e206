//! From words to a command: all rules are followed at once, one word after the other.
//!
//! What a reader would get wrong: a whole word beats beginnings of longer words at once (`frontend` is never `frontends`),
//! but where one word begins all the others, the words behind it decide (`show front` against `show front www`).

use std::collections::BTreeSet;

use super::pattern::{self, Item};
use super::{Kind, RULES, Verb};
use crate::{clean, nearest};

/// A command, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// What it means.
    pub verb: Verb,
    /// Its plain words, whole.
    pub words: Vec<&'static str>,
    /// Its values in their order.
    pub values: Vec<(Kind, String)>,
}

impl Parsed {
    /// All values of a kind.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.values.iter().filter(move |(found, _)| *found == kind).map(|(_, value)| value.as_str())
    }

    /// The latest value of a kind.
    pub fn last(&self, kind: Kind) -> Option<&str> {
        self.values.iter().rev().find(|(found, _)| *found == kind).map(|(_, value)| value.as_str())
    }

    /// The same, where the rule has no way around it.
    pub fn named(&self, kind: Kind) -> String {
        self.last(kind).unwrap_or_default().to_owned()
    }
}

/// Why words are no command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Nothing knows what to do with a word.
    #[error("{}", unexpected(.word, .before, .expected))]
    Unexpected {
        /// The word.
        word: String,
        /// What stands before it.
        before: String,
        /// What could stand there.
        expected: Vec<String>,
    },
    /// It begins several words.
    #[error("{} is ambiguous: {}; write more of it", clean::text(.word), .candidates.join(", "))]
    Ambiguous {
        /// The word.
        word: String,
        /// What it may be.
        candidates: Vec<String>,
    },
    /// A value that cannot be one.
    #[error("{} is no {}: say {}", clean::text(.value), .kind.name(), .kind.about())]
    BadValue {
        /// The value.
        value: String,
        /// What it should be.
        kind: Kind,
    },
    /// Something is missing at the end.
    #[error("{} is not complete: next comes {}", clean::text(.before), one_of(.expected))]
    Incomplete {
        /// What was said.
        before: String,
        /// What may follow.
        expected: Vec<String>,
    },
    /// No word at all.
    #[error("nothing to do: say {}", one_of(.expected))]
    Empty {
        /// What may be said.
        expected: Vec<String>,
    },
}

fn unexpected(word: &str, before: &str, expected: &[String]) -> String {
    let (word, place) = (clean::text(word), clean::text(before));
    let place = if place.is_empty() { String::new() } else { format!(" after {place}") };
    if expected.is_empty() {
        return format!("{word} is too much{place}: the command is complete without it");
    }
    match nearest::to(&word, expected.iter().map(String::as_str)) {
        Some(near) => format!("unknown word {word}{place}: did you mean {near}?"),
        None => format!("unknown word {word}{place}: say {}", one_of(expected)),
    }
}

fn one_of(words: &[String]) -> String {
    match words {
        [] => "nothing".into(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
    }
}

/// One rule, as far as it has been followed.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub rule: usize,
    rest: Vec<Item>,
    pub words: Vec<&'static str>,
    pub values: Vec<(Kind, String)>,
}

/// What may come next in a state: items that take a word, with what is left behind them; or the end.
pub(super) struct Next {
    pub heads: Vec<(Item, Vec<Item>)>,
    pub may_end: bool,
}

impl State {
    pub(super) fn next(&self) -> Next {
        let mut next = Next { heads: Vec::new(), may_end: false };
        reach(&self.rest, &mut next);
        next
    }
}

/// Collects what may come first, through everything that may be left out.
fn reach(rest: &[Item], next: &mut Next) {
    let Some((first, tail)) = rest.split_first() else {
        next.may_end = true;
        return;
    };
    match first {
        Item::Word(_) | Item::Value(_) => next.heads.push((first.clone(), tail.to_vec())),
        Item::Maybe(inner) => {
            reach(&[inner, tail].concat(), next);
            reach(tail, next);
        }
        Item::AnyOf(each) => {
            for inner in each {
                reach(&[inner, rest].concat(), next);
            }
            reach(tail, next);
        }
    }
}

/// Every rule at its beginning.
pub(super) fn start() -> Vec<State> {
    let rules = pattern::all().into_iter().enumerate();
    rules.map(|(rule, rest)| State { rule, rest, words: Vec::new(), values: Vec::new() }).collect()
}

/// Follows one more word. Empty if no rule takes it.
pub(super) fn advance(states: &[State], word: &str) -> Vec<State> {
    let mut taken: Vec<(Option<&'static str>, State)> = Vec::new();
    for state in states {
        for (item, rest) in state.next().heads {
            let mut state = State { rest, ..state.clone() };
            match item {
                Item::Word(whole) if !word.is_empty() && whole.starts_with(word) => {
                    state.words.push(whole);
                    taken.push((Some(whole), state));
                }
                Item::Value(kind) => {
                    if let Some(value) = accepted(kind, word) {
                        state.values.push((kind, value));
                        taken.push((None, state));
                    }
                }
                Item::Word(_) | Item::Maybe(_) | Item::AnyOf(_) => (),
            }
        }
    }
    let is_whole = taken.iter().any(|(whole, _)| *whole == Some(word));
    let kept = taken.into_iter().filter(|(whole, _)| !is_whole || *whole == Some(word));
    kept.map(|(_, state)| state).collect()
}

/// The value as it is meant, if it can be one.
fn accepted(kind: Kind, word: &str) -> Option<String> {
    let is_in = |from: u32, to: u32| word.parse().is_ok_and(|number: u32| (from..=to).contains(&number));
    let is_good = match kind {
        Kind::Weight => is_in(0, 100),
        Kind::Count => is_in(1, 4096),
        Kind::Level | Kind::Topic | Kind::Shell => {
            return match fitting(kind, word).as_slice() {
                [one] => Some((*one).to_owned()),
                _ => None,
            };
        }
        Kind::Backend | Kind::Frontend | Kind::Healthcheck | Kind::Pool | Kind::File => !word.is_empty(),
    };
    is_good.then(|| word.to_owned())
}

/// The words of a kind that begin so.
fn fitting(kind: Kind, word: &str) -> Vec<&'static str> {
    kind.words().iter().filter(|whole| !word.is_empty() && whole.starts_with(word)).copied().collect()
}

/// What may come next, as help writes it.
fn expected(states: &[State]) -> Vec<String> {
    let mut expected = Vec::new();
    for (item, _) in states.iter().flat_map(|state| state.next().heads) {
        let text = match item {
            Item::Word(word) => word.to_owned(),
            Item::Value(kind) => format!("<{}>", kind.name()),
            Item::Maybe(_) | Item::AnyOf(_) => continue,
        };
        if !expected.contains(&text) {
            expected.push(text);
        }
    }
    expected
}

/// Understands a command.
///
/// # Errors
/// It is none, or could be several.
pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Parsed, ParseError> {
    let mut states = start();
    if words.is_empty() {
        return Err(ParseError::Empty { expected: expected(&states) });
    }
    for (at, word) in words.iter().enumerate() {
        let word = word.as_ref();
        let next = advance(&states, word);
        if next.is_empty() {
            return Err(refusal(&states, word, joined(&words[..at])));
        }
        unambiguous(&next, word)?;
        states = next;
    }
    let mut ends = states.iter().filter(|state| state.next().may_end);
    match (ends.next(), ends.next()) {
        (Some(state), None) => Ok(Parsed {
            verb: RULES[state.rule].verb,
            words: state.words.clone(),
            values: state.values.clone(),
        }),
        _ => Err(ParseError::Incomplete { before: joined(words), expected: expected(&states) }),
    }
}

/// A word that begins several is fine where the shortest begins the others: what follows decides between them.
fn unambiguous(states: &[State], word: &str) -> Result<(), ParseError> {
    let wholes: BTreeSet<&str> = states.iter().filter_map(|state| state.words.last().copied()).collect();
    let wholes: Vec<&str> = wholes.into_iter().filter(|whole| whole.starts_with(word)).collect();
    let Some(first) = wholes.first() else { return Ok(()) };
    if wholes.iter().all(|whole| whole.starts_with(first)) {
        return Ok(());
    }
    let candidates = wholes.iter().map(ToString::to_string).collect();
    Err(ParseError::Ambiguous { word: word.into(), candidates })
}

fn refusal(states: &[State], word: &str, before: String) -> ParseError {
    let heads: Vec<Item> = states.iter().flat_map(|state| state.next().heads).map(|(item, _)| item).collect();
    let [Item::Value(kind)] = heads.as_slice() else {
        return ParseError::Unexpected { word: word.into(), before, expected: expected(states) };
    };
    let fitting = fitting(*kind, word);
    if fitting.len() > 1 {
        let candidates = fitting.iter().map(ToString::to_string).collect();
        return ParseError::Ambiguous { word: word.into(), candidates };
    }
    ParseError::BadValue { value: word.into(), kind: *kind }
}

fn joined<S: AsRef<str>>(words: &[S]) -> String {
    words.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(" ")
}
