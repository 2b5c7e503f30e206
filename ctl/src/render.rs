//! Answers as text: tables for people, JSON and YAML for programs.

use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{Cell as TableCell, Color, ContentArrangement, Table, presets};

use crate::clean;
use crate::failure::{Exit, Failure};
use crate::flags::Output;
use crate::value::Value;

/// How a cell is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// As any other.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Worth a look.
    Odd,
    /// Not as it should be.
    Bad,
}

/// A cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
}

impl Cell {
    /// A plain one.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }

    /// One with a tone.
    pub fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

/// A part of what people read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// What is what.
    Pairs(Vec<(&'static str, Cell)>),
    /// A table. Without rows, only `empty` is said.
    Rows {
        /// Titles.
        head: Vec<&'static str>,
        /// Rows.
        rows: Vec<Vec<Cell>>,
        /// What it means that there is none.
        empty: &'static str,
    },
    /// Whole lines.
    Lines(Vec<String>),
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// For programs.
    pub value: Value,
    /// For people.
    pub blocks: Vec<Block>,
    /// For scripts.
    pub exit: Exit,
}

impl Answer {
    /// One that says all is well.
    pub const fn new(value: Value, blocks: Vec<Block>) -> Self {
        Self { value, blocks, exit: Exit::Done }
    }
}

/// Where answers go, and how.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    /// How.
    pub output: Output,
    /// Whether with colours.
    pub has_colour: bool,
}

impl Printer {
    /// Colours only a terminal, and only if its user has nothing against it (<https://no-color.org>).
    pub fn new(output: Output) -> Self {
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { output, has_colour: io::stdout().is_terminal() && !is_unwanted }
    }

    /// Writes an answer.
    ///
    /// # Errors
    /// Nobody takes it.
    pub fn print(self, answer: &Answer) -> Result<(), Failure> {
        let text = match self.output {
            Output::Table => self.blocks(&answer.blocks),
            Output::Json => json(&answer.value)?,
            Output::Yaml => yaml(&answer.value)?,
        };
        write(&text)
    }

    /// Writes one of a row of answers that does not end: a line of JSON, or a YAML document.
    ///
    /// # Errors
    /// Nobody takes it.
    pub fn print_next(self, answer: &Answer) -> Result<(), Failure> {
        let text = match self.output {
            Output::Table => self.blocks(&answer.blocks),
            Output::Json => {
                clean::document(&serde_json::to_string(&answer.value).map_err(unprintable)?) + "\n"
            }
            Output::Yaml => format!("---\n{}", yaml(&answer.value)?),
        };
        write(&text)
    }

    /// What people read.
    pub fn blocks(self, blocks: &[Block]) -> String {
        let texts: Vec<String> =
            blocks.iter().map(|block| self.block(block)).filter(|it| !it.is_empty()).collect();
        texts.join("\n")
    }

    fn block(self, block: &Block) -> String {
        match block {
            Block::Lines(lines) => lines.iter().map(|line| clean::text(line) + "\n").collect(),
            Block::Pairs(pairs) => {
                let mut table = self.table();
                for (name, cell) in pairs.iter().filter(|(_, cell)| !cell.text.is_empty()) {
                    table.add_row([TableCell::new(format!("{name}:")), self.cell(cell)]);
                }
                finished(table)
            }
            Block::Rows { rows, empty, .. } if rows.is_empty() => format!("{empty}\n"),
            Block::Rows { head, rows, .. } => {
                let mut table = self.table();
                table.set_header(head.iter().map(|title| self.title(title)));
                for row in rows {
                    table.add_row(row.iter().map(|cell| self.cell(cell)));
                }
                finished(table)
            }
        }
    }

    fn table(self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if self.has_colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table
    }

    fn title(self, title: &str) -> TableCell {
        let cell = TableCell::new(title);
        if self.has_colour { cell.add_attribute(comfy_table::Attribute::Bold) } else { cell }
    }

    fn cell(self, cell: &Cell) -> TableCell {
        let shown = TableCell::new(clean::text(&cell.text));
        let colour = match cell.tone {
            Tone::Plain => return shown,
            Tone::Good => Color::Green,
            Tone::Odd => Color::Yellow,
            Tone::Bad => Color::Red,
        };
        if self.has_colour { shown.fg(colour) } else { shown }
    }
}

/// Without the padding at both ends of each line.
fn finished(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn json(value: &Value) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(unprintable)?;
    Ok(clean::document(&text) + "\n")
}

fn yaml(value: &Value) -> Result<String, Failure> {
    let text = serde_saphyr::to_string(value).map_err(unprintable)?;
    Ok(clean::document(&text))
}

fn unprintable(err: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, format!("cannot write the answer: {err}"))
}

/// Writes to stdout at once.
///
/// # Errors
/// Nobody takes it.
pub fn write(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// Writes one line to stderr; if it is closed, the exit code still tells.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "maglevc: {}", clean::text(text));
}
