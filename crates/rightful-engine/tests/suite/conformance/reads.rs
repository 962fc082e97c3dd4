//! Reads in progress: pages and cursors in one step, completeness, marks, and what is gone.

use super::*;

const VENDOR: VendorId = VendorId::fixed("scripted");

fn cursor(at: &str) -> Cursor {
    let scan = Scan { kind: "customer".into(), rows: Rows::All, fields: vec!["Region".into()] };
    Cursor::new(&VENDOR, 1, &scan, at)
}

fn customers(ids: &[&str]) -> Vec<Record> {
    ids.iter().map(|id| customer(id, &["1"])).collect()
}

fn stored(new: u64, changed: u64, same: u64) -> Stored {
    Stored { new, changed, same }
}

#[tokio::test]
async fn a_page_moves_its_own_cursor_on_and_opens_others() {
    let bench = Bench::new().await;
    let (store, fence, image) = (&bench.store, &bench.fence, bench.image().await);
    assert_eq!(store.open_read(image).await.unwrap(), None);
    is_conflict(store.put_page(fence, image, page(customers(&["a"])), minute(1)).await, "a page without a read");
    is_conflict(store.end_read(fence, image, minute(1)).await, "the end of no read");
    assert!(bench.ids(image).await.is_empty());

    let since = Rows::Since(Mark("m'1".into()));
    store.begin_read(fence, image, since.clone()).await.unwrap();
    assert_eq!(store.open_read(image).await.unwrap(), Some(OpenRead { rows: since.clone(), begun: false, open: vec![] }));
    let first = PageIn { opened: vec![cursor("1"), cursor("2"), cursor("it's \u{e9}")], ..page(customers(&["a", "b"])) };
    assert_eq!(store.put_page(fence, image, first, minute(1)).await.unwrap(), stored(2, 0, 0));
    let second = PageIn { answered: Some(cursor("2")), opened: vec![cursor("3")], ..page(customers(&["c"])) };
    store.put_page(fence, image, second, minute(1)).await.unwrap();
    let open = store.open_read(image).await.unwrap().unwrap();
    assert_eq!(open, OpenRead { rows: since, begun: true, open: vec![cursor("1"), cursor("it's \u{e9}"), cursor("3")] });
    assert_eq!(bench.ids(image).await, ["a", "b", "c"]);

    // A read that is begun anew forgets the cursors of the one before it, not its rows.
    store.begin_read(fence, image, Rows::All).await.unwrap();
    assert_eq!(store.open_read(image).await.unwrap(), Some(OpenRead { rows: Rows::All, begun: false, open: vec![] }));
    assert_eq!(bench.ids(image).await.len(), 3);
}

#[tokio::test]
async fn rows_that_repeat_or_stand_as_stored_are_the_same_and_others_are_counted() {
    let bench = Bench::new().await;
    let (store, fence, image) = (&bench.store, &bench.fence, bench.image().await);
    store.begin_read(fence, image, Rows::All).await.unwrap();
    let put = async |items| store.put_page(fence, image, page(items), minute(1)).await.unwrap();
    assert_eq!(put(customers(&["a", "b", "a"])).await, stored(2, 0, 1));
    assert_eq!(put(customers(&["b", "c"])).await, stored(1, 0, 1));
    assert_eq!(put(vec![customer("a", &["2"])]).await, stored(0, 1, 0));
    // Only the time of change moved: a touch is not a change.
    assert_eq!(put(vec![Record { changed_at: Some(minute(9)), ..customer("a", &["2"]) }]).await, stored(0, 0, 1));
    let end = store.end_read(fence, image, minute(1)).await.unwrap();
    assert_eq!((end.distinct, end.rows, end.complete), (3, 3, true));
    // A second read that finds everything as it was.
    store.begin_read(fence, image, Rows::All).await.unwrap();
    assert_eq!(put(vec![customer("a", &["2"]), customer("b", &["1"])]).await, stored(0, 0, 2));
    assert_eq!(put(customers(&["b", "c"])).await, stored(0, 0, 2));
    let end = store.end_read(fence, image, minute(1)).await.unwrap();
    assert_eq!((end.distinct, end.rows, end.gone, end.complete), (3, 3, 0, true));
}

/// How a read went, and what must be said of it.
struct Told {
    about: &'static str,
    rows: Rows,
    ids: &'static [&'static str],
    total: Option<u64>,
    leaves_open: bool,
    complete: bool,
    gone: u64,
    left: &'static [&'static str],
}

