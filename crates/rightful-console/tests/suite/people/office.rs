//! A console over a CRM and a desk that gives nothing back.

use rightful_console::{DeployedConnection, Origin};
use rightful_core::*;
use rightful_engine::*;

use crate::desk::{INTEGRATION, Office};
use crate::stage::{Browser, Stage};
use crate::world::World;

/// Where its pages are.
pub const BASE: &str = "/integrations/activity";

/// Rows of `email,team`; a row without an address is bad.
fn rows(_settings: &Settings, text: &str) -> Result<Vec<PersonVerdict>> {
    if !text.starts_with("email,team_key") {
        return Err(Error::new(ErrorKind::Config, "the file lacks the column `email`").hint("begin it with: email,team_key"));
    }
    let row = |(at, line): (usize, &str)| {
        let (email, team) = line.split_once(',').unwrap_or((line, ""));
        let row = PersonRow {
            id: None,
            email: email.to_owned(),
            name: email.to_owned(),
            facts: vec![("email".into(), Value::text(email)), ("team.key".into(), Value::text(team))],
        };
        PersonVerdict {
            line: at as u64 + 2,
            row: if email.is_empty() { Err("it has no e-mail address".to_owned()) } else { Ok(row) },
            remarks: if team.is_empty() { vec!["on no team".to_owned()] } else { Vec::new() },
        }
    };
    Ok(text.lines().skip(1).enumerate().map(row).collect())
}

/// A vendor whose users are given by a file.
static DESK: Descriptor = Descriptor {
    id: VendorId::fixed("desk"),
    name: "Desk",
    about: "Takes users and records.",
    settings: &[],
    account: &[],
    scope: &[],
    sign_in: "A key.",
    web_sign_in: None,
    kinds: Vec::new,
    open_kinds: None,
    people_file: Some(PeopleFile { columns: &["email", "team_key"], read: rows }),
    teams: Some(|_| Ok(TeamKeys { listed: ["OSLO", "BERGEN"].map(str::to_owned).into(), others: false })),
    connect: |_, _, _| Err(Error::new(ErrorKind::Unsupported, "a toy")),
};

/// The office with a console over it.
pub struct Desk {
    pub office: Office,
    pub stage: Stage,
}

impl Desk {
    /// With members of every role.
    pub async fn open(people: PeopleMode) -> Self {
        Self::over(Office::new(people)).await
    }

    pub async fn over(office: Office) -> Self {
        let stage =
            Stage::over(World::new(), office.stand.sqlite.clone(), office.clock.clone(), office.integration.clone(), office.ports());
        stage.toy.others.lock().unwrap().push(DeployedConnection {
            name: "desk".into(),
            descriptor: &DESK,
            origin: Origin::File,
            settings: Settings::default(),
            secrets: Vec::new(),
            allow_private: false,
            revision: 0,
            unready: None,
            used_by: vec![INTEGRATION.to_owned()],
        });
        stage.members().await;
        Self { office, stage }
    }

    /// Three users: Ann and Bob with their own addresses, Cai who shares Dee's.
    pub async fn with_users(people: PeopleMode) -> Self {
        let desk = Self::open(people).await;
        for (id, email) in
            [("u1", "ann@example.com"), ("u2", "bob@example.com"), ("u3", "shared@example.com"), ("u4", "shared@example.com")]
        {
            desk.office.user(id, email, true);
        }
        desk.office.deal("d1", Some("u1"), "won", 10);
        desk.office.run().await;
        desk
    }

    /// Posts to a page of the integration, with the session's form key.
    pub async fn post(&self, who: &mut Browser, page: &str, fields: &[(&str, &str)]) -> crate::stage::Answer {
        who.submit(&format!("{BASE}{page}"), fields).await
    }

    /// What was picked: person and choice.
    pub async fn picks(&self) -> Vec<(String, Picked)> {
        let picks = self.stage.store.picks(INTEGRATION).await.unwrap();
        picks.into_iter().map(|pick| (pick.person.to_string(), pick.choice)).collect()
    }
}
