//! Twins: a scenario told a second time in a way that must not matter, and what maglevd does in both compared.
//!
//! What a scenario is compared with is part of it, so that a generator draws it, a file keeps it, and the minimiser
//! makes a pair small as it does everything else. What is compared are probes and calls with their times; oracles and
//! people do not watch.

mod neighbour;
mod renamed;

#[cfg(test)]
mod tests;

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use maglev_core::model::{Request, VipKey, Write};
use maglev_core::{Action, Config, GoDuration, Instant};

use crate::oracle::{Breach, Oracle};
use crate::plot::Plot;
use crate::script::{DaemonChange, Event, FIRST_CONFIG, Happening, VppChange};
use crate::straight::play;
use crate::world::Settings;

use self::neighbour::Neighbour;

/// In what the second telling differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Twin {
    /// Everything has another name, and what stood first in the alphabet stands last: `renamed`.
    Renamed,
    /// The engine begins to act so much later by the clock of its process, and the delays are so much longer: `later`.
    Later,
    /// There is one frontend more, which has nothing to do with the others: `neighbour`.
    Neighbour,
    /// Each reload comes twice: `reloaded-twice`.
    ReloadedTwice,
}

/// How much [`Twin::Later`] is later: no whole number of anything.
const LATER: Duration = Duration::from_nanos(77_777_777_777);

/// So long after the last thing that happens the two are still compared.
const AFTERWARDS: Duration = Duration::from_secs(12);

impl Twin {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Renamed, Self::Later, Self::Neighbour, Self::ReloadedTwice];

    /// As scenario files have it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Renamed => "renamed",
            Self::Later => "later",
            Self::Neighbour => "neighbour",
            Self::ReloadedTwice => "reloaded-twice",
        }
    }

    pub(crate) fn parse(word: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|twin| twin.word() == word);
        known.ok_or_else(|| {
            let words = Self::ALL.map(Self::word).join(", ");
            format!("{word:?} is no way to tell a scenario a second time: use one of {words}")
        })
    }

    /// The rule that the two runs are judged by.
    pub const fn oracle(self) -> Oracle {
        match self {
            Self::Renamed => Oracle::Renamed,
            Self::Later => Oracle::Later,
            Self::Neighbour => Oracle::Neighbour,
            Self::ReloadedTwice => Oracle::ReloadedTwice,
        }
    }
}

impl fmt::Display for Twin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Something that maglevd does to the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A probe of this address starts.
    Probe(IpAddr),
    /// VPP is asked or told something.
    Call(Request),
}

/// Deeds in their order.
pub type Diary = Vec<(Instant, Deed)>;

impl Deed {
    pub(crate) fn of(action: &Action) -> Option<Self> {
        match action {
            Action::StartProbe(order) => Some(Self::Probe(order.address)),
            Action::Call { request, .. } => Some(Self::Call(request.clone())),
            Action::CancelProbe(_)
            | Action::Connect(_)
            | Action::Disconnect(_)
            | Action::Tell(_)
            | Action::Keep(_)
            | Action::Answer { .. }
            | Action::Exit => None,
        }
    }

    /// To whom it is done, and whether that matters.
    fn thread(&self, view: View) -> Option<Thread> {
        match (self, view) {
            (Self::Probe(address), _) => Some(Thread::Server(*address)),
            (Self::Call(_), View::Calls) => Some(Thread::Vpp),
            (Self::Call(Request::Read(_)), View::Others(_)) => None,
            (Self::Call(Request::Write(write)), View::Others(_)) => {
                Some(write.vip().map_or(Thread::Vpp, Thread::Vip))
            }
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Probe(address) => write!(f, "probe of {address}"),
            Self::Call(request) => request.fmt(f),
        }
    }
}

/// To whom something is done. What is done to two of them at one instant has no order between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thread {
    /// All of VPP.
    Vpp,
    /// A VIP.
    Vip(VipKey),
    /// A backend, by probes.
    Server(IpAddr),
}

/// The two tellings, and how each is played.
struct Pair {
    one: Plot,
    other: Plot,
    settings: [Settings; 2],
    view: View,
}

/// What is compared.
#[derive(Clone, Copy)]
enum View {
    /// Every call in its order, reads too; and each backend's probes.
    Calls,
    /// Each VIP's writes and each backend's probes, but for somebody of whom the first knows nothing.
    Others(Neighbour),
}

/// Plays a scenario and its twin. `None` if it has none, or there is nothing that could be told otherwise.
pub fn judge(plot: &Plot) -> Option<Result<(), Breach>> {
    let twin = plot.scenario.twin?;
    let pair = pair(twin, plot)?;
    // The scenario itself is judged elsewhere, panics included.
    let one = diary(&pair.one, pair.settings[0]).ok()?;
    let breach = |at, what| Err(Breach { oracle: twin.oracle(), at, what });
    let other = match diary(&pair.other, pair.settings[1]) {
        Ok(diary) => diary,
        Err(why) => return Some(breach(plot.scenario.until, format!("{twin}: {why}"))),
    };
    let (one, other) = (threads(one, pair.view), threads(other, pair.view));
    let none = Diary::new();
    let of = |all: &'_ BTreeMap<Thread, Diary>, key| all.get(key).unwrap_or(&none).clone();
    let keys = one.keys().chain(other.keys());
    let difference = keys.filter_map(|key| difference(&of(&one, key), &of(&other, key))).min();
    Some(difference.map_or(Ok(()), |(at, what)| breach(at, format!("{twin}: {what}"))))
}

