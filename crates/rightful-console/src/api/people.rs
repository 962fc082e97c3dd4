//! People of an integration that credits activities: how each stands, what picks would do, saving them, and what is known of accounts.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use rightful_core::RecordId;
use rightful_engine::{self as engine, Crew, PeopleQuery, Picked};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::integrations::{Begun, begun};
use super::paging::{Page, Paging, Part};
use super::read::{Asked, Body, Text};
use super::words::By;
use super::{Told, said};
use crate::Console;
use crate::access::Who;
use crate::operations::accounts::{judge, onto_team};
use crate::operations::people::{Choice, Credited, Reviewed, Wanted, happens, review, save};
use crate::operations::runs::{RunAsked, begin};
use crate::operations::signed;
use crate::problem::Problem;
use crate::told::without_commands;

/// Something known of an account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountFact {
    /// The field, as the target's vendor spells it.
    pub field: String,
    /// What stands there, as text; empty: known to be empty.
    pub value: String,
    /// `sent`, `imported` or `stated`.
    pub how: String,
    /// Who brought it.
    pub by: String,
    /// Since when.
    pub at: DateTime<Utc>,
}

impl From<engine::Fact> for AccountFact {
    fn from(fact: engine::Fact) -> Self {
        Self { field: fact.field.to_string(), value: fact.value.to_string(), how: fact.how.as_str().to_owned(), by: fact.by, at: fact.at }
    }
}

/// An account of the target, as known.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Account {
    /// What it is named by here: its id, else its e-mail address.
    pub account: String,
    /// The id that records name it by; `null`: it is known by its e-mail address only.
    #[schema(required)]
    pub owner: Option<String>,
    /// Its name.
    pub name: String,
    /// Its e-mail address.
    #[schema(required)]
    pub email: Option<String>,
    /// What is known of it.
    pub facts: Vec<AccountFact>,
    /// The source person who is linked to it.
    #[schema(required)]
    pub person: Option<String>,
}

impl From<engine::AccountLine> for Account {
    fn from(line: engine::AccountLine) -> Self {
        Self {
            account: line.typed,
            owner: line.owner,
            name: line.name,
            email: line.email,
            facts: line.facts.into_iter().map(AccountFact::from).collect(),
            person: line.person.map(|person| person.to_string()),
        }
    }
}

/// A source person, and how they stand.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Person {
    /// The person in the source.
    pub person: String,
    /// Their name.
    pub name: String,
    /// Their e-mail address.
    #[schema(required)]
    pub email: Option<String>,
    /// May they own records in the source?
    pub active: bool,
    /// `linked`, `found`, `account` (one would be made at the next run), `skipped` or `waits`.
    pub standing: String,
    /// What the next run does about them, in words.
    pub told: String,
    /// Why they wait, as a stable word.
    #[schema(required)]
    pub reason: Option<String>,
    /// What is waited for.
    #[schema(required)]
    pub until: Option<String>,
    /// What was picked: `create` or `skip`.
    #[schema(required)]
    pub picked: Option<String>,
    /// The account.
    #[schema(required)]
    pub account: Option<Account>,
    /// Accounts with the same e-mail address that nobody is linked to. Never taken by themselves.
    pub suggestions: Vec<Account>,
}

impl From<engine::PersonStanding> for Person {
    fn from(line: engine::PersonStanding) -> Self {
        Self {
            told: happens(&line),
            person: line.person.to_string(),
            name: line.name,
            email: line.email,
            active: line.active,
            standing: line.standing,
            reason: line.reason,
            until: line.until.map(|until| without_commands(&until)),
            picked: line.picked.map(|picked| if picked == Picked::Create { "create" } else { "skip" }.to_owned()),
            account: line.account.map(Account::from),
            suggestions: line.suggestions.into_iter().map(Account::from).collect(),
        }
    }
}

/// Which people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnlyPeople {
    /// Those without an account.
    Unlinked,
    /// Those for whom something waits.
    Waiting,
}

