//! People of an integration that credits activities: what pages and API say of them in words, and what picks would do before they are saved.

use axum::http::StatusCode;
use rightful_core::{RecordId, Result, Value};
use rightful_engine::{AccountLine, Accounts, Authorship, Crew, Fact, How, Linked, PeopleMode, PersonStanding, Pick, Picked, Ports};

use crate::problem::Problem;
use crate::told::without_commands;
use crate::{Console, Deployed};

/// An integration that credits activities, with what its views stand on.
#[derive(Debug)]
pub struct Credited {
    /// The integration as configured.
    pub deployed: Deployed,
    /// What views stand on.
    pub ports: Ports,
    /// Its people, as it is switched now.
    pub crew: Crew,
}

impl Credited {
    /// The integration of that name.
    ///
    /// # Errors
    /// Invalid where it credits no activities.
    pub async fn of(console: &Console, name: &str) -> std::result::Result<Self, Problem> {
        let deployed = console.deployed(name)?;
        if deployed.integration.policy.activity.is_none() {
            return Err(
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("`{name}` credits no activities")).hint("choose one that does")
            );
        }
        let ports = console.deployment.ports(name)?;
        let crew = Crew::of(&ports, &deployed.integration).await?;
        Ok(Self { deployed, ports, crew })
    }

    /// How people get accounts, as it is switched now.
    pub fn mode(&self) -> PeopleMode {
        self.crew.integration().policy.activity.as_ref().map(|activity| activity.people).unwrap_or_default()
    }
}

/// How people get accounts, in words.
pub fn mode_told(mode: PeopleMode) -> &'static str {
    match mode {
        PeopleMode::Manual => "by hand: somebody maps each person to an account that is there",
        PeopleMode::OnDemand => "on demand: somebody picks whom to give one",
        PeopleMode::Automatic => "automatically: owners of records that satisfy an active workflow get one",
        PeopleMode::All => "for everyone who may own records",
    }
}

/// Why somebody or something waits, in words.
pub fn reason_told(reason: &str) -> &str {
    match reason {
        "unmapped-owner" => "has no account",
        "email-shared" => "two users have this e-mail address",
        "email-taken" => "the e-mail address is somebody else's",
        "disputed-owner" => "several accounts fit",
        "no-email" => "no e-mail address",
        "incomplete-user" => "something is missing in the source",
        "source-inactive" => "not active in the source",
        "unknown-owner" => "not among the source's users",
        "no-licence" => "no licence",
        "no-team" => "on no team",
        "inactive" => "the account is not active",
        "no-owner" => "belongs to nobody",
        "no-match" => "nobody is known for it",
        other => other,
    }
}

/// How a person stands: a word and its tone.
pub fn standing_told(line: &PersonStanding) -> (String, &'static str) {
    match (line.standing.as_str(), &line.reason) {
        ("linked" | "found", Some(reason)) => (reason_told(reason).to_owned(), "warn"),
        ("linked", None) => ("linked".to_owned(), "good"),
        ("found", None) => ("account found".to_owned(), "good"),
        ("account", _) => ("gets an account".to_owned(), "live"),
        ("skipped", _) => ("skipped".to_owned(), "quiet"),
        (_, Some(reason)) => (reason_told(reason).to_owned(), if reason == "unmapped-owner" { "quiet" } else { "warn" }),
        (other, None) => (other.to_owned(), "quiet"),
    }
}

/// What an account is called, with its e-mail address.
pub fn account_told(account: &AccountLine) -> String {
    match &account.email {
        Some(email) if *email != account.name => format!("{} ({email})", account.name),
        _ => account.name.clone(),
    }
}

