//! What may happen, in words and back.

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use maglev_core::Command;
use maglev_core::model::{Weight, Write};

use super::words::{Confused, Exact, duration, number, ordinal};
use super::{Behaviour, Facts, Paper};

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// A backend behaves so from now on.
    Backend {
        /// Which.
        who: Who,
        /// How.
        behaviour: Behaviour,
    },
    /// Something happens to VPP or to the link.
    Vpp(VppChange),
    /// A call that is still to come will go wrong.
    Fault(Fault),
    /// Somebody else writes to VPP.
    Foreign(Write),
    /// The configuration is replaced by the one of that name.
    Reload {
        /// A name of the scenario's configurations.
        config: String,
        /// Accept even one without frontends.
        forced: bool,
    },
    /// The configuration is replaced by one that does not pass.
    ReloadInvalid(Invalid),
    /// An operator wants something.
    Operator(Command),
    /// Something happens to the file of operators' choices.
    Choices(Paper),
    /// Something happens to maglevd itself.
    Daemon(DaemonChange),
    /// So many flows, each sending a packet a second, go to a frontend from now on.
    Traffic {
        /// The frontend's name.
        frontend: String,
        /// How many; 0 stops them.
        flows: u16,
    },
    /// This must be true now.
    Expect(Facts),
}

/// A backend: by name in the configuration of that moment, or by address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// By name.
    Name(String),
    /// By address, also one that no configuration names.
    Address(IpAddr),
}

impl Who {
    pub(crate) fn parse(word: &str) -> Self {
        word.parse().map_or_else(|_| Self::Name(word.to_owned()), Self::Address)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// What happens to VPP or to the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VppChange {
    /// The process ends: `absent`.
    Absent,
    /// It can be reached again: `up`. A new process, unless the old one was only out of reach.
    Up,
    /// The process ends and a new one is there at once: `restart`.
    Restart,
    /// A new process that lacks the plugin: `no-plugin`.
    NoPlugin,
    /// The link breaks and can be made anew: `drop-link`.
    DropLink,
    /// The link breaks and cannot be made until `up`; VPP forwards on and keeps its tables: `away`.
    Away,
    /// Each call takes so long from now on: `slow 200ms`; `slow 0s` ends it.
    Slow(Duration),
    /// It does nothing for so long: `stall 3s`.
    Stall(Duration),
}

impl VppChange {
    pub(super) fn parse(sentence: &str) -> Result<Self, Confused> {
        let words: Vec<&str> = sentence.split_whitespace().collect();
        match words[..] {
            ["absent"] => Ok(Self::Absent),
            ["up"] => Ok(Self::Up),
            ["restart"] => Ok(Self::Restart),
            ["no-plugin"] => Ok(Self::NoPlugin),
            ["drop-link"] => Ok(Self::DropLink),
            ["away"] => Ok(Self::Away),
            ["slow", by] => duration(by).map(Self::Slow),
            ["stall", by] => duration(by).map(Self::Stall),
            _ => Err(format!(
                "{sentence:?} is nothing that happens to VPP: use absent, up, restart, no-plugin, drop-link, away, \
                 slow <duration> or stall <duration>"
            )),
        }
    }
}

impl fmt::Display for VppChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("absent"),
            Self::Up => f.write_str("up"),
            Self::Restart => f.write_str("restart"),
            Self::NoPlugin => f.write_str("no-plugin"),
            Self::DropLink => f.write_str("drop-link"),
            Self::Away => f.write_str("away"),
            Self::Slow(by) => write!(f, "slow {}", Exact(*by)),
            Self::Stall(by) => write!(f, "stall {}", Exact(*by)),
        }
    }
}

/// Which calls an ordinal counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calls {
    /// Those that change VPP.
    #[default]
    Writes,
    /// Those that only look, pings apart.
    Reads,
    /// All, pings included.
    All,
}

/// A fault that strikes a call by its ordinal, counted as VPP executes calls from the moment it is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// 1 is the next one.
    pub nth: u32,
    /// Counting these.
    pub calls: Calls,
    /// What happens then.
    pub kind: FaultKind,
}

/// What a fault does to its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// VPP says no and does nothing: `refuse 3 with -81`.
    Refuse(i32),
    /// VPP does it and nobody hears of it: `lose-reply 5`.
    LoseReply,
    /// VPP does it and takes so long: `delay-reply 5 by 6s`.
    DelayReply(Duration),
    /// VPP does it, and the link breaks before the reply: `drop-link-after 5`.
    DropLinkAfter,
    /// VPP does it and is replaced by a new process before the reply: `restart-after 5`.
    RestartAfter,
}

