//! What SalesScreen holds, from its simulator's dump alone: users with their teams, and records that count or do not.

use std::collections::BTreeMap;

use rightful_core::{Error, ErrorKind, Result};
use serde_json::Value as Json;

/// A user of SalesScreen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenUser {
    /// The id that programs know them by.
    pub id: Option<String>,
    /// First and last name.
    pub name: (String, String),
    /// The key of their team.
    pub team: Option<String>,
    /// `active`, `inactive`, ...
    pub status: String,
}

/// A record of SalesScreen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenRecord {
    /// The e-mail address of the user it is credited to.
    pub email: String,
    /// Its first value, as it was written.
    pub value: Option<String>,
    /// Does it count?
    pub counted: bool,
    /// How often it was written.
    pub writes: u64,
}

/// What stands in SalesScreen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// Users by e-mail address.
    pub users: BTreeMap<String, ScreenUser>,
    /// Records by id.
    pub records: BTreeMap<String, ScreenRecord>,
    /// Requests of programs that wrote, or tried to.
    pub requests: u64,
}

impl Screen {
    /// Reads a dump of SalesScreen's simulator.
    ///
    /// # Errors
    /// `Protocol` where the dump lacks what a simulator always shows.
    pub fn of(dump: &Json) -> Result<Self> {
        let mut screen = Self::default();
        for user in rows(dump, "users")? {
            let held = ScreenUser {
                id: user["id"].as_str().map(str::to_owned),
                name: (text(user, "firstname")?, text(user, "lastname")?),
                team: user["team"].as_str().map(str::to_owned),
                status: text(user, "status")?,
            };
            if screen.users.insert(text(user, "email")?, held).is_some() {
                return Err(lacks("one user for each e-mail address"));
            }
        }
        for record in rows(dump, "records")? {
            let held = ScreenRecord {
                email: text(&record["user"], "email")?,
                value: record["numbers"].get("value1").map(|number| number.to_string()),
                counted: record["counted"].as_bool().ok_or_else(|| lacks("counted"))?,
                writes: record["writes"].as_u64().ok_or_else(|| lacks("writes"))?,
            };
            screen.records.insert(text(record, "id")?, held);
        }
        let counters = dump.get("counters").and_then(Json::as_object).ok_or_else(|| lacks("counters"))?;
        screen.requests = counters.values().filter_map(Json::as_u64).sum();
        Ok(screen)
    }

    /// Users whom an earlier look did not show.
    pub fn new_since(&self, before: &Self) -> Vec<String> {
        self.users.keys().filter(|email| !before.users.contains_key(*email)).cloned().collect()
    }
}

fn rows<'a>(of: &'a Json, name: &str) -> Result<&'a Vec<Json>> {
    of.get(name).and_then(Json::as_array).ok_or_else(|| lacks(name))
}

fn text(of: &Json, name: &str) -> Result<String> {
    of.get(name).and_then(Json::as_str).map(str::to_owned).ok_or_else(|| lacks(name))
}

fn lacks(name: &str) -> Error {
    Error::new(ErrorKind::Protocol, format!("the dump of SalesScreen's simulator lacks {name}"))
        .hint("report this: simulator and demo differ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dump_is_read_and_one_of_something_else_is_refused() {
        let user = json!({"id": "U1", "email": "ann@example.com", "firstname": "Ann", "lastname": "Lee", "team": null, "status": "active"});
        let record =
            json!({"id": "d1#won", "user": {"email": "ann@example.com"}, "numbers": {"value1": 12.50}, "counted": true, "writes": 2});
        let dump = json!({"users": [user], "records": [record], "counters": {"User/Add": 1, "Record/Add": 2}});
        let screen = Screen::of(&dump).unwrap();
        assert_eq!((screen.users["ann@example.com"].team.as_deref(), screen.requests), (None, 3));
        let expected = ScreenRecord { email: "ann@example.com".into(), value: Some("12.5".into()), counted: true, writes: 2 };
        assert_eq!(screen.records["d1#won"], expected);
        assert_eq!(screen.new_since(&Screen::default()), ["ann@example.com"]);
        for wrong in [
            json!({}),
            json!({"users": [{}], "records": [], "counters": {}}),
            json!({"users": [user, user], "records": [], "counters": {}}),
        ] {
            assert_eq!(Screen::of(&wrong).unwrap_err().kind(), ErrorKind::Protocol, "{wrong}");
        }
    }
}
