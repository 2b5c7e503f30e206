//! Sockets made inside a network namespace.
//!
//! A socket belongs for ever to the namespace of the thread that made it. So one thread of our own does nothing but
//! enter namespaces and make sockets there; tokio's threads never leave home. Should the thread fail to come back, no
//! harm is done: it serves namespaces only, and names each of them anew for every socket.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError, mpsc};

use maglev_core::input::LocalFault;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use socket2::Socket;
use tokio::sync::oneshot;

use super::fault;
use super::socket::Recipe;

/// Where `ip netns add` puts its namespaces.
const NAMED_NAMESPACES: &str = "/run/netns";

/// Why there is no socket.
pub(super) enum Refusal {
    /// Something before the socket went wrong.
    Fault(LocalFault),
    /// The call that makes the socket was refused; what that means is for the check to say.
    Socket(io::Error),
}

/// Makes sockets inside namespaces. The thread that does it starts with the first.
#[derive(Default)]
pub(super) struct Namespaces {
    thread: Mutex<Option<mpsc::Sender<Job>>>,
}

struct Job {
    namespace: String,
    recipe: Recipe,
    reply: oneshot::Sender<Result<Socket, Refusal>>,
}

impl Namespaces {
    /// A socket after `recipe`, made inside `namespace`: a name of `ip netns`, or the absolute path of a namespace.
    pub(super) async fn socket(&self, namespace: &str, recipe: Recipe) -> Result<Socket, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.post(Job { namespace: namespace.into(), recipe, reply })?;
        answer.await.unwrap_or_else(|_gone| {
            let words = "the thread that enters network namespaces ended: a bug of maglevd, please report it";
            Err(Refusal::Fault(fault::unusable(words)))
        })
    }

    fn post(&self, job: Job) -> Result<(), Refusal> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let job = match &*thread {
            Some(jobs) => match jobs.send(job) {
                Ok(()) => return Ok(()),
                // It died of a bug; a new one may live.
                Err(mpsc::SendError(job)) => job,
            },
            None => job,
        };
        let (jobs, inbox) = mpsc::channel();
        std::thread::Builder::new()
            .name("netns".into())
            .spawn(move || serve(&inbox))
            .map_err(|err| Refusal::Fault(fault::ours(&err, "starting the thread for network namespaces")))?;
        // The thread holds the other end until this one is dropped.
        let _ = jobs.send(job);
        *thread = Some(jobs);
        Ok(())
    }
}

/// The thread's whole life; ends when the prober is dropped.
fn serve(inbox: &mpsc::Receiver<Job>) {
    while let Ok(Job { namespace, recipe, reply }) = inbox.recv() {
        // A probe that was cancelled in between does not want its socket; it is closed right here.
        let _ = reply.send(make_inside(&namespace, recipe));
    }
}

fn make_inside(namespace: &str, recipe: Recipe) -> Result<Socket, Refusal> {
    let home = open("/proc/thread-self/ns/net".into())
        .map_err(|errno| Refusal::Fault(fault::ours(&errno.into(), "opening our own network namespace")))?;
    let there = open(path_of(namespace)).map_err(|errno| Refusal::Fault(cannot_enter(namespace, errno)))?;
    enter(&there).map_err(|errno| Refusal::Fault(cannot_enter(namespace, errno)))?;
    let made = recipe.make();
    // Staying inside would keep a deleted namespace alive, and with it the interfaces that were moved into it. That
    // we cannot return is no reason to refuse the socket: the next job names its namespace again.
    let _ = enter(&home);
    made.map_err(Refusal::Socket)
}

fn path_of(namespace: &str) -> PathBuf {
    // An absolute path replaces what it is joined to.
    PathBuf::from(NAMED_NAMESPACES).join(namespace)
}

fn open(path: PathBuf) -> Result<OwnedFd, Errno> {
    // NONBLOCK, because a path that is no namespace but a pipe would otherwise hold the thread for ever.
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())
}

fn enter(namespace: &OwnedFd) -> Result<(), Errno> {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
}

fn cannot_enter(namespace: &str, errno: Errno) -> LocalFault {
    match errno {
        Errno::NOENT => LocalFault::NoNetns(namespace.into()),
        Errno::MFILE | Errno::NFILE | Errno::NOMEM => {
            fault::ours(&errno.into(), "opening a network namespace")
        }
        Errno::PERM => LocalFault::NoNetns(format!("{namespace} (EPERM: CAP_SYS_ADMIN is missing)")),
        other => LocalFault::NoNetns(format!("{namespace} ({other})")),
    }
}
