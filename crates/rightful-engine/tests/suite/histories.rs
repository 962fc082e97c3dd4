//! Properties of crediting over generated histories: whatever happened, in the end the target holds what the rules say of the final state, and nothing went out needlessly.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rightful_core::*;
use rightful_engine::*;

use crate::desk::{DEAL, Desk, Held, INTEGRATION, Office, USER};
use crate::properties::block_on;
use crate::stand::CASES;
use crate::world::{Fault, Paging, at_once};

const USERS: usize = 5;
const DEALS: usize = 12;

/// Something that happens.
#[derive(Clone, Debug)]
enum Event {
    /// A deal is made, changed or comes back; behind every mark, where late.
    Deal { deal: usize, owner: Option<usize>, won: bool, amount: i64, late: bool },
    /// A deal goes.
    Gone(usize),
    /// Somebody becomes active or inactive in the source.
    Active(usize, bool),
    /// Somebody is mapped to an account made by hand.
    Map(usize),
    /// A link is taken away.
    Unlink(usize),
    /// Somebody is put on a team or taken off it.
    Team(usize, bool),
    /// An administrator's file shows somebody, with or without the source's id, in this status.
    File(usize, bool, usize),
    /// The workflow, or accounts that are made by themselves, are switched.
    Switch(bool, bool),
    /// A person drops a hold.
    Drop(usize),
    /// How the source's pages behave from now on.
    Pages(Paging),
    /// What becomes of the next items.
    Faults(Vec<u8>),
    /// A run, a release, or either that dies at a failpoint.
    Job { release: bool, dies: Option<usize> },
}

const STATUS: [&str; 4] = ["active", "active", "inactive", "supporter"];

fn email(user: usize) -> String {
    // The last two share one.
    format!("user{}@example.com", user.min(USERS - 2))
}

