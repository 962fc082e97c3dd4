//! `rightful serve` that is killed with -9 again and again, at random, takes up every run of every integration and doubles nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::Utc;
use rightful_engine::{Authorship, CodeEdit, CodeRow, FAILPOINTS, RunFilter, RunOutcome, Saved, Store as _, WatchStore as _};
use rightful_sim::RunningSim;
use rightful_sim::world::World;

use crate::served::{SERVE, Served, until};
use crate::stage::{INTEGRATION, Stage, Target, due_in, serve};

/// How often it is killed.
const LIVES: usize = 20;
/// After so many it is let go on to the end, and everything is judged.
const AT_ONCE: usize = 5;
/// The second integration: the same source, another instance of the target.
const BRANCH: &str = "branch";
/// Another seed is taken from here.
const SEED: &str = "RIGHTFUL_TEST_SEED";

/// Random numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// One integration, with what its target must come to.
struct Side {
    integration: &'static str,
    world: World,
    /// Codes whose customers were not moved yet since all was judged.
    codes: Vec<String>,
    before: Target,
}

impl Side {
    fn new(integration: &'static str, world: &World, target: &RunningSim) -> Self {
        Self { integration, world: world.clone(), codes: Vec::new(), before: Target::of(target) }
    }

    /// Is everything as it must be?
    fn is_as_due(&self, target: &Target) -> bool {
        let (owners, visitors) = due_in(&self.world);
        let found = target.owners();
        found.0.iter().all(|(code, held)| owners[*code] == *held) && *found.1 == visitors
    }

    /// Gives a code to somebody else, so that its customers have to move.
    async fn move_a_code(&mut self, stage: &Stage, dice: &mut Dice) {
        self.world.run();
        if self.codes.is_empty() {
            self.codes = self.movable();
        }
        let code = self.codes.swap_remove(dice.below(self.codes.len()));
        let owners: Vec<&String> = self
            .world
            .customers
            .iter()
            .filter(|customer| self.world.deciding_code(customer) == Some(&code))
            .flat_map(|customer| &customer.owners)
            .collect();
        let others: Vec<&str> = self
            .world
            .people
            .iter()
            .filter(|person| person.active && !owners.contains(&&person.login))
            .map(|person| person.login.as_str())
            .collect();
        let login = others[dice.below(others.len())].to_owned();
        let row = CodeRow { code: code.clone(), user: Some(login.clone()), successor: None };
        let store = stage.store();
        let version = store.code_table(self.integration).await.unwrap().version;
        let by = Authorship { author: "ann".into(), reason: "moves".into(), at: Utc::now() };
        let saved = store.save_codes(self.integration, version, &[CodeEdit { code: code.clone(), rows: vec![row] }], &by).await.unwrap();
        assert!(matches!(saved, Saved::Version(_)), "{saved:?}");
        self.world.set_rows(&code, [(login, None)]);
    }

    /// Codes that decide about customers of both systems.
    fn movable(&self) -> Vec<String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for code in self.world.customers.iter().filter_map(|customer| self.world.deciding_code(customer)) {
            *counts.entry(code).or_default() += 1;
        }
        counts.into_keys().filter(|code| self.world.rows(code).next().is_some()).map(str::to_owned).collect()
    }
}

/// When a life ends.
#[derive(Debug)]
enum Death {
    /// Where the ledger or the images stand just so.
    At(&'static str),
    /// Once so many requests were made at the vendors.
    After(u64),
    /// So long after the first request.
    In(Duration),
}

impl Death {
    fn at_random(dice: &mut Dice) -> Self {
        match dice.below(3) {
            0 => Self::At(FAILPOINTS[dice.below(FAILPOINTS.len())]),
            1 => Self::After(1 + dice.below(20) as u64),
            _ => Self::In(Duration::from_millis(dice.below(400) as u64)),
        }
    }
}

/// A stage with two integrations.
struct Two {
    stage: Stage,
    branch: RunningSim,
}

impl Two {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let branch = serve(&connector_skynamo::sim::STAND_IN, &stage.world, &[("instance", BRANCH)]).await;
        stage.configure(|text| {
            let (connection, integration) = (part(&text, "[connections.field]"), part(&text, "[integrations.rep-codes]"));
            let connection = connection
                .replace("[connections.field]", "[connections.branch]")
                .replace("\"acme\"", "\"branch\"")
                .replace(&stage.skynamo.base_url(), &branch.base_url());
            let integration = integration.replace("rep-codes]", "branch]").replace("target = \"field\"", "target = \"branch\"");
            let soon = "schedule = \"every minute\"\n";
            format!("{text}{soon}\n{connection}\n{integration}{soon}")
        });
        stage.save_table(BRANCH).await;
        Self { stage, branch }
    }

    fn target(&self, side: &Side) -> Target {
        Target::of(if side.integration == BRANCH { &self.branch } else { &self.stage.skynamo })
    }

    fn requests(&self) -> u64 {
        [&self.stage.skynamo, &self.stage.intacct, &self.branch].iter().map(|simulator| simulator.requests().count).sum()
    }

