//! What the console sees of this program: its integrations, connections and runs.

use std::sync::Arc;

use rightful_console::{Deployed, DeployedConnection, Deployment, Endpoint, Origin, Served};
use rightful_core::{
    ConnectionName, Context, Descriptor, Error, ErrorKind, Finding, Instant, Purpose, Result, Secrets, Settings, async_trait,
};
use rightful_engine::{Event, Ports, RunId, RunOptions, RunTask, WatchStore as _};
use tokio::sync::broadcast;

use super::Server;
use crate::config::SecretSource;
use crate::registry;

/// A look at the schedules that is older than this is no sign of life.
const STALE: chrono::TimeDelta = chrono::TimeDelta::minutes(2);

#[async_trait]
impl Deployment for Server {
    fn integrations(&self) -> Vec<Deployed> {
        let config = &self.composition.config;
        let connections = self.composition.connections();
        let endpoint = |name: &ConnectionName| Endpoint {
            connection: name.clone(),
            vendor: connections.get(name).map_or("unknown", |connection| connection.descriptor.name),
        };
        let deployed = config.integrations.values().map(|integration| {
            let schedule = self.scheduler.schedule(&integration.name);
            Deployed {
                source: endpoint(&integration.policy.source.connection),
                target: endpoint(&integration.policy.target.connection),
                next_due: schedule.and_then(|schedule| schedule.next_after(self.now())),
                schedule: schedule.map(rightful_engine::Schedule::told).unwrap_or_default(),
                unready: self.readiness.why_not_run(integration),
                integration: integration.clone(),
            }
        });
        deployed.collect()
    }

    fn ports(&self, integration: &str) -> Result<Ports> {
        let integration = self.composition.integration(Some(integration))?;
        Ok(self.composition.ports_to_look(integration))
    }

    async fn start(&self, integration: &str, task: RunTask, options: RunOptions) -> Result<RunId> {
        Server::start(self, integration, task, options).await
    }

    fn events(&self, integration: &str) -> broadcast::Receiver<Event> {
        self.hub.listen(integration)
    }

    fn wake(&self) {
        self.scheduler.wake();
    }

    fn connections(&self) -> Vec<DeployedConnection> {
        let config = &self.composition.config;
        let connections = self.composition.connections();
        let connections = connections.values().map(|connection| DeployedConnection {
            name: connection.name.clone(),
            descriptor: connection.descriptor,
            origin: match &connection.secrets {
                SecretSource::Named(_) => Origin::File,
                SecretSource::Sealed(..) => Origin::Console,
            },
            settings: connection.settings.clone(),
            secrets: match &connection.secrets {
                SecretSource::Named(named) => named.iter().map(|(key, reference)| ((*key).to_owned(), reference.told())).collect(),
                SecretSource::Sealed(sealed, _) => {
                    let told = |at: &Instant| format!("sealed since {}", crate::output::moment(Some(*at)));
                    sealed.iter().map(|(key, at)| (key.clone(), told(at))).collect()
                }
            },
            allow_private: connection.network.allow_private,
            revision: match &connection.secrets {
                SecretSource::Named(_) => 0,
                SecretSource::Sealed(_, revision) => *revision,
            },
            unready: self.readiness.why_not(&connection.name),
            used_by: config
                .integrations
                .values()
                .filter(|integration| {
                    [&integration.policy.source, &integration.policy.target].iter().any(|side| side.connection == connection.name)
                })
                .map(|integration| integration.name.clone())
                .collect(),
        });
        connections.collect()
    }

    fn vendors(&self) -> Vec<&'static Descriptor> {
        registry::connectors().collect()
    }

    fn judge(&self, vendor: &str, settings: &Settings) -> Result<()> {
        let descriptor =
            registry::connector(vendor, registry::VENDORS).map_err(|(message, mend)| Error::new(ErrorKind::Config, message).hint(mend))?;
        // A connector judges its settings when it is made; nothing is sent. Secrets are judged where they are.
        let secrets = descriptor.settings.iter().filter(|setting| setting.takes == rightful_core::SettingType::Secret);
        let secrets = Secrets::new(secrets.map(|setting| (setting.key, rightful_core::Secret::new(setting.example))));
        let transport = Arc::new(rightful_core::ReqwestTransport::new(rightful_core::TransportOptions::default())?);
        (descriptor.connect)(settings, &secrets, Context::new("draft", transport)).map(drop)
    }

    async fn preflight(&self, connection: &ConnectionName) -> Result<Vec<Finding>> {
        let connector = self.composition.connection(connection).await?;
        let kinds = connector.kinds().iter().map(|spec| spec.kind.clone()).collect();
        connector.preflight(&Purpose::Read(kinds)).await
    }

    async fn reload(&self) -> Result<()> {
        self.composition.reload().await?;
        self.look_at_connections().await;
        Ok(())
    }

    fn can_seal(&self) -> bool {
        self.composition.store.can_seal()
    }

    async fn metrics(&self, served: Vec<Served>) -> Result<String> {
        self.metrics_page(&served).await
    }

    async fn ready(&self) -> std::result::Result<(), String> {
        let standing = self.scheduler.standing().borrow().clone();
        if let Some(trouble) = standing.trouble {
            return Err(trouble);
        }
        match standing.looked {
            Some(looked) if self.now() - looked < STALE => {
                self.composition.store.all_watched().await.map(drop).map_err(|error| error.to_string())
            }
            Some(looked) => Err(format!("schedules were last looked at {looked}")),
            None => Err("schedules were not looked at yet".to_owned()),
        }
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn public_url(&self) -> Option<String> {
        self.composition.config.serve.public_url.clone()
    }
}
