//! How commands end, and what the shell hears of it.

use std::io::{self, Write as _};
use std::process::ExitCode;

/// How a command ends that did what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Every rule held.
    Holds,
    /// A rule was broken, an expectation is unmet, or an answer differs.
    Broken,
    /// Ctrl-C before anything failed.
    Interrupted,
}

/// Why a command cannot do what it was asked for.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// A file or a flag, with what to do about it.
    Bad(String),
    /// Nobody can be told.
    Output(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// The exit code. Standard error is the last resort; if that is gone, the exit code remains.
pub(crate) fn code(end: Result<End, Trouble>) -> ExitCode {
    match end {
        Ok(End::Holds) => ExitCode::SUCCESS,
        Ok(End::Broken) => ExitCode::from(1),
        Ok(End::Interrupted) => ExitCode::from(130),
        // Whoever read the output has seen enough, as `head` does.
        Err(Trouble::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Trouble::Output(error)) => {
            let _ = writeln!(io::stderr(), "the output cannot be written: {error}");
            ExitCode::from(2)
        }
        Err(Trouble::Bad(message)) => {
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::from(2)
        }
    }
}