/// What the next run does for somebody who stands so.
pub fn happens(line: &PersonStanding) -> String {
    let same_email =
        |account: &AccountLine| format!("links the existing account {} because the e-mail address is the same", account_told(account));
    match line.standing.as_str() {
        "linked" => format!("stays linked to {}", line.account.as_ref().map(account_told).unwrap_or_default()),
        "found" => match &line.account {
            Some(account) if account.email.is_some() && account.email == line.email => same_email(account),
            Some(account) => format!("links the existing account {} because the id is the same", account_told(account)),
            None => "links the existing account".to_owned(),
        },
        "account" => match line.suggestions.first() {
            Some(account) => same_email(account),
            None => "creates an account".to_owned(),
        },
        "skipped" => "makes nothing for them".to_owned(),
        _ => {
            let why = line.reason.as_deref().map(reason_told).unwrap_or("something is missing");
            match &line.until {
                Some(until) => format!("waits: {why}; until {}", without_commands(until)),
                None => format!("waits: {why}"),
            }
        }
    }
}

/// The field of an account, for people.
pub fn field_told(field: &str) -> &str {
    match field {
        "team.key" => "Team",
        "status" => "Status",
        "licence" => "Licence",
        "email" => "E-mail",
        "firstname" => "First name",
        "lastname" => "Last name",
        other => other,
    }
}

/// What is known of a field.
pub fn value_told(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

/// How it is known.
pub fn how_told(fact: &Fact) -> String {
    match fact.how {
        How::Sent => "we sent it".to_owned(),
        How::Imported => format!("from a file that {} imported", fact.by),
        How::Stated => format!("stated by {}", fact.by),
    }
}

/// What shall become of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// An account, or the one with the same e-mail address.
    Create,
    /// Nothing is made for them.
    Skip,
    /// What was picked is taken back.
    Clear,
    /// This account is theirs.
    Map(String),
}

/// A choice with the state of the person that whoever chose had before their eyes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The person: an id, a key or an e-mail address.
    pub person: String,
    /// What shall become of them.
    pub choice: Choice,
    /// [`Reviewed::seen`] as it was; `None`: whatever it is.
    pub seen: Option<String>,
}

/// A choice, and what would come of it.
#[derive(Clone, Debug)]
pub struct Reviewed {
    /// What was chosen.
    pub wanted: Wanted,
    /// The person, as they would stand; `None` where nobody answers to what was typed.
    pub line: Option<PersonStanding>,
    /// The account that they are mapped to.
    pub account: Option<AccountLine>,
    /// What will happen, in words.
    pub happens: String,
    /// Why it cannot be saved.
    pub refused: Option<String>,
    /// How the person stands now, for comparing.
    pub seen: String,
    /// How they stand now, where that is not what whoever chose saw.
    pub moved: Option<String>,
}

/// How a person stands, as one text that moves whenever something of it does.
fn seen(line: &PersonStanding) -> String {
    let picked = match line.picked {
        Some(Picked::Create) => "create",
        Some(Picked::Skip) => "skip",
        None => "",
    };
    format!("{} {} {picked}", line.standing, line.link.as_ref().map_or("", |link| link.owner.as_str()))
}

/// What choices would do. Nothing is saved.
///
/// # Errors
/// As the store.
pub async fn review(credited: &Credited, wanted: Vec<Wanted>) -> Result<Vec<Reviewed>> {
    let Credited { crew, ports, .. } = credited;
    let accounts = crew.accounts(ports).await?;
    let found: Vec<std::result::Result<RecordId, String>> = wanted
        .iter()
        .map(|one| crew.person(&accounts, &one.person).map(|person| person.id.clone()).map_err(|error| super::told(&error)))
        .collect();
    let pick = |(one, person): (&Wanted, &std::result::Result<RecordId, String>)| {
        let person = person.as_ref().ok()?.clone();
        Some((
            person,
            match one.choice {
                Choice::Create => Some(Picked::Create),
                Choice::Skip => Some(Picked::Skip),
                Choice::Clear | Choice::Map(_) => None,
            },
        ))
    };
    let picks: Vec<(RecordId, Option<Picked>)> = wanted.iter().zip(&found).filter_map(pick).collect();
    let foreseen = crew.foreseen(ports, &picks).await?;
    let mut reviewed = Vec::new();
    let mut named = std::collections::BTreeSet::new();
    for (wanted, person) in wanted.into_iter().zip(found) {
        let person = match person {
            Ok(person) => person,
            Err(refused) => {
                let line = Reviewed {
                    line: None,
                    account: None,
                    happens: String::new(),
                    refused: Some(refused),
                    seen: String::new(),
                    moved: None,
                    wanted,
                };
                reviewed.push(line);
                continue;
            }
        };
        let Some(now) = crew.standing(&accounts, &person) else { continue };
        let line = foreseen.iter().find(|line| line.person == person).cloned();
        let present = seen(&now);
        let moved = wanted.seen.as_ref().filter(|before| **before != present).map(|_| standing_now(&now));
        let mut one = Reviewed {
            happens: line.as_ref().map(happens).unwrap_or_default(),
            line,
            account: None,
            refused: None,
            seen: present,
            moved,
            wanted,
        };
        judge(credited, &accounts, &now, &mut one);
        if !named.insert(person) {
            one.refused = Some("they are listed twice".to_owned());
        }
        reviewed.push(one);
    }
    Ok(reviewed)
}

