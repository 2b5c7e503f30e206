//! YAML as a tree in which every node knows its place.
//!
//! We read a tree rather than serde's own structs for the operator's sake: serde stops at the first mistake, a tree can
//! be read to its end. Anchors, aliases and merge keys are expanded by the parser, within a budget.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use maglev_core::config::PathName;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Error, Location, Spanned, UserMessageFormatter};

use super::error::Finding;

/// Room for several times 50,000 backends in 1,000 frontends; a node takes about 100 bytes.
const NODES_MAX: usize = 5_000_000;

/// A configuration is eight levels deep; recursion must end long before the stack does.
const DEPTH_MAX: usize = 32;

/// A node and its place. Where an alias stands for it, `referenced` is the place of the alias.
pub(super) type Node = Spanned<Shape>;

/// A key, its place, and its value.
pub(super) type Entry = (Spanned<String>, Node);

/// What a node is, as YAML's core schema reads it.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    Null,
    Bool(bool),
    Whole(i128),
    Float,
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_none<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Shape, E> {
        Ok(Shape::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Shape, E> {
        Ok(Shape::Whole(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Shape, E> {
        Ok(Shape::Whole(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Shape, E> {
        Ok(Shape::Whole(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Shape, E> {
        // Beyond every range that a key has, so the exact number does not matter.
        Ok(Shape::Whole(i128::try_from(value).unwrap_or(i128::MAX)))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Float)
    }

    fn visit_str<E>(self, value: &str) -> Result<Shape, E> {
        Ok(Shape::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Shape, E> {
        Ok(Shape::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Shape::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Shape, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Shape::Map(map))
    }
}

/// The bytes as text, without a byte order mark.
pub(super) fn text<'b>(bytes: &'b [u8], file: &Arc<str>) -> Result<&'b str, Finding> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let last = before.rsplit('\n').next().unwrap_or_default();
        Finding {
            file: file.clone(),
            line: before.matches('\n').count() as u64 + 1,
            column: last.chars().count() as u64 + 1,
            path: String::new(),
            message: "the file is not UTF-8 here; save it as UTF-8".into(),
        }
    })
}

/// The tree of `source`. Duplicate keys stay in it, to be reported with all other mistakes.
pub(super) fn parse(source: &str, file: &Arc<str>) -> Result<Node, Finding> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: NODES_MAX * 2,
            max_nodes: NODES_MAX,
            max_merge_keys: NODES_MAX,
            max_aliases: NODES_MAX,
            max_depth: DEPTH_MAX,
            flow_nesting_limit: DEPTH_MAX * 2,
            // One anchor for a thousand frontends is good style; what aliases expand to is bounded below.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: NODES_MAX,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(source, options).map_err(|error| {
        let place = error.location().unwrap_or(Location::UNKNOWN);
        finding(file, place, String::new(), message(&error))
    })
}

/// A finding at `place`.
pub(super) fn finding(file: &Arc<str>, place: Location, path: String, message: String) -> Finding {
    Finding { file: file.clone(), line: place.line(), column: place.column(), path, message }
}

/// The parser's complaint in an operator's words where it has some of its own; one line in any case.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser has sixty errors; the rest speak for themselves"
)]
fn message(error: &Error) -> String {
    match error.without_snippet() {
        Error::Eof { .. } => "the file is empty; begin it with the key `maglev:`".into(),
        Error::MultipleDocuments { .. } => {
            "a second YAML document begins here; keep one document and remove the `---`".into()
        }
        Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } => {
            "the file is nested too deeply, or far too large; simplify it, or use fewer aliases".into()
        }
        // A mistake inside of what an alias stands for.
        Error::AliasError { error, .. } => message(error),
        Error::UnknownAnchor { .. } => {
            "this alias names an anchor that does not exist; define it above with `&`".into()
        }
        Error::NullIntoString { .. } => "a key is missing before the `:`; write one".into(),
        Error::NonFiniteFloat { .. } => "not a number of any use here; write a finite one".into(),
        other => {
            let text = other.render_with_formatter(&UserMessageFormatter);
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            // The finding says the place already.
            let line = line.split(" at line ").next().unwrap_or(&line);
            format!("this is not valid YAML: {line}; check indentation, colons, quotes and brackets here")
        }
    }
}

/// The place of every path, for problems that the core reports by path alone.
pub(super) struct Positions {
    file: Arc<str>,
    places: BTreeMap<String, Location>,
}

impl Positions {
    /// All places below the top-level key `maglev`.
    pub(super) fn of(root: &Node, file: Arc<str>) -> Self {
        let mut places = BTreeMap::new();
        if let Shape::Map(entries) = &root.value {
            for (key, node) in entries {
                places.insert(String::new(), key.referenced);
                walk(node, "", &mut places);
            }
        }
        Self { file, places }
    }

    /// A finding at `path`, or at the closest ancestor that the file has.
    pub(super) fn find(&self, path: String, message: String) -> Finding {
        let mut known = path.as_str();
        let place = loop {
            if let Some(place) = self.places.get(known) {
                break *place;
            }
            match known.rfind(['.', '[']) {
                Some(end) => known = &known[..end],
                None if known.is_empty() => break Location::UNKNOWN,
                None => known = "",
            }
        };
        finding(&self.file, place, path, message)
    }
}

fn walk(node: &Node, path: &str, places: &mut BTreeMap<String, Location>) {
    match &node.value {
        Shape::Map(entries) => {
            for (key, value) in entries {
                let name = PathName(&key.value);
                let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
                walk(value, &path, places);
                // The value itself is wrong where it is a word; of a whole section, the key names it.
                let is_section = matches!(value.value, Shape::Map(_) | Shape::List(_) | Shape::Null);
                places.insert(path, if is_section { key.referenced } else { value.referenced });
            }
        }
        Shape::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                walk(item, &path, places);
                places.insert(path, item.referenced);
            }
        }
        Shape::Null | Shape::Bool(_) | Shape::Whole(_) | Shape::Float | Shape::Text(_) => (),
    }
}
