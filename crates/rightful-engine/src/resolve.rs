//! Resolves what stands in the code table to people of the target: one situation per name, and never the first of two candidates.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rightful_core::{Key, KeyName, Record, State};
use serde::{Deserialize, Serialize};

use crate::{Authorship, CodeTable, NewCase};

/// A person of the target, as far as resolving needs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetPerson {
    /// The key by which records name their owner.
    pub owner: String,
    /// What people call them.
    pub name: String,
    /// The name they sign in with.
    pub user_name: Option<String>,
    /// Every key they are known by, the record's own `id` among them.
    pub keys: Vec<Key>,
    /// E-mail addresses in lower case.
    pub emails: Vec<String>,
    /// May own records today.
    pub active: bool,
    /// Only programs sign in with it.
    pub service: bool,
}

impl TargetPerson {
    /// The person a record of a people kind stands for; `None` where it lacks the key that owners are named by.
    pub fn of(record: &Record, owner_key: &KeyName, login_key: &KeyName) -> Option<Self> {
        let owner = record.key(owner_key).or_else(|| (owner_key == "id").then_some(record.id.as_str()))?.to_owned();
        let person = record.person.as_ref();
        Some(Self {
            owner,
            name: if record.name.is_empty() { record.id.to_string() } else { record.name.clone() },
            user_name: record.key(login_key).map(str::to_owned),
            keys: record.keys.iter().cloned().chain([Key::new("id", record.id.as_str())]).collect(),
            emails: person.map(|person| person.emails.clone()).unwrap_or_default(),
            active: record.state == State::Active && person.is_none_or(|person| person.active),
            service: person.is_some_and(|person| person.service),
        })
    }
}

/// Who answers to a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// Exactly one person.
    One(&'a TargetPerson),
    /// Several: nobody may pick one of them but a person.
    Several(Vec<&'a TargetPerson>),
    /// Nobody.
    Nobody,
}

/// The target's people, found by user name, e-mail or owner key.
#[derive(Clone, Debug, Default)]
pub struct PeopleIndex {
    people: Vec<TargetPerson>,
    by_user_name: HashMap<String, Vec<usize>>,
    by_email: HashMap<String, Vec<usize>>,
    by_name: HashMap<String, Vec<usize>>,
    by_owner: HashMap<String, usize>,
}

impl PeopleIndex {
    /// Indexes them.
    pub fn new(people: impl IntoIterator<Item = TargetPerson>) -> Self {
        let mut index = Self::default();
        for person in people {
            let at = index.people.len();
            if let Some(user_name) = &person.user_name {
                index.by_user_name.entry(user_name.clone()).or_default().push(at);
            }
            for email in person.emails.iter().map(|email| email.trim().to_lowercase()).collect::<BTreeSet<_>>() {
                index.by_email.entry(email).or_default().push(at);
            }
            index.by_name.entry(folded(&person.name)).or_default().push(at);
            index.by_owner.insert(person.owner.clone(), at);
            index.people.push(person);
        }
        index
    }

    /// Everyone.
    pub fn people(&self) -> &[TargetPerson] {
        &self.people
    }

    /// Who answers to what was typed: user name exactly, else e-mail whatever its case.
    pub fn find(&self, typed: &str) -> Found<'_> {
        let hits = self.by_user_name.get(typed).or_else(|| self.by_email.get(&typed.trim().to_lowercase()));
        match hits.map(Vec::as_slice) {
            None | Some([]) => Found::Nobody,
            Some([one]) => Found::One(&self.people[*one]),
            Some(several) => Found::Several(several.iter().map(|at| &self.people[*at]).collect()),
        }
    }

    /// Everyone with this e-mail.
    pub fn with_email(&self, email: &str) -> Vec<&TargetPerson> {
        self.by_email.get(&email.trim().to_lowercase()).map(|hits| hits.iter().map(|at| &self.people[*at]).collect()).unwrap_or_default()
    }

    /// Everyone whom people call so, whatever the case of the letters and the space around them.
    pub fn with_name(&self, name: &str) -> Vec<&TargetPerson> {
        self.by_name.get(&folded(name)).map(|hits| hits.iter().map(|at| &self.people[*at]).collect()).unwrap_or_default()
    }

    /// The person whom records name by this key.
    pub fn owner(&self, owner: &str) -> Option<&TargetPerson> {
        self.by_owner.get(owner).map(|at| &self.people[*at])
    }

    /// What people call an owner: the name, else the key itself.
    pub fn label<'a>(&'a self, owner: &'a str) -> &'a str {
        self.owner(owner).map_or(owner, |person| person.name.as_str())
    }

    /// A list of owners as people would write it.
    pub fn labels<S: AsRef<str>>(&self, owners: &[S]) -> String {
        if owners.is_empty() {
            return "nobody".to_owned();
        }
        owners.iter().map(|owner| self.label(owner.as_ref())).collect::<Vec<_>>().join(", ")
    }
}

fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

/// How one name, or one code as a whole, stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Situation {
    /// It leads to somebody who may own records.
    Linked,
    /// Known, and not mapped yet.
    Unlinked,
    /// Nobody answers to it.
    Unmatched,
    /// Several answer to it.
    Disputed,
    /// Somebody answers to it who may not own records: deactivated, or a sign-in for programs.
    Gone,
}

impl Situation {
    /// Its name for people and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Unlinked => "unlinked",
            Self::Unmatched => "unmatched",
            Self::Disputed => "disputed",
            Self::Gone => "gone",
        }
    }
}

/// One name of a code's rows, resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// As it stands in the table.
    pub typed: String,
    /// How it stands.
    pub situation: Situation,
    /// The owner's key, where exactly one person answers.
    pub owner: Option<String>,
    /// What people call them.
    pub name: Option<String>,
    /// Who takes over, where the row says so: as typed, and the owner's key where that person may own records.
    pub successor: Option<(String, Option<String>)>,
}

/// Somebody deactivated whose records move to a successor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Succession {
    /// The deactivated owner.
    pub from: String,
    /// Who takes over.
    pub to: String,
}

/// What one code leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// How the code as a whole stands.
    pub situation: Situation,
    /// The rule that led there: `code`, `link`, `external-id`, `email`.
    pub rule: &'static str,
    /// Owners it gives a record, ascending without repeats.
    pub assign: Vec<String>,
    /// Owners it names who may not be given records now, and who stay where they already stand (SK-16): ascending.
    pub retain: Vec<String>,
    /// Who takes over from whom.
    pub successions: Vec<Succession>,
    /// Its names, one by one.
    pub names: Vec<Named>,
    /// Who brought the newest of its rows.
    pub by: Option<Authorship>,
    /// Does anybody remain unresolved whose place among the owners is therefore unknown?
    pub incomplete: bool,
    /// The source person whom it names, as people call them, where it names one.
    pub person: Option<String>,
    /// How it is known who that is, in sentences.
    pub evidence: Vec<String>,
}

impl Resolution {
    /// Known, and leading nowhere yet.
    pub fn unlinked() -> Self {
        Self {
            situation: Situation::Unlinked,
            rule: "code",
            assign: Vec::new(),
            retain: Vec::new(),
            successions: Vec::new(),
            names: Vec::new(),
            by: None,
            incomplete: false,
            person: None,
            evidence: Vec::new(),
        }
    }

    /// This one and another together: what a record with both codes is given.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        // The rule that is told is one by which somebody was found.
        if self.assign.is_empty() {
            self.rule = other.rule;
        }
        for (owners, more) in [(&mut self.assign, &other.assign), (&mut self.retain, &other.retain)] {
            owners.extend_from_slice(more);
            owners.sort_unstable();
            owners.dedup();
        }
        self.successions.extend_from_slice(&other.successions);
        self.names.extend_from_slice(&other.names);
        self.evidence.extend_from_slice(&other.evidence);
        self.incomplete |= other.incomplete;
        self.person = [self.person.take(), other.person.clone()].into_iter().flatten().reduce(|one, other| format!("{one}, {other}"));
        self.by = [self.by.take(), other.by.clone()].into_iter().flatten().max_by_key(|by| by.at);
        self.situation = situation(&self);
        self
    }
}

/// The whole table, resolved.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// By code.
    pub codes: HashMap<String, Resolution>,
    /// Owners that any code leads to, or would.
    pub mapped: HashSet<String>,
    /// What a person has to look at, one case per name however many codes use it.
    pub cases: Vec<NewCase>,
}