fn standing_now(line: &PersonStanding) -> String {
    let picked = match line.picked {
        Some(Picked::Create) => ", picked for an account",
        Some(Picked::Skip) => ", picked to be skipped",
        None => "",
    };
    match (&line.link, &line.account) {
        (Some(link), Some(account)) => format!("linked to {} by {}", account_told(account), link.by.author),
        _ => format!("{}{picked}", standing_told(line).0),
    }
}

/// Says what a choice comes to where the foreseen standing alone does not, and why it cannot be saved.
fn judge(credited: &Credited, accounts: &Accounts<'_>, now: &PersonStanding, one: &mut Reviewed) {
    match &one.wanted.choice {
        Choice::Create if credited.mode() == PeopleMode::Manual => {
            one.refused = Some("people of this integration are mapped by hand: choose an account for them".to_owned());
        }
        Choice::Create | Choice::Skip if now.standing == "linked" => {
            let account = now.account.as_ref().map(account_told).unwrap_or_default();
            one.refused = Some(format!("they are linked to {account} already; leave them out, or remove the link first"));
        }
        Choice::Create | Choice::Skip => {}
        Choice::Clear if now.picked.is_none() => one.happens = "changes nothing: nothing was picked for them".to_owned(),
        Choice::Clear => one.happens = format!("the pick is taken back; {}", one.happens),
        Choice::Map(typed) if typed.trim().is_empty() => {
            one.happens = "an account has to be chosen".to_owned();
            one.refused = Some("choose the account that is theirs".to_owned());
        }
        Choice::Map(typed) => match credited.crew.account(accounts, typed) {
            Err(error) => one.refused = Some(super::told(&error)),
            Ok(known) => {
                let line = credited.crew.account_line(accounts, known);
                one.happens = format!("links them to {} at once", account_told(&line));
                if let Some(taken) = line.person.as_ref().filter(|taken| **taken != now.person) {
                    one.refused = Some(format!("{} is linked to {} already", account_told(&line), accounts.named(taken)));
                } else if let Some(link) = now.link.as_ref().filter(|link| line.owner.as_deref() != Some(link.owner.as_str())) {
                    one.refused = Some(format!("they are linked to {} already, by {}; remove that link first", link.owner, link.by.author));
                }
                one.account = Some(line);
            }
        },
    }
}

/// What was saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Picked for an account.
    pub created: u64,
    /// Picked to be skipped.
    pub skipped: u64,
    /// Picks taken back.
    pub cleared: u64,
    /// Linked.
    pub mapped: u64,
}

