//! The backends: when and how each probe ends.
//!
//! A probe's fate is fixed when it starts; what happens to the backend afterwards is for the next one. Only a
//! cancellation ends it early.

use core::hash::Hasher;
use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use maglev_core::config::{CheckKind, Http, Tls};
use maglev_core::input::{FailCode, Failure, LocalFault, Outcome};
use maglev_core::{Input, Instant, ProbeId, ProbeOrder};

use crate::chance::{Latencies, Purpose};
use crate::exhaustive::Sketch;
use crate::script::Behaviour;

/// Way to a backend and back, in microseconds.
const ROUND_TRIP_MICROS: (u64, u64) = (200, 2_000);

/// All backends, and the probes that are under way.
#[derive(Clone, Debug)]
pub struct Backends {
    /// Those that do not simply answer as they should.
    behaviours: BTreeMap<IpAddr, Behaviour>,
    /// Probes that each address has seen.
    seen: BTreeMap<IpAddr, u32>,
    due: BTreeMap<(Instant, ProbeId), Ended>,
    due_of: BTreeMap<ProbeId, (Instant, Instant)>,
    latency: Latencies,
}

/// How a probe will have ended.
#[derive(Clone, Debug)]
struct Ended {
    outcome: Outcome,
    took: Duration,
    timeout: Duration,
}

impl Ended {
    /// What the prober says when it looks `late` after the end: an expiry that is handled too late proves nothing.
    fn looked_at(self, late: Duration) -> (Outcome, Duration) {
        let tolerance = (self.timeout / 10).max(Duration::from_millis(50));
        let is_expiry = self.took == self.timeout && matches!(self.outcome, Outcome::Fail(_));
        if is_expiry && late > tolerance {
            return (Outcome::Inconclusive(LocalFault::Stalled), self.took + late);
        }
        (self.outcome, self.took)
    }
}

impl Backends {
    /// Every address answers as it should until something else is said.
    pub fn new(seed: u64) -> Self {
        Self {
            behaviours: BTreeMap::new(),
            seen: BTreeMap::new(),
            due: BTreeMap::new(),
            due_of: BTreeMap::new(),
            latency: Latencies::new(seed, Purpose::ProbeLatency),
        }
    }

    /// From now on `address` behaves so.
    pub fn set(&mut self, address: IpAddr, behaviour: Behaviour) {
        self.behaviours.insert(address, behaviour);
    }

    /// How `address` behaves now.
    pub fn behaviour(&self, address: IpAddr) -> &Behaviour {
        self.behaviours.get(&address).unwrap_or(&Behaviour::Up)
    }

    /// Addresses that answer only now and then.
    pub(crate) fn flapping(&self) -> BTreeSet<IpAddr> {
        let flaps =
            self.behaviours.iter().filter(|(_, behaviour)| matches!(behaviour, Behaviour::OneIn(2..)));
        flaps.map(|(address, _)| *address).collect()
    }

    /// A probe starts; it will be found in [`Self::finished`] when it ends.
    pub fn start(&mut self, order: &ProbeOrder, now: Instant) {
        let round_trip = self.latency.micros(ROUND_TRIP_MICROS);
        let seen = self.seen.entry(order.address).or_default();
        *seen += 1;
        let behaviour = self.behaviours.get(&order.address).unwrap_or(&Behaviour::Up);
        let (outcome, took) = fate(behaviour, &order.target.kind, *seen, round_trip, order.timeout);
        let end = now + took;
        self.due.insert((end, order.probe), Ended { outcome, took, timeout: order.timeout });
        self.due_of.insert(order.probe, (now, end));
    }

    /// A probe is given up: it ends now, if it has not. Once in a while nobody can hold it up any more, and it ends as it
    /// would have; never in a still world.
    pub fn cancel(&mut self, probe: ProbeId, now: Instant) {
        let Some((began, end)) = self.due_of.get(&probe).copied() else { return };
        if self.latency.micros((0, 3)) == Duration::ZERO {
            return;
        }
        self.due_of.remove(&probe);
        self.due.remove(&(end, probe));
        let outcome = Outcome::Inconclusive(LocalFault::Cancelled);
        self.due.insert((now, probe), Ended { outcome, took: now.since(began), timeout: Duration::MAX });
        self.due_of.insert(probe, (began, now));
    }

    /// All probes end without an answer, as when the process that made them dies.
    pub fn forget_probes(&mut self) {
        self.due.clear();
        self.due_of.clear();
    }

    /// What is to come, for a search that merges states.
    pub(crate) fn sketch<H: Hasher>(&self, sketch: &mut Sketch<'_, '_, H>) {
        let odd: Vec<_> =
            self.behaviours.iter().filter(|(_, behaviour)| **behaviour != Behaviour::Up).collect();
        sketch.value(&odd.len());
        for (address, behaviour) in odd {
            sketch.value(address);
            sketch.value(&behaviour.to_string());
        }
        sketch.value(&self.due.len());
        for ((end, probe), ended) in &self.due {
            sketch.at(*end);
            sketch.value(probe);
            sketch.value(&ended.outcome);
        }
    }

