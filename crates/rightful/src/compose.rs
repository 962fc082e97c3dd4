//! Puts configured connections, the store and the clock together into what a job stands on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rightful_core::{
    CALLS, Clock, ConnectionName, Connector, Context, Error, ErrorKind, Guarded, Permits, ReqwestTransport, Result, Secret, Secrets, Slot,
    SlotValue, SystemClock, SystemRandomness, TransportOptions, WAITS, WebSignIn, async_trait, nearest,
};
use rightful_engine::{ConnectionStore as _, Holder, Integration, Ports, Progress, Silent, Store, StoredConnection};
use rightful_store::{SqliteStore, current_holder};
use serde::Serialize;

use crate::config::{Config, ConfigFile, ConnectionConfig, Head, SecretSource};
use crate::resting::Resting;
use crate::verbs::Failure;

/// Connections by name.
pub type Connections = BTreeMap<ConnectionName, ConnectionConfig>;

/// A configuration with its store open: makes connections and ports.
#[derive(Debug)]
pub struct Composition {
    /// The configuration as it was when it was opened; connections may have been changed in the console since.
    pub config: Config,
    /// What remembers.
    pub store: Arc<SqliteStore>,
    #[cfg(feature = "serve")]
    file: ConfigFile,
    connections: RwLock<Arc<Connections>>,
    clock: Arc<dyn Clock>,
    holder: Holder,
    /// Permits by account.
    accounts: Mutex<HashMap<String, Arc<Permits>>>,
    transports: Transports,
}

/// What was drawn from one account.
#[derive(Clone, Debug, Serialize)]
pub struct Spent {
    /// The connection.
    pub connection: ConnectionName,
    /// Counts by name.
    pub counts: BTreeMap<&'static str, u64>,
}

impl Composition {
    /// Opens the configured store, and judges the file together with the connections that are kept there.
    ///
    /// # Errors
    /// Everything that is wrong with the file; as the store: a folder that is not there, a file of a newer version, one that is locked.
    pub async fn open(file: ConfigFile) -> Result<Self, Failure> {
        let head = file.head().map_err(|head| file.judged().err().unwrap_or(head))?;
        let (config, store) = match existing(&file, &head).await? {
            Some((config, store)) => (config, store),
            // Only a sound file makes a store.
            None => (file.judged()?, opened(&head, file.folder()).await?),
        };
        let connections = RwLock::new(Arc::new(config.connections.clone()));
        let (clock, holder, accounts) = (Arc::new(SystemClock), current_holder(), Mutex::default());
        Ok(Self {
            config,
            store: Arc::new(store),
            #[cfg(feature = "serve")]
            file,
            connections,
            clock,
            holder,
            accounts,
            transports: Transports::default(),
        })
    }

    /// The same on another clock, and as if another process had opened it.
    #[cfg(all(test, feature = "serve", feature = "sandbox"))]
    pub fn on(self, clock: Arc<dyn Clock>, holder: Holder) -> Self {
        Self { clock, holder, ..self }
    }

    /// The connections as they are now.
    pub fn connections(&self) -> Arc<Connections> {
        self.connections.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes up connections that were changed in the store.
    ///
    /// # Errors
    /// `Config` where the file no longer fits them; then they stay as they were. As the store.
    #[cfg(feature = "serve")]
    pub async fn reload(&self) -> Result<()> {
        let stored = self.store.connections().await?;
        let config = self.file.judged_with(&stored).map_err(|unusable| {
            let told: Vec<&str> = unusable.problems.iter().map(|problem| problem.message.as_str()).collect();
            Error::new(ErrorKind::Config, format!("the configuration does not fit the connections: {}", told.join("; ")))
                .hint("mend the file and start again; until then they stay as they were")
        })?;
        if config.integrations != self.config.integrations {
            return Err(Error::new(ErrorKind::Config, "an integration uses this connection as one of its former vendor")
                .hint("start again; until then the connections stay as they were"));
        }
        *self.connections.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config.connections);
        Ok(())
    }

