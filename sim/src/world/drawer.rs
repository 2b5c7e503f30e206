//! Where maglevd keeps what operators choose, and what the second opinion thinks is in there.

use maglev_core::{Input, Memory, Recollection};

use super::World;
use crate::script::Paper;
use crate::watch::Kept;

/// The file of choices. It outlives the processes.
#[derive(Clone, Debug)]
pub(super) struct Drawer {
    content: Recollection,
    is_writable: bool,
    /// What the process could not write.
    waiting: Option<Memory>,
    /// The same by the second opinion, as of when it was last written.
    kept: Kept,
}

impl Default for Drawer {
    fn default() -> Self {
        Self { content: Recollection::Nothing, is_writable: true, waiting: None, kept: Kept::Nothing }
    }
}

impl Drawer {
    /// maglevd wants to keep something.
    pub(super) fn keep(&mut self, memory: &Memory) -> Input {
        if self.is_writable {
            (self.content, self.waiting) = (Recollection::Known(memory.clone()), None);
            return Input::Kept(Ok(()));
        }
        self.waiting = Some(memory.clone());
        Input::Kept(Err("the scenario says so".into()))
    }

    /// Whether what operators choose now outlives the process.
    pub(super) const fn is_safe(&self) -> bool {
        self.is_writable && matches!(self.content, Recollection::Known(_))
    }

    /// Something happens to the file; `now` is what a process that is there thinks that operators chose. What it hears.
    pub(super) fn change(&mut self, change: Paper, now: Option<Kept>) -> Option<Input> {
        match change {
            Paper::Damaged => (self.content, self.kept) = (Recollection::Lost("damaged".into()), Kept::Lost),
            Paper::Deleted => (self.content, self.kept) = (Recollection::Nothing, Kept::Nothing),
            Paper::Unwritable if self.is_writable => {
                self.is_writable = false;
                self.settle(now);
            }
            Paper::Unwritable => (),
            Paper::Writable => {
                self.is_writable = true;
                return self.waiting.take().map(|memory| self.keep(&memory));
            }
        }
        None
    }

    /// Notes what the second opinion thinks is in the file.
    fn settle(&mut self, now: Option<Kept>) {
        if !matches!(self.content, Recollection::Known(_)) {
            return;
        }
        if let Some(now) = now {
            self.kept = now;
        }
    }

    /// The process is gone, and what it could not write with it.
    pub(super) fn ended(&mut self, now: Option<Kept>) {
        self.waiting = None;
        if self.is_writable {
            self.settle(now);
        }
    }

    /// What a new process finds.
    pub(super) fn open(&self) -> (Recollection, Kept) {
        (self.content.clone(), self.kept.clone())
    }
}

impl World {
    /// What the present process must hear before anything else; once.
    pub fn recollect(&mut self) -> Option<Input> {
        self.found.take().map(Input::Remembered)
    }

    /// maglevd wants to keep something over restarts. What it hears of that.
    pub fn keep(&mut self, memory: &Memory) -> Input {
        self.drawer.keep(memory)
    }
}
