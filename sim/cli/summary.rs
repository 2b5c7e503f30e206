//! What many seeds came to, in a few lines.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Duration;

use maglev_sim::hunt::Sums;
use maglev_sim::oracle::Oracle;

use crate::bound::upper;
use crate::clock::{Stopwatch, used_by_process};

/// What the work has cost since it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    since: Stopwatch,
    used: Duration,
}

impl Cost {
    /// It begins.
    pub(crate) fn begin() -> Self {
        Self { since: Stopwatch::start(), used: used_by_process() }
    }
}

/// Prints seeds, speed, failures, and what they mean. Each seed was played `runs` times.
#[expect(clippy::cast_precision_loss, reason = "speeds for people")]
pub(crate) fn print(sums: &Sums, cost: Cost, jobs: usize, runs: u64) -> io::Result<()> {
    let (wall, used) = (cost.since.took().as_secs_f64(), (used_by_process() - cost.used).as_secs_f64());
    let each = if runs > 1 { "each played twice" } else { "each played once" };
    let mut out = io::stdout();
    let n = sums.seeds;
    writeln!(out, "{n} seeds, {each}, in {wall:.1} s on {jobs} threads ({used:.1} s of processor time)")?;
    let per_core = |count: u64| count as f64 / used.max(1e-9);
    writeln!(
        out,
        "{:.0} seeds/s and {:.0} steps/s per core, by processor time; {:.0} seeds/s by the wall",
        per_core(n),
        per_core(sums.steps * runs),
        n as f64 / wall.max(1e-9)
    )?;
    let mut failures: BTreeMap<Oracle, u64> = BTreeMap::new();
    for failure in &sums.failures {
        *failures.entry(failure.breach.oracle).or_default() += 1;
    }
    for (oracle, count) in &failures {
        writeln!(out, "{count:>9} x {}: {}", oracle.id(), oracle.rule())?;
    }
    match sums.failures.len() as u64 {
        _ if n == 0 => writeln!(out, "no seed was judged"),
        0 => writeln!(
            out,
            "no failures: P(a seed fails) < 3/{n} = {:.2e} at 95 % (rule of three)",
            3.0 / n as f64
        ),
        failed => {
            let bound = upper(failed, n);
            writeln!(out, "{failed} of {n} failed: P(a seed fails) < {bound:.2e} at 95 % (Clopper-Pearson)")
        }
    }
}
