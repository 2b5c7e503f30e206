//! Reading a mapping key by key: each key's type is named once, and what nobody asked for is an unknown key.
//!
//! Nothing here stops at a mistake. It is noted with its place, and reading goes on with a stand-in value.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use maglev_core::config::PathName;
use maglev_core::config::nearest::nearest;
use serde_saphyr::Location;

use super::duration::{self, DurationError};
use super::error::Finding;
use super::yaml::{Entry, Node, Shape, finding};

/// A value that a message quotes is cut after this many characters.
const QUOTE_CHARS_MAX: usize = 48;

/// What stands in for a duration that was refused already: it breaks no rule of its own.
const STAND_IN: Duration = Duration::from_secs(1);

/// Where we are, without allocating while all goes well.
#[derive(Clone, Copy)]
pub(super) enum At<'p> {
    /// Below the key `maglev`, which paths leave out.
    Top,
    /// A key of a mapping.
    Key(&'p At<'p>, &'p str),
    /// An item of a list.
    Item(&'p At<'p>, usize),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Key(Self::Top, key) => PathName(key).fmt(f),
            Self::Key(parent, key) => write!(f, "{parent}.{}", PathName(key)),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// The source, and all mistakes found in it so far.
pub(super) struct Reader<'s> {
    source: &'s str,
    file: Arc<str>,
    structural: RefCell<Vec<Finding>>,
    semantic: RefCell<Vec<Finding>>,
}

impl<'s> Reader<'s> {
    pub(super) fn new(source: &'s str, file: Arc<str>) -> Self {
        Self { source, file, structural: RefCell::default(), semantic: RefCell::default() }
    }

    /// Structural and semantic findings.
    pub(super) fn into_findings(self) -> (Vec<Finding>, Vec<Finding>) {
        (self.structural.into_inner(), self.semantic.into_inner())
    }

    pub(super) fn structural(&self, place: Location, path: At<'_>, message: impl Into<String>) {
        let finding = finding(&self.file, place, path.to_string(), message.into());
        self.structural.borrow_mut().push(finding);
    }

    pub(super) fn semantic(&self, place: Location, path: At<'_>, message: impl Into<String>) {
        let finding = finding(&self.file, place, path.to_string(), message.into());
        self.semantic.borrow_mut().push(finding);
    }

    /// The entries of a mapping, each key once; an empty value is an empty mapping.
    pub(super) fn entries<'n>(&self, node: &'n Node, path: At<'_>) -> Option<&'n [Entry]> {
        let entries: &[Entry] = match &node.value {
            Shape::Map(entries) => entries,
            Shape::Null => &[],
            Shape::Bool(_) | Shape::Whole(_) | Shape::Float | Shape::Text(_) | Shape::List(_) => {
                self.wrong(node, path, "a mapping; write keys with values, indented below");
                return None;
            }
        };
        let mut first: BTreeMap<&str, u64> = BTreeMap::new();
        for (key, _) in entries {
            if let Some(line) = first.get(key.value.as_str()) {
                let message =
                    format!("the key stands here a second time, first in line {line}; remove one of the two");
                self.structural(key.referenced, At::Key(&path, &key.value), message);
            } else {
                first.insert(&key.value, key.referenced.line());
            }
        }
        Some(entries)
    }

    /// The items of a list.
    pub(super) fn items<'n>(&self, node: &'n Node, path: At<'_>) -> &'n [Node] {
        match &node.value {
            Shape::List(items) => items,
            Shape::Null => &[],
            Shape::Bool(_) | Shape::Whole(_) | Shape::Float | Shape::Text(_) | Shape::Map(_) => {
                self.wrong(node, path, "a list; begin each item with `- `");
                &[]
            }
        }
    }

