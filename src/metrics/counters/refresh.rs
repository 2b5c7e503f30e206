//! Keeps the map true: looks at VPP again whenever places may have moved, and now and then in any case.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::PoisonError;
use std::time::Duration;

use maglev_core::model::{Prefix, VipKey};
use maglev_core::{Clock as _, Engine};
use tokio::select;

use crate::daemon::{Handle, Stopped};
use crate::vpp::inquiry::{Inquirer, InquiryError, Questions};
use crate::vpp::stats::{self, Segment, StatsError};
use crate::vpp::{UnixConnector, VppError};

use super::Counters;
use super::map::{Map, Objects, Trouble};

/// Places that have not moved for so long are worth a look.
const SETTLED: Duration = Duration::from_millis(500);
/// Who adds and deletes without an end is looked at all the same, and in vain.
const SETTLE_ROUNDS: u32 = 120;
/// Between two attempts after a failure, and between two looks at a VPP that the engine has not read.
const RETRY: Duration = Duration::from_secs(10);
/// VPP keeps the place of what somebody else has deleted for about as long.
const RECHECK: Duration = Duration::from_secs(60);
/// A visit takes at most this part of VPP's time.
const RECHECK_SHARE: u32 = 1_000;
/// As long as the engine waits for the CLI.
const VISIT_MAX: Duration = Duration::from_secs(30);
/// Members of frontends that one question to the loop looks at; one frontend is never divided.
const MEMBERS_MAX: usize = 512;
/// After so many visits in a row that VPP ended it is not asked for its text any more.
const DEATHS_MAX: u32 = 2;

/// Whether VPP may be asked for its text. What may have killed it twice is not tried a third time, however well other
/// visits go: it is over for this process.
#[derive(Debug, Default)]
struct Deaths(u32);

impl Deaths {
    const fn may_ask(&self) -> bool {
        self.0 < DEATHS_MAX
    }

    /// A visit is over. True if that was the last of those that ask.
    const fn note(&mut self, died: bool) -> bool {
        if !self.may_ask() {
            return false;
        }
        self.0 = if died { self.0 + 1 } else { 0 };
        !self.may_ask()
    }
}

impl Counters {
    /// Keeps the map true until the loop is over.
    pub async fn attend(self, handle: Handle) {
        let connector = UnixConnector { stats: None, ..self.0.connector.clone() };
        let mut refresher = Refresher {
            counters: self,
            handle,
            inquirer: Inquirer::new(connector),
            deaths: Deaths::default(),
        };
        while let Ok(pause) = refresher.turn().await {
            refresher.wait(pause).await;
        }
    }
}

struct Refresher {
    counters: Counters,
    handle: Handle,
    inquirer: Inquirer<UnixConnector>,
    deaths: Deaths,
}

impl Refresher {
    /// One look, if there is something to see. Returns when to look again, if nothing happens.
    async fn turn(&mut self) -> Result<Duration, Stopped> {
        let Some(epoch) = self.counters.epoch() else {
            return Ok(RECHECK);
        };
        let Some((objects, questions)) = self.questions().await? else {
            return Ok(RETRY);
        };
        let clock = self.counters.0.clock;
        let began = clock.now();
        match self.look(epoch, &objects, &questions).await {
            Ok(()) => {
                self.counters.all_is_well();
                Ok(RECHECK.max(clock.now().since(began).saturating_mul(RECHECK_SHARE)))
            }
            Err(trouble) => {
                self.counters.report(&trouble);
                Ok(RETRY)
            }
        }
    }

    /// Until something happened and has settled, or `pause` is over.
    async fn wait(&self, pause: Duration) {
        let clock = self.counters.0.clock;
        select! { biased;
            () = self.counters.0.bell.notified() => (),
            () = clock.sleep_until(clock.now() + pause) => return,
        }
        for _ in 0..SETTLE_ROUNDS {
            let before = self.counters.epoch();
            clock.sleep_until(clock.now() + SETTLED).await;
            if self.counters.epoch() == before {
                return;
            }
        }
    }

