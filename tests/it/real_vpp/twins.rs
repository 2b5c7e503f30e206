//! A real VPP and the simulator's model of it, side by side, with one time.
//!
//! VPP's own time is moved with `set clock adjust`, which runs its timers in their order. What a reader would get
//! wrong: the model's time stands still from one stop to the next, while VPP's goes on. That makes no difference
//! as long as VPP's stays within [`GRACE`]: between two stops everything is old enough to be collected or timed out
//! or far from it, and within one nothing is. Whatever takes longer is [`Trouble::TooSlow`], and nothing is compared.

use std::fmt::Debug;
use std::time::Duration;

use maglev_core::hazard::hazard;
use maglev_core::model::{Read, Reply, ServerRow, VipKey, Write};
use maglev_core::{Clock as _, Instant};
use maglev_sim::LbPlugin;
use maglevd::clock::SystemClock;
use maglevd::vpp::UnixConnector;

use super::traffic::{self, Burst};
use crate::support::vpp_process::{Settings, VppProcess};
use crate::support::vpp_raw::Raw;
use crate::support::vpp_talk::Talk;

/// The first stop, in seconds of VPP's time: shortly behind a full minute, when VPP's process collects garbage.
const FIRST: u64 = 72;

/// From one stop to the next. A VIP is collected at most once in 60 s, so one that is made at a stop behind a full
/// minute is not due at the next minute, and the first change at the next stop collects it; of the others it is the
/// process that does.
const STEP: u64 = 90;

/// How far VPP's time may run ahead of the model's, but for the second that moving it may take.
const GRACE: Duration = Duration::from_secs(5);

/// VPP's collector has begun to count minutes before it took clients. With [`MOVED_WITHIN`], this keeps its minutes in
/// front of the first stop behind them.
const BORN_WITHIN: f64 = 3.0;

/// What all moves of a life may take: while VPP's time moves, a machine that stands still delays the collector.
const MOVED_WITHIN: Duration = Duration::from_secs(8);

/// Why the two cannot go on.
#[derive(Debug)]
pub enum Trouble {
    /// The machine stood still: VPP's time is not what it should be, and nothing can be said.
    TooSlow,
    /// They are not the same.
    Different(String),
}

use Trouble::{Different, TooSlow};

pub struct Twins {
    talk: Talk,
    raw: Raw,
    pub model: LbPlugin,
    clock: SystemClock,
    /// The model's time, and ours when VPP's was the same.
    stop: (u64, Instant),
    moving: Duration,
    /// What the model's dump of all servers says, until the next change: it looks at every bucket.
    rows: Option<Vec<ServerRow>>,
    dpo: regex::Regex,
    /// Lives as long as we do.
    _vpp: VppProcess,
}

impl Twins {
    /// Both newly born, at their first stop.
    pub async fn start() -> Result<Self, Trouble> {
        let vpp = VppProcess::start_with(Settings { api_trace: false, naps: false, ..Settings::default() });
        let connector = UnixConnector { api: vpp.api_socket(), stats: None };
        let talk = Talk::connected(connector).await;
        let raw = Raw::connect(&vpp, "raw").await;
        let clock = SystemClock::start();
        let mut twins = Self {
            model: LbPlugin::new(vpp.pid(), 1, Instant::START),
            talk,
            raw,
            stop: (0, clock.now()),
            moving: Duration::ZERO,
            clock,
            rows: None,
            dpo: regex::Regex::new("dpo:[0-9]+").unwrap(),
            _vpp: vpp,
        };
        if twins.vpp_time().await > BORN_WITHIN {
            return Err(TooSlow);
        }
        for line in traffic::INTERFACE {
            twins.raw.cli(line).await;
        }
        twins.go_to(FIRST).await?;
        Ok(twins)
    }

    /// Lets time pass until the next stop.
    pub async fn next_stop(&mut self) -> Result<(), Trouble> {
        self.go_to(self.stop.0 + STEP).await
    }

    async fn go_to(&mut self, secs: u64) -> Result<(), Trouble> {
        let since = self.clock.now();
        let behind = secs as f64 - self.vpp_time().await;
        if behind <= 0.0 {
            return Err(TooSlow);
        }
        let said = self.raw.cli(&format!("set clock adjust {behind:.3}")).await;
        let ahead = self.vpp_time().await - secs as f64;
        assert!(ahead > -1.0, "VPP's time does not move: {ahead} s from second {secs}; {said}");
        self.moving += self.clock.now().since(since);
        if ahead > 1.0 || self.moving > MOVED_WITHIN {
            return Err(TooSlow);
        }
        self.stop = (secs, self.clock.now());
        self.model.advance(self.now());
        self.rows = None;
        Ok(())
    }

    /// The time of the model.
    pub fn now(&self) -> Instant {
        Instant::from_start(Duration::from_secs(self.stop.0))
    }

    /// Whether it is time for the next stop.
    pub fn is_late(&self) -> bool {
        self.clock.now().since(self.stop.1) > GRACE / 2
    }

    fn in_time(&self) -> Result<(), Trouble> {
        if self.clock.now().since(self.stop.1) > GRACE { Err(TooSlow) } else { Ok(()) }
    }

