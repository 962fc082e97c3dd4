//! Runs integrations by their schedules and when asked: which ones, how many side by side, and what becomes of those that fail.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use futures::FutureExt as _;
use rightful_core::{Clock, Error, ErrorKind, Instant, Result};
use tokio::sync::{Notify, oneshot, watch};

use crate::job::told;
use crate::{
    Cause, CutOff, Due, IntegrationState, JobError, PlanState, Quarantine, ReviewStore, RunId, RunOptions, RunOutcome, RunReport, RunTask,
    Schedule, Store, WatchStore, Watched, due, is_blocked,
};

/// How long an integration is left alone that another process runs, or whose run could not go on.
const AGAIN: TimeDelta = TimeDelta::seconds(60);

/// The same where it is the store that could not be written to, or a run was cut off whose lease somebody still holds.
const SOON: TimeDelta = TimeDelta::seconds(10);

/// Runs one integration's task to its end: the program's part of a schedule.
#[async_trait]
pub trait Launch: fmt::Debug + Send + Sync + 'static {
    /// Runs it. `began` is told the run's number once it has one; it must be dropped when the task ends.
    ///
    /// # Errors
    /// As [`run_job`](crate::run_job), or where its connections cannot be made.
    async fn launch(
        &self,
        integration: &str,
        task: RunTask,
        options: RunOptions,
        began: oneshot::Sender<RunId>,
    ) -> Result<RunReport, JobError>;
}

/// What schedules stand on.
#[derive(Clone, Debug)]
pub struct SchedulerPorts {
    /// What remembers runs.
    pub store: Arc<dyn Store>,
    /// What remembers due times.
    pub watch: Arc<dyn WatchStore>,
    /// What remembers approvals.
    pub review: Arc<dyn ReviewStore>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What runs a task.
    pub launch: Arc<dyn Launch>,
}

/// How schedules are kept.
#[derive(Clone, Copy, Debug)]
pub struct SchedulerOptions {
    /// How many scheduled runs go on side by side.
    pub parallel: usize,
    /// After how many failures in a row an integration is put into quarantine.
    pub quarantine_after: u32,
    /// How often it is looked whether something is due or was asked for.
    pub look: Duration,
    /// How long runs may go on that are under way when the program is stopped.
    pub grace: Duration,
}

impl Default for SchedulerOptions {
    fn default() -> Self {
        Self { parallel: 8, quarantine_after: 5, look: Duration::from_secs(2), grace: Duration::from_secs(20) }
    }
}

/// How the schedules stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The moment for which it was last looked what is due.
    pub looked: Option<Instant>,
    /// Why the last look came to no end: what the store said.
    pub trouble: Option<String>,
    /// Runs under way in this process, by integration.
    pub under_way: BTreeMap<String, usize>,
}

/// Keeps schedules. Cheap to clone: all clones are one.
#[derive(Clone, Debug)]
pub struct Scheduler(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ports: SchedulerPorts,
    integrations: Vec<(String, Schedule)>,
    options: SchedulerOptions,
    wake: Notify,
    standing: watch::Sender<Standing>,
    cut: watch::Sender<bool>,
    stopping: watch::Sender<bool>,
    notes: Mutex<Notes>,
}

/// What a process remembers for itself.
#[derive(Debug, Default)]
struct Notes {
    /// Integrations that may have a run that was begun and not ended: all of them at first.
    cut_off: HashMap<String, Instant>,
    /// Integrations that are left alone until then.
    not_before: HashMap<String, Instant>,
    /// Integrations whose last run the store could not take: it may not have taken back its lease either.
    blocked: HashSet<String>,
}

/// Why this process runs a task.
#[derive(Clone, Debug)]
enum Why {
    Schedule(Cause),
    /// A run of a process that died, or one that could not go on here.
    CutOff,
    /// A person started it here.
    Started,
}

impl Why {
    /// Does its failure count against the integration?
    fn is_scheduled(&self) -> bool {
        matches!(self, Self::Schedule(Cause::Scheduled(_)) | Self::CutOff)
    }
}

/// Something that may begin now.
struct Candidate<'a> {
    integration: &'a str,
    schedule: &'a Schedule,
    watched: Watched,
    /// Those asked for by people come first, then those that were cut off, then those that are due, longest due first.
    rank: (u8, Instant),
}

