//! The code table: its codes in pages, edits under the version they stand on, what they would move, and every version there was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use rightful_core::{Error, ErrorKind};
use rightful_engine::{
    self as engine, Authorship, CodeEdit, CodeFilter, CodeQuery, Effect, Likeness, PageLine, PeopleIndex, Ports, Typed, TypedUser,
    code_page, difference, effect_of, known_people, revert_edits, typed_edit,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::paging::{Page, Paging, Part};
use super::read::{Asked, Body};
use super::words::{By, Refusal};
use super::{Told, said, wrong};
use crate::access::Who;
use crate::operations::Wrong;
use crate::operations::codes::{Became, moved, save};
use crate::operations::signed;
use crate::problem::Problem;
use crate::{Console, Deployed};

/// The newest effects that are looked at.
const EFFECTS: usize = 1_000;

/// How a name of the table, or a code as a whole, stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Situation {
    /// It leads to somebody who may own records.
    Linked,
    /// Known, and not mapped yet.
    Unlinked,
    /// Nobody answers to it.
    Unmatched,
    /// Several answer to it.
    Disputed,
    /// Somebody answers to it who may not own records: deactivated, or a sign-in for programs.
    Gone,
}

impl From<engine::Situation> for Situation {
    fn from(situation: engine::Situation) -> Self {
        match situation {
            engine::Situation::Linked => Self::Linked,
            engine::Situation::Unlinked => Self::Unlinked,
            engine::Situation::Unmatched => Self::Unmatched,
            engine::Situation::Disputed => Self::Disputed,
            engine::Situation::Gone => Self::Gone,
        }
    }
}

/// A user of a code.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CodeUser {
    /// User name or e-mail, as it stands in the table.
    pub user: String,
    /// Who takes over when the user is deactivated, as it stands in the table.
    #[schema(required)]
    pub successor: Option<String>,
    /// How it stands.
    pub situation: Situation,
    /// What people call them, where exactly one person answers.
    #[schema(required)]
    pub name: Option<String>,
}

/// Who stands behind a code in the source.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PersonBehind {
    /// Their name; empty where nobody was found.
    pub name: String,
    /// Their e-mail addresses.
    pub emails: Vec<String>,
    /// What stands in the way, in words.
    pub problems: Vec<String>,
}

/// A user who may be the person behind a code. Never applied by itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Suggestion {
    /// What would be typed into the table.
    pub user: String,
    /// Their name.
    pub name: String,
    /// What they have in common: `email` or `name`.
    pub same: String,
}

/// When a code's rows last changed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CodeChange {
    /// The version that brought or removed one of them.
    pub version: i64,
    /// By whom and why.
    pub by: By,
}

/// When something that was saved first counted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CodeEffect {
    /// The run that applied it.
    pub run: i64,
    /// When it ended.
    pub at: DateTime<Utc>,
    /// Records that changed owner in it.
    pub moved: u64,
}

/// A code and whom it leads to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Code {
    /// The code.
    pub code: String,
    /// As people see it: "Rep Code - R05".
    pub label: String,
    /// How it stands as a whole.
    pub situation: Situation,
    /// Its users.
    pub users: Vec<CodeUser>,
    /// Paired records that carry it, at the last run.
    pub customers: u64,
    /// Who stands behind it in the source, where its people were read.
    #[schema(required)]
    pub person: Option<PersonBehind>,
    /// Users it might be mapped to.
    pub suggestions: Vec<Suggestion>,
    /// When its rows last changed; `null`: it never had any.
    #[schema(required)]
    pub changed: Option<CodeChange>,
    /// When that took effect; `null`: not yet, or longer ago than is looked back.
    #[schema(required)]
    pub effect: Option<CodeEffect>,
}

