//! A family of series on its way into the text.

use std::io;

use measured::label::NoLabels;
use measured::metric::counter::write_counter;
use measured::metric::gauge::{write_float_gauge, write_gauge};
use measured::metric::group::Encoding as _;
use measured::metric::name::MetricName;
use measured::text::{MetricType, TextEncoder};

use super::buckets::Buckets;
use super::catalogue::{Kind, Metric};
use super::labels::{Series, text};

/// Where it is written.
pub(super) struct Out<W: io::Write>(TextEncoder<W>);

impl<W: io::Write> Out<W> {
    pub(super) fn new(sink: W) -> Self {
        Self(TextEncoder::new(sink))
    }

    /// What the family means; its series follow.
    pub(super) fn begin(&mut self, metric: &Metric) -> io::Result<Family<'_, W>> {
        let name = MetricName::from_str(metric.name);
        self.0.write_help(name, metric.help)?;
        let kind = match metric.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        self.0.write_type(&name, kind)?;
        Ok(Family { out: &mut self.0, name: metric.name, labels: metric.labels, bounds: Vec::new() })
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Series of one name. Those of which there are many take texts of labels, the others values.
pub(super) struct Family<'a, W: io::Write> {
    out: &'a mut TextEncoder<W>,
    name: &'static str,
    labels: &'static [&'static str],
    /// The label of each bucket, of a histogram.
    bounds: Vec<String>,
}

impl<W: io::Write> Family<'_, W> {
    pub(super) fn count(&mut self, values: &[&str], count: u64) -> io::Result<()> {
        let text = self.text(values);
        self.count_of([&text, ""], count)
    }

    pub(super) fn count_of(&mut self, labels: [&str; 2], count: u64) -> io::Result<()> {
        let series = self.series("", labels);
        write_counter(self.out, series, NoLabels, count)
    }

    pub(super) fn gauge(&mut self, values: &[&str], value: impl Into<i64>) -> io::Result<()> {
        let text = self.text(values);
        self.gauge_of([&text, ""], value)
    }

    pub(super) fn gauge_of(&mut self, labels: [&str; 2], value: impl Into<i64>) -> io::Result<()> {
        let series = self.series("", labels);
        write_gauge(self.out, series, NoLabels, value.into())
    }

    pub(super) fn seconds(&mut self, values: &[&str], value: f64) -> io::Result<()> {
        let text = self.text(values);
        let series = self.series("", [&text, ""]);
        write_float_gauge(self.out, series, NoLabels, value)
    }

    pub(super) fn histogram(&mut self, values: &[&str], buckets: &Buckets) -> io::Result<()> {
        let text = self.text(values);
        self.histogram_of(&text, buckets)
    }

    pub(super) fn histogram_of(&mut self, labels: &str, buckets: &Buckets) -> io::Result<()> {
        if self.bounds.is_empty() {
            // All series of a family have the same, and a number takes long to print.
            let le = |bound: &str| text(&[("le", bound)]);
            self.bounds = buckets.bounds().map(|bound| le(&in_seconds(bound))).collect();
            self.bounds.push(le("+Inf"));
        }
        let mut below = 0;
        for (bound, count) in self.bounds.iter().zip(buckets.counts()) {
            below += count;
            let series = Series { name: self.name, suffix: "_bucket", labels: [labels, bound] };
            write_counter(self.out, series, NoLabels, below)?;
        }
        let (sum, count) = (self.series("_sum", [labels, ""]), self.series("_count", [labels, ""]));
        write_float_gauge(self.out, sum, NoLabels, buckets.sum())?;
        write_counter(self.out, count, NoLabels, below)
    }

    fn series<'a>(&self, suffix: &'static str, labels: [&'a str; 2]) -> Series<'a> {
        Series { name: self.name, suffix, labels }
    }

    fn text(&self, values: &[&str]) -> String {
        debug_assert_eq!(self.labels.len(), values.len(), "each label has a value");
        let pairs: Vec<_> = self.labels.iter().copied().zip(values.iter().copied()).collect();
        text(&pairs)
    }
}

/// `0.00001`, `0.5`, `1.0`: as series are named, and so for ever.
fn in_seconds(bound: f64) -> String {
    let text = bound.to_string();
    if text.contains('.') { text } else { text + ".0" }
}
