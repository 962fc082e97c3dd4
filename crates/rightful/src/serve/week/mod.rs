//! A simulated week on one clock: hour after hour with code changes, faults and restarts in between, judged from the simulators and the world.

mod judge;
mod serving;
mod town;
mod witness;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use rightful_core::{Clock as _, HeldClock, Instant};
use rightful_engine::{Authorship, Holder, PlanState, RunFilter, RunOutcome, RunTask, Saved, Silent, Store as _, WatchStore as _, Watched};
use rightful_sim::world::{Customer, Place, World};
use rightful_store::{SqliteStore, current_holder};
use serde_json::Value as Json;
use tokio::runtime::Runtime;

use super::alarms::tests::WebhookSink;
use crate::verbs;
use serving::{Serving, composition, wait_for};
use town::Town;
use witness::Door;

/// The longest wait for anything, in real time: far more than a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where nobody names another: `RIGHTFUL_WEEK_SEED=7`.
const SEED: u64 = 1;

/// Clocks go forward in Amsterdam in hour 13, and back in Sydney in hour 172.
const BEGIN: &str = "2026-03-28T12:00:00Z";
const HOURS: i64 = 176;

/// From here on nothing goes wrong and nobody meddles in Skynamo, so that whoever assigned themselves is taken away again (SK-17).
const CALM: i64 = 146;

/// The integration whose vendors, program and people misbehave.
const MAIN: &str = "rep-codes";
/// Runs once a day, at a time that Amsterdam skips in this week.
const EARLY: &str = "early";
/// Runs once a day, at a time that comes twice in Sydney in this week.
const LATE: &str = "late";

const ERP: &str = "sage-intacct";
const FIELD: &str = "skynamo";

/// Who keeps the code table.
const AUTHORS: [&str; 2] = ["ann", "ben"];

/// The code of somebody who leaves within the week, and who takes over. Nobody else edits it.
const LEAVING: (&str, &str, &str) = ("E-014", "noa.new", "lindiwe");
/// A code that is blank until somebody maps it.
const BLANK: &str = "R20";

/// What goes wrong in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Incident {
    /// Some requests meet 503.
    Busy(&'static str),
    /// Skynamo asks for a wait.
    Throttled,
    /// The answer to a write is lost, in one way or another.
    Lost(&'static str),
    /// Skynamo does not answer a write for longer than a run may be silent.
    Stall,
    /// The vendor is down for an hour.
    Down(&'static str),
    /// The vendor is down for a night: which hour of it.
    Night(&'static str, i64),
    /// The program dies after a write, whose answer nobody hears.
    KilledWriting,
    /// The program dies while it reads.
    KilledReading,
    /// The program is stopped; its run outlasts the grace.
    CutOff,
    /// The program is stopped; its run ends in time.
    EndsInTime,
    /// The program is not there at two due times: which of them.
    Missed(i64),
    /// The program is started again between runs.
    Restarted,
    /// The program dies between runs.
    KilledIdle,
}

/// Hours of the night.
const NIGHT: i64 = 8;

/// What looks like chance and follows from the seed.
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }

    fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// What goes wrong when: each sort at least once, hours without trouble in between.
fn incidents(chance: &mut Chance) -> BTreeMap<i64, Incident> {
    use Incident::*;
    let night = Night(chance.pick(&[ERP, FIELD]), 0);
    let others = [
        Busy(ERP),
        Busy(FIELD),
        Throttled,
        Lost("done-timeout"),
        Lost("truncated"),
        Lost("timeout"),
        Stall,
        Down(ERP),
        Down(FIELD),
        KilledWriting,
        KilledReading,
        CutOff,
        EndsInTime,
        Missed(0),
        Restarted,
        KilledIdle,
    ];
    let mut planned = BTreeMap::new();
    let mut hour = 17;
    for round in [others.iter().copied().chain([night]).collect::<Vec<_>>(), others.to_vec()] {
        let mut left = round;
        while !left.is_empty() {
            let incident = left.swap_remove(chance.below(left.len()));
            let hours: Vec<Incident> = match incident {
                Night(vendor, _) => (0..NIGHT).map(|hour| Night(vendor, hour)).collect(),
                Missed(_) => vec![Missed(0), Missed(1)],
                other => vec![other],
            };
            for part in hours {
                planned.insert(hour, part);
                hour += 1;
            }
            hour += 1 + i64::try_from(chance.below(3)).unwrap();
        }
    }
    planned.retain(|hour, _| *hour < CALM);
    planned
}

/// The week as it goes on.
struct Week {
    seed: u64,
    hour: i64,
    chance: Chance,
    incidents: BTreeMap<i64, Incident>,
    clock: HeldClock,
    /// What is not the program: simulators, the sink, whoever looks into the store.
    outside: Runtime,
    folder: tempfile::TempDir,
    store: SqliteStore,
    main: Town,
    other: Town,
    sink: WebhookSink,
    serving: Option<Serving>,
    lives: u32,
    /// The minute at which the hourly integration is due.
    minute: i64,
    /// The newest run of the main integration that was judged.
    judged: i64,
    /// The due times that were acted upon, by integration.
    handled: BTreeMap<&'static str, Vec<Instant>>,
    /// Alarms that must have been told, with whether they were over.
    alarms: Vec<(&'static str, &'static str)>,
    named: u32,
}

impl Drop for Week {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let incident = self.incidents.get(&self.hour);
            eprintln!("the week of seed {}, hour {} ({}), {incident:?}", self.seed, self.hour, self.clock.now());
        }
        self.main.field().open();
    }
}