fn paging() -> impl Strategy<Value = Paging> {
    (1..9_usize, any::<bool>(), any::<bool>(), 0..2_usize, any::<bool>(), 0..2_usize, 0..40_usize).prop_map(
        |(size, wide, repeats, moves, late, restarts, rotate)| Paging { size, wide, repeats, moves, late, restarts, rotate, totals: true },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let deal = || {
        (0..DEALS, prop::option::weighted(0.85, 0..USERS), prop::bool::weighted(0.8), 0..3_i64, prop::bool::weighted(0.15))
            .prop_map(|(deal, owner, won, amount, late)| Event::Deal { deal, owner, won, amount, late })
    };
    prop_oneof![
        8 => deal(),
        2 => (0..DEALS).prop_map(Event::Gone),
        1 => (0..USERS, any::<bool>()).prop_map(|(user, active)| Event::Active(user, active)),
        1 => (0..USERS).prop_map(Event::Map),
        1 => (0..USERS).prop_map(Event::Unlink),
        3 => (0..USERS, prop::bool::weighted(0.8)).prop_map(|(user, on)| Event::Team(user, on)),
        2 => (0..USERS, any::<bool>(), 0..STATUS.len()).prop_map(|(user, by_id, status)| Event::File(user, by_id, status)),
        1 => (any::<bool>(), prop::bool::weighted(0.7)).prop_map(|(workflow, on)| Event::Switch(workflow, on)),
        1 => (0..4_usize).prop_map(Event::Drop),
        1 => paging().prop_map(Event::Pages),
        2 => prop::collection::vec(0..5_u8, 1..8).prop_map(Event::Faults),
        7 => (prop::bool::weighted(0.25), prop::option::weighted(0.4, 1..60_usize)).prop_map(|(release, dies)| Event::Job { release, dies }),
    ]
}

#[derive(Clone, Debug)]
struct History {
    mode: PeopleMode,
    removes: bool,
    events: Vec<Event>,
}

fn history() -> impl Strategy<Value = History> {
    let mode = prop_oneof![1 => Just(PeopleMode::Manual), 3 => Just(PeopleMode::Automatic), 1 => Just(PeopleMode::All)];
    (mode, prop::bool::weighted(0.8), prop::collection::vec(event(), 5..45)).prop_map(|(mode, removes, events)| History {
        mode,
        removes,
        events,
    })
}

/// What is true outside of the engine.
struct Told {
    office: Office,
    workflow: bool,
    automatic: bool,
    active: [bool; USERS],
    /// Deals as they stand: owner, won, amount.
    deals: BTreeMap<String, (Option<usize>, bool, i64)>,
    /// States that a person let go: deal and amount.
    dropped: BTreeSet<(String, i64)>,
    seen: usize,
}

impl Told {
    async fn new(history: &History) -> Self {
        let office = Office::with(history.mode, history.removes);
        for user in 0..USERS {
            office.user(&format!("u{user}"), &email(user), true);
            // An account that somebody made in the product, with another address.
            let by_hand = format!("x{user}@example.com");
            office.file(&[(Some(&format!("x{user}")), &by_hand, &[("team.key", Value::text("OSLO"))])]).await;
        }
        Self { office, workflow: true, automatic: true, active: [true; USERS], deals: BTreeMap::new(), dropped: BTreeSet::new(), seen: 0 }
    }

    async fn happens(&mut self, event: &Event) {
        let office = &self.office;
        match event {
            Event::Deal { deal, owner, won, amount, late } => {
                let (id, stage) = (format!("d{deal:02}"), if *won { "won" } else { "open" });
                let named = owner.map(|owner| format!("u{owner}"));
                let put = if *late { Office::late_deal } else { Office::deal };
                put(office, &id, named.as_deref(), stage, *amount);
                self.deals.insert(id, (*owner, *won, *amount));
            }
            Event::Gone(deal) => {
                let id = format!("d{deal:02}");
                office.crm.remove(&DEAL, &id);
                self.deals.remove(&id);
            }
            Event::Active(user, active) => {
                office.user(&format!("u{user}"), &email(*user), *active);
                self.active[*user] = *active;
            }
            // Who was never read, or is linked already, cannot be mapped: that is refused, and nothing happens.
            Event::Map(user) => {
                office.crew().await.map(&office.ports(), &format!("u{user}"), &format!("x{user}"), false, &office.by("ann")).await.ok();
            }
            Event::Unlink(user) => {
                let person = RecordId::new(format!("u{user}"));
                office.store.unlink(&"crm".into(), &person, &"desk".into(), &office.by("ann")).await.unwrap();
            }
            Event::Team(user, on) => {
                let team = on.then_some("OSLO");
                for account in [format!("u{user}"), format!("x{user}")] {
                    office.crew().await.place(&office.ports(), &account, team, &office.by("ann")).await.ok();
                }
            }
            Event::File(user, by_id, status) => {
                let id = format!("u{user}");
                let facts = [("status", Value::text(STATUS[*status])), ("team.key", Value::text("OSLO"))];
                // Two people with one address would be one row.
                if *user < USERS - 2 {
                    office.file(&[(by_id.then_some(id.as_str()), &email(*user), &facts)]).await;
                }
            }
            Event::Switch(workflow, on) => {
                let name = if *workflow { workflow_switch("won") } else { AUTOMATIC.to_owned() };
                office.store.switch(INTEGRATION, &Switch { name, on: *on, by: office.by("ann") }).await.unwrap();
                *(if *workflow { &mut self.workflow } else { &mut self.automatic }) = *on;
            }
            Event::Drop(at) => {
                let holds = office.store.holds(Some(INTEGRATION), None, 100).await.unwrap();
                if let Some(hold) = holds.get(*at) {
                    let carry = &hold.hold.carry.as_ref().expect("it holds an activity").carry;
                    let amount = carry.values.iter().find(|(field, _)| *field == "amount").expect("it has an amount").1.clone();
                    let Value::Integer(amount) = amount else { panic!("{amount:?} is no number") };
                    self.dropped.insert((carry.record.to_string(), amount));
                    assert!(office.store.drop_hold(hold.id, &office.by("ann")).await.unwrap());
                }
            }
            Event::Pages(paging) => office.crm.inside().paging = paging.clone(),
            Event::Faults(faults) => {
                let faults = faults.iter().map(|fault| {
                    [None, Some(Fault::LostApplied), Some(Fault::LostUnapplied), Some(Fault::Refused), Some(Fault::Busy)]
                        [usize::from(*fault)]
                });
                office.desk.inside().faults = faults.collect();
            }
            Event::Job { release, dies } => {
                let task = if *release { RunTask::Release } else { RunTask::Full };
                self.job(task, *dies).await;
            }
        }
    }

    /// A job, and what must be true after any job.
    async fn job(&mut self, task: RunTask, dies: Option<usize>) {
        self.office.clock.advance(Duration::from_secs(60));
        match dies {
            None => drop(self.office.job(task, RunOptions::default()).await.unwrap()),
            Some(nth) => {
                if let Some(ended) = self.office.job_until(task, nth).await {
                    ended.unwrap();
                } else {
                    self.office.die();
                    self.answers_died().await;
                }
            }
        }
        let office = &self.office;
        let (links, known) = (office.links().await, facts(office).await);
        let inside = office.desk.inside();
        assert_eq!(inside.needless, Vec::<String>::new(), "these came again unchanged");
        for item in &inside.taken[self.seen..] {
            let words: Vec<&str> = item.split(' ').collect();
            if let ["record", id, owner] = words[..] {
                assert_eq!(closed(&known, owner), None, "{id} went out to {owner}, whose gate is closed");
                assert!(links.values().any(|linked| linked == owner), "{id} went out to {owner}, who is nobody's account");
            }
        }
        self.seen = inside.taken.len();
    }

    /// The process died: what the store does not know of may come again.
    async fn answers_died(&self) {
        let credits: BTreeMap<String, Held> = self
            .office
            .credits()
            .await
            .into_iter()
            .filter(|credit| credit.state == CreditState::Sent)
            .map(|credit| (credit.target.to_string(), (credit.owner, spelled(&credit.values))))
            .collect();
        let links = self.office.links().await;
        let filter = EntryFilter { states: vec![EntryState::Intended, EntryState::Unknown], limit: 1_000, ..EntryFilter::default() };
        let open = self.office.store.entries(&filter).await.unwrap();
        let mut inside = self.office.desk.inside();
        // A refusal dies with the process too.
        inside.lost.extend(open.into_iter().map(|entry| entry.target.to_string()));
        let items = inside.taken.split_off(self.seen);
        for item in &items {
            let words: Vec<&str> = item.split(' ').collect();
            let known = match words[0] {
                "user" => links.contains_key(words[1]),
                _ => credits.get(words[1]) == inside.records.get(words[1]),
            };
            if !known {
                inside.lost.insert(words[1].to_owned());
            }
        }
        inside.taken.extend(items);
    }
}

fn spelled(values: &[(FieldName, Value)]) -> BTreeMap<String, String> {
    values.iter().map(|(field, value)| (field.to_string(), value.to_string())).collect()
}

/// What is known of accounts: field and value.
async fn facts(office: &Office) -> BTreeMap<String, BTreeMap<String, Value>> {
    let known = office.store.known_people(&"desk".into(), &USER).await.unwrap();
    known
        .into_iter()
        .map(|known| (known.id.to_string(), known.facts.into_iter().map(|fact| (fact.field.to_string(), fact.value)).collect()))
        .collect()
}

/// The word of the first closed gate, in the vendor's order.
fn closed(known: &BTreeMap<String, BTreeMap<String, Value>>, owner: &str) -> Option<String> {
    let fact = |field: &str| known.get(owner).and_then(|facts| facts.get(field));
    match fact("status") {
        Some(Value::Text(status)) if status != "active" => return Some(status.clone()),
        _ => {}
    }
    match fact("team.key") {
        Some(Value::Text(_)) => None,
        _ => Some("no-team".to_owned()),
    }
}

async fn image_of(office: &Office) -> (Vec<Credit>, Vec<String>, Vec<(HoldId, Instant)>, BTreeMap<String, String>) {
    let holds = office.store.holds(Some(INTEGRATION), None, 1_000).await.unwrap();
    let ages = holds.iter().map(|hold| (hold.id, hold.since)).collect();
    (office.credits().await, office.holds().await, ages, office.links().await)
}

/// Nothing goes wrong any more, and no run is open.
async fn calm(told: &mut Told) {
    told.office.desk.inside().faults.clear();
    told.office.crm.inside().paging = Paging { size: 7, wide: true, totals: true, ..Paging::default() };
    if told.office.store.unfinished_run(INTEGRATION).await.unwrap().is_some() {
        told.job(RunTask::Full, None).await;
    }
}

/// Everything is read again, and runs follow until nothing is left to do. False: an account is refused that somebody else may have, and is asked for again.
async fn rests(told: &mut Told) -> bool {
    // Late rows are behind every mark: only a full read shows them.
    told.office.clock.advance(Duration::from_secs(25 * 3600));
    told.job(RunTask::Full, None).await;
    // An account made by the last run may have brought what its e-mail address was known by.
    told.job(RunTask::Full, None).await;
    if !told.office.desk.inside().clashes.is_empty() {
        return false;
    }
    let before = image_of(&told.office).await;
    let taken = told.office.desk.inside().taken.len();
    let report = told.office.run().await;
    assert_eq!(report.counts.planned, 0, "there was still something to do: {:?}", report.notes);
    assert_eq!(told.office.desk.inside().taken.len(), taken, "the second run sent something");
    assert_eq!(image_of(&told.office).await, before, "the second run moved something");
    true
}

/// What the rules say of the final state, without the engine: links and facts as they stand, deals as they stand.
async fn judge(told: &Told, history: &History, before: &BTreeMap<String, Held>) {
    let office = &told.office;
    let (links, known, holds) = (office.links().await, facts(office).await, office.holds().await);
    let records = office.desk.inside().records.clone();
    let mut waiting = Vec::new();
    for number in 0..DEALS {
        let deal = format!("d{number:02}");
        let target = format!("{deal}#won");
        let (stands, stood) = (records.get(&target), before.get(&target));
        let said = format!(
            "{target} in {:?}: {:?} stands as {stands:?}, stood as {stood:?}; holds {holds:?}",
            history.mode,
            told.deals.get(&deal)
        );
        if !told.workflow {
            assert_eq!(stands, stood, "no workflow looks at it: {said}");
            continue;
        }
        let Some((owner, _, amount)) = told.deals.get(&deal).filter(|(_, won, _)| *won) else {
            if history.removes {
                assert_eq!(stands, None, "nobody wants it: {said}");
            } else {
                assert_eq!(stands, stood, "it cannot be removed: {said}");
            }
            continue;
        };
        let Some(owner) = owner else {
            assert_eq!(stands, stood, "it is nobody's: {said}");
            continue;
        };
        let person = format!("u{owner}");
        let account = links.get(&person);
        let reason = match account {
            Some(account) => closed(&known, account),
            None => Some(unlinked(told, history, *owner)),
        };
        let values = |address: &str| {
            spelled(&[
                ("type".into(), Value::text("Deals")),
                ("amount".into(), Value::Integer(*amount)),
                ("user.email".into(), Value::text(address)),
            ])
        };
        let wanted = account.map(|account| {
            let known = known.get(account).and_then(|facts| facts.get("email")).and_then(Value::as_text);
            (account.clone(), values(known.unwrap_or(&email(*owner))))
        });
        if told.dropped.contains(&(deal, *amount)) && (stands == stood || stands == wanted.as_ref()) {
            // A person let such a state go once: whether that was this one is for the tables to say.
            waiting.extend(holds.iter().filter(|hold| hold.starts_with(&format!("{target} "))).cloned());
            continue;
        }
        match reason {
            None => assert_eq!(stands, wanted.as_ref(), "it is theirs: {said}"),
            Some(reason) => {
                assert_eq!(stands, stood, "it waits: {said}");
                let waits = format!("{target} {reason}");
                // A write whose answers were all lost may stand as it is wanted: nobody can know, so it waits to be sent again.
                let unsure = office.desk.inside().lost.contains(&target) && holds.contains(&waits);
                if wanted.is_none() || stands != wanted.as_ref() || unsure {
                    waiting.push(waits);
                }
            }
        }
    }
    waiting.sort();
    assert_eq!(holds, waiting, "each hold's reason is true, and nothing else waits");
    // Whoever a won deal asks for has an account by now, where accounts are made by themselves.
    let makes = history.mode == PeopleMode::All || (history.mode == PeopleMode::Automatic && told.automatic && told.workflow);
    let asked = |user: usize| history.mode == PeopleMode::All || told.deals.values().any(|(owner, won, _)| *won && *owner == Some(user));
    for user in (0..USERS - 2).filter(|user| makes && told.active[*user] && asked(*user)) {
        assert!(links.contains_key(&format!("u{user}")), "u{user} has no account: {links:?}");
    }
}

/// Why somebody without a link waits.
fn unlinked(told: &Told, history: &History, user: usize) -> String {
    let makes = history.mode == PeopleMode::All || (history.mode == PeopleMode::Automatic && told.automatic && told.workflow);
    if !makes {
        return "unmapped-owner".to_owned();
    }
    if !told.active[user] {
        return "source-inactive".to_owned();
    }
    assert!(user >= USERS - 2, "u{user} alone has an e-mail address and is active");
    if told.active[USERS - 1] && told.active[USERS - 2] {
        return "email-shared".to_owned();
    }
    "email-taken".to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES * 2, max_shrink_iters: 600, ..ProptestConfig::default() })]

    #[test]
    fn after_any_history_the_target_holds_what_the_rules_say_of_the_final_state(history in history()) {
        block_on(async {
            let mut told = Told::new(&history).await;
            for event in &history.events {
                told.happens(event).await;
            }
            // A run that was cut off is taken up under the decisions of its own time; what stands after it is what the final state meets.
            calm(&mut told).await;
            let before = told.office.desk.inside().records.clone();
            if !rests(&mut told).await {
                return;
            }
            judge(&told, &history, &before).await;

            // Then every gate opens, and whatever waited goes out, once.
            told.happens(&Event::Switch(true, true)).await;
            for user in 0..USERS {
                told.happens(&Event::Active(user, true)).await;
                if !told.office.links().await.contains_key(&format!("u{user}")) {
                    told.happens(&Event::Map(user)).await;
                }
            }
            let accounts: Vec<String> = told.office.links().await.into_values().collect();
            let addresses = facts(&told.office).await;
            for account in &accounts {
                let address = addresses.get(account).and_then(|facts| facts.get("email")).and_then(Value::as_text).unwrap_or_default().to_owned();
                told.office.file(&[(Some(account), &address, &[("status", Value::text("active")), ("team.key", Value::text("OSLO"))])]).await;
            }
            let before = told.office.desk.inside().records.clone();
            told.job(RunTask::Release, None).await;
            if !rests(&mut told).await {
                return;
            }
            judge(&told, &history, &before).await;
            assert_eq!(told.office.holds().await, Vec::<String>::new());
        });
    }
}

