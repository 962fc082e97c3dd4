//! What each verb does: a thin hand on the engine, the store and the connectors.

#[cfg(feature = "serve")]
mod alarms;
mod audit;
mod cases;
mod codes;
mod connect;
mod connectors;
mod crew;
pub mod halt;
mod keep;
mod links;
mod plans;
mod runs;
mod setup;
mod users;
mod workflows;

use chrono::Utc;
use rightful_core::{Error, ErrorKind};
use rightful_engine::Store as _;
use rightful_engine::{Authorship, Integration, JobError, Run, RunId, is_blocked};
use rightful_store::SqliteStore;
use serde_json::{Value as Json, json};

use crate::cli::{Authored, Cli, Global, Verb};
use crate::compose::{Composition, opened};
use crate::config::{ConfigFile, Head, Unusable};
use crate::exit::Exit;
use crate::output;

#[cfg(feature = "sandbox")]
pub use crew::Desk;
#[cfg(feature = "sandbox")]
pub use plans::{apply, plan, run as run_now, task, undo};

/// Why a verb could not be done.
#[derive(Debug)]
pub enum Failure {
    /// The configuration is not usable.
    Config(Unusable),
    /// Anything else, with the exit code that tells it.
    Error(Error, Exit),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = if is_blocked(&error) { Exit::Blocked } else { Exit::Error };
        Self::Error(error, exit)
    }
}

impl From<Unusable> for Failure {
    fn from(unusable: Unusable) -> Self {
        Self::Config(unusable)
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Busy { .. } => Self::Error(error.into(), Exit::Busy),
            other => Error::from(other).into(),
        }
    }
}

impl Failure {
    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_) => Exit::Error,
            Self::Error(_, exit) => *exit,
        }
    }

    /// In sentences.
    pub fn told(&self) -> String {
        match self {
            Self::Error(error, _) => output::told(error),
            Self::Config(unusable) => setup::problems_told(unusable),
        }
    }

    /// For programs.
    pub fn json(&self) -> Json {
        match self {
            Self::Error(error, _) => output::error_json(error),
            Self::Config(unusable) => json!({ "error": {
                "kind": ErrorKind::Config, "message": "the configuration cannot be used",
                "file": unusable.file.display().to_string(), "problems": unusable.problems,
            } }),
        }
    }
}

/// How a verb ended.
pub type Ended = Result<Exit, Failure>;

/// Does the verb.
///
/// # Errors
/// Where it could not be done.
pub async fn run(cli: Cli) -> Ended {
    let global = cli.global;
    match cli.verb {
        Verb::Init(arguments) => setup::init(&global, &arguments),
        Verb::Check => setup::check(&global).await,
        Verb::Schema => setup::schema(),
        Verb::Connectors(arguments) => connectors::list(&global, &arguments),
        Verb::Preflight(arguments) => connectors::preflight(&global, &arguments).await,
        Verb::Connect(arguments) => connect::connect(&global, &arguments).await,
        Verb::Users(arguments) => users::users(&global, arguments).await,
        Verb::Workflows(arguments) => workflows::workflows(&global, arguments.verb).await,
        Verb::Codes(arguments) => codes::codes(&global, arguments.verb).await,
        Verb::Link(arguments) => links::links(&global, arguments.verb).await,
        Verb::Plan(arguments) => plans::verb_plan(&global, &arguments).await,
        Verb::Apply(arguments) => plans::verb_apply(&global, &arguments).await,
        Verb::Run(arguments) => plans::verb_run(&global, &arguments).await,
        Verb::Undo(arguments) => plans::verb_undo(&global, &arguments).await,
        Verb::Runs(arguments) => runs::runs(&global, &arguments).await,
        Verb::Explain(arguments) => runs::explain(&global, &arguments).await,
        Verb::Holds(arguments) => cases::holds(&global, arguments.verb).await,
        Verb::Cases(arguments) => cases::cases(&global, &arguments).await,
        Verb::Pause(arguments) => cases::pause(&global, &arguments).await,
        Verb::Resume(arguments) => cases::resume(&global, &arguments).await,
        Verb::Audit(arguments) => audit::audit(&global, arguments.verb).await,
        Verb::Key(arguments) => keep::key(&global, arguments.verb).await,
        Verb::Backup(arguments) => keep::backup(&global, &arguments).await,
        Verb::Restore(arguments) => keep::restore(&global, &arguments).await,
        #[cfg(feature = "serve")]
        Verb::Alarms(arguments) => alarms::alarms(&global, &arguments.verb).await,
        #[cfg(feature = "serve")]
        Verb::Serve(arguments) => crate::serve::verb(&global, &arguments).await,
        #[cfg(feature = "sandbox")]
        Verb::Sandbox(arguments) => crate::sandbox::verb(&global, arguments).await,
        #[cfg(feature = "sandbox")]
        Verb::Demo(arguments) => crate::demo::verb(&global, arguments).await,
        Verb::Completions { shell } => setup::completions(&global, shell),
    }
}

