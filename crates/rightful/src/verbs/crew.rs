//! `rightful users` where activities are credited: who has an account, who shall get one, and what is known of accounts.

use std::path::Path;
use std::sync::Arc;

use chrono::Utc;
use rightful_core::{Error, ErrorKind, PersonVerdict};
use rightful_engine::{
    AUTOMATIC, AccountLine, Activity, Authorship, Crew, Integration, PeopleMode, PeoplePage, PeopleQuery, PersonStanding, Picked, Ports,
    Progress, RunOptions, RunReport, RunTask, Switch,
};
use serde_json::{Value as Json, json};

use super::{Ended, Failure, author, authorship, codes, plans, reason};
use crate::cli::{Global, MaybeAuthored, OnOff, UsersList, UsersVerb};
use crate::compose::Composition;
use crate::exit::Exit;
use crate::output;
use crate::progress::progress;

/// Fields of an account that are told with how they are known.
const TOLD: [(&str, &str); 3] = [("team.key", "team"), ("status", "status"), ("licence", "licence")];

/// The people of an integration that credits, ready to be changed.
pub struct Desk<'a> {
    composition: &'a Composition,
    integration: &'a Integration,
    ports: Ports,
    crew: Crew,
}

impl<'a> Desk<'a> {
    /// Of this integration.
    ///
    /// # Errors
    /// `Config` where it credits nothing.
    pub async fn of(composition: &'a Composition, integration: &'a Integration) -> Result<Self, Failure> {
        let ports = composition.ports_to_look(integration);
        let crew = Crew::of(&ports, integration).await?;
        Ok(Self { composition, integration, ports, crew })
    }

    /// `users list`: a page of the source's people.
    ///
    /// # Errors
    /// As the store.
    pub async fn people(&self, query: &PeopleQuery) -> Result<PeoplePage, Failure> {
        Ok(self.crew.people(&self.ports, query).await?)
    }

    /// `users map`: which link that made.
    ///
    /// # Errors
    /// `NotFound` or `Conflict`, as what was typed.
    pub async fn map(&self, person: &str, user: &str, replace: bool, by: &Authorship) -> Result<Json, Failure> {
        self.crew.map(&self.ports, person, user, replace, by).await?;
        let accounts = self.crew.accounts(&self.ports).await?;
        let person = self.crew.person(&accounts, person)?;
        Ok(json!({ "person": person.id, "name": person.name, "link": accounts.link(&person.id) }))
    }

    /// `users create` and `users skip`: picks people by what was typed.
    ///
    /// # Errors
    /// As [`Crew::pick`].
    pub async fn pick(&self, people: &[String], choice: Picked, by: &Authorship) -> Result<Vec<String>, Failure> {
        Ok(self.crew.pick(&self.ports, people, choice, by).await?.iter().map(ToString::to_string).collect())
    }

    /// Everyone without an account who may get one.
    async fn unlinked(&self) -> Result<Vec<String>, Failure> {
        let query = PeopleQuery { unlinked: true, limit: usize::MAX, ..PeopleQuery::default() };
        let people = self.people(&query).await?.people.into_iter();
        let wanted = people.filter(|person| person.active && person.standing != "skipped");
        Ok(wanted.map(|person| person.person.to_string()).collect())
    }

    /// `users skip --undo`: takes picks away; how many there were.
    async fn unpick(&self, people: &[String], by: &Authorship) -> Result<u64, Failure> {
        let accounts = self.crew.accounts(&self.ports).await?;
        let mut picked = Vec::new();
        for typed in people {
            picked.push(self.crew.person(&accounts, typed)?.id.clone());
        }
        Ok(self.ports.store.unpick(&self.integration.name, &picked, by).await?)
    }

    /// The id of an account in the target.
    ///
    /// # Errors
    /// `NotFound`; `Config` where the target knows it by no id of ours yet.
    async fn owner(&self, user: &str) -> Result<String, Failure> {
        let accounts = self.crew.accounts(&self.ports).await?;
        let known = self.crew.account(&accounts, user)?;
        if known.is_unmapped() {
            return Err(Error::new(ErrorKind::Config, format!("{} is known by the e-mail address only", known.name()))
                .hint("map the person first: rightful users map PERSON USER; or state the team: rightful users team USER KEY --placed")
                .into());
        }
        Ok(known.id.to_string())
    }

