//! The file in which an administrator gives what SalesScreen holds already: columns, and a verdict for every row.
//!
//! | Column | Holds |
//! | --- | --- |
//! | `email` | needed: the e-mail address, which is the user's login |
//! | `first_name`, `last_name` | the name |
//! | `team_key` | the key of the user's team as Settings, Mappings shows it; empty: on no team |
//! | `status` | `active` (where empty), `inactive`, `spectating` or `supporter` |
//! | `licence` | `yes` (where empty) or `no` |
//! | `mappings` | the ids of other systems: `Salesforce=005Kz00000AbCdE\|HubSpot=77` |
//!
//! Cells are parted by commas or semicolons. The columns are ours: SalesScreen documents no export format.

use std::collections::BTreeMap;

use rightful_core::{Error, ErrorKind, FieldName, PersonRow, PersonVerdict, RecordId, Result, Settings, Value, nearest};

/// The columns, in the order of the table above.
pub const COLUMNS: [&str; 7] = ["email", "first_name", "last_name", "team_key", "status", "licence", "mappings"];

/// Fields of a user by which the file's facts are known; the first ones are also what `User/Add` takes.
const EMAIL: FieldName = FieldName::fixed("email");
const FIRST_NAME: FieldName = FieldName::fixed("firstname");
const LAST_NAME: FieldName = FieldName::fixed("lastname");
pub(crate) const TEAM: FieldName = FieldName::fixed("team.key");
pub(crate) const STATUS: FieldName = FieldName::fixed("status");
pub(crate) const LICENCE: FieldName = FieldName::fixed("licence");

/// The largest file, in bytes.
const LARGEST: usize = 32 * 1024 * 1024;
/// The most rows.
const MOST: usize = 100_000;
/// The longest cell, in characters.
const LONGEST: usize = 2_000;
/// The most mappings of one user.
const MOST_MAPPINGS: usize = 50;

/// How a user stands in SalesScreen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// May sign in and own records.
    Active,
    /// Deactivated: records of theirs are ignored (SS-24).
    Inactive,
    /// Watches only, and is on no team (SS-27).
    Spectating,
    /// Cannot own records, and never will (SS-28).
    Supporter,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Spectating => "spectating",
            Self::Supporter => "supporter",
        }
    }
}

/// A user's id in another system (SS-13).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mapping {
    /// The system, as Settings, Mappings names it.
    pub system: String,
    /// The id there.
    pub id: String,
}

impl Mapping {
    /// The same mapping however it is spelled: systems in any letter case, Salesforce ids in 18 characters (SS-20).
    pub fn normal(&self) -> Self {
        let system = self.system.trim().to_lowercase();
        let id = self.id.trim();
        let id = if system == "salesforce" { salesforce_id(id) } else { id.to_owned() };
        Self { system, id }
    }
}

/// A user as the file states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Trimmed, in lower case (SS-4).
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// The key of the user's team.
    pub team_key: Option<String>,
    /// How the user stands.
    pub status: Status,
    /// Has the user a licence?
    pub licence: bool,
    /// Ids in other systems.
    pub mappings: Vec<Mapping>,
}

/// What is thought of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its line in the file.
    pub line: u64,
    /// The row, or why it is not taken.
    pub row: std::result::Result<Row, String>,
    /// What is worth knowing about a row that is taken.
    pub remarks: Vec<String>,
}

/// Reads a file: a verdict for every row.
///
/// # Errors
/// `Config` where it is too large, is no CSV, or has columns that are not known.
pub fn parse(text: &str) -> Result<Vec<Verdict>> {
    if text.len() > LARGEST {
        return Err(wrong(format!("the file has more than {} MiB", LARGEST / 1024 / 1024)).hint("split it"));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let head = text.lines().next().unwrap_or_default();
    let delimiter = if head.contains(';') && !head.contains(',') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let names = columns(reader.headers().map_err(|error| wrong(format!("the file is not CSV: {error}")))?)?;
    let mut taken = Taken::default();
    let mut verdicts = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| wrong(format!("the file is not CSV: {error}")))?;
        if verdicts.len() == MOST {
            return Err(wrong(format!("the file has more than {MOST} rows")).hint("split it"));
        }
        let line = record.position().map_or(0, csv::Position::line);
        let row = cells(&record, &names).and_then(|cells| row(&cells)).and_then(|row| taken.take(line, row));
        let remarks = row.as_ref().map(remarks).unwrap_or_default();
        verdicts.push(Verdict { line, row, remarks });
    }
    Ok(verdicts)
}

