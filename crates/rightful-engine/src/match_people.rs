//! Leads people of the source to people of the target, rule by rule: links, shared keys, e-mail; two candidates are never settled by picking one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rightful_core::{ConnectionName, Key, KeyName, RecordId};

use crate::{Authorship, Link, LinkEvidence, MatchRule, Named, NewCase, PeopleIndex, Resolution, Resolved, Situation, TargetPerson};

/// A person of the source, as far as matching needs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePerson {
    /// Their record.
    pub id: RecordId,
    /// The key by which records name their owner.
    pub owner: String,
    /// What people call them.
    pub name: String,
    /// E-mail addresses, the main one first.
    pub emails: Vec<String>,
    /// Every key they are known by, the record's own `id` among them.
    pub keys: Vec<Key>,
    /// May own records at the source today.
    pub active: bool,
    /// Only programs sign in with it.
    pub service: bool,
}

impl SourcePerson {
    /// Somebody of whom only a link is known: the source does not show them.
    pub fn unseen(id: &RecordId) -> Self {
        let (owner, name) = (id.to_string(), id.to_string());
        let keys = vec![Key::new("id", id.as_str())];
        Self { id: id.clone(), owner, name, emails: Vec::new(), keys, active: true, service: false }
    }

    /// Name and e-mail address, as people would write them.
    pub fn label(&self) -> String {
        match self.emails.first() {
            Some(email) if self.name.is_empty() => email.clone(),
            Some(email) => format!("{} ({email})", self.name),
            None if self.name.is_empty() => self.owner.clone(),
            None => self.name.clone(),
        }
    }
}

/// What people are matched from.
#[derive(Clone, Copy, Debug)]
pub struct Matching<'a> {
    /// The connections of source and target.
    pub between: (&'a ConnectionName, &'a ConnectionName),
    /// The rules, in order.
    pub rules: &'a [MatchRule],
    /// Links that stand.
    pub links: &'a [Link],
    /// The source's people.
    pub source: &'a [SourcePerson],
    /// The target's people.
    pub target: &'a PeopleIndex,
    /// Who makes links that an e-mail address brings.
    pub by: &'a Authorship,
}

/// What came of matching.
#[derive(Clone, Debug, Default)]
pub struct Matched {
    /// What each source person's records are given, by the key that records name them by. Its cases are empty: a person who owns nothing is none.
    pub resolved: Resolved,
    /// What stands in somebody's way, by the same key: told where they own records.
    pub cases: HashMap<String, NewCase>,
    /// Links that an e-mail address brought, in the order of the people.
    pub links: Vec<Link>,
}

/// Where somebody stands after the rules.
enum Standing {
    /// They are this person of the target.
    Found { rule: &'static str, owner: String, by: Option<Authorship>, how: String },
    /// Several candidates, or somebody else has the only one: a person decides.
    Disputed(NewCase),
}

/// The word of a rule.
pub fn rule_word(rule: &MatchRule) -> &'static str {
    match rule {
        MatchRule::Code => "code",
        MatchRule::Link => "link",
        MatchRule::ExternalId { .. } => "external-id",
        MatchRule::Email => "email",
    }
}

/// Leads every person of the source to the one person of the target whom the rules name.
pub fn match_people(matching: &Matching<'_>) -> Matched {
    let mut matched = Matched::default();
    let mut standings: Vec<Option<Standing>> = matching.source.iter().map(|_| None).collect();
    // Who has a person of the target already, as people call them.
    let mut taken: HashMap<String, String> = HashMap::new();
    let linked: HashMap<&RecordId, &Link> = matching.links.iter().map(|link| (&link.person, link)).collect();
    for rule in matching.rules {
        match rule {
            MatchRule::Code => {}
            MatchRule::Link => {
                for (person, standing) in matching.source.iter().zip(&mut standings).filter(|(_, standing)| standing.is_none()) {
                    let Some(link) = linked.get(&person.id) else { continue };
                    taken.insert(link.owner.clone(), person.label());
                    let how = format!("linked{} by {} on {}", basis(link), link.by.author, link.by.at.format("%Y-%m-%d"));
                    *standing = Some(Standing::Found { rule: rule_word(rule), owner: link.owner.clone(), by: Some(link.by.clone()), how });
                }
            }
            MatchRule::ExternalId { .. } | MatchRule::Email => {
                compare(matching, rule, &linked, &mut standings, &mut taken, &mut matched.links)
            }
        }
    }
    for (person, standing) in matching.source.iter().zip(standings) {
        let (resolution, case) = resolution(person, standing, matching);
        matched.resolved.mapped.extend(resolution.names.iter().filter_map(|named| named.owner.clone()));
        if let Some(case) = case {
            matched.cases.insert(person.owner.clone(), case);
        }
        matched.resolved.codes.insert(person.owner.clone(), resolution);
    }
    matched
}

