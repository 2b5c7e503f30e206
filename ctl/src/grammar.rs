//! What can be said: the one table of commands, which parsing, help, completion and the reference all read.
//!
//! A rule is a line of plain words, `<values>`, `[what may be left out]` and `{this | that}`, each of which may be said any
//! number of times. Nothing in here talks to a daemon.

mod complete;
mod help;
mod parse;
mod pattern;
mod words;

#[cfg(test)]
mod tests;

pub use complete::{Candidate, Names, candidates, takes};
pub use help::{Hint, hints, reference};
pub use parse::{ParseError, Parsed, parse};
pub use words::{Split, Word, quoted, split};

/// What a value is, and so what may stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A backend's name.
    Backend,
    /// A frontend's name.
    Frontend,
    /// A healthcheck's name.
    Healthcheck,
    /// The name of a pool of the frontend before it.
    Pool,
    /// 0..100.
    Weight,
    /// How many.
    Count,
    /// A file of this host.
    File,
    /// How urgent.
    Level,
    /// What a record is about.
    Topic,
    /// Whose completions.
    Shell,
}

impl Kind {
    /// Its name in rules.
    pub const ALL: [(&'static str, Self); 10] = [
        ("backend", Self::Backend),
        ("frontend", Self::Frontend),
        ("healthcheck", Self::Healthcheck),
        ("pool", Self::Pool),
        ("weight", Self::Weight),
        ("count", Self::Count),
        ("file", Self::File),
        ("level", Self::Level),
        ("topic", Self::Topic),
        ("shell", Self::Shell),
    ];

    /// As rules and help write it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// What it stands for.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Backend => "name of a backend",
            Self::Frontend => "name of a frontend",
            Self::Healthcheck => "name of a healthcheck",
            Self::Pool => "name of a pool of this frontend",
            Self::Weight => "0 to 100",
            Self::Count => "1 to 4096",
            Self::File => "a file of this host, - for standard input",
            Self::Level => "debug, info, warn or error: this urgent and above",
            Self::Topic => "backend, frontend, warmup, sync, vpp, config, operator or log",
            Self::Shell => "bash, zsh or fish",
        }
    }

    /// All that may stand there, if that is a handful of words.
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Level => &["debug", "info", "warn", "error"],
            Self::Topic => &["backend", "frontend", "warmup", "sync", "vpp", "config", "operator", "log"],
            Self::Shell => &["bash", "zsh", "fish"],
            Self::Backend
            | Self::Frontend
            | Self::Healthcheck
            | Self::Pool
            | Self::Weight
            | Self::Count
            | Self::File => &[],
        }
    }
}

/// What a rule means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each has its sentence in the table below")]
pub enum Verb {
    ShowVersion,
    ShowFrontends,
    ShowFrontend,
    ShowBackends,
    ShowBackend,
    ShowHealthchecks,
    ShowHealthcheck,
    ShowWarmup,
    ShowVppInfo,
    ShowVppLbState,
    ShowVppLbDiff,
    ShowEvents,
    PauseBackend,
    ResumeBackend,
    EnableBackend,
    DisableBackend,
    SetWeight,
    ConfirmChoices,
    ExplainBackend,
    ExplainFrontend,
    ShowVppLbPlan,
    ConfigCheck,
    ConfigPlan,
    ConfigReload,
    SyncVppLbState,
    WatchEvents,
    Top,
    Completions,
    Help,
    Quit,
}

/// A command.
#[derive(Debug)]
pub struct Rule {
    /// How it is said.
    pub pattern: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// What it means.
    pub verb: Verb,
}

const fn rule(pattern: &'static str, verb: Verb, about: &'static str) -> Rule {
    Rule { pattern, about, verb }
}

