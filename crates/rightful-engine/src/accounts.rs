//! How each source person stands towards the target's accounts: by links, rules, picks, what is known of accounts, and the mode. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rightful_core::{FieldName, GateSpec, KeyName, Record, RecordId, State, Value};

use crate::{Activity, Fact, Figure, From, KnownPerson, Link, LinkEvidence, MatchRule, NoOwner, Owed, PeopleMode, Pick, Picked, value_of};

/// How a source person stands towards an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountStanding {
    /// A link stands.
    Linked {
        /// The account.
        owner: String,
    },
    /// An account is theirs that the target knows by an id of ours: a link is enough.
    Found {
        /// The account.
        owner: String,
        /// Why it is theirs.
        evidence: LinkEvidence,
        /// What was compared.
        by_value: String,
    },
    /// An account shall be made, or one that is known by its e-mail address only shall be told their id.
    Account {
        /// Why.
        evidence: LinkEvidence,
        /// Whom the target is known to hold under the same e-mail address.
        was: Option<RecordId>,
    },
    /// Nothing is made for them: a person picked that.
    Skipped,
    /// They wait.
    Waits {
        /// A stable word: `unmapped-owner`, `email-shared`, ...
        reason: &'static str,
        /// What is waited for, after "until".
        until: String,
    },
}

/// Everyone of the source, and all that decides about their accounts.
#[derive(Debug)]
pub struct Accounts<'a> {
    activity: &'a Activity,
    rules: &'a [MatchRule],
    gates: Vec<&'a GateSpec>,
    /// Fields of the source people's image.
    fields: &'a [FieldName],
    people: HashMap<RecordId, Record>,
    links: HashMap<RecordId, Link>,
    /// By account: the source person it is linked to.
    taken: HashMap<String, RecordId>,
    picks: HashMap<RecordId, Picked>,
    known: HashMap<RecordId, KnownPerson>,
    known_by_email: HashMap<String, RecordId>,
    /// Accounts by what they hold under the keys that rules compare.
    known_by_key: HashMap<&'a KeyName, HashMap<String, Vec<RecordId>>>,
    /// Source people who may get an account, with an e-mail address that others of them have too.
    shared: BTreeMap<String, BTreeSet<RecordId>>,
    /// Accounts that still have a licence to be made with; `None`: not counted.
    licences: Option<u32>,
}

impl<'a> Accounts<'a> {
    /// Indexes all of it.
    #[expect(clippy::too_many_arguments, reason = "how people stand is what all of these say")]
    pub fn new(
        activity: &'a Activity,
        rules: &'a [MatchRule],
        gates: &'a [GateSpec],
        fields: &'a [FieldName],
        people: Vec<Record>,
        links: Vec<Link>,
        picks: Vec<Pick>,
        known: Vec<KnownPerson>,
    ) -> Self {
        let mut by_email: BTreeMap<String, BTreeSet<RecordId>> = BTreeMap::new();
        let picks: HashMap<RecordId, Picked> = picks.into_iter().map(|pick| (pick.person, pick.choice)).collect();
        let counts = |person: &&Record| match picks.get(&person.id) {
            Some(Picked::Skip) => false,
            Some(Picked::Create) => true,
            None => is_active(person),
        };
        for person in people.iter().filter(counts) {
            if let Some(email) = email_of(person) {
                by_email.entry(email).or_default().insert(person.id.clone());
            }
        }
        let licensed = known.iter().filter(|person| !person.is_unmapped() || person.text("status") != Some("inactive")).count();
        Self {
            gates: picked_gates(activity, gates),
            licences: activity.licences.map(|licences| licences.saturating_sub(u32::try_from(licensed).unwrap_or(u32::MAX))),
            shared: by_email.into_iter().filter(|(_, people)| people.len() > 1).collect(),
            people: people.into_iter().map(|person| (person.id.clone(), person)).collect(),
            taken: links.iter().map(|link| (link.owner.clone(), link.person.clone())).collect(),
            links: links.into_iter().map(|link| (link.person.clone(), link)).collect(),
            picks,
            known_by_key: by_keys(rules, &known),
            known_by_email: known.iter().filter_map(|person| Some((folded(person.email()?), person.id.clone()))).collect(),
            known: known.into_iter().map(|person| (person.id.clone(), person)).collect(),
            activity,
            rules,
            fields,
        }
    }

    /// A source person.
    pub fn person(&self, id: &RecordId) -> Option<&Record> {
        self.people.get(id)
    }

    /// Everyone of the source, ascending by id.
    pub fn people(&self) -> Vec<&Record> {
        let mut people: Vec<&Record> = self.people.values().collect();
        people.sort_by(|one, other| one.id.cmp(&other.id));
        people
    }

    /// What is known of an account.
    pub fn known(&self, owner: &str) -> Option<&KnownPerson> {
        self.known.get(owner)
    }

