//! Schedules at the days on which clocks are put forward and back, what is refused, and what holds for all of them.

use proptest::prelude::*;

use super::*;

fn instant(text: &str) -> Instant {
    text.parse().unwrap()
}

fn schedule(text: &str, zone: &str) -> Schedule {
    Schedule::parse(text, zone, "rep-codes").unwrap()
}

/// Every due time after `from` up to `to`, as the zone's wall shows it.
fn walls(schedule: &Schedule, from: &str, to: &str) -> Vec<String> {
    let to = instant(to);
    let mut at = instant(from);
    let mut found = Vec::new();
    while let Some(next) = schedule.next_after(at).filter(|next| *next <= to) {
        found.push(next.with_timezone(&schedule.zone).format("%d %H:%M %z").to_string());
        at = next;
    }
    found
}

#[test]
fn presets_are_told_as_people_say_them() {
    let minute = xxh3_64(b"rep-codes") % 60;
    let hourly = format!("every hour at minute {minute}");
    for (text, zone, told) in [
        ("hourly", "UTC", hourly.as_str()),
        (" Hourly ", "Africa/Johannesburg", &hourly),
        ("hourly", "Asia/Kolkata", &format!("{hourly} of UTC")),
        ("hourly", "Australia/Lord_Howe", &format!("{hourly} of UTC")),
        ("every 15 minutes", "UTC", "every 15 minutes"),
        ("every minute", "UTC", "every minute"),
        ("every 60 minutes", "UTC", &hourly),
        ("daily at 06:00", "Africa/Johannesburg", "every day at 06:00 Africa/Johannesburg"),
        ("weekdays at 6:05", "UTC", "Monday to Friday at 06:05 UTC"),
        ("0 6  * * mon-fri", "Europe/Berlin", "by cron 0 6 * * MON-FRI, Europe/Berlin"),
        ("manual", "UTC", "only when asked"),
    ] {
        assert_eq!(schedule(text, zone).told(), told, "{text} {zone}");
    }
}

#[test]
fn what_is_no_schedule_is_named_with_the_nearest_that_is_one() {
    for (text, message, mend) in [
        ("hourli", "`hourli` is no schedule", "did you mean `hourly`?"),
        ("every hour", "`every hour` is no schedule", "did you mean `hourly`?"),
        ("every day", "`every day` is no schedule", "did you mean `daily at 06:00`?"),
        ("dayly at 07:00", "`dayly at 07:00` is no schedule", "did you mean `daily at 06:00`?"),
        ("weekly", "`weekly` is no schedule", "did you mean `0 6 * * MON`?"),
        ("every 7 minutes", "`every 7 minutes` is no schedule", "the nearest that fit: `every 6 minutes`"),
        ("every 90 minutes", "`every 90 minutes` is no schedule", "`every 60 minutes`"),
        ("every 0 minutes", "`every 0 minutes` is no schedule", "`every minute`"),
        ("every few minutes", "`every few minutes` is no schedule", "`few` is no number of minutes"),
        ("daily at 25:00", "`daily at 25:00` is no schedule", "`25:00` is no time of day"),
        ("daily at 6", "`daily at 6` is no schedule", "`6` is no time of day"),
        ("daily at +6:00", "`daily at +6:00` is no schedule", "`+6:00` is no time of day"),
        ("61 * * * *", "`61 * * * *` is no schedule", "the five fields are minute, hour"),
        ("0 6 * * FUN", "`0 6 * * FUN` is no schedule", "the five fields are minute, hour"),
        ("0 0 31 2 *", "`0 0 31 2 *` is no schedule", "there is no such day"),
        ("0 6 * *", "`0 6 * *` is no schedule", "five fields of cron"),
        ("0 0 6 * * *", "`0 0 6 * * *` is no schedule", "five fields of cron"),
        ("@hourly", "`@hourly` is no schedule", "did you mean `hourly`?"),
        ("", "`` is no schedule", "`hourly`, `every 15 minutes`"),
        ("when it rains", "`when it rains` is no schedule", "`hourly`, `every 15 minutes`"),
    ] {
        let error = Schedule::parse(text, "UTC", "rep-codes").unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Config, message));
        assert!(error.mend().is_some_and(|told| told.contains(mend)), "{text}: {:?}", error.mend());
    }
    for (zone, mend) in [
        ("Europe/Berln", "did you mean `Europe/Berlin`?"),
        ("europe/berlin", "did you mean `Europe/Berlin`?"),
        ("Johannesburg", "did you mean `Africa/Johannesburg`?"),
        ("new york", "did you mean `America/New_York`?"),
        ("Middle/Earth-on-Sea", "write its IANA name"),
        ("", "write its IANA name"),
    ] {
        let error = Schedule::parse("hourly", zone, "rep-codes").unwrap_err();
        assert_eq!(error.to_string(), format!("`{zone}` is no time zone"));
        assert!(error.mend().is_some_and(|told| told.contains(mend)), "{zone}: {:?}", error.mend());
    }
}