/// The same as people of one connection: each is named by the id that the connection's external system knows them by.
///
/// # Errors
/// As [`parse`].
pub fn people(settings: &Settings, text: &str) -> Result<Vec<PersonVerdict>> {
    let system = settings.text(&crate::EXTERNAL_SYSTEM)?.trim().to_lowercase();
    let person = |row: Row| {
        let id = row.mappings.iter().map(Mapping::normal).find(|mapping| mapping.system == system).map(|mapping| RecordId::new(mapping.id));
        let name = format!("{} {}", row.first_name, row.last_name).trim().to_owned();
        let facts = vec![
            (EMAIL, Value::text(row.email.clone())),
            (FIRST_NAME, Value::text(row.first_name)),
            (LAST_NAME, Value::text(row.last_name)),
            (TEAM, Value::text(row.team_key.unwrap_or_default())),
            (STATUS, Value::text(row.status.word())),
            (LICENCE, Value::Bool(row.licence)),
        ];
        PersonRow { id, name: if name.is_empty() { row.email.clone() } else { name }, email: row.email, facts }
    };
    let verdicts = parse(text)?.into_iter();
    Ok(verdicts.map(|Verdict { line, row, remarks }| PersonVerdict { line, row: row.map(person), remarks }).collect())
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::Config, message).hint(format!("the first line names the columns: {}", COLUMNS.join(",")))
}

fn columns(head: &csv::StringRecord) -> Result<Vec<&'static str>> {
    let mut names = Vec::new();
    for name in head {
        let name = name.trim().to_lowercase();
        let Some(known) = COLUMNS.into_iter().find(|known| *known == name) else {
            let error = wrong(format!("there is no column `{}`", name.chars().take(60).collect::<String>()));
            return Err(match nearest(&name, COLUMNS) {
                Some(near) => error.hint(format!("did you mean `{near}`? the columns are {}", COLUMNS.join(","))),
                None => error,
            });
        };
        if names.contains(&known) {
            return Err(wrong(format!("column `{known}` is there twice")));
        }
        names.push(known);
    }
    if names.contains(&"email") { Ok(names) } else { Err(wrong("the column `email` is needed".to_owned())) }
}

fn cells<'a>(record: &'a csv::StringRecord, names: &[&'static str]) -> std::result::Result<BTreeMap<&'static str, &'a str>, String> {
    if record.len() != names.len() {
        return Err(format!("it has {} cells where the first line names {}", record.len(), names.len()));
    }
    let cells: BTreeMap<&'static str, &str> = names.iter().copied().zip(record.iter().map(str::trim)).collect();
    match cells.iter().find(|(_, cell)| cell.chars().count() > LONGEST || cell.chars().any(char::is_control)) {
        Some((name, _)) => Err(format!("`{name}` is no line of at most {LONGEST} characters")),
        None => Ok(cells),
    }
}

fn row(cells: &BTreeMap<&'static str, &str>) -> std::result::Result<Row, String> {
    let cell = |name: &str| cells.get(name).copied().unwrap_or_default();
    let email = cell("email").to_lowercase();
    if email.is_empty() {
        return Err("the e-mail address is missing: SalesScreen knows people by it".to_owned());
    }
    if !email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains(['@', ' '])) {
        return Err(format!("`{email}` is no e-mail address"));
    }
    let status = match cell("status").to_lowercase().as_str() {
        "" | "active" => Status::Active,
        "inactive" => Status::Inactive,
        "spectating" => Status::Spectating,
        "supporter" => Status::Supporter,
        other => return Err(format!("status `{other}` is none of active, inactive, spectating, supporter")),
    };
    let licence = match cell("licence").to_lowercase().as_str() {
        "" | "yes" => true,
        "no" => false,
        other => return Err(format!("licence `{other}` is neither yes nor no")),
    };
    Ok(Row {
        email,
        first_name: cell("first_name").to_owned(),
        last_name: cell("last_name").to_owned(),
        team_key: Some(cell("team_key").to_owned()).filter(|key| !key.is_empty()),
        status,
        licence,
        mappings: mappings(cell("mappings"))?,
    })
}

fn mappings(cell: &str) -> std::result::Result<Vec<Mapping>, String> {
    let parts: Vec<&str> = cell.split('|').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.len() > MOST_MAPPINGS {
        return Err(format!("it has {} mappings; {MOST_MAPPINGS} are the most", parts.len()));
    }
    let one = |part: &&str| {
        let (system, id) = part.split_once('=').unwrap_or_default();
        let mapping = Mapping { system: system.trim().to_owned(), id: id.trim().to_owned() };
        if mapping.system.is_empty() || mapping.id.is_empty() {
            return Err(format!("mapping `{part}` is not SYSTEM=ID"));
        }
        Ok(mapping)
    };
    parts.iter().map(one).collect()
}

/// What rows before have taken: an e-mail address is one user's (SS-14), and so is an id of another system (SS-13).
#[derive(Default)]
struct Taken {
    emails: BTreeMap<String, u64>,
    mappings: BTreeMap<Mapping, u64>,
}