    /// The link of a source person.
    pub fn link(&self, person: &RecordId) -> Option<&Link> {
        self.links.get(person)
    }

    /// What was picked for a source person.
    pub fn picked(&self, person: &RecordId) -> Option<Picked> {
        self.picks.get(person).copied()
    }

    /// E-mail addresses that several active source people have, with who they are.
    pub fn shared(&self) -> &BTreeMap<String, BTreeSet<RecordId>> {
        &self.shared
    }

    /// What a person is called, with their e-mail address.
    pub fn named(&self, person: &RecordId) -> String {
        match self.people.get(person) {
            Some(record) => match email_of(record) {
                Some(email) => format!("{} ({email})", record.name),
                None => format!("{} ({person})", record.name),
            },
            None => person.to_string(),
        }
    }

    /// How a source person stands. `by_record`: an active workflow's record names them as its owner.
    pub fn standing(&self, person: &RecordId, by_record: bool) -> AccountStanding {
        if let Some(link) = self.links.get(person) {
            return AccountStanding::Linked { owner: link.owner.clone() };
        }
        let waits = |reason, until: String| AccountStanding::Waits { reason, until };
        let Some(record) = self.people.get(person) else {
            return waits("unknown-owner", format!("the source shows a user {person} who may own records"));
        };
        if let Some(found) = self.by_key(record) {
            return found;
        }
        let picked = self.picks.get(person);
        if picked == Some(&Picked::Skip) {
            return AccountStanding::Skipped;
        }
        let by_itself = match self.activity.people {
            PeopleMode::All => true,
            PeopleMode::Automatic => by_record && self.makes_by_itself(),
            PeopleMode::Manual | PeopleMode::OnDemand => false,
        };
        let by_pick = picked == Some(&Picked::Create) && self.activity.people != PeopleMode::Manual;
        let named = self.named(person);
        if !by_itself && !by_pick {
            return waits("unmapped-owner", format!("{named} is mapped to a user of the target"));
        }
        if !is_active(record) && !by_pick {
            return waits("source-inactive", format!("{named} is active in the source, or is mapped to a user of the target"));
        }
        self.account(record, &named)
    }

    /// An account for somebody who may have one.
    fn account(&self, record: &Record, named: &str) -> AccountStanding {
        let waits = |reason, until: String| AccountStanding::Waits { reason, until };
        let Some(email) = email_of(record) else {
            return waits("no-email", format!("{named} has an e-mail address in the source"));
        };
        if self.shared.contains_key(&email) {
            return waits("email-shared", format!("one source user alone has {email}, or {named} is mapped"));
        }
        if let Some(field) =
            self.activity.account.iter().find(|(_, from)| self.account_value(record, from) == Value::Null).map(|(field, _)| field)
        {
            return waits("incomplete-user", format!("{named} has what `{field}` is made of in the source"));
        }
        let by_email = self.rules.contains(&MatchRule::Email);
        match self.known_by_email.get(&email).and_then(|id| self.known.get(id)) {
            Some(known) if !by_email => {
                waits("email-taken", format!("{named} is mapped: the target's user {} has that e-mail address", known.name()))
            }
            Some(known) if known.is_unmapped() => AccountStanding::Account { evidence: LinkEvidence::Email, was: Some(known.id.clone()) },
            Some(known) => match self.taken.get(known.id.as_str()) {
                Some(other) => {
                    waits("email-taken", format!("{named} is mapped: the user with that e-mail address is {}", self.named(other)))
                }
                None => AccountStanding::Found { owner: known.id.to_string(), evidence: LinkEvidence::Email, by_value: email },
            },
            None if self.licences == Some(0) => waits("no-licence", format!("there is a licence for {named}")),
            None => AccountStanding::Account { evidence: LinkEvidence::Created, was: None },
        }
    }

    /// The one account that answers to what was typed: an id, else an e-mail address.
    pub fn find(&self, typed: &str) -> Option<String> {
        let by_id = self.known.get(typed).map(|known| &known.id);
        let id = by_id.or_else(|| self.known_by_email.get(&folded(typed)))?;
        self.known.get(id).filter(|known| !known.is_unmapped()).map(|known| known.id.to_string())
    }

    /// The account that answers to what was typed, one known by its e-mail address only included.
    pub fn known_as(&self, typed: &str) -> Option<&KnownPerson> {
        self.known.get(typed).or_else(|| self.known.get(self.known_by_email.get(&folded(typed))?))
    }

    /// Every account known, ascending by id.
    pub fn everyone_known(&self) -> Vec<&KnownPerson> {
        let mut known: Vec<&KnownPerson> = self.known.values().collect();
        known.sort_by(|one, other| one.id.cmp(&other.id));
        known
    }

