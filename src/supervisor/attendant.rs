//! Who tells the supervisor: it looks at the loop once a second, and passes on what signals do.

use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use maglev_core::{Clock, Instant};
use tokio::select;
use tokio::sync::mpsc;

use super::status::Look;
use super::watchdog::{Verdict, Watchdog};
use crate::daemon::{Handle, Stopped};

/// How old a status line may be.
const GLANCE: Duration = Duration::from_secs(1);

/// What the supervisor is told at once.
#[derive(Debug, PartialEq, Eq)]
pub enum Word {
    /// A reload began, at this time of the system's monotonic clock: the supervisor compares it with its own.
    Reloading(Duration),
    /// It is over; the text says why nothing came of it, if so.
    Reloaded(Option<String>),
    /// The process ends.
    Stopping,
}

/// Looks, and tells. It knows no socket, and its clock may be simulated.
#[derive(Debug)]
pub struct Attendant {
    /// The loop.
    pub handle: Handle,
    /// From those whom signals reach.
    pub words: mpsc::Receiver<Word>,
    /// If the supervisor has one.
    pub watchdog: Option<Watchdog>,
    /// Whether VPP is in use at all.
    pub uses_vpp: bool,
}

type Answer = Pin<Box<dyn Future<Output = Result<Look, Stopped>> + Send>>;

/// What was told, and what it was made of.
#[derive(Default)]
struct Told {
    look: Option<Look>,
    line: String,
    refusal: Option<Refusal>,
}

struct Refusal {
    why: String,
    /// The generation that was in force then, once it is known: with another one, the refusal is history.
    at: Option<u64>,
}

impl Attendant {
    /// Attends until the process ends. `say` sends lines to the supervisor.
    pub async fn attend(mut self, clock: &impl Clock, mut say: impl FnMut(&str)) {
        let pause = self.watchdog.as_ref().map_or(GLANCE, |dog| dog.every().min(GLANCE));
        let (mut told, mut asked, mut is_starving) = (Told::default(), None::<Answer>, false);
        let mut next = clock.now();
        loop {
            select! { biased;
                word = self.words.recv() => {
                    let Some(word) = word else { return };
                    let is_last = word == Word::Stopping;
                    say(&told.word(word, self.uses_vpp));
                    if is_last {
                        return;
                    }
                }
                answer = answered(&mut asked) => {
                    asked = None;
                    if let Ok(look) = answer {
                        self.turned(clock.now());
                        told.looked(look, self.uses_vpp).into_iter().for_each(|lines| say(&lines));
                    }
                }
                () = clock.sleep_until(next) => {
                    let now = clock.now();
                    next = now + pause;
                    asked = asked.or_else(|| Some(self.ask()));
                    match self.watchdog.as_mut().map_or(Verdict::Wait, |dog| dog.look(now)) {
                        Verdict::Wait => (),
                        Verdict::Ping => {
                            is_starving = false;
                            say("WATCHDOG=1\n");
                        }
                        Verdict::Starve(idle) if !is_starving => {
                            is_starving = true;
                            tracing::error!(seconds = idle.as_secs(), "loop-stuck");
                        }
                        Verdict::Starve(_) => (),
                    }
                }
            }
        }
    }

    /// A question is a turn of the loop. While one is open, there is no second.
    fn ask(&self) -> Answer {
        let handle = self.handle.clone();
        Box::pin(async move { handle.ask(|engine, _| Look::at(engine)).await })
    }

    fn turned(&mut self, now: Instant) {
        if let Some(dog) = &mut self.watchdog {
            dog.turned(now);
        }
    }
}

async fn answered(asked: &mut Option<Answer>) -> Result<Look, Stopped> {
    match asked {
        Some(answer) => answer.await,
        None => pending().await,
    }
}

impl Told {
    /// What a look gives to tell: the first one, that the daemon is ready; any other, what has changed.
    fn looked(&mut self, look: Look, uses_vpp: bool) -> Option<String> {
        if let Some(refusal) = &mut self.refusal {
            let at = *refusal.at.get_or_insert(look.generation);
            if at != look.generation {
                self.refusal = None;
            }
        }
        let is_first = self.look.replace(look).is_none();
        let line = self.status(uses_vpp);
        let before = std::mem::replace(&mut self.line, line);
        let ready = if is_first { "READY=1\n" } else { "" };
        (is_first || before != self.line).then(|| format!("{ready}STATUS={}\n", self.line))
    }

    fn word(&mut self, word: Word, uses_vpp: bool) -> String {
        match word {
            Word::Reloading(at) => {
                format!("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reloading\n", at.as_micros())
            }
            Word::Reloaded(refused) => {
                self.refusal = refused.map(|why| Refusal { why, at: None });
                self.line = self.status(uses_vpp);
                format!("READY=1\nSTATUS={}\n", self.line)
            }
            Word::Stopping => "STOPPING=1\nSTATUS=stopping; VPP is left as it is\n".to_owned(),
        }
    }

    fn status(&self, uses_vpp: bool) -> String {
        let refused = self.refusal.as_ref().map(|refusal| refusal.why.as_str());
        // A reload before the first look: the loop has answered it, so the next look is not far.
        self.look.as_ref().map_or_else(|| "starting".to_owned(), |look| look.line(uses_vpp, refused))
    }
}
