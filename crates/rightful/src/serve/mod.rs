//! `rightful serve`: runs every integration by its schedule and serves the console.

pub mod alarms;
mod deployment;
mod hub;
mod launch;
mod metrics;
mod pulse;
#[cfg(test)]
#[cfg(all(feature = "sandbox", feature = "skynamo", feature = "sage-intacct"))]
mod week;

use std::sync::Arc;

use futures::StreamExt as _;
use rightful_console::{Console, Deployment as _, Served, first_link};
use rightful_core::{Clock, Error, ErrorKind, Result};
use rightful_engine::{RunId, RunOptions, RunTask, Scheduler, SchedulerOptions, SchedulerPorts, WatchStore as _};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cli::Global;
use crate::compose::Composition;
use crate::exit::Exit;
use crate::output;
use crate::verbs::Ended;
use alarms::{AlarmParts, Alarms};
use hub::Hub;
use launch::{Launcher, Readiness};
use metrics::{Metrics, Moment, page};
use pulse::Pulses;

/// Connections looked at side by side.
const SIDE_BY_SIDE: usize = 16;
/// Integrations named at the start.
const ANNOUNCED: usize = 20;

/// `serve`
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where the console listens, as ADDRESS:PORT; as the configuration says unless given, else 127.0.0.1:8080
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
}

/// A deployment under way: what runs and what is served.
#[derive(Debug)]
pub struct Server {
    composition: Arc<Composition>,
    clock: Arc<dyn Clock>,
    hub: Arc<Hub>,
    readiness: Arc<Readiness>,
    scheduler: Scheduler,
    pulses: Arc<Pulses>,
    metrics: Arc<Metrics>,
}

impl Server {
    /// A server over a composition; nothing runs before it is opened.
    pub fn new(composition: Composition) -> Arc<Self> {
        let clock = composition.clock().clone();
        Self::paced(composition, clock)
    }

    /// The same, where what waits for due times goes by this clock; runs go by the composition's own.
    fn paced(composition: Composition, clock: Arc<dyn Clock>) -> Arc<Self> {
        let composition = Arc::new(composition);
        let (hub, readiness): (Arc<Hub>, Arc<Readiness>) = (Arc::default(), Arc::default());
        let limits = alarms::limits(&composition.config.alarms);
        let pulses = Pulses::new(clock.clone(), limits.progress);
        let metrics: Arc<Metrics> = Arc::default();
        let launch = Launcher {
            composition: composition.clone(),
            hub: hub.clone(),
            readiness: readiness.clone(),
            pulses: pulses.clone(),
            metrics: metrics.clone(),
        };
        let ports = SchedulerPorts {
            store: composition.store.clone(),
            watch: composition.store.clone(),
            review: composition.store.clone(),
            clock: clock.clone(),
            launch: Arc::new(launch),
        };
        let config = &composition.config;
        let schedules = config.schedules.iter().map(|(name, schedule)| (name.clone(), schedule.clone())).collect();
        let options = SchedulerOptions {
            parallel: config.serve.parallel_runs,
            quarantine_after: config.serve.quarantine_after,
            grace: config.serve.stop,
            ..SchedulerOptions::default()
        };
        let scheduler = Scheduler::new(ports, schedules, options);
        Arc::new(Self { composition, clock, hub, readiness, scheduler, pulses, metrics })
    }

    /// Makes each connection once, and notes why one cannot be made.
    pub async fn look_at_connections(&self) {
        let connections = self.composition.connections();
        // Of one that was removed nothing is told any more.
        self.readiness.keep_only(|name| connections.contains_key(name));
        let names: Vec<_> = connections.keys().cloned().collect();
        let looks = names.into_iter().map(|name| async move { self.readiness.look(&self.composition, &name).await });
        futures::stream::iter(looks).buffer_unordered(SIDE_BY_SIDE).for_each(|()| async {}).await;
    }

    /// What looks at the health of every integration. `console`: where people reach it.
    fn alarms(&self, console: String) -> Result<Alarms> {
        let Composition { config, store, .. } = &*self.composition;
        Ok(Alarms::new(AlarmParts {
            store: store.clone(),
            watch: store.clone(),
            integrations: config.schedules.iter().map(|(name, schedule)| (name.clone(), schedule.clone())).collect(),
            limits: alarms::limits(&config.alarms),
            channels: alarms::channels(config, &self.clock)?,
            pulses: self.pulses.clone(),
            console: Some(console),
        }))
    }