impl Scheduler {
    /// Schedules by integration.
    pub fn new(ports: SchedulerPorts, integrations: Vec<(String, Schedule)>, options: SchedulerOptions) -> Self {
        let now = ports.clock.now();
        let notes = Notes { cut_off: integrations.iter().map(|(name, _)| (name.clone(), now)).collect(), ..Notes::default() };
        Self(Arc::new(Shared {
            ports,
            integrations,
            options,
            wake: Notify::new(),
            standing: watch::Sender::default(),
            cut: watch::Sender::default(),
            stopping: watch::Sender::default(),
            notes: Mutex::new(notes),
        }))
    }

    /// Looks at once: something was asked for, resumed or released.
    pub fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// How the schedules stand, now and from now on.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.0.standing.subscribe()
    }

    /// The schedule of an integration.
    pub fn schedule(&self, integration: &str) -> Option<&Schedule> {
        self.0.integrations.iter().find(|(name, _)| name == integration).map(|(_, schedule)| schedule)
    }

    /// Starts a task that a person wants now, and says which run it is once that began.
    ///
    /// # Errors
    /// Why it did not begin: another run is under way, the integration is paused, a connection cannot be made.
    pub async fn start(&self, integration: &str, task: RunTask, options: RunOptions) -> Result<RunId, JobError> {
        if *self.0.stopping.borrow() {
            return Err(JobError::CutOff);
        }
        let (reply, answer) = oneshot::channel();
        self.0.clone().begin(integration.to_owned(), task, options, Why::Started, Some(reply));
        answer.await.unwrap_or_else(|_| Err(broken().into()))
    }

    /// Keeps the schedules until `stop` ends. Then nothing begins any more; runs under way may go on for the time of grace, and are then cut
    /// off and give their leases back: whoever serves next takes them up.
    pub async fn serve(&self, stop: impl Future<Output = ()>) {
        let shared = &self.0;
        let mut stop = std::pin::pin!(stop);
        loop {
            let next = async {
                let next = shared.look().await + shared.options.look;
                let wait = (next - shared.now()).to_std().unwrap_or_default();
                tokio::select! {
                    () = shared.wake.notified() => {}
                    () = shared.ports.clock.sleep(wait) => {}
                }
            };
            tokio::select! {
                () = &mut stop => break,
                () = next => {}
            }
        }
        shared.stop().await;
    }
}

impl Shared {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Instant {
        self.ports.clock.now()
    }

    /// One look at everything, as it stands at the moment that is given back. A store that does not answer is no reason to end: it is told
    /// once, and looked at again.
    async fn look(self: &Arc<Self>) -> Instant {
        let now = self.now();
        let trouble = self.begin_due(now).await.err().map(|error| told(&error));
        self.standing.send_modify(|standing| {
            match (&standing.trouble, &trouble) {
                (before, Some(trouble)) if before.as_ref() != Some(trouble) => tracing::error!("schedules wait: {trouble}"),
                (Some(_), None) => tracing::info!("schedules go on"),
                _ => {}
            }
            if trouble.is_none() {
                standing.looked = Some(now);
            }
            standing.trouble = trouble;
        });
        now
    }

    /// Begins what is due and has room.
    async fn begin_due(self: &Arc<Self>, now: Instant) -> Result<()> {
        self.ports.watch.answers().await?;
        for candidate in self.candidates(now).await? {
            if self.standing.borrow().under_way.len() >= self.options.parallel {
                break;
            }
            self.begin_candidate(&candidate, now).await?;
        }
        Ok(())
    }

