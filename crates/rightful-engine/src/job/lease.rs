//! Leases while they are held: of a run, and of an image that several integrations may want to read.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rightful_core::{Error, ErrorKind, Result};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::Ports;
use super::context::Job;
use crate::{Fence, ImageId, Leased, Store, is_blocked};

/// How long a lease holds without being renewed, and how often it is renewed.
pub(crate) const LEASE: Duration = Duration::from_secs(60);
const RENEW: Duration = Duration::from_secs(15);

/// How long to wait for another integration's read of the same image, looking again so often.
const PATIENCE: u32 = 1_800;
const LOOK: Duration = Duration::from_secs(1);

/// Keeps a lease. Paced by the process's own timer, since it is the process's life that a lease states.
pub(crate) struct Renewal(tokio::task::JoinHandle<()>);

impl Renewal {
    pub fn begin(ports: &Ports, fence: &Fence) -> Self {
        let (store, clock, fence) = (ports.store.clone(), ports.clock.clone(), fence.clone());
        let renewing = async move {
            loop {
                tokio::time::sleep(RENEW).await;
                if let Err(error) = store.renew(&fence, clock.now() + LEASE).await {
                    // Every write of the run is fenced: a lost lease stops it there, with this as the cause in the log.
                    tracing::warn!(lease = %fence.integration, %error, "a lease could not be renewed");
                }
            }
        };
        Self(tokio::spawn(renewing.in_current_span()))
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Gives a lease back. Where that fails it ends with the process or by expiry: nothing that was done is undone by it.
pub(crate) async fn give_back(store: &Arc<dyn Store>, fence: &Fence) {
    if let Err(error) = store.release(fence).await {
        tracing::warn!(lease = %fence.integration, %error, "a lease could not be given back");
        if is_blocked(&error) {
            tokio::spawn(give_back_later(store.clone(), fence.clone()));
        }
    }
}

/// A process that lives on would keep itself from the run until the lease expires: it gives it back as soon as the store takes that.
async fn give_back_later(store: Arc<dyn Store>, fence: Fence) {
    for _ in 0..LEASE.as_secs() {
        tokio::time::sleep(LOOK).await;
        if !store.release(&fence).await.is_err_and(|error| is_blocked(&error)) {
            return;
        }
    }
}

/// Leases that are being given back because whoever held them was dropped where it stood.
#[derive(Clone, Debug, Default)]
pub(crate) struct Releases(Arc<Mutex<UnderWay>>);

#[derive(Debug, Default)]
struct UnderWay(JoinSet<()>);

impl Releases {
    fn begin(&self, runtime: &Handle, store: Arc<dyn Store>, fence: Fence) {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.0.spawn_on(async move { give_back(&store, &fence).await }, runtime);
    }

    /// Waits until all are given back.
    pub async fn done(&self) {
        let mut under_way = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        while under_way.0.join_next().await.is_some() {}
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // Nobody waits for them any more; they go on all the same.
        self.0.detach_all();
    }
}

/// One reader per image: integrations that share an image wait for each other.
pub(crate) struct ImageLease {
    ports: Ports,
    fence: Option<Fence>,
    runtime: Handle,
    releases: Releases,
    _renewal: Renewal,
}

impl ImageLease {
    /// Takes it, waiting for whoever reads the image now.
    pub async fn take(job: &Job, image: ImageId) -> Result<Self> {
        let ports = &job.ports;
        // The store's leases are kept by name; a name with a space is no integration's.
        let name = format!("image {}", image.0);
        for attempt in 0..PATIENCE {
            let now = ports.clock.now();
            match ports.store.lease(&name, &ports.holder, now, now + LEASE).await? {
                Leased::Held(fence) => {
                    let _renewal = Renewal::begin(ports, &fence);
                    let (runtime, releases) = (Handle::current(), job.releases.clone());
                    return Ok(Self { ports: ports.clone(), fence: Some(fence), runtime, releases, _renewal });
                }
                Leased::Busy(holder, _) => {
                    if attempt == 0 {
                        job.note(format!("waiting: process {} reads {image} for another integration", holder.process));
                    }
                    ports.clock.sleep(LOOK).await;
                }
            }
        }
        Err(Error::new(ErrorKind::Conflict, format!("{image} is being read by another integration for half an hour"))
            .hint("look at what that run waits for: rightful runs"))
    }

    /// Gives it back.
    pub async fn release(mut self) {
        if let Some(fence) = self.fence.take() {
            give_back(&self.ports.store, &fence).await;
        }
    }
}

impl Drop for ImageLease {
    fn drop(&mut self) {
        // A read that was given up half-way: the next reader need not wait for the lease to expire.
        if let Some(fence) = self.fence.take() {
            self.releases.begin(&self.runtime, self.ports.store.clone(), fence);
        }
    }
}
