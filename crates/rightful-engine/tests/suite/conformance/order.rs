//! The order of the merge-join: bytes of the key, then bytes of the id, whatever the data.

use proptest::prelude::*;

use super::*;
use crate::stand::CASES;

/// Texts that a collation, a number or a C string would put elsewhere.
const TRAPS: [&str; 22] = [
    "",
    "0",
    "007",
    "07",
    "7",
    "70",
    "A",
    "AB",
    "Z",
    "_",
    "a",
    "ab",
    "\u{c4}",
    "\u{e4}",
    "a\u{308}",
    "\u{df}",
    "\u{130}",
    "\u{1F600}",
    "\u{FFFD}",
    "it's",
    "a b",
    "a\0b",
];

#[tokio::test]
async fn keys_are_ordered_and_found_by_their_bytes() {
    let bench = Bench::new().await;
    let (store, image) = (&bench.store, bench.image().await);
    bench.fill(image, TRAPS.iter().rev().map(|key| record(&format!("id {key}"), &[("code", key)], key)).collect(), minute(1)).await;
    let mut sorted = TRAPS.map(|key| format!("id {key}"));
    sorted.sort_unstable_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
    assert_eq!(bench.ids(image).await, sorted);
    for key in TRAPS {
        for rows in
            [store.rows_by_key(image, &[key.to_owned()]).await.unwrap(), store.rows(image, &[format!("id {key}").into()]).await.unwrap()]
        {
            let names: Vec<_> = rows.iter().map(|row| row.record.name.as_str()).collect();
            assert_eq!(names, [key]);
        }
    }
}

#[tokio::test]
async fn a_stream_is_whole_over_many_chunks_and_nothing_where_there_are_no_rows() {
    let bench = Bench::new().await;
    let image = bench.image().await;
    assert!(bench.ids(image).await.is_empty());
    bench.fill(image, (0..3_333).rev().map(|number| customer(&format!("c{number:04}"), &[])).collect(), minute(1)).await;
    let ids = bench.ids(image).await;
    assert_eq!(ids.len(), 3_333);
    assert!(ids.is_sorted());
}

#[tokio::test]
async fn a_stream_shows_one_moment_while_others_write() {
    let bench = Bench::new().await;
    let (store, fence, image) = (&bench.store, &bench.fence, bench.image().await);
    let count = 9_000;
    bench.fill(image, (0..count).map(|number| customer(&format!("c{number:04}"), &["1"])).collect(), minute(1)).await;
    let mut rows = store.ordered(image);
    let mut seen = futures::StreamExt::next(&mut rows).await.unwrap().unwrap();
    // The last rows change, one goes, one comes.
    let items = (8_000..count).map(|number| customer(&format!("c{number:04}"), &["2"])).chain([customer("d", &[])]).collect();
    store.put_rows(fence, image, items, vec!["c8999".into()], minute(2)).await.unwrap();
    while let Some(chunk) = futures::StreamExt::next(&mut rows).await {
        seen.extend(chunk.unwrap());
    }
    assert_eq!(seen.len(), count);
    assert!(seen.iter().all(|row| *row.record.owner(&ROLE) == Owner::Known(vec!["1".into()])));
    // A stream that nobody reads to its end leaves nothing behind.
    drop(store.ordered(image));
    assert_eq!(bench.ids(image).await.len(), count);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn any_keys_and_ids_come_out_in_byte_order(rows in prop::collection::btree_map(any::<String>(), prop::option::of("[aA0'\u{e9}\u{10000}\0]{0,3}"), 0..50)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let bench = Bench::new().await;
            let image = bench.image().await;
            let records = rows.iter().map(|(id, key)| record(id, &[("code", key.as_deref().unwrap_or(""))], "")).collect();
            bench.fill(image, records, minute(1)).await;
            let mut sorted: Vec<(&[u8], &[u8])> =
                rows.iter().map(|(id, key)| (key.as_deref().unwrap_or("").as_bytes(), id.as_bytes())).collect();
            sorted.sort_unstable();
            let ids = bench.ids(image).await;
            assert_eq!(ids.iter().map(String::as_bytes).collect::<Vec<_>>(), sorted.iter().map(|(_, id)| *id).collect::<Vec<_>>());
        });
    }
}