    /// A time at which both were due has passed while nothing was served.
    fn both_are_due(&self) {
        let store = rusqlite::Connection::open(self.stage.path("rightful.db")).unwrap();
        let before = (Utc::now() - chrono::TimeDelta::minutes(5)).timestamp_micros();
        for integration in [INTEGRATION, BRANCH] {
            let put = "INSERT INTO integration (name, handled) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET handled = ?2";
            assert_eq!(store.execute(put, rusqlite::params![integration, before]).unwrap(), 1);
        }
    }

    /// Integrations with a run that began and has not ended.
    async fn cut_off(&self) -> usize {
        let mut count = 0;
        for integration in [INTEGRATION, BRANCH] {
            count += usize::from(self.stage.store().unfinished_run(integration).await.unwrap().is_some());
        }
        count
    }

    /// Every target is as it must be, nothing is due and no run is open.
    async fn is_settled(&self, sides: &[Side]) -> bool {
        if !sides.iter().all(|side| side.is_as_due(&self.target(side))) {
            return false;
        }
        for side in sides {
            let handled = self.stage.store().watched(side.integration).await.unwrap().handled;
            if handled.is_none_or(|handled| Utc::now() - handled > chrono::TimeDelta::minutes(3)) {
                return false;
            }
        }
        self.cut_off().await == 0
    }

    async fn start(&self, death: Option<&Death>) -> Served {
        let mut command = self.stage.command(SERVE);
        if let Some(Death::At(point)) = death {
            command.env("RIGHTFUL_HALT_AT", point);
        }
        Served::start(command).await
    }

    /// Serves until the moment of death, or until nothing is left to be done.
    async fn live(&self, sides: &[Side], death: &Death) {
        let requests = self.requests();
        let server = self.start(Some(death)).await;
        let moment = async {
            match death {
                Death::At(point) => server.says(&format!("halted at {point}")).await,
                Death::After(count) => until("so many requests", || async { self.requests() >= requests + count }).await,
                Death::In(time) => {
                    until("a request", || async { self.requests() > requests }).await;
                    tokio::time::sleep(*time).await;
                }
            }
        };
        let settled = until("all is settled", || self.is_settled(sides));
        tokio::select! {
            () = moment => {}
            () = settled => {}
        }
        server.kill().await;
    }

    /// Serves until nothing is left to be done, ends it as a service manager does, and judges.
    async fn judge(&self, sides: &mut [Side]) {
        self.both_are_due();
        let server = self.start(None).await;
        until("every run that was cut off is taken up and ends", || self.is_settled(sides)).await;
        server.stop().await;
        for side in sides {
            let after = self.target(side);
            after.assert_each_written_once_since(&side.before);
            let watched = self.stage.store().watched(side.integration).await.unwrap();
            assert_eq!((watched.failures, &watched.quarantine), (0, &None), "{watched:?}");
            let newest = RunFilter { integration: Some(side.integration.into()), limit: 1, ..RunFilter::default() };
            let run = self.stage.store().runs_where(&newest).await.unwrap().pop().expect("it ran");
            let well = matches!(run.outcome, Some(RunOutcome::Done | RunOutcome::DoneWithHolds));
            assert!(well && run.by.is_none(), "its schedule runs it: {run:?}");
            (side.before, side.codes) = (after, Vec::new());
        }
        self.stage.assert_no_open_intents().await;
        let store = rusqlite::Connection::open(self.stage.path("rightful.db")).unwrap();
        let held = "SELECT COUNT(*) FROM integration WHERE lease_machine IS NOT NULL";
        let held: i64 = store.query_row(held, [], |row| row.get(0)).unwrap();
        assert_eq!(held, 0, "leases that nobody gave back");
        self.stage.rightful(&["audit", "verify"]).await.exits(0);
    }
}

/// A section of a configuration, up to the next one.
fn part(text: &str, head: &str) -> String {
    let rest = &text[text.find(head).unwrap()..];
    let end = rest[1..].find("\n[").map_or(rest.len(), |end| end + 2);
    rest[..end].to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_twenty_times_takes_every_run_up_and_doubles_nothing() {
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_127);
    // Shown where the test fails.
    println!("{SEED}={seed}");
    let mut dice = Dice(seed);
    let two = Two::new().await;
    let world = &two.stage.world;
    let mut sides = [Side::new(INTEGRATION, world, &two.stage.skynamo), Side::new(BRANCH, world, &two.branch)];
    two.judge(&mut sides).await;
    let mut under_way = 0;
    for life in 1..=LIVES {
        for side in &mut sides {
            side.move_a_code(&two.stage, &mut dice).await;
        }
        two.both_are_due();
        let death = Death::at_random(&mut dice);
        two.live(&sides, &death).await;
        let cut_off = two.cut_off().await;
        println!("life {life} ended {death:?}: {cut_off} runs cut off");
        under_way += usize::from(cut_off > 0);
        if life % AT_ONCE == 0 {
            two.judge(&mut sides).await;
        }
    }
    assert!(under_way >= LIVES / 2, "only {under_way} of {LIVES} kills met a run under way");
}