impl From<PageLine> for Code {
    fn from(shown: PageLine) -> Self {
        let PageLine { line, change, effect, .. } = shown;
        let user = |named: engine::Named| CodeUser {
            user: named.typed,
            successor: named.successor.map(|(typed, _)| typed),
            situation: named.situation.into(),
            name: named.name,
        };
        Self {
            code: line.code,
            label: line.label,
            situation: line.situation.into(),
            users: line.users.into_iter().map(user).collect(),
            customers: line.customers,
            person: line.person.map(|person| PersonBehind {
                problems: person.problems.iter().map(engine::Problem::told).collect(),
                name: person.name,
                emails: person.emails,
            }),
            suggestions: line
                .suggestions
                .into_iter()
                .map(|suggestion| Suggestion {
                    same: match suggestion.likeness {
                        Likeness::Email { .. } => "email".to_owned(),
                        Likeness::Name => "name".to_owned(),
                    },
                    user: suggestion.user,
                    name: suggestion.name,
                })
                .collect(),
            changed: change.map(|change| CodeChange { version: change.version, by: change.by.into() }),
            effect: effect.map(|effect| CodeEffect { run: effect.run.0, at: effect.at, moved: effect.moved }),
        }
    }
}

/// A page of a code table.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Codes {
    /// The table's version: what edits give as `expected`. 0: it was never saved.
    pub version: i64,
    /// When a run last read the table.
    #[schema(required)]
    pub last_read: Option<DateTime<Utc>>,
    /// Codes known from the source or the table.
    pub codes: u64,
    /// Of these, those that lead to nobody.
    pub unmapped: u64,
    /// The page, by code.
    pub items: Vec<Code>,
    /// What to give as `cursor` for the next page; `null`: this is the last.
    #[schema(required)]
    pub next: Option<String>,
}

/// Which codes.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CodesAsked {
    /// Part of a code, its label, one of its users' names or e-mails, or those of the source's person behind it.
    pub search: Option<String>,
    /// Only codes that lead to nobody.
    pub unmapped: Option<bool>,
    /// At most so many items.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// Where to go on: `next` of the page before.
    pub cursor: Option<String>,
}

/// Lists codes and whom they lead to, by code.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/codes", operation_id = "listCodes", tag = "Codes", params(CodesAsked),
    responses((status = 200, body = Codes)))]
pub async fn list(State(console): State<Arc<Console>>, Path(name): Path<String>, Asked(asked): Asked<CodesAsked>) -> Told<Codes> {
    let part = Part::<String>::of("codes", asked.limit, asked.cursor.as_deref())?;
    let (deployed, ports) = seen(&console, &name).await?;
    let query = CodeQuery {
        search: asked.search.unwrap_or_default(),
        filter: if asked.unmapped == Some(true) { CodeFilter::Unmapped } else { CodeFilter::ByCode },
        after: Some(part.from.clone().unwrap_or_default()),
        skip: 0,
        limit: part.fetch(),
    };
    let effects = console.store.effects(&name, EFFECTS).await?;
    let page = code_page(&ports, &deployed.integration, &query, &effects, effects.len() < EFFECTS).await?;
    let Page { items, next } = part.page(page.lines, |shown| shown.line.code.clone(), Code::from);
    said(Codes { version: page.version, last_read: page.last_read, codes: page.codes, unmapped: page.unmapped, items, next })
}

async fn seen(console: &Console, name: &str) -> Result<(Deployed, Ports), Problem> {
    Ok((console.deployed(name)?, console.deployment.ports(name)?))
}

/// Whom a code shall lead to.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserEdit {
    /// User name or e-mail.
    #[schema(example = "nadia.o")]
    pub user: String,
    /// Who takes over when the user is deactivated.
    #[serde(default)]
    pub successor: Option<String>,
}

/// What one code shall lead to from now on.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The code, as the source spells it.
    #[schema(example = "R05")]
    pub code: String,
    /// Exactly these users; an empty list: it is known and not mapped yet.
    #[serde(default)]
    pub users: Option<Vec<UserEdit>>,
    /// Take it out of the table instead.
    #[serde(default)]
    pub remove: bool,
}