impl Resolved {
    /// Does any code hand records over to a successor?
    pub fn has_successions(&self) -> bool {
        self.codes.values().any(|resolution| !resolution.successions.is_empty())
    }
}

/// Stands where no successor takes over.
const NOBODY: &str = "";

/// By (reason, name): the codes that use it, and who answers to it or takes over from it.
type Problems<'a> = BTreeMap<(&'static str, &'a str), (Vec<&'a str>, Vec<String>)>;

/// Resolves every row of a code table. `label` is what people call the code field.
pub fn resolve(table: &CodeTable, people: &PeopleIndex, label: &str) -> Resolved {
    let mut resolved = Resolved::default();
    let mut problems: Problems<'_> = BTreeMap::new();
    let mut newest: HashMap<&str, i64> = HashMap::new();
    for row in &table.rows {
        let code = row.row.code.as_str();
        let resolution = resolved.codes.entry(code.to_owned()).or_insert_with(Resolution::unlinked);
        if newest.get(code).is_none_or(|since| *since <= row.since) {
            newest.insert(code, row.since);
            resolution.by = Some(row.by.clone());
        }
        let Some(typed) = row.row.user.as_deref().filter(|typed| !typed.trim().is_empty()) else { continue };
        let mut problem = |reason: &'static str, subject, candidates: Vec<String>| {
            let entry = problems.entry((reason, subject)).or_default();
            entry.0.push(code);
            entry.1.extend(candidates);
        };
        let mut named = Named { typed: typed.to_owned(), situation: Situation::Unmatched, owner: None, name: None, successor: None };
        match people.find(typed) {
            Found::One(person) if person.active && !person.service => {
                named.situation = Situation::Linked;
                named.owner = Some(person.owner.clone());
                named.name = Some(person.name.clone());
                resolution.assign.push(person.owner.clone());
                resolved.mapped.insert(person.owner.clone());
            }
            Found::One(person) => {
                named.situation = Situation::Gone;
                named.owner = Some(person.owner.clone());
                named.name = Some(person.name.clone());
                resolved.mapped.insert(person.owner.clone());
                let successor = row.row.successor.as_deref().filter(|name| !name.trim().is_empty());
                let found = successor.map(|typed| (typed, people.find(typed)));
                let takes_over = match found {
                    Some((typed, Found::One(successor))) if successor.active && !successor.service => typed,
                    _ => NOBODY,
                };
                problem(if person.service { "service-user" } else { "inactive-user" }, typed, vec![takes_over.to_owned()]);
                named.successor = match found {
                    None => None,
                    Some((typed, Found::One(successor))) if successor.active && !successor.service => {
                        resolution.assign.push(successor.owner.clone());
                        resolution.successions.push(Succession { from: person.owner.clone(), to: successor.owner.clone() });
                        resolved.mapped.insert(successor.owner.clone());
                        Some((typed.to_owned(), Some(successor.owner.clone())))
                    }
                    Some((typed, found)) => {
                        match found {
                            Found::One(successor) => {
                                let reason = if successor.service { "service-user" } else { "inactive-user" };
                                problem(reason, typed, vec![NOBODY.to_owned()]);
                            }
                            Found::Several(several) => problem("disputed-user", typed, candidates(&several)),
                            Found::Nobody => problem("unknown-user", typed, Vec::new()),
                        }
                        Some((typed.to_owned(), None))
                    }
                };
                if named.successor.as_ref().is_none_or(|(_, owner)| owner.is_none()) {
                    resolution.retain.push(person.owner.clone());
                    resolution.incomplete = true;
                }
            }
            Found::Several(several) => {
                named.situation = Situation::Disputed;
                resolution.retain.extend(several.iter().map(|person| person.owner.clone()));
                resolution.incomplete = true;
                problem("disputed-user", typed, candidates(&several));
            }
            Found::Nobody => {
                resolution.incomplete = true;
                problem("unknown-user", typed, Vec::new());
            }
        }
        resolution.names.push(named);
    }
    for resolution in resolved.codes.values_mut() {
        for owners in [&mut resolution.assign, &mut resolution.retain] {
            owners.sort_unstable();
            owners.dedup();
        }
        resolution.successions.sort_unstable();
        resolution.successions.dedup();
        resolution.situation = situation(resolution);
    }
    resolved.cases = problems
        .into_iter()
        .map(|((reason, subject), (mut codes, mut candidates))| {
            codes.sort_unstable();
            codes.dedup();
            candidates.sort_unstable();
            candidates.dedup();
            name_case(reason, subject, &codes, &candidates, label)
        })
        .collect();
    resolved
}

