//! People and credits: links that exclude each other, facts with their history, credits in pages, and rows that went and came back.

use super::*;

const CRM: ConnectionName = ConnectionName::fixed("crm");
const GAME: ConnectionName = ConnectionName::fixed("game");
const USER: Kind = Kind::fixed("user");
const DEAL: Kind = Kind::fixed("opportunity");

fn link(person: &str, owner: &str) -> Link {
    Link {
        source: CRM,
        person: person.into(),
        target: GAME,
        owner: owner.into(),
        evidence: LinkEvidence::Stated,
        by_value: Some(format!("it's {owner}")),
        by: author("ann", 1),
    }
}

fn credit(source: &str, target: &str) -> Credit {
    Credit {
        connection: GAME,
        target: target.into(),
        integration: INTEGRATION.into(),
        kind: DEAL,
        source: source.into(),
        owner: "u1".into(),
        values: vec![("value".into(), Value::Decimal(Decimal::parse("12.50").unwrap())), ("note".into(), Value::Null)],
        state: CreditState::Sent,
        at: minute(2),
        person: None,
        stands: None,
    }
}

fn fact(field: &str, value: Value, how: How, minutes: i64) -> Fact {
    Fact { field: FieldName::new(field), value, how, at: minute(minutes), by: "ann".into() }
}

fn facts(id: &str, facts: Vec<Fact>) -> NewFacts {
    NewFacts { id: id.into(), was: None, facts }
}

impl Bench {
    /// Settles a new entry with these consequences.
    async fn settled(&self, consequences: Vec<Consequence>) {
        let run = self.begin_run().await;
        let (plan, image) = (self.begin_plan().await, self.image().await);
        let id = self.store.intend(&self.fence, &[entry(run, plan, 1)]).await.unwrap()[0];
        let settled = Settled { entry: id, state: EntryState::Done, note: None, into_image: false, consequences };
        self.store.settle(&self.fence, image, &[settled], &[], minute(3)).await.unwrap();
    }

    async fn credit(&self, credits: &[Credit]) {
        self.settled(credits.iter().cloned().map(Consequence::Credit).collect()).await;
    }

    async fn known(&self) -> Vec<(String, Vec<Fact>)> {
        let people = self.store.known_people(&GAME, &USER).await.unwrap();
        people.into_iter().map(|person| (person.id.to_string(), person.facts)).collect()
    }

    async fn gone(&self, image: ImageId) -> Vec<(String, State, bool)> {
        let rows = self.store.gone_rows(image, None, 99).await.unwrap();
        rows.into_iter().map(|row| (row.record.id.to_string(), row.record.state, row.changed)).collect()
    }

    async fn put(&self, image: ImageId, items: Vec<Record>, missing: &[&str], minutes: i64) -> Stored {
        let missing = missing.iter().map(|id| RecordId::new(*id)).collect();
        self.store.put_rows(&self.fence, image, items, missing, minute(minutes)).await.unwrap()
    }
}

#[tokio::test]
async fn ss_13_an_external_id_of_a_system_is_one_user_and_a_user_one_external_id() {
    let bench = Bench::new().await;
    let store = &bench.store;
    assert_eq!(store.link(&link("p1", "u1"), false).await.unwrap(), Linked::Made);
    // Whoever made it first is told, not whoever asks again.
    let again = Link { evidence: LinkEvidence::Email, by: author("ben", 9), ..link("p1", "u1") };
    assert_eq!(store.link(&again, true).await.unwrap(), Linked::Stood);
    assert_eq!(store.link(&link("p1", "u2"), false).await.unwrap(), Linked::Other(link("p1", "u1")));
    for replace in [false, true] {
        assert_eq!(store.link(&link("p2", "u1"), replace).await.unwrap(), Linked::Taken(link("p1", "u1")), "{replace}");
    }
    assert_eq!(store.links(&CRM, &GAME).await.unwrap(), [link("p1", "u1")]);
    // Replaced, the former user is free again; a replacement that is taken leaves what stood.
    assert_eq!(store.link(&link("p1", "u2"), true).await.unwrap(), Linked::Made);
    assert_eq!(store.link(&link("p2", "u1"), false).await.unwrap(), Linked::Made);
    assert_eq!(store.link(&link("p2", "u2"), true).await.unwrap(), Linked::Taken(link("p1", "u2")));
    // Ids are told apart by their case; another system, or another target, has links of its own.
    let elsewhere =
        [Link { source: "erp".into(), ..link("p1", "u1") }, Link { target: "game-2".into(), ..link("p1", "u1") }, link("P1", "U1")];
    for one in &elsewhere {
        assert_eq!(store.link(one, false).await.unwrap(), Linked::Made, "{one:?}");
    }
    assert_eq!(store.links(&CRM, &GAME).await.unwrap(), [link("P1", "U1"), link("p1", "u2"), link("p2", "u1")]);
    assert_eq!(store.links(&"erp".into(), &GAME).await.unwrap(), [elsewhere[0].clone()]);
    assert!(store.links(&GAME, &CRM).await.unwrap().is_empty());
    // Taken away once.
    let by = author("ann", 5);
    assert_eq!(store.unlink(&CRM, &"p1".into(), &GAME, &by).await.unwrap(), Some(link("p1", "u2")));
    assert_eq!(store.unlink(&CRM, &"p1".into(), &GAME, &by).await.unwrap(), None);
    assert_eq!(store.links(&CRM, &GAME).await.unwrap(), [link("P1", "U1"), link("p2", "u1")]);
}

