//! Thousands of records: created by the hundred, read by the page, without looking at everything each time.

use std::time::Instant;

use super::super::{CustomerSeed, Options, Seed};
use super::{Answer, CONTROL, Company, LOGIN, attribute, records, request};

#[test]
fn thousands_are_created_by_the_hundred() {
    let company = Company::new();
    let session = company.session("");
    for batch in 0..30 {
        let objects: String = (0..100)
            .map(|index| {
                let id = batch * 100 + index;
                format!("<CUSTOMER><CUSTOMERID>N-{id:05}</CUSTOMERID><NAME>New &amp; {id}</NAME><CUSTREPID>E-014</CUSTREPID><STATUS>active</STATUS></CUSTOMER>")
            })
            .collect();
        let result = company.run_in(&session, &format!("<create>{objects}</create>"));
        assert_eq!((result.text_of("status"), attribute(&result, "count").as_str()), (Some("success"), "100"));
    }
    let count = company.run_in(&session, "<query><object>CUSTOMER</object><select><count>RECORDNO</count></select></query>");
    assert_eq!(records(&count)[0].text_of("COUNT.RECORDNO"), Some("3024"));
}

/// Fifty pages over 100,000 rows read each row once or twice, not fifty times: the bound is generous because tests run unoptimised beside others.
#[test]
fn a_page_of_a_large_table_costs_a_page() {
    let company = Company::with(Options { customers: Some(0), ..Options::default() });
    let customers = (0..100_000)
        .map(|index| CustomerSeed {
            id: format!("C{index:06}"),
            name: format!("Customer {index}"),
            rep: "E-014".into(),
            when_modified: chrono::DateTime::from_timestamp(1_700_000_000 + index / 40, 0),
            ..CustomerSeed::default()
        })
        .collect();
    company.sim.load(Seed { customers, ..Seed::default() });
    let mut after = ("01/01/2020 00:00:00".to_owned(), "0".to_owned());
    let (mut rows, mut pages) = (0, 0);
    let started = Instant::now();
    let mut answering = std::time::Duration::ZERO;
    loop {
        let (when, number) = &after;
        let call = format!(
            "<function controlid=\"f\"><query><object>CUSTOMER</object><select><field>RECORDNO</field><field>WHENMODIFIED</field></select><filter><or>\
             <greaterthan><field>WHENMODIFIED</field><value>{when}</value></greaterthan><and><equalto><field>WHENMODIFIED</field><value>{when}</value></equalto>\
             <greaterthan><field>RECORDNO</field><value>{number}</value></greaterthan></and></or></filter><orderby><order><field>WHENMODIFIED</field></order>\
             <order><field>RECORDNO</field></order></orderby><options><showprivate>true</showprivate></options><pagesize>2000</pagesize></query></function>"
        );
        let before = Instant::now();
        let response = company.send(&request(CONTROL, LOGIN, "", &call), None);
        answering += before.elapsed();
        let result = Answer::of(&response).result(0);
        assert_eq!(attribute(&result, "totalcount"), (100_000 - rows).to_string());
        let page = records(&result);
        rows += page.len();
        pages += 1;
        let Some(last) = page.last().filter(|_| page.len() == 2000) else { break };
        after = (last.text_of("WHENMODIFIED").unwrap().to_owned(), last.text_of("RECORDNO").unwrap().to_owned());
    }
    assert_eq!((rows, pages), (100_000, 51));
    eprintln!("{pages} pages answered in {answering:?} of {:?}", started.elapsed());
    assert!(answering.as_secs() < 20, "{answering:?}");
}
