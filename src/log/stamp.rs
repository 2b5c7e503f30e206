//! Wall-clock time as RFC 3339 has it, in UTC with milliseconds.

use std::fmt;
use std::time::Duration;

/// Time since 1970.
pub(super) struct Stamp(pub(super) Duration);

const SECONDS_PER_DAY: u64 = 86_400;
/// In 400 years the Gregorian calendar repeats.
const DAYS_PER_ERA: u64 = 146_097;
/// From 1 March of year 0 to 1 January 1970.
const DAYS_BEFORE_1970: u64 = 719_468;

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (year, month, day) = date(seconds / SECONDS_PER_DAY);
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        let ms = self.0.subsec_millis();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

/// The date so many days after 1 January 1970. Years begin in March here, so that the leap day is the last of one.
const fn date(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_BEFORE_1970;
    let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + (month <= 2) as u64;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_agree_with_the_calendar() {
        let print = |seconds: u64, ms: u32| Stamp(Duration::new(seconds, ms * 1_000_000)).to_string();
        assert_eq!(print(0, 0), "1970-01-01T00:00:00.000Z");
        assert_eq!(print(951_782_400, 1), "2000-02-29T00:00:00.001Z");
        assert_eq!(print(1_709_251_199, 999), "2024-02-29T23:59:59.999Z");
        assert_eq!(print(1_709_251_200, 0), "2024-03-01T00:00:00.000Z");
        assert_eq!(print(4_107_542_400, 0), "2100-03-01T00:00:00.000Z");
        assert_eq!(print(1_798_761_599, 0), "2026-12-31T23:59:59.000Z");
    }
}
