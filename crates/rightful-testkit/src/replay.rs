//! Replays one scenario folder over a real socket.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rightful_core::{
    Connector, Context, Descriptor, Error, ErrorKind, Guarded, Instant, ManualClock, Permits, Result, Secret, Secrets, SettingType,
    Settings,
};
use serde_json::Value;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer};

use crate::cassette::{Cassette, fixture_folder};
use crate::network::{NoJitter, replaying};
use crate::player::{Player, Shared};

/// A cassette being replayed. [`finish`](Self::finish) must be called: it fails where a request met no exchange or an exchange was not asked for.
///
/// ```no_run
/// # use rightful_core::{Descriptor, Scan};
/// # async fn example(descriptor: &Descriptor) {
/// use rightful_testkit::Replay;
/// let replay = Replay::start("fixtures/acme/users-throttled").await;
/// let page = replay.connect(descriptor).read(&Scan::all("user"), None).await.unwrap();
/// assert_eq!((page.items.len(), replay.waits()), (2, vec![std::time::Duration::from_secs(30)]));
/// replay.finish();
/// # }
/// ```
pub struct Replay {
    folder: PathBuf,
    cassette: Cassette,
    server: MockServer,
    player: Arc<Player>,
    clock: ManualClock,
    finished: bool,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("folder", &self.folder).field("origin", &self.origin()).finish_non_exhaustive()
    }
}

