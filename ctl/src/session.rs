//! From words to what is done about them: once for a command line, again and again for a prompt.

use tokio::runtime::{Builder, Runtime};

use crate::failure::{Exit, Failure};
use crate::flags::Flags;
use crate::grammar::{self, Hint, Kind, Parsed, Verb};
use crate::names::Asker;
use crate::render::{self, Printer};
use crate::target::Target;
use crate::{clean, command, shell, top, watch};

/// What all commands of a process share.
#[derive(Debug)]
pub struct Session {
    runtime: Runtime,
}

impl Session {
    /// Begins.
    ///
    /// # Errors
    /// The system has no threads left.
    pub fn new() -> Result<Self, Failure> {
        // One thread drives the connections while the main one waits for keys.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|err| Failure::new(Exit::Failed, format!("cannot start: {err}")))?;
        Ok(Self { runtime })
    }

    /// Who knows the names of this daemon's objects.
    pub fn asker(&self, target: Target) -> Asker {
        Asker { target, runtime: self.runtime.handle().clone() }
    }

    /// What may follow `words` and begins with `begun`, a line each.
    pub fn help(&self, target: Target, words: &[String], begun: &str) -> String {
        let hints = grammar::hints(words, begun, &self.asker(target));
        let width = hints.iter().map(|hint| hint.what.len()).max().unwrap_or(0);
        let line = |hint: &Hint| format!("  {:<width$}  {}\n", hint.what, clean::text(&hint.about));
        if !hints.is_empty() {
            return hints.iter().map(line).collect();
        }
        match grammar::parse(words) {
            Err(err) => format!("  {err}\n"),
            Ok(_) => "  nothing may follow\n".into(),
        }
    }

    /// Carries out the words of `flags`; a `?` behind them asks what may follow.
    ///
    /// # Errors
    /// It was not carried out.
    pub fn carry_out(&self, flags: &Flags) -> Result<Exit, Failure> {
        if let Some((last, words)) = flags.words.split_last()
            && last == "?"
        {
            render::write(&self.help(Target::of(flags)?, words, ""))?;
            return Ok(Exit::Done);
        }
        let parsed = grammar::parse(&flags.words)?;
        let target = Target::of(flags)?;
        let printer = Printer::new(flags.output.unwrap_or_default());
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "all others are asked of the daemon; command.rs names them"
        )]
        match parsed.verb {
            Verb::Help => render::write(&grammar::reference())?,
            Verb::Quit => (),
            Verb::Completions => render::write(shell::script(&parsed.named(Kind::Shell)))?,
            Verb::Top => top::run(&self.runtime, &target)?,
            Verb::WatchEvents => self.runtime.block_on(watch::watch(&target, &parsed, printer))?,
            _ => return self.ask(&target, &parsed, flags, printer),
        }
        Ok(Exit::Done)
    }

    fn ask(
        &self,
        target: &Target,
        parsed: &Parsed,
        flags: &Flags,
        printer: Printer,
    ) -> Result<Exit, Failure> {
        let asked = async { command::run(&mut target.connect().await?, parsed, flags).await };
        let answer = self.runtime.block_on(async {
            tokio::select! {
                answer = asked => answer,
                _ = tokio::signal::ctrl_c() => {
                    Err(Failure::new(Exit::Failed, "interrupted: what was asked for may be done all the same"))
                }
            }
        })?;
        printer.print(&answer)?;
        Ok(answer.exit)
    }
}
