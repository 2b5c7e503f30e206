//! Rules as they are written, read into items.

use super::{Kind, RULES};

/// A part of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// This very word, or a beginning of it.
    Word(&'static str),
    /// A value.
    Value(Kind),
    /// All of it, or nothing.
    Maybe(Vec<Self>),
    /// Any of these, any number of times.
    AnyOf(Vec<Vec<Self>>),
}

/// The items of every rule, in the order of the table.
pub(super) fn all() -> Vec<Vec<Item>> {
    RULES.iter().map(|rule| items(rule.pattern)).collect()
}

/// The items of a rule.
fn items(pattern: &'static str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut rest = pattern.trim_start();
    while let Some(first) = rest.chars().next() {
        let (item, length) = match first {
            '[' => {
                let inner = enclosed(rest, ']');
                (Item::Maybe(self::items(inner)), inner.len() + 2)
            }
            '{' => {
                let inner = enclosed(rest, '}');
                (Item::AnyOf(inner.split('|').map(self::items).collect()), inner.len() + 2)
            }
            '<' => {
                let name = enclosed(rest, '>');
                let kind = Kind::ALL.iter().find(|(known, _)| *known == name);
                let (_, kind) = kind.unwrap_or_else(|| panic!("the table of commands knows no <{name}>"));
                (Item::Value(*kind), name.len() + 2)
            }
            _ => {
                let word = rest.split(' ').next().unwrap_or(rest);
                (Item::Word(word), word.len())
            }
        };
        items.push(item);
        rest = rest[length..].trim_start();
    }
    items
}

/// Between the bracket that `text` begins with and the next closing one; none of them nest.
fn enclosed(text: &'static str, closing: char) -> &'static str {
    let end = text.find(closing).unwrap_or_else(|| panic!("a rule lacks its {closing}: {text}"));
    &text[1..end]
}
