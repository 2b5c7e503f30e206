//! Watching: records of the ring, filtered, as fast as the client takes them.

use maglev_core::Event;
use maglev_core::event::Level;
use maglev_proto::v1::{self, record::Detail, watch_response::What};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::Maglev;
use super::convert::{self, Wall, duration};
use super::look::Parts;
use crate::events::{Batch, Events, Happened, RECORDS_MAX, Record};

/// Messages that wait for a client; what is behind them waits in the ring.
const WAITING_MAX: usize = 64;
/// Records that are taken out of the ring at once.
const BATCH_MAX: usize = 256;

impl Maglev {
    /// Where the stream of records stands.
    pub(super) fn position(&self) -> v1::Position {
        v1::Position { stream: self.api.events.stream().into(), next_sequence: self.api.events.next() }
    }

    pub(super) fn watch_from(&self, request: v1::WatchRequest) -> Parts<v1::WatchResponse> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let (events, wall) = (self.api.events.clone(), self.wall());
        tokio::spawn(async move {
            // It ends when the client has gone.
            let _ = follow(&events, request, wall, &sender).await;
        });
        ReceiverStream::new(receiver)
    }
}

type Sender = mpsc::Sender<Result<v1::WatchResponse, Status>>;

/// The client has gone.
struct Gone;

async fn say(sender: &Sender, what: What) -> Result<(), Gone> {
    sender.send(Ok(v1::WatchResponse { what: Some(what) })).await.map_err(|_| Gone)
}

async fn follow(events: &Events, request: v1::WatchRequest, wall: Wall, sender: &Sender) -> Result<(), Gone> {
    let filter = Filter::new(&request);
    let now = events.next();
    let last = u64::from(request.last).min(RECORDS_MAX as u64);
    let mut from = now.saturating_sub(last);
    let mut restarted = false;
    if let Some(resume) = &request.resume {
        restarted = resume.stream != events.stream() || resume.next_sequence > now;
        from = if restarted { 0 } else { resume.next_sequence };
    }
    let begin = v1::Position { stream: events.stream().into(), next_sequence: from };
    say(sender, What::Position(begin)).await?;
    if restarted {
        let reason = "the daemon was restarted: what happened before is not known here".into();
        say(sender, What::Gap(v1::Gap { missed: None, reason, next_sequence: from })).await?;
    }
    let watcher = events.watch(from);
    loop {
        let Batch { missed, records, next } = watcher.read(BATCH_MAX);
        if missed > 0 {
            let first = next - records.len() as u64;
            let reason = format!("only the latest {RECORDS_MAX} records are kept");
            say(sender, What::Gap(v1::Gap { missed: Some(missed), reason, next_sequence: first })).await?;
        }
        for it in &records {
            if filter.wants(&it.what) {
                say(sender, What::Record(record(it, wall))).await?;
            }
            watcher.moves_to(it.sequence + 1);
        }
        if records.is_empty() {
            watcher.moves_to(next);
            tokio::select! { biased;
                () = sender.closed() => return Err(Gone),
                () = watcher.wait() => (),
            }
        }
    }
}

/// What a watcher wants to hear of.
struct Filter {
    topics: Vec<i32>,
    least: Level,
    names: Vec<String>,
}

impl Filter {
    fn new(request: &v1::WatchRequest) -> Self {
        let least = match request.min_level() {
            v1::Level::Debug => Level::Debug,
            v1::Level::Unspecified | v1::Level::Info => Level::Info,
            v1::Level::Warn => Level::Warn,
            v1::Level::Error => Level::Error,
        };
        let names = request.backends.iter().chain(&request.frontends).cloned().collect();
        Self { topics: request.topics.clone(), least, names }
    }

    fn wants(&self, event: &Happened) -> bool {
        if event.level() < self.least {
            return false;
        }
        if !self.topics.is_empty() && !self.topics.contains(&i32::from(topic(event))) {
            return false;
        }
        if self.names.is_empty() {
            return true;
        }
        let mut is_named = false;
        for (key, value) in event.fields() {
            if matches!(key, "backend" | "frontend" | "frontends" | "scope") {
                is_named = true;
                if value.split(',').any(|name| self.names.iter().any(|wanted| wanted == name)) {
                    return true;
                }
            }
        }
        !is_named
    }
}

