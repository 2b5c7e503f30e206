//! Messages of the API as one kind of value, from which every output is made.
//!
//! Each field is always there: absent ones are null. The names of fields are the protocol's. `decode.rs` makes values.

mod decode;

use maglev_proto::Timestamp;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Absent, or not known.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A number of things.
    Number(u64),
    /// A time span in seconds.
    Seconds(f64),
    /// A time of day; as text in RFC 3339.
    Time(Timestamp),
    /// Text.
    Text(String),
    /// Several.
    List(Vec<Self>),
    /// Named ones, in the order in which they are shown.
    Map(Vec<(&'static str, Self)>),
}

pub use decode::of;

static NULL: Value = Value::Null;

impl Value {
    /// What stands at a path of names with dots; null if nothing does.
    pub fn at(&self, path: &str) -> &Self {
        path.split('.').fold(self, |value, name| {
            let Self::Map(fields) = value else { return &NULL };
            fields.iter().find(|(key, _)| *key == name).map_or(&NULL, |(_, value)| value)
        })
    }

    /// The elements at a path.
    pub fn list(&self, path: &str) -> &[Self] {
        let value = if path.is_empty() { self } else { self.at(path) };
        if let Self::List(items) = value { items } else { &[] }
    }

    /// As text for people; empty for null.
    pub fn text(&self) -> String {
        match self {
            Self::Null | Self::Map(_) => String::new(),
            Self::Bool(true) => "yes".into(),
            Self::Bool(false) => "no".into(),
            Self::Number(number) => number.to_string(),
            Self::Seconds(seconds) => span(*seconds),
            Self::Time(at) => at.to_string(),
            Self::Text(text) => text.clone(),
            Self::List(items) => items.iter().map(Self::text).collect::<Vec<_>>().join(", "),
        }
    }

    /// A number, 0 for anything else.
    pub const fn number(&self) -> u64 {
        if let Self::Number(number) = self { *number } else { 0 }
    }

    /// Whether it is yes.
    pub const fn is_yes(&self) -> bool {
        matches!(self, Self::Bool(true))
    }
}

/// A map of these fields.
pub fn map<const N: usize>(fields: [(&'static str, Value); N]) -> Value {
    Value::Map(fields.into())
}

/// A time span for people: two units at most.
pub fn span(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "spans are not negative, and the age of the universe fits"
    )]
    let whole = seconds.max(0.0) as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60);
    match whole {
        0 if seconds < 0.001 => format!("{:.0}us", seconds.max(0.0) * 1e6),
        0 => format!("{:.1}ms", seconds * 1e3),
        1..60 if seconds.fract() > 0.0 && whole < 10 => format!("{seconds:.1}s"),
        1..60 => format!("{whole}s"),
        60..3_600 => format!("{minutes}m{}s", whole % 60),
        3_600..86_400 => format!("{hours}h{minutes}m"),
        _ => format!("{days}d{hours}h"),
    }
}

/// Seconds from one moment to another; negative if it comes first.
#[expect(clippy::cast_precision_loss, reason = "a float of 1970 is good to a microsecond")]
pub fn seconds_between(from: &Timestamp, to: &Timestamp) -> f64 {
    (to.seconds - from.seconds) as f64 + f64::from(to.nanos - from.nanos) / 1e9
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(it) => serializer.serialize_bool(*it),
            Self::Number(it) => serializer.serialize_u64(*it),
            Self::Seconds(it) => serializer.serialize_f64(*it),
            Self::Time(it) => serializer.collect_str(it),
            Self::Text(it) => serializer.serialize_str(it),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use maglev_proto::v1;

    use super::*;

    #[test]
    fn every_field_is_there_and_choices_only_once() {
        let record = v1::Record {
            sequence: 7,
            level: v1::Level::Warn.into(),
            detail: Some(v1::record::Detail::SyncDone(v1::SyncDone {
                took: Some(maglev_proto::Duration { seconds: 1, nanos: 500_000_000 }),
                ..v1::SyncDone::default()
            })),
            at: Some(Timestamp { seconds: 0, nanos: 5_000_000 }),
            ..v1::Record::default()
        };
        let json = serde_json::to_string(&of("Record", &record)).unwrap();
        assert_eq!(
            json,
            r#"{"sequence":7,"at":"1970-01-01T00:00:00.005Z","level":"warn","topic":null,"name":"","fields":[],"#
                .to_owned()
                + r#""sync_done":{"frontend":"","calls":0,"took":1.5}}"#
        );
        // Words in a row have one length before all of them.
        let states = vec![v1::State::Up.into(), v1::State::Down.into()];
        let request = v1::ListBackendsRequest { states, ..v1::ListBackendsRequest::default() };
        let words = Value::List(["up", "down"].map(|word| Value::Text(word.into())).into());
        assert_eq!(of("ListBackendsRequest", &request).at("states"), &words);
        let member = of("Member", &v1::Member::default());
        assert_eq!((member.at("set_weight"), member.at("state")), (&Value::Null, &Value::Null));
        assert_eq!(member.at("configured_weight"), &Value::Number(0));
    }

    #[test]
    fn spans_are_short() {
        let spans = [0.0, 0.000_5, 0.012, 1.26, 30.2, 63.0, 7_300.0, 200_000.0].map(span);
        assert_eq!(spans, ["0us", "500us", "12.0ms", "1.3s", "30s", "1m3s", "2h1m", "2d7h"]);
    }
}