/// Saves what was reviewed, unless something of it cannot be, or moved since it was looked at: then nothing is.
///
/// # Errors
/// As the store; a conflict where a link was made in the same moment, and what was saved before it.
pub async fn save(credited: &Credited, reviewed: &[Reviewed], by: &Authorship) -> std::result::Result<Saved, Problem> {
    let Credited { crew, ports, .. } = credited;
    let accounts = crew.accounts(ports).await?;
    let mut saved = Saved::default();
    let of = |one: &Reviewed| one.line.as_ref().map(|line| line.person.clone());
    let pick = |one: &Reviewed| {
        let choice = match one.wanted.choice {
            Choice::Create => Picked::Create,
            Choice::Skip => Picked::Skip,
            Choice::Clear | Choice::Map(_) => return None,
        };
        Some(Pick { person: of(one)?, choice, by: by.clone() })
    };
    let mut picks: Vec<Pick> = reviewed.iter().filter_map(pick).collect();
    // One line of the audit log for each choice.
    picks.sort_by_key(|pick| pick.choice == Picked::Skip);
    if !picks.is_empty() {
        crew.save(ports, &accounts, &picks).await?;
        saved.skipped = picks.iter().filter(|pick| pick.choice == Picked::Skip).count() as u64;
        saved.created = picks.len() as u64 - saved.skipped;
    }
    let cleared: Vec<RecordId> = reviewed.iter().filter(|one| one.wanted.choice == Choice::Clear).filter_map(of).collect();
    if !cleared.is_empty() {
        saved.cleared = ports.store.unpick(&credited.deployed.integration.name, &cleared, by).await?;
    }
    for one in reviewed {
        if let (Choice::Map(typed), Some(person)) = (&one.wanted.choice, of(one)) {
            match crew.map(ports, person.as_str(), typed, false, by).await {
                Ok(Linked::Made) => saved.mapped += 1,
                Ok(_) => {}
                Err(error) => {
                    let problem = Problem::from(error);
                    return Err(problem.detail(format!("Saved before that: {}.", saved.told())));
                }
            }
        }
    }
    Ok(saved)
}

impl Saved {
    /// In words.
    pub fn told(self) -> String {
        let mut parts = Vec::new();
        for (count, one, many) in [
            (self.created, "person gets an account", "people get an account"),
            (self.skipped, "person is skipped", "people are skipped"),
            (self.cleared, "pick was taken back", "picks were taken back"),
            (self.mapped, "person was linked", "people were linked"),
        ] {
            if count > 0 {
                parts.push(format!("{} {}", crate::told::number(count), if count == 1 { one } else { many }));
            }
        }
        if parts.is_empty() { "nothing differs".to_owned() } else { parts.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(standing: &str, reason: Option<&str>, until: Option<&str>) -> PersonStanding {
        PersonStanding {
            person: "u1".into(),
            name: "Ann".into(),
            email: Some("ann@example.com".into()),
            active: true,
            standing: standing.into(),
            account: None,
            link: None,
            picked: None,
            reason: reason.map(str::to_owned),
            until: until.map(str::to_owned),
            suggestions: Vec::new(),
        }
    }

    fn account(name: &str, email: &str) -> AccountLine {
        AccountLine {
            owner: Some("u1".into()),
            typed: "u1".into(),
            name: name.into(),
            email: Some(email.into()),
            facts: Vec::new(),
            person: None,
        }
    }

    #[test]
    fn what_a_pick_does_is_told_before_it_is_saved() {
        let mut suggested = line("account", None, None);
        suggested.suggestions.push(account("Ann Own", "ann@example.com"));
        let mut found = line("found", None, None);
        found.account = Some(account("Ann Own", "other@example.com"));
        for (line, told) in [
            (line("account", None, None), "creates an account"),
            (suggested, "links the existing account Ann Own (ann@example.com) because the e-mail address is the same"),
            (found, "links the existing account Ann Own (other@example.com) because the id is the same"),
            (line("skipped", None, None), "makes nothing for them"),
            (
                line("waits", Some("email-shared"), Some("one source user alone has it")),
                "waits: two users have this e-mail address; until one source user alone has it",
            ),
            (line("waits", Some("no-licence"), None), "waits: no licence"),
        ] {
            assert_eq!(happens(&line), told);
        }
    }

    #[test]
    fn what_was_seen_moves_with_every_pick_and_standing() {
        let (plain, mut picked) = (line("waits", None, None), line("waits", None, None));
        picked.picked = Some(Picked::Skip);
        assert_ne!(seen(&plain), seen(&picked));
        assert_ne!(seen(&plain), seen(&line("found", None, None)));
    }

    #[test]
    fn what_was_saved_is_counted_in_words() {
        assert_eq!(Saved::default().told(), "nothing differs");
        let saved = Saved { created: 1, skipped: 2, ..Saved::default() };
        assert_eq!(saved.told(), "1 person gets an account, 2 people are skipped");
    }
}
