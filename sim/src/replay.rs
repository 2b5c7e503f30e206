//! Runs the inputs of a journal through the engine again, and compares every output with what was recorded.
//!
//! What a reader would get wrong: nothing of the world is simulated here. The journal is the world, and if the engine
//! answers otherwise than it did then, the world's next answer fits no more; so the first difference is the only one that
//! tells something, and the replay ends there.

mod player;
mod rebase;
mod report;
mod sample;

use std::collections::VecDeque;
use std::fmt;
use std::io::BufRead;
use std::time::Duration;

use maglev_core::config::Problem;
use maglev_core::{Action, Instant};
use maglev_journal::{CheckpointError, Entry, Heard, ReadError, Reader, Record};

pub use rebase::rebase;
pub use report::{Difference, Shown, What};
pub use sample::sample;

use player::Player;

/// What is wanted of a replay.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many steps before the first difference are shown.
    pub shown: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { shown: 3 }
    }
}

/// What came of a replay.
#[derive(Debug, Default)]
pub struct Summary {
    /// Steps whose outputs were compared.
    pub records: u64,
    /// Checks of the whole chain and of the engine's state.
    pub checks: u64,
    /// Stretches: one for the start of the process, and one for every checkpoint.
    pub stretches: u64,
    /// Records that the daemon could not write, as the heads say.
    pub lost: u64,
    /// From the first record to the last, over all stretches.
    pub span: Duration,
    /// The last line was not whole: the process was killed, or still writes.
    pub is_torn: bool,
    /// The engine ended the process, as after SIGTERM.
    pub has_ended: bool,
    /// The first, if there is one. Nothing after it was looked at.
    pub difference: Option<Box<Difference>>,
}

/// Why a replay ends before the journal does.
#[derive(Debug)]
pub struct ReplayError {
    /// Why.
    pub why: Why,
    /// What came of it up to there.
    pub before: Summary,
}

/// See [`ReplayError`].
#[derive(Debug)]
pub enum Why {
    /// The file, or what is in it.
    Read(ReadError),
    /// The checkpoint that the next stretch begins with.
    Checkpoint {
        /// Where it stands.
        line: u64,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// A recorded configuration breaks rules, which it did not when it was recorded.
    Draft {
        /// Where it stands.
        line: u64,
        /// The first of them.
        problem: String,
    },
    /// The engine panicked: a bug of it, or a checkpoint that somebody made up.
    Panicked {
        /// The step in which.
        step: Box<Shown>,
        /// What it said.
        message: String,
        /// The journal ends in the midst of this step: the daemon died of it, too.
        is_recorded: bool,
    },
    /// A journal that is made anew cannot be written.
    Write(std::io::Error),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)?;
        write!(f, " ({} records before it were replayed)", self.before.records)
    }
}

impl std::error::Error for ReplayError {}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(err) => err.fmt(f),
            Self::Checkpoint { line, source } => write!(f, "line {line}: {source}"),
            Self::Draft { line, problem } => {
                write!(f, "line {line}: this program refuses the recorded configuration: {problem}")
            }
            Self::Panicked { step, message, is_recorded } => {
                let too = if *is_recorded { ", as it did when this was recorded" } else { "" };
                write!(f, "the engine panicked in {step}{too}: {message}")
            }
            Self::Write(err) => write!(f, "the new journal cannot be written: {err}"),
        }
    }
}

/// Replays what `from` holds up to the first difference.
///
/// # Errors
/// The journal cannot be read, or not be gone on with. The error says what came of it before.
pub fn replay(from: impl BufRead, options: Options) -> Result<Summary, ReplayError> {
    follow(from, options, None)
}

/// The same, and `look` sees every step that was made.
///
/// # Errors
/// As of [`replay`](replay()).
pub fn replay_shown(
    from: impl BufRead,
    options: Options,
    look: &mut dyn FnMut(&Shown),
) -> Result<Summary, ReplayError> {
    follow(from, options, Some(look))
}

fn follow(
    from: impl BufRead,
    options: Options,
    look: Option<&mut dyn FnMut(&Shown)>,
) -> Result<Summary, ReplayError> {
    let mut replay =
        Replay { options, summary: Summary::default(), player: None, past: VecDeque::new(), look };
    let mut reader = Reader::new(from);
    let ended = reader.try_for_each(|read| {
        let (line, entry) = read.map_err(Why::Read)?;
        replay.take(line, entry)
    });
    let mut summary = replay.summary;
    summary.is_torn = reader.is_torn();
    match ended {
        Ok(()) => Ok(summary),
        Err(Over::Differs) => Ok(summary),
        Err(Over::Failed(why)) => Err(ReplayError { why, before: summary }),
    }
}

