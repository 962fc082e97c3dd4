//! Reading: ranges, locators, windows, jobs, ids and keys.

use rightful_core::{ErrorKind, FieldName, HeaderName, HeaderValue, Mark, Owner, Response, Role, Rows, Scan, State, StatusCode, Value};
use serde_json::{Value as Json, json};

use crate::desk::*;

#[tokio::test]
async fn few_rows_are_one_query_after_count_and_newest_stamp() {
    let desk = Desk::new([count(2), newest(STAMP), rows(vec![account(1, OWNER_ONE), account(2, OWNER_ONE)])]);
    let (first, records) = desk.whole(&Scan::all("account")).await.unwrap();
    assert_eq!(
        desk.queries(),
        [
            "SELECT COUNT() FROM Account",
            "SELECT SystemModstamp FROM Account ORDER BY SystemModstamp DESC LIMIT 1",
            "SELECT Id, Name, SystemModstamp, OwnerId, AccountNumber FROM Account",
        ]
    );
    assert_eq!((first.total, first.whole, first.mark), (Some(2), Some(2), Some(Mark("2026-11-20T09:15:02Z".into()))));
    assert_eq!(records[0].id.as_str(), full(&account_id(1)));
    assert_eq!(records[0].owner(&Role::fixed("owner")), &Owner::Known(vec![OWNER_ONE.into()]));
    assert_eq!(desk.sent()[1].path, "/services/data/v62.0/queryAll", "a deleted row may be the newest");
    assert_eq!(desk.sent()[2].batch_size.as_deref(), Some("batchSize=2000"));
    desk.finished();
}

#[tokio::test]
async fn many_rows_are_ranges_of_ids_each_paged_by_its_locator() {
    let end = |number| rows(vec![json!({ "Id": account_id(number) })]);
    let desk = Desk::with(
        &[("page_size", json!(200)), ("ranges", json!(2))],
        [
            count(500),
            newest(STAMP),
            end(1),
            end(999_999),
            page(300, "0r8xx0000001abcAAA-200", vec![account(1, OWNER_ONE)]),
            rows(vec![account(700_000, OWNER_ONE)]),
            rows(vec![account(2, OWNER_ONE)]),
        ],
    );
    let (first, records) = desk.whole(&Scan::all("account")).await.unwrap();
    assert_eq!((first.total, first.next.len(), records.len()), (Some(500), 2, 3));
    let queries = desk.queries();
    let border = queries[4].rsplit_once("Id <= ").unwrap().1.to_owned();
    assert!(queries[4].ends_with(&format!("FROM Account WHERE Id <= {border}")), "{}", queries[4]);
    assert!(queries[5].ends_with(&format!("FROM Account WHERE Id > {border}")), "{}", queries[5]);
    assert_eq!(desk.sent()[6].path, "/services/data/v62.0/query/0r8xx0000001abcAAA-200");
    desk.finished();
}

#[tokio::test]
async fn changes_are_a_closed_window_that_shows_deletions() {
    let mut gone = account(2, OWNER_ONE);
    gone["IsDeleted"] = json!(true);
    let desk = Desk::new([count(7), newest("2026-11-20T10:00:00.000+0000"), rows(vec![account(1, OWNER_ONE), gone])]);
    let scan = Scan { rows: Rows::Since(Mark("2026-11-20T09:00:00Z".into())), ..Scan::all("account") };
    let (first, records) = desk.whole(&scan).await.unwrap();
    assert_eq!(
        desk.queries()[2],
        "SELECT Id, Name, SystemModstamp, OwnerId, IsDeleted, AccountNumber FROM Account \
         WHERE SystemModstamp >= 2026-11-20T08:50:00Z AND SystemModstamp < 2026-11-20T10:00:01Z"
    );
    assert_eq!(desk.sent()[2].path, "/services/data/v62.0/queryAll");
    assert_eq!((first.total, first.whole, first.mark), (Some(2), Some(7), Some(Mark("2026-11-20T10:00:00Z".into()))));
    assert_eq!(records.iter().map(|record| record.state).collect::<Vec<_>>(), [State::Active, State::Gone]);
    desk.finished();
}

