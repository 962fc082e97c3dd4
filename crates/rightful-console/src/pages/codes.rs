//! One integration: when its table was last read, which users each code leads to, and saving that (SK-6 to SK-10).

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_core::Instant;
use rightful_engine::{
    Choice, CodeEdit, CodeFilter, CodeQuery, CodeRow, Denied, Likeness, Named, PageLine, Right, Situation, Typed, TypedUser, code_page,
    known_people, preview, typed_edit,
};

use super::actions::Actions;
use super::integrations::{Standing, standing};
use super::previewed::{PREVIEWED, Previewed};
use super::table::version_of;
use super::{Frame, Section, Shown, page_with, segment, to};
use crate::access::Who;
use crate::fields::Fields;
use crate::operations;
use crate::operations::codes::Became;
use crate::told::{Moment, counted, moment, number};
use crate::{Console, Deployed};

const NOTHING_DIFFERS: &str = "Nothing differs from the table; nothing was saved.";
/// Codes on one page.
const PAGE: usize = 50;
/// Versions looked at for what came of the rows that are shown.
const EFFECTS: usize = 1_000;

/// Which codes are shown.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Shows {
    /// Part of a code, a user's or a person's name.
    #[serde(default)]
    q: String,
    /// Only codes that lead to nobody.
    #[serde(default)]
    only: String,
    /// From 1.
    #[serde(default)]
    page: usize,
}

impl Shows {
    fn from_fields(fields: &Fields) -> Self {
        Self { q: fields.text("q").to_owned(), only: fields.text("only").to_owned(), page: fields.text("page").parse().unwrap_or(1) }
    }

    fn query(&self) -> CodeQuery {
        let filter = if self.only == "unmapped" { CodeFilter::Unmapped } else { CodeFilter::UnmappedFirst };
        CodeQuery {
            search: self.q.clone(),
            filter,
            skip: self.page.saturating_sub(1).saturating_mul(PAGE),
            limit: PAGE,
            ..CodeQuery::default()
        }
    }
}

/// A user as a box to tick.
struct UserBox {
    value: String,
    name: String,
    ticked: bool,
    /// Ticked now and not in the table, or the other way round.
    changed: bool,
    problem: Option<&'static str>,
    successor: Option<String>,
    /// Why it is suggested; suggestions come unticked.
    suggested: Option<String>,
}

struct Row {
    number: usize,
    code: String,
    label: String,
    customers: String,
    state: Option<(&'static str, &'static str)>,
    boxes: Vec<UserBox>,
    behind: Option<String>,
    problems: Vec<String>,
    refused: Option<String>,
    saved: Option<String>,
    effect: Option<String>,
}

/// Who may edit, and why not.
struct Editing {
    allowed: bool,
    why_not: Option<String>,
    /// May the person say whether account managers may?
    may_set: bool,
    editable: bool,
}

struct Conflict {
    by: String,
    reason: String,
    when: Moment,
    changes: Vec<String>,
}

#[derive(Template)]
#[template(path = "codes.html")]
struct CodesPage {
    frame: Frame,
    name: String,
    base: String,
    deployed: Deployed,
    standing: Standing,
    actions: Actions,
    editing: Editing,
    last_read: Option<Moment>,
    next: Option<Moment>,
    version: i64,
    rows: Vec<Row>,
    users: Vec<Choice>,
    shows: Shows,
    total: String,
    unmapped: String,
    pages: usize,
    never_read: bool,
    reason: String,
    wrong: Option<String>,
    conflict: Option<Vec<Conflict>>,
    preview: Option<Previewed>,
}

/// What a person has typed and not saved.
#[derive(Default)]
struct Draft {
    edits: Vec<CodeEdit>,
    /// Codes with a name that leads to nobody, and why.
    refused: Vec<(String, String)>,
    reason: String,
    wrong: Option<String>,
    conflict: Option<Vec<Conflict>>,
    preview: Option<Previewed>,
    status: Option<StatusCode>,
}