    /// A segment that was opened before the visit and after it is of the VPP that was visited.
    async fn look(&mut self, epoch: u64, objects: &Objects, questions: &Questions) -> Result<(), Trouble> {
        let before = self.open().await?.identity()?;
        let clock = self.counters.0.clock;
        let visit = self.inquirer.inquire(questions, clock.sleep_until(clock.now() + VISIT_MAX)).await;
        let died = matches!(&visit, Err(InquiryError::Vpp(VppError::Closed | VppError::Broken(_))));
        if self.deaths.note(died) {
            let err = "VPP ended two visits in a row, perhaps because of what it was asked";
            let remedy = "packets of VIPs are not counted any more; see VPP's own log, and restart maglevd to try again";
            tracing::warn!(err, remedy, "vpp-stats-given-up");
        }
        let places = visit?;
        let segment = self.open().await?;
        if segment.identity()? != before {
            self.counters.0.bell.notify_one();
            return Err(Trouble::Moved);
        }
        let map = Map::new(epoch, segment, objects, &places);
        let counters = self.counters.clone();
        let read = tokio::task::spawn_blocking(move || counters.put(map)).await;
        read.unwrap_or(Ok(()))
    }

    async fn open(&self) -> Result<Segment<File>, StatsError> {
        let path = self.counters.0.connector.stats.clone().unwrap_or_default();
        let opened = tokio::task::spawn_blocking(move || stats::open(&path)).await;
        opened.unwrap_or(Err(StatsError::Restless))
    }

    /// What there is to be asked; `None` while the engine does not know VPP.
    async fn questions(&self) -> Result<Option<(Objects, Questions)>, Stopped> {
        let look = |engine: &Engine, _| engine.has_picture().then(|| engine.verbose_bytes().is_some());
        let Some(text_fits) = self.handle.ask(look).await? else { return Ok(None) };
        let objects = self.objects().await?;
        let hosts = objects.servers.iter().map(|server| Prefix::host(*server));
        let routes = objects.prefixes.iter().copied().chain(hosts).collect();
        let vips = text_fits && self.deaths.may_ask();
        Ok(Some((objects, Questions { vips, routes })))
    }

    async fn objects(&self) -> Result<Objects, Stopped> {
        let mut vips: Vec<VipKey> = Vec::new();
        let mut servers = BTreeSet::new();
        loop {
            let after = vips.last().copied();
            let look = move |engine: &Engine, _| {
                let (mut vips, mut servers) = (Vec::new(), Vec::new());
                for frontend in engine.frontends_after(after) {
                    vips.push(frontend.vip());
                    servers.extend(frontend.members.iter().map(|member| member.address));
                    if servers.len() >= MEMBERS_MAX {
                        break;
                    }
                }
                (vips, servers)
            };
            let (more, addresses) = self.handle.ask(look).await?;
            if more.is_empty() {
                break;
            }
            vips.extend(more);
            servers.extend(addresses);
        }
        let prefixes: BTreeSet<Prefix> = vips.iter().map(|vip| vip.prefix).collect();
        Ok(Objects { vips, prefixes: prefixes.into_iter().collect(), servers: servers.into_iter().collect() })
    }
}

impl Counters {
    /// Puts a map on the shelf if it can be read. Blocks while it is.
    fn put(&self, map: Map) -> Result<(), Trouble> {
        let mut shelf = self.0.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.map = Some(map);
        let read = shelf.read(self.0.clock.now()).map(|_| ());
        if read.is_err() {
            shelf.map = None;
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_twice_is_not_tried_again_however_well_other_visits_go() {
        let mut deaths = Deaths::default();
        assert!(!deaths.note(true) && !deaths.note(false), "one death is bad luck, and is forgotten");
        assert!(!deaths.note(true) && deaths.may_ask());
        assert!(deaths.note(true), "the second in a row is said");
        for died in [false, false, true, false] {
            assert!(!deaths.note(died) && !deaths.may_ask());
        }
    }
}