#[test]
fn ten_thousand_deals_changed_at_once_are_each_credited_once() {
    const MANY: usize = 10_000;
    block_on(async {
        let mut office = Office::new(PeopleMode::Automatic);
        office.desk = Arc::new(Desk::batched(true, 400));
        for user in 0..4 {
            office.user(&format!("u{user}"), &email_of_many(user), true);
            let facts = [("team.key", Value::text("OSLO"))];
            office.file(&[(None, &email_of_many(user), &facts)]).await;
        }
        office.crm.inside().paging = Paging { size: 1_000, wide: true, repeats: true, totals: true, ..Paging::default() };
        let deal = |office: &Office, number: usize, amount: i64| {
            office.deal(&format!("d{number:05}"), Some(&format!("u{}", number % 4)), "won", amount);
        };
        (0..MANY).for_each(|number| deal(&office, number, 1));
        assert_eq!(office.run().await.outcome, RunOutcome::Done);
        let taken = office.taken();
        let distinct: BTreeSet<&String> = taken.iter().collect();
        assert_eq!((taken.len(), distinct.len()), (MANY + 4, MANY + 4), "each account and each deal once");

        // All of them change with one time; some are deleted and some of those come back; others arrive behind the mark.
        office.crm.inside().paging =
            Paging { size: 777, wide: false, repeats: true, restarts: 1, rotate: 41, totals: true, ..Paging::default() };
        let late = |number: usize| number % 100 == 7;
        for number in 0..MANY {
            if late(number) {
                office.late_deal(&format!("d{number:05}"), Some(&format!("u{}", (number + 1) % 4)), "won", 2);
            } else {
                deal(&office, number, 2);
            }
        }
        let deleted = |number: usize| number % 50 == 3;
        (0..MANY).filter(|number| deleted(*number)).for_each(|number| office.crm.remove(&DEAL, &format!("d{number:05}")));
        let report = office.run().await;
        assert_eq!(report.outcome, RunOutcome::Done, "{:?}", report.notes);
        (0..MANY).filter(|number| deleted(*number) && number % 100 == 3).for_each(|number| deal(&office, number, 3));
        office.run().await;
        office.clock.advance(Duration::from_secs(25 * 3600));
        office.run().await;
        let mut taken = office.taken();
        taken.sort();
        let mut wanted = Vec::new();
        for number in 0..MANY {
            let id = format!("d{number:05}#won");
            let user = if late(number) { (number + 1) % 4 } else { number % 4 };
            match (deleted(number), number % 100 == 3) {
                (true, true) => wanted.extend([format!("remove {id}"), format!("record {id} u{user}")]),
                (true, false) => wanted.push(format!("remove {id}")),
                (false, _) => wanted.push(format!("record {id} u{user}")),
            }
        }
        wanted.sort();
        assert!(
            taken == wanted,
            "{} were taken, {} wanted; the first that differs: {:?}",
            taken.len(),
            wanted.len(),
            taken.iter().zip(&wanted).find(|(one, other)| one != other)
        );
        assert_eq!(office.desk.inside().needless, Vec::<String>::new());
        assert_eq!((office.run().await.counts.planned, office.taken()), (0, vec![]));
    });
}

