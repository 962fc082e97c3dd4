//! What a demo is played on: served simulators, a configuration, a store in a folder of its own, and the deeds of people.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use rightful_core::{Error, ErrorKind, Result};
use rightful_engine::Store as _;
use rightful_engine::{Authorship, Case, CodeEdit, CodeRow, Explanation, Integration, PlanId, Ports, RunId, RunReport, Saved, Silent};
use rightful_sim::world::World;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::standing::Standing;
use super::teller::Step;
use crate::compose::Composition;
use crate::config::ConfigFile;
use crate::exit::Exit;
use crate::output;
use crate::sandbox::{Sandbox, Served, Typed};
use crate::verbs::{self, Failure};

/// The vendor whose codes decide.
pub const SOURCE: &str = "sage-intacct";
/// The vendor whose customers are kept right.
pub const TARGET: &str = "skynamo";

/// Who edits the code table and lets plans through.
pub const AUTHOR: &str = "account.manager";

/// How a job ended: what it reported and the exit code its verb would have had.
#[derive(Debug)]
pub struct Outcome {
    /// The report.
    pub report: RunReport,
    /// The exit code.
    pub exit: Exit,
}

impl Outcome {
    /// With the exit code its verb would have.
    pub fn of(report: RunReport) -> Self {
        Self { exit: Exit::of(&report, false, false), report }
    }

    /// Notes it where the exit code is another one.
    pub fn expect_exit(&self, step: &mut Step, expected: Exit) {
        step.expect_equal("exit code", &(self.exit as u8), &(expected as u8));
    }
}

/// The stage.
pub struct Stage {
    /// What the simulators were filled from; moved on by hand as the story goes on.
    pub world: World,
    /// Shall the judge be put to the test?
    pub tamper: bool,
    sandbox: Sandbox,
    composition: Composition,
    integration: Integration,
    ports: Ports,
    folder: TempDir,
}

impl Stage {
    /// Serves the simulators and configures Rightful for them.
    ///
    /// # Errors
    /// Where a port, a folder or the store cannot be had.
    pub async fn set(world: World, tamper: bool) -> Result<Self, Failure> {
        let sandbox = Sandbox::start(&world, Typed::default()).await?;
        let failed = |error| output::io_error("a folder for the demo cannot be made", error);
        let folder = tempfile::Builder::new().prefix("rightful-demo-").tempdir().map_err(failed)?;
        let file = folder.path().join("rightful.toml");
        let text = sandbox.config();
        std::fs::write(&file, &text).map_err(failed)?;
        let composition = Composition::open(ConfigFile::new(text, &file)).await?;
        let integration = composition.integration(None)?.clone();
        let ports = composition.ports(&integration, Arc::new(Silent)).await?;
        Ok(Self { world, tamper, sandbox, composition, integration, ports, folder })
    }

    /// Ends it; gives back the folder where it shall be kept.
    ///
    /// # Errors
    /// Where the folder cannot be removed.
    pub async fn close(self, keep: bool) -> Result<Option<PathBuf>> {
        self.sandbox.stop().await;
        // The store's file must be let go before its folder is removed.
        drop((self.ports, self.composition));
        if keep {
            return Ok(Some(self.folder.keep()));
        }
        self.folder.close().map_err(|error| output::io_error("the demo's folder cannot be removed", error))?;
        Ok(None)
    }

    /// Makes it look lived in: a code table, a first plan let over its cap, and a run that found nothing to do.
    ///
    /// # Errors
    /// Where a run could not be made.
    #[cfg(feature = "serve")]
    pub async fn settle_in(&mut self) -> Result<(), Failure> {
        let codes: BTreeSet<String> = self.world.table.iter().map(|row| row.code.clone()).collect();
        self.save_codes(&codes, "first table").await?;
        if let Some(plan) = self.plan().await?.report.plan {
            self.apply_over_cap(plan, "first run").await?;
        }
        self.run().await.map(drop)
    }

    /// What it is made of, for whoever goes on with it.
    #[cfg(feature = "serve")]
    pub fn into_parts(self) -> (Sandbox, Composition, TempDir) {
        (self.sandbox, self.composition, self.folder)
    }

    /// What stands in Skynamo now, from its simulator.
    ///
    /// # Errors
    /// As [`Standing::of`].
    pub fn standing(&self) -> Result<Standing> {
        Standing::of(&self.served(TARGET)?.running.dump())
    }

    /// `rightful plan`
    ///
    /// # Errors
    /// As the verb.
    pub async fn plan(&self) -> Result<Outcome, Failure> {
        let report = verbs::plan(&self.composition, &self.integration, None, Arc::new(Silent)).await?;
        Ok(Outcome::of(report))
    }

