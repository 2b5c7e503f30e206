//! Progress of long work, on standard error and only to a terminal.

use std::fmt;
use std::io::{self, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::clock::Stopwatch;

/// A bar that ends with a number of things done, or with the time.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    done: ProgressBar,
    time: Option<(Stopwatch, Duration)>,
}

impl Progress {
    /// Of `all` things.
    pub(crate) fn of(all: u64, what: &str) -> Self {
        let template =
            format!("{{bar:32}} {{human_pos}} of {{human_len}} {what}, {{per_sec}}, {{eta}} left {{msg}}");
        Self::new(all, &template, None)
    }

    /// Of work that lasts for `time`.
    pub(crate) fn lasting(time: Duration, what: &str) -> Self {
        let template = format!("{{bar:32}} {{elapsed}} of {{prefix}}, {{msg}} {what}");
        let progress = Self::new(time.as_secs().max(1), &template, Some((Stopwatch::start(), time)));
        progress.bar.set_prefix(maglev_core::GoDuration(time).to_string());
        progress
    }

    fn new(length: u64, template: &str, time: Option<(Stopwatch, Duration)>) -> Self {
        let style = ProgressStyle::with_template(template).expect("the template is one of ours");
        Self { bar: ProgressBar::new(length).with_style(style), done: ProgressBar::hidden(), time }
    }

    /// So many more are done.
    pub(crate) fn advance(&self, by: u64) {
        match self.time {
            None => self.bar.inc(by),
            Some((since, _)) => {
                self.done.inc(by);
                self.bar.set_message(self.done.position().to_string());
                self.bar.set_position(since.took().as_secs());
            }
        }
    }

    /// The time is up.
    pub(crate) fn is_over(&self) -> bool {
        self.time.is_some_and(|(since, time)| since.took() >= time)
    }

    /// A line on standard output, above the bar.
    pub(crate) fn say(&self, line: fmt::Arguments<'_>) -> io::Result<()> {
        self.bar.suspend(|| writeln!(io::stdout(), "{line}"))
    }

    /// What is under way, behind the bar.
    pub(crate) fn note(&self, what: String) {
        self.bar.set_message(what);
    }

    /// The bar is gone.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
