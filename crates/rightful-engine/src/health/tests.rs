//! Each alarm as a table: when it begins, when it stands, when it ends.

use super::*;
use crate::{Authorship, IntegrationState, PlanId, RunCounts, Watched};

fn at(time: &str) -> Instant {
    format!("2026-03-{time}:00Z").replace(' ', "T").parse().unwrap()
}

fn vitals(watched: Watched) -> Vitals {
    Vitals { integration: "rep-codes".into(), watched, ..Vitals::default() }
}

fn paused(mut vitals: Vitals) -> Vitals {
    let by = Authorship { author: "ann".into(), reason: "upgrade".into(), at: at("01 00:00") };
    vitals.state = IntegrationState { paused: Some(by), editable: false };
    vitals
}

fn told(signs: &Signs<'_>, limits: &Limits, now: Instant) -> Vec<(Alarm, String)> {
    alarms(signs, limits, now).into_iter().map(|found| (found.alarm, found.message)).collect()
}

#[test]
fn a_run_must_be_complete_in_time() {
    let complete = |time: &str| Watched { last_complete: Some(at(time)), expected: Some(at("01 00:00")), ..Watched::default() };
    let expected = |time: &str| Watched { expected: Some(at(time)), ..Watched::default() };
    let failed = Watched { last_ended: Some((RunId(7), at("02 11:17"), RunOutcome::Failed)), ..complete("02 09:20") };
    let resumed = Watched { expected: Some(at("02 11:00")), ..complete("01 09:20") };
    let manual_too = Limits { manual_too: true, ..Limits::default() };
    let day = Limits { complete_run: Some(TimeDelta::hours(24)), ..Limits::default() };
    let usual = Limits::default();
    // schedule, what is known, limits, now, what is said
    let table = [
        ("every 60 minutes", complete("02 09:20"), usual, "02 12:19", None),
        ("every 60 minutes", complete("02 09:20"), usual, "02 12:20", Some("no run was complete since 2026-03-02 09:20 UTC")),
        ("every 60 minutes", failed, usual, "02 12:20", Some("; the last one, run-7, ended failed at 2026-03-02 11:17 UTC")),
        ("every 60 minutes", complete("02 09:20"), day, "02 12:20", None),
        ("every 60 minutes", complete("02 09:20"), day, "03 09:20", Some("since 2026-03-02 09:20 UTC")),
        // One that was never complete is judged from when it was first seen; where that is not known, not at all.
        ("every 60 minutes", expected("02 09:00"), usual, "02 11:59", None),
        (
            "every 60 minutes",
            expected("02 09:00"),
            usual,
            "02 12:00",
            Some("no run was ever complete; they are expected since 2026-03-02 09:00"),
        ),
        ("every 60 minutes", Watched::default(), usual, "02 12:00", None),
        // What lay before a pause was resumed is not held against it.
        ("every 60 minutes", resumed.clone(), usual, "02 13:59", None),
        ("every 60 minutes", resumed, usual, "02 14:00", Some("no run was complete since 2026-03-01 09:20 UTC")),
        // A schedule that leaves longer gaps is judged from when the next run was due.
        ("daily at 06:00", complete("02 06:05"), usual, "03 08:59", None),
        ("daily at 06:00", complete("02 06:05"), usual, "03 09:00", Some("and one was due at 2026-03-03 06:00 UTC")),
        ("daily at 06:00", complete("02 06:05"), day, "03 06:05", Some("no run was complete since 2026-03-02 06:05 UTC")),
        // Over a weekend.
        ("weekdays at 06:00", complete("06 06:05"), usual, "09 08:59", None),
        ("weekdays at 06:00", complete("06 06:05"), usual, "09 09:00", Some("and one was due at 2026-03-09 06:00 UTC")),
        ("every 60 minutes", complete("02 09:20"), Limits { complete_run: None, ..usual }, "09 09:00", None),
        // Nobody expects a run of one that only runs when asked, unless somebody said so.
        ("manual", complete("02 06:05"), usual, "09 09:00", None),
        ("manual", complete("02 06:05"), manual_too, "02 09:04", None),
        ("manual", complete("02 06:05"), manual_too, "02 09:05", Some("no run was complete since 2026-03-02 06:05 UTC")),
    ];
    for (text, watched, limits, now, expected) in table {
        let schedule = Schedule::parse(text, "UTC", "rep-codes").unwrap();
        let known = vitals(watched);
        let signs = Signs { vitals: &known, schedule: &schedule, pulse: None, holds: &[], oldest_hold: None, open: &[] };
        let found = told(&signs, &limits, at(now));
        match expected {
            None => assert_eq!(found, [], "{text} at {now}: {known:?}"),
            Some(words) => {
                assert!(matches!(&found[..], [(Alarm::NoCompleteRun, told)] if told.contains(words)), "{text} at {now}: {found:?}");
                let paused = paused(known.clone());
                let signs = Signs { vitals: &paused, ..signs };
                assert_eq!(told(&signs, &limits, at(now)), [], "paused, {text} at {now}");
            }
        }
    }
}