    /// The source person linked to an account.
    pub fn person_of(&self, owner: &str) -> Option<&RecordId> {
        self.taken.get(owner)
    }

    /// Would a new account be made for this person?
    pub fn makes_one(&self, person: &RecordId) -> bool {
        matches!(self.standing(person, false), AccountStanding::Account { evidence: LinkEvidence::Created, .. })
    }

    /// Takes a licence for an account that is made.
    pub fn take_licence(&mut self) {
        self.licences = self.licences.map(|licences| licences.saturating_sub(1));
    }

    /// May accounts be made for owners of records?
    pub fn makes_by_itself(&self) -> bool {
        self.activity.people == PeopleMode::Automatic
            && (!self.activity.auto_sync_requires_workflow || self.activity.workflows.iter().any(|workflow| workflow.active))
    }

    fn by_key(&self, record: &Record) -> Option<AccountStanding> {
        for rule in self.rules {
            let MatchRule::ExternalId { source, target } = rule else { continue };
            let Some(value) = key_of(record, source) else { continue };
            let mut owners: Vec<&KnownPerson> = if *target == "id" {
                self.known.get(value).into_iter().collect()
            } else {
                let ids = self.known_by_key.get(target).and_then(|by_value| by_value.get(value));
                ids.into_iter().flatten().filter_map(|id| self.known.get(id)).collect()
            };
            let Some(owner) = owners.pop() else { continue };
            if !owners.is_empty() {
                return Some(AccountStanding::Waits {
                    reason: "disputed-owner",
                    until: format!("{} is mapped: several users of the target have `{target}` {value}", self.named(&record.id)),
                });
            }
            if self.taken.contains_key(owner.id.as_str()) {
                continue;
            }
            return Some(AccountStanding::Found {
                owner: owner.id.to_string(),
                evidence: LinkEvidence::ExternalId,
                by_value: value.to_owned(),
            });
        }
        None
    }

    fn account_value(&self, record: &Record, from: &From) -> Value {
        match from {
            From::Email => Value::text(email_of(record).unwrap_or_default()),
            from => plain(from, record, self.fields),
        }
    }

    /// What an account of a source person is made of.
    pub fn account_values(&self, person: &RecordId) -> Vec<(FieldName, Value)> {
        let Some(record) = self.people.get(person) else { return Vec::new() };
        written(&self.activity.account, |from| self.account_value(record, from))
    }

    /// The e-mail address that records are credited under: what the account is known by, else the source person's.
    fn credited_email(&self, owner: &str, person: Option<&RecordId>) -> Option<String> {
        let known = self.known.get(owner).and_then(KnownPerson::email).map(folded);
        known.or_else(|| self.people.get(person?).and_then(email_of))
    }

    /// What is owed to an account. `as_known` is where facts about it stand, when that is another than the account itself.
    pub fn owed(&self, owner: &str, as_known: Option<&RecordId>) -> Owed {
        let known = self.known.get(as_known.map_or(owner, RecordId::as_str));
        match closed_gate(&self.gates, known) {
            Some((gate, reason, fact)) => {
                let age = match fact {
                    Some(fact) => format!("{} on {}", fact.how.as_str(), fact.at.format("%Y-%m-%d")),
                    None => "nothing is known of it".to_owned(),
                };
                // Of an account that is only going to be made, the source knows the name.
                let source = || self.people.get(owner).map(|person| person.name.clone());
                let name = known.map(KnownPerson::name).or_else(source).unwrap_or_else(|| owner.to_owned());
                Owed::Gated { owner: owner.to_owned(), reason: reason.to_owned(), until: format!("{name} {} ({age})", gate.until) }
            }
            None => Owed::To(owner.to_owned()),
        }
    }

    /// What is owed to somebody who stands so; `no_match` is what the policy says of who leads to nobody.
    pub fn owed_by(&self, person: &RecordId, standing: &AccountStanding, no_match: &NoOwner) -> Owed {
        match standing {
            AccountStanding::Linked { owner } | AccountStanding::Found { owner, .. } => self.owed(owner, None),
            AccountStanding::Account { was, .. } => self.owed(person.as_str(), was.as_ref()),
            AccountStanding::Skipped => Owed::Nobody("skipped"),
            AccountStanding::Waits { reason, until } => match self.otherwise(no_match, reason, until) {
                Owed::Nobody(_) => Owed::Nobody("no-match"),
                owed => owed,
            },
        }
    }

    /// What the policy says of a record that leads to nobody.
    pub fn otherwise(&self, choice: &NoOwner, reason: &'static str, until: &str) -> Owed {
        match choice {
            NoOwner::Leave | NoOwner::Clear => Owed::Nobody(reason),
            NoOwner::Hold => Owed::Waits { owner: None, reason, until: until.to_owned() },
            NoOwner::Fallback(typed) => match self.find(typed) {
                Some(owner) => self.owed(&owner, None),
                None => {
                    Owed::Waits { owner: None, reason: "unknown-fallback", until: format!("the fall-back `{typed}` is one known user") }
                }
            },
        }
    }

