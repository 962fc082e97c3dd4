//! What one company holds: teams, users, mappings, activities and records, and what was ignored or refused.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::seed::{Seed, Standing};
use super::switches::{EmailMatch, Switches};

/// The most lines of a log that are kept.
const LOG: usize = 10_000;

/// A user; its number is its place in the list.
#[derive(Clone, Debug)]
pub(super) struct User {
    /// In lower case; a user made for a record need not have one.
    pub email: Option<String>,
    pub firstname: String,
    pub lastname: String,
    pub team: Option<String>,
    pub standing: Standing,
}

/// What a person or a record says of a user.
#[derive(Clone, Debug, Default)]
pub(super) struct Person {
    pub id: String,
    pub email: Option<String>,
    pub names: Option<(String, String)>,
    pub team: Option<(String, String)>,
}

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub activity_type: String,
    pub activity: String,
    pub user: usize,
    /// `quantity` and the values, as sent.
    pub numbers: Map<String, Value>,
    pub created: DateTime<Utc>,
    /// Why it does not count, if it does not.
    pub ignored: Option<&'static str>,
    pub writes: u32,
}

/// A record as it came.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub id: String,
    pub activity_type: String,
    pub activity: (String, String),
    pub person: Person,
    pub numbers: Map<String, Value>,
    pub created: DateTime<Utc>,
}

/// Why something is refused, in the vendor's place.
pub(super) type Refused = String;

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub teams: BTreeMap<String, String>,
    pub users: Vec<User>,
    /// (system, id) -> user: one id of a system is one user (SS-13).
    pub mappings: BTreeMap<(String, String), usize>,
    pub types: BTreeSet<String>,
    pub activities: BTreeMap<(String, String), String>,
    pub records: BTreeMap<String, Record>,
    pub licences: Option<usize>,
    pub ignored: Vec<Value>,
    pub refused: Vec<Value>,
    pub counters: BTreeMap<String, u64>,
}

/// What a call can be taken back to: everything but the records, and those of them that the call touches. There may be very many others.
pub(super) struct Before {
    rest: State,
    records: Vec<(String, Option<Record>)>,
}