    /// `users team`: puts an account on a team, then credits what waited for it.
    ///
    /// # Errors
    /// As [`Crew::account`], and as a run.
    pub async fn team(
        &self,
        user: &str,
        key: &str,
        by: &str,
        reason: Option<String>,
        told: Arc<dyn Progress>,
    ) -> Result<RunReport, Failure> {
        let task = RunTask::Team { person: self.owner(user).await?, team: key.to_owned() };
        let options = RunOptions { author: Some(by.to_owned()), reason, ..RunOptions::default() };
        plans::job(self.composition, self.integration, task, options, told).await
    }

    /// `users team --placed`: states that an account is on a team, or on none.
    ///
    /// # Errors
    /// As [`Crew::account`].
    pub async fn place(&self, user: &str, key: Option<&str>, by: &Authorship) -> Result<bool, Failure> {
        Ok(self.crew.place(&self.ports, user, key, by).await?)
    }

    /// Credits what waited, without reading.
    ///
    /// # Errors
    /// As a run.
    pub async fn release(&self, by: &str, told: Arc<dyn Progress>) -> Result<RunReport, Failure> {
        plans::task(self.composition, self.integration, RunTask::Release, by, told).await
    }

    /// Was the source read wholly once? Before that there is nothing that could be released.
    async fn is_known(&self) -> Result<bool, Failure> {
        Ok(self.people(&PeopleQuery { limit: 0, ..PeopleQuery::default() }).await?.read)
    }

    /// What an administrator's file says, row by row.
    ///
    /// # Errors
    /// `Unsupported` where the target has no such file; `Config` where it is none.
    pub fn verdicts(&self, text: &str) -> Result<Vec<PersonVerdict>, Failure> {
        let name = &self.integration.policy.target.connection;
        let connections = self.composition.connections();
        let connection = connections.get(name);
        let file = connection.and_then(|connection| Some((connection, connection.descriptor.people_file?)));
        let Some((connection, file)) = file else {
            return Err(Error::new(ErrorKind::Unsupported, format!("connection `{name}` takes no file of its users"))
                .hint("its users are read by each run")
                .into());
        };
        Ok((file.read)(&connection.settings, text)?)
    }

    /// Takes in what such a file shows; how many people differ from what was known.
    ///
    /// # Errors
    /// As the store.
    pub async fn import(&self, verdicts: &[PersonVerdict], by: &Authorship) -> Result<u64, Failure> {
        let rows: Vec<_> = verdicts.iter().filter_map(|verdict| verdict.row.clone().ok()).collect();
        Ok(self.crew.import(&self.ports, &rows, by).await?)
    }
}

fn signed(by: &MaybeAuthored, otherwise: &str) -> Result<Authorship, Failure> {
    let reason = by.reason.as_deref().map_or_else(|| Ok(otherwise.to_owned()), reason)?;
    Ok(Authorship { author: author(by.author.as_deref())?, reason, at: Utc::now() })
}

fn people_counted(people: &[String]) -> String {
    match people.len() {
        1 => "1 person".to_owned(),
        count => format!("{} people", output::number(count as u64)),
    }
}