fn email_of_many(user: usize) -> String {
    format!("many{user}@example.com")
}

#[test]
fn two_processes_at_once_make_one_account_for_eight_records_of_one_unknown_owner() {
    // Wherever the first one stands when the second one begins.
    block_on(async {
        for nth in 1..30 {
            let office = Office::new(PeopleMode::Automatic);
            office.user("u1", "ann@example.com", true);
            (1..=8).for_each(|deal| office.deal(&format!("d{deal}"), Some("u1"), "won", deal));
            office.on_team_by_file().await;
            let other = (Ports { holder: office.stand.holder(), ..office.ports() }, office.integration.clone());
            let busy = Arc::new(std::sync::Mutex::new(None));
            let met = std::sync::atomic::AtomicUsize::new(0);
            let told = busy.clone();
            let failpoint: Failpoint = Arc::new(move |_| {
                if met.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 == nth {
                    let ended = at_once(run_job(&other.0, &other.1, RunTask::Full, RunOptions::default()));
                    *told.lock().unwrap() = Some(matches!(ended, Err(JobError::Busy { .. })));
                }
            });
            let options = RunOptions { failpoint: Some(failpoint), ..RunOptions::default() };
            let report = office.job(RunTask::Full, options).await.unwrap();
            let busy = *busy.lock().unwrap();
            assert_eq!((report.outcome, busy), (RunOutcome::Done, Some(true)), "at failpoint {nth}: {:?}", report.notes);
            let taken = office.taken();
            assert_eq!((taken.len(), taken[0].as_str()), (9, "user u1"), "at failpoint {nth}: {taken:?}");
            assert_eq!((office.run().await.counts.planned, office.taken()), (0, vec![]), "at failpoint {nth}");
        }
    });
}