impl Edit {
    fn typed(self) -> Result<(String, Typed), Wrong> {
        let users = |users: Vec<UserEdit>| users.into_iter().map(|user| TypedUser { user: user.user, successor: user.successor }).collect();
        let typed = match (self.users, self.remove) {
            (None, true) => Typed::Remove,
            (Some(none), false) if none.is_empty() => Typed::Blank,
            (Some(some), false) => Typed::Users(users(some)),
            (None, false) => return Err(Wrong::of("users", "say whom the code shall lead to, or `\"remove\": true`")),
            (Some(_), true) => return Err(Wrong::of("remove", "either users, or taken out of the table")),
        };
        Ok((self.code, typed))
    }
}

/// Edits as they are to be saved, or everything that is wrong with them.
fn judged(edits: Vec<Edit>, standing: &[engine::VersionedRow], people: Option<&PeopleIndex>) -> Result<Vec<CodeEdit>, Problem> {
    let mut rows: BTreeMap<&str, Vec<engine::CodeRow>> = BTreeMap::new();
    for known in standing {
        rows.entry(&known.row.code).or_default().push(known.row.clone());
    }
    let (mut good, mut bad, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (at, edit) in edits.into_iter().enumerate() {
        let judged = edit.typed().and_then(|(code, typed)| {
            let of_code = rows.get(code.as_str()).map_or(&[][..], Vec::as_slice);
            if seen.contains(&code) {
                return Err(Wrong::of("code", format!("`{code}` stands in an edit before")));
            }
            let edit = typed_edit(&code, &typed, of_code, people).map_err(|error| Wrong::error("users", &error))?;
            seen.insert(code);
            Ok(edit)
        });
        match judged {
            Ok(edit) => good.push(edit),
            Err(Wrong { field, told }) => bad.push(Wrong::of(&format!("edits[{at}].{}", field.unwrap_or_default()), told)),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(wrong("the table", &bad)) }
}

/// Edits of a table.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Edits {
    /// The version of the table that they stand on.
    pub expected: i64,
    /// Why.
    #[schema(min_length = 1, example = "Nadia took over from Tomas")]
    pub reason: String,
    /// What each code shall lead to; codes that are not named stay as they are.
    pub edits: Vec<Edit>,
}

/// What became of saving a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SavedTable {
    /// The version that stands now.
    pub version: i64,
    /// Was anything changed? `false`: the table said so already.
    pub changed: bool,
}

async fn saved(console: &Console, name: &str, expected: i64, edits: &[CodeEdit], by: &Authorship) -> Result<SavedTable, Problem> {
    match save(console, name, expected, edits, by).await? {
        Became::New(version) => Ok(SavedTable { version, changed: true }),
        Became::Same(version) => Ok(SavedTable { version, changed: false }),
        Became::Moved(present) => Err(moved(present)),
    }
}

/// Saves edits of the code table. No record moves before the next run.
///
/// Where somebody saved since `expected`, nothing is changed: a conflict that names the `version` that stands. Names that lead to nobody are listed
/// in `wrong`, each with the nearest. Sending the same again does no harm.
#[utoipa::path(put, path = "/api/v1/integrations/{integration}/codes", operation_id = "saveCodes", tag = "Codes", request_body = Edits,
    responses((status = 200, body = SavedTable), (status = 409, description = "Somebody saved meanwhile; `version` is what stands.")))]
pub async fn put(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Body(body): Body<Edits>,
) -> Told<SavedTable> {
    let by = signed(&console, &who, &body.reason)?;
    let (deployed, ports) = seen(&console, &name).await?;
    let table = console.store.code_table(&name).await?;
    let people = known_people(&ports, &deployed.integration).await?;
    let edits = judged(body.edits, &table.rows, people.as_ref())?;
    said(saved(&console, &name, body.expected, &edits, &by).await?)
}

/// Edits to look at before they are saved.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// What each code shall lead to.
    pub edits: Vec<Edit>,
    /// At most so many of the records are listed.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 200, default = 50)]
    pub records: Option<usize>,
}

/// Records that go from the same owners to the same others.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Moves {
    /// Who owns them now, as people call them.
    pub from: String,
    /// Who would.
    pub to: String,
    /// How many.
    pub records: u64,
}