/// What a link stands on, in words.
fn basis(link: &Link) -> String {
    let value = link.by_value.as_deref().map(|value| format!(" {value}")).unwrap_or_default();
    match link.evidence {
        LinkEvidence::Stated => String::new(),
        LinkEvidence::ExternalId => format!(" by the same key{value}"),
        LinkEvidence::Email => format!(" by the same e-mail address{value}"),
        LinkEvidence::Created => " when the account was made".to_owned(),
    }
}

/// One rule that compares values: whoever has the value of exactly one person of the target, and has it alone, is that person.
fn compare<'a>(
    matching: &Matching<'a>,
    rule: &MatchRule,
    linked: &HashMap<&RecordId, &Link>,
    standings: &mut [Option<Standing>],
    taken: &mut HashMap<String, String>,
    links: &mut Vec<Link>,
) {
    let by_email = matches!(rule, MatchRule::Email);
    let mut users: HashMap<String, Vec<&TargetPerson>> = HashMap::new();
    for user in matching.target.people().iter().filter(|user| !user.service) {
        for value in target_values(rule, user) {
            users.entry(value).or_default().push(user);
        }
    }
    // Whom each person's values name, and by which value; and the other way about, also by people who stand already.
    let mut candidates: Vec<BTreeMap<&str, (&TargetPerson, String)>> = Vec::with_capacity(matching.source.len());
    let mut claims: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, person) in matching.source.iter().enumerate() {
        let mut named = BTreeMap::new();
        for value in source_values(rule, person) {
            for user in users.get(&value).into_iter().flatten().copied() {
                named.entry(user.owner.as_str()).or_insert((user, value.clone()));
            }
        }
        named.keys().for_each(|owner| claims.entry(owner).or_default().push(at));
        candidates.push(named);
    }
    let mut found = Vec::new();
    for (at, person) in matching.source.iter().enumerate() {
        // An e-mail address never binds anew whoever is linked, whatever the order of the rules.
        if standings[at].is_some() || (by_email && linked.contains_key(&person.id)) {
            continue;
        }
        let Some((user, value)) = candidates[at].values().next() else { continue };
        let several: Vec<&TargetPerson> = candidates[at].values().map(|(user, _)| *user).collect();
        let claimants = &claims[user.owner.as_str()];
        standings[at] = Some(match taken.get(&user.owner) {
            _ if several.len() > 1 => Standing::Disputed(shared(rule, value, "target", several.into_iter().map(told).collect())),
            Some(other) => Standing::Disputed(NewCase {
                reason: "user-taken".to_owned(),
                subject: person.owner.clone(),
                message: format!(
                    "{} has the {} of {}, who is linked to {other} already",
                    person.label(),
                    value_of(rule, value),
                    told(user)
                ),
                mend: format!("link them to somebody else: rightful link add {} USER --reason TEXT", person.owner),
            }),
            None if claimants.len() > 1 => {
                let names = claimants.iter().map(|at| matching.source[*at].label()).collect();
                Standing::Disputed(shared(rule, value, "source", names))
            }
            None => {
                found.push((user.owner.clone(), person.label()));
                if by_email {
                    links.push(Link {
                        source: matching.between.0.clone(),
                        person: person.id.clone(),
                        target: matching.between.1.clone(),
                        owner: user.owner.clone(),
                        evidence: LinkEvidence::Email,
                        by_value: Some(value.clone()),
                        by: matching.by.clone(),
                    });
                }
                let how = format!("the same {}", value_of(rule, value));
                Standing::Found { rule: rule_word(rule), owner: user.owner.clone(), by: None, how }
            }
        });
    }
    // Only now: who comes first among the people must not matter.
    taken.extend(found);
}

fn normal(email: &str) -> String {
    email.trim().to_lowercase()
}

/// What a rule compares of a source person. Sign-ins for programs are nobody.
fn source_values(rule: &MatchRule, person: &SourcePerson) -> BTreeSet<String> {
    if person.service {
        return BTreeSet::new();
    }
    match rule {
        MatchRule::Code | MatchRule::Link => BTreeSet::new(),
        MatchRule::ExternalId { source, .. } => values(&person.keys, source),
        MatchRule::Email => person.emails.iter().map(|email| normal(email)).filter(|email| !email.is_empty()).collect(),
    }
}

fn target_values(rule: &MatchRule, user: &TargetPerson) -> BTreeSet<String> {
    match rule {
        MatchRule::Code | MatchRule::Link => BTreeSet::new(),
        MatchRule::ExternalId { target, .. } => values(&user.keys, target),
        MatchRule::Email => user.emails.iter().map(|email| normal(email)).filter(|email| !email.is_empty()).collect(),
    }
}

fn values(keys: &[Key], name: &KeyName) -> BTreeSet<String> {
    keys.iter().filter(|key| key.name == *name && !key.value.trim().is_empty()).map(|key| key.value.clone()).collect()
}

/// What was compared, with its value.
fn value_of(rule: &MatchRule, value: &str) -> String {
    match rule {
        MatchRule::ExternalId { source, .. } => format!("{source} {value}"),
        _ => format!("e-mail address {value}"),
    }
}

