//! What a plan of activities tells once with a count, not once per record: what waits, is let go, or is nobody's.

use std::collections::BTreeMap;

use rightful_core::Kind;

use super::aside::Few;
use crate::{Accounts, NewCase, PeopleMode};

/// Told once for each reason, and for what waits for each person too.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// By reason and person: how much, and what for.
    people: BTreeMap<(String, String), (u64, String)>,
    /// By reason: how much and the first one's name.
    let_go: BTreeMap<String, (u64, String)>,
    /// By reason.
    nobody: BTreeMap<&'static str, Few>,
    unseen: u64,
    /// Source kinds that no workflow looks at any more, with how much is credited of them.
    left_behind: Vec<(Kind, u64)>,
}

impl Waiting {
    /// So many records wait for this person; none: an account alone does.
    pub fn wait(&mut self, reason: &str, person: &str, until: &str, records: u64) {
        self.people.entry((reason.to_owned(), person.to_owned())).or_insert_with(|| (0, until.to_owned())).0 += records;
    }

    /// A record's wanted state is let go.
    pub fn let_go(&mut self, reason: &str, name: &str) {
        self.let_go.entry(reason.to_owned()).or_insert_with(|| (0, name.to_owned())).0 += 1;
    }

    /// A record is nobody's.
    pub fn nobody(&mut self, reason: &'static str, name: &str) {
        self.nobody.entry(reason).or_default().add(name);
    }

    /// A record does not show its owner.
    pub fn unseen(&mut self) {
        self.unseen += 1;
    }

    /// So much is credited of a kind that no workflow looks at.
    pub fn left_behind(&mut self, kind: Kind, credits: u64) {
        self.left_behind.push((kind, credits));
    }

    /// What all of it comes to.
    pub fn cases(&self, integration: &str, people: PeopleMode, accounts: &Accounts<'_>) -> Vec<NewCase> {
        let mut cases = Vec::new();
        for ((reason, person), (records, until)) in &self.people {
            let message = match records {
                0 => format!("an account waits until {until}"),
                1 => format!("1 activity waits until {until}"),
                _ => format!("{records} activities wait until {until}"),
            };
            cases.push(NewCase {
                reason: reason.clone(),
                subject: person.clone(),
                message,
                mend: mend(reason, person, integration, people, accounts),
            });
        }
        for (reason, (records, first)) in &self.let_go {
            cases.push(NewCase {
                reason: "let-go".to_owned(),
                subject: reason.clone(),
                message: format!("activities were let go, not sent: {records} ({reason}); the first was {first}"),
                mend: "nothing is sent of them until they change again; `replay = true` and a longer `hold_days` keep them".to_owned(),
            });
        }
        let mut about_all = |reason: &str, message: String, mend: String| {
            cases.push(NewCase { reason: reason.to_owned(), subject: "activities".to_owned(), message, mend });
        };
        for (reason, few) in &self.nobody {
            let (what, mend) = match *reason {
                "no-owner" => ("belong to a queue or to no one, and are nobody's", "give them an owner in the source, or set `no_owner`"),
                "skipped" => ("belong to people who were picked to be skipped", "unpick them: rightful users skip --undo"),
                _ => ("belong to people who lead to nobody, and `no_match` leaves them", "map them: rightful users map"),
            };
            about_all(reason, format!("{} {what} ({})", few.count(), few.names()), mend.to_owned());
        }
        if self.unseen > 0 {
            let mend = "give the source connection's user the right to see owners".to_owned();
            about_all("owner-unseen", format!("{} do not show their owner", self.unseen), mend);
        }
        for (kind, credits) in &self.left_behind {
            cases.push(NewCase {
                reason: "left-behind".to_owned(),
                subject: kind.to_string(),
                message: format!(
                    "{credits} of kind {kind} are credited, and no workflow looks at that kind any more: they stay as they are"
                ),
                mend: "give the kind a workflow again, switched off or without a trigger, or remove them in the target by hand".to_owned(),
            });
        }
        cases
    }
}

fn mend(reason: &str, person: &str, integration: &str, people: PeopleMode, accounts: &Accounts<'_>) -> String {
    match reason {
        "unmapped-owner" => match people {
            PeopleMode::Manual => format!("map the person: rightful users map {person} USER -i {integration}"),
            _ => format!("pick the person: rightful users create {person}, or map: rightful users map {person} USER -i {integration}"),
        },
        "email-shared" | "email-taken" | "disputed-owner" => format!("say who it is: rightful users map {person} USER -i {integration}"),
        "no-email" | "incomplete-user" | "source-inactive" | "unknown-owner" => {
            "mend the user in the source, or map the person: rightful users map".to_owned()
        }
        "no-owner" => "give the records an owner in the source, or set `no_owner`".to_owned(),
        "unknown-fallback" => "correct the fall-back in the configuration".to_owned(),
        "no-licence" => "add licences in the target, or free some; then correct `licences` or import the users' file".to_owned(),
        other => accounts.mend(other).unwrap_or("open it in the target, then import the users' file").to_owned(),
    }
}
