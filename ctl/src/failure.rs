//! What goes wrong: one line that says what, where and what to do, and a code for scripts.

use std::fmt;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::clean;
use crate::grammar::ParseError;

/// How it ended, for scripts. `docs/maglevc.md` has the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Something that no other code says.
    Failed = 1,
    /// A configuration breaks rules.
    BadConfig = 2,
    /// There is no such object.
    NotFound = 3,
    /// Not in this state, or somebody was faster: later, perhaps.
    NotNow = 4,
    /// The caller may only look.
    NotAllowed = 5,
    /// No daemon answers.
    NoDaemon = 6,
    /// The command is wrong (`EX_USAGE` of sysexits.h).
    Usage = 64,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For scripts.
    pub exit: Exit,
    /// For people, in one line; may be empty where nothing needs to be said.
    pub text: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&clean::text(&self.text))
    }
}

impl Failure {
    /// A failure of this kind.
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into() }
    }

    /// Whether another attempt may find the daemon again.
    pub fn is_no_daemon(&self) -> bool {
        self.exit == Exit::NoDaemon
    }
}

impl From<ParseError> for Failure {
    fn from(err: ParseError) -> Self {
        Self::new(Exit::Usage, err.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(err: std::io::Error) -> Self {
        // Whoever read us has had enough: that is no failure.
        if err.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Done, "");
        }
        Self::new(Exit::Failed, format!("cannot write: {err}"))
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::from(&status)
    }
}

impl From<&Status> for Failure {
    fn from(status: &Status) -> Self {
        let text = status.message();
        if is_of_the_connection(status) {
            let why = causes(status);
            // In TLS 1.3 the daemon looks at our papers after we have looked at its own.
            let remedy = match () {
                () if why.contains("CertificateRequired") => "; it wants --tls-cert and --tls-key",
                () if why.contains("received fatal alert") => {
                    "; it does not take the certificate of --tls-cert"
                }
                () => "",
            };
            return Self::new(Exit::NoDaemon, format!("the connection to the daemon broke: {why}{remedy}"));
        }
        match status.code() {
            Code::NotFound => Self::new(Exit::NotFound, text),
            Code::InvalidArgument => invalid(status),
            Code::FailedPrecondition | Code::ResourceExhausted => {
                let again = status.get_details_retry_info().and_then(|info| info.retry_delay);
                let again =
                    again.map(|delay| format!("; try again in {}", crate::value::span(delay.as_secs_f64())));
                Self::new(Exit::NotNow, format!("{text}{}", again.unwrap_or_default()))
            }
            Code::Aborted => {
                Self::new(Exit::NotNow, format!("{text}; look at it again, then repeat the command"))
            }
            Code::PermissionDenied => Self::new(Exit::NotAllowed, text),
            Code::Unavailable => Self::new(Exit::NoDaemon, text),
            Code::DeadlineExceeded | Code::Cancelled => {
                Self::new(Exit::NoDaemon, format!("the daemon does not answer in time: {text}; try again"))
            }
            Code::Unimplemented => Self::new(
                Exit::Failed,
                "this daemon does not know that yet: upgrade maglevd to the version of maglevc",
            ),
            Code::Ok
            | Code::Unknown
            | Code::AlreadyExists
            | Code::OutOfRange
            | Code::Internal
            | Code::DataLoss
            | Code::Unauthenticated => {
                Self::new(Exit::Failed, format!("the daemon answers {:?}: {text}", status.code()))
            }
        }
    }
}

/// A request or a configuration that breaks rules; of many findings the first, and how many more there are.
fn invalid(status: &Status) -> Failure {
    let findings = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    let mut lines = status.message().lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    let is_config = findings.len() != 1 || findings[0].description != status.message();
    if !is_config {
        return Failure::new(Exit::Usage, first);
    }
    let more = lines.count();
    let more = if more == 0 { String::new() } else { " (and more: maglevc config check lists all)".into() };
    Failure::new(Exit::BadConfig, format!("{first}{more}"))
}

/// Whether the daemon itself has said nothing.
fn is_of_the_connection(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

/// The innermost cause says the most.
fn causes(status: &Status) -> String {
    innermost(status)
}

/// The innermost cause of an error.
pub fn innermost(err: &dyn std::error::Error) -> String {
    let mut cause = err;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