/// `GET /integrations/{integration}`
pub async fn page(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(shows): Query<Shows>,
) -> Shown {
    let policy = console.deployed(&name)?.integration.policy;
    if policy.activity.is_some() {
        return super::activity::show(&console, &name, &who, &session).await;
    }
    if !operations::codes::has_code_table(&policy) {
        return super::links::show(&console, &name, &who, &session).await;
    }
    show(&console, &name, &who, &session, shows, Draft::default()).await
}

async fn show(console: &Console, name: &str, who: &Who, session: &Session, shows: Shows, draft: Draft) -> Shown {
    let deployed = console.deployed(name)?;
    let ports = console.deployment.ports(name)?;
    let now = console.now();
    let state = console.store.integration(name).await?;
    let (mut shows, effects) = (shows, console.store.effects(name, EFFECTS).await?);
    let complete = effects.len() < EFFECTS;
    let mut found = code_page(&ports, &deployed.integration, &shows.query(), &effects, complete).await?;
    shows.page = shows.page.max(1);
    let pages = usize::try_from(found.matches).unwrap_or(usize::MAX).div_ceil(PAGE).max(1);
    if shows.page > pages {
        shows.page = pages;
        found = code_page(&ports, &deployed.integration, &shows.query(), &effects, complete).await?;
    }
    let standing = standing(console, &deployed).await?;
    let access = who.access();
    let refusal = access.over(Right::EditCodes, name, state.editable).err();
    let editing = Editing {
        allowed: refusal.is_none(),
        why_not: refusal.as_ref().map(Denied::to_string),
        may_set: access.over(Right::SetEditable, name, state.editable).is_ok(),
        editable: state.editable,
    };
    let applied = effects.first().map_or(0, |effect| effect.version);
    let never_read = found.codes == 0 && found.last_read.is_none();
    let rows = found.lines.iter().enumerate().map(|(number, line)| row(number, line, &draft, applied, now)).collect();
    let shown = CodesPage {
        frame: Frame::of(name, Section::Integrations, who, session).await,
        base: format!("/integrations/{}", segment(name)),
        name: name.to_owned(),
        next: deployed.next_due.filter(|_| standing.tone == "good").map(|at| moment(at, now)),
        last_read: found.last_read.map(|at| moment(at, now)),
        version: found.version,
        total: number(found.matches),
        actions: Actions::of(console, who, &deployed).await?,
        standing,
        deployed,
        editing,
        rows,
        users: found.choices,
        shows,
        unmapped: number(found.unmapped),
        pages,
        never_read,
        reason: draft.reason,
        wrong: draft.wrong,
        conflict: draft.conflict,
        preview: draft.preview,
    };
    page_with(draft.status.unwrap_or(StatusCode::OK), &shown)
}

