//! What an operator does to an integration: run it, plan, pause, resume, end a quarantine, undo a run.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum_login::tower_sessions::Session;
use rightful_core::{Error, ErrorKind, Result};
use rightful_engine::{EntryState, Right, RunId, RunTask};

use super::runs::{run_of, run_path};
use super::{Frame, Section, Shown, page, segment, to};
use crate::access::Who;
use crate::fields::Fields;
use crate::operations::runs::{Begun, RunAsked, begin};
use crate::operations::{self, signed};
use crate::problem::Problem;
use crate::told::{Moment, counted, moment, number};
use crate::{Console, Deployed};

/// The toolbar of an integration: `templates/parts/actions.html` shows it.
#[derive(Clone, Debug)]
pub struct Actions {
    /// May the person use it?
    pub may_run: bool,
    /// The integration's address.
    pub base: String,
    /// The run that has not ended: its address and number.
    pub under_way: Option<(String, RunId)>,
    /// Is the integration paused?
    pub paused: bool,
    /// Is it in quarantine?
    pub quarantined: bool,
}

impl Actions {
    /// The toolbar as it stands now.
    ///
    /// # Errors
    /// As the store.
    pub async fn of(console: &Console, who: &Who, deployed: &Deployed) -> Result<Self> {
        let name = &deployed.integration.name;
        Ok(Self {
            may_run: who.access().over(Right::Run, name, false).is_ok(),
            base: format!("/integrations/{}", segment(name)),
            under_way: console.store.unfinished_run(name).await?.map(|run| (run_path(name, run.id), run.id)),
            paused: console.store.integration(name).await?.paused.is_some(),
            quarantined: console.store.watched(name).await?.quarantine.is_some(),
        })
    }
}

/// Takes the person to the run that came of what they asked for, or says why there is none.
pub async fn to_run(session: &Session, integration: &str, begun: Result<Begun>, good: &str) -> Shown {
    let base = format!("/integrations/{}", segment(integration));
    match begun {
        Ok(Begun::Run(run)) => to(session, &run_path(integration, run), true, good).await,
        Ok(Begun::Busy(Some(run))) => {
            let told = format!("Another run is under way: this one, {run}. What you asked for was not begun; ask again when it has ended.");
            to(session, &run_path(integration, run), false, told).await
        }
        Ok(Begun::Busy(None)) => {
            let told = "Another run is under way. What you asked for was not begun; ask again when it has ended.";
            to(session, &base, false, told).await
        }
        Err(error) => to(session, &base, false, format!("It could not begin: {}.", operations::told(&error))).await,
    }
}

/// `POST /integrations/{integration}/run`
pub async fn run(State(console): State<Arc<Console>>, Path(name): Path<String>, Extension(who): Extension<Who>, session: Session) -> Shown {
    let begun = begin(&console, &who, &name, RunAsked::of(RunTask::Full)).await;
    to_run(&session, &name, begun, "The run began.").await
}

/// `POST /integrations/{integration}/plan`: reads and plans; nothing is written.
pub async fn plan(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    let begun = begin(&console, &who, &name, RunAsked::of(RunTask::Plan { only: None })).await;
    to_run(&session, &name, begun, "Planning began; nothing will be written.").await
}

/// `POST /integrations/{integration}/pause`
pub async fn pause(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
    Extension(fields): Extension<Fields>,
) -> Shown {
    let reason = fields.needed("reason", "the reason for the pause")?;
    console.store.pause(&name, true, &signed(&console, &who, &reason)?).await?;
    let base = format!("/integrations/{}", segment(&name));
    to(&session, &base, true, "Paused: no run begins until somebody resumes it. A run that is under way goes on to its end.").await
}

/// `POST /integrations/{integration}/resume`
pub async fn resume(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    let was = console.store.integration(&name).await?.paused;
    console.store.pause(&name, false, &signed(&console, &who, "resumed")?).await?;
    console.deployment.wake();
    let told = match was {
        Some(by) => format!("It runs again. It was paused by {}: {}", by.author, by.reason),
        None => "It was not paused.".to_owned(),
    };
    to(&session, &format!("/integrations/{}", segment(&name)), true, told).await
}

/// `POST /integrations/{integration}/release`: ends a quarantine.
pub async fn release(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    let was = console.store.watched(&name).await?.quarantine;
    console.store.release_quarantine(&name, &signed(&console, &who, "released")?).await?;
    console.deployment.wake();
    let told = match was {
        Some(quarantine) => format!("The quarantine is over; its schedule starts it again. It was: {}", quarantine.reason),
        None => "It was not in quarantine.".to_owned(),
    };
    to(&session, &format!("/integrations/{}", segment(&name)), true, told).await
}

#[derive(Template)]
#[template(path = "undo.html")]
struct Undo {
    frame: Frame,
    name: String,
    base: String,
    href: String,
    id: RunId,
    changes: String,
    disputed: Option<String>,
    started: Moment,
    paused: bool,
    /// Runs that wrote since.
    later: Vec<(String, RunId, String)>,
}

/// The run, where there is something to undo in it.
pub async fn undoable(console: &Console, name: &str, run: &str) -> std::result::Result<(rightful_engine::Run, u64, u64), Problem> {
    let run = run_of(console, name, run).await?;
    if run.ended.is_none() {
        return Err(Error::new(ErrorKind::Conflict, format!("{} has not ended", run.id)).hint("wait for it, then undo it").into());
    }
    let counts = console.store.entry_counts(run.id).await?;
    let of = |wanted| counts.iter().filter(|(state, _)| *state == wanted).map(|(_, count)| *count).sum::<u64>();
    let (done, disputed) = (of(EntryState::Done), of(EntryState::Disputed));
    if done + disputed == 0 {
        return Err(Error::new(ErrorKind::Conflict, format!("{} wrote nothing", run.id)).hint("there is nothing to undo").into());
    }
    Ok((run, done, disputed))
}

/// `GET /integrations/{integration}/runs/{run}/undo`: says what an undo does.
pub async fn undo_form(
    State(console): State<Arc<Console>>,
    Path((name, run)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    let now = console.now();
    let (run, done, disputed) = undoable(&console, &name, &run).await?;
    let newer = console.store.runs(Some(&name), 20).await?;
    let later = newer
        .into_iter()
        .filter(|other| other.id > run.id && other.counts.done > 0)
        .map(|other| (run_path(&name, other.id), other.id, counted(other.counts.done, "change")))
        .collect();
    page(&Undo {
        frame: Frame::of(&format!("Undo {}", run.id), Section::Runs, &who, &session).await,
        base: format!("/integrations/{}", segment(&name)),
        href: run_path(&name, run.id),
        id: run.id,
        changes: counted(done, "change"),
        disputed: (disputed > 0).then(|| number(disputed)),
        started: moment(run.started, now),
        paused: console.store.integration(&name).await?.paused.is_some(),
        later,
        name,
    })
}

/// `POST /integrations/{integration}/runs/{run}/undo`
pub async fn undo(
    State(console): State<Arc<Console>>,
    Path((name, run)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    let (run, ..) = undoable(&console, &name, &run).await?;
    let begun = begin(&console, &who, &name, RunAsked::of(RunTask::Undo { run: run.id })).await;
    to_run(&session, &name, begun, &format!("Undoing {} began; the integration is paused.", run.id)).await
}
