//! The audit log to read: who did what, newest first; whether its chain holds; and as a file.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::IntoResponse as _;
use axum_login::tower_sessions::Session;
use futures::stream::try_unfold;
use rightful_core::{Error, Instant};
use rightful_engine::{AuditFilter, AuditLine, ChainVerdict, table_file};
use serde_json::Value as Json;

use super::{Frame, Section, Shown, page};
use crate::Console;
use crate::access::Who;
use crate::problem::Problem;
use crate::told::{Moment, counted, moment};

/// Lines on one page.
const PAGE: usize = 50;
/// Lines of a file that are read at once.
const BATCH: usize = 1_000;
/// Words of a list that are shown.
const LISTED: usize = 20;

/// What an action's word says to people.
const TOLD: [(&str, &str); 31] = [
    ("codes.editable", "said who may edit the table"),
    ("codes.save", "saved the code table"),
    ("connection.add", "added a connection"),
    ("connection.remove", "removed a connection"),
    ("connection.save", "changed a connection"),
    ("connection.test", "tested a connection"),
    ("hold.drop", "dropped a hold"),
    ("integration.pause", "paused"),
    ("integration.quarantine", "took out of the schedule"),
    ("integration.release", "ended the quarantine"),
    ("integration.resume", "resumed"),
    ("key.forget", "forgot what lost keys had sealed"),
    ("key.rotate", "changed the master key"),
    ("link.add", "linked a person to an account"),
    ("link.remove", "removed a link"),
    ("member.add", "added a member"),
    ("member.change", "changed a member"),
    ("member.link", "made a one-time link"),
    ("member.password", "set a password"),
    ("people.note", "noted what is known of accounts"),
    ("people.pick", "picked people"),
    ("people.unpick", "took back picks"),
    ("plan.approve", "approved a plan"),
    ("plan.let-through", "let a plan over its caps"),
    ("plan.reject", "rejected a plan"),
    ("run.ask", "asked for a run"),
    ("session.begin", "signed in"),
    ("switch.off", "switched off"),
    ("switch.on", "switched on"),
    ("token.make", "made a token"),
    ("token.revoke", "revoked a token"),
];

/// Which lines are wanted.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Wanted {
    #[serde(default)]
    actor: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    object: String,
    /// Numbered below this.
    #[serde(default)]
    before: String,
}

impl Wanted {
    fn filter(&self, limit: usize) -> AuditFilter {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        AuditFilter {
            actor: given(&self.actor),
            action: given(&self.action),
            object: given(&self.object),
            before: self.before.trim().parse().ok(),
            limit,
        }
    }

    /// The same as a query, from another line on.
    fn query(&self, before: Option<i64>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (key, value) in [("actor", &self.actor), ("action", &self.action), ("object", &self.object)] {
            if !value.trim().is_empty() {
                query.append_pair(key, value.trim());
            }
        }
        if let Some(before) = before {
            query.append_pair("before", &before.to_string());
        }
        query.finish()
    }

    fn is_narrowed(&self) -> bool {
        [&self.actor, &self.action, &self.object].iter().any(|text| !text.trim().is_empty())
    }
}

/// One thing that a line tells besides who did what.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Detail {
    key: String,
    /// What it was before, where that is known; `None` where it is no change.
    before: Option<String>,
    value: String,
}

/// The details of a line as a short list: what changed as before and after, the rest as it is.
fn details(detail: &Json) -> Vec<Detail> {
    let mut found = Vec::new();
    let Json::Object(fields) = detail else {
        if !detail.is_null() {
            found.push(Detail { key: String::new(), before: None, value: value(detail) });
        }
        return found;
    };
    let (before, after) = (fields.get("before").and_then(Json::as_object), fields.get("after").and_then(Json::as_object));
    for (key, field) in fields {
        if matches!(key.as_str(), "before" | "after") && field.is_object() {
            continue;
        }
        flat(key, field, &mut found);
    }
    let keys: std::collections::BTreeSet<&String> = before.into_iter().chain(after).flat_map(serde_json::Map::keys).collect();
    for key in keys {
        let told = |state: Option<&serde_json::Map<String, Json>>| state.and_then(|state| state.get(key)).map(value);
        let nothing = || "nothing".to_owned();
        found.push(Detail {
            key: words(key),
            before: Some(told(before).unwrap_or_else(nothing)),
            value: told(after).unwrap_or_else(nothing),
        });
    }
    found
}