impl State {
    /// How it stands before something is done to these records.
    pub fn before<'a>(&mut self, ids: impl Iterator<Item = &'a str>) -> Before {
        let records = ids.map(|id| (id.to_owned(), self.records.get(id).cloned())).collect();
        let all = std::mem::take(&mut self.records);
        let rest = self.clone();
        self.records = all;
        Before { rest, records }
    }

    /// Takes back what was done since.
    pub fn take_back(&mut self, before: Before) {
        let all = std::mem::replace(self, before.rest).records;
        self.records = all;
        for (id, record) in before.records {
            match record {
                Some(record) => drop(self.records.insert(id, record)),
                None => drop(self.records.remove(&id)),
            }
        }
    }

    pub fn new(seed: &Seed) -> Self {
        let mut state = Self { teams: seed.teams.iter().cloned().collect(), licences: seed.licences, ..Self::default() };
        for user in &seed.users {
            let number = state.users.len();
            state.users.push(User {
                email: Some(normal_email(&user.email)),
                firstname: user.firstname.clone(),
                lastname: user.lastname.clone(),
                team: user.team.clone(),
                standing: user.standing,
            });
            state.mappings.extend(user.mappings.iter().map(|mapping| (mapping.clone(), number)));
        }
        state
    }

    pub fn count(&mut self, what: &str) {
        *self.counters.entry(what.to_owned()).or_default() += 1;
    }

    pub fn user_with_email(&self, email: &str) -> Option<usize> {
        self.users.iter().position(|user| user.email.as_deref() == Some(email))
    }

    pub fn external_id(&self, system: &str, user: usize) -> Option<&str> {
        self.mappings.iter().find(|((known, _), number)| known == system && **number == user).map(|((_, id), _)| id.as_str())
    }

    /// Users who hold a licence: everybody but the deactivated.
    pub fn licensed(&self) -> usize {
        self.users.iter().filter(|user| user.standing != Standing::Inactive).count()
    }

    pub fn licence_left(&self) -> Result<(), Refused> {
        match self.licences {
            Some(licences) if self.licensed() >= licences => Err("No available licenses".to_owned()),
            _ => Ok(()),
        }
    }

    /// Takes a user in: by mapping, else by e-mail, else as a new one. The number, and whether anything was made.
    pub fn add_user(&mut self, system: &str, person: &Person, switches: &Switches) -> Result<usize, Refused> {
        let (number, mapped) = self.find(system, person, switches)?;
        if let Some((number, email)) = number.zip(person.email.as_deref())
            && self.user_with_email(email).is_some_and(|other| other != number)
        {
            return Err("email is already in use".to_owned());
        }
        let number = match number {
            Some(number) => number,
            None => {
                self.licence_left()?;
                // SS-7: whoever is made without a team has none.
                self.users.push(User {
                    email: person.email.clone(),
                    firstname: String::new(),
                    lastname: String::new(),
                    team: None,
                    standing: Standing::Active,
                });
                self.users.len() - 1
            }
        };
        if !mapped {
            self.mappings.retain(|(known, _), user| known != system || *user != number);
            self.mappings.insert((system.to_owned(), person.id.clone()), number);
        }
        if let Some((key, name)) = &person.team {
            // An unknown key silently becomes a team; a known one keeps its name.
            self.teams.entry(key.clone()).or_insert_with(|| name.clone());
        }
        let user = &mut self.users[number];
        if let Some(email) = &person.email {
            user.email = Some(email.clone());
        }
        if let Some((first, last)) = &person.names {
            (user.firstname, user.lastname) = (first.clone(), last.clone());
        }
        if let Some((key, _)) = &person.team {
            user.team = Some(key.clone());
        }
        Ok(number)
    }

    /// The user meant, and whether the id is mapped already.
    fn find(&self, system: &str, person: &Person, switches: &Switches) -> Result<(Option<usize>, bool), Refused> {
        if let Some(number) = self.mappings.get(&(system.to_owned(), person.id.clone())) {
            return Ok((Some(*number), true));
        }
        let Some(number) = person.email.as_deref().and_then(|email| self.user_with_email(email)) else { return Ok((None, false)) };
        match self.external_id(system, number) {
            Some(_) if !switches.remap => Err("email is already mapped to another userId".to_owned()),
            _ if switches.email_match == EmailMatch::Refuse => Err("email is already in use".to_owned()),
            _ => Ok((Some(number), false)),
        }
    }

    /// Takes a record in: a known id is updated. What the product ignores is accepted and does not count.
    pub fn add_record(&mut self, system: &str, incoming: Incoming, switches: &Switches, now: DateTime<Utc>) -> Result<(), Refused> {
        let known = self.mappings.contains_key(&(system.to_owned(), incoming.person.id.clone()));
        if !known && !switches.create_users {
            return Err(format!("user {} is unknown", incoming.person.id));
        }
        // The address in a record finds or makes a user; it does not change a known one.
        let person = Person { email: incoming.person.email.clone().filter(|_| !known), ..incoming.person.clone() };
        let mut user = self.add_user(system, &person, switches)?;
        let before = self.records.get(&incoming.id);
        if let Some(before) = before.filter(|_| !switches.record_user_mutable) {
            user = before.user;
        }
        let ignored = self.ignored_for(user, switches);
        let counted_before = before.is_some_and(|record| record.ignored.is_none());
        if let Some(reason) = ignored {
            let line = json!({"at": stamp(now), "id": incoming.id, "reason": reason});
            keep(&mut self.ignored, line);
            if counted_before {
                // History stays as it is (SS-24).
                return Ok(());
            }
        }
        let (key, name) = incoming.activity;
        self.types.insert(incoming.activity_type.clone());
        let label = self.activities.entry((incoming.activity_type.clone(), key.clone())).or_default();
        if !name.is_empty() {
            *label = name;
        }
        let (mut numbers, writes) = before_of(&self.records, &incoming.id);
        numbers.extend(incoming.numbers);
        let record = Record {
            activity_type: incoming.activity_type,
            activity: key,
            user,
            numbers,
            created: incoming.created,
            ignored,
            writes: writes + 1,
        };
        self.records.insert(incoming.id, record);
        Ok(())
    }

    fn ignored_for(&self, user: usize, switches: &Switches) -> Option<&'static str> {
        let user = &self.users[user];
        match user.standing {
            Standing::Active if user.team.is_none() && !switches.count_without_team => Some("no_team"),
            Standing::Active => None,
            other => Some(other.word()),
        }
    }

    pub fn refuse(&mut self, path: &str, why: &str, now: DateTime<Utc>) {
        keep(&mut self.refused, json!({"at": stamp(now), "path": path, "reason": why}));
    }

    /// Everything, for a judge. Ids are those of the company's first system.
    pub fn dump(&self, system: &str) -> Value {
        let id_of = |user: usize| self.external_id(system, user);
        let users: Vec<Value> = self
            .users
            .iter()
            .enumerate()
            .map(|(number, user)| {
                json!({"number": number, "id": id_of(number), "email": user.email, "firstname": user.firstname, "lastname": user.lastname,
                    "team": user.team, "team_name": user.team.as_ref().and_then(|key| self.teams.get(key)), "status": user.standing.word()})
            })
            .collect();
        let records: Vec<Value> = self
            .records
            .iter()
            .map(|(id, record)| {
                let activity = self.activities.get(&(record.activity_type.clone(), record.activity.clone()));
                let user = &self.users[record.user];
                json!({"id": id, "activity_type": record.activity_type, "activity": {"key": record.activity, "name": activity},
                    "user": {"id": id_of(record.user), "email": user.email}, "numbers": record.numbers, "created": stamp(record.created),
                    "counted": record.ignored.is_none(), "reason": record.ignored, "writes": record.writes})
            })
            .collect();
        let mappings: Vec<Value> =
            self.mappings.iter().map(|((system, id), user)| json!({"system": system, "id": id, "user": user})).collect();
        json!({"teams": self.teams, "users": users, "mappings": mappings, "activity_types": self.types, "records": records,
            "ignored": self.ignored, "refused": self.refused, "counters": self.counters, "licences": self.licences})
    }
}

fn before_of(records: &BTreeMap<String, Record>, id: &str) -> (Map<String, Value>, u32) {
    records.get(id).map(|record| (record.numbers.clone(), record.writes)).unwrap_or_default()
}

/// An e-mail address as it is compared: trimmed, in lower case (SS-4).
pub(super) fn normal_email(email: &str) -> String {
    email.trim().to_lowercase()
}

pub(super) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn keep(log: &mut Vec<Value>, line: Value) {
    if log.len() < LOG {
        log.push(line);
    }
}