    /// Integrations that may begin now, as far as one read of the store tells.
    async fn candidates(&self, now: Instant) -> Result<Vec<Candidate<'_>>> {
        // What runs now may end before the answer is there, which then still calls it due: it is left for the look that its end brings.
        let before = self.standing.borrow().under_way.clone();
        let mut all: HashMap<String, Watched> = self.ports.watch.all_watched().await?.into_iter().collect();
        let mut candidates = Vec::new();
        for (integration, schedule) in &self.integrations {
            let is_under_way = before.contains_key(integration) || self.standing.borrow().under_way.contains_key(integration);
            let (left_alone, cut_off) = {
                let notes = self.notes();
                let not_yet = |moments: &HashMap<String, Instant>| moments.get(integration).map(|at| *at > now);
                (not_yet(&notes.not_before) == Some(true), not_yet(&notes.cut_off) == Some(false))
            };
            if is_under_way || left_alone {
                continue;
            }
            let watched = all.remove(integration).unwrap_or_default();
            let due = due(schedule, &watched, &IntegrationState::default(), None, now);
            if due == Due::Adopt {
                self.ports.watch.claim_due(integration, now).await?;
            }
            let rank = match due {
                Due::Run(Cause::Asked(_)) => (0, watched.asked.as_ref().map_or(now, |(at, _)| *at)),
                _ if cut_off => (1, now),
                Due::Run(Cause::Scheduled(at)) => (2, at),
                Due::Adopt | Due::Wait(_) => continue,
            };
            candidates.push(Candidate { integration, schedule, watched, rank });
        }
        candidates.sort_by_key(|candidate| candidate.rank);
        Ok(candidates)
    }

    async fn begin_candidate(self: &Arc<Self>, candidate: &Candidate<'_>, now: Instant) -> Result<()> {
        let Candidate { integration, schedule, watched, .. } = candidate;
        let state = self.ports.store.integration(integration).await?;
        if self.notes().cut_off.contains_key(*integration) {
            match self.ports.store.unfinished_run(integration).await? {
                None => drop(self.notes().cut_off.remove(*integration)),
                // An undo pauses its integration and goes on all the same.
                Some(run) if state.paused.is_none() || matches!(run.task, RunTask::Undo { .. }) => {
                    if watched.quarantine.is_none() || watched.asked.is_some() {
                        self.notes().cut_off.remove(*integration);
                        self.clone().begin((*integration).to_owned(), run.task, RunOptions::default(), Why::CutOff, None);
                    }
                    return Ok(());
                }
                Some(_) => return Ok(()),
            }
        }
        let approved = self.approved(integration).await?;
        if let Due::Run(cause) = due(schedule, watched, &state, approved, now) {
            let author = if let Cause::Asked(by) = &cause { Some(by.clone()) } else { None };
            let options = RunOptions { author, ..RunOptions::default() };
            self.clone().begin((*integration).to_owned(), RunTask::Full, options, Why::Schedule(cause), None);
        }
        Ok(())
    }

    /// When the integration's newest plan got the first of the two approvals it takes, if it waits for the second.
    async fn approved(&self, integration: &str) -> Result<Option<Instant>> {
        let newest = self.ports.store.plans(integration, 1).await?.pop().filter(|plan| plan.state == PlanState::Refused);
        let Some(plan) = newest else { return Ok(None) };
        let approvals = self.ports.review.approvals(plan.id).await?;
        Ok(if let [only] = approvals.as_slice() { Some(only.at) } else { None })
    }

    /// Runs a task in the background.
    fn begin(
        self: Arc<Self>,
        integration: String,
        task: RunTask,
        options: RunOptions,
        why: Why,
        reply: Option<oneshot::Sender<Result<RunId, JobError>>>,
    ) {
        let place = Place::take(self.clone(), &integration);
        let options = RunOptions { cut: Some(CutOff(self.cut.subscribe())), ..options };
        tokio::spawn(async move {
            let (began, beginning) = oneshot::channel();
            let run = AssertUnwindSafe(self.ports.launch.launch(&integration, task, options, began)).catch_unwind();
            let mut run = std::pin::pin!(run);
            let mut reply = reply;
            let mut handled = false;
            let early = tokio::select! {
                ended = &mut run => Some(ended),
                begun = beginning => {
                    if let Ok(number) = begun {
                        handled = self.handled(&integration, &why).await;
                        if let Some(reply) = reply.take() {
                            // Whoever asked may have gone; the run goes on.
                            reply.send(Ok(number)).ok();
                        }
                    }
                    None
                }
            };
            let ended = match early {
                Some(ended) => ended,
                None => run.await,
            };
            let ended = ended.unwrap_or_else(|_| Err(broken().into()));
            let later = match &ended {
                Err(JobError::Busy { .. } | JobError::CutOff) => true,
                Err(JobError::Failed(error)) => is_blocked(error),
                Ok(_) => false,
            };
            if !handled && !later {
                self.handled(&integration, &why).await;
            }
            self.ended(&integration, &why, &ended).await;
            if let Some(reply) = reply {
                reply.send(ended.map(|report| report.run)).ok();
            }
            drop(place);
        });
    }

    /// Notes that what a run was begun for need not be done again. Where the store does not answer it will be: once more does no harm.
    async fn handled(&self, integration: &str, why: &Why) -> bool {
        let noted = match why {
            Why::Schedule(Cause::Scheduled(due)) => self.ports.watch.claim_due(integration, *due).await.map(drop),
            Why::Schedule(Cause::Asked(_)) => self.ports.watch.take_asked(integration).await.map(drop),
            Why::CutOff | Why::Started => Ok(()),
        };
        if let Err(error) = &noted {
            tracing::warn!(integration, %error, "that a run began could not be noted; it may be begun once more");
        }
        noted.is_ok()
    }

    /// What follows from the end of a run.
    async fn ended(&self, integration: &str, why: &Why, ended: &Result<RunReport, JobError>) {
        let (soon, later) = (self.now() + SOON, self.now() + AGAIN);
        if ended.is_ok() {
            self.notes().blocked.remove(integration);
        }
        let (run, outcome, trouble) = match ended {
            Ok(report) => (Some(report.run), report.outcome, format!("{}: {}", report.run, report.notes.join("; "))),
            Err(JobError::Busy { .. }) => {
                tracing::debug!(integration, "another process runs it");
                let mut notes = self.notes();
                // The lease of a run that was cut off is mostly held by a process that died where this one cannot see it. It is not forgotten.
                if matches!(why, Why::CutOff) {
                    notes.cut_off.insert(integration.to_owned(), soon);
                }
                let is_soon_free = matches!(why, Why::CutOff) || notes.blocked.contains(integration);
                notes.not_before.insert(integration.to_owned(), if is_soon_free { soon } else { later });
                return;
            }
            Err(JobError::CutOff) => return,
            Err(JobError::Failed(error)) if is_blocked(error) => {
                tracing::warn!(integration, "a run could not begin or go on, and is taken up where it stood: {}", told(error));
                let mut notes = self.notes();
                notes.cut_off.insert(integration.to_owned(), soon);
                notes.not_before.insert(integration.to_owned(), soon);
                notes.blocked.insert(integration.to_owned());
                return;
            }
            Err(JobError::Failed(error)) => {
                tracing::warn!(integration, "a run could not begin or go on: {}", told(error));
                let mut notes = self.notes();
                // The store may not have taken its end: then it is taken up.
                notes.cut_off.insert(integration.to_owned(), later);
                notes.not_before.insert(integration.to_owned(), later);
                (None, RunOutcome::Failed, told(error))
            }
        };
        // What somebody tries by hand is told to them and does not count.
        if outcome == RunOutcome::Failed && !why.is_scheduled() {
            return;
        }
        if let Err(error) = self.note_end(integration, run, outcome, &trouble).await {
            tracing::warn!(integration, %error, "the end of a run could not be noted for its schedule");
        }
    }

    async fn note_end(&self, integration: &str, run: Option<RunId>, outcome: RunOutcome, trouble: &str) -> Result<()> {
        let watch = &self.ports.watch;
        let now = self.now();
        let watched = watch.note_end(integration, run, outcome, now).await?;
        if outcome == RunOutcome::Failed && watched.failures >= self.options.quarantine_after && watched.quarantine.is_none() {
            let reason = format!("{} scheduled runs in a row failed; the last one: {trouble}", watched.failures);
            tracing::error!(integration, "put into quarantine: {reason}");
            watch.quarantine(integration, &Quarantine { since: now, reason }).await?;
        }
        Ok(())
    }

    /// Waits for what is under way, then cuts it off.
    async fn stop(&self) {
        self.stopping.send_replace(true);
        let mut standing = self.standing.subscribe();
        let waiting: Vec<String> = standing.borrow().under_way.keys().cloned().collect();
        if !waiting.is_empty() {
            tracing::info!("stopping; these may still end: {}", waiting.join(", "));
        }
        for cut in [false, true] {
            self.cut.send_replace(cut);
            tokio::select! {
                _ = standing.wait_for(|standing| standing.under_way.is_empty()) => return,
                () = self.ports.clock.sleep(self.options.grace) => {}
            }
        }
        let left: Vec<String> = self.standing.borrow().under_way.keys().cloned().collect();
        tracing::warn!("these did not end in time; they are taken up when the program is started again: {}", left.join(", "));
    }
}

fn broken() -> Error {
    Error::new(ErrorKind::Protocol, "the run broke down").hint("report this with the log of the run")
}

/// A run's place among those under way, given up whatever becomes of it.
struct Place {
    shared: Arc<Shared>,
    integration: String,
}

impl Place {
    fn take(shared: Arc<Shared>, integration: &str) -> Self {
        shared.standing.send_modify(|standing| *standing.under_way.entry(integration.to_owned()).or_default() += 1);
        Self { shared, integration: integration.to_owned() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.standing.send_modify(|standing| {
            if let Some(count) = standing.under_way.get_mut(&self.integration) {
                *count -= 1;
                if *count == 0 {
                    standing.under_way.remove(&self.integration);
                }
            }
        });
        // There is room for another.
        self.shared.wake.notify_one();
    }
}
