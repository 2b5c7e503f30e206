//! Logs: one line per event on stdout, JSON or text, through `tracing`.
//!
//! Nothing here waits for whoever reads stdout: lines go through a bounded queue to a thread of their own, and when a
//! reader sleeps, lines are dropped and counted, not probes. See [`Log`].

mod line;
mod queue;
mod stamp;

use std::error::Error;
use std::fmt;
use std::io::IsTerminal;
use std::panic;
use std::sync::{Arc, OnceLock};

use maglev_core::event::{Event, Level};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::clock::wall_time;
use crate::config::Finding;
use crate::events::Logged;
use line::{Line, Value};
use queue::Queue;

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object per line.
    #[default]
    Json,
    /// For people; with colour on a terminal.
    Text,
}

/// The least urgent lines that are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Threshold {
    /// Everything.
    Debug,
    /// The record of what the daemon did.
    #[default]
    Info,
    /// What somebody should look at.
    Warn,
    /// What somebody should look at now.
    Error,
}

impl From<Threshold> for LevelFilter {
    fn from(threshold: Threshold) -> Self {
        match threshold {
            Threshold::Debug => Self::DEBUG,
            Threshold::Info => Self::INFO,
            Threshold::Warn => Self::WARN,
            Threshold::Error => Self::ERROR,
        }
    }
}

/// The process's log. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    queue: Arc<Queue>,
    copies: Copies,
}

/// Who else hears of each line, once there is somebody.
type Copies = Arc<OnceLock<Box<dyn Fn(Logged) + Send + Sync>>>;

impl Log {
    /// Starts the writer and takes everything that is traced in this process, panics included.
    pub fn start(format: Format, threshold: Threshold) -> Self {
        let queue = Queue::start(std::io::stdout(), move |lost| {
            let line = Line::new(wall_time(), tracing::Level::WARN, "log-lines-dropped");
            line.with("count", Value::Number(lost)).print(format, false)
        });
        let is_colourful = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let copies = Copies::default();
        let (filter, to) = (threshold.into(), Arc::clone(&copies));
        let writer = Writer { queue: Arc::clone(&queue), copies: to, format, filter, is_colourful };
        // Only a second call in one process could fail, and then the first log stays.
        let _ = Registry::default().with(writer).try_init();
        log_panics();
        Self { queue, copies }
    }

    /// From now on `hears` gets what is logged, except the events of the core. It must neither wait nor log.
    pub fn copy_to(&self, hears: impl Fn(Logged) + Send + Sync + 'static) {
        // A process has one daemon; a second one would hear nothing.
        let _ = self.copies.set(Box::new(hears));
    }

    /// Waits for what is queued to be written, as long as the end of a process may take.
    pub fn finish(&self) {
        self.queue.drain();
    }
}

/// Wherever a panic happens, it is one ERROR line, and stays on stderr too.
fn log_panics() {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let at = info.location().map(ToString::to_string).unwrap_or_default();
        let err = info.payload_as_str().unwrap_or("no text");
        tracing::error!(at, err, "panic");
        default(info);
    }));
}

/// Logs an event of the core, typed fields and all.
pub fn event(event: &Event) {
    let told: &(dyn Error + 'static) = &Told(event.clone());
    match event.level() {
        Level::Debug => tracing::debug!(told),
        Level::Info => tracing::info!(told),
        Level::Warn => tracing::warn!(told),
        Level::Error => tracing::error!(told),
    }
}

/// Logs what is legal in a file, but probably not meant.
pub fn config_warnings(warnings: &[Finding]) {
    for Finding { file, line, column, path, message } in warnings {
        tracing::warn!(file = &**file, line, column, path, warning = message, "config-warning");
    }
}

/// Carries an event through `tracing`, whose fields must be known when we compile: our layer takes it apart again, any
/// other prints it in one line.
#[derive(Debug)]
struct Told(Event);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Told {}

/// The layer that makes lines.
struct Writer {
    queue: Arc<Queue>,
    copies: Copies,
    format: Format,
    filter: LevelFilter,
    is_colourful: bool,
}

impl Writer {
    fn wants(&self, metadata: &tracing::Metadata<'_>) -> bool {
        // What libraries say below WARN is about themselves.
        let is_ours = metadata.target().starts_with("maglev");
        *metadata.level() <= self.filter && (is_ours || *metadata.level() <= tracing::Level::WARN)
    }
}

impl<S: tracing::Subscriber> Layer<S> for Writer {
    fn register_callsite(&self, metadata: &'static tracing::Metadata<'static>) -> Interest {
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.filter)
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if !self.wants(event.metadata()) {
            return;
        }
        let mut line = Line::new(wall_time(), *event.metadata().level(), "");
        event.record(&mut line);
        if let Some(hears) = self.copies.get()
            && let Some(logged) = line.logged()
        {
            hears(logged);
        }
        self.queue.push(line.print(self.format, self.is_colourful));
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.msg);
        } else {
            self.put(field.name(), Value::Text(value.to_owned()));
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), Value::Number(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        match u64::try_from(value) {
            Ok(value) => self.put(field.name(), Value::Number(value)),
            Err(_) => self.put(field.name(), Value::Text(value.to_string())),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), Value::Bool(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        match value.downcast_ref::<Told>() {
            Some(Told(event)) => self.tell(event),
            None => self.put(field.name(), Value::Text(value.to_string())),
        }
    }
}
