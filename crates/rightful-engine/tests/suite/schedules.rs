//! Schedules kept by a running loop, on a clock that the test moves: what begins, what does not, and what survives a stop.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rightful_core::*;
use rightful_engine::*;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinHandle;

use crate::stand::Stand;
use crate::world::World;

/// Longer than this nothing here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A moment of the tests, so many minutes after a full hour.
fn minute(minutes: i64) -> Instant {
    Instant::from_timestamp(1_800_000_000 + minutes * 60, 0).unwrap()
}

fn act(name: &str) -> Act {
    Act::new(minute(0), name, "integration.run", "rep-codes")
}

fn author(name: &str, at: Instant) -> Authorship {
    Authorship { author: name.into(), reason: "it's so".into(), at }
}

/// How a scripted run goes.
#[derive(Debug)]
enum Script {
    Ends(RunOutcome),
    Cannot(&'static str),
    /// The store takes nothing.
    Blocked,
    Breaks,
}

/// Runs nothing: keeps what was asked of it and answers from a script, `done` once that is over.
#[derive(Debug, Default)]
struct Scripted {
    inside: Mutex<Inside>,
    /// Each run takes one before it ends, where there is such a gate.
    gate: Option<Semaphore>,
}

#[derive(Debug, Default)]
struct Inside {
    script: VecDeque<Script>,
    begun: Vec<String>,
    running: usize,
    most: usize,
}

impl Scripted {
    fn inside(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begun(&self) -> Vec<String> {
        self.inside().begun.clone()
    }
}

#[async_trait]
impl Launch for Scripted {
    async fn launch(
        &self,
        integration: &str,
        _task: RunTask,
        options: RunOptions,
        began: oneshot::Sender<RunId>,
    ) -> Result<RunReport, JobError> {
        let (script, run) = {
            let mut inside = self.inside();
            inside.begun.push(integration.to_owned());
            inside.running += 1;
            inside.most = inside.most.max(inside.running);
            (inside.script.pop_front().unwrap_or(Script::Ends(RunOutcome::Done)), RunId(inside.begun.len() as i64))
        };
        let mut cut = options.cut.expect("the scheduler can cut its runs off").0;
        let ended = match script {
            Script::Cannot(why) => Err(Error::new(ErrorKind::Config, why).hint("mend it").into()),
            Script::Blocked => {
                let words = Blocked::Full("database or disk is full".to_owned());
                Err(Error::new(ErrorKind::Unavailable, "the disk that holds the store is full").source(words).into())
            }
            Script::Breaks => panic!("a run breaks down"),
            Script::Ends(outcome) => {
                began.send(run).ok();
                let passed = match &self.gate {
                    Some(gate) => tokio::select! {
                        permit = gate.acquire() => { permit.unwrap().forget(); true }
                        _ = cut.wait_for(|cut| *cut) => false,
                    },
                    None => true,
                };
                if passed { Ok(report(run, outcome)) } else { Err(JobError::CutOff) }
            }
        };
        self.inside().running -= 1;
        ended
    }
}

fn report(run: RunId, outcome: RunOutcome) -> RunReport {
    let notes = if outcome == RunOutcome::Failed { vec!["the vendor says no; mend it".to_owned()] } else { Vec::new() };
    RunReport { run, outcome, plan: None, counts: RunCounts::default(), refusals: Vec::new(), stale_plan: false, notes, stages: Vec::new() }
}

/// A scheduler that serves, and the clock it goes by.
struct Served {
    stand: Arc<Stand>,
    clock: HeldClock,
    scheduler: Scheduler,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Served {
    fn begin(stand: Arc<Stand>, clock: HeldClock, launch: Arc<dyn Launch>, schedules: &[(&str, &str)], options: SchedulerOptions) -> Self {
        let watch = stand.watch.clone();
        Self::over(stand, watch, clock, launch, schedules, options)
    }

    fn over(
        stand: Arc<Stand>,
        watch: Arc<dyn WatchStore>,
        clock: HeldClock,
        launch: Arc<dyn Launch>,
        schedules: &[(&str, &str)],
        options: SchedulerOptions,
    ) -> Self {
        let ports =
            SchedulerPorts { store: stand.store.clone(), watch, review: stand.review.clone(), clock: Arc::new(clock.clone()), launch };
        let schedules = schedules.iter().map(|(name, text)| ((*name).to_owned(), Schedule::parse(text, "UTC", name).unwrap())).collect();
        let scheduler = Scheduler::new(ports, schedules, options);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = scheduler.clone();
        let serving = tokio::spawn(async move {
            serving
                .serve(async {
                    stopped.await.ok();
                })
                .await;
        });
        Self { stand, clock, scheduler, stop: Some(stop), serving }
    }

    async fn waits_for(&self, what: &str, wanted: impl FnMut(&Standing) -> bool) -> Standing {
        let mut standing = self.scheduler.standing();
        let met = tokio::time::timeout(PATIENCE, standing.wait_for(wanted)).await;
        met.unwrap_or_else(|_| panic!("never came: {what}; {:?}", self.scheduler.standing().borrow())).unwrap().clone()
    }

    /// Moves the clock, and waits until what is due then has begun and ended.
    async fn pass(&self, now: Instant) {
        self.clock.move_to(now);
        self.waits_for("a look", |standing| standing.looked >= Some(now) && standing.under_way.is_empty()).await;
    }

    async fn watched(&self, integration: &str) -> Watched {
        self.stand.watch.watched(integration).await.unwrap()
    }

    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        tokio::time::timeout(PATIENCE, self.serving).await.expect("it did not stop").unwrap();
    }
}

fn served(launch: &Arc<Scripted>, schedules: &[(&str, &str)], options: SchedulerOptions) -> Served {
    Served::begin(Arc::new(Stand::new()), HeldClock::at(minute(0)), launch.clone(), schedules, options)
}

#[tokio::test]
async fn what_is_due_runs_once_and_what_was_missed_is_caught_up_once() {
    let launch = Arc::new(Scripted::default());
    let served =
        served(&launch, &[("hours", "0 * * * *"), ("daily", "daily at 15:00"), ("by-hand", "manual")], SchedulerOptions::default());
    // Nothing that was due before it was first seen.
    served.pass(minute(1)).await;
    assert_eq!(launch.begun(), [""; 0]);
    for hour in 1..=3 {
        served.pass(minute(hour * 60)).await;
        served.pass(minute(hour * 60 + 30)).await;
        assert_eq!(launch.begun().len() as i64, hour, "hour {hour}");
    }
    // Eight hours pass at once, 15:00 among them: minute 0 is 08:00.
    served.pass(minute(11 * 60 + 5)).await;
    served.waits_for("both", |_| launch.begun().len() == 5).await;
    served.pass(minute(11 * 60 + 6)).await;
    assert_eq!(launch.begun(), ["hours", "hours", "hours", "daily", "hours"], "longest due first");
    assert_eq!(served.watched("hours").await.handled, Some(minute(11 * 60)));
    assert_eq!(served.watched("hours").await.last_ended.map(|(_, at, _)| at), Some(minute(11 * 60 + 5)));
    assert_eq!(served.watched("by-hand").await, Watched::default());
    served.stop().await;
}

#[tokio::test]
async fn a_run_that_is_asked_for_begins_also_where_none_is_due() {
    let launch = Arc::new(Scripted::default());
    let served = served(&launch, &[("by-hand", "manual")], SchedulerOptions::default());
    served.pass(minute(1)).await;
    // From another process: seen at the next look.
    served.stand.watch.ask_run("by-hand", minute(1), &act("ann")).await.unwrap();
    served.pass(minute(2)).await;
    served.pass(minute(3)).await;
    assert_eq!(launch.begun(), ["by-hand"], "asked once, run once");
    // From this one: seen at once, without any time passing.
    served.stand.watch.ask_run("by-hand", minute(3), &act("ann")).await.unwrap();
    served.scheduler.wake();
    served.waits_for("the run", |_| launch.begun().len() == 2).await;
    served.stop().await;
}

#[tokio::test]
async fn so_many_run_side_by_side_and_those_asked_for_come_first() {
    let launch = Arc::new(Scripted { gate: Some(Semaphore::new(0)), ..Scripted::default() });
    let names: Vec<String> = (0..7).map(|number| format!("branch-{number}")).collect();
    let mut schedules: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "0 * * * *")).collect();
    schedules.push(("asked", "manual"));
    let served = served(&launch, &schedules, SchedulerOptions { parallel: 3, ..SchedulerOptions::default() });
    served.pass(minute(1)).await;
    served.stand.watch.ask_run("asked", minute(1), &act("ann")).await.unwrap();
    served.clock.move_to(minute(60));
    served.waits_for("three under way", |standing| standing.under_way.len() == 3).await;
    // A person's wish waits for nobody.
    served.scheduler.start("branch-6", RunTask::Plan { only: None }, RunOptions::default()).await.unwrap();
    assert_eq!(served.scheduler.standing().borrow().under_way.len(), 4);
    launch.gate.as_ref().unwrap().add_permits(100);
    served.waits_for("all", |standing| standing.under_way.is_empty() && launch.begun().len() == 9).await;
    let begun = launch.begun();
    assert_eq!((begun[0].as_str(), begun[3].as_str(), launch.inside().most), ("asked", "branch-6", 4));
    let mut each: BTreeMap<&str, usize> = BTreeMap::new();
    for name in &begun {
        *each.entry(name).or_default() += 1;
    }
    assert_eq!(each["branch-6"], 2, "one by hand, one by its schedule");
    assert_eq!(each.len(), 8);
    served.stop().await;
}