    async fn vpp_time(&mut self) -> f64 {
        let text = self.raw.cli("show clock").await;
        let number = |label: &str| {
            let mut rest = text.split(label).skip(1);
            rest.next().and_then(|rest| rest.split([',', ' ', '\n']).next()?.parse::<f64>().ok())
        };
        // What `set clock adjust` has done is the offset.
        match (number("Time now "), number("offset ")) {
            (Some(real), Some(moved)) => real + moved,
            _ => panic!("no time in: {text}"),
        }
    }

    /// Makes a call of both and returns their return code.
    pub async fn write(&mut self, write: &Write) -> Result<i32, Trouble> {
        let real = if hazard(write).is_some() {
            self.raw.write(write).await
        } else {
            match self.talk.call(write.clone()).await {
                Reply::Done => 0,
                Reply::Refused(retval) => retval,
                other => panic!("{write}: {other}"),
            }
        };
        let now = self.now();
        self.rows = None;
        let modelled = self.model.write(write, now).unwrap_or_else(|crash| panic!("{write}: {crash}"));
        self.in_time()?;
        if real == modelled { Ok(real) } else { Err(Different(format!("VPP: {real}, model: {modelled}"))) }
    }

    /// Sends packets through both and looks at what they left there. Returns how many reached a server.
    pub async fn send(&mut self, burst: &Burst) -> Result<usize, Trouble> {
        for line in [burst.stream().as_str(), "packet-generator enable-stream burst"] {
            let said = self.raw.cli(line).await;
            assert_eq!(said.trim(), "", "{line}");
        }
        // The generator says No once it has sent them all.
        while !self.raw.cli("show packet-generator").await.lines().any(|line| line.contains(" No ")) {
            self.in_time()?;
        }
        self.raw.cli("packet-generator delete burst").await;
        let now = self.now();
        let reached = burst.through(&mut self.model, now);
        self.in_time()?;
        self.compare_texts().await?;
        Ok(reached)
    }

    /// Looks at what a call was about, in both.
    pub async fn compare_after(&mut self, write: &Write) -> Result<(), Trouble> {
        match write {
            Write::SetConf(_) => self.compare_conf().await,
            Write::AddVip { .. } | Write::DelVip { .. } => self.compare_vips().await,
            Write::AddAs { .. } | Write::DelAs { .. } | Write::SetWeight { .. } => {
                self.compare_servers(None).await
            }
            Write::FlushVip { .. } => Ok(()),
        }
    }

    /// Looks at everything, in both.
    pub async fn compare_all(&mut self) -> Result<(), Trouble> {
        self.compare_conf().await?;
        self.compare_vips().await?;
        self.compare_servers(None).await?;
        for row in self.model.vips() {
            self.compare_servers(Some(row.vip)).await?;
        }
        self.compare_texts().await
    }

    async fn compare_conf(&mut self) -> Result<(), Trouble> {
        let real = self.talk.call(Read::Conf).await;
        self.in_time()?;
        let Reply::Conf(conf) = real else { panic!("{real}") };
        same("lb_conf_get", &[conf], &[self.model.conf()])
    }

    async fn compare_vips(&mut self) -> Result<(), Trouble> {
        let real = self.talk.call(Read::Vips).await;
        self.in_time()?;
        let Reply::Vips(rows) = real else { panic!("{real}") };
        same("lb_vip_dump", &rows, &self.model.vips())
    }

    /// All servers of both, since nothing is different.
    pub fn rows(&mut self) -> &[ServerRow] {
        self.rows.get_or_insert_with(|| self.model.servers(None))
    }

    async fn compare_servers(&mut self, of: Option<VipKey>) -> Result<(), Trouble> {
        let real = self.talk.call(Read::Servers(of)).await;
        self.in_time()?;
        let Reply::Servers(rows) = real else { panic!("{real}") };
        let Some(vip) = of else { return same("lb_as_v2_dump", &rows, self.rows()) };
        let mut modelled = self.model.servers(of);
        // Our client sorts out the prefixes of other lengths.
        modelled.retain(|row| row.vip == vip);
        same("lb_as_v2_dump", &rows, &modelled)
    }

    /// The text tells what no dump does: indices, whole lengths, stickiness, deleted VIPs, counters and flows.
    async fn compare_texts(&mut self) -> Result<(), Trouble> {
        let real = self.raw.cli("show lb vips verbose").await;
        self.in_time()?;
        let (real, modelled) = (self.lines(&real), self.lines(&self.model.verbose()));
        same("show lb vips verbose", &real, &modelled)
    }

    fn lines(&self, text: &str) -> Vec<String> {
        self.dpo.replace_all(text.trim_end(), "dpo:_").lines().map(str::to_owned).collect()
    }
}

/// Compares row by row.
fn same<T: PartialEq + Debug>(what: &str, real: &[T], modelled: &[T]) -> Result<(), Trouble> {
    let longest = real.len().max(modelled.len());
    let Some(row) = (0..longest).find(|row| real.get(*row) != modelled.get(*row)) else { return Ok(()) };
    let (ours, theirs) = (modelled.get(row), real.get(row));
    let lengths = format!("{} and {} rows", real.len(), modelled.len());
    Err(Different(format!("{what}, {lengths}, row {row}\n  VPP:   {theirs:?}\n  model: {ours:?}")))
}
