//! What is wrong with a file, where, and which exit code that is.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// Something to say about one place of the file; displays as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file as the operator named it.
    pub file: Arc<str>,
    /// Line, from 1; 0 where the mistake has no place.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
    /// Such as `frontends.www.pools[0].backends.ams.weight`; empty at the top of the file.
    pub path: String,
    /// What is wrong, and what to do next.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// In the order of the file, so that an operator reads and mends from top to bottom.
pub(super) fn in_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| {
        (a.line, a.column, &a.path, &a.message).cmp(&(b.line, b.column, &b.path, &b.message))
    });
    findings
}

/// Why there is no configuration. Displays every finding on a line of its own.
#[derive(Debug)]
pub enum ConfigError {
    /// The file cannot be read: look at the path and its permissions.
    Read {
        /// The file as the operator named it.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not YAML, or not of the shape of a configuration.
    Structural {
        /// Never empty.
        findings: Vec<Finding>,
    },
    /// The file can be understood, and breaks rules.
    Semantic {
        /// Never empty.
        findings: Vec<Finding>,
    },
}

impl ConfigError {
    pub(super) fn structural(finding: Finding) -> Self {
        Self::Structural { findings: vec![finding] }
    }

    /// The kind as logs and metrics name it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Read { .. } => "read",
            Self::Structural { .. } => "structural",
            Self::Semantic { .. } => "semantic",
        }
    }

    /// What `maglevd --check` and a failed start exit with.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Read { .. } | Self::Structural { .. } => 1,
            Self::Semantic { .. } => 2,
        }
    }

    /// All findings in the order of the file; empty when the file could not be read.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Read { .. } => &[],
            Self::Structural { findings } | Self::Semantic { findings } => findings,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Read { file, source } = self {
            return write!(f, "{file}: cannot be read: {source}; {}", remedy(source.kind()));
        }
        for (index, finding) in self.findings().iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            finding.fmt(f)?;
        }
        Ok(())
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Structural { .. } | Self::Semantic { .. } => None,
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "io::ErrorKind grows with the standard library")]
fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => "create it, or name another file with --config",
        io::ErrorKind::PermissionDenied => "let the user that runs maglevd read it and enter its directories",
        io::ErrorKind::IsADirectory => "name the file inside of it with --config",
        _ => "name a readable file with --config",
    }
}
