//! From our writes to SalesScreen's bodies; what cannot be sent is refused here, before any request.

use rightful_core::{Error, ErrorKind, FieldChange, Kind, Result, Role, TeamKeys, Value, Write, figure_parts, nearest};
use serde_json::value::RawValue;

use crate::wire;

/// People.
pub const USER: Kind = Kind::fixed("user");
/// Activities: what leaderboards and competitions count.
pub const RECORD: Kind = Kind::fixed("record");
/// The user a record is credited to.
pub const OWNER: Role = Role::fixed("owner");

/// The longest text sent in one member, in characters.
const LONGEST: usize = 500;

/// Where a record names its team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TeamPlace {
    /// Nowhere.
    None,
    /// In its `user`.
    User,
    /// Beside its `user`.
    Record,
}

/// How one connection spells what is unconfirmed, and what it may send.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Team keys an administrator copied from the product. Of any other one the product makes a team.
    pub teams: TeamKeys,
    /// Must a record's id name its figure?
    pub figure_ids: bool,
    /// Is a record's user an object with id and e-mail (else a flat `userId`)?
    pub user_object: bool,
    /// Where a record names its team.
    pub record_team: TeamPlace,
    /// Does `createdDate` carry the time of day?
    pub created_time: bool,
}

/// One write's fields by name.
struct Fields<'a>(&'a Write);

impl Fields<'_> {
    fn value(&self, name: &str) -> Result<Option<&Value>> {
        match self.0.values.iter().find(|(field, _)| field.as_str() == name) {
            None => Ok(None),
            Some((_, FieldChange::Set(value))) => Ok(Some(value)),
            Some((_, FieldChange::Clear)) => Err(Error::new(ErrorKind::Unsupported, format!("`{name}` cannot be emptied through the API"))
                .hint("set it to another value, or empty it in SalesScreen itself")),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>> {
        let text = match self.value(name)? {
            None => return Ok(None),
            Some(Value::Text(text)) => text.trim().to_owned(),
            Some(_) => return Err(wrong(name, "text")),
        };
        if text.chars().count() > LONGEST || text.chars().any(char::is_control) {
            return Err(wrong(name, &format!("one line of at most {LONGEST} characters")));
        }
        Ok(Some(text))
    }

    fn needed(&self, name: &str) -> Result<String> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| missing(name))
    }

    fn number(&self, name: &str) -> Result<Option<Box<RawValue>>> {
        let text = match self.value(name)? {
            None => return Ok(None),
            Some(Value::Integer(number)) => number.to_string(),
            Some(Value::Decimal(number)) => json_number(number.as_str()),
            Some(_) => return Err(wrong(name, "a number")),
        };
        RawValue::from_string(text).map(Some).map_err(|_| wrong(name, "a number"))
    }

    fn team(&self, rules: &Rules) -> Result<Option<wire::Keyed>> {
        let (key, name) = (self.text("team.key")?, self.text("team.name")?);
        let Some(key) = key else {
            return match name {
                None => Ok(None),
                Some(_) => Err(missing("team.key")),
            };
        };
        allowed(&key, rules)?;
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| key.clone());
        Ok(Some(wire::Keyed { key, name }))
    }
}

fn missing(name: &str) -> Error {
    Error::new(ErrorKind::Rejected, format!("`{name}` is missing"))
        .hint("give it in each write: SalesScreen cannot be read, so nothing can be filled in")
}

fn wrong(name: &str, wanted: &str) -> Error {
    Error::new(ErrorKind::Rejected, format!("`{name}` must be {wanted}")).hint("change the value")
}

