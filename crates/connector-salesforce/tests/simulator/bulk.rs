//! Query jobs: their states, parts, rules and CSV.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Desk, accounts};

async fn create(desk: &Desk, query: &str) -> String {
    let made = desk.call(Method::POST, "jobs/query", &json!({"operation": "query", "query": query})).await;
    let info = made.json();
    assert_eq!((made.status, &info["state"], &info["apiVersion"]), (200, &json!("UploadComplete"), &json!(62.0)), "{}", made.text);
    info["id"].as_str().unwrap().to_owned()
}

async fn finish(desk: &Desk, id: &str) -> Vec<String> {
    let mut states = Vec::new();
    for _ in 0..2 {
        states.push(desk.get(&format!("jobs/query/{id}")).await.json()["state"].as_str().unwrap().to_owned());
    }
    states
}

#[tokio::test]
async fn a_job_is_read_in_parts_until_its_locator_is_the_word_null() {
    let desk = Desk::with(accounts(4_500)).await;
    let id = create(&desk, "SELECT Id, Name, Owner.Username FROM Account").await;
    assert!(id.starts_with("750"), "{id}");
    assert_eq!(desk.get(&format!("jobs/query/{id}/results")).await.refusal(), (400, "INVALIDJOBSTATE".into()));
    assert_eq!(finish(&desk, &id).await, ["InProgress", "JobComplete"]);
    let info = desk.get(&format!("jobs/query/{id}/")).await.json();
    assert_eq!((&info["numberRecordsProcessed"], &info["jobType"], &info["object"]), (&json!(4_500), &json!("V2Query"), &json!("Account")));
    let mut locator = String::new();
    let mut parts = Vec::new();
    let mut rows = 0;
    loop {
        let query = if locator.is_empty() { String::new() } else { format!("&locator={locator}") };
        let part = desk.get(&format!("jobs/query/{id}/results?maxRecords=1500{query}")).await;
        let lines: Vec<&str> = part.text.lines().collect();
        assert_eq!((lines[0], part.header("content-type")), (r#""Id","Name","Owner.Username""#, "text/csv"));
        assert!(lines[1].ends_with(r#","integration@acme.example""#), "{}", lines[1]);
        rows += lines.len() - 1;
        parts.push(part.header("sforce-numberofrecords").to_owned());
        locator = part.header("sforce-locator").to_owned();
        if locator == "null" {
            break;
        }
    }
    assert_eq!((parts, rows), (vec!["1500".to_owned(); 3], 4_500));
    let pages = desk.get(&format!("jobs/query/{id}/resultPages?maxRecords=1000")).await.json();
    let urls: Vec<&str> = pages["resultPages"].as_array().unwrap().iter().map(|page| page["resultUrl"].as_str().unwrap()).collect();
    assert_eq!((urls.len(), &pages["done"]), (5, &json!(true)));
    let last = desk.send(desk.request(Method::GET, urls[4]).bearer_auth(&desk.token)).await;
    assert_eq!((last.header("sforce-numberofrecords"), last.header("sforce-locator")), ("500", "null"));
    let other = desk.request(Method::GET, &format!("/services/data/v61.0/jobs/query/{id}/results")).bearer_auth(&desk.token);
    assert_eq!(desk.send(other).await.status, 409);
    assert_eq!(desk.get(&format!("jobs/query/{id}/results?locator=zzz")).await.status, 400);
    assert_eq!(desk.send(desk.data(Method::DELETE, &format!("jobs/query/{id}"))).await.status, 204);
    assert_eq!(desk.get(&format!("jobs/query/{id}")).await.refusal(), (404, "NOT_FOUND".into()));
}

#[tokio::test]
async fn csv_is_quoted_and_delimited_as_asked() {
    let desk = Desk::usual().await;
    desk.call(Method::POST, "sobjects/Account", &json!({"Name": "A \"quoted\";\nname", "AnnualRevenue": 1.5})).await;
    let body = json!({"operation": "queryAll", "query": "SELECT Name, Website, AnnualRevenue, IsDeleted FROM Account WHERE Name LIKE 'A \"%'",
        "contentType": "CSV", "columnDelimiter": "SEMICOLON", "lineEnding": "CRLF"});
    let id = desk.call(Method::POST, "jobs/query", &body).await.json()["id"].as_str().unwrap().to_owned();
    finish(&desk, &id).await;
    let wanted = "\"Name\";\"Website\";\"AnnualRevenue\";\"IsDeleted\"\r\n\"A \"\"quoted\"\";\nname\";\"\";\"1.5\";\"false\"\r\n";
    let path = format!("jobs/query/{id}/results");
    assert_eq!(desk.get(&path).await.text, wanted);
    desk.fault("nul-in-csv");
    assert!(desk.get(&path).await.text.contains("name\0\""));
    desk.fault("missing-locator");
    assert!(!desk.get(&path).await.headers.contains_key("sforce-locator"));
    let none = create(&desk, "SELECT Id FROM Account WHERE Name = 'nobody'").await;
    finish(&desk, &none).await;
    let empty = desk.get(&format!("jobs/query/{none}/results")).await;
    assert_eq!((empty.text.as_str(), empty.header("sforce-numberofrecords"), empty.header("sforce-locator")), ("\"Id\"\n", "0", "null"));
}

#[tokio::test]
async fn what_bulk_refuses_is_refused() {
    let desk = Desk::usual().await;
    for (body, code) in [
        (json!({"operation": "query", "query": "SELECT COUNT() FROM Account"}), "API_ERROR"),
        (json!({"operation": "query", "query": "SELECT Id, (SELECT Id FROM Contacts) FROM Account"}), "API_ERROR"),
        (json!({"operation": "query", "query": "SELECT Id FROM UserLogin"}), "INVALIDENTITY"),
        (json!({"operation": "query", "query": "SELECT Nme FROM Account"}), "INVALID_FIELD"),
        (json!({"operation": "query", "query": "SELEC"}), "MALFORMED_QUERY"),
        (json!({"operation": "insert", "query": "SELECT Id FROM Account"}), "INVALIDJOB"),
        (json!({"operation": "query", "query": "SELECT Id FROM Account", "columnDelimiter": "DOT"}), "INVALIDJOB"),
        (json!({"operation": "query"}), "INVALIDJOB"),
    ] {
        assert_eq!(desk.call(Method::POST, "jobs/query", &body).await.refusal(), (400, code.to_owned()), "{body}");
    }
    let id = create(&desk, "SELECT Id FROM Account").await;
    assert_eq!(desk.send(desk.data(Method::DELETE, &format!("jobs/query/{id}"))).await.refusal(), (400, "INVALIDJOBSTATE".into()));
    let aborted = desk.call(Method::PATCH, &format!("jobs/query/{id}"), &json!({"state": "Aborted"})).await.json();
    assert_eq!(aborted["state"], "Aborted");
    assert_eq!(desk.call(Method::PATCH, &format!("jobs/query/{id}"), &json!({"state": "Aborted"})).await.status, 400);
    let failing = create(&desk, "SELECT Id FROM Account").await;
    desk.fault("failed-job");
    let failed = desk.get(&format!("jobs/query/{failing}")).await.json();
    assert_eq!((&failed["state"], failed["errorMessage"].is_string()), (&json!("Failed"), true));
    let list = desk.get("jobs/query").await.json();
    assert_eq!(list["records"].as_array().map(Vec::len), Some(2));
    assert_eq!(desk.call(Method::POST, "jobs/ingest", &Value::Null).await.refusal(), (400, "FUNCTIONALITY_NOT_ENABLED".into()));
    let old = desk.request(Method::GET, "/services/data/v46.0/jobs/query").bearer_auth(&desk.token);
    assert_eq!(desk.send(old).await.status, 404);
}
