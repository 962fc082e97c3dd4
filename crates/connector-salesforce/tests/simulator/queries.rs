//! Queries, their pages, aggregates, children and describe.

use chrono::Duration;
use connector_salesforce::sim::{Options, Switches};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{CLIENT, Desk, SECRET, accounts, form};

#[tokio::test]
async fn rows_look_as_the_vendor_shows_them() {
    let desk = Desk::usual().await;
    let answer = desk
        .query("SELECT Id, Name, Website, Owner.Email, Owner.Manager.Name, SystemModstamp FROM Account WHERE Name = 'acorn traders'")
        .await;
    let body = answer.json();
    assert_eq!((&body["totalSize"], &body["done"], body.get("nextRecordsUrl")), (&json!(1), &json!(true), None));
    let row = &body["records"][0];
    let id = row["Id"].as_str().unwrap();
    assert_eq!((id.len(), &row["attributes"]["url"]), (18, &json!(format!("/services/data/v62.0/sobjects/Account/{id}"))));
    assert_eq!(
        (&row["Website"], &row["Owner"]["Email"], &row["Owner"]["Manager"]),
        (&Value::Null, &json!("nadia.o@example.com"), &Value::Null)
    );
    assert_eq!(row["Owner"]["attributes"]["type"], "User");
    assert!(row["SystemModstamp"].as_str().unwrap().ends_with(".000+0000"), "{row}");
    assert!(answer.header("sforce-limit-info").starts_with("api-usage=1/"), "{:?}", answer.headers);
}

#[tokio::test]
async fn conditions_choose_rows() {
    let desk = Desk::usual().await;
    let nadia = desk.id("User", "Username = 'nadia.o@acme.example'").await;
    let cases = [
        ("Name LIKE 'O\\'Brien%'".to_owned(), vec!["O'Brien & Söhne"]),
        (format!("OwnerId = '{}'", &nadia[..15]), vec!["Acorn Traders", "O'Brien & Söhne"]),
        ("Owner.IsActive = false".into(), vec!["Harbour, Lane & Co.", "Old Mill Traders"]),
        ("Region__c IN ('gauteng', 'NATAL')".into(), vec!["Harbour, Lane & Co.", "Kopje Outfitters", "Tarn & Fell"]),
        ("Region__c NOT IN ('Cape') AND AnnualRevenue > 3000".into(), vec!["Kopje Outfitters", "Tarn & Fell"]),
        ("NOT (Region__c = 'Cape' OR Region__c = 'Natal')".into(), vec!["Harbour, Lane & Co.", "Kopje Outfitters"]),
        ("Website = null AND AnnualRevenue >= 6000".into(), vec!["Tarn & Fell"]),
        ("Website > 'a'".into(), vec![]),
        ("Website != 'x' AND AnnualRevenue = 1000".into(), vec!["Acorn Traders"]),
        ("Id IN (SELECT AccountId FROM Contact WHERE LastName = 'Number 4')".into(), vec!["Kopje Outfitters"]),
        ("Id NOT IN (SELECT AccountId FROM Opportunity WHERE Amount < 600)".into(), vec!["Tarn & Fell"]),
        ("SystemModstamp >= 2100-01-01T00:00:00Z".into(), vec![]),
    ];
    for (condition, names) in cases {
        assert_eq!(desk.texts(&format!("SELECT Name FROM Account WHERE {condition}"), "Name").await, names, "{condition}");
    }
    for (order, first) in [
        ("Name", "Acorn Traders"),
        ("Name DESC", "Tarn & Fell"),
        ("Region__c DESC, Name", "Tarn & Fell"),
        ("Owner.Name, Name DESC", "Old Mill Traders"),
    ] {
        let found = desk.texts(&format!("SELECT Name, Owner.Name FROM Account ORDER BY {order}"), "Name").await;
        let first = if order.starts_with("Owner") { found[0].as_str() } else { first };
        assert_eq!(found[0], first, "{order}: {found:?}");
    }
    assert_eq!(
        desk.texts("SELECT Name FROM Account ORDER BY Name LIMIT 2 OFFSET 1", "Name").await,
        ["Harbour, Lane & Co.", "Kopje Outfitters"]
    );
    assert_eq!(desk.texts("SELECT FirstName FROM User ORDER BY FirstName NULLS LAST LIMIT 1", "FirstName").await, ["Lindiwe"]);
    assert_eq!(desk.texts("SELECT FirstName FROM User ORDER BY FirstName DESC LIMIT 1", "FirstName").await, [""]);
}

