//! Calls by chance, of a real VPP and of the simulator's model: after each the same return code and the same state.
//!
//! `CALLS=100000 SEED=7 make real-vpp` makes more of them, or others. A run that fails names its seed and its call.

use std::collections::{BTreeMap, BTreeSet};

use maglev_core::model::{Flows, ServerRow, VipKey, Write};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::draw;
use super::traffic::Burst;
use super::twins::{Trouble, Twins};

/// Calls of a plain run.
const CALLS: u64 = 10_000;

/// Calls of one life; VPP never frees the tables of deleted VIPs.
const CALLS_OF_A_LIFE: u64 = 2_500;

/// Calls until time moves on.
const CALLS_OF_A_STOP: u64 = 125;

/// Calls from one look at everything to the next.
const CALLS_OF_A_LOOK: u64 = 50;

/// How often packets come before a call.
const BURSTS: f64 = 0.08;

/// Lives that may be given up because the machine stood still.
const SLOW_LIVES: u32 = 20;

const DELETED_AND_ADDED: &str = "deleted VIPs added again";
const TAKEN_BACK: &str = "lingering servers taken back";
const COLLECTED_BY_CHANGE: &str = "servers collected by a change, at least";
const COLLECTED_BY_PROCESS: &str = "servers collected by the process";
const BURSTS_SENT: &str = "bursts of packets";
const REACHED: &str = "packets that reached a server";

/// Every return code that the model knows.
const RETVALS: [i32; 6] = [0, -6, -70, -73, -81, -97];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number in CALLS and SEED"))
}

fn kind(write: &Write) -> &'static str {
    match write {
        Write::SetConf(_) => "lb-conf",
        Write::AddVip { .. } => "add-vip",
        Write::DelVip { .. } => "del-vip",
        Write::AddAs { .. } => "add-as",
        Write::DelAs { flows: Flows::Keep, .. } => "del-as",
        Write::DelAs { flows: Flows::Flush, .. } => "del-as flush",
        Write::SetWeight { flows: Flows::Keep, .. } => "set-weight",
        Write::SetWeight { flows: Flows::Flush, .. } => "set-weight flush",
        Write::FlushVip { .. } => "flush-vip",
    }
}

/// What has been seen.
#[derive(Default)]
struct Tally {
    calls: u64,
    retvals: BTreeMap<(&'static str, i32), u64>,
    events: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn event(&mut self, what: &'static str, times: usize) {
        *self.events.entry(what).or_default() += times as u64;
    }

    fn seen(&self, retval: i32) -> u64 {
        self.retvals.iter().filter(|((_, seen), _)| *seen == retval).map(|(_, count)| count).sum()
    }
}

/// One VPP and one model, from birth until `calls` are made or they cannot go on.
async fn live(rng: &mut ChaCha8Rng, calls: u64, tally: &mut Tally) -> Result<(), Trouble> {
    let mut twins = Twins::start().await?;
    let mut deleted: BTreeSet<VipKey> = BTreeSet::new();
    let mut since_stop = 0;
    for nth in 1..=calls {
        if rng.random_bool(BURSTS)
            && let Some(burst) = Burst::draw(rng, &twins.model)
        {
            let sent = twins.send(&burst).await;
            let reached = sent.map_err(|trouble| in_words(trouble, nth, &format!("{burst:?}"), &twins))?;
            tally.event(BURSTS_SENT, 1);
            tally.event(REACHED, reached);
        }
        let vips = twins.model.vips();
        let before = twins.rows().to_vec();
        let write = draw::call(rng, &vips, &before);
        let lingered = before.iter().any(|row| is_about(row, &write) && !row.used);
        let made = step(&mut twins, &write, nth % CALLS_OF_A_LOOK == 0).await;
        let retval = made.map_err(|trouble| in_words(trouble, nth, &write.to_string(), &twins))?;
        tally.calls += 1;
        *tally.retvals.entry((kind(&write), retval)).or_default() += 1;
        let after = twins.rows().len();
        tally.event(COLLECTED_BY_CHANGE, before.len().saturating_sub(after));
        match &write {
            Write::AddAs { .. } if retval == 0 && lingered && after == before.len() => {
                tally.event(TAKEN_BACK, 1);
            }
            Write::AddVip { vip, .. } if retval == 0 && deleted.contains(vip) => {
                tally.event(DELETED_AND_ADDED, 1);
            }
            Write::DelVip { vip } if retval == 0 => _ = deleted.insert(*vip),
            _ => (),
        }
        since_stop += 1;
        if since_stop == CALLS_OF_A_STOP || twins.is_late() {
            let lingering = twins.rows().iter().filter(|row| !row.used).count();
            twins.next_stop().await?;
            let left = twins.rows().iter().filter(|row| !row.used).count();
            tally.event(COLLECTED_BY_PROCESS, lingering - left);
            since_stop = 0;
        }
    }
    twins.compare_all().await
}

fn is_about(row: &ServerRow, write: &Write) -> bool {
    Some(row.vip) == write.vip() && Some(row.server) == write.server()
}

async fn step(twins: &mut Twins, write: &Write, look_at_all: bool) -> Result<i32, Trouble> {
    let retval = twins.write(write).await?;
    twins.compare_after(write).await?;
    if look_at_all {
        twins.compare_all().await?;
    }
    Ok(retval)
}

fn in_words(trouble: Trouble, nth: u64, what: &str, twins: &Twins) -> Trouble {
    match trouble {
        Trouble::TooSlow => Trouble::TooSlow,
        Trouble::Different(how) => {
            let mut last: Vec<String> = twins
                .model
                .trace()
                .map(|call| {
                    format!("  {:>4}s {} {}", call.at.since_start().as_secs(), call.write, call.retval)
                })
                .collect();
            let last = last.split_off(last.len().saturating_sub(40)).join("\n");
            Trouble::Different(format!("at call {nth}, {what}: {how}\nthe last calls:\n{last}"))
        }
    }
}

/// Ten thousand calls, refused ones and their reasons among them, and time between them.
#[tokio::test]
#[ignore = "needs MAGLEV_VPP_BIN"]
async fn the_model_answers_and_shows_what_vpp_does() {
    let (calls, seed) = (number("CALLS", CALLS), number("SEED", 1));
    let mut tally = Tally::default();
    let (mut life, mut slow) = (0, 0);
    while tally.calls < calls {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(life);
        match live(&mut rng, CALLS_OF_A_LIFE.min(calls - tally.calls), &mut tally).await {
            Ok(()) => (),
            Err(Trouble::TooSlow) => slow += 1,
            Err(Trouble::Different(what)) => panic!("seed {seed}, life {life}, {what}"),
        }
        assert!(slow <= SLOW_LIVES, "this machine stands still for seconds, too often to say anything");
        life += 1;
    }
    println!("{} calls, seed {seed}, {life} lives, {slow} of them cut short", tally.calls);
    for ((kind, retval), count) in &tally.retvals {
        println!("{count:>8} {kind} {retval}");
    }
    for (what, count) in &tally.events {
        println!("{count:>8} {what}");
    }
    for retval in RETVALS {
        assert!(tally.seen(retval) > 0, "nothing was answered with {retval}");
    }
    let known: u64 = RETVALS.iter().map(|retval| tally.seen(*retval)).sum();
    assert_eq!(known, tally.calls, "a return code that the model does not know");
    if calls >= CALLS {
        for what in [DELETED_AND_ADDED, TAKEN_BACK, COLLECTED_BY_CHANGE, COLLECTED_BY_PROCESS, REACHED] {
            assert!(tally.events.get(what).is_some_and(|count| *count > 0), "never: {what}");
        }
    }
}