fn candidates(several: &[&TargetPerson]) -> Vec<String> {
    several.iter().map(|person| person.user_name.clone().unwrap_or_else(|| person.owner.clone())).collect()
}

fn situation(resolution: &Resolution) -> Situation {
    let any = |situation| resolution.names.iter().any(|named| named.situation == situation);
    if !resolution.assign.is_empty() {
        Situation::Linked
    } else if resolution.names.is_empty() {
        Situation::Unlinked
    } else if any(Situation::Disputed) {
        Situation::Disputed
    } else if any(Situation::Gone) {
        Situation::Gone
    } else {
        Situation::Unmatched
    }
}

fn name_case(reason: &str, subject: &str, codes: &[&str], candidates: &[String], label: &str) -> NewCase {
    let shown = codes.iter().take(5).map(|code| format!("{label} - {code}")).collect::<Vec<_>>().join(", ");
    let rest = if codes.len() > 5 { format!(" and {} more", codes.len() - 5) } else { String::new() };
    let used = format!("named by {shown}{rest}");
    let (message, mend) = match reason {
        "inactive-user" if !candidates.iter().any(|name| name == NOBODY) => (
            format!("`{subject}` is deactivated in the target ({used}); {} takes over", candidates.join(", ")),
            "write the successor into the row instead, once nothing belongs to the deactivated user any more".to_owned(),
        ),
        "inactive-user" => (
            format!("`{subject}` is deactivated in the target ({used})"),
            "name a successor in the row, or map the code to somebody else".to_owned(),
        ),
        "service-user" => {
            (format!("`{subject}` is a sign-in for programs and never an owner ({used})"), "map the code to a person".to_owned())
        }
        "disputed-user" => (
            format!("`{subject}` is the e-mail or name of several users: {} ({used})", candidates.join(", ")),
            "write the user name instead, or mend the e-mail addresses in the target".to_owned(),
        ),
        _ => (
            format!("no user of the target is called `{subject}` or has that e-mail ({used})"),
            "correct the name in the row, or create the user in the target".to_owned(),
        ),
    };
    NewCase { reason: reason.to_owned(), subject: subject.to_owned(), message, mend }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::{CodeRow, VersionedRow};

    fn person(owner: &str, user_name: &str, email: &str, active: bool) -> TargetPerson {
        TargetPerson {
            owner: owner.into(),
            name: format!("User {owner}"),
            user_name: Some(user_name.into()),
            keys: Vec::new(),
            emails: vec![email.into()],
            active,
            service: false,
        }
    }

    fn table(rows: &[(&str, Option<&str>, Option<&str>)]) -> CodeTable {
        let by = Authorship { author: "ann".into(), reason: "test".into(), at: DateTime::UNIX_EPOCH };
        let rows = rows
            .iter()
            .map(|(code, user, successor)| VersionedRow {
                row: CodeRow { code: (*code).into(), user: user.map(Into::into), successor: successor.map(Into::into) },
                since: 1,
                by: by.clone(),
            })
            .collect();
        CodeTable { version: 1, rows, last_read: None }
    }

    fn people() -> PeopleIndex {
        PeopleIndex::new([
            person("7", "nadia.o", "nadia.o@example.com", true),
            person("9", "tomas", "tomas@example.com", false),
            person("12", "sam", "shared@example.com", true),
            person("13", "kim", "shared@example.com", true),
            person("14", "nadia.o@example.com", "other@example.com", true),
        ])
    }

    #[test]
    fn sk_3_sk_4_sk_16_a_name_has_one_situation_and_two_candidates_are_never_settled_by_the_first() {
        use Situation::{Disputed, Gone, Linked, Unlinked, Unmatched};
        type Expected<'a> = (&'a [(&'a str, Option<&'a str>, Option<&'a str>)], Situation, &'a [&'a str], &'a [&'a str], &'a [&'a str]);
        let cases: &[Expected<'_>] = &[
            (&[("R", Some("nadia.o"), None)], Linked, &["7"], &[], &[]),
            (&[("R", Some("Nadia.O"), None)], Unmatched, &[], &[], &["unknown-user Nadia.O"]),
            (&[("R", Some("OTHER@example.com"), None)], Linked, &["14"], &[], &[]),
            // A user name wins over an e-mail of the same text.
            (&[("R", Some("nadia.o@example.com"), None)], Linked, &["14"], &[], &[]),
            (&[("R", Some("shared@example.com"), None)], Disputed, &[], &["12", "13"], &["disputed-user shared@example.com"]),
            (&[("R", None, None)], Unlinked, &[], &[], &[]),
            (&[("R", Some("  "), None)], Unlinked, &[], &[], &[]),
            (&[("R", None, None), ("R", Some("sam"), None)], Linked, &["12"], &[], &[]),
            (&[("R", Some("sam"), None), ("R", Some("nadia.o"), None)], Linked, &["12", "7"], &[], &[]),
            (&[("R", Some("tomas"), None)], Gone, &[], &["9"], &["inactive-user tomas"]),
            (&[("R", Some("tomas"), Some("sam"))], Linked, &["12"], &[], &["inactive-user tomas"]),
            (&[("R", Some("tomas"), Some("nobody"))], Gone, &[], &["9"], &["inactive-user tomas", "unknown-user nobody"]),
            (&[("R", Some("tomas"), Some("tomas"))], Gone, &[], &["9"], &["inactive-user tomas"]),
            (&[("R", Some("sam"), Some("kim"))], Linked, &["12"], &[], &[]),
            (&[("R", Some("nobody"), None), ("R", Some("sam"), None)], Linked, &["12"], &[], &["unknown-user nobody"]),
        ];
        for (rows, situation, assign, retain, cases) in cases {
            let resolved = resolve(&table(rows), &people(), "Rep Code");
            let found = &resolved.codes["R"];
            let seen: Vec<_> = resolved.cases.iter().map(|case| format!("{} {}", case.reason, case.subject)).collect();
            assert_eq!(
                (found.situation, found.assign.as_slice(), found.retain.as_slice(), seen.as_slice()),
                (
                    *situation,
                    assign.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice(),
                    retain.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice(),
                    cases.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice()
                ),
                "{rows:?}"
            );
        }
    }

    #[test]
    fn one_name_under_many_codes_is_one_case() {
        let rows: Vec<_> = ["A", "B", "C", "D", "E", "F", "G"].into_iter().map(|code| (code, Some("tomas"), None)).collect();
        let resolved = resolve(&table(&rows), &people(), "Rep Code");
        assert_eq!(resolved.cases.len(), 1);
        assert!(resolved.cases[0].message.contains("Rep Code - A") && resolved.cases[0].message.contains("and 2 more"));
    }

    #[test]
    fn a_sign_in_for_programs_never_becomes_an_owner() {
        let people = PeopleIndex::new([TargetPerson { service: true, ..person("1", "api", "api@example.com", true) }]);
        let resolved = resolve(&table(&[("R", Some("api"), None)]), &people, "Rep Code");
        assert_eq!((resolved.codes["R"].assign.len(), resolved.cases[0].reason.as_str()), (0, "service-user"));
    }

    /// SK-16: the case says whether somebody takes over already.
    #[test]
    fn a_deactivated_user_whose_every_row_names_a_successor_needs_no_second_one() {
        let told = |rows: &[(&str, Option<&str>, Option<&str>)]| {
            let cases = resolve(&table(rows), &people(), "Rep Code").cases;
            let case = cases.into_iter().find(|case| case.subject == "tomas").unwrap();
            (case.message.contains("; sam takes over"), case.mend.starts_with("name a successor"))
        };
        assert_eq!(told(&[("A", Some("tomas"), Some("sam")), ("B", Some("tomas"), Some("sam"))]), (true, false));
        assert_eq!(told(&[("A", Some("tomas"), Some("sam")), ("B", Some("tomas"), None)]), (false, true));
        assert_eq!(told(&[("A", Some("tomas"), None)]), (false, true));
    }
}
