//! The bounded queue between the loop and the thread that writes the journal.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use maglev_core::Input;
use maglev_core::config::Draft;
use maglev_core::model::Reply;
use maglev_journal::{Entry, Heard, State as EngineState};

use super::file::Book;

/// What may wait, in bytes as far as they can be guessed cheaply: many seconds of a large site, some 5 ms of any disk.
const WEIGHT_MAX: usize = 48 << 20;

/// So much is written without a pause for more.
const WEIGHT_WRITTEN: usize = 256 << 10;

/// A crash loses at most this much time, and a quiet daemon wakes the writer no more often.
const PAUSE: Duration = Duration::from_millis(100);

/// Text is handed to the disk in pieces of this size.
const PIECE: usize = 1 << 20;

/// How long the end of the process waits for its last page.
const CLOSING_LIMIT: Duration = Duration::from_secs(1);

pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    over: Condvar,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    weight: usize,
    /// A head is among the entries.
    has_head: bool,
    is_writing: bool,
    /// The file is full: the loop is to send a head.
    is_file_full: bool,
    /// Nothing is written any more until a head comes.
    failed: Option<Failed>,
    is_closing: bool,
    is_over: bool,
}

struct Failed {
    why: String,
    lost: u64,
}

/// What becomes of a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It will be written.
    Well,
    /// So it will, and the next is to be a head: of another file.
    FileFull,
    /// It is lost, and so is everything until a head comes.
    Refused {
        /// In words.
        why: String,
        /// Records, this one included.
        lost: u64,
    },
}

impl Queue {
    pub(super) fn new(head: Entry) -> Self {
        let state = State { entries: vec![head], has_head: true, ..State::default() };
        Self { state: Mutex::new(state), filled: Condvar::new(), over: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Entries are whole after any panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, record: Entry, check: Option<Entry>) -> Pushed {
        let weight = weight(&record);
        let mut state = self.state();
        if let Some(Failed { why, lost }) = state.failed.take() {
            return Pushed::Refused { why, lost: lost + 1 };
        }
        // One alone is taken whatever it weighs.
        if state.weight + weight > WEIGHT_MAX && !state.entries.is_empty() {
            return Pushed::Refused { why: "the disk takes less than is to be written".to_owned(), lost: 1 };
        }
        let was_light = state.weight < WEIGHT_WRITTEN;
        let must_wake = state.entries.is_empty() || (was_light && state.weight + weight >= WEIGHT_WRITTEN);
        state.weight += weight;
        state.entries.push(record);
        state.entries.extend(check);
        if must_wake {
            self.filled.notify_one();
        }
        if state.is_file_full && !state.has_head { Pushed::FileFull } else { Pushed::Well }
    }

    pub(super) fn push_head(&self, head: Entry) {
        let mut state = self.state();
        state.weight += weight(&head);
        state.entries.push(head);
        state.has_head = true;
        self.filled.notify_one();
    }

    /// Whether everything is written.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.state();
        state.entries.is_empty() && !state.is_writing
    }

    /// Says that there is no writer.
    pub(super) fn give_up(&self, why: &str) {
        let mut state = self.state();
        state.is_over = true;
        fail(&mut state, why.to_owned(), 0);
    }

    /// Nothing comes any more but this. Waits until it is written.
    pub(super) fn close(&self, last: Option<Entry>) {
        let mut state = self.state();
        if state.failed.is_none() {
            state.entries.extend(last);
        }
        state.is_closing = true;
        self.filled.notify_one();
        let _ = self.over.wait_timeout_while(state, CLOSING_LIMIT, |state| !state.is_over);
    }

    /// The writer's life.
    pub(super) fn write_to(&self, mut book: Book) {
        let mut batch = Vec::new();
        loop {
            let is_last = self.take(&mut batch);
            let written = write(&mut book, &batch);
            batch.clear();
            let mut state = self.state();
            state.is_writing = false;
            state.is_file_full = book.is_full();
            if let Err(Failed { why, lost }) = written {
                fail(&mut state, why, lost);
            }
            if is_last {
                break;
            }
        }
        // Whoever waits for the end may open the file again at once.
        drop(book);
        self.state().is_over = true;
        self.over.notify_all();
    }