/// Which people.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PeopleAsked {
    /// Only these.
    pub only: Option<OnlyPeople>,
    /// Part of a name, an e-mail address or an id.
    pub q: Option<String>,
    /// At most so many items.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// Where to go on: `next` of the page before.
    pub cursor: Option<String>,
}

/// Lists the source's people and how each stands towards an account, ascending by id.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/people", operation_id = "listPeople", tag = "People", params(PeopleAsked),
    responses((status = 200, body = Page<Person>)))]
pub async fn list(State(console): State<Arc<Console>>, Path(name): Path<String>, Asked(asked): Asked<PeopleAsked>) -> Told<Page<Person>> {
    let part = Part::<String>::of("people", asked.limit, asked.cursor.as_deref())?;
    let credited = Credited::of(&console, &name).await?;
    let query = PeopleQuery {
        unlinked: asked.only == Some(OnlyPeople::Unlinked),
        waiting: asked.only == Some(OnlyPeople::Waiting),
        search: asked.q.unwrap_or_default(),
        after: part.from.as_ref().map(|from| RecordId::new(from.clone())),
        limit: part.fetch(),
    };
    let found = credited.crew.people(&credited.ports, &query).await?;
    said(part.page(found.people, |line| line.person.to_string(), Person::from))
}

/// What shall become of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PickChoice {
    /// An account, or the one with the same e-mail address.
    Create,
    /// `account` is theirs: linked at once.
    Map,
    /// Nothing is made for them.
    Skip,
    /// What was picked is taken back.
    Clear,
}

/// A pick.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pick {
    /// The person: an id, also as a report shows it, a user name or an e-mail address.
    pub person: String,
    /// What shall become of them.
    pub choice: PickChoice,
    /// For `map`: the account, by id or e-mail address.
    #[serde(default)]
    pub account: Option<String>,
    /// `seen` of the review that this stands on: a person who moved since is a conflict. Left out: whatever they are now.
    #[serde(default)]
    pub seen: Option<String>,
}

/// Picks to look at.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PicksAsked {
    /// One for each person.
    pub picks: Vec<Pick>,
}

/// Picks to save.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PicksSaved {
    /// Why.
    pub reason: String,
    /// One for each person.
    pub picks: Vec<Pick>,
}

/// What a pick would do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PickReview {
    /// The person.
    pub person: String,
    /// What was chosen.
    pub choice: PickChoice,
    /// What will happen, in words.
    pub happens: String,
    /// Why it cannot be saved; `null`: it can.
    #[schema(required)]
    pub refused: Option<String>,
    /// How the person stands, where they moved since `seen`.
    #[schema(required)]
    pub moved: Option<String>,
    /// What to give as `seen` to save it.
    pub seen: String,
}

impl From<Reviewed> for PickReview {
    fn from(one: Reviewed) -> Self {
        Self {
            person: one.line.map_or(one.wanted.person, |line| line.person.to_string()),
            choice: match one.wanted.choice {
                Choice::Create => PickChoice::Create,
                Choice::Skip => PickChoice::Skip,
                Choice::Clear => PickChoice::Clear,
                Choice::Map(_) => PickChoice::Map,
            },
            happens: one.happens,
            refused: one.refused,
            moved: one.moved,
            seen: one.seen,
        }
    }
}

/// What picks would do, one for each.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PicksReview {
    /// In the order that was sent.
    pub picks: Vec<PickReview>,
}

fn wanted(picks: Vec<Pick>) -> Vec<Wanted> {
    let one = |pick: Pick| Wanted {
        person: pick.person,
        choice: match pick.choice {
            PickChoice::Create => Choice::Create,
            PickChoice::Skip => Choice::Skip,
            PickChoice::Clear => Choice::Clear,
            PickChoice::Map => Choice::Map(pick.account.unwrap_or_default()),
        },
        seen: pick.seen,
    };
    picks.into_iter().map(one).collect()
}

/// Tells what picks would do, and saves nothing.
#[utoipa::path(post, path = "/api/v1/integrations/{integration}/people/review", operation_id = "reviewPicks", tag = "People",
    request_body = PicksAsked, responses((status = 200, body = PicksReview)))]