#[tokio::test]
async fn a_mark_never_goes_back() {
    // Nothing is there any more, or only older rows: the next read still begins where this one did.
    for newest in [rows(vec![]), newest("2026-11-20T08:00:00.000+0000")] {
        let desk = Desk::new([count(0), newest, rows(vec![])]);
        let scan = Scan { rows: Rows::Since(Mark("2026-11-20T09:00:00Z".into())), ..Scan::all("account") };
        let page = desk.page(&scan, None).await.unwrap();
        assert_eq!(page.mark, Some(Mark("2026-11-20T09:00:00Z".into())));
        desk.finished();
    }
}

#[tokio::test]
async fn users_are_standard_ones_and_hidden_fields_are_left_out() {
    let described = json!({ "updateable": false, "fields": [
        { "name": "Id", "type": "id" }, { "name": "Username", "type": "string" }, { "name": "Email", "type": "email" },
        { "name": "EmployeeNumber", "type": "string" },
    ] });
    let desk = Desk::new([answer(200, &described), count(2), newest(STAMP), rows(vec![user(OWNER_ONE, true), user(OWNER_TWO, false)])]);
    let (_, records) = desk.whole(&Scan::all("user")).await.unwrap();
    let queries = desk.queries();
    assert_eq!(queries[1], "SELECT COUNT() FROM User WHERE UserType = 'Standard'");
    assert_eq!(
        queries[3],
        "SELECT Id, Name, SystemModstamp, Username, Email, EmployeeNumber, IsActive FROM User WHERE UserType = 'Standard'"
    );
    assert!(desk.sent().iter().all(|sent| !sent.path.ends_with("queryAll")), "users are never deleted and have no IsDeleted");
    assert_eq!(records.iter().map(|record| record.state).collect::<Vec<_>>(), [State::Active, State::Inactive]);
    assert_eq!(records[0].person.as_ref().unwrap().emails, ["user1@example.com"]);
    desk.finished();
}

#[tokio::test]
async fn an_object_of_the_settings_is_a_kind_with_queues() {
    let described = json!({ "fields": [{ "name": "Amount__c", "type": "currency" }, { "name": "OwnerId", "type": "reference" }] });
    let row = json!({ "Id": "a01Qk0000000001", "Name": "V-1", "Number__c": "N1", "OwnerId": "00GQk0000000001", "Amount__c": 12.5, "SystemModstamp": STAMP });
    let desk = Desk::with(&[("objects", json!("Visit__c:Number__c"))], [answer(200, &described), count(1), newest(STAMP), rows(vec![row])]);
    let scan = Scan::all("Visit__c").with_fields(vec![FieldName::fixed("Amount__c")]);
    let (_, records) = desk.whole(&scan).await.unwrap();
    assert!(desk.queries()[3].starts_with("SELECT Id, Name, SystemModstamp, OwnerId, Number__c, Amount__c FROM Visit__c"));
    let record = &records[0];
    assert_eq!(record.key(&"code".into()), Some("N1"));
    assert_eq!(record.owner(&Role::fixed("owner")), &Owner::Known(vec![]), "SF-12: a queue is nobody");
    assert_eq!(record.owner(&Role::fixed("queue")), &Owner::Known(vec![full("00GQk0000000001")]));
    assert_eq!(record.values, [Value::Decimal(rightful_core::Decimal::parse("12.5").unwrap())]);
    let error = Desk::new([]).page(&Scan::all("Visit__c"), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "without the setting there is no such kind");
}

#[tokio::test]
async fn ids_are_looked_up_in_either_form_and_nonsense_is_never_asked_for() {
    let ids = [account_id(1), full(&account_id(2)), "' OR Name != '".to_owned(), "7".to_owned()].map(Into::into).to_vec();
    let desk = Desk::new([rows(vec![account(1, OWNER_ONE)])]);
    let (_, records) = desk.whole(&Scan::ids("account", ids)).await.unwrap();
    let wanted = format!(
        "SELECT Id, Name, SystemModstamp, OwnerId, AccountNumber FROM Account WHERE Id IN ('{}','{}')",
        full(&account_id(1)),
        full(&account_id(2))
    );
    assert_eq!((desk.queries(), records.len()), (vec![wanted], 1));

    let desk = Desk::new([]);
    let (_, records) = desk.whole(&Scan::ids("account", vec!["nothing".into()])).await.unwrap();
    assert_eq!((records.len(), desk.all().len()), (0, 0));
}

