//! One integration of the configuration as the policy the engine runs: presets are data.

use std::collections::BTreeMap;

use rightful_core::{ConnectionName, FieldName, KeyName, Kind, KindSpec, Role, RoleSpec, Setting, Verb, nearest};
use rightful_engine::{Assignment, Cap, Caps, CodeField, CodeFrom, Integration, MatchRule, NoOwner, Policy, Schedule, Side};
use serde_json::Value as Json;

use super::crediting;
use super::document::{Leaf, Section, unknown_keys};
use super::{ConnectionConfig, Problem, Problems, judged, keys, missing, number_of, text_of, wrong};

/// What a job takes along where the connections have it.
struct Preset {
    job: &'static str,
    /// Target kinds that follow a successor.
    follow: &'static [&'static str],
    /// Do owners lead on through links, not through a code table?
    by_links: bool,
}

/// The jobs that are known.
const PRESETS: &[Preset] =
    &[Preset { job: "rep-codes", follow: &["visit-frequency"], by_links: false }, Preset { job: "owners", follow: &[], by_links: true }];

/// Reads one `[integrations.NAME]`. `names` are all connections, also those with problems of their own.
pub fn integration(
    section: &Section,
    names: &[&str],
    connections: &BTreeMap<ConnectionName, ConnectionConfig>,
    problems: &mut Problems,
) -> Option<Integration> {
    let before = problems.len();
    let mut reader = Reader { section, problems };
    let job = reader.choice(&keys::JOB);
    known_keys(section, job.as_deref(), reader.problems);
    let (source, target) = (reader.connection(&keys::SOURCE, names), reader.connection(&keys::TARGET, names));
    // A connection with problems of its own has told them.
    let side = |name: Option<String>| connections.get(name?.as_str());
    let (source, target) = (side(source), side(target));
    let policy = match job.as_deref() {
        Some(job) if keys::credits(job) => crediting::policy(&mut reader, job, source, target),
        job => owners(&mut reader, job, source, target),
    };
    policy.filter(|_| problems.len() == before).map(|policy| Integration { name: section.name.clone(), policy })
}

/// Complains about keys that the job does not have; where another job has them, it is named.
fn known_keys(section: &Section, job: Option<&str>, problems: &mut Problems) {
    let place = format!("[integrations.{}]", section.name);
    let Some(job) = job else { return unknown_keys(&section.leaves, keys::of_any_job(), &place, problems) };
    let is_table = |leaf: &Leaf| leaf.path.first().is_some_and(|first| keys::CREDIT_TABLES.contains(&first.as_str()));
    let has = |job: &str, leaf: &Leaf| keys::of_job(job).any(|setting| setting.key == leaf.key) || (keys::credits(job) && is_table(leaf));
    let mut unknown = Vec::new();
    let mut told: Vec<&str> = Vec::new();
    for leaf in section.leaves.iter().filter(|leaf| !has(job, leaf)) {
        let others: Vec<&str> = keys::JOBS.iter().copied().filter(|other| has(other, leaf)).collect();
        let key = if is_table(leaf) { leaf.path[0].as_str() } else { leaf.key.as_str() };
        if others.is_empty() {
            unknown.push(leaf.clone());
        } else if !told.contains(&key) {
            told.push(key);
            let named: Vec<String> = others.iter().map(|other| format!("`{other}`")).collect();
            problems.push(Problem {
                line: Some(leaf.line),
                message: format!("`{key}` in {place} is of the job {}, and this one is `{job}`", named.join(" or ")),
                mend: "remove it, or change `job`".to_owned(),
            });
        }
    }
    unknown_keys(&unknown, keys::of_job(job), &place, problems);
}

