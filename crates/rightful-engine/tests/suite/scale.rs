//! How planning behaves with very many records. Run by hand, with optimisation: `cargo test --profile bench -p rightful-engine --test suite -- --ignored --nocapture`.

use std::time::Instant as Moment;

use rightful_core::{Key, Mark, Owner, Record, Rows, State, Value};
use rightful_engine::*;

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
