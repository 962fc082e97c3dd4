//! Single records: what is written, what is refused, upserts and owners.

use connector_salesforce::sim::Switches;
use reqwest::Method;
use serde_json::{Value, json};

use crate::Desk;

async fn user(desk: &Desk, login: &str) -> String {
    desk.id("User", &format!("Username = '{login}@acme.example'")).await
}

#[tokio::test]
async fn a_record_is_created_read_changed_and_deleted() {
    let desk = Desk::usual().await;
    let body = json!({"name": " New & <Co> ", "REGION__C": "Cape", "AnnualRevenue": 12.50, "Website": ""});
    let made = desk.call(Method::POST, "sobjects/account/", &body).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!((made.status, made.json()), (201, json!({"id": id, "success": true, "errors": []})));
    let row = desk.get(&format!("sobjects/Account/{}", &id[..15])).await.json();
    let me = user(&desk, "integration").await;
    assert_eq!(
        (&row["Name"], &row["Region__c"], &row["Website"], &row["AnnualRevenue"]),
        (&json!("New & <Co>"), &json!("Cape"), &Value::Null, &json!(12.5))
    );
    assert_eq!((&row["OwnerId"], &row["CreatedById"], &row["LastModifiedById"]), (&json!(me), &json!(me), &json!(me)));
    assert_eq!(row["SystemModstamp"], "2027-03-01T10:00:30.000+0000");
    desk.sim.clock().advance(chrono::Duration::milliseconds(61_500));
    let changed = desk.call(Method::PATCH, &format!("sobjects/Account/{id}"), &json!({"Region__c": null, "Phone": "1"})).await;
    assert_eq!((changed.status, changed.text.as_str()), (204, ""));
    let row = desk.get(&format!("sobjects/Account/{id}?fields=Name,Region__c,phone,SystemModstamp")).await.json();
    assert_eq!(
        (&row["Region__c"], &row["Phone"], &row["SystemModstamp"]),
        (&Value::Null, &json!("1"), &json!("2027-03-01T10:01:31.000+0000"))
    );
    assert_eq!(row.as_object().unwrap().len(), 6);
    assert_eq!(desk.send(desk.data(Method::DELETE, &format!("sobjects/Account/{id}"))).await.status, 204);
    assert_eq!(desk.get(&format!("sobjects/Account/{id}")).await.refusal(), (404, "ENTITY_IS_DELETED".into()));
    for missing in ["001Qk0000000zzz", "nothing", "003Qk0000000001"] {
        assert_eq!(desk.get(&format!("sobjects/Account/{missing}")).await.refusal(), (404, "NOT_FOUND".into()), "{missing}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_its_code_and_nothing_is_written() {
    let desk = Desk::usual().await;
    let id = desk.id("Account", "Name = 'Acorn Traders'").await;
    let before = desk.get(&format!("sobjects/Account/{id}")).await.json();
    for (members, code, fields) in [
        (json!({"Nme": "x"}), "INVALID_FIELD", json!(null)),
        (json!({"Id": id}), "INVALID_FIELD", json!(["Id"])),
        (json!({"CreatedDate": "2026-01-01T00:00:00Z"}), "INVALID_FIELD_FOR_INSERT_UPDATE", json!(["CreatedDate"])),
        (json!({"Name": null}), "REQUIRED_FIELD_MISSING", json!(["Name"])),
        (json!({"Region__c": "kept?", "Name": "x".repeat(256)}), "STRING_TOO_LONG", json!(["Name"])),
        (json!({"AnnualRevenue": "many"}), "JSON_PARSER_ERROR", json!(null)),
        (json!({"NumberOfEmployees": 1.5}), "JSON_PARSER_ERROR", json!(null)),
        (json!({"ParentId": "x"}), "MALFORMED_ID", json!(["ParentId"])),
        (json!({"ParentId": "003Qk0000000001"}), "MALFORMED_ID", json!(["ParentId"])),
        (json!({"ParentId": "001Qk0000000zzz"}), "INVALID_CROSS_REFERENCE_KEY", json!(["ParentId"])),
        (json!({"External_Id__c": "acc-002"}), "DUPLICATE_VALUE", json!(null)),
    ] {
        let refused = desk.call(Method::PATCH, &format!("sobjects/Account/{id}"), &members).await;
        assert_eq!(refused.refusal(), (400, code.to_owned()), "{members}");
        assert_eq!(refused.json()[0].get("fields").cloned().unwrap_or_default(), fields, "{members}");
    }
    let broken = desk.send(desk.data(Method::PATCH, &format!("sobjects/Account/{id}")).body("{\"Name\": ")).await;
    assert_eq!(broken.refusal(), (400, "JSON_PARSER_ERROR".into()));
    assert_eq!(desk.get(&format!("sobjects/Account/{id}")).await.json(), before);
    assert_eq!(desk.call(Method::PUT, &format!("sobjects/Account/{id}"), &json!({})).await.status, 405);
    let missing = desk.call(Method::POST, "sobjects/Opportunity", &json!({"Name": "x"})).await;
    assert_eq!(missing.json()[0]["message"], "Required fields are missing: [StageName, CloseDate]");
    assert_eq!(
        desk.call(Method::POST, "sobjects/Profile", &json!({"Name": "x"})).await.refusal(),
        (400, "INVALID_TYPE_FOR_OPERATION".into())
    );
    let me = user(&desk, "nadia.o").await;
    assert_eq!(
        desk.send(desk.data(Method::DELETE, &format!("sobjects/User/{me}"))).await.refusal(),
        (400, "INVALID_TYPE_FOR_OPERATION".into())
    );
}

#[tokio::test]
async fn upserts_create_change_or_name_the_choices() {
    let desk = Desk::usual().await;
    let path = "sobjects/Account/External_Id__c/N%2F1%20a";
    let made = desk.call(Method::PATCH, path, &json!({"Name": "Upserted"})).await;
    let id = made.json()["id"].clone();
    assert_eq!((made.status, made.json()), (201, json!({"id": id, "success": true, "errors": [], "created": true})));
    let changed = desk.call(Method::PATCH, path, &json!({"Name": "Again"})).await;
    assert_eq!((changed.status, changed.json()), (200, json!({"id": id, "success": true, "errors": [], "created": false})));
    let old = desk.request(Method::PATCH, &format!("/services/data/v45.0/{path}")).bearer_auth(&desk.token).body(r#"{"Name":"Old"}"#);
    assert_eq!(desk.send(old).await.status, 204);
    assert_eq!(
        (desk.get(path).await.json()["Name"].clone(), desk.get(path).await.json()["External_Id__c"].clone()),
        (json!("Old"), json!("N/1 a"))
    );
    let only = desk.call(Method::PATCH, "sobjects/Account/External_Id__c/none?updateOnly=true", &json!({"Name": "x"})).await;
    assert_eq!(only.status, 404);
    for (field, members, refusal) in [
        ("Name", json!({}), (404, "NOT_FOUND")),
        ("External_Id__c", json!({"external_id__c": "x"}), (400, "INVALID_FIELD")),
        ("External_Id__c", json!({"Id": "x"}), (400, "INVALID_FIELD")),
    ] {
        let refused = desk.call(Method::PATCH, &format!("sobjects/Account/{field}/none"), &members).await;
        assert_eq!(refused.refusal(), (refusal.0, refusal.1.to_owned()), "{field} {members}");
    }
    for _ in 0..2 {
        desk.call(Method::POST, "sobjects/UpsertTable__c", &json!({"ExtId__c": "twin"})).await;
    }
    let several = desk.call(Method::PATCH, "sobjects/UpsertTable__c/ExtId__c/TWIN", &json!({"Value__c": "x"})).await;
    let choices = several.json();
    assert_eq!((several.status, choices.as_array().unwrap().len()), (300, 2));
    assert!(choices[0].as_str().unwrap().starts_with("/services/data/v62.0/sobjects/UpsertTable__c/a01"), "{choices}");
    assert_eq!(desk.texts("SELECT Value__c FROM UpsertTable__c", "Value__c").await, ["", ""]);
    assert_eq!(desk.get("sobjects/UpsertTable__c/ExtId__c/twin").await.status, 300);
}

#[tokio::test]
async fn references_may_be_given_by_an_outside_id() {
    let desk = Desk::usual().await;
    let body = json!({"LastName": "Linked", "Account": {"External_Id__c": "ACC-003"}, "Owner": {"Username": "lindiwe@acme.example"}});
    let refused = desk.call(Method::POST, "sobjects/Contact", &json!({"LastName": "x", "Account": {"External_Id__c": "none"}})).await;
    assert_eq!(refused.refusal(), (400, "INVALID_FIELD".into()));
    assert_eq!(desk.call(Method::POST, "sobjects/Contact", &body).await.status, 201);
    let rows = desk.records("SELECT Account.Name, Owner.Username FROM Contact WHERE LastName = 'Linked'").await;
    assert_eq!(
        (&rows[0]["Account"]["Name"], &rows[0]["Owner"]["Username"]),
        (&json!("Harbour, Lane & Co."), &json!("lindiwe@acme.example"))
    );
}

#[tokio::test]
async fn an_owner_is_one_who_may_own_it() {
    let desk = Desk::usual().await;
    let account = desk.id("Account", "Name = 'Acorn Traders'").await;
    let lead = desk.id("Lead", "LastName = 'First'").await;
    let (lindiwe, gone, robot) = (user(&desk, "lindiwe").await, user(&desk, "tomas").await, user(&desk, "autoproc").await);
    let queue = desk.id("Group", "DeveloperName = 'Inbound'").await;
    let group = desk.id("Group", "Type = 'Regular'").await;
    let pieter = user(&desk, "pieter").await;
    desk.control("set-reader", json!({"id": pieter, "on": false}));
    let write = async |object: &str, id: &str, owner: &Value| {
        let answer = desk.call(Method::PATCH, &format!("sobjects/{object}/{id}"), &json!({"OwnerId": owner})).await;
        (answer.status, answer.json()[0]["errorCode"].as_str().unwrap_or_default().to_owned())
    };
    for (object, id, owner, code) in [
        ("Account", &account, json!(gone), "INACTIVE_OWNER_OR_USER"),
        ("Account", &account, json!(robot), "OP_WITH_INVALID_USER_TYPE_EXCEPTION"),
        ("Account", &account, json!(pieter), "TRANSFER_REQUIRES_READ"),
        ("Account", &account, json!(queue), "FIELD_INTEGRITY_EXCEPTION"),
        ("Account", &account, json!(account), "FIELD_INTEGRITY_EXCEPTION"),
        ("Account", &account, json!("005Qk0000000zzz"), "INVALID_CROSS_REFERENCE_KEY"),
        ("Account", &account, json!("garbage"), "MALFORMED_ID"),
        ("Account", &account, json!(null), "INVALID_EMPTY_KEY_OWNER"),
        ("Lead", &lead, json!(group), "FIELD_INTEGRITY_EXCEPTION"),
    ] {
        assert_eq!(write(object, id, &owner).await, (400, code.to_owned()), "{object} {owner}");
    }
    assert_eq!(write("Lead", &lead, &json!(queue)).await.0, 204);
    assert_eq!(write("Account", &account, &json!(&lindiwe[..15])).await.0, 204);
    assert_eq!(desk.get(&format!("sobjects/Account/{account}")).await.json()["OwnerId"], json!(lindiwe));
    // The change does not cascade.
    let contact = desk.records(&format!("SELECT OwnerId FROM Contact WHERE AccountId = '{account}'")).await;
    assert_eq!(contact[0]["OwnerId"], json!(user(&desk, "nadia.o").await));
    // A record of an inactive user can only be given away.
    let asleep = desk.id("Account", "Name = 'Old Mill Traders'").await;
    let touch = async || desk.call(Method::PATCH, &format!("sobjects/Account/{asleep}"), &json!({"Phone": "1"})).await;
    assert_eq!(touch().await.refusal(), (400, "INACTIVE_OWNER_OR_USER".into()));
    desk.switch(json!({"inactive_owners": true}));
    assert_eq!((touch().await.status, write("Account", &account, &json!(gone)).await.0), (204, 204));
    desk.control("lock-record", json!({"id": account}));
    assert_eq!(write("Account", &account, &json!(lindiwe)).await.1, "ENTITY_IS_LOCKED");
    desk.control("set-record", json!({"id": lead, "fields": {"IsConverted": true}}));
    assert_eq!(write("Lead", &lead, &json!(lindiwe)).await.1, "CANNOT_UPDATE_CONVERTED_LEAD");
}

#[tokio::test]
async fn an_assignment_rule_takes_the_owner_unless_told_not_to() {
    let desk = Desk::usual().await;
    let (nadia, pieter) = (user(&desk, "nadia.o").await, user(&desk, "pieter").await);
    desk.switch(json!({"assignment_rule_owner": pieter}));
    let account = desk.id("Account", "Name = 'Kopje Outfitters'").await;
    let path = format!("sobjects/Account/{account}");
    for (header, owner) in [(None, &pieter), (Some("FALSE"), &nadia), (Some("TRUE"), &pieter), (Some("false"), &nadia)] {
        let mut request = desk.data(Method::PATCH, &path).body(json!({"OwnerId": nadia}).to_string());
        if let Some(value) = header {
            request = request.header("Sforce-Auto-Assign", value);
        }
        assert_eq!(desk.send(request).await.status, 204);
        assert_eq!(desk.get(&path).await.json()["OwnerId"], json!(owner), "{header:?}");
    }
}

#[tokio::test]
async fn conditional_headers_guard_by_the_second() {
    let desk = Desk::usual().await;
    let account = desk.id("Account", "Name = 'Acorn Traders'").await;
    let path = format!("sobjects/Account/{account}");
    let with = |method: Method, name: &'static str, value: &'static str| {
        desk.send(desk.data(method, &path).header(name, value).body(r#"{"Phone":"1"}"#))
    };
    let (past, future) = ("Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT");
    assert_eq!(with(Method::GET, "If-Modified-Since", future).await.status, 304);
    assert_eq!(with(Method::GET, "If-Modified-Since", past).await.status, 200);
    assert_eq!(with(Method::PATCH, "If-Unmodified-Since", past).await.status, 412);
    assert_eq!(with(Method::PATCH, "If-Unmodified-Since", "yesterday").await.status, 400);
    assert_eq!(desk.get(&path).await.json()["Phone"], Value::Null);
    assert_eq!(with(Method::PATCH, "If-Unmodified-Since", future).await.status, 204);
}

#[tokio::test]
async fn users_have_rules_of_their_own() {
    let desk = Desk::usual().await;
    let profile = desk.id("Profile", "Name = 'Standard User'").await;
    let mut body = json!({"Username": "new.one@acme.example", "LastName": "One", "FirstName": "New", "Email": "new@example.com", "Alias": "newone",
        "ProfileId": profile, "TimeZoneSidKey": "Europe/London", "LocaleSidKey": "en_GB", "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US"});
    let made = desk.call(Method::POST, "sobjects/User", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let row = desk.get(&format!("sobjects/User/{id}")).await.json();
    assert_eq!((&row["Name"], &row["UserType"], &row["IsActive"]), (&json!("New One"), &json!("Standard"), &json!(true)));
    assert_eq!(desk.call(Method::POST, "sobjects/User", &body).await.refusal(), (400, "DUPLICATE_USERNAME".into()));
    body["Username"] = json!("other@acme.example");
    body["Email"] = json!("nowhere");
    assert_eq!(desk.call(Method::POST, "sobjects/User", &body).await.refusal(), (400, "INVALID_EMAIL_ADDRESS".into()));
    assert_eq!(desk.call(Method::PATCH, &format!("sobjects/User/{id}"), &json!({"IsActive": false})).await.status, 204);
    assert_eq!(desk.records("SELECT Id FROM User WHERE IsActive = false").await.len(), 2);
}

#[tokio::test]
async fn faults_hit_one_request() {
    let desk = Desk::usual().await;
    let account = desk.id("Account", "Name = 'Acorn Traders'").await;
    let path = format!("sobjects/Account/{account}");
    for (fault, status, words) in [
        ("locked-row", 400, "unable to obtain exclusive access"),
        ("unavailable", 503, "SERVER_UNAVAILABLE"),
        ("unfit-session", 401, "not valid for use with the REST API"),
        ("expired-jwt", 401, "INVALID_JWT_FORMAT"),
        ("daily-limit", 403, "TotalRequests Limit exceeded."),
        ("concurrent-limit", 403, "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
        ("long-transactions", 403, "ConcurrentPerOrgLongTxn Limit exceeded."),
        ("api-disabled", 403, "API_DISABLED_FOR_ORG"),
        ("edge-420", 420, "<html>"),
        ("not-json", 200, "<html>"),
    ] {
        desk.fault(fault);
        let answer = desk.call(Method::PATCH, &path, &json!({"Phone": "1"})).await;
        assert!(answer.status == status && answer.text.contains(words), "{fault}: {answer:?}");
        assert_eq!(desk.get(&path).await.json()["Phone"], Value::Null, "{fault}");
    }
    desk.fault("done-unavailable");
    assert_eq!(desk.call(Method::PATCH, &path, &json!({"Phone": "2"})).await.status, 503);
    assert_eq!(desk.get(&path).await.json()["Phone"], "2");
    desk.fault("late-row");
    desk.call(Method::POST, "sobjects/Account", &json!({"Name": "Late"})).await;
    assert_eq!(desk.records("SELECT Id FROM Account WHERE Name = 'Late'").await.len(), 0);
    desk.sim.clock().advance(chrono::Duration::seconds(300));
    let late = desk.texts("SELECT SystemModstamp FROM Account WHERE Name = 'Late'", "SystemModstamp").await;
    assert_eq!(late, ["2027-03-01T10:00:30.000+0000"]);
    desk.fault("expired-session");
    assert_eq!(desk.get(&path).await.refusal(), (401, "INVALID_SESSION_ID".into()));
    assert_eq!(desk.get(&path).await.status, 401);
    let locks = Desk::switched(Switches { lock_every: Some(2), ..Switches::default() }).await;
    let mut statuses = Vec::new();
    for number in 0..4 {
        statuses.push(locks.call(Method::POST, "sobjects/Account", &json!({"Name": format!("{number}")})).await.status);
    }
    assert_eq!(statuses, [201, 400, 201, 400]);
}
