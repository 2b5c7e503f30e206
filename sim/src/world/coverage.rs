//! Which faults met which states: a generator that never brings the two together proves nothing about them.

use core::fmt;

use maglev_core::Engine;
use maglev_core::warmup::Phase;

use crate::script::{DaemonChange, FaultKind, Happening, Paper, VppChange};

/// Rows of the table.
const KINDS: [&str; 39] = [
    "backend up",
    "backend slow",
    "backend dead",
    "backend silent",
    "backend flapping",
    "backend wrong answer",
    "local fault",
    "vpp absent",
    "vpp up",
    "vpp restart",
    "vpp no plugin",
    "link drop",
    "vpp away",
    "vpp slow",
    "vpp stall",
    "call refused",
    "reply lost",
    "reply late",
    "link drop after a call",
    "restart after a call",
    "foreign edit",
    "reload",
    "reload invalid",
    "reload emptied",
    "pause",
    "resume",
    "disable",
    "enable",
    "weight",
    "sync",
    "confirm",
    "choices damaged",
    "choices deleted",
    "choices unwritable",
    "choices writable",
    "daemon stall",
    "daemon terminate",
    "daemon kill",
    "daemon restart",
];

/// Those of them that strike a call.
const STRIKES: [&str; 5] =
    ["call refused", "reply lost", "reply late", "link drop after a call", "restart after a call"];

/// Columns of the table within a phase.
const LINKS: [&str; 3] = ["down", "reading", "up"];
const PHASES: [Phase; 3] = [Phase::HandsOff, Phase::Release, Phase::Over];
const CELLS: usize = KINDS.len() * PHASES.len() * LINKS.len();

/// One cell: a kind of fault, a phase of warm-up, a state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// What happened.
    pub kind: &'static str,
    /// In which phase of warm-up.
    pub phase: Phase,
    /// `down`, `reading` (connected, picture not whole) or `up`.
    pub link: &'static str,
}

impl Cell {
    /// Why it cannot be hit, if it cannot.
    pub fn impossible(self) -> Option<&'static str> {
        let strikes = STRIKES.contains(&self.kind);
        if strikes && self.link == "down" {
            return Some(
                "a fault strikes a call that VPP executes, and there is no call without a connection",
            );
        }
        if self.kind == "call refused" && (self.phase == Phase::HandsOff || self.link == "reading") {
            return Some(
                "VPP refuses writes only, and none is sent in hands-off or before VPP has been read",
            );
        }
        None
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {} x {}", self.kind, self.phase.word(), self.link)
    }
}

/// How often each cell was hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    hits: Box<[u32; CELLS]>,
    /// Where the engine stands: phase and connection.
    place: (usize, usize),
}

impl Default for Coverage {
    fn default() -> Self {
        Self { hits: Box::new([0; CELLS]), place: (0, 0) }
    }
}

impl Coverage {
    pub(super) fn step(&mut self, engine: &Engine) {
        let phase = match engine.warmup().phase() {
            Phase::HandsOff => 0,
            Phase::Release => 1,
            Phase::Over => 2,
        };
        let dataplane = engine.dataplane();
        let link = usize::from(dataplane.is_connected()) + usize::from(dataplane.has_picture());
        self.place = (phase, link);
    }

    pub(super) fn happened(&mut self, happening: &Happening, engine: Option<&Engine>) {
        // Without a process there is no phase to be in.
        if engine.is_some()
            && let Some(kind) = kind_of(happening)
        {
            self.hit(kind);
        }
    }

    pub(super) fn struck(&mut self, kind: FaultKind) {
        self.hit(match kind {
            FaultKind::Refuse(_) => "call refused",
            FaultKind::LoseReply => "reply lost",
            FaultKind::DelayReply(_) => "reply late",
            FaultKind::DropLinkAfter => "link drop after a call",
            FaultKind::RestartAfter => "restart after a call",
        });
    }

    fn hit(&mut self, kind: &'static str) {
        let row = KINDS.iter().position(|known| *known == kind);
        let (phase, link) = self.place;
        if let Some(row) = row {
            self.hits[(row * PHASES.len() + phase) * LINKS.len() + link] += 1;
        }
    }