#[tokio::test]
async fn keys_are_escaped_and_compared_to_the_letter() {
    let key = |values: &[&str]| Rows::Keys("code".into(), values.iter().map(|value| (*value).to_owned()).collect());
    let other_case = json!({ "Id": account_id(2), "Name": "B", "AccountNumber": "c-1", "OwnerId": OWNER_ONE });
    let desk = Desk::new([rows(vec![account(1, OWNER_ONE), other_case])]);
    let scan = Scan { rows: key(&["C-1", "O'Brien') OR Name != ('"]), ..Scan::all("account") };
    let (_, records) = desk.whole(&scan).await.unwrap();
    assert!(desk.queries()[0].ends_with(r"WHERE AccountNumber IN ('C-1','O\'Brien\') OR Name != (\'')"), "{:?}", desk.queries());
    assert_eq!(records.iter().map(|record| record.id.to_string()).collect::<Vec<_>>(), [full(&account_id(1))]);

    let ids: Vec<_> = (0..450).map(|number| account_id(number).into()).collect();
    let desk = Desk::new([rows(vec![]), rows(vec![]), rows(vec![])]);
    desk.whole(&Scan::ids("account", ids)).await.unwrap();
    let longest = desk.sent().iter().map(|sent| sent.query.len()).max().unwrap();
    assert!(longest < 8_000, "{longest}");
    desk.finished();
}

fn csv(rows: &[u32], locator: &'static str) -> Answer {
    let lines: String = rows
        .iter()
        .map(|number| {
            format!("\"{}\",\"Account {number}\",\"2026-11-20T09:15:02.000Z\",\"{OWNER_ONE}\",\"C-{number}\"\n", full(&account_id(*number)))
        })
        .collect();
    let body = format!("\"Id\",\"Name\",\"SystemModstamp\",\"OwnerId\",\"AccountNumber\"\n{lines}");
    Ok(Response::new(StatusCode::OK, body)
        .with_header(HeaderName::from_static("content-type"), HeaderValue::from_static("text/csv"))
        .with_header(HeaderName::from_static("sforce-numberofrecords"), HeaderValue::from(rows.len()))
        .with_header(HeaderName::from_static("sforce-locator"), HeaderValue::from_static(locator)))
}

fn job(state: &str) -> Answer {
    answer(200, &json!({ "id": "750Qk0000000001IAA", "state": state, "apiVersion": 62.0, "operation": "query" }))
}

const BULK: &[(&str, i64)] = &[("bulk_from", 1), ("page_size", 200), ("ranges", 1)];

fn bulk() -> Vec<(&'static str, Json)> {
    BULK.iter().map(|(key, value)| (*key, json!(value))).collect()
}

#[tokio::test]
async fn very_many_rows_are_read_by_a_job_to_its_last_page() {
    let end = |number| rows(vec![json!({ "Id": account_id(number) })]);
    let desk = Desk::with(
        &bulk(),
        [
            count(300),
            newest(STAMP),
            end(1),
            end(300),
            job("UploadComplete"),
            job("InProgress"),
            job("JobComplete"),
            csv(&[1, 2], "MTAwMDA"),
            csv(&[3], "null"),
        ],
    );
    let (first, records) = desk.whole(&Scan::all("account")).await.unwrap();
    assert_eq!((first.total, records.len(), records[2].key(&"code".into())), (Some(300), 3, Some("C-3")));
    let sent = desk.sent();
    let created: Json = serde_json::from_str(&sent[4].body).unwrap();
    assert_eq!(
        created,
        json!({ "operation": "query", "query": "SELECT Id, Name, SystemModstamp, OwnerId, AccountNumber FROM Account",
                "contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF" })
    );
    assert_eq!(
        (sent[7].path.as_str(), sent[7].query.as_str()),
        ("/services/data/v62.0/jobs/query/750Qk0000000001IAA/results", "maxRecords=5000")
    );
    assert_eq!(sent[8].query, "maxRecords=5000&locator=MTAwMDA");
    let waits: Vec<u128> = desk.clock.waits().iter().map(std::time::Duration::as_millis).collect();
    assert_eq!(waits, [500, 1000]);
    desk.finished();
}

