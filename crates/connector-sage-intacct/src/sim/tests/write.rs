//! create, update, delete: what is saved, what is refused, what is rolled back.

use rightful_sim::Simulator;
use serde_json::json;

use super::{Answer, CONTROL, Company, LOGIN, attribute, column, error, errors, records, request};

fn rep(company: &Company, id: &str) -> String {
    let read = company.run(&format!("<readByName><object>CUSTOMER</object><keys>{id}</keys><fields>CUSTREPID</fields></readByName>"));
    column(&read, "CUSTREPID").first().cloned().unwrap_or_else(|| "(absent)".to_owned())
}

fn update(id: &str, rep: &str) -> String {
    format!("<update><CUSTOMER><CUSTOMERID>{id}</CUSTOMERID><CUSTREPID>{rep}</CUSTREPID></CUSTOMER></update>")
}

#[test]
fn an_update_changes_what_is_given_and_nothing_else() {
    let company = Company::new();
    company.clock.advance(chrono::Duration::seconds(60));
    let result = company.run(&update("C-0399", "007"));
    assert_eq!((attribute(&result, "listtype"), attribute(&result, "count")), ("objects".to_owned(), "1".to_owned()));
    let saved = &records(&result)[0];
    assert_eq!((saved.name.as_str(), saved.text_of("RECORDNO"), saved.text_of("CUSTOMERID")), ("customer", Some("800"), Some("C-0399")));
    let read = company.run(
        "<read><object>CUSTOMER</object><keys>800</keys><fields>NAME,CUSTREPID,STATUS,REGION_CODE,WHENMODIFIED,MODIFIEDBY</fields></read>",
    );
    assert_eq!((rep(&company, "C-0399"), column(&read, "STATUS")), ("007".to_owned(), vec!["active".to_owned()]));
    assert_eq!(column(&read, "WHENMODIFIED"), ["02/03/2026 04:06:06"]);
    assert_ne!(column(&read, "NAME"), [""]);
    company.run("<update><CUSTOMER><RECORDNO>800</RECORDNO><CUSTREPID></CUSTREPID><REGION_CODE>S9</REGION_CODE></CUSTOMER></update>");
    assert_eq!(rep(&company, "C-0399"), "");
    let dump = company.sim.dump();
    let customer = dump["customers"].as_array().unwrap().iter().find(|one| one["CUSTOMERID"] == "C-0399").unwrap().clone();
    assert_eq!((&customer["revision"], &customer["REGION_CODE"]), (&json!(2), &json!("S9")));
}