#[test]
fn a_kill_at_each_step_makes_each_account_and_each_credit_once_and_credits_nobody_without_one() {
    block_on(async {
        for refused in [false, true] {
            for nth in 1.. {
                let mut office = Office::new(PeopleMode::Automatic);
                for user in 1..=3 {
                    office.user(&format!("u{user}"), &format!("user{user}@example.com"), true);
                    let facts = [("team.key", Value::text("OSLO"))];
                    office.file(&[(None, &format!("user{user}@example.com"), &facts)]).await;
                }
                (1..=12).for_each(|deal| office.deal(&format!("d{deal:02}"), Some(&format!("u{}", deal % 3 + 1)), "won", deal));
                if refused {
                    office.desk.inside().refuses.insert("u2".to_owned());
                }
                let lived = office.job_until(RunTask::Full, nth).await.is_some();
                if !lived {
                    office.die();
                    office.job(RunTask::Full, RunOptions::default()).await.unwrap();
                }
                let records = office.desk.inside().records.clone();
                let wanted: Vec<String> = (1..=12).filter(|deal| !refused || deal % 3 != 1).map(|deal| format!("d{deal:02}#won")).collect();
                assert_eq!(records.keys().cloned().collect::<Vec<_>>(), wanted, "at failpoint {nth}");
                // Only what was under way at the moment of death may have come twice: at most one batch.
                let taken = office.taken();
                let distinct: BTreeSet<&String> = taken.iter().collect();
                assert!(taken.len() - distinct.len() <= 3, "at failpoint {nth}: {taken:?}");
                let repeated = taken.len() - distinct.len();
                assert!(!lived || repeated == 0, "at failpoint {nth}: {taken:?}");
                if refused {
                    office.desk.inside().refuses.clear();
                    office.run().await;
                    assert_eq!(office.desk.inside().records.len(), 12, "at failpoint {nth}");
                    office.taken();
                }
                assert_eq!((office.run().await.counts.planned, office.taken()), (0, vec![]), "at failpoint {nth}");
                if lived {
                    assert!(nth > 20, "only {nth} failpoints were met");
                    break;
                }
            }
        }
    });
}

