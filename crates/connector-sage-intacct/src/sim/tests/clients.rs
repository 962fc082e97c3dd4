//! Requests word for word as other people's clients write them.

use super::{Answer, Company, column, error, records};

/// The vendor's JavaScript SDK: one line, a space before the end of the declaration.
#[test]
fn the_vendors_sdk_signs_in_and_creates_a_customer() {
    let company = Company::new();
    let sign_in = "<?xml version=\"1.0\" encoding=\"utf-8\" ?><request><control><senderid>RightfulSandbox</senderid><password>sender-secret</password>\
        <controlid>sessionProvider</controlid><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion><includewhitespace>false</includewhitespace></control>\
        <operation transaction=\"false\"><authentication><login><userid>ws_rightful</userid><companyid>RIGHTFUL-DEMO</companyid>\
        <password>user-secret</password></login></authentication><content><function controlid=\"0b9d3b5e-8c5c-4b53-9f2c-1d1f6a1a7d11\">\
        <getAPISession /></function></content></operation></request>";
    let answer = Answer::of(&company.send(sign_in, None));
    let session = answer.text("operation/result/data/api/sessionid").to_owned();
    let create = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\" ?><request><control><senderid>RightfulSandbox</senderid><password>sender-secret</password>\
        <controlid>1770091506000</controlid><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion><includewhitespace>false</includewhitespace></control>\
        <operation transaction=\"false\"><authentication><sessionid>{session}</sessionid></authentication><content>\
        <function controlid=\"c1\"><create><CUSTOMER><CUSTOMERID>SDK-1</CUSTOMERID><NAME>Intacct SDK Customer</NAME><DISPLAYCONTACT><PRINTAS />\
        <COMPANYNAME>SDK</COMPANYNAME><TAXABLE>true</TAXABLE><EMAIL1>sdk@customers.example</EMAIL1><MAILADDRESS><ADDRESS1>1 Road</ADDRESS1>\
        <CITY>Tarn</CITY></MAILADDRESS></DISPLAYCONTACT><STATUS>active</STATUS><CUSTREPID>E-014</CUSTREPID><CREDITLIMIT>1234.56</CREDITLIMIT>\
        <ONHOLD>false</ONHOLD><OBJECTRESTRICTION>Unrestricted</OBJECTRESTRICTION></CUSTOMER></create></function>\
        <function controlid=\"c2\"><update><CUSTOMER><CUSTOMERID>SDK-1</CUSTOMERID><DISPLAYCONTACT /><CUSTREPID>007</CUSTREPID></CUSTOMER></update></function>\
        <function controlid=\"c3\"><query><select><field>CUSTREPID</field><field>DISPLAYCONTACT.MAILADDRESS.CITY</field><field>DISPLAYCONTACT.PRINTAS</field></select>\
        <object>CUSTOMER</object><filter><equalto><field>CUSTOMERID</field><value>SDK-1</value></equalto></filter>\
        <options><caseinsensitive>false</caseinsensitive><showprivate>false</showprivate></options><pagesize>100</pagesize><offset>0</offset></query></function>\
        <function controlid=\"c4\"><delete_customer customerid=\"SDK-1\" /></function></content></operation></request>"
    );
    let answer = Answer::of(&company.send(&create, None));
    for result in answer.results() {
        assert_eq!(result.text_of("status"), Some("success"), "{:?}", error(&result));
    }
    let found = answer.result(2);
    assert_eq!(column(&found, "CUSTREPID"), ["007"]);
    assert_eq!(column(&found, "DISPLAYCONTACT.MAILADDRESS.CITY"), ["Tarn"]);
    assert_eq!(column(&found, "DISPLAYCONTACT.PRINTAS"), ["Intacct SDK Customer"]);
}

/// The Python SDK: xmltodict, an empty locationid on every sign-in, a date as control id, a count before every read.
#[test]
fn the_python_sdk_counts_and_pages() {
    let company = Company::new();
    let head = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<request><control><senderid>RightfulSandbox</senderid><password>sender-secret</password>\
        <controlid>2026-02-03 04:05:06.123456</controlid><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion><includewhitespace>false</includewhitespace></control>";
    let sign_in = format!(
        "{head}<operation><authentication><login><userid>ws_rightful</userid><companyid>RIGHTFUL-DEMO</companyid><password>user-secret</password>\
        <locationid></locationid></login></authentication><content><function controlid=\"3f0\"><getAPISession></getAPISession></function></content></operation></request>"
    );
    let session = Answer::of(&company.send(&sign_in, None)).text("operation/result/data/api/sessionid").to_owned();
    let run = |call: &str| {
        let body = format!(
            "{head}<operation><authentication><sessionid>{session}</sessionid></authentication><content><function controlid=\"3f1\">{call}</function></content></operation></request>"
        );
        Answer::of(&company.send(&body, None)).result(0)
    };
    let count = run(
        "<query><object>CUSTOMER</object><select><field>RECORDNO</field></select><pagesize>1</pagesize><options><showprivate>true</showprivate></options></query>",
    );
    assert_eq!(super::attribute(&count, "totalcount"), "26");
    let page = run(
        "<query><object>CUSTOMER</object><select><field>RECORDNO</field><field>CUSTOMERID</field><field>NAME</field><field>ENTITY</field><field>PARENTKEY</field>\
        <field>PARENTID</field><field>PARENTNAME</field><field>CUSTREPNAME</field><field>TOTALDUE</field><field>GLGRPKEY</field><field>GLGROUP</field><field>STATUS</field>\
        <field>ONETIME</field><field>ONHOLD</field><field>WHENCREATED</field><field>CREATEDBY</field><field>MODIFIEDBY</field><field>OBJECTRESTRICTION</field></select>\
        <pagesize>2000</pagesize><offset>0</offset></query>",
    );
    assert_eq!(records(&page)[0].name, "CUSTOMER");
    let employees = run(
        "<query><object>EMPLOYEE</object><select><field>RECORDNO</field><field>EMPLOYEEID</field><field>SSN</field><field>TITLE</field><field>BIRTHDATE</field>\
        <field>CONTACT.CONTACTNAME</field><field>CONTACT.EMAIL1</field><field>CONTACT.MAILADDRESS.COUNTRYCODE</field><field>CONTACTKEY</field><field>MEGAENTITYID</field></select>\
        <pagesize>2000</pagesize><offset>0</offset></query>",
    );
    assert_eq!(records(&employees).len(), 7);
    let by_query = run("<readByQuery><object>CUSTOMER</object><fields>*</fields><query></query><pagesize>1000</pagesize></readByQuery>");
    assert_eq!(records(&by_query)[0].name, "customer");
}