#[tokio::test]
async fn links_that_a_run_found_replace_nothing_and_need_the_lease() {
    let bench = Bench::new().await;
    let store = &bench.store;
    store.link(&link("p1", "u1"), false).await.unwrap();
    let found = [link("p1", "u9"), link("p2", "u2"), link("p3", "u2"), link("p4", "u1"), link("p2", "u2")];
    let linked = store.put_links(&bench.fence, &found).await.unwrap();
    let (one, two) = (link("p1", "u1"), link("p2", "u2"));
    assert_eq!(linked, [Linked::Other(one.clone()), Linked::Made, Linked::Taken(two.clone()), Linked::Taken(one.clone()), Linked::Stood]);
    assert_eq!(store.links(&CRM, &GAME).await.unwrap(), [one.clone(), two.clone()]);
    bench.stand.bury(&bench.holder);
    held(store.lease(INTEGRATION, &bench.stand.holder(), minute(1), minute(60)).await);
    is_conflict(store.put_links(&bench.fence, &[link("p5", "u5")]).await, "put_links");
    assert_eq!(store.links(&CRM, &GAME).await.unwrap(), [one, two]);
}

#[tokio::test]
async fn a_later_pick_replaces_an_earlier_one_and_a_switch_is_kept_by_its_name() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let pick = |person: &str, choice, minutes| Pick { person: person.into(), choice, by: author("ann", minutes) };
    store.pick(INTEGRATION, &[pick("b", Picked::Create, 1), pick("a", Picked::Skip, 1), pick("c", Picked::Create, 1)]).await.unwrap();
    store.pick("other", &[pick("a", Picked::Create, 2)]).await.unwrap();
    store.pick(INTEGRATION, &[pick("b", Picked::Skip, 3)]).await.unwrap();
    store.pick(INTEGRATION, &[]).await.unwrap();
    assert_eq!(
        store.picks(INTEGRATION).await.unwrap(),
        [pick("a", Picked::Skip, 1), pick("b", Picked::Skip, 3), pick("c", Picked::Create, 1)]
    );
    let by = author("ben", 4);
    assert_eq!(store.unpick(INTEGRATION, &["a".into(), "c".into(), "nobody".into()], &by).await.unwrap(), 2);
    assert_eq!(store.unpick(INTEGRATION, &["a".into()], &by).await.unwrap(), 0);
    assert_eq!(store.picks(INTEGRATION).await.unwrap(), [pick("b", Picked::Skip, 3)]);
    assert_eq!(store.picks("other").await.unwrap(), [pick("a", Picked::Create, 2)]);

    let switch = |name: &str, on, minutes| Switch { name: name.into(), on, by: author("ann", minutes) };
    let workflow = workflow_switch("won-deals");
    assert!(store.switches(INTEGRATION).await.unwrap().is_empty());
    for one in [switch(&workflow, true, 1), switch(AUTOMATIC, true, 1), switch(AUTOMATIC, false, 2)] {
        store.switch(INTEGRATION, &one).await.unwrap();
    }
    store.switch("other", &switch(AUTOMATIC, true, 3)).await.unwrap();
    assert_eq!(store.switches(INTEGRATION).await.unwrap(), [switch(AUTOMATIC, false, 2), switch(&workflow, true, 1)]);
}