/// A record that would move.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PreviewRecord {
    /// Its code as people see it.
    #[schema(required)]
    pub code: Option<String>,
    /// Its pairing key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Who owns it now, as people call them.
    pub before: String,
    /// Who would.
    pub after: String,
}

/// What edits would do at the next run, if nothing else changes before it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Preview {
    /// The version of the table that they were held against.
    pub version: i64,
    /// How old the older of the stored copies is; `null`: one was never read to its end, and nothing can be said.
    #[schema(required)]
    pub read_at: Option<DateTime<Utc>>,
    /// Records that would move.
    pub total: u64,
    /// The same by who hands over to whom: the largest 50.
    pub moves: Vec<Moves>,
    /// Records of moves that are not listed.
    pub rest: u64,
    /// The first of the records, by key.
    pub records: Vec<PreviewRecord>,
    /// Records of other kinds that would follow; `null`: they were never read.
    #[schema(required)]
    pub follows: Option<u64>,
    /// Records that the next run would move without the edits, and that stay with them.
    pub stays: u64,
    /// Records that would begin to wait.
    pub holds: u64,
    /// Changes the next run makes anyway.
    pub pending: u64,
    /// Caps and guards that the next plan would exceed.
    pub refusals: Vec<Refusal>,
}

/// Tells what edits would move at the next run. Nothing is saved and no vendor is asked.
#[utoipa::path(post, path = "/api/v1/integrations/{integration}/codes/preview", operation_id = "previewCodes", tag = "Codes",
    request_body = Draft, responses((status = 200, body = Preview)))]
pub async fn preview(State(console): State<Arc<Console>>, Path(name): Path<String>, Body(body): Body<Draft>) -> Told<Preview> {
    let shown = body.records.unwrap_or(50);
    if shown > 200 {
        return Err(Problem::from(
            Error::new(ErrorKind::Config, format!("`records` cannot be {shown}")).hint("give a number up to 200, or leave it out"),
        )
        .with("field", "records"));
    }
    let (deployed, ports) = seen(&console, &name).await?;
    let table = console.store.code_table(&name).await?;
    let people = known_people(&ports, &deployed.integration).await?;
    let edits = judged(body.edits, &table.rows, people.as_ref())?;
    let found = engine::preview(&ports, &deployed.integration, &edits, shown).await?;
    said(Preview {
        version: found.table_version,
        read_at: found.read_at,
        total: found.total,
        moves: found.moves.into_iter().map(|one| Moves { from: one.from, to: one.to, records: one.records }).collect(),
        rest: found.rest,
        records: found
            .records
            .into_iter()
            .map(|one| PreviewRecord { code: one.code, key: one.key, name: one.name, before: one.before, after: one.after })
            .collect(),
        follows: found.follows,
        stays: found.stays,
        holds: found.holds,
        pending: found.pending,
        refusals: found.refusals.into_iter().map(Refusal::from).collect(),
    })
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CodeRow {
    /// The code.
    pub code: String,
    /// User name or e-mail; `null`: the code is known and not mapped yet.
    #[schema(required)]
    pub user: Option<String>,
    /// Who takes over.
    #[schema(required)]
    pub successor: Option<String>,
}

impl From<engine::CodeRow> for CodeRow {
    fn from(row: engine::CodeRow) -> Self {
        Self { code: row.code, user: row.user, successor: row.successor }
    }
}

/// When a version first counted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VersionEffect {
    /// The version that counted: a later one, where that replaced it before any run.
    pub version: i64,
    /// The run that applied it.
    pub run: i64,
    /// When it ended.
    pub at: DateTime<Utc>,
    /// Records that changed owner in it.
    pub moved: u64,
}

/// A version of the table.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TableVersion {
    /// Its number.
    pub version: i64,
    /// By whom and why.
    pub by: By,
    /// Rows that came with it.
    pub added: Vec<CodeRow>,
    /// Rows that left with it.
    pub removed: Vec<CodeRow>,
    /// When it first counted; `null`: not yet, or longer ago than is looked back.
    #[schema(required)]
    pub effect: Option<VersionEffect>,
}