impl Replay {
    /// Starts replaying a folder, given relative to the workspace: `fixtures/acme/users-throttled`.
    ///
    /// # Panics
    /// Where the folder or its cassette cannot be read; the text says why.
    pub async fn start(folder: impl AsRef<Path>) -> Self {
        Self::open(folder).await.unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// As [`start`](Self::start), with the problem returned.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong with it.
    pub async fn open(folder: impl AsRef<Path>) -> std::result::Result<Self, String> {
        let folder = fixture_folder(folder)?;
        let cassette = Cassette::load(&folder)?;
        let server = MockServer::start().await;
        let scenario = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let player = Arc::new(Player::new(scenario, cassette.clone(), server.uri()));
        Mock::given(any()).respond_with(Shared(player.clone())).mount(&server).await;
        let clock = ManualClock::at(cassette.now.unwrap_or_else(usual_start));
        Ok(Self { folder, cassette, server, player, clock, finished: false })
    }

    /// The folder that is replayed.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The mock server's origin, which stands in for the cassette's.
    pub fn origin(&self) -> String {
        self.server.uri()
    }

    /// The client's time: it moves only when the client waits.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// How long the client would have waited so far.
    pub fn waits(&self) -> Vec<Duration> {
        self.clock.waits()
    }

    /// Settings and secrets for a connector: the descriptor's examples, the cassette's own over them, the cassette's origins rerouted.
    pub fn settings(&self, descriptor: &Descriptor) -> (Settings, Secrets) {
        let (mut settings, mut secrets) = example_settings(descriptor, |key| self.cassette.secret(key));
        for (key, value) in &self.cassette.settings {
            settings.set(key.clone(), value.clone());
        }
        for key in self.cassette.secrets.keys() {
            secrets.set(key.clone(), Secret::new(self.cassette.secret(key)));
        }
        for setting in descriptor.settings {
            if let Some(Value::String(text)) = settings.get(setting) {
                let origins = std::iter::once(&self.cassette.origin).chain(&self.cassette.other_origins);
                let rerouted = origins.fold(text.clone(), |text, origin| match text.strip_prefix(origin.as_str()) {
                    Some(rest) if rest.is_empty() || rest.starts_with(['/', '?']) => format!("{}{rest}", self.origin()),
                    _ => text,
                });
                if rerouted != text {
                    settings.set(setting.key, rerouted);
                }
            }
        }
        (settings, secrets)
    }

    /// The context a connector is connected with: real transport, the cassette's clock, no jitter.
    pub fn context(&self) -> Context {
        context(self.clock.clone(), replaying())
    }

    /// A connector that talks to the cassette, behind the guard.
    ///
    /// # Panics
    /// Where the descriptor refuses the settings.
    pub fn connect(&self, descriptor: &Descriptor) -> Arc<dyn Connector> {
        self.try_connect(descriptor).unwrap_or_else(|error| panic!("{}: connecting failed: {error:?}", self.folder.display()))
    }

    /// As [`connect`](Self::connect), with the error returned.
    ///
    /// # Errors
    /// What `Descriptor::connect` said.
    pub fn try_connect(&self, descriptor: &Descriptor) -> Result<Arc<dyn Connector>> {
        let (settings, secrets) = self.settings(descriptor);
        self.check_addresses(descriptor, &settings)?;
        guarded((descriptor.connect)(&settings, &secrets, self.context())?)
    }

    /// A replay never reaches a real service: every address among the settings is the mock server's.
    fn check_addresses(&self, descriptor: &Descriptor, settings: &Settings) -> Result<()> {
        for setting in descriptor.settings.iter().filter(|setting| setting.takes == SettingType::Url) {
            if let Some(Value::String(address)) = settings.get(setting)
                && !address.starts_with(&self.origin())
            {
                let message = format!("`{}` = {address} is beyond the cassette", setting.key);
                return Err(Error::new(ErrorKind::Config, message).hint("name its origin in the cassette's `origin` or `other_origins`"));
            }
        }
        Ok(())
    }

    /// What went wrong so far: requests that met no exchange, exchanges that nobody asked for.
    pub fn complaints(&self) -> Vec<String> {
        self.player.complaints()
    }

    /// Ends the replay.
    ///
    /// # Panics
    /// Where a request met no exchange or an exchange was not asked for; the text says which and how they differ.
    pub fn finish(mut self) {
        self.finished = true;
        let complaints = self.complaints();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }

    /// Ends the replay with its complaints returned.
    pub(crate) fn end(mut self) -> Vec<String> {
        self.finished = true;
        self.complaints()
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        if !self.finished && !std::thread::panicking() {
            panic!("{}: call finish() on a replay, or nothing says that its exchanges were asked for", self.folder.display());
        }
    }
}

/// 2026-03-02, nine in the morning.
pub(crate) fn usual_start() -> Instant {
    chrono::DateTime::from_timestamp(1_772_442_000, 0).expect("the number is a valid time")
}

/// A context on this clock and network whose waits can be stated exactly.
pub(crate) fn context(clock: ManualClock, transport: Arc<dyn rightful_core::Transport>) -> Context {
    let mut context = Context::new("fixture", transport);
    context.permits = Arc::new(Permits::new(Arc::new(clock.clone())));
    context.clock = Arc::new(clock);
    context.randomness = Arc::new(NoJitter);
    context
}

/// The connector behind the guard, as the runner uses it.
pub(crate) fn guarded(connector: Arc<dyn Connector>) -> Result<Arc<dyn Connector>> {
    Ok(Arc::new(Guarded::new(connector)))
}

/// What the descriptor gives as examples; optional settings without default are left out.
pub(crate) fn example_settings(descriptor: &Descriptor, secret: impl Fn(&str) -> String) -> (Settings, Secrets) {
    let (mut settings, mut secrets) = (Settings::default(), Secrets::default());
    for setting in descriptor.settings {
        match setting.takes {
            // Which of the optional ones are needed may follow from another setting.
            SettingType::Secret => secrets.set(setting.key, Secret::new(secret(setting.key))),
            _ if !setting.required => {}
            SettingType::Bool => settings.set(setting.key, setting.example == "true"),
            SettingType::Integer => settings.set(setting.key, setting.example.parse::<i64>().unwrap_or_default()),
            _ => settings.set(setting.key, setting.example),
        }
    }
    (settings, secrets)
}
