//! The small change of the script's sentences: numbers, durations, instants.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use maglev_core::Instant;

/// Why a sentence cannot be understood, and what to write instead.
pub(super) type Confused = String;

/// A number.
pub(super) fn number<T: FromStr>(word: &str, what: &str) -> Result<T, Confused> {
    word.parse().map_err(|_| format!("{word:?} is not {what}"))
}

/// An ordinal, counted from 1.
pub(super) fn ordinal(word: &str) -> Result<u32, Confused> {
    match number(word, "a number from 1, such as 3 for the third call")? {
        0 => Err("calls are counted from 1: write 1 for the next one".into()),
        n => Ok(n),
    }
}

/// A duration as Go writes it: `300ms`, `5.2s`, `1m30s`.
pub(super) fn duration(word: &str) -> Result<Duration, Confused> {
    let confused = || format!("{word:?} is not a duration: write 300ms, 5.2s or 1m30s");
    let mut total = Duration::ZERO;
    let mut rest = word;
    if rest.is_empty() {
        return Err(confused());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(confused)?;
        let (amount, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let part = nanos(amount, unit).ok_or_else(confused)?;
        total = total.saturating_add(Duration::from_nanos(part));
        rest = after;
    }
    Ok(total)
}

/// Exact: no floating point, so that a time reads back as it was printed.
fn nanos(amount: &str, unit: &str) -> Option<u64> {
    let unit: u64 = match unit {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    let mut total = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let mut scale = unit;
    for digit in fraction.chars() {
        scale /= 10;
        total = total.checked_add(scale.checked_mul(digit.to_digit(10)?.into())?)?;
    }
    Some(total)
}

/// An instant: how long after the start of the scenario.
pub(super) fn instant(word: &str) -> Result<Instant, Confused> {
    duration(word).map(Instant::from_start)
}

/// Prints a duration so that it reads back exactly; `GoDuration` rounds to milliseconds.
pub(super) struct Exact(pub(super) Duration);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos.is_multiple_of(1_000_000_000) || nanos > 1_000_000_000 {
            let text = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
            return write!(f, "{}s", text.trim_end_matches('0').trim_end_matches('.'));
        }
        if nanos.is_multiple_of(1_000_000) {
            write!(f, "{}ms", nanos / 1_000_000)
        } else if nanos.is_multiple_of(1_000) {
            write!(f, "{}us", nanos / 1_000)
        } else {
            write!(f, "{nanos}ns")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_back_as_they_print() {
        for (text, nanos) in [
            ("0s", 0),
            ("300ms", 300_000_000),
            ("5.2s", 5_200_000_000),
            ("90s", 90_000_000_000),
            ("999us", 999_000),
            ("1.000000001s", 1_000_000_001),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_nanos(nanos)));
            assert_eq!(Exact(Duration::from_nanos(nanos)).to_string(), text);
        }
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        for bad in ["", "5", "s", "5 s", "-1s", "1.2.3s", "5x"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