/// `rightful users VERB` of an integration that credits.
pub async fn users(global: &Global, composition: &Composition, integration: &Integration, verb: UsersVerb) -> Ended {
    let desk = Desk::of(composition, integration).await?;
    match verb {
        UsersVerb::List(UsersList { codes: true, .. } | UsersList { people: true, .. }) => Err(Error::new(
            ErrorKind::Config,
            format!(
                "integration `{}` credits activities: its users are led to by no code, and the source's are listed anyway",
                integration.name
            ),
        )
        .hint("leave `--codes` and `--people` out; the target's users: rightful users list --accounts")
        .into()),
        UsersVerb::List(UsersList { accounts: true, search, limit, .. }) => list_accounts(global, &desk, &search, limit).await,
        UsersVerb::List(UsersList { unlinked, waiting, search, limit, .. }) => {
            let query = PeopleQuery { unlinked, waiting, search, after: None, limit };
            let page = desk.people(&query).await?;
            output::emit(global.json, &page, || people_told(&page))?;
            Ok(Exit::Done)
        }
        UsersVerb::Map { person, user, replace, by } => {
            let by = authorship(&by)?;
            let made = desk.map(&person, &user, replace, &by).await?;
            let link = &made["link"];
            let text = format!(
                "{} ({}) is the user {} of the target.",
                made["name"].as_str().unwrap_or_default(),
                made["person"].as_str().unwrap_or_default(),
                link["owner"].as_str().unwrap_or_default()
            );
            released(global, &desk, &by.author, json!({ "mapped": made }), &text).await
        }
        UsersVerb::Create { people, all_unlinked, later, by } => {
            let by = authorship(&by)?;
            let wanted = if all_unlinked { desk.unlinked().await? } else { people };
            let picked = desk.pick(&wanted, Picked::Create, &by).await?;
            let text = format!("{} picked.", people_counted(&picked));
            let view = json!({ "picked": picked });
            if later {
                output::emit(global.json, &view, || {
                    format!("{text} Accounts are made at the next run: rightful run {}", integration.name)
                })?;
                return Ok(Exit::Done);
            }
            released(global, &desk, &by.author, view, &text).await
        }
        UsersVerb::Skip { people, undo, by } => {
            let by = authorship(&by)?;
            if undo {
                let count = desk.unpick(&people, &by).await?;
                output::emit(global.json, &json!({ "unpicked": count }), || format!("{} taken back.", output::counted(count, "pick")))?;
            } else {
                let picked = desk.pick(&people, Picked::Skip, &by).await?;
                output::emit(global.json, &json!({ "skipped": picked }), || {
                    format!("{} skipped: no account is made, nothing is credited.", people_counted(&picked))
                })?;
            }
            Ok(Exit::Done)
        }
        UsersVerb::Team { user, key, placed, none, by } => {
            let given = by.reason.clone();
            let by = signed(&by, "team")?;
            match (key, placed || none) {
                (Some(key), false) => {
                    let report = desk.team(&user, &key, &by.author, given, progress(global.json)).await?;
                    plans::ended(global, composition, integration, &report, None).await?;
                    Ok(Exit::of(&report, false, false))
                }
                (key, _) => {
                    let key = key.filter(|_| !none);
                    let changed = desk.place(&user, key.as_deref(), &by).await?;
                    let text = match &key {
                        Some(key) => format!("{user} is on team {key}, stated by {}.", by.author),
                        None => format!("{user} is on no team, stated by {}.", by.author),
                    };
                    released(global, &desk, &by.author, json!({ "user": user, "team": key, "changed": changed }), &text).await
                }
            }
        }
        UsersVerb::Automatic { state, by } => automatic(global, &desk, state, &by).await,
        UsersVerb::Import { file, dry_run, by } => import(global, &desk, &file, dry_run, &by).await,
    }
}

/// Credits at once what a person's act may have made ready, and tells both.
async fn released(global: &Global, desk: &Desk<'_>, by: &str, view: Json, text: &str) -> Ended {
    if !desk.is_known().await? {
        output::emit(global.json, &view, || format!("{text} The first run credits: rightful run {}", desk.integration.name))?;
        return Ok(Exit::Done);
    }
    if !global.json {
        output::data(text)?;
    }
    let report = desk.release(by, progress(global.json)).await?;
    if global.json {
        let mut view = view;
        view["report"] = json!(report);
        output::data(&output::pretty(&view))?;
    } else {
        plans::ended(global, desk.composition, desk.integration, &report, None).await?;
    }
    Ok(Exit::of(&report, false, false))
}

