//! Queries that are read and queries that are refused, in tables.

use std::sync::LazyLock;

use super::super::schema::{Field, Object, Schema, objects};
use super::*;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new(objects("External_Id__c")));

fn bound(text: &str) -> Parsed<Plan> {
    let query = parse(text)?;
    let hidden = |object: &Object, field: &Field| object.name == "Account" && field.name == "Phone";
    let absent = |object: &Object| object.name == "AccountTeamMember";
    let now = "2026-11-27T10:00:00Z".parse().unwrap();
    let caller = super::super::ids::numbered("005", 1);
    Binder { schema: &SCHEMA, now, caller: &caller, absent: &absent, hidden: &hidden, wide_names: false }.plan(&query)
}

#[test]
fn good_queries_are_read() {
    for text in [
        "SELECT Id FROM Account",
        "select id, NAME from ACCOUNT where name = 'x' order by name desc nulls last limit 5 offset 10",
        "SELECT Id, Owner.Name, Owner.Manager.Email FROM Account a WHERE a.Owner.IsActive = true",
        "SELECT Account.Name FROM Account WHERE Account.Name != null",
        "SELECT Id FROM Account WHERE (Name = 'a' OR Name = 'b') AND NOT (Name LIKE 'c%' OR Name LIKE '_d')",
        "SELECT Id FROM Account WHERE Name IN ('a', 'b') AND OwnerId NOT IN ('005Qk0000000001')",
        r"SELECT Id FROM Account WHERE Name = 'O\'Brien \\ \n \r \t \b \f \u00e9' AND Name LIKE '50\%\_'",
        "SELECT Id FROM Account WHERE SystemModstamp >= 2026-11-20T09:15:02Z AND SystemModstamp < 2026-11-20T09:15:02.000+00:00",
        "SELECT Id FROM Opportunity WHERE CloseDate = 2026-11-20 AND Amount > -5.5 AND Amount <= 1e6 AND IsClosed = false",
        "SELECT Id FROM Account WHERE CreatedDate = LAST_N_DAYS:30 OR CreatedDate > YESTERDAY",
        "SELECT Id, (SELECT Id, Email FROM Contacts WHERE LastName != 'x' ORDER BY Id LIMIT 2) FROM Account",
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact WHERE Email LIKE '%@example.com')",
        "SELECT COUNT() FROM Account",
        "SELECT COUNT(Id), MIN(Name) least, MAX(Id) FROM Account",
        "SELECT Owner.Name, COUNT(Id) FROM Account GROUP BY Owner.Name HAVING COUNT(Id) > 1 ORDER BY COUNT(Id) DESC",
        "SELECT CALENDAR_YEAR(CreatedDate), SUM(AnnualRevenue) FROM Account GROUP BY CALENDAR_YEAR(CreatedDate)",
        "SELECT FIELDS(ALL) FROM Account LIMIT 200",
        "SELECT FIELDS(STANDARD), Region__c FROM Account",
        "SELECT Id, Owner.Name, Owner.Type FROM Lead",
        "SELECT Account__r.Owner.Username FROM Thing__c",
        "SELECT Id FROM Account USING SCOPE mine WHERE Name = 'x'",
        "SELECT Id FROM Account FOR VIEW",
        "SELECT Name, COUNT(Id) FROM Group WHERE Type = 'Queue' GROUP BY Name",
    ] {
        if let Err(refused) = bound(text) {
            panic!("{text}: {refused:?}");
        }
    }
}

