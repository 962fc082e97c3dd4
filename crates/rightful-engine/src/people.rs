//! Joins the records of several people kinds into one human being each, and says what stands in the way of finding one.

use std::collections::HashMap;

use rightful_core::{KeyName, Kind, PersonKey, Record, State};
use serde::{Deserialize, Serialize};

/// The kind of record that signs in, in our spelling.
pub(crate) const USER: Kind = Kind::fixed("user");

/// What stands between a code and a person who may own records (IN-20).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "problem")]
pub enum Problem {
    /// Nothing has that key.
    Unknown {
        /// The kind that was looked through.
        kind: Kind,
    },
    /// The record that the code names is not in use.
    Inactive {
        /// Its kind.
        kind: Kind,
    },
    /// None of the person's records has an e-mail address.
    WithoutEmail,
    /// Several sign-ins belong to one person.
    SeveralUsers {
        /// How they sign in.
        users: Vec<String>,
    },
    /// The person's sign-in is deactivated or locked.
    InactiveUser {
        /// How it signs in.
        user: String,
    },
    /// The person's sign-in is for programs only: never an owner.
    ServiceUser {
        /// How it signs in.
        user: String,
    },
}

impl Problem {
    /// In words, for people.
    pub fn told(&self) -> String {
        match self {
            Self::Unknown { kind } => format!("the source has no {kind} of that name (case and leading zeros count)"),
            Self::Inactive { kind } => format!("the {kind} is inactive in the source"),
            Self::WithoutEmail => "has no e-mail address in the source".to_owned(),
            Self::SeveralUsers { users } => format!("several source users are this person: {}", users.join(", ")),
            Self::InactiveUser { user } => format!("the source user {user} is inactive or locked"),
            Self::ServiceUser { user } => format!("the source user {user} is a sign-in for programs, never an owner"),
        }
    }
}

/// One human being and the records that stand for them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Human {
    /// Their records, in the order the kinds were given.
    pub records: Vec<(Kind, Record)>,
}

impl Human {
    /// What people call them.
    pub fn name(&self) -> &str {
        self.records.iter().map(|(_, record)| record.name.as_str()).find(|name| !name.is_empty()).unwrap_or("")
    }

    /// Their e-mail addresses without repeats, in the order of the records.
    pub fn emails(&self) -> Vec<String> {
        let mut emails: Vec<String> = Vec::new();
        for email in self.records.iter().filter_map(|(_, record)| record.person.as_ref()).flat_map(|person| &person.emails) {
            if !emails.contains(email) {
                emails.push(email.clone());
            }
        }
        emails
    }

    /// What stands in the way of this person owning records, whatever the code.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.emails().is_empty() {
            problems.push(Problem::WithoutEmail);
        }
        let users: Vec<&Record> = self.records.iter().filter(|(kind, _)| *kind == USER).map(|(_, record)| record).collect();
        if users.len() > 1 {
            problems.push(Problem::SeveralUsers { users: users.iter().map(|user| sign_in(user)).collect() });
        }
        for user in users {
            if user.person.as_ref().is_some_and(|person| person.service) {
                problems.push(Problem::ServiceUser { user: sign_in(user) });
            } else if !is_active(user) {
                problems.push(Problem::InactiveUser { user: sign_in(user) });
            }
        }
        problems
    }
}

fn sign_in(user: &Record) -> String {
    user.keys.first().map_or_else(|| user.id.to_string(), |key| key.value.clone())
}

fn is_active(record: &Record) -> bool {
    record.state == State::Active && record.person.as_ref().is_none_or(|person| person.active)
}

/// Everyone at one connection, joined.
#[derive(Clone, Debug, Default)]
pub struct Humans {
    humans: Vec<Human>,
    /// Which human a record's key names.
    by_key: HashMap<PersonKey, (usize, usize)>,
}

impl Humans {
    /// Joins records that name each other, or the same third record, as one person.
    pub fn join(records: Vec<(Kind, Record)>) -> Self {
        let mut sets = Sets::default();
        for (at, (kind, record)) in records.iter().enumerate() {
            let node = sets.node(PersonKey { kind: kind.clone(), key: "id".into(), value: record.id.to_string() });
            sets.of_record.push(node);
            debug_assert_eq!(sets.of_record.len(), at + 1);
            for key in &record.keys {
                let other = sets.node(PersonKey { kind: kind.clone(), key: key.name.clone(), value: key.value.clone() });
                sets.unite(node, other);
            }
            for other in record.person.iter().flat_map(|person| &person.same_as) {
                let other = sets.node(other.clone());
                sets.unite(node, other);
            }
        }
        let mut humans: Vec<Human> = Vec::new();
        let mut of_root: HashMap<usize, usize> = HashMap::new();
        let mut by_key = HashMap::new();
        for (at, (kind, record)) in records.into_iter().enumerate() {
            let root = sets.root(sets.of_record[at]);
            let human = *of_root.entry(root).or_insert_with(|| {
                humans.push(Human::default());
                humans.len() - 1
            });
            let place = (human, humans[human].records.len());
            by_key.insert(PersonKey { kind: kind.clone(), key: "id".into(), value: record.id.to_string() }, place);
            for key in &record.keys {
                by_key.entry(PersonKey { kind: kind.clone(), key: key.name.clone(), value: key.value.clone() }).or_insert(place);
            }
            humans[human].records.push((kind, record));
        }
        Self { humans, by_key }
    }