pub async fn reviewed(State(console): State<Arc<Console>>, Path(name): Path<String>, Body(body): Body<PicksAsked>) -> Told<PicksReview> {
    let credited = Credited::of(&console, &name).await?;
    let reviewed = review(&credited, wanted(body.picks)).await?;
    said(PicksReview { picks: reviewed.into_iter().map(PickReview::from).collect() })
}

/// What was saved.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct PicksDone {
    /// People who get an account at the next run.
    pub created: u64,
    /// People who are skipped.
    pub skipped: u64,
    /// Picks that were taken back.
    pub cleared: u64,
    /// People who were linked.
    pub mapped: u64,
}

/// Saves picks. Accounts are made at the next run; links at once.
///
/// Where one cannot be saved, none is; `picks` lists what is wrong with which.
#[utoipa::path(put, path = "/api/v1/integrations/{integration}/people/picks", operation_id = "savePicks", tag = "People",
    request_body = PicksSaved,
    responses((status = 200, body = PicksDone), (status = 409, description = "Somebody moved since they were looked at; `picks` says how they stand.")))]
pub async fn picks(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Body(body): Body<PicksSaved>,
) -> Told<PicksDone> {
    let by = signed(&console, &who, &body.reason)?;
    let credited = Credited::of(&console, &name).await?;
    let reviewed = review(&credited, wanted(body.picks)).await?;
    let listed = || -> serde_json::Value {
        let picks = reviewed.iter().filter(|one| one.refused.is_some() || one.moved.is_some()).cloned().map(PickReview::from);
        serde_json::to_value(picks.collect::<Vec<_>>()).unwrap_or_default()
    };
    if reviewed.iter().any(|one| one.moved.is_some()) {
        return Err(Problem::new(StatusCode::CONFLICT, "somebody changed these people meanwhile; nothing was saved")
            .hint("look at `picks`, then send them again with what they say in `seen`")
            .with("picks", listed()));
    }
    if reviewed.iter().any(|one| one.refused.is_some()) {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "some picks cannot be saved; nothing was saved")
            .hint("put right or leave out what `picks` lists")
            .with("picks", listed()));
    }
    let saved = save(&credited, &reviewed, &by).await?;
    said(PicksDone { created: saved.created, skipped: saved.skipped, cleared: saved.cleared, mapped: saved.mapped })
}

/// Lists what is known of the target's accounts, ascending by what names them.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/accounts", operation_id = "listAccounts", tag = "People", params(Paging),
    responses((status = 200, body = Page<Account>)))]
pub async fn accounts(State(console): State<Arc<Console>>, Path(name): Path<String>, Asked(asked): Asked<Paging>) -> Told<Page<Account>> {
    let part = Part::<String>::of("accounts", asked.limit, asked.cursor.as_deref())?;
    let credited = Credited::of(&console, &name).await?;
    said(part.page_of(credited.crew.known(&credited.ports).await?, |account| account.typed.clone(), Account::from))
}

/// Which field.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct FieldAsked {
    /// The field: `team.key`, `status`, `licence`, ...
    pub field: String,
}

/// All values that a field ever had.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FactHistory {
    /// Oldest first; the last one stands.
    pub facts: Vec<AccountFact>,
}

/// Tells every value that a field of an account ever had, as far as it is known.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/accounts/{account}/history", operation_id = "accountHistory", tag = "People",
    params(FieldAsked), responses((status = 200, body = FactHistory)))]
pub async fn history(
    State(console): State<Arc<Console>>,
    Path((name, account)): Path<(String, String)>,
    Asked(asked): Asked<FieldAsked>,
) -> Told<FactHistory> {
    let credited = Credited::of(&console, &name).await?;
    let facts = credited.crew.history(&credited.ports, &account, &asked.field).await?;
    said(FactHistory { facts: facts.into_iter().map(AccountFact::from).collect() })
}

/// A team that somebody set in the target.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Placed {
    /// The team's key; `null`: on no team.
    pub team: Option<String>,
    /// Why.
    pub reason: String,
}

