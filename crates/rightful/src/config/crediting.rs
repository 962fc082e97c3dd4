//! An integration that credits activities, as the policy the engine runs: who gets accounts, and which records are credited as what.

use std::collections::BTreeMap;

use rightful_core::{FieldName, Instant, KeyName, Kind, KindSpec, Role, Value, Verb, nearest};
use rightful_engine::{
    Activity, Assignment, CodeField, CodeFrom, Condition, Figure, From, MatchRule, PeopleMode, Policy, Side, Test, Triggers, Workflow,
};
use serde_json::Value as Json;

use super::document::Leaf;
use super::integration::{Both, Reader, kind, line_of, match_rules, near};
use super::{ConnectionConfig, Problem, Problems, keys, wrong};

/// What an account is made of unless the configuration says otherwise: target field and the source people's field; none is their e-mail address.
const ACCOUNT: &[(&str, Option<&str>)] = &[("email", None), ("firstname", Some("FirstName")), ("lastname", Some("LastName"))];

/// The policy of a section whose job credits.
pub(super) fn policy(
    reader: &mut Reader<'_>,
    job: &str,
    source: Option<&ConnectionConfig>,
    target: Option<&ConnectionConfig>,
) -> Option<Policy> {
    let people = reader.choice(&keys::PEOPLE).and_then(|word| PeopleMode::parse(&word)).unwrap_or_default();
    let auto_sync_requires_workflow = reader.truth(&keys::AUTO_SYNC_REQUIRES_WORKFLOW);
    let replay = reader.truth(&keys::REPLAY);
    // A hundred years.
    let hold_days = reader.number(&keys::HOLD_DAYS, 36_500).and_then(|days| u32::try_from(days).ok()).unwrap_or_default();
    let since = since(reader);
    let licences = reader.number(&keys::LICENCES, u64::from(u32::MAX)).and_then(|licences| u32::try_from(licences).ok());
    let no_match = reader.no_owner(&keys::CREDIT_NO_MATCH, &keys::NO_MATCH_FALLBACK);
    let no_owner = reader.no_owner(&keys::CREDIT_NO_OWNER, &keys::NO_OWNER_FALLBACK);
    let caps = reader.caps();
    let full_read_hours = reader.hours(&keys::FULL_READ_HOURS);
    let section = reader.section;
    let (source_kind, target_kind) = (reader.text(&keys::PEOPLE_KIND), reader.text(&keys::RECORD_KIND));
    let role = reader.text(&keys::CREDIT_ROLE).map(Role::new);
    let (source, target) = (source?, target?);
    let (source_kinds, target_kinds) = (source.descriptor.kinds_with(&source.settings), target.descriptor.kinds_with(&target.settings));
    let (people_line, record_line) = (line_of(section, &keys::PEOPLE_KIND), line_of(section, &keys::RECORD_KIND));
    let source_people = kind(people_line, keys::PEOPLE_KIND.key, source, &source_kinds, &source_kind?, reader.problems);
    let records = kind(record_line, keys::RECORD_KIND.key, target, &target_kinds, &target_kind?, reader.problems);
    let (source_people, records) = (source_people?, records?);
    if !source_people.people {
        let known: Vec<&str> = source_kinds.iter().filter(|spec| spec.people).map(|spec| spec.kind.as_str()).collect();
        reader.problems.push(Problem {
            line: Some(people_line),
            message: format!("kind `{}` of connection `{}` holds no people", source_people.kind, source.name),
            mend: format!("set {} to one of: {}", keys::PEOPLE_KIND.key, known.join(", ")),
        });
        return None;
    }
    if let Some(role) = role.as_ref().filter(|role| records.role(role).is_none()) {
        let known: Vec<&str> = records.roles.iter().map(|role| role.role.as_str()).collect();
        reader.problems.push(Problem {
            line: Some(line_of(section, &keys::CREDIT_ROLE)),
            message: format!("kind `{}` of connection `{}` has no role `{role}`", records.kind, target.name),
            mend: near(role.as_str(), &known),
        });
        return None;
    }
    let Some((role, accounts)) = credited(records, &target_kinds, role) else {
        reader.problems.push(Problem {
            line: Some(record_line),
            message: format!("connection `{}` does not take users and `{}` under ids of ours", target.name, records.kind),
            mend: "choose a target that takes them: rightful connectors".to_owned(),
        });
        return None;
    };
    let people_kinds = Both { source: (source, source_people), target: (target, accounts) };
    let mut rules = match_rules(reader, &keys::CREDIT_MATCH, &people_kinds);
    // A link that somebody made always counts.
    if !rules.contains(&MatchRule::Link) {
        rules.insert(0, MatchRule::Link);
    }
    let gates = gates(reader, accounts, target);
    let account = account(reader, source, source_people, accounts, target);
    let sides = Sides { source, kinds: &source_kinds, target, records };
    let workflows = workflows(reader, &sides);
    if workflows.is_empty() && (job == "crm-activity" || (people == PeopleMode::Automatic && reader.leaf(&keys::PEOPLE).is_some())) {
        let line = if job == "crm-activity" { section.line } else { line_of(section, &keys::PEOPLE) };
        // Of workflows that are there, what is wrong has been told.
        if section.leaves.iter().all(|leaf| leaf.path[0] != "workflows") {
            reader.problems.push(Problem {
                line: Some(line),
                message: if job == "crm-activity" {
                    format!("`{}` has no workflow, so nothing would be credited", section.name)
                } else {
                    "`people = \"automatic\"` makes accounts for owners of a workflow's records, and there is no workflow".to_owned()
                },
                mend: format!("add [integrations.{}.workflows.NAME] with `object`, `when` and figures", section.name),
            });
        }
    }
    Some(Policy {
        source: Side { connection: source.name.clone(), kind: source_people.kind.clone(), key: KeyName::fixed("id") },
        target: Side { connection: target.name.clone(), kind: records.kind.clone(), key: KeyName::fixed("id") },
        code: CodeField { from: CodeFrom::Owner(role.clone()), label: "Owner".to_owned() },
        role,
        rules,
        follow: Vec::new(),
        assignment: Assignment::Replace,
        no_match,
        no_owner,
        caps,
        include_inactive: false,
        newcomer_hours: 0,
        full_read_hours,
        source_people: Vec::new(),
        activity: Some(Activity { people, auto_sync_requires_workflow, account, gates, replay, hold_days, since, licences, workflows }),
    })
}

