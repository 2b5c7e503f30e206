//! One line: its facts, and how they look in JSON and in text.

use std::fmt::Write as _;
use std::time::Duration;

use maglev_core::{Event, event};
use tracing::Level;

use super::Format;
use super::stamp::Stamp;
use crate::events::Logged;

/// What stands behind a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(u64),
    Bool(bool),
}

/// Keys of the core's events whose values are numbers. A backend may be called `42`, so the look alone tells nothing.
const NUMBERS: [&str; 10] = [
    "frontends",
    "backends",
    "servers",
    "count",
    "pid",
    "calls",
    "buckets-from",
    "buckets-to",
    "seen",
    "wanted",
];

/// Keys of the core's events whose values are `true` or `false`.
const BOOLS: [&str; 3] = ["reload", "lost-on-restart", "restarted"];

pub(super) struct Line {
    at: Duration,
    level: Level,
    pub(super) msg: String,
    fields: Vec<(&'static str, Value)>,
    is_told: bool,
}

impl Line {
    /// A line without facts. `at` is the time since 1970.
    pub(super) fn new(at: Duration, level: Level, msg: &str) -> Self {
        Self { at, level, msg: msg.to_owned(), fields: Vec::new(), is_told: false }
    }

    pub(super) fn with(mut self, key: &'static str, value: Value) -> Self {
        self.put(key, value);
        self
    }

    pub(super) fn put(&mut self, key: &'static str, value: Value) {
        self.fields.push((key, value));
    }

    /// Name and facts of an event.
    pub(super) fn tell(&mut self, event: &Event) {
        self.is_told = true;
        event.name().clone_into(&mut self.msg);
        // Here the key is a list of names.
        let are_names = matches!(event, Event::BackendPresumed { .. } | Event::ChoicesDoubted { .. });
        for (key, text) in event.fields() {
            self.put(key, if are_names { Value::Text(text) } else { typed(key, text) });
        }
    }

    /// The same for those who watch, unless it is an event of the core, of which they hear anyway.
    pub(super) fn logged(&self) -> Option<Logged> {
        let level = match self.level {
            Level::ERROR => event::Level::Error,
            Level::WARN => event::Level::Warn,
            Level::INFO => event::Level::Info,
            Level::DEBUG | Level::TRACE => event::Level::Debug,
        };
        let text = |value: &Value| match value {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(bool) => bool.to_string(),
        };
        let fields = self.fields.iter().map(|(key, value)| (*key, text(value))).collect();
        (!self.is_told).then(|| Logged { level, name: self.msg.clone(), fields })
    }

    /// The whole line with its end.
    pub(super) fn print(&self, format: Format, is_colourful: bool) -> String {
        let mut out = String::with_capacity(256);
        match format {
            Format::Json => self.print_json(&mut out),
            Format::Text => self.print_text(&mut out, is_colourful),
        }
        out.push('\n');
        out
    }

    fn print_json(&self, out: &mut String) {
        let level = self.level.as_str();
        let _ = write!(out, r#"{{"time":"{}","level":"{level}","msg":"#, Stamp(self.at));
        put_json(out, &self.msg);
        for (key, value) in &self.fields {
            out.push(',');
            put_json(out, key);
            out.push(':');
            match value {
                Value::Text(text) => put_json(out, text),
                Value::Number(number) => _ = write!(out, "{number}"),
                Value::Bool(bool) => _ = write!(out, "{bool}"),
            }
        }
        out.push('}');
    }

    fn print_text(&self, out: &mut String, is_colourful: bool) {
        let (paint, plain) = if is_colourful { (colour(self.level), "\x1b[0m") } else { ("", "") };
        let _ = write!(out, "{} {paint}{:<5}{plain} {}", Stamp(self.at), self.level.as_str(), self.msg);
        for (key, value) in &self.fields {
            let _ = match value {
                Value::Text(text) if is_plain(text) => write!(out, " {key}={text}"),
                Value::Text(text) => write!(out, " {key}={text:?}"),
                Value::Number(number) => write!(out, " {key}={number}"),
                Value::Bool(bool) => write!(out, " {key}={bool}"),
            };
        }
    }
}

fn typed(key: &str, text: String) -> Value {
    if NUMBERS.contains(&key) {
        return text.parse().map_or(Value::Text(text), Value::Number);
    }
    if BOOLS.contains(&key) {
        return text.parse().map_or(Value::Text(text), Value::Bool);
    }
    Value::Text(text)
}

fn put_json(out: &mut String, text: &str) {
    out.push_str(&serde_json::to_string(text).expect("a string is always JSON"));
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| char.is_ascii_graphic() && char != '"' && char != '=')
}

const fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[1;31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG | Level::TRACE => "\x1b[2m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event: &Event) -> Line {
        let mut line = Line::new(Duration::from_millis(1_792_411_200_007), Level::INFO, "");
        line.tell(event);
        line
    }

    #[test]
    fn numbers_and_booleans_are_typed_and_text_is_escaped() {
        let loaded = line(&Event::ConfigLoaded { frontends: 2, backends: 30, reload: false });
        assert_eq!(
            loaded.print(Format::Json, false),
            concat!(
                r#"{"time":"2026-10-19T12:00:00.007Z","level":"INFO","msg":"config-loaded","#,
                r#""frontends":2,"backends":30,"reload":false}"#,
                "\n"
            )
        );
        let rejected = line(&Event::ConfigRejected { kind: "semantic", err: "a \"b\"\nc".into() });
        assert!(rejected.print(Format::Json, false).ends_with("\"err\":\"a \\\"b\\\"\\nc\"}\n"));
        assert!(rejected.print(Format::Text, false).ends_with("kind=semantic err=\"a \\\"b\\\"\\nc\"\n"));
    }

    #[test]
    fn a_name_made_of_digits_stays_a_name() {
        let presumed = Event::BackendPresumed { backend: "7".into(), frontends: vec!["42".into()] };
        let text = line(&presumed).print(Format::Json, false);
        assert!(text.contains(r#""backend":"7","frontends":"42""#), "{text}");
    }

    #[test]
    fn only_the_level_is_coloured() {
        let text = line(&Event::Stopping).print(Format::Text, true);
        assert_eq!(text, "2026-10-19T12:00:00.007Z \x1b[32mINFO \x1b[0m stopping\n");
    }
}
