//! Each row of the failure table, at its level, in its words; sign-in and sessions.

use rightful_core::Secret;
use rightful_sim::{Method, Simulator};
use serde_json::json;

use super::super::{Options, Switches};
use super::{Answer, CONTROL, Company, LOGIN, error, errors, request};

const PROBE: &str = "<function controlid=\"f\"><readEntityDetails/></function>";

#[test]
fn a_good_request_is_answered_at_all_three_levels() {
    let company = Company::new();
    let response = company.send(&request(CONTROL, LOGIN, "", PROBE), None);
    assert_eq!(response.headers["content-type"], "text/xml; encoding=\"UTF-8\"");
    let answer = Answer::of(&response);
    assert_eq!(answer.status, 200);
    let names: Vec<&str> = answer.at("control").unwrap().children.iter().map(|child| child.name.as_str()).collect();
    assert_eq!(names, ["status", "senderid", "controlid", "uniqueid", "dtdversion"]);
    assert_eq!((answer.text("control/status"), answer.text("control/controlid")), ("success", "c 1"));
    let names: Vec<&str> = answer.at("operation/authentication").unwrap().children.iter().map(|child| child.name.as_str()).collect();
    assert_eq!(names, ["status", "userid", "companyid", "locationid", "sessiontimestamp", "sessiontimeout"]);
    assert_eq!(answer.text("operation/authentication/sessiontimestamp"), "2026-02-03T04:05:06+00:00");
    assert_eq!(answer.text("operation/authentication/sessiontimeout"), "2026-02-03T10:05:06+00:00");
    assert_eq!(answer.text("operation/result/function"), "readEntityDetails");
    assert_eq!(answer.text("operation/result/data/entity/name"), "Rightful Demo Company");
}

#[test]
fn get_is_refused() {
    let company = Company::new();
    let mut get = rightful_sim::SimRequest {
        method: Method::GET,
        path: "/ia/xml/xmlgw.phtml".to_owned(),
        query: None,
        headers: rightful_sim::HeaderMap::new(),
        body: rightful_sim::Bytes::new(),
        origin: "http://localhost".to_owned(),
        number: 1,
        fault: None,
    };
    let response = company.sim.answer(&get, &company.clock);
    assert_eq!((response.status.as_u16(), &response.headers["allow"]), (405, &"POST".parse().unwrap()));
    get.path = "/elsewhere".to_owned();
    assert_eq!(company.sim.answer(&get, &company.clock).status.as_u16(), 404);
}

#[test]
fn failures_at_control_level_have_neither_authentication_nor_results() {
    let good = request(CONTROL, LOGIN, "", PROBE);
    let table = [
        (
            good.replace("</control>", "</kontrol>"),
            "XL03000003",
            "Fatal Error 76: Opening and ending tag mismatch: control line 1 and kontrol",
        ),
        (good.replace("sender-secret", "wrong"), "XL03000006", "Incorrect Intacct XML Partner ID or password."),
        (good.replace("RightfulSandbox", "rightfulsandbox"), "XL03000006", "Incorrect Intacct XML Partner ID or password."),
        (good.replace("</dtdversion>", "</dtdversion><policyid>nope</policyid>"), "XL03000006", "nope is not a valid transport policy."),
    ];
    let company = Company::new();
    for (body, number, text) in table {
        let answer = Answer::of(&company.send(&body, None));
        assert_eq!((answer.text("control/status"), answer.at("operation").is_none()), ("failure", true), "{body}");
        assert_eq!(answer.text("control/controlid"), "c 1");
        let (found, second) = error(&answer.root);
        assert!(found == number && second.contains(text), "{found} {second}");
    }
    company.sim.set_switches(Switches { company_expired: true, control_failure_status: 400, ..Switches::default() });
    let answer = Answer::of(&company.send(&good, None));
    assert_eq!((answer.status, error(&answer.root).0.as_str(), answer.text("control/senderid")), (400, "PL04000055", ""));
}

