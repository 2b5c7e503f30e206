//! `exhaustive`: every order of things in a small world, lane by lane.

use std::io::{self, Write as _};
use std::sync::Mutex;

use maglev_sim::exhaustive::{Found, Lane, search_while};

use crate::args::Exhaustive;
use crate::clock::Stopwatch;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::tell::quietly;
use crate::{End, Trouble};

/// States from one look at the progress to the next.
const LOOK: usize = 500;

pub(crate) fn run(args: &Exhaustive) -> Result<End, Trouble> {
    let interrupt = Interrupt::listen()?;
    let mut lanes = if args.lanes.is_empty() { Lane::ALL.to_vec() } else { args.lanes.clone() };
    lanes.sort_unstable();
    lanes.dedup();
    let jobs = args.jobs.get().min(lanes.len());
    let all = lanes.len();
    let states = lanes.iter().map(|lane| lane.pinned().0 as u64).sum();
    let since = Stopwatch::start();
    let search = Search {
        interrupt: &interrupt,
        progress: Progress::of(states, "states"),
        under_way: Mutex::new(Vec::new()),
    };
    // The longest first, so that no thread is left with it at the end.
    lanes.sort_by_key(|lane| lane.pinned().1);
    let (open, done) = (Mutex::new(lanes), Mutex::new(Vec::new()));
    let work = || {
        while let Some(lane) = open.lock().ok().and_then(|mut lanes| lanes.pop()) {
            if interrupt.is_asked() {
                break;
            }
            let found = search.run(lane);
            done.lock().expect("nobody panics with it").push(found);
        }
    };
    quietly(|| {
        std::thread::scope(|scope| {
            for _ in 1..jobs {
                scope.spawn(work);
            }
            work();
        });
    });
    search.progress.finish();
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|found| found.lane);
    report(&done, all, since, jobs, &interrupt)
}

fn report(
    done: &[Found],
    lanes: usize,
    since: Stopwatch,
    jobs: usize,
    interrupt: &Interrupt,
) -> Result<End, Trouble> {
    let mut out = io::stdout();
    done.iter().try_for_each(|found| writeln!(out, "{found}"))?;
    let whole = done.iter().filter(|found| found.is_fixpoint).count();
    writeln!(
        out,
        "{whole} of {} lanes to their end, in {:.1} s on {jobs} threads",
        lanes,
        since.took().as_secs_f64()
    )?;
    // A lane that was not let to its end is not wrong for that.
    let is_cut = |found: &Found| interrupt.is_asked() && !found.is_fixpoint;
    let wrong: Vec<String> =
        done.iter().flat_map(|found| if is_cut(found) { found.findings() } else { found.wrong() }).collect();
    wrong.iter().try_for_each(|what| writeln!(io::stderr(), "{what}"))?;
    Ok(match (wrong.is_empty(), interrupt.is_asked()) {
        (false, _) => End::Broken,
        (true, true) => End::Interrupted,
        (true, false) => End::Holds,
    })
}

/// What the threads share.
struct Search<'a> {
    interrupt: &'a Interrupt,
    progress: Progress,
    /// Lanes that are searched now, with their states so far.
    under_way: Mutex<Vec<(Lane, usize)>>,
}

impl Search<'_> {
    fn run(&self, lane: Lane) -> Found {
        let mut seen = 0;
        self.look(lane, Some(0));
        let found = search_while(lane, usize::MAX, &mut |states| {
            if states >= seen + LOOK {
                self.progress.advance((states - seen) as u64);
                seen = states;
                self.look(lane, Some(states));
            }
            !self.interrupt.is_asked()
        });
        self.progress.advance((found.states - seen) as u64);
        self.look(lane, None);
        found
    }

    /// So far is the lane; `None`: it is done.
    fn look(&self, lane: Lane, states: Option<usize>) {
        let Ok(mut under_way) = self.under_way.lock() else { return };
        under_way.retain(|(other, _)| *other != lane);
        under_way.extend(states.map(|states| (lane, states)));
        under_way.sort_unstable();
        let words = under_way
            .iter()
            .map(|(lane, states)| format!("{} {} %", lane.name(), states * 100 / lane.pinned().0));
        self.progress.note(words.collect::<Vec<_>>().join(", "));
    }
}