#[tokio::test]
async fn refusals_are_a_list_with_code_and_place() {
    let desk = Desk::usual().await;
    let refused = desk.query("SELECT Id FROM Account WHERE Nme = 'x'").await;
    assert_eq!(refused.refusal(), (400, "INVALID_FIELD".into()));
    assert!(refused.json()[0]["message"].as_str().unwrap().contains("ERROR at Row:1:Column:30"), "{}", refused.text);
    assert_eq!(desk.query("SELECT Id FROM ScratchOrgInfo limit 1").await.refusal(), (400, "INVALID_TYPE".into()));
    assert_eq!(desk.get("query").await.refusal(), (400, "MALFORMED_QUERY".into()));
    assert_eq!(desk.send(desk.data(Method::POST, "query")).await.status, 405);
    desk.fault("query-timeout");
    assert_eq!(desk.query("SELECT Id FROM Account").await.refusal(), (400, "QUERY_TIMEOUT".into()));
    desk.switch(json!({"hidden_fields": ["Account.Region__c"]}));
    assert_eq!(desk.query("SELECT Region__c FROM Account").await.refusal(), (400, "INVALID_FIELD".into()));
    let described = desk.get("sobjects/account/describe").await.json();
    assert!(!described["fields"].as_array().unwrap().iter().any(|field| field["name"] == "Region__c"));
}

#[tokio::test]
async fn pages_follow_locators() {
    let desk = Desk::with(accounts(4_500)).await;
    let mut url = format!("/services/data/v62.0/query?{}", form(&[("q", "SELECT Id FROM Account ORDER BY Name")]));
    let mut sizes = Vec::new();
    let mut ids = std::collections::BTreeSet::new();
    loop {
        let page = desk.send(desk.request(Method::GET, &url).bearer_auth(&desk.token)).await.json();
        assert_eq!(page["totalSize"], 4_500);
        let rows = page["records"].as_array().unwrap();
        sizes.push(rows.len());
        ids.extend(rows.iter().map(|row| row["Id"].as_str().unwrap().to_owned()));
        if page["done"] == true {
            assert!(page.get("nextRecordsUrl").is_none());
            break;
        }
        url = format!("{}?q=ignored", page["nextRecordsUrl"].as_str().unwrap());
        assert!(url.starts_with("/services/data/v62.0/query/0r8"), "{url}");
    }
    assert_eq!((sizes, ids.len()), (vec![2_000, 2_000, 500], 4_500));
    for (asked, size) in [("batchSize=500", 500), ("BATCHSIZE=1", 200), ("batchSize=9999", 2_000), ("other=1", 2_000)] {
        let request =
            desk.data(Method::GET, &format!("query?{}", form(&[("q", "SELECT Id FROM Account")]))).header("Sforce-Query-Options", asked);
        assert_eq!(desk.send(request).await.json()["records"].as_array().unwrap().len(), size, "{asked}");
    }
    desk.fault("small-pages");
    assert_eq!(desk.query("SELECT Id FROM Account").await.json()["records"].as_array().unwrap().len(), 200);
    desk.fault("dead-locator");
    let next = url.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
    assert_eq!(desk.get(&format!("query/{next}")).await.refusal(), (400, "INVALID_QUERY_LOCATOR".into()));
    assert_eq!(desk.get(&format!("queryAll/{next}")).await.status, 200);
    assert_eq!(desk.get("query/0r8000000000000AAA-2000").await.refusal(), (400, "INVALID_QUERY_LOCATOR".into()));
    // Another session cannot use it.
    let other = desk.token(&[("grant_type", "client_credentials"), ("client_id", CLIENT), ("client_secret", SECRET)]).await.json();
    let request = desk.request(Method::GET, &url).bearer_auth(other["access_token"].as_str().unwrap());
    assert_eq!(desk.send(request).await.refusal(), (400, "INVALID_QUERY_LOCATOR".into()));
    desk.switch(json!({"session_minutes": 10_000}));
    desk.sim.clock().advance(Duration::days(2));
    assert_eq!(desk.get(&format!("query/{next}")).await.refusal(), (400, "INVALID_QUERY_LOCATOR".into()));
}

