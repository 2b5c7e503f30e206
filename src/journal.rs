//! The journal of a run: everything that the engine hears, and a hash of what it answers, for `maglev_sim::replay`.
//!
//! Nothing here makes the loop wait: records go through a bounded queue to a thread of their own. What a reader would get
//! wrong: records are never left out one by one, since a journal with a hole cannot be replayed. When the disk is full or
//! too slow everything is left out, and counted, until the writer is at rest; then the whole engine is written down as a
//! checkpoint, and the journal goes on from there. The same happens at the beginning of every new file.

mod file;
mod queue;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use maglev_core::config::Draft;
use maglev_core::{Action, Engine, Input, Instant};
use maglev_journal::{Entry, Recorder, Run};

pub use file::{Book, BookError, SIZE_MIN};
use queue::{Pushed, Queue};

/// After a loss the writer gets this much time before the journal goes on.
const RECOVERY: Duration = Duration::from_secs(2);

/// A loss that lasts is told this often.
const REMINDER: Duration = Duration::from_secs(60);

/// The loop's end of it.
pub struct Journal {
    recorder: Recorder,
    queue: Arc<Queue>,
    file: String,
    now: Instant,
    /// What is lost, while nothing is written.
    loss: Option<Loss>,
    /// When people were told of a loss.
    told: Option<Instant>,
}

struct Loss {
    why: String,
    records: u64,
    since: Instant,
}

impl Book {
    /// Begins with the first page. The thread that writes ends with the journal.
    pub fn begin(self, run: Run) -> Journal {
        let recorder = Recorder::new(run);
        let file = self.path().display().to_string();
        let queue = Arc::new(Queue::new(recorder.head(None, 0)));
        let writer = Arc::clone(&queue);
        let thread = thread::Builder::new().name("journal".to_owned());
        if let Err(err) = thread.spawn(move || writer.write_to(self)) {
            queue.give_up(&format!("its thread cannot be started: {err}"));
        }
        Journal { recorder, queue, file, now: Instant::START, loss: None, told: None }
    }
}

impl Journal {
    /// The configuration that the engine hears of next was checked from this.
    pub fn offers(&mut self, draft: &Arc<Draft>) {
        self.recorder.offers(Arc::clone(draft));
    }

    /// The engine is about to hear this.
    pub fn hears(&mut self, input: &Input, now: Instant) {
        self.now = now;
        self.recorder.hears(input, now);
    }

    /// The engine has made its step.
    pub fn steps(&mut self, engine: &Engine, actions: &[Action]) {
        let made = self.recorder.steps(engine, actions);
        if let Some(loss) = &mut self.loss {
            loss.records += 1;
            self.recover(engine);
            return;
        }
        let Some((record, check)) = made else {
            // Only a test gives an engine a configuration past the handle.
            return self.lose("a configuration came without its draft".to_owned(), 1);
        };
        match self.queue.push(Entry::Record(Box::new(record)), check.map(Entry::Check)) {
            Pushed::Well => (),
            Pushed::FileFull => self.queue.push_head(self.recorder.head(Some(engine), 0)),
            Pushed::Refused { why, lost } => self.lose(why, lost),
        }
    }

    fn lose(&mut self, why: String, records: u64) {
        self.loss = Some(Loss { why, records, since: self.now });
        self.tell();
    }

    fn recover(&mut self, engine: &Engine) {
        let is_time = |loss: &Loss| self.now.since(loss.since) >= RECOVERY && self.queue.is_idle();
        match self.loss.take_if(|loss| is_time(loss)) {
            Some(loss) => self.queue.push_head(self.recorder.head(Some(engine), loss.records)),
            None => self.tell(),
        }
    }

    fn tell(&mut self) {
        let is_due = self.told.is_none_or(|told| self.now.since(told) >= REMINDER);
        if let Some(Loss { why, records, .. }) = self.loss.as_ref().filter(|_| is_due) {
            tracing::warn!(file = self.file, count = records, err = why, "journal-records-lost");
            self.told = Some(self.now);
        }
    }
}

impl Drop for Journal {
    /// Waits for the last page, but not for long. After a panic of the engine that page has the input that it died of.
    fn drop(&mut self) {
        let unfinished = if self.loss.is_none() { self.recorder.unfinished() } else { None };
        self.queue.close(unfinished.map(|record| Entry::Record(Box::new(record))));
    }
}
