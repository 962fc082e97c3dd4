//! Windows of changes and deletions, limits, controls and the dump.

use chrono::Duration;
use connector_salesforce::sim::Switches;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{Desk, form};

async fn window(desk: &Desk, what: &str, start: &str, end: &str) -> crate::Answer {
    desk.get(&format!("sobjects/Account/{what}/?{}", form(&[("start", start), ("end", end)]))).await
}

#[tokio::test]
async fn updated_names_what_changed_within_the_window() {
    let desk = Desk::usual().await;
    let ids = desk.texts("SELECT Id FROM Account", "Id").await;
    desk.call(Method::PATCH, &format!("sobjects/Account/{}", ids[3]), &json!({"Phone": "1"})).await;
    let (start, end) = ("2027-03-01T09:00:00+00:00", "2027-03-01T10:01:00Z");
    // The running minute is not covered before it has ended.
    let now = window(&desk, "updated", start, end).await.json();
    assert_eq!(now, json!({"ids": [ids[3]], "latestDateCovered": "2027-03-01T10:00:00.000+0000"}));
    desk.sim.clock().advance(Duration::minutes(5));
    let later = window(&desk, "updated", start, end).await.json();
    assert_eq!(later, json!({"ids": [ids[3]], "latestDateCovered": "2027-03-01T10:01:00.000+0000"}));
    assert_eq!(window(&desk, "updated", start, "2027-03-01T10:00:59Z").await.json()["ids"], json!([]), "seconds do not count");
    for (start, end, code) in [
        ("2027-03-01T10:00:00Z", "2027-03-01T09:00:00Z", "INVALID_REPLICATION_DATE"),
        ("2027-03-01T10:00:00Z", "2027-03-01T10:00:30Z", "INVALID_REPLICATION_DATE"),
        ("2027-01-01T10:00:00Z", "2027-03-01T10:00:30Z", "INVALID_REPLICATION_DATE"),
        ("yesterday", "2027-03-01T10:00:30Z", "INVALID_REPLICATION_DATE"),
        // A plus sign that was not encoded.
        ("2027-03-01T09:00:00 00:00", "2027-03-01T10:00:30Z", "INVALID_REPLICATION_DATE"),
    ] {
        assert_eq!(window(&desk, "updated", start, end).await.refusal(), (400, code.to_owned()), "{start} {end}");
    }
    assert_eq!(desk.get("sobjects/Account/updated").await.refusal(), (400, "MISSING_ARGUMENT".into()));
    assert_eq!(desk.get("sobjects/User/updated?start=2027-02-20T00:00:00Z&end=2027-02-21T00:00:00Z").await.status, 200);
    assert_eq!(desk.get("sobjects/Profile/deleted?start=2027-02-20T00:00:00Z&end=2027-02-21T00:00:00Z").await.status, 400);
}

#[tokio::test]
async fn deleted_names_what_went_with_its_time() {
    let desk = Desk::usual().await;
    let ids = desk.texts("SELECT Id FROM Account", "Id").await;
    desk.send(desk.data(Method::DELETE, &format!("sobjects/Account/{}", ids[1]))).await;
    desk.sim.clock().advance(Duration::minutes(2));
    let answer = window(&desk, "deleted", "2027-03-01T09:00:00Z", "2027-03-01T10:02:00Z").await.json();
    assert_eq!(answer["deletedRecords"], json!([{"id": ids[1], "deletedDate": "2027-03-01T10:00:30.000+0000"}]));
    assert_eq!(answer["earliestDateAvailable"], "2027-02-14T10:02:30.000+0000");
    assert_eq!(window(&desk, "deleted", "2027-02-10T09:00:00Z", "2027-03-01T10:02:00Z").await.status, 400);
    let updated = window(&desk, "updated", "2027-03-01T09:00:00Z", "2027-03-01T10:02:00Z").await.json();
    assert_eq!(updated["ids"], json!([]));
}