#[test]
fn what_the_schema_refuses_names_element_line_and_expectation() {
    let query = |inner: &str| {
        let call = format!("<query><object>CUSTOMER</object><select><field>RECORDNO</field></select>{inner}</query>");
        request(CONTROL, LOGIN, "", &format!("<function controlid=\"f\">{call}</function>"))
    };
    let good = request(CONTROL, LOGIN, "", PROBE);
    let swapped = good.replace(
        "<userid>ws_rightful</userid><companyid>RIGHTFUL-DEMO</companyid>",
        "<companyid>RIGHTFUL-DEMO</companyid><userid>ws_rightful</userid>",
    );
    let values = "<value>x</value>".repeat(1001);
    let table = [
        (
            good.replace("request>", "requests>"),
            "Error 1845: Element 'requests': No matching global declaration available for the validation root.",
        ),
        (
            good.replace("<controlid>c 1</controlid>", ""),
            "Error 1871: Element 'uniqueid': This element is not expected. Expected is ( controlid ).",
        ),
        (
            good.replace(
                "<uniqueid>false</uniqueid><dtdversion>3.0</dtdversion>",
                "<dtdversion>3.0</dtdversion><uniqueid>false</uniqueid>",
            ),
            "Error 1871: Element 'uniqueid': This element is not expected. Expected is one of ( policyid, debug, includewhitespace, showadditionalerrorinfo ).",
        ),
        (swapped, "Error 1871: Element 'companyid': This element is not expected. Expected is ( userid )."),
        (
            good.replace("<password>user-secret</password>", ""),
            "Error 1871: Element 'login': Missing child element(s). Expected is ( password ).",
        ),
        (
            good.replace(LOGIN, ""),
            "Error 1871: Element 'authentication': Missing child element(s). Expected is one of ( login, sessionid, oauth ).",
        ),
        (good.replace(" controlid=\"f\"", ""), "Error 1868: Element 'function': The attribute 'controlid' is required but missing."),
        (
            good.replace("<readEntityDetails/>", "<readEntityDetails/><readEntityDetails/>"),
            "Error 1871: Element 'readEntityDetails': This element is not expected.",
        ),
        (good.replace("readEntityDetails", "readByKey"), "Error 1871: Element 'readByKey': This element is not expected."),
        (
            good.replace("<operation>", "<operation transaction=\"yes\">"),
            "Error 1840: Element 'operation', attribute 'transaction': [facet 'enumeration'] The value 'yes' is not an element of the set {'true', 'false'}.",
        ),
        (
            query("<pagesize>2001</pagesize>"),
            "Error 1834: Element 'pagesize': [facet 'maxInclusive'] The value '2001' is greater than the maximum value allowed ('2000').",
        ),
        (
            query("<pagesize>0</pagesize>"),
            "Error 1833: Element 'pagesize': [facet 'minInclusive'] The value '0' is less than the minimum value allowed ('1').",
        ),
        (query("<offset>-1</offset>"), "Error 1833: Element 'offset'"),
        (
            query(&format!("<filter><in><field>NAME</field>{values}</in></filter>")),
            "Error 1871: Element 'value': This element is not expected.",
        ),
        (
            query("<filter><between><field>NAME</field><value>a</value></between></filter>"),
            "Error 1871: Element 'between': Missing child element(s). Expected is ( value ).",
        ),
        (
            query("<filter><equalto><value>a</value><field>NAME</field></equalto></filter>"),
            "Error 1871: Element 'value': This element is not expected. Expected is ( field ).",
        ),
        (
            query("<filter><isnull><field>NAME</field><value>a</value></isnull></filter>"),
            "Error 1871: Element 'value': This element is not expected.",
        ),
        (query("<filter><and><isnull><field>NAME</field></isnull></and></filter>"), "Error 1871: Element 'and': Missing child element(s)."),
        (
            query("<filter><isnull><field>NAME</field></isnull><isnull><field>NAME</field></isnull></filter>"),
            "Error 1871: Element 'isnull': This element is not expected.",
        ),
        (
            query("<options><showprivate>true</showprivate><caseinsensitive>true</caseinsensitive></options>"),
            "Error 1871: Element 'caseinsensitive': This element is not expected. Expected is ( returnformat ).",
        ),
        (
            query("<orderby><order><ascending/><field>NAME</field></order></orderby>"),
            "Error 1871: Element 'ascending': This element is not expected. Expected is ( field ).",
        ),
        (
            query("<limit>1</limit>"),
            "Error 1871: Element 'limit': This element is not expected. Expected is one of ( docparid, filter, orderby, options, pagesize, offset ).",
        ),
    ];
    let company = Company::new();
    for (body, expected) in table {
        let answer = Answer::of(&company.send(&body, None));
        assert_eq!(answer.text("control/status"), "failure", "{expected}");
        let (number, second) = error(&answer.root);
        let expected = format!("XML Parse schema error: {expected}");
        assert!(number == "XL03000003" && second.starts_with(&expected), "{second}\nbut expected\n{expected}");
        assert!(second.ends_with(" Line: 1, column: 0."), "{second}");
    }
    let pretty = query("\n<limit>1</limit>").replace("<query>", "\n\n<query>");
    assert!(error(&Answer::of(&company.send(&pretty, None)).root).1.ends_with("Line: 4, column: 0."));
}

