//! What we know and owe of one VIP in VPP.

use alloc::collections::BTreeSet;
use alloc::string::String;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::event::Cause;
use crate::input::CallId;
use crate::model::{Flows, Prefix, Protocol, VipKey, Write};
use crate::reconcile::{Debts, Seen, Stage};
use crate::time::Instant;

/// Everything about one VIP: one that a frontend names, or a stranger that VPP holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Vip {
    /// As VPP has acknowledged it; `None` if it does not exist, or nothing is known.
    pub acked: Option<Seen>,
    /// The same with the calls under way assumed done.
    pub expected: Option<Seen>,
    /// Whether it hashes source addresses only, where that is known of the present VPP process.
    pub sticky: Option<bool>,
    /// Writes under way, and the stage they belong to (urgent ones belong to none).
    pub open: usize,
    pub stage: Option<Stage>,
    /// Owed flushes of servers.
    pub debts: Debts,
    /// `lb_flush_vip` is owed.
    pub flush: Option<FlushVip>,
    /// While no server has a weight: somebody counts on the flows of one of them.
    pub kept_while_empty: bool,
    /// This process has planned it before.
    pub met: bool,
    /// It is being taken down.
    pub doom: Option<Doom>,
    /// It is part of a recreate that has begun.
    pub unit: bool,
    /// When a recreate of it last deleted it.
    pub recreated_at: Option<Instant>,
    /// What keeps it from being as wanted.
    pub trouble: Option<Trouble>,
    /// Its first sync in warm-up is not done yet.
    pub releasing: bool,
    /// Writes of the present sync, when it began, and why.
    pub calls: u64,
    pub began: Option<Instant>,
    pub announced: bool,
    pub cause: Option<Cause>,
    /// A transition waits for it.
    pub urgent: bool,
    /// Flushes due, as counted last.
    pub flushes: usize,
    /// What was said once: what it waits for, or why it is left alone; and that its table length differs.
    pub said: Option<String>,
    pub length_said: bool,
}

/// An owed `lb_flush_vip`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FlushVip {
    pub carried: Option<CallId>,
}

/// A VIP that is being taken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Doom {
    /// It is created again at once.
    pub recreate: bool,
    /// Its flows have been forgotten.
    pub flushed: bool,
    /// VPP shows some IPv6 prefixes as 0.0.0.0/len, and knows them as ::/len only.
    pub alias: Option<VipKey>,
    /// VPP has accepted a call by the name in use.
    pub answered: bool,
}

impl Doom {
    /// Whether VPP certainly knows the VIP by the name in use. `lb_flush_vip` for any other name flushes whatever an
    /// uninitialised index points at, and answers 0 (`vpp-api.md` 4.2).
    pub(super) fn is_named(&self, key: VipKey) -> bool {
        self.answered || self.alias.is_some() || ipv6_alias(key).is_none()
    }
}

/// What keeps a VIP from being as wanted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Trouble {
    pub reason: String,
    pub since: Instant,
    /// Refused attempts so far.
    pub attempts: u8,
    /// The present attempt is refused; waits for its rest, and then for a fresh look.
    pub broken: bool,
    /// Servers of the calls refused in this attempt.
    pub refused: BTreeSet<IpAddr>,
    /// Something moved since the refused attempt was planned: another one follows at once.
    pub again: bool,
    /// It was reported as out of sync.
    pub said: bool,
    /// No attempt before this, unless something happens.
    pub retry_at: Option<Instant>,
}

impl Trouble {
    pub(super) const fn new(reason: String, since: Instant) -> Self {
        let refused = BTreeSet::new();
        Self { reason, since, attempts: 0, broken: false, refused, again: false, said: false, retry_at: None }
    }
}

impl Vip {
    /// Folds a write into one of the two pictures.
    pub(super) fn fold(seen: &mut Option<Seen>, write: &Write) {
        match write {
            Write::AddVip { encap, table_length, .. } => {
                // Dumps show the length in 16 bits.
                let table_length = u16::try_from(*table_length).unwrap_or(0);
                *seen = Some(Seen { encap: *encap, table_length, servers: alloc::vec::Vec::new() });
            }
            Write::DelVip { .. } => *seen = None,
            Write::AddAs { server, weight, .. } | Write::SetWeight { server, weight, .. } => {
                if let Some(seen) = seen {
                    seen.set(*server, *weight);
                }
            }
            Write::DelAs { server, .. } => {
                if let Some(seen) = seen {
                    seen.remove(*server);
                }
            }
            Write::SetConf(_) | Write::FlushVip { .. } => (),
        }
    }

