//! Bodies as the vendor takes them: members in its own spelling, refused where one that is needed is missing.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::{Map, Value};

use super::state::{Incoming, Person, Refused, normal_email};
use super::switches::{Dates, Switches, TeamPlace, UserForm};

type Members = Map<String, Value>;

/// The body of `User/Add`: one object.
pub(super) fn user(body: &Value) -> Result<Person, Refused> {
    let members = body.as_object().ok_or("the body must be an object")?;
    let email = needed(members, "email")?;
    let (first, last) = (needed(members, "firstname")?, needed(members, "lastname")?);
    if !email.contains('@') {
        return Err("email is not valid".to_owned());
    }
    Ok(Person { id: needed(members, "userId")?, email: Some(normal_email(&email)), names: Some((first, last)), team: team(members)? })
}

/// The body of `Record/Add`: an array; a verdict for each element.
pub(super) fn records(body: &Value, switches: &Switches, now: DateTime<Utc>) -> Result<Vec<Result<Incoming, Refused>>, Refused> {
    let items = list(body)?;
    if items.is_empty() && !switches.empty_batch {
        return Err("at least one record is required".to_owned());
    }
    if let Some(most) = switches.most_records.filter(|most| items.len() > *most) {
        return Err(format!("at most {most} records are allowed"));
    }
    Ok(items.iter().map(|item| record(item, switches, now)).collect())
}

/// The body that removes records: an array of ids.
pub(super) fn ids(body: &Value) -> Result<Vec<String>, Refused> {
    let ids = list(body)?.iter().map(|id| id.as_str().filter(|id| !id.is_empty()).map(str::to_owned));
    ids.collect::<Option<_>>().ok_or_else(|| "ids must be texts".to_owned())
}

fn list(body: &Value) -> Result<&Vec<Value>, Refused> {
    body.as_array().ok_or_else(|| "the body must be an array".to_owned())
}

fn record(item: &Value, switches: &Switches, now: DateTime<Utc>) -> Result<Incoming, Refused> {
    let members = item.as_object().ok_or("a record must be an object")?;
    let id = needed(members, "id")?;
    let activity_type = needed(members, "activityTypeName")?;
    let activity = object(members, "activity")?.ok_or("activity is required")?;
    let activity = (needed(activity, "key").map_err(|_| "activity.key is required")?, text(activity, "name")?.unwrap_or_default());
    let mut person = credited(members, switches)?;
    if switches.record_team != TeamPlace::User
        && let Some(team) = team(members)?
    {
        person.team = Some(team);
    }
    let values: &[&str] = if switches.more_values { &["quantity", "value1", "value2", "value3"] } else { &["quantity", "value1"] };
    let mut numbers = Map::new();
    for name in values {
        match members.get(*name) {
            None | Some(Value::Null) => {}
            Some(Value::Number(number)) => drop(numbers.insert((*name).to_owned(), Value::Number(number.clone()))),
            Some(_) => return Err(format!("{name} must be a number")),
        }
    }
    let created = match text(members, "createdDate")? {
        Some(text) => date(&text, switches.dates).ok_or("createdDate is not valid")?,
        // What the vendor takes where it is left out is not documented: now.
        None => now,
    };
    Ok(Incoming { id, activity_type, activity, person, numbers, created })
}

fn credited(members: &Members, switches: &Switches) -> Result<Person, Refused> {
    let (object_form, flat_form) = (switches.record_user != UserForm::Flat, switches.record_user != UserForm::Object);
    if let Some(user) = object(members, "user")?.filter(|_| object_form) {
        let team = if switches.record_team == TeamPlace::Record { None } else { team(user)? };
        let email = text(user, "email")?.filter(|email| !email.is_empty()).map(|email| normal_email(&email));
        return Ok(Person { id: needed(user, "id").map_err(|_| "user.id is required")?, email, names: None, team });
    }
    if flat_form {
        return Ok(Person { id: needed(members, "userId")?, ..Person::default() });
    }
    Err("user is required".to_owned())
}

fn date(text: &str, dates: Dates) -> Option<DateTime<Utc>> {
    let instant = || DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    match dates {
        Dates::Both => instant().or_else(day),
        Dates::Instant => instant(),
        Dates::Day => day(),
    }
}

fn team(members: &Members) -> Result<Option<(String, String)>, Refused> {
    let Some(team) = object(members, "team")? else { return Ok(None) };
    let key = needed(team, "key").map_err(|_| "team.key is required")?;
    let name = text(team, "name")?.filter(|name| !name.is_empty()).unwrap_or_else(|| key.clone());
    Ok(Some((key, name)))
}

fn object<'a>(members: &'a Members, name: &str) -> Result<Option<&'a Members>, Refused> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(inner)) => Ok(Some(inner)),
        Some(_) => Err(format!("{name} must be an object")),
    }
}

fn text(members: &Members, name: &str) -> Result<Option<String>, Refused> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("{name} must be a text")),
    }
}

fn needed(members: &Members, name: &str) -> Result<String, Refused> {
    text(members, name)?.filter(|text| !text.trim().is_empty()).ok_or_else(|| format!("{name} is required"))
}