#[tokio::test]
async fn an_integration_that_keeps_failing_is_put_into_quarantine_until_somebody_ends_it() {
    use RunOutcome::Failed;
    let launch = Arc::new(Scripted::default());
    launch.inside().script = [
        Script::Ends(Failed),
        Script::Ends(RunOutcome::Partial),
        Script::Ends(Failed),
        Script::Breaks,
        Script::Cannot("the environment variable KEY is not set"),
        // Asked for by a person: it does not count, and does not end the quarantine either.
        Script::Ends(Failed),
    ]
    .into();
    let served = served(&launch, &[("hours", "0 * * * *")], SchedulerOptions { quarantine_after: 3, ..SchedulerOptions::default() });
    served.pass(minute(1)).await;
    for (hour, failures) in [(1, 1), (2, 0), (3, 1), (4, 2), (5, 3)] {
        served.pass(minute(hour * 60)).await;
        assert_eq!(served.watched("hours").await.failures, failures, "hour {hour}");
    }
    let quarantine = served.watched("hours").await.quarantine.expect("three in a row");
    assert_eq!(quarantine.since, minute(5 * 60));
    let told = "3 scheduled runs in a row failed; the last one: the environment variable KEY is not set; mend it";
    assert_eq!(quarantine.reason, told);
    served.pass(minute(6 * 60)).await;
    assert_eq!(launch.begun().len(), 5, "not any more by its schedule");
    served.stand.watch.ask_run("hours", minute(6 * 60), &act("ann")).await.unwrap();
    served.pass(minute(6 * 60 + 1)).await;
    assert_eq!(launch.begun().len(), 6, "but when asked");
    assert_eq!(served.watched("hours").await.failures, 3);
    served.stand.watch.release_quarantine("hours", &author("ann", minute(6 * 60 + 1))).await.unwrap();
    served.scheduler.wake();
    served.waits_for("the run", |standing| standing.under_way.is_empty() && launch.begun().len() == 7).await;
    let watched = served.watched("hours").await;
    assert_eq!((watched.quarantine, watched.failures, watched.handled), (None, 0, Some(minute(6 * 60))), "what it missed is caught up");
    served.pass(minute(7 * 60)).await;
    assert_eq!(launch.begun().len(), 8);
    served.stop().await;
}

