//! Turns what a person typed for a code into an edit, or says which name nobody answers to and which one is near.

use rightful_core::{Error, ErrorKind, Result, nearest};

use crate::{CodeEdit, CodeRow, Found, PeopleIndex};

/// A user as typed, and who takes over when that user is deactivated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedUser {
    /// User name or e-mail.
    pub user: String,
    /// The successor's.
    pub successor: Option<String>,
}

/// What a person wants a code to lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// These users, one or more.
    Users(Vec<TypedUser>),
    /// Nobody yet: the code is known and not mapped.
    Blank,
    /// The code leaves the table.
    Remove,
}

/// The edit that gives a code exactly what was typed. Names that stand in its rows already are not judged again: who adds one user need not mend
/// the others. `people` are the target's users, where they were read.
///
/// # Errors
/// `Config` where the code is empty, nobody is named, or a new name does not lead to exactly one person who may own records.
pub fn typed_edit(code: &str, typed: &Typed, standing: &[CodeRow], people: Option<&PeopleIndex>) -> Result<CodeEdit> {
    let wrong = |message: String, mend: &str| Error::new(ErrorKind::Config, message).hint(mend);
    if code.trim().is_empty() {
        return Err(wrong("the code is empty".to_owned(), "name the code as the source spells it"));
    }
    let row = |user: Option<String>, successor: Option<String>| CodeRow { code: code.to_owned(), user, successor };
    let users = match typed {
        Typed::Remove => return Ok(CodeEdit { code: code.to_owned(), rows: Vec::new() }),
        Typed::Blank => return Ok(CodeEdit { code: code.to_owned(), rows: vec![row(None, None)] }),
        Typed::Users(users) => users,
    };
    let stands = |name: &str| {
        let of_code = standing.iter().filter(|row| row.code == code);
        of_code.flat_map(|row| [&row.user, &row.successor]).flatten().any(|known| known == name)
    };
    let mut rows = Vec::new();
    for typed in users {
        let name = |text: &str| Some(text.trim().to_owned()).filter(|name| !name.is_empty());
        let user = name(&typed.user);
        let successor = typed.successor.as_deref().and_then(name);
        if user.is_none() {
            return Err(wrong(format!("a user of `{code}` has no name"), "name users by user name or e-mail"));
        }
        if let Some(people) = people {
            for name in [&user, &successor].into_iter().flatten().filter(|name| !stands(name)) {
                judge_user(people, name)?;
            }
        }
        let row = row(user, successor);
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    if rows.is_empty() {
        return Err(wrong(
            format!("no user is named for `{code}`"),
            "name users, or say that it is not mapped yet, or take it out of the table",
        ));
    }
    Ok(CodeEdit { code: code.to_owned(), rows })
}

/// Does exactly one person who may own records answer to the name? A remark where it is worth one.
///
/// # Errors
/// `Config` where nobody, several or a sign-in for programs answers, with the nearest name.
pub fn judge_user(people: &PeopleIndex, typed: &str) -> Result<Option<String>> {
    let wrong = |message: String, mend: String| Err(Error::new(ErrorKind::Config, message).hint(mend));
    match people.find(typed) {
        Found::One(person) if person.service => {
            wrong(format!("`{typed}` is a sign-in for programs and never an owner"), "name a person".to_owned())
        }
        Found::One(person) if !person.active => Ok(Some("is deactivated: a case until somebody takes over".to_owned())),
        Found::One(_) => Ok(None),
        Found::Several(_) => wrong(format!("several users answer to `{typed}`"), "name the one by user name".to_owned()),
        Found::Nobody => {
            let names = people.people().iter().filter_map(|person| person.user_name.as_deref());
            let near = nearest(typed, names).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
            wrong(
                format!("no user answers to `{typed}`"),
                format!("{near}see who there is: rightful users; new users come with the next read: rightful plan"),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TargetPerson;

    fn people() -> PeopleIndex {
        let person = |owner: &str, user: &str, email: &str, active, service| TargetPerson {
            owner: owner.into(),
            name: user.into(),
            user_name: Some(user.into()),
            keys: Vec::new(),
            emails: vec![email.into()],
            active,
            service,
        };
        PeopleIndex::new([
            person("7", "nadia.o", "nadia@example.com", true, false),
            person("8", "tomas", "desk@example.com", true, false),
            person("9", "old.hand", "desk@example.com", false, false),
            person("10", "api", "api@example.com", true, true),
        ])
    }

    fn user(user: &str, successor: Option<&str>) -> TypedUser {
        TypedUser { user: user.into(), successor: successor.map(Into::into) }
    }

    #[test]
    fn what_is_typed_becomes_an_edit_or_is_told_with_the_nearest_name() {
        type Case<'a> = (&'a str, Typed, Result<&'a [&'a str], &'a str>);
        let cases: &[Case<'_>] = &[
            ("R05", Typed::Users(vec![user("nadia.o", None), user(" tomas ", None)]), Ok(&["nadia.o", "tomas"])),
            ("R05", Typed::Users(vec![user("nadia.o", None), user("nadia.o", None)]), Ok(&["nadia.o"])),
            ("R05", Typed::Users(vec![user("NADIA@example.com", None)]), Ok(&["NADIA@example.com"])),
            ("R05", Typed::Users(vec![user("old.hand", Some("tomas"))]), Ok(&["old.hand>tomas"])),
            ("R05", Typed::Users(vec![user("old.hand", Some(" "))]), Ok(&["old.hand"])),
            ("R05", Typed::Blank, Ok(&[""])),
            ("R05", Typed::Remove, Ok(&[])),
            ("R05", Typed::Users(vec![user("nadai.o", None)]), Err("no user answers to `nadai.o`; did you mean `nadia.o`?")),
            ("R05", Typed::Users(vec![user("tomas", Some("nobody"))]), Err("no user answers to `nobody`")),
            ("R05", Typed::Users(vec![user("desk@example.com", None)]), Err("several users answer")),
            ("R05", Typed::Users(vec![user("api", None)]), Err("a sign-in for programs")),
            ("R05", Typed::Users(vec![user(" ", None)]), Err("has no name")),
            ("R05", Typed::Users(Vec::new()), Err("no user is named for `R05`")),
            (" ", Typed::Blank, Err("the code is empty")),
        ];
        for (code, typed, expected) in cases {
            let spelled = typed_edit(code, typed, &[], Some(&people())).map(|edit| {
                let spell = |row: &CodeRow| {
                    let successor = row.successor.as_ref().map(|successor| format!(">{successor}")).unwrap_or_default();
                    format!("{}{successor}", row.user.as_deref().unwrap_or_default())
                };
                edit.rows.iter().map(spell).collect::<Vec<_>>()
            });
            match (&spelled, expected) {
                (Ok(rows), Ok(expected)) => assert_eq!(rows, expected, "{typed:?}"),
                (Err(error), Err(part)) => {
                    let told = format!("{}; {}", error.message(), error.mend().unwrap_or_default());
                    assert!(told.contains(part) && error.mend().is_some(), "{typed:?}: {told}");
                }
                other => panic!("{typed:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_name_that_stands_already_is_not_judged_again_and_without_people_none_is() {
        let row = |code: &str, user: &str| CodeRow { code: code.into(), user: Some(user.into()), successor: None };
        let typed = Typed::Users(vec![user("ghost", None), user("tomas", None)]);
        let edit = |standing: &[CodeRow], people: Option<&PeopleIndex>| typed_edit("R05", &typed, standing, people);
        assert!(edit(&[row("R05", "ghost")], Some(&people())).is_ok());
        assert!(edit(&[row("R06", "ghost")], Some(&people())).is_err(), "it stands under another code");
        assert!(edit(&[], None).is_ok());
    }
}
