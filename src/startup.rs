//! From flags to a running daemon, and what is said when that fails.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use maglev_core::{Clock as _, Event};

use crate::api::{Api, Doors, Group, GroupError, Rate, SocketError, Tls, TlsError, TlsFiles};
use crate::choices::{Choices, ChoicesError};
use crate::cli::Flags;
use crate::clock::SystemClock;
use crate::config::{self, ConfigError, Loaded, Options};
use crate::daemon::Checked;
use crate::events::Events;
use crate::journal::{Book, BookError};
use crate::listen::{Door, ListenError};
use crate::log::{self, Log};
use crate::metrics::{Counters, Meter, Site, Visitors};
use crate::prober::Limits;
use crate::reload::Reloader;
use crate::service::Service;
use crate::signals::{Means, Signals};
use crate::supervisor::Supervisor;
use crate::vpp::UnixConnector;

/// Why the daemon does not run. Displays as what an operator reads, the remedy included.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration: mend it.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A listening address: name another one.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The API's socket: name another one.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The group of the socket's operators: name another one.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// A file of the API's TLS: name another one.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The API would listen for everybody.
    #[error(
        "cannot listen on {address} (--grpc-addr): who reaches it is an operator, and it can be reached from other hosts; \
         give it certificates (--grpc-tls-cert), name an address of loopback, or say --insecure if that is meant"
    )]
    Exposed {
        /// Where.
        address: String,
    },
    /// The journal: name another file, or make room.
    #[error(transparent)]
    Journal(#[from] BookError),
    /// The folder of operators' choices: name another one.
    #[error(transparent)]
    Choices(#[from] ChoicesError),
    /// The system denies what every process needs.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

impl StartError {
    /// What the process exits with.
    pub fn exit_code(&self) -> ExitCode {
        if let Self::Config(err) = self { ExitCode::from(err.exit_code()) } else { ExitCode::FAILURE }
    }

    /// Into the log, for those who look there.
    pub fn log(&self) {
        if let Self::Config(err) = self {
            log::event(&Event::ConfigRejected { kind: err.kind(), err: err.to_string() });
        } else {
            tracing::error!(err = %self, "start-failed");
        }
    }
}

/// `--check`: prints the verdict.
#[expect(clippy::print_stdout, reason = "the verdict is what the program was asked for")]
pub fn check(flags: &Flags) -> ExitCode {
    let file = flags.config.display();
    match read(flags) {
        Ok(Loaded { config, warnings, .. }) => {
            for warning in warnings {
                println!("warning: {warning}");
            }
            let (frontends, backends) = (config.frontends().len(), config.backends().len());
            println!("{file}: good: {} and {}", counted(frontends, "frontend"), counted(backends, "backend"));
            ExitCode::SUCCESS
        }
        Err(err) => {
            println!("{err}");
            let kind = err.kind();
            println!("{file}: {}, kind {kind}", counted(err.findings().len().max(1), "error"));
            ExitCode::from(err.exit_code())
        }
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn options(flags: &Flags) -> Options {
    Options { vpp_in_use: flags.uses_vpp() }
}

fn read(flags: &Flags) -> Result<Loaded, ConfigError> {
    config::read(&flags.config, options(flags))
}

/// Runs the daemon to its end.
///
/// # Errors
/// It could not start; nothing was probed and nothing was written to VPP.
pub fn run(flags: &Flags, seed: u64, clock: SystemClock, log: &Log) -> Result<(), StartError> {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        pid = std::process::id(),
        config = %flags.config.display(),
        "vpp-api-addr" = %flags.vpp_api_addr.display(),
        seed,
        "starting"
    );
    let mut supervisor = Supervisor::from_env();
    let ended = supervised(flags, seed, clock, log, &mut supervisor);
    if let (Err(err), Some(supervisor)) = (&ended, &supervisor) {
        supervisor.failed(err);
    }
    ended
}

/// The supervisor is taken by what attends to it, if it comes to that.
fn supervised(
    flags: &Flags,
    seed: u64,
    clock: SystemClock,
    log: &Log,
    supervisor: &mut Option<Supervisor>,
) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // As early as can be: a hangup while a large file is read must reload it, not kill us.
    let signals = runtime.block_on(async { Signals::catch() })?;
    let loaded = read(flags)?;
    log::config_warnings(&loaded.warnings);
    let config = Checked { config: loaded.config, draft: loaded.draft };
    let served = runtime.block_on(serve(flags, config, seed, clock, signals, log, supervisor));
    // Probes that hang in a name service or a namespace do not hold up the end.
    runtime.shutdown_background();
    served
}

async fn serve(
    flags: &Flags,
    config: Checked,
    seed: u64,
    clock: SystemClock,
    signals: Signals,
    log: &Log,
    supervisor: &mut Option<Supervisor>,
) -> Result<(), StartError> {
    let (limits, patience) = (Limits::from_rlimit(), config.config.lb().startup_max_delay);
    let doors = doors(flags).await?;
    let page = match flags.metrics_addr.as_str() {
        "" => None,
        address => Some(open("--metrics-addr", address).await?),
    };
    let choices = flags.state_dir.as_deref().map(Choices::open).transpose()?;
    // Last of all that can fail: a daemon that does not start leaves the journal of the one before.
    let journal = flags.journal.as_deref().map(|path| Book::open(path, flags.journal_size)).transpose()?;
    let events = Events::new(format!("{:x}-{:x}", clock.began().as_nanos(), std::process::id()));
    tokio::spawn(events.clone().attend());
    let (published, lines) = (events.clone(), events.clone());
    log.copy_to(move |line| lines.publish_line(line, clock.now()));
    let vpp = connector(flags);
    let counters = vpp.as_ref().filter(|_| page.is_some()).and_then(|vpp| Counters::new(vpp, clock));
    let hearing = counters.clone();
    let observer = move |event: &Event, now| {
        log::event(event);
        if let Some(counters) = &hearing {
            counters.hears(event);
        }
        published.publish(event, now);
    };
    let (uses_vpp, meter) = (vpp.is_some(), Meter::default());
    let (handle, daemon) =
        Service { clock, config, seed, vpp, limits, journal, choices, meter: meter.clone(), observer }
            .start();
    if let Some(counters) = &counters {
        tokio::spawn(counters.clone().attend(handle.clone()));
    }
    if let Some(page) = page {
        let events = events.clone();
        let site = Site { handle: handle.clone(), meter, uses_vpp, counters, events };
        tokio::spawn(Visitors { listener: page.into_listener(), clock, site }.attend());
    }
    let reloader = Reloader::new(handle.clone(), options(flags));
    let api = Api {
        handle: handle.clone(),
        reloader: reloader.clone(),
        events,
        clock,
        file: flags.config.clone(),
        options: options(flags),
        reflection: flags.reflection,
        changes: Rate::default(),
    };
    let tls = doors.tls.clone();
    let _serving = api.serve(doors);
    let attend = |supervisor: Supervisor| supervisor.attend(handle.clone(), clock, patience, uses_vpp);
    let (herald, attendance) = supervisor.take().map(attend).transpose()?.unzip();
    let file = flags.config.clone();
    let means = Means { handle, reloader, file, tls, log: log.clone(), herald: herald.unwrap_or_default() };
    signals.attend(means);
    daemon.await;
    if let Some(attendance) = attendance {
        attendance.end();
    }
    Ok(())
}

fn connector(flags: &Flags) -> Option<UnixConnector> {
    let given = |path: &Path| (!path.as_os_str().is_empty()).then(|| path.to_owned());
    let api = given(&flags.vpp_api_addr)?;
    Some(UnixConnector { api, stats: given(&flags.vpp_stats_addr) })
}

/// Takes the API's doors. A socket that cannot be had is no reason not to serve: hosts of Go's vpp-maglev lack its folder.
async fn doors(flags: &Flags) -> Result<Doors, StartError> {
    let operators = flags.grpc_operator_group.as_deref().map(Group::find).transpose()?;
    let mut doors = Doors { tls: tls(flags)?, operators, ..Doors::default() };
    if !flags.grpc_addr.is_empty() {
        let door = open("--grpc-addr", &flags.grpc_addr).await?;
        if doors.tls.is_none() && !door.is_loopback() && !flags.insecure {
            return Err(StartError::Exposed { address: flags.grpc_addr.clone() });
        }
        doors.tcp = Some(door.into_listener());
    }
    if !flags.grpc_socket.as_os_str().is_empty() {
        match doors.take_socket(&flags.grpc_socket).await {
            Ok(()) => {
                tracing::info!(flag = "--grpc-socket", address = %flags.grpc_socket.display(), "listening");
            }
            Err(err @ SocketError::Unusable { .. }) => tracing::warn!(%err, "no-grpc-socket"),
            Err(err @ SocketError::InUse { .. }) => return Err(err.into()),
        }
    }
    Ok(doors)
}

fn tls(flags: &Flags) -> Result<Option<Tls>, TlsError> {
    // The flags want all three or none.
    let (Some(cert), Some(key), Some(client_ca)) =
        (&flags.grpc_tls_cert, &flags.grpc_tls_key, &flags.grpc_tls_client_ca)
    else {
        return Ok(None);
    };
    Tls::read(TlsFiles { cert, key, client_ca }, flags.grpc_operators.iter().cloned()).map(Some)
}

async fn open(flag: &'static str, address: &str) -> Result<Door, ListenError> {
    let door = Door::open(flag, address).await?;
    let address = door.address().map_or_else(|_| address.to_owned(), |address| address.to_string());
    tracing::info!(flag, address, "listening");
    Ok(door)
}
