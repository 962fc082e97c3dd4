//! What is known of the target's accounts: each fact with how and since when, teams that a person set, an administrator's file, and the history (SS-29).

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_core::TeamKeys;
use rightful_engine::{Authorship, Right};

use super::actions::to_run;
use super::people::{FactLine, fact_line, facts};
use super::place::{May, Place};
use super::scope::{fits, page_behind, query};
use super::{Frame, Section, Shown, page, page_with, segment, to};
use crate::Console;
use crate::access::Who;
use crate::fields::Fields;
use crate::operations::accounts::{Judged, RowVerdict, judge, onto_team, people_file, team_keys};
use crate::operations::people::{Credited, account_told, field_told};
use crate::operations::runs::{RunAsked, begin};
use crate::operations::{signed, told};
use crate::problem::Problem;
use crate::told::{counted, number};

/// Rows of a file that are listed.
const LISTED: usize = 500;

/// Which accounts are shown.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Shows {
    #[serde(default)]
    q: String,
    #[serde(default)]
    after: String,
}

struct Line {
    href: String,
    told: String,
    owner: Option<String>,
    facts: Vec<FactLine>,
    person: Option<String>,
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct List {
    frame: Frame,
    place: Place,
    may: May,
    takes_file: bool,
    shows: Shows,
    total: String,
    lines: Vec<Line>,
    next: Option<String>,
}

/// `GET /integrations/{integration}/accounts`
pub async fn list(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(shows): Query<Shows>,
) -> Shown {
    let now = console.now();
    let credited = Credited::of(&console, &name).await?;
    let place = Place::of(&credited.deployed, "/accounts");
    let accounts = credited.crew.accounts(&credited.ports).await?;
    let mut known = credited.crew.known(&credited.ports).await?;
    known.retain(|account| {
        let texts = [Some(account.name.as_str()), account.email.as_deref(), account.owner.as_deref()];
        fits(&shows.q, texts.into_iter().flatten())
    });
    let total = number(known.len() as u64);
    let next = page_behind(&mut known, Some(&shows.after), |account| account.typed.clone());
    page(&List {
        frame: Frame::of(&format!("Accounts of {name}"), Section::Integrations, &who, &session).await,
        may: May::of(&who, Right::KeepPeople, &name),
        takes_file: people_file(&console, &credited).is_ok(),
        next: next.map(|after| format!("{}/accounts{}", place.base, query(&[("q", &shows.q), ("after", &after)]))),
        lines: known
            .iter()
            .map(|account| Line {
                href: format!("{}/accounts/{}", place.base, segment(&account.typed)),
                told: account_told(account),
                owner: account.owner.clone(),
                facts: facts(&account.facts, now),
                person: account.person.as_ref().map(|person| accounts.named(person)),
            })
            .collect(),
        total,
        place,
        shows,
    })
}

#[derive(Template)]
#[template(path = "account_facts.html")]
struct One {
    frame: Frame,
    place: Place,
    may: May,
    href: String,
    told: String,
    owner: Option<String>,
    person: Option<String>,
    facts: Vec<FactLine>,
    /// What stood there before and stands now, by field, oldest first.
    history: Vec<(String, Vec<FactLine>)>,
    /// The team as it was when the form was shown.
    team: String,
    /// Team keys that may be sent, and whether others may too.
    keys: TeamKeys,
    /// Why none may.
    no_team: Option<String>,
    typed: String,
    reason: String,
    wrong: Option<String>,
}

async fn one_page(console: &Console, name: &str, account: &str, who: &Who, session: &Session) -> Result<One, Problem> {
    let now = console.now();
    let credited = Credited::of(console, name).await?;
    let place = Place::of(&credited.deployed, "/accounts");
    let accounts = credited.crew.accounts(&credited.ports).await?;
    let known = credited.crew.account(&accounts, account)?;
    let line = credited.crew.account_line(&accounts, known);
    let mut history = Vec::new();
    for field in ["team.key", "status", "licence"] {
        let facts = credited.crew.history(&credited.ports, account, field).await?;
        if !facts.is_empty() {
            history.push((field_told(field).to_owned(), facts.iter().map(|fact| fact_line(fact, now)).collect()));
        }
    }
    let (keys, no_team) = match team_keys(console, &credited, known) {
        Ok(keys) => (keys, None),
        Err(problem) => (TeamKeys::default(), Some(problem.told())),
    };
    Ok(One {
        keys,
        no_team,
        frame: Frame::of(&line.name, Section::Integrations, who, session).await,
        may: May::of(who, Right::KeepPeople, name),
        href: format!("{}/accounts/{}", place.base, segment(&line.typed)),
        told: account_told(&line),
        owner: line.owner.clone(),
        person: line.person.as_ref().map(|person| accounts.named(person)),
        facts: facts(&line.facts, now),
        history,
        team: known.text("team.key").unwrap_or_default().to_owned(),
        typed: known.text("team.key").unwrap_or_default().to_owned(),
        reason: String::new(),
        wrong: None,
        place,
    })
}

/// `GET /integrations/{integration}/accounts/{account}`
pub async fn one(
    State(console): State<Arc<Console>>,
    Path((name, account)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    page(&one_page(&console, &name, &account, &who, &session).await?)
}

/// Whoever fills in the form of the team, which must stand on the team as it is.
fn team_by(console: &Console, who: &Who, shown: &One, fields: &Fields) -> Result<Authorship, (StatusCode, String)> {
    if shown.team != fields.text("was") {
        let now = if shown.team.is_empty() { "no team" } else { shown.team.as_str() };
        let told = format!("Somebody changed the team meanwhile: it is {now} now. Nothing of yours was done; look again, then go on.");
        return Err((StatusCode::CONFLICT, told));
    }
    signed(console, who, fields.text("reason")).map_err(|no_reason| (StatusCode::UNPROCESSABLE_ENTITY, no_reason.to_string()))
}

fn team_again(mut shown: One, fields: &Fields, (status, wrong): (StatusCode, String)) -> Shown {
    let of = |field: &str| fields.text(field).trim().to_owned();
    (shown.typed, shown.reason, shown.wrong) = (of("team"), of("reason"), Some(wrong));
    page_with(status, &shown)
}

/// `POST /integrations/{integration}/accounts/{account}/team`: states which team somebody set in the product.
pub async fn team(
    State(console): State<Arc<Console>>,
    Path((name, account)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let shown = one_page(&console, &name, &account, &who, &session).await?;
    let by = match team_by(&console, &who, &shown, &fields) {
        Ok(by) => by,
        Err(wrong) => return team_again(shown, &fields, wrong),
    };
    let credited = Credited::of(&console, &name).await?;
    let team = fields.text("team").trim();
    let changed = credited.crew.place(&credited.ports, &account, Some(team).filter(|team| !team.is_empty()), &by).await?;
    let told = match (changed, team.is_empty()) {
        (false, _) => "It was known so already; now it is known since today.".to_owned(),
        (true, true) => format!("{} is on no team: what is credited to them waits.", shown.told),
        (true, false) => {
            format!("{} is on team {team}. What waited for that goes out at the next run; try it now under Holds.", shown.told)
        }
    };
    to(&session, &shown.href, true, told).await
}

/// `POST /integrations/{integration}/accounts/{account}/team/send`: puts somebody on a team, then credits what waited for that.
pub async fn send_team(
    State(console): State<Arc<Console>>,
    Path((name, account)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let shown = one_page(&console, &name, &account, &who, &session).await?;
    let by = match team_by(&console, &who, &shown, &fields) {
        Ok(by) => by,
        Err(wrong) => return team_again(shown, &fields, wrong),
    };
    let credited = Credited::of(&console, &name).await?;
    let team = fields.text("team").trim();
    match onto_team(&console, &credited, &account, team).await {
        Ok(task) => {
            let begun = begin(&console, &who, &name, RunAsked { reason: Some(by.reason), ..RunAsked::of(task) }).await;
            let told = format!("The run began: it puts {} on team {team}, then credits what waited for that.", shown.told);
            to_run(&session, &name, begun, &told).await
        }
        Err(problem) if problem.status == StatusCode::UNPROCESSABLE_ENTITY => team_again(shown, &fields, (problem.status, problem.told())),
        Err(problem) => Err(problem),
    }
}

#[derive(Template)]
#[template(path = "accounts_import.html")]
struct Import {
    frame: Frame,
    place: Place,
    columns: &'static [&'static str],
    text: String,
    good_rows: bool,
    reason: String,
    verdicts: Vec<RowVerdict>,
    more: Option<String>,
    judged: bool,
    good: usize,
    bad: usize,
    differing: usize,
    wrong: Option<String>,
}

impl Import {
    fn may_save(&self) -> bool {
        self.good > 0 && (self.bad == 0 || self.good_rows)
    }
}

async fn import_page(console: &Console, credited: &Credited, who: &Who, session: &Session) -> Result<Import, Problem> {
    Ok(Import {
        frame: Frame::of("Import accounts", Section::Integrations, who, session).await,
        place: Place::of(&credited.deployed, "/accounts"),
        columns: people_file(console, credited)?.0.columns,
        text: String::new(),
        good_rows: false,
        reason: String::new(),
        verdicts: Vec::new(),
        more: None,
        judged: false,
        good: 0,
        bad: 0,
        differing: 0,
        wrong: None,
    })
}

/// `GET /integrations/{integration}/accounts/import`
pub async fn import_form(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    let credited = Credited::of(&console, &name).await?;
    page(&import_page(&console, &credited, &who, &session).await?)
}

/// `POST /integrations/{integration}/accounts/import`: judges every row and tells what differs; saves only when asked to, what was judged.
pub async fn import(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let credited = Credited::of(&console, &name).await?;
    let mut shown = import_page(&console, &credited, &who, &session).await?;
    shown.text = [fields.text("file"), fields.text("text")].into_iter().find(|text| !text.trim().is_empty()).unwrap_or_default().to_owned();
    shown.good_rows = fields.has("good_rows");
    shown.reason = fields.text("reason").trim().to_owned();
    let judged: Judged = match judge(&console, &credited, &shown.text).await {
        Ok(judged) => judged,
        Err(problem) if problem.status == StatusCode::UNPROCESSABLE_ENTITY => {
            shown.wrong = Some(problem.told());
            return page_with(problem.status, &shown);
        }
        Err(problem) => return Err(problem),
    };
    (shown.judged, shown.good, shown.bad, shown.differing) = (true, judged.rows.len(), judged.bad(), judged.differing());
    shown.verdicts = judged.verdicts;
    // What a person has to look at comes first.
    shown.verdicts.sort_by_key(|verdict| (verdict.good, verdict.differs.is_empty(), verdict.line));
    shown.more = shown.verdicts.len().checked_sub(LISTED).filter(|more| *more > 0).map(|more| number(more as u64));
    shown.verdicts.truncate(LISTED);
    if !fields.has("save") {
        return page(&shown);
    }
    let by = match signed(&console, &who, &shown.reason) {
        _ if !shown.may_save() => Err("Correct the bad rows, or choose to take the good ones alone.".to_owned()),
        by => by.map_err(|no_reason| no_reason.to_string()),
    };
    let by = match by {
        Ok(by) => by,
        Err(wrong) => {
            shown.wrong = Some(wrong);
            return page_with(StatusCode::UNPROCESSABLE_ENTITY, &shown);
        }
    };
    match credited.crew.import(&credited.ports, &judged.rows, &by).await {
        Ok(differing) => {
            let rows = counted(judged.rows.len() as u64, "row");
            let told = format!(
                "Took {rows}; {} differed from what was known. What waited for that goes out at the next run; try it now under Holds.",
                counted(differing, "account")
            );
            to(&session, &format!("{}/accounts", shown.place.base), true, told).await
        }
        Err(error) => {
            shown.wrong = Some(told(&error));
            page_with(Problem::from(error).status, &shown)
        }
    }
}
