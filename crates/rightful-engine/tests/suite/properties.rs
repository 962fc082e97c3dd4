//! Properties of the whole job: whatever the data, the paging, the faults and the moment of death.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use rightful_engine::*;

use crate::stand::CASES;
use crate::world::*;

/// One customer, as generated.
#[derive(Clone, Debug)]
pub struct Customer {
    /// On which sides: source, target or both.
    sides: u8,
    /// Its code: an index into [`CODES`].
    code: usize,
    /// Who owns it at first: a set of users 1 to 5.
    owners: u8,
}

pub const CODES: [&str; 7] = ["A", "B", "C", "a", "007", "7", ""];

/// A row of the table: code, user as typed, successor as typed.
pub type TableRow = (usize, usize, usize);

/// What may be typed: blank, users, an e-mail, a deactivated user, nobody.
pub const TYPED: [Option<&str>; 8] =
    [None, Some("one"), Some("two"), Some("three"), Some("FOUR@example.com"), Some("five"), Some("nobody"), Some("two@example.com")];

#[derive(Clone, Debug)]
pub struct Data {
    customers: Vec<Customer>,
    table: Vec<TableRow>,
    merge: bool,
    no_owner: u8,
}

pub fn data() -> impl Strategy<Value = Data> {
    let customer = (0..10_u8, 0..CODES.len(), 0..32_u8).prop_map(|(sides, code, owners)| Customer { sides: sides.max(1), code, owners });
    let row = (0..CODES.len() - 1, 0..TYPED.len(), 0..TYPED.len());
    (prop::collection::vec(customer, 1..40), prop::collection::vec(row, 0..10), any::<bool>(), 0..3_u8)
        .prop_map(|(customers, table, merge, no_owner)| Data { customers, table, merge, no_owner })
}

fn paging() -> impl Strategy<Value = Paging> {
    (1..12_usize, any::<bool>(), any::<bool>(), 0..2_usize, any::<bool>(), 0..2_usize, 0..40_usize).prop_map(
        |(size, wide, repeats, moves, late, restarts, rotate)| Paging { size, wide, repeats, moves, late, restarts, rotate, totals: true },
    )
}

fn owners_of(bits: u8) -> Vec<String> {
    (0..5).filter(|bit| bits & (1 << bit) != 0).map(|bit| (bit + 1).to_string()).collect()
}

