//! Named dates: <https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_dateformats.htm>.

use chrono::{Datelike, Days, Months, NaiveDate};

/// A named date with its number, where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Span {
    name: &'static str,
    number: u32,
}

/// Names, and whether a number follows.
const NAMES: &[(&str, bool)] = &[
    ("YESTERDAY", false),
    ("TODAY", false),
    ("TOMORROW", false),
    ("LAST_WEEK", false),
    ("THIS_WEEK", false),
    ("NEXT_WEEK", false),
    ("LAST_MONTH", false),
    ("THIS_MONTH", false),
    ("NEXT_MONTH", false),
    ("LAST_90_DAYS", false),
    ("NEXT_90_DAYS", false),
    ("LAST_YEAR", false),
    ("THIS_YEAR", false),
    ("NEXT_YEAR", false),
    ("LAST_N_DAYS", true),
    ("NEXT_N_DAYS", true),
    ("N_DAYS_AGO", true),
    ("LAST_N_MONTHS", true),
];

/// More days than anybody asks for.
const MOST: u32 = 100_000;

/// The name as the tables spell it, with whether a number must follow.
pub(super) fn named(word: &str) -> Option<(&'static str, bool)> {
    NAMES.iter().copied().find(|(name, _)| name.eq_ignore_ascii_case(word))
}

impl Span {
    pub(super) fn new(name: &'static str, number: f64) -> Option<Self> {
        let whole = number.fract() == 0.0 && number >= 0.0 && number <= f64::from(MOST);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a whole number in range")]
        whole.then_some(Self { name, number: number as u32 })
    }

    /// The first day and the day after the last.
    pub(super) fn days(self, today: NaiveDate) -> (NaiveDate, NaiveDate) {
        let number = u64::from(self.number);
        let back = |days: u64| today.checked_sub_days(Days::new(days)).unwrap_or(NaiveDate::MIN);
        let on = |days: u64| today.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX);
        let week = back(u64::from(today.weekday().num_days_from_sunday()));
        let weeks = |from: i64| {
            let start = week + chrono::Duration::weeks(from);
            (start, start + chrono::Duration::weeks(1))
        };
        let month = today.with_day(1).unwrap_or(today);
        let last_months = |count: u32| month.checked_sub_months(Months::new(count)).unwrap_or(NaiveDate::MIN);
        let next_months = |count: u32| month.checked_add_months(Months::new(count)).unwrap_or(NaiveDate::MAX);
        let january = |year: i32| NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or(NaiveDate::MAX);
        let years = |from: i32| (january(today.year() + from), january(today.year() + from + 1));
        match self.name {
            "YESTERDAY" => (back(1), today),
            "TOMORROW" => (on(1), on(2)),
            "LAST_WEEK" => weeks(-1),
            "THIS_WEEK" => weeks(0),
            "NEXT_WEEK" => weeks(1),
            "LAST_MONTH" => (last_months(1), month),
            "THIS_MONTH" => (month, next_months(1)),
            "NEXT_MONTH" => (next_months(1), next_months(2)),
            "LAST_N_MONTHS" => (last_months(self.number), month),
            "LAST_90_DAYS" => (back(90), on(1)),
            "NEXT_90_DAYS" => (on(1), on(91)),
            "LAST_YEAR" => years(-1),
            "THIS_YEAR" => years(0),
            "NEXT_YEAR" => years(1),
            "LAST_N_DAYS" => (back(number), on(1)),
            "NEXT_N_DAYS" => (on(1), on(number + 1)),
            "N_DAYS_AGO" => (back(number), back(number.saturating_sub(1))),
            _ => (today, on(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_dates_span_whole_days() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (name, number, first, end) in [
            ("TODAY", 0.0, "2026-11-27", "2026-11-28"),
            ("YESTERDAY", 0.0, "2026-11-26", "2026-11-27"),
            ("LAST_N_DAYS", 30.0, "2026-10-28", "2026-11-28"),
            ("N_DAYS_AGO", 2.0, "2026-11-25", "2026-11-26"),
            ("THIS_WEEK", 0.0, "2026-11-22", "2026-11-29"),
            ("NEXT_MONTH", 0.0, "2026-12-01", "2027-01-01"),
            ("LAST_YEAR", 0.0, "2025-01-01", "2026-01-01"),
        ] {
            let (known, numbered) = named(&name.to_ascii_lowercase()).unwrap();
            assert_eq!(numbered, number > 0.0);
            assert_eq!(Span::new(known, number).unwrap().days(day("2026-11-27")), (day(first), day(end)), "{name}");
        }
        assert!(Span::new("LAST_N_DAYS", 1.5).is_none() && Span::new("LAST_N_DAYS", 1e9).is_none());
        assert_eq!(named("SOMEDAY"), None);
    }
}