fn begin() -> Instant {
    BEGIN.parse().unwrap()
}

fn config(main: &Town, other: &Town, hook: &str) -> String {
    let integration = |name: &str, town: &Town, schedule: &str, zone: &str| {
        format!(
            "\n[integrations.{name}]\njob = \"rep-codes\"\nsource = \"{}\"\ntarget = \"{}\"\nschedule = \"{schedule}\"\n\
             time_zone = \"{zone}\"\ncaps.owner_moves.percent = 60\n",
            town.connection(ERP),
            town.connection(FIELD)
        )
    };
    format!(
        "{}{}{}{}{}\n[alarms]\nwebhook.url = \"http://{hook}/hook\"\nwebhook.secret = {{ file = \"hook.secret\" }}\nwebhook.allow_private = true\n",
        main.config(),
        other.config(),
        integration(MAIN, main, "hourly", "Europe/Amsterdam"),
        integration(EARLY, other, "daily at 02:30", "Europe/Amsterdam"),
        integration(LATE, other, "daily at 02:30", "Australia/Sydney"),
    )
}

impl Week {
    /// Everything stands ready: the first plans are applied, nothing is served yet.
    fn prepared(seed: u64) -> Self {
        let clock = HeldClock::at(begin() - TimeDelta::hours(1));
        let outside = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::invent(seed, 100);
        world.set_rows(LEAVING.0, [(LEAVING.1.to_owned(), None)]);
        let (main, other, sink) = outside.block_on(async {
            let main = Town::start("main", world, &clock, folder.path()).await;
            let other = Town::start("other", World::invent(seed + 1, 40), &clock, folder.path()).await;
            (main, other, WebhookSink::new().await)
        });
        let file = folder.path().join("rightful.toml");
        std::fs::write(&file, config(&main, &other, &sink.address)).unwrap();
        std::fs::write(folder.path().join("hook.secret"), "a secret of sixteen characters or more").unwrap();
        let store = SqliteStore::open(&folder.path().join("rightful.db")).unwrap();
        let mut chance = Chance(seed);
        chance.below(1);
        let incidents = incidents(&mut chance);
        let mut week = Self {
            seed,
            hour: -1,
            chance,
            incidents,
            clock,
            outside,
            folder,
            store,
            main,
            other,
            sink,
            serving: None,
            lives: 0,
            minute: 0,
            judged: 0,
            handled: BTreeMap::new(),
            alarms: Vec::new(),
            named: 0,
        };
        week.save(MAIN, None, "ann", "first table");
        week.save(EARLY, None, "ann", "first table");
        week.first_plans();
        week.main.world.run();
        week.other.world.run();
        week
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("rightful.toml")
    }

