//! The vendor's own faults, each as a client meets it.

use rightful_sim::Simulator;
use serde_json::json;

use super::super::faults::FAULTS;
use super::{Answer, CONTROL, Company, LOGIN, column, error, errors, request};

const QUERY: &str =
    "<query><object>CUSTOMER</object><select><field>CUSTOMERID</field><field>CUSTREPID</field></select><pagesize>1000</pagesize></query>";

fn function(call: &str) -> String {
    format!("<function controlid=\"f\">{call}</function>")
}

#[test]
fn the_front_gateway_answers_instead_of_the_company() {
    let company = Company::new();
    let table = [
        ("gw-0010", 429, "GW-0010", "Rate limit reached [Request ID: 0001]"),
        ("gw-0011", 400, "GW-0011", "Invalid Request [Request ID: 0002]"),
        ("xmlgw-jpp0002", 401, "XMLGW_JPP0002", "Sign-in information is incorrect. Please check your request."),
        ("invalid-request", 400, "invalidRequest", "Invalid Request"),
    ];
    for (fault, status, number, text) in table {
        let answer = company.call_with(&function(QUERY), Some(fault));
        let found = errors(&answer.root);
        assert_eq!((answer.status, found[0].0.as_str(), found[0].1.as_str()), (status, number, text));
        assert_eq!(answer.at("control").unwrap().children.len(), 1, "control has its status only");
        assert!(answer.at("operation").is_none());
    }
    let limited = company.call_with(&function(QUERY), Some("rate-limit-text"));
    assert_eq!((limited.status, error(&limited.root).1.as_str()), (200, "API rate limit exceeded"));
    let later = company.call_with(&function(QUERY), Some("try-again-later"));
    assert_eq!(errors(&later.root)[0].3, "Please Try Again Later");
}

#[test]
fn results_are_distorted_as_asked() {
    let company = Company::new();
    assert_eq!(error(&company.call_with(&function(QUERY), Some("off-line")).result(0)).1, "The Service is Temporarily Off-line");
    assert_eq!(error(&company.call_with(&function(QUERY), Some("no-permission")).result(0)).0, "PL04000005");
    assert_eq!(company.call_with(&function(QUERY), Some("unknown-status")).result(0).text_of("status"), Some("deferred"));
    assert_eq!(company.call_with(&function(QUERY), Some("duplicate-results")).results().len(), 2);
    assert_eq!(company.call_with(&function(QUERY), Some("missing-results")).results().len(), 0);
    let reps = column(&company.call_with(&function(QUERY), Some("empty-reps")).result(0), "CUSTREPID");
    assert!(reps.len() == 24 && reps.iter().all(String::is_empty));
    assert_eq!(column(&company.call_with(&function(QUERY), Some("empty-list")).result(0), "CUSTOMERID").len(), 0);
    let bad = "<query><object>CUSTOMER</object><select><field>NOPE</field></select></query>";
    let tail = error(&company.call_with(&function(bad), Some("support-id")).result(0)).1;
    assert!(tail.starts_with("Field requested is not valid: customer.NOPE [Support ID: ") && tail.ends_with("%2B-]"), "{tail}");
    let bare = company.call_with(&function(bad), Some("missing-children"));
    assert_eq!((bare.at("control").unwrap().children.len(), bare.at("operation/authentication").unwrap().children.len()), (1, 1));
    assert_eq!(errors(&bare.result(0))[0].1, "(absent)");
    let empty = company.call_with(&function(QUERY), Some("empty-authentication"));
    assert_eq!(empty.at("operation/authentication").unwrap().children.len(), 0);
    let expired = company.call_with(&function(QUERY), Some("company-expired"));
    assert_eq!(error(&expired.root).0, "PL04000055");
}

#[test]
fn the_body_may_have_two_roots() {
    let company = Company::new();
    let response = company.send(&request(CONTROL, LOGIN, "", &function(QUERY)), Some("two-roots"));
    assert_eq!(super::super::request::parse(&response.body).unwrap_err()[0].number, 5);
}

#[test]
fn the_endpoint_may_lead_elsewhere() {
    let company = Company::new();
    let answer = company.call_with(&function("<getAPISession/>"), Some("evil-endpoint"));
    assert_eq!(answer.text("operation/result/data/api/endpoint"), "https://evil.example/ia/xml/xmlgw.phtml");
}

#[test]
fn a_session_may_have_just_ended() {
    let company = Company::new();
    let session = company.session("");
    let body = request(CONTROL, &format!("<sessionid>{session}</sessionid>"), "", &function(QUERY));
    let answer = Answer::of(&company.send(&body, Some("expired-session")));
    assert!(error(answer.at("operation").unwrap()).1.starts_with("Invalid session"));
    let again = Answer::of(&company.send(&body, None));
    assert_eq!(again.text("operation/authentication/status"), "failure", "it has really ended");
    assert_eq!(company.call_with(&function(QUERY), Some("expired-session")).result(0).text_of("status"), Some("success"));
}

#[test]
fn every_second_object_may_fail() {
    let company = Company::new();
    let object = |id: &str| format!("<CUSTOMER><CUSTOMERID>{id}</CUSTOMERID><CUSTREPID>7</CUSTREPID></CUSTOMER>");
    let one = function(&format!("<update>{}{}{}</update>", object("C-0399"), object("C-0400"), object("C-0401")));
    let result = company.call_with(&one, Some("partial-failure")).result(0);
    let saved: Vec<&str> = result.child("data").unwrap().children.iter().map(|record| record.text_of("CUSTOMERID").unwrap()).collect();
    assert_eq!((result.text_of("status"), saved), (Some("failure"), vec!["C-0399", "C-0401"]));
    assert_eq!(error(&result), ("BL01001973".to_owned(), "Could not update customer record!".to_owned()));
    let several: String =
        ["C-0402", "C-0403"].iter().map(|id| format!("<function controlid=\"{id}\"><update>{}</update></function>", object(id))).collect();
    let statuses: Vec<String> = company
        .call_with(&several, Some("partial-failure"))
        .results()
        .iter()
        .map(|result| result.text_of("status").unwrap().to_owned())
        .collect();
    assert_eq!(statuses, ["success", "failure"]);
}

#[test]
fn every_fault_is_named_once_and_answers() {
    let company = Company::new();
    let mut names: Vec<&str> = FAULTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(company.sim.faults().len(), names.len());
    for name in &names {
        assert!(!company.send(&request(CONTROL, LOGIN, "", &function(QUERY)), Some(name)).body.is_empty());
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FAULTS.len());
}

#[test]
fn the_gate_counts_requests_side_by_side() {
    let company = Company::new();
    company.sim.control("switches", json!({ "concurrency": 1 }), &company.clock).unwrap();
    assert_eq!(company.call(&function(QUERY)).status, 200);
    let refused = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    (0..40).filter(|_| company.send(&request(CONTROL, LOGIN, "", &function(QUERY)), None).status.as_u16() == 429).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert!(refused > 0 && refused < 320, "{refused}");
    let meter = company.sim.control("meter", json!({}), &company.clock).unwrap();
    assert!(meter["widest"].as_u64().unwrap() > 1);
    assert_eq!(meter["functions"]["query"], meter["pages"]);
}
