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
async fn rows_of_a_first_read_that_is_under_way_or_was_given_up_are_ordered_and_found_too() {
    let bench = Bench::new().await;
    let (store, fence, image) = (&bench.store, &bench.fence, bench.image().await);
    let with = |id: &str, key: &str| record(id, &[("code", key)], id);
    let by_key = async |key: &str| store.rows_by_key(image, &[key.to_owned()]).await.unwrap().len();
    store.begin_read(fence, image, Rows::All).await.unwrap();
    store.put_page(fence, image, page(vec![with("1", "z"), with("2", "b"), with("3", "a")]), minute(1)).await.unwrap();
    assert_eq!((bench.ids(image).await.join(" "), by_key("b").await), ("3 2 1".to_owned(), 1));
    // Keys move, rows go, while nobody has put them in order.
    store.put_rows(fence, image, vec![with("1", "A"), with("4", "b")], vec!["3".into()], minute(1)).await.unwrap();
    assert_eq!((bench.ids(image).await.join(" "), by_key("b").await, by_key("z").await), ("1 2 4".to_owned(), 2, 0));
    store.begin_read(fence, image, Rows::All).await.unwrap();
    assert_eq!((bench.ids(image).await.join(" "), by_key("b").await), ("1 2 4".to_owned(), 2));
    store.put_page(fence, image, page(vec![with("2", "c"), with("5", "0"), with("1", "A")]), minute(2)).await.unwrap();
    let end = store.end_read(fence, image, minute(2)).await.unwrap();
    assert_eq!((end.complete, end.gone, bench.ids(image).await.join(" ")), (true, 1, "5 1 2".to_owned()));
    assert_eq!((by_key("b").await, by_key("c").await, by_key("0").await), (0, 1, 1));
    // In order from now on, whatever moves, and empty at last.
    store.put_rows(fence, image, vec![with("5", "x"), with("6", "d")], vec!["1".into()], minute(3)).await.unwrap();
    assert_eq!((bench.ids(image).await.join(" "), by_key("0").await), ("2 6 5".to_owned(), 0));
    assert_eq!(bench.fill(image, vec![], minute(4)).await.gone, 3);
    assert!(bench.ids(image).await.is_empty());
    bench.fill(image, vec![with("9", "b"), with("8", "b")], minute(5)).await;
    assert_eq!((bench.ids(image).await.join(" "), by_key("b").await), ("8 9".to_owned(), 2));
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
