//! Errors as clients get them: the right code, the object's name, what to do next, and the standard details.

use std::time::Duration;

use maglev_core::{Denial, GoDuration};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::config::{ConfigError, Finding};
use crate::daemon::Stopped;
use crate::reload::ReloadError;

use super::{Caller, Rate};

/// Findings that an error carries; their number is told.
const FINDINGS_MAX: usize = 100;

/// There is no such object.
pub(super) fn not_found(what: &str, name: &str) -> Box<Status> {
    let text = format!("there is no {what} {name}");
    let details = ErrorDetails::with_resource_info(what, name, "", text.as_str());
    Box::new(Status::with_error_details(Code::NotFound, text, details))
}

/// The request breaks a rule.
pub(super) fn invalid(field: &str, text: &str) -> Box<Status> {
    let details = ErrorDetails::with_bad_request_violation(field, text);
    Box::new(Status::with_error_details(Code::InvalidArgument, text, details))
}

/// The caller may only look.
pub(super) fn no_operator(caller: &Caller) -> Box<Status> {
    let text = format!(
        "{caller} is a viewer, who may look but not change anything; operators are root, the daemon's user and members of \
         its group (of --grpc-operator-group, where that is given) through the Unix socket, and certificates with a name that --grpc-operators lists"
    );
    Box::new(Status::permission_denied(text))
}

/// The caller changes things too often.
pub(super) fn too_fast(caller: &Caller, rate: Rate, left: Duration) -> Box<Status> {
    let left = left.max(Duration::from_millis(1));
    let text = format!(
        "{caller} changes things too often: {} at once, and then one every {}; try again in {}",
        rate.burst,
        GoDuration(rate.every),
        GoDuration(left)
    );
    Box::new(Status::with_error_details(
        Code::ResourceExhausted,
        text,
        ErrorDetails::with_retry_info(Some(left)),
    ))
}

/// A limit is reached.
pub(super) fn exhausted(text: &str) -> Box<Status> {
    Box::new(Status::resource_exhausted(text))
}

impl From<Stopped> for Box<Status> {
    fn from(stopped: Stopped) -> Self {
        Self::new(Status::unavailable(format!("{stopped}: try again when it is back")))
    }
}

/// Why a command was not carried out. `what` is the object that it is about.
pub(super) fn denied(denial: &Denial, what: &str, name: &str) -> Box<Status> {
    let text = denial.to_string();
    let precondition = || ErrorDetails::with_precondition_failure_violation("STATE", name, text.as_str());
    let (code, details) = match denial {
        Denial::NotFound(_) => {
            (Code::NotFound, ErrorDetails::with_resource_info(what, name, "", text.as_str()))
        }
        Denial::Invalid(_) => {
            (Code::InvalidArgument, ErrorDetails::with_bad_request_violation(what, text.as_str()))
        }
        Denial::NotNow(_) => (Code::FailedPrecondition, precondition()),
        Denial::NotYet { left, .. } => {
            let mut details = precondition();
            details.set_retry_info(Some(*left));
            (Code::FailedPrecondition, details)
        }
        Denial::Stale(_) => (Code::Aborted, ErrorDetails::with_resource_info(what, name, "", text.as_str())),
    };
    Box::new(Status::with_error_details(code, text, details))
}

/// Why a configuration was not put in force.
pub(super) fn refused(err: &ReloadError) -> Box<Status> {
    match err {
        ReloadError::Stopped(stopped) => (*stopped).into(),
        ReloadError::Replaced => Box::new(Status::aborted(
            "replaced by a newer reload: look at what is in force before you try again",
        )),
        ReloadError::Refused { refused, findings } => match refused.kind {
            "stale" => Box::new(Status::aborted(refused.err.clone())),
            "read" => Box::new(Status::failed_precondition(refused.err.clone())),
            _ => bad_config(&refused.err, findings),
        },
    }
}

/// Why a configuration could not be put in force, if somebody wanted to.
pub(super) fn unfit(err: &ConfigError) -> Box<Status> {
    match err {
        ConfigError::Read { .. } => Box::new(Status::failed_precondition(err.to_string())),
        ConfigError::Structural { findings } | ConfigError::Semantic { findings } => {
            bad_config(&err.to_string(), findings)
        }
    }
}

/// All that is wrong with a configuration.
pub(super) fn bad_config(text: &str, findings: &[Finding]) -> Box<Status> {
    let violation = |finding: &Finding| {
        let at = format!("{}:{}:{}: {}", finding.file, finding.line, finding.column, finding.message);
        FieldViolation::new(finding.path.clone(), at)
    };
    let violations: Vec<FieldViolation> = findings.iter().take(FINDINGS_MAX).map(violation).collect();
    // Headers are small: the whole text may not fit, the first findings do.
    let lines: Vec<&str> = text.lines().take(20).collect();
    let more = findings.len().saturating_sub(lines.len());
    let more = if more > 0 { format!("\nand {more} more: check it with CheckConfig") } else { String::new() };
    let text = lines.join("\n") + &more;
    if violations.len() > 20 {
        return Box::new(Status::invalid_argument(text));
    }
    Box::new(Status::with_error_details(
        Code::InvalidArgument,
        text,
        ErrorDetails::with_bad_request(violations),
    ))
}