#[test]
fn refused_writes_say_why() {
    let company = Company::new();
    let table = [
        (update("UT99", "7"), "Cannot update non-existing CUSTOMER with CUSTOMERID=UT99.", ""),
        (update("C-0399", "nobody"), "BL01001973", "Invalid Sales Rep 'nobody' selected."),
        (
            "<update><CUSTOMER><CUSTREPID>7</CUSTREPID></CUSTOMER></update>".into(),
            "PL01000127",
            "The required value for the field 'CUSTOMERID' is missing.",
        ),
        (
            "<update><CUSTOMER><CUSTOMERID>C-0399</CUSTOMERID><NAME></NAME></CUSTOMER></update>".into(),
            "PL01000127",
            "The required value for the field 'NAME' is missing.",
        ),
        (
            "<update><CUSTOMER><CUSTOMERID>C-0399</CUSTOMERID><STATUS>gone</STATUS></CUSTOMER></update>".into(),
            "BL01001973",
            "The value 'gone' is not valid for the field STATUS.",
        ),
        (
            "<update><CUSTOMER><RECORDNO>800</RECORDNO><CUSTOMERID>C-9</CUSTOMERID></CUSTOMER></update>".into(),
            "BL01001973",
            "The field CUSTOMERID cannot be changed.",
        ),
        (
            "<create><CUSTOMER><CUSTOMERID>C-0399</CUSTOMERID><NAME>x</NAME></CUSTOMER></create>".into(),
            "BL34000061",
            "Another Customer with the given value(s) C-0399  already exists",
        ),
        (
            "<create><CUSTOMER><CUSTOMERID>N</CUSTOMERID></CUSTOMER></create>".into(),
            "PL01000127",
            "The required value for the field 'NAME' is missing.",
        ),
        (
            "<create><EMPLOYEE><EMPLOYEEID>N</EMPLOYEEID></EMPLOYEE></create>".into(),
            "PL01000127",
            "The required value for the field 'PERSONALINFO.CONTACTNAME' is missing.",
        ),
        (
            "<create><USERINFO><LOGINID>n</LOGINID></USERINFO></create>".into(),
            "PL01000127",
            "The required value for the field 'CONTACTINFO' is missing.",
        ),
        ("<create><BADOBJECT><A>1</A></BADOBJECT></create>".into(), "Query Failed", "Object definition BADOBJECT not found"),
        (
            "<delete><object>CUSTOMER</object><keys>UT01</keys></delete>".into(),
            "BL01001973",
            "Cannot find customer with key 'UT01' to delete.",
        ),
        ("<delete_customer customerid=\"UT01\"/>".into(), "BL01001973", "Cannot find customer with key 'UT01' to delete."),
        (
            "<delete><object>EMPLOYEE</object><keys>40</keys></delete>".into(),
            "BL01001973",
            "The employee 'E-014' cannot be deleted because other records refer to it.",
        ),
        (
            "<delete><object>USERINFO</object><keys>10</keys></delete>".into(),
            "BL01001973",
            "The user 'ws_rightful' has administrator privileges and cannot be deleted.",
        ),
    ];
    for (call, number, text) in table {
        let result = company.run(&call);
        assert_eq!(result.text_of("status"), Some("failure"), "{call}");
        assert_eq!(error(&result), (number.to_owned(), text.to_owned()), "{call}");
    }
    company.sim.control("switches", json!({ "any_rep": true }), &company.clock).unwrap();
    assert_eq!(company.run(&update("C-0400", "nobody")).text_of("status"), Some("success"));
    let twice = errors(&company.run("<create><CUSTOMER><CUSTOMERID>C-0399</CUSTOMERID><NAME>x</NAME></CUSTOMER></create>"));
    assert_eq!(
        (twice[0].3.as_str(), twice[1].0.as_str(), twice[1].2.as_str()),
        ("Use a unique value instead.", "BL01001973", "Could not create customer record!")
    );
    assert_eq!(rep(&company, "C-0399"), "E-014");
}

#[test]
fn good_objects_are_saved_beside_bad_ones() {
    let company = Company::new();
    let object = |id: &str, rep: &str| format!("<CUSTOMER><CUSTOMERID>{id}</CUSTOMERID><CUSTREPID>{rep}</CUSTREPID></CUSTOMER>");
    let result = company.run(&format!("<update>{}{}{}</update>", object("C-0399", "7"), object("nobody", "7"), object("C-0401", "7")));
    assert_eq!(result.text_of("status"), Some("failure"));
    let order: Vec<&str> = result.children.iter().map(|child| child.name.as_str()).collect();
    assert_eq!(order, ["status", "function", "controlid", "data", "errormessage"]);
    assert_eq!(attribute(&result, "count"), "2");
    let saved: Vec<&str> = result.child("data").unwrap().children.iter().map(|record| record.text_of("CUSTOMERID").unwrap()).collect();
    assert_eq!(saved, ["C-0399", "C-0401"]);
    let nothing = company.run(&format!("<update>{}</update>", object("nobody", "7")));
    assert_eq!(attribute(&nothing, "count"), "0");
}

