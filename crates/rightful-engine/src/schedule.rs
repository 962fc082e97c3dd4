//! When an integration is due: what people write becomes moments, also where clocks are put forward and back.

use std::str::FromStr as _;

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeDelta, TimeZone as _, Timelike as _, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use rightful_core::{Error, ErrorKind, Instant, Result, nearest};
use xxhash_rust::xxh3::xxh3_64;

/// What a schedule may say, with an example of each.
const FORMS: &str =
    "`hourly`, `every 15 minutes`, `daily at 06:00`, `weekdays at 06:00`, `manual`, or five fields of cron: `0 6 * * MON-FRI`";

/// No zone puts its clock back by more than this.
const FOLD: TimeDelta = TimeDelta::hours(3);

/// When an integration runs by itself.
///
/// ```
/// use rightful_engine::Schedule;
/// let schedule = Schedule::parse("daily at 6:00", "Africa/Johannesburg", "rep-codes")?;
/// assert_eq!(schedule.told(), "every day at 06:00 Africa/Johannesburg");
/// let next = schedule.next_after("2026-03-01T04:00:00Z".parse().unwrap());
/// assert_eq!(next, Some("2026-03-02T04:00:00Z".parse().unwrap()));
/// # Ok::<(), rightful_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    rule: Rule,
    zone: Tz,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// Never by itself.
    Manual,
    /// Every so many minutes of real time, `phase` minutes after the full hour of UTC: no clock that is put forward or back disturbs it.
    Every { minutes: i64, phase: i64 },
    /// At these times on the wall of the zone.
    Wall {
        cron: Box<Cron>,
        /// Is any hour of the day meant? Then a repeated hour is another hour and a skipped one is none. Else each time is meant once a day.
        every_hour: bool,
        told: String,
    },
}

impl Schedule {
    /// Reads what a person wrote. The integration's name decides where within the hour presets begin, so that a thousand integrations do
    /// not begin at once.
    ///
    /// # Errors
    /// `Config` where it is no schedule or no time zone, naming what was typed and the nearest that is one.
    pub fn parse(text: &str, zone: &str, integration: &str) -> Result<Self> {
        Ok(Self { rule: rule(text, integration)?, zone: zone_of(zone)? })
    }

    /// The next due time after this moment; `None` where it never runs by itself.
    pub fn next_after(&self, at: Instant) -> Option<Instant> {
        match &self.rule {
            Rule::Manual => None,
            Rule::Every { minutes, phase } => DateTime::from_timestamp(boundary(at, *minutes, *phase) + minutes * 60, 0),
            Rule::Wall { cron, every_hour, .. } => {
                let mut wall = self.wall(at) - FOLD;
                let mut best: Option<Instant> = None;
                while let Ok(next) = cron.find_next_occurrence(&wall, false) {
                    wall = next;
                    if best.is_some_and(|best| wall > self.wall(best) + FOLD) {
                        break;
                    }
                    best = self.moments(wall, *every_hour).into_iter().filter(|moment| *moment > at).chain(best).min();
                }
                best
            }
        }
    }

    /// The latest due time that is over and was not handled. However many were missed, they are caught up by this one.
    pub fn latest_due(&self, handled: Instant, now: Instant) -> Option<Instant> {
        self.latest_until(now).filter(|due| *due > handled)
    }

    fn latest_until(&self, now: Instant) -> Option<Instant> {
        match &self.rule {
            Rule::Manual => None,
            Rule::Every { minutes, phase } => DateTime::from_timestamp(boundary(now, *minutes, *phase), 0),
            Rule::Wall { cron, every_hour, .. } => {
                let mut wall = self.wall(now) + FOLD;
                let mut best: Option<Instant> = None;
                while let Ok(previous) = cron.find_previous_occurrence(&wall, false) {
                    wall = previous;
                    if best.is_some_and(|best| wall < self.wall(best) - FOLD) {
                        break;
                    }
                    best = self.moments(wall, *every_hour).into_iter().filter(|moment| *moment <= now).chain(best).max();
                }
                best
            }
        }
    }

