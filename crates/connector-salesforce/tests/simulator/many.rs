//! Many records or calls in one request: collections, composite, batch.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Desk, accounts};

fn record(kind: &str, members: Value) -> Value {
    let mut record = members;
    record["attributes"] = json!({"type": kind});
    record
}

fn codes(results: &Value) -> Vec<String> {
    let code = |result: &Value| match result["success"].as_bool() {
        Some(true) => "ok".to_owned(),
        _ => result["errors"][0]["statusCode"].as_str().unwrap_or_default().to_owned(),
    };
    results.as_array().unwrap().iter().map(code).collect()
}

#[tokio::test]
async fn results_come_in_the_order_of_the_records() {
    let desk = Desk::usual().await;
    let ids = desk.texts("SELECT Id FROM Account", "Id").await;
    let gone = desk.id("User", "IsActive = false").await;
    let pieter = desk.id("User", "Username = 'pieter@acme.example'").await;
    let body = |all_or_none: bool| {
        let records = [
            record("Account", json!({"id": ids[0], "OwnerId": pieter})),
            record("account", json!({"Id": &ids[1][..15], "OwnerId": gone})),
            record("Account", json!({"id": "001Qk0000000zzz", "OwnerId": pieter})),
            record("Account", json!({"id": "x", "OwnerId": pieter})),
            record("Account", json!({"OwnerId": pieter})),
            record("Account", json!({"id": ids[3], "OwnerId": "garbage"})),
        ];
        json!({"allOrNone": all_or_none, "records": records})
    };
    let failed = ["INACTIVE_OWNER_OR_USER", "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID", "MISSING_ARGUMENT", "MALFORMED_ID"];
    let undone = desk.call(Method::PATCH, "composite/sobjects", &body(true)).await;
    let mut wanted = vec!["ALL_OR_NONE_OPERATION_ROLLED_BACK"];
    wanted.extend(failed);
    assert_eq!((undone.status, codes(&undone.json())), (200, wanted.iter().map(|code| (*code).to_owned()).collect()));
    assert!(desk.records(&format!("SELECT Id FROM Account WHERE OwnerId = '{pieter}' AND Id = '{}'", ids[0])).await.is_empty());
    let done = desk.call(Method::PATCH, "composite/sobjects/", &body(false)).await.json();
    wanted[0] = "ok";
    assert_eq!(codes(&done), wanted);
    assert_eq!((&done[0], done[1].get("id")), (&json!({"id": ids[0], "success": true, "errors": []}), None));
    assert_eq!(done[1]["errors"][0]["fields"], json!(["OwnerId"]));
    assert_eq!(desk.records(&format!("SELECT Id FROM Account WHERE OwnerId = '{pieter}' AND Id = '{}'", ids[0])).await.len(), 1);
    desk.fault("partial-failure");
    let half = json!({"records": ids.iter().map(|id| record("Account", json!({"id": id, "OwnerId": pieter}))).collect::<Vec<_>>()});
    let answered = codes(&desk.call(Method::PATCH, "composite/sobjects", &half).await.json());
    assert_eq!(answered.iter().filter(|code| *code == "ok").count(), 3, "{answered:?}");
}