#[tokio::test]
async fn a_merge_leaves_the_loser_in_the_bin_with_its_master() {
    let desk = Desk::usual().await;
    let ids = desk.texts("SELECT Id FROM Account", "Id").await;
    desk.control("merge-records", json!({"keep": ids[0], "lose": ids[1]}));
    let all =
        desk.get(&format!("queryAll?{}", form(&[("q", "SELECT Id, MasterRecordId FROM Account WHERE IsDeleted = true")]))).await.json();
    assert_eq!((&all["records"][0]["Id"], &all["records"][0]["MasterRecordId"]), (&json!(ids[1]), &json!(ids[0])));
    assert_eq!(desk.records(&format!("SELECT Id FROM Contact WHERE AccountId = '{}'", ids[0])).await.len(), 2);
}

#[tokio::test]
async fn many_rows_can_share_one_stamp() {
    let desk = Desk::usual().await;
    let ids = desk.texts("SELECT Id FROM Account", "Id").await;
    desk.control("touch", json!({"ids": ids, "stamp": "2027-02-28T00:00:00Z"}));
    let stamps = desk.texts("SELECT SystemModstamp FROM Account", "SystemModstamp").await;
    assert_eq!(stamps, vec!["2027-02-28T00:00:00.000+0000"; 6]);
    let keyset = format!(
        "SELECT Id FROM Account WHERE SystemModstamp > 2027-02-28T00:00:00Z OR (SystemModstamp = 2027-02-28T00:00:00Z AND Id > '{}') ORDER BY SystemModstamp, Id LIMIT 2",
        ids[2]
    );
    assert_eq!(desk.texts(&keyset, "Id").await, ids[3..5]);
}