    /// Another process than all before: of this machine, where its death shows, or of another, where its leases have to expire.
    fn holder(&mut self) -> Holder {
        self.lives += 1;
        let here = current_holder();
        if self.lives.is_multiple_of(2) {
            return Holder { born: here.born + u64::from(self.lives), ..here };
        }
        Holder { machine: "elsewhere".to_owned(), process: self.lives, born: 1 }
    }

    /// A first plan would move nearly everybody: somebody looks at it and lets it through.
    fn first_plans(&mut self) {
        let (file, clock, holder) = (self.file(), self.clock.clone(), self.holder());
        self.outside.block_on(async {
            let composition = composition(&file, &clock, holder).await;
            for name in [MAIN, EARLY] {
                let integration = composition.integration(Some(name)).unwrap();
                let planned = verbs::plan(&composition, integration, None, Arc::new(Silent)).await.unwrap_or_else(|why| panic!("{why:?}"));
                let over_cap = Some(("ann".to_owned(), "first run".to_owned()));
                let plan = planned.plan.unwrap();
                let applied = verbs::apply(&composition, integration, plan, over_cap, Arc::new(Silent)).await;
                assert_eq!(applied.unwrap_or_else(|why| panic!("{why:?}")).outcome, RunOutcome::Done);
                assert_eq!(composition.store.plan(plan).await.unwrap().unwrap().state, PlanState::Applied);
            }
        });
    }

    fn start(&mut self) {
        let holder = self.holder();
        self.serving = Some(Serving::start(&self.file(), &self.clock, holder));
    }

    fn serving(&self) -> &Serving {
        self.serving.as_ref().expect("the program runs")
    }

    fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.stop(&self.clock, false);
        }
    }

    fn kill(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.kill();
        }
    }

    /// When the main integration is due in this hour.
    fn due(&self) -> Instant {
        begin() + TimeDelta::hours(self.hour) + TimeDelta::minutes(self.minute)
    }

    /// Moves on to so many minutes after this hour's due time, and waits until everything that follows has happened.
    fn to(&mut self, minutes: i64) {
        self.clock.move_to(self.due() + TimeDelta::minutes(minutes));
        self.settle();
    }

    fn settle(&mut self) {
        if let Some(serving) = &self.serving {
            serving.quiet();
        }
        for name in [MAIN, EARLY, LATE] {
            let handled = self.watched(name).handled;
            let known = self.handled.entry(name).or_default();
            known.extend(handled.filter(|at| known.last() != Some(at)));
        }
    }

    fn watched(&self, integration: &str) -> Watched {
        self.outside.block_on(self.store.watched(integration)).unwrap()
    }

    /// The runs of the main integration since it was last asked, which must have ended like this.
    fn expect(&mut self, outcomes: &[RunOutcome]) -> Vec<rightful_engine::Run> {
        let filter = RunFilter { integration: Some(MAIN.to_owned()), limit: 10, ..RunFilter::default() };
        let mut runs = self.outside.block_on(self.store.runs_where(&filter)).unwrap();
        runs.retain(|run| run.id.0 > self.judged && run.task == RunTask::Full);
        runs.reverse();
        let ended: Vec<Option<RunOutcome>> = runs.iter().map(|run| run.outcome).collect();
        assert_eq!(ended, outcomes.iter().copied().map(Some).collect::<Vec<_>>(), "{runs:#?}");
        self.judged = runs.last().map_or(self.judged, |run| run.id.0);
        runs
    }

    // --- what people do ---------------------------------------------------------------------------------------------------------

    /// Saves these codes as the world has them; all of them where none is named.
    fn save(&mut self, integration: &str, codes: Option<&[String]>, author: &str, reason: &str) {
        let town = if integration == MAIN { &mut self.main } else { &mut self.other };
        let all: Vec<String> = town.world.table.iter().map(|row| row.code.clone()).collect();
        let edits = town.edits(codes.unwrap_or(&all));
        let by = Authorship { author: author.to_owned(), reason: reason.to_owned(), at: self.clock.now() };
        let saved = self.outside.block_on(async {
            let before = self.store.code_table(integration).await.unwrap().version;
            self.store.save_codes(integration, before, &edits, &by).await.unwrap()
        });
        let Saved::Version(version) = saved else { panic!("somebody else saved: {saved:?}") };
        town.saved(version, &edits, &by);
    }

    /// Codes that anybody may edit: all their users may sign in.
    fn free_codes(&self) -> Vec<String> {
        let world = &self.main.world;
        let free = |code: &&String| {
            let mut rows = world.rows(code).peekable();
            let named = |typed: &Option<String>| typed.as_deref().and_then(|typed| world.person(typed)).is_some_and(|person| person.active);
            **code != LEAVING.0 && rows.peek().is_some() && rows.all(|row| named(&row.user) && row.successor.is_none())
        };
        world.reps.iter().map(|rep| &rep.code).filter(free).cloned().collect()
    }

    /// Users who are there all week.
    fn users(&self) -> Vec<String> {
        let people = self.main.world.people.iter().filter(|person| person.active && person.login != LEAVING.1);
        people.map(|person| person.login.clone()).collect()
    }

    fn edit(&mut self, code: &str, users: &[String]) {
        self.named += 1;
        let author = self.chance.pick(&AUTHORS);
        let reason = format!("change {} of {code}", self.named);
        self.main.world.set_rows(code, users.iter().map(|user| (user.clone(), None)));
        self.save(MAIN, Some(&[code.to_owned()]), author, &reason);
    }

    fn edit_any(&mut self) {
        let (code, users) = (self.chance.pick(&self.free_codes()), self.users());
        let mut chosen = vec![self.chance.pick(&users)];
        if self.chance.percent(30) {
            chosen.push(self.chance.pick(&users));
            chosen.dedup();
        }
        self.edit(&code, &chosen);
    }

    /// An edit that moves somebody for certain, where the last run brought everybody to where they belong.
    fn edit_that_moves(&mut self) {
        let world = &self.main.world;
        let carriers = |code: &String| world.customers.iter().filter(|customer| world.deciding_code(customer) == Some(code)).count();
        let code = self.free_codes().into_iter().max_by_key(carriers).unwrap();
        let named: Vec<&str> = world.rows(&code).filter_map(|row| Some(world.person(row.user.as_deref()?)?.login.as_str())).collect();
        let others: Vec<String> = self.users().into_iter().filter(|user| !named.contains(&user.as_str())).collect();
        let user = self.chance.pick(&others);
        self.edit(&code, &[user]);
    }

    fn some_customer(&mut self, what: impl Fn(&World, &Customer) -> bool) -> String {
        let world = &self.main.world;
        let fitting: Vec<String> =
            world.customers.iter().filter(|customer| what(world, customer)).map(|customer| customer.code.clone()).collect();
        self.chance.pick(&fitting)
    }

    fn change_rep(&mut self) {
        let customer = self.some_customer(|_, customer| customer.active && customer.place == Place::Both);
        let mut codes = self.free_codes();
        codes.push(LEAVING.0.to_owned());
        let code = self.chance.pick(&codes);
        self.main.change_rep(&customer, &code);
    }

    fn hand_over(&mut self) {
        let customer = self.some_customer(|_, customer| customer.place != Place::Erp);
        let user = self.chance.pick(&self.users());
        self.main.hand_over(&customer, &user);
    }

    fn find_customer(&mut self) {
        self.named += 1;
        let (code, rep, user) = (format!("NEW-{:03}", self.named), self.chance.pick(&self.free_codes()), self.chance.pick(&self.users()));
        self.main.found(&code, &rep, &user);
    }

    /// What people do in an hour, shortly before the integration is due.
    fn deeds(&mut self) {
        match self.hour {
            15 => {
                self.main.deactivate(LEAVING.1);
                self.main.world.set_rows(LEAVING.0, [(LEAVING.1.to_owned(), Some(LEAVING.2.to_owned()))]);
                self.save(MAIN, Some(&[LEAVING.0.to_owned()]), "ben", "noa leaves");
            }
            60 => {
                let user = self.chance.pick(&self.users());
                self.edit(BLANK, &[user]);
            }
            _ => {}
        }
        if self.chance.percent(55) {
            self.edit_any();
        }
        if self.chance.percent(35) {
            self.change_rep();
        }
        if self.hour < CALM && self.chance.percent(8) {
            self.find_customer();
        }
        if self.hour < CALM && self.chance.percent(15) {
            self.hand_over();
        }
    }

    // --- hour after hour --------------------------------------------------------------------------------------------------------

    fn play(&mut self) {
        self.clock.move_to(begin());
        self.start();
        self.settle();
        self.minute = self.first_minute();
        for hour in 0..HOURS {
            self.hour = hour;
            self.play_hour();
            self.to(20);
        }
    }

    /// The minute that the schedule names, which must be no due time of the daily ones.
    fn first_minute(&self) -> i64 {
        let told = self.serving().server.scheduler.schedule(MAIN).unwrap().told();
        let minute = told.rsplit(' ').next().unwrap().parse().unwrap();
        assert_ne!(minute, 30, "{told}");
        minute
    }

    fn play_hour(&mut self) {
        let incident = self.incidents.get(&self.hour).copied();
        let moves = matches!(incident, Some(Incident::Lost(_) | Incident::Stall | Incident::KilledWriting));
        self.to(-1);
        if moves {
            self.edit_that_moves()
        } else {
            self.deeds()
        }
        match incident {
            None => self.plain_hour(),
            Some(Incident::Busy(vendor)) => {
                let first = u64::try_from(self.chance.below(4)).unwrap();
                self.main.fault(vendor, &[(first, "503"), (first + 1, "503")]);
                self.plain_hour();
            }
            Some(Incident::Throttled) => self.throttled(),
            Some(Incident::Lost(fault)) => {
                self.main.field().spoil_next_write(fault);
                self.plain_hour();
                assert!(self.main.field().was_spoiled());
            }
            Some(Incident::Stall) => self.stall(),
            Some(Incident::Down(vendor)) => {
                self.main.down(vendor);
                self.to(0);
                self.expect(&[RunOutcome::Failed]);
            }
            Some(Incident::Night(vendor, hour)) => self.night(vendor, hour),
            Some(Incident::KilledWriting) => self.killed(Door::Written),
            Some(Incident::KilledReading) => self.killed(Door::Reading),
            Some(Incident::CutOff) => self.stopped(true),
            Some(Incident::EndsInTime) => self.stopped(false),
            Some(Incident::Missed(0)) => self.stop(),
            Some(Incident::Missed(_)) => {
                self.to(5);
                self.start();
                self.to(6);
                self.expect(&[RunOutcome::Done]);
            }
            Some(Incident::Restarted) => {
                self.plain_hour();
                self.stop();
                self.start();
                self.settle();
            }
            Some(Incident::KilledIdle) => {
                self.plain_hour();
                self.kill();
                self.start();
                self.settle();
            }
        }
        if !matches!(incident, Some(Incident::Night(..))) {
            self.main.fault(ERP, &[]);
            self.main.fault(FIELD, &[]);
        }
    }

    fn plain_hour(&mut self) {
        self.to(0);
        let runs = self.expect(&[RunOutcome::Done]);
        assert_eq!(runs[0].resumed, 0);
        assert!(runs[0].started >= self.due() && runs[0].started < self.due() + TimeDelta::minutes(1), "{runs:?}");
    }

    fn throttled(&mut self) {
        self.main.fault(FIELD, &[(0, "429=90")]);
        self.to(0);
        let runs = self.expect(&[RunOutcome::Done]);
        let took = runs[0].ended.unwrap() - runs[0].started;
        assert!(took >= TimeDelta::seconds(90), "it waits as it was told: {took}");
    }

    /// Moves to the due time and waits until the run stands still at a door.
    fn run_up_to(&mut self, door: Door) {
        self.main.field().shut(door);
        self.clock.move_to(self.due());
        wait_for("a request that stands still", || self.main.field().holds_one());
        // What the run was begun for is noted beside it.
        wait_for("the note of the due time", || self.watched(MAIN).handled == Some(self.due()));
    }

    /// It stands still where it writes: nothing else goes on beside it that would be a sign of life.
    fn stall(&mut self) {
        self.run_up_to(Door::Written);
        self.clock.move_to(self.due() + TimeDelta::minutes(31));
        self.serving().looked();
        self.alarms.push(("no-progress", "began"));
        assert_eq!(self.told(), self.alarms, "a silent run is told");
        self.main.field().open();
        self.to(32);
        self.expect(&[RunOutcome::Done]);
        self.to(33);
        self.alarms.push(("no-progress", "ended"));
        assert_eq!(self.told(), self.alarms);
    }

    fn night(&mut self, vendor: &'static str, hour: i64) {
        self.main.down(vendor);
        self.to(0);
        match hour {
            0..5 => drop(self.expect(&[RunOutcome::Failed])),
            _ => drop(self.expect(&[])),
        }
        assert_eq!(self.watched(MAIN).quarantine.is_some(), hour >= 4);
        match hour {
            // Nobody hears of it at first.
            2 => self.sink.up.store(false, Ordering::SeqCst),
            3 => self.sink.up.store(true, Ordering::SeqCst),
            5 => {
                self.stop();
                self.start();
                self.settle();
            }
            7 => {
                self.to(30);
                for side in [ERP, FIELD] {
                    self.main.fault(side, &[]);
                }
                let by = Authorship { author: "olga".into(), reason: "the vendor is back".into(), at: self.clock.now() };
                self.outside.block_on(self.store.release_quarantine(MAIN, &by)).unwrap();
                self.to(31);
                self.expect(&[RunOutcome::Done]);
                self.to(33);
                for alarm in ["no-complete-run", "quarantined"] {
                    self.alarms.extend([(alarm, "began"), (alarm, "ended")]);
                }
                self.alarms.sort_unstable();
                let mut told = self.told();
                told.sort_unstable();
                assert_eq!(told, self.alarms, "each once, with its end");
                self.alarms = self.told();
            }
            _ => {}
        }
    }

    /// Starts the program again and waits, a little time after another, until the run that was cut off has ended.
    fn taken_up(&mut self) {
        self.start();
        for step in 1..=10 {
            self.settle();
            if self.outside.block_on(self.store.unfinished_run(MAIN)).unwrap().is_none() {
                break;
            }
            self.clock.move_to(self.clock.now() + TimeDelta::seconds(30));
            assert!(step < 10, "it was not taken up within five minutes");
        }
        let runs = self.expect(&[RunOutcome::Done]);
        assert_eq!(runs[0].resumed, 1, "{runs:?}");
    }

    fn killed(&mut self, door: Door) {
        self.run_up_to(door);
        self.kill();
        self.main.field().open();
        self.taken_up();
    }

    fn stopped(&mut self, outlasts: bool) {
        self.run_up_to(Door::Reading);
        let serving = self.serving.take().expect("the program runs");
        if !outlasts {
            self.main.field().open();
        }
        serving.stop(&self.clock, outlasts);
        self.main.field().open();
        if outlasts {
            return self.taken_up();
        }
        let runs = self.expect(&[RunOutcome::Done]);
        assert_eq!(runs[0].resumed, 0, "{runs:?}");
        self.start();
        self.settle();
    }

    /// The alarms that were told, in order. Only the main integration has any.
    fn told(&self) -> Vec<(&'static str, &'static str)> {
        let heard = self.sink.heard.lock().unwrap();
        let word = |json: &Json, name: &str, words: &[&'static str]| {
            let found = words.iter().find(|word| json[name] == **word);
            *found.unwrap_or_else(|| panic!("an alarm of another sort: {json}"))
        };
        heard
            .iter()
            .map(|(json, ..)| {
                assert_eq!(json["integration"], MAIN, "{json}");
                (word(json, "alarm", &["no-complete-run", "no-progress", "quarantined"]), word(json, "state", &["began", "ended"]))
            })
            .collect()
    }
}

#[test]
fn over_a_week_of_changes_faults_and_restarts_every_customer_ends_where_the_table_says() {
    let seed = std::env::var("RIGHTFUL_WEEK_SEED").map_or(SEED, |text| text.parse().expect("RIGHTFUL_WEEK_SEED is a number"));
    let mut week = Week::prepared(seed);
    week.play();
    week.judge();
    week.stop();
}