#[test]
fn bad_queries_are_refused_with_their_code_and_place() {
    let deep = format!("SELECT Id FROM Account WHERE {}Name = 'a'{}", "(".repeat(200), ")".repeat(200));
    let nots = format!("SELECT Id FROM Account WHERE {} Name = 'a'", "NOT ".repeat(200));
    let long = format!("SELECT Id FROM Account WHERE Name = '{}'", "x".repeat(4_001));
    for (text, code, words) in [
        ("", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM WHERE Id = null", "MALFORMED_QUERY", "unexpected token: 'WHERE'"),
        ("SELECT FROM Account", "MALFORMED_QUERY", "unexpected token: 'FROM'"),
        ("SELECT Id FRM Account", "MALFORMED_QUERY", "unexpected token: 'Account'"),
        ("SELECT Id, FROM Account", "MALFORMED_QUERY", "unexpected token: 'FROM'"),
        ("SELECT * FROM Account", "MALFORMED_QUERY", "unexpected token: '*'"),
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Account WHERE Name = \"x\"", "MALFORMED_QUERY", "unexpected token: '\"'"),
        ("SELECT Id FROM Account WHERE Name = 'x", "MALFORMED_QUERY", "unterminated"),
        (r"SELECT Id FROM Account WHERE Name = 'a\qb'", "MALFORMED_QUERY", r"'\q'"),
        (r"SELECT Id FROM Account WHERE Name = '\u12'", "MALFORMED_QUERY", "illegal character sequence"),
        (r"SELECT Id FROM Account WHERE Name = 'a\%'", "MALFORMED_QUERY", "LIKE only"),
        ("SELECT Id FROM Account WHERE Name IN ()", "MALFORMED_QUERY", "unexpected token: ')'"),
        ("SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", "MALFORMED_QUERY", "unexpected token: 'OR'"),
        ("SELECT Id FROM Account WHERE Name == 'a'", "MALFORMED_QUERY", "unexpected token: '='"),
        ("SELECT Id FROM Account LIMIT -1", "MALFORMED_QUERY", "unexpected token: '-1'"),
        ("SELECT Id FROM Account LIMIT 1.5", "MALFORMED_QUERY", "unexpected token: '1.5'"),
        ("SELECT Id FROM Account LIMIT 1 ORDER BY Id", "MALFORMED_QUERY", "unexpected token: 'ORDER'"),
        ("SELECT Id FROM Account ALL ROWS", "MALFORMED_QUERY", "ALL ROWS"),
        ("SELECT Id FROM Account; DROP TABLE x", "MALFORMED_QUERY", "unexpected token: ';'"),
        ("SELECT Id, Id FROM Account", "MALFORMED_QUERY", "duplicate field selected: Id"),
        ("SELECT Id FROM Account WHERE CreatedDate > 2026-11-20T09:15:02 00:00", "MALFORMED_QUERY", "Invalid dateTime"),
        ("SELECT Id FROM Account WHERE CreatedDate = LAST_N_DAYS", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY", "must be grouped or aggregated: Name"),
        ("SELECT COUNT(Id) FROM Account LIMIT 5", "MALFORMED_QUERY", "cannot also use LIMIT"),
        ("SELECT SUM(Name) FROM Account", "MALFORMED_QUERY", "aggregate operator SUM"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY", "LIMIT of at most 200"),
        ("SELECT (SELECT Id, (SELECT Id FROM Tasks) FROM Contacts) FROM Account", "MALFORMED_QUERY", "one level"),
        ("SELECT toLabel(Type) FROM Account", "MALFORMED_QUERY", "Invalid function name: toLabel"),
        ("SELECT Description FROM Account ORDER BY Description", "MALFORMED_QUERY", "can not be sorted"),
        ("SELECT Ownr FROM Account", "INVALID_FIELD", "No such column 'Ownr' on entity 'Account'"),
        ("SELECT Phone FROM Account", "INVALID_FIELD", "No such column 'Phone'"),
        ("SELECT IsDeleted FROM User", "INVALID_FIELD", "No such column 'IsDeleted' on entity 'User'"),
        ("SELECT Boss.Name FROM Account", "INVALID_FIELD", "Didn't understand relationship 'Boss'"),
        ("SELECT Owner.Email FROM Lead", "INVALID_FIELD", "No such column 'Email' on entity 'Name'"),
        (
            "SELECT Id FROM Account WHERE IsDeleted = 'false'",
            "INVALID_FIELD",
            "must be of type boolean and should not be enclosed in quotes",
        ),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD", "must be of type string and should be enclosed in quotes"),
        ("SELECT Id FROM Account WHERE CreatedDate > '2026-11-20'", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Account WHERE CreatedDate > 2026-11-20", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Account WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
        ("SELECT Id FROM Account WHERE Id LIKE '001%'", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator"),
        ("SELECT Id FROM Account WHERE IsDeleted > false", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator"),
        ("SELECT Id FROM Acount", "INVALID_TYPE", "sObject type 'Acount' is not supported"),
        ("SELECT Id FROM AccountTeamMember", "INVALID_TYPE", "not supported"),
        ("SELECT (SELECT Id FROM Dogs) FROM Account", "INVALID_TYPE", "relationship 'Dogs'"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "2000"),
        (&deep, "QUERY_TOO_COMPLICATED", "too complicated"),
        (&nots, "QUERY_TOO_COMPLICATED", "too complicated"),
        (&long, "MALFORMED_QUERY", "4000"),
    ] {
        let refused = bound(text).map(|_| ()).unwrap_err();
        assert_eq!(refused.code, code, "{text}: {refused:?}");
        assert!(refused.told(text).contains(words), "{text}: {refused:?}");
    }
    assert_eq!(parse(&"x".repeat(LONGEST + 1)).unwrap_err().code, "MALFORMED_QUERY");
}

#[test]
fn whatever_is_written_is_answered_and_never_panics() {
    let whole = r"SELECT Id, (SELECT Id FROM Contacts) FROM Account a WHERE (Name LIKE '\'é%' OR Amount__c > -1.5e3) AND CreatedDate = LAST_N_DAYS:3 LIMIT 5";
    let places: Vec<usize> = whole.char_indices().map(|(place, _)| place).collect();
    let mut answered = 0;
    for place in &places {
        for put in ["", "'", "\\", "(", ")", "é", "-", "2026-", "+1", ".", ":", "\u{0}"] {
            for skipped in [0, 1, 7] {
                let rest =
                    places.iter().position(|one| one == place).and_then(|at| places.get(at + skipped)).copied().unwrap_or(whole.len());
                let text = format!("{}{put}{}", &whole[..*place], &whole[rest..]);
                answered += match bound(&text) {
                    Ok(_) => 1,
                    Err(refused) => usize::from(refused.told(&text).contains(&refused.message)),
                };
            }
        }
    }
    assert_eq!(answered, places.len() * 36);
}

#[test]
fn a_refusal_points_at_its_place() {
    let text = "SELECT Id,\n  Ownr FROM Account";
    let told = bound(text).unwrap_err().told(text);
    assert!(told.starts_with("\n  Ownr FROM Account\n  ^\nERROR at Row:2:Column:3\nNo such column 'Ownr'"), "{told}");
    let wide = format!("SELECT Id FROM Account WHERE Name = '{}é' AND Nme = 'x'", "ü".repeat(300));
    let told = bound(&wide).unwrap_err().told(&wide);
    assert!(told.contains("Nme") && told.lines().nth(1).unwrap().chars().count() <= 80, "{told}");
}

#[test]
fn what_bulk_cannot_do_is_found() {
    for (text, refused) in [
        ("SELECT Id FROM Account ORDER BY Id LIMIT 5", false),
        ("SELECT COUNT() FROM Account", true),
        ("SELECT Name, COUNT(Id) FROM Account GROUP BY Name", true),
        ("SELECT Id FROM Account OFFSET 5", true),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", true),
    ] {
        assert_eq!(bulk_refusal(&parse(text).unwrap()).is_some(), refused, "{text}");
    }
}