#[tokio::test]
async fn a_let_go_state_that_a_crash_left_open_is_not_sent() {
    for nth in 1.. {
        let mut office = Office::new(PeopleMode::Manual);
        office.activity().replay = false;
        office.user("u1", "ann@example.com", true);
        office.deal("d1", Some("u1"), "won", 10);
        let lived = office.job_until(RunTask::Full, nth).await.is_some();
        office.die();
        office.run().await;
        assert_eq!((office.taken(), office.credits().await[0].state), (vec![], CreditState::LetGo), "at failpoint {nth}");
        if lived {
            assert!(nth > 10, "only {nth} failpoints were met");
            return;
        }
    }
}

#[tokio::test]
async fn what_the_target_holds_is_still_removed_after_a_later_state_was_let_go() {
    let office = Office::new(PeopleMode::All);
    office.user("u1", "ann@example.com", true);
    office.deal("d1", Some("u1"), "won", 10);
    office.run().await;
    office.on_team("u1", "OSLO").await;
    office.run().await;
    office.crew().await.place(&office.ports(), "u1", None, &office.by("ann")).await.unwrap();
    office.deal("d1", Some("u1"), "won", 11);
    office.run().await;
    let hold = office.store.holds(Some(INTEGRATION), None, 10).await.unwrap().remove(0);
    assert!(office.store.drop_hold(hold.id, &office.by("ann")).await.unwrap());
    office.taken();
    // Back to what stands: nothing to send. On to another: it goes out. Gone: it is taken back.
    office.on_team("u1", "OSLO").await;
    office.run().await;
    assert_eq!(office.taken(), Vec::<String>::new(), "11 was let go");
    office.deal("d1", Some("u1"), "won", 10);
    office.run().await;
    assert_eq!(office.taken(), Vec::<String>::new(), "10 stands there");
    office.crm.remove(&DEAL, "d1");
    office.run().await;
    assert_eq!((office.taken(), office.credits().await), (vec!["remove d1#won".to_owned()], vec![]));
}