/// A hand-written script: pretty-printed, tabs, no declaration, several operators, numbers padded by the printer.
#[test]
fn pretty_printed_requests_without_declaration_are_read() {
    let company = Company::new();
    let body = "
<request>
\t<control>
\t\t<senderid>RightfulSandbox</senderid>
\t\t<password>sender-secret</password>
\t\t<controlid>my script 1</controlid>
\t\t<uniqueid>false</uniqueid>
\t\t<dtdversion>3.0</dtdversion>
\t</control>
\t<operation>
\t\t<authentication>
\t\t\t<login>
\t\t\t\t<userid>ws_rightful</userid>
\t\t\t\t<companyid>RIGHTFUL-DEMO</companyid>
\t\t\t\t<password>user-secret</password>
\t\t\t\t<locationid/>
\t\t\t</login>
\t\t</authentication>
\t\t<content>
\t\t\t<function controlid=\"one\">
\t\t\t\t<!-- active employees -->
\t\t\t\t<readByQuery>
\t\t\t\t\t<object>EMPLOYEE</object>
\t\t\t\t\t<query>STATUS = 'T'</query>
\t\t\t\t\t<fields>RECORDNO, EMPLOYEEID, PERSONALINFO.CONTACTNAME</fields>
\t\t\t\t</readByQuery>
\t\t\t</function>
\t\t</content>
\t</operation>
</request>
";
    let answer = Answer::of(&company.send(body, None));
    let names = column(&answer.result(0), "PERSONALINFO.CONTACTNAME");
    assert_eq!((names.len(), names[0].as_str()), (6, "Reyes, Ana"));
}

/// Another Python client: the entity inside `getAPISession`, an empty `docparid`, objects of which a company has none, a hundred records in one call.
#[test]
fn records_are_made_and_removed_by_the_hundred() {
    let company = Company::new();
    let run = |call: &str| {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<request>\n    <control>\n        <senderid>RightfulSandbox</senderid>\n        \
             <password>sender-secret</password>\n        <controlid>one</controlid>\n        <uniqueid>false</uniqueid>\n        \
             <dtdversion>3.0</dtdversion>\n        <includewhitespace>true</includewhitespace>\n    </control>\n    <operation>\n        \
             <authentication>\n            <login>\n                <userid>ws_rightful</userid>\n                <companyid>RIGHTFUL-DEMO</companyid>\n                \
             <password>user-secret</password>\n            </login>\n        </authentication>\n        <content>\n            \
             <function controlid=\"one\">{call}</function>\n        </content>\n    </operation>\n</request>"
        );
        Answer::of(&company.send(&body, None)).result(0)
    };
    let good = |call: &str| {
        let result = run(call);
        assert_eq!(result.text_of("status"), Some("success"), "{:?}", error(&result));
        result
    };
    good("<getAPISession><locationid></locationid></getAPISession>");
    let none = good(
        "<readByQuery><object>SODOCUMENTSUBTOTALS</object><fields>*</fields><query></query><pagesize>1000</pagesize><docparid></docparid></readByQuery>",
    );
    assert_eq!(super::attribute(&none, "totalcount"), "0");
    let customer = |number: usize| {
        format!("<CUSTOMER><CUSTOMERID>PY-{number}</CUSTOMERID><NAME>Bulk &amp; {number}</NAME><STATUS>active</STATUS></CUSTOMER>")
    };
    let made = good(&format!("<create>{}</create>", (0..100).map(customer).collect::<String>()));
    let keys = column(&made, "RECORDNO");
    assert_eq!(keys.len(), 100);
    good(&format!("<delete><object>CUSTOMER</object><keys>{}</keys></delete>", keys.join(",")));
    let left = good(
        "<readByQuery><object>CUSTOMER</object><fields>CUSTOMERID</fields><query>CUSTOMERID like 'PY-%'</query><pagesize>100</pagesize></readByQuery>",
    );
    assert_eq!(super::attribute(&left, "totalcount"), "0");
}
