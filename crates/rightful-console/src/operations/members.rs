//! Members: what they may be called, what they may do and where, and each change told with what it was before.

use std::collections::BTreeSet;

use rightful_core::{Result, Secret};
use rightful_engine::{Access, AccessRole, Act, Kept, Member, MemberEdit, MemberId};
use serde_json::{Value as Json, json};

use super::{Wrong, difference, one_line};
use crate::Console;
use crate::access::link;

/// The longest name.
const LONGEST: usize = 80;

/// What was typed for a member.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    /// What they sign in with.
    pub name: String,
    /// What others call them; empty: as they sign in.
    pub display_name: String,
    /// The role's word.
    pub role: String,
    /// The integrations it holds for; `None`: all.
    pub scope: Option<BTreeSet<String>>,
    /// May sign in.
    pub active: bool,
}

impl Typed {
    /// As a member stands.
    pub fn of(member: &Member) -> Self {
        Self {
            name: member.name.clone(),
            display_name: member.display_name.clone(),
            role: member.access.role.as_str().to_owned(),
            scope: member.access.scope.clone(),
            active: member.active,
        }
    }

    /// As what a member shall be; or everything that is wrong with it. `known` are the integrations that a scope may name.
    pub fn judged(&self, known: &BTreeSet<String>) -> std::result::Result<MemberEdit, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let name = sign_in_name(&self.name).map_err(|told| wrong.push(Wrong::of("name", told)));
        let display = if self.display_name.trim().is_empty() { &self.name } else { &self.display_name };
        let display_name = one_line(display, LONGEST).map_err(|told| wrong.push(Wrong::of("display_name", told)));
        let access = access(&self.role, self.scope.as_ref(), known).map_err(|mut told| wrong.append(&mut told));
        match (name, display_name, access) {
            (Ok(name), Ok(display_name), Ok(access)) => Ok(MemberEdit { name, display_name, access, active: self.active }),
            _ => Err(wrong),
        }
    }
}

/// A name to sign in with. Names under which the audit log writes programs are not given to people.
///
/// # Errors
/// Why it cannot be one.
pub fn sign_in_name(text: &str) -> std::result::Result<String, String> {
    let name = one_line(text, LONGEST)?;
    let folded = name.to_lowercase();
    if folded.starts_with("token ") || folded.starts_with("rightful") {
        return Err("names that begin so stand for programs in the audit log; take another".to_owned());
    }
    Ok(name)
}

/// A role and where it holds, from words.
///
/// # Errors
/// Everything that is wrong with them.
pub fn access(role: &str, scope: Option<&BTreeSet<String>>, known: &BTreeSet<String>) -> std::result::Result<Access, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let role = role.parse::<AccessRole>().map_err(|error| wrong.push(Wrong::error("role", &error)));
    if scope.is_some_and(BTreeSet::is_empty) {
        wrong.push(Wrong::of("scope", "choose at least one integration, or all of them"));
    }
    if let Some(unknown) = scope.into_iter().flatten().find(|name| !known.contains(*name)) {
        wrong.push(Wrong::of("scope", format!("there is no integration `{unknown}`")));
    }
    match role {
        Ok(role) if wrong.is_empty() => Ok(Access { role, scope: scope.cloned() }),
        _ => Err(wrong),
    }
}

/// The integrations that a scope may name: those there are, and those it names already.
pub fn known_integrations(console: &Console, named: Option<&BTreeSet<String>>) -> BTreeSet<String> {
    let deployed = console.deployment.integrations().into_iter().map(|deployed| deployed.integration.name);
    deployed.chain(named.into_iter().flatten().cloned()).collect()
}

/// Adds a member, who cannot sign in before using a one-time link.
///
/// # Errors
/// As the store.
pub async fn add(console: &Console, actor: &str, edit: &MemberEdit) -> Result<Kept<MemberId>> {
    let act = Act::new(console.now(), actor, "member.add", edit.name.clone()).detail(difference(&Json::Null, &plain(edit)));
    console.store.add_member(edit, None, false, &act).await
}

/// Changes a member who stood as `before` at that revision. Sessions begun before are over.
///
/// # Errors
/// As the store.
pub async fn change(console: &Console, actor: &str, before: &Member, revision: i64, edit: &MemberEdit) -> Result<Kept<()>> {
    let was = MemberEdit {
        name: before.name.clone(),
        display_name: before.display_name.clone(),
        access: before.access.clone(),
        active: before.active,
    };
    if was == *edit && before.revision == revision {
        return Ok(Kept::Done(()));
    }
    let act = Act::new(console.now(), actor, "member.change", before.name.clone()).detail(difference(&plain(&was), &plain(edit)));
    console.store.change_member(before.id, revision, edit, &act).await
}

/// A fresh one-time link by which a member sets a password; its path. An earlier one ends.
///
/// # Errors
/// As the store.
pub async fn new_link(console: &Console, actor: &str, member: MemberId, name: &str) -> Result<Secret> {
    link(console, Some(member), actor, name).await
}

/// What a member shall be, as plain data.
fn plain(edit: &MemberEdit) -> Json {
    json!({
        "name": edit.name, "display name": edit.display_name, "role": edit.access.role.as_str(),
        "integrations": scope_told(edit.access.scope.as_ref()), "may sign in": edit.active,
    })
}

/// A scope as the log tells it.
pub fn scope_told(scope: Option<&BTreeSet<String>>) -> Json {
    scope.map_or_else(|| json!("all"), |scope| json!(scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_for_a_member_is_judged_whole() {
        let known = BTreeSet::from(["north".to_owned()]);
        let typed = |name: &str, role: &str, scope: Option<&[&str]>| Typed {
            name: name.to_owned(),
            display_name: String::new(),
            role: role.to_owned(),
            scope: scope.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
            active: true,
        };
        let good = typed(" ann ", "viewer", Some(&["north"])).judged(&known).unwrap();
        assert_eq!((good.name.as_str(), good.display_name.as_str(), good.access.role), ("ann", "ann", AccessRole::Viewer));
        for (typed, expected) in [
            (typed("", "viewer", None), vec!["name", "display_name"]),
            (typed("ann", "viewr", Some(&[])), vec!["role", "scope"]),
            (typed("ann", "viewer", Some(&["south"])), vec!["scope"]),
            (typed("Token nightly", "viewer", None), vec!["name"]),
            (typed("rightful serve", "viewer", None), vec!["name"]),
        ] {
            let wrong = typed.judged(&known).unwrap_err();
            let fields: Vec<&str> = wrong.iter().filter_map(|wrong| wrong.field.as_deref()).collect();
            assert_eq!(fields, expected, "{typed:?}: {wrong:?}");
        }
    }
}