#[tokio::test]
async fn ss_29_every_team_somebody_was_on_is_known_with_its_time() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let put = async |new: Vec<NewFacts>| store.put_facts(&GAME, &USER, &new, &author("ann", 1)).await.unwrap();
    let history = async |person: &str| store.fact_history(&GAME, &USER, &person.into(), "team").await.unwrap();
    let team = |name: &str, how, minutes| fact("team", Value::text(name), how, minutes);
    let active = fact("active", Value::Bool(true), How::Imported, 1);
    assert_eq!(put(vec![facts("u1", vec![team("North", How::Imported, 1), active.clone()]), facts("u0", vec![])]).await, 1);
    // Seen again, only its time moves, and how it is known.
    assert_eq!(put(vec![facts("u1", vec![team("North", How::Stated, 2)])]).await, 0);
    assert_eq!(history("u1").await, [team("North", How::Stated, 2)]);
    assert_eq!(put(vec![facts("u1", vec![team("South", How::Imported, 3)]), facts("u2", vec![team("", How::Imported, 3)])]).await, 2);
    assert_eq!(put(vec![facts("u1", vec![team("", How::Stated, 4)])]).await, 1);
    assert_eq!(put(vec![facts("u1", vec![team("North", How::Sent, 5)])]).await, 1);
    let teams = [team("North", How::Stated, 2), team("South", How::Imported, 3), team("", How::Stated, 4), team("North", How::Sent, 5)];
    assert_eq!(history("u1").await, teams);
    assert_eq!(history("u2").await, [team("", How::Imported, 3)]);
    assert!(history("u3").await.is_empty());
    // Only what stands is known, by field; another kind and another connection know nothing of it.
    let expected = [("u1".to_owned(), vec![active, teams[3].clone()]), ("u2".to_owned(), vec![team("", How::Imported, 3)])];
    assert_eq!(bench.known().await, expected);
    assert!(store.known_people(&GAME, &DEAL).await.unwrap().is_empty());
    assert!(store.known_people(&CRM, &USER).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_known_by_an_e_mail_address_alone_becomes_the_persons() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let text = |field: &str, value: &str, minutes| fact(field, Value::text(value), How::Imported, minutes);
    let mail = unmapped("user1@example.com");
    let by = author("ann", 1);
    let put = async |new: NewFacts| store.put_facts(&GAME, &USER, &[new], &by).await.unwrap();
    put(NewFacts { id: mail.clone(), was: None, facts: vec![text("email", "user1@example.com", 1), text("team", "North", 1)] }).await;
    put(NewFacts { id: mail.clone(), was: None, facts: vec![text("team", "South", 2)] }).await;
    put(facts("u1", vec![text("email", "one@example.com", 3)])).await;
    let merged = NewFacts { id: "u1".into(), was: Some(mail.clone()), facts: vec![text("licence", "full", 4)] };
    assert_eq!(put(merged.clone()).await, 1);
    // Their own stays; the rest comes with its history.
    let own = vec![text("email", "one@example.com", 3), text("licence", "full", 4), text("team", "South", 2)];
    assert_eq!(bench.known().await, [("u1".to_owned(), own.clone())]);
    assert_eq!(store.fact_history(&GAME, &USER, &"u1".into(), "team").await.unwrap(), [text("team", "North", 1), text("team", "South", 2)]);
    assert!(store.fact_history(&GAME, &USER, &mail, "team").await.unwrap().is_empty());
    // Once more there is nothing to be merged, and nobody becomes themselves.
    assert_eq!(put(merged).await, 0);
    assert_eq!(put(NewFacts { id: "u1".into(), was: Some("u1".into()), facts: vec![] }).await, 0);
    assert_eq!(bench.known().await, [("u1".to_owned(), own)]);
    // The merging alone counts as well.
    put(NewFacts { id: mail.clone(), was: None, facts: vec![text("team", "West", 5)] }).await;
    assert_eq!(put(NewFacts { id: "u2".into(), was: Some(mail), facts: vec![] }).await, 1);
    assert_eq!(bench.known().await[1], ("u2".to_owned(), vec![text("team", "West", 5)]));
}

