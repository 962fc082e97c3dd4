//! readByQuery and its grammar, readMore, read, readByName, and the describing functions.

use rightful_sim::Simulator;
use serde_json::json;

use super::{Company, attribute, column, error, records};

fn by_query(company: &Company, text: &str) -> Vec<String> {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    column(
        &company.run(&format!("<readByQuery><object>CUSTOMER</object><fields>CUSTOMERID</fields><query>{text}</query></readByQuery>")),
        "CUSTOMERID",
    )
}

fn prepared() -> Company {
    let company = Company::new();
    let set = |body| company.sim.control("set-customer", body, &company.clock).unwrap();
    set(json!({ "CUSTOMERID": "C-0399", "NAME": "O'Dell & Co", "CREDITLIMIT": 500, "ONHOLD": true }));
    set(json!({ "CUSTOMERID": "C-0400", "NAME": "back\\slash", "CREDITLIMIT": 499, "ONHOLD": false, "STATUS": "inactive" }));
    company
}

#[test]
fn the_query_text_is_read_as_the_vendor_reads_it() {
    let company = prepared();
    let table = [
        ("NAME = 'O\\'Dell & Co'", "C-0399"),
        ("NAME like 'O\\'Dell%' AND CREDITLIMIT >= 500", "C-0399"),
        ("name like 'O%Co' and creditlimit > '499'", "C-0399"),
        ("NAME = 'back\\\\slash'", "C-0400"),
        ("CREDITLIMIT < 500", "C-0400"),
        ("CREDITLIMIT IS NOT NULL", "C-0399 C-0400"),
        ("ONHOLD = 'T'", "C-0399"),
        ("ONHOLD = 'F'", "C-0400"),
        ("ONHOLD = 'true'", ""),
        ("STATUS = 'F' AND CUSTOMERID in ('C-0400', 'C-0399')", "C-0400"),
        ("CUSTOMERID not in ('C-0400') and ONHOLD IS NOT NULL", "C-0399"),
        ("NOT (CREDITLIMIT = 500) AND CREDITLIMIT IS NOT NULL", "C-0400"),
        ("NOT CREDITLIMIT = 500", "C-0400"),
        ("(NAME not like 'O%' AND CREDITLIMIT > 0) OR CUSTOMERID = 'nobody'", "C-0400"),
        ("CUSTOMERID = C-0400", ""),
        ("STATUS = 'active'", ""),
        ("rownum <= 2", "C-0399 C-0400"),
        ("STATUS = 'T' and rownum < 2", "C-0399"),
        ("rownum > 1", ""),
    ];
    for (text, expected) in table {
        assert_eq!(by_query(&company, text).join(" "), expected, "{text}");
    }
    let users = "<readByQuery><object>USERINFO</object><fields>LOGINID,USERTYPE</fields><query>usertype = 'B' AND logindisabled = 'T'</query></readByQuery>";
    assert_eq!(column(&company.run(users), "LOGINID"), ["ws_rightful"]);
    assert_eq!(column(&company.run(users), "USERTYPE"), ["business user"]);
}

#[test]
fn broken_query_texts_fail_alike() {
    let company = prepared();
    let table = [
        "NAME =",
        "NAME = 'open",
        "= 'x'",
        "NAME 'x'",
        "NAME = 'a' OR",
        "(NAME = 'a'",
        "NAME = 'a')",
        "NAME ~ 'a'",
        "NAME = 'O'Dell'",
        "NOPE = 'x'",
        "DISPLAYCONTACT.EMAIL1 = 'x'",
        "NAME IS 'x'",
        "NAME NOT 'x'",
        "NAME in 'x'",
        "CREDITLIMIT = 'many'",
    ];
    for text in table {
        let text = text.replace('<', "&lt;");
        let result = company.run(&format!("<readByQuery><object>CUSTOMER</object><query>{text}</query></readByQuery>"));
        let found = super::errors(&result);
        assert_eq!(
            found.first().map(|error| (error.0.as_str(), error.1.as_str(), error.2.as_str())),
            Some(("DL02000001", "Error", "There was an error processing the request.")),
            "{text}"
        );
    }
    let deep = format!("{}NAME = 'a'{}", "(".repeat(80), ")".repeat(80));
    let result = company.run(&format!("<readByQuery><object>CUSTOMER</object><query>{deep}</query></readByQuery>"));
    assert_eq!(error(&result).0, "DL02000001");
    let result = company.run("<readByQuery><object>BADOBJECT</object><query></query></readByQuery>");
    assert_eq!(error(&result), ("Query Failed".to_owned(), "Object definition BADOBJECT not found".to_owned()));
    let result = company.run("<readByQuery><object>CUSTOMER</object><query></query><pagesize>1001</pagesize></readByQuery>");
    assert_eq!(error(&result).0, "DL02000001");
}

