//! What holds for any input: bodies never break the gateway, values come back as written, pages by key add up.

use proptest::prelude::*;

use super::super::request::parse;
use super::super::{CustomerSeed, Options, Seed};
use super::{CONTROL, Company, LOGIN, column, records, request};

/// Text as XML carries it inside an element.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#13;")
}

/// A value as the WHERE grammar quotes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn bare() -> Company {
    Company::with(Options { customers: Some(0), ..Options::default() })
}

fn printable() -> impl Strategy<Value = String> {
    "[ -~À-ʯΑ-ω\u{1F600}-\u{1F610}]{1,40}".prop_filter("a name is more than white space", |text| !text.trim().is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_body_gets_a_readable_answer(body in "[ -~\n]{0,200}") {
        let company = bare();
        prop_assert!(parse(&company.send(&body, None).body).is_ok());
    }

    #[test]
    fn a_damaged_request_gets_a_readable_answer(at in 0usize..700, with in "[<>&'\"/a-z]{0,3}") {
        let call = "<function controlid=\"f\"><query><object>CUSTOMER</object><select><field>NAME</field></select><filter><and><like><field>NAME</field>\
                    <value>%a%</value></like><isnull><field>CUSTREPID</field></isnull></and></filter><pagesize>10</pagesize></query></function>";
        let mut body = request(CONTROL, LOGIN, "", call);
        let at = at.min(body.len() - 1);
        body.replace_range(at..=at, &with);
        let company = bare();
        prop_assert!(parse(&company.send(&body, None).body).is_ok());
    }

    #[test]
    fn a_name_is_found_and_comes_back_as_written(name in printable()) {
        let name = name.trim().to_owned();
        let company = bare();
        let create = format!("<create><CUSTOMER><CUSTOMERID>X</CUSTOMERID><NAME>{}</NAME></CUSTOMER></create>", escaped(&name));
        let created = company.run(&create);
        prop_assert_eq!(created.text_of("status"), Some("success"));
        let query = format!(
            "<query><object>CUSTOMER</object><select><field>NAME</field></select><filter><equalto><field>NAME</field><value>{}</value></equalto></filter></query>",
            escaped(&name)
        );
        prop_assert_eq!(column(&company.run(&query), "NAME"), vec![name.clone()]);
        let legacy = format!(
            "<readByQuery><object>CUSTOMER</object><fields>NAME</fields><query>NAME = {}</query></readByQuery>",
            escaped(&quoted(&name))
        );
        prop_assert_eq!(column(&company.run(&legacy), "NAME"), vec![name]);
    }

    #[test]
    fn pages_by_key_add_up_to_the_whole(times in proptest::collection::vec(0i64..6, 1..60), size in 1usize..9) {
        let company = bare();
        let customers = times
            .iter()
            .enumerate()
            .map(|(index, time)| CustomerSeed {
                id: format!("C{index}"),
                name: "x".into(),
                when_modified: chrono::DateTime::from_timestamp(1_700_000_000 + time, 0),
                ..CustomerSeed::default()
            })
            .collect();
        company.sim.load(Seed { customers, ..Seed::default() });
        let page = |filter: &str, size: usize| {
            let call = format!(
                "<query><object>CUSTOMER</object><select><field>WHENMODIFIED</field><field>RECORDNO</field></select>{filter}<orderby>\
                 <order><field>WHENMODIFIED</field></order><order><field>RECORDNO</field></order></orderby><pagesize>{size}</pagesize></query>"
            );
            records(&company.run(&call))
                .iter()
                .map(|record| (record.text_of("WHENMODIFIED").unwrap().to_owned(), record.text_of("RECORDNO").unwrap().to_owned()))
                .collect::<Vec<_>>()
        };
        let whole = page("", 2000);
        let mut pieced: Vec<(String, String)> = Vec::new();
        loop {
            let filter = pieced.last().map_or(String::new(), |(when, number)| format!(
                "<filter><or><greaterthan><field>WHENMODIFIED</field><value>{when}</value></greaterthan><and><equalto><field>WHENMODIFIED</field>\
                 <value>{when}</value></equalto><greaterthan><field>RECORDNO</field><value>{number}</value></greaterthan></and></or></filter>"
            ));
            let next = page(&filter, size);
            let is_last = next.len() < size;
            pieced.extend(next);
            if is_last {
                break;
            }
        }
        prop_assert_eq!(pieced, whole);
    }
}
