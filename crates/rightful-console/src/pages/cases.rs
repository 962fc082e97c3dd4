//! The work list: everything over all integrations that waits for a person, with the action that mends each.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum_login::tower_sessions::Session;
use rightful_core::Instant;
use rightful_engine::{Case, CaseFilter, CaseId, EntryFilter, EntryState, HoldId, NewCase, Right};

use super::plans::{Waiting, waiting};
use super::runs::run_path;
use super::scope::{PAGE, Scope, cursor, cut, query};
use super::{Frame, Section, Shown, page, segment};
use crate::Console;
use crate::access::Who;
use crate::told::{Moment, moment, number, without_commands};

/// Which part of the list is shown.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Shows {
    #[serde(default)]
    integration: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    holds_after: String,
}

/// A link that leads to where something is mended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mend {
    text: &'static str,
    href: String,
}

/// Where a case is mended, as far as its words alone say. Cases of the systems on either side are mended there.
fn mend(integration: &str, case: &NewCase) -> Option<Mend> {
    let codes = |text, code: &str| {
        let href = format!("/integrations/{}{}#assignments", segment(integration), query(&[("q", code)]));
        Some(Mend { text, href })
    };
    let users = |person: &str| {
        Some(Mend { text: "Open the user", href: format!("/integrations/{}/users{}", segment(integration), query(&[("q", person)])) })
    };
    let why = |text, key: &str| Some(Mend { text, href: format!("/why{}", query(&[("integration", integration), ("key", key)])) });
    match case.reason.as_str() {
        "unmapped-code" => codes("Map the code", &case.subject),
        "several-owners" => codes("Open the code", &case.subject),
        "inactive-user" | "service-user" | "disputed-user" | "unknown-user" => codes("Open its codes", &case.subject),
        "unmapped-owner" | "email-shared" | "email-taken" | "disputed-owner" | "no-email" | "incomplete-user" | "source-inactive" => {
            users(&case.subject)
        }
        "no-licence" | "no-team" | "inactive" => users(&case.subject),
        "target-only" => why("Look at the record", &case.subject),
        // "customer C0042": the kind, then the code.
        "disputed-write" | "refused-write" | "undo-blocked" => {
            case.subject.split_once(' ').and_then(|(_, key)| why("Look at the record", key))
        }
        _ => None,
    }
}

/// The state of the item that a case about a write is about.
fn written(case: &NewCase) -> Option<(EntryState, &str)> {
    let (_, key) = case.subject.split_once(' ')?;
    match case.reason.as_str() {
        "disputed-write" => Some((EntryState::Disputed, key)),
        "refused-write" => Some((EntryState::NotDone, key)),
        _ => None,
    }
}

struct Line {
    id: CaseId,
    reason: String,
    integration: String,
    message: String,
    mend: String,
    link: Option<Mend>,
    first_seen: Moment,
    last_seen: Moment,
}

async fn line(console: &Console, case: Case, scope: &Scope, now: Instant) -> rightful_core::Result<Line> {
    let mut link = mend(&case.integration, &case.case).filter(|_| scope.offers(&case.integration));
    if let (Some(link), Some((state, key))) = (&mut link, written(&case.case)) {
        let filter = EntryFilter {
            integration: Some(case.integration.clone()),
            code: Some(key.to_owned()),
            states: vec![state],
            latest_first: true,
            limit: 1,
            ..EntryFilter::default()
        };
        if let Some(entry) = console.store.entries(&filter).await?.into_iter().next() {
            *link = Mend { text: "Look at the write", href: format!("{}/items/{}", run_path(&case.integration, entry.run), entry.change) };
        }
    }
    Ok(Line {
        id: case.id,
        link,
        first_seen: moment(case.first_seen, now),
        last_seen: moment(case.last_seen, now),
        integration: case.integration,
        reason: case.case.reason,
        message: case.case.message,
        mend: without_commands(&case.case.mend),
    })
}

/// A reason as a filter with its count.
struct Reason {
    name: String,
    count: String,
    href: String,
    here: bool,
}

struct Quarantined {
    integration: String,
    href: String,
    reason: String,
    since: Moment,
    may_end: bool,
}

struct HoldLine {
    id: HoldId,
    integration: String,
    name: String,
    code: String,
    reason: String,
    waits_for: String,
    since: Moment,
    map: Option<String>,
    drop: Option<String>,
}

#[derive(Template)]
#[template(path = "cases.html")]
struct List {
    frame: Frame,
    scope: Scope,
    shows: Shows,
    reasons: Vec<Reason>,
    total: String,
    any: bool,
    plans: Vec<Waiting>,
    quarantined: Vec<Quarantined>,
    lines: Vec<Line>,
    first: bool,
    next: Option<String>,
    holds: Vec<HoldLine>,
    first_holds: bool,
    more_holds: Option<String>,
}

