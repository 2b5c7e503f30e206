//! The prompt: the same commands, with TAB, `?` and a history. Without a terminal, a command a line until one fails.

mod helper;
mod history;

use std::io::{self, BufRead as _, IsTerminal as _};

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor, EventHandler, KeyEvent};

use crate::failure::{Exit, Failure};
use crate::flags::{self, Flags};
use crate::grammar::{self, Verb};
use crate::render::{self, complain};
use crate::session::Session;
use crate::target::Target;
use helper::{Help, Question};

const PROMPT: &str = "maglevc> ";

/// Reads and carries out commands until the end.
pub fn run(session: &Session, flags: &Flags) -> Exit {
    let target = match Target::of(flags) {
        Ok(target) => target,
        Err(failure) => return crate::told(&failure),
    };
    if !io::stdin().is_terminal() {
        return script(session, flags);
    }
    match Prompt::new(session, flags, target) {
        Ok(mut prompt) => prompt.run(),
        Err(err) => crate::told(&Failure::new(Exit::Failed, format!("no prompt on this terminal: {err}"))),
    }
}

/// A command a line. The first failure ends it.
fn script(session: &Session, flags: &Flags) -> Exit {
    for line in io::stdin().lock().lines() {
        let line = match line {
            Ok(line) => line,
            Err(err) => return crate::told(&Failure::new(Exit::Failed, format!("cannot read: {err}"))),
        };
        if line.trim_start().starts_with('#') {
            continue;
        }
        match carried_out(session, flags, &line) {
            Next::Go(Exit::Done) => (),
            Next::Go(exit) => return exit,
            Next::Leave => return Exit::Done,
        }
    }
    Exit::Done
}

/// What follows a line.
enum Next {
    /// The next one.
    Go(Exit),
    /// The end.
    Leave,
}

fn carried_out(session: &Session, flags: &Flags, line: &str) -> Next {
    let split = grammar::split(line);
    if split.words.is_empty() {
        return Next::Go(Exit::Done);
    }
    if split.is_quoted {
        complain("a quote is open: close it, or write \\\" for a quote");
        return Next::Go(Exit::Usage);
    }
    let words: Vec<String> = split.words.into_iter().map(|word| word.text).collect();
    let flags = match flags.read_line(&words) {
        Ok(flags) => flags,
        Err(text) if !text.use_stderr() => {
            let _ = text.print();
            return Next::Go(Exit::Done);
        }
        Err(err) => {
            complain(&flags::one_line(&err));
            return Next::Go(Exit::Usage);
        }
    };
    if grammar::parse(&flags.words).is_ok_and(|parsed| parsed.verb == Verb::Quit) {
        return Next::Leave;
    }
    Next::Go(session.carry_out(&flags).unwrap_or_else(|failure| crate::told(&failure)))
}

struct Prompt<'a> {
    session: &'a Session,
    flags: &'a Flags,
    target: Target,
    editor: Editor<Help, FileHistory>,
    question: Question,
}

impl<'a> Prompt<'a> {
    fn new(session: &'a Session, flags: &'a Flags, target: Target) -> rustyline::Result<Self> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .history_ignore_space(true)
            .bracketed_paste(true)
            .build();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(Help::new(session.asker(target.clone()))));
        let question = Question::default();
        editor.bind_sequence(KeyEvent::from('?'), EventHandler::Conditional(Box::new(question.clone())));
        history::load(&mut editor);
        Ok(Self { session, flags, target, editor, question })
    }

    fn run(&mut self) -> Exit {
        let mut begun = (String::new(), String::new());
        loop {
            let read = self.editor.readline_with_initial(PROMPT, (&begun.0, &begun.1));
            begun = (String::new(), String::new());
            match (read, self.question.take()) {
                (Ok(line), Some(at)) => {
                    let (left, right) = line.split_at(at.min(line.len()));
                    self.help(left);
                    begun = (left.to_owned(), right.to_owned());
                }
                (Ok(line), None) => {
                    history::keep(&mut self.editor, &line);
                    if matches!(carried_out(self.session, self.flags, &line), Next::Leave) {
                        return Exit::Done;
                    }
                }
                // Ctrl-C forgets the line.
                (Err(ReadlineError::Interrupted), _) => (),
                (Err(ReadlineError::Eof), _) => return Exit::Done,
                (Err(err), _) => {
                    return crate::told(&Failure::new(Exit::Failed, format!("the terminal is gone: {err}")));
                }
            }
        }
    }

    /// What may follow, a line each.
    fn help(&self, left: &str) {
        let grammar::Split { mut words, is_open, .. } = grammar::split(left);
        let begun =
            if is_open { words.pop().map(|word| word.text).unwrap_or_default() } else { String::new() };
        let words: Vec<String> = words.into_iter().map(|word| word.text).collect();
        let words = flags::without(&words).unwrap_or_default();
        let text = self.session.help(self.target.clone(), &words, &begun);
        // The prompt comes back whether or not it could be written.
        let _ = render::write(&text);
    }
}