#[tokio::test]
async fn collections_create_upsert_retrieve_and_delete() {
    let desk = Desk::usual().await;
    let made = desk
        .call(
            Method::POST,
            "composite/sobjects",
            &json!({"records": [
        record("Account", json!({"Name": "One"})), record("Contact", json!({"LastName": "Two"})), record("Account", json!({}))]}),
        )
        .await
        .json();
    assert_eq!(codes(&made), ["ok", "ok", "REQUIRED_FIELD_MISSING"]);
    let upserted = desk.call(Method::PATCH, "composite/sobjects/Account/External_Id__c", &json!({"records": [
        record("Account", json!({"External_Id__c": "ACC-001", "Name": "Renamed"})), record("Account", json!({"External_Id__c": "NEW-1", "Name": "New"})),
        record("Account", json!({"Name": "None"}))]})).await.json();
    assert_eq!(codes(&upserted), ["ok", "ok", "MISSING_ARGUMENT"]);
    assert_eq!((&upserted[0]["created"], &upserted[1]["created"]), (&json!(false), &json!(true)));
    let (first, second) = (made[0]["id"].as_str().unwrap(), upserted[0]["id"].as_str().unwrap());
    let rows = desk
        .call(Method::POST, "composite/sobjects/Account", &json!({"ids": [second, "001Qk0000000zzz", first], "fields": ["name"]}))
        .await
        .json();
    assert_eq!(
        (&rows[0]["Name"], &rows[1], &rows[2]["Name"], rows[0].as_object().unwrap().len()),
        (&json!("Renamed"), &Value::Null, &json!("One"), 3)
    );
    assert_eq!(desk.get(&format!("composite/sobjects/Account?ids={first}&fields=Id,Name")).await.json()[0]["Name"], "One");
    assert_eq!(desk.get(&format!("composite/sobjects/Account?ids={first}&fields=Nme")).await.refusal(), (400, "INVALID_FIELD".into()));
    let gone = desk.send(desk.data(Method::DELETE, &format!("composite/sobjects?ids={first},{second},x&allOrNone=false"))).await.json();
    assert_eq!(codes(&gone), ["ok", "ok", "MALFORMED_ID"]);
    let again = desk.send(desk.data(Method::DELETE, &format!("composite/sobjects?ids={first}"))).await.json();
    assert_eq!(codes(&again), ["ENTITY_IS_DELETED"]);
}

#[tokio::test]
async fn collections_have_bounds() {
    let desk = Desk::usual().await;
    let many = |count: usize| json!({"records": vec![record("Account", json!({"Name": "x"})); count]});
    assert_eq!(desk.call(Method::POST, "composite/sobjects", &many(201)).await.refusal(), (400, "EXCEEDED_ID_LIMIT".into()));
    assert_eq!(codes(&desk.call(Method::POST, "composite/sobjects", &many(200)).await.json()).len(), 200);
    let runs = |count: usize| -> Value {
        let kinds = ["Account", "Contact"];
        json!({"records": (0..count).map(|at| record(kinds[at % 2], json!({"Name": "x", "LastName": "x"}))).collect::<Vec<_>>()})
    };
    assert_eq!(desk.call(Method::POST, "composite/sobjects", &runs(11)).await.refusal(), (400, "LIMIT_EXCEEDED".into()));
    assert_eq!(desk.call(Method::POST, "composite/sobjects", &runs(10)).await.status, 200);
    let mixed = json!({"records": [record("Account", json!({"Name": "x"})), record("Group", json!({"Name": "x"}))]});
    assert_eq!(codes(&desk.call(Method::POST, "composite/sobjects", &mixed).await.json()), ["MIXED_DML_OPERATION", "MIXED_DML_OPERATION"]);
    for body in [json!({}), json!({"records": [{"Name": "x"}]}), json!({"records": [1]}), json!([])] {
        assert_eq!(desk.call(Method::POST, "composite/sobjects", &body).await.status, 400, "{body}");
    }
}

