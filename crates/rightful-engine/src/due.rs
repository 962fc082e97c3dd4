//! What a schedule does with an integration at a moment: a pure decision.

use chrono::TimeDelta;
use rightful_core::Instant;

use crate::{IntegrationState, Schedule, Watched};

/// How long a schedule leaves an integration alone whose refused plan waits for a second person.
pub const APPROVAL_PATIENCE: TimeDelta = TimeDelta::hours(4);

/// Why a run begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It was due then.
    Scheduled(Instant),
    /// This person asked for it.
    Asked(String),
}

/// What is to be done with an integration now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Begin a run.
    Run(Cause),
    /// The schedule sees it for the first time: what was due before now is not made up for.
    Adopt,
    /// Nothing.
    Wait(Waiting),
}

/// What an integration waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Its time; `None` where it never runs by itself.
    Time(Option<Instant>),
    /// Somebody who resumes it.
    Resume,
    /// Somebody who ends its quarantine.
    Release,
    /// A second person who lets its plan through, until then at most.
    Approval(Instant),
}

/// What is to be done with an integration. `approved` is when the newest plan, refused, got the first of the two approvals it takes.
pub fn due(schedule: &Schedule, watched: &Watched, state: &IntegrationState, approved: Option<Instant>, now: Instant) -> Due {
    if state.paused.is_some() {
        return Due::Wait(Waiting::Resume);
    }
    // A person who asks may want to see whether what was wrong is mended.
    if let Some((_, by)) = &watched.asked {
        return Due::Run(Cause::Asked(by.clone()));
    }
    if watched.quarantine.is_some() {
        return Due::Wait(Waiting::Release);
    }
    let Some(handled) = watched.handled else {
        return if schedule.runs_by_itself() { Due::Adopt } else { Due::Wait(Waiting::Time(None)) };
    };
    let Some(due) = schedule.latest_due(handled, now) else {
        return Due::Wait(Waiting::Time(schedule.next_after(now)));
    };
    match approved.map(|at| at + APPROVAL_PATIENCE).filter(|until| now < *until) {
        Some(until) => Due::Wait(Waiting::Approval(until)),
        None => Due::Run(Cause::Scheduled(due)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Authorship, Quarantine};

    fn at(time: &str) -> Instant {
        format!("2026-03-02T{time}:00Z").parse().unwrap()
    }

    #[test]
    fn what_is_done_follows_from_what_is_known() {
        use Due::{Adopt, Run, Wait};
        let asked = || Some((at("09:00"), "ann".to_owned()));
        let quarantine = || Some(Quarantine { since: at("08:00"), reason: "it failed".into() });
        let by_ann = || Run(Cause::Asked("ann".into()));
        let at_nine = || Run(Cause::Scheduled(at("09:00")));
        let handled = |time: &str| Watched { handled: Some(at(time)), ..Watched::default() };
        let tomorrow = Some("2026-03-03T09:00:00Z".parse().unwrap());
        // schedule, what is remembered, paused, first approval, now, what is done
        let table = [
            ("daily at 09:00", Watched::default(), false, None, "09:30", Adopt),
            ("manual", Watched::default(), false, None, "09:30", Wait(Waiting::Time(None))),
            ("manual", Watched { asked: asked(), ..Watched::default() }, false, None, "09:30", by_ann()),
            ("daily at 09:00", Watched { asked: asked(), ..Watched::default() }, false, None, "09:30", by_ann()),
            ("daily at 09:00", handled("00:00"), false, None, "08:59", Wait(Waiting::Time(Some(at("09:00"))))),
            ("daily at 09:00", handled("00:00"), false, None, "09:00", at_nine()),
            ("daily at 09:00", handled("00:00"), false, None, "23:00", at_nine()),
            ("daily at 09:00", handled("09:00"), false, None, "09:01", Wait(Waiting::Time(tomorrow))),
            // Seen later than its time: nothing of today is made up for.
            ("daily at 09:00", handled("09:10"), false, None, "09:30", Wait(Waiting::Time(tomorrow))),
            ("every 30 minutes", Watched { handled: Some(at("00:00")), ..Watched::default() }, true, None, "09:30", Wait(Waiting::Resume)),
            ("daily at 09:00", Watched { asked: asked(), ..handled("00:00") }, true, None, "09:30", Wait(Waiting::Resume)),
            ("daily at 09:00", Watched { quarantine: quarantine(), ..handled("00:00") }, false, None, "09:30", Wait(Waiting::Release)),
            ("daily at 09:00", Watched { quarantine: quarantine(), asked: asked(), ..handled("00:00") }, false, None, "09:30", by_ann()),
            ("daily at 09:00", handled("00:00"), false, Some("08:30"), "09:30", Wait(Waiting::Approval(at("12:30")))),
            ("daily at 09:00", handled("00:00"), false, Some("08:30"), "12:29", Wait(Waiting::Approval(at("12:30")))),
            ("daily at 09:00", handled("00:00"), false, Some("08:30"), "12:30", at_nine()),
            ("daily at 09:00", Watched { asked: asked(), ..handled("00:00") }, false, Some("08:30"), "09:30", by_ann()),
            ("daily at 09:00", handled("00:00"), false, Some("08:30"), "08:45", Wait(Waiting::Time(Some(at("09:00"))))),
        ];
        for (text, watched, paused, approved, now, expected) in table {
            let schedule = Schedule::parse(text, "UTC", "rep-codes").unwrap();
            let paused = paused.then(|| Authorship { author: "ann".into(), reason: "upgrade".into(), at: at("01:00") });
            let state = IntegrationState { paused, editable: false };
            let found = due(&schedule, &watched, &state, approved.map(at), at(now));
            assert_eq!(found, expected, "{text} at {now}: {watched:?} {state:?} {approved:?}");
        }
    }
}
