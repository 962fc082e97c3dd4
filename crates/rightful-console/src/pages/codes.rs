//! One integration: when its table was last read, which users each code leads to, and saving that (SK-6 to SK-10).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_core::{Error, ErrorKind, Instant};
use rightful_engine::{
    Authorship, CodeEdit, CodeLine, CodeRow, CodeTable, Denied, Likeness, Named, Preview, PreviewLine, Refusal, Right, Saved, Situation,
    Typed, TypedUser, UserLine, code_overview, known_people, people_overview, preview, typed_edit,
};

use super::actions::Actions;
use super::integrations::{Standing, standing};
use super::{Frame, Section, Shown, page_with, segment, to};
use crate::access::Who;
use crate::fields::Fields;
use crate::told::{Moment, counted, moment, number};
use crate::{Console, Deployed};

/// Codes on one page.
const PAGE: usize = 50;
/// Customers listed in a preview.
const PREVIEWED: usize = 50;

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

    fn keeps(&self, line: &CodeLine) -> bool {
        if self.only == "unmapped" && line.situation == Situation::Linked {
            return false;
        }
        let wanted = self.q.trim().to_lowercase();
        let person = line.person.iter().flat_map(|person| std::iter::once(&person.name).chain(&person.emails));
        let users = line.users.iter().map(|user| &user.typed);
        wanted.is_empty() || std::iter::once(&line.label).chain(users).chain(person).any(|text| text.to_lowercase().contains(&wanted))
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
    users: Vec<(String, String)>,
    shows: Shows,
    total: String,
    unmapped: usize,
    pages: usize,
    never_read: bool,
    reason: String,
    wrong: Option<String>,
    conflict: Option<Vec<Conflict>>,
    preview: Option<Previewed>,
}

/// What saving would move, for people.
struct Previewed {
    /// "moves 214 customers".
    headline: String,
    moves: Vec<String>,
    more_moves: Option<String>,
    records: Vec<PreviewLine>,
    more_records: Option<String>,
    remarks: Vec<String>,
    refusals: Vec<Refusal>,
    can_tell: bool,
}

impl Previewed {
    fn of(preview: Preview, now: Instant) -> Self {
        let mut remarks = Vec::new();
        let mut remark = |count: u64, one: &str, many: &str| {
            if count > 0 {
                remarks.push(if count == 1 { one.to_owned() } else { format!("{} {many}", number(count)) });
            }
        };
        remark(preview.follows.unwrap_or(0), "1 visit frequency goes with them.", "visit frequencies go with them.");
        remark(
            preview.stays,
            "1 customer that the next run would move stays where it is.",
            "customers that the next run would move stay where they are.",
        );
        remark(preview.holds, "1 customer would wait for a user.", "customers would wait for a user.");
        remark(preview.pending, "1 other change is due at the next run anyway.", "other changes are due at the next run anyway.");
        if let Some(read_at) = preview.read_at {
            remarks.push(format!("Judged by what was read {}.", moment(read_at, now).away));
        }
        let more = preview.total - preview.records.len() as u64;
        Self {
            headline: if preview.total == 0 {
                "Moves no customer".to_owned()
            } else {
                format!("Moves {}", counted(preview.total, "customer"))
            },
            moves: preview
                .moves
                .iter()
                .map(|one| format!("{} from {} to {}", counted(one.records, "customer"), one.from, one.to))
                .collect(),
            more_moves: (preview.rest > 0).then(|| format!("and {} in smaller groups", counted(preview.rest, "customer"))),
            records: preview.records,
            more_records: (more > 0).then(|| format!("and {} more", counted(more, "customer"))),
            remarks,
            refusals: preview.refusals,
            can_tell: preview.read_at.is_some(),
        }
    }
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
    show(&console, &name, &who, &session, shows, Draft::default()).await
}

async fn show(console: &Console, name: &str, who: &Who, session: &Session, shows: Shows, draft: Draft) -> Shown {
    let deployed = console.deployed(name)?;
    let ports = console.deployment.ports(name).await?;
    let now = console.now();
    let state = console.store.integration(name).await?;
    let table = console.store.code_table(name).await?;
    let lines = code_overview(&ports, &deployed.integration).await?;
    let people = people_overview(&ports, &deployed.integration).await?.users;
    let effects = console.store.effects(name, 50).await?;
    let standing = standing(console, &deployed).await?;
    let access = who.access();
    let refusal = access.over(Right::EditCodes, name, state.editable).err();
    let editing = Editing {
        allowed: refusal.is_none(),
        why_not: refusal.as_ref().map(Denied::to_string),
        may_set: access.over(Right::SetEditable, name, state.editable).is_ok(),
        editable: state.editable,
    };
    let unmapped = lines.iter().filter(|line| line.situation != Situation::Linked).count();
    let never_read = lines.is_empty() && table.last_read.is_none();
    let kept: Vec<&CodeLine> = lines.iter().filter(|line| shows.keeps(line)).collect();
    let pages = kept.len().div_ceil(PAGE).max(1);
    let shows = Shows { page: shows.page.clamp(1, pages), ..shows };
    let names: BTreeMap<&str, &UserLine> = people.iter().map(|user| (user.owner.as_str(), user)).collect();
    let rows = kept
        .iter()
        .skip((shows.page - 1) * PAGE)
        .take(PAGE)
        .enumerate()
        .map(|(number, line)| row(number, line, &draft, &names, &table, &effects, now))
        .collect();
    let users = people
        .iter()
        .filter(|user| user.active && !user.service)
        .filter_map(|user| Some((user.user_name.clone().or_else(|| user.emails.first().cloned())?, user.name.clone())))
        .collect();
    let shown = CodesPage {
        frame: Frame::of(name, Section::Integrations, who, session).await,
        base: format!("/integrations/{}", segment(name)),
        name: name.to_owned(),
        next: deployed.next_due.filter(|_| standing.tone == "good").map(|at| moment(at, now)),
        last_read: table.last_read.map(|at| moment(at, now)),
        version: table.version,
        total: number(kept.len() as u64),
        actions: Actions::of(console, who, &deployed).await?,
        deployed,
        standing,
        editing,
        rows,
        users,
        shows,
        unmapped,
        pages,
        never_read,
        reason: draft.reason,
        wrong: draft.wrong,
        conflict: draft.conflict,
        preview: draft.preview,
    };
    page_with(draft.status.unwrap_or(StatusCode::OK), &shown)
}