#[test]
fn failures_of_authentication_leave_control_successful() {
    let company = Company::new();
    let good = request(CONTROL, LOGIN, "", PROBE);
    let table = [
        (good.replace("user-secret", "wrong"), "Sign-in information is incorrect", "ws_rightful", "RIGHTFUL-DEMO"),
        (good.replace("RIGHTFUL-DEMO", "rightful-demo"), "Sign-in information is incorrect", "ws_rightful", "rightful-demo"),
        (good.replace("ws_rightful", "nobody"), "Sign-in information is incorrect", "nobody", "RIGHTFUL-DEMO"),
        (
            good.replace("</login>", "<locationid>WEST</locationid></login>"),
            "Sign-in information is incorrect",
            "ws_rightful",
            "RIGHTFUL-DEMO",
        ),
        (good.replace(LOGIN, "<sessionid>made-up-guid</sessionid>"), "Invalid session made....", "", ""),
    ];
    for (body, text, user, of_company) in table {
        let answer = Answer::of(&company.send(&body, None));
        assert_eq!((answer.status, answer.text("control/status")), (200, "success"));
        assert_eq!(answer.text("operation/authentication/status"), "failure");
        assert_eq!((answer.text("operation/authentication/userid"), answer.text("operation/authentication/companyid")), (user, of_company));
        let found = error(answer.at("operation").unwrap());
        assert_eq!((found.0.as_str(), found.1.as_str()), ("XL03000006", text));
        assert!(answer.results().is_empty());
    }
    company.sim.set_switches(Switches { subscribed: false, ..Switches::default() });
    let answer = Answer::of(&company.send(&good, None));
    assert!(error(answer.at("operation").unwrap()).1.contains("not authorized for XML transactions"));
}

#[test]
fn a_sender_the_company_has_not_authorised_is_told_so() {
    let company = Company::new();
    let control = CONTROL.replace("RightfulSandbox", "StrangerMPP").replace("sender-secret", "stranger-secret");
    let response = company.send(&request(&control, LOGIN, "", PROBE), None);
    assert!(String::from_utf8_lossy(&response.body).contains("The sender ID &#039;StrangerMPP&#039; is not authorized"));
    let answer = Answer::of(&response);
    let found = errors(answer.at("operation").unwrap());
    assert_eq!(
        found,
        [(
            "XL03000006".to_owned(),
            "Invalid Web Services Authorization".to_owned(),
            "The sender ID 'StrangerMPP' is not authorized to make Web Services requests to company ID 'RIGHTFUL-DEMO'.".to_owned(),
            "Contact the company administrator to grant Web Services authorization to this sender ID.".to_owned()
        )]
    );
}

#[test]
fn the_session_answer_names_the_address_that_was_called() {
    let company = Company::new();
    for origin in ["http://127.0.0.1:8080", "http://p1.intacct.com:9443", "http://api.intacct.com"] {
        let body = request(CONTROL, LOGIN, "", "<function controlid=\"s\"><getAPISession/></function>");
        let answer = Answer::of(&company.send_to(origin, &body, None));
        let api = answer.at("operation/result/data/api").unwrap();
        let names: Vec<&str> = api.children.iter().map(|child| child.name.as_str()).collect();
        assert_eq!(names, ["sessionid", "endpoint", "locationid"]);
        assert_eq!(api.text_of("endpoint"), Some(format!("{origin}/ia/xml/xmlgw.phtml").as_str()));
        let session = api.text_of("sessionid").unwrap();
        let next = request(CONTROL, &format!("<sessionid>{session}</sessionid>"), "", PROBE);
        assert_eq!(Answer::of(&company.send_to(origin, &next, None)).text("operation/result/status"), "success");
        let elsewhere = Answer::of(&company.send_to("http://na12.intacct.com", &next, None));
        assert!(error(elsewhere.at("operation").unwrap()).1.starts_with("Invalid session"));
    }
}

#[test]
fn sessions_slide_and_stay_valid_side_by_side() {
    let company = Company::with(Options { session_seconds: 3600, ..Options::default() });
    let (first, second) = (company.session(""), company.session(""));
    assert_ne!(first, second);
    let is_alive = |session: &str| {
        let body = request(CONTROL, &format!("<sessionid>{session}</sessionid>"), "", PROBE);
        Answer::of(&company.send(&body, None)).text("operation/authentication/status") == "success"
    };
    company.clock.advance(chrono::Duration::seconds(3000));
    assert!(is_alive(&first));
    company.clock.advance(chrono::Duration::seconds(3000));
    assert!(is_alive(&first), "a call moves the end on");
    assert!(!is_alive(&second), "a session that is not used ends");
}