    /// In words: "every hour at minute 17".
    pub fn told(&self) -> String {
        match &self.rule {
            Rule::Manual => "only when asked".to_owned(),
            Rule::Every { minutes: 60, phase } => {
                // Elsewhere the minute on the wall is the same one.
                let utc = if self.has_whole_hours() { "" } else { " of UTC" };
                format!("every hour at minute {phase}{utc}")
            }
            Rule::Every { minutes: 1, .. } => "every minute".to_owned(),
            Rule::Every { minutes, .. } => format!("every {minutes} minutes"),
            Rule::Wall { told, .. } => format!("{told} {}", self.zone),
        }
    }

    /// Does it run without being asked?
    pub fn runs_by_itself(&self) -> bool {
        self.rule != Rule::Manual
    }

    /// What the zone's wall shows, written as if it were UTC.
    fn wall(&self, at: Instant) -> DateTime<Utc> {
        at.with_timezone(&self.zone).naive_local().and_utc()
    }

    /// When the zone's wall shows this: once, twice where a clock is put back, never where it is put forward.
    fn moments(&self, wall: DateTime<Utc>, every_hour: bool) -> Vec<Instant> {
        match self.zone.from_local_datetime(&wall.naive_utc()) {
            LocalResult::Single(moment) => vec![moment.to_utc()],
            LocalResult::Ambiguous(first, second) if every_hour => vec![first.to_utc(), second.to_utc()],
            LocalResult::Ambiguous(first, _) => vec![first.to_utc()],
            LocalResult::None if every_hour => Vec::new(),
            LocalResult::None => self.end_of_gap(wall.naive_utc()).into_iter().collect(),
        }
    }

    /// The first moment after the time that the wall skips.
    fn end_of_gap(&self, wall: NaiveDateTime) -> Option<Instant> {
        // The longest ever was a day: islands that changed sides of the date line.
        (1..=25 * 60)
            .find_map(|minutes| self.zone.from_local_datetime(&(wall + TimeDelta::minutes(minutes))).earliest())
            .map(|end| end.to_utc())
    }

    fn has_whole_hours(&self) -> bool {
        let whole = |text: &str| {
            let wall = text.parse::<Instant>().map(|at| self.wall(at));
            wall.is_ok_and(|wall| wall.minute() == 0)
        };
        whole("2026-01-01T00:00:00Z") && whole("2026-07-01T00:00:00Z")
    }
}

/// The last moment, in seconds, that lies `phase` minutes and a multiple of `minutes` after a full hour of UTC.
fn boundary(at: Instant, minutes: i64, phase: i64) -> i64 {
    let (step, phase) = (minutes * 60, phase * 60);
    (at.timestamp() - phase).div_euclid(step) * step + phase
}

fn rule(text: &str, integration: &str) -> Result<Rule> {
    let lower = text.trim().to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    let phase = |minutes: u64| i64::try_from(xxh3_64(integration.as_bytes()) % minutes).unwrap_or(0);
    match words.as_slice() {
        ["manual"] => Ok(Rule::Manual),
        ["hourly"] => Ok(Rule::Every { minutes: 60, phase: phase(60) }),
        ["every", "minute"] => every(text, "1", phase),
        ["every", number, "minute" | "minutes"] => every(text, number, phase),
        ["daily", "at", time] => at(text, time, "*", "every day"),
        ["weekdays", "at", time] => at(text, time, "MON-FRI", "Monday to Friday"),
        [minute, ..] if words.len() == 5 && looks_like_cron(minute) => {
            let fields = words.join(" ").to_uppercase();
            let told = format!("by cron {fields},");
            wall(text, &fields, words[1] == "*", told)
        }
        _ => Err(unknown(text, &words)),
    }
}

fn looks_like_cron(minute: &str) -> bool {
    minute.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '*' | '?' | '/'))
}

