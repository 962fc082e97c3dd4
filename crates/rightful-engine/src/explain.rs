//! Why a record belongs to its users: what the ledger says was written, and what the present table would say.

use std::collections::BTreeMap;

use rightful_core::RecordId;
use serde::{Deserialize, Serialize};

use crate::{Entry, EntryState, Verdict};

/// An owner as people know them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerLine {
    /// The key.
    pub owner: String,
    /// The name.
    pub name: String,
    /// May own records today; `None` where the target's people do not hold this owner.
    pub active: Option<bool>,
}

/// The source record behind a target record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceLine {
    /// Its id.
    pub id: RecordId,
    /// Its name.
    pub name: String,
    /// Is it in use?
    pub active: bool,
    /// Its code as people see it.
    pub code_label: Option<String>,
}

/// What the present table says about a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    /// `already-so`, `would-change`, `left`, `held`, `unseen`, `not-planned`, `several-owners`.
    pub verdict: String,
    /// Whom it would belong to, where it would change.
    pub would_be: Vec<OwnerLine>,
    /// The table's version; `None` where owners lead on through links.
    pub table_version: Option<i64>,
}

impl Present {
    /// The word for a verdict.
    pub fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::NotPlanned => "not-planned",
            Verdict::Unseen => "unseen",
            Verdict::Left => "left",
            Verdict::Held => "held",
            Verdict::TooMany => "several-owners",
            Verdict::AlreadySo => "already-so",
            Verdict::Change { .. } => "would-change",
        }
    }
}

/// Why a record belongs to its users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The integration.
    pub integration: String,
    /// The record's pairing key.
    pub key: String,
    /// The record's id in the target.
    pub target: RecordId,
    /// Its name.
    pub name: String,
    /// Who owns it now, as last read; `None` where the target does not show it or the record is gone.
    pub owners: Option<Vec<OwnerLine>>,
    /// What we wrote to it, newest first.
    pub entries: Vec<Entry>,
    /// Names of the owners that `entries` speak of, by key.
    pub names: BTreeMap<String, String>,
    /// Do its owners stand as our last write left them? `None` where we never wrote it.
    pub as_written: Option<bool>,
    /// The source record it is paired with.
    pub source: Option<SourceLine>,
    /// What the present table says.
    pub present: Option<Present>,
}

impl Explanation {
    /// The entry that its owners go back to.
    pub fn deciding(&self) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.state == EntryState::Done)
    }

    fn named(&self, owners: &[String]) -> String {
        if owners.is_empty() {
            return "nobody".to_owned();
        }
        owners.iter().map(|owner| self.names.get(owner).unwrap_or(owner).as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The explanation in sentences.
    pub fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        let owners = match &self.owners {
            Some(owners) => names(owners),
            None => "somebody the target does not show".to_owned(),
        };
        told.push(format!("{} ({}) belongs to {owners}.", self.name, self.key));
        match (self.deciding(), self.as_written) {
            (Some(entry), Some(true)) => told.push(format!(
                "{} wrote that on {}.",
                entry.run,
                entry.settled_at.unwrap_or(entry.intended_at).format("%Y-%m-%d %H:%M UTC")
            )),
            (Some(entry), _) => {
                told.push(format!("{} gave it to {}; somebody changed that in the target since.", entry.run, self.named(&entry.after)));
            }
            (None, _) => told.push("Rightful never wrote its owners.".to_owned()),
        }
        if let Some(entry) = self.deciding() {
            let why = &entry.why;
            if let Some(run) = why.undoes {
                told.push(format!("It was written to undo {run}."));
            } else if let Some(label) = &why.code_label {
                let version = why.table_version.map_or_else(String::new, |version| format!(", code table version {version}"));
                let did = if why.table_version.is_some() { "saved" } else { "linked" };
                let by = why.author.as_ref().map_or_else(String::new, |author| format!(", {did} by {author}"));
                let reason =
                    why.reason.as_ref().filter(|reason| !reason.is_empty()).map_or_else(String::new, |reason| format!(": {reason}"));
                told.push(format!("The reason was {label}{version}{by}{reason}."));
            }
            told.extend(why.notes.iter().map(|note| format!("{note}.")));
            told.push(format!("Before that it belonged to {}.", self.named(&entry.before)));
        }
        let by_links = self.present.as_ref().is_some_and(|present| present.table_version.is_none());
        let code = if by_links { "owner" } else { "code" };
        if let Some(source) = &self.source {
            let carries = match &source.code_label {
                Some(code) => format!("carries {code}"),
                None if by_links => "belongs to nobody".to_owned(),
                None => "carries no code".to_owned(),
            };
            told.push(format!("Its source record {} ({}) {carries}.", source.name, source.id));
        }
        if let Some(present) = &self.present {
            let says = match present.verdict.as_str() {
                "already-so" => "agrees".to_owned(),
                "would-change" => format!("would give it to {}", names(&present.would_be)),
                "not-planned" => "leaves it, because the source record is not in use".to_owned(),
                "held" => format!("waits for somebody to map its {code}"),
                "left" => format!("leaves it, because its {code} leads to nobody"),
                "several-owners" => format!("leaves it, because its {code} leads to several users where one is allowed"),
                _ => format!("cannot tell, because its owners or its {code} are not shown"),
            };
            told.push(match present.table_version {
                Some(version) => format!("The present code table (version {version}) {says}."),
                None => format!("Who is linked to whom at present {says}."),
            });
        }
        told
    }
}

fn names(owners: &[OwnerLine]) -> String {
    if owners.is_empty() {
        return "nobody".to_owned();
    }
    owners
        .iter()
        .map(|owner| if owner.active == Some(false) { format!("{} (deactivated)", owner.name) } else { owner.name.clone() })
        .collect::<Vec<_>>()
        .join(", ")
}