/// The role that is written and the kind of the accounts, where the target takes both under ids of ours.
fn credited<'a>(records: &KindSpec, kinds: &'a [KindSpec], role: Option<Role>) -> Option<(Role, &'a KindSpec)> {
    let role = records.roles.iter().find(|spec| spec.writable && role.as_ref().is_none_or(|wanted| spec.role == *wanted))?;
    let accounts = kinds.iter().find(|spec| spec.kind == role.people)?;
    let both = records.verbs.contains(&Verb::Upsert) && accounts.verbs.contains(&Verb::Upsert);
    both.then(|| (role.role.clone(), accounts))
}

fn since(reader: &mut Reader<'_>) -> Option<Instant> {
    let leaf = reader.leaf(&keys::SINCE)?;
    let day = |day: chrono::NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc();
    let moment = match &leaf.typed {
        Some(Value::Date(date)) => Some(day(*date)),
        Some(Value::Instant(at)) => Some(*at),
        Some(Value::Text(text)) => text.parse().map(day).or_else(|_| text.parse::<Instant>()).ok(),
        _ => None,
    };
    if moment.is_none() {
        reader.problems.push(wrong(&leaf, &keys::SINCE, "a day, or a moment with its zone", &leaf.value));
    }
    moment
}

fn gates(reader: &mut Reader<'_>, accounts: &KindSpec, target: &ConnectionConfig) -> Vec<String> {
    let known: Vec<&str> = accounts.gates.iter().map(|gate| gate.name).collect();
    let Some(wanted) = reader.words(&keys::GATES) else { return known.into_iter().map(str::to_owned).collect() };
    for word in wanted.iter().filter(|word| !known.contains(&word.as_str())) {
        reader.problems.push(Problem {
            line: Some(line_of(reader.section, &keys::GATES)),
            message: format!("connection `{}` knows no gate `{word}`", target.name),
            mend: near(word, &known),
        });
    }
    wanted
}