/// The configuration with its store open.
pub async fn open(global: &Global) -> Result<Composition, Failure> {
    Composition::open(ConfigFile::read(&global.config)?).await
}

/// Where the store is and how the master key is given: known also where something else is wrong with the configuration.
fn head(global: &Global) -> Result<Head, Failure> {
    Ok(ConfigFile::read(&global.config)?.head()?)
}

/// The store that is there; none is made.
async fn kept_store(global: &Global) -> Result<SqliteStore, Failure> {
    let file = ConfigFile::read(&global.config)?;
    let head = file.head()?;
    if !head.store.exists() {
        return Err(Error::new(ErrorKind::NotFound, "there is no store yet")
            .context(head.store.display().to_string())
            .hint("the first run makes it: rightful plan; or name another: `store = \"PATH\"`")
            .into());
    }
    Ok(opened(&head, file.folder()).await?)
}

/// The integration that a verb speaks of: named behind the verb, or by `--integration`, or the only one.
fn chosen<'a>(composition: &'a Composition, global: &Global, named: Option<&str>) -> Result<&'a Integration, Failure> {
    if let (Some(one), Some(other)) = (named, global.integration.as_deref())
        && one != other
    {
        let error = Error::new(ErrorKind::Config, format!("two integrations are named: `{one}` and `{other}`"))
            .hint("name one; RIGHTFUL_INTEGRATION in the environment counts too");
        return Err(Failure::Error(error, Exit::Usage));
    }
    Ok(composition.integration(named.or(global.integration.as_deref()))?)
}

/// The integration to which a list is narrowed, where one is named.
fn narrowed<'a>(composition: &'a Composition, global: &Global) -> Result<Option<&'a str>, Failure> {
    let named = global.integration.as_deref().map(|name| composition.integration(Some(name))).transpose()?;
    Ok(named.map(|integration| integration.name.as_str()))
}

/// The run of that number.
async fn run_named(composition: &Composition, typed: &str) -> Result<Run, Failure> {
    let id: RunId = typed.parse()?;
    if let Some(run) = composition.store.run(id).await? {
        return Ok(run);
    }
    let mend = match composition.store.runs(None, 1).await?.first() {
        Some(newest) => format!("the newest is {}; see which there are: rightful runs", newest.id),
        None => "nothing has run yet; begin with: rightful plan".to_owned(),
    };
    Err(Error::new(ErrorKind::Config, format!("there is no {id}")).hint(mend).into())
}

/// The person who does something: as told, else as signed in to this machine.
fn author(given: Option<&str>) -> Result<String, Failure> {
    let named = given.map(str::to_owned).or_else(|| whoami::username().ok());
    let name = named.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    name.ok_or_else(|| Error::new(ErrorKind::Config, "nobody is named who does this").hint("add --author NAME").into())
}

/// Who does something, and why.
fn authorship(by: &Authored) -> Result<Authorship, Failure> {
    Ok(Authorship { author: author(by.author.as_deref())?, reason: reason(&by.reason)?, at: Utc::now() })
}

/// A reason in somebody's words.
fn reason(given: &str) -> Result<String, Failure> {
    let text = given.trim();
    if text.is_empty() {
        return Err(Failure::Error(Error::new(ErrorKind::Config, "the reason is empty").hint("say why: --reason TEXT"), Exit::Usage));
    }
    Ok(text.to_owned())
}