/// What an integration shall do that keeps owners of paired records right.
fn owners(
    reader: &mut Reader<'_>,
    job: Option<&str>,
    source: Option<&ConnectionConfig>,
    target: Option<&ConnectionConfig>,
) -> Option<Policy> {
    let section = reader.section;
    let assignment = match reader.choice(&keys::ASSIGNMENT).as_deref() {
        Some("merge") => Assignment::Merge,
        _ => Assignment::Replace,
    };
    let no_match = reader.no_owner(&keys::NO_MATCH, &keys::NO_MATCH_FALLBACK);
    let no_owner = reader.no_owner(&keys::NO_OWNER, &keys::NO_OWNER_FALLBACK);
    let caps = reader.caps();
    let include_inactive = reader.truth(&keys::INCLUDE_INACTIVE);
    let newcomer_hours = reader.hours(&keys::NEWCOMER_HOURS);
    let full_read_hours = reader.hours(&keys::FULL_READ_HOURS);
    let code = CodeField {
        from: CodeFrom::Field(FieldName::new(reader.text(&keys::CODE_FIELD).unwrap_or_default())),
        label: reader.text(&keys::CODE_LABEL).unwrap_or_default(),
    };
    let owner_role = reader.text(&keys::OWNER_ROLE);
    let (source_kind, target_kind) = (reader.text(&keys::SOURCE_KIND), reader.text(&keys::TARGET_KIND));
    let (source_key, target_key) = (reader.text(&keys::SOURCE_KEY), reader.text(&keys::TARGET_KEY));
    let role = reader.text(&keys::ROLE);
    let (source, target) = (source?, target?);
    let preset = PRESETS.iter().find(|preset| job == Some(preset.job))?;
    let (source_kinds, target_kinds) = (source.descriptor.kinds_with(&source.settings), target.descriptor.kinds_with(&target.settings));
    let source_kind = readable_kind(section, &keys::SOURCE_KIND, source, &source_kinds, &source_kind?, reader.problems);
    let target_kind = readable_kind(section, &keys::TARGET_KIND, target, &target_kinds, &target_kind?, reader.problems);
    let (source_kind, target_kind) = (source_kind?, target_kind?);
    let key = |given: Option<String>, spec: &KindSpec| {
        given.map(KeyName::new).unwrap_or_else(|| spec.keys.first().map_or(KeyName::fixed("id"), |key| key.name.clone()))
    };
    let role = role.map(Role::new).or_else(|| target_kind.roles.iter().find(|role| role.writable).map(|role| role.role.clone()));
    let Some(role) = role else {
        reader.problems.push(Problem {
            line: Some(section.line),
            message: format!("owners of kind `{}` cannot be written at connection `{}`", target_kind.kind, target.name),
            mend: "choose a target whose owners can be written: rightful connectors".to_owned(),
        });
        return None;
    };
    let (code, rules) = if preset.by_links {
        let from = owner_role_of(section, source, source_kind, owner_role, reader.problems)?;
        let target_people = target_kind.role(&role).and_then(|role| target_kinds.iter().find(|spec| spec.kind == role.people));
        let people = Both {
            source: (source, people_of(section, source, &source_kinds, &from.people, reader.problems)?),
            target: (target, target_people?),
        };
        let rules = match_rules(reader, &keys::MATCH, &people);
        links_count(reader, &rules);
        (CodeField { from: CodeFrom::Owner(from.role.clone()), label: "Owner".to_owned() }, rules)
    } else {
        (code, vec![MatchRule::Code])
    };
    let written = |spec: &&KindSpec| spec.verbs.contains(&Verb::Update) && spec.roles.iter().any(|role| role.writable);
    let follow: Vec<Kind> = target_kinds
        .iter()
        .filter(written)
        .filter(|spec| preset.follow.contains(&spec.kind.as_str()))
        .map(|spec| spec.kind.clone())
        .collect();
    // The people whom a code names come first: the code is one of their keys.
    let named = match &code.from {
        CodeFrom::Owner(role) => source_kind.role(role),
        CodeFrom::Field(_) => source_kind.roles.first(),
    };
    let named = named.map(|role| role.people.clone());
    let mut source_people: Vec<Kind> =
        source_kinds.iter().filter(|spec| spec.people && spec.unreadable.is_none()).map(|spec| spec.kind.clone()).collect();
    source_people.sort_by_key(|kind| Some(kind) != named.as_ref());
    Some(Policy {
        source: Side { connection: source.name.clone(), kind: source_kind.kind.clone(), key: key(source_key, source_kind) },
        target: Side { connection: target.name.clone(), kind: target_kind.kind.clone(), key: key(target_key, target_kind) },
        role,
        rules,
        code,
        follow,
        assignment,
        no_match,
        no_owner,
        caps,
        include_inactive,
        newcomer_hours,
        full_read_hours,
        source_people,
        activity: None,
    })
}

/// What to write in place of a mistyped name.
pub(super) fn near(wanted: &str, known: &[&str]) -> String {
    match nearest(wanted, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there are none".to_owned(),
        None => format!("use one of: {}", known.join(", ")),
    }
}