    /// When the next probe ends.
    pub fn wakeup(&self) -> Option<Instant> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// The probes that have ended by `now`, earliest first, as they look at `now`.
    pub fn finished(&mut self, now: Instant) -> Vec<Input> {
        let mut inputs = Vec::new();
        while let Some(entry) = self.due.first_entry()
            && entry.key().0 <= now
        {
            let ((end, probe), ended) = entry.remove_entry();
            let (outcome, took) = ended.looked_at(now.since(end));
            self.due_of.remove(&probe);
            inputs.push(Input::ProbeFinished { probe, outcome, took });
        }
        inputs
    }
}

/// How a probe ends and how long it takes.
fn fate(
    behaviour: &Behaviour,
    kind: &CheckKind,
    nth: u32,
    round_trip: Duration,
    timeout: Duration,
) -> (Outcome, Duration) {
    let answer =
        |outcome: Outcome| if round_trip < timeout { (outcome, round_trip) } else { late(kind, timeout) };
    match behaviour {
        Behaviour::Up => answer(Outcome::Pass),
        Behaviour::Slow(by) if *by < timeout => (Outcome::Pass, *by),
        Behaviour::Slow(_) => late(kind, timeout),
        Behaviour::Silent => (fail(FailCode::L4Tout, "no answer"), timeout),
        Behaviour::Down if *kind == CheckKind::Icmp => (fail(FailCode::L4Tout, "no echo reply"), timeout),
        Behaviour::Down | Behaviour::Refuse => answer(refused(kind)),
        Behaviour::OneIn(n) if nth.is_multiple_of(*n) => answer(Outcome::Pass),
        Behaviour::OneIn(_) => answer(refused(kind)),
        Behaviour::Status(code) => answer(status(kind, *code)),
        Behaviour::Garbage => answer(garbage(kind)),
        Behaviour::BadTls => answer(bad_tls(kind)),
        Behaviour::BadBody => answer(bad_body(kind)),
        Behaviour::LocalFault(name) => (Outcome::Inconclusive(local_fault(name)), Duration::ZERO),
    }
}

fn fail(code: FailCode, detail: &str) -> Outcome {
    Outcome::Fail(Failure { code, detail: detail.to_owned() })
}

/// A host that is alive and too slow: the last layer of the check is the one that waits.
fn late(kind: &CheckKind, timeout: Duration) -> (Outcome, Duration) {
    let (code, detail) = match kind {
        CheckKind::Icmp => (FailCode::L4Tout, "no echo reply"),
        CheckKind::Tcp { tls: None, .. } => (FailCode::L4Tout, "no connection"),
        CheckKind::Tcp { tls: Some(_), .. } => (FailCode::L6Tout, "handshake not finished"),
        CheckKind::Http { .. } => (FailCode::L7Tout, "no complete response"),
    };
    (fail(code, detail), timeout)
}

fn refused(kind: &CheckKind) -> Outcome {
    let detail = match kind {
        CheckKind::Icmp => "destination unreachable",
        CheckKind::Tcp { .. } | CheckKind::Http { .. } => "connection refused",
    };
    fail(FailCode::L4Con, detail)
}

fn status(kind: &CheckKind, code: u16) -> Outcome {
    match kind {
        CheckKind::Http { http: Http { response_codes, .. }, .. }
            if !response_codes.iter().any(|(low, high)| (*low..=*high).contains(&code)) =>
        {
            fail(FailCode::L7Sts, &format!("status {code}"))
        }
        CheckKind::Icmp | CheckKind::Tcp { .. } | CheckKind::Http { .. } => Outcome::Pass,
    }
}

fn garbage(kind: &CheckKind) -> Outcome {
    match kind {
        CheckKind::Tcp { tls: Some(_), .. } | CheckKind::Http { tls: Some(_), .. } => bad_tls(kind),
        CheckKind::Http { tls: None, .. } => fail(FailCode::L7Rsp, "not an HTTP response"),
        CheckKind::Icmp | CheckKind::Tcp { tls: None, .. } => Outcome::Pass,
    }
}

fn bad_tls(kind: &CheckKind) -> Outcome {
    let tls: Option<&Tls> = match kind {
        CheckKind::Icmp => None,
        CheckKind::Tcp { tls, .. } | CheckKind::Http { tls, .. } => tls.as_ref(),
    };
    if tls.is_some() { fail(FailCode::L6Rsp, "handshake failed") } else { Outcome::Pass }
}

fn bad_body(kind: &CheckKind) -> Outcome {
    match kind {
        CheckKind::Http { http: Http { response_regexp: Some(_), .. }, .. } => {
            fail(FailCode::L7Rsp, "the body does not match")
        }
        CheckKind::Icmp | CheckKind::Tcp { .. } | CheckKind::Http { .. } => Outcome::Pass,
    }
}

