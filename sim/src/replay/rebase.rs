//! The same inputs with the hashes of the present engine: after a deliberate change of what it answers.

use std::io::{BufRead, Write};
use std::sync::Arc;

use maglev_journal::{Entry, Head, Heard, Reader, Record, Recorder};

use super::player::{self, Player};
use super::{ReplayError, Summary, Why};

/// Writes the journal that `from` holds to `to`, as the present engine would have written it. Returns what was read.
///
/// # Errors
/// As of [`replay`](super::replay()), or `to` cannot be written.
pub fn rebase(from: impl BufRead, to: &mut impl Write) -> Result<Summary, ReplayError> {
    let mut rebase = Rebase { to, text: Vec::new(), summary: Summary::default(), run: None };
    let mut reader = Reader::new(from);
    let ended = reader.try_for_each(|read| {
        let (line, entry) = read.map_err(Why::Read)?;
        match entry {
            Entry::Head(head) => rebase.begin(&head, line),
            Entry::Record(record) => rebase.step(&record, line),
            // The recorder makes its own.
            Entry::Check(_) => Ok(()),
        }
    });
    let mut before = rebase.summary;
    before.is_torn = reader.is_torn();
    match ended {
        Ok(()) => Ok(before),
        Err(why) => Err(ReplayError { why, before }),
    }
}

struct Rebase<'w, W> {
    to: &'w mut W,
    text: Vec<u8>,
    summary: Summary,
    run: Option<(Player, Recorder)>,
}

impl<W: Write> Rebase<'_, W> {
    fn begin(&mut self, head: &Head, line: u64) -> Result<(), Why> {
        self.summary.stretches += 1;
        self.summary.lost += head.lost;
        // Where no record is missing, our engine is further than the recorded one.
        let goes_on = |player: &Player| head.checkpoint.as_ref().is_some_and(|at| at.steps == player.steps());
        let (player, recorder) = match self.run.take() {
            Some(run) if goes_on(&run.0) => run,
            Some(_) | None => (Player::begin(head, line)?, Recorder::resume(head)),
        };
        let engine = head.checkpoint.as_ref().map(|_| player.engine());
        let entry = recorder.head(engine, head.lost);
        self.run = Some((player, recorder));
        self.write(&entry)
    }

    fn step(&mut self, record: &Record, line: u64) -> Result<(), Why> {
        let (player, recorder) =
            self.run.as_mut().expect("a reader takes no journal that does not begin with a head");
        let input = player::input(&record.heard, line)?;
        if let Heard::Config { draft, .. } = &record.heard {
            recorder.offers(Arc::clone(draft));
        }
        recorder.hears(&input, record.at);
        let stepped = player.step(input, record.at);
        let entries = match stepped {
            Ok(actions) => recorder.steps(player.engine(), &actions),
            // A journal that ends so still does.
            Err(_) => recorder.unfinished().map(|record| (record, None)),
        };
        self.summary.records += 1;
        let (record, check) = entries.expect("every draft was offered");
        self.write(&Entry::Record(Box::new(record)))?;
        check.map_or(Ok(()), |check| {
            self.summary.checks += 1;
            self.write(&Entry::Check(check))
        })
    }

    fn write(&mut self, entry: &Entry) -> Result<(), Why> {
        self.text.clear();
        entry.write(&mut self.text);
        self.to.write_all(&self.text).map_err(Why::Write)
    }
}
