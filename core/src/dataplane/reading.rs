//! Looking at VPP: whole after a connection, a reload or an order; paced for the drift check; one VIP after a refusal.
//!
//! VPP answers in order. So a picture taken while writes are under way shows the world before them, and their
//! acknowledgements, which come later, bring it up to date.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::event::{Cause, Event};
use crate::input::CallId;
use crate::model::{Read, Reply, Request, ServerRow, VipKey, VipRow, Weight};
use crate::reconcile::Seen;
use crate::time::Instant;

use super::pace::rest_after;
use super::vip::Vip;
use super::{Context, Dataplane, Progress, tell};

/// A reply larger than VPP's free API memory aborts VPP: the verbose text is not asked for above this many bytes.
const VERBOSE_BYTES_MAX: usize = 4_000_000;
const VERBOSE_BYTES_PER_VIP: usize = 300;
const VERBOSE_BYTES_PER_SERVER: usize = 110;

/// What is being read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reading {
    /// Nothing.
    Idle,
    /// Everything at once: configuration, VIPs, servers.
    Whole { cause: Cause, last: CallId },
    /// The same VIP by VIP, spaced so that VPP is never stalled noticeably. The next VIP is at the end.
    Drift { queue: Vec<VipKey>, open: Option<(CallId, Instant)>, next_at: Option<Instant> },
}

/// VIPs being read because a refusal contradicted their picture. That does not wait for the end of a drift check,
/// which may be long.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Spot {
    pub keys: BTreeSet<VipKey>,
    last: CallId,
}

impl Reading {
    pub(super) const fn next_at(&self) -> Option<Instant> {
        match self {
            Self::Drift { next_at, .. } => *next_at,
            Self::Idle | Self::Whole { .. } => None,
        }
    }
}

impl Dataplane {
    /// Handles the due times of reading and of attempts that have come. True if it should be asked again.
    pub(super) fn advance_reading(&mut self, ctx: &Context<'_>) -> bool {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= ctx.now);
        if !self.link.is_up() {
            return false;
        }
        if due(self.second_look_at) {
            self.second_look_at = None;
            self.read_due = Some(Cause::SecondLook);
            return true;
        }
        if due(self.conf_retry_at) {
            self.conf_retry_at = None;
            self.conf_refusals = super::refusal::ATTEMPTS - 1;
            return true;
        }
        if let Some((at, key)) = self.retries.first().copied()
            && at <= ctx.now
        {
            self.retries.remove(&(at, key));
            if let Some(trouble) = self.vips.get_mut(&key).and_then(|vip| vip.trouble.as_mut()) {
                trouble.retry_at = None;
            }
            self.mark(ctx, key, Cause::Interval);
            return true;
        }
        // The drift check and its next VIP are started by `start_reads`, which needs room in the window.
        if due(self.drift_at) {
            self.drift_at = None;
            if self.reading == Reading::Idle && self.read_due.is_none() && !mutant!(DriftNeverChecked) {
                self.reading = Reading::Drift { queue: Vec::new(), open: None, next_at: None };
            }
            return true;
        }
        if let Reading::Drift { next_at, .. } = &mut self.reading
            && due(*next_at)
        {
            *next_at = None;
            return true;
        }
        false
    }

    /// Sends the reads that are due. False while they wait for room, and everything else with them.
    pub(super) fn start_reads(&mut self, ctx: &Context<'_>, out: &mut Vec<Action>) -> bool {
        if self.read_due.is_some() && !matches!(self.reading, Reading::Whole { .. }) {
            if self.room() < 3 {
                return false;
            }
            return self.read_whole(ctx, out);
        }
        let room = self.room();
        if let Reading::Drift { queue, open: None, next_at: None } = &mut self.reading {
            if room < 2 {
                return false;
            }
            let vip = queue.pop();
            self.read_drift(ctx, vip, out);
        }
        let is_whole = matches!(self.reading, Reading::Whole { .. });
        if !self.spots.is_empty() && self.spot.is_none() && !is_whole && self.picture {
            return self.read_spots(ctx, out);
        }
        true
    }

    fn read_whole(&mut self, ctx: &Context<'_>, out: &mut Vec<Action>) -> bool {
        let reads = [Read::Conf, Read::Vips, Read::Servers(None)];
        if reads.iter().any(|read| self.quarantine.contains(&Request::Read(*read))) {
            // Looking kills VPP. Without a picture nothing is written; a reload or an operator's sync tries again.
            return false;
        }
        let Some(cause) = self.read_due.take() else { return true };
        let mut last = None;
        for read in reads {
            last = self.call(ctx.now, Request::Read(read), None, out);
        }
        if let Some(last) = last {
            self.reading = Reading::Whole { cause, last };
        }
        self.spots.clear();
        true
    }