#[test]
fn a_run_under_way_must_report() {
    let schedule = Schedule::parse("manual", "UTC", "rep-codes").unwrap();
    let known = vitals(Watched::default());
    let pulse = |last: &str, steady: &str| Some(Pulse { run: Some(RunId(3)), last: at(last), steady_since: at(steady) });
    // last report, reporting steadily since, is the alarm open, now, does it stand
    let table = [
        (None, false, "02 12:00", false),
        (None, true, "02 12:00", false),
        (pulse("02 12:00", "02 09:00"), false, "02 12:29", false),
        (pulse("02 12:00", "02 09:00"), false, "02 12:30", true),
        (pulse("02 12:00", "02 09:00"), true, "02 12:30", true),
        // A sign of life after a silence of 31 minutes: for an open alarm not enough.
        (pulse("02 12:31", "02 12:31"), false, "02 12:32", false),
        (pulse("02 12:31", "02 12:31"), true, "02 12:32", true),
        (pulse("02 13:00", "02 12:31"), true, "02 13:00", true),
        (pulse("02 13:00", "02 12:31"), true, "02 13:01", false),
    ];
    for (pulse, is_open, now, stands) in table {
        let open: &[Alarm] = if is_open { &[Alarm::NoProgress] } else { &[] };
        let signs = Signs { vitals: &known, schedule: &schedule, pulse: pulse.as_ref(), holds: &[], oldest_hold: None, open };
        let found = told(&signs, &Limits::default(), at(now));
        assert_eq!(!found.is_empty(), stands, "{pulse:?}, open: {is_open}, at {now}: {found:?}");
        assert!(
            found.iter().all(|(alarm, message)| *alarm == Alarm::NoProgress && message.starts_with("run-3 has reported nothing since"))
        );
    }
}

#[test]
fn holds_that_grow_from_run_to_run_are_an_alarm_until_they_rest() {
    let schedule = Schedule::parse("manual", "UTC", "rep-codes").unwrap();
    let known = vitals(Watched::default());
    // holds after each run, is the alarm open, does it stand
    let table: [(&[u64], bool, bool); 15] = [
        (&[], false, false),
        (&[], true, false),
        (&[900], false, false),
        (&[10, 20, 30], false, false),
        (&[10, 20, 30, 40], false, true),
        (&[40, 10, 20, 30, 40], false, true),
        (&[10, 20, 20, 40], false, false),
        (&[40, 30, 20, 30], false, false),
        // Few are no alarm, whatever they do.
        (&[1, 5, 12, 20], false, false),
        (&[1, 5, 12, 21], false, true),
        // An open one stands as long as they grew in any of the last three runs.
        (&[20, 30, 40, 40], true, true),
        (&[30, 40, 40, 40], true, true),
        (&[40, 40, 40, 40], true, false),
        (&[60, 50, 40, 39], true, false),
        (&[10, 20, 30, 20], true, false),
    ];
    for (holds, is_open, stands) in table {
        let open: &[Alarm] = if is_open { &[Alarm::GrowingHolds] } else { &[] };
        let signs = Signs { vitals: &known, schedule: &schedule, pulse: None, holds, oldest_hold: None, open };
        let found = told(&signs, &Limits::default(), at("02 12:00"));
        assert_eq!(!found.is_empty(), stands, "{holds:?}, open: {is_open}: {found:?}");
    }
    let signs = Signs { vitals: &known, schedule: &schedule, pulse: None, holds: &[7, 10, 20, 30, 40], oldest_hold: None, open: &[] };
    let expected = "holds grow from run to run: 10, 20, 30, 40".to_owned();
    assert_eq!(told(&signs, &Limits::default(), at("02 12:00")), [(Alarm::GrowingHolds, expected)]);
}