enum Over {
    Differs,
    Failed(Why),
}

impl From<Why> for Over {
    fn from(why: Why) -> Self {
        Self::Failed(why)
    }
}

/// A step that was made, as it is kept until it is known whether anybody wants to see it.
struct Made {
    number: u64,
    line: u64,
    at: Instant,
    heard: Heard,
    actions: Vec<Action>,
}

impl Made {
    fn show(&self) -> Shown {
        let actions = self.actions.iter().map(ToString::to_string).collect();
        Shown { number: self.number, line: self.line, at: self.at, heard: self.heard.to_string(), actions }
    }
}

struct Replay<'l> {
    options: Options,
    summary: Summary,
    player: Option<Player>,
    past: VecDeque<Made>,
    look: Option<&'l mut dyn FnMut(&Shown)>,
}

impl Replay<'_> {
    fn take(&mut self, line: u64, entry: Entry) -> Result<(), Over> {
        if self.summary.difference.is_some() {
            self.conclude(entry);
            return Err(Over::Differs);
        }
        match entry {
            Entry::Head(head) => {
                self.summary.stretches += 1;
                self.summary.lost += head.lost;
                self.past.clear();
                self.player = Some(Player::begin(&head, line)?);
            }
            Entry::Record(record) => self.step(line, *record)?,
            Entry::Check(check) => {
                self.summary.checks += 1;
                let player = self.player();
                let what = if check.steps != player.steps() {
                    Some(What::Count { recorded: check.steps, replayed: player.steps() })
                } else if check.chain != player.chain() {
                    Some(What::Chain)
                } else if check.state != player.state() {
                    Some(What::State)
                } else {
                    None
                };
                if let Some(what) = what {
                    self.differs(what);
                    return Err(Over::Differs);
                }
            }
        }
        Ok(())
    }

    fn player(&mut self) -> &mut Player {
        self.player.as_mut().expect("a reader takes no journal that does not begin with a head")
    }

    fn step(&mut self, line: u64, record: Record) -> Result<(), Over> {
        let Record { at, heard, hash } = record;
        let input = player::input(&heard, line)?;
        let player = self.player();
        let began = player.at();
        let stepped = player.step(input, at);
        let (number, replayed) = (player.steps(), player.chain().short());
        self.summary.span += at.since(began);
        let actions = match stepped {
            Ok(actions) => actions,
            Err(message) => {
                let made = Made { number, line, at, heard, actions: Vec::new() };
                let is_recorded = hash.is_none();
                return Err(Why::Panicked { step: Box::new(made.show()), message, is_recorded }.into());
            }
        };
        self.summary.records += 1;
        self.summary.has_ended |= actions.contains(&Action::Exit);
        if self.past.len() > self.options.shown {
            self.past.pop_front();
        }
        let made = Made { number, line, at, heard, actions };
        if let Some(look) = &mut self.look {
            look(&made.show());
        }
        self.past.push_back(made);
        match hash {
            Some(recorded) if recorded == replayed => (),
            Some(recorded) => self.differs(What::Hash { recorded, replayed, next_agrees: false }),
            None => self.differs(What::Survived),
        }
        Ok(())
    }

    fn differs(&mut self, what: What) {
        let wakeup = self.player().wakeup();
        let mut steps: Vec<Shown> = self.past.iter().map(Made::show).collect();
        if let Some(step) = steps.pop() {
            self.summary.difference = Some(Box::new(Difference { what, step, wakeup, before: steps }));
        }
    }

    /// One more step after the first difference: if that agrees again, the run is the same and the file was changed.
    fn conclude(&mut self, entry: Entry) {
        let (Entry::Record(record), Some(player)) = (entry, self.player.as_mut()) else { return };
        let Ok(input) = player::input(&record.heard, 0) else { return };
        let agrees = player.step(input, record.at).is_ok() && record.hash == Some(player.chain().short());
        if let Some(Difference { what: What::Hash { next_agrees, .. }, .. }) =
            self.summary.difference.as_deref_mut()
        {
            *next_agrees = agrees;
        }
    }
}

/// All problems of a draft in one line.
fn in_words(problems: &[Problem]) -> String {
    let words = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message));
    words.collect::<Vec<_>>().join("; ")
}