async fn automatic(global: &Global, desk: &Desk<'_>, state: Option<OnOff>, by: &MaybeAuthored) -> Ended {
    let (store, name) = (&desk.ports.store, &desk.integration.name);
    let (Some(configured), Some(present)) = (&desk.integration.policy.activity, &desk.crew.integration().policy.activity) else {
        return Err(Error::new(ErrorKind::Config, format!("integration `{name}` makes no accounts")).into());
    };
    if let Some(state) = state {
        if configured.people != PeopleMode::Automatic {
            let mode = configured.people.as_str();
            return Err(Error::new(ErrorKind::Config, format!("integration `{name}` makes no accounts by itself"))
                .hint(format!("its configuration says people = \"{mode}\"; write people = \"automatic\" there first"))
                .into());
        }
        let switch = Switch { name: AUTOMATIC.to_owned(), on: state == OnOff::On, by: signed(by, "switched")? };
        store.switch(name, &switch).await?;
        output::emit(global.json, &switch, || {
            let state = if switch.on { "on" } else { "off" };
            format!("Accounts that are made by themselves are {state}; plans made before this are refused. The next run goes by it.")
        })?;
        return Ok(Exit::Done);
    }
    let switches = store.switches(name).await?;
    let switched = switches.iter().find(|switch| switch.name == AUTOMATIC).map(|switch| &switch.by);
    let on = present.people == PeopleMode::Automatic;
    let view = json!({ "people": configured.people, "on": on, "switched": switched });
    output::emit(global.json, &view, || automatic_told(configured, present, switched))?;
    Ok(Exit::Done)
}

/// How accounts that are made by themselves stand, in words.
fn automatic_told(configured: &Activity, present: &Activity, switched: Option<&Authorship>) -> String {
    if configured.people != PeopleMode::Automatic {
        return format!("Nothing to switch: the configuration says people = \"{}\".", configured.people.as_str());
    }
    let on = present.people == PeopleMode::Automatic;
    let by = switched.map_or_else(String::new, |by| format!(", by {}: {}", by.author, by.reason));
    let idle = on && present.auto_sync_requires_workflow && !present.workflows.iter().any(|workflow| workflow.active);
    let idle = if idle { "\nNo workflow is active: no account is made until one is (auto_sync_requires_workflow)." } else { "" };
    format!("Accounts that are made by themselves are {}{by}.{idle}", if on { "on" } else { "off" })
}

async fn list_accounts(global: &Global, desk: &Desk<'_>, search: &str, limit: usize) -> Ended {
    let wanted = search.trim().to_lowercase();
    let mut accounts = desk.crew.known(&desk.ports).await?;
    accounts.retain(|account| {
        wanted.is_empty()
            || [&account.typed, &account.name].iter().any(|text| text.to_lowercase().contains(&wanted))
            || account.email.as_ref().is_some_and(|email| email.to_lowercase().contains(&wanted))
    });
    accounts.truncate(limit);
    output::emit(global.json, &accounts, || {
        if accounts.is_empty() {
            return "No user of the target is known. Import its users' file: rightful users import FILE".to_owned();
        }
        output::table(
            ["user", "name", "e-mail", "team", "status", "licence", "source person"],
            accounts.iter().map(|account| {
                let [team, status, licence] = TOLD.map(|(field, _)| known(account, field));
                let person = account.person.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
                let id = account.owner.clone().unwrap_or_else(|| "(not mapped)".to_owned());
                [id, account.name.clone(), account.email.clone().unwrap_or_default(), team, status, licence, person]
            }),
        )
    })?;
    Ok(Exit::Done)
}

/// What is known of one field of an account, how, and since when.
fn known(account: &AccountLine, field: &str) -> String {
    let Some(fact) = account.facts.iter().find(|fact| fact.field == *field) else { return "not known".to_owned() };
    let value = match &fact.value {
        rightful_core::Value::Null => "none".to_owned(),
        rightful_core::Value::Bool(true) => "yes".to_owned(),
        rightful_core::Value::Bool(false) => "no".to_owned(),
        value => value.to_string(),
    };
    format!("{value} ({} {})", fact.how.as_str(), fact.at.format("%Y-%m-%d"))
}

fn people_told(page: &PeoplePage) -> String {
    if !page.read {
        return "No user of the source is known. The first read brings them: rightful plan".to_owned();
    }
    if page.people.is_empty() {
        return "Nobody fits.".to_owned();
    }
    let mut text =
        output::table(["person", "name", "e-mail", "active", "standing", "user", "because"], page.people.iter().map(person_line));
    if page.more {
        text.push_str(&format!("... {} in all: --limit\n", output::number(page.total)));
    }
    text
}