    /// Everyone.
    pub fn all(&self) -> &[Human] {
        &self.humans
    }

    /// Who stands behind a code, and what stands in the way. The key compares exactly (IN-21).
    pub fn behind(&self, kind: &Kind, key: &KeyName, value: &str) -> (Option<&Human>, Vec<Problem>) {
        let name = PersonKey { kind: kind.clone(), key: key.clone(), value: value.to_owned() };
        let Some((human, record)) = self.by_key.get(&name) else {
            return (None, vec![Problem::Unknown { kind: kind.clone() }]);
        };
        let human = &self.humans[*human];
        let mut problems = Vec::new();
        if !is_active(&human.records[*record].1) {
            problems.push(Problem::Inactive { kind: kind.clone() });
        }
        problems.extend(human.problems());
        (Some(human), problems)
    }
}

/// Disjoint sets over the keys of persons.
#[derive(Debug, Default)]
struct Sets {
    nodes: HashMap<PersonKey, usize>,
    parents: Vec<usize>,
    of_record: Vec<usize>,
}

impl Sets {
    fn node(&mut self, key: PersonKey) -> usize {
        let next = self.parents.len();
        let node = *self.nodes.entry(key).or_insert(next);
        if node == next {
            self.parents.push(next);
        }
        node
    }

    fn root(&self, mut node: usize) -> usize {
        while self.parents[node] != node {
            node = self.parents[node];
        }
        node
    }

    fn unite(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        // The older root stays, so that paths stay short for records that all name one contact.
        self.parents[one.max(other)] = one.min(other);
    }
}

#[cfg(test)]
mod tests {
    use rightful_core::{Key, Person};

    use super::*;

    fn record(kind: &str, id: &str, emails: &[&str], same_as: &[(&str, &str)]) -> (Kind, Record) {
        let person = Person {
            emails: emails.iter().map(ToString::to_string).collect(),
            active: true,
            service: false,
            same_as: same_as
                .iter()
                .map(|(kind, value)| PersonKey { kind: Kind::new(*kind), key: "name".into(), value: (*value).into() })
                .collect(),
        };
        let record = Record {
            id: id.into(),
            keys: vec![Key::new("name", id)],
            name: format!("{kind} {id}"),
            owners: Vec::new(),
            person: Some(person),
            values: Vec::new(),
            changed_at: None,
            state: State::Active,
        };
        (Kind::new(kind), record)
    }

    fn behind(records: Vec<(Kind, Record)>, code: &str) -> (usize, Vec<String>) {
        let humans = Humans::join(records);
        let (human, problems) = humans.behind(&"employee".into(), &"name".into(), code);
        (human.map_or(0, |human| human.records.len()), problems.iter().map(Problem::told).collect())
    }

    fn problems(records: Vec<(Kind, Record)>, code: &str) -> Vec<String> {
        behind(records, code).1
    }

    #[test]
    fn in_20_employee_contact_and_user_are_one_person() {
        let chain = || {
            vec![
                record("employee", "E-1", &[], &[("contact", "One, User")]),
                record("contact", "One, User", &["user1@example.com"], &[]),
                record("user", "uone", &["user1@example.com"], &[("contact", "One, User")]),
                record("employee", "E-2", &[], &[("contact", "Two, User")]),
            ]
        };
        assert_eq!(behind(chain(), "E-1"), (3, vec![]));
        let humans = Humans::join(chain());
        assert_eq!((humans.all().len(), humans.all()[0].emails()), (2, vec!["user1@example.com".to_owned()]));
    }

    #[test]
    fn in_20_each_situation_is_told_apart() {
        let employee = || record("employee", "E-1", &[], &[("contact", "One")]);
        let contact = || record("contact", "One", &["one@example.com"], &[]);
        let user = |id: &str| record("user", id, &[], &[("contact", "One")]);
        assert!(problems(vec![employee(), contact()], "E-01")[0].contains("no employee of that name"));
        assert!(problems(vec![employee(), contact()], "e-1")[0].contains("no employee of that name"));

        let mut inactive = employee();
        inactive.1.state = State::Inactive;
        assert_eq!(problems(vec![inactive, contact()], "E-1"), ["the employee is inactive in the source"]);
        assert_eq!(problems(vec![employee()], "E-1"), ["has no e-mail address in the source"]);
        assert_eq!(problems(vec![employee(), contact(), user("a"), user("b")], "E-1"), ["several source users are this person: a, b"]);

        let mut locked = user("a");
        locked.1.person.as_mut().unwrap().active = false;
        assert_eq!(problems(vec![employee(), contact(), locked], "E-1"), ["the source user a is inactive or locked"]);
        let mut service = user("a");
        service.1.person.as_mut().unwrap().service = true;
        assert_eq!(problems(vec![employee(), contact(), service], "E-1"), ["the source user a is a sign-in for programs, never an owner"]);
    }

    #[test]
    fn records_that_name_the_same_unseen_contact_are_one_person() {
        let records =
            vec![record("employee", "E-1", &["a@example.com"], &[("contact", "One")]), record("user", "a", &[], &[("contact", "One")])];
        assert_eq!(behind(records, "E-1"), (2, vec![]));
    }
}
