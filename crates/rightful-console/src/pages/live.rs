//! A run under way, followed live: what it reports in this process and what the store knows, until it ended.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum_login::tower_sessions::Session;
use rightful_core::Result;
use rightful_engine::{EntryState, Event, MemberId, PlanState, Run, RunId};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::runs::{plan_of, run_of};
use super::{Shown, words};
use crate::access::Who;
use crate::problem::Problem;
use crate::sessions::digest;
use crate::told::{counted, number, without_commands};
use crate::{Console, Deployed};

/// How often the store is asked whether the run ended.
const LOOK: Duration = Duration::from_secs(1);
/// The least time between two words to the page, however much is reported.
const PACE: Duration = Duration::from_millis(250);
/// How often it is asked whether the session still holds, in looks.
const SESSION_EVERY: u32 = 5;
/// After how long a page that lost its connection tries again.
const RETRY: Duration = Duration::from_secs(3);
/// When a comment keeps the connection from being taken for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Notes kept for the page.
const NOTES: usize = 20;

/// One bar of progress, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bar {
    /// Tells it from the others.
    pub key: String,
    /// What is done.
    pub label: String,
    /// How far.
    pub value: u64,
    /// Of how much, where that is known.
    pub most: Option<u64>,
    /// The same in words.
    pub text: String,
}

/// How far a run is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The vendors' names: source, target.
    vendors: [&'static str; 2],
    /// Rows and how many there will be, by side and kind, in the order they began.
    reads: BTreeMap<(usize, String), (u64, Option<u64>)>,
    planned: Option<(u64, u64, u64)>,
    applied: Option<(u64, u64)>,
    notes: Vec<String>,
}

impl Progress {
    /// Nothing is known yet.
    pub fn new(vendors: [&'static str; 2]) -> Self {
        Self { vendors, ..Self::default() }
    }

    /// Takes in what the run reports.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::Started { .. } => {}
            Event::Read { side, kind, rows, total } => {
                self.reads.insert((usize::from(side == "target"), kind.to_string()), (rows, total));
            }
            Event::Planned { pairs, total, changes } => self.planned = Some((pairs, total, changes)),
            Event::Applied { settled, total } => self.applied = Some((settled, total)),
            Event::Note(note) => {
                self.notes.push(without_commands(&note));
                if self.notes.len() > NOTES {
                    self.notes.remove(0);
                }
            }
        }
    }

    /// Takes in what the store knows to be written: never less than what was told before.
    fn written(&mut self, settled: u64, total: u64) {
        let known = self.applied.map_or(0, |(settled, _)| settled);
        self.applied = Some((settled.max(known), total));
    }

    /// In bars, in the order of a run.
    pub fn bars(&self) -> Vec<Bar> {
        let of = |value: u64, most: Option<u64>| match most {
            Some(most) => format!("{} of {}", number(value), number(most.max(value))),
            None => number(value),
        };
        let mut bars: Vec<Bar> = self
            .reads
            .iter()
            .map(|((side, kind), (rows, total))| Bar {
                key: format!("read-{side}-{kind}"),
                label: format!("Reading {kind} records of {}", self.vendors[*side]),
                value: *rows,
                most: total.map(|total| total.max(*rows)),
                text: of(*rows, *total),
            })
            .collect();
        if let Some((pairs, total, changes)) = self.planned {
            bars.push(Bar {
                key: "plan".to_owned(),
                label: "Planning".to_owned(),
                value: pairs,
                most: Some(total.max(pairs)),
                text: format!("{} pairs, {}", of(pairs, Some(total)), counted(changes, "change")),
            });
        }
        if let Some((settled, total)) = self.applied {
            bars.push(Bar {
                key: "write".to_owned(),
                label: format!("Writing to {}", self.vendors[1]),
                value: settled,
                most: Some(total.max(settled)),
                text: format!("{} written", of(settled, Some(total))),
            });
        }
        bars
    }

    /// The stage it is in: what is said aloud when it changes.
    pub fn stage(&self) -> &'static str {
        match (&self.applied, &self.planned, self.reads.is_empty()) {
            (Some(_), ..) => "Writing",
            (None, Some(_), _) => "Planning",
            (None, None, false) => "Reading",
            (None, None, true) => "Under way",
        }
    }
}

