//! The same for programs.

use rightful_engine::*;
use serde_json::json;

use super::office::Desk;
use crate::api::Program;

const API: &str = "/api/v1/integrations/activity";

#[tokio::test]
async fn a_program_reviews_picks_and_saves_them_under_what_it_saw() {
    let desk = Desk::with_users(PeopleMode::OnDemand).await;
    let program = Program::of(&desk.stage, "editor", Access::everywhere(AccessRole::Integrator)).await;
    let people = program.get(&format!("{API}/people?limit=2&only=unlinked"), 200).await;
    assert_eq!((&people["items"][0]["person"], &people["items"][0]["standing"]), (&json!("u1"), &json!("waits")));
    let more = program.get(&format!("{API}/people?only=unlinked&cursor={}", people["next"].as_str().unwrap()), 200).await;
    assert_eq!((&more["items"][0]["person"], &more["next"]), (&json!("u3"), &json!(null)));
    let picks = json!([{ "person": "ann@example.com", "choice": "create" }, { "person": "u3", "choice": "create" }]);
    let review = program.json("POST", &format!("{API}/people/review"), json!({ "picks": picks }), 200).await;
    assert_eq!(review["picks"][0]["happens"], "creates an account");
    assert!(review["picks"][1]["happens"].as_str().unwrap().starts_with("waits: two users have this e-mail address"), "{review}");
    let seen = &review["picks"][0]["seen"];
    let save = |choice: &str| json!({ "reason": "new", "picks": [{ "person": "u1", "choice": choice, "seen": seen }] });
    let path = format!("{API}/people/picks");
    assert_eq!(program.json("PUT", &path, save("create"), 200).await["created"], 1);
    let conflict = program.json("PUT", &path, save("skip"), 409).await;
    assert_eq!(conflict["picks"][0]["moved"], "gets an account, picked for an account", "{conflict}");
    let unknown = json!({ "reason": "new", "picks": [{ "person": "nobody", "choice": "create" }] });
    assert!(program.json("PUT", &path, unknown, 422).await["picks"][0]["refused"].is_string());
    assert_eq!(program.json("PUT", &path, json!({ "reason": " ", "picks": [] }), 422).await["field"], "reason");
    let run = program.json("POST", &format!("{API}/try"), json!({}), 202).await;
    desk.stage.ended(RunId(run["run"].as_i64().unwrap())).await;
    assert_eq!(desk.office.taken(), ["user u1"]);
    let links = program.get(&format!("{API}/links"), 200).await;
    assert_eq!((&links["items"][0]["evidence"], &links["items"][0]["account"]), (&json!("created"), &json!("u1")));
    program.json("DELETE", &format!("{API}/links/u1?account=other&reason=x"), json!(null), 409).await;
    program.json("DELETE", &format!("{API}/links/u1?account=u1&reason=x"), json!(null), 204).await;
}

