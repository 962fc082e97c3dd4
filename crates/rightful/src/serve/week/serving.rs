//! One life of the server: in a runtime of its own, so that it can be stopped as by SIGTERM or dropped where it stands as by `kill -9`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant as Moment};

use rightful_core::{Clock, HeldClock, Instant, async_trait};
use rightful_engine::Holder;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::PATIENCE;
use crate::compose::Composition;
use crate::config::ConfigFile;
use crate::serve::{Opened, Server, listen, open};

/// What waits for due times: the schedules' loop and the alarms'.
const LOOPS: usize = 2;

/// A clock that tells whether everybody who waits by it waits for later.
#[derive(Clone, Debug)]
struct Paced {
    clock: HeldClock,
    asleep: Arc<Mutex<Sleepers>>,
}

#[derive(Debug, Default)]
struct Sleepers {
    next: u64,
    until: BTreeMap<u64, Instant>,
}

struct Asleep<'a>(&'a Paced, u64);

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.0.asleep.lock().expect("nobody breaks down while holding it").until.remove(&self.1);
    }
}

impl Paced {
    fn lie_down(&self, due: Instant) -> Asleep<'_> {
        let mut asleep = self.asleep.lock().expect("nobody breaks down while holding it");
        asleep.next += 1;
        let number = asleep.next;
        asleep.until.insert(number, due);
        Asleep(self, number)
    }

    /// Does one wait by it, and this long?
    fn only_waits(&self, wait: Duration) -> bool {
        let due = self.clock.now() + wait;
        let asleep = self.asleep.lock().expect("nobody breaks down while holding it");
        asleep.until.len() == 1 && asleep.until.values().all(|until| *until == due)
    }

    fn all_wait(&self) -> bool {
        let now = self.clock.now();
        let asleep = self.asleep.lock().expect("nobody breaks down while holding it");
        asleep.until.len() == LOOPS && asleep.until.values().all(|until| *until > now)
    }
}

#[async_trait]
impl Clock for Paced {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    async fn sleep(&self, wait: Duration) {
        let due = self.clock.now() + wait;
        let _asleep = self.lie_down(due);
        // By the moment, not by how long: others move the clock meanwhile.
        self.clock.reaches(due).await;
    }
}

/// A server that runs.
pub struct Serving {
    runtime: Runtime,
    pub server: Arc<Server>,
    paced: Paced,
    tell: watch::Sender<bool>,
    opened: Opened,
}

impl Serving {
    /// Starts one over the store that is there. `holder` tells this life from the others.
    pub fn start(file: &Path, clock: &HeldClock, holder: Holder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let paced = Paced { clock: clock.clone(), asleep: Arc::default() };
        let (tell, told) = watch::channel(false);
        let (server, opened) = runtime.block_on(async {
            let composition = composition(file, clock, holder).await;
            let server = Server::paced(composition, Arc::new(paced.clone()));
            server.look_at_connections().await;
            let opened = open(&server, listen("127.0.0.1:0").await.unwrap(), told).await.unwrap();
            (server, opened)
        });
        Self { runtime, server, paced, tell, opened }
    }

    /// Waits until both loops have looked at the present moment, and nothing is under way.
    pub fn quiet(&self) {
        let standing = self.server.scheduler.standing();
        wait_for("a quiet server", || self.paced.all_wait() && standing.borrow().under_way.is_empty());
        assert_eq!(standing.borrow().trouble, None);
    }

    /// Waits until both loops have looked at the present moment, whatever is under way.
    pub fn looked(&self) {
        wait_for("both looks", || self.paced.all_wait());
    }

    /// Stops it as a signal does. Where its runs shall outlast the grace, time goes on by as much.
    pub fn stop(self, clock: &HeldClock, outlast: bool) {
        let grace = self.server.composition.config.serve.stop;
        self.tell.send_replace(true);
        if outlast {
            wait_for("the grace", || self.paced.only_waits(grace));
            clock.move_to(clock.now() + grace);
        }
        let ending = self.runtime.spawn(self.opened.ended());
        wait_for("the end of the server", || ending.is_finished());
        drop(self.server);
        self.runtime.shutdown_timeout(PATIENCE);
    }

    /// Drops it where it stands.
    pub fn kill(self) {
        let Self { runtime, server, opened, .. } = self;
        drop((server, opened));
        runtime.shutdown_timeout(PATIENCE);
    }

    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub fn composition(&self) -> &Composition {
        &self.server.composition
    }
}

/// The configuration opened on the week's clock: a run that waits moves it.
pub async fn composition(file: &Path, clock: &HeldClock, holder: Holder) -> Composition {
    let composition = Composition::open(ConfigFile::read(file).unwrap()).await.unwrap_or_else(|failure| panic!("{failure:?}"));
    composition.on(Arc::new(clock.impatient()), holder)
}

/// Looks again and again until it is so.
pub fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Moment::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never came: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