/// `applied`: the version of the table that a run applied last.
fn row(at: usize, shown: &PageLine, draft: &Draft, applied: i64, now: Instant) -> Row {
    let PageLine { line, rows, change, effect } = shown;
    let wanted: Option<BTreeSet<&str>> =
        draft.edits.iter().find(|edit| edit.code == line.code).map(|edit| edit.rows.iter().filter_map(|row| row.user.as_deref()).collect());
    let mut boxes: Vec<UserBox> = line
        .users
        .iter()
        .map(|user| {
            let ticked = wanted.as_ref().is_none_or(|wanted| wanted.contains(user.typed.as_str()));
            UserBox { ticked, changed: !ticked, ..user_box(user, rows) }
        })
        .collect();
    for added in wanted.iter().flatten().filter(|typed| !line.users.iter().any(|user| user.typed == **typed)) {
        boxes.push(UserBox {
            value: (*added).to_owned(),
            name: (*added).to_owned(),
            ticked: true,
            changed: true,
            problem: None,
            successor: None,
            suggested: None,
        });
    }
    for suggestion in
        line.suggestions.iter().filter(|suggestion| !boxes.iter().any(|shown| shown.value == suggestion.user)).collect::<Vec<_>>()
    {
        boxes.push(UserBox {
            value: suggestion.user.clone(),
            name: suggestion.name.clone(),
            ticked: false,
            changed: false,
            problem: None,
            successor: None,
            suggested: Some(match &suggestion.likeness {
                Likeness::Email { email } => format!("same e-mail: {email}"),
                Likeness::Name => "same name".to_owned(),
            }),
        });
    }
    let effect = match effect {
        None => change.as_ref().filter(|change| change.version > applied).map(|_| "takes effect at the next run".to_owned()),
        Some(effect) => {
            let what = if effect.moved == 0 {
                "no customer had to move".to_owned()
            } else {
                format!("moved {}", counted(effect.moved, "customer"))
            };
            Some(format!("took effect {} in {}: {what}", moment(effect.at, now).away, effect.run))
        }
    };
    Row {
        number: at,
        code: line.code.clone(),
        label: line.label.clone(),
        customers: counted(line.customers, "customer"),
        state: match line.situation {
            Situation::Linked => None,
            Situation::Unlinked => Some(("warn", "not mapped yet")),
            Situation::Unmatched => Some(("bad", "no such user")),
            Situation::Disputed => Some(("bad", "several users have this name")),
            Situation::Gone => Some(("bad", "user deactivated")),
        },
        boxes,
        behind: line.person.as_ref().map(|person| person.name.clone()).filter(|name| !name.is_empty()),
        problems: line.person.iter().flat_map(|person| &person.problems).map(rightful_engine::Problem::told).collect(),
        refused: draft.refused.iter().find(|(code, _)| *code == line.code).map(|(_, why)| why.clone()),
        saved: line.by.as_ref().map(|by| format!("{} by {}: {}", moment(by.at, now).text, by.author, by.reason)),
        effect,
    }
}

fn user_box(user: &Named, rows: &[CodeRow]) -> UserBox {
    let row = rows.iter().find(|row| row.user.as_deref() == Some(user.typed.as_str()));
    UserBox {
        value: user.typed.clone(),
        name: user.name.clone().unwrap_or_else(|| user.typed.clone()),
        ticked: true,
        changed: false,
        problem: match user.situation {
            Situation::Linked | Situation::Unlinked => None,
            Situation::Unmatched => Some("no such user"),
            Situation::Disputed => Some("several users have this name"),
            Situation::Gone => Some("deactivated"),
        },
        successor: row.and_then(|row| row.successor.clone()),
        suggested: None,
    }
}

/// What a posted form asks for: only codes whose users differ from the table's.
fn typed(fields: &Fields, standing: &[CodeRow]) -> Vec<(String, Typed)> {
    let mut asked = Vec::new();
    for (key, code) in fields.iter() {
        let Some(number) = key.strip_prefix("code.") else { continue };
        let mut users: BTreeSet<&str> = fields.all(&format!("user.{number}")).into_iter().map(str::trim).collect();
        users.extend(fields.all(&format!("add.{number}")).into_iter().flat_map(|typed| typed.split([',', ';', '\n'])).map(str::trim));
        users.remove("");
        let typed: Vec<TypedUser> = users
            .into_iter()
            .map(|user| {
                let successor = fields.text(&format!("successor.{number}:{user}")).trim();
                TypedUser { user: user.to_owned(), successor: (!successor.is_empty()).then(|| successor.to_owned()) }
            })
            .collect();
        let had: BTreeSet<(&str, Option<&str>)> = standing
            .iter()
            .filter(|row| row.code == code)
            .filter_map(|row| Some((row.user.as_deref()?, row.successor.as_deref())))
            .collect();
        let wanted: BTreeSet<(&str, Option<&str>)> = typed.iter().map(|typed| (typed.user.as_str(), typed.successor.as_deref())).collect();
        if had != wanted {
            asked.push((code.to_owned(), if typed.is_empty() { Typed::Blank } else { Typed::Users(typed) }));
        }
    }
    asked
}