/// The role whose people lead to owners: the one that is said, else the kind's first.
fn owner_role_of<'a>(
    section: &Section,
    source: &ConnectionConfig,
    spec: &'a KindSpec,
    given: Option<String>,
    problems: &mut Problems,
) -> Option<&'a RoleSpec> {
    let found = match &given {
        Some(given) => spec.roles.iter().find(|role| role.role == *given.as_str()),
        None => spec.roles.first(),
    };
    if found.is_none() {
        let known: Vec<&str> = spec.roles.iter().map(|role| role.role.as_str()).collect();
        let (what, mend) = match &given {
            Some(given) => (format!("role `{given}`"), near(given, &known)),
            None => ("owners".to_owned(), "choose a kind whose records belong to people: rightful connectors".to_owned()),
        };
        let message = format!("kind `{}` of connection `{}` has no {what}", spec.kind, source.name);
        problems.push(Problem { line: Some(line_of(section, &keys::OWNER_ROLE)), message, mend });
    }
    found
}

/// The people kind that a role of the source names.
fn people_of<'a>(
    section: &Section,
    source: &ConnectionConfig,
    kinds: &'a [KindSpec],
    wanted: &Kind,
    problems: &mut Problems,
) -> Option<&'a KindSpec> {
    let found = kinds.iter().find(|spec| spec.kind == *wanted && spec.people && spec.unreadable.is_none());
    if found.is_none() {
        problems.push(Problem {
            line: Some(line_of(section, &keys::OWNER_ROLE)),
            message: format!("kind `{wanted}` of connection `{}` is no people that can be read", source.name),
            mend: "choose a role that people have: rightful connectors".to_owned(),
        });
    }
    found
}

/// The people of both sides, each with the connection that has them.
pub(super) struct Both<'a> {
    pub(super) source: (&'a ConnectionConfig, &'a KindSpec),
    pub(super) target: (&'a ConnectionConfig, &'a KindSpec),
}

/// The ways from source people to target people, in order.
pub(super) fn match_rules(reader: &mut Reader<'_>, setting: &Setting, people: &Both<'_>) -> Vec<MatchRule> {
    let Some(words) = reader.words(setting) else { return Vec::new() };
    let line = line_of(reader.section, setting);
    let mut tell = |message: String, mend: String| reader.problems.push(Problem { line: Some(line), message, mend });
    if words.is_empty() {
        tell("`match` names no rule".to_owned(), "for example match = [\"link\", \"email\"]".to_owned());
    }
    let mut rules: Vec<MatchRule> = Vec::new();
    for word in words {
        match match_rule(&word, people) {
            Ok(rule) if rules.contains(&rule) => tell(format!("`{word}` stands twice in `match`"), "leave it in once".to_owned()),
            Ok(rule) => rules.push(rule),
            Err((message, mend)) => tell(message, mend),
        }
    }
    rules
}

/// Complains where links that an e-mail address makes would not count, because nothing looks at links first.
fn links_count(reader: &mut Reader<'_>, rules: &[MatchRule]) {
    let place = |rule: &MatchRule| rules.iter().position(|known| known == rule);
    if let Some(email) = place(&MatchRule::Email)
        && place(&MatchRule::Link).is_none_or(|link| link > email)
    {
        reader.problems.push(Problem {
            line: Some(line_of(reader.section, &keys::MATCH)),
            message: "`email` in `match` has no `link` before it, so the links that an e-mail address makes would not count".to_owned(),
            mend: "write `link` before `email`".to_owned(),
        });
    }
}

