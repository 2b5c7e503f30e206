//! Durations as Go's `time.ParseDuration` reads them, so that files of Go's vpp-maglev load unchanged.

use std::fmt;
use std::time::Duration;

/// Nanoseconds of Go's longest duration, about 292 years.
const NANOS_MAX: u128 = i64::MAX as u128;

/// More decimals than a nanosecond of the largest unit (an hour) has; the rest cannot matter.
const DECIMALS_MAX: usize = 18;

/// Why a text is no duration for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurationError {
    /// Not of the form that Go reads.
    Syntax,
    /// A number without a unit, the commonest slip.
    NoUnit,
    /// Legal for Go, but no waiting time.
    Negative,
    /// Longer than Go can hold.
    TooLong,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => {
                "is not a duration; write numbers with units, such as 250ms, 1.5s or 1m30s (units: h, m, s, ms, us, ns)"
            }
            Self::NoUnit => "has no unit; write it as 250ms, 1.5s or 1m30s (units: h, m, s, ms, us, ns)",
            Self::Negative => "is negative; use a duration of 0 or more",
            Self::TooLong => "is longer than 292 years; use a shorter duration",
        })
    }
}

/// Reads `250ms`, `1m30s`, `1.5s`, `0`: numbers with units, each with decimals if need be.
///
/// # Errors
/// The text is not of that form, or not a time to wait.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let (is_negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        Some(_) | None => (false, text),
    };
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(DurationError::Syntax);
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let (part, after) = part(rest)?;
        nanos = nanos.saturating_add(part);
        rest = after;
    }
    match (nanos, is_negative) {
        (1.., true) => Err(DurationError::Negative),
        (NANOS_MAX.., _) if nanos > NANOS_MAX => Err(DurationError::TooLong),
        (nanos, _) => {
            let seconds = u64::try_from(nanos / 1_000_000_000).map_err(|_| DurationError::TooLong)?;
            let subsec = u32::try_from(nanos % 1_000_000_000).map_err(|_| DurationError::TooLong)?;
            Ok(Duration::new(seconds, subsec))
        }
    }
}