async fn account_of(crew: &Crew, credited: &Credited, account: &str) -> Result<Account, Problem> {
    let accounts = crew.accounts(&credited.ports).await?;
    Ok(crew.account_line(&accounts, crew.account(&accounts, account)?).into())
}

/// States which team somebody was put on in the target, which does not tell. What waited for that goes out at the next run.
#[utoipa::path(put, path = "/api/v1/integrations/{integration}/accounts/{account}/team", operation_id = "stateTeam", tag = "People",
    request_body = Placed, responses((status = 200, body = Account)))]
pub async fn team(
    State(console): State<Arc<Console>>,
    Path((name, account)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    Body(body): Body<Placed>,
) -> Told<Account> {
    let by = signed(&console, &who, &body.reason)?;
    let credited = Credited::of(&console, &name).await?;
    let team = body.team.as_deref().map(str::trim).filter(|team| !team.is_empty());
    credited.crew.place(&credited.ports, &account, team, &by).await?;
    said(account_of(&credited.crew, &credited, &account).await?)
}

/// A team that somebody shall be put on.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OntoTeam {
    /// The team's key: one that the connection's settings let through.
    pub team: String,
    /// Why.
    pub reason: String,
}

/// Starts a run that puts somebody on a team in the target, then credits what waited for that.
///
/// A key that may not be sent is refused before anything is begun; `teams` lists those that may.
#[utoipa::path(post, path = "/api/v1/integrations/{integration}/accounts/{account}/team", operation_id = "sendTeam", tag = "People",
    request_body = OntoTeam,
    responses((status = 202, body = Begun), (status = 409, description = "Another run is under way, or the integration is paused.")))]
pub async fn send_team(
    State(console): State<Arc<Console>>,
    Path((name, account)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    Body(body): Body<OntoTeam>,
) -> Result<Response, Problem> {
    let by = signed(&console, &who, &body.reason)?;
    let credited = Credited::of(&console, &name).await?;
    let task = onto_team(&console, &credited, &account, body.team.trim()).await?;
    begun(&name, begin(&console, &who, &name, RunAsked { reason: Some(by.reason), ..RunAsked::of(task) }).await?)
}

/// What is thought of a row of a file of accounts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountVerdict {
    /// Its line.
    pub line: u64,
    /// Whom it is about; empty where that cannot be read.
    pub email: String,
    /// May it be taken?
    pub good: bool,
    /// Why not, or what is worth knowing.
    pub remark: String,
    /// What differs from what is known, in words.
    pub differs: Vec<String>,
}

/// What is thought of a file of accounts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountVerdicts {
    /// Rows that may be taken.
    pub good: usize,
    /// Rows that may not.
    pub bad: usize,
    /// The columns that such a file has.
    pub columns: Vec<String>,
    /// Every row, in the order of the file.
    pub rows: Vec<AccountVerdict>,
}

impl From<crate::operations::accounts::RowVerdict> for AccountVerdict {
    fn from(verdict: crate::operations::accounts::RowVerdict) -> Self {
        Self {
            line: verdict.line,
            email: verdict.email,
            good: verdict.good,
            remark: without_commands(&verdict.remark),
            differs: verdict.differs,
        }
    }
}

/// Judges every row of an administrator's file of accounts, tells what differs, and saves nothing.
#[utoipa::path(post, path = "/api/v1/integrations/{integration}/accounts/verdicts", operation_id = "judgeAccounts", tag = "People",
    request_body(content = String, content_type = "text/csv"), responses((status = 200, body = AccountVerdicts)))]
pub async fn verdicts(State(console): State<Arc<Console>>, Path(name): Path<String>, Text(text): Text) -> Told<AccountVerdicts> {
    let credited = Credited::of(&console, &name).await?;
    let judged = judge(&console, &credited, &text).await?;
    said(AccountVerdicts {
        good: judged.rows.len(),
        bad: judged.bad(),
        columns: judged.columns.iter().map(ToString::to_string).collect(),
        rows: judged.verdicts.into_iter().map(AccountVerdict::from).collect(),
    })
}