/// One rule, or what is wrong with it and what to write.
fn match_rule(word: &str, people: &Both<'_>) -> Result<MatchRule, (String, String)> {
    let keys_of = |spec: &KindSpec| -> Vec<String> { spec.keys.iter().map(|key| key.name.to_string()).chain(["id".to_owned()]).collect() };
    let told = |(connection, spec): (&ConnectionConfig, &KindSpec)| {
        format!("kind `{}` of connection `{}` has: {}", spec.kind, connection.name, keys_of(spec).join(", "))
    };
    match word {
        "link" => return Ok(MatchRule::Link),
        "email" => return Ok(MatchRule::Email),
        _ => {}
    }
    let Some((_, pair)) = word.split_once(':').filter(|(rule, _)| rule.trim() == "external-id") else {
        let known = ["link", "email", "external-id"];
        let mend = match nearest(word.split(':').next().unwrap_or(word), known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "use link, external-id:SOURCE_KEY=TARGET_KEY or email".to_owned(),
        };
        return Err((format!("`match` knows no rule `{word}`"), mend));
    };
    let Some((source, target)) = pair.split_once('=').map(|(source, target)| (source.trim(), target.trim())) else {
        let mend = format!("write external-id:SOURCE_KEY=TARGET_KEY; {}; {}", told(people.source), told(people.target));
        return Err((format!("`{word}` in `match` does not name two keys"), mend));
    };
    for (wanted, (connection, spec)) in [(source, people.source), (target, people.target)] {
        let known = keys_of(spec);
        if !known.iter().any(|key| key == wanted) {
            let near = nearest(wanted, known.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            let message = format!("kind `{}` of connection `{}` has no key `{wanted}`", spec.kind, connection.name);
            return Err((message, format!("{near}{}; {}", told(people.source), told(people.target))));
        }
    }
    Ok(MatchRule::ExternalId { source: KeyName::new(source), target: KeyName::new(target) })
}

/// When the integration of a section runs by itself.
pub fn schedule(section: &Section, problems: &mut Problems) -> Option<Schedule> {
    let text = text_of(&section.leaves, &keys::SCHEDULE, problems)?;
    let zone = text_of(&section.leaves, &keys::TIME_ZONE, problems)?;
    // Each by itself, so that both are told.
    for (key, tried) in [(&keys::SCHEDULE, (text.as_str(), "UTC")), (&keys::TIME_ZONE, ("manual", zone.as_str()))] {
        let Err(error) = Schedule::parse(tried.0, tried.1, &section.name) else { continue };
        let line = section.leaves.iter().find(|leaf| leaf.key == key.key).map_or(section.line, |leaf| leaf.line);
        problems.push(Problem {
            line: Some(line),
            message: format!("`{}`: {}", key.key, error.message()),
            mend: error.mend().unwrap_or_default().to_owned(),
        });
    }
    Schedule::parse(&text, &zone, &section.name).ok()
}

/// The kind of that name.
pub(super) fn kind<'a>(
    line: usize,
    key: &str,
    connection: &ConnectionConfig,
    kinds: &'a [KindSpec],
    wanted: &str,
    problems: &mut Problems,
) -> Option<&'a KindSpec> {
    let found = kinds.iter().find(|spec| spec.kind == *wanted);
    if found.is_none() {
        let known: Vec<&str> = kinds.iter().map(|spec| spec.kind.as_str()).collect();
        problems.push(Problem {
            line: Some(line),
            message: format!("connection `{}` has no kind `{wanted}`", connection.name),
            mend: match nearest(wanted, known.iter().copied()) {
                Some(near) => format!("did you mean {key} = \"{near}\"?"),
                None => format!("set {key} to one of: {}", known.join(", ")),
            },
        });
    }
    found
}

fn readable_kind<'a>(
    section: &Section,
    setting: &Setting,
    connection: &ConnectionConfig,
    kinds: &'a [KindSpec],
    wanted: &str,
    problems: &mut Problems,
) -> Option<&'a KindSpec> {
    let line = line_of(section, setting);
    let found = kind(line, setting.key, connection, kinds, wanted, problems);
    if let Some(why) = found.and_then(|spec| spec.unreadable) {
        problems.push(Problem {
            line: Some(line),
            message: format!(
                "kind `{wanted}` of connection `{}` cannot be read, so nothing can be compared with it: {why}",
                connection.name
            ),
            mend: "choose a connection whose kinds can be read: rightful connectors".to_owned(),
        });
        return None;
    }
    found
}

/// The line a setting stands in, else that of its section.
pub(super) fn line_of(section: &Section, setting: &Setting) -> usize {
    section.leaves.iter().find(|leaf| leaf.key == setting.key).map_or(section.line, |leaf| leaf.line)
}

/// Reads settings of one section and tells what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) section: &'a Section,
    pub(super) problems: &'a mut Problems,
}

