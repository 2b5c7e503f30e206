//! Flags and environment. Every flag has a variable, and the flag wins.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{BoolishValueParser, FalseyValueParser, OsStringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser};

use crate::api::San;
use crate::journal::SIZE_MIN;
use crate::log::{Format, Threshold};

/// Health-checks backends and programs the Maglev load balancer of VPP.
#[derive(Debug, Parser)]
#[command(name = "maglevd", version, args_conflicts_with_subcommands = true)]
#[command(
    after_help = "SIGHUP reads the configuration anew; SIGTERM and SIGINT stop and leave VPP as it is.\n\
    Exit codes: 0 done or configuration good, 1 cannot start or unreadable configuration, 2 configuration that \
    breaks rules, 64 wrong flags."
)]
pub struct Cli {
    /// What to do instead of running the daemon.
    #[cfg(feature = "demo")]
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to run the daemon.
    #[command(flatten)]
    pub flags: Flags,
}

/// What to do instead of running the daemon.
#[cfg(feature = "demo")]
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Shows maglevd at work on this machine: no VPP, no root and no network needed.
    Demo(crate::demo::Flags),
}

/// How to run the daemon.
#[derive(Clone, Debug, Args)]
pub struct Flags {
    /// The configuration file.
    #[arg(long, env = "MAGLEV_CONFIG", value_name = "FILE", default_value = "/etc/vpp-maglev/maglev.yaml")]
    pub config: PathBuf,
    /// VPP's API socket. Empty: probe only, without VPP.
    #[arg(
        long,
        env = "MAGLEV_VPP_API_ADDR",
        value_name = "SOCKET",
        value_parser = maybe_empty(),
        default_value = "/run/vpp/api.sock"
    )]
    pub vpp_api_addr: PathBuf,
    /// VPP's stats socket: when VPP was started, and what it counts. Empty: not asked.
    #[arg(
        long,
        env = "MAGLEV_VPP_STATS_ADDR",
        value_name = "SOCKET",
        value_parser = maybe_empty(),
        default_value = "/run/vpp/stats.sock"
    )]
    pub vpp_stats_addr: PathBuf,
    /// Where the API listens on TCP: without TLS, who reaches it is an operator. Empty: nowhere.
    #[arg(long, env = "MAGLEV_GRPC_ADDR", value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    pub grpc_addr: String,
    /// The API's Unix socket. Empty: none.
    #[arg(
        long,
        env = "MAGLEV_GRPC_SOCKET",
        value_name = "SOCKET",
        value_parser = maybe_empty(),
        default_value = "/run/vpp-maglev/maglevd.sock"
    )]
    pub grpc_socket: PathBuf,
    /// Whose members may change things through that socket: a name in /etc/group, or a number. Not given: the daemon's group.
    #[arg(long, env = "MAGLEV_GRPC_OPERATOR_GROUP", value_name = "GROUP")]
    pub grpc_operator_group: Option<String>,
    /// The certificate of the API on TCP, in PEM, and those between it and its authority: TCP is TLS from then on.
    #[arg(
        long,
        env = "MAGLEV_GRPC_TLS_CERT",
        value_name = "FILE",
        requires_all = ["grpc_tls_key", "grpc_tls_client_ca"]
    )]
    pub grpc_tls_cert: Option<PathBuf>,
    /// The key of that certificate, in PEM.
    #[arg(long, env = "MAGLEV_GRPC_TLS_KEY", value_name = "FILE", requires = "grpc_tls_cert")]
    pub grpc_tls_key: Option<PathBuf>,
    /// The authorities of clients, in PEM: who has a certificate of them may look.
    #[arg(long, env = "MAGLEV_GRPC_TLS_CLIENT_CA", value_name = "FILE", requires = "grpc_tls_cert")]
    pub grpc_tls_client_ca: Option<PathBuf>,
    /// Whose certificates may change things: exact names in them (DNS, URI or e-mail), with commas between.
    #[arg(
        long,
        env = "MAGLEV_GRPC_OPERATORS",
        value_name = "NAMES",
        value_delimiter = ',',
        requires = "grpc_tls_cert"
    )]
    pub grpc_operators: Vec<San>,
    /// Let the API listen beyond loopback without TLS, although everybody who reaches it is an operator.
    #[arg(
        long,
        env = "MAGLEV_INSECURE",
        action = ArgAction::Set,
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        value_parser = FalseyValueParser::new()
    )]
    pub insecure: bool,
    /// Where metrics are served. Empty: nowhere.
    #[arg(long, env = "MAGLEV_METRICS_ADDR", value_name = "ADDRESS", default_value = "127.0.0.1:9091")]
    pub metrics_addr: String,
    /// The least urgent lines that are logged.
    #[arg(
        long,
        env = "MAGLEV_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info",
        value_enum,
        ignore_case = true
    )]
    pub log_level: Threshold,
    /// How log lines look.
    #[arg(
        long,
        env = "MAGLEV_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "json",
        value_enum,
        ignore_case = true
    )]
    pub log_format: Format,
    /// Whether the API describes itself to its clients.
    #[arg(
        long,
        env = "MAGLEV_REFLECTION",
        value_name = "BOOL",
        default_value = "true",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = false,
        value_parser = BoolishValueParser::new()
    )]
    pub reflection: bool,
    /// Where operators' choices (pause, disable, weights) are kept over restarts. Not given: they are lost with the process.
    #[arg(long, env = "MAGLEV_STATE_DIR", value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
    /// Write down everything that the engine hears, for a replay. A full FILE becomes FILE.1. Not given: nowhere.
    #[arg(long, env = "MAGLEV_JOURNAL", value_name = "FILE")]
    pub journal: Option<PathBuf>,
    /// How large FILE and FILE.1 may be together.
    #[arg(
        long,
        env = "MAGLEV_JOURNAL_SIZE",
        value_name = "SIZE",
        default_value = "64M",
        value_parser = journal_size
    )]
    pub journal_size: u64,
    /// Where all chance comes from; drawn once, and logged, if not given.
    #[arg(long, env = "MAGLEV_SEED", value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Check the configuration, print the verdict, and exit 0, 1 or 2.
    // Go also takes `-check=true`.
    #[arg(
        long,
        env = "MAGLEV_CHECK",
        action = ArgAction::Set,
        value_name = "BOOL",
        default_value = "false",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        value_parser = FalseyValueParser::new()
    )]
    pub check: bool,
}

