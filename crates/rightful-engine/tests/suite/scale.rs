//! How planning behaves with very many records. Run by hand, with optimisation: `cargo test --profile bench -p rightful-engine --test suite -- --ignored --nocapture`.

use std::time::Instant as Moment;

use rightful_core::{Key, Mark, Owner, Record, Rows, State, Value};
use rightful_engine::*;

use crate::desk::{Desk, Office};
use crate::pages::{source_person, with_contacts_and_users};
use crate::world::*;

const CODES: usize = 1_000;

async fn fill(world: &World, fence: &Fence, spec: &ImageSpec, records: usize, make: impl Fn(usize) -> Record) {
    let store = &world.store;
    let now = rightful_core::Clock::now(&world.clock);
    let image = store.image(spec).await.unwrap().id;
    store.begin_read(fence, image, Rows::All).await.unwrap();
    for first in (0..records).step_by(10_000) {
        let items = (first..records.min(first + 10_000)).map(&make).collect();
        let page = PageIn { answered: None, opened: Vec::new(), items, total: None, whole: None, mark: Some(Mark("0".into())) };
        store.put_page(fence, image, page, now).await.unwrap();
    }
    store.end_read(fence, image, now).await.unwrap();
}

#[tokio::test]
#[ignore = "a measurement, not a test: needs optimisation and memory for the memory store"]
async fn planning_a_million_pairs() {
    let records: usize = std::env::var("RECORDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let mut world = World::new();
    world.integration.policy.caps.owner_moves.percent = Some(100);
    for vendor in [&world.source, &world.target] {
        vendor.inside().paging.totals = false;
    }
    for user in 0..200 {
        world.user(&user.to_string(), &format!("user{user}"), true);
    }
    let names: Vec<(String, String)> = (0..CODES).map(|code| (format!("R{code:04}"), format!("user{}", code % 200))).collect();
    let rows: Vec<_> = names.iter().map(|(code, user)| (code.as_str(), Some(user.as_str()), None)).collect();
    world.codes(&rows).await;
    let ports = world.ports();
    let layout = Layout::of(&ports, &world.integration.policy).unwrap();
    let now = rightful_core::Clock::now(&world.clock);
    let Leased::Held(fence) = world.store.lease("rep-codes", &world.holder(), now, now).await.unwrap() else {
        panic!("nobody else is there")
    };
    fill(&world, &fence, &layout.source, records, |number| Record {
        keys: vec![Key::new("customer-id", format!("C{number:07}"))],
        values: vec![Value::Text(format!("R{:04}", number % CODES))],
        ..record(&format!("s{number}"), &[], "Customer")
    })
    .await;
    fill(&world, &fence, &layout.target, records, |number| {
        // One in twenty is to move.
        let owner = if number % 20 == 0 { 7 } else { number % CODES % 200 };
        Record {
            keys: vec![Key::new("code", format!("C{number:07}"))],
            owners: vec![(ROLE, Owner::Known(vec![owner.to_string()]))],
            state: State::Active,
            ..record(&format!("t{number}"), &[], "Customer")
        }
    })
    .await;
    // What the memory store itself takes to hand out both images.
    let begun = Moment::now();
    for spec in [&layout.source, &layout.target] {
        let image = world.store.image(spec).await.unwrap().id;
        let mut chunks = world.store.ordered(image);
        let mut rows = 0;
        while let Some(chunk) = futures::StreamExt::next(&mut chunks).await {
            rows += chunk.unwrap().len();
        }
        assert_eq!(rows, records);
    }
    println!("the store alone: {:?}", begun.elapsed());
    let begun = Moment::now();
    let report = world.plan().await;
    println!("{records} pairs, {} changes planned in {:?}: {:?}", report.counts.planned, begun.elapsed(), report.notes);
    assert_eq!(report.outcome, RunOutcome::Done, "{report:?}");
    let row = |user: &str| CodeRow { code: "R0001".into(), user: Some(user.into()), successor: None };
    let edits = [CodeEdit { code: "R0001".into(), rows: vec![row("user7"), row("user8")] }];
    let begun = Moment::now();
    let shown = preview(&ports, &world.integration, &edits, 100).await.unwrap();
    println!("a preview of {} moves beside {} pending ones in {:?}", shown.total, shown.pending, begun.elapsed());
    assert_eq!(shown.total, records.div_ceil(CODES) as u64);
}

/// The most memory of this process since it was asked last, and what it has now, in MiB. Only Linux tells.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
    };
    let found = (of("VmHWM:"), of("VmRSS:"));
    // Forgets the peak.
    std::fs::write("/proc/self/clear_refs", "5").ok();
    found
}

