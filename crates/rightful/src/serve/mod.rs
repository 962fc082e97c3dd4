//! `rightful serve`: runs every integration by its schedule and serves the console.

mod deployment;
mod hub;
mod unready;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rightful_console::{Console, first_link};
use rightful_core::{ConnectionName, Error, ErrorKind, Result};
use rightful_engine::{Integration, JobError, RunId, RunOptions, RunTask, Schedule, run_job};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::cli::Global;
use crate::compose::Composition;
use crate::exit::Exit;
use crate::output;
use crate::verbs::Ended;
use hub::Hub;
pub use unready::Unready;

/// `serve`
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where the console listens, as ADDRESS:PORT; this machine only unless said
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: String,
}

/// A deployment under way: what runs and what is served.
#[derive(Debug)]
pub struct Server {
    composition: Arc<Composition>,
    hub: Hub,
    wake: Notify,
    /// Why connections cannot be used, as last looked at.
    unready: Mutex<BTreeMap<ConnectionName, String>>,
    tasks: Mutex<JoinSet<()>>,
}

impl Server {
    /// A server over a composition; nothing runs yet.
    pub fn new(composition: Composition) -> Arc<Self> {
        Arc::new(Self {
            composition: Arc::new(composition),
            hub: Hub::default(),
            wake: Notify::new(),
            unready: Mutex::default(),
            tasks: Mutex::default(),
        })
    }

    /// Makes each connection once, and notes why one cannot be made.
    pub async fn look_at_connections(&self) {
        let connections = self.composition.connections();
        // Of one that was removed nothing is told any more.
        self.unready.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| connections.contains_key(name));
        for name in connections.keys() {
            let why = self.composition.connection(name).await.err().map(|error| output::told(&error).replace('\n', " "));
            let mut unready = self.unready.lock().unwrap_or_else(PoisonError::into_inner);
            match why {
                Some(why) => drop(unready.insert(name.clone(), why)),
                None => drop(unready.remove(name)),
            }
        }
    }

    fn why_unready(&self, connection: &ConnectionName) -> Option<String> {
        self.unready.lock().unwrap_or_else(PoisonError::into_inner).get(connection).cloned()
    }

    fn unready(&self, integration: &Integration) -> Option<String> {
        let policy = &integration.policy;
        self.why_unready(&policy.source.connection).or_else(|| self.why_unready(&policy.target.connection))
    }

    fn schedule(&self, integration: &str) -> Schedule {
        Schedule::parse("hourly", "UTC", integration).expect("the default is a schedule")
    }

    /// Cuts off what runs: it is taken up at the next start.
    pub async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }

    /// Starts a task in the background; gives back its run once it began.
    ///
    /// # Errors
    /// Why it could not begin.
    pub async fn start(&self, integration: &str, task: RunTask, options: RunOptions) -> Result<RunId> {
        let integration = self.composition.integration(Some(integration))?.clone();
        let (progress, mut begun) = self.hub.reporter(&integration.name);
        let ports = self.composition.ports(&integration, progress).await?;
        let (failed, why) = tokio::sync::oneshot::channel();
        let options = RunOptions { failpoint: crate::verbs::halt::failpoint(), ..options };
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(async move {
            if let Err(error) = run_job(&ports, &integration, task, options).await {
                let error: Error = match error {
                    JobError::Failed(error) => error,
                    busy => busy.into(),
                };
                tracing::warn!(integration = integration.name, %error, "a run could not be made");
                // Whoever asked is gone once the run began.
                let _ = failed.send(error);
            }
        });
        tokio::select! {
            began = begun.wait_for(Option::is_some) => match began {
                Ok(run) => run.ok_or_else(lost),
                Err(_) => Err(lost()),
            },
            why = why => Err(why.unwrap_or_else(|_| lost())),
        }
    }
}

fn lost() -> Error {
    Error::new(ErrorKind::Protocol, "the run ended before it began").hint("look at the log")
}

/// `rightful serve`
///
/// # Errors
/// Where the configuration, the store or the address cannot be used.
pub async fn verb(global: &Global, arguments: &Arguments) -> Ended {
    let mut stop = crate::stop::signal()?;
    let composition = crate::verbs::open(global).await?;
    composition.store.check_sealed().await?;
    let server = Server::new(composition);
    server.look_at_connections().await;
    let listener = listen(&arguments.listen).await?;
    let (tell, told) = watch::channel(false);
    let opened = open(&server, listener, told).await?;
    announce(global, &opened)?;
    stop.recv().await;
    tell.send_replace(true);
    opened.ended().await;
    server.stop().await;
    Ok(Exit::Done)
}

/// Takes an address.
///
/// # Errors
/// `Config` where it cannot be had.
pub async fn listen(address: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Error::new(ErrorKind::Config, format!("the console cannot listen on {address}"))
            .hint("name a free address of this machine: --listen 127.0.0.1:8080; port 0 takes a free one")
            .source(error)
    })
}

/// A console being served.
pub struct Opened {
    /// Its address.
    pub address: String,
    /// The one-time link for the first admin, where nobody may sign in yet.
    pub link: Option<String>,
    serving: tokio::task::JoinHandle<()>,
}

impl Opened {
    /// Waits until the last answer is given.
    pub async fn ended(self) {
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "the console broke down");
        }
    }
}

/// Serves the console of a server until `stop` turns true.
///
/// # Errors
/// As the store.
pub async fn open(server: &Arc<Server>, listener: TcpListener, stop: watch::Receiver<bool>) -> Result<Opened> {
    let address = format!("http://{}", listener.local_addr().map_err(|error| output::io_error("the address cannot be told", error))?);
    let console = Arc::new(Console::new(server.clone(), server.composition.store.clone()).keeping(server.composition.store.clone()));
    let link = first_link(&console).await?.map(|path| format!("{address}{}", path.expose()));
    let router = rightful_console::router(console, false);
    let serving = tokio::spawn(rightful_console::serve(listener, router, stop));
    Ok(Opened { address, link, serving })
}

fn announce(global: &Global, opened: &Opened) -> Result<()> {
    if global.json {
        return output::data(&json!({ "console": opened.address, "link": opened.link }).to_string());
    }
    let mut text = format!("Rightful serves its console at {}\n", opened.address);
    if let Some(link) = &opened.link {
        text.push_str(&format!(
            "\nNobody may sign in yet. Open this link once, within {} hours, to become the admin:\n\n  {link}\n",
            rightful_console::LINK_HOURS
        ));
    }
    text.push_str("\nCtrl-C ends it; runs under way are taken up at the next start.\n");
    output::data(&text)
}