impl Flags {
    /// Whether this process talks to VPP.
    pub fn uses_vpp(&self) -> bool {
        !self.vpp_api_addr.as_os_str().is_empty()
    }
}

impl Cli {
    /// Reads the command line, and the environment for what it does not say.
    ///
    /// # Errors
    /// The flags are wrong, or ask for a text (`--help`, `--version`) that clap's error carries.
    pub fn read(arguments: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let command = Self::command().mut_args(unless_empty);
        Self::from_arg_matches(&command.try_get_matches_from(arguments.map(with_two_dashes))?)
    }
}

/// An empty variable is one that is not set, as in Go's vpp-maglev, except where empty switches a part off: a unit's
/// `MAGLEV_LOG_LEVEL=` must not keep the daemon from starting.
fn unless_empty(flag: Arg) -> Arg {
    let is_empty = flag.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    let means_off = matches!(
        flag.get_id().as_str(),
        "vpp_api_addr" | "vpp_stats_addr" | "metrics_addr" | "grpc_addr" | "grpc_socket"
    );
    if is_empty && !means_off { flag.env(None) } else { flag }
}

/// clap's own parser of paths refuses the empty one, which here means that a part is switched off.
fn maybe_empty() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Bytes, or a number of K, M or G, which are powers of 1024.
fn journal_size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let shift = match unit.trim_end_matches("iB").trim_end_matches('B') {
        "" => 0,
        "k" | "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return Err("is no size: write 64M, 1G or a number of bytes".to_owned()),
    };
    let size = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(1 << shift));
    match size {
        None => Err("is no size: write 64M, 1G or a number of bytes".to_owned()),
        Some(size) if size < SIZE_MIN => Err("is too small for a journal: at least 64K".to_owned()),
        Some(size) => Ok(size),
    }
}

/// Go's programs take `-config` for `--config`. No flag of ours has a short form of several letters.
fn with_two_dashes(argument: OsString) -> OsString {
    match argument.to_str() {
        Some(text) if text.len() > 2 && text.starts_with('-') && !text.starts_with("--") => {
            format!("-{text}").into()
        }
        Some(_) | None => argument,
    }
}