#[tokio::test]
#[ignore = "a measurement, not a test"]
async fn crediting_very_many_records() {
    let records: usize = std::env::var("RECORDS").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let mut office = Office::new(PeopleMode::Automatic);
    office.desk = std::sync::Arc::new(Desk::batched(true, 1_000));
    office.crm.inside().paging.size = 2_000;
    for user in 0..200 {
        let email = format!("user{user}@example.com");
        office.user(&format!("u{user:03}"), &email, true);
        office.file(&[(None, &email, &[("team.key", Value::text("OSLO"))])]).await;
    }
    for number in 0..records {
        office.deal(&format!("d{number:07}"), Some(&format!("u{:03}", number % 200)), "won", 1);
    }
    let ports = office.ports();
    for what in ["first", "unchanged", "unchanged", "all changed"] {
        if what == "all changed" {
            for number in 0..records {
                office.deal(&format!("d{number:07}"), Some(&format!("u{:03}", number % 200)), "won", 2);
            }
        }
        office.clock.advance(std::time::Duration::from_secs(60));
        let (_, before) = memory();
        let begun = Moment::now();
        let report = run_job(&ports, &office.integration, RunTask::Full, RunOptions::default()).await.unwrap();
        let (took, (peak, _)) = (begun.elapsed(), memory());
        let stages: Vec<String> = report.stages.iter().map(|stage| format!("{} {} ms", stage.stage, stage.milliseconds)).collect();
        println!(
            "{what}: {records} records, {} planned, {} done in {took:?}, {} MiB at most over {before}: {stages:?}",
            report.counts.planned,
            report.counts.done,
            peak.saturating_sub(before)
        );
        assert_eq!(report.counts.planned == 0, what == "unchanged", "{report:?}");
        assert!(office.desk.inside().needless.is_empty());
    }
}

/// A table of 10,000 codes over 500 users, with 10,000 employees behind them, each with a contact, and 2,000 source users.
async fn large_table() -> World {
    let world = with_contacts_and_users(World::new());
    for user in 0..500 {
        world.user(&user.to_string(), &format!("user{user}"), user % 50 > 0);
    }
    let codes: Vec<String> = (0..10_000).map(|code| format!("R{code:05}")).collect();
    let users: Vec<String> = (0..500).map(|user| format!("user{user}")).collect();
    let mapped = codes.iter().enumerate().filter(|(at, _)| at % 10 > 0);
    let rows: Vec<_> = mapped.map(|(at, code)| (code.as_str(), Some(users[at % 500].as_str()), None)).collect();
    world.codes(&rows).await;
    let layout = Layout::of(&world.ports(), &world.integration.policy).unwrap();
    let now = rightful_core::Clock::now(&world.clock);
    let Leased::Held(fence) = world.store.lease("rep-codes", &world.holder(), now, now).await.unwrap() else {
        panic!("nobody else is there")
    };
    let counts: Vec<(String, u64)> = codes.iter().enumerate().map(|(at, code)| (code.clone(), (at % 97) as u64)).collect();
    world.store.put_code_counts(&fence, &counts).await.unwrap();
    let person = |id: String, key: &'static str, value: String, same: &[&str]| {
        source_person(&id, key, &value, &format!("User {value}"), &[&format!("{}@example.com", value.to_lowercase())], same)
    };
    let contact = |number: usize| format!("Contact {number:05}");
    fill(&world, &fence, &layout.source_people[0], 10_000, |number| {
        person(format!("e{number}"), "employee-id", format!("R{number:05}"), &[&contact(number)])
    })
    .await;
    fill(&world, &fence, &layout.source_people[1], 10_000, |number| person(format!("c{number}"), "name", contact(number), &[])).await;
    fill(&world, &fence, &layout.source_people[2], 2_000, |number| {
        person(format!("u{number}"), "name", format!("login{number}"), &[&contact(number * 5)])
    })
    .await;
    fill(&world, &fence, &layout.people, 500, |number| world.target.record(&USER, &number.to_string()).unwrap()).await;
    world
}

#[tokio::test]
#[ignore = "a measurement, not a test: needs optimisation"]
async fn pages_of_a_table_of_ten_thousand_codes() {
    let world = large_table().await;
    let (ports, integration) = (world.ports(), &world.integration);
    for _ in 0..3 {
        let begun = Moment::now();
        let lines = code_overview(&ports, integration).await.unwrap();
        println!("the whole overview, {} codes: {:?}", lines.len(), begun.elapsed());
    }
    for (what, search) in [("a page", ""), ("a page of a search", "user7")] {
        let mut times = Vec::new();
        for number in 0..100 {
            let query = CodeQuery { search: search.to_owned(), skip: number * 50 % 1_000, ..CodeQuery::default() };
            let begun = Moment::now();
            code_page(&ports, integration, &query, &[], true).await.unwrap();
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        println!("{what}: median {:?}, 95th percentile {:?}", times[50], times[95]);
    }
}
