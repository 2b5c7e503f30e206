//! What operators choose, kept in a file over restarts: `--state-dir`.
//!
//! The engine says what is to be kept, and the latest it said is written, atomically, off the loop; what comes of it the
//! engine hears again. A file that cannot be read is never overwritten before it stands aside under another name.

mod file;

use std::sync::Arc;
use std::time::Duration;

use maglev_core::{Clock, Input, Memory};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::daemon::{Handle, Stopped};

pub use file::{Choices, ChoicesError, parse, print, seal};

/// After a failure it is tried again after this long, and then after twice as long each time,
const RETRY: Duration = Duration::from_secs(1);

/// but at least so often.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// The loop's end: what it is handed replaces what was not written yet.
#[derive(Debug)]
pub struct Pen(watch::Sender<Arc<Memory>>);

impl Pen {
    /// Has this kept, in the place of everything before.
    pub fn keep(&self, memory: Memory) {
        // Whoever writes ends after the loop.
        let _ = self.0.send(Arc::new(memory));
    }
}

/// The end that writes.
#[derive(Debug)]
pub struct Clerk {
    choices: Arc<Choices>,
    wanted: watch::Receiver<Arc<Memory>>,
}

impl Choices {
    /// What the loop writes with, and who does it.
    pub fn begin(self) -> (Pen, Clerk) {
        let (sender, wanted) = watch::channel(Arc::new(Memory::default()));
        (Pen(sender), Clerk { choices: Arc::new(self), wanted })
    }
}

impl Clerk {
    /// Writes until the loop is over, and then what is left.
    pub async fn attend(mut self, handle: Handle, clock: impl Clock) {
        while self.wanted.changed().await.is_ok() {
            let mut pause = RETRY;
            while let Err(Again) = self.write(&handle).await {
                let wake = clock.now() + pause;
                pause = (pause * 2).min(RETRY_MAX);
                tokio::select! {
                    () = clock.sleep_until(wake) => (),
                    news = self.wanted.changed() => if news.is_err() { return },
                }
            }
        }
    }

    async fn write(&mut self, handle: &Handle) -> Result<(), Again> {
        let memory = self.wanted.borrow_and_update().clone();
        let choices = self.choices.clone();
        let written = spawn_blocking(move || choices.write(&memory).map_err(|err| err.to_string())).await;
        let result = written.unwrap_or_else(|err| Err(err.to_string()));
        let again = result.is_err();
        // A loop that is over hears nothing more, and need not.
        let _: Result<(), Stopped> = handle.report(Input::Kept(result)).await;
        if again { Err(Again) } else { Ok(()) }
    }
}

/// It failed, and is to be tried again.
struct Again;
