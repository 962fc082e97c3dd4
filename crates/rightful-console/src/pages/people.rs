//! The source's users: how each stands towards an account, whom to give one, and a look at what that does before it is saved (SS-3, SS-5, SS-17).

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_core::{ErrorKind, Instant, RecordId};
use rightful_engine::{AccountLine, Fact, PeopleMode, PeopleQuery, PersonStanding, Picked, Right};

use super::place::{May, Place};
use super::scope::{PAGE, query};
use super::{Frame, Section, Shown, page, page_with, segment, to};
use crate::Console;
use crate::access::Who;
use crate::fields::Fields;
use crate::operations::people::{
    Choice, Credited, Reviewed, Wanted, account_told, field_told, happens, how_told, mode_told, review, save, standing_told, value_told,
};
use crate::operations::{self, signed};
use crate::told::{Moment, moment, number, without_commands};

/// People whose picks are counted on the page, at most.
const COUNTED: usize = 100_000;

/// Which people are shown.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Shows {
    #[serde(default)]
    q: String,
    /// `unlinked`, `waiting`; else all.
    #[serde(default)]
    only: String,
    #[serde(default)]
    after: String,
    /// `page`: everyone of this page is ticked (SS-5).
    #[serde(default)]
    tick: String,
}

impl Shows {
    fn query(&self, limit: usize) -> PeopleQuery {
        PeopleQuery {
            unlinked: self.only == "unlinked",
            waiting: self.only == "waiting",
            search: self.q.clone(),
            after: Some(self.after.as_str()).filter(|after| !after.is_empty()).map(RecordId::new),
            limit,
        }
    }

    /// The same people, with this besides.
    fn with(&self, more: &[(&str, &str)]) -> String {
        let mut parts = vec![("q", self.q.as_str()), ("only", self.only.as_str())];
        parts.extend_from_slice(more);
        query(&parts)
    }
}

/// Something known of an account, as it is shown.
pub struct FactLine {
    /// The field, for people.
    pub label: String,
    /// What stands there.
    pub value: String,
    /// How it is known.
    pub how: String,
    /// Since when.
    pub when: Moment,
}

/// What is known of an account besides its name.
pub fn facts(known: &[Fact], now: Instant) -> Vec<FactLine> {
    let besides = known.iter().filter(|fact| !matches!(fact.field.as_str(), "email" | "firstname" | "lastname"));
    besides.map(|fact| fact_line(fact, now)).collect()
}

/// One fact.
pub fn fact_line(fact: &Fact, now: Instant) -> FactLine {
    FactLine {
        label: field_told(fact.field.as_str()).to_owned(),
        value: value_told(&fact.value),
        how: how_told(fact),
        when: moment(fact.at, now),
    }
}