fn pair(twin: Twin, plot: &Plot) -> Option<Pair> {
    let mut one = plot.clone();
    one.scenario.conclusion = None;
    one.scenario.until += AFTERWARDS;
    // What is expected is for the oracles, and no packet reaches maglevd.
    let drop = |happening: &Happening| matches!(happening, Happening::Expect(_) | Happening::Traffic { .. });
    one.scenario.events.retain(|event| !drop(&event.happening));
    let diary = Settings { diary: true, ..Settings::BARE };
    let prompt = Settings { prompt: true, ..diary };
    let is_fault = |event: &Event| matches!(event.happening, Happening::Fault(_));
    let is_slow =
        |event: &Event| matches!(event.happening, Happening::Vpp(VppChange::Slow(_) | VppChange::Stall(_)));
    let is_reload = |event: &Event| matches!(event.happening, Happening::Reload { .. });
    Some(match twin {
        Twin::Renamed => {
            let other = renamed::renamed(&one);
            Pair { one, other, settings: [diary; 2], view: View::Calls }
        }
        Twin::Later => {
            // Who waits for a hold waits as long as warm-up may last: that is longer in one of the two.
            if one.drafts.values().any(|draft| !draft.lb.startup_max_delay.is_zero()) {
                one.scenario.events.retain(|event| !is_reload(event));
            }
            let mut other = one.clone();
            for lb in other.drafts.values_mut().map(|draft| &mut draft.lb) {
                if !lb.startup_max_delay.is_zero() {
                    lb.startup_min_delay += LATER;
                    lb.startup_max_delay += LATER;
                }
            }
            Pair { one, other, settings: [diary, Settings { delay: LATER, ..diary }], view: View::Calls }
        }
        Twin::Neighbour => {
            // The settings are everybody's: who comes first writes them, and others wait. So VPP has them already.
            let is_conf = |event: &Event| matches!(event.happening, Happening::Foreign(Write::SetConf(_)));
            // Nor may anybody wait for a late scheduler: what comes together then has no order.
            let is_stall =
                |event: &Event| matches!(event.happening, Happening::Daemon(DaemonChange::Stall(_)));
            one.scenario
                .events
                .retain(|event| !is_fault(event) && !is_slow(event) && !is_conf(event) && !is_stall(event));
            spread(&mut one.scenario.events);
            let first = one.drafts.get(FIRST_CONFIG)?.lb.clone();
            for lb in one.drafts.values_mut().map(|draft| &mut draft.lb) {
                lb.flow_timeout = first.flow_timeout;
            }
            let conf = Config::check(one.drafts.get(FIRST_CONFIG)?).ok()?.0.lb().conf;
            let prompt = Settings { conf, ..prompt };
            let neighbour = Neighbour::of(&one)?;
            let mut other = one.clone();
            other.drafts.values_mut().for_each(|draft| neighbour.move_in(draft));
            Pair { one, other, settings: [prompt; 2], view: View::Others(neighbour) }
        }
        Twin::ReloadedTwice => {
            // How a VIP hashes that a stranger or another process added is asked for once, and may be known by the second
            // look only.
            let is_stranger =
                |event: &Event| matches!(event.happening, Happening::Foreign(Write::AddVip { .. }));
            let is_restart =
                |event: &Event| matches!(event.happening, Happening::Daemon(DaemonChange::Restart(_)));
            one.scenario.events.retain(|event| {
                !is_fault(event) && !is_slow(event) && !is_stranger(event) && !is_restart(event)
            });
            let mut other = one.clone();
            let twice = |event: &Event| vec![event.clone(); 1 + usize::from(is_reload(event))];
            other.scenario.events = one.scenario.events.iter().flat_map(twice).collect();
            if other.scenario.events.len() == one.scenario.events.len() {
                return None;
            }
            Pair { one, other, settings: [prompt; 2], view: View::Others(Neighbour::NOBODY) }
        }
    })
}

/// No two things happen at one instant: who waits for the settings, for which somebody else did not have to wait, would
/// hear of the second before it acts on the first.
fn spread(events: &mut [Event]) {
    for (event, n) in events.iter_mut().zip(1..) {
        event.at += Duration::from_micros(n);
    }
}

/// What maglevd does, or why it does nothing.
fn diary(plot: &Plot, settings: Settings) -> Result<Diary, String> {
    let configs = plot.configs().map_err(|error| error.to_string())?;
    let played = catch_unwind(AssertUnwindSafe(|| play(&plot.scenario, configs, settings)));
    let report = played.map_err(|_| "it panics".to_owned())?.map_err(|error| error.to_string())?;
    Ok(report.diary)
}

/// The first deed that is not the same.
fn difference(one: &Diary, other: &Diary) -> Option<(Instant, String)> {
    let at = one.iter().zip(other).position(|(one, other)| one != other);
    let at = at.or_else(|| (one.len() != other.len()).then_some(one.len().min(other.len())))?;
    let (one, other) = (one.get(at), other.get(at));
    let words = |deed: Option<&(Instant, Deed)>| match deed {
        Some((at, deed)) => format!("{deed} at {}", GoDuration(at.since_start())),
        None => "nothing more".to_owned(),
    };
    let first = [one, other].into_iter().flatten().map(|(at, _)| *at).min()?;
    Some((first, format!("there comes {}, and in the scenario itself {}", words(other), words(one))))
}

/// What is compared, by whom it is done to.
fn threads(diary: Diary, view: View) -> BTreeMap<Thread, Diary> {
    let mut threads: BTreeMap<Thread, Diary> = BTreeMap::new();
    for (at, deed) in diary {
        let is_known = |thread: &Thread| !matches!(view, View::Others(neighbour) if neighbour.owns(*thread));
        if let Some(thread) = deed.thread(view).filter(is_known) {
            threads.entry(thread).or_default().push((at, deed));
        }
    }
    threads
}
