//! Who calls, and what a caller may.

use std::fmt;

use maglev_core::Author;
use tonic::{Request, Status};

use super::error;

/// The longest reason that a change may carry.
const WHY_BYTES_MAX: usize = 200;

/// What a caller may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Look.
    Viewer,
    /// Look and change.
    Operator,
}

/// Who is at the other end of a connection. Known when it is accepted, and the same for all its calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// As audit events name it.
    pub who: String,
    /// What it may.
    pub role: Role,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.who)
    }
}

/// The caller of a request.
pub(super) fn of<T>(request: &Request<T>) -> Caller {
    let unknown = || Caller { who: "unknown".into(), role: Role::Viewer };
    request.extensions().get::<Caller>().cloned().unwrap_or_else(unknown)
}

/// The author of a change, if the caller may change anything.
///
/// # Errors
/// The caller is no operator, or the reason is too long.
pub(super) fn author<T>(
    request: &Request<T>,
    why: &str,
    now: std::time::Duration,
) -> Result<Author, Box<Status>> {
    let caller = of(request);
    if caller.role != Role::Operator {
        return Err(error::no_operator(&caller));
    }
    if why.len() > WHY_BYTES_MAX || why.chars().any(char::is_control) {
        let what = format!("why: at most {WHY_BYTES_MAX} bytes without control characters");
        return Err(error::invalid("why", &what));
    }
    Ok(Author { who: caller.who, why: why.into(), at: now.as_secs() })
}