fn version(version: engine::TableVersion, effects: &[Effect]) -> TableVersion {
    let effect = effect_of(effects, effects.len() < EFFECTS, version.version);
    TableVersion {
        effect: effect.map(|effect| VersionEffect {
            version: effect.version,
            run: effect.run.0,
            at: effect.at,
            moved: effect.moved.iter().map(|(_, moved)| moved).sum(),
        }),
        version: version.version,
        by: version.by.into(),
        added: version.added.into_iter().map(CodeRow::from).collect(),
        removed: version.removed.into_iter().map(CodeRow::from).collect(),
    }
}

/// Lists the versions of the table, newest first.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/codes/versions", operation_id = "listCodeVersions", tag = "Codes",
    params(Paging), responses((status = 200, body = Page<TableVersion>)))]
pub async fn versions(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Asked(asked): Asked<Paging>,
) -> Told<Page<TableVersion>> {
    let part = Part::<i64>::of("versions", asked.limit, asked.cursor.as_deref())?;
    let effects = console.store.effects(&name, EFFECTS).await?;
    let found = console.store.code_versions_before(&name, part.from, part.fetch()).await?;
    said(part.page(found, |found| found.version.to_string(), |found| version(found, &effects)))
}

/// Which versions.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Between {
    /// The one version; 0: the empty table.
    pub from: i64,
    /// The other; unless said the present one.
    pub to: Option<i64>,
}

/// A code whose rows differ.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CodeDifference {
    /// The code.
    pub code: String,
    /// Its rows in the one; none: it lacks the code.
    pub before: Vec<CodeRow>,
    /// Its rows in the other.
    pub after: Vec<CodeRow>,
}

/// Where two versions differ.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Difference {
    /// The one version.
    pub from: i64,
    /// The other.
    pub to: i64,
    /// Codes that differ.
    pub codes: Vec<CodeDifference>,
}

/// Compares two versions of the table.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/codes/diff", operation_id = "diffCodes", tag = "Codes", params(Between),
    responses((status = 200, body = Difference)))]
pub async fn diff(State(console): State<Arc<Console>>, Path(name): Path<String>, Asked(asked): Asked<Between>) -> Told<Difference> {
    let to = match asked.to {
        Some(to) => to,
        None => console.store.code_table(&name).await?.version,
    };
    let before = console.store.code_rows_at(&name, asked.from).await?;
    let after = console.store.code_rows_at(&name, to).await?;
    let rows = |rows: Vec<engine::CodeRow>| rows.into_iter().map(CodeRow::from).collect();
    let codes = difference(&before, &after)
        .into_iter()
        .map(|one| CodeDifference { code: one.code, before: rows(one.before), after: rows(one.after) })
        .collect();
    said(Difference { from: asked.from, to, codes })
}

/// Which version shall stand again.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revert {
    /// The version whose rows shall stand again.
    pub version: i64,
    /// The version that stands, as it was looked at.
    pub expected: i64,
    /// Why.
    #[schema(min_length = 1, example = "saved by mistake")]
    pub reason: String,
}

/// Brings back the rows of an earlier version, in a new one.
#[utoipa::path(post, path = "/api/v1/integrations/{integration}/codes/revert", operation_id = "revertCodes", tag = "Codes",
    request_body = Revert,
    responses((status = 200, body = SavedTable), (status = 409, description = "Somebody saved meanwhile; `version` is what stands.")))]
pub async fn revert(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    Body(body): Body<Revert>,
) -> Told<SavedTable> {
    let by = signed(&console, &who, &body.reason)?;
    let wanted = console.store.code_rows_at(&name, body.version).await?;
    let present: Vec<engine::CodeRow> = console.store.code_table(&name).await?.rows.into_iter().map(|known| known.row).collect();
    said(saved(&console, &name, body.expected, &revert_edits(&present, &wanted), &by).await?)
}