    /// Adds the hits of another run.
    pub fn add(&mut self, other: &Self) {
        for (sum, n) in self.hits.iter_mut().zip(other.hits.iter()) {
            *sum = sum.saturating_add(*n);
        }
    }

    /// Possible cells that were never hit, and impossible ones that were: a blind spot, or a reason that is wrong.
    pub fn gaps(&self) -> Vec<String> {
        let gap = |(cell, hits): (Cell, u32)| match (cell.impossible(), hits) {
            (None, 0) => Some(format!("{cell} was never hit: teach the generator")),
            (Some(why), 1..) => Some(format!("{cell} was hit, and was thought impossible: {why}")),
            (None, _) | (Some(_), 0) => None,
        };
        self.cells().filter_map(gap).collect()
    }

    /// Every cell and how often it was hit.
    pub fn cells(&self) -> impl Iterator<Item = (Cell, u32)> {
        self.hits.iter().enumerate().map(|(at, hits)| {
            let (row, column) = (at / LINKS.len(), at % LINKS.len());
            let (kind, phase) = (KINDS[row / PHASES.len()], PHASES[row % PHASES.len()]);
            (Cell { kind, phase, link: LINKS[column] }, *hits)
        })
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<24}", "")?;
        for phase in PHASES {
            write!(f, "{:^33}", phase.word())?;
        }
        write!(f, "\n{:<24}", "")?;
        for _ in PHASES {
            for link in LINKS {
                write!(f, "{link:>10} ")?;
            }
        }
        for (at, (cell, hits)) in self.cells().enumerate() {
            if at % (PHASES.len() * LINKS.len()) == 0 {
                write!(f, "\n{:<24}", cell.kind)?;
            }
            match (cell.impossible(), hits) {
                (Some(_), 0) => write!(f, "{:>10} ", "-")?,
                _ => write!(f, "{hits:>10} ")?,
            }
        }
        writeln!(f, "\n- is impossible: no call without a connection, no write in hands-off or before a look")
    }
}

fn kind_of(happening: &Happening) -> Option<&'static str> {
    use crate::script::Behaviour as B;
    use maglev_core::Command as C;
    Some(match happening {
        Happening::Backend { behaviour, .. } => match behaviour {
            B::Up => "backend up",
            B::Slow(_) => "backend slow",
            B::Down | B::Refuse => "backend dead",
            B::Silent => "backend silent",
            B::OneIn(_) => "backend flapping",
            B::Status(_) | B::Garbage | B::BadTls | B::BadBody => "backend wrong answer",
            B::LocalFault(_) => "local fault",
        },
        Happening::Vpp(change) => match change {
            VppChange::Absent => "vpp absent",
            VppChange::Up => "vpp up",
            VppChange::Restart => "vpp restart",
            VppChange::NoPlugin => "vpp no plugin",
            VppChange::DropLink => "link drop",
            VppChange::Away => "vpp away",
            VppChange::Slow(_) => "vpp slow",
            VppChange::Stall(_) => "vpp stall",
        },
        Happening::Foreign(_) => "foreign edit",
        Happening::Reload { forced: false, .. } => "reload",
        Happening::Reload { forced: true, .. } => "reload emptied",
        Happening::ReloadInvalid(_) => "reload invalid",
        Happening::Operator(command) => match command {
            C::Pause { .. } => "pause",
            C::Resume { .. } => "resume",
            C::Disable { .. } => "disable",
            C::Enable { .. } => "enable",
            C::SetWeight { .. } => "weight",
            C::Confirm => "confirm",
            C::Sync { .. } => "sync",
        },
        Happening::Choices(change) => match change {
            Paper::Damaged => "choices damaged",
            Paper::Deleted => "choices deleted",
            Paper::Unwritable => "choices unwritable",
            Paper::Writable => "choices writable",
        },
        Happening::Daemon(change) => match change {
            DaemonChange::Stall(_) => "daemon stall",
            DaemonChange::Terminate => "daemon terminate",
            DaemonChange::Kill => "daemon kill",
            DaemonChange::Restart(_) => "daemon restart",
        },
        // A fault counts when it strikes; the rest is no fault.
        Happening::Fault(_) | Happening::Traffic { .. } | Happening::Expect(_) => return None,
    })
}