fn person_line(person: &PersonStanding) -> [String; 7] {
    let user = person.account.as_ref().map(|account| {
        let told: Vec<String> = TOLD
            .iter()
            .filter(|(field, _)| account.facts.iter().any(|fact| fact.field == *field))
            .map(|(field, label)| format!("{label} {}", known(account, field)))
            .collect();
        let named = if account.name == account.typed { account.typed.clone() } else { format!("{} {}", account.name, account.typed) };
        if told.is_empty() { named } else { format!("{named}: {}", told.join(", ")) }
    });
    let suggested = || person.suggestions.iter().map(|account| format!("perhaps {}", account.typed)).collect::<Vec<_>>().join(", ");
    let because = person.link.as_ref().map_or_else(String::new, |link| {
        let compared = link.by_value.as_ref().map_or_else(String::new, |value| format!(" {value}"));
        format!("{}{compared}, by {}", link.evidence.as_str(), link.by.author)
    });
    [
        person.person.to_string(),
        person.name.clone(),
        person.email.clone().unwrap_or_default(),
        if person.active { "yes" } else { "no" }.to_owned(),
        standing(person),
        user.unwrap_or_else(suggested),
        because,
    ]
}

/// How a person stands, in words.
fn standing(person: &PersonStanding) -> String {
    let word = match (person.standing.as_str(), person.picked) {
        ("linked" | "found", _) => "has an account",
        ("account", _) => "gets an account at the next run",
        ("skipped", _) => "skipped",
        (_, Some(Picked::Create)) => "picked, waits",
        _ => "has no account",
    };
    match (&person.reason, &person.until) {
        // That somebody has to be mapped is what having no account means.
        (Some(reason), _) if reason == "unmapped-owner" => word.to_owned(),
        (Some(reason), Some(until)) => format!("{word}; {reason}: until {until}"),
        _ => word.to_owned(),
    }
}

async fn import(global: &Global, desk: &Desk<'_>, file: &Path, dry_run: bool, by: &MaybeAuthored) -> Ended {
    let text = codes::read_table(file)?;
    let verdicts = desk.verdicts(&text)?;
    let rows: Vec<Json> = verdicts
        .iter()
        .map(|verdict| match &verdict.row {
            Ok(row) => json!({ "line": verdict.line, "good": true, "user": row.email, "id": row.id, "remarks": verdict.remarks }),
            Err(why) => json!({ "line": verdict.line, "good": false, "remarks": [why] }),
        })
        .collect();
    let bad = verdicts.iter().filter(|verdict| verdict.row.is_err()).count() as u64;
    let good = verdicts.len() as u64 - bad;
    if !global.json {
        let lines = verdicts.iter().map(|verdict| {
            let (user, word, remarks) = match &verdict.row {
                Ok(row) => (row.email.clone(), "good", verdict.remarks.join("; ")),
                Err(why) => (String::new(), "BAD", why.clone()),
            };
            [verdict.line.to_string(), user, word.to_owned(), remarks]
        });
        output::data(&output::table(["line", "user", "verdict", "remark"], lines))?;
    }
    let counts = format!("{}, {}", output::counted(good, "good row"), output::counted(bad, "bad one"));
    if dry_run {
        output::emit(global.json, &json!({ "saved": false, "rows": rows }), || {
            format!("\n{counts}. Nothing was saved: this was a dry run.")
        })?;
        return Ok(Exit::Done);
    }
    let by = signed(by, "imported")?;
    let changed = desk.import(&verdicts, &by).await?;
    let text = format!("\n{counts}; {} differ from what was known.", output::counted(changed, "user"));
    let view = json!({ "saved": true, "changed": changed, "rows": rows });
    let exit = if changed == 0 {
        output::emit(global.json, &view, || text)?;
        Exit::Done
    } else {
        released(global, desk, &by.author, view, &text).await?
    };
    // A bad row stops only itself, and is not passed over in silence.
    Ok(if bad > 0 && exit == Exit::Done { Exit::Partial } else { exit })
}
