//! Moments as the API user sees them: own offset, own date order, 12 or 24 hours, no zone written (IN-19).
//!
//! The vendor shows `MM/DD/YYYY HH:MM:SS` to `en_US` users [<https://developer.intacct.com/web-services/parameter-formats/>]; that records
//! and filters follow the user's own preference is an independent client's finding and *unconfirmed* for filters. Whether `gmtoffset` moves
//! with daylight saving is *unconfirmed*: the lookback of incremental reads is longer than that hour.

use std::fmt::Write as _;

use chrono::{Datelike, FixedOffset, NaiveDate, Timelike};
use rightful_core::{Error, ErrorKind, Instant, Result};

/// A part of a date, in the user's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Day,
    Month,
    Year,
    /// Of two digits.
    ShortYear,
}

/// A user's preference for dates and times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formatting {
    separator: char,
    order: [Part; 3],
    offset: FixedOffset,
    twelve_hours: bool,
}

impl Formatting {
    /// From `dateformat` (a separator and the order: `/mdY`), `gmtoffset` (`+10:00`) and `clock` (12 or 24).
    ///
    /// # Errors
    /// `Config` where one of them is none we know: reading on would misread every moment.
    pub fn new(date_format: &str, gmt_offset: &str, clock: &str) -> Result<Self> {
        let refuse = |what: &str, value: &str| {
            Err(Error::new(ErrorKind::Config, format!("the API user's {what} is `{value}`, which we cannot read"))
                .hint("set the user's preferences in Sage Intacct to en_US, month/day/year and 24 hours"))
        };
        let mut letters = date_format.trim().chars();
        let separator = letters.next().filter(|letter| letter.is_ascii() && !letter.is_alphanumeric());
        let parts: Option<Vec<Part>> = letters
            .map(|letter| match letter {
                'd' => Some(Part::Day),
                'm' => Some(Part::Month),
                'Y' => Some(Part::Year),
                'y' => Some(Part::ShortYear),
                _ => None,
            })
            .collect();
        let (Some(separator), Some(order)) = (separator, parts.and_then(|parts| <[Part; 3]>::try_from(parts).ok())) else {
            return refuse("date format", date_format);
        };
        let is_year = |part: &Part| matches!(part, Part::Year | Part::ShortYear);
        if !order.contains(&Part::Day) || !order.contains(&Part::Month) || !order.iter().any(is_year) {
            return refuse("date format", date_format);
        }
        let Some(offset) = offset(gmt_offset.trim()) else { return refuse("GMT offset", gmt_offset) };
        let twelve_hours = match clock.trim() {
            "12" => true,
            "24" => false,
            _ => return refuse("clock", clock),
        };
        Ok(Self { separator, order, offset, twelve_hours })
    }

    /// Is it what the vendor's documents show: month/day/year, 24 hours?
    pub fn is_usual(&self) -> bool {
        self.separator == '/' && self.order == [Part::Month, Part::Day, Part::Year] && !self.twelve_hours
    }

    /// A moment from a record; `None` where the text is none in this format.
    pub fn read(&self, text: &str) -> Option<Instant> {
        let mut rest = text.trim().as_bytes();
        let separator = u8::try_from(self.separator).ok()?;
        let (mut day, mut month, mut year) = (0, 0, 0);
        for (part, end) in self.order.iter().zip([separator, separator, b' ']) {
            let width = if *part == Part::Year { 4 } else { 2 };
            let number = digits(&mut rest, width)?;
            match part {
                Part::Day => day = number,
                Part::Month => month = number,
                Part::Year => year = number,
                Part::ShortYear => year = 2000 + number,
            }
            rest = rest.strip_prefix(&[end])?;
        }
        let hour = digits(&mut rest, 2)?;
        rest = rest.strip_prefix(b":")?;
        let minute = digits(&mut rest, 2)?;
        rest = rest.strip_prefix(b":")?;
        let second = digits(&mut rest, 2)?;
        let hour = match (self.twelve_hours, rest, hour) {
            (false, b"", _) => hour,
            (true, b" AM" | b" am", 1..=12) => hour % 12,
            (true, b" PM" | b" pm", 1..=12) => hour % 12 + 12,
            _ => return None,
        };
        let local = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?.and_hms_opt(hour, minute, second)?;
        Some(local.and_utc() - self.offset_from_utc())
    }