#[test]
fn integrations_do_not_begin_at_once() {
    let begun: std::collections::BTreeSet<String> =
        (0..1_000).map(|number| Schedule::parse("hourly", "UTC", &format!("branch-{number}")).unwrap().told()).collect();
    assert_eq!(begun.len(), 60, "all minutes of the hour are used");
    let twice = ["one", "one"].map(|name| Schedule::parse("every 15 minutes", "UTC", name).unwrap());
    assert_eq!(twice[0], twice[1], "a name stands for its minute");
}

/// Around the nights in which clocks are put forward and back: what each schedule comes to.
#[test]
fn clocks_put_forward_and_back() {
    let berlin_forward = ("Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
    let berlin_back = ("Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
    let york_forward = ("America/New_York", "2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z");
    let york_back = ("America/New_York", "2026-10-31T12:00:00Z", "2026-11-02T12:00:00Z");
    let howe_forward = ("Australia/Lord_Howe", "2026-10-03T02:00:00Z", "2026-10-05T02:00:00Z");
    let howe_back = ("Australia/Lord_Howe", "2026-04-04T02:00:00Z", "2026-04-06T02:00:00Z");
    /// A zone and the time looked at.
    type Night = (&'static str, &'static str, &'static str);
    let table: &[(&str, Night, &[&str])] = &[
        // A time that the wall skips: once on that day, at the first moment there is.
        ("daily at 02:30", berlin_forward, &["29 03:00 +0200", "30 02:30 +0200"]),
        ("daily at 02:30", york_forward, &["08 03:00 -0400", "09 02:30 -0400"]),
        ("daily at 02:10", howe_forward, &["04 02:30 +1100", "05 02:10 +1100"]),
        // A time that the wall shows twice: once, the first time.
        ("daily at 02:30", berlin_back, &["25 02:30 +0200", "26 02:30 +0100"]),
        ("daily at 01:30", york_back, &["01 01:30 -0400", "02 01:30 -0500"]),
        ("daily at 01:45", howe_back, &["05 01:45 +1100", "06 01:45 +1030"]),
        // Times besides these are as on any day.
        ("daily at 06:00", berlin_forward, &["29 06:00 +0200", "30 06:00 +0200"]),
        ("daily at 06:00", berlin_back, &["25 06:00 +0100", "26 06:00 +0100"]),
        ("daily at 03:00", berlin_forward, &["29 03:00 +0200", "30 03:00 +0200"]),
        // 2026-03-29 and 2026-10-25 are Sundays.
        ("weekdays at 02:30", berlin_forward, &["30 02:30 +0200"]),
        ("weekdays at 02:30", berlin_back, &["26 02:30 +0100"]),
        // Several times a day in cron: each is meant once. Two that fall into the gap are one run.
        ("30 2,14 * * *", berlin_forward, &["28 14:30 +0100", "29 03:00 +0200", "29 14:30 +0200", "30 02:30 +0200"]),
        ("30 2,14 * * *", berlin_back, &["24 14:30 +0200", "25 02:30 +0200", "25 14:30 +0100", "26 02:30 +0100"]),
        ("0,30 2 * * *", berlin_forward, &["29 03:00 +0200", "30 02:00 +0200", "30 02:30 +0200"]),
        ("0 3,2 29 3 *", berlin_forward, &["29 03:00 +0200"]),
    ];
    for (text, (zone, from, to), expected) in table {
        assert_eq!(walls(&schedule(text, zone), from, to), *expected, "{text} {zone} from {from}");
    }
}

#[test]
fn an_hourly_schedule_runs_once_per_real_hour_whatever_the_wall_shows() {
    for (zone, from) in [
        ("Europe/Berlin", "2026-03-28T20:00:00Z"),
        ("Europe/Berlin", "2026-10-24T20:00:00Z"),
        ("America/New_York", "2026-03-08T01:00:00Z"),
        ("America/New_York", "2026-11-01T01:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T10:00:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T10:00:00Z"),
    ] {
        // Cron's hours are the wall's: where it moves by whole hours they are real ones too.
        let cron: &[&str] = if zone == "Australia/Lord_Howe" { &[] } else { &["17 * * * *"] };
        for text in ["hourly"].iter().chain(cron) {
            let schedule = schedule(text, zone);
            let mut at = schedule.next_after(instant(from)).unwrap();
            for _ in 0..48 {
                let next = schedule.next_after(at).unwrap();
                assert_eq!(next - at, TimeDelta::hours(1), "{text} {zone} at {at}");
                at = next;
            }
        }
    }
    let quarter = schedule("*/15 * * * *", "Europe/Berlin");
    let night = walls(&quarter, "2026-10-25T00:20:00Z", "2026-10-25T01:20:00Z");
    assert_eq!(night, ["25 02:30 +0200", "25 02:45 +0200", "25 02:00 +0100", "25 02:15 +0100"]);
}

#[test]
fn an_island_that_lost_a_day_is_due_when_the_next_began() {
    let daily = schedule("daily at 06:00", "Pacific/Apia");
    assert_eq!(
        walls(&daily, "2011-12-29T12:00:00Z", "2012-01-01T12:00:00Z"),
        ["29 06:00 -1000", "31 00:00 +1400", "31 06:00 +1400", "01 06:00 +1400"]
    );
}

#[test]
fn missed_runs_are_caught_up_once() {
    for (text, handled, now, due) in [
        ("daily at 06:00", "2026-01-01T06:00:00Z", "2026-01-09T05:00:00Z", Some("2026-01-08T06:00:00Z")),
        ("daily at 06:00", "2026-01-08T06:00:00Z", "2026-01-09T05:00:00Z", None),
        ("daily at 06:00", "2026-01-08T06:00:00Z", "2026-01-09T06:00:00Z", Some("2026-01-09T06:00:00Z")),
        // Monday to Friday: nothing was missed over the weekend.
        ("weekdays at 06:00", "2026-01-09T06:00:00Z", "2026-01-12T05:59:59Z", None),
        ("every minute", "2026-01-01T00:00:00Z", "2026-01-09T05:00:30Z", Some("2026-01-09T05:00:00Z")),
        ("manual", "2026-01-01T00:00:00Z", "2026-01-09T05:00:30Z", None),
    ] {
        assert_eq!(schedule(text, "UTC").latest_due(instant(handled), instant(now)), due.map(instant), "{text} {handled} {now}");
    }
}

#[test]
fn what_never_runs_by_itself_is_never_due() {
    let manual = schedule("manual", "UTC");
    assert_eq!((manual.runs_by_itself(), manual.next_after(Utc::now())), (false, None));
    assert!(schedule("hourly", "UTC").runs_by_itself());
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let texts = prop_oneof![
        Just("hourly".to_owned()),
        (0..12_usize).prop_map(|place| format!("every {} minutes", [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60][place])),
        (0..24_u32, 0..60_u32).prop_map(|(hour, minute)| format!("daily at {hour:02}:{minute:02}")),
        (0..24_u32, 0..60_u32).prop_map(|(hour, minute)| format!("weekdays at {hour:02}:{minute:02}")),
        (0..60_u32).prop_map(|minute| format!("{minute} * * * *")),
        (0..60_u32, 0..20_u32).prop_map(|(minute, hour)| format!("{minute},30 {hour}-{} * * *", hour + 3)),
        (1..28_u32, 0..5_u32).prop_map(|(day, hour)| format!("*/20 {hour} {day} * *")),
    ];
    let zones = prop_oneof![
        3 => prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "Africa/Casablanca"]),
        2 => prop::sample::select(TZ_VARIANTS.iter().map(|zone| zone.name()).collect::<Vec<_>>()),
    ];
    (texts, zones, "[a-z]{1,8}").prop_map(|(text, zone, name)| Schedule::parse(&text, zone, &name).unwrap())
}

/// Moments from 1980 to 2040, half of them near a change of Berlin's clocks.
fn any_moment() -> impl Strategy<Value = Instant> {
    let changes = ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-10-03T15:30:00Z", "2026-04-04T15:00:00Z"].map(instant);
    prop_oneof![
        (315_532_800_i64..2_208_988_800).prop_map(|second| DateTime::from_timestamp(second, 0).unwrap()),
        (prop::sample::select(changes.to_vec()), -10_000_i64..10_000).prop_map(|(change, seconds)| change + TimeDelta::seconds(seconds)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_next_is_later_and_never_goes_back(schedule in any_schedule(), at in any_moment(), later in 0_i64..200_000) {
        let next = schedule.next_after(at).unwrap();
        prop_assert!(next > at, "{next} after {at}");
        prop_assert!(schedule.next_after(at + TimeDelta::seconds(later)).unwrap() >= next);
        // Nothing lies between.
        let between = at + (next - at) / 2;
        prop_assert_eq!(schedule.next_after(between), Some(next));
    }

    #[test]
    fn the_latest_and_the_next_enclose_every_moment(schedule in any_schedule(), now in any_moment(), back in 1_i64..2_000_000) {
        let handled = now - TimeDelta::seconds(back);
        match schedule.latest_due(handled, now) {
            Some(due) => {
                prop_assert!(handled < due && due <= now);
                prop_assert!(schedule.next_after(due).unwrap() > now);
                prop_assert_eq!(schedule.next_after(due - TimeDelta::seconds(1)), Some(due));
                prop_assert_eq!(schedule.latest_due(due, now), None);
            }
            None => prop_assert!(schedule.next_after(handled).unwrap() > now),
        }
    }
}
