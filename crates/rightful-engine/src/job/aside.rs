//! What a plan tells once with a count, not once per record.

use rightful_core::nearest;

use super::counted;
use crate::{NewCase, Policy};

/// Things that are told once with a count, not once per record.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    pub without_owner: Few,
    /// Nobody has the role, and something that is no person has another one.
    pub in_queue: Few,
    pub unseen: Few,
    pub source_without_key: Few,
    pub target_without_key: Few,
    pub newcomers: u64,
    pub matched: u64,
}

impl Aside {
    /// What these come to, one case each.
    pub fn cases(&self, policy: &Policy) -> Vec<NewCase> {
        let label = &policy.code.label;
        let without = match policy.owner_role() {
            Some(_) => "record that belongs to nobody in the source".to_owned(),
            None => format!("record without a {label}"),
        };
        let cases = [
            self.without_owner.case("no-owner", label, &without, "give it one in the source, or set `no_owner`"),
            self.in_queue.case(
                "no-owner",
                "queue",
                "record that belongs to a queue in the source, which is nobody",
                "give it to a person in the source, or set `no_owner`",
            ),
            self.unseen.case(
                "owner-unseen",
                policy.target.kind.as_str(),
                "record that does not show its owners",
                "give the connections' users the right to see owners, and the code field where one says who they are",
            ),
            self.source_without_key.case(
                "no-key",
                "source",
                &format!("source record without a {}", policy.source.key),
                "give it its key: without one it cannot be paired",
            ),
            self.target_without_key.case(
                "no-key",
                "target",
                &format!("target record without a {}", policy.target.key),
                "give it its key: without one it cannot be paired",
            ),
        ];
        cases.into_iter().flatten().collect()
    }

    /// The same in sentences; `codes` are those that the source carries.
    pub fn notes<'a>(&self, policy: &Policy, only: Option<&str>, codes: impl Iterator<Item = &'a str>) -> Vec<String> {
        let mut notes = Vec::new();
        if self.newcomers > 0 {
            notes.push(format!(
                "{} with an owner first seen too lately to be called wrong: left in place",
                counted(self.newcomers, "record")
            ));
        }
        if let Some(only) = only
            && self.matched == 0
        {
            let (what, list) = match policy.owner_role() {
                Some(_) => ("owner", "rightful link list"),
                None => ("code", "rightful codes list"),
            };
            let near = nearest(only, codes).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            notes.push(format!(
                "no paired record has the {what} or key `{only}` (case and leading zeros count); {near}see which {what}s there are: {list}"
            ));
        }
        notes
    }
}

/// A count and the first few names.
#[derive(Debug, Default)]
pub(crate) struct Few {
    count: u64,
    names: Vec<String>,
}

impl Few {
    pub fn add(&mut self, name: &str) {
        self.count += 1;
        if self.names.len() < 5 {
            self.names.push(name.to_owned());
        }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The first few names, and whether there are more.
    pub fn names(&self) -> String {
        let more = if self.count > self.names.len() as u64 { " and others" } else { "" };
        format!("{}{more}", self.names.join(", "))
    }

    fn case(&self, reason: &str, subject: &str, what: &str, mend: &str) -> Option<NewCase> {
        (self.count > 0).then(|| NewCase {
            reason: reason.to_owned(),
            subject: subject.to_owned(),
            message: format!("{} of this sort: {what}, left as it is ({})", counted(self.count, "record"), self.names()),
            mend: mend.to_owned(),
        })
    }
}