/// What an account is made of.
fn account(
    reader: &mut Reader<'_>,
    source: &ConnectionConfig,
    people: &KindSpec,
    accounts: &KindSpec,
    target: &ConnectionConfig,
) -> Vec<(FieldName, From)> {
    let section = reader.section;
    let leaves: Vec<&Leaf> = section.leaves.iter().filter(|leaf| leaf.path[0] == "account").collect();
    if leaves.is_empty() {
        let from = |field: Option<&'static str>| field.map_or(From::Email, |field| From::Field(FieldName::fixed(field)));
        return ACCOUNT.iter().map(|(name, field)| (FieldName::fixed(name), from(*field))).collect();
    }
    let (inside, outside): (Vec<&Leaf>, Vec<&Leaf>) =
        leaves.into_iter().partition(|leaf| leaf.path.get(1).is_some_and(|part| part == "set"));
    for leaf in outside {
        reader.problems.push(Problem {
            line: Some(leaf.line),
            message: format!("unknown key `{}` in [integrations.{}]", leaf.key, section.name),
            mend: "say what accounts are made of below `account.set`".to_owned(),
        });
    }
    let line = inside.first().map_or(section.line, |leaf| leaf.line);
    let set = sources(&inside, 2, reader.problems);
    written(&set, accounts, target, line, reader.problems);
    read(set.iter().map(|(line, _, from)| (*line, from)), people, source, reader.problems);
    set.into_iter().map(|(_, field, from)| (field, from)).collect()
}

/// Fields below a `set`, from this part of their path on, with their lines: a value, `{ field = "X" }` or `{ email = true }`.
fn sources(leaves: &[&Leaf], from: usize, problems: &mut Problems) -> Vec<(usize, FieldName, From)> {
    let mut set = Vec::new();
    for leaf in leaves {
        let rest: Vec<&str> = leaf.path.iter().skip(from).map(String::as_str).collect();
        let source = match (rest.as_slice(), &leaf.typed) {
            ([_], Some(value)) if !matches!(value, Value::List(_)) => Some(From::Fixed(value.clone())),
            ([_, "field"], Some(Value::Text(field))) => Some(From::Field(FieldName::new(field.as_str()))),
            ([_, "email"], Some(Value::Bool(true))) => Some(From::Email),
            _ => None,
        };
        match (source, rest.first()) {
            (Some(source), Some(field)) => set.push((leaf.line, FieldName::new(*field), source)),
            _ => problems.push(Problem {
                line: Some(leaf.line),
                message: format!("`{}` says no value", leaf.key),
                mend: match rest.as_slice() {
                    [one, other] if !matches!(*other, "field" | "email") => format!("quote a name with a dot: \"{one}.{other}\" = ..."),
                    _ => "give text, a number, a day, { field = \"FIELD\" } or { email = true }".to_owned(),
                },
            }),
        }
    }
    set
}

/// Can these fields be written, and are all there that every write needs?
fn written(set: &[(usize, FieldName, From)], spec: &KindSpec, target: &ConnectionConfig, line: usize, problems: &mut Problems) {
    let known: Vec<&str> = spec.fields.iter().filter(|field| field.writable).map(|field| field.name.as_str()).collect();
    for (line, field, _) in set.iter().filter(|(_, field, _)| !spec.open_fields && !known.contains(&field.as_str())) {
        problems.push(Problem {
            line: Some(*line),
            message: format!("kind `{}` of connection `{}` has no field `{field}` that can be written", spec.kind, target.name),
            mend: near(field.as_str(), &known),
        });
    }
    let missing = spec.fields.iter().filter(|field| field.needed && set.iter().all(|(_, known, _)| *known != field.name));
    let missing: Vec<&str> = missing.map(|field| field.name.as_str()).collect();
    if !missing.is_empty() {
        let needed: Vec<&str> = spec.fields.iter().filter(|field| field.needed).map(|field| field.name.as_str()).collect();
        problems.push(Problem {
            line: Some(line),
            message: format!("`set` lacks {}, which each {} of connection `{}` needs", missing.join(", "), spec.kind, target.name),
            mend: format!("set all of: {}", needed.join(", ")),
        });
    }
}

/// Can the fields that values come from be read?
fn read<'a>(set: impl Iterator<Item = (usize, &'a From)>, spec: &KindSpec, source: &ConnectionConfig, problems: &mut Problems) {
    for (line, from) in set {
        if let From::Field(field) = from {
            readable(field, spec, source, line, problems);
        }
    }
}

