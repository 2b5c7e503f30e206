//! Whoever supervises the process, systemd for one: it is told when we are ready, reload and stop, how we are, and that we live.
//!
//! ```text
//!  signals ──► Herald ──┐
//!                       ├──► Attendant, a thread of its own ──► NOTIFY_SOCKET
//!  loop ──► answers ────┘
//! ```
//!
//! Where `NOTIFY_SOCKET` is not set, nothing in here runs. What a reader would get wrong: the watchdog is fed although the
//! loop does not answer, for as long as [`Watchdog`] has patience. A daemon that is only slow keeps its tables right by
//! and by; one that is shot for it begins again with hands off, and is slow again.

mod attendant;
mod socket;
mod status;
mod watchdog;

use std::ffi::OsString;
use std::fmt::Display;
use std::io;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::clock::{SystemClock, monotonic};
use crate::daemon::Handle;

pub use attendant::{Attendant, Word};
pub use socket::Socket;
pub use watchdog::Watchdog;

/// Words that wait for the thread. A reload has two, and the next one waits for its end: only a supervisor that takes
/// nothing for minutes fills it, and misses the rest.
pub const WORDS_MAX: usize = 64;

/// How long the end of the process waits for a supervisor that does not listen.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Who supervises, as the environment says.
#[derive(Debug)]
pub struct Supervisor {
    socket: Socket,
    /// It wants to hear of us this often, at least.
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// `None` if nobody supervises.
    pub fn from_env() -> Option<Self> {
        let name = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty())?;
        let watchdog = watchdog(&|name| std::env::var_os(name), std::process::id());
        match Socket::named(&name) {
            Ok(socket) => Some(Self { socket, watchdog }),
            Err(err) => {
                tracing::warn!(%err, "notify-failed");
                None
            }
        }
    }

    /// Tells why the process is about to end although nobody asked for it.
    pub fn failed(&self, err: &impl Display) {
        let err = err.to_string();
        self.socket.say(&format!("STATUS=cannot start: {}\n", status::one_line(&err)));
    }

    /// Attends to it from here on: ready as soon as the loop has answered. `patience` is how long the loop may stand still.
    ///
    /// # Errors
    /// The system has no thread for us.
    pub fn attend(
        self,
        handle: Handle,
        clock: SystemClock,
        patience: Duration,
        uses_vpp: bool,
    ) -> io::Result<(Herald, Attendance)> {
        let (words, inbox) = mpsc::channel(WORDS_MAX);
        let watchdog = self.watchdog.map(|limit| Watchdog::new(limit, patience));
        let attendant = Attendant { handle, words: inbox, watchdog, uses_vpp };
        // Not a task: whatever keeps the daemon's own threads busy must not keep pings from being sent, nor the other way
        // round.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let (end, ended) = channel::<()>();
        let socket = self.socket;
        std::thread::Builder::new().name("supervisor".into()).spawn(move || {
            runtime.block_on(attendant.attend(&clock, |text| socket.say(text)));
            drop(end);
        })?;
        let herald = Herald(Some(words));
        Ok((herald.clone(), Attendance { herald, ended }))
    }
}

/// How often the supervisor wants to hear of this process, if it does.
fn watchdog(env: &dyn Fn(&str) -> Option<OsString>, pid: u32) -> Option<Duration> {
    let number = |name| env(name)?.to_str()?.parse::<u64>().ok();
    // A parent's watchdog, inherited, is not ours.
    if env("WATCHDOG_PID").is_some() && number("WATCHDOG_PID") != Some(pid.into()) {
        return None;
    }
    number("WATCHDOG_USEC").filter(|usec| *usec > 0).map(Duration::from_micros)
}

/// Tells the supervisor what signals do. Cheap to clone; without a supervisor it says nothing.
#[derive(Clone, Debug, Default)]
pub struct Herald(Option<mpsc::Sender<Word>>);

impl Herald {
    /// A reload begins.
    pub fn reloading(&self) {
        self.tell(Word::Reloading(monotonic()));
    }

    /// It is over; `refused` says why nothing came of it, if so.
    pub fn reloaded(&self, refused: Option<String>) {
        self.tell(Word::Reloaded(refused));
    }

    /// The process ends.
    pub fn stopping(&self) {
        self.tell(Word::Stopping);
    }

    fn tell(&self, word: Word) {
        if let Some(words) = &self.0 {
            // See `WORDS_MAX`; and after the last word the thread is gone.
            let _ = words.try_send(word);
        }
    }
}

/// The thread that attends to the supervisor.
#[derive(Debug)]
pub struct Attendance {
    herald: Herald,
    ended: Receiver<()>,
}

impl Attendance {
    /// Waits until the supervisor has heard that the process ends, but not for ever.
    pub fn end(self) {
        self.herald.stopping();
        // It sends nothing: it hangs up when the thread is over.
        let _ = self.ended.recv_timeout(LAST_WORDS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_watchdog_of_our_own_counts() {
        let asked = |usec: Option<&'static str>, pid: Option<&'static str>| {
            watchdog(&|name| if name == "WATCHDOG_USEC" { usec } else { pid }.map(Into::into), 7)
        };
        let second = Some(Duration::from_secs(1));
        assert_eq!(asked(Some("1000000"), Some("7")), second);
        assert_eq!(asked(Some("1000000"), None), second);
        assert_eq!(asked(Some("1000000"), Some("8")), None, "inherited from a parent");
        assert_eq!(asked(Some("1000000"), Some("x")), None);
        assert_eq!(asked(Some("0"), None), None);
        assert_eq!(asked(None, Some("7")), None);
    }
}
