//! What the demos of people and activities are played on: both stand-ins, a store in a folder of its own, and the deeds of people.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::Utc;
use rightful_core::{Error, ErrorKind, Result};
use rightful_engine::{Authorship, Case, Crew, RunId, RunTask, Silent, Store as _};
use rightful_sim::world::World;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::screen::Screen;
use super::stage::Outcome;
use crate::compose::Composition;
use crate::config::ConfigFile;
use crate::output;
use crate::sandbox::{Sandbox, Served, Typed};
use crate::verbs::{self, Desk, Failure};

/// The vendor whose records are credited.
pub const SOURCE: &str = "salesforce";
/// The vendor whose users they are credited to.
pub const TARGET: &str = "salesscreen";

/// Who maps people and puts them on teams.
pub const AUTHOR: &str = "sales.manager";

/// Settings of the connections besides those that reach the stand-ins.
const FURTHER: &[(&str, &str, &str)] = &[
    // The app's own user is nobody.
    (SOURCE, "service_users", "\"integration@acme.example\""),
    (TARGET, "remove_records", "true"),
];

/// The stage.
pub struct CrmStage {
    /// What the simulators were filled from.
    pub world: World,
    /// Shall the judge be put to the test?
    pub tamper: bool,
    sandbox: Sandbox,
    composition: Composition,
    folder: TempDir,
}

impl CrmStage {
    /// Serves the simulators and configures Rightful for them.
    ///
    /// # Errors
    /// Where a port, a folder or the store cannot be had.
    pub async fn set(world: World, integrations: &str, tamper: bool) -> Result<Self, Failure> {
        let sandbox = Sandbox::start(&world, Typed::default()).await?;
        let failed = |error| output::io_error("a folder for the demo cannot be made", error);
        let folder = tempfile::Builder::new().prefix("rightful-demo-").tempdir().map_err(failed)?;
        let file = folder.path().join("rightful.toml");
        let text = format!("{}\n{integrations}", sandbox.connections_config(FURTHER));
        std::fs::write(&file, &text).map_err(failed)?;
        let composition = Composition::open(ConfigFile::new(text, &file)).await?;
        let stage = Self { world, tamper, sandbox, composition, folder };
        // That SalesScreen's API removes records is unconfirmed: here it does.
        stage.control(TARGET, "switches", json!({ "remove_path": "Record/Remove" }))?;
        Ok(stage)
    }

    /// Ends it; gives back the folder where it shall be kept.
    ///
    /// # Errors
    /// Where the folder cannot be removed.
    pub async fn close(self, keep: bool) -> Result<Option<PathBuf>> {
        self.sandbox.stop().await;
        // The store's file must be let go before its folder is removed.
        drop(self.composition);
        if keep {
            return Ok(Some(self.folder.keep()));
        }
        self.folder.close().map_err(|error| output::io_error("the demo's folder cannot be removed", error))?;
        Ok(None)
    }

    /// What stands in SalesScreen now, from its simulator.
    ///
    /// # Errors
    /// As [`Screen::of`].
    pub fn screen(&self) -> Result<Screen> {
        Screen::of(&self.served(TARGET)?.running.dump())
    }