    /// What Prometheus is told, as of now.
    async fn metrics_page(&self, served: &[Served]) -> Result<String> {
        let Composition { config, store, .. } = &*self.composition;
        let why_not = |integration: &&rightful_engine::Integration| self.readiness.why_not_run(integration).is_some();
        let unready = config.integrations.values().filter(why_not).map(|integration| integration.name.clone()).collect();
        let moment = Moment {
            now: self.clock.now(),
            integrations: &config.schedules,
            vitals: &store.vitals().await?,
            episodes: &store.episodes().await?,
            unready: &unready,
            served,
            spent: &self.composition.connections().values().map(|connection| self.composition.spent_by(connection)).collect::<Vec<_>>(),
        };
        Ok(page(&self.metrics, &moment))
    }

    /// Starts a task in the background; gives back its run once it began.
    ///
    /// # Errors
    /// Why it could not begin.
    pub async fn start(&self, integration: &str, task: RunTask, options: RunOptions) -> Result<RunId> {
        Ok(self.scheduler.start(integration, task, options).await?)
    }
}

/// `rightful serve`
///
/// # Errors
/// Where the configuration, the store or the address cannot be used.
pub async fn verb(global: &Global, arguments: &Arguments) -> Ended {
    let mut stop = crate::stop::signal()?;
    let composition = crate::verbs::open(global).await?;
    composition.store.check_sealed().await?;
    let listener = listen(arguments.listen.as_ref().unwrap_or(&composition.config.serve.listen)).await?;
    let server = Server::new(composition);
    server.look_at_connections().await;
    let (tell, told) = watch::channel(false);
    let opened = open(&server, listener, told).await?;
    announce(global, &server, &opened)?;
    stop.recv().await;
    tell.send_replace(true);
    opened.ended().await;
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
    serving: JoinHandle<()>,
    scheduling: JoinHandle<()>,
    watching: JoinHandle<()>,
}

impl Opened {
    /// Waits until the last answer is given, and until runs under way have ended or are cut off.
    pub async fn ended(self) {
        let (serving, scheduling, watching) = futures::future::join3(self.serving, self.scheduling, self.watching).await;
        for (what, ended) in [("the console", serving), ("what keeps the schedules", scheduling), ("what looks for alarms", watching)] {
            if let Err(error) = ended {
                tracing::error!(%error, "{what} broke down");
            }
        }
    }
}

/// Keeps the schedules and serves the console of a server until `stop` turns true.
///
/// # Errors
/// As the store.
pub async fn open(server: &Arc<Server>, listener: TcpListener, stop: watch::Receiver<bool>) -> Result<Opened> {
    let address = format!("http://{}", listener.local_addr().map_err(|error| output::io_error("the address cannot be told", error))?);
    let console = Arc::new(Console::new(server.clone(), server.composition.store.clone()));
    let reached = server.public_url().unwrap_or_else(|| address.clone());
    let link = first_link(&console).await?.map(|path| format!("{reached}{}", path.expose()));
    let secure = server.public_url().is_some_and(|url| url.starts_with("https:"));
    let router = rightful_console::router(console, secure);
    let alarms = server.alarms(server.public_url().unwrap_or_else(|| address.clone()))?;
    let watching = tokio::spawn(keep_alarms(alarms, server.clock.clone(), stop.clone()));
    let scheduling = tokio::spawn(keep_schedules(server.scheduler.clone(), stop.clone()));
    let serving = tokio::spawn(rightful_console::serve(listener, router, stop));
    Ok(Opened { address, link, serving, scheduling, watching })
}

async fn keep_schedules(scheduler: Scheduler, mut stop: watch::Receiver<bool>) {
    let stopped = async {
        // Whoever could say it being gone is as good.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    scheduler.serve(stopped).await;
}

async fn keep_alarms(alarms: Alarms, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        () = alarms.keep(&*clock) => {}
        // Whoever could say it being gone is as good.
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

fn announce(global: &Global, server: &Server, opened: &Opened) -> Result<()> {
    let config = &server.composition.config;
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
    if config.integrations.is_empty() {
        text.push_str("\nNo integration is configured yet: see `rightful init`.\n");
    }
    for (place, (name, integration)) in config.integrations.iter().enumerate() {
        if place == ANNOUNCED {
            let more = config.integrations.len() - ANNOUNCED;
            text.push_str(&format!("  ... and {}\n", output::counted(more as u64, "more integration")));
            break;
        }
        if place == 0 {
            text.push('\n');
        }
        let schedule = server.scheduler.schedule(name).map(rightful_engine::Schedule::told).unwrap_or_default();
        text.push_str(&format!("  {name} runs {schedule}\n"));
        if let Some(why) = server.readiness.why_not_run(integration) {
            text.push_str(&format!("    it cannot run yet: {why}\n"));
        }
    }
    text.push_str("\nCtrl-C ends it; runs that do not end in time are taken up at the next start.\n");
    output::data(&text)
}
