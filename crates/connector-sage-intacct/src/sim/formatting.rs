//! Dates and times as one user sees them: own offset, own date order, 12 or 24 hours, no zone written.

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// A user's preferences for dates and times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formatting {
    /// `en_US`
    pub locale: String,
    /// Four characters: separator and order, `/mdY`; `Y` is a year of four digits, `y` of two.
    pub date_format: String,
    /// `+00:00`
    pub gmt_offset: String,
    /// 12 or 24 hours.
    pub clock: u8,
}

impl Default for Formatting {
    fn default() -> Self {
        Self { locale: "en_US".to_owned(), date_format: "/mdY".to_owned(), gmt_offset: "+00:00".to_owned(), clock: 24 }
    }
}

impl Formatting {
    /// Seconds east of Greenwich.
    pub fn offset_seconds(&self) -> i64 {
        let text = self.gmt_offset.as_str();
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
        sign * (hours.parse::<i64>().unwrap_or(0) * 3600 + minutes.parse::<i64>().unwrap_or(0) * 60)
    }

    /// The date as `chrono` writes it.
    fn pattern(&self) -> String {
        let mut characters = self.date_format.chars();
        let separator = characters.next().unwrap_or('/');
        let parts: Vec<String> = characters.map(|part| format!("%{part}")).collect();
        parts.join(&separator.to_string())
    }

    /// A moment (seconds since 1970, UTC) as this user sees it.
    pub fn timestamp(&self, seconds: i64, out: &mut String) {
        let Some(local) = DateTime::from_timestamp(seconds + self.offset_seconds(), 0).map(|moment| moment.naive_utc()) else { return };
        if self.date_format == "/mdY" && self.clock != 12 {
            use chrono::{Datelike, Timelike};
            let (date, time) = (local.date(), local.time());
            // The common case, without a pattern to interpret: pages hold thousands of these.
            let _ = write!(
                out,
                "{:02}/{:02}/{:04} {:02}:{:02}:{:02}",
                date.month(),
                date.day(),
                date.year(),
                time.hour(),
                time.minute(),
                time.second()
            );
            return;
        }
        let clock = if self.clock == 12 { "%I:%M:%S %p" } else { "%H:%M:%S" };
        let _ = write!(out, "{} {}", local.format(&self.pattern()), local.format(clock));
    }

    /// A date kept as `YYYY-MM-DD` as this user sees it; other text as it is.
    pub fn date(&self, kept: &str) -> String {
        match NaiveDate::parse_from_str(kept, "%Y-%m-%d") {
            Ok(date) => date.format(&self.pattern()).to_string(),
            Err(_) => kept.to_owned(),
        }
    }

    /// Reads a moment from a filter or a record: this user's format first, then `MM/DD/YYYY [HH:MM:SS]`.
    pub fn read_timestamp(&self, text: &str) -> Option<i64> {
        let text = text.trim();
        let own = self.pattern();
        let patterns = [own.as_str(), "%m/%d/%Y", "%Y-%m-%d"];
        let offset = self.offset_seconds();
        for pattern in patterns {
            for clock in ["%H:%M:%S", "%I:%M:%S %p", "%I:%M %p", "%H:%M"] {
                if let Ok(local) = NaiveDateTime::parse_from_str(text, &format!("{pattern} {clock}"))
                    && plausible(local.date())
                {
                    return Some(local.and_utc().timestamp() - offset);
                }
            }
            if let Ok(date) = NaiveDate::parse_from_str(text, pattern)
                && plausible(date)
            {
                return Some(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp() - offset);
            }
        }
        None
    }

    /// Reads a date into `YYYY-MM-DD`.
    pub fn read_date(&self, text: &str) -> Option<String> {
        let text = text.trim();
        [self.pattern().as_str(), "%m/%d/%Y", "%Y-%m-%d"]
            .iter()
            .find_map(|pattern| NaiveDate::parse_from_str(text, pattern).ok().filter(|date| plausible(*date)))
            .map(|date| date.format("%Y-%m-%d").to_string())
    }
}

/// `%Y` also reads `26` as the year 26: nobody means that.
fn plausible(date: NaiveDate) -> bool {
    use chrono::Datelike;
    (1000..=9999).contains(&date.year())
}

/// An ISO moment with a numeric offset, as envelopes carry it.
pub fn iso(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).map(|moment| moment.format("%Y-%m-%dT%H:%M:%S+00:00").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: i64 = 1_770_091_506; // 2026-02-03T04:05:06Z

    #[test]
    fn moments_follow_the_users_preferences_both_ways() {
        let table = [
            ("/mdY", "+00:00", 24, "02/03/2026 04:05:06"),
            ("/mdY", "+10:00", 24, "02/03/2026 14:05:06"),
            ("/mdY", "-08:00", 24, "02/02/2026 20:05:06"),
            (".Ymd", "+00:00", 24, "2026.02.03 04:05:06"),
            (".ymd", "+00:00", 24, "26.02.03 04:05:06"),
            ("-dmY", "+05:30", 12, "03-02-2026 09:35:06 AM"),
        ];
        for (date_format, gmt_offset, clock, expected) in table {
            let formatting =
                Formatting { date_format: date_format.to_owned(), gmt_offset: gmt_offset.to_owned(), clock, ..Formatting::default() };
            let mut out = String::new();
            formatting.timestamp(MOMENT, &mut out);
            assert_eq!((out.as_str(), formatting.read_timestamp(&out)), (expected, Some(MOMENT)));
        }
    }

    #[test]
    fn dates_are_kept_in_one_form() {
        let formatting = Formatting::default();
        assert_eq!(formatting.read_date("02/03/2026").as_deref(), Some("2026-02-03"));
        assert_eq!(formatting.date("2026-02-03"), "02/03/2026");
        assert_eq!(formatting.read_timestamp("yesterday"), None);
        assert_eq!(iso(MOMENT), "2026-02-03T04:05:06+00:00");
    }
}