#[tokio::test]
async fn credits_come_in_pages_of_any_size_though_one_source_has_many() {
    let bench = Bench::new().await;
    let store = &bench.store;
    // By bytes: capitals first, what goes beyond ASCII last.
    let pairs = [("B", "t3"), ("a", "T9"), ("a", "t1"), ("a", "t2"), ("a", "\u{e9}"), ("b", "t0"), ("\u{e9}", "t4")];
    let credits: Vec<Credit> = pairs.iter().map(|(source, target)| credit(source, target)).collect();
    let mut shuffled = credits.clone();
    shuffled.reverse();
    shuffled.swap(1, 4);
    bench.credit(&shuffled).await;
    let foreign = [
        Credit { kind: "lead".into(), ..credit("a", "lead") },
        Credit { integration: "other".into(), ..credit("a", "foreign") },
        Credit { connection: "game-2".into(), integration: "other".into(), ..credit("a", "t1") },
    ];
    bench.credit(&foreign).await;
    for size in 1..=8 {
        let (mut found, mut after): (Vec<Credit>, _) = (Vec::new(), None);
        loop {
            let page = store.credits(INTEGRATION, &DEAL, after, size).await.unwrap();
            assert!(page.len() <= size);
            let Some(last) = page.last() else { break };
            after = Some((last.source.clone(), last.target.clone()));
            found.extend(page);
        }
        assert_eq!(found, credits, "in pages of {size}");
    }
    let targets: Vec<RecordId> = ["t2", "nothing", "T9", "t2", "lead"].map(RecordId::new).into();
    let mut by_target = store.credits_by_target(&GAME, &targets).await.unwrap();
    by_target.sort_by(|one, other| one.target.cmp(&other.target));
    assert_eq!(by_target, [credits[1].clone(), foreign[0].clone(), credits[3].clone()]);
    assert!(store.credits_by_target(&"game-2".into(), &targets).await.unwrap().is_empty());
    assert!(store.credits_by_target(&GAME, &[]).await.unwrap().is_empty());
    assert_eq!(store.credit_counts(INTEGRATION).await.unwrap(), [("lead".into(), 1), (DEAL, 7)]);
    assert_eq!(store.credit_counts("other").await.unwrap(), [(DEAL, 2)]);
    assert!(store.credit_counts("nothing").await.unwrap().is_empty());
}

#[tokio::test]
async fn what_follows_from_an_outcome_is_one_step_with_it() {
    let bench = Bench::new().await;
    let (store, fence) = (&bench.store, &bench.fence);
    store.link(&link("p1", "u1"), false).await.unwrap();
    bench.credit(&[credit("d1", "t1"), credit("d2", "t2")]).await;
    let moved =
        Credit { owner: "u2".into(), source: "d9".into(), values: vec![], state: CreditState::LetGo, at: minute(7), ..credit("d1", "t1") };
    let consequences = vec![
        Consequence::Credit(moved.clone()),
        Consequence::Uncredit(GAME, "t2".into()),
        Consequence::Uncredit(GAME, "never".into()),
        Consequence::Facts(GAME, USER, facts("u2", vec![fact("email", Value::text("user2@example.com"), How::Sent, 7)])),
        // One that stands is not replaced, and that is no failure.
        Consequence::Link(link("p1", "u2")),
        Consequence::Link(Link { evidence: LinkEvidence::Created, ..link("p2", "u2") }),
    ];
    let state = async || {
        let credits = store.credits(INTEGRATION, &DEAL, None, 99).await.unwrap();
        (credits, bench.known().await, store.links(&CRM, &GAME).await.unwrap())
    };
    let before = state().await;
    // One of two entries is not there: nothing of either counts.
    let run = bench.begin_run().await;
    let (plan, image) = (bench.begin_plan().await, bench.image().await);
    let id = store.intend(fence, &[entry(run, plan, 1)]).await.unwrap()[0];
    let settled = |entry| Settled { entry, state: EntryState::Done, note: None, into_image: false, consequences: consequences.clone() };
    is_missing(store.settle(fence, image, &[settled(id), settled(EntryId(9_999))], &[], minute(8)).await, "an entry that is not there");
    assert_eq!(state().await, before);
    let entries = store.entries(&EntryFilter { run: Some(run), limit: 9, ..EntryFilter::default() }).await.unwrap();
    assert_eq!((entries[0].state, entries[0].settled_at), (EntryState::Intended, None));
    // Nor where the lease was lost.
    let lost = Fence { token: fence.token - 1, ..fence.clone() };
    is_conflict(store.settle(&lost, image, &[settled(id)], &[], minute(8)).await, "settle");
    assert_eq!(state().await, before);

    store.settle(fence, image, &[settled(id)], &[], minute(8)).await.unwrap();
    let (credits, known, links) = state().await;
    // What the target still holds is not forgotten.
    let held = StillHeld { owner: "u1".into(), values: credit("d1", "t1").values };
    assert_eq!(credits, [Credit { stands: Some(held), ..moved }]);
    assert_eq!(known, [("u2".to_owned(), vec![fact("email", Value::text("user2@example.com"), How::Sent, 7)])]);
    assert_eq!(links, [link("p1", "u1"), Link { evidence: LinkEvidence::Created, ..link("p2", "u2") }]);
}