impl Fault {
    pub(super) fn parse(sentence: &str) -> Result<Self, Confused> {
        let mut words: Vec<&str> = sentence.split_whitespace().collect();
        let calls = match words[..] {
            [.., "of", "writes"] => Some(Calls::Writes),
            [.., "of", "reads"] => Some(Calls::Reads),
            [.., "of", "calls"] => Some(Calls::All),
            _ => None,
        };
        if calls.is_some() {
            words.truncate(words.len() - 2);
        }
        let (nth, kind) = match words[..] {
            ["refuse", nth, "with", retval] => {
                (nth, FaultKind::Refuse(number(retval, "a return code such as -81")?))
            }
            ["lose-reply", nth] => (nth, FaultKind::LoseReply),
            ["delay-reply", nth, "by", by] => (nth, FaultKind::DelayReply(duration(by)?)),
            ["drop-link-after", nth] => (nth, FaultKind::DropLinkAfter),
            ["restart-after", nth] => (nth, FaultKind::RestartAfter),
            _ => {
                return Err(format!(
                    "{sentence:?} is no fault: use refuse <n> with <retval>, lose-reply <n>, delay-reply <n> by \
                     <duration>, drop-link-after <n> or restart-after <n>; they count writes, unless of reads or of \
                     calls stands at the end"
                ));
            }
        };
        Ok(Self { nth: ordinal(nth)?, calls: calls.unwrap_or_default(), kind })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nth = self.nth;
        match self.kind {
            FaultKind::Refuse(retval) => write!(f, "refuse {nth} with {retval}")?,
            FaultKind::LoseReply => write!(f, "lose-reply {nth}")?,
            FaultKind::DelayReply(by) => write!(f, "delay-reply {nth} by {}", Exact(by))?,
            FaultKind::DropLinkAfter => write!(f, "drop-link-after {nth}")?,
            FaultKind::RestartAfter => write!(f, "restart-after {nth}")?,
        }
        match self.calls {
            Calls::Writes => Ok(()),
            Calls::Reads => f.write_str(" of reads"),
            Calls::All => f.write_str(" of calls"),
        }
    }
}

/// What is wrong with a configuration that does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// The file cannot be read.
    Read,
    /// It is not YAML, or of another shape.
    Structural,
    /// It breaks a rule.
    Semantic,
}

impl Invalid {
    pub(super) fn parse(word: &str) -> Result<Self, Confused> {
        match word {
            "read" => Ok(Self::Read),
            "structural" => Ok(Self::Structural),
            "semantic" => Ok(Self::Semantic),
            other => Err(format!("{other:?} is no kind of mistake: use read, structural or semantic")),
        }
    }

    /// As maglevd names it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Structural => "structural",
            Self::Semantic => "semantic",
        }
    }
}

/// What happens to maglevd itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DaemonChange {
    /// It is not scheduled for so long: `stall 10s`.
    Stall(Duration),
    /// SIGTERM: `terminate`.
    Terminate,
    /// SIGKILL: `kill`.
    Kill,
    /// A new process, with the same configuration or with the named one: `restart` or `restart b`. Kills a living one.
    Restart(Option<String>),
}

impl DaemonChange {
    pub(super) fn parse(sentence: &str) -> Result<Self, Confused> {
        let words: Vec<&str> = sentence.split_whitespace().collect();
        match words[..] {
            ["stall", by] => duration(by).map(Self::Stall),
            ["terminate"] => Ok(Self::Terminate),
            ["kill"] => Ok(Self::Kill),
            ["restart"] => Ok(Self::Restart(None)),
            ["restart", config] => Ok(Self::Restart(Some(config.to_owned()))),
            _ => Err(format!(
                "{sentence:?} is nothing that happens to maglevd: use stall <duration>, terminate, kill, restart or \
                 restart <name of a configuration>"
            )),
        }
    }
}

impl fmt::Display for DaemonChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stall(by) => write!(f, "stall {}", Exact(*by)),
            Self::Terminate => f.write_str("terminate"),
            Self::Kill => f.write_str("kill"),
            Self::Restart(None) => f.write_str("restart"),
            Self::Restart(Some(config)) => write!(f, "restart {config}"),
        }
    }
}

/// Reads what a [`Command`] displays.
pub(super) fn parse_command(sentence: &str) -> Result<Command, Confused> {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    let (words, flush) = match words[..] {
        ["weight", _, _, _, _, "flush"] => (&words[..5], true),
        _ => (&words[..], false),
    };
    Ok(match *words {
        ["pause", backend] => Command::Pause { backend: backend.into() },
        ["resume", backend] => Command::Resume { backend: backend.into() },
        ["disable", backend] => Command::Disable { backend: backend.into() },
        ["enable", backend] => Command::Enable { backend: backend.into() },
        ["weight", frontend, pool, backend, weight] => Command::SetWeight {
            frontend: frontend.into(),
            pool: pool.into(),
            backend: backend.into(),
            weight: Weight::new(number(weight, "a weight, 0 to 100")?)
                .ok_or_else(|| format!("weight {weight} is above 100"))?,
            flush,
        },
        ["confirm"] => Command::Confirm,
        ["sync"] => Command::Sync { frontend: None },
        ["sync", frontend] => Command::Sync { frontend: Some(frontend.into()) },
        _ => {
            return Err(format!(
                "{sentence:?} is no command: use pause, resume, disable or enable <backend>, weight <frontend> <pool> \
                 <backend> <weight> [flush], confirm, or sync [<frontend>]"
            ));
        }
    })
}