fn every(text: &str, number: &str, phase: impl Fn(u64) -> i64) -> Result<Rule> {
    let divisors = || (1..=60_u64).filter(|minutes| 60 % minutes == 0);
    let Ok(minutes) = number.parse::<u64>() else {
        return Err(no_schedule(text).hint(format!("`{number}` is no number of minutes: write `every 15 minutes`")));
    };
    if !divisors().any(|divisor| divisor == minutes) {
        let near = divisors().min_by_key(|divisor| divisor.abs_diff(minutes)).unwrap_or(60);
        let near = if near == 1 { "every minute".to_owned() } else { format!("every {near} minutes") };
        return Err(
            no_schedule(text).hint(format!("an hour cannot be parted into pieces of {minutes} minutes; the nearest that fit: `{near}`"))
        );
    }
    Ok(Rule::Every { minutes: i64::try_from(minutes).unwrap_or(60), phase: phase(minutes) })
}

fn at(text: &str, time: &str, days: &str, told: &str) -> Result<Rule> {
    let read = || {
        let (hour, minute) = time.split_once(':')?;
        let two_digits = minute.len() == 2 && (1..=2).contains(&hour.len());
        let number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse::<u32>().ok()).flatten();
        let (hour, minute) = (number(hour)?, number(minute)?);
        (two_digits && hour < 24 && minute < 60).then_some((hour, minute))
    };
    let Some((hour, minute)) = read() else {
        return Err(no_schedule(text).hint(format!("`{time}` is no time of day: write hours and minutes from 00:00 to 23:59, as in 06:00")));
    };
    wall(text, &format!("{minute} {hour} * * {days}"), false, format!("{told} at {hour:02}:{minute:02}"))
}

fn wall(text: &str, fields: &str, every_hour: bool, told: String) -> Result<Rule> {
    let cron = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build().parse(fields);
    let cron = cron.map_err(|error| {
        no_schedule(text)
            .hint("the five fields are minute, hour, day of the month, month and day of the week: `0 6 * * MON-FRI`")
            .source(error)
    })?;
    // Leap days come back within eight years; what does not come within them never comes.
    let begin = DateTime::UNIX_EPOCH;
    let comes = cron.find_next_occurrence(&begin, false).is_ok_and(|next| next < begin + TimeDelta::days(8 * 366));
    if !comes {
        return Err(no_schedule(text).hint("there is no such day: look at the day of the month and the month"));
    }
    Ok(Rule::Wall { cron: Box::new(cron), every_hour, told })
}

fn no_schedule(text: &str) -> Error {
    Error::new(ErrorKind::Config, format!("`{text}` is no schedule"))
}

/// The complaint about what is no schedule at all: the nearest that is one, else all forms.
fn unknown(text: &str, words: &[&str]) -> Error {
    /// What somebody may have meant, by its first word.
    const MEANT: &[(&str, &str)] = &[
        ("hourly", "hourly"),
        ("every", "every 15 minutes"),
        ("daily", "daily at 06:00"),
        ("weekdays", "weekdays at 06:00"),
        ("manual", "manual"),
        ("hour", "hourly"),
        ("day", "daily at 06:00"),
        ("weekly", "0 6 * * MON"),
        ("monthly", "0 6 1 * *"),
        ("never", "manual"),
    ];
    let last = if words.first() == Some(&"every") { words.last() } else { None };
    let typed = last.filter(|word| matches!(**word, "hour" | "day")).or(words.first()).copied().unwrap_or_default();
    let near = nearest(typed, MEANT.iter().map(|(word, _)| *word));
    let meant = near.and_then(|near| MEANT.iter().find(|(word, _)| *word == near)).map(|(_, meant)| *meant);
    no_schedule(text).hint(match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("write one of: {FORMS}"),
    })
}

fn zone_of(text: &str) -> Result<Tz> {
    Tz::from_str(text).map_err(|_| {
        let names = || TZ_VARIANTS.iter().map(|zone| zone.name());
        let place = |name: &'static str| name.rsplit('/').next().unwrap_or(name);
        let typed = text.trim().replace(' ', "_");
        let by_place = || nearest(typed.rsplit('/').next().unwrap_or(&typed), names().map(place));
        let meant = nearest(&typed, names()).or_else(|| {
            let near = by_place()?;
            names().find(|name| place(name) == near)
        });
        Error::new(ErrorKind::Config, format!("`{text}` is no time zone")).hint(match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "write its IANA name, as in `Africa/Johannesburg` or `UTC`".to_owned(),
        })
    })
}

#[cfg(test)]
mod tests;