pub async fn world(data: &Data, backwards: bool) -> World {
    let mut world = World::new().with_users();
    world.integration.policy.assignment = if data.merge { Assignment::Merge } else { Assignment::Replace };
    world.integration.policy.no_owner =
        [NoOwner::Leave, NoOwner::Clear, NoOwner::Fallback("three".into())][usize::from(data.no_owner)].clone();
    let mut customers: Vec<(usize, &Customer)> = data.customers.iter().enumerate().collect();
    if backwards {
        customers.reverse();
    }
    // Somebody in use on the source side, or the guard against an empty source would speak.
    world.customer("anchor", "", &[]);
    for (number, customer) in customers {
        let key = format!("K{number:03}");
        let owners = owners_of(customer.owners);
        if customer.sides != 1 {
            world.source_customer(&key, CODES[customer.code]);
        }
        if customer.sides != 2 {
            world.target_customer(&key, &owners.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
    let mut rows: Vec<_> = data.table.iter().map(|(code, user, successor)| (CODES[*code], TYPED[*user], TYPED[*successor])).collect();
    if backwards {
        rows.reverse();
    }
    world.codes(&rows).await;
    world
}

/// Who shall own each target customer, said in the plainest way and without the engine.
fn expected(data: &Data) -> BTreeMap<String, Vec<String>> {
    let user = |typed: Option<&str>| match typed {
        Some("one") => Some(("1", true)),
        Some("two" | "two@example.com") => Some(("2", true)),
        Some("three") => Some(("3", true)),
        Some("FOUR@example.com") => Some(("4", true)),
        Some("five") => Some(("5", false)),
        _ => None,
    };
    let mut mapped: Vec<&str> = Vec::new();
    for (_, typed, successor) in &data.table {
        if let Some((id, active)) = user(TYPED[*typed]) {
            mapped.push(id);
            if let (false, Some((heir, true))) = (active, user(TYPED[*successor])) {
                mapped.push(heir);
            }
        }
    }
    let mut all = BTreeMap::new();
    for (number, customer) in data.customers.iter().enumerate() {
        if customer.sides == 2 {
            continue;
        }
        let present = owners_of(customer.owners);
        let mut owners = present.clone();
        if customer.sides != 1 {
            let code = CODES[customer.code];
            let (mut assign, mut retain) = (Vec::new(), Vec::new());
            for (_, typed, successor) in data.table.iter().filter(|(row, _, _)| CODES[*row] == code) {
                match (user(TYPED[*typed]), user(TYPED[*successor])) {
                    (Some((id, true)), _) => assign.push(id),
                    (Some((_, false)), Some((heir, true))) => assign.push(heir),
                    (Some((id, false)), _) => retain.push(id),
                    (None, _) => {}
                }
            }
            let decided = match (assign.is_empty(), code.is_empty(), data.no_owner) {
                (false, _, _) => Some(assign),
                (true, true, 1) => Some(Vec::new()),
                (true, true, 2) => Some(vec!["3"]),
                _ => None,
            };
            if let Some(wanted) = decided {
                owners.retain(|owner| retain.contains(&owner.as_str()) || (data.merge && !mapped.contains(&owner.as_str())));
                owners.extend(wanted.into_iter().map(str::to_owned));
                owners.sort();
                owners.dedup();
            }
        }
        all.insert(format!("tK{number:03}"), owners);
    }
    let anchor = if data.no_owner == 2 { vec!["3".to_owned()] } else { Vec::new() };
    all.insert("tanchor".to_owned(), anchor);
    all
}

pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// The process dies: unwinding without the panic hook, so that the log stays readable.
struct Died;

/// Runs a task that dies at the n-th failpoint it meets. `true`: it lived to its end.
async fn run_until(world: &World, task: RunTask, nth: usize) -> bool {
    let met = AtomicUsize::new(0);
    let failpoint: Failpoint = Arc::new(move |_| {
        if met.fetch_add(1, Ordering::SeqCst) + 1 == nth {
            std::panic::resume_unwind(Box::new(Died));
        }
    });
    let (ports, integration) = (world.ports(), world.integration.clone());
    let options = RunOptions { failpoint: Some(failpoint), ..RunOptions::default() };
    tokio::spawn(async move { run_job(&ports, &integration, task, options).await }).await.is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn sk_1_sk_3_effects_equal_the_plan_and_what_an_independent_reading_of_the_rules_says(data in data()) {
        block_on(async {
            let world = world(&data, false).await;
            let before = world.owners();
            let plan = world.plan().await.plan.expect("nothing refuses it");
            let changes = world.changes(plan).await;
            assert_eq!(world.owners(), before, "planning writes nothing");
            let report = world.apply(plan).await;
            assert_eq!((report.outcome, report.counts.done), (RunOutcome::Done, changes.len() as u64), "{:?}", report.notes);
            let mut promised = before;
            for change in &changes {
                assert_eq!(promised.get(change.target.as_str()), change.owners.from.as_ref(), "`from` is what stands there");
                promised.insert(change.target.to_string(), change.owners.to.clone());
            }
            let after = world.owners();
            assert_eq!(&after, &promised);
            assert_eq!(&after, &expected(&data));
            world.target.assert_each_written_once();
        });
    }

    #[test]
    fn applying_twice_is_applying_once(data in data()) {
        block_on(async {
            let world = world(&data, false).await;
            world.run().await;
            let (once, writes) = (world.owners(), world.target.writes());
            for _ in 0..2 {
                let report = world.run().await;
                assert_eq!((report.counts.planned, report.outcome), (0, RunOutcome::Done));
            }
            assert_eq!((world.owners(), world.target.writes()), (once, writes));
        });
    }

    #[test]
    fn undo_restores_every_record_nobody_else_touched(data in data(), touched in prop::collection::btree_set(0..40_usize, 0..4)) {
        block_on(async {
            let world = world(&data, false).await;
            let before = world.owners();
            let done = world.run().await;
            let written = world.owners();
            let mut expected = before.clone();
            for number in touched {
                let id = format!("tK{number:03}");
                if written.contains_key(&id) {
                    world.target.change(&CUSTOMER, &id, |record| record.owners[0].1 = rightful_core::Owner::Known(vec!["77".into()]));
                    expected.insert(id, vec!["77".into()]);
                }
            }
            let report = world.job(RunTask::Undo { run: done.run }, RunOptions::default()).await.unwrap();
            assert_eq!(&world.owners(), &expected, "{:?}", report.notes);
            let blocked = world.cases().await.iter().filter(|case| case.starts_with("undo-blocked")).count();
            assert_eq!(report.outcome == RunOutcome::Partial, blocked > 0);
        });
    }

    #[test]
    fn caps_are_never_exceeded(data in data(), count in 0..20_u64, percent in 0..100_u8, floor in 0..6_u64) {
        block_on(async {
            let mut world = world(&data, false).await;
            let cap = Cap { count: Some(count), percent: Some(percent), floor };
            world.integration.policy.caps = Caps { owner_moves: cap, removals: cap, accounts: cap, source_shrink_percent: 20 };
            let before = world.owners();
            let report = world.run().await;
            let after = world.owners();
            let moved: Vec<_> = after.iter().filter(|(id, owners)| before.get(*id) != Some(owners)).collect();
            let removals = moved.iter().filter(|(_, owners)| owners.is_empty()).count() as u64;
            let moves = moved.len() as u64 - removals;
            let paired = data.customers.iter().filter(|customer| customer.sides > 2).count() as u64 + 1;
            for number in [moves, removals] {
                let within = number <= floor || (number <= count && number * 100 <= u64::from(percent) * paired);
                assert!(within, "{number} of {paired} went past count {count}, {percent} %, floor {floor}");
            }
            assert!(report.outcome != RunOutcome::Refused || moved.is_empty());
        });
    }

    #[test]
    fn the_order_of_input_does_not_matter(data in data(), one in paging(), other in paging()) {
        block_on(async {
            let calm = |paging: Paging| Paging { moves: 0, restarts: 0, ..paging };
            let mut seen = Vec::new();
            for (backwards, paging) in [(false, calm(one)), (true, calm(other))] {
                let world = world(&data, backwards).await;
                world.source.inside().paging = paging.clone();
                world.target.inside().paging = paging;
                let report = world.plan().await;
                let mut changes = world.changes(report.plan.unwrap()).await;
                // Rows brought by the same version have the same author either way; digests and order of numbers too.
                changes.iter_mut().for_each(|change| change.why.table_version = None);
                seen.push((changes, world.cases().await));
            }
            assert_eq!(seen[0], seen[1]);
        });
    }

    #[test]
    fn pages_that_repeat_move_or_arrive_late_lose_nothing(data in data(), source in paging(), target in paging()) {
        block_on(async {
            let world = world(&data, false).await;
            world.source.inside().paging = source;
            world.target.inside().paging = target;
            let report = world.run().await;
            assert_eq!(report.outcome, RunOutcome::Done, "{:?}", report.notes);
            assert_eq!(world.owners(), expected(&data));
        });
    }

    #[test]
    fn lost_answers_are_settled_and_no_record_is_written_twice(data in data(), faults in prop::collection::vec(0..4_u8, 0..30)) {
        block_on(async {
            let world = world(&data, false).await;
            // No item meets the third fault in a row, which would be a write that never gets through.
            let faults = faults.into_iter().map(|fault| [None, Some(Fault::LostApplied), Some(Fault::LostUnapplied), Some(Fault::Busy)][usize::from(fault)]);
            world.target.inside().faults = faults.collect();
            let report = world.run().await;
            world.target.assert_each_written_once();
            if report.outcome == RunOutcome::Done {
                assert_eq!(world.owners(), expected(&data));
            } else {
                assert!(report.counts.disputed + report.counts.not_done > 0);
                world.target.inside().faults.clear();
                world.run().await;
                assert_eq!(world.owners(), expected(&data));
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES / 2, ..ProptestConfig::default() })]

    #[test]
    fn a_crash_anywhere_then_another_ends_as_promised_with_each_record_written_at_most_once(
        data in data(), deaths in prop::collection::vec(1..60_usize, 1..4), saved: bool,
        faults in prop::collection::vec(0..3_u8, 0..10),
    ) {
        block_on(async {
            let mut world = world(&data, false).await;
            let task = if saved { RunTask::Apply { plan: world.plan().await.plan.unwrap() } } else { RunTask::Full };
            let faults = faults.into_iter().map(|fault| [None, None, Some(Fault::LostApplied)][usize::from(fault)]);
            world.target.inside().faults = faults.collect();
            let mut ended = false;
            for nth in deaths {
                if run_until(&world, task.clone(), nth).await {
                    ended = true;
                    break;
                }
                world.die();
            }
            if !ended {
                let report = world.job(task, RunOptions::default()).await.unwrap();
                assert_eq!(report.outcome, RunOutcome::Done, "{:?}", report.notes);
            }
            assert_eq!(world.owners(), expected(&data));
            world.target.assert_each_written_once();
        });
    }
}

/// Every single failpoint of one run, one after the other: exhaustive where the property above is random.
#[test]
fn a_crash_at_each_step_of_an_apply_and_of_an_undo_is_made_good_by_running_again() {
    block_on(async {
        for undo in [false, true] {
            for nth in 1.. {
                let mut world = World::new().with_users();
                for number in 0..14 {
                    world.customer(&format!("C{number:02}"), ["A", "B"][number % 2], &["4"]);
                }
                world.codes(&[("A", Some("one"), None), ("B", Some("two"), None)]).await;
                let before = world.owners();
                let task = if undo { RunTask::Undo { run: world.run().await.run } } else { RunTask::Full };
                let writes = world.target.writes();
                let lived = run_until(&world, task.clone(), nth).await;
                world.die();
                if !lived {
                    let report = world.job(task, RunOptions::default()).await.unwrap();
                    assert_eq!(report.outcome, RunOutcome::Done, "at failpoint {nth}: {:?}", report.notes);
                }
                assert_eq!(world.target.writes() - writes, 14, "at failpoint {nth}");
                for (id, owners) in world.owners() {
                    let wanted = ["1", "2"][id.trim_start_matches("tC").parse::<usize>().unwrap() % 2];
                    let wanted = if undo { before[&id].clone() } else { vec![wanted.to_owned()] };
                    assert_eq!(owners, wanted, "{id} at failpoint {nth}");
                }
                if lived {
                    assert!(nth > 20, "only {nth} failpoints were met");
                    break;
                }
            }
        }
    });
}