/// Every command.
pub const RULES: &[Rule] = &[
    rule(
        "show version",
        Verb::ShowVersion,
        "the daemon: version, age, readiness, configuration, and who you are to it",
    ),
    rule("show frontends", Verb::ShowFrontends, "all frontends: VIP, state, serving pool, sync"),
    rule(
        "show frontend <frontend>",
        Verb::ShowFrontend,
        "one frontend: its pools, and each weight with its reason",
    ),
    rule("show backends", Verb::ShowBackends, "all backends: address, state, counter, last result"),
    rule(
        "show backend <backend>",
        Verb::ShowBackend,
        "one backend: where it is used, its last results and transitions",
    ),
    rule("show healthchecks", Verb::ShowHealthchecks, "all healthchecks in use"),
    rule("show healthcheck <healthcheck>", Verb::ShowHealthcheck, "one healthcheck with all its settings"),
    rule("show warmup", Verb::ShowWarmup, "warm-up: its phase, who is released and who waits for whom"),
    rule("show vpp info", Verb::ShowVppInfo, "VPP: version, process, connection, sync"),
    rule("show vpp lb state [<frontend>]", Verb::ShowVppLbState, "VPP's table beside the wanted one"),
    rule("show vpp lb diff [<frontend>]", Verb::ShowVppLbDiff, "only what differs from what is wanted"),
    rule(
        "show vpp lb plan [<frontend>]",
        Verb::ShowVppLbPlan,
        "the calls that a sync would make now, without making them",
    ),
    rule(
        "show events {last <count> | level <level>}",
        Verb::ShowEvents,
        "the latest events: 20, unless told otherwise",
    ),
    rule("set backend <backend> pause", Verb::PauseBackend, "take it out; its flows stay"),
    rule("set backend <backend> resume", Verb::ResumeBackend, "end its pause: it is probed again"),
    rule("set backend <backend> enable", Verb::EnableBackend, "enable it: it is probed again"),
    rule("set backend <backend> disable", Verb::DisableBackend, "take it out and flush its flows"),
    rule(
        "set frontend <frontend> pool <pool> backend <backend> weight <weight> [flush]",
        Verb::SetWeight,
        "set its weight in this pool, until a reload changes that weight; flush forgets its flows",
    ),
    rule(
        "set choices confirmed",
        Verb::ConfirmChoices,
        "after operators' choices were lost: nobody is kept at 0 any more because of it",
    ),
    rule("explain backend <backend>", Verb::ExplainBackend, "why a backend gets the traffic that it gets"),
    rule("explain frontend <frontend>", Verb::ExplainFrontend, "why a frontend is in its state"),
    rule("config check [<file>]", Verb::ConfigCheck, "check a file, or the daemon's own, and change nothing"),
    rule(
        "config plan [<file>]",
        Verb::ConfigPlan,
        "the calls to VPP that a file, or the daemon's own, would cause, without making them",
    ),
    rule("config reload [<file>]", Verb::ConfigReload, "put a file, or the daemon's own, in force"),
    rule(
        "sync vpp lb state [<frontend>]",
        Verb::SyncVppLbState,
        "look at VPP anew and make it hold what is wanted",
    ),
    rule(
        "watch events {topic <topic> | level <level> | backend <backend> | frontend <frontend> | last <count>}",
        Verb::WatchEvents,
        "events as they happen, until Ctrl-C; goes on after a restart of the daemon",
    ),
    rule("top", Verb::Top, "everything on a full screen, live; q leaves"),
    rule(
        "completions <shell>",
        Verb::Completions,
        "a script for the shell that completes commands and names",
    ),
    rule("help", Verb::Help, "all commands"),
    rule("quit", Verb::Quit, "leave the prompt; so does Ctrl-D"),
];

/// What a word is for that begins several rules.
pub const GROUPS: &[(&str, &str)] = &[
    ("show", "look"),
    ("show vpp", "VPP and its table"),
    ("show vpp lb", "VPP's load balancer"),
    ("set", "change a backend or a weight, or confirm choices"),
    ("set backend", "pause, resume, enable or disable a backend"),
    ("explain", "why things are as they are"),
    ("config", "check a configuration, plan it, or put it in force"),
];