#[tokio::test]
async fn a_dropped_hold_lets_go_exactly_what_it_would_have_written() {
    let bench = Bench::new().await;
    let (store, fence) = (&bench.store, &bench.fence);
    let plan = bench.begin_plan().await;
    let values = credit("", "").values;
    let carry = Carry {
        means: Means::Upsert,
        from: DEAL,
        record: "d1".into(),
        values: values.clone(),
        before: None,
        person: Some("p1".into()),
        evidence: None,
        was: None,
    };
    let carried = NewHold { carry: Some(Held { connection: GAME, owner: "u1".into(), carry }), ..hold("t1") };
    store.add_to_plan(fence, plan, &[], &[carried.clone(), hold("t2")], &[], minute(1)).await.unwrap();
    let holds = store.holds(None, None, 9).await.unwrap();
    assert_eq!(holds.iter().map(|hold| &hold.hold).collect::<Vec<_>>(), [&carried, &hold("t2")]);
    let by = author("ann", 6);
    for hold in &holds {
        assert!(store.drop_hold(hold.id, &by).await.unwrap());
    }
    let let_go = Credit { state: CreditState::LetGo, at: minute(6), values, ..credit("d1", "t1") };
    assert_eq!(store.credits(INTEGRATION, &DEAL, None, 9).await.unwrap(), std::slice::from_ref(&let_go));
    // Dropping it again does nothing.
    bench.settled(vec![Consequence::Uncredit(GAME, "t1".into())]).await;
    assert!(!store.drop_hold(holds[0].id, &by).await.unwrap());
    assert!(store.credits(INTEGRATION, &DEAL, None, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_age_of_holds_is_told_oldest_first() {
    let bench = Bench::new().await;
    let (store, fence) = (&bench.store, &bench.fence);
    assert!(store.oldest_holds().await.unwrap().is_empty());
    let plan = bench.begin_plan().await;
    // The clock was put back between them.
    for (target, minutes) in [("b", 5), ("a", 5), ("c", 3), ("d", 9)] {
        store.add_to_plan(fence, plan, &[], &[hold(target)], &[], minute(minutes)).await.unwrap();
    }
    // Seen again, it is as old as before.
    store.add_to_plan(fence, plan, &[], &[hold("c")], &[], minute(30)).await.unwrap();
    let other = bench.other("other").await;
    bench.other("none").await;
    store.add_to_plan(&other, plan, &[], &[hold("z")], &[], minute(4)).await.unwrap();
    let since = async |before: i64, limit| -> Vec<String> {
        let holds = store.holds_since(INTEGRATION, minute(before), limit).await.unwrap();
        holds.into_iter().map(|(id, kind, target)| format!("{} {kind} {target}", id.0)).collect()
    };
    assert_eq!(since(9, 9).await, ["3 customer c", "1 customer b", "2 customer a"]);
    assert_eq!(since(10, 2).await, ["3 customer c", "1 customer b"]);
    assert!(since(3, 9).await.is_empty());
    assert_eq!(store.oldest_holds().await.unwrap(), [("other".to_owned(), minute(4)), (INTEGRATION.to_owned(), minute(3))]);
}

#[tokio::test]
async fn a_row_that_went_is_kept_as_it_stood_or_as_the_vendor_shows_it_until_it_comes_back() {
    let bench = Bench::new().await;
    let image = bench.image().await;
    let rows = |ids: &[&str]| ids.iter().map(|id| customer(id, &["9"])).collect::<Vec<_>>();
    let shown = |id: &str| Record { state: State::Gone, ..record(id, &[], "Gone") };
    let went = |id: &str, state, changed| (id.to_owned(), state, changed);
    assert_eq!(bench.fill(image, rows(&["a", "b", "c", "d", "e"]), minute(0)).await.gone, 0);
    assert!(bench.gone(image).await.is_empty());
    // Missing in a full read, not there when it was looked for, and shown: also one that never was.
    assert_eq!(bench.fill(image, rows(&["a", "b", "c", "d"]), minute(1)).await.gone, 1);
    bench.put(image, vec![shown("b"), shown("x")], &["a", "never"], 2).await;
    let all =
        [went("a", State::Active, false), went("b", State::Gone, false), went("e", State::Active, false), went("x", State::Gone, false)];
    assert_eq!(bench.gone(image).await, all);
    assert_eq!(bench.ids(image).await, ["c", "d"]);
    assert_eq!(bench.store.image(&spec("customer")).await.unwrap().rows, 2);
    // In pages.
    let page = bench.store.gone_rows(image, Some("a".into()), 2).await.unwrap();
    assert_eq!(page.iter().map(|row| row.record.clone()).collect::<Vec<_>>(), [shown("b"), customer("e", &["9"])]);
    // What is shown later does not take the place of what was kept, nor does it go twice.
    bench.put(image, vec![shown("a"), shown("b")], &["e"], 3).await;
    assert_eq!(bench.gone(image).await, all);
    // They come back, and go again in one page.
    assert_eq!(bench.put(image, rows(&["a", "b"]), &[], 4).await, Stored { new: 2, changed: 0, same: 0 });
    assert_eq!(bench.gone(image).await, all[2..]);
    bench.put(image, [rows(&["e"]), vec![shown("e"), shown("c")], rows(&["c"])].concat(), &[], 5).await;
    assert_eq!(bench.gone(image).await, [went("e", State::Gone, false), all[3].clone()]);
    assert_eq!(bench.ids(image).await, ["a", "b", "c", "d"]);
    // Another image knows nothing of it.
    let other = bench.store.image(&spec("visit")).await.unwrap().id;
    assert!(bench.gone(other).await.is_empty());
}

#[tokio::test]
async fn a_row_that_went_is_forgotten_by_a_complete_read_after_its_time() {
    let bench = Bench::new().await;
    let image = bench.image().await;
    let days = |days: i64| days * 24 * 60;
    bench.fill(image, vec![customer("a", &[]), customer("b", &[]), customer("c", &[])], minute(0)).await;
    bench.put(image, vec![], &["a"], 1).await;
    bench.put(image, vec![], &["b"], 2).await;
    let ids = async || bench.gone(image).await.into_iter().map(|(id, ..)| id).collect::<Vec<_>>();
    bench.fill(image, vec![customer("c", &[])], minute(days(30) + 1)).await;
    assert_eq!(ids().await, ["a", "b"]);
    // A read that did not reach its end forgets nothing.
    bench.store.begin_read(&bench.fence, image, Rows::All).await.unwrap();
    let short = PageIn { total: Some(9), ..page(vec![customer("c", &[])]) };
    bench.store.put_page(&bench.fence, image, short, minute(days(31))).await.unwrap();
    assert!(!bench.store.end_read(&bench.fence, image, minute(days(31))).await.unwrap().complete);
    assert_eq!(ids().await, ["a", "b"]);
    // An incremental one that did forgets.
    bench.store.begin_read(&bench.fence, image, Rows::Since(Mark("m".into()))).await.unwrap();
    bench.store.put_page(&bench.fence, image, page(vec![]), minute(days(30) + 2)).await.unwrap();
    assert!(bench.store.end_read(&bench.fence, image, minute(days(30) + 2)).await.unwrap().complete);
    assert_eq!(ids().await, ["b"]);
}

#[tokio::test]
async fn a_row_has_changed_when_it_differs_from_its_first_reading() {
    let bench = Bench::new().await;
    let (image, store) = (bench.image().await, &bench.store);
    let (first, second) = (customer("c1", &["9"]), customer("c1", &["8"]));
    let changed = async |id: &str| bench.row(image, id).await.map(|row| row.changed);
    bench.fill(image, vec![first.clone(), customer("c2", &["9"]), customer("c3", &["9"])], minute(0)).await;
    // Read again as it stands, or with another time of change alone, it did not change; nor by what we wrote.
    bench
        .fill(
            image,
            vec![Record { changed_at: Some(minute(1)), ..first.clone() }, customer("c2", &["9"]), customer("c3", &["9"])],
            minute(1),
        )
        .await;
    let run = bench.begin_run().await;
    let plan = bench.begin_plan().await;
    let id = store.intend(&bench.fence, &[entry(run, plan, 2)]).await.unwrap()[0];
    let settled = Settled { entry: id, state: EntryState::Done, note: None, into_image: true, consequences: Vec::new() };
    store.settle(&bench.fence, image, &[settled], &[], minute(2)).await.unwrap();
    assert_eq!((changed("c1").await, changed("c2").await), (Some(false), Some(false)));
    assert_eq!(bench.row(image, "c2").await.unwrap().record, customer("c2", &["1"]));
    // It went and came back as it was: still the first reading.
    bench.put(image, vec![], &["c1"], 3).await;
    bench.put(image, vec![first.clone()], &[], 4).await;
    assert_eq!(changed("c1").await, Some(false));
    // The vendor showed it gone and has it again; it came back as another; it had changed before it went.
    let other = customer("c3", &["7"]);
    for (id, gone, back) in [
        ("c3", Some(Record { state: State::Gone, ..customer("c3", &["9"]) }), customer("c3", &["9"])),
        ("c1", None, second.clone()),
        ("c3", None, other),
        ("c1", None, second.clone()),
    ] {
        bench.put(image, gone.into_iter().collect(), &[id], 5).await;
        assert_eq!(changed(id).await, None, "{id}");
        bench.put(image, vec![back], &[], 6).await;
        assert_eq!(changed(id).await, Some(true), "{id}");
    }
    // A change that is taken back is a change all the same, in every look.
    bench.put(image, vec![second.clone()], &[], 7).await;
    bench.put(image, vec![first.clone()], &[], 8).await;
    assert_eq!(changed("c1").await, Some(true));
    let by_key = store.rows_by_key(image, &["C1".into(), "C2".into()]).await.unwrap();
    let mut seen: Vec<(String, bool)> = by_key.into_iter().map(|row| (row.record.id.to_string(), row.changed)).collect();
    seen.sort();
    assert_eq!(seen, [("c1".to_owned(), true), ("c2".to_owned(), false)]);
    let mut rows = store.ordered(image);
    let chunk = futures::StreamExt::next(&mut rows).await.unwrap().unwrap();
    assert_eq!(chunk.iter().map(|row| row.changed).collect::<Vec<_>>(), [true, false, true]);
}

#[tokio::test]
async fn people_and_holds_are_found_by_whom_they_are_of() {
    let bench = Bench::new().await;
    let store = &bench.store;
    for (person, owner) in [("p1", "u1"), ("p2", "u2"), ("p3", "u3")] {
        store.link(&link(person, owner), false).await.unwrap();
    }
    let links = store.links_of(&CRM, &GAME, &["p3".into(), "p1".into(), "p9".into()]).await.unwrap();
    assert_eq!(links, [link("p1", "u1"), link("p3", "u3")]);
    assert!(store.links_of(&GAME, &CRM, &["p1".into()]).await.unwrap().is_empty());
    assert!(store.links_of(&CRM, &GAME, &[]).await.unwrap().is_empty());

    let by = author("ann", 1);
    let people = ["u1", "u2"]
        .map(|id| facts(id, vec![fact("team", Value::text("North"), How::Stated, 1), fact("email", Value::text(id), How::Stated, 1)]));
    store.put_facts(&GAME, &USER, &people, &by).await.unwrap();
    let known = store.known_people_of(&GAME, &USER, &["u2".into(), "u7".into()]).await.unwrap();
    assert_eq!(known.iter().map(|known| (known.id.as_str(), known.facts.len())).collect::<Vec<_>>(), [("u2", 2)]);
    assert!(store.known_people_of(&CRM, &USER, &["u2".into()]).await.unwrap().is_empty());

    let plan = bench.begin_plan().await;
    store.add_to_plan(&bench.fence, plan, &[], &[hold("t1"), hold("t2"), hold("t3")], &[], minute(1)).await.unwrap();
    let kind: Kind = "customer".into();
    let holds = store.holds_of(INTEGRATION, &kind, &["t3".into(), "t1".into(), "t9".into()]).await.unwrap();
    assert_eq!(holds.iter().map(|hold| hold.hold.target.as_str()).collect::<Vec<_>>(), ["t1", "t3"]);
    assert!(store.holds_of("other", &kind, &["t1".into()]).await.unwrap().is_empty());
    assert!(store.holds_of(INTEGRATION, &DEAL, &["t1".into()]).await.unwrap().is_empty());
}