fn row(
    at: usize,
    line: &CodeLine,
    draft: &Draft,
    names: &BTreeMap<&str, &UserLine>,
    table: &CodeTable,
    effects: &[rightful_engine::Effect],
    now: Instant,
) -> Row {
    let wanted: Option<BTreeSet<&str>> =
        draft.edits.iter().find(|edit| edit.code == line.code).map(|edit| edit.rows.iter().filter_map(|row| row.user.as_deref()).collect());
    let mut boxes: Vec<UserBox> = line
        .users
        .iter()
        .map(|user| {
            let ticked = wanted.as_ref().is_none_or(|wanted| wanted.contains(user.typed.as_str()));
            UserBox { ticked, changed: !ticked, ..user_box(user, names, table, &line.code) }
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
    let since = table.rows.iter().filter(|row| row.row.code == line.code).map(|row| row.since).max();
    let effect = since.map(|since| match effects.iter().filter(|effect| effect.version >= since).min_by_key(|effect| effect.version) {
        None => "takes effect at the next run".to_owned(),
        Some(effect) => {
            let moved = effect.moved.iter().find(|(code, _)| *code == line.code).map_or(0, |(_, moved)| *moved);
            let what = if moved == 0 { "no customer had to move".to_owned() } else { format!("moved {}", counted(moved, "customer")) };
            format!("took effect {} in {}: {what}", moment(effect.at, now).away, effect.run)
        }
    });
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

fn user_box(user: &Named, names: &BTreeMap<&str, &UserLine>, table: &CodeTable, code: &str) -> UserBox {
    let known = user.owner.as_deref().and_then(|owner| names.get(owner));
    let row = table.rows.iter().find(|row| row.row.code == code && row.row.user.as_deref() == Some(user.typed.as_str()));
    UserBox {
        value: user.typed.clone(),
        name: known.map_or_else(|| user.typed.clone(), |known| known.name.clone()),
        ticked: true,
        changed: false,
        problem: match user.situation {
            Situation::Linked | Situation::Unlinked => None,
            Situation::Unmatched => Some("no such user"),
            Situation::Disputed => Some("several users have this name"),
            Situation::Gone => Some("deactivated"),
        },
        successor: row.and_then(|row| row.row.successor.clone()),
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
    let ports = console.deployment.ports(&name).await?;
    let people = known_people(&ports, &deployed.integration).await?;
    let standing: Vec<CodeRow> = table.rows.iter().map(|row| row.row.clone()).collect();
    let mut draft = Draft { reason: fields.text("reason").trim().to_owned(), ..Draft::default() };
    for (code, typed) in typed(&fields, &standing) {
        match typed_edit(&code, &typed, &standing, people.as_ref()) {
            Ok(edit) => draft.edits.push(edit),
            Err(error) => {
                let mend = error.mend().map(|mend| format!("; {mend}")).unwrap_or_default();
                draft.edits.push(as_typed(&code, &typed));
                draft.refused.push((code, format!("{}{mend}", error.message())));
            }
        }
    }
    let base = format!("/integrations/{}", segment(&name));
    if draft.edits.is_empty() {
        return to(&session, &base, true, "Nothing differs from the table; nothing was saved.").await;
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
    if draft.reason.is_empty() {
        draft.wrong = Some("Say why, in a few words: whoever looks at this later will want to know.".to_owned());
        draft.status = Some(StatusCode::UNPROCESSABLE_ENTITY);
        return show(&console, &name, &who, &session, shows, draft).await;
    }
    let expected = fields
        .text("version")
        .parse()
        .map_err(|_| Error::new(ErrorKind::Config, "the form does not say which version it stands on").hint("load the page again"))?;
    let by = Authorship { author: who.actor(), reason: draft.reason.clone(), at: console.now() };
    match console.store.save_codes(&name, expected, &draft.edits, &by).await? {
        Saved::Version(version) => {
            let next = deployed.next_due.map(|at| format!(" ({})", moment(at, console.now()).away)).unwrap_or_default();
            to(&session, &base, true, format!("Saved as version {version}. No customer has moved yet: that happens at the next run{next}."))
                .await
        }
        Saved::Moved(_) => {
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
