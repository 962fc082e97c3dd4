//! How pages say numbers, moments, spans and states: each in one way everywhere.

use chrono::{DateTime, Duration, Utc};
use rightful_core::Instant;

/// "12,345".
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut told = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

/// "1 customer", "2 customers".
pub fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{} {what}s", number(count)) }
}

/// What mends something, without the command that does it: whoever reads this is in front of a page, or writes a program. The engine puts a
/// command behind a colon or into brackets, at the end of what it does: `make a new plan: rightful plan NAME; ...`.
pub fn without_commands(text: &str) -> String {
    let mut left = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, command, end)) = [(": rightful ", ';'), (" (rightful ", ')')]
        .into_iter()
        .filter_map(|(begin, end)| rest.find(begin).map(|at| (at, at + begin.len(), end)))
        .min()
    {
        left.push_str(&rest[..before]);
        let tail = &rest[command..];
        rest = match tail.find(end) {
            Some(at) if end == ')' => &tail[at + 1..],
            Some(at) => &tail[at..],
            None => "",
        };
    }
    left.push_str(rest);
    left
}

/// A moment for people, with the machine's form for scripts and how long ago or ahead it is.
#[derive(Clone, Debug)]
pub struct Moment {
    /// "2026-11-27 06:14 UTC".
    pub text: String,
    /// RFC 3339.
    pub machine: String,
    /// "3 minutes ago", "in 2 hours".
    pub away: String,
}

/// A moment, seen from now.
pub fn moment(at: Instant, now: Instant) -> Moment {
    Moment { text: at.format("%Y-%m-%d %H:%M UTC").to_string(), machine: at.to_rfc3339(), away: away(at, now) }
}

fn away(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (at - now).num_seconds();
    let span = span(seconds.unsigned_abs());
    match seconds {
        -4..=4 => "now".to_owned(),
        ..=-5 => format!("{span} ago"),
        _ => format!("in {span}"),
    }
}

/// "3 minutes", "2 hours", "5 days": the largest whole unit.
pub fn span(seconds: u64) -> String {
    match seconds {
        0..60 => counted(seconds, "second"),
        60..3_600 => counted(seconds / 60, "minute"),
        3_600..172_800 => counted(seconds / 3_600, "hour"),
        _ => counted(seconds / 86_400, "day"),
    }
}

/// "0.4 s", "59.9 s", "2 min 5 s", "3 h 20 min": a duration to the second part that matters.
pub fn took(time: Duration) -> String {
    let milliseconds = time.num_milliseconds().max(0);
    let seconds = milliseconds / 1000;
    match seconds {
        0..60 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_left_out_of_what_mends_something() {
        let table = [
            ("list them: rightful runs", "list them"),
            ("map it: rightful codes set E-1 USER --reason TEXT", "map it"),
            (
                "see who there is: rightful users; new users come with the next read: rightful plan",
                "see who there is; new users come with the next read",
            ),
            ("check the permissions (rightful preflight), then run again", "check the permissions, then run again"),
            ("mend the entity (rightful preflight)", "mend the entity"),
            ("no command: rightfully so", "no command: rightfully so"),
            ("name a person", "name a person"),
            ("", ""),
        ];
        for (text, left) in table {
            assert_eq!(without_commands(text), left);
        }
    }

    #[test]
    fn numbers_and_spans_read_as_people_say_them() {
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1_000, 1_234_567].map(number).each_ref().map(String::as_str));
        for (seconds, told) in [(1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (7_200, "2 hours"), (172_800, "2 days")] {
            assert_eq!(span(seconds), told);
        }
        for (milliseconds, told) in [(-5, "0.0 s"), (449, "0.4 s"), (59_999, "59.9 s"), (125_000, "2 min 5 s"), (12_000_000, "3 h 20 min")]
        {
            assert_eq!(took(Duration::milliseconds(milliseconds)), told);
        }
        let now = DateTime::UNIX_EPOCH;
        let at = |seconds| moment(now + Duration::seconds(seconds), now).away;
        assert_eq!([at(0), at(-90), at(7_300)], ["now", "1 minute ago", "in 2 hours"].map(str::to_owned));
    }
}