impl Taken {
    fn take(&mut self, line: u64, row: Row) -> std::result::Result<Row, String> {
        if let Some(earlier) = self.emails.get(&row.email) {
            return Err(format!("line {earlier} has the e-mail address {} already", row.email));
        }
        let normal: Vec<Mapping> = row.mappings.iter().map(Mapping::normal).collect();
        if let Some((mapping, earlier)) = normal.iter().find_map(|mapping| Some((mapping, self.mappings.get(mapping)?))) {
            return Err(format!("line {earlier} is {} {} already", mapping.system, mapping.id));
        }
        self.emails.insert(row.email.clone(), line);
        self.mappings.extend(normal.into_iter().map(|mapping| (mapping, line)));
        Ok(row)
    }
}

fn remarks(row: &Row) -> Vec<String> {
    let mut remarks = Vec::new();
    match row.status {
        Status::Active => {}
        Status::Inactive => remarks.push("deactivated: records of theirs are ignored"),
        Status::Spectating if row.team_key.is_some() => {
            remarks.push("spectating, yet on a team: the product takes spectators off their team")
        }
        Status::Spectating => remarks.push("spectating: records of theirs are ignored"),
        Status::Supporter => remarks.push("a supporter cannot own records"),
    }
    if row.status == Status::Active && row.team_key.is_none() {
        remarks.push("on no team: records of theirs are ignored");
    }
    if !row.licence {
        remarks.push("without a licence");
    }
    if row.mappings.is_empty() {
        remarks.push("not mapped yet");
    }
    remarks.into_iter().map(str::to_owned).collect()
}

