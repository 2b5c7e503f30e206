//! The one table that `make bench` prints, with the goals beside the figures.

use std::time::Duration;

/// Figures in the order in which they were measured.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    what: String,
    measured: String,
    goal: String,
    met: Option<bool>,
}

impl Table {
    /// A figure with a goal.
    pub fn judged(&mut self, what: &str, measured: String, goal: &str, met: bool) {
        self.rows.push(Row { what: what.into(), measured, goal: goal.into(), met: Some(met) });
    }

    /// A figure for orientation.
    pub fn told(&mut self, what: &str, measured: String) {
        self.rows.push(Row { what: what.into(), measured, goal: String::new(), met: None });
    }

    /// A distribution, judged by its median.
    pub fn median(&mut self, what: &str, times: &Times, goal: Duration) {
        let goal_text = format!("median <= {}", human(goal));
        self.judged(what, times.to_string(), &goal_text, times.at(50) <= goal);
    }

    /// The whole table, in Markdown, so that it can go into docs/performance.md as it is.
    pub fn print(&self) {
        let mut lines = vec![
            ["measure".to_owned(), "measured".to_owned(), "goal".to_owned(), "met".to_owned()],
            ["---".to_owned(), "---".to_owned(), "---".to_owned(), "---".to_owned()],
        ];
        for row in &self.rows {
            let met = match row.met {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "",
            };
            lines.push([row.what.clone(), row.measured.clone(), row.goal.clone(), met.into()]);
        }
        let widths: Vec<usize> = (0..4)
            .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        for line in &lines {
            let cells: Vec<_> =
                line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            println!("| {} |", cells.join(" | "));
        }
    }
}

/// Times of many equal operations.
#[derive(Debug, Default)]
pub struct Times {
    nanos: Vec<u64>,
}

impl Times {
    /// One more.
    pub fn add(&mut self, took: Duration) {
        self.nanos.push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.nanos.len()
    }

    /// The time that `percent` of the operations did not exceed; zero without any.
    pub fn at(&self, percent: usize) -> Duration {
        let mut sorted = self.nanos.clone();
        sorted.sort_unstable();
        let position = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        Duration::from_nanos(sorted.get(position).copied().unwrap_or(0))
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "median {}, 99 % {} (n = {})", human(self.at(50)), human(self.at(99)), self.count())
    }
}

/// A duration in the unit that leaves it readable.
pub fn human(took: Duration) -> String {
    let nanos = took.as_nanos() as f64;
    match took.as_nanos() {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{:.2} us", nanos / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", nanos / 1e6),
        _ => format!("{:.2} s", nanos / 1e9),
    }
}