impl Reader<'_> {
    pub(super) fn leaf(&self, setting: &Setting) -> Option<Leaf> {
        self.section.leaves.iter().find(|leaf| leaf.key == setting.key).cloned()
    }

    /// The value of a text setting, its default where it is not given.
    pub(super) fn text(&mut self, setting: &Setting) -> Option<String> {
        text_of(&self.section.leaves, setting, self.problems)
    }

    /// Words of a setting, its default where it is not given: text with commas, or a list.
    pub(super) fn words(&mut self, setting: &Setting) -> Option<Vec<String>> {
        let parted = |text: &str| text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let Some(leaf) = self.leaf(setting) else { return setting.default.map(parted) };
        let given = match &leaf.value {
            Json::String(text) => Some(parted(text)),
            Json::Array(items) => items.iter().map(|item| item.as_str().map(|word| word.trim().to_owned())).collect(),
            _ => None,
        };
        if given.is_none() {
            self.problems.push(wrong(&leaf, setting, "words, as text with commas or as a list", &leaf.value));
        }
        given
    }

    /// A word of a choice, its default where it is not given.
    pub(super) fn choice(&mut self, setting: &Setting) -> Option<String> {
        let Some(leaf) = self.leaf(setting) else {
            if setting.required {
                self.problems.push(missing(self.section, setting));
            }
            return setting.default.map(str::to_owned);
        };
        match judged(setting, &leaf) {
            Ok(()) => leaf.value.as_str().map(str::to_owned),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    fn connection(&mut self, setting: &Setting, names: &[&str]) -> Option<String> {
        let Some(leaf) = self.leaf(setting) else {
            self.problems.push(missing(self.section, setting));
            return None;
        };
        let Some(name) = leaf.value.as_str() else {
            self.problems.push(wrong(&leaf, setting, "the name of a connection", &leaf.value));
            return None;
        };
        if names.contains(&name) {
            return Some(name.to_owned());
        }
        self.problems.push(Problem {
            line: Some(leaf.line),
            message: format!("there is no connection `{name}`"),
            mend: match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => format!("add [connections.{name}], or enter it in the console"),
                None => format!("add [connections.{name}], enter it in the console, or use one of: {}", names.join(", ")),
            },
        });
        None
    }

    pub(super) fn no_owner(&mut self, setting: &Setting, fallback: &Setting) -> NoOwner {
        if let Some(leaf) = self.leaf(fallback) {
            return match leaf.value.as_str().map(str::trim).filter(|user| !user.is_empty()) {
                Some(user) => NoOwner::Fallback(user.to_owned()),
                None => {
                    self.problems.push(wrong(&leaf, fallback, "a user's name or e-mail", &leaf.value));
                    NoOwner::Leave
                }
            };
        }
        match self.choice(setting).as_deref() {
            Some("hold") => NoOwner::Hold,
            Some("clear") => NoOwner::Clear,
            _ => NoOwner::Leave,
        }
    }

    pub(super) fn truth(&mut self, setting: &Setting) -> bool {
        let Some(leaf) = self.leaf(setting) else { return setting.default == Some("true") };
        if let Err(problem) = judged(setting, &leaf) {
            self.problems.push(problem);
        }
        leaf.value == Json::Bool(true)
    }

    pub(super) fn number(&mut self, setting: &Setting, most: u64) -> Option<u64> {
        number_of(&self.section.leaves, setting, 0..=most, self.problems)
    }

    fn percent(&mut self, setting: &Setting) -> Option<u8> {
        self.number(setting, 100).and_then(|number| u8::try_from(number).ok())
    }

    pub(super) fn hours(&mut self, setting: &Setting) -> u32 {
        // A hundred years.
        self.number(setting, 876_000).and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
    }

    fn cap(&mut self, count: &Setting, percent: &Setting, floor: &Setting) -> Cap {
        Cap {
            count: self.number(count, u64::from(u32::MAX)),
            percent: self.percent(percent),
            floor: self.number(floor, u64::from(u32::MAX)).unwrap_or_default(),
        }
    }

    pub(super) fn caps(&mut self) -> Caps {
        Caps {
            owner_moves: self.cap(&keys::MOVES_COUNT, &keys::MOVES_PERCENT, &keys::MOVES_FLOOR),
            removals: self.cap(&keys::REMOVALS_COUNT, &keys::REMOVALS_PERCENT, &keys::REMOVALS_FLOOR),
            accounts: self.cap(&keys::ACCOUNTS_COUNT, &keys::ACCOUNTS_PERCENT, &keys::ACCOUNTS_FLOOR),
            source_shrink_percent: self.percent(&keys::SHRINK_PERCENT).unwrap_or_default(),
        }
    }
}
