//! What the product does with users, teams and records.

use connector_salesscreen::sim::{BatchMode, EmailMatch, Switches};
use rightful_sim::Simulator;
use serde_json::{Value, json};

use crate::{Desk, record, user, with};

fn reason(desk: &Desk, id: &str) -> Value {
    desk.row("records", "id", id)["reason"].clone()
}

#[test]
fn ss_4_an_address_that_is_known_is_linked_and_never_doubled() {
    let desk = Desk::usual();
    assert_eq!(desk.post("/User/Add", &user("N5", " USER5@example.com ")).0, 200);
    assert_eq!((desk.count("users"), desk.row("users", "email", "user5@example.com")["id"].clone()), (5, json!("N5")));
    let refusing = Desk::with(Switches { email_match: EmailMatch::Refuse, ..Switches::default() });
    assert_eq!(refusing.post("/User/Add", &user("N5", "user5@example.com")).0, 400);
}

#[test]
fn ss_7_who_is_made_has_no_team_and_keeps_the_one_they_get() {
    let desk = Desk::usual();
    desk.post("/User/Add", &user("N1", "n1@example.com"));
    assert_eq!(desk.row("users", "id", "N1")["team"], Value::Null);
    desk.post("/User/Add", &with(user("N1", "n1@example.com"), "team", json!({"key": "BERGEN-FIELD", "name": "Other words"})));
    desk.post("/User/Add", &user("N1", "n1@example.com"));
    let row = desk.row("users", "id", "N1");
    assert_eq!((&row["team"], &row["team_name"]), (&json!("BERGEN-FIELD"), &json!("Bergen Field")), "a known team keeps its name");
}

/// Test vector (b).
#[test]
fn a_mistyped_team_key_makes_a_second_team_of_the_same_name() {
    let desk = Desk::usual();
    desk.post("/User/Add", &with(user("N1", "n1@example.com"), "team", json!({"key": "OSLO-FEILD", "name": "Oslo Field"})));
    let dump = desk.sim.dump();
    let named = dump["teams"].as_object().unwrap().values().filter(|name| *name == "Oslo Field").count();
    assert_eq!(named, 2);
}

/// Test vector (i).
#[test]
fn ss_9_ss_15_records_of_a_user_without_a_team_are_accepted_and_ignored() {
    let desk = Desk::usual();
    assert_eq!(desk.post("/Record/Add", &json!([record("R1", "U2")])).0, 200);
    assert_eq!((reason(&desk, "R1"), desk.count("ignored")), (json!("no_team"), 1));
    desk.control("set-user", json!({"email": "user2@example.com", "team": "OSLO-FIELD"})).unwrap();
    assert_eq!(reason(&desk, "R1"), "no_team");
    desk.post("/Record/Add", &json!([record("R1", "U2")]));
    assert_eq!((reason(&desk, "R1"), desk.row("records", "id", "R1")["counted"].clone()), (Value::Null, json!(true)));
    let lenient = Desk::with(Switches { count_without_team: true, ..Switches::default() });
    lenient.post("/Record/Add", &json!([record("R1", "U2")]));
    assert_eq!(reason(&lenient, "R1"), Value::Null);
}

#[test]
fn ss_13_a_mapping_is_one_users_and_per_system() {
    let desk = Desk::usual();
    let mapping = |system: &str, id: &str, email: &str| json!({"system": system, "id": id, "email": email});
    assert!(desk.control("add-mapping", mapping("Salesforce", "U1", "user2@example.com")).unwrap_err().contains("another user"));
    desk.control("add-mapping", mapping("Other CRM", "U1", "user2@example.com")).unwrap();
    assert_eq!(desk.count("mappings"), 5);
    let taken = user("N1", "user1@example.com");
    assert_eq!(desk.post("/User/Add", &taken), (400, "email is already mapped to another userId".to_owned()));
    let lenient = Desk::with(Switches { remap: true, ..Switches::default() });
    assert_eq!(lenient.post("/User/Add", &taken).0, 200);
    assert_eq!((lenient.count("mappings"), lenient.row("users", "email", "user1@example.com")["id"].clone()), (4, json!("N1")));
}

