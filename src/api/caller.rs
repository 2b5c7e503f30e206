//! Who calls, and what a caller may.

use std::fmt;

use maglev_core::{Author, Clock as _};
use tonic::{Request, Status};

use super::{Maglev, error};

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
    /// What all connections of this caller have in common: the user, the certificate's name, or the host.
    pub key: String,
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
    let unknown = || Caller { who: "unknown".into(), key: "unknown".into(), role: Role::Viewer };
    request.extensions().get::<Caller>().cloned().unwrap_or_else(unknown)
}

impl Maglev {
    /// The author of a change, if the caller may change anything, and may now.
    ///
    /// # Errors
    /// The caller is no operator, changes things too often, or the reason is too long.
    pub(super) fn author<T>(&self, request: &Request<T>, why: &str) -> Result<Author, Box<Status>> {
        let caller = of(request);
        if caller.role != Role::Operator {
            return Err(error::no_operator(&caller));
        }
        let admitted = self.rates.admit(&caller.key, self.api.clock.now());
        admitted.map_err(|left| error::too_fast(&caller, self.api.changes, left))?;
        written(caller.who, why, self.now())
    }
}

fn written(who: String, why: &str, now: std::time::Duration) -> Result<Author, Box<Status>> {
    if why.len() > WHY_BYTES_MAX || why.chars().any(char::is_control) {
        let what = format!("why: at most {WHY_BYTES_MAX} bytes without control characters");
        return Err(error::invalid("why", &what));
    }
    Ok(Author { who, why: why.into(), at: now.as_secs() })
}
