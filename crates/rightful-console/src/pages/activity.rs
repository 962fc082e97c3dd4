//! An integration that credits activities at a glance: what it does, whom it waits for, and the switch of automatic accounts (SS-6, SS-10, SS-11).

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum_login::tower_sessions::Session;
use rightful_engine::{PeopleQuery, Right, RunTask};

use super::actions::{Actions, to_run};
use super::integrations::{Standing, standing};
use super::place::{May, Place};
use super::{Frame, Section, Shown, page, page_with, to};
use crate::access::Who;
use crate::fields::Fields;
use crate::operations::people::{Credited, mode_told};
use crate::operations::runs::{RunAsked, begin};
use crate::operations::signed;
use crate::operations::switches::{Automatic, Switched, automatic, switch_automatic};
use crate::problem::Problem;
use crate::told::{Moment, counted, moment, number};
use crate::{Console, Deployed};

#[derive(Template)]
#[template(path = "activity.html")]
struct ActivityPage {
    frame: Frame,
    place: Place,
    deployed: Deployed,
    standing: Standing,
    actions: Actions,
    next: Option<Moment>,
    mode: &'static str,
    users: String,
    waiting: String,
    workflows: String,
    holds: String,
    may: May,
    automatic: Automatic,
    switched: Option<(String, String, Moment)>,
    reason: String,
    wrong: Option<String>,
}

impl ActivityPage {
    fn told(&self) -> String {
        self.automatic.told(self.deployed.source.vendor)
    }
}

/// Holds are counted up to here.
const COUNTED: usize = 10_000;

/// The page of such an integration: `GET /integrations/{integration}` leads here.
pub async fn show(console: &Console, name: &str, who: &Who, session: &Session) -> Shown {
    page(&activity_page(console, name, who, session).await?)
}

async fn activity_page(console: &Console, name: &str, who: &Who, session: &Session) -> Result<ActivityPage, Problem> {
    let now = console.now();
    let credited = Credited::of(console, name).await?;
    let standing = standing(console, &credited.deployed).await?;
    let automatic = automatic(console, &credited).await?;
    let one = |query: PeopleQuery| PeopleQuery { limit: 1, ..query };
    let everyone = credited.crew.people(&credited.ports, &one(PeopleQuery::default())).await?;
    let waiting = credited.crew.people(&credited.ports, &one(PeopleQuery { waiting: true, ..PeopleQuery::default() })).await?;
    let holds = console.store.holds(Some(name), None, COUNTED).await?.len();
    let workflows = credited.crew.integration().policy.activity.as_ref().map_or(0, |activity| activity.workflows.len());
    Ok(ActivityPage {
        frame: Frame::of(name, Section::Integrations, who, session).await,
        place: Place::of(&credited.deployed, ""),
        actions: Actions::of(console, who, &credited.deployed).await?,
        next: credited.deployed.next_due.filter(|_| standing.tone == "good").map(|at| moment(at, now)),
        mode: mode_told(credited.mode()),
        users: if everyone.read { counted(everyone.total, "user") } else { "not read yet: the first run reads them".to_owned() },
        waiting: number(waiting.total),
        workflows: format!("{} of {} active", number(automatic.active_workflows), number(workflows as u64)),
        holds: if holds < COUNTED { number(holds as u64) } else { format!("{} or more", number(COUNTED as u64)) },
        may: May::of(who, Right::Switch, name),
        switched: automatic.by.clone().map(|by| (by.author, by.reason, moment(by.at, now))),
        automatic,
        standing,
        deployed: credited.deployed,
        reason: String::new(),
        wrong: None,
    })
}

/// `POST /integrations/{integration}/automatic`
pub async fn switch(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let credited = Credited::of(&console, &name).await?;
    let on = fields.text("on") == "yes";
    let (status, wrong) = match signed(&console, &who, fields.text("reason")) {
        Err(no_reason) => (StatusCode::UNPROCESSABLE_ENTITY, no_reason.to_string()),
        Ok(by) => match switch_automatic(&console, &credited, on, &by).await {
            Ok(switched) => {
                let word = if on { "on" } else { "off" };
                let told = match switched {
                    Switched::Done if on => "Accounts are made by themselves from the next run on.".to_owned(),
                    Switched::Done => {
                        "No account is made by itself any more. Accounts that are there stay; plans made before are void.".to_owned()
                    }
                    Switched::Stood => format!("Somebody had switched it {word} already; nothing was changed."),
                };
                return to(&session, &Place::of(&credited.deployed, "").base, switched == Switched::Done, told).await;
            }
            Err(problem) if problem.status == StatusCode::CONFLICT => (problem.status, problem.told()),
            Err(problem) => return Err(problem),
        },
    };
    let mut shown = activity_page(&console, &name, &who, &session).await?;
    (shown.reason, shown.wrong) = (fields.text("reason").trim().to_owned(), Some(wrong));
    page_with(status, &shown)
}

/// `POST /integrations/{integration}/try`: sends what is ready and makes accounts that were picked, from what is known, without reading.
pub async fn send_ready(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    let _credits = Credited::of(&console, &name).await?;
    let begun = begin(&console, &who, &name, RunAsked::of(RunTask::Release)).await;
    to_run(&session, &name, begun, "The run began: it sends what is ready, without reading anything anew.").await
}