#[tokio::test]
async fn a_paused_integration_is_left_alone_and_caught_up_once_when_it_is_resumed() {
    let launch = Arc::new(Scripted::default());
    let served = served(&launch, &[("hours", "0 * * * *")], SchedulerOptions::default());
    served.pass(minute(1)).await;
    served.stand.store.pause("hours", true, &author("ann", minute(1))).await.unwrap();
    served.stand.watch.ask_run("hours", minute(2), &act("ann")).await.unwrap();
    for hour in 1..5 {
        served.pass(minute(hour * 60)).await;
    }
    assert_eq!(launch.begun(), [""; 0]);
    served.stand.watch.take_asked("hours").await.unwrap();
    served.stand.store.pause("hours", false, &author("ann", minute(250))).await.unwrap();
    served.pass(minute(251)).await;
    served.pass(minute(299)).await;
    assert_eq!(launch.begun(), ["hours"]);
    served.stop().await;
}

#[tokio::test]
async fn a_refused_plan_that_waits_for_a_second_person_is_not_replaced_for_four_hours() {
    let launch = Arc::new(Scripted::default());
    let served = served(&launch, &[("hours", "0 * * * *")], SchedulerOptions::default());
    served.pass(minute(1)).await;
    let store = &served.stand.store;
    let holder = served.stand.holder();
    let Leased::Held(fence) = store.lease("hours", &holder, minute(1), minute(2)).await.unwrap() else { panic!("nobody else is there") };
    let refusal = Refusal { guard: "owner-moves".into(), evidence: "9 of 10".into(), remedy: "look".into(), may_pass: true };
    let plan = Plan {
        id: PlanId(0),
        integration: "hours".into(),
        created: minute(1),
        policy: Digest(0),
        table_version: 1,
        only: None,
        undoes: None,
        state: PlanState::Drafting,
        counts: PlanCounts::default(),
        refusals: Vec::new(),
        passed: None,
        run: None,
    };
    let plan = store.begin_plan(&fence, &plan).await.unwrap();
    store.end_plan(&fence, plan, &PlanCounts::default(), &[refusal], true, minute(1)).await.unwrap();
    store.release(&fence).await.unwrap();
    // Nobody looked at it yet: the next run makes it anew.
    served.pass(minute(60)).await;
    assert_eq!(launch.begun().len(), 1);
    assert!(matches!(served.stand.review.approve_plan(plan, &author("ann", minute(90))).await.unwrap(), Kept::Done(_)));
    for hour in 2..=5 {
        served.pass(minute(hour * 60)).await;
        assert_eq!(launch.begun().len(), 1, "hour {hour}");
    }
    served.pass(minute(90 + 240)).await;
    assert_eq!(launch.begun().len(), 2, "four hours after the first word");
    served.stop().await;
}

