//! The audit log of what people do about people: a line for each act, in its transaction, and none for what runs found.

use rightful_core::{FieldName, Value};

use super::*;

#[tokio::test]
async fn every_act_about_people_has_its_line_and_what_changed_nothing_has_none() {
    let stand = Stand::new();
    let store = &stand.sqlite;
    let link = |person: &str, owner: &str| Link {
        source: "crm".into(),
        person: person.into(),
        target: "game".into(),
        owner: owner.into(),
        evidence: LinkEvidence::Stated,
        by_value: None,
        by: author("ann", 1),
    };
    for (person, owner, replace) in [("p1", "u1", false), ("p1", "u1", false), ("p1", "u2", false), ("p2", "u1", false), ("p1", "u2", true)]
    {
        store.link(&link(person, owner), replace).await.unwrap();
    }
    for _ in 0..2 {
        store.unlink(&"crm".into(), &"p1".into(), &"game".into(), &author("ben", 2)).await.unwrap();
    }
    let pick = |person: String, choice| Pick { person: person.into(), choice, by: author("ann", 3) };
    let mut picks: Vec<Pick> = (0..21).map(|number| pick(format!("p{number}"), Picked::Create)).collect();
    picks.push(pick("q".into(), Picked::Skip));
    store.pick("a", &picks).await.unwrap();
    store.pick("a", &[]).await.unwrap();
    for _ in 0..2 {
        store.unpick("a", &["q".into(), "nobody".into()], &author("ben", 4)).await.unwrap();
    }
    for on in [true, false] {
        store.switch("a", &Switch { name: AUTOMATIC.into(), on, by: author("ann", 5) }).await.unwrap();
    }
    let fact = Fact { field: FieldName::new("team"), value: Value::text("North"), how: How::Stated, at: minute(6), by: "ann".into() };
    for facts in [vec![NewFacts { id: "u1".into(), was: None, facts: vec![fact] }], vec![]] {
        store.put_facts(&"game".into(), &"user".into(), &facts, &author("ann", 6)).await.unwrap();
    }
    // A run's are in its ledger.
    let fence = match store.lease("a", &stand.holder(), minute(0), minute(60)).await.unwrap() {
        Leased::Held(fence) => fence,
        busy => panic!("{busy:?}"),
    };
    store.put_links(&fence, &[link("p9", "u9")]).await.unwrap();
    assert_eq!(
        log(store).await,
        [
            r#"ann link.add game {"before":null,"owner":"u1","person":"p1","reason":"it's so","source":"crm"}"#,
            r#"ann link.add game {"before":"u1","owner":"u2","person":"p1","reason":"it's so","source":"crm"}"#,
            r#"ben link.remove game {"owner":"u2","person":"p1","reason":"it's so","source":"crm"}"#,
            r#"ann people.pick a {"choice":"create","people":21,"reason":"it's so"}"#,
            r#"ann people.pick a {"choice":"skip","people":["q"],"reason":"it's so"}"#,
            r#"ben people.unpick a {"people":["q"],"reason":"it's so"}"#,
            r#"ann switch.on a {"name":"automatic","reason":"it's so"}"#,
            r#"ann switch.off a {"name":"automatic","reason":"it's so"}"#,
            r#"ann people.note game {"differing":1,"kind":"user","people":["u1"],"reason":"it's so"}"#,
        ]
    );
}