/// One number with its unit in nanoseconds, and what follows it.
fn part(text: &str) -> Result<(u128, &str), DurationError> {
    let (whole, rest) = digits(text);
    let (decimals, rest) = rest.strip_prefix('.').map_or(("", rest), digits);
    if whole.is_empty() && decimals.is_empty() {
        return Err(DurationError::Syntax);
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let unit: u128 = match unit {
        "" => return Err(DurationError::NoUnit),
        "ns" => 1,
        // Both ways in which Unicode writes the micro sign.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(DurationError::Syntax),
    };
    // A number that does not even fit u128 is too long in every unit.
    let whole = if whole.is_empty() { 0 } else { whole.parse().unwrap_or(u128::MAX) };
    Ok((whole.saturating_mul(unit).saturating_add(fraction(decimals, unit)), rest))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// `0.decimals` of `unit`, cut to whole nanoseconds.
fn fraction(decimals: &str, unit: u128) -> u128 {
    let mut scale: u128 = 1;
    let mut sum: u128 = 0;
    for digit in decimals.bytes().take(DECIMALS_MAX) {
        scale *= 10;
        sum = sum * 10 + u128::from(digit - b'0');
    }
    sum * unit / scale
}

/// Writes what [`parse`] reads as exactly this duration, as short as a person would: `300ms`, `1.5s`, `1h30m`.
pub fn print(duration: Duration) -> String {
    let (secs, nanos) = (duration.as_secs(), duration.subsec_nanos());
    match (secs, nanos) {
        (0, 0) => "0s".into(),
        (0, ..1_000) => format!("{nanos}ns"),
        (0, ..1_000_000) => format!("{}us", decimal(nanos.into(), 1_000, 3)),
        (0, _) => format!("{}ms", decimal(nanos.into(), 1_000_000, 6)),
        _ => {
            let part = |count: u64, unit| if count == 0 { String::new() } else { format!("{count}{unit}") };
            let rest = u128::from(secs % 60) * 1_000_000_000 + u128::from(nanos);
            let rest = if rest == 0 { String::new() } else { decimal(rest, 1_000_000_000, 9) + "s" };
            part(secs / 3_600, "h") + &part(secs / 60 % 60, "m") + &rest
        }
    }
}

/// `nanos` in a unit of so many nanoseconds, which has so many decimals.
fn decimal(nanos: u128, unit: u128, decimals: usize) -> String {
    let text = format!("{}.{:0decimals$}", nanos / unit, nanos % unit);
    text.trim_end_matches('0').trim_end_matches('.').into()
}

#[cfg(test)]
mod tests {
    use super::{DurationError, parse, print};
    use std::time::Duration;

    /// What Go writes, we read.
    #[test]
    fn durations_of_go_are_read() {
        let table: &[(&str, u64)] = &[
            ("0", 0),
            ("+0", 0),
            ("-0", 0),
            ("0s", 0),
            ("-0s", 0),
            ("1ns", 1),
            ("7us", 7_000),
            ("7\u{b5}s", 7_000),
            ("7\u{3bc}s", 7_000),
            ("250ms", 250_000_000),
            ("5s", 5_000_000_000),
            ("+5s", 5_000_000_000),
            ("1.5s", 1_500_000_000),
            ("1.s", 1_000_000_000),
            (".5s", 500_000_000),
            ("1m30s", 90_000_000_000),
            ("1h2m3.004s", 3_723_004_000_000),
            ("0.000000001s", 1),
            ("0.3333333333333333333h", 1_199_999_999_999),
            ("1s1s", 2_000_000_000),
            ("0.9ns", 0),
            ("9223372036854775807ns", 9_223_372_036_854_775_807),
        ];
        for (text, nanos) in table {
            assert_eq!(parse(text), Ok(Duration::from_nanos(*nanos)), "{text}");
        }
    }

    /// Each refusal says its own reason.
    #[test]
    fn other_texts_are_refused_with_their_reason() {
        use DurationError::{Negative, NoUnit, Syntax, TooLong};
        let table = [
            ("", Syntax),
            ("-", Syntax),
            ("+", Syntax),
            (".", Syntax),
            ("s", Syntax),
            (".s", Syntax),
            ("5 s", Syntax),
            ("5sec", Syntax),
            ("5S", Syntax),
            ("1d", Syntax),
            ("1e3s", Syntax),
            ("--5s", Syntax),
            ("\u{665}s", Syntax),
            ("5", NoUnit),
            ("1.5", NoUnit),
            ("1m30", NoUnit),
            ("00", NoUnit),
            ("-5s", Negative),
            ("-1ns", Negative),
            ("9223372036854775808ns", TooLong),
            ("300000000h", TooLong),
            ("999999999999999999999999999999999999999999999999s", TooLong),
        ];
        for (text, error) in table {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    /// What we write is short, and read back to the nanosecond.
    #[test]
    fn durations_are_written_as_they_are_read() {
        let table: &[(&str, u64)] = &[
            ("0s", 0),
            ("1ns", 1),
            ("7us", 7_000),
            ("7.25us", 7_250),
            ("300ms", 300_000_000),
            ("10.000001ms", 10_000_001),
            ("1s", 1_000_000_000),
            ("1.5s", 1_500_000_000),
            ("10s", 10_000_000_000),
            ("1m", 60_000_000_000),
            ("1m30s", 90_000_000_000),
            ("1h", 3_600_000_000_000),
            ("100h0.000000001s", 360_000_000_000_001),
            ("2562047h47m16.854775807s", 9_223_372_036_854_775_807),
        ];
        for (text, nanos) in table {
            assert_eq!(print(Duration::from_nanos(*nanos)), *text);
            assert_eq!(parse(text), Ok(Duration::from_nanos(*nanos)), "{text}");
        }
    }
}
