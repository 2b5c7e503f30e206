//! `replay`: what a daemon heard, through the engine again.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use maglev_core::GoDuration;
use maglev_journal::ReadError;
use maglev_sim::replay::{Options, ReplayError, Shown, Summary, Why, rebase, replay, replay_shown};

use crate::args::Replay;
use crate::clock::Stopwatch;
use crate::tell::quietly;
use crate::{End, Trouble};

pub(crate) fn run(args: &Replay) -> Result<End, Trouble> {
    if args.rebase {
        return anew(&args.journal);
    }
    let from = open(&args.journal)?;
    let since = Stopwatch::start();
    let (ended, said) = quietly(|| {
        if !args.show {
            return (replay(from, Options::default()), Ok(()));
        }
        let mut out = BufWriter::new(io::stdout().lock());
        let mut said = Ok(());
        let mut look = |step: &Shown| {
            if said.is_ok() {
                said = show(&mut out, step);
            }
        };
        let ended = replay_shown(from, Options::default(), &mut look);
        (ended, said.and_then(|()| out.flush()))
    });
    said?;
    match ended {
        Ok(summary) => {
            tell(&summary, "replayed", since)?;
            let Some(difference) = &summary.difference else {
                writeln!(io::stdout(), "every output is the same")?;
                return Ok(End::Holds);
            };
            write!(io::stderr(), "{difference}")?;
            Ok(End::Broken)
        }
        Err(error) => failed(&args.journal, &error),
    }
}

/// A step in words, and what the engine answers.
fn show(out: &mut impl io::Write, step: &Shown) -> io::Result<()> {
    writeln!(out, "{step}")?;
    step.actions.iter().try_for_each(|action| writeln!(out, "    {action}"))
}

fn tell(summary: &Summary, done: &str, since: Stopwatch) -> io::Result<()> {
    let mut out = io::stdout();
    let Summary { records, checks, stretches, lost, span, .. } = summary;
    let (span, took) = (GoDuration(*span), since.took().as_secs_f64());
    write!(out, "{records} records and {checks} checks in {stretches} stretches {done}")?;
    // Who makes a journal anew does not look at the times in it.
    if span.0.is_zero() {
        writeln!(out, ", in {took:.3} s")?;
    } else {
        writeln!(out, ": {span} of its time, in {took:.3} s")?;
    }
    if *lost > 0 {
        writeln!(out, "{lost} more are not in the journal: the daemon could not write them")?;
    }
    if summary.is_torn {
        writeln!(out, "the last line is not whole and was left out: the daemon was killed, or still writes")?;
    }
    Ok(())
}

/// What ends a replay: the engine, which is a finding, or the file.
fn failed(path: &Path, error: &ReplayError) -> Result<End, Trouble> {
    if let Why::Panicked { step, .. } = &error.why {
        writeln!(io::stderr(), "{}:{}: {error}", path.display(), step.line)?;
        return Ok(End::Broken);
    }
    Err(Trouble::Bad(bad(path, error)))
}

/// `file:line: what is wrong`, as editors understand it.
fn bad(path: &Path, error: &ReplayError) -> String {
    let (line, what) = match &error.why {
        Why::Read(ReadError::Garbage { line, why }) => {
            (*line, format!("this line is damaged, and nothing after it can be trusted: {why}"))
        }
        Why::Read(ReadError::Io { line, source }) => (*line, format!("it cannot be read: {source}")),
        Why::Read(error @ ReadError::Format { line, .. }) => (*line, error.to_string()),
        Why::Read(error @ (ReadError::Empty | ReadError::NoJournal)) => (1, error.to_string()),
        Why::Checkpoint { line, source } => (*line, source.to_string()),
        Why::Draft { line, problem } => {
            (*line, format!("this program refuses the recorded configuration: {problem}"))
        }
        Why::Panicked { step, .. } => (step.line, error.why.to_string()),
        Why::Write(_) => return format!("{}: {}; it is as it was", path.display(), error.why),
    };
    format!("{}:{line}: {what} ({} records before it were replayed)", path.display(), error.before.records)
}

fn open(path: &Path) -> Result<BufReader<File>, Trouble> {
    let name = path.display();
    if path.is_dir() {
        return Err(Trouble::Bad(format!("{name}: this is a folder: name one journal in it")));
    }
    File::open(path).map(BufReader::new).map_err(|error| {
        Trouble::Bad(if error.kind() == io::ErrorKind::NotFound {
            format!("{name}: there is no such file: name what maglevd --journal wrote")
        } else {
            format!("{name}: it cannot be read: {error}; name a journal that you may read")
        })
    })
}

/// Makes the hashes of a journal anew. Whoever looks sees the old file or the new one, and never a part.
fn anew(path: &Path) -> Result<End, Trouble> {
    let from = open(path)?;
    let trouble =
        |error: io::Error| Trouble::Bad(format!("{}: it cannot be made anew: {error}", path.display()));
    // A link goes on to be one.
    let target = path.canonicalize().map_err(trouble)?;
    let since = Stopwatch::start();
    let beside = Beside::of(&target);
    let mut to = beside.create(&from).map(BufWriter::new).map_err(trouble)?;
    let summary = match quietly(|| rebase(from, &mut to)) {
        Ok(summary) => summary,
        Err(error) => return Err(Trouble::Bad(bad(path, &error))),
    };
    let to = to.into_inner().map_err(|error| trouble(error.into_error()))?;
    to.sync_all().and_then(|()| fs::rename(&beside.0, &target)).map_err(trouble)?;
    tell(&summary, "written anew", since)?;
    Ok(End::Holds)
}

/// A file beside another one, which is gone at the end unless it took its place.
#[derive(Debug)]
struct Beside(PathBuf);

impl Beside {
    fn of(target: &Path) -> Self {
        let mut name = target.as_os_str().to_owned();
        name.push(format!(".anew-{}", std::process::id()));
        Self(name.into())
    }

    /// Makes it, with the rights of the other one.
    fn create(&self, like: &BufReader<File>) -> io::Result<File> {
        let file = File::create_new(&self.0)?;
        file.set_permissions(like.get_ref().metadata()?.permissions())?;
        Ok(file)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // After the rename there is none.
        let _ = fs::remove_file(&self.0);
    }
}
