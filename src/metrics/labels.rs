//! Labels as text: the library renders each once, and every series that has them takes that text.
//!
//! A backend has some twenty series, and to look for what must be escaped in its name for each of them took a quarter of
//! a scrape.

use std::collections::BTreeMap;

use measured::label::{LabelGroup, LabelGroupVisitor, LabelName};
use measured::metric::gauge::write_gauge;
use measured::metric::name::MetricNameEncoder;
use measured::text::TextEncoder;

/// `frontend="www",pool="primary"`: names and values as the exposition has them between its braces.
pub(super) fn text(labels: &[(&'static str, &str)]) -> String {
    let mut encoder = TextEncoder::new(Vec::new());
    let written = write_gauge(&mut encoder, Nameless, Pairs(labels), 0);
    debug_assert!(written.is_ok(), "memory takes everything");
    let line = String::from_utf8(encoder.writer).unwrap_or_default();
    let inner = line.strip_prefix('{').and_then(|line| line.strip_suffix("} 0\n"));
    debug_assert!(inner.is_some() || labels.is_empty(), "{line}");
    inner.unwrap_or_default().to_owned()
}

/// Texts of label groups of which there are few.
pub(super) struct Texts<const N: usize> {
    names: [&'static str; N],
    known: BTreeMap<[&'static str; N], String>,
}

impl<const N: usize> Texts<N> {
    pub(super) fn of(names: [&'static str; N]) -> Self {
        Self { names, known: BTreeMap::new() }
    }

    pub(super) fn get(&mut self, values: [&'static str; N]) -> &str {
        self.known.entry(values).or_insert_with(|| {
            let pairs: Vec<_> = self.names.into_iter().zip(values).collect();
            text(&pairs)
        })
    }
}

/// A series: all that stands before its value. For the library it is a name, since nothing in it is left to encode.
pub(super) struct Series<'a> {
    /// Of the family.
    pub(super) name: &'static str,
    /// Which of a histogram's; else empty.
    pub(super) suffix: &'static str,
    /// Texts of labels, each of which may be empty.
    pub(super) labels: [&'a str; 2],
}

impl MetricNameEncoder for Series<'_> {
    fn encode_utf8(&self, out: &mut impl std::io::Write) -> std::io::Result<()> {
        out.write_all(self.name.as_bytes())?;
        out.write_all(self.suffix.as_bytes())?;
        let [first, second] = self.labels;
        if first.is_empty() && second.is_empty() {
            return Ok(());
        }
        out.write_all(b"{")?;
        out.write_all(first.as_bytes())?;
        if !first.is_empty() && !second.is_empty() {
            out.write_all(b",")?;
        }
        out.write_all(second.as_bytes())?;
        out.write_all(b"}")
    }

    fn encode_len(&self) -> usize {
        let [first, second] = self.labels;
        let marks = match (first.is_empty(), second.is_empty()) {
            (true, true) => 0,
            (false, false) => 3,
            _ => 2,
        };
        self.name.len() + self.suffix.len() + first.len() + second.len() + marks
    }
}

struct Nameless;

impl MetricNameEncoder for Nameless {
    fn encode_utf8(&self, _: &mut impl std::io::Write) -> std::io::Result<()> {
        Ok(())
    }

    fn encode_len(&self) -> usize {
        0
    }
}

struct Pairs<'a>(&'a [(&'static str, &'a str)]);

impl LabelGroup for Pairs<'_> {
    fn visit_values(&self, visitor: &mut impl LabelGroupVisitor) {
        for (name, value) in self.0 {
            visitor.write_value(LabelName::from_str(name), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_escaped_once_and_for_all() {
        assert_eq!(text(&[("backend", "a\"b\\c"), ("type", "tcp")]), r#"backend="a\"b\\c",type="tcp""#);
        assert_eq!(text(&[("backend", "} 0\n{")]), r#"backend="} 0\n{""#);
        assert_eq!(text(&[]), "");
    }

    #[test]
    fn known_texts_stay_apart() {
        let mut texts = Texts::of(["from", "to"]);
        assert_eq!(texts.get(["up", "down"]), r#"from="up",to="down""#);
        assert_eq!(texts.get(["down", "up"]), r#"from="down",to="up""#);
        assert_eq!(texts.get(["up", "down"]), r#"from="up",to="down""#);
    }

    #[test]
    fn a_series_has_commas_between_its_labels_only() {
        let series = |labels| {
            let (series, mut line) = (Series { name: "m", suffix: "_sum", labels }, Vec::new());
            series.encode_utf8(&mut line).unwrap();
            assert_eq!(line.len(), series.encode_len());
            String::from_utf8(line).unwrap()
        };
        assert_eq!(series(["", ""]), "m_sum");
        assert_eq!(series(["a=\"1\"", ""]), "m_sum{a=\"1\"}");
        assert_eq!(series(["", "b=\"2\""]), "m_sum{b=\"2\"}");
        assert_eq!(series(["a=\"1\"", "b=\"2\""]), "m_sum{a=\"1\",b=\"2\"}");
    }
}