    /// Notes what a write under way will have done.
    pub(super) fn sent(&mut self, call: CallId, write: &Write, stage: Stage, now: Instant) {
        Self::fold(&mut self.expected, write);
        self.open += 1;
        self.calls += 1;
        self.began.get_or_insert(now);
        if stage != Stage::Urgent {
            self.stage = Some(stage);
        }
        match write {
            Write::SetWeight { server, flows: Flows::Flush, .. } => {
                if let Some(debt) = self.debts.get_mut(server) {
                    debt.carried = Some(call);
                }
            }
            Write::FlushVip { .. } => {
                self.flush = Some(FlushVip { carried: Some(call) });
                // Forgetting all flows of the VIP forgets those of its servers that attract no new ones.
                for (server, debt) in &mut self.debts {
                    let weight = self.expected.as_ref().and_then(|seen| seen.weight(*server));
                    if weight.is_none_or(|weight| !weight.is_positive()) {
                        debt.carried.get_or_insert(call);
                    }
                }
            }
            Write::AddVip { .. } if mutant!(NoFlushAfterCreate) => (),
            Write::AddVip { .. } => self.flush = Some(FlushVip::default()),
            Write::SetConf(_)
            | Write::DelVip { .. }
            | Write::AddAs { .. }
            | Write::DelAs { .. }
            | Write::SetWeight { flows: Flows::Keep, .. } => (),
        }
    }

    /// A write is no longer under way.
    pub(super) const fn answered(&mut self) {
        self.open = self.open.saturating_sub(1);
        if self.open == 0 {
            self.stage = None;
        }
    }

    /// A write was acknowledged.
    pub(super) fn done(&mut self, call: CallId, write: &Write) {
        if !(mutant!(AckNotFolded) && matches!(write, Write::SetWeight { .. })) {
            Self::fold(&mut self.acked, write);
        }
        self.debts.retain(|_, debt| debt.carried != Some(call) || mutant!(DoneFlushStillOwed));
        if self.flush.is_some_and(|flush| flush.carried == Some(call)) {
            self.flush = None;
        }
        if let Some(doom) = &mut self.doom {
            doom.answered = true;
            // What a server attracted after the flush is not forgotten with it.
            doom.flushed = matches!(write, Write::FlushVip { .. });
        }
        match write {
            Write::AddVip { src_ip_sticky, .. } => self.sticky = Some(*src_ip_sticky),
            Write::DelVip { .. } => {
                self.sticky = None;
                self.debts.clear();
                self.flush = None;
            }
            Write::SetConf(_)
            | Write::AddAs { .. }
            | Write::DelAs { .. }
            | Write::SetWeight { .. }
            | Write::FlushVip { .. } => (),
        }
    }

    /// A write was not done after all: what it carried is owed still.
    pub(super) fn undone(&mut self, call: CallId) {
        for debt in self.debts.values_mut().filter(|debt| debt.carried == Some(call)) {
            debt.carried = debt.carried.filter(|_| mutant!(RefusedFlushForgotten));
        }
        if let Some(flush) = &mut self.flush
            && flush.carried == Some(call)
        {
            flush.carried = None;
        }
    }

    /// Whether it was given up, and not for the time being only.
    pub(super) fn is_left(&self, now: Instant) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.retry_at.is_none_or(|at| at > now))
    }

    /// The connection ended: nothing is known, everything is owed.
    pub(super) fn forget(&mut self) {
        self.acked = None;
        self.expected = None;
        self.open = 0;
        self.stage = None;
        self.doom = None;
        self.unit = false;
        self.calls = 0;
        self.began = None;
        self.announced = false;
        self.flushes = 0;
        if mutant!(DisconnectForgetsFlushes) {
            self.debts.clear();
        }
        for debt in self.debts.values_mut() {
            debt.carried = None;
        }
        if let Some(flush) = &mut self.flush {
            flush.carried = None;
        }
        if let Some(trouble) = &mut self.trouble {
            // A lost connection costs no attempt.
            trouble.broken = false;
            trouble.again = false;
            trouble.refused.clear();
            trouble.attempts = trouble.attempts.saturating_add(u8::from(mutant!(DisconnectCostsAttempt)));
        }
    }

    /// VPP is another process: nothing of the old one is owed.
    pub(super) fn lapse(&mut self) {
        self.debts.clear();
        self.flush = None;
        self.sticky = None;
        self.recreated_at = None;
        self.kept_while_empty = false;
    }
}

/// The key under which VPP knows a VIP that it shows as 0.0.0.0/len.
pub(super) fn ipv6_alias(vip: VipKey) -> Option<VipKey> {
    let zero = IpAddr::from([0u8; 4]);
    (vip.prefix.address == zero)
        .then(|| VipKey { prefix: Prefix { address: IpAddr::from([0u8; 16]), len: vip.prefix.len }, ..vip })
}

/// All keys of one prefix.
pub(super) fn keys_of(prefix: Prefix) -> core::ops::RangeInclusive<VipKey> {
    let first = VipKey { prefix, protocol: Protocol(0), port: 0 };
    let last = VipKey { prefix, protocol: Protocol(u8::MAX), port: u16::MAX };
    first..=last
}