struct Line {
    person: String,
    name: String,
    email: String,
    active: bool,
    standing: (String, &'static str),
    /// What is waited for, or what the next run does.
    told: Option<String>,
    picked: Option<&'static str>,
    /// Its page, and what it is called.
    account: Option<(String, String)>,
    facts: Vec<FactLine>,
    suggestions: Vec<String>,
    may_pick: bool,
}

fn line(standing: PersonStanding, base: &str, now: Instant) -> Line {
    let told = match standing.standing.as_str() {
        "linked" => standing.until.as_ref().map(|until| format!("waits until {}", without_commands(until))),
        "waits" if standing.picked.is_none() && standing.reason.as_deref() == Some("unmapped-owner") => None,
        "skipped" => None,
        _ => Some(format!("the next run {}", happens(&standing))),
    };
    Line {
        standing: standing_told(&standing),
        told,
        picked: standing.picked.map(|picked| match picked {
            Picked::Create => "picked for an account",
            Picked::Skip => "picked to be skipped",
        }),
        account: standing.account.as_ref().map(|account| (format!("{base}/accounts/{}", segment(&account.typed)), account_told(account))),
        facts: standing.account.as_ref().map(|account| facts(&account.facts, now)).unwrap_or_default(),
        suggestions: if standing.standing == "account" { Vec::new() } else { standing.suggestions.iter().map(account_told).collect() },
        may_pick: standing.standing != "linked",
        person: standing.person.to_string(),
        name: standing.name,
        email: standing.email.unwrap_or_default(),
        active: standing.active,
    }
}

/// What is typed into the form that maps by id.
#[derive(Default)]
struct Mapping {
    person: String,
    user: String,
    reason: String,
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    frame: Frame,
    place: Place,
    may: May,
    may_run: bool,
    mode: PeopleMode,
    shows: Shows,
    lines: Vec<Line>,
    total: String,
    /// Picks that wait for the next run.
    pending: String,
    any_pending: bool,
    /// Why nobody is listed.
    empty: Option<(&'static str, String)>,
    accounts: Vec<(String, String)>,
    next: Option<String>,
    all_href: String,
    none_href: String,
    all_ticked: bool,
    mapping: Mapping,
}

impl UsersPage {
    fn mode_told(&self) -> &'static str {
        mode_told(self.mode)
    }
}

/// `GET /integrations/{integration}/users`
pub async fn list(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(shows): Query<Shows>,
) -> Shown {
    let shown = users_page(&console, &name, &who, &session, shows, Mapping::default()).await?;
    page(&shown)
}

async fn users_page(
    console: &Console,
    name: &str,
    who: &Who,
    session: &Session,
    shows: Shows,
    mapping: Mapping,
) -> Result<UsersPage, crate::problem::Problem> {
    let now = console.now();
    let credited = Credited::of(console, name).await?;
    let found = credited.crew.people(&credited.ports, &shows.query(PAGE)).await?;
    let picks = console.store.picks(name).await?;
    let everyone = credited.crew.people(&credited.ports, &PeopleQuery { limit: COUNTED, ..PeopleQuery::default() }).await?;
    let waits = |line: &&PersonStanding| line.picked == Some(Picked::Create) && line.standing != "linked";
    let pending = if picks.is_empty() { 0 } else { everyone.people.iter().filter(waits).count() };
    let empty = if found.people.is_empty() { Some(why_empty(console, &credited, found.read, everyone.total).await?) } else { None };
    let next = found.people.last().filter(|_| found.more).map(|last| shows.with(&[("after", last.person.as_str())]));
    let place = Place::of(&credited.deployed, "/users");
    Ok(UsersPage {
        frame: Frame::of(&format!("Users of {name}"), Section::Integrations, who, session).await,
        may: May::of(who, Right::KeepPeople, name),
        may_run: who.access().over(Right::Run, name, false).is_ok(),
        mode: credited.mode(),
        total: number(found.total),
        pending: number(pending as u64),
        any_pending: pending > 0,
        empty,
        accounts: choices(&credited).await?,
        next,
        all_href: shows.with(&[("after", &shows.after), ("tick", "page")]),
        none_href: shows.with(&[("after", &shows.after)]),
        all_ticked: shows.tick == "page",
        lines: found.people.into_iter().map(|standing| line(standing, &place.base, now)).collect(),
        place,
        mapping,
        shows,
    })
}

/// Every account known: what names it in forms, and what it is called.
async fn choices(credited: &Credited) -> rightful_core::Result<Vec<(String, String)>> {
    let known = credited.crew.known(&credited.ports).await?;
    Ok(known.iter().map(|account: &AccountLine| (account.typed.clone(), account_told(account))).collect())
}

/// Why a list of people is empty: nobody fits, never read, or the connection does not give them (SS-3).
async fn why_empty(console: &Console, credited: &Credited, read: bool, everyone: u64) -> rightful_core::Result<(&'static str, String)> {
    let vendor = credited.deployed.source.vendor;
    let connection = &credited.deployed.source.connection;
    if everyone > 0 {
        return Ok(("Nobody fits", "Show all users, or search for another name, e-mail address or id.".to_owned()));
    }
    if read {
        let told = format!(
            "{vendor} gives no users: the user of the connection {connection} may not see any. Test the connection to see what it lacks."
        );
        return Ok(("No user is known", told));
    }
    if let Some(why) = &credited.deployed.unready {
        return Ok(("The users were never read", format!("The connection is not ready: {why}.")));
    }
    let last = console.store.runs(Some(&credited.deployed.integration.name), 1).await?.into_iter().next();
    Ok(match last.and_then(|run| run.notes.first().cloned().map(|note| (run.id, note))) {
        Some((run, note)) => ("The users were never read", format!("{run} could not read them: {}", without_commands(&note))),
        None => ("The users were never read", format!("They appear here after the first run has read {vendor}.")),
    })
}

struct ReviewLine {
    number: usize,
    person: String,
    name: String,
    email: String,
    active: bool,
    choice: &'static str,
    user: String,
    happens: String,
    refused: Option<String>,
    moved: Option<String>,
    seen: String,
    suggestions: Vec<String>,
}

#[derive(Template)]
#[template(path = "users_review.html")]
struct ReviewPage {
    frame: Frame,
    place: Place,
    mode: PeopleMode,
    lines: Vec<ReviewLine>,
    accounts: Vec<(String, String)>,
    reason: String,
    wrong: Option<String>,
    /// Something moved since it was looked at.
    moved: bool,
}

impl ReviewPage {
    fn may_create(&self) -> bool {
        self.mode != PeopleMode::Manual
    }
}

fn word(choice: &Choice) -> &'static str {
    match choice {
        Choice::Create => "create",
        Choice::Skip => "skip",
        Choice::Clear => "clear",
        Choice::Map(_) => "map",
    }
}

fn choice(word: &str, user: &str) -> Choice {
    match word {
        "map" => Choice::Map(user.trim().to_owned()),
        "skip" => Choice::Skip,
        "clear" => Choice::Clear,
        _ => Choice::Create,
    }
}

/// What a form asks for: people who were ticked with one choice for all, or rows of a review with one each; a row that is left out is not in it.
fn wanted(fields: &Fields) -> Vec<Wanted> {
    let ticked = fields.all("tick");
    if !ticked.is_empty() || !fields.has("person.0") {
        let choice = choice(fields.text("do"), "");
        return ticked.into_iter().map(|person| Wanted { person: person.to_owned(), choice: choice.clone(), seen: None }).collect();
    }
    let row = |number: usize| {
        let of = |part: &str| fields.text(&format!("{part}.{number}"));
        let row = Wanted { person: of("person").to_owned(), choice: choice(of("choice"), of("user")), seen: Some(of("seen").to_owned()) };
        Some(row).filter(|_| of("choice") != "leave")
    };
    (0..).take_while(|number| fields.has(&format!("person.{number}"))).filter_map(row).collect()
}