/// The watch store, out of order at times, and slow.
#[derive(Debug)]
struct Shaky {
    inner: Arc<dyn WatchStore>,
    locked: AtomicBool,
    /// An answer that was true when it was asked for, and comes when it may.
    late: Mutex<Option<Vec<(String, Watched)>>>,
    asked: Notify,
    may_come: Notify,
}

impl Shaky {
    fn over(inner: Arc<dyn WatchStore>) -> Arc<Self> {
        Arc::new(Self { inner, locked: AtomicBool::default(), late: Mutex::default(), asked: Notify::new(), may_come: Notify::new() })
    }
}

#[async_trait]
impl WatchStore for Shaky {
    async fn answers(&self) -> Result<()> {
        self.inner.answers().await
    }
    async fn vitals(&self) -> Result<Vec<Vitals>> {
        self.inner.vitals().await
    }
    async fn expect_runs(&self, integration: &str, since: Instant) -> Result<()> {
        self.inner.expect_runs(integration, since).await
    }
    async fn all_watched(&self) -> Result<Vec<(String, Watched)>> {
        if self.locked.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "the store is locked by another process").hint("wait for it to end"));
        }
        let late = self.late.lock().unwrap().take();
        let Some(late) = late else { return self.inner.all_watched().await };
        self.asked.notify_one();
        self.may_come.notified().await;
        Ok(late)
    }
    async fn watched(&self, integration: &str) -> Result<Watched> {
        self.inner.watched(integration).await
    }
    async fn claim_due(&self, integration: &str, due: Instant) -> Result<bool> {
        self.inner.claim_due(integration, due).await
    }
    async fn ask_run(&self, integration: &str, at: Instant, act: &Act) -> Result<()> {
        self.inner.ask_run(integration, at, act).await
    }
    async fn take_asked(&self, integration: &str) -> Result<Option<(Instant, String)>> {
        self.inner.take_asked(integration).await
    }
    async fn note_end(&self, integration: &str, run: Option<RunId>, outcome: RunOutcome, at: Instant) -> Result<Watched> {
        self.inner.note_end(integration, run, outcome, at).await
    }
    async fn quarantine(&self, integration: &str, quarantine: &Quarantine) -> Result<()> {
        self.inner.quarantine(integration, quarantine).await
    }
    async fn release_quarantine(&self, integration: &str, by: &Authorship) -> Result<()> {
        self.inner.release_quarantine(integration, by).await
    }
    async fn set_editable(&self, integration: &str, editable: bool, by: &Authorship) -> Result<()> {
        self.inner.set_editable(integration, editable, by).await
    }
    async fn episodes(&self) -> Result<Vec<Episode>> {
        self.inner.episodes().await
    }
    async fn begin_episode(
        &self,
        integration: &str,
        alarm: &str,
        message: &str,
        channels: &[String],
        at: Instant,
    ) -> Result<Option<Episode>> {
        self.inner.begin_episode(integration, alarm, message, channels, at).await
    }
    async fn end_episode(&self, integration: &str, alarm: &str, at: Instant) -> Result<Option<Episode>> {
        self.inner.end_episode(integration, alarm, at).await
    }
    async fn told(&self, episode: i64, channel: &str, ended: bool) -> Result<()> {
        self.inner.told(episode, channel, ended).await
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_waited_for() {
    let stand = Arc::new(Stand::new());
    let shaky = Shaky::over(stand.watch.clone());
    let launch = Arc::new(Scripted::default());
    let clock = HeldClock::at(minute(0));
    let served = Served::over(stand, shaky.clone(), clock, launch.clone(), &[("hours", "0 * * * *")], SchedulerOptions::default());
    served.pass(minute(1)).await;
    shaky.locked.store(true, Ordering::SeqCst);
    served.clock.move_to(minute(60));
    let standing = served.waits_for("trouble", |standing| standing.trouble.is_some()).await;
    assert_eq!(standing.trouble.as_deref(), Some("the store is locked by another process; wait for it to end"));
    assert_eq!((standing.looked, launch.begun().len()), (Some(minute(1)), 0));
    shaky.locked.store(false, Ordering::SeqCst);
    served.pass(minute(61)).await;
    served.waits_for("the run", |standing| standing.trouble.is_none() && launch.begun().len() == 1).await;
    served.stop().await;
}

#[tokio::test]
async fn a_run_that_ends_while_it_is_looked_what_is_due_is_not_begun_again() {
    let stand = Arc::new(Stand::new());
    let shaky = Shaky::over(stand.watch.clone());
    let launch = Arc::new(Scripted { gate: Some(Semaphore::new(0)), ..Scripted::default() });
    let clock = HeldClock::at(minute(0));
    let served = Served::over(stand, shaky.clone(), clock, launch.clone(), &[("hours", "0 * * * *")], SchedulerOptions::default());
    served.pass(minute(1)).await;
    let before = shaky.inner.all_watched().await.unwrap();
    served.clock.move_to(minute(60));
    served.waits_for("the run", |standing| standing.under_way.len() == 1).await;
    // A look whose answer still calls it due comes when it has ended.
    *shaky.late.lock().unwrap() = Some(before);
    served.scheduler.wake();
    tokio::time::timeout(PATIENCE, shaky.asked.notified()).await.expect("it does not look");
    launch.gate.as_ref().unwrap().add_permits(100);
    served.waits_for("the end", |standing| standing.under_way.is_empty()).await;
    shaky.may_come.notify_one();
    served.pass(minute(61)).await;
    served.pass(minute(62)).await;
    assert_eq!(launch.begun(), ["hours"]);
    served.stop().await;
}

#[tokio::test]
async fn a_run_that_the_store_does_not_take_is_tried_again_soon_and_has_not_failed() {
    let launch = Arc::new(Scripted::default());
    launch.inside().script = [Script::Blocked, Script::Blocked].into();
    let served = served(&launch, &[("hours", "0 * * * *")], SchedulerOptions { quarantine_after: 1, ..SchedulerOptions::default() });
    served.pass(minute(1)).await;
    for (seconds, begun, handled) in [(0, 1, false), (5, 1, false), (12, 2, false), (24, 3, true), (60, 3, true)] {
        served.pass(minute(60) + Duration::from_secs(seconds)).await;
        served.waits_for("rest", |standing| standing.under_way.is_empty()).await;
        let watched = served.watched("hours").await;
        assert_eq!(launch.begun().len(), begun, "after {seconds} seconds");
        assert_eq!(watched.handled == Some(minute(60)), handled, "it is due until it is done: {watched:?}");
        assert_eq!((watched.failures, watched.quarantine), (0, None));
    }
    served.stop().await;
}

#[tokio::test]
async fn what_is_under_way_at_a_stop_may_end_and_nothing_else_begins() {
    let launch = Arc::new(Scripted { gate: Some(Semaphore::new(0)), ..Scripted::default() });
    let options = SchedulerOptions { grace: Duration::from_secs(7_200), ..SchedulerOptions::default() };
    let served = served(&launch, &[("hours", "0 * * * *"), ("halves", "30 * * * *")], options);
    served.pass(minute(1)).await;
    served.clock.move_to(minute(60));
    served.waits_for("two runs", |standing| standing.under_way.len() == 2).await;
    let (scheduler, clock, stand) = (served.scheduler.clone(), served.clock.clone(), served.stand.clone());
    let stopping = tokio::spawn(served.stop());
    while !matches!(scheduler.start("no-such", RunTask::Full, RunOptions::default()).await, Err(JobError::CutOff)) {
        launch.gate.as_ref().unwrap().add_permits(1);
        tokio::task::yield_now().await;
    }
    let before = launch.begun().len();
    // Both are due again, and there is still grace.
    clock.move_to(minute(130));
    launch.gate.as_ref().unwrap().add_permits(100);
    tokio::time::timeout(PATIENCE, stopping).await.unwrap().unwrap();
    assert_eq!(launch.begun().len(), before);
    for name in ["hours", "halves"] {
        let watched = stand.watch.watched(name).await.unwrap();
        assert!(watched.last_ended.as_ref().is_some_and(|(_, at, _)| *at >= minute(60)), "{name} ended and was noted: {watched:?}");
    }
}

// --- over real runs ---------------------------------------------------------------------------------------------------------------

/// Runs the job of a world.
#[derive(Debug)]
struct Real {
    ports: Ports,
    integration: Integration,
}

/// Says when the run began.
#[derive(Debug)]
struct Beginning(Mutex<Option<oneshot::Sender<RunId>>>);

impl Progress for Beginning {
    fn report(&self, event: Event) {
        if let Event::Started { run, .. } = event
            && let Some(began) = self.0.lock().unwrap().take()
        {
            began.send(run).ok();
        }
    }
}

impl Real {
    fn of(world: &World, clock: &HeldClock) -> Self {
        let ports = Ports { clock: Arc::new(clock.clone()), ..world.ports() };
        Self { ports, integration: world.integration.clone() }
    }
}

/// A target whose reads, or whose writes, never come back.
#[derive(Debug)]
struct Stuck {
    target: Arc<dyn Connector>,
    reading: bool,
    reached: Arc<Notify>,
}

impl Stuck {
    async fn stand_still(&self) -> ! {
        self.reached.notify_one();
        std::future::pending().await
    }
}

#[async_trait]
impl Connector for Stuck {
    fn kinds(&self) -> &[KindSpec] {
        self.target.kinds()
    }
    async fn preflight(&self, purpose: &Purpose) -> Result<Vec<Finding>> {
        self.target.preflight(purpose).await
    }
    async fn read(&self, scan: &Scan, from: Option<&Cursor>) -> Result<Page> {
        if self.reading { self.stand_still().await } else { self.target.read(scan, from).await }
    }
    async fn write(&self, kind: &Kind, batch: &[Write]) -> Result<Vec<Outcome>> {
        self.target.write(kind, batch).await?;
        self.stand_still().await
    }
}

#[async_trait]
impl Launch for Real {
    async fn launch(
        &self,
        _integration: &str,
        task: RunTask,
        options: RunOptions,
        began: oneshot::Sender<RunId>,
    ) -> Result<RunReport, JobError> {
        let ports = Ports { progress: Arc::new(Beginning(Mutex::new(Some(began)))), ..self.ports.clone() };
        run_job(&ports, &self.integration, task, options).await
    }
}

fn filled() -> World {
    let world = World::new().with_users();
    for number in 0..12 {
        world.customer(&format!("C{number}"), "R01", &["2"]);
    }
    world
}

/// Serves a world's one integration on a clock that begins with the world's.
fn serve(world: &World, schedule: &str) -> (Served, HeldClock) {
    let clock = HeldClock::at(world.clock.now());
    (serve_with(world, &clock, schedule, Real::of(world, &clock)), clock)
}

fn serve_with(world: &World, clock: &HeldClock, schedule: &str, launch: Real) -> Served {
    Served::begin(world.stand.clone(), clock.clone(), Arc::new(launch), &[("rep-codes", schedule)], SchedulerOptions::default())
}

/// The leases a run held can be had at once by a process that is not this one.
async fn assert_leases_free(world: &World, names: &[&str]) {
    let other = world.stand.holder();
    for name in names {
        let (now, until) = (world.clock.now(), world.clock.now() + Duration::from_secs(1));
        let leased = world.store.lease(name, &other, now, until).await.unwrap();
        let Leased::Held(fence) = leased else { panic!("the lease of {name} was not given back: {leased:?}") };
        world.store.release(&fence).await.unwrap();
    }
}

#[tokio::test]
async fn a_schedule_moves_customers_and_an_edit_takes_effect_with_its_next_run() {
    let world = filled();
    world.codes(&[("R01", Some("one"), None)]).await;
    let (served, _) = serve(&world, "0 * * * *");
    served.pass(minute(1)).await;
    assert_eq!(world.owner("C0"), "2");
    served.pass(minute(60)).await;
    assert!(world.owners().values().all(|owners| owners == &["1"]), "{:?}", world.owners());
    world.codes(&[("R01", Some("three"), None)]).await;
    served.pass(minute(119)).await;
    assert_eq!(world.owner("C0"), "1");
    served.pass(minute(120)).await;
    assert_eq!(world.owner("C0"), "3");
    assert_eq!(served.stand.review.effects("rep-codes", 10).await.unwrap().len(), 2);
    served.stop().await;
}

#[tokio::test]
async fn an_integration_that_another_process_runs_is_tried_again_and_has_not_failed() {
    let world = filled();
    world.codes(&[("R01", Some("one"), None)]).await;
    let (served, _) = serve(&world, "0 * * * *");
    served.pass(minute(1)).await;
    let other = world.stand.holder();
    let Leased::Held(fence) = world.store.lease("rep-codes", &other, minute(1), minute(300)).await.unwrap() else { panic!("it is free") };
    served.pass(minute(60)).await;
    let watched = served.watched("rep-codes").await;
    assert_eq!((watched.failures, world.owner("C0").as_str()), (0, "2"));
    assert!(watched.handled < Some(minute(60)), "still due: {watched:?}");
    assert!(matches!(served.scheduler.start("rep-codes", RunTask::Full, RunOptions::default()).await, Err(JobError::Busy { .. })));
    world.store.release(&fence).await.unwrap();
    served.pass(minute(60) + Duration::from_secs(90)).await;
    served.waits_for("the run", |standing| standing.under_way.is_empty() && world.owner("C0") == "1").await;
    served.pass(minute(62)).await;
    assert_eq!(served.watched("rep-codes").await.handled, Some(minute(60)));
    served.stop().await;
}

#[tokio::test]
async fn a_run_that_was_cut_off_by_death_is_taken_up_at_once_whatever_the_schedule() {
    let mut world = filled();
    world.codes(&[("R01", Some("one"), None)]).await;
    for schedule in ["manual", "daily at 09:00"] {
        let failpoint: Failpoint = Arc::new(|point| assert_ne!(point, "after-write", "the process dies here"));
        let (ports, integration) = (world.ports(), world.integration.clone());
        let options = RunOptions { failpoint: Some(failpoint), ..RunOptions::default() };
        assert!(tokio::spawn(async move { run_job(&ports, &integration, RunTask::Full, options).await }).await.is_err());
        world.die();
        let unfinished = world.store.unfinished_run("rep-codes").await.unwrap().expect("it did not end");
        let (served, _) = serve(&world, schedule);
        served.waits_for("the end of the run", |standing| standing.looked.is_some() && standing.under_way.is_empty()).await;
        let run = world.store.run(unfinished.id).await.unwrap().unwrap();
        assert_eq!((run.outcome, run.resumed), (Some(RunOutcome::Done), 1), "{schedule}");
        served.stop().await;
        // Everybody moves again for the next round.
        world.codes(&[("R01", Some("three"), None)]).await;
    }
    assert_eq!(world.target.writes(), 24, "each customer once in each round");
}

#[tokio::test]
async fn a_run_of_a_process_that_died_elsewhere_is_taken_up_when_its_lease_expires_whatever_the_schedule() {
    let mut world = filled();
    world.codes(&[("R01", Some("one"), None)]).await;
    let failpoint: Failpoint = Arc::new(|point| assert_ne!(point, "after-write", "the process dies here"));
    let (ports, integration) = (world.ports(), world.integration.clone());
    let options = RunOptions { failpoint: Some(failpoint), ..RunOptions::default() };
    assert!(tokio::spawn(async move { run_job(&ports, &integration, RunTask::Full, options).await }).await.is_err());
    world.die_elsewhere();
    let unfinished = world.store.unfinished_run("rep-codes").await.unwrap().expect("it did not end");
    let (served, clock) = serve(&world, "daily at 09:00");
    let begun = clock.now();
    served.pass(begun + Duration::from_secs(30)).await;
    assert_eq!(world.store.run(unfinished.id).await.unwrap().unwrap().ended, None, "its lease has not expired");
    served.pass(begun + Duration::from_secs(150)).await;
    served.waits_for("the end of the run", |standing| standing.under_way.is_empty()).await;
    let run = world.store.run(unfinished.id).await.unwrap().unwrap();
    assert_eq!((run.outcome, run.resumed), (Some(RunOutcome::Done), 1));
    assert_eq!(served.watched("rep-codes").await.failures, 0);
    world.target.assert_each_written_once();
    served.stop().await;
}

#[tokio::test]
async fn an_undo_that_was_cut_off_goes_on_although_it_paused_its_integration() {
    let mut world = filled();
    world.codes(&[("R01", Some("one"), None)]).await;
    let done = world.run().await;
    let failpoint: Failpoint = Arc::new(|point| assert_ne!(point, "after-write", "the process dies here"));
    let (ports, integration, task) = (world.ports(), world.integration.clone(), RunTask::Undo { run: done.run });
    let options = RunOptions { failpoint: Some(failpoint), author: Some("ann".into()), ..RunOptions::default() };
    assert!(tokio::spawn(async move { run_job(&ports, &integration, task, options).await }).await.is_err());
    world.die();
    let (served, _) = serve(&world, "0 * * * *");
    served.waits_for("the end of the run", |standing| standing.looked.is_some() && standing.under_way.is_empty()).await;
    assert!(world.owners().values().all(|owners| owners == &["2"]), "{:?}", world.owners());
    served.pass(minute(60)).await;
    assert_eq!(world.owner("C0"), "2", "paused all the same");
    served.stop().await;
}

#[tokio::test]
async fn a_run_that_outlasts_the_grace_is_cut_off_gives_its_leases_back_and_is_taken_up() {
    for reading in [false, true] {
        let mut world = filled();
        world.codes(&[("R01", Some("one"), None)]).await;
        let clock = HeldClock::at(world.clock.now());
        let mut launch = Real::of(&world, &clock);
        let reached = Arc::new(Notify::new());
        launch.ports.target = Arc::new(Stuck { target: launch.ports.target, reading, reached: reached.clone() });
        let served = serve_with(&world, &clock, "manual", launch);
        let run = served.scheduler.start("rep-codes", RunTask::Full, RunOptions::default()).await.unwrap();
        reached.notified().await;
        let stopping = tokio::spawn(served.stop());
        while !stopping.is_finished() {
            clock.move_to(clock.now() + Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stopping.await.unwrap();
        assert!(clock.now() - world.clock.now() >= chrono::TimeDelta::seconds(20), "it was given its time");
        assert_leases_free(&world, &["rep-codes", "image 1", "image 2", "image 3"]).await;
        assert_eq!(world.store.run(run).await.unwrap().unwrap().ended, None);
        // The program is started again.
        world.die();
        let (served, _) = serve(&world, "manual");
        served.waits_for("the end of the run", |standing| standing.looked.is_some() && standing.under_way.is_empty()).await;
        assert_eq!(world.store.run(run).await.unwrap().unwrap().outcome, Some(RunOutcome::Done));
        assert!(world.owners().values().all(|owners| owners == &["1"]), "{:?}", world.owners());
        world.target.assert_each_written_once();
        served.stop().await;
    }
}

#[tokio::test]
async fn a_person_who_starts_a_task_is_told_its_run_or_why_there_is_none() {
    let world = filled();
    world.codes(&[("R01", Some("one"), None)]).await;
    let (served, _) = serve(&world, "manual");
    let start = |task| served.scheduler.start("rep-codes", task, RunOptions::default());
    let run = start(RunTask::Plan { only: None }).await.unwrap();
    served.waits_for("its end", |standing| standing.under_way.is_empty()).await;
    let planned = world.store.run(run).await.unwrap().unwrap();
    assert_eq!((planned.task, planned.outcome), (RunTask::Plan { only: None }, Some(RunOutcome::Done)));
    world.store.pause("rep-codes", true, &author("ann", minute(1))).await.unwrap();
    let error = start(RunTask::Full).await.unwrap_err();
    assert!(matches!(&error, JobError::Failed(error) if error.message().contains("paused")), "{error}");
    assert_eq!(served.watched("rep-codes").await.failures, 0, "told to whoever asked, and counted by nobody");
    served.stop().await;
}