    /// One step of the drift check: first the settings and the VIPs, then one VIP's servers after the other.
    fn read_drift(&mut self, ctx: &Context<'_>, vip: Option<VipKey>, out: &mut Vec<Action>) {
        let call = match vip {
            Some(vip) => self.call(ctx.now, Request::Read(Read::Servers(Some(vip))), None, out),
            None => {
                self.call(ctx.now, Request::Read(Read::Conf), None, out);
                self.call(ctx.now, Request::Read(Read::Vips), None, out)
            }
        };
        if let Reading::Drift { open, .. } = &mut self.reading {
            *open = call.map(|call| (call, ctx.now));
        }
    }

    fn read_spots(&mut self, ctx: &Context<'_>, out: &mut Vec<Action>) -> bool {
        if self.room() < 2 {
            return false;
        }
        let mut keys = BTreeSet::new();
        let mut last = self.call(ctx.now, Request::Read(Read::Vips), None, out);
        while self.room() > 0 {
            let Some(key) = self.spots.pop_first() else { break };
            let request = Request::Read(Read::Servers(Some(key)));
            if !self.quarantine.contains(&request) {
                last = self.call(ctx.now, request, None, out);
            }
            keys.insert(key);
        }
        self.spot = last.map(|last| Spot { keys, last });
        true
    }

    pub(super) fn on_read(
        &mut self,
        ctx: &Context<'_>,
        call: CallId,
        read: Read,
        reply: Reply,
        out: &mut Vec<Action>,
    ) -> Progress {
        match (read, reply) {
            (Read::Conf, Reply::Conf(_)) if mutant!(ConfReadOnce) && self.conf.is_some() => (),
            (Read::Conf, Reply::Conf(conf)) => self.conf = Some(conf),
            (Read::Vips, Reply::Vips(rows)) => self.fold_vips(ctx, call, &rows, out),
            (Read::Servers(of), Reply::Servers(rows)) => self.fold_servers(ctx, of, &rows),
            (Read::Verbose, Reply::Sticky(rows)) => self.fold_sticky(ctx, rows),
            (Read::Ping, _) | (Read::Verbose, Reply::Refused(_) | Reply::NotSent(_)) => (),
            (read, reply) => return self.on_unreadable(ctx, read, &reply, out),
        }
        self.advance_after_read(ctx, call, out)
    }

    fn advance_after_read(&mut self, ctx: &Context<'_>, call: CallId, out: &mut Vec<Action>) -> Progress {
        if let Some(spot) = self.spot.take_if(|spot| spot.last == call) {
            for key in spot.keys {
                self.on_spot_read(ctx, key, out);
            }
            return Progress::default();
        }
        match &mut self.reading {
            Reading::Whole { cause, last } if *last == call => {
                let cause = *cause;
                self.reading = Reading::Idle;
                self.whole(ctx, cause, out)
            }
            Reading::Drift { queue, open, next_at } if open.is_some_and(|(open, _)| open == call) => {
                let sent = open.take().map_or(ctx.now, |(_, at)| at);
                if queue.is_empty() {
                    self.reading = Reading::Idle;
                    self.begin_round(ctx, Cause::Interval, out);
                    return Progress::default();
                }
                let rest = rest_after(ctx.now.since(sent));
                *next_at = Some(ctx.now + rest * u32::from(!mutant!(DriftNeverRests)));
                Progress::default()
            }
            Reading::Idle | Reading::Whole { .. } | Reading::Drift { .. } => Progress::default(),
        }
    }

    fn whole(&mut self, ctx: &Context<'_>, cause: Cause, out: &mut Vec<Action>) -> Progress {
        self.picture = true;
        self.recount_all(ctx);
        // Who waited for a look of its own has had it.
        let waiting: Vec<VipKey> = self.dirty.iter().copied().collect();
        for key in waiting {
            self.wake(key);
        }
        // A newer order wants another look, and a sync after that one.
        if self.read_due.is_none() {
            self.begin_round(ctx, cause, out);
        }
        self.read_verbose(ctx, out);
        Progress { picture_whole: true }
    }

    /// Stickiness is in no dump: it is read from the verbose text, once per VPP process.
    fn read_verbose(&mut self, ctx: &Context<'_>, out: &mut Vec<Action>) {
        let request = Request::Read(Read::Verbose);
        let under_way = self.window.values().any(|sent| sent.request == request);
        if self.verbose_read || under_way || self.quarantine.contains(&request) {
            return;
        }
        // How a stranger hashes is nobody's business.
        let is_unverified = |key: &VipKey, vip: &Vip| {
            vip.acked.is_some() && vip.sticky.is_none() && ctx.frontends.find(*key).is_some()
        };
        let unverified = self.vips.iter().any(|(key, vip)| is_unverified(key, vip));
        if unverified && self.verbose_bytes().is_some() {
            // Only an answer counts: after a disconnect it is asked for again.
            self.call(ctx.now, request, None, out);
        }
    }

    /// How long the verbose text may be; `None` if longer than VPP can hand out without danger.
    pub fn verbose_bytes(&self) -> Option<usize> {
        let (vips, servers) = self
            .observed()
            .fold((0, 0), |(vips, servers), (_, seen)| (vips + 1, servers + seen.servers.len()));
        let bytes = VERBOSE_BYTES_PER_VIP * vips + VERBOSE_BYTES_PER_SERVER * servers;
        (bytes <= VERBOSE_BYTES_MAX).then_some(bytes)
    }