#[test]
fn pages_are_walked_by_result_id() {
    let company = Company::new();
    let session = company.session("");
    let first = company.run_in(
        &session,
        "<readByQuery><object>CUSTOMER</object><fields>RECORDNO,CUSTOMERID</fields><query></query><pagesize>10</pagesize><returnFormat>xml</returnFormat></readByQuery>",
    );
    let attributes = |result| ["listtype", "count", "totalcount", "numremaining"].map(|name| attribute(result, name)).join(" ");
    assert_eq!(attributes(&first), "customer 10 24 14");
    assert_eq!(records(&first)[0].name, "customer");
    let id = attribute(&first, "resultId");
    let more = format!("<readMore><resultId>{id}</resultId></readMore>");
    let second = company.run_in(&session, &more);
    assert_eq!((attributes(&second).as_str(), attribute(&second, "resultId")), ("customer 10 24 4", id));
    let third = company.run_in(&session, "<readMore><object>CUSTOMER</object></readMore>");
    assert_eq!(attributes(&third), "customer 4 24 0");
    assert_eq!(error(&company.run_in(&session, &more)).0, "Query Failed");
    let mut all: Vec<String> = [&first, &second, &third].iter().flat_map(|page| column(page, "CUSTOMERID")).collect();
    all.dedup();
    assert_eq!(all.len(), 24);
    let none = company.run("<readByQuery><object>CUSTOMER</object><query>CUSTOMERID = 'nobody'</query></readByQuery>");
    assert_eq!((attributes(&none).as_str(), attribute(&none, "resultId").as_str()), ("customer 0 0 0", ""));
}

#[test]
fn read_by_query_flattens_and_read_nests() {
    let company = Company::new();
    let flat = company.run("<readByQuery><object>EMPLOYEE</object><fields>*</fields><query>EMPLOYEEID = 'E-014'</query></readByQuery>");
    let record = &records(&flat)[0];
    assert_eq!(record.text_of("PERSONALINFO.EMAIL1"), Some("ana.reyes@rightful.example"));
    let nested = company.run("<readByName><object>EMPLOYEE</object><keys>E-014,nobody</keys><fields>*</fields></readByName>");
    assert_eq!((attribute(&nested, "listtype"), attribute(&nested, "count")), ("EMPLOYEE".to_owned(), "1".to_owned()));
    let person = records(&nested)[0].child("PERSONALINFO").unwrap().clone();
    assert_eq!(person.text_of("CONTACTNAME"), Some("Reyes, Ana"));
    assert!(person.child("MAILADDRESS").unwrap().child("CITY").is_some());
    let contact = company.run("<readByName><object>CONTACT</object><keys>Desk One</keys></readByName>");
    let names: Vec<String> = records(&contact)[0].children.iter().map(|child| child.name.clone()).collect();
    assert_eq!(names.iter().filter(|name| *name == "MAILADDRESS").count(), 1);
    assert_eq!(records(&company.run("<readByName><object>CONTACT</object><keys>Reyes, Ana</keys></readByName>")).len(), 0);
}

#[test]
fn read_takes_record_numbers_and_refuses_bad_field_lists() {
    let company = Company::new();
    let read = company
        .run("<read><object>CUSTOMER</object><keys>800,801,99999</keys><fields>RECORDNO,CUSTOMERID,CUSTREPKEY,CUSTREPNAME</fields></read>");
    assert_eq!(
        (attribute(&read, "count").as_str(), column(&read, "CUSTREPNAME")),
        ("2", vec!["Reyes, Ana".to_owned(), "O'Dell, Kim".to_owned()])
    );
    let bad = company.run("<read><object>CUSTOMER</object><keys>800</keys><fields>x</fields></read>");
    assert_eq!(super::errors(&bad), [("Invalid fields list x".into(), String::new(), String::new(), String::new())]);
    let none = company.run("<read><object>CUSTOMER</object><keys>1</keys></read>");
    assert_eq!(attribute(&none, "count"), "0");
    let keys = (0..101).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(company.run(&format!("<read><object>CUSTOMER</object><keys>{keys}</keys></read>")).text_of("status"), Some("failure"));
}