/// A team key that is not known becomes a second team, which no call can take back.
fn allowed(key: &str, rules: &Rules) -> Result<()> {
    if key.is_empty() {
        return Err(missing("team.key"));
    }
    if rules.teams.allow(key) {
        return Ok(());
    }
    let hint = match nearest(key, rules.teams.listed.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`? else add the key to `team_keys`, as Settings, Mappings shows it"),
        None => "add the key to `team_keys`, as Settings, Mappings shows it, or set `allow_team_creation = true`".to_owned(),
    };
    Err(Error::new(ErrorKind::Rejected, format!("team key `{key}` is not on the list: SalesScreen would make a new team of it")).hint(hint))
}

/// An e-mail address as SalesScreen compares it: trimmed, in lower case (SS-4, SS-14).
fn email(name: &str, text: &str) -> Result<String> {
    let email = text.trim().to_lowercase();
    let whole = email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    if whole && !email.chars().any(|letter| letter.is_whitespace()) && email.chars().count() <= 254 {
        Ok(email)
    } else {
        Err(wrong(name, "one e-mail address"))
    }
}

/// A decimal as JSON writes numbers: no plus sign, no leading zeros, every digit kept.
fn json_number(decimal: &str) -> String {
    let (sign, digits) = match decimal.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", decimal.strip_prefix('+').unwrap_or(decimal)),
    };
    let bare = digits.trim_start_matches('0');
    let zero = if bare.starts_with(|first: char| first.is_ascii_digit()) { "" } else { "0" };
    format!("{sign}{zero}{bare}")
}

fn id_of(id: &str) -> Result<String> {
    if id.trim().is_empty() || id.chars().count() > LONGEST || id.chars().any(char::is_control) {
        return Err(wrong("id", &format!("one line of 1 to {LONGEST} characters")));
    }
    Ok(id.to_owned())
}

/// The body of `User/Add`. An import demands e-mail and name; the same id again changes the user and never makes a second one.
pub fn user(id: &str, write: &Write, rules: &Rules) -> Result<wire::User> {
    let fields = Fields(write);
    Ok(wire::User {
        user_id: id_of(id)?,
        email: email("email", &fields.needed("email")?)?,
        firstname: fields.needed("firstname")?,
        lastname: fields.needed("lastname")?,
        team: fields.team(rules)?,
    })
}

/// One element of `Record/Add`.
pub fn record(id: &str, write: &Write, rules: &Rules) -> Result<wire::Record> {
    let fields = Fields(write);
    if rules.figure_ids {
        figure_parts(id)?;
    }
    let user = credited(write)?;
    let team = fields.team(rules)?;
    let (user_team, record_team) = match rules.record_team {
        TeamPlace::User => (team, None),
        TeamPlace::Record => (None, team),
        TeamPlace::None if team.is_some() => {
            return Err(
                Error::new(ErrorKind::Unsupported, "a record carries no team").hint("set `record_team`, or write the team to the user")
            );
        }
        TeamPlace::None => (None, None),
    };
    let address = fields.text("user.email")?.map(|text| email("user.email", &text)).transpose()?;
    let (user, user_id) =
        if rules.user_object { (Some(wire::Credited { id: user, email: address, team: user_team }), None) } else { (None, Some(user)) };
    Ok(wire::Record {
        id: id_of(id)?,
        activity_type_name: fields.needed("activityTypeName")?,
        activity: wire::Keyed { key: fields.needed("activity.key")?, name: fields.text("activity.name")?.unwrap_or_default() },
        user,
        user_id,
        team: record_team,
        quantity: fields.number("quantity")?,
        value1: fields.number("value1")?,
        value2: fields.number("value2")?,
        value3: fields.number("value3")?,
        created_date: created(&fields, rules)?,
    })
}

fn credited(write: &Write) -> Result<String> {
    let to = write.owners.iter().find(|change| change.role == OWNER).map(|change| change.to.as_slice());
    match to {
        Some([user]) => id_of(user),
        Some([]) => {
            Err(Error::new(ErrorKind::Rejected, "a record is always credited to somebody").hint("name a user, or remove the record"))
        }
        Some(_) | None => Err(missing("owner")),
    }
}

/// The business date decides which competition a record counts in; what the vendor takes where it is left out is not documented.
fn created(fields: &Fields<'_>, rules: &Rules) -> Result<String> {
    let midnight = |date: &chrono::NaiveDate| format!("{date}T00:00:00Z");
    match (fields.value("createdDate")?, rules.created_time) {
        (None, _) => Err(missing("createdDate")),
        (Some(Value::Instant(at)), true) => Ok(at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
        (Some(Value::Instant(at)), false) => Ok(at.date_naive().to_string()),
        (Some(Value::Date(date)), true) => Ok(midnight(date)),
        (Some(Value::Date(date)), false) => Ok(date.to_string()),
        (Some(_), _) => Err(wrong("createdDate", "a date or an instant")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rightful_core::{Decimal, OwnerChange, Target};

    fn rules() -> Rules {
        Rules {
            teams: TeamKeys { listed: ["OSLO-FIELD".to_owned()].into(), others: false },
            figure_ids: true,
            user_object: true,
            record_team: TeamPlace::None,
            created_time: true,
        }
    }

    fn text(value: &str) -> Value {
        Value::text(value)
    }

    fn write(id: &str, owner: Option<&str>, values: &[(&'static str, Value)]) -> Write {
        let owners = owner.map(|owner| OwnerChange { role: OWNER, from: None, to: vec![owner.to_owned()] });
        Write {
            key: "w1".into(),
            target: Target::Id(id.into()),
            owners: owners.into_iter().collect(),
            values: values.iter().map(|(name, value)| ((*name).into(), FieldChange::Set(value.clone()))).collect(),
        }
    }

    fn liv() -> Vec<(&'static str, Value)> {
        vec![("email", text(" Liv.Berg@Example.com ")), ("firstname", text("Liv")), ("lastname", text("Berg"))]
    }

    fn deal() -> Vec<(&'static str, Value)> {
        vec![
            ("activityTypeName", text("Deals won")),
            ("activity.key", text("new-business")),
            ("createdDate", Value::Instant("2026-02-12T09:30:00.250Z".parse().unwrap())),
        ]
    }

    #[test]
    fn a_user_is_spelled_as_the_vendor_spells_it() {
        let mut values = liv();
        values.push(("team.key", text("OSLO-FIELD")));
        let body = user("005Kz", &write("005Kz", None, &values), &rules()).unwrap();
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            r#"{"userId":"005Kz","email":"liv.berg@example.com","firstname":"Liv","lastname":"Berg","team":{"key":"OSLO-FIELD","name":"OSLO-FIELD"}}"#
        );
        let bare = serde_json::to_string(&user("7", &write("7", None, &liv()), &rules()).unwrap()).unwrap();
        assert!(!bare.contains("team"), "{bare}");
    }

    #[test]
    fn a_record_is_spelled_as_each_setting_wants_it() {
        let mut values = deal();
        values.extend([
            ("user.email", text("liv.berg@example.com")),
            ("quantity", Value::Integer(1)),
            ("value1", Value::Decimal(Decimal::parse("48500.10").unwrap())),
            ("team.key", text("OSLO-FIELD")),
        ]);
        let written = write("6Kz#deals", Some("005Kz"), &values);
        let body = |rules: &Rules| serde_json::to_string(&record("6Kz#deals", &written, rules).unwrap()).unwrap();
        let head = r##"{"id":"6Kz#deals","activityTypeName":"Deals won","activity":{"key":"new-business","name":""},"##;
        let user = r#""user":{"id":"005Kz","email":"liv.berg@example.com""#;
        let team = r#""team":{"key":"OSLO-FIELD","name":"OSLO-FIELD"}"#;
        let numbers = r#""quantity":1,"value1":48500.10,"#;
        let at = r#""createdDate":"2026-02-12T09:30:00Z"}"#;
        let base = Rules { record_team: TeamPlace::Record, ..rules() };
        assert_eq!(body(&base), format!("{head}{user}}},{team},{numbers}{at}"));
        assert_eq!(body(&Rules { record_team: TeamPlace::User, ..rules() }), format!("{head}{user},{team}}},{numbers}{at}"));
        assert_eq!(body(&Rules { user_object: false, ..base.clone() }), format!(r#"{head}"userId":"005Kz",{team},{numbers}{at}"#));
        assert!(body(&Rules { created_time: false, ..base }).ends_with(r#""createdDate":"2026-02-12"}"#));
    }

    #[test]
    fn what_cannot_be_sent_is_refused_with_what_mends_it() {
        use ErrorKind::*;
        let with = |base: Vec<(&'static str, Value)>, name: &'static str, value: Value| {
            let mut values: Vec<_> = base.into_iter().filter(|(known, _)| *known != name).collect();
            values.push((name, value));
            values
        };
        let without =
            |base: Vec<(&'static str, Value)>, name: &str| base.into_iter().filter(|(known, _)| *known != name).collect::<Vec<_>>();
        let users = [
            (without(liv(), "email"), Rejected, "`email` is missing"),
            (without(liv(), "lastname"), Rejected, "`lastname` is missing"),
            (with(liv(), "firstname", text("  ")), Rejected, "`firstname` is missing"),
            (with(liv(), "email", text("liv berg@example.com")), Rejected, "one e-mail address"),
            (with(liv(), "email", text("a@b@c")), Rejected, "one e-mail address"),
            (with(liv(), "firstname", text("L\niv")), Rejected, "one line"),
            (with(liv(), "firstname", text(&"x".repeat(501))), Rejected, "one line"),
            (with(liv(), "firstname", Value::Integer(7)), Rejected, "must be text"),
            (with(liv(), "team.key", text("OSLO-FEILD")), Rejected, "would make a new team"),
            (with(liv(), "team.name", text("Oslo")), Rejected, "`team.key` is missing"),
        ];
        for (values, kind, words) in users {
            let error = user("7", &write("7", None, &values), &rules()).unwrap_err();
            assert!(error.kind() == kind && error.message().contains(words) && error.mend().is_some(), "{words}: {error:?}");
        }
        let records = [
            ("r#f", None, deal(), Rejected, "`owner` is missing"),
            ("r#f", Some("7"), without(deal(), "createdDate"), Rejected, "`createdDate` is missing"),
            ("r#f", Some("7"), with(deal(), "createdDate", text("today")), Rejected, "a date or an instant"),
            ("r#f", Some("7"), without(deal(), "activityTypeName"), Rejected, "`activityTypeName` is missing"),
            ("r#f", Some("7"), with(deal(), "value1", text("12")), Rejected, "a number"),
            ("r#f", Some("7"), with(deal(), "team.key", text("OSLO-FIELD")), Unsupported, "carries no team"),
            ("rep-42", Some("7"), deal(), Rejected, "names no figure"),
        ];
        for (id, owner, values, kind, words) in records {
            let error = record(id, &write(id, owner, &values), &rules()).unwrap_err();
            assert!(error.kind() == kind && error.message().contains(words) && error.mend().is_some(), "{words}: {error:?}");
        }
        let mut cleared = write("r#f", Some("7"), &deal());
        cleared.values.push(("value1".into(), FieldChange::Clear));
        assert_eq!(record("r#f", &cleared, &rules()).unwrap_err().kind(), Unsupported);
        let nobody = OwnerChange { role: OWNER, from: None, to: Vec::new() };
        let uncredited = Write { owners: vec![nobody], ..write("r#f", None, &deal()) };
        assert!(record("r#f", &uncredited, &rules()).unwrap_err().message().contains("always credited"));
    }

    /// A typing mistake would make a second team of the same name.
    #[test]
    fn a_team_key_off_the_list_is_answered_with_the_nearest_and_passes_only_where_creation_is_allowed() {
        let mut values = liv();
        values.push(("team.key", text("OSLO-FEILD")));
        let written = write("7", None, &values);
        let hint = user("7", &written, &rules()).unwrap_err().mend().map(str::to_owned).unwrap();
        assert!(hint.starts_with("did you mean `OSLO-FIELD`?"), "{hint}");
        let open = Rules { teams: TeamKeys { others: true, ..TeamKeys::default() }, ..rules() };
        assert_eq!(user("7", &written, &open).unwrap().team.unwrap().key, "OSLO-FEILD");
    }

    #[test]
    fn a_decimal_becomes_a_json_number_with_all_its_digits() {
        for (decimal, number) in [
            ("0", "0"),
            ("+2.50", "2.50"),
            ("-0010.100", "-10.100"),
            ("000", "0"),
            ("00.5", "0.5"),
            ("1e5", "1e5"),
            ("-0", "-0"),
            ("0e1", "0e1"),
        ] {
            assert_eq!(json_number(decimal), number);
        }
    }

    proptest! {
        #[test]
        fn every_decimal_is_valid_json_of_the_same_amount(sign in "[+-]?", whole in "[0-9]{1,15}", fraction in "(\\.[0-9]{1,9})?") {
            let text = format!("{sign}{whole}{fraction}");
            let number = json_number(Decimal::parse(&text).unwrap().as_str());
            prop_assert_eq!(serde_json::from_str::<&RawValue>(&number).unwrap().get(), number.as_str());
            prop_assert_eq!(number.parse::<f64>().unwrap(), text.parse::<f64>().unwrap());
        }
    }
}