fn readable(field: &FieldName, spec: &KindSpec, source: &ConnectionConfig, line: usize, problems: &mut Problems) {
    if spec.open_fields || spec.field(field).is_some() {
        return;
    }
    let known: Vec<&str> = spec.fields.iter().map(|field| field.name.as_str()).collect();
    problems.push(Problem {
        line: Some(line),
        message: format!("kind `{}` of connection `{}` has no field `{field}`", spec.kind, source.name),
        mend: near(field.as_str(), &known),
    });
}

/// Where workflows read and write.
struct Sides<'a> {
    source: &'a ConnectionConfig,
    kinds: &'a [KindSpec],
    target: &'a ConnectionConfig,
    records: &'a KindSpec,
}

/// What may stand in a workflow.
const WORKFLOW: &[&str] = &["object", "triggers", "active", "when", "figures"];
/// What may stand in a figure.
const FIGURE: &[&str] = &["owner", "set"];
/// What makes a workflow write.
const TRIGGERS: &[&str] = &["create", "update", "delete"];
/// What a condition may say of a field.
const TESTS: &[&str] = &["not", "at_least", "at_most", "filled", "empty"];

fn workflows(reader: &mut Reader<'_>, sides: &Sides<'_>) -> Vec<Workflow> {
    let mut by_name: BTreeMap<&str, Vec<&Leaf>> = BTreeMap::new();
    for leaf in reader.section.leaves.iter().filter(|leaf| leaf.path[0] == "workflows") {
        match leaf.path.get(1) {
            Some(name) if leaf.path.len() > 2 || leaf.value.is_object() => by_name.entry(name).or_default().push(leaf),
            _ => reader.problems.push(Problem {
                line: Some(leaf.line),
                message: format!("`{}` must be a table", leaf.key),
                mend: format!("write [integrations.{}.workflows.NAME] and its keys below it", reader.section.name),
            }),
        }
    }
    let mut workflows = Vec::new();
    for (name, leaves) in by_name {
        let place = format!("[integrations.{}.workflows.{name}]", reader.section.name);
        workflows.extend(workflow(name, &leaves, &place, sides, reader.problems));
    }
    workflows
}

/// Complains about a part of a path that is none of these.
fn known_part(leaf: &Leaf, at: usize, known: &[&str], place: &str, problems: &mut Problems) -> bool {
    let Some(part) = leaf.path.get(at) else { return true };
    if known.contains(&part.as_str()) {
        return true;
    }
    problems.push(Problem { line: Some(leaf.line), message: format!("unknown key `{part}` in {place}"), mend: near(part, known) });
    false
}

fn workflow(name: &str, leaves: &[&Leaf], place: &str, sides: &Sides<'_>, problems: &mut Problems) -> Option<Workflow> {
    let before = problems.len();
    let line = leaves.iter().map(|leaf| leaf.line).min().unwrap_or_default();
    let leaves: Vec<&Leaf> = leaves.iter().copied().filter(|leaf| known_part(leaf, 2, WORKFLOW, place, problems)).collect();
    let below = |part: &str| leaves.iter().copied().filter(|leaf| leaf.path.get(2).is_some_and(|known| known == part)).collect::<Vec<_>>();
    let plain = |part: &str| leaves.iter().copied().find(|leaf| leaf.path.len() == 3 && leaf.path[2] == part);
    let mut tell = |line: usize, message: String, mend: String| problems.push(Problem { line: Some(line), message, mend });
    let object = match plain("object").map(|leaf| (leaf.line, leaf.value.as_str())) {
        Some((line, Some(object))) => Some((line, object)),
        Some((line, None)) => {
            tell(line, "`object` must be the name of a kind".to_owned(), "for example object = \"opportunity\"".to_owned());
            None
        }
        None => {
            tell(line, format!("`object` is missing in {place}"), "name the kind of record: object = \"opportunity\"".to_owned());
            None
        }
    };
    let mut triggers = Triggers::default();
    if let Some(leaf) = plain("triggers") {
        let words: Option<Vec<&str>> = leaf.value.as_array().map(|items| items.iter().filter_map(Json::as_str).collect());
        let words = words.unwrap_or_default();
        let has = |word: &str| words.contains(&word);
        triggers = Triggers { create: has("create"), update: has("update"), delete: has("delete") };
        for unknown in words.iter().filter(|word| !TRIGGERS.contains(word)) {
            tell(leaf.line, format!("there is no trigger `{unknown}`"), near(unknown, TRIGGERS));
        }
        if words.is_empty() {
            tell(leaf.line, "`triggers` must be a list of words".to_owned(), "triggers = [\"create\", \"update\", \"delete\"]".to_owned());
        }
    }
    let active = match plain("active") {
        None => true,
        Some(leaf) => leaf.value.as_bool().unwrap_or_else(|| {
            tell(leaf.line, "`active` must be true or false".to_owned(), "for example active = true".to_owned());
            true
        }),
    };
    let when = conditions(&below("when"), problems);
    let figures = figures(&below("figures"), line, place, sides, problems);
    let (object_line, object) = object?;
    let spec = kind(object_line, "object", sides.source, sides.kinds, object, problems)?;
    for (leaf, condition) in &when {
        readable(&condition.field, spec, sides.source, *leaf, problems);
    }
    let mut whole = Vec::new();
    for figure in figures {
        whole.extend(figure.of(spec, sides, problems));
    }
    (problems.len() == before).then(|| Workflow {
        name: name.to_owned(),
        object: Kind::new(object),
        triggers,
        when: when.into_iter().map(|(_, condition)| condition).collect(),
        figures: whole,
        active,
    })
}