    /// A mapping whose keys are all known.
    pub(super) fn section<'r>(
        &'r self,
        node: &'r Node,
        place: Location,
        path: At<'r>,
    ) -> Option<Section<'r, 's>> {
        let entries = self.entries(node, path)?;
        Some(Section { reader: self, path, place, entries, known: Vec::new() })
    }

    /// Notes that a value is not of the type that is wanted.
    pub(super) fn wrong(&self, node: &Node, path: At<'_>, wanted: &str) {
        self.structural(node.referenced, path, format!("{} is not {wanted}", self.describe(node)));
    }

    /// A word's spelling in the file, so that `010` stays what it is.
    fn spelling<'n>(&self, node: &'n Node) -> Option<&'n str>
    where
        's: 'n,
    {
        match &node.value {
            Shape::Text(text) => Some(text),
            Shape::Bool(_) | Shape::Whole(_) | Shape::Float => {
                let span = node.defined.span();
                let start = usize::try_from(span.byte_offset()?).ok()?;
                let len = usize::try_from(span.byte_len()?).ok()?;
                self.source.get(start..start.checked_add(len)?)
            }
            Shape::Null | Shape::List(_) | Shape::Map(_) => None,
        }
    }

    fn describe(&self, node: &Node) -> String {
        match &node.value {
            Shape::Null => "an empty value".into(),
            Shape::List(_) => "a list".into(),
            Shape::Map(_) => "a mapping".into(),
            Shape::Bool(_) | Shape::Whole(_) | Shape::Float | Shape::Text(_) => {
                quoted(self.spelling(node).unwrap_or("this"))
            }
        }
    }
}

/// A value of the file inside a message: one line, not too long.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTE_CHARS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().count() > QUOTE_CHARS_MAX {
        shown.push_str("...");
    }
    format!("`{shown}`")
}

/// A mapping being read. [`Section::end`] reports the keys that nobody asked for.
pub(super) struct Section<'r, 's> {
    reader: &'r Reader<'s>,
    path: At<'r>,
    place: Location,
    entries: &'r [Entry],
    known: Vec<&'static str>,
}