    /// The integration of that name; without a name the only one.
    ///
    /// # Errors
    /// `Config` where there is none such, naming the nearest.
    pub fn integration(&self, name: Option<&str>) -> Result<&Integration> {
        integration(&self.config, name)
    }

    /// Connects, guarded. Sends nothing.
    ///
    /// # Errors
    /// `Config` where there is no such connection, a secret cannot be fetched, a setting cannot be right, or a person has to sign in first.
    pub async fn connection(&self, name: &ConnectionName) -> Result<Arc<dyn Connector>> {
        let connections = self.connections();
        let connection = named(&connections, name)?;
        let (secrets, context) = self.lent(connection).await?;
        connect(connection, &secrets, context).await
    }

    /// How a person signs in for a connection, and what the exchange that follows is sent with. Sends nothing.
    ///
    /// # Errors
    /// As [`Composition::connection`]; `Unsupported` where its vendor has no sign-in in a browser, naming what it offers.
    pub async fn web_sign_in(&self, name: &ConnectionName) -> Result<(WebSignIn, Context)> {
        let connections = self.connections();
        let connection = named(&connections, name)?;
        let descriptor = connection.descriptor;
        let offered = descriptor.web_sign_in.ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, format!("{} has no sign-in in a browser", descriptor.name))
                .context(format!("connection `{name}`"))
                .hint(format!("give its secrets in the connection; it offers: {}", descriptor.sign_in))
        })?;
        let (secrets, context) = self.lent(connection).await?;
        let way = offered(&connection.settings, &secrets).map_err(|error| error.context(format!("connection `{name}`")))?;
        Ok((way, context))
    }

    /// A connection's secrets, and what it is lent; its name stands for its account from now on.
    async fn lent(&self, connection: &ConnectionConfig) -> Result<(Secrets, Context)> {
        self.tie(connection).await?;
        let secrets = secrets(connection, self.config.folder(), Some(&self.store)).await?;
        let slot = slot(&self.store, &connection.name);
        Ok((secrets, context(connection, &self.clock, self.permits(connection), slot, &self.transports)?))
    }

    /// What a job of the integration stands on.
    ///
    /// # Errors
    /// As [`Composition::connection`].
    pub async fn ports(&self, integration: &Integration, progress: Arc<dyn Progress>) -> Result<Ports> {
        let (source, target) = (&integration.policy.source.connection, &integration.policy.target.connection);
        Ok(Ports {
            store: self.store.clone(),
            source: self.connection(source).await?,
            target: self.connection(target).await?,
            clock: self.clock.clone(),
            progress,
            holder: self.holder.clone(),
        })
    }

    /// What views of the integration stand on: the store alone. No secret is fetched and no vendor is called.
    pub fn ports_to_look(&self, integration: &Integration) -> Ports {
        Ports {
            store: self.store.clone(),
            source: self.resting(&integration.policy.source.connection),
            target: self.resting(&integration.policy.target.connection),
            clock: self.clock.clone(),
            progress: Arc::new(Silent),
            holder: self.holder.clone(),
        }
    }

    fn resting(&self, name: &ConnectionName) -> Arc<dyn Connector> {
        Arc::new(Resting::new(
            self.connections().get(name).map(|connection| connection.descriptor.kinds_with(&connection.settings)).unwrap_or_default(),
        ))
    }

    /// Time, as this composition tells it.
    #[cfg(feature = "serve")]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Sees to it that a connection's name goes on standing for the account it stood for: the store holds that account's rows under it.
    async fn tie(&self, connection: &ConnectionConfig) -> Result<()> {
        let descriptor = connection.descriptor;
        let keys: Vec<&str> = descriptor.account.iter().chain(descriptor.scope).copied().collect();
        let stands_for = format!("vendor = \"{}\", {}", descriptor.id, descriptor.named(&connection.settings, &keys));
        match self.store.tie_connection(&connection.name, &stands_for).await? {
            None => Ok(()),
            Some(before) => {
                Err(Error::new(ErrorKind::Config, format!("connection `{}` stood for another account before", connection.name))
                    .context(format!("before: {before}; now: {stands_for}; store: {}", self.config.store.display()))
                    .hint("give the new account a connection name of its own, or begin with another store: `store = \"PATH\"`"))
            }
        }
    }

    /// What was drawn from the accounts of an integration since this program began: calls, waits, and each quota that the vendor meters.
    pub fn spent(&self, integration: &Integration) -> Vec<Spent> {
        let policy = &integration.policy;
        let all = self.connections();
        let used = [&policy.source.connection, &policy.target.connection];
        used.into_iter().filter_map(|name| all.get(name)).map(|connection| self.spent_by(connection)).collect()
    }

    /// The same of one connection: what its account was drawn on.
    pub fn spent_by(&self, connection: &ConnectionConfig) -> Spent {
        let permits = self.permits(connection);
        let metered: BTreeSet<&'static str> =
            connection.descriptor.kinds_with(&connection.settings).into_iter().flat_map(|spec| spec.quotas).collect();
        let counts = [CALLS, WAITS].into_iter().chain(metered).map(|name| (name, permits.spent(name))).collect();
        Spent { connection: connection.name.clone(), counts }
    }

    /// Permits belong to an account: its connections share them.
    fn permits(&self, connection: &ConnectionConfig) -> Arc<Permits> {
        let descriptor = connection.descriptor;
        let account = format!("{}: {}", descriptor.id, descriptor.named(&connection.settings, descriptor.account));
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.entry(account).or_insert_with(|| Arc::new(Permits::new(self.clock.clone()))).clone()
    }
}