#[tokio::test]
async fn composite_calls_feed_each_other_and_stand_or_fall_together() {
    let desk = Desk::usual().await;
    let call = |method: &str, url: &str, name: &str, body: Value| json!({"method": method, "url": format!("/services/data/v62.0/{url}"), "referenceId": name, "body": body});
    let answer = desk
        .call(
            Method::POST,
            "composite",
            &json!({"compositeRequest": [
                call("POST", "sobjects/Account", "made", json!({"Name": "Parent"})),
                call("POST", "sobjects/Contact", "child", json!({"LastName": "Child", "AccountId": "@{made.id}"})),
                call("GET", "query?q=SELECT+Account.Name+FROM+Contact+WHERE+AccountId='@{made.id}'", "asked", Value::Null),
                call("PATCH", "sobjects/Account/@{made.id}", "changed", json!({"Phone": "1"})),
                call("GET", "sobjects/Account/@{nobody.id}", "lost", Value::Null),
            ]}),
        )
        .await
        .json();
    let all = answer["compositeResponse"].as_array().unwrap();
    let statuses: Vec<u64> = all.iter().map(|one| one["httpStatusCode"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 201, 200, 204, 400], "{answer}");
    assert_eq!(
        (&all[2]["body"]["records"][0]["Account"]["Name"], &all[3]["body"], &all[3]["referenceId"]),
        (&json!("Parent"), &Value::Null, &json!("changed"))
    );
    let undone = desk
        .call(
            Method::POST,
            "composite",
            &json!({"allOrNone": true, "compositeRequest": [
        call("POST", "sobjects/Account", "a", json!({"Name": "Undone"})), call("POST", "sobjects/Account", "b", json!({})),
        call("POST", "sobjects/Account", "c", json!({"Name": "Undone"}))]}),
        )
        .await
        .json();
    let codes: Vec<&str> =
        undone["compositeResponse"].as_array().unwrap().iter().map(|one| one["body"][0]["errorCode"].as_str().unwrap()).collect();
    assert_eq!(codes, ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]);
    assert!(desk.records("SELECT Id FROM Account WHERE Name = 'Undone'").await.is_empty());
    let get = |name: &str| call("GET", "limits", name, Value::Null);
    for calls in [
        json!([{"method": "GET", "url": "/services/data/v62.0/limits"}]),
        json!([get("a"), get("a")]),
        json!((0..26).map(|at| get(&at.to_string())).collect::<Vec<_>>()),
        json!((0..6).map(|at| call("GET", "query?q=SELECT+Id+FROM+Account", &at.to_string(), Value::Null)).collect::<Vec<_>>()),
        json!([{"method": "GET", "url": "/services/data/v62.0/limits", "referenceId": "a", "httpHeaders": {"Authorization": "x"}}]),
    ] {
        assert_eq!(desk.call(Method::POST, "composite", &json!({"compositeRequest": calls})).await.status, 400, "{calls}");
    }
    let small = desk.call(Method::POST, "composite", &json!({"compositeRequest": [call("get", "limits", "a", Value::Null)]})).await.json();
    assert_eq!(small["compositeResponse"][0]["httpStatusCode"], 400, "verbs are written large");
}

#[tokio::test]
async fn a_batch_answers_each_call_and_halts_where_told_to() {
    let desk = Desk::usual().await;
    let id = desk.id("Account", "Name = 'Acorn Traders'").await;
    let calls = json!([
        {"method": "PATCH", "url": format!("v62.0/sobjects/Account/{id}"), "richInput": {"Phone": "1"}},
        {"method": "GET", "url": "/services/data/v62.0/sobjects/Account/describe"},
        {"method": "GET", "url": "v62.0/sobjects/Nothing"},
        {"method": "GET", "url": "v62.0/limits"},
    ]);
    for (halt, last) in [(false, 200), (true, 412)] {
        let answer = desk.call(Method::POST, "composite/batch", &json!({"haltOnError": halt, "batchRequests": calls})).await.json();
        let statuses: Vec<u64> = answer["results"].as_array().unwrap().iter().map(|one| one["statusCode"].as_u64().unwrap()).collect();
        assert_eq!((&answer["hasErrors"], statuses), (&json!(true), vec![204, 200, 404, last]));
        assert_eq!((&answer["results"][0]["result"], &answer["results"][1]["result"]["name"]), (&Value::Null, &json!("Account")));
    }
    assert_eq!(desk.call(Method::POST, "composite/batch", &json!({"batchRequests": []})).await.status, 400);
    let nested = json!({"batchRequests": [{"method": "POST", "url": "v62.0/composite/batch", "richInput": {"batchRequests": []}}]});
    assert_eq!(desk.call(Method::POST, "composite/batch", &nested).await.json()["results"][0]["statusCode"], 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_side_by_side_lose_nothing() {
    let desk = std::sync::Arc::new(Desk::with(accounts(0)).await);
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let desk = desk.clone();
            tokio::spawn(async move {
                for round in 0..3 {
                    let records: Vec<Value> =
                        (0..40).map(|row| record("Account", json!({"Name": format!("{writer}-{round}-{row}")}))).collect();
                    let results = desk.call(Method::POST, "composite/sobjects", &json!({"records": records})).await.json();
                    assert!(codes(&results).iter().all(|code| code == "ok"), "{results}");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let names: std::collections::BTreeSet<String> = desk.texts("SELECT Name FROM Account", "Name").await.into_iter().collect();
    assert_eq!(names.len(), 960);
    assert_eq!(desk.sim.dump()["writes"]["Account"]["applied"], 960);
}
