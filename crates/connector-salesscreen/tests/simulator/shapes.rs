//! Requests and answers: what is refused, with which status and words.

use connector_salesscreen::sim::{Answer, ApiKey, Company, Dates, Options, SalesScreenSim, Seed, Switches, TeamPlace, UserForm};
use rightful_sim::{Method, SimClock, Simulator};
use serde_json::{Value, json};

use crate::{Desk, KEY, record, user, with};

/// Every list that was tried live is a path that does not exist.
#[test]
fn there_are_no_reads() {
    let desk = Desk::usual();
    for path in ["/Team", "/Team/List", "/Group", "/User/List", "/User", "/User/Add", "/Record/Add", "/Nothing"] {
        let answer = desk.send(Method::GET, path, Some(KEY), "");
        assert_eq!((answer.status.as_u16(), answer.body.len()), (404, 0), "GET {path}");
    }
    for path in ["/user/add", "/User/Deactivate", "/Record/Remove", "/User/Add/", "/"] {
        assert_eq!(desk.post(path, &json!({})).0, 404, "POST {path}");
    }
    let lenient = Desk::with(Switches { any_case: true, ..Switches::default() });
    assert_eq!(lenient.post("/user/add", &user("N1", "n1@example.com")).0, 200);
}

#[test]
fn a_key_is_needed_and_names_its_company() {
    let desk = Desk::usual();
    for key in [None, Some(""), Some("wrong")] {
        let answer = desk.send(Method::POST, "/User/Add", key, "{}");
        assert_eq!((answer.status.as_u16(), &*answer.body), (401, br#"{"message":"Unauthorized"}"#.as_slice()), "{key:?}");
    }
    let company = |name: &str, key: &str| Company {
        name: name.into(),
        keys: vec![ApiKey { key: key.into(), system: "S".into() }],
        seed: Seed::default(),
    };
    let sim = SalesScreenSim::new(Options { companies: vec![company("one", "key-1"), company("two", KEY)], ..Options::default() });
    let desk = Desk { sim, clock: SimClock::wall() };
    assert_eq!(desk.post("/User/Add", &user("N1", "n1@example.com")).0, 200);
    let dump = desk.sim.dump();
    assert_eq!(dump["users"], json!([]));
    assert_eq!(dump["neighbours"]["two"]["users"].as_array().unwrap().len(), 1);
    assert!(!dump.to_string().contains("key-1") && !dump.to_string().contains(KEY), "a key is dumped");
}

/// Test vector (l), and each member that is needed.
#[test]
fn a_body_that_does_not_fit_is_refused_with_its_member() {
    let desk = Desk::usual();
    let one = || user("N1", "n1@example.com");
    for (body, words) in [
        (json!([one()]), "must be an object"),
        (with(one(), "userId", Value::Null), "userId is required"),
        (with(one(), "userId", json!(7)), "userId must be a text"),
        (with(one(), "email", Value::Null), "email is required"),
        (with(one(), "email", json!("nobody")), "email is not valid"),
        (with(with(one(), "firstname", Value::Null), "firstName", json!("User")), "firstname is required"),
        (with(one(), "lastname", json!(" ")), "lastname is required"),
        (with(one(), "team", json!("OSLO-FIELD")), "team must be an object"),
        (with(one(), "team", json!({"name": "Oslo"})), "team.key is required"),
    ] {
        let (status, said) = desk.post("/User/Add", &body);
        assert!(status == 400 && said.contains(words), "{body}: {status} {said}");
    }
    let one = || record("R1", "U1");
    for (body, words) in [
        (one(), "must be an array"),
        (json!([with(one(), "id", Value::Null)]), "id is required"),
        (json!([with(one(), "activityTypeName", Value::Null)]), "activityTypeName is required"),
        (json!([with(one(), "activity", Value::Null)]), "activity is required"),
        (json!([with(one(), "activity", json!({"name": "x"}))]), "activity.key is required"),
        (json!([with(one(), "user", Value::Null)]), "user is required"),
        (json!([with(one(), "user", json!({"email": "user1@example.com"}))]), "user.id is required"),
        (json!([with(with(one(), "user", Value::Null), "userId", json!("U1"))]), "user is required"),
        (json!([with(one(), "value1", json!("12"))]), "value1 must be a number"),
        (json!([with(one(), "createdDate", json!("12/02/2026"))]), "createdDate is not valid"),
        (json!([7]), "must be an object"),
    ] {
        let (status, said) = desk.post("/Record/Add", &body);
        assert!(status == 400 && said.contains(words), "{body}: {status} {said}");
    }
    assert_eq!(desk.send(Method::POST, "/User/Add", Some(KEY), "{").status.as_u16(), 400);
    assert_eq!((desk.count("users"), desk.count("records"), desk.count("refused")), (5, 0, 21));
}

#[test]
fn an_accepted_call_is_answered_as_switched() {
    for (answer, status, body) in [(Answer::Empty, 200, ""), (Answer::Json, 200, "{}"), (Answer::NoContent, 204, "")] {
        let desk = Desk::with(Switches { answer, ..Switches::default() });
        let answer = desk.send(Method::POST, "/User/Add", Some(KEY), &user("N1", "n1@example.com").to_string());
        assert_eq!((answer.status.as_u16(), &*answer.body), (status, body.as_bytes()));
    }
}

#[test]
fn each_spelling_of_a_record_is_taken_where_it_is_switched_on() {
    let flat = || with(with(record("R1", "U1"), "user", Value::Null), "userId", json!("U1"));
    let team = json!({"key": "NEW", "name": "New"});
    let in_user = || with(record("R1", "U1"), "user", json!({"id": "U1", "team": team}));
    let beside = || with(record("R1", "U1"), "team", team.clone());
    let day = || with(record("R1", "U1"), "createdDate", json!("2026-02-12"));
    let made = |switches: &Switches, body: Value| {
        let desk = Desk::with(switches.clone());
        let (status, _) = desk.post("/Record/Add", &json!([body]));
        (status, desk.count("teams"))
    };
    let usual = Switches::default();
    for (record_user, object, flat_form) in [(UserForm::Object, 200, 400), (UserForm::Flat, 400, 200), (UserForm::Both, 200, 200)] {
        let switches = Switches { record_user, ..usual.clone() };
        assert_eq!((made(&switches, record("R1", "U1")).0, made(&switches, flat()).0), (object, flat_form), "{record_user:?}");
    }
    for (record_team, inside, outside) in [(TeamPlace::Both, 3, 3), (TeamPlace::User, 3, 2), (TeamPlace::Record, 2, 3)] {
        let switches = Switches { record_team, ..usual.clone() };
        assert_eq!((made(&switches, in_user()), made(&switches, beside())), ((200, inside), (200, outside)), "{record_team:?}");
    }
    for (dates, instant, alone) in [(Dates::Both, 200, 200), (Dates::Instant, 200, 400), (Dates::Day, 400, 200)] {
        let switches = Switches { dates, ..usual.clone() };
        assert_eq!((made(&switches, record("R1", "U1")).0, made(&switches, day()).0), (instant, alone), "{dates:?}");
    }
    for (more_values, kept) in [(true, json!(2)), (false, Value::Null)] {
        let desk = Desk::with(Switches { more_values, ..usual.clone() });
        desk.post("/Record/Add", &json!([with(record("R1", "U1"), "value2", json!(2))]));
        assert_eq!(desk.row("records", "id", "R1")["numbers"]["value2"], kept);
    }
    let small = Desk::with(Switches { most_records: Some(1), empty_batch: false, ..usual });
    assert_eq!(small.post("/Record/Add", &json!([record("R1", "U1"), record("R2", "U1")])).0, 400);
    assert_eq!(small.post("/Record/Add", &json!([])).0, 400);
}

/// Test vector (f), and the minute's window.
#[test]
fn both_windows_are_kept_per_key() {
    let desk = Desk::with(Switches { limits: true, retry_after: Some(1), ..Switches::default() });
    let call = || desk.post("/Record/Add", &json!([]));
    let mut accepted = 0;
    for second in 0..60 {
        for _ in 0..15 {
            accepted += usize::from(call().0 == 200);
        }
        if second == 0 {
            assert_eq!((accepted, call()), (15, (429, "Too many requests".to_owned())));
        }
        desk.clock.advance(chrono::Duration::seconds(1));
    }
    assert_eq!(accepted, 200);
    assert_eq!(call().0, 200, "the first second has left the minute's window");
    let answer = {
        (0..15).for_each(|_| drop(call()));
        desk.send(Method::POST, "/Record/Add", Some(KEY), "[]")
    };
    assert_eq!((answer.status.as_u16(), answer.headers["retry-after"].to_str().unwrap()), (429, "1"));
    let free = Desk::usual();
    assert!((0..300).all(|_| free.post("/Record/Add", &json!([])).0 == 200), "limits are off until they are switched on");
}