#[tokio::test]
async fn what_jobs_cannot_read_is_read_by_pages() {
    let end = |number| rows(vec![json!({ "Id": account_id(number) })]);
    let refusal = refused(400, "INVALIDENTITY", "Entity 'Account' is not supported by the Bulk API.");
    let desk = Desk::with(&bulk(), [count(300), newest(STAMP), end(1), end(300), refusal, rows(vec![account(1, OWNER_ONE)])]);
    let (_, records) = desk.whole(&Scan::all("account")).await.unwrap();
    assert_eq!(records.len(), 1);
    desk.finished();
}

#[tokio::test]
async fn a_job_that_ends_otherwise_says_so() {
    let end = |number| rows(vec![json!({ "Id": account_id(number) })]);
    for (state, wanted) in [("Failed", ErrorKind::Unavailable), ("Aborted", ErrorKind::Restart), ("Resting", ErrorKind::Protocol)] {
        let desk = Desk::with(&bulk(), [count(300), newest(STAMP), end(1), end(300), job("UploadComplete"), job(state)]);
        let error = desk.whole(&Scan::all("account")).await.unwrap_err();
        assert_eq!((error.kind(), error.failed_operation()), (wanted, Some("query job")), "{state}");
        desk.finished();
    }
}

#[tokio::test]
async fn a_dead_locator_begins_the_scan_anew() {
    let opened = || [count(1), newest(STAMP), page(2, "0r8xx0000001abcAAA-1", vec![account(1, OWNER_ONE)])];
    for dead in [
        refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator"),
        refused(401, "INVALID_SESSION_ID", "Session expired or invalid"),
        refused(401, "INVALID_AUTH_HEADER", "INVALID_JWT_FORMAT"),
    ] {
        let desk = Desk::new(opened().into_iter().chain([dead]));
        let first = desk.page(&Scan::all("account"), None).await.unwrap();
        let error = desk.page(&Scan::all("account"), first.next.first()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Restart, "{error:?}");
        assert_eq!(desk.all().len(), 5, "the locator is asked for once, and no new sign-in is made for it");
        desk.finished();
    }
}

#[tokio::test]
async fn answers_that_are_not_what_they_say_are_errors() {
    let cases: Vec<(Answer, ErrorKind)> = vec![
        (Ok(Response::new(StatusCode::OK, "<html>maintenance</html>")), ErrorKind::Protocol),
        (Ok(Response::new(StatusCode::OK, "{\"records\":[{\"Id\":")), ErrorKind::Protocol),
        (rows(vec![json!({ "Id": "nothing", "Name": "A" })]), ErrorKind::Protocol),
        (answer(200, &json!({ "totalSize": 9, "done": false, "records": [] })), ErrorKind::Protocol),
        (refused(400, "INVALID_FIELD", "No such column 'AccountNumber' on entity 'Account'."), ErrorKind::Config),
    ];
    for (broken, wanted) in cases {
        let desk = Desk::new([count(1), newest(STAMP), broken]);
        let error = desk.page(&Scan::all("account"), None).await.unwrap_err();
        assert_eq!((error.kind(), error.failed_operation()), (wanted, Some("accounts")), "{error:?}");
    }
}

#[tokio::test]
async fn a_spent_day_ends_the_run_and_a_crowd_does_not() {
    let crowd = refused(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.");
    let desk = Desk::new([crowd, count(0), newest(STAMP), rows(vec![])]);
    desk.page(&Scan::all("account"), None).await.unwrap();
    desk.finished();

    let desk = Desk::new([refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")]);
    for _ in 0..2 {
        assert_eq!(desk.page(&Scan::ids("account", vec![account_id(1).into()]), None).await.unwrap_err().kind(), ErrorKind::RateLimited);
    }
    assert_eq!(desk.sent().len(), 1, "nothing more is sent meanwhile");
}

#[tokio::test]
async fn sf_7_our_share_of_the_day_is_not_exceeded() {
    let near = count(0)
        .map(|answer| answer.with_header(HeaderName::from_static("sforce-limit-info"), HeaderValue::from_static("api-usage=4001/5000")));
    let desk = Desk::new([near]);
    let scan = Scan::ids("account", vec![account_id(1).into()]);
    desk.page(&scan, None).await.unwrap();
    let error = desk.page(&scan, None).await.unwrap_err();
    assert_eq!((error.kind(), desk.sent().len()), (ErrorKind::RateLimited, 1));
}