/// A Salesforce id in its form of 18 characters, which does not depend on letter case; what is no such id stays as it is (SS-20).
///
/// Each of the three last characters tells which letters of five are capitals.
pub fn salesforce_id(id: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    if !matches!(id.len(), 15 | 18) || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    let case_sensitive = &id[..15];
    let suffix = case_sensitive.as_bytes().chunks(5).map(|five| {
        let capitals = five.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
        char::from(ALPHABET[capitals.fold(0, |bits, (place, _)| bits | (1 << place))])
    });
    let normal: String = case_sensitive.chars().chain(suffix).collect();
    // Text of 18 characters whose end does not fit is some other id.
    if id.len() == 18 && !normal.eq_ignore_ascii_case(id) { id.to_owned() } else { normal }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: &str = "email,first_name,last_name,team_key,status,licence,mappings";

    fn one(row: &str) -> Verdict {
        let mut verdicts = parse(&format!("{HEAD}\n{row}\n")).unwrap();
        assert_eq!(verdicts.len(), 1, "{row}");
        verdicts.remove(0)
    }

    #[test]
    fn a_row_is_read_whole() {
        let verdict = one(" Liv.Berg@Example.com ,Liv,Berg,OSLO-FIELD,Active,yes,Salesforce=005Kz00000AbCdE|HubSpot=77");
        let mapping = |system: &str, id: &str| Mapping { system: system.into(), id: id.into() };
        assert_eq!(
            verdict,
            Verdict {
                line: 2,
                row: Ok(Row {
                    email: "liv.berg@example.com".into(),
                    first_name: "Liv".into(),
                    last_name: "Berg".into(),
                    team_key: Some("OSLO-FIELD".into()),
                    status: Status::Active,
                    licence: true,
                    mappings: vec![mapping("Salesforce", "005Kz00000AbCdE"), mapping("HubSpot", "77")],
                }),
                remarks: Vec::new(),
            }
        );
    }

    #[test]
    fn ss_27_ss_28_every_row_has_a_verdict() {
        for (row, words) in [
            (",Liv,Berg,T,,,", "the e-mail address is missing"),
            ("liv,Liv,Berg,T,,,", "`liv` is no e-mail address"),
            ("a@b@c,Liv,Berg,T,,,", "`a@b@c` is no e-mail address"),
            ("a@b.c,Liv,Berg,T,asleep,,", "status `asleep` is none of"),
            ("a@b.c,Liv,Berg,T,,perhaps,", "licence `perhaps`"),
            ("a@b.c,Liv,Berg,T,,,Salesforce", "mapping `Salesforce` is not SYSTEM=ID"),
            ("a@b.c,Liv,Berg,T,,,=7", "mapping `=7` is not SYSTEM=ID"),
            ("a@b.c,Liv,Berg", "it has 3 cells where the first line names 7"),
            ("a@b.c,\"Li\nv\",Berg,T,,,", "`first_name` is no line"),
        ] {
            let said = one(row).row.unwrap_err();
            assert!(said.contains(words), "{row:?}: expected `{words}`, got `{said}`");
        }
        for (row, remark) in [
            ("a@b.c,,,,,,S=1", "on no team: records of theirs are ignored"),
            ("a@b.c,,,T,inactive,,S=1", "deactivated: records of theirs are ignored"),
            ("a@b.c,,,,spectating,,S=1", "spectating: records of theirs are ignored"),
            ("a@b.c,,,T,spectating,,S=1", "spectating, yet on a team: the product takes spectators off their team"),
            ("a@b.c,,,T,supporter,,S=1", "a supporter cannot own records"),
            ("a@b.c,,,T,,no,S=1", "without a licence"),
            ("a@b.c,,,T,,,", "not mapped yet"),
        ] {
            let verdict = one(row);
            assert_eq!((verdict.row.is_ok(), verdict.remarks), (true, vec![remark.to_owned()]), "{row}");
        }
    }

    #[test]
    fn ss_12_ss_14_an_address_and_an_id_of_another_system_belong_to_one_user() {
        let text = format!(
            "{HEAD}\na@b.c,,,T,,,Salesforce=005Kz00000AbCdE\nA@B.C,,,T,,,\nd@b.c,,,T,,,salesforce={}\ne@b.c,,,T,,,Dynamics=005Kz00000AbCdE\n",
            salesforce_id("005Kz00000AbCdE")
        );
        let said: Vec<_> = parse(&text).unwrap().into_iter().map(|verdict| (verdict.line, verdict.row.err().unwrap_or_default())).collect();
        assert_eq!(said[0], (2, String::new()));
        assert!(said[1].1.contains("line 2 has the e-mail address a@b.c already"), "{said:?}");
        assert!(said[2].1.contains("line 2 is salesforce 005Kz00000AbCdE"), "{said:?}");
        assert_eq!(said[3], (5, String::new()));
    }

    #[test]
    fn a_file_that_is_none_is_refused_with_the_columns() {
        for (text, words) in [
            ("", "the column `email` is needed"),
            ("first_name\nLiv\n", "the column `email` is needed"),
            ("email,licens\n", "there is no column `licens`"),
            ("email,email\n", "column `email` is there twice"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.kind() == ErrorKind::Config && error.message().contains(words), "{text:?}: {error:?}");
            assert!(error.mend().unwrap().contains(&COLUMNS.join(",")), "{error:?}");
        }
        assert!(parse("email,licens\n").unwrap_err().mend().unwrap().contains("did you mean `licence`?"));
    }

    #[test]
    fn a_file_is_bounded() {
        let many = format!("email\n{}", "a@b.c\n".repeat(MOST + 1));
        assert!(parse(&many).unwrap_err().message().contains("more than 100000 rows"));
        assert!(parse(&" ".repeat(LARGEST + 1)).unwrap_err().message().contains("more than 32 MiB"));
        assert!(one(&format!("a@b.c,{},,,,,", "x".repeat(LONGEST + 1))).row.is_err());
        assert!(one(&format!("a@b.c,,,,,,{}", "S=1|".repeat(MOST_MAPPINGS + 1))).row.is_err());
    }

    #[test]
    fn semicolons_a_byte_order_mark_and_fewer_columns_will_do() {
        let verdicts = parse("\u{feff}Email;Team_Key\r\na@b.c;T\r\n").unwrap();
        assert_eq!(verdicts[0].row.as_ref().map(|row| row.team_key.as_deref()), Ok(Some("T")));
    }

    /// SS-20: the example of Salesforce's own pages.
    #[test]
    fn ss_20_both_forms_of_a_salesforce_id_are_one() {
        assert_eq!(salesforce_id("00530000003xqAb"), "00530000003xqAbAAI");
        assert_eq!(salesforce_id("00530000003xqAbAAI"), "00530000003xqAbAAI");
        assert_eq!(salesforce_id("00530000003xqAbAAJ"), "00530000003xqAbAAJ");
        for other in ["", "77", "005-000000AbCdE", "éééééééé"] {
            assert_eq!(salesforce_id(other), other);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(email|team_key|mappings|[,;\"\n|=@a]){0,40}") {
            let _ = parse(&text).map(|verdicts| prop_assert_verdicts(&verdicts));
        }

        #[test]
        fn ids_that_differ_in_case_stay_apart(left in "[A-Za-z0-9]{15}", right in "[A-Za-z0-9]{15}") {
            let same = salesforce_id(&left).eq_ignore_ascii_case(&salesforce_id(&right));
            prop_assert_eq!(same, left == right);
            prop_assert_eq!(salesforce_id(&salesforce_id(&left)), salesforce_id(&left));
        }
    }

    fn prop_assert_verdicts(verdicts: &[Verdict]) {
        let taken: Vec<&str> = verdicts.iter().filter_map(|verdict| verdict.row.as_ref().ok()).map(|row| row.email.as_str()).collect();
        let distinct: std::collections::BTreeSet<&str> = taken.iter().copied().collect();
        assert_eq!(taken.len(), distinct.len(), "two rows have one address");
    }
}
