//! What the line editor asks us: TAB and `?`.

use std::sync::{Arc, Mutex, PoisonError};

use rustyline::Helper;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::{Cmd, ConditionalEventHandler, Context, Event, EventContext, RepeatCount};

use crate::completion;
use crate::flags;
use crate::grammar::{self, Kind, Split};
use crate::names::Asker;

/// Completes lines.
pub(super) struct Help {
    names: Asker,
    files: FilenameCompleter,
}

impl Help {
    pub(super) fn new(names: Asker) -> Self {
        Self { names, files: FilenameCompleter::new() }
    }
}

impl Completer for Help {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let Split { mut words, is_open, .. } = grammar::split(&line[..at]);
        let (start, begun) = match words.pop_if(|_| is_open) {
            Some(word) => (word.start, word.text),
            None => (at, String::new()),
        };
        let words: Vec<String> = words.into_iter().map(|word| word.text).collect();
        if flags::without(&words).is_some_and(|words| grammar::takes(&words, Kind::File)) {
            return self.files.complete(line, at, context);
        }
        let found = completion::of(&words, &begun, &self.names);
        // The only one is finished with a space, so that the next word can follow.
        let end = if found.len() == 1 { " " } else { "" };
        let pair = |text: String| Pair { replacement: grammar::quoted(&text) + end, display: text };
        Ok((start, found.into_iter().map(|candidate| pair(candidate.text)).collect()))
    }
}

impl Helper for Help {}
impl rustyline::hint::Hinter for Help {
    type Hint = String;
}
impl rustyline::highlight::Highlighter for Help {}
impl rustyline::validate::Validator for Help {}

/// `?`: takes the line away from the editor, with the place of the cursor. In quotes it is a character as any other.
#[derive(Clone, Debug, Default)]
pub(super) struct Question(Arc<Mutex<Option<usize>>>);

impl Question {
    /// Where the cursor was, if it was asked.
    pub(super) fn take(&self) -> Option<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ConditionalEventHandler for Question {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        let left = &context.line()[..context.pos()];
        if grammar::split(left).is_quoted {
            return None;
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(left.len());
        Some(Cmd::AcceptLine)
    }
}