impl<'r> Section<'r, '_> {
    /// Where the section begins.
    pub(super) fn place(&self) -> Location {
        self.place
    }

    /// The key's place and value, if it is there.
    pub(super) fn find(&mut self, key: &'static str) -> Option<(Location, &'r Node)> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let (spanned, node) = self.entries.iter().find(|(candidate, _)| candidate.value == key)?;
        Some((spanned.referenced, node))
    }

    /// Notes that `key` has to be there.
    pub(super) fn missing(&self, key: &str, remedy: &str) {
        self.reader.structural(self.place, At::Key(&self.path, key), format!("missing; {remedy}"));
    }

    /// Notes a structural problem of `key`.
    pub(super) fn structural(&self, place: Location, key: &str, message: impl Into<String>) {
        self.reader.structural(place, At::Key(&self.path, key), message);
    }

    /// Notes a semantic problem of `key`.
    pub(super) fn semantic(&self, place: Location, key: &str, message: impl Into<String>) {
        self.reader.semantic(place, At::Key(&self.path, key), message);
    }

    /// Refuses `key` for a reason, if it is there: it exists, but not here.
    pub(super) fn refuse(&mut self, key: &'static str, message: &str) {
        // Only a key that is there becomes known, so that no typing mistake is mended into a refused one.
        let found = self.entries.iter().any(|(candidate, _)| candidate.value == key);
        if found && let Some((place, _)) = self.find(key) {
            self.semantic(place, key, message);
        }
    }

    fn wrong(&self, node: &Node, key: &str, wanted: &str) {
        self.reader.wrong(node, At::Key(&self.path, key), wanted);
    }

    /// Any word, with its place.
    pub(super) fn text_at(&mut self, key: &'static str) -> Option<(Location, String)> {
        let (_, node) = self.find(key)?;
        let spelling = self.reader.spelling(node);
        if spelling.is_none() {
            self.wrong(node, key, "a text; write one, or remove the key");
        }
        Some((node.referenced, spelling?.to_owned()))
    }

    /// Any word.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        self.text_at(key).map(|(_, text)| text)
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let (_, node) = self.find(key)?;
        if let Shape::Bool(value) = node.value {
            return Some(value);
        }
        self.wrong(node, key, "a truth value; write true or false");
        None
    }

    /// A whole number; what the type cannot hold is out of `range`, and `stand_in` takes its place.
    pub(super) fn number<T: TryFrom<i128>>(
        &mut self,
        key: &'static str,
        range: &str,
        stand_in: T,
    ) -> Option<T> {
        let (_, node) = self.find(key)?;
        match &node.value {
            Shape::Whole(value) => Some(T::try_from(*value).unwrap_or_else(|_| {
                let message = format!("{} is out of range; use {range}", self.reader.describe(node));
                self.semantic(node.referenced, key, message);
                stand_in
            })),
            Shape::Text(text) if text.parse::<i128>().is_ok() => {
                self.wrong(node, key, "a number while it is in quotes; remove the quotes");
                None
            }
            Shape::Null | Shape::Bool(_) | Shape::Float | Shape::Text(_) | Shape::List(_) | Shape::Map(_) => {
                self.wrong(node, key, &format!("a whole number; use {range}"));
                None
            }
        }
    }

    pub(super) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let (_, node) = self.find(key)?;
        let Some(spelling) = self.reader.spelling(node) else {
            self.wrong(node, key, "a duration; write one, such as 250ms, 1.5s or 1m30s");
            return None;
        };
        match duration::parse(spelling) {
            Ok(duration) => return Some(duration),
            Err(error @ (DurationError::Syntax | DurationError::NoUnit)) => {
                let message = format!("{} {error}", quoted(spelling));
                self.reader.structural(node.referenced, At::Key(&self.path, key), message);
            }
            Err(error @ (DurationError::Negative | DurationError::TooLong)) => {
                self.semantic(node.referenced, key, format!("{} {error}", quoted(spelling)));
            }
        }
        Some(STAND_IN)
    }

    /// One IP address, with its place. A prefix is read as its address, with a semantic problem.
    pub(super) fn address(&mut self, key: &'static str) -> Option<(Location, IpAddr)> {
        let (_, node) = self.find(key)?;
        let spelling = self.reader.spelling(node).unwrap_or_default();
        if let Ok(address) = spelling.parse() {
            return Some((node.referenced, address));
        }
        if let Some((host, len)) = spelling.split_once('/')
            && let Ok(address) = host.parse::<IpAddr>()
            && len.parse::<u8>().is_ok()
        {
            let message =
                format!("{} is a prefix; write one host address, such as {address}", quoted(spelling));
            self.semantic(node.referenced, key, message);
            return Some((node.referenced, address));
        }
        self.wrong(
            node,
            key,
            "an IP address; write one such as 192.0.2.1 or 2001:db8::1 (names are not resolved)",
        );
        None
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let (_, node) = self.find(key)?;
        let spelling = self.reader.spelling(node).unwrap_or_default();
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == spelling) {
            return Some(*value);
        }
        let all = words.iter().map(|(word, _)| *word);
        let message = match nearest(spelling, all.clone()) {
            Some(meant) => format!("a choice here; did you mean `{meant}`? The choices are {}", list(all)),
            None => format!("a choice here; use {}", list(all)),
        };
        self.wrong(node, key, &message);
        None
    }

    /// Ends the reading: what is left over is unknown.
    pub(super) fn end(self) {
        for (key, _) in self.entries.iter().filter(|(key, _)| !self.known.contains(&key.value.as_str())) {
            let known = || self.known.iter().copied();
            let message = match nearest(&key.value, known()) {
                Some(meant) => format!("unknown key; did you mean `{meant}`?"),
                None if self.known.is_empty() => "unknown key; remove it".into(),
                None => format!("unknown key; remove it, or use {}", list(known())),
            };
            self.reader.structural(key.referenced, At::Key(&self.path, &key.value), message);
        }
    }
}

/// What the file says replaces the default; where it says nothing, that stays.
pub(super) fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// `a, b or c`.
fn list<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => String::new(),
    }
}