#[test]
fn a_session_moves_between_levels() {
    let company = Company::new();
    let top = company.session("");
    let north = company.run_in(&top, "<getAPISession><locationid>NORTH</locationid></getAPISession>");
    let api = north.child("data").unwrap().child("api").unwrap();
    assert_eq!(api.text_of("locationid"), Some("NORTH"));
    let details = company.run_in(api.text_of("sessionid").unwrap(), "<readEntityDetails/>");
    assert_eq!(details.child("data").unwrap().child("entity").unwrap().text_of("id"), Some("NORTH"));
    let back = company.run_in(api.text_of("sessionid").unwrap(), "<getAPISession><locationid/></getAPISession>");
    assert_eq!(back.child("data").unwrap().child("api").unwrap().text_of("locationid"), Some(""));
}

#[test]
fn failed_sign_ins_are_counted_and_lock_when_switched_on() {
    let company = Company::with(Options { switches: Switches { lock_after: 3, ..Switches::default() }, ..Options::default() });
    let good = request(CONTROL, LOGIN, "", PROBE);
    let bad = good.replace("user-secret", "wrong");
    let status = |body: &str| Answer::of(&company.send(body, None)).text("operation/authentication/status").to_owned();
    assert_eq!((status(&bad), status(&bad), status(&good)), ("failure".into(), "failure".into(), "success".into()));
    let counted = company.sim.control("sign-ins", json!({}), &company.clock).unwrap();
    assert_eq!((&counted["ok"], &counted["failed"]), (&json!(1), &json!(2)));
    for _ in 0..3 {
        assert_eq!(status(&bad), "failure");
    }
    assert_eq!(status(&good), "failure", "locked out");
    let dump = company.sim.dump();
    let user = dump["users"].as_array().unwrap().iter().find(|user| user["LOGINID"] == "ws_rightful").unwrap().clone();
    assert_eq!(user["STATUS"], "lockedout");
    assert!(!dump.to_string().contains("user-secret"));
}

#[test]
fn credentials_may_hold_any_character() {
    let options = Options {
        sender_id: "A&B".into(),
        sender_password: Secret::new("a<b'\"&amp;"),
        user: "ws@rightful.example".into(),
        user_password: Secret::new("p&s'<>"),
        ..Options::default()
    };
    let company = Company::with(options);
    let control = "<senderid>A&amp;B</senderid><password><![CDATA[a<b'\"&amp;]]></password><controlid/>";
    let login = "<login><userid>ws@rightful.example</userid><companyid>RIGHTFUL-DEMO</companyid><password>p&amp;s&apos;&lt;&gt;</password>\
                 <locationid></locationid></login>";
    let answer = Answer::of(&company.send(&request(control, login, "", PROBE), None));
    assert_eq!(
        (answer.text("operation/authentication/userid"), answer.text("operation/result/status")),
        ("ws@rightful.example", "success")
    );
}

#[test]
fn white_space_is_added_unless_refused() {
    let company = Company::new();
    let body = request(CONTROL, LOGIN, "", PROBE);
    let compact = company.send(&body, None);
    assert!(!String::from_utf8_lossy(&compact.body).contains('\n'));
    let pretty = company.send(&body.replace("<includewhitespace>false</includewhitespace>", ""), None);
    let pretty = String::from_utf8_lossy(&pretty.body).into_owned();
    assert!(pretty.contains("\n  <control>\n    <status>success</status>"), "{pretty}");
    company.sim.control("switches", json!({ "self_closed": true }), &company.clock).unwrap();
    let closed = company.send(&body, None);
    assert!(String::from_utf8_lossy(&closed.body).contains("<weekstart/>"));
    assert!(company.sim.control("switches", json!({ "selfclosed": true }), &company.clock).unwrap_err().contains("selfclosed"));
}

#[test]
fn a_repeated_control_id_is_refused_where_uniqueness_is_wanted() {
    let company = Company::new();
    let wanting = CONTROL.replace("<uniqueid>false</uniqueid>", "");
    let update = "<function controlid=\"once\"><update><CUSTOMER><CUSTOMERID>C-0399</CUSTOMERID><CUSTREPID>7</CUSTREPID></CUSTOMER></update></function>";
    let body = request(&wanting, LOGIN, "", update);
    assert_eq!(Answer::of(&company.send(&body, None)).text("operation/result/status"), "success");
    assert_eq!(error(&Answer::of(&company.send(&body, None)).result(0)).0, "SIM-DUPLICATE");
    let again = request(CONTROL, LOGIN, "", update);
    assert_eq!(Answer::of(&company.send(&again, None)).text("operation/result/status"), "success");
}
