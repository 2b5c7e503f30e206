//! Operators at the Unix socket by their groups, as processes of another user find it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use maglevd::api::{Doors, Group, Serving};
use rustix::process::{Gid, Uid, getegid, geteuid};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

use super::{client, named, socket, v1};
use crate::support::not_tested;
use crate::support::site::{Site, file, frontend};

/// `nobody` and its group, on every Linux.
const NOBODY: u32 = 65534;
/// Groups that nobody has.
const OPERATORS: u32 = 54_321;
const OTHERS: u32 = 54_322;

/// What the child is told, and the beginning of what it tells.
const SOCKET: &str = "MAGLEVD_TEST_SOCKET";
const THREAD: &str = "MAGLEVD_TEST_THREAD";
const TOLD: &str = "told: ";

/// Only root may become somebody else.
fn is_root() -> bool {
    let is_root = geteuid().is_root();
    if !is_root {
        not_tested("groups of callers: only root can start processes of other users");
    }
    is_root
}

/// A site whose socket everybody can open.
async fn open_to_all(operators: Option<Group>) -> (Site, Serving) {
    let mut site = Site::new().await;
    site.write(&file(site.farm.port(), &frontend("www", 80, "ams: {}")));
    site.start();
    let mut doors = Doors { operators, ..Doors::default() };
    doors.take_socket(&socket(&site)).await.unwrap();
    std::fs::set_permissions(socket(&site), Permissions::from_mode(0o666)).unwrap();
    let serving = site.api().serve(doors);
    (site, serving)
}

/// The test below as another process; `ids` are flags of setpriv.
fn child(socket: &Path, ids: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(ids);
    // Through a descriptor: the folders above may be closed to everybody else.
    command.stdin(std::fs::File::open("/proc/self/exe").unwrap());
    command.args(["/proc/self/fd/0", "--exact", "api::groups::as_a_child", "--ignored", "--nocapture"]);
    command.env(SOCKET, socket).env_remove(THREAD);
    command
}

fn told(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let told = text.lines().find_map(|line| Some(line.split_once(TOLD)?.1.to_owned()));
    told.unwrap_or_else(|| panic!("{output:?}"))
}

fn as_nobody(site: &Site, primary: u32, groups: &str) -> String {
    let primary = format!("--regid={primary}");
    told(&mut child(&socket(site), &[&format!("--reuid={NOBODY}"), &primary, groups]))
}

// On one thread, which may become somebody else.
#[tokio::test]
#[ignore = "is started by the tests beside it, as another user"]
async fn as_a_child() {
    let socket = std::env::var(SOCKET).expect("the tests beside this one start it");
    if std::env::var_os(THREAD).is_some() {
        become_nobody();
    }
    let mut client = client(&format!("unix:{socket}")).await;
    let daemon = client.get_daemon(v1::GetDaemonRequest {}).await.unwrap().into_inner();
    let change = client.pause_backend(named("ams")).await;
    let change = change.map_or_else(|status| format!("{:?}", status.code()), |_| "changed".to_owned());
    println!("{TOLD}{:?} {change}", daemon.role());
}

/// Only this thread: the process stays what it was.
fn become_nobody() {
    let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    set_thread_res_gid(gid, gid, gid).unwrap();
    set_thread_res_uid(uid, uid, uid).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_the_group_that_is_given_are_operators() {
    if !is_root() {
        return;
    }
    let (mut site, _serving) = open_to_all(Some(Group::numbered(OPERATORS))).await;
    let member = format!("--groups={OTHERS},{OPERATORS}");
    assert_eq!(as_nobody(&site, NOBODY, &member), "Operator changed");
    assert_eq!(as_nobody(&site, OPERATORS, "--clear-groups"), "Operator changed");
    let stranger = format!("--groups={OTHERS}");
    assert_eq!(as_nobody(&site, NOBODY, &stranger), "Viewer PermissionDenied");
    assert_eq!(as_nobody(&site, NOBODY, "--clear-groups"), "Viewer PermissionDenied");
    let own = getegid().as_raw();
    assert_eq!(
        as_nobody(&site, own, "--clear-groups"),
        "Viewer PermissionDenied",
        "ours is not the one given"
    );
    assert_eq!(told(&mut child(&socket(&site), &["--clear-groups"])), "Operator changed", "root");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_our_own_group_are_operators_if_none_is_given() {
    if !is_root() {
        return;
    }
    let (mut site, _serving) = open_to_all(None).await;
    let own = getegid().as_raw();
    assert_eq!(as_nobody(&site, NOBODY, &format!("--groups={own}")), "Operator changed");
    assert_eq!(as_nobody(&site, own, "--clear-groups"), "Operator changed");
    assert_eq!(as_nobody(&site, NOBODY, &format!("--groups={OPERATORS}")), "Viewer PermissionDenied");
    site.stop().await;
}

/// The process behind the number may be another one than the kernel saw connect: its groups prove nothing then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_of_somebody_else_with_the_same_pid_do_not_count() {
    if !is_root() {
        return;
    }
    let (mut site, _serving) = open_to_all(Some(Group::numbered(OPERATORS))).await;
    let mut root = child(&socket(&site), &[&format!("--groups={OPERATORS}")]);
    assert_eq!(told(root.env(THREAD, "1")), "Viewer PermissionDenied");
    site.stop().await;
}

#[test]
fn a_group_is_found_by_name_or_number() {
    assert_eq!(Group::find("root").unwrap(), Group::numbered(0));
    assert_eq!(Group::find("54321").unwrap(), Group::numbered(OPERATORS));
    let unknown = Group::find("no-such-group").unwrap_err().to_string();
    assert!(unknown.contains("no group no-such-group in /etc/group"), "{unknown}");
}