#[tokio::test]
async fn calls_are_counted_and_refused_beyond_the_days() {
    let desk = Desk::switched(Switches { daily_calls: 3, enforce_daily_calls: true, ..Switches::default() }).await;
    let limits = desk.get("limits").await;
    assert_eq!(
        (limits.json()["DailyApiRequests"].clone(), limits.header("sforce-limit-info")),
        (json!({"Max": 3, "Remaining": 2}), "api-usage=1/3")
    );
    desk.switch(json!({"per_app_usage": true}));
    assert_eq!(desk.get("limits").await.header("sforce-limit-info"), "api-usage=2/3; per-app-api-usage=2/3(appName=sample-app)");
    desk.get("limits").await;
    let refused = desk.get("limits").await;
    assert_eq!(refused.json(), json!([{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]));
    desk.switch(json!({"session_minutes": 10_000}));
    desk.sim.clock().advance(Duration::hours(24));
    assert_eq!(desk.get("limits").await.status, 200);
    desk.control("use-calls", json!({"used": 2}));
    assert_eq!((desk.get("limits").await.status, desk.get("limits").await.status), (200, 403));
}

#[tokio::test]
async fn controls_do_what_a_person_does_and_the_dump_tells_no_secret() {
    let desk = Desk::usual().await;
    let nadia = desk.id("User", "FirstName = 'Nadia'").await;
    desk.control("set-record", json!({"id": nadia, "fields": {"IsActive": false}}));
    let made =
        desk.control("set-record", json!({"object": "Account", "fields": {"Name": "By hand", "OwnerId": nadia}, "visible_in_seconds": 60}));
    assert!(desk.records("SELECT Id FROM Account WHERE Name = 'By hand'").await.is_empty());
    desk.sim.clock().advance(Duration::seconds(60));
    assert_eq!(desk.id("Account", "Name = 'By hand'").await, made["id"].as_str().unwrap());
    desk.control("delete-record", json!({"id": made["id"]}));
    let dump = desk.sim.dump();
    assert_eq!((dump["sign_ins"].as_u64(), dump["objects"]["Account"].as_array().unwrap().len()), (Some(1), 7));
    let text = dump.to_string();
    assert!(!text.contains(&desk.token) && !text.contains(crate::SECRET) && !text.contains("5Aep861"), "{text}");
    for (name, body) in [
        ("explode", json!({})),
        ("set-record", json!({"fields": {}})),
        ("switches", json!({"rotatoin": true})),
        ("touch", json!({"ids": ["x"]})),
    ] {
        assert!(desk.sim.control(name, body).is_err(), "{name}");
    }
    desk.control("end-sessions", Value::Null);
    assert_eq!(desk.get("limits").await.status, 401);
    desk.control("reset", Value::Null);
    assert_eq!(desk.sim.dump()["objects"]["Account"].as_array().unwrap().len(), 6);
    desk.control("load", json!({"external_id": "Erp_Id__c", "rows": [["User", {"Username": "integration@acme.example", "IsActive": true, "UserType": "Standard"}]]}));
    let dump = desk.sim.dump();
    assert_eq!((&dump["objects"]["Account"], dump["objects"]["User"].as_array().unwrap().len()), (&json!([]), 1));
}

async fn seen(desk: &Desk, resource: &str, condition: &str) -> Vec<Value> {
    let soql = format!("SELECT Id, Name, IsDeleted FROM Account WHERE {condition}");
    desk.get(&format!("{resource}?{}", form(&[("q", &soql)]))).await.json()["records"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_was_deleted_comes_back_with_a_new_stamp_or_is_purged_for_good() {
    let desk = Desk::usual().await;
    let id = desk.id("Account", "Name = 'Acorn Traders'").await;
    let by_id = format!("Id = '{id}'");
    desk.control("delete-record", json!({"id": id}));
    assert_eq!((seen(&desk, "query", &by_id).await.len(), &seen(&desk, "queryAll", &by_id).await[0]["IsDeleted"]), (0, &json!(true)));
    desk.sim.clock().advance(Duration::seconds(30));
    desk.control("undelete-record", json!({"id": id}));
    assert_eq!(seen(&desk, "query", &format!("{by_id} AND SystemModstamp = 2027-03-01T10:01:00Z")).await.len(), 1);
    desk.control("purge-record", json!({"id": id}));
    assert_eq!(seen(&desk, "queryAll", &by_id).await, Vec::<Value>::new());
}

/// A transaction that ends late: until then others see what was there before it.
#[tokio::test]
async fn a_late_row_shows_as_it_was_until_it_is_there() {
    let desk = Desk::usual().await;
    let id = desk.id("Account", "Name = 'Acorn Traders'").await;
    desk.control("set-record", json!({"id": id, "fields": {"Name": "Renamed"}, "visible_in_seconds": 300}));
    let made = desk.control("set-record", json!({"object": "Account", "fields": {"Name": "New"}, "visible_in_seconds": 300}));
    for (seconds, old, new) in [(0, 1, 0), (299, 1, 0), (1, 0, 1)] {
        desk.sim.clock().advance(Duration::seconds(seconds));
        let count = async |name: &str| seen(&desk, "query", &format!("Name = '{name}'")).await.len();
        assert_eq!((count("Acorn Traders").await, count("Renamed").await, count("New").await), (old, new, new), "after {seconds} more");
    }
    let stamp =
        desk.texts(&format!("SELECT SystemModstamp FROM Account WHERE Id = '{}'", made["id"].as_str().unwrap()), "SystemModstamp").await;
    assert_eq!(stamp, ["2027-03-01T10:00:30.000+0000"], "its stamp lies behind");
}

#[tokio::test]
async fn archived_activities_are_seen_by_query_all_alone() {
    let desk = Desk::usual().await;
    for object in ["Task", "Event"] {
        let made = desk.control("set-record", json!({"object": object, "fields": {"Subject": "Old", "ActivityDate": "2025-01-15"}}));
        let soql = format!("SELECT Id, ActivityDate, IsArchived FROM {object}");
        let count = async |resource: &str| desk.get(&format!("{resource}?{}", form(&[("q", &soql)]))).await.json()["totalSize"].clone();
        assert_eq!((count("query").await, count("queryAll").await), (json!(1), json!(1)), "{object}");
        desk.control("set-record", json!({"id": made["id"], "fields": {"IsArchived": true}}));
        assert_eq!((count("query").await, count("queryAll").await), (json!(0), json!(1)), "{object}");
    }
}