/// The rows that were asked for, whether or not every name in them leads to somebody: what a page shows again.
fn as_typed(code: &str, typed: &Typed) -> CodeEdit {
    let row = |user: Option<&TypedUser>| CodeRow {
        code: code.to_owned(),
        user: user.map(|user| user.user.clone()),
        successor: user.and_then(|user| user.successor.clone()),
    };
    let rows = match typed {
        Typed::Users(users) => users.iter().map(|user| row(Some(user))).collect(),
        Typed::Blank => vec![row(None)],
        Typed::Remove => Vec::new(),
    };
    CodeEdit { code: code.to_owned(), rows }
}

/// `POST /integrations/{integration}/codes`
pub async fn save(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let shows = Shows::from_fields(&fields);
    let table = console.store.code_table(&name).await?;
    let deployed = console.deployed(&name)?;
    let ports = console.deployment.ports(&name)?;
    let people = known_people(&ports, &deployed.integration).await?;
    let standing: Vec<CodeRow> = table.rows.iter().map(|row| row.row.clone()).collect();
    let mut draft = Draft { reason: fields.text("reason").trim().to_owned(), ..Draft::default() };
    for (code, typed) in typed(&fields, &standing) {
        match typed_edit(&code, &typed, &standing, people.as_ref()) {
            Ok(edit) => draft.edits.push(edit),
            Err(error) => {
                draft.edits.push(as_typed(&code, &typed));
                draft.refused.push((code, operations::told(&error)));
            }
        }
    }
    let base = format!("/integrations/{}", segment(&name));
    if draft.edits.is_empty() {
        return to(&session, &base, true, NOTHING_DIFFERS).await;
    }
    if !draft.refused.is_empty() {
        draft.wrong = Some(format!("{} cannot be saved: see below. Nothing was saved.", counted(draft.refused.len() as u64, "code")));
        draft.status = Some(StatusCode::UNPROCESSABLE_ENTITY);
        return show(&console, &name, &who, &session, shows, draft).await;
    }
    if fields.text("do") != "save" {
        draft.preview = Some(Previewed::of(preview(&ports, &deployed.integration, &draft.edits, PREVIEWED).await?, console.now()));
        return show(&console, &name, &who, &session, shows, draft).await;
    }
    let by = match operations::signed(&console, &who, &draft.reason) {
        Ok(by) => by,
        Err(no_reason) => {
            (draft.wrong, draft.status) = (Some(no_reason.to_string()), Some(StatusCode::UNPROCESSABLE_ENTITY));
            return show(&console, &name, &who, &session, shows, draft).await;
        }
    };
    let expected = version_of(&fields)?;
    match operations::codes::save(&console, &name, expected, &draft.edits, &by).await? {
        Became::New(version) => {
            let next = deployed.next_due.map(|at| format!(" ({})", moment(at, console.now()).away)).unwrap_or_default();
            to(&session, &base, true, format!("Saved as version {version}. No customer has moved yet: that happens at the next run{next}."))
                .await
        }
        Became::Same(_) => to(&session, &base, true, NOTHING_DIFFERS).await,
        Became::Moved(_) => {
            let since = console.store.code_versions(&name, 20).await?;
            let row = |sign: &str, row: &CodeRow| format!("{sign} {} → {}", row.code, row.user.as_deref().unwrap_or("nobody yet"));
            draft.conflict = Some(
                since
                    .into_iter()
                    .filter(|version| version.version > expected)
                    .map(|version| Conflict {
                        when: moment(version.by.at, console.now()),
                        changes: version
                            .removed
                            .iter()
                            .map(|removed| row("−", removed))
                            .chain(version.added.iter().map(|added| row("+", added)))
                            .collect(),
                        by: version.by.author,
                        reason: version.by.reason,
                    })
                    .collect(),
            );
            draft.status = Some(StatusCode::CONFLICT);
            show(&console, &name, &who, &session, shows, draft).await
        }
    }
}