#[tokio::test]
async fn a_write_whose_answer_never_came_is_made_good_by_the_next_run_whatever_became_of_the_record() {
    for (what, expected) in [("same", vec!["record d1#won u1"]), ("changed", vec!["record d1#won u1"]), ("gone", vec!["remove d1#won"])] {
        let office = Office::new(PeopleMode::All);
        office.user("u1", "ann@example.com", true);
        office.run().await;
        office.on_team("u1", "OSLO").await;
        office.deal("d1", Some("u1"), "won", 10);
        office.taken();
        office.desk.inside().faults = vec![Some(Fault::LostApplied); 3].into();
        assert_eq!(office.run().await.outcome, RunOutcome::Partial);
        assert_eq!(office.taken().len(), 3);
        match what {
            "changed" => office.deal("d1", Some("u1"), "won", 11),
            "gone" => office.crm.remove(&DEAL, "d1"),
            _ => {}
        }
        office.run().await;
        assert_eq!(office.taken(), expected, "{what}");
        assert_eq!((office.run().await.counts.planned, office.taken()), (0, vec![]), "{what}");
    }
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_does_not_tell_that_nothing_was_applied() {
    for fault in [Fault::LostApplied, Fault::LostUnapplied] {
        let office = Office::new(PeopleMode::All);
        office.user("u1", "ann@example.com", true);
        office.run().await;
        office.on_team("u1", "OSLO").await;
        office.deal("d1", Some("u1"), "won", 10);
        office.desk.inside().faults = vec![Some(fault), Some(Fault::Refused)].into();
        assert_eq!(office.run().await.outcome, RunOutcome::Partial);
        assert_eq!(office.credits().await[0].state, CreditState::Unsure);
        office.taken();
        office.crm.remove(&DEAL, "d1");
        office.run().await;
        assert_eq!((office.taken(), office.credits().await), (vec!["remove d1#won".to_owned()], vec![]));
        assert!(office.desk.inside().records.is_empty());
    }
}

#[tokio::test]
async fn an_account_that_a_lost_answer_made_keeps_its_address_from_another_person() {
    let office = Office::new(PeopleMode::Automatic);
    office.user("u1", "ann@example.com", true);
    office.user("u2", "ann@example.com", false);
    office.deal("d1", Some("u1"), "won", 10);
    office.desk.inside().faults = vec![Some(Fault::LostApplied), Some(Fault::Refused)].into();
    assert_eq!(office.run().await.outcome, RunOutcome::Partial);
    assert_eq!((office.links().await.len(), office.desk.inside().users.len()), (0, 1));
    office.user("u1", "ann@example.com", false);
    office.user("u2", "ann@example.com", true);
    office.deal("d2", Some("u2"), "won", 20);
    assert_eq!(office.run().await.outcome, RunOutcome::Partial);
    assert_eq!((office.links().await.len(), office.desk.inside().users.len()), (0, 1), "the vendor refuses it, and nothing is credited");
    assert!(office.cases().await.contains(&"refused-write user ann@example.com".to_owned()), "{:?}", office.cases().await);
    assert!(office.desk.inside().records.is_empty());
    // Once the first one is active again, the account is asked for under its own id and is theirs.
    office.user("u1", "ann@example.com", true);
    office.user("u2", "ann@example.com", false);
    office.run().await;
    assert_eq!(office.links().await.into_iter().collect::<Vec<_>>(), [("u1".to_owned(), "u1".to_owned())]);
}

#[tokio::test]
async fn a_gate_that_closes_after_a_plan_was_saved_keeps_it_from_being_sent() {
    let office = Office::new(PeopleMode::All);
    office.user("u1", "ann@example.com", true);
    office.run().await;
    office.on_team("u1", "OSLO").await;
    office.deal("d1", Some("u1"), "won", 10);
    let plan = office.job(RunTask::Plan { only: None }, RunOptions::default()).await.unwrap().plan.unwrap();
    office.crew().await.place(&office.ports(), "u1", None, &office.by("ann")).await.unwrap();
    office.taken();
    let report = office.job(RunTask::Apply { plan }, RunOptions::default()).await.unwrap();
    assert_eq!((report.outcome, report.counts.stale, office.taken()), (RunOutcome::Partial, 1, vec![]));
    office.run().await;
    assert_eq!((office.holds().await, office.taken()), (vec!["d1#won no-team".to_owned()], vec![]));
}

#[tokio::test]
async fn what_goes_out_ends_its_hold_even_where_the_source_was_not_wholly_read() {
    let office = Office::new(PeopleMode::All);
    office.user("u1", "ann@example.com", true);
    (1..=4).for_each(|deal| office.deal(&format!("d{deal}"), Some("u1"), "won", 10));
    office.run().await;
    assert_eq!(office.holds().await.len(), 4);
    office.on_team("u1", "OSLO").await;
    office.taken();
    // The full read finds one row fewer than the vendor says there are.
    office.clock.advance(Duration::from_secs(25 * 3600));
    office.crm.inside().paging = Paging { size: 2, wide: false, moves: 20, totals: true, ..Paging::default() };
    let report = office.run().await;
    assert_eq!(report.outcome, RunOutcome::Partial, "{:?}", report.notes);
    assert_eq!((office.taken().len(), office.holds().await), (4, vec![]));
}

#[tokio::test]
async fn an_inactive_person_who_is_picked_gets_no_second_account_with_an_address_of_somebody_else() {
    let office = Office::new(PeopleMode::Automatic);
    office.user("u1", "ann@example.com", true);
    office.user("u2", "ann@example.com", false);
    office.run().await;
    office.crew().await.pick(&office.ports(), &["u2".to_owned()], Picked::Create, &office.by("ann")).await.unwrap();
    office.deal("d1", Some("u1"), "won", 10);
    office.run().await;
    assert_eq!(office.taken(), Vec::<String>::new());
    assert_eq!(office.cases().await, ["email-shared u1", "email-shared u2"]);
}

#[tokio::test]
async fn what_came_back_changed_counts_as_changed() {
    let mut office = Office::new(PeopleMode::All);
    office.activity().workflows[0].triggers = Triggers { create: false, update: true, delete: true };
    office.user("u1", "ann@example.com", true);
    office.deal("d1", Some("u1"), "won", 10);
    office.run().await;
    office.on_team("u1", "OSLO").await;
    office.crm.remove(&DEAL, "d1");
    office.run().await;
    office.taken();
    office.deal("d1", Some("u1"), "won", 11);
    office.run().await;
    assert_eq!(office.taken(), ["record d1#won u1"]);
}

#[tokio::test]
async fn a_figure_that_no_workflow_has_any_more_is_taken_back_but_not_one_that_is_switched_off() {
    let mut office = Office::new(PeopleMode::All);
    office.user("u1", "ann@example.com", true);
    office.run().await;
    office.on_team("u1", "OSLO").await;
    office.deal("d1", Some("u1"), "won", 10);
    office.run().await;
    office.taken();
    office.store.switch(INTEGRATION, &Switch { name: workflow_switch("won"), on: false, by: office.by("ann") }).await.unwrap();
    office.run().await;
    assert_eq!(office.taken(), Vec::<String>::new());
    office.store.switch(INTEGRATION, &Switch { name: workflow_switch("won"), on: true, by: office.by("ann") }).await.unwrap();
    office.activity().workflows[0].figures[0].name = "closed".into();
    office.run().await;
    assert_eq!(office.taken(), ["record d1#closed u1", "remove d1#won"]);
    assert_eq!((office.run().await.counts.planned, office.taken()), (0, vec![]));
}

#[tokio::test]
async fn what_is_let_go_is_one_case_with_its_count() {
    let mut office = Office::new(PeopleMode::Manual);
    office.activity().replay = false;
    office.user("u1", "ann@example.com", true);
    (1..=7).for_each(|deal| office.deal(&format!("d{deal}"), Some("u1"), "won", 10));
    office.run().await;
    let cases = office.store.cases(Some(INTEGRATION), true, None, 10).await.unwrap();
    let told: Vec<&str> = cases.iter().map(|case| case.case.message.as_str()).collect();
    assert_eq!(told, ["activities were let go, not sent: 7 (unmapped-owner); the first was Deal d1"]);
}