/// What is sent to a page.
#[derive(Debug, Serialize)]
struct Told<'a> {
    stage: &'static str,
    bars: Vec<Bar>,
    notes: &'a [String],
}

/// What the store knows of a run that has not ended.
pub async fn stored(console: &Console, deployed: &Deployed, run: &Run) -> Result<Progress> {
    let mut progress = Progress::new([deployed.source.vendor, deployed.target.vendor]);
    look(console, run, &mut progress).await?;
    Ok(progress)
}

async fn look(console: &Console, run: &Run, progress: &mut Progress) -> Result<()> {
    if let Some(plan) = plan_of(console, run).await?
        && plan.state == PlanState::Applying
    {
        let counts = console.store.entry_counts(run.id).await?;
        let settled = counts.iter().filter(|(state, _): &&(EntryState, u64)| state.is_final()).map(|(_, count)| count).sum();
        progress.written(settled, plan.counts.changes());
    }
    Ok(())
}

/// A page that follows a run.
struct Follower {
    console: Arc<Console>,
    run: RunId,
    progress: Progress,
    events: Option<Receiver<Event>>,
    /// Is what is heard of this run?
    ours: bool,
    looks: tokio::time::Interval,
    looked: u32,
    /// Whose session it is: its digest, the member and the revision that it began under.
    session: (Vec<u8>, MemberId, i64),
    over: bool,
    begun: bool,
    /// Held as long as the page follows.
    _place: OwnedSemaphorePermit,
}

impl Follower {
    /// Waits for something worth telling.
    async fn next(&mut self) -> Option<Sent> {
        if self.over {
            return None;
        }
        if !self.begun {
            self.begun = true;
            return Some(self.progress().retry(RETRY));
        }
        loop {
            let heard = tokio::select! {
                event = heard(&mut self.events) => event,
                _ = self.looks.tick() => None,
            };
            match heard {
                Some(event) => {
                    self.take(event);
                    tokio::time::sleep(PACE).await;
                    while let Some(event) = self.events.as_mut().and_then(|events| events.try_recv().ok()) {
                        self.take(event);
                    }
                    if self.ours {
                        return Some(self.progress());
                    }
                }
                None => {
                    if let Some(sent) = self.looked().await {
                        return Some(sent);
                    }
                }
            }
            if self.over {
                return None;
            }
        }
    }

    /// Takes in an event, unless it is of another run of the integration.
    fn take(&mut self, event: Event) {
        if let Event::Started { run, .. } = &event {
            self.ours = *run == self.run;
        }
        if self.ours {
            self.progress.take(event);
        }
    }

    fn progress(&self) -> Sent {
        let told = Told { stage: self.progress.stage(), bars: self.progress.bars(), notes: &self.progress.notes };
        sent("progress", &told)
    }

    /// Asks the store how the run stands; ends where it ended, or the session did.
    async fn looked(&mut self) -> Option<Sent> {
        self.looked = self.looked.wrapping_add(1);
        if self.looked.is_multiple_of(SESSION_EVERY) && !self.still_in().await {
            self.over = true;
            return Some(sent("signed-out", &()));
        }
        match self.console.store.run(self.run).await {
            Ok(Some(run)) if run.ended.is_none() => {
                let before = self.progress.applied;
                if let Err(error) = look(&self.console, &run, &mut self.progress).await {
                    tracing::warn!(run = %self.run, %error, "what is written cannot be told");
                }
                (self.progress.applied != before).then(|| self.progress())
            }
            Ok(Some(run)) => {
                self.over = true;
                Some(sent("ended", &serde_json::json!({ "outcome": words::outcome(&run).word })))
            }
            Ok(None) => {
                self.over = true;
                None
            }
            Err(error) => {
                tracing::warn!(run = %self.run, %error, "how a run stands cannot be told");
                None
            }
        }
    }

    /// Does the session still hold, and the member stand as when it began?
    async fn still_in(&self) -> bool {
        let (digest, member, revision) = &self.session;
        let store = &self.console.store;
        let session = store.session(digest, self.console.now()).await;
        let member = store.member(*member).await;
        match (session, member) {
            (Ok(session), Ok(member)) => {
                session.is_some() && member.is_some_and(|found| found.member.active && found.member.revision == *revision)
            }
            // What cannot be known is asked again; the pages themselves fail meanwhile.
            _ => true,
        }
    }
}