/// What a record is about.
fn topic(what: &Happened) -> v1::Topic {
    let Happened::Told(event) = what else { return v1::Topic::Log };
    match event {
        Event::BackendTransition { .. } | Event::BackendPresumed { .. } | Event::ProbeInconclusive { .. } => {
            v1::Topic::Backend
        }
        Event::FrontendTransition { .. } => v1::Topic::Frontend,
        Event::WarmupStart { .. }
        | Event::WarmupSkipped
        | Event::WarmupMinDelay { .. }
        | Event::WarmupRelease { .. }
        | Event::WarmupReleaseError { .. }
        | Event::WarmupComplete { .. }
        | Event::WarmupMaxDelay { .. } => v1::Topic::Warmup,
        Event::VppConnect { .. }
        | Event::VppDisconnect { .. }
        | Event::VppUnreachable { .. }
        | Event::VppIncompatible { .. }
        | Event::CallTimeout { .. }
        | Event::CallQuarantined { .. } => v1::Topic::Vpp,
        Event::SyncStart { .. }
        | Event::SyncDone { .. }
        | Event::SyncError { .. }
        | Event::Changed { .. }
        | Event::FlowsDropped { .. }
        | Event::CallRefused { .. }
        | Event::OutOfSync { .. }
        | Event::BackInSync { .. }
        | Event::Waiting { .. }
        | Event::Recreate { .. }
        | Event::StrangerLeft { .. }
        | Event::TableLengthDiffers { .. }
        | Event::Suppressed { .. } => v1::Topic::Sync,
        Event::ConfigLoaded { .. } | Event::ConfigRejected { .. } | Event::DelaysNotEffective { .. } => {
            v1::Topic::Config
        }
        Event::OperatorCommand { .. }
        | Event::ChoiceDropped { .. }
        | Event::ChoiceRestored { .. }
        | Event::ChoicesLost { .. }
        | Event::ChoicesDoubted { .. }
        | Event::ChoicesNotKept { .. }
        | Event::ChoicesKept => v1::Topic::Operator,
        Event::Stopping => v1::Topic::Log,
    }
}

fn record(record: &Record, wall: Wall) -> v1::Record {
    let level = match record.what.level() {
        Level::Debug => v1::Level::Debug,
        Level::Info => v1::Level::Info,
        Level::Warn => v1::Level::Warn,
        Level::Error => v1::Level::Error,
    };
    let fields = record.what.fields().into_iter().map(|(key, value)| v1::Field { key: key.into(), value });
    v1::Record {
        sequence: record.sequence,
        at: Some(wall.at(record.at)),
        level: level.into(),
        topic: topic(&record.what).into(),
        name: record.what.name().into(),
        fields: fields.collect(),
        detail: if let Happened::Told(event) = &record.what { detail(event) } else { None },
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others have their text alone")]
fn detail(event: &Event) -> Option<Detail> {
    Some(match event {
        Event::BackendTransition { backend, address, from, to, cause } => {
            Detail::BackendTransition(v1::BackendTransition {
                backend: backend.clone(),
                address: address.to_string(),
                from: convert::state(*from).into(),
                to: to.map_or(v1::State::Unspecified, convert::state).into(),
                cause: cause.clone(),
            })
        }
        Event::FrontendTransition { frontend, from, to } => {
            Detail::FrontendTransition(v1::FrontendTransition {
                frontend: frontend.clone(),
                from: convert::state(*from).into(),
                to: convert::state(*to).into(),
            })
        }
        Event::WarmupRelease { frontend, trigger, elapsed } => Detail::WarmupRelease(v1::WarmupRelease {
            frontend: frontend.clone(),
            trigger: trigger.word().into(),
            elapsed: Some(duration(*elapsed)),
        }),
        Event::SyncDone { frontend, calls, took } => Detail::SyncDone(v1::SyncDone {
            frontend: frontend.clone().unwrap_or_default(),
            calls: *calls,
            took: Some(duration(*took)),
        }),
        Event::VppConnect { version, pid, restarted } => Detail::VppConnected(v1::VppConnected {
            version: version.clone(),
            pid: *pid,
            restarted: *restarted,
        }),
        Event::OperatorCommand { command, by, .. } => Detail::OperatorCommand(v1::OperatorCommand {
            command: command.clone(),
            by: by.who.clone(),
            why: by.why.clone(),
        }),
        _ => return None,
    })
}