#[test]
fn lookup_answers_for_any_well_formed_name() {
    let company = Company::new();
    let fields = |object: &str| {
        let result = company.run(&format!("<lookup><object>{object}</object></lookup>"));
        let kind = records(&result)[0].clone();
        assert_eq!((kind.name.as_str(), kind.attribute("Name")), ("Type", Some(object)));
        kind.child("Fields").unwrap().children.clone()
    };
    let user = fields("USERINFO");
    let status = user.iter().find(|field| field.text_of("ID") == Some("STATUS")).unwrap();
    let values: Vec<&str> = status.child("VALIDVALUES").unwrap().children.iter().map(|value| value.text.as_str()).collect();
    assert_eq!((status.text_of("DATATYPE"), values), (Some("ENUM"), vec!["active", "inactive", "lockedout"]));
    let custom = fields("CUSTOMER");
    assert!(custom.iter().any(|field| field.text_of("ID") == Some("REGION_CODE") && field.text_of("ISCUSTOM") == Some("true")));
    let names: Vec<String> = fields("ARINVOICE").iter().map(|field| field.text_of("ID").unwrap().to_owned()).collect();
    assert_eq!(names[..5], ["RECORDNO", "WHENCREATED", "WHENMODIFIED", "CREATEDBY", "MODIFIEDBY"]);
    assert_eq!(error(&company.run("<lookup><object>no such</object></lookup>")).1, "Object definition no such not found");
}

/// What `lookup` lists, `query` selects: taps rely on it.
#[test]
fn every_field_of_lookup_can_be_selected() {
    let company = Company::new();
    for object in ["CUSTOMER", "EMPLOYEE", "CONTACT", "USERINFO", "LOCATIONENTITY", "LOCATION", "DEPARTMENT", "APBILL"] {
        let result = company.run(&format!("<lookup><object>{object}</object></lookup>"));
        let fields: String = records(&result)[0]
            .child("Fields")
            .unwrap()
            .children
            .iter()
            .map(|field| format!("<field>{}</field>", field.text_of("ID").unwrap()))
            .collect();
        let query = company.run(&format!("<query><object>{object}</object><select>{fields}</select></query>"));
        assert_eq!(query.text_of("status"), Some("success"), "{object}: {:?}", error(&query));
    }
}

#[test]
fn inspect_names_objects_and_fields() {
    let company = Company::new();
    let all = company.run("<inspect><object>*</object></inspect>");
    assert!(
        records(&all).iter().any(|kind| kind.name == "type" && kind.attribute("typename") == Some("CUSTOMER") && kind.text == "Customer")
    );
    let one = company.run("<inspect><object>CUSTOMER</object></inspect>");
    let fields = records(&one)[0].child("Fields").unwrap().clone();
    assert_eq!((fields.children[0].name.as_str(), fields.children[0].text.as_str()), ("Field", "RECORDNO"));
    let detailed = company.run("<inspect detail=\"1\"><object>CUSTOMER</object></inspect>");
    let kind = records(&detailed)[0].clone();
    assert_eq!(kind.child("Attributes").unwrap().text_of("SingularName"), Some("Customer"));
    assert_eq!(kind.child("Fields").unwrap().children[1].text_of("Name"), Some("CUSTOMERID"));
}