#[tokio::test]
async fn a_program_brings_facts_and_switches() {
    let desk = Desk::with_users(PeopleMode::Automatic).await;
    let program = Program::of(&desk.stage, "editor", Access::everywhere(AccessRole::Integrator)).await;
    let csv = "email,team_key\nann@example.com,OSLO\n,X\n";
    let path = format!("{API}/accounts/verdicts");
    let (status, text) = program.send("POST", &path, "text/csv", csv.to_owned()).await;
    assert!(status.is_success() && text.contains("Team: not known → OSLO") && text.contains("\"bad\":1"), "{text}");
    let (status, _) = program.send("PUT", &format!("{API}/accounts.csv?reason=x"), "text/csv", csv.to_owned()).await;
    assert_eq!(status.as_u16(), 422);
    let (status, text) = program.send("PUT", &format!("{API}/accounts.csv?reason=x&good_rows=true"), "text/csv", csv.to_owned()).await;
    assert_eq!((status.as_u16(), text.as_str()), (200, r#"{"rows":1,"differing":1}"#));
    let account = program.json("PUT", &format!("{API}/accounts/u1/team"), json!({ "team": "BERGEN", "reason": "moved" }), 200).await;
    assert!(account["facts"].as_array().unwrap().iter().any(|fact| fact["value"] == "BERGEN"), "{account}");
    let history = program.get(&format!("{API}/accounts/u1/history?field=team.key"), 200).await;
    let teams: Vec<&str> = history["facts"].as_array().unwrap().iter().map(|fact| fact["value"].as_str().unwrap()).collect();
    assert_eq!(teams, ["OSLO", "BERGEN"]);
    assert_eq!(program.get(&format!("{API}/accounts"), 200).await["items"][0]["person"], "u1");
    let path = format!("{API}/accounts/u1/team");
    let refused = program.json("POST", &path, json!({ "team": "OSLOO", "reason": "x" }), 422).await;
    assert_eq!((&refused["field"], &refused["teams"]), (&json!("team"), &json!(["BERGEN", "OSLO"])), "{refused}");
    assert_eq!(program.json("POST", &path, json!({ "team": "OSLO", "reason": "" }), 422).await["field"], "reason");
    program.json("POST", &format!("{API}/accounts/nobody/team"), json!({ "team": "OSLO", "reason": "x" }), 404).await;
    desk.office.taken();
    let run = program.json("POST", &path, json!({ "team": "OSLO", "reason": "back again" }), 202).await;
    desk.stage.ended(RunId(run["run"].as_i64().unwrap())).await;
    assert_eq!(desk.office.taken()[0], "user u1");

    assert_eq!(program.get(&format!("{API}/automatic"), 200).await["on"], true);
    let off = program.json("PUT", &format!("{API}/automatic"), json!({ "on": false, "reason": "x" }), 200).await;
    assert_eq!((&off["on"], &off["by"]["author"]), (&json!(false), &json!("token editor")));
    let workflow = program.json("PUT", &format!("{API}/workflows/won"), json!({ "on": false, "reason": "x" }), 200).await;
    assert_eq!((&workflow["active"], &workflow["object"]), (&json!(false), &json!("deal")));
    assert_eq!(program.get(&format!("{API}/workflows"), 200).await["items"].as_array().unwrap().len(), 1);

    let viewer = Program::of(&desk.stage, "looker", Access::everywhere(AccessRole::Viewer)).await;
    for (method, path, body) in [
        ("PUT", "automatic", json!({ "on": true, "reason": "x" })),
        ("PUT", "workflows/won", json!({ "on": true, "reason": "x" })),
        ("PUT", "people/picks", json!({ "reason": "x", "picks": [] })),
        ("PUT", "accounts/u1/team", json!({ "team": "X", "reason": "x" })),
        ("POST", "accounts/u1/team", json!({ "team": "OSLO", "reason": "x" })),
        ("POST", "try", json!({})),
    ] {
        viewer.json(method, &format!("{API}/{path}"), body, 403).await;
    }
}

#[tokio::test]
async fn a_program_asks_what_is_credited_of_a_record_and_why() {
    let desk = Desk::with_users(PeopleMode::Automatic).await;
    let program = Program::of(&desk.stage, "looker", Access::everywhere(AccessRole::Viewer)).await;
    let path = format!("{API}/explain?record=d1");
    let waits = program.get(&path, 200).await;
    assert_eq!((&waits["record"], &waits["kind"], &waits["there"]), (&json!("d1"), &json!("deal"), &json!(true)));
    let figure = &waits["figures"][0];
    assert_eq!((&figure["hold"]["reason"], &figure["credit"], &figure["satisfied"]), (&json!("no-team"), &json!(null), &json!(true)));
    desk.office.on_team("u1", "OSLO").await;
    desk.office.run().await;
    let credited = program.get(&path, 200).await;
    let credit = &credited["figures"][0]["credit"];
    assert_eq!((&credit["state"], &credit["owner"]["owner"], &credit["values"]["amount"]), (&json!("sent"), &json!("u1"), &json!("10")));
    assert_eq!(credited["figures"][0]["written"][0]["state"], "done", "{credited}");
    let told = credited["told"].as_array().unwrap();
    assert!(told.iter().any(|line| line.as_str().unwrap().contains("credited to First u1 Last u1")), "{credited}");
    let unknown = program.get(&format!("{API}/explain?record=d9"), 404).await;
    assert_eq!((&unknown["title"], &unknown["near"]), (&json!("no record `d9` is known"), &json!([])));
}