#[test]
fn ss_14_an_address_is_one_users() {
    let desk = Desk::usual();
    assert_eq!(desk.post("/User/Add", &user("U1", "user2@example.com")), (400, "email is already in use".to_owned()));
    assert_eq!(desk.row("users", "id", "U1")["email"], "user1@example.com");
    let added = desk.control("add-user", json!({"email": "USER1@example.com", "firstname": "U", "lastname": "O"}));
    assert!(added.unwrap_err().contains("another user's"));
}

#[test]
fn ss_16_a_user_made_by_hand_may_have_ids_of_other_systems() {
    let desk = Desk::usual();
    let made =
        json!({"email": "n@example.com", "firstname": "N", "lastname": "N", "team": "OSLO-FIELD", "mappings": [["Salesforce", "N1"]]});
    desk.control("add-user", made).unwrap();
    desk.post("/Record/Add", &json!([record("R1", "N1")]));
    assert_eq!(desk.row("records", "id", "R1")["user"]["email"], "n@example.com");
}

/// Test vector (j).
#[test]
fn ss_24_a_deactivated_owners_history_stays_and_nothing_new_counts() {
    let desk = Desk::usual();
    desk.post("/Record/Add", &json!([record("R1", "U1")]));
    desk.control("set-user", json!({"email": "user1@example.com", "standing": "inactive"})).unwrap();
    assert_eq!(desk.post("/Record/Add", &json!([with(record("R1", "U1"), "value1", json!(9)), record("R2", "U1")])).0, 200);
    let old = desk.row("records", "id", "R1");
    assert_eq!((&old["counted"], &old["numbers"]["value1"]), (&json!(true), &json!(5.5)));
    assert_eq!((reason(&desk, "R2"), desk.count("ignored")), (json!("inactive"), 2));
}

#[test]
fn ss_25_ss_26_a_licence_is_needed_to_come_and_to_come_back() {
    let desk = Desk::usual();
    desk.control("set-licences", json!({"count": 4})).unwrap();
    assert_eq!(desk.post("/User/Add", &user("N1", "n1@example.com")), (400, "No available licenses".to_owned()));
    assert_eq!(desk.post("/User/Add", &user("U1", "user1@example.com")).0, 200, "who is there already may change");
    assert!(desk.control("set-user", json!({"email": "user3@example.com", "standing": "active"})).is_err());
    desk.control("set-licences", json!({"count": 5})).unwrap();
    desk.control("set-user", json!({"email": "user3@example.com", "standing": "active"})).unwrap();
    assert_eq!(desk.row("users", "id", "U3")["status"], "active");
}

#[test]
fn ss_27_who_watches_loses_their_team_and_has_none_afterwards() {
    let desk = Desk::usual();
    desk.control("set-user", json!({"email": "user1@example.com", "standing": "spectating"})).unwrap();
    desk.post("/Record/Add", &json!([record("R1", "U1")]));
    assert_eq!(reason(&desk, "R1"), "spectating");
    desk.control("set-user", json!({"email": "user1@example.com", "standing": "active"})).unwrap();
    desk.post("/Record/Add", &json!([record("R1", "U1")]));
    assert_eq!(reason(&desk, "R1"), "no_team");
}

#[test]
fn ss_28_a_user_never_becomes_a_supporter_and_a_supporter_never_owns() {
    let desk = Desk::usual();
    let supporter =
        json!({"users": [{"email": "s@example.com", "standing": "supporter", "team": "T", "mappings": [["Salesforce", "S1"]]}]});
    assert!(desk.control("set-user", json!({"email": "user1@example.com", "standing": "supporter"})).is_err());
    desk.control("load", supporter).unwrap();
    desk.post("/Record/Add", &json!([record("R1", "S1")]));
    assert_eq!(reason(&desk, "R1"), "supporter");
}

