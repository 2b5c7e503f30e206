//! Events as they happen. After a lost connection it goes on where it was, and says what it missed.

use maglev_proto::v1::{self, watch_response::What};

use crate::failure::Failure;
use crate::grammar::{Kind, Parsed};
use crate::pause::{BETWEEN_ATTEMPTS, pause};
use crate::render::{Answer, Block, Printer, complain};
use crate::target::Target;
use crate::{value, view};

/// The least urgent level that was asked for.
pub fn level(parsed: &Parsed) -> v1::Level {
    let word = parsed.last(Kind::Level).unwrap_or("info").to_uppercase();
    v1::Level::from_str_name(&format!("LEVEL_{word}")).unwrap_or(v1::Level::Info)
}

/// What is said where nothing has happened.
pub fn no_events() -> Vec<Block> {
    vec![Block::Lines(vec!["No such event is kept.".into()])]
}

fn request(parsed: &Parsed) -> v1::WatchRequest {
    let topic = |word: &str| v1::Topic::from_str_name(&format!("TOPIC_{}", word.to_uppercase()));
    let names = |kind| parsed.all(kind).map(Into::into).collect();
    v1::WatchRequest {
        topics: parsed.all(Kind::Topic).filter_map(topic).map(Into::into).collect(),
        min_level: level(parsed).into(),
        backends: names(Kind::Backend),
        frontends: names(Kind::Frontend),
        resume: None,
        last: parsed.last(Kind::Count).and_then(|count| count.parse().ok()).unwrap_or(0),
    }
}

/// Watches until Ctrl-C, over restarts of the daemon.
///
/// # Errors
/// There is no daemon to begin with, it refuses, or nobody reads what is written.
pub async fn watch(target: &Target, parsed: &Parsed, printer: Printer) -> Result<(), Failure> {
    let mut follower = Follower::new(request(parsed));
    tokio::select! {
        failure = follower.follow(target, |what| print(what, printer), complain_of) => Err(failure),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

fn complain_of(failure: &Failure) {
    complain(&format!("{failure}; waiting for it"));
}

fn print(what: &What, printer: Printer) -> Result<(), Failure> {
    let answer = match what {
        What::Position(_) => return Ok(()),
        What::Record(record) => {
            let value = value::of("Record", record);
            let line = view::record(&value);
            Answer::new(value, vec![Block::Lines(vec![line])])
        }
        What::Gap(gap) => {
            let value = value::of("Gap", gap);
            let line = view::gap(&value);
            Answer::new(value::map([("gap", value)]), vec![Block::Lines(vec![line])])
        }
    };
    printer.print_next(&answer)
}

/// Follows the stream of records, from one connection to the next.
#[derive(Debug)]
pub struct Follower {
    request: v1::WatchRequest,
}

impl Follower {
    /// One that begins with this request.
    pub const fn new(request: v1::WatchRequest) -> Self {
        Self { request }
    }

    /// Hands on what is told. Ends only with a failure that no new connection mends; a lost daemon is complained of once.
    pub async fn follow(
        &mut self,
        target: &Target,
        mut take: impl FnMut(&What) -> Result<(), Failure>,
        mut complain: impl FnMut(&Failure),
    ) -> Failure {
        let mut was_there = false;
        let mut is_silent = false;
        loop {
            let failure = self.connection(target, &mut take, &mut was_there, &mut is_silent).await;
            if !failure.is_no_daemon() || !was_there {
                return failure;
            }
            if !is_silent {
                complain(&failure);
                is_silent = true;
            }
            pause(BETWEEN_ATTEMPTS).await;
        }
    }

    async fn connection(
        &mut self,
        target: &Target,
        take: &mut impl FnMut(&What) -> Result<(), Failure>,
        was_there: &mut bool,
        is_silent: &mut bool,
    ) -> Failure {
        let stream = async { Ok::<_, Failure>(target.connect().await?.watch(self.request.clone()).await?) };
        let mut stream = match stream.await {
            Ok(answer) => answer.into_inner(),
            Err(failure) => return failure,
        };
        loop {
            match stream.message().await {
                Ok(Some(message)) => {
                    (*was_there, *is_silent) = (true, false);
                    let Some(what) = message.what else { continue };
                    if let Err(failure) = take(&what) {
                        return failure;
                    }
                    self.advance(&what);
                }
                Ok(None) => return Failure::new(crate::failure::Exit::NoDaemon, "the daemon has stopped"),
                Err(status) => return status.into(),
            }
        }
    }

    /// Remembers where a new connection goes on.
    fn advance(&mut self, what: &What) {
        let stream = self.request.resume.take().map(|resume| resume.stream).unwrap_or_default();
        self.request.resume = Some(match what {
            What::Position(position) => position.clone(),
            What::Gap(gap) => v1::Position { stream, next_sequence: gap.next_sequence },
            What::Record(record) => v1::Position { stream, next_sequence: record.sequence + 1 },
        });
    }
}