    /// `rightful apply PLAN --over-cap --reason TEXT`
    ///
    /// # Errors
    /// As the verb.
    pub async fn apply_over_cap(&self, plan: PlanId, reason: &str) -> Result<Outcome, Failure> {
        let over_cap = Some((AUTHOR.to_owned(), reason.to_owned()));
        let report = verbs::apply(&self.composition, &self.integration, plan, over_cap, Arc::new(Silent)).await?;
        Ok(Outcome::of(report))
    }

    /// `rightful run`
    ///
    /// # Errors
    /// As the verb.
    pub async fn run(&self) -> Result<Outcome, Failure> {
        let report = verbs::run_now(&self.composition, &self.integration, Arc::new(Silent)).await?;
        Ok(Outcome::of(report))
    }

    /// `rightful undo RUN`
    ///
    /// # Errors
    /// As the verb.
    pub async fn undo(&self, run: RunId) -> Result<Outcome, Failure> {
        let report = verbs::undo(&self.composition, &self.integration, run, AUTHOR.to_owned(), Arc::new(Silent)).await?;
        Ok(Outcome::of(report))
    }

    /// `rightful codes import` or `set`: gives these codes the rows the world has for them, and says which version that made.
    ///
    /// # Errors
    /// As the store; `Conflict` where somebody saved meanwhile.
    pub async fn save_codes(&self, codes: &BTreeSet<String>, reason: &str) -> Result<i64> {
        let rows = crate::sandbox::code_rows(&self.world);
        let of = |code: &String| -> Vec<CodeRow> { rows.iter().filter(|row| row.code == *code).cloned().collect() };
        let edits: Vec<CodeEdit> = codes.iter().map(|code| CodeEdit { code: code.clone(), rows: of(code) }).collect();
        let by = Authorship { author: AUTHOR.to_owned(), reason: reason.to_owned(), at: self.ports.clock.now() };
        let store = &self.composition.store;
        let before = store.code_table(&self.integration.name).await?.version;
        match store.save_codes(&self.integration.name, before, &edits, &by).await? {
            Saved::Version(version) => Ok(version),
            Saved::Moved(version) => Err(Error::new(ErrorKind::Conflict, format!("somebody saved the code table: version {version}"))),
        }
    }

    /// `rightful explain CUSTOMER`
    ///
    /// # Errors
    /// As the engine.
    pub async fn explain(&self, customer: &str) -> Result<Option<Explanation>> {
        rightful_engine::explain(&self.ports, &self.integration, customer).await
    }

    /// `rightful cases --reason REASON`: the open ones.
    ///
    /// # Errors
    /// As the store.
    pub async fn cases(&self, reason: &str) -> Result<Vec<Case>> {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let chunk = self.composition.store.cases(Some(&self.integration.name), true, after, 1_000).await?;
            let Some(last) = chunk.last() else { return Ok(found) };
            after = Some(last.id);
            found.extend(chunk.into_iter().filter(|case| case.case.reason == reason));
        }
    }

    /// Somebody gives a customer to other people in Skynamo itself.
    ///
    /// # Errors
    /// As the simulator.
    pub fn assign_by_hand(&self, customer: &str, logins: &[&str]) -> Result<()> {
        let dump = self.served(TARGET)?.running.dump();
        let users: Vec<&Json> = dump["users"].as_array().into_iter().flatten().collect();
        let ids: Vec<&Json> =
            logins.iter().filter_map(|login| users.iter().find(|user| user["user_name"] == *login).map(|user| &user["id"])).collect();
        self.control(TARGET, "set-customer", json!({ "code": customer, "assigned_users": ids }))
    }

    /// Sage Intacct loses all its customers, as a connection that may see none.
    ///
    /// # Errors
    /// As the simulator.
    pub fn empty_source(&self) -> Result<()> {
        self.control(SOURCE, "empty-customers", Json::Null)
    }

    /// They are there again.
    ///
    /// # Errors
    /// As the simulator.
    pub fn refill_source(&self) -> Result<()> {
        self.control(SOURCE, "reset", Json::Null)
    }

    /// The addresses, for the opening line.
    pub fn addresses(&self) -> Vec<String> {
        self.sandbox.served.iter().map(|served| format!("{} at {}", served.descriptor.name, served.running.base_url())).collect()
    }

    fn control(&self, vendor: &str, name: &str, body: Json) -> Result<()> {
        let told = self.served(vendor)?.running.control(name, body);
        told.map(drop).map_err(|told| Error::new(ErrorKind::Rejected, format!("{vendor}'s simulator refuses `{name}`: {told}")))
    }

    fn served(&self, vendor: &str) -> Result<&Served> {
        self.sandbox.vendor(vendor).ok_or_else(|| Error::new(ErrorKind::Config, format!("{vendor} is not served")))
    }
}