#[tokio::test]
async fn aggregates_and_counts() {
    let desk = Desk::usual().await;
    let count = desk.query("SELECT COUNT() FROM Account").await.json();
    assert_eq!((&count["totalSize"], &count["records"]), (&json!(6), &json!([])));
    let rows = desk
        .records("SELECT Region__c, COUNT(Id), SUM(AnnualRevenue) total FROM Account GROUP BY Region__c ORDER BY COUNT(Id) DESC, Region__c")
        .await;
    let shown = |region: &str, count: u64, total: u64| json!({"attributes": {"type": "AggregateResult"}, "Region__c": region, "expr0": count, "total": total});
    assert_eq!(rows, [shown("Cape", 3, 8_000), shown("Gauteng", 2, 7_000), shown("Natal", 1, 6_000)]);
    let few = desk.records("SELECT Owner.Name, COUNT(Id) FROM Account GROUP BY Owner.Name HAVING COUNT(Id) > 1 LIMIT 1").await;
    assert_eq!((few.len(), few[0]["expr0"].as_u64(), few[0]["Name"].is_string()), (1, Some(2), true));
    let all = desk
        .records("SELECT MIN(Name), MAX(AnnualRevenue), AVG(AnnualRevenue), COUNT_DISTINCT(Region__c), MIN(Website) FROM Account")
        .await;
    assert_eq!(
        all,
        [
            json!({"attributes": {"type": "AggregateResult"}, "expr0": "Acorn Traders", "expr1": 6_000, "expr2": 3_500, "expr3": 3, "expr4": null})
        ]
    );
    let ends = desk.records("SELECT MIN(Id) first, MAX(Id) last FROM Account").await;
    assert_eq!(ends[0]["first"].as_str().map(str::len), Some(18));
}

#[tokio::test]
async fn children_come_with_their_parent_and_page_by_themselves() {
    let desk = Desk::usual().await;
    let account = desk.id("Account", "Name = 'Tarn & Fell'").await;
    for number in 0..5 {
        desk.call(Method::POST, "sobjects/Contact", &json!({"LastName": format!("More {number}"), "AccountId": account})).await;
    }
    let rows = desk.records("SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName), (SELECT Id FROM Cases) FROM Account").await;
    assert_eq!((&rows[1]["Contacts"]["totalSize"], &rows[1]["Cases"]), (&json!(1), &Value::Null));
    assert_eq!(rows[5]["Contacts"]["records"][5]["LastName"], "Number 6");
    desk.switch(json!({"page_size": 4}));
    let page = desk.query("SELECT Name, (SELECT LastName FROM Contacts) FROM Account WHERE Name LIKE 'T%'").await.json();
    let inner = &page["records"][0]["Contacts"];
    assert_eq!((&inner["totalSize"], &inner["done"], inner["records"].as_array().unwrap().len()), (&json!(6), &json!(false), 4));
    let rest = desk.send(desk.request(Method::GET, inner["nextRecordsUrl"].as_str().unwrap()).bearer_auth(&desk.token)).await.json();
    assert_eq!((&rest["done"], rest["records"].as_array().unwrap().len()), (&json!(true), 2));
}

#[tokio::test]
async fn query_all_sees_the_recycle_bin() {
    let desk = Desk::usual().await;
    let id = desk.id("Account", "Name = 'Tarn & Fell'").await;
    assert_eq!(desk.send(desk.data(Method::DELETE, &format!("sobjects/Account/{id}"))).await.status, 204);
    assert_eq!(desk.records("SELECT Id FROM Account").await.len(), 5);
    let all = desk.get(&format!("queryAll/?{}", form(&[("q", "SELECT Id, IsDeleted FROM Account WHERE IsDeleted = true")]))).await.json();
    assert_eq!((&all["totalSize"], &all["records"][0]["Id"], &all["records"][0]["IsDeleted"]), (&json!(1), &json!(id), &json!(true)));
}