    /// A moment for a filter, in whole seconds.
    pub fn write(&self, moment: Instant) -> String {
        let local = moment.naive_utc() + self.offset_from_utc();
        let mut text = String::with_capacity(22);
        for (place, part) in self.order.iter().enumerate() {
            if place > 0 {
                text.push(self.separator);
            }
            // Writing to a string cannot fail.
            let _ = match part {
                Part::Day => write!(text, "{:02}", local.day()),
                Part::Month => write!(text, "{:02}", local.month()),
                Part::Year => write!(text, "{:04}", local.year()),
                Part::ShortYear => write!(text, "{:02}", local.year().rem_euclid(100)),
            };
        }
        let (hour, half) = match local.hour12() {
            (is_pm, hour) if self.twelve_hours => (hour, if is_pm { " PM" } else { " AM" }),
            _ => (local.hour(), ""),
        };
        let _ = write!(text, " {hour:02}:{:02}:{:02}{half}", local.minute(), local.second());
        text
    }

    fn offset_from_utc(&self) -> chrono::TimeDelta {
        chrono::TimeDelta::seconds(i64::from(self.offset.local_minus_utc()))
    }
}

/// The number in the first digits, which are taken off.
fn digits(rest: &mut &[u8], width: usize) -> Option<u32> {
    let (digits, tail) = rest.split_at_checked(width)?;
    *rest = tail;
    digits.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
}

fn offset(text: &str) -> Option<FixedOffset> {
    let (sign, mut rest) = match text.as_bytes() {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let hours = digits(&mut rest, 2)?;
    rest = rest.strip_prefix(b":")?;
    let minutes = digits(&mut rest, 2)?;
    if hours > 15 || minutes > 59 || !rest.is_empty() {
        return None;
    }
    FixedOffset::east_opt(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    /// IN-19.
    #[test]
    fn in_19_moments_follow_the_users_preferences_both_ways() {
        let moment: Instant = "2026-02-03T04:05:06Z".parse().unwrap();
        let table = [
            ("/mdY", "+00:00", "24", "02/03/2026 04:05:06"),
            ("/mdY", "+10:00", "24", "02/03/2026 14:05:06"),
            ("/mdY", "-08:00", "24", "02/02/2026 20:05:06"),
            (".ymd", "+00:00", "24", "26.02.03 04:05:06"),
            (".Ymd", "-03:30", "24", "2026.02.03 00:35:06"),
            ("-dmY", "+05:30", "12", "03-02-2026 09:35:06 AM"),
            ("/mdY", "+08:00", "12", "02/03/2026 12:05:06 PM"),
            ("/mdY", "-04:00", "12", "02/03/2026 12:05:06 AM"),
        ];
        for (date_format, gmt_offset, clock, expected) in table {
            let formatting = Formatting::new(date_format, gmt_offset, clock).unwrap();
            assert_eq!(
                (formatting.write(moment).as_str(), formatting.read(expected)),
                (expected, Some(moment)),
                "{date_format} {gmt_offset} {clock}"
            );
        }
    }

    #[test]
    fn in_19_unknown_preferences_are_refused_with_what_to_do() {
        for (date_format, gmt_offset, clock) in [
            ("", "+00:00", "24"),
            ("/md", "+00:00", "24"),
            ("/mdd", "+00:00", "24"),
            ("/mdYY", "+00:00", "24"),
            ("mdY/", "+00:00", "24"),
            ("/mdX", "+00:00", "24"),
            ("/mdY", "", "24"),
            ("/mdY", "10:00", "24"),
            ("/mdY", "+1", "24"),
            ("/mdY", "+99:00", "24"),
            ("/mdY", "+00:00", "36"),
            ("/mdY", "+00:00", ""),
        ] {
            let error = Formatting::new(date_format, gmt_offset, clock).expect_err(date_format);
            assert_eq!(error.kind(), ErrorKind::Config, "{date_format} {gmt_offset} {clock}");
            assert!(error.mend().is_some());
        }
    }

    #[test]
    fn text_in_another_format_is_no_moment() {
        let formatting = Formatting::new("/mdY", "+00:00", "24").unwrap();
        for text in [
            "",
            "02/03/2026",
            "02-03-2026 04:05:06",
            "2/3/26 04:05:06",
            "13/03/2026 04:05:06",
            "02/03/2026 24:05:06",
            "02/03/2026 04:05",
            "02/03/2026 04:05:06 PM",
            "2026-02-03T04:05:06Z",
        ] {
            assert_eq!(formatting.read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seconds in 946_684_800_i64..4_102_444_800, order in 0_usize..4, hours in -12_i32..=14, twelve: bool) {
            let sign = if hours < 0 { '-' } else { '+' };
            let date_format = ["/mdY", "-dmY", ".Ymd", ",ymd"][order];
            let formatting = Formatting::new(date_format, &format!("{sign}{:02}:00", hours.abs()), if twelve { "12" } else { "24" }).unwrap();
            let moment = DateTime::from_timestamp(seconds + 86_400, 0).unwrap();
            prop_assume!(order < 3 || moment.year() < 2099);
            prop_assert_eq!(formatting.read(&formatting.write(moment)), Some(moment));
        }
    }
}
