//! Who is at the other end of the Unix socket.
//!
//! User and primary group are the kernel's word about the process that connected (`SO_PEERCRED`). Its other groups would be
//! in `SO_PEERGROUPS`, which none of our libraries offers without unsafe code, so they are read from `/proc/PID/status`,
//! a moment later. In that moment the process may have become another program, or its number another process. So they
//! count only if all of that process's user and group IDs are still the connected one's: whoever gains groups and keeps
//! these was given them by somebody with the right to, or is another process of the same user, and Linux does not
//! guard those from each other. Where they cannot be read (`hidepid`, another PID namespace), the primary group alone counts.

use std::fs::File;
use std::io::{self, Read as _};

use rustix::process::geteuid;
use tokio::net::UnixStream;
use tokio::net::unix::UCred;

use super::caller::{Caller, Role};
use super::group::Group;

/// 65,536 groups, the most that Linux lets a process have, and the lines before them.
const STATUS_BYTES_MAX: u64 = 1 << 20;

/// Root, our own user and members of `operators` are operators.
pub(super) fn meet(stream: &UnixStream, operators: Group) -> Caller {
    let Ok(peer) = stream.peer_cred() else {
        return Caller { who: "unix, unknown".into(), key: "unix".into(), role: Role::Viewer };
    };
    let is_ours = peer.uid() == 0 || peer.uid() == geteuid().as_raw();
    let is_operator = is_ours || peer.gid() == operators.id() || others(&peer).contains(&operators.id());
    let role = if is_operator { Role::Operator } else { Role::Viewer };
    let pid = peer.pid().map(|pid| format!(" pid {pid}")).unwrap_or_default();
    let key = format!("unix uid {}", peer.uid());
    Caller { who: format!("unix uid {} gid {}{pid}", peer.uid(), peer.gid()), key, role }
}

/// The peer's supplementary groups; none if nobody can tell.
fn others(peer: &UCred) -> Vec<u32> {
    let status = peer.pid().and_then(|pid| status(pid).ok());
    status.map(|status| supplementary(&status, peer.uid(), peer.gid())).unwrap_or_default()
}

fn status(pid: i32) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(format!("/proc/{pid}/status"))?.take(STATUS_BYTES_MAX).read_to_end(&mut bytes)?;
    // The name of the program may be anything; the kernel writes its line ends as `\n`, so it makes no lines.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The supplementary groups in a status, if it is one of that user and group and of nobody else.
fn supplementary(status: &str, uid: u32, gid: u32) -> Vec<u32> {
    // Real, effective, saved, and that of file systems.
    let is_same = numbers(status, "Uid:") == [uid; 4] && numbers(status, "Gid:") == [gid; 4];
    if is_same { numbers(status, "Groups:") } else { Vec::new() }
}

fn numbers(status: &str, field: &str) -> Vec<u32> {
    let rest = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    rest.split_ascii_whitespace().map_while(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::supplementary;

    #[test]
    fn groups_count_only_if_all_ids_are_the_peers() {
        let of = |uid: &str, gid: &str| {
            format!("Name:\tx\\nGroups:\t7\nUid:\t{uid}\nGid:\t{gid}\nFDSize:\t64\nGroups:\t20 33 \n")
        };
        assert_eq!(supplementary(&of("5\t5\t5\t5", "6\t6\t6\t6"), 5, 6), [20, 33]);
        let strangers = [
            ("5\t0\t0\t0", "6\t6\t6\t6"),
            ("5\t5\t5\t5", "6\t20\t20\t20"),
            ("4\t4\t4\t4", "6\t6\t6\t6"),
            ("5\t5\t5\t0", "6\t6\t6\t6"),
            ("5\t5", "6\t6\t6\t6"),
            ("", ""),
        ];
        for (uid, gid) in strangers {
            assert!(supplementary(&of(uid, gid), 5, 6).is_empty(), "{uid} {gid}");
        }
        assert!(supplementary("", 5, 6).is_empty());
    }
}