#[tokio::test]
async fn polymorphic_owners_show_name_and_type() {
    let desk = Desk::usual().await;
    let rows = desk.records("SELECT LastName, Owner.Name, Owner.Type FROM Lead ORDER BY LastName").await;
    assert_eq!(
        (&rows[0]["Owner"]["Type"], &rows[1]["Owner"]["Type"], &rows[1]["Owner"]["Name"]),
        (&json!("User"), &json!("Queue"), &json!("Inbound"))
    );
    assert_eq!(rows[1]["Owner"]["attributes"]["type"], "Group");
    assert_eq!(desk.query("SELECT Owner.Email FROM Lead").await.refusal(), (400, "INVALID_FIELD".into()));
    desk.switch(json!({"wide_owner_names": true}));
    assert_eq!(
        desk.records("SELECT Owner.Email FROM Lead WHERE Owner.Type = 'User' ORDER BY LastName").await[0]["Owner"]["Email"],
        "nadia.o@example.com"
    );
}

#[tokio::test]
async fn objects_are_described() {
    let desk = Desk::usual().await;
    let all = desk.get("sobjects/").await.json();
    let names: Vec<&str> = all["sobjects"].as_array().unwrap().iter().map(|object| object["name"].as_str().unwrap()).collect();
    for name in ["Account", "Contact", "Opportunity", "User", "Lead", "Group", "UpsertTable__c", "BigTable__c"] {
        assert!(names.contains(&name), "{name} in {names:?}");
        let described = desk.get(&format!("sobjects/{name}/describe/")).await.json();
        assert_eq!((&described["name"], described["fields"][0]["type"].as_str()), (&json!(name), Some("id")), "{name}");
    }
    assert_eq!(all["maxBatchSize"], 200);
    let owner = |described: &Value| {
        described["fields"].as_array().unwrap().iter().find(|field| field["name"] == "OwnerId").unwrap()["referenceTo"].clone()
    };
    assert_eq!(owner(&desk.get("sobjects/Lead/describe").await.json()), json!(["Group", "User"]));
    assert_eq!(owner(&desk.get("sobjects/Account/describe").await.json()), json!(["User"]));
    assert_eq!(desk.get("sobjects/Account").await.json()["objectDescribe"]["keyPrefix"], "001");
    assert_eq!(desk.get("sobjects/Nothing/describe").await.refusal(), (404, "NOT_FOUND".into()));
    assert!(!names.contains(&"AccountTeamMember"));
    let teams = Desk::switched(Switches { teams: true, ..Switches::default() }).await;
    assert_eq!(teams.query("SELECT Id FROM AccountTeamMember").await.status, 200);
}

#[tokio::test]
async fn columns_plans_and_a_missing_done() {
    let desk = Desk::usual().await;
    let asked = form(&[("q", "SELECT Id, Owner.Name FROM Account"), ("columns", "true")]);
    let columns = desk.get(&format!("query?{asked}")).await.json();
    assert_eq!(
        (&columns["columnMetadata"][0]["columnName"], &columns["columnMetadata"][1]["joinColumns"][0]["columnName"]),
        (&json!("Id"), &json!("Name"))
    );
    let plans = desk.get(&format!("query?{}", form(&[("explain", "SELECT Id FROM Account")]))).await.json();
    assert_eq!(plans["plans"][0]["cardinality"], 6);
    desk.fault("missing-done");
    let answer = desk.query("SELECT Id FROM Account WHERE Name = 'nobody'").await.json();
    assert_eq!((answer.get("done"), &answer["totalSize"]), (None, &json!(0)));
    let long = "x".repeat(17_000);
    let too_long = desk.query(&format!("SELECT Id FROM Account WHERE Name = '{long}'")).await;
    assert_eq!((too_long.status, too_long.text.as_str()), (414, "<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>"));
    let wide = desk.data(Method::GET, "limits").header("x-wide", &long[..16_380]);
    assert_eq!(desk.send(wide).await.status, 431);
    let organisation =
        desk.query("SELECT Name, InstanceName, IsSandbox, TrialExpirationDate, NamespacePrefix, OrganizationType FROM Organization").await;
    assert_eq!(organisation.json()["totalSize"], 1);
    let empty = Desk::with(Options { seed: connector_salesforce::sim::Seed::empty(), ..Options::default() }).await;
    assert_eq!(empty.records("SELECT Id FROM Account").await.len(), 0);
}
