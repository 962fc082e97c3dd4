//! The console's port to the program it is part of: which integrations and connections there are, and how a run is started.

use std::fmt::Debug;

use async_trait::async_trait;
use rightful_core::{ConnectionName, Descriptor, Finding, Instant, Result, Settings};
use rightful_engine::{Event, Integration, Ports, RunId, RunOptions, RunTask};
use tokio::sync::broadcast;

use crate::Served;

/// One side of an integration, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The connection.
    pub connection: ConnectionName,
    /// The vendor's name as people write it.
    pub vendor: &'static str,
}

/// An integration of the deployment.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// The integration.
    pub integration: Integration,
    /// Where truth comes from.
    pub source: Endpoint,
    /// Where it is applied.
    pub target: Endpoint,
    /// When it runs, for people: "every hour at minute 17".
    pub schedule: String,
    /// When it is due next; `None` where it never runs by itself.
    pub next_due: Option<Instant>,
    /// Why it cannot run at present: a secret that is not there, a setting that cannot be right.
    pub unready: Option<String>,
}

/// Where a connection was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the configuration file: read-only here.
    File,
    /// In the console.
    Console,
}

/// A connection of the deployment. Its secrets are not part of it.
#[derive(Clone, Debug)]
pub struct DeployedConnection {
    /// Its name.
    pub name: ConnectionName,
    /// Its vendor's connector.
    pub descriptor: &'static Descriptor,
    /// Where it was entered.
    pub origin: Origin,
    /// Its settings.
    pub settings: Settings,
    /// Keys of secrets that are given, with how: `env NAME`, `file PATH`, `sealed since ...`.
    pub secrets: Vec<(String, String)>,
    /// May it reach private addresses? Only the file can say so.
    pub allow_private: bool,
    /// For `Origin::Console`: moves with every change.
    pub revision: i64,
    /// Why it cannot be used at present.
    pub unready: Option<String>,
    /// Integrations that use it.
    pub used_by: Vec<String>,
}

/// The deployment around the console.
#[async_trait]
pub trait Deployment: Debug + Send + Sync + 'static {
    /// Every integration, by name.
    fn integrations(&self) -> Vec<Deployed>;
    /// What views of an integration stand on: the store. Its connectors state their kinds and call nobody.
    ///
    /// # Errors
    /// `NotFound` where there is no such integration.
    fn ports(&self, integration: &str) -> Result<Ports>;
    /// Starts a task in the background and gives back its run once it began.
    ///
    /// # Errors
    /// Why it could not begin; `Conflict` where another run is under way.
    async fn start(&self, integration: &str, task: RunTask, options: RunOptions) -> Result<RunId>;
    /// How the integration's runs in this process go on, from now.
    fn events(&self, integration: &str) -> broadcast::Receiver<Event>;
    /// Wakes the schedules: something was asked for, resumed or released.
    fn wake(&self);

    /// Every connection, by name.
    fn connections(&self) -> Vec<DeployedConnection>;
    /// Every vendor that is compiled in.
    fn vendors(&self) -> Vec<&'static Descriptor>;
    /// Checks settings as the vendor's connector judges them, without sending anything.
    ///
    /// # Errors
    /// `Config` with what is wrong.
    fn judge(&self, vendor: &str, settings: &Settings) -> Result<()>;
    /// Asks the vendor whether everything is in place.
    ///
    /// # Errors
    /// Where the connection cannot be made.
    async fn preflight(&self, connection: &ConnectionName) -> Result<Vec<Finding>>;
    /// Takes up connections that were changed in the store.
    ///
    /// # Errors
    /// As the store.
    async fn reload(&self) -> Result<()>;
    /// Can secrets be sealed: is a master key given?
    fn can_seal(&self) -> bool;
    /// Metrics in the text form of Prometheus, the requests that the console served among them.
    ///
    /// # Errors
    /// As the store.
    async fn metrics(&self, served: Vec<Served>) -> Result<String>;
    /// Is the part that runs schedules alive, and the store reachable? Else why not.
    async fn ready(&self) -> std::result::Result<(), String>;
    /// Now.
    fn now(&self) -> Instant;
    /// The address people reach the console at, without a path; `None`: as the request says.
    fn public_url(&self) -> Option<String>;
}
