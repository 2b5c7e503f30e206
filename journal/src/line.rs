//! An entry as a line of JSON, and back.

use std::sync::Arc;
use std::time::Duration;

use maglev_core::config::Draft;
use maglev_core::input::Outcome;
use maglev_core::{Input, Instant, ProbeId};
use serde::{Deserialize, Serialize};

use crate::{Chain, Check, Entry, FORMAT, Head, Heard, Record};

/// How each kind of line begins.
const HEAD: &[u8] = b"{\"maglev-journal\":";
const RECORD: &[u8] = b"{\"t\":";
const CHECK: &[u8] = b"{\"n\":";

#[derive(Serialize, Deserialize)]
struct HeadLine<H> {
    #[serde(rename = "maglev-journal")]
    format: u32,
    #[serde(flatten)]
    head: H,
}

/// The format alone, of a head that may have any other keys.
#[derive(Deserialize)]
struct FormatOf {
    #[serde(rename = "maglev-journal")]
    format: u32,
}

/// Neither `p`, `i` nor `c`: a wakeup.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordLine<I, D> {
    t: u64,
    #[serde(skip_serializing_if = "Option::is_none", default = "none")]
    h: Option<u32>,
    /// A probe that passed: its slot, its number, and the nanoseconds that it took.
    #[serde(skip_serializing_if = "Option::is_none", default = "none")]
    p: Option<(u32, u64, u64)>,
    #[serde(skip_serializing_if = "Option::is_none", default = "none")]
    i: Option<I>,
    #[serde(skip_serializing_if = "Option::is_none", default = "none")]
    c: Option<ConfigLine<D>>,
}

const fn none<T>() -> Option<T> {
    None
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigLine<D> {
    forced: bool,
    draft: D,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckLine {
    n: u64,
    chain: Chain,
    state: String,
}

pub(crate) fn write(entry: &Entry, to: &mut Vec<u8>) {
    match entry {
        Entry::Head(head) => json(&HeadLine { format: FORMAT, head }, to),
        Entry::Record(record) => json(&record_line(record), to),
        Entry::Check(Check { steps, chain, state }) => {
            json(&CheckLine { n: *steps, chain: *chain, state: format!("{state:016x}") }, to);
        }
    }
    to.push(b'\n');
}

fn json<T: Serialize>(line: &T, to: &mut Vec<u8>) {
    serde_json::to_writer(to, line)
        .expect("no map of these has keys other than text, and memory takes every byte");
}

fn record_line(record: &Record) -> RecordLine<&Input, &Draft> {
    let line = RecordLine { t: nanos(record.at.since_start()), h: record.hash, p: None, i: None, c: None };
    match &record.heard {
        Heard::Input(Input::WakeupDue) => line,
        Heard::Input(Input::ProbeFinished { probe, outcome: Outcome::Pass, took })
            if took.as_nanos() <= u64::MAX.into() =>
        {
            RecordLine { p: Some((probe.slot, probe.number, nanos(*took))), ..line }
        }
        Heard::Input(input) => RecordLine { i: Some(input), ..line },
        Heard::Config { draft, forced } => {
            RecordLine { c: Some(ConfigLine { forced: *forced, draft: draft.as_ref() }), ..line }
        }
    }
}

/// 584 years fit.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What is wrong with a line.
pub(crate) enum Wrong {
    /// A head of another format.
    Format(u32),
    /// In words.
    Garbage(String),
}

impl From<serde_json::Error> for Wrong {
    fn from(err: serde_json::Error) -> Self {
        Self::Garbage(err.to_string())
    }
}

pub(crate) fn parse(line: &[u8]) -> Result<Entry, Wrong> {
    if line.starts_with(RECORD) {
        return record(serde_json::from_slice(line)?).map(|record| Entry::Record(Box::new(record)));
    }
    if line.starts_with(CHECK) {
        let CheckLine { n, chain, state } = serde_json::from_slice(line)?;
        let state = u64::from_str_radix(&state, 16)
            .map_err(|_| Wrong::Garbage("`state` is no hexadecimal number".to_owned()))?;
        return Ok(Entry::Check(Check { steps: n, chain, state }));
    }
    if is_head(line) {
        let FormatOf { format } = serde_json::from_slice(line)?;
        if format != FORMAT {
            return Err(Wrong::Format(format));
        }
        let HeadLine { format: _, head } = serde_json::from_slice::<HeadLine<Head>>(line)?;
        return Ok(Entry::Head(Box::new(head)));
    }
    Err(Wrong::Garbage("it is neither a head, a record nor a check".to_owned()))
}

pub(crate) fn is_head(line: &[u8]) -> bool {
    line.starts_with(HEAD)
}

fn record(line: RecordLine<Input, Arc<Draft>>) -> Result<Record, Wrong> {
    let RecordLine { t, h, p, i, c } = line;
    let heard = match (p, i, c) {
        (None, None, None) => Heard::Input(Input::WakeupDue),
        (Some((slot, number, took)), None, None) => Heard::Input(Input::ProbeFinished {
            probe: ProbeId { slot, number },
            outcome: Outcome::Pass,
            took: Duration::from_nanos(took),
        }),
        (None, Some(input), None) => Heard::Input(input),
        (None, None, Some(ConfigLine { forced, draft })) => Heard::Config { draft, forced },
        _ => return Err(Wrong::Garbage("it has more than one input".to_owned())),
    };
    Ok(Record { at: Instant::from_start(Duration::from_nanos(t)), heard, hash: h })
}