/// `GET /cases`
pub async fn list(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(shows): Query<Shows>,
) -> Shown {
    let now = console.now();
    let scope = Scope::of(&console, &who, &shows.integration)?;
    let counts = scope.case_counts(&console).await?;
    let after = cursor(&shows.after);
    let holds_after = cursor(&shows.holds_after);
    let reason = Some(shows.reason.clone()).filter(|reason| !reason.is_empty());
    let filter = CaseFilter { integration: None, reason, open: true, after: after.map(CaseId), limit: PAGE + 1 };
    let mut cases = scope.cases(&console, filter).await?;
    let more = cut(&mut cases);
    let here = |parts: &[(&str, &str)]| {
        let mut all = vec![("integration", shows.integration.as_str()), ("reason", shows.reason.as_str())];
        all.extend_from_slice(parts);
        query(&all)
    };
    let next = cases.last().filter(|_| more).map(|last| here(&[("after", &last.id.0.to_string())]));
    let mut lines = Vec::new();
    for case in cases {
        lines.push(line(&console, case, &scope, now).await?);
    }
    let mut held = scope.holds(&console, holds_after.map(HoldId), PAGE + 1).await?;
    let more = cut(&mut held);
    let more_holds = held.last().filter(|_| more).map(|last| here(&[("holds_after", &last.id.0.to_string())]));
    let holds: Vec<HoldLine> = held
        .into_iter()
        .map(|hold| {
            let base = format!("/integrations/{}", segment(&hold.integration));
            let may_drop = scope.offers(&hold.integration) && who.access().over(Right::Run, &hold.integration, false).is_ok();
            let carried = hold.hold.carry.is_some();
            let code = hold.hold.why.code.as_deref().filter(|_| scope.offers(&hold.integration));
            HoldLine {
                id: hold.id,
                map: code.map(|code| match carried {
                    true => format!("{base}/users{}", query(&[("q", code)])),
                    false => format!("{base}{}#assignments", query(&[("q", code)])),
                }),
                drop: may_drop.then(|| format!("{base}/holds/{}/drop", hold.id)),
                name: hold.hold.name,
                code: hold.hold.code,
                reason: hold.hold.reason,
                waits_for: without_commands(&hold.hold.waits_for),
                since: moment(hold.since, now),
                integration: hold.integration,
            }
        })
        .collect();
    let first = after.is_none() && holds_after.is_none();
    let plans = if first && shows.reason.is_empty() { waiting(&console, &scope, now).await? } else { Vec::new() };
    let quarantined = if first && shows.reason.is_empty() { quarantined(&console, &scope, &who, now).await? } else { Vec::new() };
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let reasons = counts
        .iter()
        .map(|(name, count)| Reason {
            name: name.clone(),
            count: number(*count),
            href: query(&[("integration", &shows.integration), ("reason", name)]),
            here: *name == shows.reason,
        })
        .collect();
    page(&List {
        frame: Frame::of("Cases", Section::Cases, &who, &session).await,
        any: total > 0 || !holds.is_empty() || !plans.is_empty() || !quarantined.is_empty() || !first,
        total: number(total),
        reasons,
        plans,
        quarantined,
        lines,
        first: after.is_none(),
        next,
        holds,
        first_holds: holds_after.is_none(),
        more_holds,
        scope,
        shows,
    })
}

async fn quarantined(console: &Console, scope: &Scope, who: &Who, now: Instant) -> rightful_core::Result<Vec<Quarantined>> {
    let watched = console.store.all_watched().await?;
    let shown = |name: &str| scope.offers(name) && (scope.wanted.is_empty() || scope.wanted == name);
    let found = watched.into_iter().filter(|(name, _)| shown(name)).filter_map(|(name, watched)| {
        let quarantine = watched.quarantine?;
        Some(Quarantined {
            href: format!("/integrations/{}", segment(&name)),
            may_end: who.access().over(Right::Run, &name, false).is_ok(),
            reason: quarantine.reason,
            since: moment(quarantine.since, now),
            integration: name,
        })
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_leads_to_where_it_is_mended() {
        for (reason, subject, href) in [
            ("unmapped-code", "R 05", Some("/integrations/rep%2Fcodes?q=R+05#assignments")),
            ("several-owners", "R05", Some("/integrations/rep%2Fcodes?q=R05#assignments")),
            ("unknown-user", "nadia@example.com", Some("/integrations/rep%2Fcodes?q=nadia%40example.com#assignments")),
            ("disputed-write", "customer C0042", Some("/why?integration=rep%2Fcodes&key=C0042")),
            ("undo-blocked", "visit-frequency 17", Some("/why?integration=rep%2Fcodes&key=17")),
            ("target-only", "C0042", Some("/why?integration=rep%2Fcodes&key=C0042")),
            ("unmapped-owner", "005 A", Some("/integrations/rep%2Fcodes/users?q=005+A")),
            ("no-team", "u1", Some("/integrations/rep%2Fcodes/users?q=u1")),
            ("source-only", "C0042", None),
            ("no-owner", "Rep Code", None),
        ] {
            let case = NewCase { reason: reason.into(), subject: subject.into(), message: String::new(), mend: String::new() };
            assert_eq!(mend("rep/codes", &case).map(|link| link.href).as_deref(), href, "{reason}");
        }
    }
}
