//! The group whose members are operators at the Unix socket.

use std::io;

use rustix::process::getegid;

/// Groups of this host by name.
const GROUPS: &str = "/etc/group";

/// A group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group(u32);

/// Why there is no such group.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// Nobody has that name.
    #[error(
        "there is no group {name} in {GROUPS} (--grpc-operator-group): name another one, or give its number"
    )]
    Unknown {
        /// The name.
        name: String,
    },
    /// Nobody can tell.
    #[error("cannot look for group {name} (--grpc-operator-group): {GROUPS}: {source}; give its number")]
    Unreadable {
        /// The name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Group {
    /// The group with this number.
    pub fn numbered(id: u32) -> Self {
        Self(id)
    }

    /// The group of this process.
    pub fn own() -> Self {
        Self(getegid().as_raw())
    }

    /// The group with this name or, if it is one, this number.
    ///
    /// # Errors
    /// No line of /etc/group names it. Directories such as LDAP are not asked: they may be down when we start.
    pub fn find(name: &str) -> Result<Self, GroupError> {
        if let Ok(id) = name.parse() {
            return Ok(Self(id));
        }
        // As bytes: a name in Latin-1 is no reason to miss the others.
        let read = std::fs::read(GROUPS);
        let text = read.map_err(|source| GroupError::Unreadable { name: name.to_owned(), source })?;
        let found = listed(&String::from_utf8_lossy(&text), name);
        found.map(Self).ok_or_else(|| GroupError::Unknown { name: name.to_owned() })
    }

    /// Its number.
    pub fn id(self) -> u32 {
        self.0
    }
}

/// The number of a group in the text of group(5): `name:password:number:members`.
fn listed(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn only_a_whole_name_with_a_number_is_found() {
        let text = "root:x:0:\n+\n# noc\nnocturnal:x:7:\nnoc:x:\nnoc:x:12:ann,bob\nnoc:x:13:\n\nbad:x:-1:\n";
        assert_eq!(listed(text, "root"), Some(0));
        assert_eq!(listed(text, "noc"), Some(12));
        for name in ["", "no", "ann", "bad", "+", "x"] {
            assert_eq!(listed(text, name), None, "{name}");
        }
    }
}