/// Conditions below `when`, with their lines.
fn conditions(leaves: &[&Leaf], problems: &mut Problems) -> Vec<(usize, Condition)> {
    let mut conditions = Vec::new();
    for leaf in leaves {
        let path: Vec<&str> = leaf.path.iter().skip(3).map(String::as_str).collect();
        let listed = |value: &Value| match value {
            Value::List(values) => values.clone(),
            value => vec![value.clone()],
        };
        let test = match (path.as_slice(), &leaf.typed) {
            ([], _) if leaf.value.is_object() => continue,
            ([_], Some(value)) => Some(Test::Is(listed(value))),
            ([_, "not"], Some(value)) => Some(Test::Not(listed(value))),
            ([_, "at_least"], Some(value)) if is_ordered(value) => Some(Test::AtLeast(value.clone())),
            ([_, "at_most"], Some(value)) if is_ordered(value) => Some(Test::AtMost(value.clone())),
            ([_, "filled"], Some(Value::Bool(true))) => Some(Test::Filled),
            ([_, "empty"], Some(Value::Bool(true))) => Some(Test::Empty),
            _ => None,
        };
        match (test, path.first()) {
            (Some(test), Some(field)) => conditions.push((leaf.line, Condition { field: FieldName::new(*field), test })),
            _ => problems.push(Problem {
                line: Some(leaf.line),
                message: format!("`{}` is no condition", leaf.key),
                mend: match path.get(1).and_then(|word| nearest(word, TESTS.iter().copied())) {
                    Some(near) if !TESTS.contains(&path[1]) => format!("did you mean `{near}`?"),
                    _ => "give a value, a list of values, { not = VALUE }, { at_least = NUMBER or DAY }, { at_most = .. }, { filled = true } or \
                          { empty = true }; a moment needs its zone"
                        .to_owned(),
                },
            }),
        }
    }
    conditions
}

fn is_ordered(value: &Value) -> bool {
    matches!(value, Value::Integer(_) | Value::Decimal(_) | Value::Date(_) | Value::Instant(_))
}

/// A figure as it is written, before it is judged by its object.
struct Draft {
    name: String,
    line: usize,
    /// A role, or a field; with its line.
    owner: Option<(usize, CodeFrom)>,
    set: Vec<(usize, FieldName, From)>,
}