fn flat(key: &str, field: &Json, found: &mut Vec<Detail>) {
    match field {
        Json::Null => {}
        Json::Object(inner) => inner.iter().for_each(|(inner, field)| flat(&format!("{key}, {inner}"), field, found)),
        field => found.push(Detail { key: words(key), before: None, value: value(field) }),
    }
}

fn words(key: &str) -> String {
    key.replace(['_', '-'], " ")
}

fn value(field: &Json) -> String {
    match field {
        Json::Null => "nothing".to_owned(),
        Json::Bool(true) => "yes".to_owned(),
        Json::Bool(false) => "no".to_owned(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        Json::Array(all) if all.is_empty() => "none".to_owned(),
        Json::Array(all) => {
            let more = all.len().saturating_sub(LISTED);
            let listed: Vec<String> = all.iter().take(LISTED).map(value).collect();
            let listed = listed.join(", ");
            if more > 0 { format!("{listed} and {more} more") } else { listed }
        }
        Json::Object(fields) => fields.iter().map(|(key, field)| format!("{} {}", words(key), value(field))).collect::<Vec<_>>().join(", "),
    }
}

struct Line {
    number: i64,
    when: Moment,
    actor: String,
    told: String,
    action: String,
    object: String,
    details: Vec<Detail>,
}

impl Line {
    fn of(line: AuditLine, now: Instant) -> Self {
        let action = line.act.action;
        Self {
            number: line.number,
            when: moment(line.act.at, now),
            actor: line.act.actor,
            told: TOLD.iter().find(|(word, _)| *word == action).map_or_else(|| action.clone(), |(_, told)| (*told).to_owned()),
            action,
            object: line.act.object,
            details: details(&line.act.detail),
        }
    }
}

/// How the chain stands, for people.
struct Verified {
    good: bool,
    told: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    frame: Frame,
    wanted: Wanted,
    lines: Vec<Line>,
    older: Option<String>,
    newest: Option<String>,
    csv: String,
    actors: Vec<String>,
    actions: Vec<(&'static str, &'static str)>,
    /// The newest line's hash.
    head: Option<String>,
    verified: Option<Verified>,
}

async fn shown(console: &Console, who: &Who, session: &Session, wanted: Wanted, verified: Option<Verified>) -> Result<Audit, Problem> {
    let now = console.now();
    // One more than is shown: is there an older page?
    let mut found = console.store.acts(&wanted.filter(PAGE + 1)).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let last = found.last().map(|line| line.number);
    let head = console.store.acts(&AuditFilter { limit: 1, ..AuditFilter::default() }).await?.into_iter().next().map(|line| line.hash);
    let groups = [
        ("codes.", "code tables"),
        ("connection.", "connections"),
        ("hold.", "holds"),
        ("integration.", "integrations"),
        ("key.", "master keys"),
        ("member.", "members"),
        ("plan.", "plans"),
        ("run.", "runs"),
        ("session.", "sessions"),
        ("token.", "tokens"),
    ];
    Ok(Audit {
        frame: Frame::of("Audit", Section::Audit, who, session).await,
        older: last.filter(|_| more).map(|last| wanted.query(Some(last))),
        newest: (!wanted.before.is_empty()).then(|| wanted.query(None)),
        csv: wanted.query(None),
        actors: console.store.members().await?.into_iter().map(|member| member.name).collect(),
        actions: groups.into_iter().chain(TOLD).collect(),
        lines: found.into_iter().map(|line| Line::of(line, now)).collect(),
        wanted,
        head,
        verified,
    })
}

/// `GET /audit`
pub async fn list(
    State(console): State<Arc<Console>>,
    Extension(who): Extension<Who>,
    session: Session,
    Query(wanted): Query<Wanted>,
) -> Shown {
    page(&shown(&console, &who, &session, wanted, None).await?)
}

/// `POST /audit/verify`: walks the whole chain.
pub async fn verify(State(console): State<Arc<Console>>, Extension(who): Extension<Who>, session: Session) -> Shown {
    let verified = match console.store.verify().await? {
        ChainVerdict::Whole { lines, .. } => {
            let lines = counted(lines.unsigned_abs(), "line");
            Verified { good: true, told: format!("The chain is whole: {lines}, each follows from the one before.") }
        }
        ChainVerdict::Broken { number, why } => Verified {
            good: false,
            told: format!(
                "The chain is broken at line {number}: {why}. Compare with a backup of the store, and find out who could write its file."
            ),
        },
    };
    page(&shown(&console, &who, &session, Wanted::default(), Some(verified)).await?)
}

/// `GET /audit.csv`: every line that is wanted, newest first; cells that a spreadsheet would calculate are disarmed.
pub async fn export(State(console): State<Arc<Console>>, Query(wanted): Query<Wanted>) -> Shown {
    let head = table_file::line(["number", "at", "actor", "action", "object", "detail", "hash"])?;
    // Memory stays flat however long the log is: it is read and sent piece by piece.
    let pieces = try_unfold((Some(head), Some(wanted.filter(BATCH))), move |(head, filter)| {
        let console = console.clone();
        async move {
            if let Some(head) = head {
                return Ok(Some((head, (None, filter))));
            }
            let Some(mut filter) = filter else { return Ok::<_, Error>(None) };
            let lines = console.store.acts(&filter).await?;
            let Some(last) = lines.last().map(|line| line.number) else { return Ok(None) };
            let full = lines.len() == filter.limit;
            let mut piece = String::new();
            for AuditLine { number, act, hash } in lines {
                let (number, at, detail) = (number.to_string(), act.at.to_rfc3339(), act.detail.to_string());
                piece.push_str(&table_file::line([&number, &at, &act.actor, &act.action, &act.object, &detail, &hash])?);
            }
            filter.before = Some(last);
            Ok(Some((piece, (None, full.then_some(filter)))))
        }
    });
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\"")];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn details_are_a_short_list_and_changes_tell_before_and_after() {
        let told = |detail: Json| {
            let lines = details(&detail).into_iter().map(|detail| match detail.before {
                Some(before) => format!("{}: {before} -> {}", detail.key, detail.value),
                None => format!("{}: {}", detail.key, detail.value),
            });
            // The order of a detail's members hangs on how JSON is compiled in.
            let mut lines = lines.collect::<Vec<_>>();
            lines.sort();
            lines
        };
        assert_eq!(told(Json::Null), Vec::<String>::new());
        assert_eq!(told(json!("as it is")), [": as it is"]);
        assert_eq!(
            told(
                json!({ "version": 3, "reason": "Nadia", "before": { "role": "viewer", "gone": true }, "after": { "role": "admin", "may_edit": ["a", "b"] } })
            ),
            ["gone: yes -> nothing", "may edit: nothing -> a, b", "reason: Nadia", "role: viewer -> admin", "version: 3"]
        );
        assert_eq!(told(json!({ "one": { "two": 2 }, "none": [], "nothing": null })), ["none: none", "one, two: 2"]);
        assert_eq!(told(json!({ "before": "noon" })), ["before: noon"], "a field that is called so is told as it is");
        let many: Vec<u32> = (0..25).collect();
        assert!(told(json!({ "many": many }))[0].ends_with("18, 19 and 5 more"));
    }

    #[test]
    fn every_action_is_told_once_and_in_order() {
        let words: Vec<&str> = TOLD.iter().map(|(word, _)| *word).collect();
        let mut sorted = words.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(words, sorted);
    }
}