fn named<'a>(connections: &'a Connections, name: &ConnectionName) -> Result<&'a ConnectionConfig> {
    connections.get(name).ok_or_else(|| {
        let names = connections.keys().map(ConnectionName::as_str);
        let error = Error::new(ErrorKind::Config, format!("there is no connection `{name}`"));
        match nearest(name.as_str(), names.clone()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("connections: {}", names.collect::<Vec<_>>().join(", "))),
        }
    })
}

/// The integration of that name; without a name the only one.
///
/// # Errors
/// `Config` where there is none such, naming the nearest.
pub fn integration<'a>(config: &'a Config, name: Option<&str>) -> Result<&'a Integration> {
    let names = || config.integrations.keys().map(String::as_str);
    let Some(name) = name else {
        let mut all = config.integrations.values();
        return match (all.next(), all.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(Error::new(ErrorKind::Config, "no integration is configured")
                .context(config.file.display().to_string())
                .hint("add [integrations.NAME] with job, source and target: see `rightful init`")),
            _ => Err(Error::new(ErrorKind::Config, "several integrations are configured")
                .hint(format!("name one: --integration NAME ({})", names().collect::<Vec<_>>().join(", ")))),
        };
    };
    config.integrations.get(name).ok_or_else(|| {
        let error = Error::new(ErrorKind::Config, format!("there is no integration `{name}`"));
        match nearest(name, names()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("integrations: {}", names().collect::<Vec<_>>().join(", "))),
        }
    })
}

/// Opens the store with its master key. That it cannot be had is told once a secret is wanted.
///
/// # Errors
/// As the store.
pub async fn opened(head: &Head, folder: &Path) -> Result<SqliteStore> {
    let key = match &head.master_key {
        Some(reference) => reference.fetch(folder).await.map(Some),
        None => Ok(None),
    };
    Ok(SqliteStore::open(&head.store)?.with_master_key(key))
}

/// The store with the configuration judged by its connections, where there is one already.
///
/// # Errors
/// As [`Composition::open`].
pub async fn existing(file: &ConfigFile, head: &Head) -> Result<Option<(Config, SqliteStore)>, Failure> {
    if !head.store.exists() {
        return Ok(None);
    }
    let read = async {
        let store = opened(head, file.folder()).await?;
        let stored = store.connections().await?;
        Ok::<(SqliteStore, Vec<StoredConnection>), Error>((store, stored))
    };
    match read.await {
        Ok((store, stored)) => Ok(Some((file.judged_with(&stored)?, store))),
        // What is wrong with the file comes first: it may name the wrong store.
        Err(error) => Err(file.judged().err().map_or_else(|| error.into(), Failure::from)),
    }
}

