//! The customer functions of version 2.1.

use super::{Answer, CONTROL, Company, LOGIN, column, error, request};

#[test]
fn a_customer_is_created_changed_and_deleted_the_old_way() {
    let company = Company::new();
    let created = company.run(
        "<create_customer><customerid>L-1</customerid><name>Legacy &amp; Sons</name><custrepid>007</custrepid><status>active</status>\
         <contactinfo><contact><contactname>ignored</contactname><printas>Legacy</printas><email1>l@customers.example</email1>\
         <mailaddress><city>Tarn</city></mailaddress></contact></contactinfo>\
         <customfields><customfield><customfieldname>REGION_CODE</customfieldname><customfieldvalue>N9</customfieldvalue></customfield></customfields>\
         </create_customer>",
    );
    assert_eq!((created.text_of("status"), created.text_of("key")), (Some("success"), Some("L-1")), "{:?}", error(&created));
    let read = || {
        company.run(
            "<query><object>CUSTOMER</object><select><field>CUSTREPID</field><field>REGION_CODE</field><field>DISPLAYCONTACT.EMAIL1</field>\
             <field>DISPLAYCONTACT.CONTACTNAME</field></select><filter><equalto><field>CUSTOMERID</field><value>L-1</value></equalto></filter></query>",
        )
    };
    assert_eq!(column(&read(), "REGION_CODE"), ["N9"]);
    assert_eq!(column(&read(), "DISPLAYCONTACT.EMAIL1"), ["l@customers.example"]);
    assert_eq!(column(&read(), "DISPLAYCONTACT.CONTACTNAME"), ["Legacy & Sons(CL-1)"]);
    company.run("<update_customer customerid=\"L-1\"><custrepid></custrepid><comments>kept rep</comments></update_customer>");
    assert_eq!(column(&read(), "CUSTREPID"), ["007"]);
    company.run("<update_customer customerid=\"L-1\" set_nulls=\"true\"><custrepid></custrepid></update_customer>");
    assert_eq!(column(&read(), "CUSTREPID"), [""]);
    let deleted = company.run("<delete_customer customerid=\"L-1\"></delete_customer>");
    assert_eq!((deleted.text_of("status"), column(&read(), "CUSTREPID").len()), (Some("success"), 0));
    let again = company.run("<create_customer><customerid>L-1</customerid><name>Legacy &amp; Sons</name></create_customer>");
    assert_eq!(again.text_of("status"), Some("success"));
    let ignored = company.run("<create_customer ignoreduplicates=\"true\"><customerid>L-1</customerid><name>x</name></create_customer>");
    assert_eq!(ignored.text_of("key"), Some("L-1"));
}

#[test]
fn legacy_elements_have_one_order() {
    let company = Company::new();
    let call = "<function controlid=\"f\"><update_customer customerid=\"C-0399\"><custrepid>7</custrepid><name>x</name></update_customer></function>";
    let answer = Answer::of(&company.send(&request(CONTROL, LOGIN, "", call), None));
    assert_eq!(answer.text("control/status"), "failure");
    assert!(error(&answer.root).1.contains("Element 'name': This element is not expected."));
    let call = "<function controlid=\"f\"><delete_customer/></function>";
    let answer = Answer::of(&company.send(&request(CONTROL, LOGIN, "", call), None));
    assert!(error(&answer.root).1.contains("The attribute 'customerid' is required but missing."));
}

#[test]
fn version_2_1_knows_the_old_functions_only() {
    let company = Company::new();
    let control = CONTROL.replace(">3.0<", ">2.1<");
    let send = |call: &str| {
        let body = request(&control, LOGIN, "", &format!("<function controlid=\"f\">{call}</function>"));
        Answer::of(&company.send(&body, None)).text("control/status").to_owned()
    };
    assert_eq!(send("<delete_customer customerid=\"C-0399\"/>"), "success");
    assert_eq!(send("<readEntityDetails/>"), "failure");
}

#[test]
fn a_contact_is_created_changed_and_deleted_the_old_way() {
    let company = Company::new();
    let created = company.run(
        "<create_contact><contactname>Old, Way</contactname><printas>Way Old</printas><email1>old@rightful.example</email1><mailaddress>\
         <isocountrycode>GB</isocountrycode></mailaddress></create_contact>",
    );
    assert_eq!(created.text_of("key"), Some("Old, Way"), "{:?}", error(&created));
    company.run("<update_contact contactname=\"Old, Way\"><printas></printas><email1>new@rightful.example</email1></update_contact>");
    let query = "<query><object>CONTACT</object><select><field>PRINTAS</field><field>EMAIL1</field><field>MAILADDRESS.COUNTRYCODE</field></select>\
                 <filter><equalto><field>CONTACTNAME</field><value>Old, Way</value></equalto></filter></query>";
    let found = company.run(query);
    assert_eq!(
        (column(&found, "EMAIL1"), column(&found, "PRINTAS")),
        (vec!["new@rightful.example".to_owned()], vec!["Way Old".to_owned()])
    );
    assert_eq!(column(&found, "MAILADDRESS.COUNTRYCODE"), ["GB"]);
    assert_eq!(company.run("<delete_contact contactname=\"Old, Way\"/>").text_of("status"), Some("success"));
    assert!(column(&company.run(query), "EMAIL1").is_empty());
}

#[test]
fn lists_are_read_the_old_way() {
    let company = Company::new();
    let result = company.run(
        "<get_list object=\"customer\" start=\"1\" maxitems=\"2\"><filter><logical logical_operator=\"and\"><expression><field>status</field>\
         <operator>=</operator><value>active</value></expression><expression><field>custrepid</field><operator>=</operator><value>E-014</value>\
         </expression></logical></filter><sorts><sortfield order=\"asc\">customerid</sortfield></sorts><fields><field>customerid</field>\
         <field>custrepid</field></fields></get_list>",
    );
    assert_eq!(result.text_of("status"), Some("success"), "{:?}", error(&result));
    let names: Vec<&str> = result.children.iter().map(|child| child.name.as_str()).collect();
    assert_eq!(names, ["status", "function", "controlid", "listtype", "data"]);
    let list = result.child("listtype").unwrap();
    assert_eq!((list.text.as_str(), list.attribute("start"), list.attribute("end")), ("customer", Some("1"), Some("2")));
    let all = company.run(
        "<query><object>CUSTOMER</object><select><field>CUSTOMERID</field></select><filter><and><equalto><field>CUSTREPID</field>\
                           <value>E-014</value></equalto><equalto><field>STATUS</field><value>active</value></equalto></and></filter>\
                           <orderby><order><field>CUSTOMERID</field></order></orderby></query>",
    );
    assert_eq!(column(&result, "customerid"), column(&all, "CUSTOMERID")[1..3]);
    assert_eq!(list.attribute("total"), Some(column(&all, "CUSTOMERID").len().to_string().as_str()));
    let one = company.run("<get object=\"contact\" key=\"Reyes, Ana\"/>");
    assert_eq!(column(&one, "email1"), ["ana.reyes@rightful.example"]);
    assert_eq!(company.run("<get object=\"customer\" key=\"nobody\"/>").text_of("status"), Some("failure"));
}