#[test]
fn a_transaction_is_rolled_back_in_both_shapes() {
    let function = |id: &str, call: &str| format!("<function controlid=\"{id}\">{call}</function>");
    let work = function("a", &update("C-0399", "7")) + &function("b", &update("nobody", "7")) + &function("c", &update("C-0401", "7"));
    for (shape, last) in [("failure", "failure"), ("aborted", "aborted")] {
        let company = Company::new();
        company.sim.control("switches", json!({ "roll_back": shape }), &company.clock).unwrap();
        let before = rep(&company, "C-0399");
        let answer = Answer::of(&company.send(&request(CONTROL, LOGIN, " transaction=\"true\"", &work), None));
        let results = answer.results();
        let told: Vec<(&str, &str, Vec<String>)> = results
            .iter()
            .map(|result| {
                let numbers = errors(result).into_iter().map(|error| error.0).collect();
                (result.text_of("controlid").unwrap(), result.text_of("status").unwrap(), numbers)
            })
            .collect();
        let own = "Cannot update non-existing CUSTOMER with CUSTOMERID=nobody.".to_owned();
        assert_eq!(told, [("a", "aborted", vec!["XL03000009".to_owned()]), ("b", last, vec![own, "XL03000009".to_owned()])]);
        assert_eq!(rep(&company, "C-0399"), before);
    }
    let company = Company::new();
    let answer = Answer::of(&company.send(&request(CONTROL, LOGIN, "", &work), None));
    let statuses: Vec<String> = answer.results().iter().map(|result| result.text_of("status").unwrap().to_owned()).collect();
    assert_eq!((statuses.join(" ").as_str(), rep(&company, "C-0401").as_str()), ("success failure success", "7"));
}

#[test]
fn a_rolled_back_creation_leaves_nothing_behind() {
    let company = Company::new();
    let contacts = company.sim.dump()["contacts"].as_array().unwrap().len();
    let work = "<function controlid=\"a\"><create><CUSTOMER><CUSTOMERID>N-1</CUSTOMERID><NAME>New</NAME></CUSTOMER></create></function>\
                <function controlid=\"b\"><create><CUSTOMER><CUSTOMERID>N-1</CUSTOMERID><NAME>New</NAME></CUSTOMER></create></function>";
    company.send(&request(CONTROL, LOGIN, " transaction=\"true\"", work), None);
    let dump = company.sim.dump();
    assert_eq!((rep(&company, "N-1").as_str(), dump["contacts"].as_array().unwrap().len()), ("(absent)", contacts));
}

#[test]
fn a_user_is_created_with_a_new_or_a_known_contact() {
    let company = Company::new();
    let created = company.run(
        "<create><USERINFO><LOGINID>ws_rosters</LOGINID><USERTYPE>business user</USERTYPE><CONTACTINFO><LASTNAME>Rosters</LASTNAME>\
         <FIRSTNAME>Integration</FIRSTNAME><EMAIL1>rosters@brackwater.example</EMAIL1></CONTACTINFO><DESCRIPTION>Integration Rosters</DESCRIPTION>\
         <STATUS>active</STATUS><LOGINDISABLED>true</LOGINDISABLED><USERLOCATIONS><LOCATIONID>NORTH</LOCATIONID></USERLOCATIONS>\
         <USERLOCATIONS><LOCATIONID>SOUTH</LOCATIONID></USERLOCATIONS></USERINFO></create>",
    );
    assert_eq!(records(&created)[0].text_of("LOGINID"), Some("ws_rosters"));
    let read = company.run("<readByName><object>USERINFO</object><keys>ws_rosters</keys></readByName>");
    let user = records(&read)[0].clone();
    assert_eq!(user.child("CONTACTINFO").unwrap().text_of("CONTACTNAME"), Some("Rosters, Integration"));
    assert_eq!(user.child("USERLOCATIONS").unwrap().children.len(), 2);
    company.run(
        "<update><USERINFO><LOGINID>ws_rosters</LOGINID><USERLOCATIONS><LOCATIONID>SOUTH</LOCATIONID></USERLOCATIONS></USERINFO></update>",
    );
    let read =
        company.run("<readByName><object>USERINFO</object><keys>ws_rosters</keys><fields>USERLOCATIONS,STATUS</fields></readByName>");
    assert_eq!(records(&read)[0].child("USERLOCATIONS").unwrap().children.len(), 1, "a list is replaced whole");
    let known = "<create><USERINFO><LOGINID>n2</LOGINID><USERTYPE>CRM user</USERTYPE><CONTACTINFO><CONTACTNAME>Reyes, Ana</CONTACTNAME></CONTACTINFO></USERINFO></create>";
    assert_eq!(error(&company.run(known)).1, "A CRM user must have LOGINDISABLED set to true.");
    let number =
        records(&company.run("<readByName><object>USERINFO</object><keys>ws_rosters</keys><fields>RECORDNO</fields></readByName>"))[0]
            .clone();
    let delete = format!("<delete><object>USERINFO</object><keys>{}</keys></delete>", number.text_of("RECORDNO").unwrap());
    let deleted = company.run(&delete);
    assert_eq!((deleted.text_of("status"), deleted.child("data").is_none()), (Some("success"), true));
}

