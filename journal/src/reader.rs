//! Reads a journal, however it ends and whatever is in it.

use std::fmt;
use std::io::{self, BufRead, Read};

use maglev_core::Instant;

use crate::line::{self, Wrong};
use crate::{Entry, FORMAT};

/// A longer line is a mistake: a checkpoint of 50,000 backends has some 30 MB.
const LINE_MAX: u64 = 256 << 20;

/// An entry and its line, counted from one.
pub type Numbered = (u64, Entry);

/// Why reading ends early. Nothing after that line is trusted; what came before it is as good as ever.
#[derive(Debug)]
pub enum ReadError {
    /// The file, not what is in it.
    Io {
        /// The line that was to be read.
        line: u64,
        /// Why it was not.
        source: io::Error,
    },
    /// There is not one whole line.
    Empty,
    /// It does not begin as a journal does.
    NoJournal,
    /// A later program wrote it.
    Format {
        /// Which line.
        line: u64,
        /// Its format.
        found: u32,
    },
    /// A line is damaged.
    Garbage {
        /// Which.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { line, source } => write!(f, "line {line} cannot be read: {source}"),
            Self::Empty => f.write_str("there is not one whole line in it"),
            Self::NoJournal => {
                f.write_str("it is no journal of maglevd: line 1 does not begin with {\"maglev-journal\":")
            }
            Self::Format { line, found } => write!(
                f,
                "line {line} says format {found}, and this program reads {FORMAT}: use the version that line names"
            ),
            Self::Garbage { line, why } => {
                write!(f, "line {line} is damaged, and nothing after it can be trusted: {why}")
            }
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Empty | Self::NoJournal | Self::Format { .. } | Self::Garbage { .. } => None,
        }
    }
}

/// The entries of a journal, in order. Ends at the first error, and at a last line without its end.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    text: Vec<u8>,
    line: u64,
    last: Instant,
    is_over: bool,
    is_torn: bool,
}

impl<R: BufRead> Reader<R> {
    /// Nothing is read yet.
    pub const fn new(from: R) -> Self {
        Self { from, text: Vec::new(), line: 0, last: Instant::START, is_over: false, is_torn: false }
    }

    /// Whether the last line was not whole: the process was killed, or still writes.
    pub const fn is_torn(&self) -> bool {
        self.is_torn
    }

    fn read(&mut self) -> Result<Option<Numbered>, ReadError> {
        self.line += 1;
        self.text.clear();
        let line = self.line;
        let garbage = |why: &str| ReadError::Garbage { line, why: why.to_owned() };
        let got = self.from.by_ref().take(LINE_MAX).read_until(b'\n', &mut self.text);
        got.map_err(|source| ReadError::Io { line, source })?;
        if self.text.pop_if(|last| *last == b'\n').is_none() {
            self.is_torn = !self.text.is_empty();
            return match () {
                () if self.text.len() as u64 == LINE_MAX => Err(garbage("it has no end")),
                () if line == 1 => Err(ReadError::Empty),
                () => Ok(None),
            };
        }
        if line == 1 && !line::is_head(&self.text) {
            return Err(ReadError::NoJournal);
        }
        let entry = line::parse(&self.text).map_err(|wrong| match wrong {
            Wrong::Format(found) => ReadError::Format { line, found },
            Wrong::Garbage(why) => ReadError::Garbage { line, why },
        })?;
        match &entry {
            Entry::Head(head) => {
                self.last = head.checkpoint.as_ref().map_or(Instant::START, |checkpoint| checkpoint.at);
            }
            Entry::Record(record) if record.at < self.last => return Err(garbage("time goes backwards")),
            Entry::Record(record) => self.last = record.at,
            Entry::Check(_) => (),
        }
        Ok(Some((line, entry)))
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Numbered, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let read = self.read().transpose();
        self.is_over = !matches!(read, Some(Ok(_)));
        read
    }
}

#[cfg(test)]
mod tests;