    /// Waits for entries, and a little for more of them. Whether these are the last.
    fn take(&self, batch: &mut Vec<Entry>) -> bool {
        let is_empty = |state: &mut State| state.entries.is_empty() && !state.is_closing;
        let state = self.filled.wait_while(self.state(), is_empty).unwrap_or_else(PoisonError::into_inner);
        let is_light = |state: &mut State| state.weight < WEIGHT_WRITTEN && !state.is_closing;
        let waited = self.filled.wait_timeout_while(state, PAUSE, is_light);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(batch, &mut state.entries);
        // The head is on its way into the next file.
        state.is_file_full &= !state.has_head;
        (state.weight, state.has_head, state.is_writing) = (0, false, true);
        state.is_closing
    }
}

/// What waits cannot be used any more: only a head can follow.
fn fail(state: &mut State, why: String, lost: u64) {
    let waiting: u64 = state.entries.iter().map(records).sum();
    state.entries.clear();
    (state.weight, state.has_head) = (0, false);
    state.failed = Some(Failed { why, lost: lost + waiting });
}

/// Writes a batch piece by piece. What fails is lost, and all that follows it.
fn write(book: &mut Book, batch: &[Entry]) -> Result<(), Failed> {
    let mut text = Vec::new();
    let mut written = 0;
    let mut put = || -> io::Result<()> {
        for (at, entry) in batch.iter().enumerate() {
            let is_head = matches!(entry, Entry::Head(_));
            if text.len() >= PIECE || is_head && book.is_full() {
                book.append(&text)?;
                text.clear();
                written = at;
            }
            if is_head {
                book.turn_page()?;
            }
            let before = text.len();
            entry.write(&mut text);
            if is_head {
                book.begins_with(text.len() - before);
            }
        }
        book.append(&text)
    };
    let failed = put().err();
    let Some(err) = failed else {
        for entry in batch {
            if let Entry::Head(head) = entry
                && head.lost > 0
            {
                tracing::info!(file = %book.path().display(), lost = head.lost, "journal-resumed");
            }
        }
        return Ok(());
    };
    Err(Failed { why: err.to_string(), lost: batch.iter().skip(written).map(records).sum() })
}

/// Records that are lost with it.
fn records(entry: &Entry) -> u64 {
    match entry {
        Entry::Head(head) => head.lost,
        Entry::Record(_) => 1,
        Entry::Check(_) => 0,
    }
}

fn weight(entry: &Entry) -> usize {
    const SMALL: usize = 256;
    let draft = |draft: &Draft| 128 * (draft.backends.len() + draft.frontends.len());
    SMALL
        + match entry {
            Entry::Head(head) => {
                let engine = head.checkpoint.as_ref().map_or(0, |checkpoint| match &checkpoint.engine {
                    EngineState::Live(engine) => 512 * engine.backends().count(),
                    EngineState::Written(digits) => digits.len(),
                });
                engine + draft(&head.draft)
            }
            Entry::Record(record) => match &record.heard {
                Heard::Config { draft: brought, .. } => draft(brought),
                Heard::Input(Input::VppReplied { reply, .. }) => rows(reply),
                Heard::Input(_) => 0,
            },
            Entry::Check(_) => 0,
        }
}

fn rows(reply: &Reply) -> usize {
    match reply {
        Reply::Vips(rows) => size_of_val(rows.as_slice()),
        Reply::Servers(rows) => size_of_val(rows.as_slice()),
        Reply::Sticky(rows) => size_of_val(rows.as_slice()),
        Reply::Done | Reply::Refused(_) | Reply::NotSent(_) | Reply::Conf(_) => 0,
    }
}