/// How a file of accounts shall be taken.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Taking {
    /// Why.
    pub reason: String,
    /// Take the good rows where others are bad.
    #[serde(default)]
    #[param(default = false)]
    pub good_rows: bool,
}

/// What came of a file.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Taken {
    /// Rows that were taken.
    pub rows: usize,
    /// Accounts of which something differs now.
    pub differing: u64,
}

/// Takes in an administrator's file of accounts. What waited for what it shows goes out at the next run.
///
/// Where a row is bad, nothing is taken unless `good_rows` says so; `verdicts` lists the bad ones.
#[utoipa::path(put, path = "/api/v1/integrations/{integration}/accounts.csv", operation_id = "importAccounts", tag = "People", params(Taking),
    request_body(content = String, content_type = "text/csv"), responses((status = 200, body = Taken)))]
pub async fn import(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Asked(asked): Asked<Taking>,
    Text(text): Text,
) -> Told<Taken> {
    let by = signed(&console, &who, &asked.reason)?;
    let credited = Credited::of(&console, &name).await?;
    let judged = judge(&console, &credited, &text).await?;
    let bad = judged.bad();
    if judged.rows.is_empty() || (bad > 0 && !asked.good_rows) {
        let listed: Vec<AccountVerdict> = judged.verdicts.into_iter().filter(|verdict| !verdict.good).map(AccountVerdict::from).collect();
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{bad} rows cannot be taken, {} can", judged.rows.len()))
            .hint("put right the rows that `verdicts` lists, or take the good ones alone: good_rows=true; nothing was saved")
            .with("verdicts", serde_json::to_value(listed).unwrap_or_default()));
    }
    let differing = credited.crew.import(&credited.ports, &judged.rows, &by).await?;
    said(Taken { rows: judged.rows.len(), differing })
}

/// Who is linked to whom.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Link {
    /// The source person.
    pub person: String,
    /// What they are called.
    pub person_name: String,
    /// The account.
    pub account: String,
    /// What it is called.
    pub account_name: String,
    /// Why: `stated`, `external-id`, `email` or `created`.
    pub evidence: String,
    /// What was compared.
    #[schema(required)]
    pub compared: Option<String>,
    /// By whom, when and why.
    pub by: By,
}

impl From<crate::operations::links::NamedLink> for Link {
    fn from(named: crate::operations::links::NamedLink) -> Self {
        Self {
            person: named.link.person.to_string(),
            person_name: named.person,
            account: named.link.owner,
            account_name: named.account,
            evidence: named.link.evidence.as_str().to_owned(),
            compared: named.link.by_value,
            by: named.link.by.into(),
        }
    }
}

/// Lists links between people of both sides, ascending by source person.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/links", operation_id = "listLinks", tag = "People", params(Paging),
    responses((status = 200, body = Page<Link>)))]
pub async fn links(State(console): State<Arc<Console>>, Path(name): Path<String>, Asked(asked): Asked<Paging>) -> Told<Page<Link>> {
    let part = Part::<String>::of("links", asked.limit, asked.cursor.as_deref())?;
    let found = crate::operations::links::links(&console, &console.deployed(&name)?).await?;
    said(part.page_of(found, |named| named.link.person.to_string(), Link::from))
}

/// Which link is taken away, and why.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Unlinking {
    /// The account that the person is linked to: a link that leads elsewhere by now is a conflict.
    pub account: String,
    /// Why.
    pub reason: String,
}

/// Removes the link of a person. What was credited stays; later records wait for a link.
#[utoipa::path(delete, path = "/api/v1/integrations/{integration}/links/{person}", operation_id = "removeLink", tag = "People", params(Unlinking),
    responses((status = 204), (status = 409, description = "The person is linked to another account by now.")))]
pub async fn unlink(
    State(console): State<Arc<Console>>,
    Path((name, person)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    Asked(asked): Asked<Unlinking>,
) -> Result<StatusCode, Problem> {
    let by = signed(&console, &who, &asked.reason)?;
    crate::operations::links::remove(&console, &console.deployed(&name)?, &person, &asked.account, &by).await?;
    Ok(StatusCode::NO_CONTENT)
}