fn figures(leaves: &[&Leaf], line: usize, place: &str, sides: &Sides<'_>, problems: &mut Problems) -> Vec<Draft> {
    let mut by_name: BTreeMap<&str, Vec<&Leaf>> = BTreeMap::new();
    for leaf in leaves.iter().filter(|leaf| leaf.path.len() > 3) {
        by_name.entry(&leaf.path[3]).or_default().push(leaf);
    }
    if by_name.is_empty() {
        problems.push(Problem {
            line: Some(line),
            message: format!("{place} has no figure, so nothing would be credited"),
            mend: "add a table figures.NAME below it, with `set`".to_owned(),
        });
    }
    let mut figures = Vec::new();
    for (name, leaves) in by_name {
        let line = leaves.iter().map(|leaf| leaf.line).min().unwrap_or(line);
        if name.is_empty() || name.contains('#') || name.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
            problems.push(Problem {
                line: Some(line),
                message: format!("`{name}` cannot be the name of a figure"),
                mend: "use letters, digits, `-` and `_`: it is part of the record's id in the target".to_owned(),
            });
        }
        let leaves: Vec<&Leaf> = leaves.into_iter().filter(|leaf| known_part(leaf, 4, FIGURE, place, problems)).collect();
        let mut owner = None;
        for leaf in leaves.iter().filter(|leaf| leaf.path.get(4).is_some_and(|part| part == "owner")) {
            let rest: Vec<&str> = leaf.path.iter().skip(5).map(String::as_str).collect();
            owner = match (rest.as_slice(), leaf.value.as_str()) {
                ([], Some(role)) => Some((leaf.line, CodeFrom::Owner(Role::new(role)))),
                (["field"], Some(field)) => Some((leaf.line, CodeFrom::Field(FieldName::new(field)))),
                _ => {
                    problems.push(Problem {
                        line: Some(leaf.line),
                        message: "`owner` must be a role or a field".to_owned(),
                        mend: "for example owner = \"owner\" or owner = { field = \"OwnerId\" }".to_owned(),
                    });
                    None
                }
            };
        }
        let inside: Vec<&Leaf> = leaves.iter().copied().filter(|leaf| leaf.path.get(4).is_some_and(|part| part == "set")).collect();
        let set = sources(&inside.into_iter().filter(|leaf| leaf.path.len() > 5).collect::<Vec<_>>(), 5, problems);
        written(&set, sides.records, sides.target, line, problems);
        figures.push(Draft { name: name.to_owned(), line, owner, set });
    }
    figures
}

impl Draft {
    /// The figure of records of this kind.
    fn of(self, spec: &KindSpec, sides: &Sides<'_>, problems: &mut Problems) -> Option<Figure> {
        let roles: Vec<&str> = spec.roles.iter().map(|role| role.role.as_str()).collect();
        let (line, owner) = match self.owner {
            Some(owner) => owner,
            None => match spec.roles.first() {
                Some(role) => (self.line, CodeFrom::Owner(role.role.clone())),
                None => {
                    problems.push(Problem {
                        line: Some(self.line),
                        message: format!("kind `{}` of connection `{}` has no owner", spec.kind, sides.source.name),
                        mend: "say which field names the person: owner = { field = \"FIELD\" }".to_owned(),
                    });
                    return None;
                }
            },
        };
        match &owner {
            CodeFrom::Field(field) => readable(field, spec, sides.source, line, problems),
            CodeFrom::Owner(role) if spec.role(role).is_none() => problems.push(Problem {
                line: Some(line),
                message: format!("kind `{}` of connection `{}` has no role `{role}`", spec.kind, sides.source.name),
                mend: near(role.as_str(), &roles),
            }),
            CodeFrom::Owner(_) => {}
        }
        read(self.set.iter().map(|(line, _, from)| (*line, from)), spec, sides.source, problems);
        Some(Figure { name: self.name, owner, set: self.set.into_iter().map(|(_, field, from)| (field, from)).collect() })
    }
}

/// Figures of one source kind that two workflows write under one name over the same two connections would be one record of the target: each
/// `(integration, workflow, figure)` that another has before it, with that one.
pub(super) fn shared_figures(integrations: &BTreeMap<String, rightful_engine::Integration>) -> Vec<(String, String)> {
    let mut taken: BTreeMap<(String, String, String, String), String> = BTreeMap::new();
    let mut shared = Vec::new();
    for integration in integrations.values() {
        let policy = &integration.policy;
        for workflow in policy.activity.iter().flat_map(|activity| &activity.workflows) {
            for figure in &workflow.figures {
                let sides = (policy.source.connection.to_string(), policy.target.connection.to_string());
                let place = format!("integrations.{}.workflows.{}.figures.{}", integration.name, workflow.name, figure.name);
                match taken.get(&(sides.0.clone(), sides.1.clone(), workflow.object.to_string(), figure.name.clone())) {
                    Some(other) => shared.push((place, other.clone())),
                    None => drop(taken.insert((sides.0, sides.1, workflow.object.to_string(), figure.name.clone()), place)),
                }
            }
        }
    }
    shared
}