#[test]
fn permissions_are_told_and_kept() {
    let company = Company::new();
    let rights = json!({ "CUSTOMER": ["list", "view"], "EMPLOYEE": [] });
    company.sim.control("set-user", json!({ "LOGINID": "areyes", "password": "pw", "permissions": rights }), &company.clock).unwrap();
    let told = company.run("<getUserPermissions><userId>areyes</userId></getUserPermissions>");
    let subscription = told.child("data").unwrap().child("permissions").unwrap().child("appSubscription").unwrap().clone();
    assert_eq!(subscription.text_of("applicationName"), Some("Accounts Receivable"));
    let policy = subscription.child("policies").unwrap().child("policy").unwrap().clone();
    assert_eq!((policy.text_of("policyName"), policy.text_of("rights")), (Some("Customers"), Some("List|View")));
    let unknown = super::errors(&company.run("<getUserPermissions><userId>x</userId></getUserPermissions>"));
    assert_eq!(unknown[0].2, "Login ID x does not exist.");
    assert_eq!((unknown[0].0.as_str(), unknown[0].3.as_str()), ("BL03000025", "Provide a valid USER.LOGINID value."));

    let login = super::LOGIN.replace("ws_rightful", "areyes").replace("user-secret", "pw");
    let ask = |call: &str| {
        let body = super::request(super::CONTROL, &login, "", &format!("<function controlid=\"f\">{call}</function>"));
        error(&super::Answer::of(&company.send(&body, None)).result(0))
    };
    assert_eq!(ask("<query><object>CUSTOMER</object><select><field>RECORDNO</field></select></query>"), (String::new(), String::new()));
    let table = [
        ("<readByQuery><object>EMPLOYEE</object><query/></readByQuery>", "READ_BY_QUERY on objects of type employee"),
        ("<query><object>CONTACT</object><select><field>RECORDNO</field></select></query>", "READ_BY_QUERY on objects of type contact"),
        ("<read><object>USERINFO</object><keys>1</keys></read>", "READ on objects of type userinfo"),
        ("<update><CUSTOMER><CUSTOMERID>C-0399</CUSTOMERID></CUSTOMER></update>", "UPDATE on objects of type customer"),
        ("<delete><object>CUSTOMER</object><keys>800</keys></delete>", "DELETE on objects of type customer"),
    ];
    for (call, text) in table {
        assert_eq!(ask(call), ("PL04000005".to_owned(), format!("You do not have permission for API operation {text}")));
    }
}

#[test]
fn deletions_are_found_in_the_audit_history() {
    let company = Company::new();
    company.run("<create><CUSTOMER><CUSTOMERID>A-1</CUSTOMERID><NAME>A</NAME></CUSTOMER></create>");
    company.run("<delete_customer customerid=\"A-1\"/>");
    company.sim.control("delete-customer", json!({ "CUSTOMERID": "C-0400" }), &company.clock).unwrap();
    let query = "<query><object>AUDITHISTORY</object><select><field>OBJECTKEY</field><field>ACCESSMODE</field><field>SOURCE</field><field>ACCESSTIME</field>\
                 </select><filter><and><equalto><field>OBJECTTYPE</field><value>customer</value></equalto><in><field>ACCESSMODE</field><value>C</value>\
                 <value>D</value></in><greaterthanorequalto><field>ACCESSTIME</field><value>02/03/2026 00:00:00</value></greaterthanorequalto></and></filter>\
                 <orderby><order><field>RECORDNO</field></order></orderby></query>";
    let found = company.run(query);
    assert_eq!(column(&found, "ACCESSMODE"), ["Create", "Delete", "Delete"]);
    assert_eq!(column(&found, "OBJECTKEY"), ["826--REC", "826--REC", "801--REC"]);
    assert_eq!(column(&found, "SOURCE"), ["api", "api", "ui"]);
    assert_eq!(column(&found, "ACCESSTIME")[0], "02/03/2026 04:05:06");
    let words = "<readByQuery><object>AUDITHISTORY</object><fields>OBJECTKEY</fields><query>ACCESSMODE = 'Delete' AND OBJECTTYPE = 'customer'</query></readByQuery>";
    assert_eq!(column(&company.run(words), "OBJECTKEY"), ["826--REC", "801--REC"]);
}

#[test]
fn dimensions_are_listed() {
    let company = Company::new();
    let dimensions = company.run("<getDimensions/>").child("data").unwrap().child("dimensions").unwrap().clone();
    assert!(
        dimensions
            .children
            .iter()
            .any(|one| one.text_of("objectName") == Some("CUSTOMER") && one.text_of("userDefinedDimension") == Some("false"))
    );
}