/// A person of the target, as people would write them.
fn told(user: &TargetPerson) -> String {
    match user.user_name.as_deref().or(user.emails.first().map(String::as_str)) {
        Some(name) => format!("{} ({name})", user.name),
        None => user.name.clone(),
    }
}

fn shared(rule: &MatchRule, value: &str, side: &str, mut names: Vec<String>) -> NewCase {
    names.sort_unstable();
    let reason = if matches!(rule, MatchRule::Email) { "email-shared" } else { "key-shared" };
    NewCase {
        reason: reason.to_owned(),
        subject: value.to_owned(),
        message: format!(
            "several people of the {side} have the {}: {}; none of them is taken for anybody",
            value_of(rule, value),
            names.join(", ")
        ),
        mend: "correct it where it is wrong, or say who is who: rightful link add PERSON USER --reason TEXT".to_owned(),
    }
}

/// What a person's records are given, and the case that stands in the way.
fn resolution(person: &SourcePerson, standing: Option<Standing>, matching: &Matching<'_>) -> (Resolution, Option<NewCase>) {
    let blank = Resolution { rule: "link", person: Some(person.label()), ..Resolution::unlinked() };
    let again = format!("rightful link add {} USER --replace --reason TEXT", person.owner);
    match standing {
        None => {
            let compared = matching.rules.iter().any(|rule| !source_values(rule, person).is_empty());
            let situation = if compared { Situation::Unmatched } else { Situation::Unlinked };
            (Resolution { situation, ..blank }, Some(unlinked(person, compared, matching.rules)))
        }
        Some(Standing::Disputed(case)) => {
            let resolution = Resolution { situation: Situation::Disputed, incomplete: true, ..blank };
            (resolution, Some(case))
        }
        Some(Standing::Found { rule, owner, by, how }) => {
            let user = matching.target.owner(&owner);
            let name = user.map_or_else(|| owner.clone(), told);
            let gone = match user {
                None => Some(("unknown-user", format!("{} is {name} ({how}), whom the target does not show", person.label()))),
                Some(user) if user.service => Some((
                    "service-user",
                    format!("{} is {name} ({how}), which is a sign-in for programs and never an owner", person.label()),
                )),
                Some(user) if !user.active => {
                    Some(("inactive-user", format!("{} is {name} ({how}), who is deactivated in the target", person.label())))
                }
                Some(_) => None,
            };
            let case = match gone {
                Some((reason, message)) => Some(NewCase {
                    reason: reason.to_owned(),
                    subject: user.and_then(|user| user.user_name.clone()).unwrap_or_else(|| owner.clone()),
                    message,
                    mend: format!("give the records to somebody else in the source, or link another user: {again}"),
                }),
                // What such a person owns stays where it is: nobody said who has it now.
                None if !person.active => Some(NewCase {
                    reason: "inactive-owner".to_owned(),
                    subject: person.owner.clone(),
                    message: format!(
                        "{} is deactivated in the source: {name} keeps what they have and is given nothing more",
                        person.label()
                    ),
                    mend: "give the records to somebody active in the source".to_owned(),
                }),
                None => None,
            };
            let stands = case.is_none();
            let situation = if stands { Situation::Linked } else { Situation::Gone };
            let resolution = Resolution {
                situation,
                rule,
                assign: if stands { vec![owner.clone()] } else { Vec::new() },
                retain: if stands { Vec::new() } else { vec![owner.clone()] },
                names: vec![Named {
                    typed: user.and_then(|user| user.user_name.clone()).unwrap_or_else(|| owner.clone()),
                    situation,
                    owner: Some(owner),
                    name: user.map(|user| user.name.clone()),
                    successor: None,
                }],
                by,
                incomplete: !stands,
                evidence: vec![format!("{} is {name}: {how}", person.label())],
                ..blank
            };
            (resolution, case)
        }
    }
}

/// The case of somebody who leads to nobody.
fn unlinked(person: &SourcePerson, compared: bool, rules: &[MatchRule]) -> NewCase {
    let why = if person.service {
        "a sign-in for programs is never taken for somebody".to_owned()
    } else if compared {
        let names = rules.iter().filter(|rule| !source_values(rule, person).is_empty());
        let names: Vec<String> = names
            .map(|rule| match rule {
                MatchRule::ExternalId { source, .. } => source.to_string(),
                _ => "e-mail address".to_owned(),
            })
            .collect();
        format!("no user of the target has their {}", names.join(" or "))
    } else {
        "the source shows nothing to compare them by".to_owned()
    };
    let inactive = if person.active { "" } else { ", who is deactivated in the source," };
    NewCase {
        reason: "unlinked-owner".to_owned(),
        subject: person.owner.clone(),
        message: format!("{}{inactive} leads to nobody: {why}", person.label()),
        mend: format!("say who it is: rightful link add {} USER --reason TEXT", person.owner),
    }
}

#[cfg(test)]
mod tests;