/// Test vectors (a), (d) and (e).
#[test]
fn what_is_sent_again_under_its_id_is_updated() {
    let desk = Desk::usual();
    desk.post("/Record/Add", &json!([record("R1", "U1")]));
    desk.post("/Record/Add", &json!([with(record("R1", "U5x"), "user", json!({"id": "U5x", "email": "user5@example.com"}))]));
    desk.post("/Record/Add", &json!([with(record("R1", "U5x"), "value1", json!(7))]));
    let row = desk.row("records", "id", "R1");
    assert_eq!((desk.count("records"), &row["user"]["email"], &row["numbers"]["value1"]), (1, &json!("user5@example.com"), &json!(7)));
    // One id for two figures: the second overwrites the first.
    desk.post("/Record/Add", &json!([with(record("R1", "U1"), "activityTypeName", json!("Calls"))]));
    assert_eq!((desk.count("records"), desk.row("records", "id", "R1")["activity_type"].clone()), (1, json!("Calls")));
    assert_eq!(desk.count("activity_types"), 2, "types are made on demand");
    let fixed = Desk::with(Switches { record_user_mutable: false, ..Switches::default() });
    fixed.post("/Record/Add", &json!([record("R1", "U1")]));
    fixed.post("/Record/Add", &json!([record("R1", "U2")]));
    assert_eq!(fixed.row("records", "id", "R1")["user"]["id"], "U1");
}

#[test]
fn a_user_who_is_not_known_is_made_for_a_record_unless_that_is_switched_off() {
    let desk = Desk::usual();
    assert_eq!(desk.post("/Record/Add", &json!([record("R1", "N1")])).0, 200);
    assert_eq!((desk.count("users"), reason(&desk, "R1")), (6, json!("no_team")));
    let strict = Desk::with(Switches { create_users: false, ..Switches::default() });
    assert_eq!(strict.post("/Record/Add", &json!([record("R1", "N1")])).0, 400);
    assert_eq!(strict.count("users"), 5);
}

#[test]
fn a_refused_record_takes_the_batch_with_it_or_not() {
    let bad = with(record("R2", "U1"), "activityTypeName", Value::Null);
    let batch = json!([record("R1", "N1"), bad, record("R3", "U1")]);
    for (batch_mode, records, users) in [(BatchMode::Atomic, 0, 5), (BatchMode::Partial, 2, 6)] {
        let desk = Desk::with(Switches { batch_mode, ..Switches::default() });
        let (status, said) = desk.post("/Record/Add", &batch);
        assert!(status == 400 && said.starts_with("record 1:"), "{status} {said}");
        assert_eq!((desk.count("records"), desk.count("users")), (records, users), "{batch_mode:?}");
    }
}

#[test]
fn removal_exists_only_where_it_is_switched_on() {
    let desk = Desk::with(Switches { remove_path: Some("Record/Remove".into()), ..Switches::default() });
    desk.post("/Record/Add", &json!([record("R1", "U1"), record("R2", "U1")]));
    assert_eq!(desk.post("/Record/Remove", &json!(["R1", "unknown"])).0, 200);
    assert_eq!(desk.post("/Record/Remove", &json!({"id": "R2"})).0, 400);
    assert_eq!(desk.post("/Record/Remove", &json!([7])).0, 400);
    assert_eq!((desk.count("records"), desk.row("records", "id", "R2")["counted"].clone()), (1, json!(true)));
    desk.control("delete-record", json!({"id": "R2"})).unwrap();
    assert_eq!(desk.count("records"), 0);
}

#[test]
fn controls_that_do_not_fit_say_so_and_reset_returns_to_the_start() {
    let desk = Desk::usual();
    for (name, body, words) in [
        ("nothing", json!({}), "there are add-user"),
        ("set-user", json!({"email": "nobody@example.com"}), "no user with"),
        ("set-user", json!({"email": "user1@example.com", "team": "NOWHERE"}), "no team NOWHERE"),
        ("set-user", json!({"emial": "x"}), "the body does not fit"),
        ("switches", json!({"limtis": true}), "the body does not fit"),
        ("reset", json!({"company": "other"}), "no company named"),
        ("delete-record", json!({"id": "R9"}), "no record R9"),
    ] {
        let said = desk.control(name, body).unwrap_err();
        assert!(said.contains(words), "{name}: {said}");
    }
    desk.control("set-team", json!({"key": "NEW", "name": "New"})).unwrap();
    desk.post("/User/Add", &user("N1", "n1@example.com"));
    assert_eq!((desk.count("teams"), desk.count("users")), (3, 6));
    let switched = desk.control("switches", json!({"limits": true})).unwrap();
    assert_eq!((&switched["limits"], &switched["answer"]), (&json!(true), &json!("empty")));
    desk.control("reset", json!({})).unwrap();
    assert_eq!((desk.count("teams"), desk.count("users"), desk.count("refused")), (2, 5, 0));
}