    fn fold_vips(&mut self, ctx: &Context<'_>, call: CallId, rows: &[VipRow], out: &mut Vec<Action>) {
        self.wide = rows.iter().map(|row| row.vip).filter(|vip| !vip.prefix.is_host()).collect();
        let rows: BTreeMap<VipKey, &VipRow> = rows.iter().map(|row| (row.vip, row)).collect();
        for (key, vip) in &mut self.vips {
            if !rows.contains_key(key) && !mutant!(MissingVipUnseen) {
                vip.acked = None;
                vip.sticky = None;
            }
        }
        for (key, row) in rows {
            let vip = self.vips.entry(key).or_default();
            let servers = vip.acked.take().map(|seen| seen.servers).unwrap_or_default();
            vip.acked = Some(Seen { encap: row.encap, table_length: row.table_length, servers });
            if let Some(frontend) = ctx.frontends.find(key) {
                let wanted = frontend.want.table_length;
                let shown = u16::try_from(wanted).unwrap_or(0);
                if shown != row.table_length && !core::mem::replace(&mut vip.length_said, true) {
                    let seen = u32::from(row.table_length);
                    tell(out, Event::TableLengthDiffers { frontend: frontend.name.clone(), seen, wanted });
                }
            }
        }
        self.vips.retain(|key, vip| {
            vip.acked.is_some() || vip.open > 0 || vip.doom.is_some() || ctx.frontends.find(*key).is_some()
        });
        if let Reading::Drift { queue, open: Some((open, _)), .. } = &mut self.reading
            && *open == call
        {
            // 0.0.0.0/len cannot be asked for alone: an all-zero filter shows everything.
            let keys = self.vips.iter().filter(|(key, vip)| {
                vip.acked.is_some()
                    && !key.prefix.address.is_unspecified()
                    && !self.quarantine.contains(&Request::Read(Read::Servers(Some(**key))))
            });
            *queue = keys.map(|(key, _)| *key).rev().collect();
        }
        self.expect_anew(None);
    }

    fn fold_servers(&mut self, ctx: &Context<'_>, of: Option<VipKey>, rows: &[ServerRow]) {
        let mut servers: BTreeMap<VipKey, Vec<(core::net::IpAddr, Weight)>> = BTreeMap::new();
        // Removed servers, and those of deleted VIPs, linger in dumps until VPP collects them.
        let has_ghost = |row: &ServerRow| {
            rows.iter().any(|ghost| !ghost.used && (ghost.vip, ghost.server) == (row.vip, row.server))
        };
        for row in rows
            .iter()
            .filter(|row| (row.used || mutant!(GhostsAlive)) && of.is_none_or(|of| of == row.vip))
            .filter(|row| !(mutant!(GhostHidesServer) && has_ghost(row)))
        {
            servers.entry(row.vip).or_default().push((row.server, row.weight));
        }
        for (key, vip) in &mut self.vips {
            if of.is_some_and(|of| of != *key) {
                continue;
            }
            if let Some(seen) = &mut vip.acked {
                let mut list = servers.remove(key).unwrap_or_default();
                list.sort_unstable();
                list.dedup_by_key(|(address, _)| *address);
                seen.servers = list;
            }
        }
        self.expect_anew(of);
        if let Some(key) = of {
            self.recount(ctx, key);
        }
    }

    fn fold_sticky(&mut self, ctx: &Context<'_>, rows: Vec<(VipKey, bool)>) {
        self.verbose_read = true;
        for (key, sticky) in rows {
            let Some(vip) = self.vips.get_mut(&key).filter(|vip| vip.acked.is_some()) else { continue };
            vip.sticky = Some(sticky);
            let differs =
                ctx.frontends.find(key).is_some_and(|frontend| frontend.want.src_ip_sticky != sticky);
            if differs && ctx.warmup.is_open(key) {
                self.mark(ctx, key, Cause::Connect);
            }
        }
    }

    /// The calls under way come after what was just read: assume them done again.
    pub(super) fn expect_anew(&mut self, only: Option<VipKey>) {
        for (key, vip) in &mut self.vips {
            if only.is_none_or(|only| only == *key) {
                vip.expected.clone_from(&vip.acked);
            }
        }
        for sent in self.window.values().filter(|_| !mutant!(CallsUnderWayForgotten)) {
            if let (Request::Write(write), Some(key)) = (&sent.request, sent.vip)
                && only.is_none_or(|only| only == key)
                && let Some(vip) = self.vips.get_mut(&key)
            {
                Vip::fold(&mut vip.expected, write);
            }
        }
    }

    /// A read was refused, or answered with something else. There is no picture without it: connect anew.
    fn on_unreadable(
        &mut self,
        ctx: &Context<'_>,
        read: Read,
        reply: &Reply,
        out: &mut Vec<Action>,
    ) -> Progress {
        let why: String = alloc::format!("{read} could not be read: {reply}");
        self.hang_up(ctx, why, out);
        Progress::default()
    }
}