    /// What is sent of a figure of a record; `fields` names the record's values, `person` is who the record names as its owner.
    pub fn figure_values(
        &self,
        figure: &Figure,
        record: &Record,
        fields: &[FieldName],
        owner: &str,
        person: Option<&RecordId>,
    ) -> Vec<(FieldName, Value)> {
        let email = || self.credited_email(owner, person).map_or(Value::Null, Value::Text);
        written(&figure.set, |from| match from {
            From::Email => email(),
            from => plain(from, record, fields),
        })
    }

    /// Who the source person behind an account is, and how that is known, in words.
    pub fn link_told(&self, link: &Link) -> String {
        let compared = link.by_value.as_ref().map_or_else(String::new, |value| format!(" {value}"));
        let by = format!("by {} on {}: {}", link.by.author, link.by.at.format("%Y-%m-%d"), link.by.reason);
        format!("{} is that user: {}{compared}, {by}", self.named(&link.person), link.evidence.as_str())
    }

    /// The same of whoever is linked to an account.
    pub fn link_told_of(&self, owner: &str) -> Option<String> {
        self.links.get(self.taken.get(owner)?).map(|link| self.link_told(link))
    }

    /// What opens the gate that is closed with this word.
    pub fn mend(&self, reason: &str) -> Option<&'static str> {
        let by_field = |gate: &&&GateSpec| gate.reason == reason || matches!(gate.opens, rightful_core::Opens::Is(_));
        self.gates.iter().find(|gate| gate.reason == reason).or_else(|| self.gates.iter().find(by_field)).map(|gate| gate.mend)
    }
}

/// Accounts by what they hold under the keys that rules compare, besides their id.
fn by_keys<'a>(rules: &'a [MatchRule], known: &[KnownPerson]) -> HashMap<&'a KeyName, HashMap<String, Vec<RecordId>>> {
    let mut by_key: HashMap<&KeyName, HashMap<String, Vec<RecordId>>> = HashMap::new();
    for rule in rules {
        let MatchRule::ExternalId { target, .. } = rule else { continue };
        if *target == "id" || by_key.contains_key(target) {
            continue;
        }
        let by_value = by_key.entry(target).or_default();
        for person in known.iter().filter(|person| !person.is_unmapped()) {
            if let Some(value) = person.text(target.as_str()) {
                by_value.entry(value.to_owned()).or_default().push(person.id.clone());
            }
        }
    }
    by_key
}

/// The first gate that is closed for a person, with its word and the fact that closes it.
pub fn closed_gate<'a>(gates: &[&'a GateSpec], known: Option<&'a KnownPerson>) -> Option<(&'a GateSpec, &'a str, Option<&'a Fact>)> {
    gates.iter().find_map(|gate| {
        let fact = known.and_then(|known| known.fact(gate.field.as_str()));
        Some((*gate, gate.closed(fact.map(|fact| &fact.value))?, fact))
    })
}

/// The gates that a policy picks.
pub fn picked_gates<'a>(activity: &Activity, gates: &'a [GateSpec]) -> Vec<&'a GateSpec> {
    gates.iter().filter(|gate| activity.gates.iter().any(|wanted| wanted == gate.name)).collect()
}

/// What stands behind a source of values but an e-mail address.
fn plain(from: &From, record: &Record, fields: &[FieldName]) -> Value {
    match from {
        From::Field(field) => value_of(record, fields, field).clone(),
        From::Fixed(value) => value.clone(),
        From::Email => Value::Null,
    }
}

/// The fields that are written: what holds nothing is left out.
fn written(set: &[(FieldName, From)], value: impl Fn(&From) -> Value) -> Vec<(FieldName, Value)> {
    set.iter().map(|(field, from)| (field.clone(), value(from))).filter(|(_, value)| *value != Value::Null).collect()
}

fn key_of<'a>(record: &'a Record, key: &KeyName) -> Option<&'a str> {
    record.key(key).or_else(|| (*key == "id").then_some(record.id.as_str())).filter(|value| !value.is_empty())
}

/// A person's main e-mail address, trimmed and in lower case (SS-4).
pub fn email_of(record: &Record) -> Option<String> {
    record.person.as_ref().and_then(|person| person.emails.first()).map(|email| folded(email)).filter(|email| !email.is_empty())
}

/// May this source person own records today?
pub fn is_active(record: &Record) -> bool {
    record.state == State::Active && record.person.as_ref().is_none_or(|person| person.active && !person.service)
}

fn folded(email: &str) -> String {
    email.trim().to_lowercase()
}

#[cfg(test)]
mod tests;