/// A user of the target, whom a code may lead to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct User {
    /// The key by which records name them.
    pub owner: String,
    /// What they sign in with: what is typed into the table.
    #[schema(required)]
    pub user_name: Option<String>,
    /// Their name.
    pub name: String,
    /// E-mail addresses.
    pub emails: Vec<String>,
    /// May own records.
    pub active: bool,
    /// Only programs sign in with it.
    pub service: bool,
}

/// Lists the target's users as last read, by their keys.
#[utoipa::path(get, path = "/api/v1/integrations/{integration}/users", operation_id = "listUsers", tag = "Codes", params(Paging),
    responses((status = 200, body = Page<User>)))]
pub async fn users(State(console): State<Arc<Console>>, Path(name): Path<String>, Asked(asked): Asked<Paging>) -> Told<Page<User>> {
    let part = Part::<String>::of("users", asked.limit, asked.cursor.as_deref())?;
    let (deployed, ports) = seen(&console, &name).await?;
    let people = known_people(&ports, &deployed.integration).await?.unwrap_or_default();
    let user = |person: &engine::TargetPerson| User {
        owner: person.owner.clone(),
        user_name: person.user_name.clone(),
        name: person.name.clone(),
        emails: person.emails.clone(),
        active: person.active,
        service: person.service,
    };
    said(part.page_of(people.people().iter().collect(), |person| person.owner.clone(), user))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edits(json: &str) -> Result<Vec<String>, Vec<String>> {
        let standing = [engine::VersionedRow {
            row: engine::CodeRow { code: "R05".into(), user: Some("ghost".into()), successor: None },
            since: 1,
            by: Authorship { author: "ann".into(), reason: "begin".into(), at: DateTime::UNIX_EPOCH },
        }];
        let people = PeopleIndex::new([engine::TargetPerson {
            owner: "7".into(),
            name: "Nadia".into(),
            user_name: Some("nadia.o".into()),
            keys: Vec::new(),
            emails: Vec::new(),
            active: true,
            service: false,
        }]);
        let told = |edit: CodeEdit| {
            let users: Vec<String> = edit.rows.iter().map(|row| row.user.clone().unwrap_or_else(|| "-".to_owned())).collect();
            format!("{} {}", edit.code, users.join(","))
        };
        match judged(serde_json::from_str(json).unwrap(), &standing, Some(&people)) {
            Ok(edits) => Ok(edits.into_iter().map(told).collect()),
            Err(problem) => {
                let wrong = problem.more["wrong"].as_array().unwrap();
                Err(wrong
                    .iter()
                    .map(|wrong| format!("{}: {}", wrong["field"].as_str().unwrap(), wrong["told"].as_str().unwrap()))
                    .collect())
            }
        }
    }

    #[test]
    fn an_edit_says_whom_a_code_leads_to_or_that_it_leaves() {
        for (json, expected) in [
            (r#"[{"code":"R05","users":[{"user":"nadia.o"}]}]"#, "R05 nadia.o"),
            (r#"[{"code":"R05","users":[{"user":"ghost"},{"user":"nadia.o"}]}]"#, "R05 ghost,nadia.o"),
            (r#"[{"code":"R05","users":[]}]"#, "R05 -"),
            (r#"[{"code":"R05","remove":true}]"#, "R05 "),
        ] {
            assert_eq!(edits(json), Ok(vec![expected.to_owned()]), "{json}");
        }
        for (json, expected) in [
            (r#"[{"code":"R05"}]"#, "edits[0].users: say whom"),
            (r#"[{"code":"R05","users":[],"remove":true}]"#, "edits[0].remove: either users"),
            (r#"[{"code":"R06","users":[{"user":"nadai.o"}]}]"#, "edits[0].users: no user answers to `nadai.o`; did you mean `nadia.o`?"),
            (r#"[{"code":"R05","users":[]},{"code":"R05","remove":true}]"#, "edits[1].code: `R05` stands in an edit before"),
            (r#"[{"code":" ","users":[]}]"#, "edits[0].users: the code is empty"),
        ] {
            let told = edits(json).unwrap_err();
            assert!(told.len() == 1 && told[0].starts_with(expected), "{json}: {told:?}");
        }
    }
}
