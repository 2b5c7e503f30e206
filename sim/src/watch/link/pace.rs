//! VPP's time: flushes and the drift check leave it four fifths.
//!
//! Flushes that are due because a server is surplus can be counted by anybody who knows what VPP holds and what is
//! wanted; those that a backend's death made due cannot. So nothing is said of the pace while only the latter are many,
//! but that no step sends more than eight.

use maglev_core::model::{Flows, Read, Reply, Request, VipKey, Write};
use maglev_core::{Action, CallId, GoDuration, Instant};

use super::super::units::Units;
use super::Step;
use crate::oracle::{Ledger, Oracle};

/// Flushes that may go out at once.
const FLUSHES_AT_ONCE: usize = 8;

/// A fifth of VPP's time is worked, the rest is rest.
const REST: u32 = 4;

#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    units: Units,
    /// The read of the drift check that is under way, and when the next one may follow.
    drift: Option<CallId>,
    drift_after: Instant,
    /// Flushes under way, those of surplus servers among them, and when the next one may follow.
    flushes: Vec<CallId>,
    removals: usize,
    flush_after: Instant,
    /// More were due than may go at once, and they are not all done.
    many: bool,
}

const fn is_flush(request: &Request) -> bool {
    matches!(
        request,
        Request::Write(
            Write::FlushVip { .. }
                | Write::SetWeight { flows: Flows::Flush, .. }
                | Write::DelAs { flows: Flows::Flush, .. }
        )
    )
}

const fn is_removal(request: &Request) -> bool {
    matches!(request, Request::Write(Write::DelAs { flows: Flows::Flush, .. }))
}

/// Servers that VPP holds and nobody wants, of frontends that may be written and that nothing stands in the way of. A
/// recreate takes its servers out without a flush each.
fn surplus(units: &Units, step: &Step<'_>) -> usize {
    let of = |vip: VipKey| {
        let may = step.engine.warmup().is_open(vip) && !units.is_under_way(vip.prefix);
        let frontend = step.engine.frontends().find(vip).filter(|_| may)?;
        let dataplane = step.engine.dataplane();
        let seen = dataplane.seen(vip).filter(|seen| seen.encap == frontend.want.encap)?;
        if dataplane.trouble(vip).is_some() {
            return None;
        }
        let is_wanted =
            |server| frontend.want.servers.binary_search_by_key(server, |wanted| wanted.address).is_ok();
        Some(seen.servers.iter().filter(|(server, _)| !is_wanted(server)).count())
    };
    step.engine.frontends().list().iter().filter_map(|frontend| of(frontend.vip())).sum()
}

impl Pace {
    pub(super) fn ended(&mut self) {
        *self = Self { units: core::mem::take(&mut self.units), ..Self::default() };
    }

    pub(super) fn answered(
        &mut self,
        call: CallId,
        request: &Request,
        reply: &Reply,
        sent: Instant,
        now: Instant,
    ) {
        let rested = now + now.since(sent) * REST;
        if self.drift.take_if(|drift| *drift == call).is_some() {
            self.drift_after = rested;
        }
        if is_flush(request) {
            self.flushes.retain(|other| *other != call);
            self.removals -= usize::from(is_removal(request));
            // Before there were many none was paced.
            if *reply == Reply::Done && self.many {
                self.flush_after = rested;
            }
        }
    }

    /// What the step sends.
    pub(super) fn step(&mut self, now: Instant, step: &Step<'_>, ledger: &mut Ledger) {
        self.units.step(step);
        let mut sent = Vec::new();
        let mut before = None;
        let mut is_spot = false;
        for action in step.actions {
            let Action::Call { call, request, .. } = action else { continue };
            match request {
                Request::Read(Read::Vips) if before == Some(&Request::Read(Read::Conf)) => {
                    self.drift = Some(*call);
                }
                // A look after a refusal, which waits for nobody.
                Request::Read(Read::Vips) => is_spot = true,
                Request::Read(Read::Servers(None)) => self.drift = None,
                Request::Read(Read::Servers(Some(vip))) if !is_spot => {
                    ledger.judge(Oracle::PacedReading, step.now, now >= self.drift_after, || {
                        let early = GoDuration(self.drift_after.since(now));
                        format!("the drift check reads {vip}, {early} before VPP has rested")
                    });
                    self.drift = Some(*call);
                }
                request if is_flush(request) => sent.push((*call, is_removal(request))),
                Request::Read(_) | Request::Write(_) => (),
            }
            before = Some(request);
        }
        if !sent.is_empty() || self.many {
            self.flush(&sent, now, step, ledger);
        }
    }

    fn flush(&mut self, sent: &[(CallId, bool)], now: Instant, step: &Step<'_>, ledger: &mut Ledger) {
        let due = surplus(&self.units, step).saturating_sub(self.removals);
        self.many |= due > FLUSHES_AT_ONCE;
        if !sent.is_empty() {
            ledger.judge(Oracle::PacedFlushes, step.now, sent.len() <= FLUSHES_AT_ONCE, || {
                format!("{} flushes are sent at once", sent.len())
            });
            let is_alone = self.flushes.is_empty() && sent.len() == 1 && now >= self.flush_after;
            ledger.judge(Oracle::PacedFlushes, step.now, is_alone || !self.many, || {
                let rest = GoDuration(self.flush_after.since(now));
                format!("many flushes are due, and {} are sent while {} are under way, {rest} before VPP has rested", sent.len(), self.flushes.len())
            });
        }
        self.flushes.extend(sent.iter().map(|(call, _)| *call));
        self.removals += sent.iter().filter(|(_, is_removal)| *is_removal).count();
        self.many &= surplus(&self.units, step) > self.removals;
    }
}