fn local_fault(name: &'static str) -> LocalFault {
    match name {
        "no-netns" => LocalFault::NoNetns("simulated".into()),
        "no-icmp" => LocalFault::NoIcmpPermission,
        errno => LocalFault::Errno(errno),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use maglev_core::config::Target;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);

    fn address() -> IpAddr {
        [198, 51, 100, 10].into()
    }

    fn order(number: u64, kind: CheckKind) -> ProbeOrder {
        let target = Target { kind, ipv4_source: None, ipv6_source: None, netns: None };
        ProbeOrder {
            probe: ProbeId { slot: 0, number },
            address: address(),
            target: Arc::new(target),
            timeout: TIMEOUT,
        }
    }

    fn http() -> CheckKind {
        CheckKind::Http { port: 80, http: Http::default(), tls: None }
    }

    /// Probes once and returns the outcome in words, and how long it took.
    fn probe(backends: &mut Backends, kind: CheckKind) -> (String, Duration) {
        backends.start(&order(1, kind), Instant::START);
        let at = backends.wakeup().unwrap();
        match &backends.finished(at)[..] {
            [Input::ProbeFinished { outcome, took, .. }] => {
                assert_eq!(*took, at.since(Instant::START));
                (outcome.to_string(), *took)
            }
            other => panic!("{other:?}"),
        }
    }

    /// One row per behaviour and kind of check: what a real prober would say.
    #[test]
    fn each_behaviour_fails_in_its_own_layer() {
        let tcp = || CheckKind::Tcp { port: 80, tls: None };
        let https = || CheckKind::Http { port: 443, http: Http::default(), tls: Some(Tls::default()) };
        let slow = || Behaviour::Slow(Duration::from_secs(2));
        for (behaviour, kind, says) in [
            (Behaviour::Up, tcp(), "pass"),
            (slow(), CheckKind::Icmp, "L4TOUT"),
            (slow(), tcp(), "L4TOUT"),
            (slow(), http(), "L7TOUT"),
            (Behaviour::Slow(Duration::from_millis(999)), http(), "pass"),
            (Behaviour::Down, CheckKind::Icmp, "L4TOUT"),
            (Behaviour::Down, http(), "L4CON (connection refused)"),
            (Behaviour::Refuse, CheckKind::Icmp, "L4CON (destination unreachable)"),
            (Behaviour::Silent, http(), "L4TOUT"),
            (Behaviour::Status(503), http(), "L7STS"),
            (Behaviour::Status(204), http(), "pass"),
            (Behaviour::Status(503), tcp(), "pass"),
            (Behaviour::Garbage, http(), "L7RSP"),
            (Behaviour::Garbage, https(), "L6RSP"),
            (Behaviour::BadTls, https(), "L6RSP"),
            (Behaviour::BadBody, http(), "pass"),
            (Behaviour::LocalFault("EMFILE"), http(), "inconclusive (EMFILE)"),
        ] {
            let mut backends = Backends::new(1);
            backends.set(address(), behaviour.clone());
            let (outcome, took) = probe(&mut backends, kind.clone());
            assert!(outcome.contains(says), "{behaviour} {}: {outcome}", kind.word());
            assert!(took <= TIMEOUT);
            assert_eq!(took == TIMEOUT, says.contains("TOUT"), "{behaviour} {}", kind.word());
        }
    }

    #[test]
    fn one_probe_in_three_passes() {
        let mut backends = Backends::new(1);
        backends.set(address(), Behaviour::OneIn(3));
        let passes: Vec<bool> = (0..6).map(|_| probe(&mut backends, http()).0 == "pass").collect();
        assert_eq!(passes, [false, false, true, false, false, true]);
    }

    /// A stall of ours is not a death of theirs.
    #[test]
    fn an_expiry_that_is_seen_late_is_inconclusive() {
        for (late_millis, says) in [(100, "L4TOUT"), (101, "too late")] {
            let mut backends = Backends::new(1);
            backends.set(address(), Behaviour::Silent);
            backends.start(&order(1, http()), Instant::START);
            let seen = Instant::START + TIMEOUT + Duration::from_millis(late_millis);
            let words = backends.finished(seen)[0].to_string();
            assert!(words.contains(says), "{words}");
        }
    }

    #[test]
    fn a_cancelled_probe_is_answered_once_and_at_once() {
        let mut backends = Backends::new(crate::chance::STILL);
        backends.set(address(), Behaviour::Silent);
        backends.start(&order(1, http()), Instant::START);
        let soon = Instant::from_start(Duration::from_millis(100));
        backends.cancel(ProbeId { slot: 0, number: 1 }, soon);
        assert_eq!(backends.wakeup(), Some(soon));
        let ended = backends.finished(soon);
        assert!(ended[0].to_string().contains("cancelled"), "{ended:?}");
        backends.cancel(ProbeId { slot: 0, number: 1 }, soon);
        assert_eq!(backends.wakeup(), None);
    }
}