#[test]
fn a_hold_that_waits_for_too_long_is_an_alarm_until_it_is_gone() {
    let schedule = Schedule::parse("manual", "UTC", "rep-codes").unwrap();
    let usual = Limits::default();
    let hours = |hours| Limits { hold: Some(TimeDelta::hours(hours)), ..usual };
    let never = Limits { hold: None, ..usual };
    let old = |told: &str| Some(format!("{told}, the oldest since 2026-03-02 12:00 UTC"));
    // the oldest hold, how many there are, limits, now, what is said
    let table = [
        (None, 0, usual, "09 12:00", None),
        (Some("02 12:00"), 1, usual, "09 11:59", None),
        (Some("02 12:00"), 1, usual, "09 12:00", old("a wanted state waits")),
        (Some("02 12:00"), 40, usual, "12 12:00", old("40 wanted states wait")),
        (Some("02 12:00"), 40, hours(24), "03 11:59", None),
        (Some("02 12:00"), 40, hours(24), "03 12:00", old("40 wanted states wait")),
        (Some("02 12:00"), 40, never, "30 12:00", None),
        // The oldest one went out: the others are younger.
        (Some("03 12:00"), 39, hours(24), "03 12:00", None),
    ];
    for (oldest, holds, limits, now, expected) in table {
        let known = Vitals { holds, ..vitals(Watched::default()) };
        for open in [&[][..], &[Alarm::OldHolds]] {
            let signs = Signs { vitals: &known, schedule: &schedule, pulse: None, holds: &[], oldest_hold: oldest.map(at), open };
            let found = told(&signs, &limits, at(now));
            let expected: Vec<(Alarm, String)> = expected.clone().map(|told| (Alarm::OldHolds, told)).into_iter().collect();
            assert_eq!(found, expected, "{oldest:?} at {now}, open: {open:?}");
        }
    }
}

#[test]
fn only_whole_runs_that_planned_tell_of_holds() {
    let run = |id, task: RunTask, plan: Option<i64>, ended: Option<&str>, holds| Run {
        id: RunId(id),
        integration: "rep-codes".into(),
        task,
        body_version: 1,
        by: None,
        started: at("01 00:00"),
        ended: ended.map(at),
        outcome: ended.map(|_| RunOutcome::Partial),
        plan: plan.map(PlanId),
        counts: RunCounts { holds, ..RunCounts::default() },
        notes: Vec::new(),
        resumed: 0,
    };
    let runs = [
        run(9, RunTask::Full, Some(9), None, 0),
        run(8, RunTask::Full, Some(8), Some("02 08:00"), 40),
        run(7, RunTask::Undo { run: RunId(2) }, Some(7), Some("02 07:00"), 0),
        run(6, RunTask::Plan { only: Some("R05".into()) }, Some(6), Some("02 06:00"), 3),
        run(5, RunTask::Full, None, Some("02 05:00"), 0),
        run(4, RunTask::Full, Some(4), Some("02 04:00"), 30),
    ];
    assert_eq!(holds_of(&runs), [30, 40]);
}

#[test]
fn a_quarantine_is_an_alarm_with_its_reason() {
    let schedule = Schedule::parse("manual", "UTC", "rep-codes").unwrap();
    let quarantine = Some(Quarantine { since: at("02 08:00"), reason: "5 runs failed".into() });
    let known = vitals(Watched { quarantine, ..Watched::default() });
    let expected = "taken out of the schedule at 2026-03-02 08:00 UTC: 5 runs failed".to_owned();
    for known in [known.clone(), paused(known)] {
        let signs = Signs { vitals: &known, schedule: &schedule, pulse: None, holds: &[], oldest_hold: None, open: &[] };
        assert_eq!(told(&signs, &Limits::default(), at("02 12:00")), [(Alarm::Quarantined, expected.clone())]);
    }
}

#[test]
fn a_due_run_that_did_not_begin_is_behind_and_the_last_complete_one_has_an_age() {
    let schedule = Schedule::parse("daily at 06:00", "UTC", "rep-codes").unwrap();
    let known = vitals(Watched { handled: Some(at("02 06:00")), expected: Some(at("01 00:00")), ..Watched::default() });
    let minutes = |delta: TimeDelta| delta.num_minutes();
    let table = [
        (known.clone(), "02 23:00", 0),
        (known.clone(), "03 06:00", 0),
        (known.clone(), "03 06:25", 25),
        (paused(known.clone()), "03 06:25", 0),
        (vitals(Watched::default()), "03 06:25", 0),
    ];
    for (known, now, behind) in table {
        assert_eq!(minutes(known.delay(&schedule, at(now))), behind, "{now}: {known:?}");
    }
    assert_eq!(known.age(at("01 00:30")).map(minutes), Some(30));
    let complete = vitals(Watched { last_complete: Some(at("02 06:00")), ..known.watched });
    assert_eq!((complete.age(at("02 06:07")).map(minutes), vitals(Watched::default()).age(at("02 06:07"))), (Some(7), None));
}

#[test]
fn names_are_spelled_alike_everywhere() {
    for alarm in Alarm::ALL {
        assert_eq!(serde_json::to_value(alarm).unwrap(), alarm.as_str());
    }
}