/// The next event; never, where nobody will report any more.
async fn heard(events: &mut Option<Receiver<Event>>) -> Option<Event> {
    loop {
        let Some(receiver) = events else { return std::future::pending().await };
        match receiver.recv().await {
            Ok(event) => return Some(event),
            // What was missed, the next event makes good.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => *events = None,
        }
    }
}

fn sent(name: &str, data: &impl Serialize) -> Sent {
    let data = serde_json::to_string(data).unwrap_or_else(|_| "{}".to_owned());
    Sent::default().event(name).data(data)
}

/// `GET /integrations/{integration}/runs/{run}/events`
pub async fn events(
    State(console): State<Arc<Console>>,
    Path((name, run)): Path<(String, String)>,
    Extension(who): Extension<Who>,
    session: Session,
) -> Shown {
    let deployed = console.deployed(&name)?;
    let (Who::Member(member, _), Some(id)) = (&who, session.id()) else {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "nobody is signed in").hint("sign in again"));
    };
    // Heard from before the run is looked up: an end in between is not missed.
    let heard = console.deployment.events(&name);
    let run = run_of(&console, &name, &run).await?;
    let place = console.followers.clone().try_acquire_owned().map_err(|_| {
        let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many pages follow runs at this moment")
            .hint("load the page again to see how far the run is");
        problem.retry_after = Some(30);
        problem
    })?;
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let follower = Follower {
        progress: stored(&console, &deployed, &run).await?,
        run: run.id,
        events: Some(heard),
        ours: true,
        looks,
        looked: 0,
        session: (digest(id), member.id, member.revision),
        over: false,
        begun: false,
        _place: place,
        console,
    };
    Ok(followed(follower))
}

fn followed(follower: Follower) -> Response {
    let stream = futures::stream::unfold(follower, |mut follower| async move {
        let sent = follower.next().await?;
        Some((Ok::<_, Infallible>(sent), follower))
    });
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    // A proxy that gathers answers would hold these back.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_reports_becomes_bars_in_the_order_of_a_run() {
        let mut progress = Progress::new(["Sage Intacct", "Skynamo"]);
        assert_eq!((progress.stage(), progress.bars()), ("Under way", vec![]));
        let read = |side, kind: &'static str, rows, total| Event::Read { side, kind: rightful_core::Kind::new(kind), rows, total };
        let mut stages = Vec::new();
        for event in [
            Event::Started { run: RunId(3), resumed: false },
            read("target", "customer", 50, None),
            read("source", "customer", 100, Some(1_200)),
            read("source", "customer", 1_300, Some(1_200)),
            Event::Planned { pairs: 10, total: 600, changes: 1 },
            Event::Applied { settled: 0, total: 97 },
            Event::Note("mind this".into()),
        ] {
            progress.take(event);
            stages.push(progress.stage());
        }
        assert_eq!(stages, ["Under way", "Reading", "Reading", "Reading", "Planning", "Writing", "Writing"]);
        progress.written(30, 97);
        progress.written(20, 97);
        let bars: Vec<(String, String, Option<u64>)> = progress.bars().into_iter().map(|bar| (bar.label, bar.text, bar.most)).collect();
        assert_eq!(
            bars,
            [
                ("Reading customer records of Sage Intacct".into(), "1,300 of 1,300".into(), Some(1_300)),
                ("Reading customer records of Skynamo".into(), "50".into(), None),
                ("Planning".into(), "10 of 600 pairs, 1 change".into(), Some(600)),
                ("Writing to Skynamo".into(), "30 of 97 written".into(), Some(97)),
            ]
        );
    }

    #[test]
    fn only_the_last_notes_are_kept() {
        let mut progress = Progress::new(["", ""]);
        (0..NOTES + 5).for_each(|at| progress.take(Event::Note(at.to_string())));
        assert_eq!((progress.notes.len(), progress.notes[0].as_str()), (NOTES, "5"));
    }
}