#[tokio::test]
async fn a_read_is_complete_when_its_end_was_reached_and_as_many_distinct_ids_were_stored_as_stated() {
    let since = || Rows::Since(Mark("1".into()));
    let all = &["a", "b", "c"][..];
    let told = [
        Told { about: "all there", rows: Rows::All, ids: all, total: Some(3), leaves_open: false, complete: true, gone: 0, left: all },
        Told { about: "no total", rows: Rows::All, ids: &["a"], total: None, leaves_open: false, complete: true, gone: 2, left: &["a"] },
        Told {
            about: "one short",
            rows: Rows::All,
            ids: &["a", "b"],
            total: Some(3),
            leaves_open: false,
            complete: false,
            gone: 0,
            left: all,
        },
        Told {
            about: "repeats",
            rows: Rows::All,
            ids: &["a", "b", "a"],
            total: Some(3),
            leaves_open: false,
            complete: false,
            gone: 0,
            left: all,
        },
        Told { about: "more", rows: Rows::All, ids: all, total: Some(2), leaves_open: false, complete: true, gone: 0, left: all },
        Told { about: "open", rows: Rows::All, ids: &["a"], total: None, leaves_open: true, complete: false, gone: 0, left: all },
        Told { about: "emptied", rows: Rows::All, ids: &[], total: Some(0), leaves_open: false, complete: true, gone: 3, left: &[] },
        Told { about: "changes", rows: since(), ids: &["a"], total: Some(1), leaves_open: false, complete: true, gone: 0, left: all },
        Told { about: "few changes", rows: since(), ids: &["a"], total: Some(2), leaves_open: false, complete: false, gone: 0, left: all },
        Told { about: "no changes", rows: since(), ids: &[], total: Some(0), leaves_open: false, complete: true, gone: 0, left: all },
    ];
    for Told { about, rows, ids, total, leaves_open, complete, gone, left } in told {
        let bench = Bench::new().await;
        let (store, fence, image) = (&bench.store, &bench.fence, bench.image().await);
        bench.fill(image, customers(all), minute(1)).await;
        store.begin_read(fence, image, rows.clone()).await.unwrap();
        let opened = if leaves_open { vec![cursor("1")] } else { Vec::new() };
        let put = PageIn { opened, total, whole: Some(77), mark: Some(Mark("2".into())), ..page(customers(ids)) };
        store.put_page(fence, image, put, minute(5)).await.unwrap();
        let end = store.end_read(fence, image, minute(6)).await.unwrap();
        let distinct = ids.iter().collect::<std::collections::BTreeSet<_>>().len() as u64;
        assert_eq!(end, ReadEnd { complete, distinct, total, whole: Some(77), rows: left.len() as u64, gone }, "{about}");
        assert_eq!(bench.ids(image).await, left, "{about}");
        let kept = store.image(&spec("customer")).await.unwrap();
        let full = complete && rows == Rows::All;
        assert_eq!(kept.rows, left.len() as u64, "{about}");
        assert_eq!(kept.mark, complete.then(|| Mark("2".into())), "{about}: the mark is trusted only at the end");
        assert_eq!(kept.complete_at, Some(minute(if full { 6 } else { 1 })), "{about}");
        assert_eq!(kept.fresh_at, Some(minute(if complete { 6 } else { 1 })), "{about}");
        assert_eq!(store.open_read(image).await.unwrap(), None, "{about}");
    }
}

#[tokio::test]
async fn a_read_that_never_began_is_not_complete() {
    let bench = Bench::new().await;
    let (store, fence, image) = (&bench.store, &bench.fence, bench.image().await);
    bench.fill(image, customers(&["a"]), minute(1)).await;
    store.begin_read(fence, image, Rows::All).await.unwrap();
    let end = store.end_read(fence, image, minute(2)).await.unwrap();
    assert_eq!((end.complete, end.gone, end.rows), (false, 0, 1));
}

#[tokio::test]
async fn the_first_mark_and_the_first_totals_count_and_a_mark_stays_where_a_read_has_none() {
    let bench = Bench::new().await;
    let (store, fence, image) = (&bench.store, &bench.fence, bench.image().await);
    store.begin_read(fence, image, Rows::All).await.unwrap();
    for (id, number) in [("a", 2), ("b", 3)] {
        let mark = Some(Mark(format!("m{number}")));
        let put = PageIn { total: Some(number), whole: Some(number), mark, ..page(customers(&[id])) };
        store.put_page(fence, image, put, minute(1)).await.unwrap();
    }
    let end = store.end_read(fence, image, minute(1)).await.unwrap();
    assert_eq!((end.total, end.whole, end.complete), (Some(2), Some(2), true));
    bench.fill(image, customers(&["a", "b"]), minute(2)).await;
    assert_eq!(store.image(&spec("customer")).await.unwrap().mark, Some(Mark("m2".into())));
}

#[tokio::test]
async fn rows_a_vendor_shows_as_gone_are_seen_and_not_kept() {
    let gone = |id: &str| Record { state: State::Gone, ..customer(id, &["1"]) };
    for known in [false, true] {
        let bench = Bench::new().await;
        let (store, fence, image) = (&bench.store, &bench.fence, bench.image().await);
        if known {
            bench.fill(image, customers(&["a", "b", "c"]), minute(1)).await;
        }
        store.begin_read(fence, image, Rows::All).await.unwrap();
        let items = vec![customer("a", &["1"]), gone("b"), gone("b"), gone("never seen")];
        store.put_page(fence, image, PageIn { total: Some(3), ..page(items) }, minute(2)).await.unwrap();
        let end = store.end_read(fence, image, minute(2)).await.unwrap();
        assert_eq!((end.complete, end.distinct, end.rows), (true, 3, 1), "known before: {known}");
        assert_eq!((bench.ids(image).await, bench.row(image, "b").await), (vec!["a".to_owned()], None));
        // One that comes back is new.
        let back = store.put_rows(fence, image, customers(&["b"]), vec![], minute(3)).await.unwrap();
        assert_eq!((back, store.image(&spec("customer")).await.unwrap().rows), (stored(1, 0, 0), 2));
    }
}