    /// The people of an integration.
    ///
    /// # Errors
    /// As the verb.
    pub async fn desk(&self, integration: &str) -> Result<Desk<'_>, Failure> {
        Desk::of(&self.composition, self.composition.integration(Some(integration))?).await
    }

    /// `rightful run`
    ///
    /// # Errors
    /// As the verb.
    pub async fn run(&self, integration: &str) -> Result<Outcome, Failure> {
        let integration = self.composition.integration(Some(integration))?;
        let report = verbs::run_now(&self.composition, integration, Arc::new(Silent)).await?;
        Ok(Outcome::of(report))
    }

    /// `rightful users team USER KEY`
    ///
    /// # Errors
    /// As the verb.
    pub async fn team(&self, integration: &str, user: &str, key: &str) -> Result<Outcome, Failure> {
        let report = self.desk(integration).await?.team(user, key, AUTHOR, None, Arc::new(Silent)).await?;
        Ok(Outcome::of(report))
    }

    /// What follows at once from what a person did.
    ///
    /// # Errors
    /// As the verb.
    pub async fn release(&self, integration: &str) -> Result<Outcome, Failure> {
        let report = self.desk(integration).await?.release(AUTHOR, Arc::new(Silent)).await?;
        Ok(Outcome::of(report))
    }

    /// `rightful undo RUN`
    ///
    /// # Errors
    /// As the verb.
    pub async fn undo(&self, integration: &str, run: RunId) -> Result<Outcome, Failure> {
        let integration = self.composition.integration(Some(integration))?;
        let report = verbs::task(&self.composition, integration, RunTask::Undo { run }, AUTHOR, Arc::new(Silent)).await?;
        Ok(Outcome::of(report))
    }

    /// `rightful explain RECORD`
    ///
    /// # Errors
    /// As the verb.
    pub async fn explain(&self, integration: &str, record: &str) -> Result<Vec<String>, Failure> {
        let integration = self.composition.integration(Some(integration))?;
        let ports = self.composition.ports_to_look(integration);
        let explanation = Crew::of(&ports, integration).await?.explain(&ports, record).await?;
        Ok(explanation.map(|explanation| explanation.told()).unwrap_or_default())
    }

    /// `rightful holds list`: for each what it waits for.
    ///
    /// # Errors
    /// As the store.
    pub async fn holds(&self, integration: &str) -> Result<Vec<(String, String)>> {
        let holds = self.composition.store.holds(Some(integration), None, 1_000).await?;
        Ok(holds.into_iter().map(|hold| (hold.hold.reason, hold.hold.waits_for)).collect())
    }

    /// `rightful cases`: the open ones.
    ///
    /// # Errors
    /// As the store.
    pub async fn cases(&self, integration: &str) -> Result<Vec<Case>> {
        self.composition.store.cases(Some(integration), true, None, 1_000).await
    }

    /// Who does it, and why.
    pub fn by(&self, reason: &str) -> Authorship {
        Authorship { author: AUTHOR.to_owned(), reason: reason.to_owned(), at: Utc::now() }
    }

    /// The file that an administrator makes of SalesScreen's users, in our columns.
    ///
    /// # Errors
    /// As the simulator.
    pub fn users_file(&self) -> Result<String> {
        let mut text = "email,first_name,last_name,team_key,status\n".to_owned();
        for (email, user) in self.screen()?.users {
            let (first, last) = &user.name;
            text.push_str(&format!("{email},{first},{last},{},{}\n", user.team.unwrap_or_default(), user.status));
        }
        Ok(text)
    }

    /// `rightful users import FILE`: how many users differ from what was known.
    ///
    /// # Errors
    /// As the verb.
    pub async fn import(&self, integration: &str) -> Result<(usize, u64), Failure> {
        let desk = self.desk(integration).await?;
        let verdicts = desk.verdicts(&self.users_file()?)?;
        Ok((verdicts.len(), desk.import(&verdicts, &self.by("users of today")).await?))
    }

    /// Somebody starts to work with Salesforce; their id.
    ///
    /// # Errors
    /// As the simulator.
    pub fn hire(&self, first: &str, last: &str, email: &str) -> Result<String> {
        let login = format!("{}.{}@acme.example", first.to_lowercase(), last.to_lowercase());
        self.record(
            "User",
            json!({ "FirstName": first, "LastName": last, "Name": format!("{first} {last}"), "Email": email, "Username": login, "IsActive": true,
                "UserType": "Standard" }),
        )
    }

    /// Somebody wins a deal; its id.
    ///
    /// # Errors
    /// As the simulator.
    pub fn win(&self, name: &str, owner: &str, amount: u64) -> Result<String> {
        self.record(
            "Opportunity",
            json!({ "Name": name, "StageName": "Closed Won", "CloseDate": "2026-11-20", "Amount": amount, "OwnerId": owner }),
        )
    }

    /// Something is changed in Salesforce.
    ///
    /// # Errors
    /// As the simulator.
    pub fn change(&self, id: &str, fields: Json) -> Result<()> {
        self.control(SOURCE, "set-record", json!({ "id": id, "fields": fields })).map(drop)
    }

    /// Something is deleted in Salesforce.
    ///
    /// # Errors
    /// As the simulator.
    pub fn delete(&self, id: &str) -> Result<()> {
        self.control(SOURCE, "delete-record", json!({ "id": id })).map(drop)
    }

    /// The id of the CRM's user with this e-mail address.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    pub fn crm_user(&self, email: &str) -> Result<String> {
        let dump = self.served(SOURCE)?.running.dump();
        let users = dump["objects"]["User"].as_array().into_iter().flatten();
        let mut found = users.filter(|user| user["Email"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(email)));
        let id = found.next().and_then(|user| user["Id"].as_str()).map(str::to_owned);
        id.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("Salesforce's simulator has no user {email}")))
    }

    /// Somebody removes a record in SalesScreen itself.
    ///
    /// # Errors
    /// As the simulator.
    pub fn remove_by_hand(&self, record: &str) -> Result<()> {
        self.control(TARGET, "delete-record", json!({ "id": record })).map(drop)
    }

    /// The addresses, for the opening line.
    pub fn addresses(&self) -> Vec<String> {
        let used = self.sandbox.served.iter().filter(|served| [SOURCE, TARGET].contains(&served.stand_in.vendor));
        used.map(|served| format!("{} at {}", served.descriptor.name, served.running.base_url())).collect()
    }

    fn record(&self, object: &str, fields: Json) -> Result<String> {
        let made = self.control(SOURCE, "set-record", json!({ "object": object, "fields": fields }))?;
        made["id"].as_str().map(str::to_owned).ok_or_else(|| Error::new(ErrorKind::Protocol, "the simulator gives no id"))
    }

    fn control(&self, vendor: &str, name: &str, body: Json) -> Result<Json> {
        let told = self.served(vendor)?.running.control(name, body);
        told.map_err(|told| Error::new(ErrorKind::Rejected, format!("{vendor}'s simulator refuses `{name}`: {told}")))
    }

    fn served(&self, vendor: &str) -> Result<&Served> {
        self.sandbox.vendor(vendor).ok_or_else(|| Error::new(ErrorKind::Config, format!("{vendor} is not served")))
    }
}