#[test]
fn only_administrators_write_users() {
    let company = Company::new();
    company.sim.control("set-user", json!({ "LOGINID": "areyes", "password": "pw" }), &company.clock).unwrap();
    let login = LOGIN.replace("ws_rightful", "areyes").replace("user-secret", "pw");
    let call =
        "<function controlid=\"f\"><update><USERINFO><LOGINID>bking</LOGINID><STATUS>inactive</STATUS></USERINFO></update></function>";
    let answer = Answer::of(&company.send(&request(CONTROL, &login, "", call), None));
    assert_eq!(error(&answer.result(0)).0, "PL04000005");
}

#[test]
fn people_change_things_in_the_product_through_controls() {
    let company = Company::new();
    let control = |name: &str, body| company.sim.control(name, body, &company.clock);
    control("set-employee", json!({ "EMPLOYEEID": "E-015", "CONTACTNAME": "Desk One", "STATUS": "inactive" })).unwrap();
    control("set-contact", json!({ "CONTACTNAME": "Desk One", "EMAIL1": "one@rightful.example" })).unwrap();
    control("set-user", json!({ "LOGINID": "bking", "STATUS": "inactive", "CONTACTNAME": "Desk One" })).unwrap();
    control("delete-customer", json!({ "CUSTOMERID": "C-0400" })).unwrap();
    let dump = company.sim.dump();
    let find = |list: &str, key: &str, value: &str| {
        dump[list].as_array().unwrap().iter().find(|one| one[key] == value).cloned().unwrap_or_default()
    };
    assert_eq!(find("employees", "EMPLOYEEID", "E-015")["CONTACTNAME"], "Desk One");
    assert_eq!(find("contacts", "CONTACTNAME", "Desk One")["EMAIL1"], "one@rightful.example");
    assert_eq!(find("users", "LOGINID", "bking")["STATUS"], "inactive");
    assert_eq!(find("customers", "CUSTOMERID", "C-0400"), serde_json::Value::Null);
    assert_eq!(control("empty-customers", json!({})).unwrap()["deleted"], 25);
    let query = "<query><object>CUSTOMER</object><select><field>RECORDNO</field></select></query>";
    assert_eq!(attribute(&company.run(query), "totalcount"), "0");
    control("reset", json!({})).unwrap();
    assert_eq!(attribute(&company.run(query), "totalcount"), "24");
    assert!(control("nonsense", json!({})).unwrap_err().contains("set-customer"));
    assert!(control("set-customer", json!({ "CUSTOMERID": "C-0399", "NOPE": 1 })).unwrap_err().contains("NOPE"));
}

#[test]
fn what_an_entity_creates_belongs_to_it() {
    let company = Company::new();
    let (top, north, south) = (company.session(""), company.session("NORTH"), company.session("SOUTH"));
    company.run_in(&north, "<create><CUSTOMER><CUSTOMERID>N-1</CUSTOMERID><NAME>Private</NAME></CUSTOMER></create>");
    let read = "<readByName><object>CUSTOMER</object><keys>N-1</keys><fields>CUSTOMERID,MEGAENTITYID</fields></readByName>";
    assert_eq!(column(&company.run_in(&north, read), "MEGAENTITYID"), ["NORTH"]);
    assert_eq!(column(&company.run_in(&top, read), "MEGAENTITYID"), ["NORTH"]);
    assert!(column(&company.run_in(&south, read), "MEGAENTITYID").is_empty());
    assert_eq!(error(&company.run_in(&south, &update("N-1", "7"))).0, "Cannot update non-existing CUSTOMER with CUSTOMERID=N-1.");
    assert_eq!(company.run_in(&top, &update("N-1", "7")).text_of("status"), Some("success"));
}
