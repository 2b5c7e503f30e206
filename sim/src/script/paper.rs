//! What may happen to the file in which maglevd keeps what operators choose.

use core::fmt;

use super::words::Confused;

/// What happens to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paper {
    /// What is in it cannot be read any more: `damaged`.
    Damaged,
    /// It is gone: `deleted`.
    Deleted,
    /// It cannot be written from now on: `unwritable`.
    Unwritable,
    /// It can again: `writable`. What maglevd wants to keep is written at once.
    Writable,
}

impl Paper {
    pub(super) fn parse(sentence: &str) -> Result<Self, Confused> {
        match sentence {
            "damaged" => Ok(Self::Damaged),
            "deleted" => Ok(Self::Deleted),
            "unwritable" => Ok(Self::Unwritable),
            "writable" => Ok(Self::Writable),
            _ => Err(format!(
                "{sentence:?} is nothing that happens to the file of operators' choices: use damaged, deleted, unwritable \
                 or writable"
            )),
        }
    }
}

impl fmt::Display for Paper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "damaged",
            Self::Deleted => "deleted",
            Self::Unwritable => "unwritable",
            Self::Writable => "writable",
        })
    }
}