/// A connection's secrets: fetched, or unsealed.
///
/// # Errors
/// `Config` where one cannot be had.
pub async fn secrets(connection: &ConnectionConfig, folder: &Path, store: Option<&SqliteStore>) -> Result<Secrets> {
    let placed = |error: Error| error.context(format!("connection `{}`", connection.name));
    match (&connection.secrets, store) {
        (SecretSource::Named(references), _) => {
            let mut secrets = Secrets::default();
            for (key, reference) in references {
                let secret = reference.fetch(folder).await.map_err(|error| placed(error.context(format!("secret `{key}`"))))?;
                secrets.set(*key, secret);
            }
            Ok(secrets)
        }
        (SecretSource::Sealed(..), Some(store)) => store.open_secrets(&connection.name).await.map_err(placed),
        (SecretSource::Sealed(..), None) => Ok(Secrets::default()),
    }
}

/// What a connection is lent.
///
/// # Errors
/// `Config` where it cannot reach the network as it says.
pub fn context(
    connection: &ConnectionConfig,
    clock: &Arc<dyn Clock>,
    permits: Arc<Permits>,
    slot: Arc<dyn Slot>,
    transports: &Transports,
) -> Result<Context> {
    Ok(Context {
        connection: connection.name.clone(),
        transport: transports.of(&connection.network).map_err(|error| error.context(format!("connection `{}`", connection.name)))?,
        clock: clock.clone(),
        randomness: Arc::new(SystemRandomness),
        permits,
        slot,
    })
}

/// Makes a connection's connector, guarded. Sends nothing.
///
/// # Errors
/// `Config` where a setting cannot be right, a secret is missing, or a person has to sign in first.
pub async fn connect(connection: &ConnectionConfig, secrets: &Secrets, context: Context) -> Result<Arc<dyn Connector>> {
    let ConnectionConfig { name, descriptor, settings, .. } = connection;
    let connector =
        (descriptor.connect)(settings, secrets, context.clone()).map_err(|error| error.context(format!("connection `{name}`")))?;
    // Settings that need no person are refused here, and then nobody has to sign in.
    if let Some(Ok(way)) = descriptor.web_sign_in.map(|offered| offered(settings, secrets)) {
        way.check(&context).await?;
    }
    Ok(Arc::new(Guarded::new(connector)))
}

/// A connection's slot in the store.
pub fn slot(store: &Arc<SqliteStore>, name: &ConnectionName) -> Arc<dyn Slot> {
    Arc::new(StoreSlot { store: store.clone(), connection: name.clone() })
}

/// Transports by how they reach the network. Making one reads the system's certificates, which takes longer than many a run: connections that
/// reach it alike share one.
#[derive(Debug, Default)]
pub struct Transports(Mutex<HashMap<TransportOptions, Arc<ReqwestTransport>>>);

impl Transports {
    fn of(&self, options: &TransportOptions) -> Result<Arc<ReqwestTransport>> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(transport) = made.get(options) {
            return Ok(transport.clone());
        }
        let transport = Arc::new(ReqwestTransport::new(options.clone())?);
        made.insert(options.clone(), transport.clone());
        Ok(transport)
    }
}

/// A connection's slot in the store: a rejected password is remembered for the next process.
#[derive(Debug)]
struct StoreSlot {
    store: Arc<dyn Store>,
    connection: ConnectionName,
}

#[async_trait]
impl Slot for StoreSlot {
    async fn load(&self) -> Result<SlotValue> {
        self.store.load_slot(&self.connection).await
    }

    async fn swap(&self, revision: u64, text: Option<Secret>) -> Result<bool> {
        self.store.swap_slot(&self.connection, revision, text).await
    }
}

#[cfg(all(test, feature = "serve", feature = "skynamo", feature = "sage-intacct"))]
mod tests;