fn review_line(number: usize, one: Reviewed) -> ReviewLine {
    let Reviewed { wanted, line, happens, refused, seen, moved, .. } = one;
    ReviewLine {
        number,
        choice: word(&wanted.choice),
        user: match wanted.choice {
            Choice::Map(user) => user,
            _ => String::new(),
        },
        name: line.as_ref().map_or_else(|| wanted.person.clone(), |line| line.name.clone()),
        email: line.as_ref().and_then(|line| line.email.clone()).unwrap_or_default(),
        active: line.as_ref().is_none_or(|line| line.active),
        suggestions: line.as_ref().map(|line| line.suggestions.iter().map(account_told).collect()).unwrap_or_default(),
        person: line.map_or(wanted.person, |line| line.person.to_string()),
        happens,
        refused,
        moved,
        seen,
    }
}

/// `POST /integrations/{integration}/users/picks`: shows what picks would do; saves them only when asked to, as they were shown.
pub async fn picks(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let credited = Credited::of(&console, &name).await?;
    let place = Place::of(&credited.deployed, "/users");
    let users = format!("{}/users", place.base);
    let wanted = wanted(&fields);
    if wanted.is_empty() {
        return to(&session, &users, false, "Nobody was ticked: tick people first, then choose what becomes of them.").await;
    }
    let reviewed = review(&credited, wanted).await?;
    let reason = fields.text("reason").trim().to_owned();
    let saves = fields.text("do") == "save";
    let moved = reviewed.iter().any(|one| one.moved.is_some());
    let refused = reviewed.iter().filter(|one| one.refused.is_some()).count() as u64;
    let (status, wrong) = match (saves, moved, refused) {
        (false, ..) => (StatusCode::OK, None),
        (true, true, _) => (StatusCode::CONFLICT, None),
        (true, false, 1..) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Some("Correct or leave out what cannot be saved. Nothing was saved.".to_owned()))
        }
        (true, false, 0) => match signed(&console, &who, &reason) {
            Err(no_reason) => (StatusCode::UNPROCESSABLE_ENTITY, Some(no_reason.to_string())),
            Ok(by) => {
                let saved = save(&credited, &reviewed, &by).await?;
                let later = if saved.created > 0 { " Accounts are made at the next run; run now to have them at once." } else { "" };
                return to(&session, &users, true, format!("Saved: {}.{later}", saved.told())).await;
            }
        },
    };
    let shown = ReviewPage {
        frame: Frame::of("Review picks", Section::Integrations, &who, &session).await,
        mode: credited.mode(),
        accounts: choices(&credited).await?,
        lines: reviewed.into_iter().enumerate().map(|(number, one)| review_line(number, one)).collect(),
        moved: saves && moved,
        place,
        reason,
        wrong,
    };
    page_with(status, &shown)
}

/// `POST /integrations/{integration}/users/map`: maps somebody by id or e-mail address to an account (SS-12).
pub async fn map(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let credited = Credited::of(&console, &name).await?;
    let of = |field: &str| fields.text(field).trim().to_owned();
    let mut mapping = Mapping { person: of("person"), user: of("user"), reason: of("reason"), wrong: None };
    let invalid = |told: String| (StatusCode::UNPROCESSABLE_ENTITY, told);
    let (status, wrong) = match signed(&console, &who, &mapping.reason) {
        _ if mapping.person.is_empty() || mapping.user.is_empty() => {
            invalid("Give the person's id and the account that is theirs.".to_owned())
        }
        Err(no_reason) => invalid(no_reason.to_string()),
        Ok(by) => match credited.crew.map(&credited.ports, &mapping.person, &mapping.user, false, &by).await {
            Ok(_) => {
                let accounts = credited.crew.accounts(&credited.ports).await?;
                let person = credited.crew.person(&accounts, &mapping.person)?;
                let told =
                    format!("{} is linked to {}. What waited for that goes out at the next run.", accounts.named(&person.id), mapping.user);
                return to(&session, &format!("{}/users", Place::of(&credited.deployed, "").base), true, told).await;
            }
            // What a command offers, a page offers elsewhere.
            Err(error) if error.kind() == ErrorKind::Conflict => {
                (StatusCode::CONFLICT, format!("{error}. Remove that link first: see Links."))
            }
            Err(error) => invalid(format!("{}.", operations::told(&error))),
        },
    };
    mapping.wrong = Some(wrong);
    let shown = users_page(&console, &name, &who, &session, Shows::default(), mapping).await?;
    page_with(status, &shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_has_one_word() {
        for choice_of in [Choice::Create, Choice::Skip, Choice::Clear, Choice::Map("u1".into())] {
            assert_eq!(choice(word(&choice_of), " u1 "), choice_of);
        }
    }
}
